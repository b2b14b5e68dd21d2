/*
 * mx_lookup.h -- the MX hosts of a domain with their addresses, without ourselves.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_MX_LOOKUP_H
#define HOLDFAST_MX_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "queued/resolve.h"
#include "queued/route_mx.h"

struct mx_lookup;

struct mx_answer {
	struct route_mx		*mx;		/* hosts that are left, best first; none: see why */
	struct resolve_list	 addrs[ROUTE_MX_MAX];	/* of mx->v[i]; n is 0: not known now */
	bool			 secure;	/* the MX answer was validated */
	bool			 named;		/* we were among them */
	unsigned		 ttl;		/* s, within resolve.h's bounds */
};

struct mx_ask {
	const char	*domain;
	uint16_t	 port;		/* where the hosts listen */
	const char	*hostname;	/* ours: a host of that name is us */
	bool		 secure;	/* for DANE */
};

/* why: NULL, or in words why nothing is left; failed: because the DNS failed, so an older answer is better. All lent. */
typedef void mx_cb(void *arg, const struct mx_answer *, const char *why, bool failed);
/* Calls back once, later or before it returns (then *lookup is NULL). */
void	mx_lookup_start(struct resolve *, const struct mx_ask *, mx_cb *, void *arg,
	    struct mx_lookup **lookup);
void	mx_lookup_cancel(struct mx_lookup **);

/* Would a connection to this address reach our own MTA? */
bool	mx_is_self(const struct resolve_addr *);

#endif
