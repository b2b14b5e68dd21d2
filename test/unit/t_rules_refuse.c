/*
 * t_rules_refuse.c -- rows that are refused: named as "table key: column: reason", while the rules
 * before stay.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <sqlite3.h>
#include <string.h>

#include "common/rules.h"
#include "test/unit/rulesdb.h"

#define SETTING		"INSERT INTO setting (name, value) VALUES "
#define SCOPED		"INSERT INTO setting (scope, name, value) VALUES "
#define LIST		"INSERT INTO list (action, field, value, scope, checks, expires) VALUES "
#define LIMITS		"INSERT INTO limits (what, per, match, rate, burst, action) VALUES "
#define DNSBL		"INSERT INTO dnsbl (zone, what, codes, verdict) VALUES "
#define HEADER		"INSERT INTO header (name, pattern, scope, verdict) VALUES "
#define PATTERN		"INSERT INTO pattern (domain, pattern, answer) VALUES "
#define ALIAS		"INSERT INTO alias_domain (name, domain) VALUES "
#define UNCHECKED	"PRAGMA ignore_check_constraints = ON; "

struct refusal {
	const char	*sql;
	const char	*why;	/* part of it */
};

/* Into a good file that is in force: told once, and the old rules stay. */
static void
refused(const struct refusal *row)
{
	void *sub;
	const struct rulesdb *t;
	struct ruleset *old, *now;
	struct rules *r;
	char *why = NULL;

	assert_int_equal(rulesdb_setup(&sub), 0);
	t = sub;
	rulesdb_sql(t, "INSERT INTO domain (name, primaries) VALUES ('ok.test', 'h')");
	assert_non_null(r = rules_open(t->path, &why));
	old = rules_current(r);

	rulesdb_sql(t, row->sql);
	if (rules_poll(r, &why) != -1)
		fail_msg("%s: not refused", row->sql);
	if (strstr(why, row->why) == NULL)
		fail_msg("%s: %s", row->sql, why);
	assert_string_equal(rules_state(r), why);
	free(why);
	assert_int_equal(rules_poll(r, &why), 0);	/* told once */
	now = rules_current(r);
	assert_ptr_equal(now, old);
	assert_non_null(ruleset_domain(now, "ok.test"));
	ruleset_unref(&old);
	ruleset_unref(&now);
	rules_close(&r);
	/* at start the same is a refusal, with the path in front */
	assert_null(rules_open(t->path, &why));
	assert_non_null(strstr(why, row->why));
	assert_memory_equal(why, t->path, strlen(t->path));
	free(why);
	assert_int_equal(rulesdb_teardown(&sub), 0);
}

