/*
 * deliver_lease.c -- jobs from the store, their order, and the bounds.
 *
 * A domain is hungry when the store may have due mail for it. An able
 * destination leases from its hungry domains in turn, a little from each, ahead of
 * need, so that a session finds its next message without waiting for the store; the
 * ready jobs are handed out in turn too, each domain's oldest first. A
 * destination that is down leases nothing and its jobs go back (P6).
 *
 * Bounds over all destinations: jobs out of the store, bytes of bodies, and
 * deliveries that are not durable yet. Whoever meets a bound waits in the `starved'
 * list and is served first when there is room.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "queued/deliver_private.h"

#define STARVED_TURNS	8

static void
list_hungry(struct deliver_domain *dom)
{
	bool want = dom->dest != NULL && dom->hungry && !dom->leasing;

	if (want == dom->in_hungry)
		return;
	if (want)
		TAILQ_INSERT_TAIL(&dom->dest->hungry, dom, hungry_link);
	else
		TAILQ_REMOVE(&dom->dest->hungry, dom, hungry_link);
	dom->in_hungry = want;
}

void
deliver_hungry(struct deliver_domain *dom)
{
	dom->hungry = true;
	if (dom->leasing)
		dom->again = true;
	list_hungry(dom);
}

/* --- ready jobs ---------------------------------------------------------- */

static void
job_held(struct deliver *d, const struct job *job)
{
	if (job->body != NULL)
		d->bytes += (size_t)job->size;
}

static void
add_ready(struct deliver_domain *dom, struct job *job)
{
	struct deliver_dest *dest = dom->dest;

	job->next = NULL;
	*dom->ready_tail = job;
	dom->ready_tail = &job->next;
	dom->nready++;
	dest->nready++;
	if (!dom->in_ready) {
		TAILQ_INSERT_TAIL(&dest->ready, dom, ready_link);
		dom->in_ready = true;
	}
}

static struct job *
pop_ready(struct deliver_domain *dom)
{
	struct job *job = dom->ready;

	assert(job != NULL && dom->in_ready);
	dom->ready = job->next;
	if (dom->ready == NULL)
		dom->ready_tail = &dom->ready;
	job->next = NULL;
	dom->nready--;
	dom->dest->nready--;
	/* The next in turn is another domain's. */
	TAILQ_REMOVE(&dom->dest->ready, dom, ready_link);
	dom->in_ready = dom->ready != NULL;
	if (dom->in_ready)
		TAILQ_INSERT_TAIL(&dom->dest->ready, dom, ready_link);
	return job;
}

void
deliver_put_back(struct deliver_domain *dom)
{
	struct job *job;

	if (dom->nready == 0)
		return;
	while (dom->nready > 0) {
		job = pop_ready(dom);
		deliver_untried(dom->dest->d, &job);
	}
	deliver_hungry(dom);
}

static void
starve(struct deliver_dest *dest)
{
	if (dest->starved)
		return;
	dest->starved = true;
	TAILQ_INSERT_TAIL(&dest->d->starved, dest, starved_link);
}

struct job *
deliver_take(struct deliver_dest *dest)
{
	struct deliver_domain *dom = TAILQ_FIRST(&dest->ready);

	if (dom == NULL || dest->d->draining)
		return NULL;
	if (dest->d->unsettled >= DELIVER_UNSETTLED_MAX) {
		starve(dest);
		return NULL;
	}
	if (!deliver_rate_take(dest))
		return NULL;
	return pop_ready(dom);
}

void
deliver_untake(struct deliver_dest *dest, struct job *job)
{
	struct deliver_domain *dom = deliver_route_domain(dest->d, job->domain);

	assert(dom->dest == dest);
	if (dom->in_ready)
		TAILQ_REMOVE(&dest->ready, dom, ready_link);
	TAILQ_INSERT_HEAD(&dest->ready, dom, ready_link);
	dom->in_ready = true;
	if (dom->ready == NULL)
		dom->ready_tail = &job->next;
	job->next = dom->ready;
	dom->ready = job;
	dom->nready++;
	dest->nready++;
	bucket_give(&dest->bucket);
}

