/*
 * t_dnsbl.c -- DNS lists: a zone's health, the names that are looked up, what comes of the answers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <pthread.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "milter/checks.h"
#include "milter/dnsbl.h"
#include "milter/dnsbl_ask.h"
#include "milter/service.h"
#include "test/unit/dns_lab.h"

/* --- the health of a zone, pure ------------------------------------------------- */

static void
health(void **state)
{
	enum { TAKE, GIVE_ANSWER, GIVE_SILENCE, GIVE_ERROR, GIVE_NOTHING };
	static const enum dnsbl_result result[] = { DNSBL_NOTHING, DNSBL_ANSWER, DNSBL_SILENCE, DNSBL_ERROR,
		DNSBL_NOTHING };
	static const struct {
		int64_t		 now;
		int		 what;
		enum dnsbl_ticket ticket;	/* TAKE: that is given; else that is given back */
		enum dnsbl_change change;
	} steps[] = {
		{ 0, TAKE, DNSBL_ASK, DNSBL_SAME },
		{ 0, GIVE_ANSWER, DNSBL_ASK, DNSBL_SAME },
		/* not in a row */
		{ 10, GIVE_SILENCE, DNSBL_ASK, DNSBL_SAME },
		{ 10, GIVE_SILENCE, DNSBL_ASK, DNSBL_SAME },
		{ 10, GIVE_NOTHING, DNSBL_ASK, DNSBL_SAME },
		{ 10, GIVE_ANSWER, DNSBL_ASK, DNSBL_SAME },
		/* three in a row: off, once */
		{ 20, GIVE_SILENCE, DNSBL_ASK, DNSBL_SAME },
		{ 21, GIVE_SILENCE, DNSBL_ASK, DNSBL_SAME },
		{ 22, GIVE_NOTHING, DNSBL_ASK, DNSBL_SAME },
		{ 22, TAKE, DNSBL_ASK, DNSBL_SAME },
		{ 22, GIVE_SILENCE, DNSBL_ASK, DNSBL_WENT_OFF },
		{ 23, GIVE_SILENCE, DNSBL_ASK, DNSBL_SAME },
		{ 24, GIVE_ANSWER, DNSBL_ASK, DNSBL_SAME },	/* asked before */
		{ 25, GIVE_ERROR, DNSBL_ASK, DNSBL_SAME },
		{ 22 + 999, TAKE, DNSBL_NO, DNSBL_SAME },
		/* the pause is over: one probe */
		{ 22 + 1000, TAKE, DNSBL_PROBE, DNSBL_SAME },
		{ 22 + 1000, TAKE, DNSBL_NO, DNSBL_SAME },
		{ 1100, GIVE_SILENCE, DNSBL_PROBE, DNSBL_SAME },
		{ 2099, TAKE, DNSBL_NO, DNSBL_SAME },
		{ 2100, TAKE, DNSBL_PROBE, DNSBL_SAME },
		{ 2100, GIVE_ERROR, DNSBL_PROBE, DNSBL_SAME },
		/* one that nobody waits for is another's turn at once; one that is never heard of, later */
		{ 3100, TAKE, DNSBL_PROBE, DNSBL_SAME },
		{ 3101, GIVE_NOTHING, DNSBL_PROBE, DNSBL_SAME },
		{ 3101, TAKE, DNSBL_PROBE, DNSBL_SAME },
		{ 3101 + DNSBL_PROBE_TIME - 1, TAKE, DNSBL_NO, DNSBL_SAME },
		{ 3101 + DNSBL_PROBE_TIME, TAKE, DNSBL_PROBE, DNSBL_SAME },
		{ 20000, GIVE_ANSWER, DNSBL_PROBE, DNSBL_CAME_BACK },
		{ 20000, TAKE, DNSBL_ASK, DNSBL_SAME },
		/* a fresh start: three again; an error is enough by itself */
		{ 20001, GIVE_SILENCE, DNSBL_ASK, DNSBL_SAME },
		{ 20001, GIVE_SILENCE, DNSBL_ASK, DNSBL_SAME },
		{ 20002, GIVE_ANSWER, DNSBL_ASK, DNSBL_SAME },
		{ 20003, GIVE_ERROR, DNSBL_ASK, DNSBL_WENT_OFF },
		{ 20003, TAKE, DNSBL_NO, DNSBL_SAME },
	};
	static const struct dnsbl_limits limits = { 3, 1000 };
	struct dnsbl_health h = { .failures = 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (steps[i].what == TAKE) {
			if (dnsbl_health_take(&h, steps[i].now) != steps[i].ticket)
				fail_msg("step %zu: another ticket", i);
		} else if (dnsbl_health_give(&h, steps[i].ticket, result[steps[i].what], &limits,
		    steps[i].now) != steps[i].change) {
			fail_msg("step %zu: another change", i);
		}
	}
}

