/*
 * t_sender.c -- the sender's address, our own domains in it, its domain in the DNS.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/clock.h"
#include "milter/checks.h"
#include "milter/service.h"
#include "test/unit/dns_lab.h"

#define LABEL50	"dddddddddddddddddddddddddddddddddddddddddddddddddd"
#define A64	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BAD	"Bad sender address syntax"

/* --- syntax ------------------------------------------------------------------- */

static const struct sender_row {
	const char	*sender;
	bool		 smtputf8;
	int		 code;		/* 0: pass */
	const char	*dsn, *text;
} senders[] = {
	{ "", false, 0, "", "" },
	{ "ann@example.org", false, 0, "", "" },
	{ "\"ann b\"@example.org", false, 0, "", "" },
	{ "ann@[192.0.2.1]", false, 0, "", "" },
	{ "ann@[IPv6:2001:db8::1]", false, 0, "", "" },
	{ "j\xc3\xbcrgen@example.org", true, 0, "", "" },
	{ "ann@b\xc3\xbc" "cher.test", true, 0, "", "" },
	{ "ann@\xe4\xbe\x8b\xe3\x80\x82test", true, 0, "", "" },	/* a dot of its own */
	{ "%s%n@example.org", false, 0, "", "" },
	{ "../../etc/passwd@example.org", false, 0, "", "" },
	{ "-oQ/tmp@example.org", false, 0, "", "" },
	{ A64 "@example.org", false, 0, "", "" },
	/* bad syntax: notes/reliability */
	{ "@", false, 501, "5.1.7", BAD },
	{ "a@", false, 501, "5.1.7", BAD },
	{ ";id;@", false, 501, "5.1.7", BAD },
	{ "ann", false, 501, "5.1.7", BAD },
	{ "@example.org", false, 501, "5.1.7", BAD },
	{ A64 "a@example.org", false, 501, "5.1.7", BAD },
	{ "a@" LABEL50 "." LABEL50 "." LABEL50 "." LABEL50 "." LABEL50 ".org", false, 501, "5.1.7", BAD },
	{ "a@" A64 ".org", false, 501, "5.1.7", BAD },
	{ "\"ann@example.org", false, 501, "5.1.7", BAD },
	{ "\"a\\@example.org", false, 501, "5.1.7", BAD },
	{ "a@b@example.org", false, 501, "5.1.7", BAD },
	{ "a@[IPv6:zz]", false, 501, "5.1.7", BAD },
	{ "a\xc0\xaf@example.org", false, 501, "5.1.7", BAD },
	{ "a\xc0\xaf@example.org", true, 501, "5.1.7", BAD },
	{ "@relay.test:ann@example.org", false, 501, "5.1.7", BAD },
	{ "ann b@example.org", false, 501, "5.1.7", BAD },
	{ "ann\r\nRCPT TO:<x@example.org", false, 501, "5.1.7", BAD },
	{ "<ann@example.org>", false, 501, "5.1.7", BAD },
	{ "ann@example..org", false, 501, "5.1.7", BAD },
	{ "j\xc3\xbcrgen@example.org", false, 553, "5.6.7",
	    "Sender address rejected: non-ASCII address without SMTPUTF8" },
	{ "ann@b\xc3\xbc" "cher.test", false, 553, "5.6.7",
	    "Sender address rejected: non-ASCII address without SMTPUTF8" },
	/* no dot */
	{ "ann@localhost", false, 550, "5.5.2",
	    "<ann@localhost>: Sender address rejected: need fully-qualified address" },
	{ "ann@b\xc3\xbc" "cher", true, 550, "5.5.2",
	    "<ann@b\xc3\xbc" "cher>: Sender address rejected: need fully-qualified address" },
};

static void
syntax(void **state)
{
	struct check_lab *l = check_lab_new("");
	char dots[10001 + sizeof("@example.org")];
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(senders); i++) {
		const struct sender_row *r = &senders[i];

		l->view.sender = r->sender;
		l->view.smtputf8 = r->smtputf8;
		check_lab_ask(l, &check_sender, STAGE_RCPT, &v);
		if (v.code != r->code || strcmp(v.dsn, r->dsn) != 0 || strcmp(v.text, r->text) != 0)
			fail_msg("row %zu %s: %d %s %s", i, r->sender, v.code, v.dsn, v.text);
	}
	memset(dots, '.', 10000);
	memcpy(dots + 10000, "@example.org", sizeof("@example.org"));
	l->view.sender = dots;
	check_lab_ask(l, &check_sender, STAGE_RCPT, &v);
	assert_int_equal(v.code, 501);
	check_lab_free(&l, &check_sender);
}

