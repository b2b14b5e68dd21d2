/*
 * rule.h -- what the files of `holdfast rule' share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_RULE_H
#define HOLDFAST_CLI_RULE_H

#define RULE_NAMES_MAX	128	/* of kinds, groups or settings */

struct cli;

/* Tells that there is no such thing, and what is near (NULL: nothing). how: behind `holdfast rule list'.
 * Returns EX_USAGE. */
int	rule_no_such(const struct cli *, const char *what, const char *given, const char *near,
	    const char *how);

#endif
