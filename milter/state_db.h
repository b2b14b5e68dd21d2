/*
 * state_db.h -- state.db's writer: the SQL of the milter's memory, for state.c alone.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STATE_DB_H
#define HOLDFAST_STATE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/memory.h"

struct counters;
struct state_db;

enum state_db_table { DB_BUCKETS, DB_LOCKOUTS, DB_GREYLIST, DB_NETWORKS };
#define STATE_DB_TABLES	4

enum state_db_result {
	DB_OK,
	DB_BUSY,	/* a reader has it: the same again later */
	DB_FULL,	/* no room: the same again later */
	DB_FAULT,	/* close it; perhaps it can be opened again */
	DB_DAMAGED,	/* not a database (any more): begin a new one */
	DB_FOREIGN	/* somebody else's, or of a later version: keep off */
};

/* NULL and *result, *why (malloc'd). *created: it is new and empty. */
struct state_db	*state_db_open(const char *path, bool *created, enum state_db_result *result, char **why);
/* The same for one who only loads, and changes nothing. NULL: it is not there, or not to be read. */
struct state_db	*state_db_look(const char *path);
void		 state_db_close(struct state_db **);
/* Is the file that was opened still the one of this name? */
bool		 state_db_is_there(const struct state_db *);
/* Renames a damaged file, and what belongs to it, to *aside (malloc'd). -1: errno. */
int		 state_db_set_aside(const char *path, char **aside);
const char	*state_db_error(const struct state_db *);	/* of the last call that failed */

enum state_db_result state_db_load(struct state_db *, enum state_db_table, struct memory *, int64_t now);
enum state_db_result state_db_load_counters(struct state_db *, struct counters *);

/* A transaction: begin, then any of put, counter and status, then commit; or roll back. */
enum state_db_result state_db_begin(struct state_db *);
enum state_db_result state_db_put(struct state_db *, enum state_db_table, const struct memory_record *,
		    int64_t now);
enum state_db_result state_db_counter(struct state_db *, const char *name, const uint64_t *n, int64_t now);
enum state_db_result state_db_status(struct state_db *, const char *name, const char *value);
/* The process with this pid has ended, unless another one writes by now. */
enum state_db_result state_db_stopped(struct state_db *, const char *pid, const char *when);
enum state_db_result state_db_commit(struct state_db *);
void		 state_db_rollback(struct state_db *);
/* Removes rows that are over, and the oldest beyond the bound (0: none). A transaction of its own. */
enum state_db_result state_db_trim(struct state_db *, enum state_db_table, size_t bound, int64_t now);

#endif
