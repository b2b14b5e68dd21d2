/*
 * deliver_clock.c -- due times, the sweeper, clock jumps.
 *
 * Each domain knows the wall time at which its earliest deferred mail is due;
 * one timer serves the earliest of them all. The sweeper asks the store about every
 * able domain once a minute, so that a missed timer or a lost kick delays mail by a minute
 * and not for ever.
 *
 * Waiting is monotonic, ages and due times are wall time. When the two clocks
 * move apart the wall clock was set: the store moves all its times along.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "queued/deliver_private.h"

static void
wake_arm(struct deliver *d, int64_t wall, int64_t now)
{
	/* Half a second late rather than early: due is `<= now' in whole seconds. */
	struct timeval tv = { wall > now ? wall - now : 0, 500000 };

	d->wake_at = wall;
	(void)event_add(d->wake, &tv);
}

void
deliver_due(struct deliver_domain *dom, int64_t wall)
{
	struct deliver *d = dom->d;

	if (dom->next_due == 0 || wall < dom->next_due)
		dom->next_due = wall;
	if (!d->draining && (d->wake_at == 0 || wall < d->wake_at))
		wake_arm(d, wall, clock_wall());
}

void
deliver_clock_look(struct deliver *d)
{
	int64_t delta = store_lag(d->store);
	struct deliver_domain *dom;
	struct deliver_dest *dest;

	if (delta == 0)
		return;
	log_warn("the clock was set by %" PRId64 " s: due times move with it", delta);
	d->clock_set = clock_mono_ms();
	store_shift_clock(d->store, delta);
	TAILQ_FOREACH(dest, &d->dests, all)
		if (dest->failed_at != 0)
			dest->failed_at += delta;
	TAILQ_FOREACH(dom, &d->domains, all) {
		if (dom->next_due != 0)
			dom->next_due += delta;
		if (dom->oldest != 0)
			dom->oldest += delta;
		if (dom->oldest_unwarned != 0)
			dom->oldest_unwarned += delta;
	}
}

bool
deliver_clock_unsure(struct deliver *d)
{
	deliver_clock_look(d);
	return d->clock_set != 0 && clock_mono_ms() - d->clock_set < DELIVER_CLOCK_UNSURE;
}

/* Turns what is due into hunger and finds the next due time. */
static void
wake_due(struct deliver *d)
{
	int64_t now = clock_wall(), next = 0;
	struct deliver_domain *dom;

	TAILQ_FOREACH(dom, &d->domains, all) {
		if (dom->next_due != 0 && dom->next_due <= now) {
			dom->next_due = 0;
			deliver_hungry(dom);
			if (dom->dest != NULL)
				deliver_pump(dom->dest);
		}
		if (dom->next_due != 0 && (next == 0 || dom->next_due < next))
			next = dom->next_due;
	}
	d->wake_at = 0;
	(void)event_del(d->wake);
	if (next != 0)
		wake_arm(d, next, now);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct deliver *d = arg;

	(void)fd;
	(void)what;
	if (d->draining)
		return;
	deliver_clock_look(d);
	wake_due(d);
}

/* What the store has, by domain. */
static void
census(void *arg, enum store_result result, const struct store_domain *v, size_t n)
{
	struct deliver *d = arg;
	struct deliver_domain *dom;
	struct deliver_dest *dest;

	if (result != STORE_OK) {
		log_error("the store did not say what waits; asking again in %d s", DELIVER_SWEEP);
		d->census_due = true;
		return;
	}
	/* Without a rule nobody leases, so only this tells whether mail still waits. */
	TAILQ_FOREACH(dom, &d->domains, all)
		if (dom->dest == NULL)
			dom->hungry = false;
	for (size_t i = 0; i < n; i++) {
		if (v[i].queued == 0)
			continue;
		dom = deliver_route_domain(d, v[i].domain);
		if (v[i].next_due > clock_wall())
			deliver_due(dom, v[i].next_due);
		else
			deliver_hungry(dom);
		deliver_aged_seen(dom, v[i].oldest);
		deliver_route_report(dom);
	}
	if (!d->begun) {
		d->begun = true;
		deliver_outage_load(d);
		return;
	}
	TAILQ_FOREACH(dest, &d->dests, all)
		deliver_pump(dest);
}

void
deliver_census(struct deliver *d)
{
	d->census_due = false;
	store_domains(d->store, census, d);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct deliver *d = arg;
	struct deliver_domain *dom;
	struct deliver_dest *dest;
	bool orphan = d->census_due;
	unsigned fresh = 0;

	(void)fd;
	(void)what;
	if (d->draining)
		return;
	deliver_clock_look(d);
	TAILQ_FOREACH(dom, &d->domains, all) {
		if (dom->dest == NULL)
			orphan |= dom->hungry;
		else if (dom->dest->health.state != DEST_DOWN &&
		    dom->dest->health.state != DEST_PROBING)
			deliver_hungry(dom);
	}
	if (orphan)
		deliver_census(d);
	TAILQ_FOREACH(dest, &d->dests, all) {
		fresh += (dest->health.state == DEST_DOWN || dest->health.state == DEST_PROBING) &&
		    deliver_is_fresh(dest);
		deliver_pump(dest);
	}
	d->nfresh = fresh;
	wake_due(d);
}

void
deliver_clock_start(struct deliver *d)
{
	static const struct timeval every = { DELIVER_SWEEP, 0 };

	d->wake = evtimer_new(d->base, on_wake, d);
	d->sweeper = event_new(d->base, -1, EV_PERSIST, on_sweep, d);
	if (d->wake == NULL || d->sweeper == NULL || event_add(d->sweeper, &every) == -1)
		log_fatal("out of memory");
}

void
deliver_clock_stop(struct deliver *d)
{
	if (d->wake != NULL)
		event_free(d->wake);
	if (d->sweeper != NULL)
		event_free(d->sweeper);
	d->wake = d->sweeper = NULL;
}
