/*
 * state_batch.h -- what was taken from memory and is not in the file yet, for state.c alone.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STATE_BATCH_H
#define HOLDFAST_STATE_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "milter/state_db.h"

struct counters;
struct state_batch;

struct state_batch *state_batch_new(void);
void	state_batch_free(struct state_batch **);
/* Fills it with changes, unless there are some in it. False: nothing has changed. */
bool	state_batch_take(struct state_batch *, struct memory *const memory[STATE_DB_TABLES],
	    struct counters *);
/* In the caller's transaction; it stays full until it is dropped. */
enum state_db_result state_batch_put(const struct state_batch *, struct state_db *, int64_t now);
void	state_batch_drop(struct state_batch *);

#endif
