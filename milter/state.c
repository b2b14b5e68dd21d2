/*
 * state.c -- what the milter remembers, in a file.
 *
 * A round, about once a second on a thread of its own: copies of what has changed are taken, a batch of
 * each kind, and written in one transaction. A batch that could not be written is kept and written first
 * the next time; meanwhile changes wait where they are, in memory whose size is bounded anyway.
 *
 *	busy, no room	the same batch in the next round
 *	fault		the connection is closed, and opened anew (P7: nothing is retried on it)
 *	damaged		the file is renamed, a new one begun, everything written to it
 *	not ours	no file; looked at again now and then
 *
 * None of this is any session's business: without a file all works, until the end. Each trouble is logged
 * when it begins and when it is over.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include "milter/state.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "milter/counters.h"
#include "milter/greylist.h"
#include "milter/limits.h"
#include "milter/memory.h"
#include "milter/service.h"
#include "milter/state_batch.h"
#include "milter/state_db.h"

#define ROUND_MS	1000
#define PULSE_MS	5000	/* `updated' is written at least so often */
#define TRIM_MS		60000
#define OPEN_MS		10000	/* between two tries to open a file that cannot be used */
#define BUSY_ROUNDS	10	/* until a reader that does not let go is told of */

struct state {
	char		*path;
	struct memory	*memory[STATE_DB_TABLES];
	struct counters	*counters;
	char		 pid[24], started[24];
	pthread_t	 thread;
	bool		 running;

	pthread_mutex_t	 lock;		/* guards what follows up to the next blank line */
	pthread_cond_t	 wake;
	bool		 stop;
	int64_t		 alive;		/* wall s of the main loop's last sign of life */
	char		*rules;
	bool		 rules_changed;

	struct state_db	*db;		/* the thread's, once it runs */
	struct state_batch *batch;
	char		*trouble;	/* that was told of; NULL: none */
	unsigned	 busy;		/* rounds in a row */
	int64_t		 next_open, next_pulse, next_trim;	/* mono ms */
};

/* --- trouble ------------------------------------------------------------------------------------- */

static void
trouble(struct state *s, const char *what, const char *advice)
{
	if (s->trouble == NULL)
		log_error("%s: %s: what the milter learns stays in memory, and is lost when it ends before "
			  "this is mended; %s", s->path, what, advice);
	free(s->trouble);
	s->trouble = xstrdup(what);
}

static void
relief(struct state *s)
{
	s->busy = 0;
	if (s->trouble == NULL)
		return;
	log_info("%s: is written again", s->path);
	free(s->trouble);
	s->trouble = NULL;
}

/* --- opening --------------------------------------------------------------------------------------- */

static void
write_everything(struct state *s)
{
	for (size_t i = 0; i < STATE_DB_TABLES; i++)
		memory_all_changed(s->memory[i]);
	counters_all_changed(s->counters);
}

/* False: it cannot even be renamed. */
static bool
set_aside(struct state *s, const char *why)
{
	char *aside = NULL, *text;
	bool done = state_db_set_aside(s->path, &aside) == 0;

	if (done) {
		log_error("%s: it is damaged (%s): renamed to %s, and begun anew; delete that when you have "
			  "looked at it", s->path, why, aside);
	} else {
		text = xasprintf("it is damaged (%s) and cannot be renamed: %s", why, strerror(errno));
		trouble(s, text, "remove it");
		free(text);
	}
	free(aside);
	return done;
}

static void
open_db(struct state *s)
{
	enum state_db_result r;
	bool created = false;
	char *why = NULL;

	s->next_open = clock_mono_ms() + OPEN_MS;
	s->db = state_db_open(s->path, &created, &r, &why);
	if (s->db == NULL && r == DB_DAMAGED && set_aside(s, why)) {
		free(why);
		s->db = state_db_open(s->path, &created, &r, &why);
	}
	if (s->db == NULL && r != DB_DAMAGED)
		trouble(s, why, r == DB_FOREIGN ? "move it away, or name another file as state_db" :
		    r == DB_FULL ? "make room" : "the milter's user must be able to write there");
	if (s->db != NULL && created)
		write_everything(s);
	s->next_pulse = 0;
	free(why);
}

static void
close_db(struct state *s)
{
	state_db_close(&s->db);
	s->next_open = 0;
}

