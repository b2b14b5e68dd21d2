/*
 * store_thread.c -- the thread that owns the database, and its two queues.
 *
 *     submit -> inbox -> a turn of store_work.c -> outbox -> wake, collect
 *
 * A turn takes all that waits in the inbox; what it answered is moved to the
 * outbox at once, with a single wake-up. The thread sleeps without a timer unless
 * something must be tried again, or housekeeping is due: IDLE_AFTER seconds
 * after the last work.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/store_thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "common/buf.h"
#include "common/clock.h"
#include "queued/store_work.h"

#define IDLE_AFTER	3	/* seconds */

struct store_thread {
	void			(*wake)(void *);
	void			*wake_arg;
	pthread_t		 thread;

	pthread_mutex_t		 mutex;		/* guards from here ... */
	pthread_cond_t		 work_came;	/* or quit, or flush */
	pthread_cond_t		 quiet;		/* all that was submitted is answered */
	struct request_list	 inbox, outbox;
	bool			 sleeping;
	bool			 flushing, quit;
	size_t			 unanswered;
	struct store_health	 health;	/* ... to here */

	/* the thread's own */
	struct store_work	 work;
	int			 idle_in;	/* seconds until housekeeping; -1 never */
};

/* --- the thread ---------------------------------------------------------- */
static void
post(struct store_thread *t)
{
	struct request *r;
	size_t n = 0;
	bool wake;

	STAILQ_FOREACH(r, &t->work.answers, next)
		n++;
	pthread_mutex_lock(&t->mutex);
	t->health = t->work.health;
	t->health.stuck = store_work_trouble(&t->work);
	t->health.free_bytes = t->work.ops->free_bytes(t->work.engine);
	wake = n != 0 && STAILQ_EMPTY(&t->outbox);
	STAILQ_CONCAT(&t->outbox, &t->work.answers);
	t->unanswered -= n;
	if (t->unanswered == 0)
		pthread_cond_signal(&t->quiet);
	pthread_mutex_unlock(&t->mutex);
	if (wake)
		t->wake(t->wake_arg);
}

/* How many ms the thread may sleep now; -1: until it is woken. */
static int64_t
nap(const struct store_thread *t)
{
	int64_t now = clock_mono_ms();

	if (store_work_trouble(&t->work))
		return t->work.retry_at > now ? t->work.retry_at - now : 0;
	return t->idle_in < 0 ? -1 : (int64_t)t->idle_in * 1000;
}

/* With the mutex held. */
static void
doze(struct store_thread *t, int64_t ms)
{
	struct timespec until;
	int64_t at = clock_mono_ms() + ms;

	t->sleeping = true;
	until.tv_sec = at / 1000;
	until.tv_nsec = at % 1000 * 1000000;
	if (ms < 0)
		(void)pthread_cond_wait(&t->work_came, &t->mutex);
	else
		(void)pthread_cond_timedwait(&t->work_came, &t->mutex, &until);
	t->sleeping = false;
}

/* Is there something that goes on in another step? */
static bool
goes_on(const struct store_thread *t)
{
	return !STAILQ_EMPTY(&t->work.todo) || !STAILQ_EMPTY(&t->work.listings);
}

/* Moves what came to the list, waiting for it if there is nothing to do. False: nothing came. */
static bool
take(struct store_thread *t, struct request_list *taken)
{
	pthread_mutex_lock(&t->mutex);
	if (STAILQ_EMPTY(&t->inbox) && !goes_on(t) && !t->quit && !t->flushing) {
		int64_t ms = nap(t);

		if (ms != 0)
			doze(t, ms);
	}
	STAILQ_CONCAT(taken, &t->inbox);
	pthread_mutex_unlock(&t->mutex);
	return !STAILQ_EMPTY(taken) || goes_on(t);
}

/* False: it was the last turn. */
static bool
turn(struct store_thread *t)
{
	struct request_list taken = STAILQ_HEAD_INITIALIZER(taken);
	struct store_work *w = &t->work;
	bool ending, quit;

	if (take(t, &taken)) {
		t->idle_in = IDLE_AFTER;
		(void)store_work_well(w);
		store_work_sort(w, &taken);
		post(t);
		store_work_write(w);
		store_work_list(w);
	} else if (store_work_trouble(w)) {
		store_work_write(w);
	} else {
		t->idle_in = store_work_idle(w);
	}
	post(t);
	store_work_tidy(w);

	pthread_mutex_lock(&t->mutex);
	ending = (t->flushing || t->quit) && STAILQ_EMPTY(&t->inbox) && !goes_on(t);
	quit = t->quit;
	pthread_mutex_unlock(&t->mutex);
	if (ending) {
		store_work_give_up(w);
		post(t);
	}
	return !(ending && quit);
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
static void
thread_free(struct store_thread *t)
{
	store_work_clear(&t->work);
	(void)pthread_mutex_destroy(&t->mutex);
	(void)pthread_cond_destroy(&t->work_came);
	(void)pthread_cond_destroy(&t->quiet);
	free(t);
}

struct store_thread *
store_thread_start(const struct engine_ops *ops, struct store_engine *engine,
    void (*wake)(void *), void *arg)
{
	struct store_thread *t = xcalloc(1, sizeof(*t));
	pthread_condattr_t mono;
	sigset_t all, old;
	int rc;

	store_work_init(&t->work, ops, engine);
	t->wake = wake;
	t->wake_arg = arg;
	t->idle_in = IDLE_AFTER;
	t->health = t->work.health;
	t->health.free_bytes = ops->free_bytes(engine);
	STAILQ_INIT(&t->inbox);
	STAILQ_INIT(&t->outbox);
	(void)pthread_mutex_init(&t->mutex, NULL);
	(void)pthread_condattr_init(&mono);
	(void)pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&t->work_came, &mono);
	(void)pthread_cond_init(&t->quiet, NULL);
	(void)pthread_condattr_destroy(&mono);
	(void)sigfillset(&all);		/* signals are the loop's */
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&t->thread, NULL, thread_main, t);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0)
		return t;
	thread_free(t);
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
		(void)pthread_cond_signal(&t->work_came);
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
	if (t->unanswered != 0) {
		t->flushing = true;
		(void)pthread_cond_signal(&t->work_came);
		while (t->unanswered != 0)
			(void)pthread_cond_wait(&t->quiet, &t->mutex);
		t->flushing = false;
	}
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
	(void)pthread_cond_signal(&t->work_came);
	pthread_mutex_unlock(&t->mutex);
	(void)pthread_join(t->thread, NULL);
	thread_free(t);
	*tp = NULL;
}

void
store_thread_health(struct store_thread *t, struct store_health *h)
{
	pthread_mutex_lock(&t->mutex);
	*h = t->health;
	pthread_mutex_unlock(&t->mutex);
}
