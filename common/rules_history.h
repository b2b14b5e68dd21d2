/*
 * rules_history.h -- who changed which rule, when, from what to what; and back again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_HISTORY_H
#define HOLDFAST_RULES_HISTORY_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/rules_edit.h"

#define RULES_HISTORY_MAX	100000	/* rows kept; the oldest go */

struct buf;
struct rules_change {
	int64_t		 id;
	int64_t		 time;		/* wall s */
	int64_t		 batch;		/* of what was changed together; 0: by itself */
	const char	*who;
	const char	*table;
	/*
	 * The row as an object, NULL: it was (is) not there; lent. Of table "recipient" it is no row but what an
	 * import did: {"domain":…,"recipients":N}.
	 */
	json_t		*before, *after;
};
typedef void rules_change_fn(void *arg, const struct rules_change *);

/* The newest `max' changes of rules.db, the newest first. */
enum rules_edit_result rules_history_each(const char *path, size_t max, rules_change_fn *, void *arg,
	    char **why);
/*
 * Takes back the change `id' (0: the last one) and all that was made together with it. EDIT_IN_USE: a row
 * was changed again since; nothing is undone then. *id: what was undone; *n: how many rows.
 */
enum rules_edit_result rules_history_undo(struct rules_edit *, int64_t *id, size_t *n, char **why);

/* What changed within the running transaction, the oldest first. Private to common/rules_*.c. */
enum rules_edit_result rules_history_mine(struct rules_edit *, rules_change_fn *, void *arg,
	    char **why);
/* "list deny client 192.0.2.0/24 for example.test": a row as the reader names it. Private to common/rules_*.c. */
void	rules_history_row(struct buf *, const char *table, json_t *row);
/* That a list of so many recipients was imported. Private to common/rules_*.c. */
enum rules_edit_result rules_history_import(struct rules_edit *, const char *domain, size_t before,
	    size_t after, char **why);
/* The triggers, for a new schema. Private to common/rules_*.c. */
enum rules_edit_result rules_history_watch(struct rules_edit *, char **why);
/* A table with a history, as the code knows it; NULL: none of that name. */
const char *rules_history_table(const char *name);

/* "list deny client 192.0.2.0/24: note: a → b": one change in words, for people. Caller frees. */
char	*rules_change_text(const struct rules_change *);

#endif
