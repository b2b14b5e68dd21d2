/*
 * t_rules_screen.c -- lists, limits, DNS lists and header rules: which row counts.
 *
 * Rows are told by their notes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/pattern.h"
#include "common/rules_row.h"
#include "common/rules_screen.h"
#include "test/unit/rulesdb.h"

#define LIST	"INSERT INTO list (action, field, value, scope, expires, mode, note) VALUES "
#define LIMITS	"INSERT INTO limits (what, per, match, rate, burst, action, mode, note) VALUES "
#define DNSBL	"INSERT INTO dnsbl (zone, what, codes, verdict, mode, note) VALUES "
#define HEADER	"INSERT INTO header (name, pattern, scope, verdict, mode, note) VALUES "

#define NOW	1000000000	/* 2001-09-09 */

/* --- lists --------------------------------------------------------------------- */

static const char list_rows[] = LIST
    "('deny', 'client', '0.0.0.0/0', '', '', 'enforce', 'n0'),"
    "('deny', 'client', '192.0.2.0/24', '', '', 'enforce', 'n24'),"
    "('defer', 'client', '192.0.2.128/25', '', '', 'enforce', 'n25'),"
    "('deny', 'client', '192.0.2.130', '', '', 'shadow', 'n32'),"
    "('deny', 'client', '::/0', '', '', 'enforce', 's0'),"
    "('deny', 'client', '2001:db8::/32', '', '', 'enforce', 's32'),"
    "('deny', 'client', '2001:db8:1::/48', '', '', 'enforce', 's48'),"
    "('deny', 'client', '2001:db8:1::5', '', '', 'enforce', 's128'),"
    "('deny', 'client', '2001:db8:1::/50', '', '', 'off', 'left out'),"
    "('deny', 'client_name', 'mail.example.test', '', '', 'enforce', 'name'),"
    "('deny', 'client_name', 'example.test', '', '', 'enforce', 'bare'),"
    "('deny', 'client_name', '.example.test', '', '', 'enforce', 'below'),"
    "('deny', 'client_name', '.test', '', '', 'enforce', 'tld'),"
    "('deny', 'helo', '[192.0.2.1]', '', '', 'enforce', 'literal'),"
    "('deny', 'helo', 'localhost', '', '', 'enforce', 'localhost'),"
    "('deny', 'sender', '<>', '', '', 'enforce', 'empty'),"
    "('deny', 'sender', 'ann@a.test', '', '', 'enforce', 'ann'),"
    "('deny', 'sender', '\"an n\"@a.test', '', '', 'enforce', 'an n'),"
    "('deny', 'sender_domain', 'a.test', '', '', 'enforce', 'a'),"
    "('deny', 'sender_domain', '.b.test', '', '', 'enforce', 'b'),"
    "('deny', 'recipient', 'bob@example.test', '', '', 'enforce', 'bob')";

/* The notes of what is found, apart by blanks. */
static char *
found(const struct ruleset *set, enum rules_field field, const char *text, const char *recipient,
    int64_t now)
{
	const struct rules_entry *entry[RULES_MATCH_MAX];
	size_t n = ruleset_entries(set, field, text, recipient, now, entry);
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s%s", i == 0 ? "" : " ", entry[i]->note);
	return buf_take(&b);
}

static void
expect_found(const struct ruleset *set, enum rules_field field, const char *text, const char *recipient,
    int64_t now, const char *want)
{
	char *got = found(set, field, text, recipient, now);

	if (strcmp(got, want) != 0)
		fail_msg("`%s' for `%s': `%s', not `%s'", text, recipient, got, want);
	free(got);
}

