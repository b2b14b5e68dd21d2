/*
 * state_db.c -- state.db's writer.
 *
 * The rollback journal and synchronous=NORMAL: what is lost with the power are records that clients make
 * again, and readers come and go without leaving files of their own.
 *
 * Invariants: every statement that writes is inside of a transaction that ends in COMMIT or ROLLBACK; a
 * connection that gave DB_FAULT is only closed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/state_db.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/state_read.h"
#include "milter/counters.h"

#define WAIT_MS		2000	/* for a reader */
#define FILE_MODE	0640
#define COUNTER_AGE	(400 * 86400)	/* s without a change: the rule is gone */

struct state_db {
	char		*path;
	sqlite3		*db;
	dev_t		 dev;
	ino_t		 ino;
	sqlite3_stmt	*put[STATE_DB_TABLES];
	sqlite3_stmt	*counter, *status, *stopped;
};

/* A record's texts go into columns, its numbers into those after `until' in the order of their use. */
#define TEXT(c)		c " = coalesce(excluded." c ", " c ")"
#define NEW(c)		c " = excluded." c
static const struct {
	const char	*name;
	int		 ntexts, nnumbers;
	const char	*load, *put;	/* put: key, until, updated, texts, numbers */
} tables[STATE_DB_TABLES] = {
	[DB_BUCKETS] = { "bucket", 3, 0,
	    "SELECT key, until FROM bucket WHERE until > ?1 ORDER BY updated",
	    "INSERT INTO bucket (key, until, updated, what, per, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
	    " ON CONFLICT (key) DO UPDATE SET " NEW("until") ", " NEW("updated") ", " TEXT("what") ", "
	    TEXT("per") ", " TEXT("value") },
	[DB_LOCKOUTS] = { "lockout", 1, 2,
	    "SELECT key, until, since, what FROM lockout WHERE until > ?1 ORDER BY updated",
	    "INSERT INTO lockout (key, until, updated, client, since, what) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
	    " ON CONFLICT (key) DO UPDATE SET " NEW("until") ", " NEW("updated") ", " TEXT("client") ", "
	    NEW("since") ", " NEW("what") },
	[DB_GREYLIST] = { "greylist", 3, 3,
	    "SELECT key, until, since, last, passes FROM greylist WHERE until > ?1 ORDER BY updated",
	    "INSERT INTO greylist (key, until, updated, network, sender, recipient, since, last, passes)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (key) DO UPDATE SET " NEW("until") ", "
	    NEW("updated") ", " TEXT("network") ", " TEXT("sender") ", " TEXT("recipient") ", "
	    NEW("since") ", " NEW("last") ", " NEW("passes") },
	[DB_NETWORKS] = { "greylist_network", 1, 3,
	    "SELECT key, until, since, last, passes FROM greylist_network WHERE until > ?1 ORDER BY updated",
	    "INSERT INTO greylist_network (key, until, updated, network, since, last, passes)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (key) DO UPDATE SET " NEW("until") ", "
	    NEW("updated") ", " TEXT("network") ", " NEW("since") ", " NEW("last") ", " NEW("passes") },
};

/* --- errors --------------------------------------------------------------------------------- */

static enum state_db_result
result(const struct state_db *d)
{
	int e;

	switch (sqlite3_errcode(d->db)) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return DB_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return DB_BUSY;
	case SQLITE_FULL:
		return DB_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return DB_DAMAGED;
	case SQLITE_IOERR:
		/* A quota or a file size limit is "no room" too. */
		e = sqlite3_system_errno(d->db);
		return e == ENOSPC || e == EDQUOT || e == EFBIG ? DB_FULL : DB_FAULT;
	default:
		return DB_FAULT;
	}
}

const char *
state_db_error(const struct state_db *d)
{
	return sqlite3_errmsg(d->db);
}

static char *
explain(const struct state_db *d)
{
	int e = sqlite3_system_errno(d->db);

	return xasprintf("%s%s%s", sqlite3_errmsg(d->db), e != 0 ? ": " : "", e != 0 ? strerror(e) : "");
}

static enum state_db_result
exec(struct state_db *d, const char *sql)
{
	return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? DB_OK : result(d);
}

