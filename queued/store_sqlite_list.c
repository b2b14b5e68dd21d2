/*
 * store_sqlite_list.c -- what an operator sees: by domain, in sum, message by message.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "queued/store_lease.h"
#include "queued/store_sqlite.h"

/* --- by domain ----------------------------------------------------------- */
static enum engine_result
arrival_of(struct store_engine *e, int64_t id, int64_t *arrival)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_MESSAGE_GET);
	enum engine_result r;

	sq_int(st, 1, id);
	r = sq_number(e, st, arrival);
	if (r == ENGINE_OK)
		*arrival = sq_to_wall(e, *arrival);
	return r == ENGINE_NOT_FOUND ? ENGINE_OK : r;
}

/* One row is a domain and a state; the rows of a domain follow each other. */
static enum engine_result
add_state(struct store_engine *e, sqlite3_stmt *st, struct store_domain *d)
{
	uint64_t recipients = (uint64_t)sqlite3_column_int64(st, 2);

	switch ((enum rcpt_state)sqlite3_column_int(st, 1)) {
	case RCPT_QUEUED:
		d->queued = recipients;
		d->next_due = sq_to_wall(e, sqlite3_column_int64(st, 3));
		d->messages = (uint64_t)sqlite3_column_int64(st, 5);
		return arrival_of(e, sqlite3_column_int64(st, 4), &d->oldest);
	case RCPT_HELD:
		d->held = recipients;
		break;
	case RCPT_QUARANTINED:
		d->quarantined = recipients;
		break;
	}
	return ENGINE_OK;
}

enum engine_result
sq_domains(struct store_engine *e, struct store_domain **dp, size_t *n)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_DOMAINS);
	struct store_domain *d = NULL;
	enum engine_result r, added = ENGINE_OK;
	size_t room = 0;

	*n = 0;
	while (added == ENGINE_OK && sq_row(e, st, &r)) {
		const char *name = (const char *)sqlite3_column_text(st, 0);

		if (*n == 0 || strcmp(d[*n - 1].domain, name) != 0) {
			if (*n == room) {
				room = room == 0 ? 16 : room * 2;
				d = xrealloc(d, room, sizeof(*d));
			}
			d[*n] = (struct store_domain) { .domain = xstrdup(name) };
			++*n;
		}
		added = add_state(e, st, &d[*n - 1]);
	}
	(void)sqlite3_reset(st);
	*dp = d;
	return added != ENGINE_OK ? added : r;
}

/* --- in sum -------------------------------------------------------------- */
enum engine_result
sq_totals(struct store_engine *e, struct store_totals *t)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_TOTALS_GET);
	enum engine_result r;

	if (!sq_row(e, st, &r))
		return r == ENGINE_OK ? ENGINE_NOT_FOUND : r;
	t->messages = (uint64_t)sqlite3_column_int64(st, 0);
	t->bytes = (uint64_t)sqlite3_column_int64(st, 1);
	t->recipients = (uint64_t)sqlite3_column_int64(st, 2);
	t->held = (uint64_t)sqlite3_column_int64(st, 3);
	t->quarantined = (uint64_t)sqlite3_column_int64(st, 4);
	(void)sqlite3_reset(st);
	return ENGINE_OK;
}

/* --- message by message -------------------------------------------------- */
/* "host[192.0.2.1]:25 said: 450 4.2.0 text", or the text alone when no reply was the reason. */
static char *
reply_text(sqlite3_stmt *st)
{
	const char *dsn = (const char *)sqlite3_column_text(st, 7);
	const char *reply = (const char *)sqlite3_column_text(st, 8);
	const char *relay = (const char *)sqlite3_column_text(st, 9);
	int code = sqlite3_column_int(st, 6);
	struct buf b = BUF_INIT;

	if (code != 0 && relay != NULL && *relay != '\0')
		buf_printf(&b, "%s said: ", relay);
	if (code != 0)
		buf_printf(&b, "%d", code);
	if (code != 0 && dsn != NULL && *dsn != '\0')
		buf_printf(&b, " %s", dsn);
	if (reply != NULL && *reply != '\0')
		buf_printf(&b, "%s%s", code != 0 ? " " : "", reply);
	return buf_take(&b);
}

