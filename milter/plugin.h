/*
 * plugin.h -- checks from outside: the *.so files of checks_dir.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_PLUGIN_H
#define HOLDFAST_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include "milter/holdfast/check.h"

#define PLUGIN_MAX	64		/* of them; what comes later by name is left out */
#define PLUGIN_NAME_MAX	32
#define PLUGIN_PATIENCE	5000		/* ms for one to be loaded */
#define PLUGIN_SLOW	5000		/* ms of a hook that are worth a line in the log */
#define PLUGIN_WHY	256

struct plugin_set;

/*
 * Loads what is fit, and says in the log what is and what is not, and why. patience: ms for each.
 * Forks, so there must be no threads yet. Never NULL; "" is no directory and an empty set.
 */
struct plugin_set *plugin_set_load(const char *dir, int64_t patience);
void		 plugin_set_free(struct plugin_set **);		/* the code stays where it is */
/* The cheapest first, then by the files' names. */
const struct check *const *plugin_set_checks(const struct plugin_set *, size_t *n);

/*
 * All checks: theirs after those that cost DNS, before the greylist and what looks inside.
 * Caller frees.
 */
const struct check **plugin_table(const struct check *const *ours, size_t nours,
		    const struct check *const *theirs, size_t ntheirs, size_t *n);

/* --- plugin_try.c ------------------------------------------------------------- */

/* Loads it in a process of its own. 0 and the check's name, or -1 and why not. */
int	plugin_try(const char *path, int64_t patience, char name[PLUGIN_NAME_MAX + 1],
	    char why[PLUGIN_WHY]);
/* Loads it here, for good. NULL and why not. */
const struct check *plugin_open(const char *path, char why[PLUGIN_WHY]);
/* The struct alone; it may be anything, and reading it may crash. 0, or -1 and why it is not fit. */
int	plugin_judge(const struct check *, char why[PLUGIN_WHY]);

#endif
