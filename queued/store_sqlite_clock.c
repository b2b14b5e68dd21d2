/*
 * store_sqlite_clock.c -- the queue's own time, and what happens when the clock is set.
 *
 * Ages and due times must survive a wall clock that is set by a year. Moving a million rows
 * would take seconds in which no mail is accepted, or many steps with a queue that
 * is half here and half there. So the rows keep the queue's time, which differs
 * from the wall's by one number in one row: a jump changes that, at once and for all of
 * them or not at all. The rest of the program sees wall time alone.
 *
 * What is due further ahead than any schedule goes was written under a clock gone wrong
 * while nobody could notice, between two runs. It counts as due now.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include "common/buf.h"
#include "queued/store_sqlite.h"

#define FAR_AHEAD	(11 * 86400)	/* the longest step of a schedule is 7 days, and half of it jitter */
#define CLAMP_STEP	100		/* domains */

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

/* --- due times gone wrong ------------------------------------------------- */
bool
sq_is_far(const struct store_engine *e, int64_t queue_time, int64_t now)
{
	return queue_time > sq_from_wall(e, now) + FAR_AHEAD;
}

int64_t
sq_far(const struct store_engine *e, int64_t now)
{
	return sq_from_wall(e, now) + FAR_AHEAD;
}

static enum engine_result
clamp_domain(struct store_engine *e, const char *domain, int64_t now)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_CLAMP);

	sq_text(st, 1, domain);
	sq_int(st, 2, sq_far(e, now));
	sq_int(st, 3, sq_from_wall(e, now));
	return sq_run(e, st);
}

/* From domain to domain by the index: there may be many, so it is not done at the start. */
enum engine_result
sq_clamp(struct store_engine *e, int64_t now, const char *after, char **last)
{
	char *domain = xstrdup(after);
	enum engine_result r = ENGINE_OK;

	for (unsigned i = 0; r == ENGINE_OK && domain != NULL && i < CLAMP_STEP; i++)
		if ((r = sq_next_domain(e, &domain)) == ENGINE_OK && domain != NULL)
			r = clamp_domain(e, domain, now);
	*last = domain;
	return r;
}

enum engine_result
sq_clock_start(struct store_engine *e)
{
	return sq_number(e, sq_stmt(e, SQL_CLOCK_GET), &e->shift);
}