/* Before the first session. What is damaged half-way has been read up to there. */
static void
load(struct state *s)
{
	enum state_db_result r = DB_OK;
	int64_t now = clock_wall_us();

	for (int i = 0; r == DB_OK && i < STATE_DB_TABLES; i++)
		r = state_db_load(s->db, (enum state_db_table)i, s->memory[i], now);
	if (r == DB_OK)
		r = state_db_load_counters(s->db, s->counters);
	if (r == DB_OK)
		return;
	if (r == DB_DAMAGED) {
		char *why = xstrdup(state_db_error(s->db));

		close_db(s);
		if (set_aside(s, why))
			open_db(s);
		free(why);
		return;
	}
	trouble(s, state_db_error(s->db), "clients come for the first time again");
	close_db(s);
}

/* --- a round ----------------------------------------------------------------------------------------- */

static enum state_db_result
put_status(struct state *s)
{
	enum state_db_result r;
	char alive[24], *rules;

	(void)pthread_mutex_lock(&s->lock);
	(void)snprintf(alive, sizeof(alive), "%lld", (long long)s->alive);
	rules = xstrdup(s->rules);
	s->rules_changed = false;
	(void)pthread_mutex_unlock(&s->lock);
	if ((r = state_db_status(s->db, "pid", s->pid)) == DB_OK &&
	    (r = state_db_status(s->db, "started", s->started)) == DB_OK &&
	    (r = state_db_status(s->db, "version", PACKAGE_VERSION)) == DB_OK &&
	    (r = state_db_status(s->db, "stopped", "0")) == DB_OK &&
	    (r = state_db_status(s->db, "rules", rules)) == DB_OK)
		r = state_db_status(s->db, "updated", alive);
	free(rules);
	return r;
}

static enum state_db_result
put_end(struct state *s)
{
	char now[24];

	(void)snprintf(now, sizeof(now), "%lld", (long long)clock_wall());
	return state_db_stopped(s->db, s->pid, now);
}

static enum state_db_result
transaction(struct state *s, bool last)
{
	enum state_db_result r = state_db_begin(s->db);

	if (r == DB_OK)
		r = state_batch_put(s->batch, s->db, clock_wall());
	if (r == DB_OK)
		r = last ? put_end(s) : put_status(s);
	if (r == DB_OK)
		r = state_db_commit(s->db);
	if (r == DB_OK)
		state_batch_drop(s->batch);
	return r;
}

/* After a transaction that failed. */
static void
recover(struct state *s, enum state_db_result r)
{
	char *why = xstrdup(state_db_error(s->db));

	state_db_rollback(s->db);
	switch (r) {
	case DB_OK:
		break;
	case DB_BUSY:
		if (++s->busy == BUSY_ROUNDS)
			trouble(s, "another program keeps it locked", "end that program");
		break;
	case DB_FULL:
		trouble(s, why, "make room");
		break;
	case DB_FAULT:
	case DB_FOREIGN:
		trouble(s, why, "look for what the system says of that disk");
		close_db(s);
		break;
	case DB_DAMAGED:
		close_db(s);
		(void)set_aside(s, why);
		break;
	}
	free(why);
}

/* Is there a file? Also sees to it that there is one, now and then. */
static bool
have_db(struct state *s)
{
	if (s->db != NULL && !state_db_is_there(s->db)) {
		log_warn("%s: it was removed or replaced: begun anew", s->path);
		close_db(s);
		open_db(s);
		write_everything(s);
	}
	if (s->db == NULL && clock_mono_ms() >= s->next_open)
		open_db(s);
	return s->db != NULL;
}

static bool
is_due(struct state *s)
{
	bool due;

	(void)pthread_mutex_lock(&s->lock);
	due = s->rules_changed;
	(void)pthread_mutex_unlock(&s->lock);
	return due || clock_mono_ms() >= s->next_pulse;
}

static void
trim(struct state *s)
{
	enum state_db_result r = DB_OK;

	if (clock_mono_ms() < s->next_trim)
		return;
	s->next_trim = clock_mono_ms() + TRIM_MS;
	for (int i = 0; r == DB_OK && i < STATE_DB_TABLES; i++)
		r = state_db_trim(s->db, (enum state_db_table)i, memory_bound(s->memory[i]), clock_wall_us());
	if (r != DB_OK && r != DB_BUSY)
		recover(s, r);
}