/* Silence: a short pause at first, doubled by each probe in vain; an error: the whole one at once. */
static void
pauses(void **state)
{
	static const struct dnsbl_limits limits = { 1, 100000 };
	static const int64_t expected[] = { 15000, 30000, 60000, 100000, 100000 };
	struct dnsbl_health h = { .failures = 0 };
	int64_t now = 1;

	(void)state;
	(void)dnsbl_health_give(&h, DNSBL_ASK, DNSBL_SILENCE, &limits, now);
	for (size_t i = 0; i < COUNT(expected); i++) {
		assert_int_equal(h.retry - now, expected[i]);
		now = h.retry;
		assert_int_equal(dnsbl_health_take(&h, now), DNSBL_PROBE);
		assert_int_equal(dnsbl_health_give(&h, DNSBL_PROBE, DNSBL_SILENCE, &limits, now), DNSBL_SAME);
	}
	(void)dnsbl_health_give(&h, DNSBL_PROBE, DNSBL_ANSWER, &limits, now);
	(void)dnsbl_health_give(&h, DNSBL_ASK, DNSBL_SILENCE, &limits, now);
	assert_int_equal(h.retry - now, 15000);
	(void)dnsbl_health_give(&h, DNSBL_PROBE, DNSBL_ERROR, &limits, now);
	assert_int_equal(h.retry - now, 100000);
	(void)dnsbl_health_give(&h, DNSBL_PROBE, DNSBL_ANSWER, &limits, now);
	(void)dnsbl_health_give(&h, DNSBL_ASK, DNSBL_ERROR, &limits, now);
	assert_int_equal(h.retry - now, 100000);
}

/* --- names, text -------------------------------------------------------------------- */

#define LABEL60	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
names(void **state)
{
	static const struct {
		enum rules_dnsbl_what what;
		const char	*subject, *name;	/* NULL: nothing is looked up */
	} rows[] = {
		{ DNSBL_CLIENT, "192.0.2.1", "1.2.0.192.bl.test" },
		{ DNSBL_CLIENT, "203.0.113.254", "254.113.0.203.bl.test" },
		{ DNSBL_CLIENT, "2001:db8:1:2:3:4:567:89ab",
		    "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.test" },
		{ DNSBL_CLIENT, "", NULL }, { DNSBL_CLIENT, "no address", NULL },
		{ DNSBL_CLIENT, "127.0.0.2", NULL }, { DNSBL_CLIENT, "10.1.2.3", NULL },
		{ DNSBL_CLIENT, "172.16.0.1", NULL }, { DNSBL_CLIENT, "172.31.255.255", NULL },
		{ DNSBL_CLIENT, "172.32.0.1", "1.0.32.172.bl.test" },
		{ DNSBL_CLIENT, "172.15.0.1", "1.0.15.172.bl.test" },
		{ DNSBL_CLIENT, "192.168.1.1", NULL }, { DNSBL_CLIENT, "192.169.1.1", "1.1.169.192.bl.test" },
		{ DNSBL_CLIENT, "169.254.1.1", NULL }, { DNSBL_CLIENT, "100.64.0.1", NULL },
		{ DNSBL_CLIENT, "100.127.255.255", NULL }, { DNSBL_CLIENT, "100.128.0.1", "1.0.128.100.bl.test" },
		{ DNSBL_CLIENT, "0.1.2.3", NULL }, { DNSBL_CLIENT, "::1", NULL }, { DNSBL_CLIENT, "::", NULL },
		{ DNSBL_CLIENT, "fe80::1", NULL }, { DNSBL_CLIENT, "febf::1", NULL },
		{ DNSBL_CLIENT, "fd00::1", NULL }, { DNSBL_CLIENT, "fc00::1", NULL },
		{ DNSBL_CLIENT_NAME, "Mail.Example.org", "mail.example.org.bl.test" },
		{ DNSBL_CLIENT_NAME, "", NULL }, { DNSBL_CLIENT_NAME, "localhost", NULL },
		{ DNSBL_HELO, "Mail.Example.org.", "mail.example.org.bl.test" },
		{ DNSBL_HELO, "", NULL }, { DNSBL_HELO, "localhost", NULL }, { DNSBL_HELO, "[192.0.2.1]", NULL },
		{ DNSBL_HELO, "192.0.2.1", NULL }, { DNSBL_HELO, "a b.test", NULL },
		{ DNSBL_SENDER_DOMAIN, "Example.org", "example.org.bl.test" },
		{ DNSBL_SENDER_DOMAIN, "b\xc3\xbc" "cher.org", "xn--bcher-kva.org.bl.test" },
		{ DNSBL_SENDER_DOMAIN, "", NULL }, { DNSBL_SENDER_DOMAIN, "localhost", NULL },
		{ DNSBL_SENDER_DOMAIN, "[192.0.2.1]", NULL },
		{ DNSBL_SENDER_DOMAIN, LABEL60 "." LABEL60 "." LABEL60 "." LABEL60,
		    LABEL60 "." LABEL60 "." LABEL60 "." LABEL60 ".bl.test" },
		{ DNSBL_SENDER_DOMAIN, LABEL60 "." LABEL60 "." LABEL60 "." LABEL60 ".aaaa", NULL },
	};
	char name[DNS_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int rc = dnsbl_name("bl.test", rows[i].what, rows[i].subject, name);

		if ((rc == 0) != (rows[i].name != NULL))
			fail_msg("row %zu: %s: %d", i, rows[i].subject, rc);
		if (rc == 0)
			assert_string_equal(name, rows[i].name);
	}
}

