/*
 * limits.h -- how much has come from whom lately, and who is locked out: what the rate limits count.
 *
 * Times are wall microseconds, so that they mean the same after a restart.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_LIMITS_H
#define HOLDFAST_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/rules_screen.h"

#define LIMITS_SECOND	INT64_C(1000000)

struct limits;
struct memory;

struct limits	*limits_new(void);
void		 limits_free(struct limits **);

/* One row that counts, and whose bucket of it. */
struct limits_ask {
	const struct rules_limit *rule;
	const char	*value;		/* the client, the sender, … in any case; "" for all */
	uint64_t	 n;		/* that came now */
	bool		 blocks;	/* over it nothing of the others is counted: the client comes again */
	bool		 look;		/* only asked whether there would be room */
	bool		 over;		/* the answer: too much */
	int64_t		 wait;		/* … and how long until there would be room, us */
};
/*
 * All or nothing: counts each of them that is not over, unless one is over that blocks. At most
 * `entries' buckets are remembered. dry: counts nothing.
 */
void	limits_ask(struct limits *, struct limits_ask *, size_t n, size_t entries, int64_t now, bool dry);

/* A client or network: is it locked out? How long still (us), at most `longest'. */
bool	limits_locked(struct limits *, const char *who, int64_t longest, int64_t now, int64_t *left);
/* True: from now on. False: it was already, and for no longer than that. */
bool	limits_lock(struct limits *, const char *who, enum rules_limit_what, int64_t time, size_t entries,
	    int64_t now);

/* Sleeps, unless so many do already: then false at once. */
bool	limits_sleep(struct limits *, unsigned seconds, unsigned at_once);

/* For the file. Buckets: text "what\nper\nvalue". Lockouts: "who", n[LOCKOUT_SINCE], n[LOCKOUT_WHAT]. */
enum limits_lockout { LOCKOUT_SINCE, LOCKOUT_WHAT };
struct memory	*limits_buckets(struct limits *);
struct memory	*limits_lockouts(struct limits *);

/* --- the arithmetic, pure ------------------------------------------------------------------ */
/*
 * A token bucket is one number: when it will be full again (what is past: it is). Each token that is
 * taken puts that off by interval / amount. Is there room for n more? True and *after, its new
 * number; false and *wait, how long until there is. More than the burst passes when the bucket is full.
 */
bool	limits_room(const struct rules_limit *, int64_t full, uint64_t n, int64_t now, int64_t *after,
	    int64_t *wait);
/* How much is taken of it now, rounded up. */
uint64_t limits_used(const struct rules_limit *, int64_t full, int64_t now);

#endif
