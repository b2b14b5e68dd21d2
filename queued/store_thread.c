/*
 * store_thread.c -- the thread that owns the database: group commit, and what
 * happens when the disk is full or sick.
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
 * The thread sleeps without a timer unless something is kept, or housekeeping is due
 * IDLE_AFTER seconds after the last work.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/store_thread.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "queued/store_lease.h"

#define BATCH_BYTES	(8u << 20)
#define RETRY_AFTER	1	/* seconds */
#define IDLE_AFTER	3

enum condition { COND_OK, COND_FULL, COND_SICK };

struct store_thread {
	const struct engine_ops	*ops;
	struct store_engine	*engine;
	struct leases		*leases;
	void			(*wake)(void *);
	void			*wake_arg;
	pthread_t		 thread;

	pthread_mutex_t		 mutex;		/* guards from here ... */
	pthread_cond_t		 work;		/* inbox has something, or quit */
	pthread_cond_t		 quiet;		/* all that was submitted is answered */
	struct request_list	 inbox, outbox;
	bool			 sleeping;
	bool			 flushing, quit;
	size_t			 unanswered;
	struct store_health	 health;	/* ... to here */

	/* the thread's own */
	struct request_list	 todo;		/* writes that wait for their batch */
	struct request_list	 kept;		/* writes that could not be done yet */
	struct request_list	 answers;	/* of this turn */
	enum condition		 condition;
	int64_t			 retry_at;	/* monotonic ms: not before */
	unsigned		 failures;	/* since the last COMMIT */
	int			 idle_in;	/* seconds until housekeeping; -1 never */
};

/* Something must be tried again before there can be new work. */
static bool
has_trouble(const struct store_thread *t)
{
	return !STAILQ_EMPTY(&t->kept) || t->condition == COND_SICK;
}

/* --- answers ------------------------------------------------------------- */
static void
answer(struct store_thread *t, struct request *r, enum store_result result, const char *why)
{
	r->result = result;
	if (why != NULL && r->why == NULL)
		r->why = xstrdup(why);
	STAILQ_INSERT_TAIL(&t->answers, r, next);
}

static void
post(struct store_thread *t)
{
	struct request *r;
	size_t n = 0;
	bool wake;

	STAILQ_FOREACH(r, &t->answers, next)
		n++;
	pthread_mutex_lock(&t->mutex);
	t->health.stuck = has_trouble(t);
	if (n == 0) {
		pthread_mutex_unlock(&t->mutex);
		return;
	}
	wake = STAILQ_EMPTY(&t->outbox);
	STAILQ_CONCAT(&t->outbox, &t->answers);
	t->health.free_bytes = t->ops->free_bytes(t->engine);
	t->unanswered -= n;
	if (t->unanswered == 0)
		pthread_cond_signal(&t->quiet);
	pthread_mutex_unlock(&t->mutex);
	if (wake)
		t->wake(t->wake_arg);
}

static void
set_condition(struct store_thread *t, enum condition c)
{
	const char *why = c == COND_OK ? "ok" : t->ops->error(t->engine);

	if (c != t->condition) {
		if (c == COND_OK)
			log_info("store: works again");
		else
			log_error("store: %s: %s", c == COND_FULL ? "no room" : "fault", why);
	}
	if (c == t->condition && c == COND_OK)
		return;
	t->condition = c;
	pthread_mutex_lock(&t->mutex);
	(void)snprintf(t->health.why, sizeof(t->health.why), "%s%s",
	    c == COND_FULL ? "no room: " : "", why);
	if (c == COND_FULL)
		t->health.full_at = clock_mono_ms();
	pthread_mutex_unlock(&t->mutex);
}

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
	assert(!"no such result");
	return STORE_FAULT;
}

/* --- reads --------------------------------------------------------------- */
static void
queue_write(struct store_thread *t, struct request *r)
{
	STAILQ_INSERT_TAIL(&t->todo, r, next);
}

/* Messages whose body is not whole are put aside, with the reason. */
static void
quarantine(struct store_thread *t, struct job *broken)
{
	while (broken != NULL) {
		struct job *job = broken;

		broken = job->next;
		log_error("%s: body is missing or damaged in the store: quarantined",
		    job->queue_id);
		pthread_mutex_lock(&t->mutex);
		t->unanswered++;
		pthread_mutex_unlock(&t->mutex);
		queue_write(t, request_settle_all(&job, SETTLE_QUARANTINE,
		    "the message's body is missing or damaged in the store"));
	}
}

