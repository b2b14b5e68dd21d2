/*
 * rulesdb.h -- a rules.db in a directory of its own, for tests.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_RULESDB_H
#define HOLDFAST_TEST_RULESDB_H

#include "common/rules.h"
#include "common/rules_edit.h"

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
/* All columns of all rows, a | after each; from any file. Caller frees. */
char	*rulesdb_text(const char *path, const char *sql);
/* The answer must be this. */
void	rulesdb_expect_text(const char *path, const char *sql, const char *want);

struct rules_edit *rulesdb_edit(const struct rulesdb *);
/* The rules as a daemon would read them now: a reference. The test fails if they are refused. */
struct ruleset *rulesdb_read(const struct rulesdb *);
/* … if they are not, with this in the reason. */
void	rulesdb_expect_refused(const struct rulesdb *, const char *part);
/* The result of a change must be this, and *why have this part (NULL: any). Frees *why. */
void	rulesdb_expect(enum rules_edit_result got, enum rules_edit_result want, char **why,
	    const char *part);
#define EXPECT_OK(call)	rulesdb_expect(call, EDIT_OK, &why, NULL)

#endif
