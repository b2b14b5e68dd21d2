/*
 * t_helo.c -- HELO, parsed and judged.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <sys/socket.h>
#include <string.h>

#include "milter/checks.h"
#include "milter/helo.h"
#include "test/unit/check_lab.h"

#define LABEL63	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
parsing(void **state)
{
	static const struct {
		const char	*helo;
		enum helo_kind	 kind;
		const char	*name;
		bool		 fqdn;
	} rows[] = {
		{ "", HELO_NONE, "", false },
		{ "mail.example.org", HELO_NAME, "mail.example.org", true },
		{ "Mail.Example.ORG", HELO_NAME, "mail.example.org", true },
		{ "mail.example.org.", HELO_NAME, "mail.example.org", true },
		{ "WIN_HOST-1.example.org", HELO_NAME, "win_host-1.example.org", true },
		{ "1.2.3.example", HELO_NAME, "1.2.3.example", true },
		{ "xn--bcher-kva.test", HELO_NAME, "xn--bcher-kva.test", true },
		{ "localhost", HELO_NAME, "localhost", false },
		{ "localhost.", HELO_NAME, "localhost", false },
		{ "[192.0.2.1]", HELO_LITERAL, "", false },
		{ "[IPv6:2001:db8::1]", HELO_LITERAL, "", false },
		{ "[ipv6:::1]", HELO_LITERAL, "", false },
		{ "[IPv6:::ffff:192.0.2.1]", HELO_LITERAL, "", false },
		/* a bare address is no name */
		{ "192.0.2.1", HELO_BAD, "", false },
		{ "192.0.2.1.", HELO_BAD, "", false },
		{ "1.2.3", HELO_BAD, "", false },
		{ "12345", HELO_BAD, "", false },
		{ "2001:db8::1", HELO_BAD, "", false },
		{ "::1", HELO_BAD, "", false },
		/* nor is this */
		{ ".", HELO_BAD, "", false },
		{ "..", HELO_BAD, "", false },
		{ ".example.org", HELO_BAD, "", false },
		{ "mail..example.org", HELO_BAD, "", false },
		{ "mail.example.org..", HELO_BAD, "", false },
		{ "-mail.example.org", HELO_BAD, "", false },
		{ "mail-.example.org", HELO_BAD, "", false },
		{ "mail example.org", HELO_BAD, "", false },
		{ "mail.example.org\r\nX", HELO_BAD, "", false },
		{ "b\xc3\xbc" "cher.test", HELO_BAD, "", false },	/* RFC 6531 3.7.1 */
		{ "\xff.test", HELO_BAD, "", false },
		{ "mail/example", HELO_BAD, "", false },
		{ "<mail.example.org>", HELO_BAD, "", false },
		{ "a@example.org", HELO_BAD, "", false },
		{ LABEL63 ".test", HELO_NAME, LABEL63 ".test", true },
		{ LABEL63 "a.test", HELO_BAD, "", false },
		{ LABEL63 "." LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, HELO_BAD, "", false },
		{ "[]", HELO_BAD, "", false },
		{ "[", HELO_BAD, "", false },
		{ "[192.0.2.1", HELO_BAD, "", false },
		{ "[192.0.2.1]x", HELO_BAD, "", false },
		{ "[192.0.2]", HELO_BAD, "", false },
		{ "[192.0.2.256]", HELO_BAD, "", false },
		{ "[192.0.2.1 ]", HELO_BAD, "", false },
		{ "[2001:db8::1]", HELO_BAD, "", false },	/* without its tag */
		{ "[IPv6:zz]", HELO_BAD, "", false },
		{ "[IPv6:]", HELO_BAD, "", false },
		{ "[IPv6:192.0.2.1]", HELO_BAD, "", false },
		{ "[IPv6:2001:db8::1%eth0]", HELO_BAD, "", false },
		{ "[example.org]", HELO_BAD, "", false },
		{ "[IPv6:" LABEL63 LABEL63 "]", HELO_BAD, "", false },
	};
	struct helo h;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		helo_parse(rows[i].helo, &h);
		if (h.kind != rows[i].kind || strcmp(h.name, h.kind == HELO_NAME ? rows[i].name : h.name) != 0)
			fail_msg("row %zu: %s: kind %d, name %s", i, rows[i].helo, h.kind, h.name);
		assert_int_equal(h.fqdn, rows[i].fqdn);
	}
	helo_parse("[IPv6:2001:db8::1]", &h);
	assert_int_equal(h.addr.family, AF_INET6);
	assert_memory_equal(h.addr.addr, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	helo_parse("[192.0.2.1]", &h);
	assert_int_equal(h.addr.family, AF_INET);
	assert_memory_equal(h.addr.addr, "\xc0\0\2\1", 4);
}

