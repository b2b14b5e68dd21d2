/*
 * deliver_outage.c -- what is remembered of a destination: that it is down or held, and each outage.
 *
 * A destination has a row in the store only while it is down or held, written when that changes;
 * after a restart it is what it was, since when it was. An outage is a row from the first failure
 * on: `until' when the primary answered again, first_delivery, drained when nothing is due any more.
 * One that we were killed in goes on in the same row. A primary that answers and
 * fails again before it took a single message has had one outage, not two.
 *
 * After a start nobody knows how the others are. Those with mail are probed
 * like ones that are down, a few at a time within probe_budget: ten thousand dead primaries do not
 * cost ten thousand leases and sockets at once.
 *
 * The number of messages comes from the store, asked once for all that want to know (P6).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/rules.h"
#include "queued/deliver_private.h"

#define OUTAGES_READ	10000u	/* rows looked at after a start */

/* --- rows ---------------------------------------------------------------- */

void
deliver_remember(struct deliver_dest *dest)
{
	enum destination_state state = dest->health.state;
	bool down = state == DEST_DOWN || state == DEST_PROBING;
	struct store_destination row = {
		.destination = dest->name,
		.held = state == DEST_HELD,
		.since = dest->since,
		.reason = dest->reason,
	};

	if (dest->turn != NULL)
		return;			/* it does not outlive its session */
	if (!row.held && !down) {
		if (!dest->remembered)
			return;
		row.reason = NULL;
	}
	dest->remembered = row.reason != NULL;
	store_put_destination(dest->d->store, &row);
}

static void
put(struct deliver_dest *dest)
{
	struct deliver_outage *o = &dest->outage;
	const struct store_outage row = {
		.destination = dest->name,
		.reason = o->reason,
		.from = o->from,
		.until = o->until,
		.messages = o->messages,
		.first_delivery = o->first_delivery,
		.drained = o->drained,
		.delivered = o->delivered,
		.held = o->held,
	};

	store_put_outage(dest->d->store, &row);
}

static void
outage_clear(struct deliver_outage *o)
{
	free(o->reason);
	memset(o, 0, sizeof(*o));
}

static bool
goes_on(const struct deliver_outage *o)
{
	return o->from != 0 && !o->over;
}

/* --- how many wait ------------------------------------------------------- */

static void
log_down(const struct deliver_dest *dest, const char *messages)
{
	struct log_q q;

	log_warn("destination=%s state=down reason=%s%s", dest->name,
	    log_quote(&q, dest->reason), messages);
}

static void
tell_count(struct deliver_dest *dest, bool known)
{
	char text[40] = "";

	if (known)
		(void)snprintf(text, sizeof(text), " messages=%" PRIu64, dest->messages);
	if (dest->outage.until == 0) {
		log_down(dest, text);
	} else if (known) {
		dest->outage.messages = dest->messages;
		put(dest);
	}
	if (dest->outage.over)
		outage_clear(&dest->outage);
}

static void
counted(void *arg, enum store_result result, const struct store_domain *v, size_t n)
{
	struct deliver *d = arg;
	struct deliver_dest *dest;

	d->counting = false;
	for (size_t i = 0; i < n; i++) {
		dest = deliver_route_domain(d, v[i].domain)->dest;
		if (dest != NULL && dest->count)
			dest->messages += v[i].messages;
	}
	TAILQ_FOREACH(dest, &d->dests, all) {
		if (!dest->count)
			continue;
		dest->count = false;
		tell_count(dest, result == STORE_OK);
	}
}

/* The answer serves all that ask until it comes; the store counts before what is settled after this. */
static void
count(struct deliver_dest *dest)
{
	struct deliver *d = dest->d;

	dest->count = true;
	dest->messages = 0;
	if (d->counting)
		return;
	d->counting = true;
	store_domains(d->store, counted, d);
}

/* --- an outage ----------------------------------------------------------- */

void
deliver_outage_began(struct deliver_dest *dest)
{
	struct deliver_outage *o = &dest->outage;

	if (goes_on(o) && o->first_delivery == 0) {
		o->until = 0;			/* it goes on */
	} else {
		outage_clear(o);
		o->from = dest->since;
		o->reason = xstrdup(dest->reason);
	}
	dest->since = o->from;
	put(dest);
	deliver_remember(dest);
	count(dest);
}

void
deliver_outage_answered(struct deliver_dest *dest)
{
	deliver_remember(dest);
	if (!goes_on(&dest->outage) || dest->outage.until != 0)
		return;
	dest->outage.until = clock_wall();
	put(dest);
	count(dest);
}