static enum engine_result
lease(struct store_thread *t, struct request *r)
{
	struct job *broken;
	enum engine_result result;

	if (!STAILQ_EMPTY(&t->kept) || t->condition == COND_SICK) {
		r->u.lease.next_due = 0;
		return ENGINE_REJECT;
	}
	result = t->ops->lease(t->engine, t->leases, r->u.lease.domain, r->u.lease.now,
	    r->u.lease.max, &r->u.lease.jobs, &r->u.lease.njobs, &r->u.lease.next_due, &broken);
	quarantine(t, broken);
	return result;
}

static enum engine_result
read_one(struct store_thread *t, struct request *r)
{
	if (t->condition == COND_SICK)
		return ENGINE_SICK;
	switch (r->kind) {
	case REQ_LEASE:
		return lease(t, r);
	case REQ_BODY:
		return t->ops->body(t->engine, r->u.body.id, r->u.body.seq, &r->u.body.data,
		    &r->u.body.len, &r->u.body.last);
	case REQ_DOMAINS:
		return t->ops->domains(t->engine, &r->u.domains.v, &r->u.domains.n);
	case REQ_TOTALS:
		return t->ops->totals(t->engine, &r->u.totals.t);
	case REQ_LIST:
		return t->ops->list(t->engine, t->leases, &r->u.list.filter, r->u.list.after,
		    r->u.list.max, &r->u.list.v, &r->u.list.n);
	case REQ_CHUNK:
	case REQ_MESSAGE:
	case REQ_CHANGE:
	case REQ_DROP:
	case REQ_SETTLE:
	case REQ_SHIFT:
		break;
	}
	assert(!"not a read");
	return ENGINE_REJECT;
}