static void
judging(void **state)
{
	static const struct {
		const char	*addr, *name, *helo, *auth;
		int		 code, score;		/* 0: pass */
		const char	*rule, *dsn, *text;
	} rows[] = {
		{ "192.0.2.1", "c.test", "c.test", "", 0, 0, "", "", "" },
		{ "192.0.2.1", "c.test", "[192.0.2.1]", "", 0, 0, "", "", "" },
		{ "192.0.2.1", "c.test", "sub.example.test", "", 0, 0, "", "", "" },
		{ "192.0.2.1", "c.test", "", "", 550, 0, "helo.required", "5.5.1", "Error: send HELO/EHLO first" },
		{ "192.0.2.1", "c.test", "192.0.2.1", "", 550, 0, "helo.syntax", "5.5.2",
		    "<192.0.2.1>: Helo command rejected: Invalid name" },
		{ "192.0.2.1", "c.test", "a\r\n\xff b", "", 550, 0, "helo.syntax", "5.5.2",
		    "<a??? b>: Helo command rejected: Invalid name" },
		{ "192.0.2.1", "c.test", "localhost", "", 550, 0, "helo.fqdn", "5.5.2",
		    "<localhost>: Helo command rejected: need fully-qualified hostname" },
		{ "192.0.2.1", "c.test", "MX2.test", "", 550, 0, "helo.self", "5.7.1",
		    "<MX2.test>: Helo command rejected: that is not you but this site" },
		{ "192.0.2.1", "c.test", "example.TEST", "", 550, 0, "helo.self", "5.7.1",
		    "<example.TEST>: Helo command rejected: that is not you but this site" },
		{ "192.0.2.1", "c.test", "alias.test", "", 550, 0, "helo.self", "5.7.1",
		    "<alias.test>: Helo command rejected: that is not you but this site" },
		{ "192.0.2.1", "c.test", "[127.0.0.1]", "", 550, 0, "helo.self", "5.7.1",
		    "<[127.0.0.1]>: Helo command rejected: that is not you but this site" },
		{ "192.0.2.1", "c.test", "[IPv6:::ffff:127.0.0.1]", "", 550, 0, "helo.self", "5.7.1",
		    "<[IPv6:::ffff:127.0.0.1]>: Helo command rejected: that is not you but this site" },
		{ "2001:db8::1", "c.test", "mx2.test", "", 550, 0, "helo.self", "5.7.1",
		    "<mx2.test>: Helo command rejected: that is not you but this site" },
		/* this host, whatever address of it */
		{ "127.0.0.1", "localhost", "mx2.test", "", 0, 0, "", "", "" },
		{ "127.0.0.1", "localhost", "[127.0.0.1]", "", 0, 0, "", "", "" },
		/* no verified name: a point */
		{ "192.0.2.1", "", "c.test", "", 0, 100, "", "", "" },
		{ "192.0.2.1", "", "localhost", "", 550, 100, "helo.fqdn", "5.5.2",
		    "<localhost>: Helo command rejected: need fully-qualified hostname" },
		/* not a client, or one that is known by other means */
		{ "", "", "", "", 0, 0, "", "", "" },
		{ "192.0.2.1", "", "laptop", "ann", 0, 0, "", "", "" },
	};
	struct check_lab *l = check_lab_new("INSERT INTO alias_domain (name, domain)"
	    " VALUES ('alias.test', 'example.test')");
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		l->view.client_addr = rows[i].addr;
		l->view.client_name = rows[i].name;
		l->view.helo = rows[i].helo;
		l->view.auth = rows[i].auth;
		check_lab_ask(l, &check_helo, STAGE_RCPT, &v);
		if (v.code != rows[i].code || v.score != rows[i].score || strcmp(v.rule, rows[i].rule) != 0)
			fail_msg("row %zu: %d %s score %d rule %s", i, v.code, v.text, v.score, v.rule);
		assert_string_equal(v.dsn, rows[i].dsn);
		assert_string_equal(v.text, rows[i].text);
		check_lab_end_txn(l, &check_helo);
	}
	check_lab_free(&l, &check_helo);
}

