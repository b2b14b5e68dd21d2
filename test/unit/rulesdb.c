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

char *
rulesdb_text(const char *path, const char *sql)
{
	struct buf b = BUF_INIT;
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while (sqlite3_step(st) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const char *s = (const char *)sqlite3_column_text(st, i);

			buf_printf(&b, "%s|", s != NULL ? s : "NULL");
		}
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
	return buf_take(&b);
}

void
rulesdb_expect_text(const char *path, const char *sql, const char *want)
{
	char *got = rulesdb_text(path, sql);

	if (strcmp(got, want) != 0)
		fail_msg("%s: %s, not %s", sql, got, want);
	free(got);
}

struct rules_edit *
rulesdb_edit(const struct rulesdb *t)
{
	struct rules_edit *e = NULL;
	char *why = NULL;

	if (rules_edit_open(t->path, &e, &why) != EDIT_OK)
		fail_msg("%s", why);
	return e;
}

struct ruleset *
rulesdb_read(const struct rulesdb *t)
{
	char *why = NULL;
	struct rules *r = rules_open(t->path, &why);
	struct ruleset *set;

	if (r == NULL)
		fail_msg("%s", why);
	set = rules_current(r);
	rules_close(&r);
	return set;
}

void
rulesdb_expect_refused(const struct rulesdb *t, const char *part)
{
	char *why = NULL;
	struct rules *r = rules_open(t->path, &why);

	if (r != NULL)
		fail_msg("not refused: %s", part);
	if (strstr(why, part) == NULL)
		fail_msg("`%s' is not in `%s'", part, why);
	free(why);
}

void
rulesdb_expect(enum rules_edit_result got, enum rules_edit_result want, char **why, const char *part)
{
	if (got != want)
		fail_msg("%d, not %d: %s", (int)got, (int)want, *why != NULL ? *why : "");
	if (part != NULL && (*why == NULL || strstr(*why, part) == NULL))
		fail_msg("`%s' is not in `%s'", part, *why != NULL ? *why : "");
	free(*why);
	*why = NULL;
}
