/*
 * store_sqlite_write.c -- intake and settling: what happens to a message.
 *
 * Each function is a part of the caller's transaction. What a function answers with
 * ENGINE_NOT_FOUND it left as it was.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queued/store_sqlite.h"

#define DROP_STEP	32	/* chunks removed at once: 8 MiB */

/* --- intake -------------------------------------------------------------- */
static enum engine_result
add_chunk(struct store_engine *e, int64_t id, unsigned seq, const char *data, size_t len)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_CHUNK_ADD);

	sq_int(st, 1, CHUNK_FIRST(id) | seq);
	(void)sqlite3_bind_blob64(st, 2, data != NULL ? data : "", len, SQLITE_STATIC);
	return sq_run(e, st);
}

enum engine_result
sq_put_chunk(struct store_engine *e, int64_t id, unsigned seq, const char *data, size_t len)
{
	enum engine_result r = ENGINE_OK;

	assert(seq < 1u << CHUNK_BITS);
	if (seq == 0) {
		sqlite3_stmt *st = sq_stmt(e, SQL_INTAKE_ADD);

		sq_int(st, 1, id);
		r = sq_run(e, st);
	}
	return r == ENGINE_OK ? add_chunk(e, id, seq, data, len) : r;
}

static enum engine_result
end_intake(struct store_engine *e, int64_t id)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_INTAKE_DELETE);

	sq_int(st, 1, id);
	return sq_run(e, st);
}

/* The bytes in a message's chunk rows. */
static enum engine_result
chunk_size(struct store_engine *e, int64_t id, uint64_t *bytes)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_CHUNK_SIZE);
	enum engine_result r;

	sq_int(st, 1, CHUNK_FIRST(id));
	sq_int(st, 2, CHUNK_LAST(id));
	*bytes = 0;
	if (sq_row(e, st, &r)) {
		*bytes = (uint64_t)sqlite3_column_int64(st, 1);
		(void)sqlite3_reset(st);
	}
	return r;
}

/* Of a large message the chunks must be there already, all of them. */
static enum engine_result
adopt_chunks(struct store_engine *e, const struct store_record *m)
{
	enum engine_result r;
	uint64_t bytes;

	if ((r = chunk_size(e, m->id, &bytes)) != ENGINE_OK)
		return r;
	if (bytes == m->size)
		return end_intake(e, m->id);
	(void)snprintf(e->error, sizeof(e->error), "%s: %llu bytes of %llu arrived", e->path,
	    (unsigned long long)bytes, (unsigned long long)m->size);
	return ENGINE_REJECT;
}

static enum engine_result
add_message(struct store_engine *e, const struct store_record *m)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_MESSAGE_ADD);

	sq_int(st, 1, m->id);
	sq_int(st, 2, sq_from_wall(e, m->arrival));
	sq_int(st, 3, (int64_t)m->size);
	sq_text(st, 4, m->sender);
	sq_int(st, 5, m->body);
	sq_int(st, 6, m->ret);
	sq_int(st, 7, m->smtputf8);
	sq_text(st, 8, m->envid);
	sq_text(st, 9, m->trace);
	sq_text(st, 10, m->client_name);
	sq_text(st, 11, m->client_addr);
	sq_text(st, 12, m->client_port);
	sq_text(st, 13, m->client_proto);
	sq_text(st, 14, m->client_helo);
	sq_text(st, 15, m->client_ident);
	sq_text(st, 16, m->client_source);
	sq_text(st, 17, m->spf);
	sq_text(st, 18, m->route);
	return sq_run(e, st);
}

static enum engine_result
add_rcpt(struct store_engine *e, const struct store_record *m, size_t i)
{
	const struct store_record_rcpt *rcpt = &m->rcpt[i];
	sqlite3_stmt *st = sq_stmt(e, SQL_RCPT_ADD);

	sq_int(st, 1, RCPT_FIRST(m->id) | (int64_t)i);
	sq_text(st, 2, rcpt->domain);
	sq_int(st, 3, sq_from_wall(e, m->arrival));
	sq_int(st, 4, rcpt->notify);
	sq_text(st, 5, rcpt->address);
	sq_text(st, 6, rcpt->orcpt);
	sq_int(st, 7, m->state);
	sq_text(st, 8, m->reason);
	return sq_run(e, st);
}

