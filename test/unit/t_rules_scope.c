/*
 * t_rules_scope.c -- policies: which settings hold for whom, and who is of one class.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>
#include <time.h>

#include "common/rules_screen.h"
#include "common/rules_setting.h"
#include "test/unit/rulesdb.h"

#define SETTING	"INSERT INTO setting (scope, name, value) VALUES "
#define HEADER	"INSERT INTO header (name, pattern, scope, verdict, mode) VALUES "
#define DOMAINS	"INSERT INTO domain (name, primaries) VALUES ('a.test', 'h'), ('b.test', 'h'), ('c.test', 'h');" \
	"INSERT INTO alias_domain (name, domain) VALUES ('alias.test', 'a.test');"

/* The value of a setting as it holds for somebody. */
static void
expect_setting(const struct ruleset *set, const char *name, const char *who, const char *want)
{
	const struct rules_setting *s = rules_setting_find(name);
	char *got;

	assert_non_null(s);
	got = rules_setting_format(s, ruleset_settings(set), ruleset_policy(set, who));
	if (strcmp(got, want) != 0)
		fail_msg("%s for `%s' is %s, not %s", name, who, got, want);
	free(got);
}

static void
test_policies(void **state)
{
	static const struct {
		const char	*who, *fail, *softfail, *reject;
	} row[] = {
		/* spf.fail: defer for all, 5 for a.test, off for bob; softfail 1 for a.test; reject 3 for bob */
		{ "", "defer", "2", "8" },
		{ "x@other.test", "defer", "2", "8" },
		{ "x@a.test", "5", "1", "8" },
		{ "X@A.Test", "5", "1", "8" },
		{ "bob@a.test", "off", "1", "3" },
		{ "BOB@a.test", "off", "1", "3" },
		{ "\"bob\"@a.test", "off", "1", "3" },
		{ "bob+x@a.test", "5", "1", "8" },
		{ "bob@sub.a.test", "defer", "2", "8" },
		{ "eve@b.test", "defer", "2", "8" },
		{ "joe@b.test", "defer", "7", "8" },
		/* an alias: bob@alias, bob@domain, alias, domain, all */
		{ "x@alias.test", "5", "4", "8" },
		{ "bob@alias.test", "off", "1", "3" },
		{ "ann@alias.test", "5", "4", "6" },
		/* whatever the order of the names */
		{ "x@z.test", "defer", "3", "8" },
		{ "x@aa.test", "4", "3", "8" },
		{ "ann@z.test", "defer", "3", "5" },
		{ "ann@aa.test", "9", "3", "5" },
		{ "postmaster", "defer", "2", "8" },
		{ "@", "defer", "2", "8" },
	};
	const struct rulesdb *t = *state;
	struct ruleset *set;

	rulesdb_sql(t, DOMAINS SETTING "('', 'spf.fail', 'defer'), ('a.test', 'spf.fail', '5'),"
	    "('bob@a.test', 'spf.fail', 'off'), ('a.test', 'spf.softfail', '1'),"
	    "('bob@a.test', 'threshold.reject', '3'), ('joe@b.test', 'spf.softfail', '7'),"
	    "('alias.test', 'spf.softfail', '4'), ('ann@alias.test', 'threshold.reject', '6'),"
	    "('z.test', 'spf.softfail', '3'), ('aa.test', 'spf.fail', '4'),"
	    "('ann@z.test', 'threshold.reject', '5'), ('ann@aa.test', 'spf.fail', '9');"
	    "INSERT INTO domain (name, primaries) VALUES ('z.test', 'h');"
	    "INSERT INTO alias_domain (name, domain) VALUES ('aa.test', 'z.test')");
	set = rulesdb_read(t);
	for (size_t i = 0; i < COUNT(row); i++) {
		expect_setting(set, "spf.fail", row[i].who, row[i].fail);
		expect_setting(set, "spf.softfail", row[i].who, row[i].softfail);
		expect_setting(set, "threshold.reject", row[i].who, row[i].reject);
	}
	ruleset_unref(&set);
}

/* What a scope has of its own can be listed. */
static void
test_scoped(void **state)
{
	const struct rulesdb *t = *state;
	const struct rules_setting *s;
	const char *scope, *value;
	struct ruleset *set;

	rulesdb_sql(t, DOMAINS SETTING "('', 'spf.fail', 'defer'), ('b.test', 'spf.fail', '5'),"
	    " ('a.test', 'spf.none', '6'), ('a.test', 'helo.self', 'off')");
	set = rulesdb_read(t);
	assert_int_equal(ruleset_nscoped(set), 3);
	ruleset_scoped_at(set, 0, &s, &scope, &value);
	assert_string_equal(s->name, "helo.self");
	assert_string_equal(scope, "a.test");
	assert_string_equal(value, "off");
	ruleset_scoped_at(set, 2, &s, &scope, &value);
	assert_string_equal(s->name, "spf.fail");
	assert_string_equal(scope, "b.test");
	assert_string_equal(value, "5");
	ruleset_unref(&set);
}