static void
test_domains(void **state)
{
	static const struct refusal row[] = {
		{ "UPDATE domain SET primaries = 'h:99999'", "domain ok.test: primaries: `h:99999': " },
		{ "UPDATE domain SET primaries = 'h,,i'", "domain ok.test: primaries: " },
		{ "UPDATE domain SET primaries = '::1'", "domain ok.test: primaries: " },
		{ "UPDATE domain SET schedule = 'nope'",
		  "domain ok.test: schedule: there is no schedule `nope'" },
		{ "UPDATE schedule SET steps = '1m 9d'", "schedule default: steps: a step must be" },
		{ "UPDATE schedule SET lifetime = 'ever'", "schedule default: lifetime: `ever'" },
		{ "UPDATE schedule SET lifetime = '0'", "schedule default: lifetime: 0 is not" },
		{ "DELETE FROM schedule", "schedule default: the row is missing" },
		{ "INSERT INTO recipient VALUES ('nope.test', 'bob')",
		  "recipient bob@nope.test: there is no domain `nope.test'" },
		{ "INSERT INTO recipient VALUES ('zzz.test', 'bob')",
		  "recipient bob@zzz.test: there is no domain `zzz.test'" },
		{ "INSERT INTO recipient VALUES ('ok.test', 'a' || char(10))",
		  "local_part: has a control character" },
		{ UNCHECKED "INSERT INTO recipient VALUES ('ok.test', 'a@ok.test')",
		  "local_part: has an @" },
		{ UNCHECKED "UPDATE domain SET name = 'Ok.test'",
		  "domain Ok.test: name: not in lower case" },
		{ UNCHECKED "UPDATE domain SET name = 'ok..test'",
		  "domain ok..test: name: not a domain name" },
		{ UNCHECKED "UPDATE domain SET tls = 'maybe'", "domain ok.test: tls: `maybe'" },
		{ UNCHECKED "UPDATE domain SET recipients = ''", "domain ok.test: recipients: `'" },
		{ UNCHECKED "UPDATE domain SET size_limit = -1",
		  "domain ok.test: size_limit: negative" },
		{ UNCHECKED "UPDATE domain SET primaries = ''", "domain ok.test: primaries: " },
		{ "UPDATE domain SET list_max_age = 'soon'",
		  "domain ok.test: list_max_age: `soon' is neither empty nor a time like 30d" },
		{ "UPDATE domain SET tls_pin = 'x'", "domain ok.test: tls_pin: `x': a pin is" },
		{ "UPDATE domain SET tls_name = 'a b'", "domain ok.test: tls_name: `a b'" },
		{ "UPDATE domain SET tls_ca = '/a;b'", "domain ok.test: tls_ca: `/a;b'" },
		{ "UPDATE domain SET source = 'h'", "domain ok.test: source: `h': not an IPv4" },
		{ "UPDATE domain SET primaries = 'mx,h'",
		  "domain ok.test: primaries: `mx,h': `mx' and" },
		{ UNCHECKED "UPDATE domain SET client = 'x'",
		  "domain ok.test: client: `x' is not none, xforward or xclient" },
		{ UNCHECKED "UPDATE domain SET bounce = 'x'",
		  "domain ok.test: bounce: `x' is not spf-pass or never" },
		{ UNCHECKED "UPDATE domain SET concurrency = 1001",
		  "domain ok.test: concurrency: 1001 is not between 0 and 1000" },
		{ UNCHECKED "UPDATE domain SET message_rate = -1",
		  "domain ok.test: message_rate: -1 is not between" },
		{ UNCHECKED "UPDATE domain SET tls = 'pinned'",
		  "domain ok.test: tls_pin: is empty" },
		{ UNCHECKED "UPDATE domain SET tls_ca = 'a'",
		  "domain ok.test: tls_ca: `a' is not an absolute path" },
		{ "UPDATE schedule SET warn_after = '28d'",
		  "schedule default: warn_after: 28d is not shorter than the lifetime, 28d" },
		{ "UPDATE schedule SET warn_after = 'x'",
		  "schedule default: warn_after: `x' is neither" },
		{ UNCHECKED "UPDATE schedule SET at_end = 'x'",
		  "schedule default: at_end: `x' is not quarantine" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++)
		refused(&row[i]);
}

static void
test_settings_and_networks(void **state)
{
	static const struct refusal row[] = {
		{ SETTING "('global.probe_interval', 'soon')",
		  "setting global.probe_interval: value: `soon'" },
		{ SETTING "('global.concurrency', '0')",
		  "setting global.concurrency: value: 0 is not between 1 and 1000" },
		{ SETTING "('global.concurrency', '4x')", "setting global.concurrency: value: " },
		{ "PRAGMA user_version = 4", "made by a newer Holdfast (schema 4" },
		{ "PRAGMA user_version = 2",
		  "made by an older Holdfast (schema 2); `holdfast init' upgrades" },
		{ "PRAGMA user_version = 1",
		  "made by an older Holdfast (schema 1); `holdfast init' upgrades" },
		{ "PRAGMA user_version = 0", "schema 0 is unknown" },
		{ "PRAGMA application_id = 1", "not a Holdfast rules database" },
		{ "DROP TABLE setting", "no such table: setting" },
		{ "DROP TABLE turn_network", "no such table: turn_network" },
		{ SETTING "('global.operator', 'a b')", "setting global.operator: value: `a b'" },
		{ SETTING "('global.digest_hour', '25')", "25 is not between 0 and 24" },
		{ SETTING "('global.turn_delay', '1m')", "1m is not between 0 and 30 sec" },
		{ UNCHECKED SETTING "('x', '1')", "setting x: no setting has this name" },
		{ "INSERT INTO mx_network (network) VALUES ('192.0.2.1/24')",
		  "mx_network 192.0.2.1/24: network: `192.0.2.1/24' has bits set" },
		{ "INSERT INTO mx_network (network) VALUES ('2001:DB8::/32')",
		  "mx_network 2001:DB8::/32: network: is written 2001:db8::/32" },
		{ "INSERT INTO turn_network (network) VALUES ('here')",
		  "turn_network here: network: `here' is not a network" },
		{ UNCHECKED "INSERT INTO mx_domain VALUES ('A.test', 'never', '')",
		  "mx_domain A.test: name: is written a.test" },
		{ UNCHECKED "INSERT INTO mx_domain VALUES ('a.test', 'ask', '')",
		  "mx_domain a.test: serve: `ask' is not always or never" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++)
		refused(&row[i]);
}

/* One spelling for each meaning: rows that were written past the command may have another. */
static void
test_spelling(void **state)
{
	static const struct refusal row[] = {
		{ LIST "('deny', 'client', '192.0.2.7/24', '', '', '')",
		  "list deny client 192.0.2.7/24: value: `192.0.2.7/24' has bits set" },
		{ LIST "('deny', 'client', '2001:DB8::1', '', '', '')",
		  "list deny client 2001:DB8::1: value: is written 2001:db8::1" },
		{ LIST "('deny', 'client', '::ffff:192.0.2.1', '', '', '')",
		  "write it without ::ffff:" },
		{ LIST "('deny', 'sender', 'Eve@Evil.test', '', '', '')",
		  "list deny sender Eve@Evil.test: value: is written eve@evil.test" },
		{ LIST "('deny', 'sender', '\"eve\"@evil.test', '', '', '')",
		  "value: is written eve@evil.test" },
		{ LIST "('deny', 'sender', '\"e\\v e\"@evil.test', '', '', '')",
		  "value: is written \"ev e\"@evil.test" },
		{ LIST "('deny', 'sender_domain', '.Evil.test', '', '', '')",
		  "value: is written .evil.test" },
		{ LIST "('deny', 'sender_domain', 'evil.test.', '', '', '')",
		  "value: is written evil.test" },
		{ LIST "('deny', 'helo', 'Localhost', '', '', '')", "value: is written localhost" },
		{ LIST "('deny', 'helo', 'localhost.', '', '', '')", "value: is written localhost" },
		{ UNCHECKED LIST "('deny', 'sender', 'a@b.test', 'OK.test', '', '')",
		  "list deny sender a@b.test for OK.test: scope: is written ok.test" },
		{ UNCHECKED SCOPED "('OK.test', 'spf.fail', 'off')",
		  "setting spf.fail for OK.test: scope: is written ok.test" },
		{ SCOPED "('\"bob\"@ok.test', 'spf.fail', 'off')", "scope: is written bob@ok.test" },
		{ LIMITS "('messages', 'client', '192.0.2.0/024', '1/1m', '', 'defer')",
		  "limits messages client 192.0.2.0/024: match: is written 192.0.2.0/24" },
		{ LIMITS "('messages', 'sender', 'A.test', '1/1m', '', 'defer')",
		  "match: is written a.test" },
		{ UNCHECKED DNSBL "('DNSBL.test', 'client', '', '5')",
		  "dnsbl DNSBL.test client: zone: is written" },
		{ DNSBL "('d.test', 'client', '127.0.0.2,127.0.0.3', '5')",
		  "codes: is written 127.0.0.2 127.0.0.3" },
		{ DNSBL "('d.test', 'client', ' 127.0.0.2', '5')", "codes: is written 127.0.0.2" },
		{ DNSBL "('d.test', 'client', '127.0.0.2-127.0.0.2', '5')",
		  "codes: is written 127.0.0.2" },
		{ UNCHECKED HEADER "('Subject', 'x', '', '5')",
		  "header Subject x: name: is written subject" },
		{ UNCHECKED HEADER "('subject:', 'x', '', '5')",
		  "header subject: x: name: is written subject" },
		{ HEADER "('subject', 'x', 'a.test.', '5')",
		  "header subject x for a.test.: scope: is written a.test" },
		{ "PRAGMA foreign_keys = OFF;" PATTERN "('Ok.test', 'x', 'accept')",
		  "pattern Ok.test x: domain: is written ok.test" },
		{ UNCHECKED ALIAS "('A.test', 'ok.test')",
		  "alias_domain A.test: name: is written a.test" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++)
		refused(&row[i]);
}

static void
test_kinds(void **state)
{
	static const struct refusal row[] = {
		{ UNCHECKED LIST "('block', 'sender', 'a@b.test', '', '', '')",
		  "list block sender a@b.test: action: `block' is not allow, deny or defer" },
		{ UNCHECKED LIST "('deny', 'from', 'a@b.test', '', '', '')",
		  "field: `from' is not client, client_name" },
		{ LIST "('deny', 'client', 'here', '', '', '')", "value: `here' is not a network" },
		{ LIST "('deny', 'sender', 'a.test', '', '', '')",
		  "value: `a.test' is not an address" },
		{ LIST "('deny', 'recipient', '<>', '', '', '')", "value: `<>' is not an address" },
		{ LIST "('deny', 'sender_domain', 'a b', '', '', '')",
		  "value: `a b': not a domain name" },
		{ LIST "('deny', 'sender_domain', '.', '', '', '')", "value: `': not a domain name" },
		{ LIST "('deny', 'helo', 'a b', '', '', '')", "value: `a b' is empty or has blanks" },
		{ LIST "('deny', 'sender', 'a@b.test', 'x@y@z', '', '')",
		  "scope: `x@y@z' is not an address" },
		{ LIST "('allow', 'sender', 'a@b.test', '', 'spf,virsu', '')",
		  "checks: there is no check `virsu'" },
		{ LIST "('allow', 'sender', 'a@b.test', '', 'recipient', '')",
		  "checks: `recipient' cannot be skipped" },
		{ UNCHECKED LIST "('allow', 'sender', 'a@b.test', '', '', '')",
		  "checks: must say what is skipped" },
		{ UNCHECKED LIST "('deny', 'sender', 'a@b.test', '', 'spf', '')",
		  "checks: go with `allow' only" },
		{ UNCHECKED LIST "('deny', 'sender', 'a@b.test', '', '', '2026-02-30')",
		  "expires: `2026-02-30' is not a day like 2026-12-31" },
		{ UNCHECKED "UPDATE list SET mode = 'on'",
		  "list allow client 127.0.0.0/8: mode: `on' is not off" },
		{ UNCHECKED LIMITS "('messages', 'sender', '', 'many', '', 'defer')",
		  "limits messages sender: rate: `many' is not a rate like 20/1m, or none" },
		{ UNCHECKED LIMITS "('messages', 'sender', '', '10K/1m', '', 'defer')",
		  "rate: `10K/1m' is not a rate" },
		{ LIMITS "('messages', 'sender', '', '0/1m', '', 'defer')",
		  "rate: `0/1m' is not a rate" },
		{ LIMITS "('messages', 'sender', '', '1/0', '', 'defer')",
		  "rate: `1/0' is not a rate" },
		{ LIMITS "('messages', 'sender', '', '1/31d', '', 'defer')",
		  "rate: `1/31d' is not a rate" },
		{ UNCHECKED LIMITS "('bytes', 'sender', '', '1X/1m', '', 'defer')",
		  "rate: `1X/1m' is not a rate like 100M/1h" },
		{ UNCHECKED LIMITS "('messages', 'sender', '', '1/1m', '-1', 'defer')",
		  "rate: burst `-1' is not a number" },
		{ UNCHECKED LIMITS "('messages', 'all', 'a.test', '1/1m', '', 'defer')",
		  "match: there is one bucket for all" },
		{ LIMITS "('messages', 'client', 'a.test', '1/1m', '', 'defer')",
		  "match: `a.test' is not a network" },
		{ UNCHECKED LIMITS "('connections', 'sender', '', '1/1m', '', 'defer')",
		  "per: connections are counted per client" },
		{ UNCHECKED LIMITS "('messages', 'sender', '', '1/1m', '', 'lockout')",
		  "action: lockout goes with per client" },
		{ UNCHECKED LIMITS "('lines', 'client', '', '1/1m', '', 'defer')",
		  "what: `lines' is not connections" },
		{ DNSBL "('d.test', 'client', '', 'quarantine')", "dnsbl d.test client: verdict:"
		  " `quarantine' is not "
		  "a number of points, greylist, defer or reject" },
		{ DNSBL "('d.test', 'client', '10.0.0.1', '5')", "codes: `10.0.0.1' is not 127.0.0.2" },
		{ DNSBL "('d.test', 'client', '127.0.0.9-127.0.0.2', '5')",
		  "codes: `127.0.0.9-127.0.0.2' is not" },
		{ DNSBL "('d.test', 'client', '127.0.0.0&0', '5')", "codes: `127.0.0.0&0' is not" },
		{ DNSBL "('d.test', 'client', '127.0.0.1&2', '5')", "codes: `127.0.0.1&2' is not" },
		{ DNSBL "('a..b', 'client', '', '5')", "zone: `a..b': not a domain name" },
		{ HEADER "('subject', '(', '', '5')",
		  "header subject (: pattern: missing closing parenthesis" },
		{ HEADER "('subject', 'x', '', 'greylist')",
		  "verdict: `greylist' is not a number of points, tag" },
		{ HEADER "('s\xc3\xbc', 'x', '', '5')", "name: `s\xc3\xbc' is not a header's name" },
		{ PATTERN "('ok.test', '[', 'accept')",
		  "pattern ok.test [: pattern: missing terminating ]" },
		{ UNCHECKED PATTERN "('ok.test', 'x', 'maybe')",
		  "answer: `maybe' is not accept or reject" },
		{ "PRAGMA foreign_keys = OFF;" PATTERN "('no.test', 'x', 'accept')",
		  "pattern no.test x: domain: there is no domain `no.test'" },
		{ ALIAS "('ok.test', 'ok.test')",
		  "alias_domain ok.test: domain: a domain is no alias of itself" },
		{ "PRAGMA foreign_keys = OFF;" ALIAS "('a.test', 'no.test')",
		  "alias_domain a.test: domain: there is no domain `no.test'" },
		{ "PRAGMA foreign_keys = OFF;" ALIAS "('a.test', 'ok.test'), ('b.test', 'a.test')",
		  "alias_domain b.test: domain: `a.test' is an alias itself" },
		{ ALIAS "('b.test', 'ok.test'); INSERT INTO domain (name, primaries) VALUES"
		  " ('b.test', 'h')",
		  "alias_domain b.test: name: there is a domain of that name" },
		{ SCOPED "('ok.test', 'spf.fail', 'tag')",
		  "setting spf.fail for ok.test: value: `tag' is not off" },
		{ SCOPED "('ok.test', 'global.canary', '1')",
		  "setting global.canary for ok.test: scope: it is the same for everybody" },
		{ SCOPED "('ok.test', 'dnsbl.wait', '1')", "scope: it is the same for everybody" },
		{ SCOPED "('a@b@c', 'spf.fail', 'off')",
		  "setting spf.fail for a@b@c: scope: `a@b@c' is not an address" },
		{ "DROP TABLE dnsbl", "no such table: dnsbl" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++)
		refused(&row[i]);
}

/* What plain sqlite3 is told at once, by the schema; and what must pass it. */
static void
test_schema(void **state)
{
	static const struct {
		const char	*sql;
		bool		 good;
	} row[] = {
		{ "UPDATE limits SET rate = 'banana'", false },
		{ "UPDATE limits SET rate = '20'", false },
		{ "UPDATE limits SET rate = '20/m'", false },
		{ "UPDATE limits SET rate = '/1m'", false },
		{ "UPDATE limits SET rate = '20/1m/2'", false },
		{ "UPDATE limits SET rate = '20/1m2'", false },
		{ "UPDATE limits SET rate = '20/1y'", false },
		{ "UPDATE limits SET rate = '20 /1m'", false },
		{ "UPDATE limits SET rate = '2x0/1m'", false },
		{ "UPDATE limits SET rate = '20K/1m'", false },
		{ "UPDATE limits SET rate = '20X/1m', what = 'bytes' WHERE what = 'messages'", false },
		{ "UPDATE limits SET rate = 'none', burst = ''", true },
		{ "UPDATE limits SET rate = '20/60'", true },
		{ "UPDATE limits SET rate = '1/1s'", true },
		{ "UPDATE limits SET rate = '100M/12h', burst = '1g', what = 'bytes' WHERE what = 'messages'",
		  true },
		{ "UPDATE limits SET burst = '1K'", false },
		{ "UPDATE limits SET burst = '-1'", false },
		{ "UPDATE limits SET per = 'helo' WHERE what = 'connections'", false },
		{ "UPDATE limits SET per = 'all' WHERE what = 'connections'", true },
		{ "UPDATE limits SET per = 'all', match = 'a.test' WHERE what = 'messages'", false },
		{ "UPDATE limits SET per = 'sender' WHERE what = 'unknown'", false },
		{ "UPDATE list SET expires = '2026-99-99'", false },
		{ "UPDATE list SET expires = '2026-02-30'", false },
		{ "UPDATE list SET expires = 'now'", false },
		{ "UPDATE list SET expires = '2028-02-29'", true },
		{ SETTING "('spf.mode', 'banana')", false },
		{ SETTING "('global.mode', 'off')", false },
		{ SETTING "('global.mode', 'shadow'), ('spf.mode', 'off')", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		void *sub;
		const struct rulesdb *t;
		sqlite3 *db = NULL;

		assert_int_equal(rulesdb_setup(&sub), 0);
		t = sub;
		assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
		if ((sqlite3_exec(db, row[i].sql, NULL, NULL, NULL) == SQLITE_OK) != row[i].good)
			fail_msg("%s: %s", row[i].sql, sqlite3_errmsg(db));
		(void)sqlite3_close(db);
		if (row[i].good) {	/* and the reader is of the same mind */
			struct ruleset *set = rulesdb_read(t);

			ruleset_unref(&set);
		}
		assert_int_equal(rulesdb_teardown(&sub), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema), cmocka_unit_test(test_domains),
		cmocka_unit_test(test_settings_and_networks),
		cmocka_unit_test(test_spelling), cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests_name("rules_refuse", tests, NULL, NULL);
}
