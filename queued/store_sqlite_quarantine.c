/*
 * store_sqlite_quarantine.c -- the quarantine in sum, for the operator's digest.
 *
 * From domain to domain by the index, and in each just what is quarantined: what waits for
 * delivery, however much, costs nothing here.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include "common/buf.h"
#include "queued/store_sqlite.h"

/* A message's recipients follow each other. */
static enum engine_result
sum_up(struct store_engine *e, struct store_quarantine *q)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_QUARANTINE);
	enum engine_result r;
	int64_t last = 0;

	sq_text(st, 1, q->domain);
	while (sq_row(e, st, &r)) {
		int64_t id = sqlite3_column_int64(st, 0) >> RCPT_BITS;
		int64_t arrival = sq_to_wall(e, sqlite3_column_int64(st, 2));

		q->recipients++;
		if (id == last)
			continue;
		last = id;
		if (q->messages++ == 0 || arrival < q->oldest)
			q->oldest = arrival;
		q->bytes += (uint64_t)sqlite3_column_int64(st, 1);
	}
	return r;
}

static enum engine_result
newest(struct store_engine *e, struct store_quarantine *q)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_QUARANTINE_NEWEST);
	enum engine_result r;

	q->newest = xcalloc(QUARANTINE_NEWEST, sizeof(*q->newest));
	sq_text(st, 1, q->domain);
	sq_int(st, 2, QUARANTINE_NEWEST);
	while (sq_row(e, st, &r)) {
		struct store_quarantined *m = &q->newest[q->nnewest++];

		queue_id_format(m->queue_id, sqlite3_column_int64(st, 0));
		m->arrival = sq_to_wall(e, sqlite3_column_int64(st, 1));
		m->sender = sq_column_dup(st, 2);
		m->recipient = sq_column_dup(st, 3);
		m->reply = sq_reply_text(st, 4);
	}
	return r;
}

enum engine_result
sq_quarantine(struct store_engine *e, struct store_quarantine **vp, size_t *n)
{
	char *domain = xstrdup("");
	struct store_quarantine *v = NULL;
	enum engine_result r;
	size_t room = 0;

	*n = 0;
	while ((r = sq_next_domain(e, &domain)) == ENGINE_OK && domain != NULL) {
		struct store_quarantine q = { .domain = xstrdup(domain) };

		if ((r = sum_up(e, &q)) == ENGINE_OK && q.recipients != 0)
			r = newest(e, &q);
		if (r != ENGINE_OK || q.recipients == 0) {
			store_quarantine_clear(&q);
			if (r != ENGINE_OK)
				break;
			continue;
		}
		if (*n == room) {
			room = room == 0 ? 16 : room * 2;
			v = xrealloc(v, room, sizeof(*v));
		}
		v[(*n)++] = q;
	}
	free(domain);
	*vp = v;
	return r;
}

void
store_quarantine_clear(struct store_quarantine *q)
{
	for (size_t i = 0; i < q->nnewest; i++) {
		free(q->newest[i].sender);
		free(q->newest[i].recipient);
		free(q->newest[i].reply);
	}
	free(q->newest);
	free(q->domain);
	*q = (struct store_quarantine) { 0 };
}
