/*
 * store.c -- the store's interface, on the loop's thread.
 *
 * Every call makes a request (store_request.h) and submits it to the thread
 * that owns the database (store_thread.c); answers come back through an
 * eventfd, one wake-up for each batch, and their callbacks run here. The
 * database itself is behind store_engine.h.
 *
 * A request is in `pending' from its making until its callback, so that
 * store_forget() finds it wherever it is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/store.h"

#include <sys/eventfd.h>
#include <sys/statvfs.h>

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "queued/store_id.h"
#include "queued/store_intake.h"
#include "queued/store_thread.h"

#define LEASE_MAX	4096	/* messages by one lease */
#define ROOM_MS		1000	/* so long an answer of statvfs() is good */
#define FULL_MS		2000	/* so long intake is refused after a lack of room */

struct store {
	struct store_thread	*thread;
	struct event		*event;
	int			 fd;		/* eventfd: answers wait */
	struct request_pending	 pending;
	int64_t			 last_id;
	bool			 closing;
	int64_t			 ahead;		/* ms: the wall's clock before the monotonic one, so far
						 * as the store knows of it */
	int64_t			 lag;		/* what store_lag() last said */

	char			*directory;
	uint64_t		 reserve;
	uint64_t		 available;	/* on the file system */
	int64_t			 looked_at;	/* monotonic ms; 0 never */
	struct store_health	 health;	/* what store_state() lends from */
};

static const struct engine_ops *const engines[] = { &store_sqlite };

/* --- requests ------------------------------------------------------------ */
void
store_expect(struct store *s, struct request *r)
{
	TAILQ_INSERT_TAIL(&s->pending, r, pending);
}

void
store_hand_over(struct store *s, struct request *r)
{
	store_thread_submit(s->thread, r);
}

void
store_submit(struct store *s, struct request *r)
{
	store_expect(s, r);
	store_hand_over(s, r);
}

/* Runs the callbacks of what is answered; false if nothing was. */
static bool
collect(struct store *s)
{
	struct request_list done = STAILQ_HEAD_INITIALIZER(done);
	struct request *r;
	bool any = false;

	store_thread_collect(s->thread, &done);
	while ((r = STAILQ_FIRST(&done)) != NULL) {
		STAILQ_REMOVE_HEAD(&done, next);
		TAILQ_REMOVE(&s->pending, r, pending);
		request_finish(s, r);
		request_free(&r);
		any = true;
	}
	return any;
}

static void
on_answers(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	(void)what;
	(void)!read(fd, &n, sizeof(n));
	(void)collect(arg);
}

/* On the store's thread. */
static void
wake(void *arg)
{
	const struct store *s = arg;
	uint64_t one = 1;

	(void)!write(s->fd, &one, sizeof(one));
}

void
store_forget(struct store *s, void *arg)
{
	struct request *r;

	TAILQ_FOREACH(r, &s->pending, pending)
		if (r->arg == arg)
			r->forgotten = true;
}

/* --- opening and closing ------------------------------------------------- */
static const struct engine_ops *
engine_named(const char *name)
{
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (strcmp(engines[i]->name, name) == 0)
			return engines[i];
	return NULL;
}

static char *
directory_of(const char *path)
{
	char *copy = xstrdup(path);
	char *dir = xstrdup(dirname(copy));

	free(copy);
	return dir;
}

struct store *
store_open(const struct conf *conf, struct event_base *base, char **why)
{
	const struct engine_ops *ops = engine_named(conf->store != NULL ? conf->store : "sqlite");
	struct store_engine *engine = NULL;
	struct store *s;

	*why = NULL;
	if (ops == NULL) {
		*why = xasprintf("store = %s: there is no such store in this program", conf->store);
		return NULL;
	}
	engine = ops->open(conf, why);
	if (engine == NULL)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	TAILQ_INIT(&s->pending);
	s->directory = directory_of(conf->queue_db);
	s->reserve = conf->queue_reserve;
	s->last_id = ops->last_id(engine);
	s->ahead = clock_offset_ms();
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->event = s->fd < 0 ? NULL
	    : event_new(base, s->fd, EV_READ | EV_PERSIST, on_answers, s);
	if (s->event != NULL && event_add(s->event, NULL) == 0)
		s->thread = store_thread_start(ops, engine, wake, s);
	else
		ops->close(&engine);
	if (s->thread != NULL)
		return s;
	*why = xasprintf("%s: no thread for the store: %s", conf->queue_db, strerror(errno));
	store_close(&s);
	return NULL;
}

void
store_close(struct store **sp)
{
	struct store *s = *sp;

	if (s == NULL)
		return;
	s->closing = true;
	/* Callbacks may submit more; when none ran, all is done. */
	if (s->thread != NULL)
		do
			store_thread_flush(s->thread);
		while (collect(s));
	assert(TAILQ_EMPTY(&s->pending));
	store_thread_stop(&s->thread);
	if (s->event != NULL)
		event_free(s->event);
	if (s->fd >= 0)
		(void)close(s->fd);
	free(s->directory);
	free(s);
	*sp = NULL;
}

