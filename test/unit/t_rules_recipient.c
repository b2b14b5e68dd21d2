/*
 * t_rules_recipient.c -- who exists: patterns, alias domains, lists that are old.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/rules_screen.h"
#include "test/unit/rulesdb.h"

#define HOUR	3600
#define MADE	1000000		/* when the lists were imported */

struct answer {
	const char		*address;
	int64_t			 age;	/* of the list */
	enum rules_answer	 want;
	const char		*how;
};

static void
expect_answers(const struct ruleset *set, const struct answer *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *how = "unset";
		enum rules_answer got = ruleset_recipient(set, row[i].address, MADE + row[i].age, NULL, &how);

		if (got != row[i].want || (how == NULL) != (row[i].how == NULL) ||
		    (how != NULL && strcmp(how, row[i].how) != 0))
			fail_msg("%s at %lld: %d (%s), not %d (%s)", row[i].address, (long long)row[i].age,
			    (int)got, how != NULL ? how : "-", (int)row[i].want,
			    row[i].how != NULL ? row[i].how : "-");
	}
}

/* The list is imported at MADE. */
#define DOMAIN	"INSERT INTO domain (name, primaries, recipients, catch_all, list_time, list_max_age) VALUES "
#define A64	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"

static void
test_patterns(void **state)
{
	static const struct answer row[] = {
		{ "list-users@p.test", 0, RULES_KNOWN, "pattern" },
		{ "LIST-Users@P.test", 0, RULES_KNOWN, "pattern" },
		/* the whole local part, not a piece */
		{ "list-users2@p.test", 0, RULES_UNKNOWN, NULL },
		{ "xlist-users@p.test", 0, RULES_UNKNOWN, NULL },
		/* refusals first, wherever they stand in the table */
		{ "list-secret@p.test", 0, RULES_UNKNOWN, "pattern" },
		/* the list beats them, in whatever way the address is known by it … */
		{ "bob@p.test", 0, RULES_KNOWN, "list" },
		{ "bob+x@p.test", 0, RULES_KNOWN, "extension" },
		/* … but an extension may be refused, or more than known */
		{ "bob+spam@p.test", 0, RULES_UNKNOWN, "pattern" },
		{ "bob+list@p.test", 0, RULES_KNOWN, "pattern" },
		{ "postmaster@p.test", 0, RULES_KNOWN, "postmaster" },
		{ "PostMaster@p.test", 0, RULES_KNOWN, "postmaster" },
		{ "\"list-a\"@p.test", 0, RULES_KNOWN, "pattern" },
		{ "j\xc3\xbcrgen@p.test", 0, RULES_KNOWN, "pattern" },
		/* one that takes too long matches nothing */
		{ A64 "@p.test", 0, RULES_UNKNOWN, NULL },
		{ "aaa@p.test", 0, RULES_KNOWN, "pattern" },
		/* of another domain they say nothing */
		{ "list-users@q.test", 0, RULES_UNKNOWN, NULL },
		/* before a catch-all, and where nothing else is checked */
		{ "noreply@all.test", 0, RULES_UNKNOWN, "pattern" },
		{ "anybody@all.test", 0, RULES_KNOWN, "catch-all" },
		{ "noreply@any.test", 0, RULES_UNKNOWN, "pattern" },
		{ "anybody@any.test", 0, RULES_KNOWN, "any" },
		/* a list that never came */
		{ "list-a@new.test", 0, RULES_KNOWN, "pattern" },
		{ "noreply@new.test", 0, RULES_UNKNOWN, "pattern" },
		{ "anybody@new.test", 0, RULES_UNSURE, NULL },
	};
	const struct rulesdb *t = *state;
	struct ruleset *set;

	rulesdb_sql(t, DOMAIN "('p.test', 'h', 'list', '', 1000000, ''), ('q.test', 'h', 'list',"
	    " '', 1000000, ''),"
	    " ('all.test', 'h', 'list', '@', 1000000, ''), ('any.test', 'h', 'any', '', 0, ''),"
	    " ('new.test', 'h', 'list', '', 0, '');"
	    "INSERT INTO recipient VALUES ('p.test', 'bob'), ('q.test', 'bob');"
	    "INSERT INTO pattern (domain, pattern, answer) VALUES"
	    " ('p.test', 'list-[a-z]+', 'accept'), ('p.test', 'list-secret', 'reject'),"
	    " ('p.test', 'bob', 'reject'), ('p.test', '.*spam', 'reject'), ('p.test',"
	    " 'postmaster', 'reject'),"
	    " ('p.test', '.*\\+list', 'accept'), ('p.test', '(a+)+', 'accept'),"
	    " ('p.test', 'j\xc3\xbcrgen', 'accept'), ('all.test', 'noreply', 'reject'),"
	    " ('any.test', 'noreply', 'reject'), ('new.test', 'noreply', 'reject'),"
	    " ('new.test', 'list-.', 'accept')");
	set = rulesdb_read(t);
	expect_answers(set, row, COUNT(row));
	ruleset_unref(&set);
}

