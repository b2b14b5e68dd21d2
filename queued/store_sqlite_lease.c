/*
 * store_sqlite_lease.c -- leasing what is due, or of age.
 *
 * The search walks one index alone, rcpt_due or rcpt_age, oldest first; rows that
 * are in somebody's hands are passed over, so a lease costs O(asked for + leased), however
 * much waits (P6). (But for recipients that were warned of: of these the search for unwarned
 * ones looks at each.)
 *
 * A message whose body is not whole (a damaged file, an edited one) must be
 * neither delivered empty nor forgotten: it comes out among the broken ones.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include "common/buf.h"
#include "queued/store_lease.h"
#include "queued/store_sqlite.h"

/* --- a job --------------------------------------------------------------- */
static sqlite3_stmt *
rcpts_wanted(struct store_engine *e, const struct engine_lease *l, int64_t id)
{
	sqlite3_stmt *st = sq_stmt(e, l->aged ? SQL_AGED_RCPT : SQL_LEASE_RCPT);

	sq_int(st, 1, RCPT_FIRST(id));
	sq_int(st, 2, RCPT_LAST(id));
	sq_text(st, 3, l->domain);
	sq_int(st, 4, l->aged ? l->unwarned : sq_from_wall(e, l->now));
	if (!l->aged)
		sq_int(st, 5, sq_far(e, l->now));
	return st;
}

static enum engine_result
job_rcpts(struct store_engine *e, const struct engine_lease *l, struct job *job)
{
	sqlite3_stmt *st = rcpts_wanted(e, l, job->message_id);
	enum engine_result r;
	size_t room = 0;

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
		to->refused = sqlite3_column_int(st, 5) != 0;
		to->unsure = sqlite3_column_int(st, 6) != 0;
		to->warned = sqlite3_column_int(st, 7) != 0;
	}
	return r;
}

/* ENGINE_OK with *whole false: the message is there in part only. */
static enum engine_result
job_load(struct store_engine *e, const struct engine_lease *l, struct job *job, bool *whole)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_MESSAGE_GET);
	enum engine_result r;

	*whole = false;
	sq_int(st, 1, job->message_id);
	if (sq_row(e, st, &r)) {
		job->arrival = sq_to_wall(e, sqlite3_column_int64(st, 0));
		job->size = (uint64_t)sqlite3_column_int64(st, 1);
		sq_envelope(st, &job->env);
		(void)sqlite3_reset(st);
		r = sq_job_body(e, job, whole);
	}
	return r == ENGINE_OK ? job_rcpts(e, l, job) : r;
}

/* --- which --------------------------------------------------------------- */
struct due {
	int64_t	*id;		/* messages, oldest first */
	size_t	 n;
	int64_t	 next;		/* of the first that was not taken: when it is due, or of age when it
				 * arrived; 0 none */
};

static enum engine_result
arrival_of(struct store_engine *e, int64_t id, int64_t *arrival)
{
	sqlite3_stmt *st = sq_stmt(e, SQL_MESSAGE_GET);
	enum engine_result r;

	*arrival = 0;
	sq_int(st, 1, id);
	r = sq_number(e, st, arrival);
	return r == ENGINE_NOT_FOUND ? ENGINE_OK : r;	/* without a message: broken, at once */
}

/* Walks what may be wanted; what it takes is leased at once, so a message comes once. */
static enum engine_result
due_scan(struct store_engine *e, struct leases *leases, const struct engine_lease *l,
    struct due *due)
{
	sqlite3_stmt *st = sq_stmt(e, l->aged ? SQL_AGED_SCAN : SQL_LEASE_SCAN);
	int64_t now = sq_from_wall(e, l->now);
	enum engine_result r, looked = ENGINE_OK;

	sq_text(st, 1, l->domain);
	if (l->aged)
		sq_int(st, 2, l->unwarned);
	while (sq_row(e, st, &r)) {
		int64_t id = sqlite3_column_int64(st, 0) >> RCPT_BITS, when = 0;

		if (!l->aged)
			when = sqlite3_column_int64(st, 1);
		if (!l->aged && sq_is_far(e, when, l->now))
			when = now;
		if ((l->aged || when <= now) && leases_has(leases, id, l->domain))
			continue;
		if (l->aged && (looked = arrival_of(e, id, &when)) != ENGINE_OK)
			break;
		if (when > now || due->n == l->max) {
			due->next = sq_to_wall(e, when) != 0 ? sq_to_wall(e, when) : 1;
			break;
		}
		leases_add(leases, id, l->domain);
		due->id[due->n++] = id;
	}
	(void)sqlite3_reset(st);
	return looked != ENGINE_OK ? looked : r;
}

/* --- leases -------------------------------------------------------------- */
static enum engine_result
load_all(struct store_engine *e, struct engine_lease *l, const struct due *due)
{
	struct job **tail = &l->jobs;
	enum engine_result r = ENGINE_OK;

	for (size_t i = 0; r == ENGINE_OK && i < due->n; i++) {
		struct job *job = xcalloc(1, sizeof(*job));
		bool whole;

		job->message_id = due->id[i];
		queue_id_format(job->queue_id, job->message_id);
		job->domain = xstrdup(l->domain);
		r = job_load(e, l, job, &whole);
		if (r != ENGINE_OK) {
			job_free(&job);
		} else if (!whole) {
			job->next = l->broken;
			l->broken = job;
		} else {
			*tail = job;
			tail = &job->next;
			l->njobs++;
		}
	}
	return r;
}

static void
free_jobs(struct job **list)
{
	while (*list != NULL) {
		struct job *job = *list;

		*list = job->next;
		job_free(&job);
	}
}

enum engine_result
sq_lease(struct store_engine *e, struct leases *leases, struct engine_lease *l)
{
	struct due due = { .id = xcalloc(l->max, sizeof(int64_t)) };
	enum engine_result r;

	l->jobs = l->broken = NULL;
	l->njobs = 0;
	r = due_scan(e, leases, l, &due);
	l->next_due = due.next;
	if (r == ENGINE_OK)
		r = load_all(e, l, &due);
	if (r != ENGINE_OK) {
		for (size_t i = 0; i < due.n; i++)
			leases_remove(leases, due.id[i], l->domain);
		free_jobs(&l->jobs);
		free_jobs(&l->broken);
		l->njobs = 0;
	}
	free(due.id);
	return r;
}