static void
test_lists(void **state)
{
	static const struct {
		enum rules_field	 field;
		const char		*text, *want;
	} row[] = {
		{ FIELD_CLIENT, "192.0.2.130", "n32 n25 n24 n0" },
		{ FIELD_CLIENT, "192.0.2.129", "n25 n24 n0" },
		{ FIELD_CLIENT, "192.0.2.127", "n24 n0" },
		{ FIELD_CLIENT, "192.0.3.130", "n0" },
		{ FIELD_CLIENT, "::ffff:192.0.2.130", "n32 n25 n24 n0" },
		{ FIELD_CLIENT, "2001:db8:1::5", "s128 s48 s32 s0" },
		{ FIELD_CLIENT, "2001:DB8:1:0::6", "s48 s32 s0" },
		{ FIELD_CLIENT, "2001:db8:2::5", "s32 s0" },
		{ FIELD_CLIENT, "2001:db9::", "s0" },
		{ FIELD_CLIENT, "::1", "this host s0" },
		{ FIELD_CLIENT, "127.8.9.10", "this host n0" },
		{ FIELD_CLIENT, "", "" },
		{ FIELD_CLIENT, "unknown", "" },
		{ FIELD_CLIENT, "192.0.2", "" },
		{ FIELD_CLIENT_NAME, "mail.example.test", "name below tld" },
		{ FIELD_CLIENT_NAME, "MAIL.Example.TEST.", "name below tld" },
		{ FIELD_CLIENT_NAME, "example.test", "bare below tld" },
		{ FIELD_CLIENT_NAME, "x.y.example.test", "below tld" },
		{ FIELD_CLIENT_NAME, "xexample.test", "tld" },
		{ FIELD_CLIENT_NAME, "test", "tld" },
		{ FIELD_CLIENT_NAME, "example.test.evil", "" },
		{ FIELD_CLIENT_NAME, "", "" },
		{ FIELD_HELO, "[192.0.2.1]", "literal" },
		{ FIELD_HELO, "LocalHost", "localhost" },
		{ FIELD_HELO, "localhost.", "localhost" },
		{ FIELD_HELO, "x.localhost", "" },
		{ FIELD_SENDER, "", "empty" },
		{ FIELD_SENDER, "Ann@A.test", "ann" },
		{ FIELD_SENDER, "\"ann\"@a.test", "ann" },
		{ FIELD_SENDER, "\"a\\nn\"@a.test", "ann" },
		{ FIELD_SENDER, "\"an n\"@a.test", "an n" },
		{ FIELD_SENDER, "\"an\\ n\"@a.test", "an n" },
		{ FIELD_SENDER, "joe@a.test", "" },
		{ FIELD_SENDER_DOMAIN, "a.test", "a" },
		{ FIELD_SENDER_DOMAIN, "x.a.test", "" },
		{ FIELD_SENDER_DOMAIN, "b.test", "b" },
		{ FIELD_SENDER_DOMAIN, "x.B.test", "b" },
		{ FIELD_SENDER_DOMAIN, "", "" },
		{ FIELD_RECIPIENT, "BOB@example.test", "bob" },
		{ FIELD_RECIPIENT, "\"bob\"@example.test", "bob" },
		{ FIELD_RECIPIENT, "bob@alias.test", "bob" },
		{ FIELD_RECIPIENT, "eve@example.test", "" },
	};
	const struct rulesdb *t = *state;
	struct ruleset *set;
	char *lengthy = xasprintf("%0600d.test", 0);

	rulesdb_sql(t, "INSERT INTO domain (name, primaries) VALUES ('example.test', 'h');"
	    "INSERT INTO alias_domain (name, domain) VALUES ('alias.test', 'example.test')");
	rulesdb_sql(t, list_rows);
	set = rulesdb_read(t);
	assert_int_equal(ruleset_nentries(set), 22);	/* two were there; what is off is left out */
	for (size_t i = 0; i < COUNT(row); i++)
		expect_found(set, row[i].field, row[i].text, "", NOW, row[i].want);
	for (unsigned f = 0; f < RULES_NFIELDS; f++)
		expect_found(set, (enum rules_field)f, lengthy, "", NOW, "");
	free(lengthy);
	ruleset_unref(&set);
}

static void
test_list_row(void **state)
{
	const struct rulesdb *t = *state;
	const struct rules_entry *e[RULES_MATCH_MAX];
	struct ruleset *set;

	rulesdb_sql(t, "INSERT INTO list (action, field, value, scope, checks) VALUES"
	    " ('allow', 'client', '192.0.2.1', 'a.test', 'spf, dnsbl greylist'),"
	    " ('defer', 'sender', 'x@y.test', '', '')");
	set = rulesdb_read(t);
	assert_int_equal(ruleset_entries(set, FIELD_CLIENT, "192.0.2.1", "bob@a.test", NOW, e), 1);
	assert_string_equal(e[0]->name, "list allow client 192.0.2.1 for a.test");
	assert_int_equal(e[0]->action, ENTRY_ALLOW);
	assert_int_equal(e[0]->mode, MODE_ENFORCE);
	assert_int_equal(e[0]->skip, 1u << CHECK_SPF | 1u << CHECK_DNSBL | 1u << CHECK_GREYLIST);
	assert_int_equal(ruleset_entries(set, FIELD_SENDER, "x@y.test", "bob@a.test", NOW, e), 1);
	assert_string_equal(e[0]->name, "list defer sender x@y.test");
	assert_int_equal(e[0]->action, ENTRY_DEFER);
	assert_int_equal(e[0]->skip, 0);
	ruleset_unref(&set);
}