/* --- room and health ----------------------------------------------------- */
int64_t
store_new_id(struct store *s)
{
	s->last_id = store_id_next(s->last_id, clock_wall_ms());
	return s->last_id;
}

static void
look(struct store *s)
{
	int64_t now = clock_mono_ms();
	struct statvfs fs;

	if (s->looked_at != 0 && now - s->looked_at < ROOM_MS)
		return;
	s->looked_at = now;
	s->available = statvfs(s->directory, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize
	    : UINT64_MAX;	/* not known: the write itself will tell */
	store_thread_health(s->thread, &s->health);
}

/*
 * Free pages inside of the database count while the file system has at least
 * half of the reserve left: the log needs some of it for a moment.
 */
static bool
room_for(const struct store *s, uint64_t bytes)
{
	uint64_t room = s->available > s->reserve ? s->available - s->reserve : 0;

	if (s->available > s->reserve / 2)
		room = UINT64_MAX - room < s->health.free_bytes ? UINT64_MAX
		    : room + s->health.free_bytes;
	return room > bytes;
}

static bool
was_full(const struct store *s)
{
	return s->health.full_at != 0 && clock_mono_ms() - s->health.full_at < FULL_MS;
}

bool
store_has_room(struct store *s, uint64_t bytes)
{
	look(s);
	return !was_full(s) && room_for(s, bytes);
}

const char *
store_state(const struct store *s)
{
	struct store *fresh = (struct store *)(uintptr_t)s;	/* caches what it lends */

	fresh->looked_at = 0;
	look(fresh);
	if (strcmp(s->health.why, "ok") != 0 && !s->health.stuck && !was_full(s))
		return "ok";	/* nothing was written since there was no room */
	if (strcmp(s->health.why, "ok") == 0 && !room_for(s, 0))
		return "no room: the file system is full but for the reserve";
	return s->health.why;
}

/* --- delivery ------------------------------------------------------------ */
static void
lease(struct store *s, struct engine_lease l, store_lease_cb *cb, void *arg)
{
	struct request *r = request_new(REQ_LEASE, arg);

	r->u.lease.l = l;
	r->u.lease.l.domain = xstrdup(l.domain);
	if (l.max > LEASE_MAX)
		r->u.lease.l.max = LEASE_MAX;
	r->u.lease.lag = store_lag(s);
	r->u.lease.l.now -= r->u.lease.lag;
	r->u.lease.cb = cb;
	if (s->closing) {
		r->answered = true;
		r->result = STORE_FAULT;
	}
	store_submit(s, r);
}

void
store_lease(struct store *s, const char *domain, int64_t now, size_t max, store_lease_cb *cb,
    void *arg)
{
	lease(s, (struct engine_lease) { .domain = domain, .now = now, .max = max }, cb, arg);
}

void
store_lease_aged(struct store *s, const char *domain, int64_t before, bool unwarned, size_t max,
    store_lease_cb *cb, void *arg)
{
	lease(s, (struct engine_lease) { .domain = domain, .now = before, .aged = true,
	    .unwarned = unwarned, .max = max }, cb, arg);
}

void
store_body(struct store *s, int64_t message_id, unsigned seq, store_body_cb *cb, void *arg)
{
	struct request *r = request_new(REQ_BODY, arg);

	r->u.body.id = message_id;
	r->u.body.seq = seq;
	r->u.body.cb = cb;
	store_submit(s, r);
}

void
store_settle(struct store *s, struct job **jp, const struct settle *v, store_done_cb *cb,
    void *arg)
{
	struct request *r = request_settle_all(jp, SETTLE_UNTRIED, NULL);
	int64_t lag = store_lag(s);

	for (size_t i = 0; i < r->u.settle.job->nrcpt; i++) {
		r->u.settle.v[i] = v[i];
		r->u.settle.v[i].reply = xstrdup(v[i].reply);
		r->u.settle.v[i].relay = xstrdup(v[i].relay);
		r->u.settle.v[i].next_attempt -= lag;
	}
	r->arg = arg;
	r->u.settle.cb = cb;
	store_submit(s, r);
}

void
store_domains(struct store *s, store_domains_cb *cb, void *arg)
{
	struct request *r = request_new(REQ_DOMAINS, arg);

	r->u.domains.lag = store_lag(s);
	r->u.domains.cb = cb;
	store_submit(s, r);
}

/* --- the clock ----------------------------------------------------------- */
int64_t
store_lag(struct store *s)
{
	int64_t lag = clock_jump(clock_offset_ms() - s->ahead);

	/*
	 * One jump is one figure: by a second more or less now and then, what a moment ago was made due now
	 * would not be due yet.
	 */
	if (lag == 0 || lag - s->lag > 1 || s->lag - lag > 1)
		s->lag = lag;
	return s->lag;
}

void
store_shift_clock(struct store *s, int64_t delta)
{
	struct request *r = request_new(REQ_SHIFT, NULL);

	s->ahead += delta * 1000;
	r->u.shift.delta = delta;
	store_submit(s, r);
}