static void
list_text(void **state)
{
	static const struct {
		const char	*rdata;
		size_t		 len;
		const char	*text;
	} rows[] = {
#define TXT(rdata, text)	{ rdata, sizeof(rdata) - 1, text }
		TXT("\5hello", "hello"),
		TXT("\6hello \5world", "hello world"),
		TXT("\0\5hello", "hello"),
		TXT("\4a\r\nb\3\xc3\xa4%", "a??b??%"),
		TXT("", ""),
		TXT("\0", ""),
		TXT("\5hel", "hel"),		/* cut */
		TXT("\377", ""),
		TXT("\3a\0b", "a?b"),
	};
	char text[DNSBL_TEXT_SIZE];
	uint8_t big[65535];
	struct dns_rr rr;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		rr = (struct dns_rr){ (const uint8_t *)rows[i].rdata, rows[i].len };
		dnsbl_read_text(&rr, text);
		assert_string_equal(text, rows[i].text);
	}
	/* 64 KB of it */
	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i < sizeof(big); i += 121)
		big[i] = 120;
	rr = (struct dns_rr){ big, sizeof(big) };
	dnsbl_read_text(&rr, text);
	assert_int_equal(strlen(text), DNSBL_TEXT_SIZE - 1);
	assert_int_equal(strspn(text, "x"), DNSBL_TEXT_SIZE - 1);
}

/* --- the check -------------------------------------------------------------------------- */

static const struct dns_server_row zone[] = {
	SERVE("1.2.0.192.bl.test", DNS_A, "\x7f\0\0\2"),
	SERVE("1.2.0.192.bl.test", DNS_TXT, "\x16" "see https://bl.test/?1"),
	SERVE("2.2.0.192.bl.test", DNS_A, "\x7f\0\0\4"),
	SERVE("2.2.0.192.bl.test", DNS_A, "\x7f\0\0\x0a"),
	SERVE("3.2.0.192.bl.test", DNS_A, "\x7f\0\0\6"),		/* as a mask: 2 and 4 */
	SERVE("9.2.0.192.white.test", DNS_A, "\x7f\0\0\1"),
	SERVE("9.2.0.192.bl.test", DNS_A, "\x7f\0\0\2"),
	SERVE("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.test", DNS_A, "\x7f\0\0\2"),
	SERVE("bad.example.org.names.test", DNS_A, "\x7f\0\0\2"),
	/* errors: 127.255.255.254, a domain that was sold, and both beside a listing */
	SERVE("*.192.error.test", DNS_A, "\x7f\xff\xff\xfe"),
	SERVE("*.192.sold.test", DNS_A, "\xcb\0\x71\7"),
	SERVE("*.192.both.test", DNS_A, "\x7f\0\0\2"),
	SERVE("*.192.both.test", DNS_A, "\x7f\xff\xff\xff"),
	SERVE("*.world.test", DNS_A, "\x7f\0\0\2"),
	{ "*.fail.test", 0, SERVE_FAIL, NULL, 0 },
	{ "*.dead.test", 0, SERVE_MUTE, NULL, 0 },
};