static enum engine_result
list_rcpts(struct store_engine *e, const struct leases *leases, const char *domain,
    struct store_message *m)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_LIST_RCPT);
	enum engine_result r;
	size_t room = 0;

	sq_int(st, 1, RCPT_FIRST(m->message_id));
	sq_int(st, 2, RCPT_LAST(m->message_id));
	sq_text(st, 3, domain);
	while (sq_row(e, st, &r)) {
		struct store_rcpt *to;

		if (m->nrcpt == room) {
			room = room == 0 ? 1 : room * 2;
			m->rcpt = xrealloc(m->rcpt, room, sizeof(*m->rcpt));
		}
		to = &m->rcpt[m->nrcpt++];
		to->address = sq_column_dup(st, 1);
		to->state = (enum rcpt_state)sqlite3_column_int(st, 2);
		to->attempts = (unsigned)sqlite3_column_int(st, 3);
		to->next_attempt = sq_to_wall(e, sqlite3_column_int64(st, 4));
		to->last_attempt = sqlite3_column_int64(st, 5);
		if (to->last_attempt != 0)
			to->last_attempt = sq_to_wall(e, to->last_attempt);
		to->code = sqlite3_column_int(st, 6);
		to->reply = reply_text(st);
		to->unsure = sqlite3_column_int(st, 12) != 0;
		to->active = to->state == RCPT_QUEUED && leases_has(leases, m->message_id,
		    (const char *)sqlite3_column_text(st, 0));
	}
	return r;
}

static enum engine_result
list_message(struct store_engine *e, const struct leases *leases, const char *domain, int64_t id,
    struct store_message *m)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_MESSAGE_GET);
	enum engine_result r;

	m->message_id = id;
	queue_id_format(m->queue_id, id);
	sq_int(st, 1, id);
	if (!sq_row(e, st, &r))
		return r == ENGINE_OK ? ENGINE_NOT_FOUND : r;
	m->arrival = sq_to_wall(e, sqlite3_column_int64(st, 0));
	m->size = (uint64_t)sqlite3_column_int64(st, 1);
	sq_envelope(st, &m->env);
	(void)sqlite3_reset(st);
	return list_rcpts(e, leases, domain, m);
}

enum engine_result
sq_list(struct store_engine *e, const struct leases *leases, const struct store_filter *f,
    int64_t after, size_t max, struct store_message **vp, size_t *n)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_LIST_SCAN);
	int64_t only = f->queue_id != NULL ? queue_id_parse(f->queue_id) : 0;
	enum engine_result r, listed = ENGINE_OK;

	*n = 0;
	*vp = NULL;
	if (f->queue_id != NULL && only <= after)
		return ENGINE_OK;
	*vp = xcalloc(max, sizeof(**vp));
	sq_int(st, 1, only != 0 ? only - 1 : after);
	sq_int(st, 2, only != 0 ? only : INT64_MAX);
	sq_text(st, 3, f->sender);
	sq_text(st, 4, f->domain);
	sq_int(st, 5, f->state);
	sq_int(st, 6, (int64_t)max);
	while (listed == ENGINE_OK && sq_row(e, st, &r)) {
		listed = list_message(e, leases, f->domain, sqlite3_column_int64(st, 0),
		    &(*vp)[*n]);
		++*n;
	}
	(void)sqlite3_reset(st);
	return listed != ENGINE_OK ? listed : r;
}

void
store_message_clear(struct store_message *m)
{
	for (size_t i = 0; i < m->nrcpt; i++) {
		free(m->rcpt[i].address);
		free(m->rcpt[i].reply);
	}
	free(m->rcpt);
	envelope_clear(&m->env);
	memset(m, 0, sizeof(*m));
}
