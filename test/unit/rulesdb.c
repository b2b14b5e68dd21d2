/*
 * rulesdb.c -- a rules.db in a directory of its own, for tests.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/rules_edit.h"
#include "rulesdb.h"

int
rulesdb_setup(void **state)
{
	struct rulesdb *t = xcalloc(1, sizeof(*t));
	char *why = NULL;
	bool created;

	(void)snprintf(t->dir, sizeof(t->dir), "/tmp/hf-rules.XXXXXX");
	if (mkdtemp(t->dir) == NULL)
		return -1;
	(void)snprintf(t->path, sizeof(t->path), "%s/rules.db", t->dir);
	if (rules_edit_create(t->path, &created, &why) != EDIT_OK || !created) {
		print_error("%s\n", why != NULL ? why : "not created");
		return -1;
	}
	*state = t;
	return 0;
}

int
rulesdb_teardown(void **state)
{
	struct rulesdb *t = *state;
	DIR *d = opendir(t->dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(t->dir);
	free(t);
	return 0;
}

static sqlite3 *
connect_db(const struct rulesdb *t)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	return db;
}

void
rulesdb_sql(const struct rulesdb *t, const char *sql)
{
	sqlite3 *db = connect_db(t);
	char *err = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &err) != SQLITE_OK)
		fail_msg("%s: %s", sql, err);
	(void)sqlite3_close(db);
}

long long
rulesdb_number(const struct rulesdb *t, const char *sql)
{
	sqlite3 *db = connect_db(t);
	sqlite3_stmt *st = NULL;
	long long n;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
	return n;
}
