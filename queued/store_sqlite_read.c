/*
 * store_sqlite_read.c -- reading envelopes and bodies.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
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
	env->spf = sq_column_dup(st, 15);
	env->route = sq_column_dup(st, 16);
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

enum engine_result
sq_job_body(struct store_engine *e, struct job *job, bool *whole)
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
