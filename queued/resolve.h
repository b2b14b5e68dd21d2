/*
 * resolve.h -- host names to addresses without blocking the loop.
 *
 * The hosts file first, then the system's name servers or one given. Answers come
 * as callbacks; a numeric host needs none.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RESOLVE_H
#define HOLDFAST_RESOLVE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dns.h"

#define RESOLVE_MAX	16	/* addresses of one host that are tried */
#define RESOLVE_TEXT	64	/* an address as text */
#define RESOLVE_TTL_MIN	30	/* s: an answer is used so long … */
#define RESOLVE_TTL_MAX	3600	/* … and no longer */

struct event_base;
struct resolve;
struct resolve_query;

struct resolve_addr {
	union {
		struct sockaddr		sa;
		struct sockaddr_in	in;
		struct sockaddr_in6	in6;
	};
	socklen_t	len;
};
struct resolve_list {
	struct resolve_addr	v[RESOLVE_MAX];	/* IPv6 first */
	size_t			n;
	unsigned		ttl;		/* s, between the two bounds */
	bool			secure;		/* all of it validated by DNSSEC */
	bool			failed;		/* n is 0 because the DNS failed: an older answer may be better */
};

/* server: "HOST[:PORT]" (numeric), "" for the system's. validating (lent) answers what must be secure. */
struct resolve	*resolve_new(struct event_base *, const char *server, struct dns *validating);
void		 resolve_free(struct resolve **);

/* True and a list of one if host is a numeric address. */
bool	resolve_numeric(const char *host, uint16_t port, struct resolve_list *);
/* why: NULL, or the reason when there is no address. Lent during the call. */
typedef void resolve_cb(void *arg, const struct resolve_list *, const char *why);
/*
 * Calls back once, later or before it returns (then *query is NULL). secure: DANE builds on it, so
 * the validating resolver is asked, and not the hosts file.
 */
void	resolve_host(struct resolve *, const char *host, uint16_t port, bool secure, resolve_cb *,
	    void *arg, struct resolve_query **query);
void	resolve_cancel(struct resolve_query **);	/* no call-back any more */
struct dns *resolve_dns(struct resolve *, bool secure);	/* for other types; lends */
unsigned resolve_ttl(unsigned ttl);			/* within the bounds */

/* "192.0.2.1" or "2001:db8::1". */
void	resolve_format(const struct resolve_addr *, char [RESOLVE_TEXT]);
bool	resolve_same(const struct resolve_addr *, const struct resolve_addr *);

#endif
