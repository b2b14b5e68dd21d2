/*
 * engine.h -- runs the checks of a stage and merges their verdicts.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_ENGINE_H
#define HOLDFAST_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/rules_policy.h"
#include "milter/holdfast/check.h"

enum check_stage { STAGE_RCPT, STAGE_EOM };

/* A check's own memory. */
struct engine_slot {
	void	*conn, *txn;
};

struct engine_run {
	const struct check *const *table;	/* cheapest first */
	size_t			 n;
	struct engine_slot	*slot;		/* one for each of them; NULL: none */
	enum check_stage	 stage;
	struct check_view	*view;		/* its score, greylist, conn and txn are the engine's to set */
	const struct rules_policy *policy;	/* its thresholds */
	/* In which mode does this check run? Asked right before it is; NULL: all are enforced. */
	enum rules_mode		(*mode)(void *arg, const struct check *);
	bool			 shadow;	/* nobody is refused, by whatever check */
	bool			 all;		/* ask even those that cannot change anything any more */
	/* Each verdict of a check that ran, as it came and in its mode; us: how long it took. May be NULL. */
	void			(*told)(void *arg, const struct check *, enum rules_mode,
				    const struct verdict *, int64_t us);
	void			*arg;
};

/* *out: what holds. *would: what would hold if every check in shadow mode were enforced. */
void	engine_run(const struct engine_run *, struct verdict *out, struct verdict *would);

/* The more severe of the two stays in *into, the first among equals; scores add up. */
void	engine_merge(struct verdict *into, const struct verdict *with);

/* What so many points amount to at a stage: PASS, or a verdict whose check is "threshold". */
void	engine_threshold(const struct rules_policy *, enum check_stage, int score, struct verdict *out);

/* What a failing check amounts to (P3: 4xx at worst). */
void	engine_fault(const struct check *, struct verdict *out);

/* Can this be said to a client? Code and class fit the action, the text is one printable line. */
bool	engine_valid(const struct verdict *);

/* Does anything come of it? */
bool	engine_is_hit(const struct verdict *);

const char *engine_action_name(enum verdict_action);	/* "pass", "defer", "reject" */
const char *engine_stage_name(enum check_stage);	/* "rcpt", "eom" */
const char *engine_cost_name(enum check_cost);	/* "memory", "dns" */

#endif
