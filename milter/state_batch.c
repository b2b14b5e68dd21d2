/*
 * state_batch.c -- what was taken from memory and is not in the file yet.
 *
 * It is taken in small pieces, since sessions wait for the lock meanwhile, and kept whole until it has been
 * written: memory does not tell of a change twice.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/state_batch.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "milter/counters.h"

#define BATCH	4096	/* records of a kind */
#define PIECE	256	/* that are copied at once */

struct count {
	char		*name;
	uint64_t	 n[NCOUNTERS];
};

struct state_batch {
	struct memory_record	*record[STATE_DB_TABLES];	/* room for BATCH each */
	size_t			 n[STATE_DB_TABLES];
	struct count		*count;
	size_t			 ncounts;
};

struct state_batch *
state_batch_new(void)
{
	struct state_batch *b = xcalloc(1, sizeof(*b));

	for (size_t i = 0; i < STATE_DB_TABLES; i++)
		b->record[i] = xcalloc(BATCH, sizeof(*b->record[i]));
	return b;
}

void
state_batch_free(struct state_batch **bp)
{
	struct state_batch *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	state_batch_drop(b);
	for (size_t i = 0; i < STATE_DB_TABLES; i++)
		free(b->record[i]);
	free(b);
}

static bool
is_empty(const struct state_batch *b)
{
	for (size_t i = 0; i < STATE_DB_TABLES; i++)
		if (b->n[i] > 0)
			return false;
	return b->ncounts == 0;
}

static size_t
take_records(struct memory *m, struct memory_record *out)
{
	size_t n = 0, got;

	do {
		got = memory_take(m, out + n, PIECE);
		n += got;
	} while (got == PIECE && n + PIECE <= BATCH);
	return n;
}

static void
take_count(void *arg, const char *name, const uint64_t n[NCOUNTERS])
{
	struct state_batch *b = arg;

	b->count = xrealloc(b->count, b->ncounts + 1, sizeof(*b->count));
	b->count[b->ncounts].name = xstrdup(name);
	memcpy(b->count[b->ncounts].n, n, sizeof(b->count[0].n));
	b->ncounts++;
}

bool
state_batch_take(struct state_batch *b, struct memory *const memory[STATE_DB_TABLES],
    struct counters *counters)
{
	if (!is_empty(b))
		return true;
	for (size_t i = 0; i < STATE_DB_TABLES; i++)
		b->n[i] = take_records(memory[i], b->record[i]);
	counters_changed(counters, take_count, b);
	return !is_empty(b);
}

enum state_db_result
state_batch_put(const struct state_batch *b, struct state_db *db, int64_t now)
{
	enum state_db_result r = DB_OK;

	for (int i = 0; i < STATE_DB_TABLES; i++)
		for (size_t k = 0; r == DB_OK && k < b->n[i]; k++)
			r = state_db_put(db, (enum state_db_table)i, &b->record[i][k], now);
	for (size_t i = 0; r == DB_OK && i < b->ncounts; i++)
		r = state_db_counter(db, b->count[i].name, b->count[i].n, now);
	return r;
}

void
state_batch_drop(struct state_batch *b)
{
	for (size_t i = 0; i < STATE_DB_TABLES; i++) {
		for (size_t k = 0; k < b->n[i]; k++)
			free(b->record[i][k].text);
		b->n[i] = 0;
	}
	for (size_t i = 0; i < b->ncounts; i++)
		free(b->count[i].name);
	free(b->count);
	b->count = NULL;
	b->ncounts = 0;
}