static void
test_stale(void **state)
{
	static const struct answer row[] = {
		{ "eve@hour.test", 0, RULES_UNKNOWN, NULL },
		{ "eve@hour.test", HOUR, RULES_UNKNOWN, NULL },
		{ "eve@hour.test", HOUR + 1, RULES_STALE, NULL },
		{ "eve@hour.test", 100 * HOUR, RULES_STALE, NULL },
		{ "eve@hour.test", -5 * HOUR, RULES_UNKNOWN, NULL },	/* the clock was set back */
		{ "bob@hour.test", 100 * HOUR, RULES_KNOWN, "list" },
		{ "bob+x@hour.test", 100 * HOUR, RULES_KNOWN, "extension" },
		{ "postmaster@hour.test", 100 * HOUR, RULES_KNOWN, "postmaster" },
		{ "noreply@hour.test", 100 * HOUR, RULES_UNKNOWN, "pattern" },	/* no matter of age */
		{ "eve@alias.test", HOUR + 1, RULES_STALE, NULL },
		{ "eve@ever.test", 100000 * HOUR, RULES_UNKNOWN, NULL },
		{ "eve@usual.test", 30 * 24 * HOUR, RULES_UNKNOWN, NULL },
		{ "eve@usual.test", 30 * 24 * HOUR + 1, RULES_STALE, NULL },
		/* never imported: has no age */
		{ "eve@edited.test", 100000 * HOUR, RULES_UNKNOWN, NULL },
		{ "eve@all.test", 100 * HOUR, RULES_KNOWN, "catch-all" },
		{ "eve@verify.test", 100 * HOUR, RULES_UNSURE, NULL },
	};
	const struct rulesdb *t = *state;
	struct ruleset *set;

	rulesdb_sql(t, DOMAIN "('hour.test', 'h', 'list', '', 1000000, '1h'),"
	    " ('ever.test', 'h', 'list', '', 1000000, ''), ('edited.test', 'h', 'list', '', 0, '1h'),"
	    " ('all.test', 'h', 'list', '@', 1000000, '1h'), ('verify.test', 'h', 'verify', '',"
	    " 1000000, '1h');"
	    "INSERT INTO domain (name, primaries, list_time) VALUES ('usual.test', 'h', 1000000);"
	    "INSERT INTO alias_domain (name, domain) VALUES ('alias.test', 'hour.test');"
	    "INSERT INTO recipient SELECT name, 'bob' FROM domain;"
	    "INSERT INTO pattern (domain, pattern, answer) VALUES ('hour.test', 'noreply', 'reject')");
	set = rulesdb_read(t);
	expect_answers(set, row, COUNT(row));
	assert_int_equal(ruleset_domain(set, "hour.test")->list_max_age, HOUR);
	assert_int_equal(ruleset_domain(set, "ever.test")->list_max_age, 0);
	ruleset_unref(&set);
}

static void
test_aliases(void **state)
{
	static const struct answer row[] = {
		{ "bob@alias.test", 0, RULES_KNOWN, "list" },
		{ "BOB@Alias.TEST", 0, RULES_KNOWN, "list" },
		{ "eve@alias.test", 0, RULES_UNKNOWN, NULL },
		{ "list-a@alias.test", 0, RULES_KNOWN, "pattern" },
		{ "bob@zz.test", 0, RULES_KNOWN, "list" },
		{ "bob@sub.alias.test", 0, RULES_NOT_OURS, NULL },
	};
	const struct rulesdb *t = *state;
	const struct rules_domain *d;
	struct ruleset *set;

	rulesdb_sql(t, DOMAIN "('p.test', 'h', 'list', '', 1000000, ''), ('q.test', 'h', 'any', '', 0, '');"
	    "INSERT INTO alias_domain (name, domain) VALUES ('zz.test', 'p.test'), ('alias.test',"
	    " 'p.test'),"
	    " ('b\xc3\xbc" "cher.test', 'q.test');"
	    "INSERT INTO recipient VALUES ('p.test', 'bob');"
	    "INSERT INTO pattern (domain, pattern) VALUES ('p.test', 'list-.')");
	set = rulesdb_read(t);
	expect_answers(set, row, COUNT(row));
	assert_int_equal(ruleset_ndomains(set), 2);
	d = ruleset_domain(set, "p.test");
	assert_ptr_equal(ruleset_domain(set, "ALIAS.test"), d);
	assert_int_equal(ruleset_recipient(set, "bob@alias.test", 0, &d, NULL), RULES_KNOWN);
	assert_string_equal(d->name, "p.test");
	assert_string_equal(ruleset_alias(set, "Alias.test"), "p.test");
	assert_string_equal(ruleset_alias(set, "alias.test."), "p.test");
	assert_string_equal(ruleset_alias(set, "b\xc3\xbc" "cher.test"), "q.test");
	assert_null(ruleset_alias(set, "p.test"));
	assert_null(ruleset_alias(set, ""));
	ruleset_unref(&set);

	/* what belongs to a domain goes where it goes, also without foreign keys, as in sqlite3 */
	rulesdb_sql(t, "PRAGMA foreign_keys = OFF; UPDATE domain SET name = 'new.test' WHERE name"
	    " = 'p.test'");
	set = rulesdb_read(t);
	assert_int_equal(ruleset_recipient(set, "list-a@alias.test", 0, &d, NULL), RULES_KNOWN);
	assert_string_equal(d->name, "new.test");
	ruleset_unref(&set);
	rulesdb_sql(t, "PRAGMA foreign_keys = OFF; DELETE FROM domain WHERE name = 'new.test'");
	rulesdb_expect_text(t->path, "SELECT name FROM alias_domain", "b\xc3\xbc" "cher.test|");
	rulesdb_expect_text(t->path, "SELECT count(*) FROM pattern", "0|");
	rulesdb_expect_text(t->path, "SELECT name FROM relay_domain", "b\xc3\xbc" "cher.test|q.test|");
	set = rulesdb_read(t);
	ruleset_unref(&set);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rulesdb_setup, rulesdb_teardown)
	const struct CMUnitTest tests[] = {
		T(test_patterns), T(test_stale), T(test_aliases),
	};

	return cmocka_run_group_tests_name("rules_recipient", tests, NULL, NULL);
}