/* Each in a file of its own: are these recipients of one class? */
static void
test_classes(void **state)
{
	static const struct {
		const char	*sql;
		const char	*a, *b;
		bool		 same;
	} row[] = {
		{ "", "x@a.test", "y@other.test", true },
		/* only from DATA on */
		{ SETTING "('a.test', 'spf.fail', 'off'), ('a.test', 'greylist.mode', 'enforce'),"
		  "('a.test', 'threshold.reject', '1'), ('a.test', 'recipient.mode', 'shadow'),"
		  "('a.test', 'dnsbl.mode', 'off'), ('a.test', 'limits.mode',"
		  " 'off')", "x@a.test", "x@b.test",
		  true },
		{ SETTING "('a.test', 'threshold.spam_reject', '9')", "x@a.test", "x@b.test", false },
		{ SETTING "('a.test', 'threshold.spam_defer', '9')", "x@a.test", "x@b.test", false },
		{ SETTING "('a.test', 'threshold.quarantine', '9')", "x@a.test", "x@b.test", false },
		{ SETTING "('a.test', 'threshold.tag', '9')", "x@a.test", "x@b.test", false },
		{ SETTING "('a.test', 'spam.mode', 'shadow')", "x@a.test", "x@b.test", false },
		{ SETTING "('a.test', 'virus.mode', 'off')", "x@a.test", "x@b.test", false },
		{ SETTING "('a.test', 'header.mode', 'off')", "x@a.test", "x@b.test", false },
		{ SETTING "('a.test', 'plugin.mode', 'off')", "x@a.test", "x@b.test", false },
		{ SETTING "('a.test', 'virus.found', 'quarantine')", "x@a.test", "x@b.test", false },
		{ SETTING "('a.test', 'virus.on_fault', 'off')", "x@a.test", "x@b.test", false },
		{ SETTING "('a.test', 'spam.on_fault', 'off')", "x@a.test", "x@b.test", false },
		/* what is equal is one class, wherever it comes from */
		{ SETTING "('a.test', 'threshold.spam_reject', '9'), ('b.test',"
		  " 'threshold.spam_reject', '9.0')",
		  "x@a.test", "x@b.test", true },
		{ SETTING "('a.test', 'threshold.spam_reject', '15')", "x@a.test", "x@b.test", true },
		{ SETTING "('bob@a.test', 'threshold.spam_reject', '9'), ('b.test',"
		  " 'threshold.spam_reject', '9')",
		  "bob@a.test", "x@b.test", true },
		{ SETTING "('bob@a.test', 'threshold.spam_reject', '9')", "bob@a.test", "eve@a.test",
		  false },
		{ SETTING "('a.test', 'threshold.spam_reject', '9')", "x@a.test", "x@alias.test",
		  true },
		/* header rules */
		{ HEADER "('subject', 'x', '', '1', 'enforce')", "x@a.test", "x@b.test", true },
		{ HEADER "('subject', 'x', 'a.test', '1', 'enforce')", "x@a.test", "x@b.test", false },
		{ HEADER "('subject', 'x', 'a.test', '1', 'enforce')", "x@a.test", "x@alias.test",
		  true },
		{ HEADER "('subject', 'x', 'a.test', '1', 'off')", "x@a.test", "x@b.test", true },
		{ HEADER "('subject', 'x', 'bob@a.test', '1', 'enforce')", "bob@a.test", "eve@a.test",
		  false },
		{ HEADER "('subject', 'x', 'a.test', '1', 'enforce'), ('subject', 'y',"
		  " 'bob@a.test', '1', 'enforce')",
		  "bob@a.test", "eve@a.test", false },
		{ HEADER "('subject', 'x', 'a.test', '1', 'enforce'), ('subject', 'x', 'b.test',"
		  " '1', 'enforce')",
		  "x@a.test", "x@b.test", false },	/* of two rows, though they say the same */
	};

	for (size_t i = 0; i < COUNT(row); i++) {
		struct ruleset *set;

		assert_int_equal(rulesdb_setup(state), 0);
		rulesdb_sql(*state, DOMAINS);
		rulesdb_sql(*state, row[i].sql);
		set = rulesdb_read(*state);
		if ((ruleset_class(set, row[i].a) == ruleset_class(set, row[i].b)) != row[i].same)
			fail_msg("%s: %s and %s", row[i].sql, row[i].a, row[i].b);
		ruleset_unref(&set);
		assert_int_equal(rulesdb_teardown(state), 0);
	}
}