/* Everything that has changed up to now, batch by batch. */
static void
write_round(struct state *s, bool last)
{
	enum state_db_result r;
	bool more;

	if (!have_db(s))
		return;
	do {
		more = state_batch_take(s->batch, s->memory, s->counters);
		if (!more && !last && !is_due(s))
			break;
		if ((r = transaction(s, last)) != DB_OK) {
			recover(s, r);
			return;
		}
		relief(s);
		s->next_pulse = clock_mono_ms() + PULSE_MS;
	} while (more);
	if (!last)
		trim(s);
}

/* --- the thread ---------------------------------------------------------------------------------------- */

/* True: it is time to end. */
static bool
pause_or_stop(struct state *s)
{
	int64_t until = clock_mono_ms() + ROUND_MS;
	struct timespec ts = { (time_t)(until / 1000), (long)(until % 1000) * 1000000 };
	bool stop;

	(void)pthread_mutex_lock(&s->lock);
	while (!s->stop && clock_mono_ms() < until)
		(void)pthread_cond_timedwait(&s->wake, &s->lock, &ts);
	stop = s->stop;
	(void)pthread_mutex_unlock(&s->lock);
	return stop;
}

static void *
writer(void *arg)
{
	struct state *s = arg;

	do
		write_round(s, false);
	while (!pause_or_stop(s));
	write_round(s, true);
	return NULL;
}

/* --- the outside --------------------------------------------------------------------------------- */

static void
find_memory(struct service *service, struct memory *memory[STATE_DB_TABLES])
{
	memory[DB_BUCKETS] = limits_buckets(service_limits(service));
	memory[DB_LOCKOUTS] = limits_lockouts(service_limits(service));
	memory[DB_GREYLIST] = greylist_triplets(service_greylist(service));
	memory[DB_NETWORKS] = greylist_networks(service_greylist(service));
}

void
state_peek(const char *path, struct service *service)
{
	struct state_db *db = state_db_look(path);
	struct memory *memory[STATE_DB_TABLES];

	if (db == NULL)
		return;
	find_memory(service, memory);
	for (int i = 0; i < STATE_DB_TABLES; i++)
		(void)state_db_load(db, (enum state_db_table)i, memory[i], clock_wall_us());
	state_db_close(&db);
}

/* Signals are the main thread's. */
static void
start_thread(struct state *s)
{
	sigset_t all, old;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	s->running = pthread_create(&s->thread, NULL, writer, s) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!s->running)
		trouble(s, "no thread to write it", "look at the limits of this process");
}

struct state *
state_open(const char *path, struct service *service)
{
	struct state *s = xcalloc(1, sizeof(*s));
	pthread_condattr_t attr;

	s->path = xstrdup(path);
	find_memory(service, s->memory);
	s->counters = service_counters(service);
	s->alive = clock_wall();
	s->rules = xstrdup("ok");
	(void)snprintf(s->pid, sizeof(s->pid), "%ld", (long)getpid());
	(void)snprintf(s->started, sizeof(s->started), "%lld", (long long)s->alive);
	s->batch = state_batch_new();
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->wake, &attr);
	(void)pthread_condattr_destroy(&attr);

	open_db(s);
	if (s->db != NULL)
		load(s);
	start_thread(s);
	return s;
}

void
state_alive(struct state *s, const char *rules)
{
	(void)pthread_mutex_lock(&s->lock);
	s->alive = clock_wall();
	if (strcmp(s->rules, rules) != 0) {
		free(s->rules);
		s->rules = xstrdup(rules);
		s->rules_changed = true;
	}
	(void)pthread_mutex_unlock(&s->lock);
}

void
state_close(struct state **sp)
{
	struct state *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->stop = true;
	(void)pthread_cond_signal(&s->wake);
	(void)pthread_mutex_unlock(&s->lock);
	if (s->running)
		(void)pthread_join(s->thread, NULL);
	state_db_close(&s->db);
	state_batch_free(&s->batch);
	(void)pthread_cond_destroy(&s->wake);
	(void)pthread_mutex_destroy(&s->lock);
	free(s->trouble);
	free(s->rules);
	free(s->path);
	free(s);
}
