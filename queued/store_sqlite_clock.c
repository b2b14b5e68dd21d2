/*
 * store_sqlite_clock.c -- the queue's own time, and what happens when the clock is set.
 *
 * Ages and due times must survive a wall clock that is set by a year. Moving a million rows
 * would take seconds in which no mail is accepted, or many steps with a queue that
 * is half here and half there. So the rows keep the queue's time, which differs
 * from the wall's by one number in one row: a jump changes that, at once and for all of
 * them or not at all. The rest of the program sees wall time alone.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include "common/buf.h"
#include "queued/store_sqlite.h"

#define CLAMP_AHEAD	(8 * 86400)	/* the longest step of a schedule is 7 days */

int64_t
sq_to_wall(const struct store_engine *e, int64_t queue_time)
{
	return queue_time + e->shift;
}

int64_t
sq_from_wall(const struct store_engine *e, int64_t wall)
{
	return wall - e->shift;
}

void
sq_arrival(const struct store_engine *e, sqlite3_stmt *st, int n, const struct store_filter *f)
{
	sq_int(st, n, f->newer != 0 ? sq_from_wall(e, f->newer) : INT64_MIN);
	sq_int(st, n + 1, f->older != 0 ? sq_from_wall(e, f->older) - 1 : INT64_MAX);
}

/* A rollback takes the number back with the row (store_sqlite.c). */
enum engine_result
sq_shift_clock(struct store_engine *e, int64_t delta)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_CLOCK_ADD);
	enum engine_result r;

	sq_int(st, 1, delta);
	if ((r = sq_run(e, st)) == ENGINE_OK)
		e->shift += delta;
	return r;
}

/* --- at start ------------------------------------------------------------ */
static enum engine_result
clamp_domain(struct store_engine *e, const char *domain, int64_t now)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_CLAMP);

	sq_text(st, 1, domain);
	sq_int(st, 2, now + CLAMP_AHEAD);
	sq_int(st, 3, now);
	return sq_run(e, st);
}

/* From domain to domain by the index, so that it costs nothing when there is nothing to do. */
static enum engine_result
clamp(struct store_engine *e, int64_t now)
{
	char *domain = xstrdup("");
	enum engine_result r = ENGINE_OK;

	while (r == ENGINE_OK && domain != NULL) {
		sqlite3_stmt *st;
		char *after = NULL;

		r = clamp_domain(e, domain, now);
		st = sq_stmt(e, SQL_DOMAIN_AFTER);
		sq_text(st, 1, domain);
		if (r == ENGINE_OK && sq_row(e, st, &r)) {
			after = sq_column_dup(st, 0);
			(void)sqlite3_reset(st);
		}
		free(domain);
		domain = after;
	}
	free(domain);
	return r;
}

enum engine_result
sq_clock_start(struct store_engine *e, int64_t now)
{
	enum engine_result r = sq_number(e, sq_stmt(e, SQL_CLOCK_GET), &e->shift);

	return r == ENGINE_OK ? clamp(e, sq_from_wall(e, now)) : r;
}
