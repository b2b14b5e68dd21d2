/*
 * store_sqlite_open.c -- opening, creating, migrating and recovering queue.db.
 *
 * After a failed write or fsync (P7, S3). The kernel may have dropped the
 * pages it could not write and call them clean, so a second fsync that succeeds says
 * nothing. What is known: all frames of the log up to the last COMMIT that
 * returned OK were synced then (wal_good), and the database file is only ever
 * written from the log. So recovery
 *   1. closes the connection without a checkpoint: no handle is used again;
 *   2. cuts the log to wal_good, so that the transaction which failed, and was
 *      answered so, cannot come back by a replay (a log that had been
 *      copied into the database whole is emptied);
 *   3. opens anew: the log is read back and its checksums verified;
 *   4. checkpoints with TRUNCATE: every page in the log is written to the
 *      database again and synced, then the log starts empty. Only if this succeeds
 *      is there new work; new frames are never put behind doubtful ones.
 * A crash before step 2 may bring back a message that was refused with 4xx; its client sends it
 * again then: a duplicate, never a loss.
 *
 * A checkpoint that fails leaves the log as it was; the next one rewrites all pages.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "queued/store_sqlite.h"

#define WAL_HEADER	32
#define WAL_FRAME	24	/* before each page */

/* migration[n] leads from version n to n + 1. */
static const char *const migration[] = {
#include "queued/schema.inc"
};
#define VERSION	((int64_t)(sizeof(migration) / sizeof(migration[0])))

static enum engine_result
run(struct store_engine *e, const char *sql)
{
	return sq_result(e, sqlite3_exec(e->db, sql, NULL, NULL, NULL), sql);
}

/* The number that a statement of our own answers with. */
static enum engine_result
ask(struct store_engine *e, const char *sql, int64_t *value)
{
	sqlite3_stmt *st;
	enum engine_result r;

	r = sq_result(e, sqlite3_prepare_v2(e->db, sql, -1, &st, NULL), sql);
	if (r == ENGINE_OK)
		r = sq_number(e, st, value);
	(void)sqlite3_finalize(st);
	return r;
}

/* After each COMMIT: how far the log is good. */
static int
committed(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store_engine *e = arg;

	(void)db;
	(void)name;
	e->wal_pages = pages;
	e->wal_good = WAL_HEADER + pages * (WAL_FRAME + e->page_size);
	e->wal_spent = false;
	return SQLITE_OK;
}

/* --- a connection -------------------------------------------------------- */
static void
detach(struct store_engine *e)
{
	int rc;

	sq_finalize(e);
	if (e->db == NULL)
		return;
	(void)sqlite3_db_config(e->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, e->sound ? 0 : 1, NULL);
	rc = sqlite3_close(e->db);
	assert(rc == SQLITE_OK);
	(void)rc;
	e->db = NULL;
}

