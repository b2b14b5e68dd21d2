/*
 * turn_rate.h -- how often each client may do something, in bounded memory.
 *
 * Time is an argument: milliseconds of the monotonic clock. An IPv6 client is its /64.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TURN_RATE_H
#define HOLDFAST_TURN_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define TURN_RATE_PEERS	512	/* clients remembered; then the longest unseen is forgotten */

struct turn_peer {
	uint8_t	addr[16];	/* IPv4 as ::ffff:a.b.c.d */
};
void	turn_peer_of(struct turn_peer *, const struct sockaddr_storage *);

struct turn_rate {
	struct turn_rate_entry {
		struct turn_peer peer;
		int64_t		 level;	/* thousandths of an event, at `seen' */
		int64_t		 seen;	/* 0: free */
	} v[TURN_RATE_PEERS];
};

/* One more, now, if fewer than `limit' came in the last minute or so; false: too many, not counted. */
bool	turn_rate_take(struct turn_rate *, const struct turn_peer *, unsigned limit, int64_t now);
/* Would turn_rate_take() say yes? */
bool	turn_rate_allows(const struct turn_rate *, const struct turn_peer *, unsigned limit,
	    int64_t now);

#endif
