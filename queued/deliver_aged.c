/*
 * deliver_aged.c -- what grows old in the queue: warnings, and the end of the lifetime.
 *
 * Mail that is tried and deferred ends with its own last attempt (deliver_settle.c). What waits for
 * a destination that is down is not tried at all (P6), so its end is seen to
 * here: for such mail the failed probe is the attempt. It expires only if the latest
 * probe failed after its end; neither a stopped daemon nor a clock that was
 * set makes mail old. Warnings (warn_after) are due in any state.
 *
 * For each domain a lower bound of its oldest mail's arrival is kept; the store is asked only
 * when that can have come of age, by the rules as they are now, and answers with the next bound.
 * A batch at a time, one domain after the other, so that a million messages may end
 * together without anybody else noticing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "queued/deliver_private.h"

#define TICK		60		/* s between looks at the bounds; no store in it */
#define CENSUS		3600000		/* ms: the bounds are taken anew, for mail that was released */
#define BATCH		64u		/* messages of one lease */

struct deliver_aged {
	struct deliver	*d;
	struct event	*timer, *again;
	unsigned	 tick;
	int64_t		 counted;	/* mono ms: the last census */
	bool		 asking;	/* an answer is on its way: */
	char		*domain;	/* … about this one */
	bool		 warning;	/* … and for warnings, else for the end */
};

/* --- who is of age ------------------------------------------------------- */

/* Mail that arrived by then is over, if it is so old. 0: none is. */
static int64_t
ended_by(const struct deliver_domain *dom, int64_t now)
{
	const struct deliver_dest *dest = dom->dest;

	if (dest == NULL || dom->schedule.nsteps == 0)
		return 0;
	switch (dest->health.state) {
	case DEST_DOWN:
	case DEST_PROBING:
	case DEST_HELD:
		if (dest->failed_at < now)
			now = dest->failed_at;
		return now - dom->schedule.lifetime;
	case DEST_UP:
	case DEST_RAMPING:
		break;
	}
	return 0;
}

static int64_t
warned_by(const struct deliver_domain *dom, int64_t now)
{
	if (dom->dest == NULL || dom->dest->relay || dom->schedule.warn_after == 0)
		return 0;
	return now - dom->schedule.warn_after;
}

static bool
of_age(int64_t bound, int64_t by)
{
	return bound != 0 && by > 0 && bound <= by;
}

static void	ask(struct deliver_aged *, struct deliver_domain *, bool warning, int64_t by);

/* The next domain whose mail may have come of age, once a tick each. */
static void
look(struct deliver_aged *a)
{
	int64_t now = clock_wall(), by;
	struct deliver_domain *dom;

	TAILQ_FOREACH(dom, &a->d->domains, all) {
		by = ended_by(dom, now);
		if (dom->ended_tick != a->tick && of_age(dom->oldest, by)) {
			ask(a, dom, false, by);
			return;
		}
		by = warned_by(dom, now);
		if (dom->warned_tick != a->tick && of_age(dom->oldest_unwarned, by)) {
			ask(a, dom, true, by);
			return;
		}
	}
}

/* --- one message --------------------------------------------------------- */

static void
log_end(const struct job *job, size_t i, const struct settle *v, int64_t now)
{
	log_info("%s: to=<%s>, relay=none, delay=%lld, delays=%lld/0/0/0, dsn=%s, status=%s (%s%s)",
	    job->queue_id, job->rcpt[i].rcpt.address, (long long)(now - job->arrival),
	    (long long)(now - job->arrival), v->dsn,
	    v->what == SETTLE_BOUNCED ? "bounced" : "deferred",
	    v->what == SETTLE_QUARANTINE ? "quarantined; " :
	    v->what == SETTLE_HOLD ? "held for the operator; " :
	    v->what == SETTLE_EXPIRED ? "disposed of; " : "", v->reply);
}

static void
end_one(struct deliver *d, const struct deliver_domain *dom, const struct job *job, size_t i,
    struct deliver_leave *leave, struct settle *v, struct deliver_notice *notice)
{
	(void)memcpy(v->dsn, "4.4.7", sizeof("4.4.7"));
	v->what = deliver_end(d, job, i, dom->schedule.end, leave);
	if (v->what == SETTLE_BOUNCED)
		notice->action = DSN_FAILED;
	log_end(job, i, v, clock_wall());
}

static void
warn_one(struct deliver *d, const struct job *job, size_t i, struct deliver_leave *leave,
    struct settle *v, struct deliver_notice *notice)
{
	/* Who may not be told is not asked about again. */
	v->what = SETTLE_WARNED;
	(void)memcpy(v->dsn, "4.4.1", sizeof("4.4.1"));
	if (deliver_tellable(d, job, i, NOTIFY_DELAY, leave))
		notice->action = DSN_DELAYED;
}

