/*
 * store_work_read.c -- what needs no transaction: reads, leases, and ends of leases that change
 * nothing else. All of it is answered before the writes that came with it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include "common/log.h"
#include "queued/store_lease.h"
#include "queued/store_work.h"

static enum store_result
result_of(enum engine_result r)
{
	switch (r) {
	case ENGINE_OK:
		return STORE_OK;
	case ENGINE_NOT_FOUND:
		return STORE_NOT_FOUND;
	case ENGINE_FULL:
		return STORE_FULL;
	case ENGINE_REJECT:
	case ENGINE_SICK:
		return STORE_FAULT;
	}
	abort();	/* no such result */
}

/* Messages whose body is not whole are put aside, with the reason. */
static void
quarantine(struct store_work *w, struct job *broken)
{
	while (broken != NULL) {
		struct request *r;
		struct job *job = broken;

		broken = job->next;
		log_error("%s: body is missing or damaged in the store: quarantined",
		    job->queue_id);
		r = request_settle_all(&job, SETTLE_QUARANTINE,
		    "the message's body is missing or damaged in the store");
		r->internal = true;
		STAILQ_INSERT_TAIL(&w->todo, r, next);
	}
}

static enum engine_result
lease(struct store_work *w, struct request *r)
{
	enum engine_result result;

	if (!STAILQ_EMPTY(&w->kept) || w->condition == COND_SICK)
		return ENGINE_REJECT;
	result = w->ops->lease(w->engine, w->leases, &r->u.lease.l);
	quarantine(w, r->u.lease.l.broken);
	r->u.lease.l.broken = NULL;
	return result;
}

static enum engine_result
read_one(struct store_work *w, struct request *r)
{
	if (w->condition == COND_SICK)
		return ENGINE_SICK;
	switch (r->kind) {
	case REQ_LEASE:
		return lease(w, r);
	case REQ_BODY:
		return w->ops->body(w->engine, r->u.body.id, r->u.body.seq, &r->u.body.data,
		    &r->u.body.len, &r->u.body.last);
	case REQ_DOMAINS:
		return w->ops->domains(w->engine, &r->u.domains.v, &r->u.domains.n);
	case REQ_TOTALS:
		return w->ops->totals(w->engine, &r->u.totals.t);
	case REQ_LIST:
		return w->ops->list(w->engine, w->leases, &r->u.list.l);
	case REQ_QUARANTINE:
		return w->ops->quarantine(w->engine, &r->u.quarantine.v, &r->u.quarantine.n);
	case REQ_DESTINATIONS:
		return w->ops->destinations(w->engine, &r->u.destinations.v, &r->u.destinations.n);
	case REQ_OUTAGES:
		return w->ops->outages(w->engine, r->u.outages.destination, r->u.outages.max,
		    &r->u.outages.v, &r->u.outages.n);
	case REQ_NOTE:
		return w->ops->note(w->engine, r->u.note.name, &r->u.note.value);
	case REQ_LEDGER:
		return w->ops->ledger(w->engine, r->u.ledger.id, &r->u.ledger.v, &r->u.ledger.n);
	case REQ_CHUNK:
	case REQ_MESSAGE:
	case REQ_CHANGE:
	case REQ_DROP:
	case REQ_SETTLE:
	case REQ_SHIFT:
	case REQ_CLAMP:
	case REQ_PUT_DESTINATION:
	case REQ_PUT_OUTAGE:
	case REQ_PUT_NOTE:
		break;
	}
	abort();	/* not a read */
}

static bool
is_among(const struct request *r, const struct request_list *list)
{
	const struct request *in;

	STAILQ_FOREACH(in, list, next)
		if (in == r)
			return true;
	return false;
}

/*
 * After the clock was set, times mean something else. So what was submitted before the
 * shift is written with it, before anything that came after it is looked at: no lease
 * must find mail of today a year old.
 */
static void
shift_clock(struct store_work *w, struct request *shift)
{
	STAILQ_INSERT_TAIL(&w->todo, shift, next);
	while (is_among(shift, &w->todo))
		store_work_write(w);
}

/* A settle that changes nothing but the lease needs no transaction. */
static bool
is_untried(const struct request *r)
{
	if (r->kind != REQ_SETTLE)
		return false;
	for (size_t i = 0; i < r->u.settle.job->nrcpt; i++)
		if (r->u.settle.v[i].what != SETTLE_UNTRIED)
			return false;
	return true;
}

/* Answers it, or puts a listing that is not at its end where it waits for its next step. */
static void
read_and_answer(struct store_work *w, struct request *r)
{
	enum engine_result result = read_one(w, r);

	if (result == ENGINE_SICK)
		store_work_set_condition(w, COND_SICK);
	if (result == ENGINE_OK && r->kind == REQ_LIST && !r->u.list.l.done)
		STAILQ_INSERT_TAIL(&w->listings, r, next);
	else
		store_work_answer(w, r, result_of(result), NULL);
}

void
store_work_list(struct store_work *w)
{
	struct request *r = STAILQ_FIRST(&w->listings);

	if (r == NULL)
		return;
	STAILQ_REMOVE_HEAD(&w->listings, next);
	read_and_answer(w, r);
}

static bool
has_new_change(const struct request_list *list)
{
	const struct request *r;

	STAILQ_FOREACH(r, list, next)
		if (r->kind == REQ_CHANGE && !r->u.change.c.started)
			return true;
	return false;
}

void
store_work_sort(struct store_work *w, struct request_list *taken)
{
	struct request *r;

	while ((r = STAILQ_FIRST(taken)) != NULL) {
		STAILQ_REMOVE_HEAD(taken, next);
		if (r->answered) {
			store_work_answer(w, r, r->result, NULL);
		} else if (is_untried(r)) {
			leases_remove(w->leases, r->u.settle.job->message_id,
			    r->u.settle.job->domain);
			store_work_answer(w, r, STORE_OK, NULL);
		} else if (r->kind >= REQ_LEASE) {
			/*
			 * Mail that a change makes due must be found by a lease asked for after it:
			 * not all of it, if it is much, but some, so that the one who asked
			 * comes again.
			 */
			while (r->kind == REQ_LEASE && has_new_change(&w->todo))
				store_work_write(w);
			read_and_answer(w, r);
		} else if (r->kind == REQ_SHIFT) {
			shift_clock(w, r);
		} else {
			STAILQ_INSERT_TAIL(&w->todo, r, next);
		}
	}
}
