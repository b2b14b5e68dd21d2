/*
 * t_rules_file.c -- the rules as text: what goes out comes in again, and nothing is half taken.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/buf.h"
#include "common/rules_file.h"
#include "test/unit/rulesdb.h"

/* Every kind of row; texts that want quotes, escapes, or both; all that is not its default. */
static const char rows[] =
    "INSERT INTO schedule VALUES ('quick one', '5s 10s*', 0, '2d', '4h', 'bounce');"
    "INSERT INTO domain VALUES ('a.test', 'b+c:26,d', 'verify', 'quick one', 'verify', 'n.test',"
    " '/ca#1.pem',"
    " '', '192.0.2.1, ::1', 'none', 3, 50, 'never', 1, 7, 1, '', '@', 12345, '');"
    "INSERT INTO domain (name, primaries, delimiter, list_time) VALUES ('b.test', 'mx', '+#', 99);"
    "INSERT INTO domain (name, primaries) VALUES ('b\xc3\xbc" "cher.test', 'h');"
    "INSERT INTO recipient VALUES ('a.test', 'bob'), ('b.test', 'eve');"
    "INSERT INTO alias_domain VALUES ('c.test', 'a.test', 'x=y');"
    "INSERT INTO pattern VALUES ('a.test', '\"q\"\\\\[a-z]+ # =\t', 'reject', ' blanks around '),"
    " ('b.test', '=', 'accept', ''), ('b.test', '#', 'accept', '#');"
    "INSERT INTO setting VALUES ('', 'spf.mode', 'enforce'), ('a.test', 'spf.fail', '2.5'),"
    " ('\"b\\\"ob\"@a.test', 'spf.fail', 'off'), ('', 'virus.clamd', ''), ('', 'global.operator', 'ops');"
    "INSERT INTO list VALUES ('deny', 'sender', '<>', '', '', '', 'enforce', ''),"
    " ('deny', 'helo', '\"#', 'a.test', '', '2026-12-31', 'shadow', 'line' || char(10) ||"
    " 'line\\n' || char(13, 10)),"
    " ('allow', 'sender_domain', '.x.test', '', 'spf dnsbl', '', 'enforce', '\xe2\x82\xac \\\"\\');"
    "INSERT INTO limits VALUES ('bytes', 'sender', '.a.test', '100M/1h', '1G', 'reject', 'off', ''),"
    " ('messages', 'client', '192.0.2.0/24', 'none', '', 'defer', 'enforce', '\"');"
    "INSERT INTO dnsbl VALUES ('d.test', 'client', '127.0.0.2 127.0.0.4-127.0.0.9', '-0.5', 'shadow', ''),"
    " ('d.test', 'helo', '', 'reject', 'enforce', '');"
    "INSERT INTO header VALUES ('subject', '^\\s*\"free\"', '', '5', 'enforce', ''),"
    " ('subject', 'x', 'a.test', 'quarantine', 'enforce', printf('%.*c', 100000, 'n'));"
    "INSERT INTO mx_network VALUES ('192.0.2.0/24', '\\'), ('2001:db8::/32', '');"
    "INSERT INTO mx_domain VALUES ('m.test', 'never', ''), ('n.test', 'always', 'why');"
    "INSERT INTO turn_network VALUES ('::1', '''');";

static char *
export(const struct rulesdb *t)
{
	struct buf b = BUF_INIT;
	char *why = NULL;

	EXPECT_OK(rules_file_export(t->path, &b, &why));
	return buf_take(&b);
}

static enum rules_edit_result
import(const struct rulesdb *t, const char *text, struct rules_file_import *im, char **why)
{
	struct rules_edit *e = rulesdb_edit(t);
	enum rules_edit_result r;

	im->name = "rules.txt";
	r = rules_file_import(e, text, strlen(text), im, why);
	rules_edit_close(&e);
	return r;
}

static void
expect_changes(const struct rules_file_import *im, size_t added, size_t removed, size_t altered)
{
	if (im->added != added || im->removed != removed || im->altered != altered)
		fail_msg("%zu added, %zu removed, %zu changed, not %zu, %zu, %zu", im->added, im->removed,
		    im->altered, added, removed, altered);
}

