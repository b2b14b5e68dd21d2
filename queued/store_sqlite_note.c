/*
 * store_sqlite_note.c -- what is remembered beside mail: destinations that are
 * not up, outages, notes; and what the ledger remembers of a message.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "queued/store_sqlite.h"

static enum engine_result
delete_named(struct store_engine *e, enum store_sql which, const char *name)
{
	sqlite3_stmt *st = sq_stmt(e, which);

	sq_text(st, 1, name);
	return sq_run(e, st);
}

/* --- destinations -------------------------------------------------------- */
enum engine_result
sq_put_destination(struct store_engine *e, const struct store_destination *d)
{
	sqlite3_stmt *st;

	if (d->reason == NULL)
		return delete_named(e, SQL_DESTINATION_DELETE, d->destination);
	st = sq_stmt(e, SQL_DESTINATION_PUT);
	sq_text(st, 1, d->destination);
	sq_int(st, 2, d->held);
	sq_int(st, 3, d->since);
	sq_text(st, 4, d->reason);
	return sq_run(e, st);
}

enum engine_result
sq_destinations(struct store_engine *e, struct store_destination **vp, size_t *n)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_DESTINATIONS);
	struct store_destination *v = NULL;
	enum engine_result r;
	size_t room = 0;

	*n = 0;
	while (sq_row(e, st, &r)) {
		if (*n == room) {
			room = room == 0 ? 16 : room * 2;
			v = xrealloc(v, room, sizeof(*v));
		}
		v[(*n)++] = (struct store_destination) {
			.destination = sq_column_dup(st, 0), .held = sqlite3_column_int(st, 1) != 0,
			.since = sqlite3_column_int64(st, 2), .reason = sq_column_dup(st, 3),
		};
	}
	*vp = v;
	return r;
}

/* --- outages ------------------------------------------------------------- */
enum engine_result
sq_put_outage(struct store_engine *e, const struct store_outage *o)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_OUTAGE_PUT);

	sq_text(st, 1, o->destination);
	sq_int(st, 2, o->from);
	sq_int(st, 3, o->until);
	sq_int(st, 4, (int64_t)o->messages);
	sq_int(st, 5, o->first_delivery);
	sq_int(st, 6, o->drained);
	sq_int(st, 7, (int64_t)o->delivered);
	sq_int(st, 8, o->held);
	sq_text(st, 9, o->reason != NULL ? o->reason : "");
	return sq_run(e, st);
}

enum engine_result
sq_outages(struct store_engine *e, const char *destination, size_t max, struct store_outage **vp,
    size_t *n)
{
	sqlite3_stmt *st = sq_stmt(e, destination != NULL ? SQL_OUTAGES_OF : SQL_OUTAGES);
	struct store_outage *v = xcalloc(max, sizeof(*v));
	enum engine_result r;

	*n = 0;
	sq_int(st, 1, (int64_t)max);
	if (destination != NULL)
		sq_text(st, 2, destination);
	while (sq_row(e, st, &r))
		v[(*n)++] = (struct store_outage) {
			.destination = sq_column_dup(st, 0), .from = sqlite3_column_int64(st, 1),
			.until = sqlite3_column_int64(st, 2),
			.messages = (uint64_t)sqlite3_column_int64(st, 3),
			.first_delivery = sqlite3_column_int64(st, 4),
			.drained = sqlite3_column_int64(st, 5),
			.delivered = (uint64_t)sqlite3_column_int64(st, 6),
			.held = sqlite3_column_int(st, 7) != 0, .reason = sq_column_dup(st, 8),
		};
	*vp = v;
	return r;
}

/* --- notes --------------------------------------------------------------- */
enum engine_result
sq_put_note(struct store_engine *e, const char *name, const char *value)
{
	sqlite3_stmt *st;

	if (value == NULL)
		return delete_named(e, SQL_NOTE_DELETE, name);
	st = sq_stmt(e, SQL_NOTE_PUT);
	sq_text(st, 1, name);
	sq_text(st, 2, value);
	return sq_run(e, st);
}

enum engine_result
sq_note(struct store_engine *e, const char *name, char **value)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_NOTE_GET);
	enum engine_result r;

	*value = NULL;
	sq_text(st, 1, name);
	if (sq_row(e, st, &r)) {
		*value = sq_column_dup(st, 0);
		(void)sqlite3_reset(st);
	}
	return r;
}

/* --- the ledger ---------------------------------------------------------- */
void
store_ledger_clear(struct store_ledger *l)
{
	free(l->disposition);
	free(l->sender);
	free(l->recipient);
	free(l->relay);
	free(l->reply);
	free(l->who);
}

enum engine_result
sq_ledger(struct store_engine *e, int64_t id, struct store_ledger **vp, size_t *n)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_LEDGER_OF);
	struct store_ledger *v = NULL;
	enum engine_result r;

	*n = 0;
	sq_int(st, 1, id);
	while (sq_row(e, st, &r)) {
		const char *queue_id = (const char *)sqlite3_column_text(st, 0);

		v = xrealloc(v, *n + 1, sizeof(*v));
		v[*n] = (struct store_ledger) {
			.ended = sqlite3_column_int64(st, 1), .disposition = sq_column_dup(st, 2),
			.sender = sq_column_dup(st, 3), .recipient = sq_column_dup(st, 4),
			.relay = sq_column_dup(st, 5), .reply = sq_column_dup(st, 6),
			.who = sq_column_dup(st, 7),
		};
		(void)snprintf(v[*n].queue_id, sizeof(v[*n].queue_id), "%s",
		    queue_id != NULL ? queue_id : "");
		(*n)++;
	}
	*vp = v;
	return r;
}