static void
end_lease(struct store_thread *t, const struct job *job)
{
	leases_remove(t->leases, job->message_id, job->domain);
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

static void
sort_in(struct store_thread *t, struct request_list *taken)
{
	struct request *r;

	while ((r = STAILQ_FIRST(taken)) != NULL) {
		STAILQ_REMOVE_HEAD(taken, next);
		if (r->answered) {
			answer(t, r, r->result, NULL);
		} else if (is_untried(r)) {
			end_lease(t, r->u.settle.job);
			answer(t, r, STORE_OK, NULL);
		} else if (r->kind >= REQ_LEASE) {
			enum engine_result result = read_one(t, r);

			if (result == ENGINE_SICK)
				set_condition(t, COND_SICK);
			answer(t, r, result_of(result), NULL);
		} else {
			queue_write(t, r);
		}
	}
}

/* --- writes -------------------------------------------------------------- */
static bool
must_be_kept(const struct request *r)
{
	return r->kind == REQ_SETTLE || r->kind == REQ_DROP || r->kind == REQ_SHIFT;
}

static enum engine_result
write_one(struct store_thread *t, struct request *r, int64_t now)
{
	switch (r->kind) {
	case REQ_CHUNK:
		return t->ops->put_chunk(t->engine, r->u.chunk.id, r->u.chunk.seq, r->u.chunk.data,
		    r->u.chunk.len);
	case REQ_MESSAGE:
		return t->ops->put_message(t->engine, r->u.message.record, r->u.message.body);
	case REQ_CHANGE:
		r->u.change.before = r->u.change.c;
		return t->ops->change(t->engine, t->leases, &r->u.change.c);
	case REQ_DROP:
		return t->ops->drop_chunks(t->engine, r->u.drop.id, &r->u.drop.done);
	case REQ_SETTLE:
		return t->ops->settle(t->engine, r->u.settle.job, r->u.settle.v, now);
	case REQ_SHIFT:
		return t->ops->shift_clock(t->engine, r->u.shift.delta);
	case REQ_LEASE:
	case REQ_BODY:
	case REQ_DOMAINS:
	case REQ_TOTALS:
	case REQ_LIST:
		break;
	}
	assert(!"not a write");
	return ENGINE_REJECT;
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

/* The whole batch in one transaction. On failure *culprit is whose write it was, NULL for COMMIT. */
static enum engine_result
attempt(struct store_thread *t, struct request_list *batch, struct request **culprit)
{
	int64_t now = clock_wall();
	enum engine_result result;
	struct request *r;

	*culprit = NULL;
	if ((result = t->ops->begin(t->engine)) != ENGINE_OK)
		return result;
	STAILQ_FOREACH(r, batch, next) {
		result = write_one(t, r, now);
		if (result == ENGINE_NOT_FOUND) {
			r->result = STORE_NOT_FOUND;
		} else if (result != ENGINE_OK) {
			*culprit = r;
			break;
		} else {
			r->result = STORE_OK;
		}
	}
	if (r == NULL && (result = t->ops->commit(t->engine)) == ENGINE_OK)
		return ENGINE_OK;
	t->ops->rollback(t->engine);
	unwind(batch, *culprit);
	return result;
}

/* Is that all, or is it a request that goes on in another step? */
static bool
is_whole(struct request *r)
{
	if (r->kind == REQ_DROP)
		return r->u.drop.done;
	if (r->kind != REQ_CHANGE || r->result != STORE_OK)
		return true;
	r->u.change.changed += r->u.change.c.changed;
	return r->u.change.c.done;
}

static void
written(struct store_thread *t, struct request_list *batch)
{
	struct request *r;

	t->failures = 0;
	while ((r = STAILQ_FIRST(batch)) != NULL) {
		STAILQ_REMOVE_HEAD(batch, next);
		if (!is_whole(r)) {
			queue_write(t, r);
			continue;
		}
		if (r->kind == REQ_SETTLE)
			end_lease(t, r->u.settle.job);
		answer(t, r, r->result, NULL);
	}
}

/* Answers what can be refused with a failure; the rest stays in the list. True if any was. */
static bool
refuse(struct store_thread *t, struct request_list *batch, enum store_result result, bool changes)
{
	struct request_list stay = STAILQ_HEAD_INITIALIZER(stay);
	struct request *r;
	bool any = false;

	while ((r = STAILQ_FIRST(batch)) != NULL) {
		STAILQ_REMOVE_HEAD(batch, next);
		if (must_be_kept(r) || (r->kind == REQ_CHANGE && !changes)) {
			STAILQ_INSERT_TAIL(&stay, r, next);
		} else {
			answer(t, r, result, t->ops->error(t->engine));
			any = true;
		}
	}
	STAILQ_CONCAT(batch, &stay);
	return any;
}

static void
reject(struct store_thread *t, struct request_list *batch, struct request *r)
{
	log_error("store: a request was rejected: %s", t->ops->error(t->engine));
	STAILQ_REMOVE(batch, r, request, next);
	answer(t, r, STORE_FAULT, t->ops->error(t->engine));
}

/* The first failure is tried again at once; after that there is a pause. */
static void
keep(struct store_thread *t, struct request_list *batch)
{
	STAILQ_CONCAT(&t->kept, batch);
	t->retry_at = t->failures++ == 0 ? 0 : clock_mono_ms() + RETRY_AFTER * 1000;
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
has_room(struct store_thread *t, const struct request_list *batch)
{
	const struct request *r;
	uint64_t bytes = 0;

	STAILQ_FOREACH(r, batch, next)
		bytes += intake_bytes(r);
	return bytes == 0 || t->ops->room(t->engine, bytes);
}

/*
 * There is room for less than all of it: the first alone, the others are kept. False if
 * there is but one.
 */
static bool
first_alone(struct store_thread *t, struct request_list *batch)
{
	struct request *first = STAILQ_FIRST(batch);

	if (STAILQ_NEXT(first, next) == NULL)
		return false;
	STAILQ_REMOVE_HEAD(batch, next);
	STAILQ_CONCAT(&t->kept, batch);
	STAILQ_INSERT_HEAD(batch, first, next);
	t->retry_at = 0;
	return true;
}

/* See the head of this file. */
static void
write_batch(struct store_thread *t, struct request_list *batch)
{
	enum condition worst = COND_OK;
	struct request *culprit;

	if (!has_room(t, batch)) {
		set_condition(t, worst = COND_FULL);
		(void)refuse(t, batch, STORE_FULL, false);
	}
	while (!STAILQ_EMPTY(batch)) {
		switch (attempt(t, batch, &culprit)) {
		case ENGINE_OK:
		case ENGINE_NOT_FOUND:
			written(t, batch);
			break;
		case ENGINE_REJECT:
			if (culprit != NULL) {
				reject(t, batch, culprit);
				break;
			}
			/* a COMMIT cannot be rejected: it is sick */
			/* FALLTHROUGH */
		case ENGINE_SICK:
			set_condition(t, COND_SICK);
			(void)refuse(t, batch, STORE_FAULT, true);
			keep(t, batch);
			return;
		case ENGINE_FULL:
			set_condition(t, worst = COND_FULL);
			(void)t->ops->tidy(t->engine);
			if (!refuse(t, batch, STORE_FULL, false)
			    && !refuse(t, batch, STORE_FULL, true)
			    && !first_alone(t, batch)) {
				keep(t, batch);
				return;
			}
			break;
		}
	}
	set_condition(t, worst);
}

/* Up to BATCH_BYTES of what waits, after what was kept. */
static void
take_batch(struct store_thread *t, struct request_list *batch)
{
	size_t bytes = 0;
	struct request *r;

	STAILQ_CONCAT(batch, &t->kept);
	while (bytes < BATCH_BYTES && (r = STAILQ_FIRST(&t->todo)) != NULL) {
		STAILQ_REMOVE_HEAD(&t->todo, next);
		STAILQ_INSERT_TAIL(batch, r, next);
		bytes += intake_bytes(r);
	}
}

/* True: the engine can be used. */
static bool
well(struct store_thread *t)
{
	if (t->condition != COND_SICK)
		return true;
	if (clock_mono_ms() < t->retry_at)
		return false;
	if (t->ops->recover(t->engine) == ENGINE_OK) {
		set_condition(t, COND_OK);
		return true;
	}
	set_condition(t, COND_SICK);
	t->retry_at = clock_mono_ms() + RETRY_AFTER * 1000;
	return false;
}

static void
write_some(struct store_thread *t)
{
	struct request_list batch = STAILQ_HEAD_INITIALIZER(batch);

	if (!well(t)) {
		(void)refuse(t, &t->todo, STORE_FAULT, true);
		STAILQ_CONCAT(&t->kept, &t->todo);
		return;
	}
	take_batch(t, &batch);
	write_batch(t, &batch);
}

/* --- the thread ---------------------------------------------------------- */
/* With the mutex held: sleeps until there is work, at most this many ms (-1: as long as it takes). */
static void
doze(struct store_thread *t, int64_t ms)
{
	struct timespec until;

	t->sleeping = true;
	if (ms < 0) {
		pthread_cond_wait(&t->work, &t->mutex);
	} else {
		int64_t at = clock_mono_ms() + ms;

		until.tv_sec = at / 1000;
		until.tv_nsec = at % 1000 * 1000000;
		(void)pthread_cond_timedwait(&t->work, &t->mutex, &until);
	}
	t->sleeping = false;
}

/* Waits for work. True: nothing came, it is time for housekeeping (or for another try). */
static bool
wait_for_work(struct store_thread *t, struct request_list *taken)
{
	bool waited = false;

	pthread_mutex_lock(&t->mutex);
	if (STAILQ_EMPTY(&t->inbox) && STAILQ_EMPTY(&t->todo) && !t->quit && !t->flushing) {
		int64_t ms = has_trouble(t) ? RETRY_AFTER * 1000
		    : t->idle_in < 0 ? -1 : (int64_t)t->idle_in * 1000;

		if (ms != 0)
			doze(t, ms);
		waited = STAILQ_EMPTY(&t->inbox);
	}
	STAILQ_CONCAT(taken, &t->inbox);
	pthread_mutex_unlock(&t->mutex);
	return waited;
}

static void
housekeeping(struct store_thread *t)
{
	enum engine_result r = t->ops->idle(t->engine, clock_wall(), &t->idle_in);

	if (r == ENGINE_OK)
		r = t->ops->tidy(t->engine);
	if (r != ENGINE_OK)
		t->idle_in = 60;
	if (r == ENGINE_SICK)
		set_condition(t, COND_SICK);
}

/* At a stop: what cannot be written is given up, and said. */
static void
give_up(struct store_thread *t)
{
	struct request *r;

	while ((r = STAILQ_FIRST(&t->kept)) != NULL) {
		STAILQ_REMOVE_HEAD(&t->kept, next);
		if (r->kind == REQ_SETTLE)
			log_error("%s: its outcome could not be recorded: %s",
			    r->u.settle.job->queue_id, t->ops->error(t->engine));
		answer(t, r, STORE_FAULT, t->ops->error(t->engine));
	}
}

static bool
turn(struct store_thread *t)
{
	struct request_list taken = STAILQ_HEAD_INITIALIZER(taken);
	bool flushing, quit, idle = wait_for_work(t, &taken);

	if (!STAILQ_EMPTY(&taken) || !STAILQ_EMPTY(&t->todo)) {
		t->idle_in = IDLE_AFTER;
		idle = false;
	}
	(void)well(t);
	sort_in(t, &taken);
	post(t);
	if (!STAILQ_EMPTY(&t->todo) || (has_trouble(t) && clock_mono_ms() >= t->retry_at))
		write_some(t);
	else if (idle && !has_trouble(t))
		housekeeping(t);
	post(t);
	if (t->condition == COND_OK && t->ops->tidy(t->engine) == ENGINE_SICK)
		set_condition(t, COND_SICK);

	pthread_mutex_lock(&t->mutex);
	flushing = t->flushing && STAILQ_EMPTY(&t->inbox) && STAILQ_EMPTY(&t->todo);
	quit = t->quit && STAILQ_EMPTY(&t->inbox);
	pthread_mutex_unlock(&t->mutex);
	if (flushing && has_trouble(t)) {
		t->retry_at = 0;	/* one last try */
		write_some(t);
		give_up(t);
		post(t);
	}
	return !quit;
}

static void *
thread_main(void *arg)
{
	struct store_thread *t = arg;

	while (turn(t))
		;
	return NULL;
}

/* --- the other side ------------------------------------------------------ */
struct store_thread *
store_thread_start(const struct engine_ops *ops, struct store_engine *engine,
    void (*wake)(void *), void *arg)
{
	struct store_thread *t = xcalloc(1, sizeof(*t));
	pthread_condattr_t mono;
	sigset_t all, old;
	int rc;

	t->ops = ops;
	t->engine = engine;
	t->leases = leases_new();
	t->wake = wake;
	t->wake_arg = arg;
	t->idle_in = IDLE_AFTER;
	(void)snprintf(t->health.why, sizeof(t->health.why), "ok");
	t->health.free_bytes = ops->free_bytes(engine);
	STAILQ_INIT(&t->inbox);
	STAILQ_INIT(&t->outbox);
	STAILQ_INIT(&t->todo);
	STAILQ_INIT(&t->kept);
	STAILQ_INIT(&t->answers);
	(void)pthread_mutex_init(&t->mutex, NULL);
	(void)pthread_condattr_init(&mono);
	(void)pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&t->work, &mono);
	(void)pthread_cond_init(&t->quiet, NULL);
	(void)pthread_condattr_destroy(&mono);
	(void)sigfillset(&all);		/* signals are the loop's */
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&t->thread, NULL, thread_main, t);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0)
		return t;
	leases_free(&t->leases);
	free(t);
	return NULL;
}