static void
test_list_scopes(void **state)
{
	static const struct {
		const char	*recipient, *want;
	} row[] = {
		{ "", "all" }, { "eve@other.test", "all" }, { "eve@example.test", "domain all" },
		{ "Eve@EXAMPLE.test", "domain all" }, { "bob@example.test", "bob domain all" },
		{ "\"bob\"@example.test", "bob domain all" }, { "bob@sub.example.test", "all" },
		{ "bob@alias.test", "bob domain all" }, { "eve@alias.test", "domain all" },
		{ "joe@s07.test", "37 all" },
	};
	const struct rulesdb *t = *state;
	struct ruleset *set;

	rulesdb_sql(t, "INSERT INTO domain (name, primaries) VALUES ('example.test', 'h');"
	    "INSERT INTO alias_domain (name, domain) VALUES ('alias.test', 'example.test');" LIST
	    "('deny', 'client', '192.0.2.1', '', '', 'enforce', 'all'),"
	    "('deny', 'client', '192.0.2.1', 'example.test', '', 'enforce', 'domain'),"
	    "('deny', 'client', '192.0.2.1', 'bob@example.test', '', 'enforce', 'bob');"
	    /* more rows of others than a look-up may find */
	    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 70)"
	    " INSERT INTO list (action, field, value, scope, note)"
	    " SELECT 'deny', 'client', '192.0.2.1', printf('s%02d.test', i), i + 30 FROM n");
	set = rulesdb_read(t);
	for (size_t i = 0; i < COUNT(row); i++)
		expect_found(set, FIELD_CLIENT, "192.0.2.1", row[i].recipient, NOW, row[i].want);
	ruleset_unref(&set);
}

/* A row holds to the end of its last day, by the clock on the wall. */
static void
test_list_expires(void **state)
{
	const struct rulesdb *t = *state;
	const int64_t end = 1798758000;		/* 2027-01-01 00:00:00 CET */
	struct ruleset *set;

	rulesdb_sql(t, LIST "('deny', 'client', '192.0.2.1', '', '2026-12-31', 'enforce', 'old'),"
	    "('deny', 'client', '192.0.2.0/24', '', '', 'enforce', 'ever')");
	set = rulesdb_read(t);
	expect_found(set, FIELD_CLIENT, "192.0.2.1", "", end - 1, "old ever");
	expect_found(set, FIELD_CLIENT, "192.0.2.1", "", end, "ever");
	ruleset_unref(&set);
}