/* Each finding has a setting of its own, by recipient. */
static void
policies(void **state)
{
	static const struct {
		const char	*helo, *name, *setting;
	} rows[] = {
		{ "", "c.test", "helo.required" },
		{ "192.0.2.1", "c.test", "helo.syntax" },
		{ "localhost", "c.test", "helo.fqdn" },
		{ "mx2.test", "c.test", "helo.self" },
		{ "c.test", "", "helo.rdns" },
	};
	char sql[512];
	struct check_lab *l = check_lab_new("INSERT INTO domain (name, primaries, recipients)"
	    " VALUES ('other.test', 'p.test', 'any')");
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		(void)snprintf(sql, sizeof(sql), "DELETE FROM setting;"
		    "INSERT INTO setting (scope, name, value) VALUES ('', '%s', 'defer'),"
		    " ('other.test', '%s', 'off'), ('joe@other.test', '%s', '2.5'),"
		    " ('ann@other.test', '%s', 'greylist')",
		    rows[i].setting, rows[i].setting, rows[i].setting, rows[i].setting);
		check_lab_sql(l, sql);
		l->view.helo = rows[i].helo;
		l->view.client_name = rows[i].name;
		check_lab_end_txn(l, &check_helo);
		l->view.rcpt = "joe@example.test";
		check_lab_ask(l, &check_helo, STAGE_RCPT, &v);
		assert_int_equal(v.action, VERDICT_DEFER);
		assert_int_equal(v.code, 450);
		assert_int_equal(v.dsn[0], '4');
		assert_string_equal(v.rule, rows[i].setting);
		l->view.rcpt = "eve@other.test";
		check_lab_ask(l, &check_helo, STAGE_RCPT, &v);
		assert_false(engine_is_hit(&v));
		l->view.rcpt = "joe@other.test";
		check_lab_ask(l, &check_helo, STAGE_RCPT, &v);
		assert_int_equal(v.action, VERDICT_PASS);
		assert_int_equal(v.score, 250);
		l->view.rcpt = "ann@other.test";
		check_lab_ask(l, &check_helo, STAGE_RCPT, &v);
		assert_int_equal(v.score, 0);
		assert_string_equal(v.check, "helo");
	}
	check_lab_free(&l, &check_helo);
}

/* A new HELO in the next message is another HELO. */
static void
again(void **state)
{
	struct check_lab *l = check_lab_new("");
	struct verdict v;

	(void)state;
	l->view.helo = "localhost";
	check_lab_ask(l, &check_helo, STAGE_RCPT, &v);
	assert_int_equal(v.code, 550);
	check_lab_end_txn(l, &check_helo);
	l->view.helo = "c.test";
	check_lab_ask(l, &check_helo, STAGE_RCPT, &v);
	assert_int_equal(v.code, 0);
	check_lab_free(&l, &check_helo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parsing),
		cmocka_unit_test(judging),
		cmocka_unit_test(policies),
		cmocka_unit_test(again),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