enum engine_result
sq_put_message(struct store_engine *e, const struct store_record *m, const char *body)
{
	enum engine_result r;

	assert(m->nrcpt > 0 && m->nrcpt <= 1u << RCPT_BITS);
	r = m->chunked ? adopt_chunks(e, m) : add_chunk(e, m->id, 0, body, m->size);
	if (r == ENGINE_OK)
		r = add_message(e, m);
	for (size_t i = 0; r == ENGINE_OK && i < m->nrcpt; i++)
		r = add_rcpt(e, m, i);
	e->messages++;
	e->bytes += (int64_t)m->size;
	e->recipients += (int64_t)m->nrcpt;
	if (m->state == RCPT_HELD)
		e->held += (int64_t)m->nrcpt;
	if (m->state == RCPT_QUARANTINED)
		e->quarantined += (int64_t)m->nrcpt;
	return r;
}

enum engine_result
sq_drop_chunks(struct store_engine *e, int64_t id, bool *done)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_CHUNK_DROP);
	enum engine_result r;

	sq_int(st, 1, CHUNK_FIRST(id));
	sq_int(st, 2, CHUNK_LAST(id));
	sq_int(st, 3, DROP_STEP);
	r = sq_run(e, st);
	*done = r == ENGINE_OK && sqlite3_changes(e->db) < DROP_STEP;
	return *done ? end_intake(e, id) : r;
}

/* --- leaving ------------------------------------------------------------- */
static enum engine_result
add_ledger(struct store_engine *e, const struct sq_leave *l)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_LEDGER_ADD);
	char queue_id[QUEUE_ID_SIZE];

	queue_id_format(queue_id, l->message_id);
	sq_int(st, 1, l->message_id);
	sq_text(st, 2, queue_id);
	sq_int(st, 3, l->arrival);
	sq_int(st, 4, l->now);
	sq_text(st, 5, l->disposition);
	sq_text(st, 6, l->sender);
	sq_text(st, 7, l->recipient);
	sq_text(st, 8, l->relay);
	sq_text(st, 9, l->reply);
	sq_text(st, 10, l->who);
	sq_int(st, 11, l->duplicate);
	return sq_run(e, st);
}

enum engine_result
sq_leave(struct store_engine *e, int64_t rcpt_id, enum rcpt_state state, const struct sq_leave *l)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_RCPT_DELETE);
	enum engine_result r;

	sq_int(st, 1, rcpt_id);
	sq_int(st, 2, state);
	r = sq_run(e, st);
	if (r != ENGINE_OK)
		return r;
	if (sqlite3_changes(e->db) == 0)
		return ENGINE_NOT_FOUND;
	e->recipients--;
	e->held -= state == RCPT_HELD;
	e->quarantined -= state == RCPT_QUARANTINED;
	return add_ledger(e, l);
}

static enum engine_result
delete_range(struct store_engine *e, enum store_sql which, int64_t first, int64_t last)
{
	sqlite3_stmt *st = sq_stmt(e, which);

	sq_int(st, 1, first);
	sq_int(st, 2, last);
	return sq_run(e, st);
}

enum engine_result
sq_message_end(struct store_engine *e, int64_t id, uint64_t size, bool *removed)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_RCPT_ANY);
	enum engine_result r;
	int64_t any;

	*removed = false;
	sq_int(st, 1, RCPT_FIRST(id));
	sq_int(st, 2, RCPT_LAST(id));
	r = sq_number(e, st, &any);
	if (r != ENGINE_NOT_FOUND)
		return r;
	st = sq_stmt(e, SQL_MESSAGE_DELETE);
	sq_int(st, 1, id);
	if ((r = sq_run(e, st)) != ENGINE_OK)
		return r;
	if (sqlite3_changes(e->db) != 0) {
		e->messages--;
		e->bytes -= (int64_t)size;
		*removed = true;
	}
	return delete_range(e, SQL_CHUNK_DELETE, CHUNK_FIRST(id), CHUNK_LAST(id));
}

