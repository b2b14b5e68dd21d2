/*
 * t_rules_edit.c -- changes to rules.db: whole or not at all.
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

#include "rulesdb.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
add_domain(struct rules_edit *e, const char *name)
{
	struct rules_edit_domain d = RULES_EDIT_DOMAIN_INIT;
	char *why = NULL;

	d.primaries = "mx.test";
	rulesdb_expect(rules_edit_domain_add(e, name, &d, &why), EDIT_OK, &why, NULL);
}

static void
test_create(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_edit *e;
	struct stat st;
	bool created = true;
	char *why = NULL;

	assert_int_equal(stat(t->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	rulesdb_sql(t, "INSERT INTO domain (name, primaries) VALUES ('a.test', 'h')");
	/* one that is there is left alone */
	rulesdb_expect(rules_edit_create(t->path, &created, &why), EDIT_OK, &why, NULL);
	assert_false(created);
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM domain"), 1);
	rulesdb_sql(t, "PRAGMA application_id = 7");
	rulesdb_expect(rules_edit_open(t->path, &e, &why), EDIT_FAULT, &why, "not a Holdfast");
	assert_int_equal(unlink(t->path), 0);
	rulesdb_expect(rules_edit_open(t->path, &e, &why), EDIT_FAULT, &why, "holdfast init");
	assert_null(e);
	rulesdb_expect(rules_edit_create("/nonexistent/dir/rules.db", &created, &why), EDIT_FAULT, &why,
	    "/nonexistent/dir/rules.db: ");
}

static void
test_domain(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	struct rules_edit_domain d = RULES_EDIT_DOMAIN_INIT;
	char *why = NULL;
	size_t gone;

	d.primaries = "192.0.2.1,192.0.2.2:2525";
	d.size_limit = "5000";
	rulesdb_expect(rules_edit_domain_add(e, "Example.TEST.", &d, &why), EDIT_OK, &why, NULL);
	rulesdb_expect(rules_edit_domain_add(e, "example.test", &d, &why), EDIT_EXISTS, &why, "already");
	assert_int_equal(rulesdb_number(t, "SELECT size_limit FROM domain"
	    " WHERE name = 'example.test' AND primaries = '192.0.2.1,192.0.2.2:2525'"), 5000);

	struct rules_edit_domain set = RULES_EDIT_DOMAIN_INIT;
	set.tls = "off";
	set.case_sensitive = "1";
	rulesdb_expect(rules_edit_domain_set(e, "example.test", &set, &why), EDIT_OK, &why, NULL);
	assert_int_equal(rulesdb_number(t, "SELECT size_limit FROM domain WHERE tls = 'off'"
	    " AND case_sensitive = 1"), 5000);
	rulesdb_expect(rules_edit_domain_set(e, "nope.test", &set, &why), EDIT_MISSING, &why, "nope.test");

	/* a name is a domain's or an alias's */
	rulesdb_sql(t, "INSERT INTO alias_domain (name, domain) VALUES ('alias.test', 'example.test')");
	rulesdb_expect(rules_edit_domain_add(e, "Alias.test", &d, &why), EDIT_EXISTS, &why,
	    "`alias.test' is an alias of example.test; remove that first");
	rulesdb_sql(t, "DELETE FROM alias_domain");

	const char *const locals[] = { "a", "b" };
	size_t n;
	rulesdb_expect(rules_edit_recipient_add(e, "example.test", locals, 2, &n, &why), EDIT_OK, &why,
	    NULL);
	rulesdb_expect(rules_edit_domain_remove(e, "nope.test", NULL, &why), EDIT_MISSING, &why, NULL);
	rulesdb_expect(rules_edit_domain_remove(e, "example.test", &gone, &why), EDIT_OK, &why, NULL);
	assert_int_equal(gone, 2);
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM domain"), 0);
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM recipient"), 0);
	rules_edit_close(&e);
}