static enum state_db_result
prepare(struct state_db *d, const char *sql, sqlite3_stmt **st)
{
	int rc = sqlite3_prepare_v2(d->db, sql, -1, st, NULL);

	/* No such table or column: half of our schema. */
	return rc == SQLITE_OK ? DB_OK : rc == SQLITE_ERROR ? DB_DAMAGED : result(d);
}

/* Runs a statement that gives no rows. Binding fails only for lack of memory, which the step tells. */
static enum state_db_result
run(struct state_db *d, sqlite3_stmt *st)
{
	enum state_db_result r = sqlite3_step(st) == SQLITE_DONE ? DB_OK : result(d);

	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return r;
}

static enum state_db_result
number(struct state_db *d, const char *sql, int64_t *n)
{
	sqlite3_stmt *st = NULL;
	enum state_db_result r = prepare(d, sql, &st);

	if (r == DB_OK) {
		r = sqlite3_step(st) == SQLITE_ROW ? DB_OK : result(d);
		*n = sqlite3_column_int64(st, 0);
	}
	(void)sqlite3_finalize(st);
	return r;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Makes the file, so that it has our mode from the first byte on. */
static enum state_db_result
make_file(const char *path, char **why)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

	if (fd == -1) {
		*why = xstrdup(strerror(errno));
		return DB_FAULT;
	}
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		*why = xstrdup("it is not a file");
		(void)close(fd);
		return DB_FOREIGN;
	}
	(void)close(fd);	/* nobody has a lock on it through this process yet */
	return DB_OK;
}

static enum state_db_result
create(struct state_db *d)
{
	char *sql = xasprintf("BEGIN IMMEDIATE;\n%s\nCOMMIT;", state_schema);
	enum state_db_result r = exec(d, sql);

	free(sql);
	if (r != DB_OK)
		state_db_rollback(d);
	return r;
}

/* Ours, of a version that we know? Later versions get their steps from the one before here. */
static enum state_db_result
identify(struct state_db *d, bool *created, char **why)
{
	int64_t id = 0, version = 0, objects = 0;
	enum state_db_result r;

	if ((r = number(d, "PRAGMA application_id", &id)) != DB_OK ||
	    (r = number(d, "PRAGMA user_version", &version)) != DB_OK ||
	    (r = number(d, "SELECT count(*) FROM sqlite_schema", &objects)) != DB_OK)
		return r;
	if (id == 0 && version == 0 && objects == 0) {
		*created = true;
		return create(d);
	}
	if (id != STATE_APPLICATION_ID) {
		*why = xstrdup("it is not a state database of Holdfast");
		return DB_FOREIGN;
	}
	if (version < 1 || version > STATE_SCHEMA_VERSION) {
		*why = xasprintf("its version is %lld, and this program knows %d", (long long)version,
		    STATE_SCHEMA_VERSION);
		return DB_FOREIGN;
	}
	return DB_OK;
}

static enum state_db_result
prepare_all(struct state_db *d)
{
	enum state_db_result r = DB_OK;

	for (size_t i = 0; r == DB_OK && i < STATE_DB_TABLES; i++)
		r = prepare(d, tables[i].put, &d->put[i]);
	if (r == DB_OK)
		r = prepare(d, "INSERT INTO counter (name, seen, hit, would, updated)"
		    " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO UPDATE SET "
		    NEW("seen") ", " NEW("hit") ", " NEW("would") ", " NEW("updated"), &d->counter);
	if (r == DB_OK)
		r = prepare(d, "INSERT INTO status (name, value) VALUES (?1, ?2)"
		    " ON CONFLICT (name) DO UPDATE SET " NEW("value"), &d->status);
	if (r == DB_OK)
		r = prepare(d, "UPDATE status SET value = ?2 WHERE name = 'stopped'"
		    " AND (SELECT value FROM status WHERE name = 'pid') = ?1", &d->stopped);
	return r;
}

