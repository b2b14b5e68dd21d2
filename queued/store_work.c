/*
 * store_work.c -- group commit, and what happens when the disk is full or sick.
 *
 *     inbox --> reads ------------------------------> answers
 *           \-> writes -> one transaction -> COMMIT -> answers -> checkpoint
 *
 * A turn takes all that waits. Reads are answered first; then the writes (up
 * to BATCH_BYTES of bodies) become one transaction, and only after its COMMIT are
 * they answered (S1). With nothing else waiting a single message is a batch of its
 * own, at once.
 *
 * When a batch fails, nothing of it is in the database (S3) and
 *   no room   intakes are answered STORE_FULL; the rest is tried again without
 *             them. What still finds no room and must not be lost (a settle, whose message the
 *             primary has!) is kept and tried again every second.
 *   sick      intakes and changes are answered STORE_FAULT, settles are kept; nothing
 *             is done before engine->recover() succeeded, tried every second at most.
 *   rejected  the one request is answered STORE_FAULT, the others tried again.
 * While something is kept, leases are refused: more deliveries that cannot be
 * recorded would be as many duplicates after a crash.
 *
 * Leases (S4) live here. One ends when its settle is durable, not before.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/store_work.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "queued/store_lease.h"

#define BATCH_BYTES	(8u << 20)
#define RETRY_AFTER	1000	/* ms */
#define IDLE_FAILED	60	/* seconds to the next step of housekeeping after one that failed */

bool
store_work_trouble(const struct store_work *w)
{
	return !STAILQ_EMPTY(&w->kept) || w->condition == COND_SICK;
}

/* --- answers ------------------------------------------------------------- */
void
store_work_answer(struct store_work *w, struct request *r, enum store_result result,
    const char *why)
{
	if (r->internal) {
		request_free(&r);
		return;
	}
	r->result = result;
	if (why != NULL && r->why == NULL)
		r->why = xstrdup(why);
	STAILQ_INSERT_TAIL(&w->answers, r, next);
}

void
store_work_set_condition(struct store_work *w, enum condition c)
{
	const char *why = c == COND_OK ? "ok" : w->ops->error(w->engine);

	if (c != w->condition) {
		if (c == COND_OK)
			log_info("store: works again");
		else
			log_error("store: %s: %s", c == COND_FULL ? "no room" : "fault", why);
	}
	if (c == w->condition && c == COND_OK)
		return;
	w->condition = c;
	(void)snprintf(w->health.why, sizeof(w->health.why), "%s%s",
	    c == COND_FULL ? "no room: " : "", why);
	if (c == COND_FULL)
		w->health.full_at = clock_mono_ms();
}

/* --- writes -------------------------------------------------------------- */
static bool
must_be_kept(const struct request *r)
{
	return r->kind >= REQ_DROP && r->kind < REQ_LEASE;
}

static enum engine_result
write_one(struct store_work *w, struct request *r, int64_t now)
{
	switch (r->kind) {
	case REQ_CHUNK:
		return w->ops->put_chunk(w->engine, r->u.chunk.id, r->u.chunk.seq, r->u.chunk.data,
		    r->u.chunk.len);
	case REQ_MESSAGE:
		return w->ops->put_message(w->engine, r->u.message.record, r->u.message.body);
	case REQ_CHANGE:
		r->u.change.before = r->u.change.c;
		return w->ops->change(w->engine, w->leases, &r->u.change.c);
	case REQ_DROP:
		return w->ops->drop_chunks(w->engine, r->u.drop.id, &r->u.drop.done);
	case REQ_SETTLE:
		return w->ops->settle(w->engine, r->u.settle.job, r->u.settle.v, now,
		    &r->u.settle.removed);
	case REQ_SHIFT:
		return w->ops->shift_clock(w->engine, r->u.shift.delta);
	case REQ_CLAMP:
		free(r->u.clamp.last);
		r->u.clamp.last = NULL;
		return w->ops->clamp(w->engine, now, r->u.clamp.after, &r->u.clamp.last);
	case REQ_PUT_DESTINATION:
		return w->ops->put_destination(w->engine, &r->u.put_destination);
	case REQ_PUT_OUTAGE:
		return w->ops->put_outage(w->engine, &r->u.put_outage);
	case REQ_PUT_NOTE:
		return w->ops->put_note(w->engine, r->u.note.name, r->u.note.value);
	case REQ_LEASE:
	case REQ_BODY:
	case REQ_DOMAINS:
	case REQ_TOTALS:
	case REQ_LIST:
	case REQ_QUARANTINE:
	case REQ_DESTINATIONS:
	case REQ_OUTAGES:
	case REQ_NOTE:
	case REQ_LEDGER:
		break;
	}
	abort();	/* not a write */
}

/* What the steps of changes up to `last' noted of themselves did not happen. */
static void
unwind(struct request_list *batch, const struct request *last)
{
	struct request *r;

	STAILQ_FOREACH(r, batch, next) {
		if (r->kind == REQ_CHANGE)
			r->u.change.c = r->u.change.before;
		if (r == last)
			break;
	}
}

