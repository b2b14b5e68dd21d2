/*
 * limits.c -- how much has come from whom lately, and who is locked out.
 *
 * Each bucket is kept as the time at which it will be full again: that is also the time from which
 * it need not be remembered at all, it means the same when a rule changes its rate, and no timer is
 * needed. A clock that is set back can make nobody wait longer than an empty bucket would.
 *
 * Buckets belong to what is counted of whom, not to the rule: a rule that comes or goes finds what has come.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/limits.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/addr.h"
#include "common/buf.h"
#include "milter/memory.h"

#define KEYS_MAX	16			/* that are kept on the stack */
#define TEXT_SIZE	(64 + ADDR_PATH_MAX)	/* of a key; what is longer is no address, and cut */
#define LONGEST		4e15			/* us, over 100 years: rules can be written that need more */

struct limits {
	struct memory	*buckets, *lockouts;
	atomic_uint	 asleep;
};

struct limits *
limits_new(void)
{
	struct limits *l = xcalloc(1, sizeof(*l));

	l->buckets = memory_new();
	l->lockouts = memory_new();
	return l;
}

void
limits_free(struct limits **lp)
{
	struct limits *l = *lp;

	if (l == NULL)
		return;
	memory_free(&l->buckets);
	memory_free(&l->lockouts);
	free(l);
	*lp = NULL;
}

struct memory *
limits_buckets(struct limits *l)
{
	return l->buckets;
}

struct memory *
limits_lockouts(struct limits *l)
{
	return l->lockouts;
}

/* --- arithmetic ---------------------------------------------------------------------------- */

/* us that n tokens take to come back. Rounded down: so many singles fit as the burst has. */
static int64_t
worth(const struct rules_limit *rule, uint64_t n)
{
	double us = (double)n * (double)rule->interval * (double)LIMITS_SECOND / (double)rule->amount;

	return us < LONGEST ? (int64_t)us : (int64_t)LONGEST;
}

bool
limits_room(const struct rules_limit *rule, int64_t full, uint64_t n, int64_t now, int64_t *after,
    int64_t *wait)
{
	int64_t burst = worth(rule, rule->burst), more = worth(rule, n), taken = full - now;

	if (taken < 0)
		taken = 0;
	if (taken > burst)	/* another rule before, or another time */
		taken = burst;
	if (taken > 0 && taken + more > burst) {
		*wait = more < burst ? taken + more - burst : taken;
		return false;
	}
	*after = now + taken + more;
	return true;
}

uint64_t
limits_used(const struct rules_limit *rule, int64_t full, int64_t now)
{
	double n;

	if (full <= now)
		return 0;
	n = (double)(full - now) * (double)rule->amount / (double)rule->interval / (double)LIMITS_SECOND;
	return (uint64_t)(n + 0.999);
}

/* --- buckets --------------------------------------------------------------------------------- */

static void
bucket_text(const struct limits_ask *a, char text[TEXT_SIZE])
{
	/* A bucket's number is in units of its rule's rate: what is only watched has one of its own. */
	int n = snprintf(text, TEXT_SIZE, "%s\n%s%s\n", rules_limit_what_name(a->rule->what),
	    rules_limit_per_name(a->rule->per), a->rule->mode == MODE_SHADOW ? " (shadow)" : "");

	(void)snprintf(text + n, TEXT_SIZE - (size_t)n, "%s", a->value);
	addr_lower(text + n);
}

/* Under the lock. */
static void
look(struct limits *l, struct limits_ask *a, const struct memory_key *key, int64_t now)
{
	const struct memory_record *r = memory_find(l->buckets, key, now);
	int64_t after;

	a->over = !limits_room(a->rule, r != NULL ? r->until : now, a->n, now, &after, &a->wait);
}

/* Under the lock. Looks again: the same bucket may have been asked twice. */
static void
count(struct limits *l, const struct limits_ask *a, const struct memory_key *key, size_t entries,
    int64_t now)
{
	struct memory_record *r;
	char text[TEXT_SIZE];
	int64_t wait;

	bucket_text(a, text);
	r = memory_make(l->buckets, key, text, entries, now);
	if (limits_room(a->rule, r->until, a->n, now, &r->until, &wait))
		memory_changed(l->buckets, r);
}

void
limits_ask(struct limits *l, struct limits_ask *a, size_t n, size_t entries, int64_t now, bool dry)
{
	struct memory_key few[KEYS_MAX], *key = n <= KEYS_MAX ? few : xcalloc(n, sizeof(*key));
	bool blocked = dry;
	char text[TEXT_SIZE];

	for (size_t i = 0; i < n; i++) {
		bucket_text(&a[i], text);
		memory_key(text, &key[i]);
	}
	memory_lock(l->buckets);
	for (size_t i = 0; i < n; i++) {
		look(l, &a[i], &key[i], now);
		blocked = blocked || (a[i].over && a[i].blocks);
	}
	for (size_t i = 0; !blocked && i < n; i++)
		if (!a[i].over && !a[i].look)
			count(l, &a[i], &key[i], entries, now);
	memory_unlock(l->buckets);
	if (key != few)
		free(key);
}

/* --- lockouts ---------------------------------------------------------------------------------- */

bool
limits_locked(struct limits *l, const char *who, int64_t longest, int64_t now, int64_t *left)
{
	struct memory_key key;
	struct memory_record *r;

	if (memory_count(l->lockouts) == 0)
		return false;
	memory_key(who, &key);
	memory_lock(l->lockouts);
	r = memory_find(l->lockouts, &key, now);
	/* The time that it lasts was made shorter, or the clock was set back. */
	if (r != NULL && r->until - now > longest) {
		r->until = now + longest;
		memory_changed(l->lockouts, r);
	}
	if (r != NULL)
		*left = r->until - now;
	memory_unlock(l->lockouts);
	return r != NULL;
}

bool
limits_lock(struct limits *l, const char *who, enum rules_limit_what what, int64_t time, size_t entries,
    int64_t now)
{
	struct memory_key key;
	struct memory_record *r;
	bool fresh;

	memory_key(who, &key);
	memory_lock(l->lockouts);
	fresh = memory_find(l->lockouts, &key, now) == NULL;
	if (fresh) {
		r = memory_make(l->lockouts, &key, who, entries, now);
		r->until = now + time;
		r->n[LOCKOUT_SINCE] = now;
		r->n[LOCKOUT_WHAT] = (int64_t)what;
	}
	memory_unlock(l->lockouts);
	return fresh;
}

/* --- delays -------------------------------------------------------------------------------------- */

bool
limits_sleep(struct limits *l, unsigned seconds, unsigned at_once)
{
	struct timespec left = { .tv_sec = (time_t)seconds };

	if (atomic_fetch_add(&l->asleep, 1) >= at_once) {
		(void)atomic_fetch_sub(&l->asleep, 1);
		return false;
	}
	while (nanosleep(&left, &left) == -1 && errno == EINTR)
		continue;
	(void)atomic_fetch_sub(&l->asleep, 1);
	return true;
}
