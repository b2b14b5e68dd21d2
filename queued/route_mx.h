/*
 * route_mx.h -- which hosts the MX records of a domain leave us, and in which order. Pure.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_ROUTE_MX_H
#define HOLDFAST_ROUTE_MX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dns.h"

#define ROUTE_MX_MAX	16	/* hosts of one domain that are tried; the best ones */

struct route_mx_host {
	char		name[DNS_NAME_MAX];
	unsigned	preference;	/* lower is better */
	bool		self;		/* it is this host */
};
struct route_mx {
	struct route_mx_host	v[ROUTE_MX_MAX];	/* best first */
	size_t			n;
};

enum route_mx_result {
	ROUTE_MX_HOSTS,		/* v */
	ROUTE_MX_ITSELF,	/* no record: v has the domain's own name (RFC 5321 5.1) */
	ROUTE_MX_NULL,		/* it takes no mail (RFC 7505) */
	ROUTE_MX_MALFORMED,	/* records, but no host name in them */
	ROUTE_MX_NO_DOMAIN,
	ROUTE_MX_UNKNOWN	/* the DNS failed */
};
enum route_mx_result route_mx_read(const struct dns_answer *, const char *domain, struct route_mx *);

/* Marks the hosts of that name (ours). */
void	route_mx_name(struct route_mx *, const char *hostname);
/*
 * Drops ourselves, and what is no better than we are (RFC 5321 5.1). Returns
 * whether we were among them.
 */
bool	route_mx_prune(struct route_mx *);

/* A host to try. */
struct route_try {
	size_t		 index;		/* the caller's */
	unsigned	 preference;
	bool		 bad;		/* it failed lately: after all the others */
};
/* Orders them; those that are equal by chance, which noise decides. */
void	route_order(struct route_try *, size_t n, uint32_t noise);

#endif