#define ROW(zone, what, codes, verdict)	\
	"INSERT INTO dnsbl (zone, what, codes, verdict) VALUES ('" zone "', '" what "', '" codes "', '" verdict "');"
#define SET(name, value)	"INSERT INTO setting (name, value) VALUES ('" name "', '" value "');"

/* Connection, first RCPT. */
static void
ask(struct dns_lab *d, const char *client, struct verdict *v)
{
	d->lab->view.client_addr = client;
	dns_lab_connect(d, &check_dnsbl);
	check_lab_ask(d->lab, &check_dnsbl, STAGE_RCPT, v);
}

static void
verdicts(void **state)
{
	static const struct {
		const char	*sql, *client, *name, *helo, *sender;
		enum verdict_action action;
		int		 code, score;
		const char	*text, *reason;
	} rows[] = {
		{ ROW("bl.test", "client", "", "reject"), "192.0.2.1", "", "", "", VERDICT_REJECT, 554, 0,
		    "Service unavailable; Client host [192.0.2.1] blocked using bl.test; see https://bl.test/?1",
		    "listed at bl.test (127.0.0.2)" },
		/* no words of its own */
		{ ROW("bl.test", "client", "", "reject"), "192.0.2.2", "", "", "", VERDICT_REJECT, 554, 0,
		    "Service unavailable; Client host [192.0.2.2] blocked using bl.test",
		    "listed at bl.test (127.0.0.4)" },
		{ ROW("bl.test", "client", "", "reject"), "192.0.2.77", "", "", "", VERDICT_PASS, 0, 0, "", "" },
		{ ROW("bl.test", "client", "", "reject"), "2001:db8::1", "", "", "", VERDICT_REJECT, 554, 0,
		    "Service unavailable; Client host [2001:db8::1] blocked using bl.test",
		    "listed at bl.test (127.0.0.2)" },
		{ ROW("bl.test", "client", "", "defer"), "192.0.2.1", "", "", "", VERDICT_DEFER, 450, 0,
		    "Service unavailable; Client host [192.0.2.1] blocked using bl.test",
		    "listed at bl.test (127.0.0.2)" },
		/* points add up; a list of the good takes them off */
		{ ROW("bl.test", "client", "", "3.5"), "192.0.2.1", "", "", "", VERDICT_PASS, 0, 350, "", "" },
		{ ROW("bl.test", "client", "", "3.5") ROW("white.test", "client", "", "-5"), "192.0.2.9", "", "", "",
		    VERDICT_PASS, 0, -150, "", "" },
		{ ROW("bl.test", "client", "", "3.5") ROW("names.test", "helo", "", "2"), "192.0.2.1", "",
		    "bad.example.org", "", VERDICT_PASS, 0, 550, "", "" },
		{ ROW("bl.test", "client", "", "3.5") ROW("names.test", "helo", "", "reject"), "192.0.2.1", "",
		    "bad.example.org", "", VERDICT_REJECT, 554, 350,
		    "Service unavailable; Helo command [bad.example.org] blocked using names.test",
		    "listed at names.test (127.0.0.2)" },
		/* codes: one of several answers, a range, a mask; rows of one zone */
		{ ROW("bl.test", "client", "127.0.0.2", "1") ROW("bl.test", "client", "127.0.0.8-127.0.0.11", "2"),
		    "192.0.2.2", "", "", "", VERDICT_PASS, 0, 200, "", "" },
		{ ROW("bl.test", "client", "127.0.0.4", "1") ROW("bl.test", "client", "127.0.0.8-127.0.0.11", "2"),
		    "192.0.2.2", "", "", "", VERDICT_PASS, 0, 300, "", "" },
		{ ROW("bl.test", "client", "127.0.0.0&4", "1") ROW("bl.test", "client", "127.0.0.0&2", "2")
		    ROW("bl.test", "client", "127.0.0.0&8", "4"), "192.0.2.3", "", "", "", VERDICT_PASS, 0, 300, "", "" },
		/* other subjects */
		{ ROW("names.test", "client_name", "", "reject"), "192.0.2.1", "bad.example.org", "", "",
		    VERDICT_REJECT, 554, 0,
		    "Service unavailable; Client host [bad.example.org] blocked using names.test",
		    "listed at names.test (127.0.0.2)" },
		{ ROW("names.test", "sender_domain", "", "reject"), "192.0.2.1", "", "", "x@Bad.example.org",
		    VERDICT_REJECT, 554, 0,
		    "Service unavailable; Sender address [x@Bad.example.org] blocked using names.test",
		    "listed at names.test (127.0.0.2)" },
		{ ROW("names.test", "client_name", "", "reject"), "192.0.2.1", "good.example.org",
		    "bad.example.org", "x@bad.example.org", VERDICT_PASS, 0, 0, "", "" },
		/* what is no listing */
		{ ROW("error.test", "client", "", "reject"), "192.0.2.1", "", "", "", VERDICT_PASS, 0, 0, "", "" },
		{ ROW("sold.test", "client", "", "reject"), "192.0.2.1", "", "", "", VERDICT_PASS, 0, 0, "", "" },
		{ ROW("both.test", "client", "", "reject"), "192.0.2.1", "", "", "", VERDICT_PASS, 0, 0, "", "" },
		/* it was given up, and lists everything: 127.0.0.1, and names in `invalid' */
		{ ROW("world.test", "client", "", "reject"), "192.0.2.1", "", "", "", VERDICT_PASS, 0, 0, "", "" },
		{ ROW("world.test", "helo", "", "reject"), "192.0.2.1", "", "a.example", "", VERDICT_PASS, 0, 0, "", "" },
		{ ROW("fail.test", "client", "", "reject"), "192.0.2.1", "", "", "", VERDICT_PASS, 0, 0, "", "" },
	};
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct dns_lab *d = dns_lab_new(rows[i].sql, zone, COUNT(zone));

		d->lab->view.client_name = rows[i].name;
		d->lab->view.helo = rows[i].helo;
		d->lab->view.sender = rows[i].sender;
		ask(d, rows[i].client, &v);
		if (v.action != rows[i].action || v.code != rows[i].code || v.score != rows[i].score ||
		    strcmp(v.text, rows[i].text) != 0)
			fail_msg("row %zu: %d %d %s, score %d", i, v.action, v.code, v.text, v.score);
		if (v.action != VERDICT_PASS) {
			assert_string_equal(v.reason, rows[i].reason);
			assert_string_equal(v.dsn + 1, ".7.1");
		}
		dns_lab_free(&d, &check_dnsbl);
	}
}

