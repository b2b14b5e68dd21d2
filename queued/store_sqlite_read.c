/*
 * store_sqlite_read.c -- leasing what is due, reading bodies.
 *
 * The search for due recipients walks rcpt_due alone, oldest first; rows that
 * are in somebody's hands are passed over, so a lease costs O(asked for + leased), however
 * much waits (P6).
 *
 * A message whose body is not whole (a damaged file, an edited one) must be
 * neither delivered empty nor forgotten: it comes out among the broken ones.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "queued/store_lease.h"
#include "queued/store_sqlite.h"

void
sq_envelope(sqlite3_stmt *st, struct envelope *env)
{
	env->sender = sq_column_dup(st, 2);
	env->body = (enum body_type)sqlite3_column_int(st, 3);
	env->ret = (enum dsn_ret)sqlite3_column_int(st, 4);
	env->smtputf8 = sqlite3_column_int(st, 5) != 0;
	env->envid = sq_column_dup(st, 6);
	env->trace = sq_column_dup(st, 7);
	env->client.name = sq_column_dup(st, 8);
	env->client.addr = sq_column_dup(st, 9);
	env->client.port = sq_column_dup(st, 10);
	env->client.proto = sq_column_dup(st, 11);
	env->client.helo = sq_column_dup(st, 12);
	env->client.ident = sq_column_dup(st, 13);
	env->client.source = sq_column_dup(st, 14);
}

/* --- bodies -------------------------------------------------------------- */
/*
 * One chunk, copied. ENGINE_REJECT when it is damaged: the trouble is this
 * message's, the rest of the queue goes on.
 */
static enum engine_result
chunk(struct store_engine *e, int64_t chunk_id, char **data, size_t *len)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_CHUNK_GET);
	enum engine_result r = ENGINE_NOT_FOUND;
	int rc;

	sq_int(st, 1, chunk_id);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		const void *blob = sqlite3_column_blob(st, 0);

		*len = (size_t)sqlite3_column_bytes(st, 0);
		if (blob == NULL && *len == 0 && sqlite3_errcode(e->db) == SQLITE_NOMEM) {
			r = ENGINE_SICK;
		} else {
			*data = xrealloc(NULL, *len + 1, 1);
			if (*len != 0)
				memcpy(*data, blob, *len);
			(*data)[*len] = '\0';
			r = ENGINE_OK;
		}
	} else if ((rc & 0xff) == SQLITE_CORRUPT) {
		r = ENGINE_REJECT;
	} else if (rc != SQLITE_DONE) {
		r = sq_result(e, rc, store_sql[SQL_CHUNK_GET]);
	}
	(void)sqlite3_reset(st);
	return r;
}

static enum engine_result
chunk_is_there(struct store_engine *e, int64_t chunk_id, bool *is)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_CHUNK_SIZE);
	enum engine_result r;
	int64_t rows;

	sq_int(st, 1, chunk_id);
	sq_int(st, 2, chunk_id);
	r = sq_number(e, st, &rows);
	*is = r == ENGINE_OK && rows != 0;
	return r;
}

enum engine_result
sq_body(struct store_engine *e, int64_t id, unsigned seq, char **data, size_t *len, bool *last)
{
	int64_t chunk_id = CHUNK_FIRST(id) | seq;
	enum engine_result r;
	bool more = false;

	if (id <= 0 || seq >= 1u << CHUNK_BITS)
		return ENGINE_NOT_FOUND;
	r = chunk(e, chunk_id, data, len);
	if (r == ENGINE_OK && chunk_id != CHUNK_LAST(id))
		r = chunk_is_there(e, chunk_id + 1, &more);
	*last = !more;
	return r;
}

/* Are the chunks that a job needs all there? Takes the body along when it is small. */
static enum engine_result
job_body(struct store_engine *e, struct job *job, bool *whole)
{
	enum engine_result r;
	sqlite3_stmt *st;
	size_t len = 0;

	if (job->size <= STORE_PREFETCH) {
		r = chunk(e, CHUNK_FIRST(job->message_id), &job->body, &len);
		*whole = r == ENGINE_OK && len == job->size;
		return r == ENGINE_NOT_FOUND || r == ENGINE_REJECT ? ENGINE_OK : r;
	}
	st = sq_stmt(e, SQL_CHUNK_SIZE);
	sq_int(st, 1, CHUNK_FIRST(job->message_id));
	sq_int(st, 2, CHUNK_LAST(job->message_id));
	if (!sq_row(e, st, &r))
		return r;
	*whole = (uint64_t)sqlite3_column_int64(st, 1) == job->size;
	(void)sqlite3_reset(st);
	return ENGINE_OK;
}