static void
syntax_policy(void **state)
{
	struct check_lab *l = check_lab_new("INSERT INTO setting (scope, name, value) VALUES"
	    " ('', 'sender.syntax', 'defer'), ('', 'sender.fqdn', '1.5'),"
	    " ('joe@example.test', 'sender.syntax', 'off'), ('joe@example.test', 'sender.fqdn', 'off')");
	struct verdict v;

	(void)state;
	l->view.rcpt = "ann@example.test";
	l->view.sender = "a@b@c";
	check_lab_ask(l, &check_sender, STAGE_RCPT, &v);
	assert_int_equal(v.code, 450);
	assert_string_equal(v.dsn, "4.1.7");
	assert_string_equal(v.rule, "sender.syntax");
	l->view.sender = "a@b";
	check_lab_ask(l, &check_sender, STAGE_RCPT, &v);
	assert_int_equal(v.action, VERDICT_PASS);
	assert_int_equal(v.score, 150);
	l->view.rcpt = "joe@example.test";
	check_lab_ask(l, &check_sender, STAGE_RCPT, &v);
	assert_false(engine_is_hit(&v));
	l->view.sender = "a@b@c";
	check_lab_ask(l, &check_sender, STAGE_RCPT, &v);
	assert_false(engine_is_hit(&v));
	check_lab_free(&l, &check_sender);
}

/* --- our own domains -------------------------------------------------------------- */

static void
spoof(void **state)
{
	static const struct {
		const char	*sender, *addr, *auth;
		bool		 passes;
	} rows[] = {
		{ "ann@example.org", "192.0.2.1", "", true },
		{ "", "192.0.2.1", "", true },
		{ "ann@sub.example.test", "192.0.2.1", "", true },
		{ "ann@example.test", "192.0.2.1", "ann", true },
		{ "ann@example.test", "", "", true },		/* this host itself */
		{ "ann@derived.test", "192.0.2.1", "", true },	/* by its MX alone */
		{ "ann@[192.0.2.1]", "192.0.2.1", "", true },
		{ "a@b@example.test", "192.0.2.1", "", true },	/* no address: another check's */
		{ "ann@example.test", "192.0.2.1", "", false },
		{ "ann@Example.TEST", "2001:db8::1", "", false },
		{ "nobody@alias.test", "192.0.2.1", "", false },
		{ "ann@b\xc3\xbc" "cher.test", "192.0.2.1", "", false },
		{ "ann@xn--bcher-kva.test", "192.0.2.1", "", false },
	};
	struct check_lab *l = check_lab_new("INSERT INTO domain (name, primaries, recipients) VALUES"
	    " ('xn--bcher-kva.test', 'p.test', 'any');"
	    "INSERT INTO alias_domain (name, domain) VALUES ('alias.test', 'example.test');"
	    "INSERT INTO mx_domain (name, serve) VALUES ('derived.test', 'always')");
	char text[128];
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		l->view.sender = rows[i].sender;
		l->view.client_addr = rows[i].addr;
		l->view.auth = rows[i].auth;
		check_lab_ask(l, &check_spoof, STAGE_RCPT, &v);
		if (engine_is_hit(&v) == rows[i].passes)
			fail_msg("row %zu: %s", i, rows[i].sender);
		if (rows[i].passes)
			continue;
		assert_int_equal(v.code, 550);
		assert_string_equal(v.dsn, "5.7.1");
		(void)snprintf(text, sizeof(text), "<%s>: Sender address rejected: not logged in",
		    rows[i].sender);
		assert_string_equal(v.text, text);
	}
	check_lab_sql(l, "INSERT INTO setting (scope, name, value) VALUES ('example.test', 'spoof.verdict', '4')");
	check_lab_ask(l, &check_spoof, STAGE_RCPT, &v);
	assert_int_equal(v.score, 400);
	check_lab_free(&l, &check_spoof);
}

/* --- the domain in the DNS ------------------------------------------------------------ */