/* All rows of all tables with a history. */
static char *
content(const struct rulesdb *t)
{
	return rulesdb_text(t->path,
	    "SELECT json_group_array(x) FROM (SELECT json_array('d', d.name, primaries,"
	    " recipients, schedule, tls,"
	    " tls_name, tls_ca, tls_pin, source, client, concurrency, message_rate, bounce, delivery_id,"
	    " size_limit, case_sensitive, delimiter, catch_all, list_max_age) AS x FROM domain d UNION ALL"
	    " SELECT json_array('s', s.name, steps, jitter, lifetime, warn_after, at_end) FROM"
	    " schedule s UNION ALL"
	    " SELECT json_array('a', a.name, domain, note) FROM alias_domain a UNION ALL"
	    " SELECT json_array('p', domain, pattern, answer, note) FROM pattern UNION ALL"
	    " SELECT json_array('e', scope, name, value) FROM setting UNION ALL"
	    " SELECT json_array('l', action, field, value, scope, checks, expires, mode, note)"
	    " FROM list UNION ALL"
	    " SELECT json_array('i', what, per, match, rate, burst, action, mode, note) FROM"
	    " limits UNION ALL"
	    " SELECT json_array('b', zone, what, codes, verdict, mode, note) FROM dnsbl UNION ALL"
	    " SELECT json_array('h', name, pattern, scope, verdict, mode, note) FROM header UNION ALL"
	    " SELECT json_array('n', network, note) FROM mx_network UNION ALL"
	    " SELECT json_array('m', name, serve, note) FROM mx_domain UNION ALL"
	    " SELECT json_array('t', network, note) FROM turn_network ORDER BY 1)");
}

static void
test_round(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_file_import im = { .merge = false };
	char *before, *text, *again, *why = NULL;
	void *other;

	rulesdb_sql(t, rows);
	rulesdb_sql(t, "DELETE FROM history");
	before = content(t);
	text = export(t);
	EXPECT_OK(import(t, text, &im, &why));
	expect_changes(&im, 0, 0, 0);
	rulesdb_expect_text(t->path, "SELECT count(*) FROM history", "0|");
	again = content(t);
	assert_string_equal(again, before);
	free(again);
	/* what is no rule stays, too */
	rulesdb_expect_text(t->path, "SELECT list_time FROM domain ORDER BY name", "12345|99|0|");
	rulesdb_expect_text(t->path, "SELECT * FROM recipient", "a.test|bob|b.test|eve|");

	/* another host becomes like this one */
	assert_int_equal(rulesdb_setup(&other), 0);
	rulesdb_sql(other, "INSERT INTO mx_network VALUES ('10.0.0.0/8', ''); UPDATE limits SET"
	    " rate = '1/1d';"
	    "INSERT INTO setting VALUES ('', 'spf.mode', 'off')");
	EXPECT_OK(import(other, text, &im, &why));
	again = content(other);
	assert_string_equal(again, before);
	free(again);
	again = export(other);
	assert_string_equal(again, text);
	free(again);
	assert_int_equal(rulesdb_teardown(&other), 0);
	free(text);
	free(before);
}

/* One row a line in an order that stays, so that two files can be compared. */
static void
test_text(void **state)
{
	const struct rulesdb *t = *state;
	char *text;

	rulesdb_sql(t, "DELETE FROM list; DELETE FROM limits;"
	    "INSERT INTO domain (name, primaries, delimiter) VALUES ('b.test', 'h+i', ''),"
	    " ('a.test', 'h', '+');"
	    "INSERT INTO list (action, field, value, note) VALUES ('deny', 'client',"
	    " '192.0.2.0/24', 'sends spam'),"
	    " ('deny', 'sender', '<>', 'a' || char(10) || '\"b\"\\');"
	    "INSERT INTO limits (what, per, rate, match) VALUES ('messages', 'client', '20/1m',"
	    " '192.0.2.1');"
	    "INSERT INTO setting VALUES ('a.test', 'spf.mode', 'off'), ('', 'virus.clamd', '')");
	text = export(t);
	assert_string_equal(text,
	    "# Holdfast rules. `holdfast rule import' reads this file.\n"
	    "\nschedule default \"1m 5m 15m 30m 1h*\"\n"
	    "\ndomain a.test primaries=h\n"
	    "domain b.test primaries=h+i delimiter=\"\"\n"
	    "\nsetting virus.clamd \"\"\n"
	    "setting spf.mode off scope=a.test\n"
	    "\nlist deny client 192.0.2.0/24 note=\"sends spam\"\n"
	    "list deny sender <> note=\"a\\n\\\"b\\\"\\\\\"\n"
	    "\nlimits messages client 20/1m match=192.0.2.1\n");
	free(text);
}