/* "Greylist instead", and rows that only tell. */
static void
cautious(void **state)
{
	struct dns_lab *d = dns_lab_new(ROW("bl.test", "client", "", "greylist")
	    "INSERT INTO dnsbl (zone, codes, verdict, mode) VALUES"
	    " ('bl.test', '127.0.0.2', 'reject', 'shadow'), ('bl.test', '127.0.0.4', 'reject', 'off')", zone,
	    COUNT(zone));
	struct verdict v = { .action = VERDICT_PASS };
	struct check_lab *l = d->lab;

	(void)state;
	l->view.client_addr = "192.0.2.1";
	dns_lab_connect(d, &check_dnsbl);
	/* Without the engine, which turns it into nothing when no greylist follows. */
	assert_int_equal(check_dnsbl.at_rcpt(&l->view, &v), 0);
	assert_int_equal(v.action, VERDICT_GREYLIST);
	assert_string_equal(v.reason, "listed at bl.test (127.0.0.2)");
	assert_string_equal(buf_str(&l->would),
	    "dnsbl bl.test client 127.0.0.2=listed at bl.test (127.0.0.2) ");
	dns_lab_free(&d, &check_dnsbl);
}

/* Once a connection for the client, once a message for HELO and sender, whatever the number of recipients. */
static void
asked_once(void **state)
{
	struct dns_lab *d = dns_lab_new(ROW("bl.test", "client", "", "1") ROW("bl.test", "client", "127.0.0.2", "1")
	    ROW("names.test", "helo", "", "1") ROW("names.test", "sender_domain", "", "1"), zone, COUNT(zone));
	struct check_lab *l = d->lab;
	struct verdict v;

	(void)state;
	l->view.helo = "helo.example.org";
	l->view.sender = "x@sender.example.org";
	ask(d, "192.0.2.1", &v);
	assert_int_equal(v.score, 200);
	for (int i = 0; i < 10; i++)
		check_lab_ask(l, &check_dnsbl, STAGE_RCPT, &v);
	assert_int_equal(dns_server_asked(d->server, "1.2.0.192.bl.test"), 1);
	assert_int_equal(dns_server_asked(d->server, "helo.example.org.names.test"), 1);
	assert_int_equal(dns_server_asked(d->server, "sender.example.org.names.test"), 1);
	check_lab_end_txn(l, &check_dnsbl);
	l->view.sender = "x@other.example.org";
	check_lab_ask(l, &check_dnsbl, STAGE_RCPT, &v);
	assert_int_equal(dns_server_asked(d->server, "1.2.0.192.bl.test"), 1);
	assert_int_equal(dns_server_asked(d->server, "other.example.org.names.test"), 1);
	/* A row that is new in the midst of a connection is asked from then on. */
	check_lab_sql(l, ROW("white.test", "client", "", "-3"));
	check_lab_ask(l, &check_dnsbl, STAGE_RCPT, &v);
	assert_int_equal(dns_server_asked(d->server, "1.2.0.192.white.test"), 1);
	dns_lab_free(&d, &check_dnsbl);
}