static const struct dns_server_row zone[] = {
	SERVE("mx.org", DNS_MX, "\0\12\2m1\2mx\3org\0"),
	SERVE("m1.mx.org", DNS_A, "\xcb\0\x71\1"),
	SERVE("six.org", DNS_MX, "\0\12\2m6\3six\3org\0"),
	SERVE("m6.six.org", DNS_AAAA, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"),
	SERVE("implicit.org", DNS_A, "\xcb\0\x71\1"),
	SERVE("implicit6.org", DNS_AAAA, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"),
	/* the first has no address, the last has */
	SERVE("later.org", DNS_MX, "\0\1\2n1\5later\3org\0"),
	SERVE("later.org", DNS_MX, "\0\2\2n2\5later\3org\0"),
	SERVE("later.org", DNS_MX, "\0\3\2n3\5later\3org\0"),
	SERVE("later.org", DNS_MX, "\0\4\2n4\5later\3org\0"),
	SERVE("later.org", DNS_MX, "\0\5\2n5\5later\3org\0"),
	SERVE("later.org", DNS_MX, "\0\6\2m1\2mx\3org\0"),
	SERVE("xn--bcher-kva.org", DNS_A, "\xcb\0\x71\1"),
	SERVE("cname.org", DNS_CNAME, "\2mx\3org\0"),
	SERVE("null.org", DNS_MX, "\0\0\0"),
	SERVE("txt.org", DNS_TXT, "\1x"),
	SERVE("nohost.org", DNS_MX, "\0\12\4gone\6nohost\3org\0"),
	SERVE("nohosts.org", DNS_MX, "\0\12\4gone\7nohosts\3org\0"),
	SERVE("nohosts.org", DNS_MX, "\0\12\4none\7nohosts\3org\0"),
	SERVE("none.nohosts.org", DNS_TXT, "\1x"),
	SERVE("address.org", DNS_MX, "\0\12\003192\0010\0010\0011\0"),
	SERVE("192.0.0.1", DNS_A, "\xcb\0\x71\1"),	/* though the DNS may say so */
	SERVE("odd.org", DNS_MX, "\0\12\4a b.\3org\0"),
	SERVE("mixed.org", DNS_MX, "\0\0\0"),
	SERVE("mixed.org", DNS_MX, "\0\12\4gone\5mixed\3org\0"),
	{ "fail.org", 0, SERVE_FAIL, NULL, 0 },
	{ "mute.org", 0, SERVE_MUTE, NULL, 0 },
	SERVE("loop.org", DNS_CNAME, "\5loop2\3org\0"),
	SERVE("loop2.org", DNS_CNAME, "\4loop\3org\0"),
	SERVE("hostfail.org", DNS_MX, "\0\12\4fail\3org\0"),
	SERVE("hostloop.org", DNS_MX, "\0\12\4loop\3org\0"),
	SERVE("halfail.org", DNS_MX, "\0\12\4fail\3org\0"),
	SERVE("halfail.org", DNS_MX, "\0\24\4gone\7halfail\3org\0"),
	SERVE("onefail.org", DNS_MX, "\0\12\4fail\3org\0"),
	SERVE("onefail.org", DNS_MX, "\0\24\2m1\2mx\3org\0"),
	{ "addrfail.org", DNS_A, SERVE_FAIL, NULL, 0 },
	{ "addrfail.org", DNS_AAAA, SERVE_NODATA, NULL, 0 },
	{ "addrfail.org", 0, SERVE_NODATA, NULL, 0 },
};

#define MISSING	"sender_domain.missing"
#define NULL_MX	"sender_domain.null_mx"
#define TEMP	"sender_domain.temperror"

static const struct {
	const char	*domain, *rule;		/* NULL: passes */
} domains[] = {
	{ "mx.org", NULL }, { "MX.org", NULL }, { "six.org", NULL }, { "implicit.org", NULL },
	{ "implicit6.org", NULL }, { "later.org", NULL }, { "cname.org", NULL }, { "onefail.org", NULL },
	{ "b\xc3\xbc" "cher.org", NULL }, { "[192.0.2.1]", NULL }, { "[IPv6:2001:db8::1]", NULL },
	{ "nx.org", MISSING }, { "txt.org", MISSING }, { "nohost.org", MISSING }, { "nohosts.org", MISSING },
	{ "address.org", MISSING }, { "odd.org", MISSING }, { "mixed.org", MISSING },
	{ "\xc3\xbc" LABEL50 "dddddddd.org", MISSING },		/* none that the DNS could have */
	{ "null.org", NULL_MX },
	{ "fail.org", TEMP }, { "loop.org", TEMP }, { "hostfail.org", TEMP }, { "hostloop.org", TEMP },
	{ "halfail.org", TEMP }, { "addrfail.org", TEMP },
};

static void
ask(struct dns_lab *d, const char *domain, struct verdict *v)
{
	char sender[300];

	(void)snprintf(sender, sizeof(sender), "ann@%s", domain);
	d->lab->view.sender = sender;
	check_lab_end_txn(d->lab, &check_sender_domain);
	check_lab_ask(d->lab, &check_sender_domain, STAGE_RCPT, v);
	d->lab->view.sender = "";
}

static void
sender_domain(void **state)
{
	static const struct {
		const char	*value;		/* of the finding's setting */
		enum verdict_action action;
		int		 code, temp_code;
	} acts[] = {
		{ "off", VERDICT_PASS, 0, 0 },
		{ "defer", VERDICT_DEFER, 450, 451 },
		{ "reject", VERDICT_REJECT, 550, 451 },		/* a 5xx never comes of our own DNS (P3) */
	};
	struct dns_lab *d = dns_lab_new("", zone, COUNT(zone));
	char sql[512], text[400];
	struct verdict v;

	(void)state;
	for (size_t k = 0; k < COUNT(acts); k++) {
		(void)snprintf(sql, sizeof(sql), "DELETE FROM setting; INSERT INTO setting (name, value) VALUES"
		    " ('" MISSING "', '%s'), ('" NULL_MX "', '%s'), ('" TEMP "', '%s')", acts[k].value,
		    acts[k].value, acts[k].value);
		check_lab_sql(d->lab, sql);
		for (size_t i = 0; i < COUNT(domains); i++) {
			const char *rule = domains[i].rule;
			bool temp = rule != NULL && strcmp(rule, TEMP) == 0;
			int code = rule == NULL ? 0 : temp ? acts[k].temp_code : acts[k].code;

			ask(d, domains[i].domain, &v);
			if (v.code != code)
				fail_msg("%s with %s: %d %s (%s)", domains[i].domain, acts[k].value, v.code,
				    v.text, v.reason);
			if (code == 0)
				continue;
			assert_string_equal(v.rule, rule);
			(void)snprintf(text, sizeof(text), "<ann@%s>: Sender address rejected: %s",
			    domains[i].domain, temp ? "Domain lookup failed, try again later" :
			    strcmp(rule, NULL_MX) == 0 ? "Domain null.org does not accept mail (nullMX)" :
			    "Domain not found");
			assert_string_equal(v.text, text);
			assert_string_equal(v.dsn + 1, temp ? ".4.3" :
			    strcmp(rule, NULL_MX) == 0 ? ".7.27" : ".1.8");
		}
	}
	dns_lab_free(&d, &check_sender_domain);
}

/* Asked once a message, whatever the number of recipients; not at all for a null sender or what is no address. */
static void
asked_once(void **state)
{
	struct dns_lab *d = dns_lab_new("", zone, COUNT(zone));
	struct verdict v;
	unsigned n;

	(void)state;
	ask(d, "nx.org", &v);
	assert_int_equal(v.code, 450);
	n = dns_server_asked(d->server, "nx.org");
	assert_true(n >= 1);
	d->lab->view.sender = "ann@nx.org";
	for (int i = 0; i < 5; i++) {
		check_lab_ask(d->lab, &check_sender_domain, STAGE_RCPT, &v);
		assert_int_equal(v.code, 450);
	}
	assert_int_equal(dns_server_asked(d->server, "nx.org"), n);
	n = dns_server_asked(d->server, "");
	check_lab_end_txn(d->lab, &check_sender_domain);
	d->lab->view.sender = "";
	check_lab_ask(d->lab, &check_sender_domain, STAGE_RCPT, &v);
	d->lab->view.sender = "a@b@quoted.org";
	check_lab_ask(d->lab, &check_sender_domain, STAGE_RCPT, &v);
	d->lab->view.sender = "ann@[192.0.2.1]";
	check_lab_ask(d->lab, &check_sender_domain, STAGE_RCPT, &v);
	assert_int_equal(dns_server_asked(d->server, ""), n);
	dns_lab_free(&d, &check_sender_domain);
}

/* Nobody answers: the budget ends it, and it is nobody's fault. */
static void
budget(void **state)
{
	struct dns_lab *d = dns_lab_new("INSERT INTO setting (name, value) VALUES ('" TEMP "', 'defer')", zone,
	    COUNT(zone));
	int64_t begun = clock_mono_ms();
	struct verdict v;

	(void)state;
	ask(d, "mute.org", &v);
	assert_int_equal(v.code, 451);
	assert_string_equal(v.dsn, "4.4.3");
	assert_true(clock_mono_ms() - begun < 4000);
	dns_lab_free(&d, &check_sender_domain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syntax),
		cmocka_unit_test(syntax_policy),
		cmocka_unit_test(spoof),
		cmocka_unit_test(sender_domain),
		cmocka_unit_test(asked_once),
		cmocka_unit_test(budget),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