/* Nothing that the daemons would refuse is ever committed. */
static void
test_bad_values(void **state)
{
	static const struct {
		const char		*name;
		struct rules_edit_domain d;
		const char		*why;
	} row[] = {
		{ "a b", { .primaries = "h" }, "`a b' is not a domain name" },
		{ "", { .primaries = "h" }, "domain name" },
		{ "x.test", { .tls = "may" }, "primaries" },
		{ "x.test", { .primaries = "h:99999" }, "domain x.test: primaries: `h:99999': " },
		{ "x.test", { .primaries = "" }, "domain.primaries must not be empty" },
		{ "x.test", { .primaries = "h", .tls = "maybe" }, "domain.tls must be off, may" },
		{ "x.test", { .primaries = "h", .recipients = "" },
		  "domain.recipients must be list" },
		{ "x.test", { .primaries = "h", .schedule = "nope" },
		  "domain x.test: schedule: there is no schedule `nope'" },
		{ "x.test", { .primaries = "h", .delimiter = "@" }, "domain.delimiter must be up to" },
		{ "x.test", { .primaries = "h", .catch_all = "*" }, "domain.catch_all must be" },
		{ "x.test", { .primaries = "h", .case_sensitive = "2" },
		  "domain.case_sensitive must be" },
	};
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL;

	for (size_t i = 0; i < COUNT(row); i++)
		rulesdb_expect(rules_edit_domain_add(e, row[i].name, &row[i].d, &why), EDIT_BAD, &why,
		    row[i].why);
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM domain"), 0);
	add_domain(e, "x.test");
	for (size_t i = 3; i < COUNT(row); i++)
		rulesdb_expect(rules_edit_domain_set(e, "x.test", &row[i].d, &why), EDIT_BAD, &why,
		    row[i].why);
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM domain WHERE primaries ="
	    " 'mx.test' AND tls = 'may'"), 1);
	/* one row that was broken by hand can be put right */
	rulesdb_sql(t, "INSERT INTO domain (name, primaries) VALUES ('y.test', ':'),"
	    " ('z.test', ':')");
	struct rules_edit_domain d = RULES_EDIT_DOMAIN_INIT;
	d.primaries = "h";
	rulesdb_expect(rules_edit_domain_set(e, "y.test", &d, &why), EDIT_OK, &why, NULL);
	rulesdb_expect(rules_edit_domain_remove(e, "z.test", NULL, &why), EDIT_OK, &why, NULL);
	rules_edit_close(&e);
}

static void
test_recipients(void **state)
{
	static const char *const some[] = { "Bob", "bob", "\"al ice\"", "eve" };
	static const char *const bad[] = { "fine", "a\tb" };
	static const char *const hand[] = { "HAND" };
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL;
	size_t n;

	add_domain(e, "a.test");
	rulesdb_expect(rules_edit_recipient_add(e, "a.test", some, COUNT(some), &n, &why), EDIT_OK, &why,
	    NULL);
	assert_int_equal(n, 3);
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM recipient WHERE local_part IN"
	    " ('bob', 'al ice', 'eve')"), 3);
	rulesdb_expect(rules_edit_recipient_add(e, "a.test", bad, COUNT(bad), &n, &why), EDIT_BAD, &why,
	    "has a control character");
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM recipient"), 3);
	rulesdb_expect(rules_edit_recipient_add(e, "nope.test", some, 1, &n, &why), EDIT_MISSING, &why,
	    "no domain");
	rulesdb_sql(t, "INSERT INTO recipient VALUES ('a.test', 'Hand')");
	rulesdb_expect(rules_edit_recipient_remove(e, "A.test", hand, 1, &n, &why), EDIT_OK, &why, NULL);
	assert_int_equal(n, 1);
	rulesdb_expect(rules_edit_recipient_remove(e, "a.test", hand, 1, &n, &why), EDIT_OK, &why, NULL);
	assert_int_equal(n, 0);
	rules_edit_close(&e);
}