#define DEFAULT	"schedule default \"1m 5m 15m 30m 1h*\"\n"

static void
test_changes(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_file_import im = { .merge = true };
	char *why = NULL, *before, *after;

	rulesdb_sql(t, "INSERT INTO domain (name, primaries, list_time) VALUES ('a.test', 'h', 5),"
	    " ('b.test', 'h', 6);"
	    "INSERT INTO recipient VALUES ('a.test', 'bob'), ('b.test', 'eve');"
	    "INSERT INTO mx_network VALUES ('::1', 'a'), ('::2', 'b'); DELETE FROM history");

	/* what the file does not have stays; rows in another spelling are the same rows */
	EXPECT_OK(import(t, "\xef\xbb\xbf# by hand\r\n\r\n  domain\tA.test primaries=i  #"
	    " moved\r\nmx_network 0::1\n"
	    "mx_network \"::\"3 note=x\"y z\"\nsetting spf.fail off scope=A.test", &im, &why));
	expect_changes(&im, 2, 0, 2);
	rulesdb_expect_text(t->path, "SELECT * FROM mx_network ORDER BY 1", "::1||::2|b|::3|xy z|");
	rulesdb_expect_text(t->path, "SELECT name, primaries, list_time FROM domain ORDER BY"
	    " 1", "a.test|i|5|b.test|h|6|");
	rulesdb_expect_text(t->path, "SELECT count(DISTINCT batch), count(*) FROM history", "1|4|");

	/* only to see */
	before = content(t);
	im = (struct rules_file_import){ .dry = true, .force = true };
	EXPECT_OK(import(t, DEFAULT "domain a.test primaries=j\nmx_network ::7\n", &im, &why));
	expect_changes(&im, 1, 3 + 1 + 1 + 2 + 5, 1);
	after = content(t);
	assert_string_equal(after, before);
	free(before);
	free(after);
	rulesdb_expect_text(t->path, "SELECT count(*) FROM history", "4|");
	rulesdb_expect_text(t->path, "SELECT * FROM editor", "1|sql|NULL|");

	/* a domain does not go for a line that is missing */
	im = (struct rules_file_import){ .merge = false };
	rulesdb_expect(import(t, DEFAULT "domain a.test primaries=j\n", &im, &why), EDIT_SHRINK, &why,
	    "rules.txt: 1 domain would go, and its recipients with it; say --force");
	rulesdb_expect(import(t, DEFAULT, &im, &why), EDIT_SHRINK, &why, "2 domains would go, and their");
	rulesdb_expect_text(t->path, "SELECT count(*) FROM history", "4|");
	im.force = true;
	EXPECT_OK(import(t, DEFAULT "domain a.test primaries=j\n", &im, &why));
	rulesdb_expect_text(t->path, "SELECT * FROM recipient", "a.test|bob|");
	rulesdb_expect_text(t->path, "SELECT list_time FROM domain", "5|");
	rulesdb_expect_text(t->path, "SELECT (SELECT count(*) FROM list) + (SELECT count(*) FROM limits)"
	    " + (SELECT count(*) FROM setting) + (SELECT count(*) FROM mx_network)", "0|");
}

static void
tell(void *arg, const struct rules_change *c)
{
	char *text = rules_change_text(c);

	buf_printf(arg, "%s\n", text);
	free(text);
}

