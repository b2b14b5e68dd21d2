/*
 * engine.h -- runs the checks of a stage and merges their verdicts.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_ENGINE_H
#define HOLDFAST_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "milter/holdfast/check.h"

enum check_stage { STAGE_RCPT, STAGE_EOM };

/* The verdict of n checks, cheapest first, for one stage. */
void	engine_run(const struct check *const *, size_t n, enum check_stage,
	    const struct check_view *, struct verdict *out);

/* The more severe of the two stays in *into, the first among equals; scores add up. */
void	engine_merge(struct verdict *into, const struct verdict *with);

/* What a failing check amounts to (P3: 4xx at worst). */
void	engine_fault(const struct check *, struct verdict *out);

/* Can this be said to a client? Code and class fit the action, the text is one printable line. */
bool	engine_valid(const struct verdict *);

const char *engine_action_name(enum verdict_action);	/* "pass", "defer", "reject" */
const char *engine_stage_name(enum check_stage);	/* "rcpt", "eom" */

#endif
