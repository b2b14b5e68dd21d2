/*
 * deliver_health.c -- what outcomes do to a destination, its probes, its log lines.
 *
 * destination.c decides; here the decision is carried out. While a
 * destination is down only its timer lives: each firing opens one
 * connection, and nothing else happens for its mail (P6). A probe that gets as far as SMTP_READY
 * leases one message and goes straight on to deliver it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/rules.h"
#include "queued/deliver_private.h"

bool
deliver_is_fresh(const struct deliver_dest *dest)
{
	return dest->down_at == 0 || clock_mono_ms() - dest->down_at < DELIVER_FRESH;
}

/* ms until the next try of one that is not to be trusted with more. */
static int64_t
next_probe(const struct deliver_dest *dest)
{
	struct deliver *d = dest->d;
	const struct rules_settings *set = ruleset_settings(d->rules);
	unsigned fresh = d->nfresh < d->ndown ? d->nfresh : d->ndown, old = d->ndown - fresh;
	bool is_fresh = deliver_is_fresh(dest);

	if (dest->health.state == DEST_HELD)
		return deliver_canary_interval(dest);
	return destination_probe_interval(set->probe_interval, set->probe_budget,
	    is_fresh ? fresh : old, is_fresh ? old : fresh, deliver_noise(d));
}

/* Sessions but `except' that got somewhere lately. */
static unsigned
working(const struct deliver_dest *dest, const struct deliver_session *except)
{
	const struct deliver_session *s;
	int64_t now = clock_mono_ms();
	unsigned n = 0;

	TAILQ_FOREACH(s, &dest->sessions, link)
		if (s != except && s->ready && now - s->progress < DELIVER_WORKING)
			n++;
	return n;
}

/* --- down and back ------------------------------------------------------- */

static void
went_down(struct deliver_dest *dest)
{
	dest->down_at = clock_mono_ms();
	dest->up_at = 0;
	dest->woken = false;
	dest->drained = 0;
	deliver_outage_began(dest);
}

bool
deliver_wake(struct deliver_dest *dest, const char *who)
{
	struct deliver_domain *dom;
	bool any = false;

	TAILQ_FOREACH(dom, &dest->domains, of_dest) {
		struct store_filter filter = { .domain = dom->name, .state = RCPT_QUEUED };

		if (dom->next_due == 0 && !dom->put_off)
			continue;
		dom->next_due = 0;
		dom->put_off = false;
		store_change(dest->d->store, CHANGE_RETRY, &filter, who, NULL, NULL);
		deliver_hungry(dom);
		any = true;
	}
	return any;
}

/*
 * After an outage all of the destination's mail is due: what it deferred while it was failing
 * waits for its own hour no longer. Not after a short one, which may just be a primary that
 * breaks connections: its messages keep to the schedule.
 */
static bool
wake_deferred(struct deliver_dest *dest)
{
	if (dest->down_at == 0 || clock_mono_ms() - dest->down_at < DELIVER_WAKE_MIN || dest->woken)
		return false;
	dest->woken = true;
	return deliver_wake(dest, "recovery");
}

/* It answers: nothing is known to be wrong any more. */
static void
recovered(struct deliver_dest *dest)
{
	dest->d->ndown--;
	dest->up_at = clock_mono_ms();
	deliver_outage_answered(dest);
	if (dest->unknown) {
		dest->unknown = false;
		return;
	}
	log_info("destination=%s state=%s down_for=%" PRId64 "s", dest->name,
	    destination_state_name(dest->health.state), (dest->up_at - dest->down_at) / 1000);
	(void)wake_deferred(dest);
}

void
deliver_health_reason(struct deliver_dest *dest, const char *reason)
{
	if (strcmp(dest->reason, reason) == 0)
		return;
	free(dest->reason);
	dest->reason = xstrdup(reason);
}

/* --- outcomes ------------------------------------------------------------ */

/* Jobs in hand go back; idle connections have no one to talk to. */
void
deliver_stand_down(struct deliver_dest *dest)
{
	struct deliver_domain *dom;
	struct deliver_session *s;

	while ((dom = TAILQ_FIRST(&dest->ready)) != NULL)
		deliver_put_back(dom);
	while ((s = TAILQ_FIRST(&dest->idle)) != NULL)
		deliver_session_quit(s);
}

static void
took(struct deliver_dest *dest, enum outcome_dest what)
{
	if (what != OUTCOME_GOOD)
		return;
	dest->drained++;
	deliver_outage_delivered(dest);
}

void
deliver_outcome(struct deliver_dest *dest, const struct deliver_session *except,
    enum outcome_dest what, const char *reason)
{
	enum destination_state before = dest->health.state, after;
	bool good = what != OUTCOME_BUSY && what != OUTCOME_DEAD;
	int64_t after_ms = good ? 0 : next_probe(dest), now = clock_mono_ms();