/* The batch in one transaction. On failure *culprit is whose write it was, NULL for COMMIT. */
static enum engine_result
attempt(struct store_work *w, struct request_list *batch, struct request **culprit)
{
	int64_t now = clock_wall();
	enum engine_result result;
	struct request *r;

	*culprit = NULL;
	if ((result = w->ops->begin(w->engine)) != ENGINE_OK)
		return result;
	STAILQ_FOREACH(r, batch, next) {
		result = write_one(w, r, now);
		if (result == ENGINE_NOT_FOUND) {
			r->result = STORE_NOT_FOUND;
		} else if (result != ENGINE_OK) {
			*culprit = r;
			break;
		} else {
			r->result = STORE_OK;
		}
	}
	if (r == NULL && (result = w->ops->commit(w->engine)) == ENGINE_OK)
		return ENGINE_OK;
	w->ops->rollback(w->engine);
	unwind(batch, *culprit);
	return result;
}

/* Is that all, or is it a request that goes on in another step? */
static bool
is_whole(struct request *r)
{
	if (r->kind == REQ_DROP)
		return r->u.drop.done;
	if (r->kind == REQ_CLAMP) {
		free(r->u.clamp.after);
		r->u.clamp.after = r->u.clamp.last;
		r->u.clamp.last = NULL;
		return r->u.clamp.after == NULL;
	}
	if (r->kind != REQ_CHANGE || r->result != STORE_OK)
		return true;
	r->u.change.changed += r->u.change.c.changed;
	return r->u.change.c.done;
}

static void
written(struct store_work *w, struct request_list *batch)
{
	struct request *r;

	w->failures = 0;
	while ((r = STAILQ_FIRST(batch)) != NULL) {
		STAILQ_REMOVE_HEAD(batch, next);
		if (!is_whole(r)) {
			STAILQ_INSERT_TAIL(&w->todo, r, next);
			continue;
		}
		if (r->kind == REQ_SETTLE) {
			leases_remove(w->leases, r->u.settle.job->message_id,
			    r->u.settle.job->domain);
			if (r->u.settle.removed)
				log_info("%s: removed", r->u.settle.job->queue_id);
		}
		store_work_answer(w, r, r->result, NULL);
	}
}

/* Answers what can be refused with a failure; the rest stays in the list. True if any was. */
static bool
refuse(struct store_work *w, struct request_list *batch, enum store_result result, bool changes)
{
	struct request_list stay = STAILQ_HEAD_INITIALIZER(stay);
	struct request *r;
	bool any = false;

	while ((r = STAILQ_FIRST(batch)) != NULL) {
		STAILQ_REMOVE_HEAD(batch, next);
		if (must_be_kept(r) || (r->kind == REQ_CHANGE && !changes)) {
			STAILQ_INSERT_TAIL(&stay, r, next);
		} else {
			store_work_answer(w, r, result, w->ops->error(w->engine));
			any = true;
		}
	}
	STAILQ_CONCAT(batch, &stay);
	return any;
}

static void
reject(struct store_work *w, struct request_list *batch, struct request *r)
{
	log_error("store: a request was rejected: %s", w->ops->error(w->engine));
	STAILQ_REMOVE(batch, r, request, next);
	store_work_answer(w, r, STORE_FAULT, w->ops->error(w->engine));
}

/* The first failure is tried again at once; after that there is a pause. */
static void
keep(struct store_work *w, struct request_list *batch)
{
	STAILQ_CONCAT(&w->kept, batch);
	w->retry_at = w->failures++ == 0 ? 0 : clock_mono_ms() + RETRY_AFTER;
}

static size_t
intake_bytes(const struct request *r)
{
	if (r->kind == REQ_CHUNK)
		return r->u.chunk.len;
	if (r->kind == REQ_MESSAGE && r->u.message.body != NULL)
		return r->u.message.record->size;
	return 0;
}

/* Intake must leave room for the deliveries to be recorded. */
static bool
has_room(struct store_work *w, const struct request_list *batch)
{
	const struct request *r;
	uint64_t bytes = 0;

	STAILQ_FOREACH(r, batch, next)
		bytes += intake_bytes(r);
	return bytes == 0 || w->ops->room(w->engine, bytes);
}

/*
 * There is room for less than all of it: the first alone, the others are kept. False if
 * there is but one.
 */
static bool
first_alone(struct store_work *w, struct request_list *batch)
{
	struct request *first = STAILQ_FIRST(batch);

	if (STAILQ_NEXT(first, next) == NULL)
		return false;
	STAILQ_REMOVE_HEAD(batch, next);
	STAILQ_CONCAT(&w->kept, batch);
	STAILQ_INSERT_HEAD(batch, first, next);
	w->retry_at = 0;
	return true;
}

