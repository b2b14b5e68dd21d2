/*
 * destination.c -- up, down, probing, ramping, held: one route's health.
 *
 *	          dead, nobody else works             due
 *	UP, RAMPING ---------------------> DOWN -------------> PROBING
 *	  ^  |                              ^                    |
 *	  |  +- busy, dead, 4xx storm:      +--- dead, busy -----+
 *	  |     the window shrinks                               | a message was judged
 *	  +----- window at its limit, or no mail ---- RAMPING <--+
 *						    |   ^
 *				 the trial failed   |   |  a canary passed, or the operator
 *				 (so does UP's)     v   |  released it: a new trial
 *						    HELD
 *
 * Slow start: one connection, doubled after a round (as many deliveries as the window is
 * wide, all of it in use), until the limit or the width at which trouble was seen; from there one more a
 * round. A shrink forbids growth for a while, longer each time (hysteresis): a primary that
 * takes only two connections sees few attempts at a third.
 *
 * The half-recovery guard: whoever was down is on trial when it comes back. Its first messages, one at a
 * time, are the canary; until enough of them were delivered nobody believes its 5xx. One that refuses a
 * recipient of our list, or the whole canary, is HELD: a single message every now and then, no more. A
 * run of known recipients refused puts one that was never down on trial, too.
 *
 * Promise P6: DOWN and HELD allow no connection until next_probe, then exactly one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/destination.h"

#include <assert.h>
#include <string.h>

static void
set_state(struct destination *d, enum destination_state s, int64_t now)
{
	if (d->state == s)
		return;
	d->state = s;
	d->since = now;
}

void
destination_init(struct destination *d, unsigned limit, int64_t now)
{
	memset(d, 0, sizeof(*d));
	d->state = DEST_UP;
	d->since = now;
	d->window = 1;
	d->limit = limit;
	d->threshold = limit;
}

void
destination_limit(struct destination *d, unsigned limit)
{
	assert(limit >= 1);
	if (d->threshold == d->limit || d->threshold > limit)
		d->threshold = limit;
	d->limit = limit;
	if (d->window > limit)
		d->window = limit;
}

unsigned
destination_allows(const struct destination *d, unsigned open, int64_t now)
{
	switch (d->state) {
	case DEST_UP:
	case DEST_RAMPING:
		return open < d->window ? d->window - open : 0;
	case DEST_DOWN:
	case DEST_HELD:
		return open == 0 && now >= d->next_probe ? 1 : 0;
	case DEST_PROBING:
		return 0;
	}
	return 0;
}

void
destination_probe(struct destination *d, int64_t now)
{
	assert(d->state == DEST_DOWN || d->state == DEST_HELD);
	if (d->state == DEST_DOWN)
		set_state(d, DEST_PROBING, now);
	d->window = 1;
}

static void
shrink(struct destination *d, unsigned to, int64_t now)
{
	if (to < 1)
		to = 1;
	d->round = 0;
	d->soft = 0;
	d->threshold = to;
	if (to >= d->window && now < d->calm_until)
		return;		/* the same trouble, already answered */
	if (to < d->window)
		d->window = to;
	d->calm = d->calm == 0 ? DESTINATION_CALM_MIN : d->calm * 2;
	if (d->calm > DESTINATION_CALM_MAX)
		d->calm = DESTINATION_CALM_MAX;
	d->calm_until = now + d->calm;
}

static void
grow(struct destination *d, unsigned working, int64_t now)
{
	d->soft = 0;
	if (d->trial)
		return;			/* one at a time */
	/* Not on trust: what is allowed must have been greeted first. */
	if (working + 1 < d->window)
		return;
	if (d->window >= d->limit) {
		d->calm = 0;
		return;
	}
	if (++d->round < d->window || now < d->calm_until)
		return;
	d->round = 0;
	d->window = d->window < d->threshold ? d->window * 2 : d->window + 1;
	if (d->window > d->limit)
		d->window = d->limit;
}

/* --- the guard ----------------------------------------------------------- */

void
destination_try(struct destination *d)
{
	d->passed = d->refused = d->doubts = 0;
	d->trial = d->canary > 0;
	if (!d->trial)
		return;
	d->window = 1;
	d->round = 0;
}

void
destination_restore(struct destination *d, int64_t next_probe)
{
	assert(d->state == DEST_DOWN || d->state == DEST_HELD);
	d->window = 1;
	d->next_probe = next_probe;
	destination_try(d);
}

static enum destination_trial
hold(struct destination *d, int64_t again_after, int64_t now)
{
	set_state(d, DEST_HELD, now);
	destination_try(d);
	d->next_probe = now + again_after;
	return TRIAL_FAILED;
}

static enum destination_trial
pass(struct destination *d)
{
	d->trial = false;
	d->doubts = 0;
	return TRIAL_PASSED;
}

void
destination_release(struct destination *d, int64_t now)
{
	assert(d->state == DEST_HELD);
	set_state(d, DEST_RAMPING, now);
	destination_try(d);
}

bool
destination_guard(struct destination *d, unsigned canary, int64_t now)
{
	d->canary = canary;
	if (canary > 0)
		return false;
	d->trial = false;
	if (d->state != DEST_HELD)
		return false;
	destination_release(d, now);
	return true;
}