static void
test_told(void **state)
{
	const struct rulesdb *t = *state;
	struct buf b = BUF_INIT;
	struct rules_file_import im = { .merge = true, .changed = tell, .arg = &b };
	char *why = NULL;

	rulesdb_sql(t, "INSERT INTO mx_network VALUES ('::1', 'a')");
	EXPECT_OK(import(t, "mx_network ::1 note=b\nmx_network ::2\n", &im, &why));
	assert_string_equal(buf_str(&b), "changed mx_network ::1: note `a' to `b'\nadded mx_network ::2\n");
	buf_clear(&b);
	/* not what others have changed */
	EXPECT_OK(import(t, "mx_network ::2\n", &im, &why));
	assert_string_equal(buf_str(&b), "");
	buf_free(&b);
}

/* Each stands in line 2, behind one that is good; none leaves anything behind. */
static void
test_bad_lines(void **state)
{
	static const struct {
		const char	*line, *why;
	} row[] = {
		{ "lists deny client ::1", "there is no kind `lists'" },
		{ "recipient a.test bob", "there is no kind `recipient'" },
		{ "=", "there is no kind `='" },
		{ "list", "list: action is needed" },
		{ "list deny client", "list: value is needed" },
		{ "limits messages client", "limits: rate is needed" },
		{ "mx_domain m.test", "mx_domain: serve is needed" },
		{ "domain x.test", "domain: primaries is needed" },
		{ "mx_network ::1 ::2", "`::2' is not column=value of a mx_network" },
		{ "mx_network ::1 noet=x", "`noet=x' is not column=value of a mx_network" },
		{ "mx_network ::1 not=x", "`not=x' is not column" },
		{ "mx_network ::1 =x", "`=x' is not column" },
		{ "domain a.test list_time=5", "`list_time=5' is not column" },
		{ "mx_network ::1 note=a note=b", "note is given twice" },
		{ "setting spf.fail off value=5", "value is given twice" },
		{ "mx_network ::1 note=\"a", "a quote is not closed" },
		{ "mx_network ::1 note=\"a\\\"", "a quote is not closed" },
		{ "a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 7 8",
		  "too many words" },
		{ "mx_network ::1 note=\xff", "not valid UTF-8" },
		{ "mx_network ::1 note=\xed\xa0\x80", "not valid UTF-8" },
		{ "mx_network 10.0.0.1/8", "mx_network: network: `10.0.0.1/8' has bits set" },
		{ "list deny sender x", "list: value: `x' is not an address" },
		{ "list allow sender a@b.test", "list: checks: must say what is skipped" },
		{ "list deny sender a@b.test expires=soon", "list: expires: `soon' is not a day" },
		{ "limits messages client 5", "limits: rate: `5' is not a rate" },
		{ "dnsbl d.test tag", "dnsbl: verdict: `tag' is not" },
		{ "header subject ( 5", "header: pattern: missing closing parenthesis" },
		{ "pattern a.test [ ", "pattern: pattern: missing terminating ]" },
		/* by the schema */
		{ "domain x.test primaries=\"\"", "domain.primaries must not be empty" },
		{ "domain x.test primaries=h size_limit=25M", "domain.size_limit must be" },
		{ "domain x.test. primaries=h", "domain.name must be lower case, without @" },
		{ "domain x.test primaries=h tls=maybe", "domain.tls must be off, may" },
		{ "schedule s \" \"", "schedule.steps must not be empty" },
		{ "setting nope 1", "setting.name must be one of the known settings" },
		/* by what the row means, once all rows are there */
		{ "domain x.test primaries=h:0", "domain x.test: primaries: `h:0'" },
		{ "domain X.test primaries=h schedule=nope",
		  "domain x.test: schedule: there is no schedule `nope'" },
		{ "schedule s 1x", "schedule s: steps: " },
		{ "setting global.canary x", "setting global.canary: value: `x' is not a number" },
		{ "setting spf.fail x scope=a.test",
		  "setting spf.fail for a.test: value: `x' is not off" },
		{ "setting spf.fail off scope=a.test.",
		  "setting spf.fail for a.test.: scope: is written a.test" },
		{ "setting global.canary 1 scope=a.test",
		  "setting global.canary for a.test: scope: it is the same" },
		{ "pattern no.test x", "pattern no.test x: domain: there is no domain `no.test'" },
		{ "alias_domain x.test no.test",
		  "alias_domain x.test: domain: there is no domain `no.test'" },
		{ "alias_domain a.test b.test",
		  "alias_domain a.test: name: there is a domain of that name" },
		{ "alias_domain x.test y.test\nalias_domain y.test a.test",
		  "alias_domain x.test: domain: `y.test' is an alias itself" },
		/* the same row twice */
		{ "mx_network ::9 note=other", "mx_network ::9 is in line 1, too" },
		{ "mx_network 0:0::9", "mx_network ::9 is in line 1, too" },
	};
	const struct rulesdb *t = *state;
	struct rules_file_import im = { .merge = true };
	char *before, *after, *why = NULL;

	rulesdb_sql(t, "INSERT INTO domain (name, primaries) VALUES ('a.test', 'h'), ('b.test', 'h');"
	    "DELETE FROM history");
	before = content(t);
	for (size_t i = 0; i < COUNT(row); i++) {
		char *text = xasprintf("mx_network ::9\n%s\nmx_network ::8\n", row[i].line);
		char *want = xasprintf("rules.txt:2: %s", row[i].why);

		if (import(t, text, &im, &why) != EDIT_BAD)
			fail_msg("%s: taken", row[i].line);
		if (strncmp(why, want, strlen(want)) != 0)
			fail_msg("%s: %s", row[i].line, why);
		free(why);
		why = NULL;
		free(want);
		free(text);
	}
	struct rules_edit *e = rulesdb_edit(t);
	rulesdb_expect(rules_file_import(e, "\n\na\0b", 5, &im, &why), EDIT_BAD, &why,
	    "rules.txt:3: a NUL byte");
	rules_edit_close(&e);
	after = content(t);
	assert_string_equal(after, before);
	rulesdb_expect_text(t->path, "SELECT count(*) FROM history", "0|");
	free(after);
	free(before);
}