static void
test_days(void **state)
{
	static const struct {
		const char	*day;
		int64_t		 want;
	} row[] = {
		{ "", 0 }, { "2026-12-31", 1798758000 }, { "1970-01-01", 82800 }, { "2028-02-29",
		  1835478000 },
		/* days of 23 and 25 hours */
		{ "2026-03-29", 1774821600 }, { "2026-10-25", 1792969200 },
		{ "2026-02-29", -1 }, { "2026-11-31", -1 }, { "2026-04-31", -1 }, { "2026-00-10", -1 },
		{ "2026-13-01", -1 }, { "2026-12-00", -1 }, { "2026-12-32", -1 }, { "1969-12-31", -1 },
		{ "2026-1-1", -1 }, { "26-01-01", -1 }, { "2026/12/31", -1 }, { "2026-12-31 ", -1 },
		{ "2026-12-3x", -1 }, { "----------", -1 }, { "20261231", -1 }, { "2026-1231-", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++)
		if (rules_day_end(row[i].day) != row[i].want)
			fail_msg("%s: %lld", row[i].day, (long long)rules_day_end(row[i].day));
}

/* --- limits ------------------------------------------------------------------------ */

static const char limit_rows[] = "DELETE FROM limits;" LIMITS
    "('messages', 'client', '', '20/1m', '30', 'defer', 'enforce', 'client'),"
    "('messages', 'client', '192.0.2.0/24', 'none', '', 'defer', 'enforce', 'net'),"
    "('messages', 'client', '192.0.2.7', '1/1h', '', 'reject', 'shadow', 'host'),"
    "('messages', 'client', '192.0.2.8', '1/1h', '', 'reject', 'off', 'left out'),"
    "('messages', 'client', '2001:db8::/32', '5/1d', '', 'defer', 'enforce', 'six'),"
    "('messages', 'sender', '', '9/1m', '', 'defer', 'enforce', 'sender'),"
    "('messages', 'sender', 'ann@a.test', '8/1m', '', 'defer', 'enforce', 'ann'),"
    "('messages', 'sender', 'a.test', '7/1m', '', 'defer', 'enforce', 'a'),"
    "('messages', 'sender', '.test', '6/1m', '', 'defer', 'enforce', 'test'),"
    "('messages', 'helo', 'localhost', '5/1m', '', 'delay', 'enforce', 'helo'),"
    "('messages', 'recipient', 'bob@example.test', '4/1m', '', 'defer', 'enforce', 'bob'),"
    "('messages', 'recipient', '.example.test', '3/1m', '', 'defer', 'enforce', 'example'),"
    "('bytes', 'recipient_domain', 'example.test', '100M/1h', '1G', 'defer', 'enforce', 'bytes'),"
    "('unknown', 'network', '', '20/10m', '20', 'lockout', 'enforce', 'attack'),"
    "('connections', 'all', '', '100/1s', '', 'defer', 'enforce', 'all')";

static void
test_limits(void **state)
{
	static const struct {
		enum rules_limit_what	 what;
		enum rules_limit_per	 per;
		const char		*value, *want;	/* NULL: none */
	} row[] = {
		{ LIMIT_MESSAGES, PER_CLIENT, "198.51.100.1", "client" },
		{ LIMIT_MESSAGES, PER_CLIENT, "192.0.2.1", "net" },
		{ LIMIT_MESSAGES, PER_CLIENT, "192.0.2.7", "host" },
		{ LIMIT_MESSAGES, PER_CLIENT, "::ffff:192.0.2.7", "host" },
		{ LIMIT_MESSAGES, PER_CLIENT, "192.0.2.8", "net" },
		{ LIMIT_MESSAGES, PER_CLIENT, "2001:db8::1", "six" },
		{ LIMIT_MESSAGES, PER_CLIENT, "2001:db9::1", "client" },
		{ LIMIT_MESSAGES, PER_CLIENT, "", "client" },
		{ LIMIT_MESSAGES, PER_NETWORK, "192.0.2.7", NULL },
		{ LIMIT_MESSAGES, PER_SENDER, "Ann@a.TEST", "ann" },
		{ LIMIT_MESSAGES, PER_SENDER, "\"ann\"@a.test", "ann" },
		{ LIMIT_MESSAGES, PER_SENDER, "joe@a.test", "a" },
		{ LIMIT_MESSAGES, PER_SENDER, "joe@x.a.test", "test" },
		{ LIMIT_MESSAGES, PER_SENDER, "joe@b.example", "sender" },
		{ LIMIT_MESSAGES, PER_SENDER, "", "sender" },
		{ LIMIT_MESSAGES, PER_SENDER_DOMAIN, "a.test", NULL },
		{ LIMIT_MESSAGES, PER_HELO, "LOCALHOST", "helo" },
		{ LIMIT_MESSAGES, PER_HELO, "mail.test", NULL },
		{ LIMIT_MESSAGES, PER_RECIPIENT, "bob@example.test", "bob" },
		{ LIMIT_MESSAGES, PER_RECIPIENT, "eve@example.test", "example" },
		{ LIMIT_MESSAGES, PER_RECIPIENT, "bob@alias.test", "bob" },
		{ LIMIT_MESSAGES, PER_RECIPIENT, "eve@alias.test", "example" },
		{ LIMIT_MESSAGES, PER_RECIPIENT, "eve@other.test", NULL },
		{ LIMIT_BYTES, PER_RECIPIENT_DOMAIN, "example.test", "bytes" },
		{ LIMIT_BYTES, PER_RECIPIENT_DOMAIN, "alias.test", "bytes" },
		{ LIMIT_BYTES, PER_RECIPIENT_DOMAIN, "other.test", NULL },
		{ LIMIT_UNKNOWN, PER_NETWORK, "2001:db8::1", "attack" },
		{ LIMIT_CONNECTIONS, PER_ALL, "", "all" },
		{ LIMIT_CONNECTIONS, PER_CLIENT, "192.0.2.1", NULL },
		{ LIMIT_RECIPIENTS, PER_CLIENT, "192.0.2.1", NULL },
	};
	const struct rulesdb *t = *state;
	const struct rules_limit *l;
	struct ruleset *set;
	char *lengthy = xasprintf("%0600d@a.test", 0);

	rulesdb_sql(t, "INSERT INTO domain (name, primaries) VALUES ('example.test', 'h');"
	    "INSERT INTO alias_domain (name, domain) VALUES ('alias.test', 'example.test')");
	rulesdb_sql(t, limit_rows);
	set = rulesdb_read(t);
	for (size_t i = 0; i < COUNT(row); i++) {
		l = ruleset_limit(set, row[i].what, row[i].per, row[i].value);
		if ((l == NULL) != (row[i].want == NULL) || (l != NULL && strcmp(l->note, row[i].want) != 0))
			fail_msg("%s per %s, `%s': %s", rules_limit_what_name(row[i].what),
			    rules_limit_per_name(row[i].per), row[i].value, l != NULL ? l->note : "none");
		assert_int_equal(ruleset_limits(set, row[i].what, row[i].per),
		    row[i].want != NULL || row[i].per == PER_HELO ||
		    (row[i].what == LIMIT_MESSAGES && row[i].per == PER_RECIPIENT) ||
		    (row[i].what == LIMIT_BYTES && row[i].per == PER_RECIPIENT_DOMAIN));
	}
	/* a name that no row can have is everybody's */
	assert_string_equal(ruleset_limit(set, LIMIT_MESSAGES, PER_SENDER, lengthy)->note, "sender");
	free(lengthy);
	ruleset_unref(&set);
}

static void
test_limit_row(void **state)
{
	const struct rulesdb *t = *state;
	const struct rules_limit *l;
	struct ruleset *set;

	rulesdb_sql(t, limit_rows);
	set = rulesdb_read(t);
	l = ruleset_limit(set, LIMIT_MESSAGES, PER_CLIENT, "198.51.100.1");
	assert_string_equal(l->name, "limits messages client");
	assert_false(l->none);
	assert_int_equal(l->amount, 20);
	assert_int_equal(l->interval, 60);
	assert_int_equal(l->burst, 30);
	assert_int_equal(l->action, LIMIT_DEFER);
	l = ruleset_limit(set, LIMIT_MESSAGES, PER_CLIENT, "192.0.2.7");
	assert_string_equal(l->name, "limits messages client 192.0.2.7");
	assert_int_equal(l->burst, 1);		/* as much as the rate names */
	assert_int_equal(l->action, LIMIT_REJECT);
	assert_int_equal(l->mode, MODE_SHADOW);
	assert_true(ruleset_limit(set, LIMIT_MESSAGES, PER_CLIENT, "192.0.2.1")->none);
	l = ruleset_limit(set, LIMIT_BYTES, PER_RECIPIENT_DOMAIN, "example.test");
	assert_int_equal(l->amount, 100 << 20);
	assert_int_equal(l->interval, 3600);
	assert_int_equal(l->burst, 1 << 30);
	ruleset_unref(&set);
}

/* --- DNS lists, headers ---------------------------------------------------------------- */

static void
test_dnsbl_codes(void **state)
{
	static const struct {
		const char	*codes;
		uint32_t	 address;
		bool		 want;
	} row[] = {
		{ "", 0x7f000002, true }, { "", 0x7fffff01, false }, { "", 0x7ffffeff, true },
		{ "", 0x7fffffff, false }, { "", 0x01020304, false }, { "", 0x80000001, false },
		{ "127.0.0.2", 0x7f000002, true }, { "127.0.0.2", 0x7f000003, false },
		{ "127.0.0.2 127.0.0.9", 0x7f000009, true },
		{ "127.0.0.4-127.0.0.11", 0x7f000004, true }, { "127.0.0.4-127.0.0.11", 0x7f00000b,
		  true },
		{ "127.0.0.4-127.0.0.11", 0x7f000003, false }, { "127.0.0.4-127.0.0.11", 0x7f00000c,
		  false },
		{ "127.0.0.2 127.0.0.4-127.0.0.11", 0x7f000003, false },
		{ "127.0.0.0&6", 0x7f000002, true }, { "127.0.0.0&6", 0x7f000004, true },
		{ "127.0.0.0&6", 0x7f000001, false }, { "127.0.0.0&6", 0x7f000008, false },
		{ "127.0.0.0&2", 0x7f000003, true }, { "127.0.0.0&65536", 0x7f010000, true },
		/* errors are no listings, whatever the codes say */
		{ "127.255.255.254", 0x7ffffffe, false }, { "127.0.0.0-127.255.255.255", 0x7ffffffe,
		  false },
		{ "127.0.0.0&2", 0x7ffffffe, false }, { "127.0.0.0-127.255.255.255", 0x7ffffefe, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct rules_dnsbl d = { .name = NULL };
		char *why = NULL, *text;

		assert_int_equal(rules_codes_parse(row[i].codes, &d.codes, &d.ncodes, &why), 0);
		if (rules_dnsbl_counts(&d, row[i].address) != row[i].want)
			fail_msg("%s: 0x%08x", row[i].codes, row[i].address);
		text = rules_codes_format(d.codes, d.ncodes);
		assert_string_equal(text, row[i].codes);
		free(text);
		free(d.codes);
	}
}

static void
test_dnsbl_rows(void **state)
{
	const struct rulesdb *t = *state;
	const struct rules_dnsbl *d;
	struct ruleset *set;

	rulesdb_sql(t, DNSBL "('a.test', 'client', '', '2.5', 'enforce', 'one'),"
	    "('a.test', 'client', '127.0.0.2', 'reject', 'shadow', 'two'),"
	    "('b.test', 'sender_domain', '', '-1', 'enforce', 'three'),"
	    "('c.test', 'client', '', 'reject', 'off', 'left out')");
	set = rulesdb_read(t);
	assert_int_equal(ruleset_ndnsbls(set), 3);
	d = ruleset_dnsbl_at(set, 0);
	assert_string_equal(d->name, "dnsbl a.test");
	assert_int_equal(d->act.verdict, RULES_SCORE);
	assert_int_equal(d->act.score, 250);
	d = ruleset_dnsbl_at(set, 1);
	assert_string_equal(d->name, "dnsbl a.test client 127.0.0.2");
	assert_int_equal(d->act.verdict, RULES_REJECT);
	assert_int_equal(d->mode, MODE_SHADOW);
	d = ruleset_dnsbl_at(set, 2);
	assert_string_equal(d->name, "dnsbl b.test sender_domain");
	assert_string_equal(d->zone, "b.test");
	assert_int_equal(d->what, DNSBL_SENDER_DOMAIN);
	assert_int_equal(d->act.score, -100);
	ruleset_unref(&set);
}

static void
test_headers(void **state)
{
	const struct rulesdb *t = *state;
	const struct rules_header *h;
	struct ruleset *set;

	rulesdb_sql(t, HEADER "('subject', '^you have won', '', '5', 'enforce', 'one'),"
	    "('subject', 'viagra', 'bob@a.test', 'quarantine', 'shadow', 'two'),"
	    "('x-spam', '.', '', 'reject', 'off', 'left out')");
	set = rulesdb_read(t);
	assert_int_equal(ruleset_nheaders(set), 2);
	h = ruleset_header_at(set, 0);
	assert_string_equal(h->name, "header subject ^you have won");
	assert_string_equal(h->header, "subject");
	assert_int_equal(h->act.score, 500);
	assert_int_equal(pattern_match(h->pattern, "You have WON!", 13), PATTERN_YES);
	assert_int_equal(pattern_match(h->pattern, "I have won", 10), PATTERN_NO);
	h = ruleset_header_at(set, 1);
	assert_string_equal(h->name, "header subject viagra for bob@a.test");
	assert_string_equal(h->scope, "bob@a.test");
	assert_int_equal(h->act.verdict, RULES_QUARANTINE);
	assert_int_equal(h->mode, MODE_SHADOW);
	ruleset_unref(&set);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rulesdb_setup, rulesdb_teardown)
	const struct CMUnitTest tests[] = {
		T(test_lists), T(test_list_row), T(test_list_scopes), T(test_list_expires),
		cmocka_unit_test(test_days), T(test_limits), T(test_limit_row),
		cmocka_unit_test(test_dnsbl_codes), T(test_dnsbl_rows), T(test_headers),
	};

	/* A zone with summer time. */
	(void)setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	return cmocka_run_group_tests_name("rules_screen", tests, NULL, NULL);
}