/* --- settling ------------------------------------------------------------ */
static enum engine_result
attempted(struct store_engine *e, int64_t rcpt_id, enum rcpt_state state, const struct settle *v,
    int64_t now)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_RCPT_ATTEMPTED);
	enum engine_result r;
	int changed;

	sq_int(st, 1, rcpt_id);
	sq_int(st, 2, state);
	if (state == RCPT_QUEUED)
		sq_int(st, 3, sq_from_wall(e, v->next_attempt));
	sq_int(st, 4, sq_from_wall(e, now));
	sq_int(st, 5, v->code);
	sq_text(st, 6, v->dsn);
	sq_text(st, 7, v->reply);
	sq_text(st, 8, v->relay);
	sq_int(st, 9, !v->uncounted);
	sq_int(st, 10, v->refused);
	sq_int(st, 11, v->unsure);
	r = sq_run(e, st);
	changed = r == ENGINE_OK ? sqlite3_changes(e->db) : 0;
	if (state == RCPT_HELD)
		e->held += changed;
	if (state == RCPT_QUARANTINED)
		e->quarantined += changed;
	return r;
}

static enum engine_result
warned(struct store_engine *e, int64_t rcpt_id)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_RCPT_WARNED);

	sq_int(st, 1, rcpt_id);
	return sq_run(e, st);
}

static const char *
disposition(enum settle_what what)
{
	switch (what) {
	case SETTLE_DELIVERED:
		return "delivered";
	case SETTLE_BOUNCED:
		return "bounced";
	case SETTLE_EXPIRED:
		return "expired";
	case SETTLE_DEFER: case SETTLE_UNTRIED: case SETTLE_QUARANTINE: case SETTLE_HOLD:
	case SETTLE_WARNED:
		break;
	}
	abort();	/* it stays */
}

static enum engine_result
left_by(struct store_engine *e, const struct job *job, size_t i, const struct settle *v,
    int64_t now)
{
	struct sq_leave leave = {
		.message_id = job->message_id, .arrival = job->arrival, .now = now,
		.disposition = disposition(v->what),
		.sender = job->env.sender != NULL ? job->env.sender : "",
		.recipient = job->rcpt[i].rcpt.address, .relay = v->relay,
		.who = v->what == SETTLE_EXPIRED ? "rule" : NULL,
		.duplicate = v->what == SETTLE_DELIVERED && job->rcpt[i].unsure,
	};
	char reply[600];

	(void)snprintf(reply, sizeof(reply), "%d%s%s%s%s", v->code, v->dsn[0] != '\0' ? " " : "",
	    v->dsn, v->reply != NULL ? " " : "", v->reply != NULL ? v->reply : "");
	leave.reply = v->code != 0 ? reply : v->reply;
	return sq_leave(e, job->rcpt[i].id, RCPT_QUEUED, &leave);
}

static enum engine_result
settle_rcpt(struct store_engine *e, const struct job *job, size_t i, const struct settle *v,
    int64_t now, bool *left)
{
	int64_t id = job->rcpt[i].id;
	enum engine_result r;

	switch (v->what) {
	case SETTLE_DELIVERED:
	case SETTLE_BOUNCED:
	case SETTLE_EXPIRED:
		r = left_by(e, job, i, v, now);
		*left = *left || r == ENGINE_OK;
		return r == ENGINE_NOT_FOUND ? ENGINE_OK : r;
	case SETTLE_DEFER:
		return attempted(e, id, RCPT_QUEUED, v, now);
	case SETTLE_QUARANTINE:
		return attempted(e, id, RCPT_QUARANTINED, v, now);
	case SETTLE_HOLD:
		return attempted(e, id, RCPT_HELD, v, now);
	case SETTLE_WARNED:
		return warned(e, id);
	case SETTLE_UNTRIED:
		return ENGINE_OK;
	}
	abort();	/* a settle that is none */
}

enum engine_result
sq_settle(struct store_engine *e, const struct job *job, const struct settle *v, int64_t now,
    bool *removed)
{
	enum engine_result r = ENGINE_OK;
	bool left = false;

	*removed = false;
	for (size_t i = 0; r == ENGINE_OK && i < job->nrcpt; i++)
		r = settle_rcpt(e, job, i, &v[i], now, &left);
	if (r == ENGINE_OK && left)
		r = sq_message_end(e, job->message_id, job->size, removed);
	return r;
}