static void
test_inside(void **state)
{
	static const struct {
		const char	*sql;
		bool		 all, a;	/* everybody, and x@a.test */
	} row[] = {
		{ "", false, false },
		{ SETTING "('', 'virus.clamd', 'unix:/run/clamd')", true, true },
		{ SETTING "('', 'spam.spamd', 'h:783')", true, true },
		{ SETTING "('', 'spam.rspamd', 'h:11333')", true, true },
		{ SETTING "('', 'spam.header', 'X-Spam-Score')", true, true },
		{ SETTING "('', 'spam.spamd', 'h:783'), ('a.test', 'spam.mode', 'off')", true, false },
		{ SETTING "('', 'spam.spamd', 'h:783'), ('a.test', 'virus.mode', 'off')", true, true },
		{ SETTING "('', 'virus.clamd', 'h:783'), ('', 'virus.mode', 'off'), ('a.test',"
		  " 'virus.mode', 'shadow')",
		  false, true },
		{ HEADER "('subject', 'x', '', '1', 'enforce')", true, true },
		{ HEADER "('subject', 'x', 'a.test', '1', 'enforce')", false, true },
		{ HEADER "('subject', 'x', 'b.test', '1', 'enforce')", false, false },
		{ HEADER "('subject', 'x', '', '1', 'off')", false, false },
		{ HEADER "('subject', 'x', '', '1', 'enforce');" SETTING "('a.test',"
		  " 'header.mode', 'off')", true, false },
	};

	for (size_t i = 0; i < COUNT(row); i++) {
		struct ruleset *set;

		assert_int_equal(rulesdb_setup(state), 0);
		rulesdb_sql(*state, DOMAINS);
		rulesdb_sql(*state, row[i].sql);
		set = rulesdb_read(*state);
		if (ruleset_looks_inside(set, "x@c.test") != row[i].all ||
		    ruleset_looks_inside(set, "x@a.test") != row[i].a)
			fail_msg("%s", row[i].sql);
		assert_int_equal(ruleset_looks_inside(set, "x@alias.test"), row[i].a);
		ruleset_unref(&set);
		assert_int_equal(rulesdb_teardown(state), 0);
	}
}

static void
test_scope_holds(void **state)
{
	static const struct {
		const char	*scope, *address;
		bool		 want;
	} row[] = {
		{ "", "x@a.test", true }, { "", "", true }, { "a.test", "x@A.test", true },
		{ "a.test", "x@b.test", false }, { "a.test", "x@sub.a.test", false }, { "a.test", "",
		  false },
		{ "bob@a.test", "Bob@a.test", true }, { "bob@a.test", "\"bob\"@a.test", true },
		{ "bob@a.test", "eve@a.test", false }, { "bob@a.test", "bob@alias.test", true },
		{ "a.test", "x@alias.test", true }, { "alias.test", "x@alias.test", true },
		{ "alias.test", "x@a.test", false }, { "b.test", "x@alias.test", false },
		{ "bob@alias.test", "bob@alias.test", true }, { "bob@alias.test", "bob@a.test", false },
		{ "a.test", "a.test", true },
	};
	const struct rulesdb *t = *state;
	struct ruleset *set;

	rulesdb_sql(t, DOMAINS);
	set = rulesdb_read(t);
	for (size_t i = 0; i < COUNT(row); i++)
		if (ruleset_scope_holds(set, row[i].scope, row[i].address) != row[i].want)
			fail_msg("`%s' for `%s'", row[i].scope, row[i].address);
	ruleset_unref(&set);
}

/* A host with many customers: a change of the rules counts within a second (P8). */
static void
test_many(void **state)
{
	const struct rulesdb *t = *state;
	struct ruleset *set;
	clock_t start;

	rulesdb_sql(t, "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999)"
	    " INSERT INTO domain (name, primaries) SELECT 'd' || i || '.test', 'h' FROM n;"
	    "INSERT INTO setting (scope, name, value) SELECT name, 'threshold.tag',"
	    " abs(random() % 5) FROM domain;"
	    "INSERT INTO setting (scope, name, value) SELECT 'bob@' || name, 'spf.fail', 'off' FROM domain;"
	    "INSERT INTO header (name, pattern, scope, verdict) SELECT 'subject', 'x', name, '1'"
	    " FROM domain"
	    " WHERE name LIKE 'd1__.test'");
	start = clock();
	set = rulesdb_read(t);
	start = (clock() - start) / (CLOCKS_PER_SEC / 1000);
	print_message("# 10000 scopes: %ld ms\n", (long)start);
	assert_true(start < 3000);	/* of the processor; half a second without a sanitizer */
	expect_setting(set, "spf.fail", "bob@d4711.test", "off");
	expect_setting(set, "spf.fail", "eve@d4711.test", "reject");
	assert_int_not_equal(ruleset_class(set, "x@d111.test"), ruleset_class(set, "x@d112.test"));
	ruleset_unref(&set);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rulesdb_setup, rulesdb_teardown)
	const struct CMUnitTest tests[] = {
		T(test_policies), T(test_scoped), cmocka_unit_test(test_classes),
		cmocka_unit_test(test_inside), T(test_scope_holds), T(test_many),
	};

	return cmocka_run_group_tests_name("rules_scope", tests, NULL, NULL);
}
