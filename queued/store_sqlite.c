/*
 * store_sqlite.c -- the SQLite engine: transactions, statements, errors.
 *
 * One connection in exclusive locking mode, write-ahead log, synchronous=FULL:
 * COMMIT returns after the log's fsync. Exclusive mode keeps every other
 * process out (SQLite before 3.51 can lose a commit when two connections write or
 * checkpoint at once) and the log's index in the heap.
 *
 * On failure: SQLITE_FULL (and what amounts to it) is ENGINE_FULL; the
 * connection stays good. Whatever puts handles or pages in doubt is
 * ENGINE_SICK, after which only sq_recover() (store_sqlite_open.c) helps.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/store_sqlite.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"

/* --- errors -------------------------------------------------------------- */
/* A quota or a file size limit is "no room" too, though SQLite calls it an I/O error. */
static bool
is_no_room(struct store_engine *e, int rc)
{
	int os;

	if ((rc & 0xff) == SQLITE_FULL)
		return true;
	if (rc != SQLITE_IOERR_WRITE)
		return false;
	os = sqlite3_system_errno(e->db);
	return os == ENOSPC || os == EDQUOT || os == EFBIG;
}

enum engine_result
sq_result(struct store_engine *e, int rc, const char *what)
{
	int os;

	if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
		return ENGINE_OK;
	os = e->db != NULL ? sqlite3_system_errno(e->db) : 0;
	(void)snprintf(e->error, sizeof(e->error), "%s: %.24s: %s%s%s%s", e->path, what,
	    e->db != NULL ? sqlite3_errmsg(e->db) : sqlite3_errstr(rc), os != 0 ? " (" : "",
	    os != 0 ? strerror(os) : "", os != 0 ? ")" : "");
	if (is_no_room(e, rc))
		return ENGINE_FULL;
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
		return ENGINE_REJECT;
	default:
		e->sound = false;
		return ENGINE_SICK;
	}
}

static const char *
last_error(const struct store_engine *e)
{
	return e->error;
}

/* --- statements ---------------------------------------------------------- */
sqlite3_stmt *
sq_stmt(struct store_engine *e, enum store_sql which)
{
	sqlite3_stmt *st = e->stmt[which];

	assert(st != NULL);
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return st;
}

void
sq_int(sqlite3_stmt *st, int n, int64_t value)
{
	int rc = sqlite3_bind_int64(st, n, value);

	assert(rc == SQLITE_OK);
	(void)rc;
}

void
sq_text(sqlite3_stmt *st, int n, const char *value)
{
	/* Only a lack of memory can fail here, and that the step after it reports. */
	(void)sqlite3_bind_text(st, n, value, -1, SQLITE_STATIC);
}

bool
sq_row(struct store_engine *e, sqlite3_stmt *st, enum engine_result *result)
{
	int rc = sqlite3_step(st);

	*result = ENGINE_OK;
	if (rc == SQLITE_ROW)
		return true;
	*result = sq_result(e, rc, sqlite3_sql(st));
	(void)sqlite3_reset(st);
	return false;
}

enum engine_result
sq_run(struct store_engine *e, sqlite3_stmt *st)
{
	enum engine_result r;

	while (sq_row(e, st, &r))
		;
	return r;
}

enum engine_result
sq_number(struct store_engine *e, sqlite3_stmt *st, int64_t *value)
{
	enum engine_result r;

	if (!sq_row(e, st, &r))
		return r == ENGINE_OK ? ENGINE_NOT_FOUND : r;
	*value = sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	return ENGINE_OK;
}

char *
sq_column_dup(sqlite3_stmt *st, int column)
{
	return xstrdup((const char *)sqlite3_column_text(st, column));
}

void
sq_finalize(struct store_engine *e)
{
	for (size_t i = 0; i < SQL_COUNT; i++) {
		(void)sqlite3_finalize(e->stmt[i]);
		e->stmt[i] = NULL;
	}
}

