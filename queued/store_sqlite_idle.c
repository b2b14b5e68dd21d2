/*
 * store_sqlite_idle.c -- housekeeping between batches and when nothing waits.
 *
 * Each step is small (milliseconds), because a request may come at any time:
 * orphaned chunks, the ledger's old rows, and free pages given back to the file system
 * when they are more than a quarter of the file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/store_sqlite.h"

#define PRUNE_STEP	500
#define OUTAGES_MAX	10000
#define VACUUM_MIN	4096	/* free pages not worth the trouble */
#define LOOK_AGAIN	3600	/* seconds, while the ledger has rows */
#define RETRY_PAGES	16	/* a checkpoint that found no room is tried again after this many */

/*
 * A checkpoint after the answers went out, so that nobody waits for it. With
 * the disk full the log may still have room where the database file has not.
 */
enum engine_result
sq_tidy(struct store_engine *e)
{
	enum engine_result r;

	if (e->wal_spent || e->wal_pages < e->wal_retry || e->wal_pages < sq_log_limit(e))
		return ENGINE_OK;
	r = sq_checkpoint(e, SQLITE_CHECKPOINT_PASSIVE);
	if (r != ENGINE_FULL)
		return r;
	e->wal_retry = e->wal_pages + RETRY_PAGES;
	return ENGINE_OK;
}

/* --- orphans ------------------------------------------------------------- */
/* Chunks of a message that was still coming in when its process died. */
static enum engine_result
drop_orphan(struct store_engine *e, bool *found)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_INTAKE_OLDEST);
	enum engine_result r;
	int64_t id;
	bool done;

	sq_int(st, 1, e->last_id);
	r = sq_number(e, st, &id);
	*found = r == ENGINE_OK;
	if (r == ENGINE_NOT_FOUND) {
		e->orphans = false;
		return ENGINE_OK;
	}
	return r == ENGINE_OK ? sq_drop_chunks(e, id, &done) : r;
}

/* --- the ledger ---------------------------------------------------------- */
static enum engine_result
prune_ledger(struct store_engine *e, int64_t now, bool *pruned, bool *rows)
{
	int64_t before = now - (int64_t)e->retention;
	enum engine_result r;
	sqlite3_stmt *st;
	int64_t ended;

	*pruned = *rows = false;
	r = sq_number(e, sq_stmt(e, SQL_LEDGER_OLDEST), &ended);
	if (r != ENGINE_OK)
		return r == ENGINE_NOT_FOUND ? ENGINE_OK : r;
	*rows = true;
	if (ended >= before)
		return ENGINE_OK;
	*pruned = true;
	st = sq_stmt(e, SQL_LEDGER_PRUNE);
	sq_int(st, 1, before);
	sq_int(st, 2, PRUNE_STEP);
	return sq_run(e, st);
}

/* --- outages ------------------------------------------------------------- */
/* Few rows, so all at once. */
static enum engine_result
prune_outages(struct store_engine *e, int64_t now, bool *pruned)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_OUTAGE_PRUNE);
	enum engine_result r;

	*pruned = false;
	if (e->outages_at != 0 && now >= e->outages_at && now - e->outages_at < LOOK_AGAIN)
		return ENGINE_OK;
	e->outages_at = now;
	sq_int(st, 1, now - (int64_t)e->retention);
	sq_int(st, 2, OUTAGES_MAX);
	r = sq_run(e, st);
	*pruned = r == ENGINE_OK && sqlite3_changes(e->db) != 0;
	return r;
}

/* --- free pages ---------------------------------------------------------- */
static enum engine_result
vacuum(struct store_engine *e, bool *freed)
{
	enum engine_result r;
	int64_t pages, spare;

	*freed = false;
	if ((r = sq_number(e, sq_stmt(e, SQL_PAGE_COUNT), &pages)) != ENGINE_OK
	    || (r = sq_number(e, sq_stmt(e, SQL_FREE_COUNT), &spare)) != ENGINE_OK)
		return r;
	if (spare < VACUUM_MIN || spare < pages / 4)
		return ENGINE_OK;
	*freed = true;
	return sq_run(e, sq_stmt(e, SQL_VACUUM));
}

enum engine_result
sq_idle(struct store_engine *e, int64_t now, int *again)
{
	bool more = false, rows = false;
	enum engine_result r = ENGINE_OK;

	*again = 0;
	if (e->orphans)
		r = drop_orphan(e, &more);
	if (r == ENGINE_OK && !more)
		r = prune_ledger(e, now, &more, &rows);
	if (r == ENGINE_OK && !more)
		r = prune_outages(e, now, &more);
	if (r == ENGINE_OK && !more)
		r = vacuum(e, &more);
	if (r == ENGINE_OK && !more)
		*again = rows ? LOOK_AGAIN : -1;
	return r;
}
