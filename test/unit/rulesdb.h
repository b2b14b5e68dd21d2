/*
 * rulesdb.h -- a rules.db in a directory of its own, for tests.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_RULESDB_H
#define HOLDFAST_TEST_RULESDB_H

struct rulesdb {
	char	dir[64];
	char	path[96];
};

int	rulesdb_setup(void **state);		/* a new one, made by rules_edit_create() */
int	rulesdb_teardown(void **state);
/* Runs SQL through a connection of its own, as sqlite3 would; the test fails if it fails. */
void	rulesdb_sql(const struct rulesdb *, const char *sql);
/* The one number that the query gives. */
long long rulesdb_number(const struct rulesdb *, const char *sql);

#endif