static void
harden(struct state_db *d)
{
	(void)sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(d->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_busy_timeout(d->db, WAIT_MS);
}

struct state_db *
state_db_open(const char *path, bool *created, enum state_db_result *r, char **why)
{
	struct state_db *d = xcalloc(1, sizeof(*d));
	struct stat st;

	*created = false;
	*why = NULL;
	d->path = xstrdup(path);
	if ((*r = make_file(path, why)) != DB_OK)
		goto fail;
	if (sqlite3_open_v2(path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		*r = result(d);
		goto fail;
	}
	harden(d);
	if ((*r = identify(d, created, why)) != DB_OK ||
	    (*r = exec(d, "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = NORMAL;"
		"PRAGMA cache_size = -8000")) != DB_OK || (*r = prepare_all(d)) != DB_OK)
		goto fail;
	if (stat(path, &st) == 0) {
		d->dev = st.st_dev;
		d->ino = st.st_ino;
	}
	return d;

fail:
	if (*why == NULL)
		*why = explain(d);
	state_db_close(&d);
	return NULL;
}

struct state_db *
state_db_look(const char *path)
{
	struct state_db *d = xcalloc(1, sizeof(*d));
	int64_t id = 0, version = 0;

	d->path = xstrdup(path);
	if (sqlite3_open_v2(path, &d->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
		harden(d);
		if (number(d, "PRAGMA application_id", &id) == DB_OK && id == STATE_APPLICATION_ID &&
		    number(d, "PRAGMA user_version", &version) == DB_OK && version == STATE_SCHEMA_VERSION)
			return d;
	}
	state_db_close(&d);
	return NULL;
}

void
state_db_close(struct state_db **dp)
{
	struct state_db *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	for (size_t i = 0; i < STATE_DB_TABLES; i++)
		(void)sqlite3_finalize(d->put[i]);
	(void)sqlite3_finalize(d->counter);
	(void)sqlite3_finalize(d->status);
	(void)sqlite3_finalize(d->stopped);
	(void)sqlite3_close(d->db);
	free(d->path);
	free(d);
}

bool
state_db_is_there(const struct state_db *d)
{
	struct stat st;

	return stat(d->path, &st) == 0 && st.st_dev == d->dev && st.st_ino == d->ino;
}

/* The journal first: beside a new file it would be taken for that one's. */
int
state_db_set_aside(const char *path, char **aside)
{
	char when[32], *journal = xasprintf("%s-journal", path), *journal_aside;
	time_t now = time(NULL);
	struct tm tm;
	int rc;

	(void)strftime(when, sizeof(when), "%Y%m%d%H%M%S", gmtime_r(&now, &tm));
	*aside = xasprintf("%s.damaged-%s", path, when);
	journal_aside = xasprintf("%s-journal", *aside);
	rc = rename(journal, journal_aside) == -1 && errno != ENOENT ? -1 : rename(path, *aside);
	free(journal);
	free(journal_aside);
	return rc;
}

/* --- loading ----------------------------------------------------------------------------------- */

static bool
take_key(sqlite3_stmt *st, struct memory_key *key)
{
	const void *blob = sqlite3_column_blob(st, 0);

	if (blob == NULL || sqlite3_column_bytes(st, 0) != MEMORY_KEY_SIZE)
		return false;
	memcpy(key->b, blob, MEMORY_KEY_SIZE);
	return true;
}

enum state_db_result
state_db_load(struct state_db *d, enum state_db_table table, struct memory *m, int64_t now)
{
	sqlite3_stmt *st = NULL;
	enum state_db_result r = prepare(d, tables[table].load, &st);
	int rc = SQLITE_DONE;

	if (r == DB_OK)
		(void)sqlite3_bind_int64(st, 1, now);
	while (r == DB_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct memory_record record = { .until = sqlite3_column_int64(st, 1) };

		for (int i = 0; i < tables[table].nnumbers; i++)
			record.n[i] = sqlite3_column_int64(st, 2 + i);
		if (take_key(st, &record.key))
			memory_load(m, &record);
	}
	if (r == DB_OK && rc != SQLITE_DONE)
		r = result(d);
	(void)sqlite3_finalize(st);
	return r;
}

enum state_db_result
state_db_load_counters(struct state_db *d, struct counters *counters)
{
	sqlite3_stmt *st = NULL;
	enum state_db_result r = prepare(d, "SELECT name, seen, hit, would FROM counter", &st);
	int rc = SQLITE_DONE;

	while (r == DB_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		uint64_t n[NCOUNTERS];

		for (int i = 0; i < NCOUNTERS; i++)
			n[i] = (uint64_t)sqlite3_column_int64(st, 1 + i);
		if (sqlite3_column_text(st, 0) != NULL)
			counters_load(counters, (const char *)sqlite3_column_text(st, 0), n);
	}
	if (r == DB_OK && rc != SQLITE_DONE)
		r = result(d);
	(void)sqlite3_finalize(st);
	return r;
}

/* --- writing ------------------------------------------------------------------------------------- */

enum state_db_result
state_db_begin(struct state_db *d)
{
	return exec(d, "BEGIN IMMEDIATE");
}

enum state_db_result
state_db_commit(struct state_db *d)
{
	return exec(d, "COMMIT");
}

void
state_db_rollback(struct state_db *d)
{
	if (!sqlite3_get_autocommit(d->db))
		(void)sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
}

/* The texts, apart by LF; columns without one become NULL. */
static void
bind_texts(sqlite3_stmt *st, int at, const char *text, int n)
{
	for (int i = 0; i < n && text != NULL; i++) {
		size_t len = i + 1 < n ? strcspn(text, "\n") : strlen(text);

		(void)sqlite3_bind_text(st, at + i, text, (int)len, SQLITE_STATIC);
		text = text[len] == '\n' ? text + len + 1 : NULL;
	}
}

enum state_db_result
state_db_put(struct state_db *d, enum state_db_table table, const struct memory_record *r, int64_t now)
{
	sqlite3_stmt *st = d->put[table];

	(void)sqlite3_bind_blob(st, 1, r->key.b, MEMORY_KEY_SIZE, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 2, r->until);
	(void)sqlite3_bind_int64(st, 3, now);
	bind_texts(st, 4, r->text, tables[table].ntexts);
	for (int i = 0; i < tables[table].nnumbers; i++)
		(void)sqlite3_bind_int64(st, 4 + tables[table].ntexts + i, r->n[i]);
	return run(d, st);
}

enum state_db_result
state_db_counter(struct state_db *d, const char *name, const uint64_t *n, int64_t now)
{
	(void)sqlite3_bind_text(d->counter, 1, name, -1, SQLITE_STATIC);
	for (int i = 0; i < NCOUNTERS; i++)
		(void)sqlite3_bind_int64(d->counter, 2 + i, (int64_t)n[i]);
	(void)sqlite3_bind_int64(d->counter, 2 + NCOUNTERS, now);
	return run(d, d->counter);
}

enum state_db_result
state_db_status(struct state_db *d, const char *name, const char *value)
{
	(void)sqlite3_bind_text(d->status, 1, name, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(d->status, 2, value, -1, SQLITE_STATIC);
	return run(d, d->status);
}

enum state_db_result
state_db_stopped(struct state_db *d, const char *pid, const char *when)
{
	(void)sqlite3_bind_text(d->stopped, 1, pid, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(d->stopped, 2, when, -1, SQLITE_STATIC);
	return run(d, d->stopped);
}

/* --- bounds ---------------------------------------------------------------------------------------- */

static enum state_db_result
trim_sql(struct state_db *d, const char *sql, int64_t n)
{
	sqlite3_stmt *st = NULL;
	enum state_db_result r = prepare(d, sql, &st);

	if (r == DB_OK) {
		(void)sqlite3_bind_int64(st, 1, n);
		r = run(d, st);
	}
	(void)sqlite3_finalize(st);
	return r;
}

enum state_db_result
state_db_trim(struct state_db *d, enum state_db_table table, size_t bound, int64_t now)
{
	const char *name = tables[table].name;
	char *over = xasprintf("DELETE FROM %s WHERE until <= ?1", name);
	char *oldest = xasprintf("DELETE FROM %s WHERE key IN (SELECT key FROM %s ORDER BY updated LIMIT ?1)",
	    name, name);
	char *count = xasprintf("SELECT count(*) FROM %s", name);
	enum state_db_result r = state_db_begin(d);
	int64_t n = 0;

	if (r == DB_OK)
		r = trim_sql(d, over, now);
	if (r == DB_OK)
		r = number(d, count, &n);
	/* In strokes of a tenth: finding the oldest means reading them all. */
	if (r == DB_OK && bound != 0 && (uint64_t)n > bound + bound / 10)
		r = trim_sql(d, oldest, n - (int64_t)bound);
	if (r == DB_OK && table == DB_BUCKETS)
		r = trim_sql(d, "DELETE FROM counter WHERE updated < ?1", now / 1000000 - COUNTER_AGE);
	if (r == DB_OK)
		r = state_db_commit(d);
	if (r != DB_OK)
		state_db_rollback(d);
	free(over);
	free(oldest);
	free(count);
	return r;
}