static void
test_import(void **state)
{
	static const char *const ten[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j" };
	static const char *const eight[] = { "a", "b", "c", "d", "e", "f", "x", "y" };
	static const struct {
		size_t			n;	/* of ten[] */
		bool			catch_all, force;
		enum rules_edit_result	want;
		size_t			after;
	} row[] = {
		{ 10, false, false, EDIT_OK, 10 },
		{ 10, false, false, EDIT_OK, 10 },
		{ 7, false, false, EDIT_SHRINK, 10 },
		{ 8, false, false, EDIT_OK, 8 },	/* 20 %: allowed */
		{ 0, false, false, EDIT_SHRINK, 8 },
		{ 0, true, false, EDIT_SHRINK, 8 },
		{ 3, false, true, EDIT_OK, 3 },
		{ 0, false, true, EDIT_OK, 0 },
		{ 0, false, false, EDIT_SHRINK, 0 },	/* empty onto empty still needs a word */
		{ 0, true, false, EDIT_OK, 0 },
		{ 10, false, false, EDIT_OK, 10 },
	};
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL;

	add_domain(e, "a.test");
	add_domain(e, "b.test");
	rulesdb_sql(t, "INSERT INTO recipient VALUES ('b.test', 'other')");
	for (size_t i = 0; i < COUNT(row); i++) {
		struct rules_edit_import im = { .locals = ten, .n = row[i].n,
			.catch_all = row[i].catch_all, .force = row[i].force, .now = 1000 };
		long long stamp = rulesdb_number(t, "SELECT list_time FROM domain");

		im.now += (int64_t)i;
		rulesdb_expect(rules_edit_recipient_import(e, "a.test", &im, &why), row[i].want, &why, NULL);
		assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM recipient WHERE domain ="
		    " 'a.test'"), (long long)row[i].after);
		assert_int_equal(rulesdb_number(t, "SELECT list_time FROM domain"),
		    row[i].want == EDIT_OK ? 1000 + (long long)i : stamp);
	}
	struct rules_edit_import im = { .locals = eight, .n = 8, .now = 5 };
	rulesdb_expect(rules_edit_recipient_import(e, "a.test", &im, &why), EDIT_OK, &why, NULL);
	assert_int_equal(im.added, 2);
	assert_int_equal(im.removed, 4);
	assert_int_equal(im.before, 10);
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM recipient WHERE domain = 'b.test'"),
	    1);
	assert_int_equal(rulesdb_number(t, "SELECT catch_all = '@' FROM domain WHERE name ="
	    " 'a.test'"), 1);
	rulesdb_expect(rules_edit_recipient_import(e, "c.test", &im, &why), EDIT_MISSING, &why, NULL);
	rules_edit_close(&e);
}

/* kill -9 in the middle of a commit leaves a hot journal: readers say so, init repairs. */
static void
test_hot_journal(void **state)
{
	const struct rulesdb *t = *state;
	char cmd[512], journal[128], *why = NULL;
	struct rules_edit *e;
	struct rules *r;
	FILE *f;
	int c;

	/* A crash is imitated: copies of the file and its journal while a transaction is open. */
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA cache_size = 1; BEGIN IMMEDIATE;"
	    "INSERT INTO domain (name, primaries) VALUES ('half.test', 'h');"
	    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
	    " INSERT INTO recipient SELECT 'half.test', 'u' || i FROM n", NULL, NULL, NULL),
	    SQLITE_OK);
	for (int pass = 0; pass < 2; pass++) {
		FILE *in, *out;

		(void)snprintf(cmd, sizeof(cmd), "%s%s", t->path, pass == 0 ? "" : "-journal");
		(void)snprintf(journal, sizeof(journal), "%s/crash.db%s", t->dir,
		    pass == 0 ? "" : "-journal");
		assert_non_null(in = fopen(cmd, "r"));
		assert_non_null(out = fopen(journal, "w"));
		while ((c = getc(in)) != EOF)
			(void)putc(c, out);
		(void)fclose(in);
		assert_int_equal(fclose(out), 0);
	}
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	assert_non_null(f = fopen(journal, "r"));
	(void)fclose(f);
	(void)snprintf(cmd, sizeof(cmd), "%s/crash.db", t->dir);
	r = rules_open(cmd, &why);
	if (r != NULL)
		fail_msg("a half-written file was read");
	assert_non_null(strstr(why, "cut off half-way"));
	free(why);
	why = NULL;
	rulesdb_expect(rules_edit_open(cmd, &e, &why), EDIT_OK, &why, NULL);
	rules_edit_close(&e);
	r = rules_open(cmd, &why);
	assert_non_null(r);
	struct ruleset *set = rules_current(r);
	assert_int_equal(ruleset_ndomains(set), 0);
	ruleset_unref(&set);
	rules_close(&r);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rulesdb_setup, rulesdb_teardown)
	const struct CMUnitTest tests[] = {
		T(test_create), T(test_domain), T(test_bad_values), T(test_recipients),
		T(test_import), T(test_hot_journal),
	};

	return cmocka_run_group_tests_name("rules_edit", tests, NULL, NULL);
}