static void
not_asked(void **state)
{
	static const char *const addr[] = { "127.0.0.1", "10.0.0.1", "::1", "" };
	struct dns_lab *d = dns_lab_new(ROW("bl.test", "client", "", "reject"), zone, COUNT(zone));
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(addr); i++) {
		ask(d, addr[i], &v);
		assert_false(engine_is_hit(&v));
	}
	assert_int_equal(dns_server_asked(d->server, ""), 0);
	/* He has authenticated, which is known only after the lists were asked. */
	d->lab->view.client_addr = "192.0.2.1";
	dns_lab_connect(d, &check_dnsbl);
	d->lab->view.auth = "ann";
	check_lab_ask(d->lab, &check_dnsbl, STAGE_RCPT, &v);
	assert_false(engine_is_hit(&v));
	/* Without a service, and without a connection that was told of. */
	d->lab->view.auth = "";
	d->lab->host.service = NULL;
	ask(d, "192.0.2.1", &v);
	assert_false(engine_is_hit(&v));
	d->lab->host.service = d->service;
	check_lab_ask(d->lab, &check_dnsbl, STAGE_RCPT, &v);
	assert_int_equal(v.code, 554);
	dns_lab_free(&d, &check_dnsbl);
}

static void
errors_switch_off(void **state)
{
	struct dns_lab *d = dns_lab_new(ROW("error.test", "client", "", "reject")
	    ROW("bl.test", "client", "", "1"), zone, COUNT(zone));
	struct verdict v;

	(void)state;
	ask(d, "192.0.2.1", &v);
	assert_int_equal(v.score, 100);
	assert_true(dnsbl_is_off(service_dnsbl(d->service), "error.test"));
	assert_false(dnsbl_is_off(service_dnsbl(d->service), "bl.test"));
	ask(d, "192.0.2.2", &v);
	ask(d, "192.0.2.3", &v);
	assert_int_equal(dns_server_asked(d->server, ".0.192.error.test"), 1);
	/* Whether it lists everything was asked at first, and not again. */
	assert_int_equal(dns_server_asked(d->server, "1.0.0.127.bl.test"), 1);
	dns_lab_free(&d, &check_dnsbl);
}

