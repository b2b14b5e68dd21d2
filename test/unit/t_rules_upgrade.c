/*
 * t_rules_upgrade.c -- a rules.db of version 1 becomes one of the present
 * version, or stays as it was. rules_v1.sql is the schema as it was shipped.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/rules.h"
#include "common/rules_edit.h"
#include "rulesdb.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char rows[] =
    "INSERT INTO schedule VALUES ('quick', '5s 10s*', 0, '2d');"
    "UPDATE schedule SET lifetime = '40d' WHERE name = 'default';"
    "INSERT INTO setting VALUES ('concurrency', '7');"
    "INSERT INTO domain (name, primaries, schedule, tls, list_time, catch_all) VALUES"
    " ('a.test', 'h:26', 'quick', 'off', 12345, '@'), ('b.test', 'mx.b.test', 'default', 'dane',"
    " 0, '');"
    "INSERT INTO recipient VALUES ('a.test', 'bob'), ('a.test', 'eve'), ('b.test', 'joe');";

/* A new file of version 1 in the place of the one that is there. */
static void
make_v1(const struct rulesdb *t, const char *sql)
{
	const char *top = getenv("top_srcdir");
	char *path = xasprintf("%s/test/unit/rules_v1.sql", top != NULL ? top : ".");
	FILE *f = fopen(path, "r");
	struct buf b = BUF_INIT;
	int c;

	if (f == NULL)
		fail_msg("%s: cannot be read", path);
	while (f != NULL && (c = getc(f)) != EOF)
		buf_putc(&b, (char)c);
	if (f != NULL)
		(void)fclose(f);
	free(path);
	assert_int_equal(unlink(t->path), 0);
	rulesdb_sql(t, buf_str(&b));
	rulesdb_sql(t, sql);
	buf_free(&b);
}

/* The answer of a query in one line, from any file. */
static char *
ask(const char *path, const char *sql)
{
	struct buf b = BUF_INIT;
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while (sqlite3_step(st) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(st); i++)
			buf_printf(&b, "%s|", (const char *)sqlite3_column_text(st, i));
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
	return buf_take(&b);
}

static void
expect_answer(const char *path, const char *sql, const char *want)
{
	char *got = ask(path, sql);

	assert_string_equal(got, want);
	free(got);
}

#define SCHEMA "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"

static void
test_upgrade(void **state)
{
	const struct rulesdb *t = *state;
	char *fresh = ask(t->path, SCHEMA), *copy = xasprintf("%s.v1", t->path), *why = NULL;
	struct rules_edit *e = NULL;
	struct rules *r;
	struct stat st;

	make_v1(t, rows);
	assert_int_equal(chmod(t->path, 0640), 0);
	/* who only reads says what to do, and changes nothing */
	assert_null(rules_open(t->path, &why));
	assert_non_null(strstr(why, "made by an older Holdfast (schema 1)"));
	assert_non_null(strstr(why, "`holdfast init' upgrades it"));
	free(why);
	why = NULL;
	assert_int_equal(access(copy, F_OK), -1);

	assert_int_equal(rules_edit_open(t->path, &e, &why), EDIT_OK);
	assert_string_equal(rules_edit_copy(e), copy);
	/* the connection is as usual: foreign keys are on again */
	size_t gone;
	assert_int_equal(rules_edit_domain_remove(e, "b.test", &gone, &why), EDIT_OK);
	assert_int_equal(gone, 1);
	rules_edit_close(&e);

	/* nothing tells it from a new file but its rows */
	expect_answer(t->path, SCHEMA, fresh);
	expect_answer(t->path, "PRAGMA user_version", "2|");
	expect_answer(t->path, "PRAGMA integrity_check", "ok|");
	expect_answer(t->path, "SELECT name, steps, jitter, lifetime, warn_after, at_end FROM schedule"
	    " ORDER BY name",
	    "default|1m 5m 15m 30m 1h*|20|40d||quarantine|quick|5s 10s*|0|2d||quarantine|");
	expect_answer(t->path, "SELECT name, primaries, recipients, schedule, tls, client, bounce,"
	    " delivery_id, case_sensitive, delimiter, catch_all, list_time FROM domain",
	    "a.test|h:26|list|quick|off|xforward|spf-pass|0|0|+|@|12345|");
	expect_answer(t->path, "SELECT local_part FROM recipient ORDER BY 1", "bob|eve|");
	expect_answer(t->path, "SELECT * FROM setting", "concurrency|7|");
	/* the copy is what there was, for whom it was */
	expect_answer(copy, "PRAGMA user_version", "1|");
	expect_answer(copy, "PRAGMA integrity_check", "ok|");
	expect_answer(copy, "SELECT name, primaries FROM domain ORDER BY 1",
	    "a.test|h:26|b.test|mx.b.test|");
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);

	r = rules_open(t->path, &why);
	assert_non_null(r);
	rules_close(&r);
	/* once */
	assert_int_equal(rules_edit_open(t->path, &e, &why), EDIT_OK);
	assert_null(rules_edit_copy(e));
	rules_edit_close(&e);
	free(copy);
	free(fresh);
}