void
store_thread_submit(struct store_thread *t, struct request *r)
{
	bool sleeping;

	pthread_mutex_lock(&t->mutex);
	STAILQ_INSERT_TAIL(&t->inbox, r, next);
	t->unanswered++;
	sleeping = t->sleeping;
	pthread_mutex_unlock(&t->mutex);
	if (sleeping)
		pthread_cond_signal(&t->work);
}

void
store_thread_collect(struct store_thread *t, struct request_list *to)
{
	pthread_mutex_lock(&t->mutex);
	STAILQ_CONCAT(to, &t->outbox);
	pthread_mutex_unlock(&t->mutex);
}

void
store_thread_flush(struct store_thread *t)
{
	pthread_mutex_lock(&t->mutex);
	t->flushing = true;
	pthread_cond_signal(&t->work);
	while (t->unanswered != 0)
		pthread_cond_wait(&t->quiet, &t->mutex);
	t->flushing = false;
	pthread_mutex_unlock(&t->mutex);
}

void
store_thread_stop(struct store_thread **tp)
{
	struct store_thread *t = *tp;

	if (t == NULL)
		return;
	pthread_mutex_lock(&t->mutex);
	t->quit = true;
	pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->mutex);
	(void)pthread_join(t->thread, NULL);
	t->ops->close(&t->engine);
	leases_free(&t->leases);
	(void)pthread_mutex_destroy(&t->mutex);
	(void)pthread_cond_destroy(&t->work);
	(void)pthread_cond_destroy(&t->quiet);
	free(t);
	*tp = NULL;
}

void
store_thread_health(struct store_thread *t, struct store_health *h)
{
	pthread_mutex_lock(&t->mutex);
	*h = t->health;
	pthread_mutex_unlock(&t->mutex);
}