/* Nobody answers: within the deadline, then not at all; and back again. */
static void
dead_and_back(void **state)
{
	static const struct dns_server_row mended[] = { SERVE("9.2.0.192.dead.test", DNS_A, "\x7f\0\0\2") };
	struct dns_lab *d = dns_lab_new(ROW("dead.test", "client", "", "reject") SET("dnsbl.wait", "1s")
	    SET("dnsbl.failures", "2") SET("dnsbl.pause", "1s"), zone, COUNT(zone));
	struct dnsbl *health = service_dnsbl(d->service);
	struct verdict v;
	int64_t begun, took;

	(void)state;
	for (int i = 1; i <= 2; i++) {
		begun = clock_mono_ms();
		assert_false(dnsbl_is_off(health, "dead.test"));
		ask(d, i == 1 ? "192.0.2.1" : "192.0.2.2", &v);
		assert_false(engine_is_hit(&v));
		took = clock_mono_ms() - begun;
		if (took < 900 || took > 2500)
			fail_msg("%lld ms", (long long)took);
		/* Not again for the next recipient. */
		begun = clock_mono_ms();
		check_lab_ask(d->lab, &check_dnsbl, STAGE_RCPT, &v);
		assert_true(clock_mono_ms() - begun < 500);
	}
	assert_true(dnsbl_is_off(health, "dead.test"));
	begun = clock_mono_ms();
	ask(d, "192.0.2.3", &v);
	assert_true(clock_mono_ms() - begun < 500);
	assert_int_equal(dns_server_asked(d->server, "3.2.0.192.dead.test"), 0);

	/* It is mended: the first client after the pause finds out. */
	dns_server_table(d->server, mended, COUNT(mended));
	for (int i = 0; i < 2000 && dnsbl_is_off(health, "dead.test"); i++) {
		ask(d, "192.0.2.9", &v);
		(void)usleep(10000);
	}
	assert_false(dnsbl_is_off(health, "dead.test"));
	assert_int_equal(v.code, 554);
	dns_lab_free(&d, &check_dnsbl);
}

/* A client who leaves before RCPT says nothing about the zone; and his probe is another's turn. */
static void
gone_early(void **state)
{
	static const struct dnsbl_limits limits = { 1, 1000 };
	struct dns_lab *d = dns_lab_new(ROW("dead.test", "client", "", "reject") SET("dnsbl.wait", "1s")
	    SET("dnsbl.failures", "1") SET("dnsbl.pause", "1s"), zone, COUNT(zone));
	struct dnsbl *health = service_dnsbl(d->service);
	struct verdict v;

	(void)state;
	d->lab->view.client_addr = "192.0.2.1";
	for (int i = 0; i < 5; i++) {
		dns_lab_connect(d, &check_dnsbl);
		check_lab_end_conn(d->lab, &check_dnsbl);
	}
	assert_false(dnsbl_is_off(health, "dead.test"));
	ask(d, "192.0.2.1", &v);
	assert_true(dnsbl_is_off(health, "dead.test"));
	(void)usleep(1100000);
	d->lab->view.client_addr = "192.0.2.2";
	dns_lab_connect(d, &check_dnsbl);
	assert_int_equal(dnsbl_take(health, "dead.test", clock_mono_ms()), DNSBL_NO);
	check_lab_end_conn(d->lab, &check_dnsbl);
	assert_int_equal(dnsbl_take(health, "dead.test", clock_mono_ms()), DNSBL_PROBE);
	dnsbl_give(health, "dead.test", DNSBL_PROBE, DNSBL_NOTHING, "", &limits, clock_mono_ms());
	/* A probe in vain counts, though its client leaves as well. */
	ask(d, "192.0.2.3", &v);
	check_lab_end_conn(d->lab, &check_dnsbl);
	assert_int_equal(dnsbl_take(health, "dead.test", clock_mono_ms()), DNSBL_NO);
	dns_lab_free(&d, &check_dnsbl);
}

/* A list that is given up stays off as long as it lists everything, and comes back when it does no more. */
static void
lists_everything(void **state)
{
	static const struct dns_server_row mended[] = { SERVE("9.2.0.192.world.test", DNS_A, "\x7f\0\0\2") };
	struct dns_lab *d = dns_lab_new(ROW("world.test", "client", "", "reject") SET("dnsbl.pause", "1s"), zone,
	    COUNT(zone));
	struct dnsbl *health = service_dnsbl(d->service);
	struct verdict v;
	int64_t until = clock_mono_ms() + 2500;

	(void)state;
	while (clock_mono_ms() < until) {
		ask(d, "192.0.2.1", &v);
		assert_false(engine_is_hit(&v));
		assert_true(dnsbl_is_off(health, "world.test"));
		(void)usleep(20000);
	}
	assert_true(dns_server_asked(d->server, "1.0.0.127.world.test") >= 2);	/* probed */
	dns_server_table(d->server, mended, COUNT(mended));
	for (int i = 0; i < 500 && dnsbl_is_off(health, "world.test"); i++) {
		ask(d, "192.0.2.9", &v);
		(void)usleep(10000);
	}
	assert_int_equal(v.code, 554);
	dns_lab_free(&d, &check_dnsbl);
}