/* --- transactions -------------------------------------------------------- */
static void
forget_totals(struct store_engine *e)
{
	e->messages = e->bytes = e->recipients = e->held = e->quarantined = 0;
}

static enum engine_result
begin(struct store_engine *e)
{
	forget_totals(e);
	e->shift_before = e->shift;
	return sq_run(e, sq_stmt(e, SQL_BEGIN));
}

static enum engine_result
put_totals(struct store_engine *e)
{
	sqlite3_stmt *st;

	if (e->messages == 0 && e->bytes == 0 && e->recipients == 0 && e->held == 0
	    && e->quarantined == 0)
		return ENGINE_OK;
	st = sq_stmt(e, SQL_TOTALS_ADD);
	sq_int(st, 1, e->messages);
	sq_int(st, 2, e->bytes);
	sq_int(st, 3, e->recipients);
	sq_int(st, 4, e->held);
	sq_int(st, 5, e->quarantined);
	return sq_run(e, st);
}

static enum engine_result
commit(struct store_engine *e)
{
	int64_t free_pages;
	enum engine_result r = put_totals(e);

	if (r == ENGINE_OK)
		r = sq_run(e, sq_stmt(e, SQL_COMMIT));
	forget_totals(e);
	if (r == ENGINE_OK && sq_number(e, sq_stmt(e, SQL_FREE_COUNT), &free_pages) == ENGINE_OK)
		e->free_bytes = (uint64_t)free_pages * (uint64_t)e->page_size;
	return r;
}

static void
rollback(struct store_engine *e)
{
	forget_totals(e);
	e->shift = e->shift_before;
	if (e->db != NULL && !sqlite3_get_autocommit(e->db)) {
		char why[sizeof(e->error)];

		/* What failed before is worth more than what rolling back says of it. */
		memcpy(why, e->error, sizeof(why));
		(void)sq_run(e, sq_stmt(e, SQL_ROLLBACK));
		memcpy(e->error, why, sizeof(why));
	}
}

/* Copies the log into the database file; with the only connection it always gets all of it. */
enum engine_result
sq_checkpoint(struct store_engine *e, int mode)
{
	int in_log, copied;
	enum engine_result r = sq_result(e,
	    sqlite3_wal_checkpoint_v2(e->db, "main", mode, &in_log, &copied), "checkpoint");

	if (r != ENGINE_OK || in_log != copied)
		return r;
	e->wal_spent = true;
	e->wal_pages = 0;
	e->wal_retry = 0;
	if (mode == SQLITE_CHECKPOINT_TRUNCATE)
		e->wal_good = 0;
	return ENGINE_OK;
}

static int64_t
last_id(const struct store_engine *e)
{
	return e->last_id;
}

static uint64_t
free_bytes(const struct store_engine *e)
{
	return e->free_bytes;
}

const struct engine_ops store_sqlite = {
	.name = "sqlite",
	.open = sq_open,
	.close = sq_close,
	.recover = sq_recover,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.room = sq_room,
	.put_chunk = sq_put_chunk,
	.put_message = sq_put_message,
	.drop_chunks = sq_drop_chunks,
	.settle = sq_settle,
	.change = sq_change,
	.shift_clock = sq_shift_clock,
	.clamp = sq_clamp,
	.put_destination = sq_put_destination,
	.put_outage = sq_put_outage,
	.put_note = sq_put_note,
	.lease = sq_lease,
	.body = sq_body,
	.domains = sq_domains,
	.totals = sq_totals,
	.list = sq_list,
	.quarantine = sq_quarantine,
	.destinations = sq_destinations,
	.outages = sq_outages,
	.note = sq_note,
	.ledger = sq_ledger,
	.tidy = sq_tidy,
	.idle = sq_idle,
	.last_id = last_id,
	.free_bytes = free_bytes,
	.error = last_error,
};