static void
grown_old(struct deliver_aged *a, struct deliver_domain *dom, struct job *job)
{
	struct deliver *d = a->d;
	size_t n = job->nrcpt;
	struct settle *v = xcalloc(n, sizeof(*v));
	struct deliver_notice *notice = xcalloc(n, sizeof(*notice));
	struct deliver_leave leave = { false, false };
	const char *last = dom->dest != NULL ? dom->dest->reason : "";
	char *reason = a->warning ? xstrdup(last) : xasprintf("expired; last: %s", last);
	bool told = false;

	for (size_t i = 0; i < n; i++) {
		v[i].reply = *reason != '\0' ? reason : "not delivered yet";
		if (a->warning)
			warn_one(d, job, i, &leave, &v[i], &notice[i]);
		else
			end_one(d, dom, job, i, &leave, &v[i], &notice[i]);
		told |= notice[i].action != DSN_NONE;
	}
	if (told)
		deliver_bounce(d, &job, v, notice);
	else
		deliver_give_back(d, &job, v);
	free(reason);
	free(notice);
	free(v);
}

/* --- batches ------------------------------------------------------------- */

static void
note_bound(struct deliver_aged *a, struct deliver_domain *dom, size_t njobs, int64_t oldest)
{
	/* A batch that is not full was all there is; what else is of age is in somebody's hands. */
	if (a->warning) {
		dom->oldest_unwarned = oldest;
		if (njobs < BATCH)
			dom->warned_tick = a->tick;
	} else {
		dom->oldest = oldest;
		if (njobs < BATCH)
			dom->ended_tick = a->tick;
	}
}

/* May what was leased still end? Rules, clock and the destination may have changed meanwhile. */
static bool
still(const struct deliver_aged *a, const struct deliver_domain *dom, const struct job *job)
{
	int64_t now = clock_wall();

	if (a->d->draining || deliver_clock_unsure(a->d))
		return false;
	return of_age(job->arrival, a->warning ? warned_by(dom, now) : ended_by(dom, now));
}

static void
answered(void *arg, enum store_result result, struct job *jobs, size_t njobs, int64_t oldest)
{
	struct deliver_aged *a = arg;
	struct deliver *d = a->d;
	struct deliver_domain *dom = deliver_route_domain(d, a->domain);
	struct job *job, *next;

	a->asking = false;
	note_bound(a, dom, result == STORE_OK ? njobs : 0, result == STORE_OK ? oldest : 1);
	for (job = jobs; job != NULL; job = next) {
		next = job->next;
		job->next = NULL;
		d->leased++;
		d->bytes += job->body != NULL ? (size_t)job->size : 0;
		if (still(a, dom, job))
			grown_old(a, dom, job);
		else
			deliver_untried(d, &job);
	}
	/* By way of the loop: others have their turn between two batches. */
	if (!d->draining)
		event_active(a->again, EV_TIMEOUT, 0);
}

static void
ask(struct deliver_aged *a, struct deliver_domain *dom, bool warning, int64_t by)
{
	a->asking = true;
	a->warning = warning;
	free(a->domain);
	a->domain = xstrdup(dom->name);
	store_lease_aged(a->d->store, a->domain, by, warning, BATCH, answered, a);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct deliver_aged *a = arg;

	(void)fd;
	(void)what;
	if (!a->d->draining && !a->asking && !deliver_clock_unsure(a->d))
		look(a);
}

void
deliver_aged_look(struct deliver *d)
{
	struct deliver_aged *a = d->aged;

	if (d->draining)
		return;
	a->tick++;
	if (clock_mono_ms() - a->counted >= CENSUS) {
		a->counted = clock_mono_ms();
		deliver_census(d);
	}
	on_again(-1, 0, a);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct deliver_aged *a = arg;

	(void)fd;
	(void)what;
	deliver_aged_look(a->d);
}

/* --- interface ----------------------------------------------------------- */

void
deliver_aged_seen(struct deliver_domain *dom, int64_t arrival)
{
	if (dom->oldest == 0 || arrival < dom->oldest)
		dom->oldest = arrival;
	if (dom->oldest_unwarned == 0 || arrival < dom->oldest_unwarned)
		dom->oldest_unwarned = arrival;
}

void
deliver_aged_new(struct deliver *d)
{
	static const struct timeval every = { TICK, 0 };
	struct deliver_aged *a = xcalloc(1, sizeof(*a));

	a->d = d;
	a->tick = 1;
	a->counted = clock_mono_ms();
	a->timer = event_new(d->base, -1, EV_PERSIST, on_timer, a);
	a->again = evtimer_new(d->base, on_again, a);
	if (a->timer == NULL || a->again == NULL || event_add(a->timer, &every) == -1)
		log_fatal("out of memory");
	d->aged = a;
}

void
deliver_aged_free(struct deliver *d)
{
	struct deliver_aged *a = d->aged;

	if (a == NULL)
		return;
	store_forget(d->store, a);
	event_free(a->timer);
	event_free(a->again);
	free(a->domain);
	free(a);
	d->aged = NULL;
}
