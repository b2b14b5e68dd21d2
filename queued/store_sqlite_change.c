/*
 * store_sqlite_change.c -- what an operator changes.
 *
 * A change of many recipients goes through the queue in the order of their ids, CHANGE_STEP
 * at a time, each step durable by itself, so that intake and delivery go on
 * meanwhile. It touches what was there when it began: no message that came later.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include "common/buf.h"
#include "queued/store_lease.h"
#include "queued/store_sqlite.h"

#define CHANGE_STEP	1000

struct found {
	int64_t		 id;
	enum rcpt_state	 state;
	char		*address;
};

/* --- which recipients ---------------------------------------------------- */
static unsigned
states_changed_by(enum store_change what)
{
	switch (what) {
	case CHANGE_HOLD:
	case CHANGE_RETRY:
		return 1u << RCPT_QUEUED;
	case CHANGE_RELEASE:
		return 1u << RCPT_HELD | 1u << RCPT_QUARANTINED;
	case CHANGE_DELETE:
		return 1u << RCPT_QUEUED | 1u << RCPT_HELD | 1u << RCPT_QUARANTINED;
	case CHANGE_EXPIRE:
		return 1u << RCPT_QUARANTINED;
	}
	abort();	/* a change that is none */
}

/* A message in somebody's hands must not be taken from under them. */
static bool
spares_leased(enum store_change what)
{
	return what == CHANGE_HOLD || what == CHANGE_DELETE;
}

static bool
disposes(enum store_change what)
{
	return what == CHANGE_DELETE || what == CHANGE_EXPIRE;
}

/* Of one domain its index knows where they are, in one state after the other. */
static bool
by_domain(const struct engine_change *c)
{
	return c->filter.domain != NULL && c->filter.queue_id == NULL;
}

static int
lowest(unsigned states)
{
	int state = 0;

	while (!(states >> state & 1))
		state++;
	return state;
}

static sqlite3_stmt *
scan_start(struct store_engine *e, const struct engine_change *c)
{
	sqlite3_stmt *st = sq_stmt(e, by_domain(c) ? SQL_CHANGE_DOMAIN : SQL_CHANGE_SCAN);

	sq_int(st, 1, c->cursor);
	sq_int(st, 2, c->last_rcpt);
	sq_int(st, 3, c->states);
	sq_int(st, 4, c->what == CHANGE_RETRY ? sq_from_wall(e, c->now) : INT64_MIN);
	sq_text(st, 5, c->filter.domain);
	sq_text(st, 6, c->filter.recipient);
	sq_text(st, 7, c->filter.sender);
	sq_arrival(e, st, 8, &c->filter);
	sq_int(st, 10, CHANGE_STEP);
	/* What was refused after weeks in the queue has just entered the quarantine. */
	sq_int(st, 12, c->what == CHANGE_EXPIRE && c->filter.older != 0 ?
	    sq_from_wall(e, c->filter.older) - 1 : INT64_MAX);
	if (by_domain(c))
		sq_int(st, 11, lowest(c->states));
	return st;
}

/* Was that all? If not, what the next step goes through. */
static bool
scan_end(struct engine_change *c, size_t rows)
{
	if (rows == CHANGE_STEP)
		return false;
	c->states = by_domain(c) ? c->states & (c->states - 1) : 0;
	c->cursor = INT64_MIN;
	return c->states == 0;
}

static enum engine_result
scan(struct store_engine *e, const struct leases *leases, struct engine_change *c,
    struct found *found, size_t *n)
{
	sqlite3_stmt *st = scan_start(e, c);
	enum engine_result r;
	size_t rows = 0;

	while (sq_row(e, st, &r)) {
		int64_t id = sqlite3_column_int64(st, 0);

		rows++;
		c->cursor = id;
		if (!sqlite3_column_int(st, 4) || (spares_leased(c->what)
		    && leases_has(leases, id >> RCPT_BITS,
		    (const char *)sqlite3_column_text(st, 1))))
			continue;
		found[*n].id = id;
		found[*n].state = (enum rcpt_state)sqlite3_column_int(st, 2);
		found[*n].address = disposes(c->what) ? sq_column_dup(st, 3) : NULL;
		++*n;
	}
	c->done = scan_end(c, rows);
	return r;
}

