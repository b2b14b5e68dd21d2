/*
 * turn_rate.c -- a bucket a client that leaks `limit' events a minute.
 *
 * Full at `limit': so many at once, then one each 60/limit seconds. The table is small and
 * searched from end to end. When it is full the client unseen for the longest time is
 * forgotten: who commands hundreds of addresses is not stopped by a count for each.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/turn_rate.h"

#include <netinet/in.h>
#include <string.h>

#define MINUTE	60000
#define EVENT	1000

void
turn_peer_of(struct turn_peer *p, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *in = (const void *)ss;
	const struct sockaddr_in6 *in6 = (const void *)ss;

	memset(p, 0, sizeof(*p));
	if (ss->ss_family == AF_INET) {
		p->addr[10] = p->addr[11] = 0xff;
		memcpy(p->addr + 12, &in->sin_addr, 4);
	} else if (ss->ss_family == AF_INET6) {
		memcpy(p->addr, &in6->sin6_addr,
		    IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) || IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ?
		    16 : 8);
	}
}

static int64_t
level(const struct turn_rate_entry *e, unsigned limit, int64_t now)
{
	int64_t gone = (now - e->seen) * EVENT * limit / MINUTE;

	return e->level > gone ? e->level - gone : 0;
}

static const struct turn_rate_entry *
find(const struct turn_rate *r, const struct turn_peer *p)
{
	for (size_t i = 0; i < TURN_RATE_PEERS; i++)
		if (r->v[i].seen != 0 && memcmp(&r->v[i].peer, p, sizeof(*p)) == 0)
			return &r->v[i];
	return NULL;
}

/* A free place, or that of the longest unseen. */
static struct turn_rate_entry *
place(struct turn_rate *r)
{
	struct turn_rate_entry *oldest = &r->v[0];

	for (size_t i = 1; i < TURN_RATE_PEERS; i++)
		if (r->v[i].seen < oldest->seen)
			oldest = &r->v[i];
	return oldest;
}

bool
turn_rate_allows(const struct turn_rate *r, const struct turn_peer *p, unsigned limit,
    int64_t now)
{
	const struct turn_rate_entry *e = find(r, p);

	return e == NULL ? limit > 0 : level(e, limit, now) + EVENT <= (int64_t)limit * EVENT;
}

bool
turn_rate_take(struct turn_rate *r, const struct turn_peer *p, unsigned limit, int64_t now)
{
	struct turn_rate_entry *e = (struct turn_rate_entry *)(uintptr_t)find(r, p);

	if (!turn_rate_allows(r, p, limit, now))
		return false;
	if (e == NULL) {
		e = place(r);
		e->peer = *p;
		e->level = 0;
		e->seen = now;
	}
	e->level = level(e, limit, now) + EVENT;
	e->seen = now > 0 ? now : 1;
	return true;
}