/* See the head of this file. */
static void
write_batch(struct store_work *w, struct request_list *batch)
{
	enum condition worst = COND_OK;
	struct request *culprit;

	if (!has_room(w, batch)) {
		store_work_set_condition(w, worst = COND_FULL);
		(void)refuse(w, batch, STORE_FULL, false);
	}
	while (!STAILQ_EMPTY(batch)) {
		switch (attempt(w, batch, &culprit)) {
		case ENGINE_OK:
		case ENGINE_NOT_FOUND:
			written(w, batch);
			break;
		case ENGINE_REJECT:
			if (culprit != NULL) {
				reject(w, batch, culprit);
				break;
			}
			/* a COMMIT cannot be rejected: it is sick */
			/* FALLTHROUGH */
		case ENGINE_SICK:
			store_work_set_condition(w, COND_SICK);
			(void)refuse(w, batch, STORE_FAULT, true);
			keep(w, batch);
			return;
		case ENGINE_FULL:
			store_work_set_condition(w, worst = COND_FULL);
			(void)w->ops->tidy(w->engine);
			if (!refuse(w, batch, STORE_FULL, false)
			    && !refuse(w, batch, STORE_FULL, true)
			    && !first_alone(w, batch)) {
				keep(w, batch);
				return;
			}
			break;
		}
	}
	store_work_set_condition(w, worst);
}

/* Up to BATCH_BYTES of what waits, after what was kept. */
static void
take_batch(struct store_work *w, struct request_list *batch)
{
	size_t bytes = 0;
	struct request *r;

	STAILQ_CONCAT(batch, &w->kept);
	while (bytes < BATCH_BYTES && (r = STAILQ_FIRST(&w->todo)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->todo, next);
		STAILQ_INSERT_TAIL(batch, r, next);
		bytes += intake_bytes(r);
	}
}

bool
store_work_well(struct store_work *w)
{
	if (w->condition != COND_SICK)
		return true;
	if (clock_mono_ms() < w->retry_at)
		return false;
	if (w->ops->recover(w->engine) == ENGINE_OK) {
		store_work_set_condition(w, COND_OK);
		return true;
	}
	store_work_set_condition(w, COND_SICK);
	w->retry_at = clock_mono_ms() + RETRY_AFTER;
	return false;
}

void
store_work_write(struct store_work *w)
{
	struct request_list batch = STAILQ_HEAD_INITIALIZER(batch);

	if (!store_work_well(w)) {
		(void)refuse(w, &w->todo, STORE_FAULT, true);
		STAILQ_CONCAT(&w->kept, &w->todo);
		return;
	}
	take_batch(w, &batch);
	if (!STAILQ_EMPTY(&batch))
		write_batch(w, &batch);
}

/* --- housekeeping -------------------------------------------------------- */
void
store_work_tidy(struct store_work *w)
{
	if (w->condition == COND_OK && w->ops->tidy(w->engine) == ENGINE_SICK)
		store_work_set_condition(w, COND_SICK);
}

int
store_work_idle(struct store_work *w)
{
	int again;
	enum engine_result r = w->ops->idle(w->engine, clock_wall(), &again);

	if (r == ENGINE_SICK)
		store_work_set_condition(w, COND_SICK);
	return r == ENGINE_OK ? again : IDLE_FAILED;
}

/* --- giving up ------------------------------------------------------------ */
void
store_work_give_up(struct store_work *w)
{
	struct request *r;

	if (!store_work_trouble(w))
		return;
	w->retry_at = 0;
	store_work_write(w);
	while ((r = STAILQ_FIRST(&w->kept)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->kept, next);
		if (r->kind == REQ_SETTLE)
			log_error("%s: its outcome could not be recorded: %s",
			    r->u.settle.job->queue_id, w->ops->error(w->engine));
		store_work_answer(w, r, STORE_FAULT, w->ops->error(w->engine));
	}
}

/* --- beginning and end --------------------------------------------------- */
void
store_work_init(struct store_work *w, const struct engine_ops *ops, struct store_engine *engine)
{
	struct request *clamp;

	memset(w, 0, sizeof(*w));
	w->ops = ops;
	w->engine = engine;
	w->leases = leases_new();
	STAILQ_INIT(&w->todo);
	STAILQ_INIT(&w->listings);
	STAILQ_INIT(&w->kept);
	STAILQ_INIT(&w->answers);
	(void)snprintf(w->health.why, sizeof(w->health.why), "ok");
	clamp = request_new(REQ_CLAMP, NULL);
	clamp->internal = true;
	clamp->u.clamp.after = xstrdup("");
	STAILQ_INSERT_TAIL(&w->todo, clamp, next);
}

void
store_work_clear(struct store_work *w)
{
	assert(STAILQ_EMPTY(&w->todo) && STAILQ_EMPTY(&w->kept) && STAILQ_EMPTY(&w->answers));
	assert(STAILQ_EMPTY(&w->listings));
	w->ops->close(&w->engine);
	leases_free(&w->leases);
}
