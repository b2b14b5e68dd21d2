/*
 * endpoint.h -- where to listen or connect: a unix socket or host and port.
 *
 * Two notations: Sendmail's, used in holdfast.conf (`unix:PATH',
 * `inet:PORT@HOST'), and HOST[:PORT] with [brackets] around an IPv6 address.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_ENDPOINT_H
#define HOLDFAST_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

struct endpoint {
	char		*path;	/* unix socket, absolute; NULL for inet */
	char		*host;	/* name or address without brackets; NULL for unix */
	uint16_t	 port;
};

struct endpoint_list {
	struct endpoint	*v;
	size_t		 n;
};

/* Each returns 0, or -1 with *why lending a static reason. */
int	endpoint_parse_milter(const char *, struct endpoint *, const char **why);
int	endpoint_parse_hostport(const char *, uint16_t default_port, struct endpoint *,
	    const char **why);
/* Comma-separated lists; an empty string is an empty list. */
int	endpoint_list_parse_milter(const char *, struct endpoint_list *, const char **why);
int	endpoint_list_parse_hostport(const char *, uint16_t default_port,
	    struct endpoint_list *, const char **why);

void	endpoint_clear(struct endpoint *);
void	endpoint_list_clear(struct endpoint_list *);
char	*endpoint_format(const struct endpoint *);	/* caller frees; "host:port", "[v6]:port", path */

/*
 * Make a listening socket (non-blocking, close-on-exec). For a unix socket a
 * stale file that nobody listens on is removed first, mode applies to the
 * new one; a live one is an error. Returns the descriptor, or -1 with *why
 * (malloc'd) saying what to do. Only numeric addresses and "localhost".
 */
int	endpoint_listen(const struct endpoint *, unsigned mode, char **why);

#endif