/* `explain' asks like a client, but no zone goes off by it, or comes back. */
static void
dry(void **state)
{
	struct dns_lab *d = dns_lab_new(ROW("error.test", "client", "", "reject")
	    ROW("bl.test", "client", "", "reject") SET("dnsbl.pause", "1s"), zone, COUNT(zone));
	struct dnsbl *health = service_dnsbl(d->service);
	struct verdict v;

	(void)state;
	d->lab->view.dry = true;
	ask(d, "192.0.2.1", &v);
	assert_int_equal(v.code, 554);
	assert_false(dnsbl_is_off(health, "error.test"));
	d->lab->view.dry = false;
	ask(d, "192.0.2.1", &v);
	assert_true(dnsbl_is_off(health, "error.test"));
	(void)usleep(1100000);
	d->lab->view.dry = true;
	ask(d, "192.0.2.2", &v);
	assert_int_equal(dns_server_asked(d->server, "2.2.0.192.error.test"), 0);
	assert_int_equal(dnsbl_take(health, "error.test", clock_mono_ms()), DNSBL_PROBE);
	dns_lab_free(&d, &check_dnsbl);
}

/* --- many at once --------------------------------------------------------------------------- */

struct client {
	struct dnsbl	*dnsbl;
	unsigned	 i;
	int64_t		 took;
	size_t		 listed;
};

static void *
one_client(void *arg)
{
	static const struct dnsbl_limits limits = { 5, 60000 };
	struct client *c = arg;
	struct dnsbl_asked *a = dnsbl_asked_new(c->dnsbl, &limits, false);
	int64_t begun = clock_mono_ms();
	const uint32_t *addr;
	char client[32];

	(void)snprintf(client, sizeof(client), "203.0.113.%u", c->i);
	dnsbl_ask(a, "dead.test", DNSBL_CLIENT, client, 1000);
	dnsbl_ask(a, "all.test", DNSBL_CLIENT, client, 1000);
	dnsbl_collect(a);
	c->listed = dnsbl_answers(a, "all.test", DNSBL_CLIENT, &addr);
	c->took = clock_mono_ms() - begun;
	dnsbl_asked_free(&a);
	return NULL;
}

static void
crowd(void **state)
{
	static const struct dns_server_row rows[] = {
		{ "*.dead.test", 0, SERVE_MUTE, NULL, 0 },
		SERVE("*.203.all.test", DNS_A, "\x7f\0\0\2"),
	};
	struct dns_server *server = dns_server_start();
	struct client client[100];
	pthread_t thread[COUNT(client)];
	char *why = NULL;
	struct dns *dns = dns_new_for_lists(dns_server_address(server), &why);
	struct dnsbl *dnsbl = dnsbl_new(dns);

	(void)state;
	dns_server_table(server, rows, COUNT(rows));
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < COUNT(client); i++) {
			client[i] = (struct client){ .dnsbl = dnsbl, .i = i };
			assert_int_equal(pthread_create(&thread[i], NULL, one_client, &client[i]), 0);
		}
		for (unsigned i = 0; i < COUNT(client); i++) {
			assert_int_equal(pthread_join(thread[i], NULL), 0);
			assert_int_equal(client[i].listed, 1);
			if (client[i].took > (round == 0 ? 3000 : 900))
				fail_msg("round %d: %lld ms", round, (long long)client[i].took);
		}
		assert_true(dnsbl_is_off(dnsbl, "dead.test"));
		assert_false(dnsbl_is_off(dnsbl, "all.test"));
	}
	dnsbl_free(&dnsbl);
	dns_free(&dns);
	dns_server_stop(&server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(health),
		cmocka_unit_test(pauses),
		cmocka_unit_test(names),
		cmocka_unit_test(list_text),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(cautious),
		cmocka_unit_test(asked_once),
		cmocka_unit_test(not_asked),
		cmocka_unit_test(errors_switch_off),
		cmocka_unit_test(dead_and_back),
		cmocka_unit_test(gone_early),
		cmocka_unit_test(lists_everything),
		cmocka_unit_test(dry),
		cmocka_unit_test(crowd),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	log_open("t_dnsbl", LOG_TO_STDERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
