/*
 * t_checks.c -- the checks of the table, by tables.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "common/rules.h"
#include "milter/checks.h"
#include "milter/engine.h"
#include "rulesdb.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
ask(const struct check *check, enum check_stage stage, const struct check_view *view,
    struct verdict *v)
{
	const struct check *const table[] = { check };

	engine_run(table, 1, stage, view, v);
	assert_true(engine_valid(v));
}

static void
test_recipient(void **state)
{
	static const struct {
		const char	*rcpt;
		int		 code;		/* 0: pass */
		const char	*dsn, *text;
	} table[] = {
		{ "alice@listed.test", 0, "", "" },
		{ "ALICE@Listed.TEST", 0, "", "" },
		{ "alice+tag@listed.test", 0, "", "" },
		{ "\"alice\"@listed.test", 0, "", "" },
		{ "mallory@listed.test", 550, "5.1.1",
		    "<mallory@listed.test>: Recipient address rejected: User unknown" },
		{ "mallory@LISTED.test", 550, "5.1.1",
		    "<mallory@LISTED.test>: Recipient address rejected: User unknown" },
		{ "Exact@case.test", 0, "", "" },
		{ "exact@case.test", 550, "5.1.1",
		    "<exact@case.test>: Recipient address rejected: User unknown" },
		/* P3: no list is our fault, not the sender's. */
		{ "anybody@promised.test", 450, "4.1.1",
		    "<anybody@promised.test>: Recipient address rejected: recipient list not available" },
		/* Nor is an old one. */
		{ "alice@stale.test", 0, "", "" },
		{ "anybody@stale.test", 450, "4.1.1",
		    "<anybody@stale.test>: Recipient address rejected: recipient list too old" },
		{ "anybody@verify.test", 0, "", "" },
		{ "anybody@any.test", 0, "", "" },
		{ "anybody@catchall.test", 0, "", "" },
		{ "mallory@elsewhere.test", 0, "", "" },
		{ "\xc3\xa4@listed.test", 550, "5.1.1",
		    "<\xc3\xa4@listed.test>: Recipient address rejected: User unknown" },
		{ "a b@listed.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "a@b@listed.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "@listed.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "@relay.test:alice@listed.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "\xff@listed.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "al\rice@listed.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "", 501, "5.1.3", "Bad recipient address syntax" },
	};
	const struct rulesdb *db = *state;
	struct check_view view;
	struct ruleset *set;
	struct rules *rules;
	struct verdict v;
	char *why = NULL;
	size_t i;

	rulesdb_sql(db,
	    "INSERT INTO domain (name, primaries, list_time, list_max_age)"
	    " VALUES ('listed.test', 'p.test', 1, ''), ('stale.test', 'p.test', 1, '30d');"
	    "INSERT INTO recipient (domain, local_part) VALUES ('listed.test', 'alice'),"
	    " ('stale.test', 'alice');"
	    "INSERT INTO domain (name, primaries, list_time, list_max_age, case_sensitive)"
	    " VALUES ('case.test', 'p.test', 1, '', 1);"
	    "INSERT INTO recipient (domain, local_part) VALUES ('case.test', 'Exact');"
	    "INSERT INTO domain (name, primaries) VALUES ('promised.test', 'p.test');"
	    "INSERT INTO domain (name, primaries, recipients) VALUES"
	    " ('verify.test', 'p.test', 'verify'), ('any.test', 'p.test', 'any');"
	    "INSERT INTO domain (name, primaries, list_time, catch_all)"
	    " VALUES ('catchall.test', 'p.test', 1, '@')");
	rules = rules_open(db->path, &why);
	assert_non_null(rules);
	set = rules_current(rules);
	memset(&view, 0, sizeof(view));
	view.rules = set;
	for (i = 0; i < COUNT(table); i++) {
		view.rcpt = table[i].rcpt;
		ask(&check_recipient, STAGE_RCPT, &view, &v);
		if ((v.action == VERDICT_PASS) != (table[i].code == 0))
			fail_msg("%s: %d %s", table[i].rcpt, v.code, v.text);
		if (table[i].code == 0)
			continue;
		assert_int_equal(v.code, table[i].code);
		assert_string_equal(v.dsn, table[i].dsn);
		assert_string_equal(v.text, table[i].text);
		assert_int_equal(v.action, v.code >= 500 ? VERDICT_REJECT : VERDICT_DEFER);
	}
	ruleset_unref(&set);
	rules_close(&rules);
}