/* What cannot be upgraded stays as it is, byte for byte where it matters, and is named. */
static void
test_refused(void **state)
{
	static const struct {
		const char	*sql, *why;
	} row[] = {
		{ "INSERT INTO domain (name, primaries) VALUES ('c.test', 'mx')",
		  "domain c.test: primaries: `mx' has another meaning now" },
		{ "INSERT INTO domain (name, primaries) VALUES ('c.test', ' MX:2525')",
		  "domain c.test: primaries: ` MX:2525' has another" },
		{ "INSERT INTO domain (name, primaries) VALUES ('c.test', 'turn')",
		  "domain c.test: primaries: `turn' has another" },
		{ "INSERT INTO domain (name, primaries) VALUES ('c.test', 'mx,b')", "stand alone" },
		{ "INSERT INTO domain (name, primaries) VALUES ('c.test', 'h:0')",
		  "domain c.test: primaries: `h:0'" },
		{ "INSERT INTO domain (name, primaries, tls) VALUES ('c.test', 'h', 'pinned')",
		  "domain.tls_pin must be" },
		{ "INSERT INTO recipient VALUES ('none.test', 'x')", "there is no domain `none.test'" },
		{ "DELETE FROM schedule WHERE name = 'default'", "schedule default: the row is missing" },
		{ "PRAGMA ignore_check_constraints = ON; INSERT INTO setting VALUES ('x', '1')",
		  "setting.name must be one of" },
		{ "DROP TABLE recipient", "no such table" },
	};
	const struct rulesdb *t = *state;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct rules_edit *e = NULL;
		char *why = NULL, *before, *after;

		make_v1(t, rows);
		rulesdb_sql(t, row[i].sql);
		before = ask(t->path, SCHEMA);
		if (rules_edit_open(t->path, &e, &why) != EDIT_FAULT)
			fail_msg("%s: not refused", row[i].sql);
		assert_null(e);
		if (strstr(why, row[i].why) == NULL || strstr(why, "nothing was changed") == NULL)
			fail_msg("%s: %s", row[i].sql, why);
		free(why);
		after = ask(t->path, SCHEMA);
		assert_string_equal(after, before);
		expect_answer(t->path, "PRAGMA user_version", "1|");
		assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM domain"
		    " WHERE name IN ('a.test', 'b.test')"), 2);
		free(before);
		free(after);
	}
}

/* A copy that cannot be made: no upgrade. */
static void
test_no_copy(void **state)
{
	const struct rulesdb *t = *state;
	char *copy = xasprintf("%s.v1", t->path), *file = xasprintf("%s/x", copy), *why = NULL;
	struct rules_edit *e = NULL;

	make_v1(t, rows);
	assert_int_equal(mkdir(copy, 0700), 0);	/* nothing can be renamed over a folder with files */
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(rules_edit_open(t->path, &e, &why), EDIT_FAULT);
	assert_non_null(strstr(why, "the copy "));
	free(why);
	why = NULL;
	expect_answer(t->path, "PRAGMA user_version", "1|");
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(rmdir(copy), 0);
	/* an old copy gives way to the newer one */
	FILE *f = fopen(copy, "w");
	assert_non_null(f);
	(void)fputs("old\n", f);
	(void)fclose(f);
	assert_int_equal(rules_edit_open(t->path, &e, &why), EDIT_OK);
	rules_edit_close(&e);
	expect_answer(copy, "PRAGMA user_version", "1|");
	free(file);
	free(copy);
}

/* Somebody has put it into WAL mode, which readers without write access cannot follow. */
static void
test_wal(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_edit *e = NULL;
	sqlite3 *db = NULL;
	char *why = NULL;

	make_v1(t, rows);
	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	assert_int_equal(rules_edit_open(t->path, &e, &why), EDIT_OK);
	rules_edit_close(&e);
	expect_answer(t->path, "PRAGMA journal_mode", "delete|");
	expect_answer(t->path, "PRAGMA user_version", "2|");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rulesdb_setup, rulesdb_teardown)
	const struct CMUnitTest tests[] = {
		T(test_upgrade), T(test_refused), T(test_no_copy), T(test_wal),
	};

	return cmocka_run_group_tests_name("rules_upgrade", tests, NULL, NULL);
}
