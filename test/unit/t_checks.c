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

#include "milter/checks.h"
#include "test/unit/check_lab.h"

#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

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
		/* The primary would not take it without SMTPUTF8. */
		{ "\xc3\xa4@listed.test", 553, "5.6.7",
		    "Recipient address rejected: non-ASCII address without SMTPUTF8" },
		{ "\xc3\xa4@any.test", 553, "5.6.7",
		    "Recipient address rejected: non-ASCII address without SMTPUTF8" },
		{ "a b@listed.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "a@b@listed.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "@listed.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "@relay.test:alice@listed.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "\xff@listed.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "al\rice@listed.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "", 501, "5.1.3", "Bad recipient address syntax" },
		{ "@", 501, "5.1.3", "Bad recipient address syntax" },
		{ "alice@", 501, "5.1.3", "Bad recipient address syntax" },
		{ ";id;@", 501, "5.1.3", "Bad recipient address syntax" },
		{ "alice", 501, "5.1.3", "Bad recipient address syntax" },
		{ A50 "aaaaaaaaaaaaaaa@any.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "a@" A50 "." A50 "." A50 "." A50 "." A50 ".any.test", 501, "5.1.3",
		    "Bad recipient address syntax" },
		{ "a@" A50 "aaaaaaaaaaaaaa.any.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "\"alice@any.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "\"a\\@any.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "a@[IPv6:zz]", 501, "5.1.3", "Bad recipient address syntax" },
		{ "a\xc0\xaf@any.test", 501, "5.1.3", "Bad recipient address syntax" },
		{ "<alice@any.test>", 501, "5.1.3", "Bad recipient address syntax" },
		/* odd, and an address */
		{ "\"'); DROP TABLE q;--\"@any.test", 0, "", "" },
		{ "%s%n@any.test", 0, "", "" },
		{ "../../etc/passwd@any.test", 0, "", "" },
		{ "-oQ/tmp@any.test", 0, "", "" },
	};
	struct check_lab *l = check_lab_new(
	    "INSERT INTO domain (name, primaries, list_max_age, list_time)"
	    " VALUES ('listed.test', 'p.test', '', 1), ('stale.test', 'p.test', '1d', 1);"
	    "INSERT INTO recipient (domain, local_part) VALUES ('listed.test', 'alice'),"
	    " ('stale.test', 'alice');"
	    "INSERT INTO domain (name, primaries, list_max_age, list_time, case_sensitive)"
	    " VALUES ('case.test', 'p.test', '', 1, 1);"
	    "INSERT INTO recipient (domain, local_part) VALUES ('case.test', 'Exact');"
	    "INSERT INTO domain (name, primaries) VALUES ('promised.test', 'p.test');"
	    "INSERT INTO domain (name, primaries, recipients) VALUES"
	    " ('verify.test', 'p.test', 'verify'), ('any.test', 'p.test', 'any');"
	    "INSERT INTO domain (name, primaries, list_time, catch_all)"
	    " VALUES ('catchall.test', 'p.test', 1, '@')");
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		l->view.rcpt = table[i].rcpt;
		check_lab_ask(l, &check_recipient, STAGE_RCPT, &v);
		if ((v.action == VERDICT_PASS) != (table[i].code == 0))
			fail_msg("%s: %d %s", table[i].rcpt, v.code, v.text);
		if (table[i].code == 0)
			continue;
		assert_int_equal(v.code, table[i].code);
		assert_string_equal(v.dsn, table[i].dsn);
		assert_string_equal(v.text, table[i].text);
		assert_int_equal(v.action, v.code >= 500 ? VERDICT_REJECT : VERDICT_DEFER);
	}
	l->view.smtputf8 = true;
	l->view.rcpt = "\xc3\xa4@listed.test";
	check_lab_ask(l, &check_recipient, STAGE_RCPT, &v);
	assert_string_equal(v.text, "<\xc3\xa4@listed.test>: Recipient address rejected: User unknown");
	l->view.rcpt = "\xc3\xa4@any.test";
	check_lab_ask(l, &check_recipient, STAGE_RCPT, &v);
	assert_int_equal(v.action, VERDICT_PASS);
	l->view.rcpt = "\xff@any.test";
	check_lab_ask(l, &check_recipient, STAGE_RCPT, &v);
	assert_int_equal(v.code, 501);
	check_lab_free(&l, &check_recipient);
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
	struct check_lab *l = check_lab_new("INSERT INTO domain (name, primaries, list_max_age, list_time)"
	    " VALUES ('listed.test', 'p.test', '', 1)");
	struct verdict v;
	char line[1024];
	regex_t re;

	(void)state;
	l->view.rcpt = "mallory@listed.test";
	check_lab_ask(l, &check_recipient, STAGE_RCPT, &v);
	(void)snprintf(line, sizeof(line), "NOQUEUE: milter-reject: RCPT from unknown[192.0.2.1]: "
	    "%d %s %s [trace=6fdk85001n69]; from=<a@b.test> to=<mallory@listed.test> proto=ESMTP",
	    v.code, v.dsn, v.text);
	assert_int_equal(regcomp(&re, filter, REG_EXTENDED | REG_NOSUB), 0);
	assert_int_equal(regexec(&re, line, 0, NULL, 0), 0);
	regfree(&re);
	check_lab_free(&l, &check_recipient);
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
	struct check_lab *l = check_lab_new("");
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		l->view.declared_size = table[i].declared;
		l->view.bytes = table[i].bytes;
		l->view.size_limit = table[i].limit;
		check_lab_ask(l, &check_size, table[i].stage, &v);
		if ((v.action == VERDICT_PASS) != table[i].passes)
			fail_msg("row %zu", i);
		if (table[i].passes)
			continue;
		assert_int_equal(v.code, 552);
		assert_string_equal(v.dsn, "5.3.4");
		assert_string_equal(v.text, "Message size exceeds limit of 1000 bytes");
	}
	check_lab_free(&l, &check_size);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipient),
		cmocka_unit_test(test_fail2ban),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