static enum engine_result
attach(struct store_engine *e)
{
	enum engine_result r;

	e->sound = false;	/* until it is proved: a close must not write */
	r = sq_result(e, sqlite3_open_v2(e->path, &e->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL), "open");
	if (r != ENGINE_OK)
		return r;
	(void)sqlite3_extended_result_codes(e->db, 1);
	(void)sqlite3_db_config(e->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(e->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(e->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(e->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	(void)sqlite3_wal_hook(e->db, committed, e);	/* and no checkpoints but ours */
	return run(e, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;"
	    " PRAGMA temp_store = MEMORY; PRAGMA secure_delete = FAST; PRAGMA mmap_size = 0;"
	    " PRAGMA journal_size_limit = 67108864");
}

static enum engine_result
prepare(struct store_engine *e)
{
	for (size_t i = 0; i < SQL_COUNT; i++) {
		enum engine_result r = sq_result(e, sqlite3_prepare_v3(e->db, store_sql[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &e->stmt[i], NULL), store_sql[i]);

		if (r != ENGINE_OK)
			return r;
	}
	return ENGINE_OK;
}

/* More pages said to exist than the file and the log together can hold? */
static enum engine_result
size_check(struct store_engine *e)
{
	char *wal = xasprintf("%s-wal", e->path);
	enum engine_result r;
	struct stat st, wst;
	int64_t pages, in_wal;

	r = ask(e, "PRAGMA page_count", &pages);
	in_wal = stat(wal, &wst) == 0 ? wst.st_size / (WAL_FRAME + e->page_size) : 0;
	free(wal);
	if (r != ENGINE_OK)
		return r;
	if (fstat(e->fd, &st) != 0)
		return sq_result(e, SQLITE_IOERR_FSTAT, "stat");
	if (st.st_size / e->page_size + in_wal >= pages)
		return ENGINE_OK;
	(void)snprintf(e->error, sizeof(e->error), "%s: is truncated: %lld bytes of %lld", e->path,
	    (long long)st.st_size, (long long)(pages * e->page_size));
	return ENGINE_SICK;
}

/* Brings the log home (step 4 above). A full disk is no damage: the log is synced and stays. */
static enum engine_result
settle_log(struct store_engine *e)
{
	enum engine_result r = sq_checkpoint(e, SQLITE_CHECKPOINT_TRUNCATE);

	if (r == ENGINE_FULL) {
		log_warn("store: %s: the log stays until there is room", e->error);
		r = ENGINE_OK;
	}
	return r;
}

/* What must be known before the first statement: page size, and a cache bounded in bytes. */
static enum engine_result
measure(struct store_engine *e)
{
	enum engine_result r = ask(e, "PRAGMA page_size", &e->page_size);
	char sql[64];

	if (r != ENGINE_OK)
		return r;
	(void)snprintf(sql, sizeof(sql), "PRAGMA cache_size = -%d", CACHE_KIB);
	return run(e, sql);
}

enum engine_result
sq_recover(struct store_engine *e)
{
	enum engine_result r;

	e->sound = false;
	detach(e);
	if (sq_file_cut_wal(e->path, e->wal_spent ? 0 : e->wal_good) != 0) {
		(void)snprintf(e->error, sizeof(e->error), "%s-wal: cutting it: %s", e->path,
		    strerror(errno));
		return ENGINE_SICK;
	}
	if ((r = attach(e)) == ENGINE_OK && (r = measure(e)) == ENGINE_OK
	    && (r = size_check(e)) == ENGINE_OK && (r = settle_log(e)) == ENGINE_OK
	    && (r = prepare(e)) == ENGINE_OK) {
		e->sound = true;
		return ENGINE_OK;
	}
	detach(e);
	return ENGINE_SICK;
}

/* --- opening ------------------------------------------------------------- */
static enum engine_result
create(struct store_engine *e)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql), "PRAGMA page_size = %d; PRAGMA auto_vacuum = INCREMENTAL",
	    PAGE_SIZE);
	return run(e, sql);
}

static int
still_migrating(void *arg)
{
	sq_busy(arg, "upgrading the queue", -1);
	return 0;
}

/* Every step of a migration is one transaction with the version that it leads to. */
static enum engine_result
migrate(struct store_engine *e, int64_t from)
{
	int64_t start = clock_mono_ms();
	enum engine_result r = ENGINE_OK;
	struct sq_busy busy = { 0 };
	char sql[128];

	if (from != 0)
		sq_copy_aside(e, from);
	sqlite3_progress_handler(e->db, 1000000, still_migrating, &busy);
	for (int64_t v = from; r == ENGINE_OK && v < VERSION; v++) {
		(void)snprintf(sql, sizeof(sql),
		    "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", SQLITE_APP_ID,
		    (int)v + 1);
		if ((r = run(e, "BEGIN IMMEDIATE")) == ENGINE_OK
		    && (r = run(e, migration[v])) == ENGINE_OK)
			r = run(e, sql);
	}
	sqlite3_progress_handler(e->db, 0, NULL, NULL);
	if (r == ENGINE_OK && from != 0)
		log_info("store: %s: brought from version %lld to %lld in %lld ms", e->path,
		    (long long)from, (long long)VERSION, (long long)(clock_mono_ms() - start));
	return r;
}

/* Is what SQLite sees (the log replayed) ours, and of a version that we know? */
static enum engine_result
identify(struct store_engine *e, int64_t *version)
{
	int64_t app, tables;
	enum engine_result r;

	if ((r = ask(e, "PRAGMA application_id", &app)) != ENGINE_OK
	    || (r = ask(e, "PRAGMA user_version", version)) != ENGINE_OK
	    || (r = ask(e, "SELECT count(*) FROM sqlite_schema", &tables)) != ENGINE_OK)
		return r;
	if (app == SQLITE_APP_ID && *version > 0 && *version <= VERSION)
		return ENGINE_OK;
	if (app == 0 && *version == 0 && tables == 0)
		return ENGINE_OK;	/* its creation was cut short */
	if (app == SQLITE_APP_ID)
		(void)snprintf(e->error, sizeof(e->error),
		    "%s: has version %lld; this program knows up to %lld", e->path,
		    (long long)*version, (long long)VERSION);
	else
		(void)snprintf(e->error, sizeof(e->error),
		    "%s: is the database of another program", e->path);
	return ENGINE_SICK;
}

static enum engine_result
start(struct store_engine *e)
{
	struct store_totals totals;
	int64_t version;
	enum engine_result r;

	if ((r = attach(e)) != ENGINE_OK || (r = identify(e, &version)) != ENGINE_OK
	    || (version == 0 && (r = create(e)) != ENGINE_OK)
	    || (r = measure(e)) != ENGINE_OK || (r = size_check(e)) != ENGINE_OK
	    || (r = run(e, "PRAGMA journal_mode = WAL")) != ENGINE_OK)	/* as it should be */
		return r;
	e->sound = true;
	if ((r = settle_log(e)) != ENGINE_OK)
		return r;
	if (version < VERSION
	    && ((r = migrate(e, version)) != ENGINE_OK || (r = settle_log(e)) != ENGINE_OK))
		return r;
	if ((r = prepare(e)) != ENGINE_OK
	    || (r = sq_number(e, sq_stmt(e, SQL_LAST_ID), &e->last_id)) != ENGINE_OK
	    || (r = sq_totals(e, &totals)) != ENGINE_OK)
		return r;
	return sq_clock_start(e);
}

struct store_engine *
sq_open(const struct conf *conf, char **why)
{
	struct store_engine *e = xcalloc(1, sizeof(*e));
	enum sq_file file;
	enum engine_result r;

	e->path = xstrdup(conf->queue_db);
	e->retention = conf->ledger_retention;
	e->wal_good = INT64_MAX;
	e->reserve = (int64_t)conf->queue_reserve;
	e->orphans = true;
	file = sq_file_check(e->path, VERSION, &e->fd, why);
	if (file == SQ_FILE_BAD) {
		sq_close(&e);
		return NULL;
	}
	r = start(e);
	if (r != ENGINE_OK) {
		*why = r == ENGINE_NOT_FOUND
		    ? xasprintf("%s: is damaged: its totals or its clock are missing", e->path)
		    : xstrdup(e->error);
		e->sound = false;
		detach(e);
		sq_file_drop_empty_wal(e->path);
		sq_close(&e);
	}
	return e;
}

void
sq_close(struct store_engine **ep)
{
	struct store_engine *e = *ep;

	if (e == NULL)
		return;
	detach(e);
	if (e->fd >= 0)
		(void)close(e->fd);
	free(e->path);
	free(e);
	*ep = NULL;
}