/*
 * fail2ban's stock filter for Postfix (filter.d/postfix.conf of 1.0.2) as an
 * extended regular expression, on the line that Postfix logs for our reply.
 */
static void
test_fail2ban(void **state)
{
	static const char filter[] =
	    ": milter-reject: [A-Z]{4} from [^[]*\\[192\\.0\\.2\\.1\\](:[0-9]+)?: "
	    "[45][50][04] [45]\\.[0-9]\\.[0-9]+ ((<[^>]*>)?: )?"
	    "(((Helo command|(Sender|Recipient) address) rejected: )?)"
	    "(Service unavailable|[Uu](ser unknown|ndeliverable address))([^a-zA-Z0-9_]|$)";
	const struct rulesdb *db = *state;
	struct check_view view;
	struct ruleset *set;
	struct rules *rules;
	struct verdict v;
	char line[1024], *why = NULL;
	regex_t re;

	rulesdb_sql(db,
	    "INSERT INTO domain (name, primaries, list_time, list_max_age)"
	    " VALUES ('listed.test', 'p.test', 1, '')");
	rules = rules_open(db->path, &why);
	assert_non_null(rules);
	set = rules_current(rules);
	memset(&view, 0, sizeof(view));
	view.rules = set;
	view.rcpt = "mallory@listed.test";
	ask(&check_recipient, STAGE_RCPT, &view, &v);
	(void)snprintf(line, sizeof(line), "NOQUEUE: milter-reject: RCPT from unknown[192.0.2.1]: "
	    "%d %s %s [trace=6fdk85001n69]; from=<a@b.test> to=<mallory@listed.test> proto=ESMTP",
	    v.code, v.dsn, v.text);
	assert_int_equal(regcomp(&re, filter, REG_EXTENDED | REG_NOSUB), 0);
	assert_int_equal(regexec(&re, line, 0, NULL, 0), 0);
	regfree(&re);
	ruleset_unref(&set);
	rules_close(&rules);
}

static void
test_size(void **state)
{
	static const struct {
		enum check_stage stage;
		uint64_t	 declared, bytes, limit;
		bool		 passes;
	} table[] = {
		{ STAGE_RCPT, 0, 0, 1000, true },
		{ STAGE_RCPT, 1000, 0, 1000, true },
		{ STAGE_RCPT, 1001, 0, 1000, false },
		{ STAGE_RCPT, UINT64_MAX, 0, 1000, false },
		{ STAGE_RCPT, UINT64_MAX, 0, 0, true },	/* no limit */
		{ STAGE_EOM, 0, 1000, 1000, true },
		{ STAGE_EOM, 10, 1001, 1000, false },	/* it lied */
		{ STAGE_EOM, 5000, 900, 1000, true },	/* what counts is what came */
		{ STAGE_EOM, 0, 1001, 0, true },
	};
	struct check_view view;
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		memset(&view, 0, sizeof(view));
		view.declared_size = table[i].declared;
		view.bytes = table[i].bytes;
		view.size_limit = table[i].limit;
		ask(&check_size, table[i].stage, &view, &v);
		if ((v.action == VERDICT_PASS) != table[i].passes)
			fail_msg("row %zu", i);
		if (table[i].passes)
			continue;
		assert_int_equal(v.code, 552);
		assert_string_equal(v.dsn, "5.3.4");
		assert_string_equal(v.text, "Message size exceeds limit of 1000 bytes");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_recipient, rulesdb_setup, rulesdb_teardown),
		cmocka_unit_test_setup_teardown(test_fail2ban, rulesdb_setup, rulesdb_teardown),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
