/*
 * resolve.h -- host names to addresses without blocking the loop.
 *
 * The system's resolv.conf and hosts file, or one given server. Answers come
 * as callbacks; a numeric host needs none.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RESOLVE_H
#define HOLDFAST_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RESOLVE_MAX	16	/* addresses of one host that are tried */
#define RESOLVE_TEXT	64	/* an address as text */

struct event_base;
struct resolve;
struct resolve_query;

struct resolve_addr {
	struct sockaddr_storage	ss;
	socklen_t		len;
};
struct resolve_list {
	struct resolve_addr	v[RESOLVE_MAX];
	size_t			n;
};

/* server: "HOST[:PORT]" (numeric), "" for the system's. Never fails: without a server, look-ups do. */
struct resolve	*resolve_new(struct event_base *, const char *server);
void		 resolve_free(struct resolve **);

/* True and a list of one if host is a numeric address. */
bool	resolve_numeric(const char *host, uint16_t port, struct resolve_list *);
/* why: NULL, or the reason when there is no address. Lent during the call. */
typedef void resolve_cb(void *arg, const struct resolve_list *, const char *why);
/* Calls back once, later or before it returns (then *query is NULL). */
void	resolve_host(struct resolve *, const char *host, uint16_t port, resolve_cb *, void *arg,
	    struct resolve_query **query);
void	resolve_cancel(struct resolve_query **);	/* no call-back any more */

/* "192.0.2.1" or "2001:db8::1". */
void	resolve_format(const struct resolve_addr *, char [RESOLVE_TEXT]);

#endif
