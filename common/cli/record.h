/*
 * record.h -- what setups have done, for `holdfast setup --undo'.
 *
 * A folder for each setup, named by its time, holds manifest.json and of each file the
 * bytes before (N.before) and after (N.after). It is written before anything else is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_RECORD_H
#define HOLDFAST_CLI_RECORD_H

#include <stdbool.h>

struct plan;
struct record;

/* A new one in the folder `all' (made if need be: root's, 0700). NULL and *why. */
struct record	*record_new(const char *all, const char *mta, char **why);
/* state: "applying", "done", "rolled back", "undone". 0 or -1 with *why. */
int		 record_save(struct record *, const struct plan *, const char *state, char **why);

/* The last that was not taken back, with its plan. NULL: *why; there is none (*none) or it cannot
 * be read. */
struct record	*record_last(const char *all, struct plan *, bool *none, char **why);
const char	*record_mta(const struct record *);
const char	*record_folder(const struct record *);
const char	*record_time(const struct record *);
void		 record_free(struct record **);

#endif