static enum destination_trial
judge_held(struct destination *d, bool good, int64_t again_after, int64_t now)
{
	if (!good) {
		d->next_probe = now + again_after;
		return TRIAL_NONE;
	}
	destination_release(d, now);
	if (++d->passed >= d->canary)
		return pass(d);
	return TRIAL_AGAIN;
}

enum destination_trial
destination_judge(struct destination *d, bool delivered, bool refused, bool refused_known,
    int64_t again_after, int64_t now)
{
	assert(d->state != DEST_DOWN && d->state != DEST_PROBING);
	if (d->canary == 0)
		return TRIAL_NONE;
	if (d->state == DEST_HELD)
		return judge_held(d, delivered && !refused_known, again_after, now);
	if (!d->trial) {
		if (delivered)
			d->doubts = 0;
		else if (refused_known && ++d->doubts >= d->canary) {
			destination_try(d);
			return TRIAL_BEGUN;
		}
		return TRIAL_NONE;
	}
	if (refused_known)
		return hold(d, again_after, now);
	if (delivered)
		return ++d->passed >= d->canary ? pass(d) : TRIAL_NONE;
	if (refused && ++d->refused >= d->canary && d->passed == 0)
		return hold(d, again_after, now);
	return TRIAL_NONE;
}

enum destination_trial
destination_judge_idle(struct destination *d, int64_t again_after, int64_t now)
{
	if (!d->trial || (d->state != DEST_UP && d->state != DEST_RAMPING))
		return TRIAL_NONE;
	if (d->passed > 0)
		return pass(d);
	return d->refused > 0 ? hold(d, again_after, now) : TRIAL_NONE;
}

/* --- trouble ------------------------------------------------------------- */

static void
go_down(struct destination *d, int64_t probe_after, int64_t now)
{
	set_state(d, DEST_DOWN, now);
	d->window = 1;
	d->round = d->soft = 0;
	d->threshold = d->limit;
	d->calm = d->calm_until = 0;
	d->next_probe = now + probe_after;
	destination_try(d);
}

static void
trouble(struct destination *d, enum outcome_dest what, unsigned working, int64_t probe_after,
    int64_t now)
{
	if (d->state == DEST_DOWN)
		return;			/* an old session's end; the probe is set */
	if (d->state == DEST_HELD) {
		d->next_probe = now + probe_after;
		return;
	}
	if (d->state == DEST_PROBING || working == 0) {
		/* Busy with nobody else there is as good as down: ask again at the probe's pace. */
		go_down(d, probe_after, now);
		return;
	}
	(void)what;
	/* The others' number is what the peer can bear. */
	shrink(d, working < d->window ? working : d->window, now);
}

bool
destination_outcome(struct destination *d, enum outcome_dest what, unsigned working,
    int64_t probe_after, int64_t now)
{
	enum destination_state before = d->state;

	assert(d->window >= 1 && d->limit >= 1);
	switch (what) {
	case OUTCOME_GOOD:
	case OUTCOME_ALIVE:
	case OUTCOME_SOFT:
		if (d->state == DEST_HELD)
			break;		/* destination_judge() says what it is worth */
		if (d->state == DEST_PROBING || d->state == DEST_DOWN)
			set_state(d, DEST_RAMPING, now);
		if (what == OUTCOME_SOFT && ++d->soft >= DESTINATION_SOFT_MAX)
			shrink(d, d->window / 2, now);
		if (what != OUTCOME_SOFT)
			grow(d, working, now);
		if (d->state == DEST_RAMPING && !d->trial && d->window >= d->limit)
			set_state(d, DEST_UP, now);
		break;
	case OUTCOME_BUSY:
	case OUTCOME_DEAD:
		trouble(d, what, working, probe_after, now);
		break;
	}
	return d->state != before;
}

bool
destination_idle(struct destination *d, int64_t now)
{
	if (d->state != DEST_PROBING && d->state != DEST_RAMPING)
		return false;
	set_state(d, DEST_UP, now);
	return true;
}

void
destination_abandon(struct destination *d, int64_t probe_after, int64_t now)
{
	assert(d->state == DEST_PROBING);
	go_down(d, probe_after, now);
}

void
destination_hurry(struct destination *d, int64_t now)
{
	d->next_probe = now;
	d->calm_until = now;
}

/*
 * The noise spreads probes that began together. It only shortens what the administrator asked for, so that
 * a primary is found within probe_interval; what the budget demands it only stretches.
 *
 * Thousands that have been dead for days must not delay the discovery of one that has just been
 * restarted: hence the halves of the budget.
 */
int64_t
destination_probe_interval(unsigned interval, unsigned budget, unsigned alike, unsigned others,
    uint32_t noise)
{
	int64_t ms = (int64_t)interval * 1000;
	/* Probes in 1000 s: what there is, what the others would have, what is left for these. */
	int64_t all = (int64_t)(budget > 0 ? budget : 1) * 1000;
	int64_t wanted = (int64_t)others * 1000000 / (ms > 0 ? ms : 1);
	int64_t share = wanted < all / 2 ? all - wanted : all / 2;
	int64_t least = (int64_t)alike * 1000000 / share;

	ms -= ms * (int64_t)(10 + noise % 16) / 100;
	least += least * (int64_t)(noise % 21) / 100;
	if (ms < least)
		ms = least;
	return ms < 100 ? 100 : ms;
}