void
deliver_outage_delivered(struct deliver_dest *dest)
{
	struct deliver_outage *o = &dest->outage;

	if (!goes_on(o) || o->until == 0)
		return;
	o->delivered++;
	if (o->first_delivery != 0)
		return;
	o->first_delivery = clock_wall();
	put(dest);
}

void
deliver_outage_held(struct deliver_dest *dest)
{
	deliver_remember(dest);
	if (!goes_on(&dest->outage) || dest->outage.held)
		return;
	dest->outage.held = true;
	put(dest);
}

void
deliver_outage_drained(struct deliver_dest *dest)
{
	struct deliver_outage *o = &dest->outage;

	deliver_remember(dest);
	if (!goes_on(o))
		return;
	if (o->until == 0)
		o->until = clock_wall();
	o->drained = clock_wall();
	put(dest);
	if (dest->count)
		o->over = true;
	else
		outage_clear(o);
}

void
deliver_outage_free(struct deliver_dest *dest)
{
	outage_clear(&dest->outage);
}

/* --- after a start ------------------------------------------------------- */

/* The i-th of those that are probed after a start: ms from now. */
static int64_t
turn(const struct deliver *d, size_t i)
{
	return (int64_t)i * 1000 / ruleset_settings(d->rules)->probe_budget;
}

static void
restore_outage(struct deliver_dest *dest, const struct store_outage *row)
{
	struct deliver_outage *o = &dest->outage;

	if (row->drained != 0 || (o->from != 0 && o->from != row->from) || o->seen)
		return;
	outage_clear(o);
	o->seen = true;
	o->reason = xstrdup(row->reason);
	o->from = row->from;
	o->until = row->until;
	o->messages = row->messages;
	o->first_delivery = row->first_delivery;
	o->delivered = row->delivered;
	o->held = row->held;
}

static bool
has_mail(const struct deliver_dest *dest)
{
	const struct deliver_domain *dom;

	TAILQ_FOREACH(dom, &dest->domains, of_dest)
		if (dom->hungry)
			return true;
	return false;
}

/* All that was remembered is known. */
static void
begin(struct deliver *d)
{
	struct deliver_dest *dest;
	size_t i = 0;

	TAILQ_FOREACH(dest, &d->dests, all) {
		if (dest->kind == ROUTE_TURN)
			continue;
		if (dest->health.state == DEST_DOWN)
			deliver_health_restore(dest, turn(d, i++));
		else if (dest->health.state == DEST_HELD)
			deliver_health_restore(dest, deliver_canary_interval(dest));
		else if (dest->health.state == DEST_UP && dest->nsessions == 0 && has_mail(dest))
			deliver_health_unknown(dest, turn(d, i++));
		else if (dest->health.state == DEST_UP && dest->outage.until != 0)
			deliver_outage_drained(dest);	/* we died before we could write it */
	}
}

static void
got_outages(void *arg, enum store_result result, const struct store_outage *v, size_t n)
{
	struct deliver *d = arg;
	struct deliver_dest *dest;

	for (size_t i = 0; result == STORE_OK && i < n; i++) {
		dest = deliver_route_find(d, v[i].destination);
		if (dest != NULL)
			restore_outage(dest, &v[i]);
	}
	begin(d);
}

static void
restore(struct deliver *d, const struct store_destination *row)
{
	struct deliver_dest *dest = deliver_route_find(d, row->destination);
	struct store_destination gone = *row;

	if (dest == NULL || dest->kind == ROUTE_TURN || strcmp(dest->name, row->destination) != 0) {
		/* Neither a rule nor mail names it any more. */
		gone.reason = NULL;
		store_put_destination(d->store, &gone);
		return;
	}
	dest->remembered = true;
	if (dest->health.state != DEST_UP || dest->nsessions > 0)
		return;			/* new mail has found out already */
	dest->health.state = row->held ? DEST_HELD : DEST_DOWN;
	dest->since = row->since;
	deliver_health_reason(dest, row->reason);
	if (row->held) {
		deliver_guard_restore(dest);
		return;
	}
	dest->outage.from = row->since;
	dest->outage.reason = xstrdup(row->reason);
}

static void
got_destinations(void *arg, enum store_result result, const struct store_destination *v, size_t n)
{
	struct deliver *d = arg;

	if (result != STORE_OK)
		log_error("the store did not say which primaries were down");
	for (size_t i = 0; result == STORE_OK && i < n; i++)
		restore(d, &v[i]);
	store_outages(d->store, NULL, OUTAGES_READ, got_outages, d);
}

void
deliver_outage_load(struct deliver *d)
{
	store_destinations(d->store, got_destinations, d);
}