/* What no line of the file is to blame for. */
static void
test_bad_whole(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_file_import im = { .merge = false };
	char *why = NULL;

	rulesdb_expect(import(t, "mx_network ::1\n", &im, &why), EDIT_BAD, &why,
	    "rules.txt: schedule default: the row is missing");
	rulesdb_sql(t, "INSERT INTO mx_network VALUES ('10.0.0.1/8', '')");
	im.merge = true;
	struct rules_edit *e = rulesdb_edit(t);
	static const char merged[] = "mx_network ::1\n", bad[] = "setting spf.fail x\n";
	EXPECT_OK(rules_file_import(e, merged, strlen(merged), &im, &why));
	assert_non_null(strstr(rules_edit_refused(e), "mx_network 10.0.0.1/8: network: "));
	/* as bad before as in the file is the file's fault */
	rulesdb_sql(t, "INSERT INTO setting (name, value) VALUES ('spf.fail', 'x')");
	rulesdb_expect(rules_file_import(e, bad, strlen(bad), &im, &why), EDIT_BAD, &why,
	    "rules.txt:1: setting spf.fail: value: ");
	assert_null(rules_edit_refused(e));
	rules_edit_close(&e);
	im.merge = false;	/* it goes, since the file does not have it */
	EXPECT_OK(import(t, DEFAULT "mx_network ::1\n", &im, &why));
	rulesdb_expect_text(t->path, "SELECT network FROM mx_network", "::1|");
	/* an old file is not read as if it were new */
	rulesdb_sql(t, "PRAGMA user_version = 2");
	struct buf b = BUF_INIT;
	rulesdb_expect(rules_file_export(t->path, &b, &why), EDIT_FAULT, &why, "older Holdfast (schema 2)");
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rulesdb_setup, rulesdb_teardown)
	const struct CMUnitTest tests[] = {
		T(test_round), T(test_text), T(test_changes), T(test_told), T(test_bad_lines),
		T(test_bad_whole),
	};

	return cmocka_run_group_tests_name("rules_file", tests, NULL, NULL);
}
