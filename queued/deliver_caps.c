/*
 * deliver_caps.c -- how much one destination may have: of connections, of messages a second, of the store.
 *
 * What all destinations share (jobs out of the store, bytes of bodies) must not end with those that are
 * slow: a primary that takes five seconds a message would sit on hundreds of jobs, a few of them on
 * all, and the quick ones would starve. So
 *  - appetite follows what was delivered in the last second or two: a job waits here about as long as
 *    a round through the store takes, whatever the primary's speed;
 *  - the last quarter of the shared room is for those who give back what they take;
 *  - one that was quick and is slow now gives back what it cannot use, when somebody else wants it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/clock.h"
#include "common/log.h"
#include "queued/deliver_private.h"

#define NEWCOMER	4u	/* jobs with which nobody is slow yet */
#define SHED_PAUSE	1000	/* ms between two rounds through all destinations */

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* --- the store's jobs ---------------------------------------------------- */

size_t
deliver_appetite(const struct deliver_dest *dest)
{
	size_t n;

	switch (dest->health.state) {
	case DEST_PROBING:
	case DEST_HELD:
		return TAILQ_EMPTY(&dest->idle) ? 0 : 1;	/* one message shows it */
	case DEST_UP:
	case DEST_RAMPING:
		n = pace_recent(&dest->pace, clock_mono_ms());
		if (n < 2 * (size_t)dest->health.window)
			n = 2 * (size_t)dest->health.window;
		if (dest->message_rate > 0)
			n = min_size(n, dest->message_rate);
		return min_size(n, DELIVER_READY_MAX);
	case DEST_DOWN:
		return 0;
	}
	return 0;
}

/* Has it more than it got rid of lately? */
static bool
slow(const struct deliver_dest *dest)
{
	size_t has = dest->nready + dest->asked + dest->nbusy;

	return has >= NEWCOMER && has > pace_recent(&dest->pace, clock_mono_ms());
}

size_t
deliver_room(const struct deliver_dest *dest)
{
	const struct deliver *d = dest->d;
	size_t leases = DELIVER_LEASED_MAX, bytes = DELIVER_BYTES_MAX;
	size_t out = (size_t)d->leased + d->asked;
	size_t claimed = d->bytes + (size_t)d->asked * STORE_PREFETCH;

	if (slow(dest)) {
		leases -= leases / 4;
		bytes -= bytes / 4;
	}
	if (out >= leases || claimed >= bytes)
		return 0;
	return min_size(leases - out, (bytes - claimed) / STORE_PREFETCH);
}

static void
shed(struct deliver_dest *dest)
{
	size_t enough = deliver_appetite(dest);

	if (dest->nready > 2 * enough)
		while (dest->nready > 0)
			deliver_put_back(TAILQ_FIRST(&dest->ready));
}

void
deliver_shed(const struct deliver_dest *wants)
{
	struct deliver *d = wants->d;
	struct deliver_dest *dest;
	int64_t now = clock_mono_ms();

	if (slow(wants) || now - d->shed_at < SHED_PAUSE)
		return;
	d->shed_at = now;
	TAILQ_FOREACH(dest, &d->dests, all)
		if (dest != wants)
			shed(dest);
}

/* --- messages a second --------------------------------------------------- */

int64_t
deliver_rate_wait(const struct deliver_dest *dest)
{
	return bucket_wait(&dest->bucket, dest->message_rate, clock_mono_ms());
}

bool
deliver_rate_take(struct deliver_dest *dest)
{
	int64_t now = clock_mono_ms(), wait = bucket_wait(&dest->bucket, dest->message_rate, now);
	struct timeval tv = { wait / 1000, (wait % 1000) * 1000 };

	if (wait > 0) {
		/* UP, RAMPING, PROBING: the timer is free. */
		(void)event_add(dest->timer, &tv);
		return false;
	}
	bucket_take(&dest->bucket, dest->message_rate, now);
	return true;
}

/* --- the rules ----------------------------------------------------------- */

/* 0 means that there is no bound. */
static unsigned
least(unsigned a, unsigned b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

static void
apply(struct deliver_dest *dest, const struct deliver_domain *dom)
{
	const struct rules_settings *set = ruleset_settings(dest->d->rules);

	dest->concurrency = least(dest->concurrency,
	    dom->concurrency > 0 ? dom->concurrency : set->concurrency);
	dest->message_rate = least(dest->message_rate,
	    dom->message_rate > 0 ? dom->message_rate : set->message_rate);
}

void
deliver_caps_joined(struct deliver_domain *dom)
{
	struct deliver_dest *dest = dom->dest;

	if (dest->ndomains == 1)
		dest->concurrency = dest->message_rate = 0;
	apply(dest, dom);
	if (dest->concurrency != dest->health.limit)
		destination_limit(&dest->health, dest->concurrency);
}

void
deliver_caps_rules(struct deliver *d)
{
	struct deliver_domain *dom;
	struct deliver_dest *dest;

	TAILQ_FOREACH(dest, &d->dests, all)
		dest->concurrency = dest->message_rate = 0;
	TAILQ_FOREACH(dom, &d->domains, all)
		if (dom->dest != NULL)
			apply(dom->dest, dom);
	TAILQ_FOREACH(dest, &d->dests, all)
		if (dest->ndomains > 0)
			destination_limit(&dest->health, dest->concurrency);
}