void
deliver_released(struct deliver *d)
{
	struct deliver_dest *dest;

	/* One that cannot go on joins the end again: a few turns a call are enough for all to get one. */
	for (int turns = 0; turns < STARVED_TURNS; turns++) {
		dest = TAILQ_FIRST(&d->starved);
		if (dest == NULL || d->leased + d->asked >= DELIVER_LEASED_MAX ||
		    d->unsettled >= DELIVER_UNSETTLED_MAX)
			return;
		TAILQ_REMOVE(&d->starved, dest, starved_link);
		dest->starved = false;
		deliver_pump(dest);
	}
}

/* --- leases -------------------------------------------------------------- */

static void
leased(void *arg, enum store_result result, struct job *jobs, size_t njobs, int64_t next_due)
{
	struct deliver_domain *dom = arg;
	struct deliver_dest *dest = dom->dest;
	struct deliver *d = dom->d;
	struct job *job, *next;

	d->asked -= dom->asked;
	if (dom->asked_by != NULL)
		dom->asked_by->asked -= dom->asked;
	dom->asked = 0;
	dom->asked_by = NULL;
	dom->leasing = false;
	dom->hungry = dom->again;
	dom->again = false;
	d->leased += (unsigned)njobs;
	for (job = jobs; job != NULL; job = next) {
		next = job->next;
		job->next = NULL;
		job_held(d, job);
		if (dest != NULL && !d->draining)
			add_ready(dom, job);
		else
			deliver_untried(d, &job);
	}
	if (result != STORE_OK) {
		/* The store says why in its own line; the sweeper asks again. */
		log_debug("lease for domain=%s failed", dom->name);
		deliver_due(dom, clock_wall() + 5);
	} else if (next_due != 0) {
		if (next_due <= clock_wall())
			dom->hungry = true;
		else
			deliver_due(dom, next_due);
	}
	list_hungry(dom);
	if (dest == NULL)
		return;
	if (deliver_appetite(dest) == 0)
		deliver_put_back(dom);
	deliver_pump(dest);
}

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void
lease(struct deliver_domain *dom, size_t max)
{
	struct deliver_dest *dest = dom->dest;
	struct deliver *d = dest->d;

	deliver_clock_look(d);		/* before the answer is compared with due times of old */
	dom->leasing = true;
	dom->again = false;
	list_hungry(dom);
	dom->asked_by = dest;
	dom->asked = (unsigned)max;
	dest->asked += dom->asked;
	d->asked += dom->asked;
	store_lease(d->store, dom->name, clock_wall(), max, leased, dom);
}

static void
lease_more(struct deliver_dest *dest)
{
	struct deliver_domain *dom;

	while ((dom = TAILQ_FIRST(&dest->hungry)) != NULL) {
		size_t want = deliver_appetite(dest), have = dest->nready + dest->asked, n;

		/* Not for a job or two: a lease is a round through the store. */
		if (have >= want || (have > 0 && want - have < want / 4))
			return;
		n = min_size(min_size(want - have, DELIVER_BATCH_MAX), deliver_room(dest));
		if (n == 0) {
			starve(dest);
			deliver_shed(dest);
			return;
		}
		/* Several domains: none takes all of the room. */
		if (TAILQ_NEXT(dom, hungry_link) != NULL && n > (want + 3) / 4)
			n = (want + 3) / 4;
		lease(dom, n);
	}
}

/* --- the pump ------------------------------------------------------------ */

static bool
nothing_to_do(const struct deliver_dest *dest)
{
	return dest->nready == 0 && dest->asked == 0 && dest->nbusy == 0 &&
	    TAILQ_EMPTY(&dest->hungry);
}

void
deliver_pump(struct deliver_dest *dest)
{
	struct deliver *d = dest->d;
	struct deliver_session *s;
	unsigned allowed;

	if (d->draining)
		return;
	lease_more(dest);
	while (dest->nready > 0 && (s = TAILQ_FIRST(&dest->idle)) != NULL)
		if (!deliver_session_next(s))
			break;
	if (dest->turn == NULL &&
	    (dest->health.state == DEST_UP || dest->health.state == DEST_RAMPING)) {
		allowed = destination_allows(&dest->health, dest->nsessions, clock_mono_ms());
		while (allowed-- > 0 && dest->nready > dest->nopening &&
		    d->unsettled < DELIVER_UNSETTLED_MAX && deliver_rate_wait(dest) == 0)
			deliver_session_open(dest, false);
	}
	if (nothing_to_do(dest) && dest->nopening == 0) {
		deliver_idle(dest);
		lease_more(dest);	/* it may have made deferred mail due */
	}
}
