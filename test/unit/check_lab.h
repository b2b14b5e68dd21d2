/*
 * check_lab.h -- a check and what it needs around it: rules in a file, a host, a view to be filled.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_CHECK_LAB_H
#define HOLDFAST_TEST_CHECK_LAB_H

#include "common/buf.h"
#include "milter/engine.h"
#include "milter/host.h"
#include "test/unit/rulesdb.h"

struct check_lab {
	void			*db;		/* struct rulesdb */
	struct rules		*rules;
	struct ruleset		*set;
	struct check_host	 host;
	struct check_view	 view;		/* of example.org's ann, from 192.0.2.1, to joe@example.test */
	struct engine_slot	 slot;		/* of the one check that is asked */
	uint32_t		 skip;
	struct buf		 would;		/* "rule=reason " of each verdict of a rule in shadow mode */
};

/* Rules of a new file and this SQL. There is the domain example.test, any recipient. */
struct check_lab *check_lab_new(const char *sql);
void	check_lab_free(struct check_lab **, const struct check *);
void	check_lab_sql(struct check_lab *, const char *sql);	/* and the new rules are in force */
/* Asks the check alone, enforced, and asserts that its verdict can be said. */
void	check_lab_ask(struct check_lab *, const struct check *, enum check_stage, struct verdict *);
/* The message, or the connection, is over. */
void	check_lab_end_txn(struct check_lab *, const struct check *);
void	check_lab_end_conn(struct check_lab *, const struct check *);

#endif
