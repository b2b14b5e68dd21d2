/*
 * bounce_rate.c -- how many reports a sender's domain gets in an hour.
 *
 * Even a sender that SPF vouches for may be one who sends by the million. A
 * table of fixed size counts by a hash of the domain; two domains with the same hash share
 * their allowance. When a bucket is full the entry with the least to its name
 * makes room: what is forgotten is what mattered least.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/bounce_rate.h"

#include <ctype.h>
#include <stdlib.h>

#include "common/buf.h"

#define BUCKETS		1024u	/* a power of two */
#define WAYS		8u

struct entry {
	uint64_t	 hash;		/* 0: free */
	int64_t		 since;		/* monotonic ms: the interval's begin */
	unsigned	 count;
	bool		 said;
};

struct bounce_rate {
	uint64_t	 seed;
	struct entry	 entry[BUCKETS][WAYS];
};

struct bounce_rate *
bounce_rate_new(uint32_t seed)
{
	struct bounce_rate *r = xcalloc(1, sizeof(*r));

	r->seed = seed;
	return r;
}

void
bounce_rate_free(struct bounce_rate **rp)
{
	free(*rp);
	*rp = NULL;
}

/* FNV-1a, never 0. */
static uint64_t
hash_of(const struct bounce_rate *r, const char *domain)
{
	uint64_t h = 0xcbf29ce484222325u ^ r->seed;

	for (; *domain != '\0'; domain++) {
		h ^= (uint64_t)tolower((unsigned char)*domain);
		h *= 0x100000001b3u;
	}
	return h != 0 ? h : 1;
}

/* Its entry, or the one that makes room for it. */
static struct entry *
find(struct bounce_rate *r, uint64_t hash, int64_t now)
{
	struct entry *bucket = r->entry[(hash >> 32) & (BUCKETS - 1)], *least = bucket;

	for (unsigned i = 0; i < WAYS; i++) {
		struct entry *e = &bucket[i];

		if (e->hash != 0 && now - e->since >= BOUNCE_RATE_INTERVAL)
			*e = (struct entry){ 0 };
		if (e->hash == hash)
			return e;
		if (e->count < least->count)
			least = e;
	}
	*least = (struct entry){ .hash = hash, .since = now };
	return least;
}

enum bounce_rate_answer
bounce_rate_take(struct bounce_rate *r, const char *domain, unsigned limit, int64_t now)
{
	struct entry *e = find(r, hash_of(r, domain), now);

	if (e->count < limit) {
		e->count++;
		return BOUNCE_RATE_GO;
	}
	if (e->said)
		return BOUNCE_RATE_OVER;
	e->said = true;
	return BOUNCE_RATE_OVER_FIRST;
}