/* --- what happens to them ------------------------------------------------ */
static enum engine_result
set_state(struct store_engine *e, const struct engine_change *c, const struct found *f,
    enum rcpt_state state)
{
	sqlite3_stmt *st = sq_stmt(e, c->what == CHANGE_RELEASE ? SQL_RCPT_RELEASE : SQL_RCPT_STATE);

	sq_int(st, 1, f->id);
	if (c->what == CHANGE_RELEASE) {
		sq_int(st, 2, sq_from_wall(e, c->now));
	} else {
		sq_int(st, 2, state);
		if (c->what == CHANGE_RETRY)
			sq_int(st, 3, sq_from_wall(e, c->now));
	}
	e->held += (state == RCPT_HELD) - (f->state == RCPT_HELD);
	e->quarantined += (state == RCPT_QUARANTINED) - (f->state == RCPT_QUARANTINED);
	return sq_run(e, st);
}

static enum engine_result
dispose(struct store_engine *e, const struct engine_change *c, const struct found *f)
{
	int64_t id = f->id >> RCPT_BITS;
	sqlite3_stmt *st = sq_stmt(e, SQL_MESSAGE_GET);
	struct envelope env = { 0 };
	struct sq_leave leave = { .message_id = id, .now = c->now, .disposition =
		c->what == CHANGE_EXPIRE ? "expired" : "deleted", .recipient = f->address, .who = c->who };
	enum engine_result r;
	uint64_t size = 0;
	bool removed;

	sq_int(st, 1, id);
	if (sq_row(e, st, &r)) {
		leave.arrival = sq_to_wall(e, sqlite3_column_int64(st, 0));
		size = (uint64_t)sqlite3_column_int64(st, 1);
		sq_envelope(st, &env);
		(void)sqlite3_reset(st);
	}
	leave.sender = env.sender != NULL ? env.sender : "";
	if (r == ENGINE_OK)
		r = sq_leave(e, f->id, f->state, &leave);
	if (r == ENGINE_OK)
		r = sq_message_end(e, id, size, &removed);
	envelope_clear(&env);
	return r;
}

static enum engine_result
change_one(struct store_engine *e, const struct engine_change *c, const struct found *f)
{
	switch (c->what) {
	case CHANGE_HOLD:
		return set_state(e, c, f, RCPT_HELD);
	case CHANGE_RELEASE:
	case CHANGE_RETRY:
		return set_state(e, c, f, RCPT_QUEUED);
	case CHANGE_DELETE:
	case CHANGE_EXPIRE:
		return dispose(e, c, f);
	}
	abort();	/* a change that is none */
}

/* One message's recipients, or all up to the newest; NOT_FOUND if that one is not there. */
static enum engine_result
change_range(struct store_engine *e, struct engine_change *c)
{
	int64_t id = 0;
	enum engine_result r = ENGINE_OK;

	if (c->started)
		return ENGINE_OK;
	if (c->filter.queue_id == NULL) {
		r = sq_number(e, sq_stmt(e, SQL_NEWEST), &id);
		c->cursor = INT64_MIN;
	} else if ((id = queue_id_parse(c->filter.queue_id)) == 0) {
		r = ENGINE_NOT_FOUND;
	} else {
		sqlite3_stmt *st = sq_stmt(e, SQL_MESSAGE_GET);
		int64_t arrival;

		sq_int(st, 1, id);
		r = sq_number(e, st, &arrival);
		c->cursor = RCPT_FIRST(id) - 1;
	}
	c->started = true;
	c->last_rcpt = RCPT_LAST(id);
	c->states = states_changed_by(c->what);
	if (c->filter.state >= 0)
		c->states &= 1u << c->filter.state;
	return r;
}

enum engine_result
sq_change(struct store_engine *e, const struct leases *leases, struct engine_change *c)
{
	struct engine_change before = *c;
	struct found *found;
	enum engine_result r;
	size_t n = 0;

	c->changed = 0;
	c->done = true;
	r = change_range(e, c);
	if (r != ENGINE_OK || c->states == 0)
		return r;
	found = xcalloc(CHANGE_STEP, sizeof(*found));
	r = scan(e, leases, c, found, &n);
	for (size_t i = 0; r == ENGINE_OK && i < n; i++) {
		r = change_one(e, c, &found[i]);
		c->changed += r == ENGINE_OK;
		if (r == ENGINE_NOT_FOUND)
			r = ENGINE_OK;
	}
	for (size_t i = 0; i < n; i++)
		free(found[i].address);
	free(found);
	if (r != ENGINE_OK)
		*c = before;
	return r;
}
