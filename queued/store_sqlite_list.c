/*
 * store_sqlite_list.c -- what an operator sees: by domain, in sum, message by message.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "queued/store_lease.h"
#include "queued/store_sqlite.h"

#define LIST_LOOK	5000	/* messages looked at in a step */

/* --- by domain ----------------------------------------------------------- */
enum engine_result
sq_next_domain(struct store_engine *e, char **domain)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_DOMAIN_AFTER);
	char *before = *domain;
	enum engine_result r;

	*domain = NULL;
	sq_text(st, 1, before);
	if (sq_row(e, st, &r)) {
		*domain = sq_column_dup(st, 0);
		(void)sqlite3_reset(st);
	}
	free(before);
	return r;
}

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
		d->next_due = sqlite3_column_int64(st, 3);
		d->next_due = sq_is_far(e, d->next_due, clock_wall()) ? clock_wall()
		    : sq_to_wall(e, d->next_due);
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
char *
sq_reply_text(sqlite3_stmt *st, int column)
{
	const char *dsn = (const char *)sqlite3_column_text(st, column + 1);
	const char *reply = (const char *)sqlite3_column_text(st, column + 2);
	const char *relay = (const char *)sqlite3_column_text(st, column + 3);
	int code = sqlite3_column_int(st, column);
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
list_rcpts(struct store_engine *e, const struct leases *leases, const struct store_filter *f,
    struct store_message *m)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_LIST_RCPT);
	enum engine_result r;
	size_t room = 0;

	sq_int(st, 1, RCPT_FIRST(m->message_id));
	sq_int(st, 2, RCPT_LAST(m->message_id));
	sq_text(st, 3, f->domain);
	sq_text(st, 4, f->recipient);
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
		to->reply = sq_reply_text(st, 6);
		to->unsure = sqlite3_column_int(st, 12) != 0;
		to->active = to->state == RCPT_QUEUED && leases_has(leases, m->message_id,
		    (const char *)sqlite3_column_text(st, 0));
	}
	return r;
}

static enum engine_result
list_message(struct store_engine *e, const struct leases *leases, const struct store_filter *f,
    int64_t id, struct store_message *m)
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
	return list_rcpts(e, leases, f, m);
}

/* Up to `look' messages after one id up to another, and for each whether it is meant. */
static sqlite3_stmt *
list_scan(struct store_engine *e, const struct store_filter *f, int64_t after, int64_t last,
    size_t look)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_LIST_SCAN);

	sq_int(st, 1, after);
	sq_int(st, 2, last);
	sq_text(st, 3, f->sender);
	sq_arrival(e, st, 4, f);
	sq_text(st, 6, f->domain);
	sq_text(st, 7, f->recipient);
	sq_int(st, 8, f->state);
	sq_int(st, 9, (int64_t)look);
	return st;
}

/* Of all: goes through the messages. */
static enum engine_result
list_all(struct store_engine *e, const struct leases *leases, struct engine_list *l)
{
	sqlite3_stmt *st = list_scan(e, &l->filter, l->after, INT64_MAX, LIST_LOOK);
	enum engine_result r = ENGINE_OK, listed = ENGINE_OK;
	size_t looked = 0;

	while (listed == ENGINE_OK && l->n < l->max && sq_row(e, st, &r)) {
		looked++;
		l->after = sqlite3_column_int64(st, 0);
		if (sqlite3_column_int(st, 1) != 0)
			listed = list_message(e, leases, &l->filter, l->after, &l->v[l->n++]);
	}
	(void)sqlite3_reset(st);
	l->done = l->n == l->max || looked < LIST_LOOK;
	return listed != ENGINE_OK ? listed : r;
}

/* One message, if it is meant. */
static enum engine_result
list_one(struct store_engine *e, const struct leases *leases, struct engine_list *l, int64_t id)
{
	sqlite3_stmt *st = list_scan(e, &l->filter, id - 1, id, 1);
	enum engine_result r;
	bool meant = false;

	if (sq_row(e, st, &r)) {
		meant = sqlite3_column_int(st, 1) != 0;
		(void)sqlite3_reset(st);
	}
	if (r == ENGINE_OK && meant)
		r = list_message(e, leases, &l->filter, id, &l->v[l->n++]);
	return r;
}

/* The domain's next message in any of the states; 0 none. */
static enum engine_result
next_of_domain(struct store_engine *e, const struct engine_list *l, int64_t *id)
{
	enum engine_result r = ENGINE_OK;

	*id = 0;
	for (int state = RCPT_QUEUED; r == ENGINE_OK && state <= RCPT_QUARANTINED; state++) {
		sqlite3_stmt *st = sq_stmt(e, SQL_LIST_NEXT);
		int64_t next;

		if (l->filter.state >= 0 && l->filter.state != state)
			continue;
		sq_text(st, 1, l->filter.domain);
		sq_int(st, 2, state);
		sq_int(st, 3, RCPT_LAST(l->after));
		r = sq_number(e, st, &next);
		if (r == ENGINE_OK && (*id == 0 || next < *id))
			*id = next;
		if (r == ENGINE_NOT_FOUND)
			r = ENGINE_OK;
	}
	return r;
}

/* Of a domain: from message to message by its index. */
static enum engine_result
list_domain(struct store_engine *e, const struct leases *leases, struct engine_list *l)
{
	enum engine_result r = ENGINE_OK;
	int64_t id;

	for (size_t looked = 0; looked < LIST_LOOK && l->n < l->max; looked++) {
		if ((r = next_of_domain(e, l, &id)) != ENGINE_OK)
			return r;
		if (id == 0)
			break;
		l->after = id;
		if ((r = list_one(e, leases, l, id)) != ENGINE_OK)
			return r;
	}
	l->done = l->n == l->max || id == 0;
	return r;
}

enum engine_result
sq_list(struct store_engine *e, const struct leases *leases, struct engine_list *l)
{
	const struct store_filter *f = &l->filter;
	int64_t only;

	if (l->v == NULL)
		l->v = xcalloc(l->max, sizeof(*l->v));
	if (f->queue_id != NULL) {
		l->done = true;
		only = queue_id_parse(f->queue_id);
		return only > l->after ? list_one(e, leases, l, only) : ENGINE_OK;
	}
	return f->domain != NULL ? list_domain(e, leases, l) : list_all(e, leases, l);
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
