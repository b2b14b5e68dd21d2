/*
 * store_lab.c -- a store in a directory of its own, and its calls made to wait.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "store_lab.h"

#include <dirent.h>
#include <event2/event.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"

/* --- the place ----------------------------------------------------------- */
int
lab_setup(void **state)
{
	struct lab *l = xcalloc(1, sizeof(*l));
	const char *tmp = getenv("TMPDIR");

	l->dir = xasprintf("%s/t_store.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(l->dir) == NULL)
		return -1;
	l->conf.queue_db = lab_path(l, "");
	l->conf.ledger_retention = 30 * 86400;
	l->base = event_base_new();
	lab_open(l);
	*state = l;
	return 0;
}

int
lab_teardown(void **state)
{
	struct lab *l = *state;
	struct dirent *d;
	DIR *dir;

	store_close(&l->store);
	event_base_free(l->base);
	dir = opendir(l->dir);
	while (dir != NULL && (d = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), d->d_name, 0);
	if (dir != NULL)
		(void)closedir(dir);
	(void)rmdir(l->dir);
	free(l->conf.queue_db);
	free(l->dir);
	free(l);
	return 0;
}

char *
lab_path(const struct lab *l, const char *suffix)
{
	return xasprintf("%s/queue.db%s", l->dir, suffix);
}

void
lab_open(struct lab *l)
{
	char *why = NULL;

	l->store = store_open(&l->conf, l->base, &why);
	if (l->store == NULL)
		fail_msg("store_open: %s", why);
}

void
lab_close(struct lab *l)
{
	store_close(&l->store);
}

void
lab_reopen(struct lab *l)
{
	lab_close(l);
	lab_open(l);
}

char *
lab_refused(struct lab *l)
{
	char *why = NULL;
	struct store *s = store_open(&l->conf, l->base, &why);

	if (s != NULL) {
		store_close(&s);
		fail_msg("store_open went well");
	}
	assert_non_null(why);
	return why;
}

int64_t
lab_sql(const struct lab *l, const char *sql)
{
	sqlite3 *db = NULL;
	int64_t value = 0;

	assert_int_equal(sqlite3_open(l->conf.queue_db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL),
	    SQLITE_OK);		/* store_vfs.c has no shared memory */
	while (*sql != '\0') {
		sqlite3_stmt *st = NULL;

		if (sqlite3_prepare_v2(db, sql, -1, &st, &sql) != SQLITE_OK)
			fail_msg("%s", sqlite3_errmsg(db));
		if (sqlite3_step(st) == SQLITE_ROW)
			value = sqlite3_column_int64(st, 0);
		assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

/* --- the loop ------------------------------------------------------------ */
void
lab_wait(struct lab *l, const volatile int *done)
{
	const struct timeval step = { 0, 20000 };
	int64_t until = clock_mono_ms() + LAB_PATIENCE * 1000;

	while (!*done) {
		(void)event_base_loopexit(l->base, &step);
		(void)event_base_loop(l->base, EVLOOP_ONCE);
		if (clock_mono_ms() > until)
			fail_msg("no callback");
	}
}

void
lab_poll(struct lab *l)
{
	(void)event_base_loop(l->base, EVLOOP_NONBLOCK);
}

/* --- intake -------------------------------------------------------------- */
void
lab_envelope(struct envelope *env, const char *rcpts)
{
	memset(env, 0, sizeof(*env));
	env->sender = xstrdup("sender@example.org");
	env->client.addr = xstrdup("192.0.2.7");
	while (*rcpts != '\0') {
		size_t n = strcspn(rcpts, " ");

		envelope_add_rcpt(env)->address = xstrndup(rcpts, n);
		rcpts += n;
		rcpts += strspn(rcpts, " ");
	}
}

void
lab_on_put(void *arg, enum store_result result, const char *queue_id, const char *why)
{
	struct put *p = arg;

	p->result = result;
	(void)snprintf(p->queue_id, sizeof(p->queue_id), "%s", queue_id);
	if (result != STORE_OK)
		assert_non_null(why);
	p->done++;
}

void
lab_submit(struct lab *l, const char *rcpts, const void *body, size_t len, struct put *p)
{
	struct store_intake *in = store_intake_begin(l->store);
	struct envelope env;

	memset(p, 0, sizeof(*p));
	lab_envelope(&env, rcpts);
	(void)store_intake_write(in, body, len, NULL, NULL);
	store_intake_commit(&in, &env, lab_on_put, p);
	assert_null(in);
	envelope_clear(&env);
}

enum store_result
lab_put(struct lab *l, const char *rcpts, const char *body, char *queue_id)
{
	struct put p;

	lab_submit(l, rcpts, body, strlen(body), &p);
	lab_wait(l, &p.done);
	assert_int_equal(p.done, 1);
	if (queue_id != NULL)
		memcpy(queue_id, p.queue_id, QUEUE_ID_SIZE);
	return p.result;
}

/* --- delivery ------------------------------------------------------------ */
void
lab_on_lease(void *arg, enum store_result result, struct job *jobs, size_t n, int64_t next_due)
{
	struct leased *v = arg;

	v->result = result;
	v->jobs = jobs;
	v->n = n;
	v->next_due = next_due;
	v->done++;
}

void
lab_lease(struct lab *l, const char *domain, int64_t now, size_t max, struct leased *v)
{
	size_t n = 0;

	memset(v, 0, sizeof(*v));
	store_lease(l->store, domain, now, max, lab_on_lease, v);
	lab_wait(l, &v->done);
	for (const struct job *job = v->jobs; job != NULL; job = job->next)
		n++;
	assert_int_equal(n, v->n);
}

struct settled {
	int		 done;
	enum store_result result;
};

static void
on_settle(void *arg, enum store_result result, const char *why)
{
	struct settled *v = arg;

	(void)why;
	v->result = result;
	v->done++;
}

enum store_result
lab_settle_as(struct lab *l, struct job **job, const struct settle *v)
{
	struct settled s = { 0, STORE_OK };

	store_settle(l->store, job, v, on_settle, &s);
	assert_null(*job);
	lab_wait(l, &s.done);
	return s.result;
}

enum store_result
lab_settle(struct lab *l, struct job **job, enum settle_what what, int64_t next)
{
	struct settle *v = xcalloc((*job)->nrcpt, sizeof(*v));
	enum store_result result;

	for (size_t i = 0; i < (*job)->nrcpt; i++)
		v[i] = (struct settle) { .what = what, .next_attempt = next, .code = 450,
			.dsn = "4.2.0", .reply = "later", .relay = "p[192.0.2.1]:25" };
	result = lab_settle_as(l, job, v);
	free(v);
	return result;
}

void
lab_free_jobs(struct lab *l, struct leased *v)
{
	while (v->jobs != NULL) {
		struct job *job = v->jobs;

		v->jobs = job->next;
		assert_int_equal(lab_settle(l, &job, SETTLE_UNTRIED, 0), STORE_OK);
	}
}

struct body {
	int		 done;
	enum store_result result;
	bool		 last;
	struct buf	 buf;
};

static void
on_body(void *arg, enum store_result result, const char *data, size_t len, bool last)
{
	struct body *b = arg;

	b->result = result;
	b->last = last;
	if (result == STORE_OK)
		buf_put(&b->buf, data, len);
	b->done++;
}

char *
lab_body(struct lab *l, int64_t id, size_t *len, enum store_result *result)
{
	struct body b = { 0, STORE_OK, false, BUF_INIT };

	for (unsigned seq = 0; b.result == STORE_OK && !b.last; seq++) {
		b.done = 0;
		store_body(l->store, id, seq, on_body, &b);
		lab_wait(l, &b.done);
	}
	*len = b.buf.len;
	*result = b.result;
	if (b.result == STORE_OK)
		return buf_take(&b.buf);
	buf_free(&b.buf);
	return NULL;
}

/* --- the operator -------------------------------------------------------- */
struct counted {
	int		 done;
	struct store_totals t;
};

static void
on_totals(void *arg, enum store_result result, const struct store_totals *t)
{
	struct counted *c = arg;

	assert_int_equal(result, STORE_OK);
	c->t = *t;
	c->done++;
}

struct store_totals
lab_totals(struct lab *l)
{
	struct counted c = { 0, { 0, 0, 0, 0, 0 } };

	store_totals(l->store, on_totals, &c);
	lab_wait(l, &c.done);
	return c.t;
}

void
lab_on_change(void *arg, enum store_result result, uint64_t n, const char *why)
{
	struct changed *c = arg;

	(void)why;
	c->result = result;
	c->n = n;
	c->done++;
}

enum store_result
lab_change(struct lab *l, enum store_change what, const struct store_filter *f, uint64_t *n)
{
	struct changed c = { 0, STORE_OK, 0 };

	store_change(l->store, what, f, "operator", lab_on_change, &c);
	lab_wait(l, &c.done);
	*n = c.n;
	return c.result;
}