	if (!good && dest->turn != NULL)
		return;		/* its only connection: it ends with it */
	if (!good)
		dest->failed_at = clock_wall();
	if (!good && strcmp(dest->reason, reason) != 0) {
		struct log_q q;

		deliver_health_reason(dest, reason);
		if (before == DEST_PROBING)
			log_info("destination=%s state=down reason=%s", dest->name,
			    log_quote(&q, reason));
	}
	if (!destination_outcome(&dest->health, what,
	    good ? dest->nsessions - dest->nopening - 1 : working(dest, except), after_ms, now)) {
		took(dest, what);
		return;
	}
	after = dest->health.state;
	if (after != DEST_DOWN || before != DEST_PROBING)
		dest->since = clock_wall();
	switch (after) {
	case DEST_DOWN:
		if (before != DEST_PROBING)
			dest->d->ndown++;
		if (before != DEST_PROBING)
			dest->d->nfresh++;	/* until the next sweep counts them */
		if (before != DEST_PROBING || dest->unknown)
			went_down(dest);
		dest->unknown = false;
		deliver_stand_down(dest);
		deliver_probe_arm(dest);
		break;
	case DEST_RAMPING:
	case DEST_UP:
		if (before == DEST_PROBING || before == DEST_DOWN)
			recovered(dest);
		if (after == DEST_UP)
			deliver_health_reason(dest, "");
		break;
	case DEST_PROBING:
	case DEST_HELD:
		break;
	}
	took(dest, what);
}

void
deliver_idle(struct deliver_dest *dest)
{
	enum destination_state before;
	int64_t now = clock_mono_ms();

	if (dest->turn != NULL) {
		deliver_turn_idle(dest);
		return;
	}
	deliver_judge_idle(dest);
	before = dest->health.state;
	if (before == DEST_HELD)
		return;
	if (before == DEST_PROBING && (TAILQ_EMPTY(&dest->idle) || wake_deferred(dest)))
		return;		/* not there yet, or a message was found to try it with */
	if (destination_idle(&dest->health, now)) {
		dest->since = clock_wall();
		deliver_health_reason(dest, "");
	}
	if (before == DEST_PROBING)
		recovered(dest);
	if (dest->health.state != DEST_UP || dest->up_at == 0)
		return;
	if (dest->down_at != 0)
		log_info("destination=%s state=up drained=%" PRIu64 " seconds=%" PRId64, dest->name,
		    dest->drained, (now - dest->up_at) / 1000);
	deliver_outage_drained(dest);
	dest->up_at = dest->down_at = 0;
}

/* --- probes -------------------------------------------------------------- */

void
deliver_probe_arm(struct deliver_dest *dest)
{
	int64_t ms = dest->health.next_probe - clock_mono_ms();
	struct timeval tv = { 0, 0 };

	if (dest->kind == ROUTE_TURN || dest->turn != NULL)
		return;		/* there is nobody to call */
	if (ms > 0) {
		tv.tv_sec = ms / 1000;
		tv.tv_usec = (ms % 1000) * 1000;
	}
	(void)event_add(dest->timer, &tv);
}

static bool
awaits_probe(const struct deliver_dest *dest)
{
	const struct deliver_session *s;

	if (dest->health.state == DEST_DOWN)
		return true;
	if (dest->health.state != DEST_HELD)
		return false;
	TAILQ_FOREACH(s, &dest->sessions, link)
		if (s->probe)
			return false;		/* its end sets the next */
	return true;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct deliver_dest *dest = arg;
	int64_t now = clock_mono_ms();

	(void)fd;
	(void)what;
	if (dest->d->draining)
		return;
	if (!awaits_probe(dest)) {
		deliver_pump(dest);	/* message_rate allows one again */
		return;
	}
	if (destination_allows(&dest->health, 0, now) == 0) {
		deliver_probe_arm(dest);
		return;
	}
	destination_probe(&dest->health, now);
	deliver_session_open(dest, true);
}

void
deliver_probe_ended(struct deliver_dest *dest)
{
	int64_t now = clock_mono_ms();

	if (dest->nsessions > 0)
		return;
	if (dest->health.state == DEST_PROBING) {
		destination_abandon(&dest->health, next_probe(dest), now);
		deliver_stand_down(dest);
	} else if (dest->health.state == DEST_HELD) {
		if (dest->health.next_probe <= now)
			dest->health.next_probe = now + next_probe(dest);
	} else {
		return;
	}
	deliver_probe_arm(dest);
}

void
deliver_hurry(struct deliver_dest *dest)
{
	destination_hurry(&dest->health, clock_mono_ms());
	if (dest->health.state == DEST_DOWN || dest->health.state == DEST_HELD)
		deliver_probe_arm(dest);
}

/* After a start: its state is set, its mail is not touched until the probe. */
void
deliver_health_restore(struct deliver_dest *dest, int64_t probe_after)
{
	int64_t now = clock_mono_ms(), age = clock_wall() - dest->since;

	destination_restore(&dest->health, now + probe_after);
	if (dest->health.state == DEST_DOWN) {
		dest->d->ndown++;
		dest->down_at = now - (age > 0 ? age * 1000 : 0);
	} else {
		dest->up_at = now;	/* what follows is the end of its outage */
	}
	deliver_probe_arm(dest);
}

void
deliver_health_unknown(struct deliver_dest *dest, int64_t probe_after)
{
	dest->unknown = true;
	dest->health.state = DEST_DOWN;
	deliver_health_restore(dest, probe_after);
	dest->down_at = 0;
}

void
deliver_health_new(struct deliver_dest *dest)
{
	dest->timer = evtimer_new(dest->d->base, on_timer, dest);
	if (dest->timer == NULL)
		log_fatal("out of memory");
}

void
deliver_health_free(struct deliver_dest *dest)
{
	if (dest->kind != ROUTE_TURN &&
	    (dest->health.state == DEST_DOWN || dest->health.state == DEST_PROBING))
		dest->d->ndown--;
	store_forget(dest->d->store, dest);
	event_free(dest->timer);
	free(dest->refusal);
	deliver_outage_free(dest);
}