/* --- leases -------------------------------------------------------------- */
static enum engine_result
job_rcpts(struct store_engine *e, struct job *job, int64_t now)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_LEASE_RCPT);
	enum engine_result r;
	size_t room = 0;

	sq_int(st, 1, RCPT_FIRST(job->message_id));
	sq_int(st, 2, RCPT_LAST(job->message_id));
	sq_text(st, 3, job->domain);
	sq_int(st, 4, now);
	while (sq_row(e, st, &r)) {
		struct job_rcpt *to;

		if (job->nrcpt == room) {
			room = room == 0 ? 1 : room * 2;
			job->rcpt = xrealloc(job->rcpt, room, sizeof(*job->rcpt));
		}
		to = &job->rcpt[job->nrcpt++];
		to->id = sqlite3_column_int64(st, 0);
		to->rcpt.address = sq_column_dup(st, 1);
		to->rcpt.orcpt = sq_column_dup(st, 2);
		to->rcpt.notify = (unsigned)sqlite3_column_int(st, 3);
		to->attempts = (unsigned)sqlite3_column_int(st, 4);
	}
	return r;
}

/* ENGINE_OK with *whole false: the message is there in part only. */
static enum engine_result
job_load(struct store_engine *e, struct job *job, int64_t now, bool *whole)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_MESSAGE_GET);
	enum engine_result r;

	*whole = false;
	sq_int(st, 1, job->message_id);
	if (sq_row(e, st, &r)) {
		job->arrival = sqlite3_column_int64(st, 0);
		job->size = (uint64_t)sqlite3_column_int64(st, 1);
		sq_envelope(st, &job->env);
		(void)sqlite3_reset(st);
		r = job_body(e, job, whole);
	}
	return r == ENGINE_OK ? job_rcpts(e, job, now) : r;
}

struct due {
	int64_t	*id;		/* messages, oldest first */
	size_t	 n;
	int64_t	 next;		/* earliest attempt after them; 0 none */
};

/* Walks what is due; what it takes is leased at once, so a message comes once. */
static enum engine_result
due_scan(struct store_engine *e, struct leases *leases, const char *domain, int64_t now,
    size_t max, struct due *due)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_LEASE_SCAN);
	enum engine_result r;

	sq_text(st, 1, domain);
	while (sq_row(e, st, &r)) {
		int64_t id = sqlite3_column_int64(st, 0) >> RCPT_BITS;
		int64_t when = sqlite3_column_int64(st, 1);

		if (when <= now && leases_has(leases, id, domain))
			continue;
		if (when > now || due->n == max) {
			due->next = when != 0 ? when : 1;
			(void)sqlite3_reset(st);
			return ENGINE_OK;
		}
		leases_add(leases, id, domain);
		due->id[due->n++] = id;
	}
	return r;
}

enum engine_result
sq_lease(struct store_engine *e, struct leases *leases, const char *domain, int64_t now,
    size_t max, struct job **jobs, size_t *njobs, int64_t *next_due, struct job **broken)
{
	struct due due = { .id = xcalloc(max, sizeof(int64_t)) };
	struct job **tail = jobs;
	enum engine_result r;

	*jobs = *broken = NULL;
	*njobs = 0;
	r = due_scan(e, leases, domain, now, max, &due);
	*next_due = due.next;
	for (size_t i = 0; r == ENGINE_OK && i < due.n; i++) {
		struct job *job = xcalloc(1, sizeof(*job));
		bool whole;

		job->message_id = due.id[i];
		queue_id_format(job->queue_id, job->message_id);
		job->domain = xstrdup(domain);
		r = job_load(e, job, now, &whole);
		if (r != ENGINE_OK) {
			job_free(&job);
		} else if (!whole) {
			job->next = *broken;
			*broken = job;
		} else {
			*tail = job;
			tail = &job->next;
			++*njobs;
		}
	}
	if (r != ENGINE_OK) {
		for (size_t i = 0; i < due.n; i++)
			leases_remove(leases, due.id[i], domain);
		*tail = *broken;	/* all jobs in one list, to be freed */
		*broken = NULL;
		for (struct job *job, *next = *jobs; (job = next) != NULL;) {
			next = job->next;
			job_free(&job);
		}
		*jobs = NULL;
		*njobs = 0;
	}
	free(due.id);
	return r;
}
