/*
 * t_check_limits.c -- the rate limits as a client meets them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "milter/check_limits.h"
#include "milter/checks.h"
#include "test/unit/check_lab.h"
#include "test/unit/service_lab.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define LIMIT(what, per, rate, action) "INSERT INTO limits (what, per, rate, action) VALUES ('" what "', '" per \
	"', '" rate "', '" action "');"

static struct check_lab *l;

/* No rows but these. */
static void
begin(const char *sql)
{
	const struct rulesdb *db;

	l = check_lab_new("DELETE FROM limits");
	db = l->db;
	l->host.service = service_lab(db->dir, l->rules);
	check_lab_sql(l, sql);
}

static void
end(void)
{
	check_lab_end_conn(l, &check_limits);
	service_free(&l->host.service);
	check_lab_free(&l, &check_limits);
}

static struct verdict last;

static int
rcpt(const char *address)
{
	l->view.rcpt = address;
	check_lab_ask(l, &check_limits, STAGE_RCPT, &last);
	return last.code;
}

static void
connect_(void)
{
	check_lab_end_conn(l, &check_limits);
	l->host.policy = ruleset_policy(l->set, "");
	l->view.conn = &l->slot.conn;
	l->view.txn = &l->slot.txn;
	check_limits.at_connect(&l->view);
}

static void
unknown(const char *address)
{
	char rule[CHECK_RULE_SIZE];

	l->view.rcpt = address;
	l->host.policy = ruleset_policy(l->set, address);
	(void)check_limits_signal(&l->view, LIMIT_UNKNOWN, rule);
}

/* A message for these two was found to be spam. True: the client is locked out. */
static bool
spam(void)
{
	static const char *const to[] = { "joe@example.test", "ann@example.test" };
	char rule[CHECK_RULE_SIZE];
	bool locked;

	l->view.rcpt = "";
	l->view.rcpts = to;
	l->view.nrcpts = COUNT(to);
	l->host.policy = ruleset_policy(l->set, to[0]);
	locked = check_limits_signal(&l->view, LIMIT_SPAM, rule);
	l->view.nrcpts = 0;
	return locked;
}

/* --- each kind ------------------------------------------------------------------ */

static void
test_connections(void **state)
{
	(void)state;
	begin(LIMIT("connections", "client", "3/1h", "defer"));
	for (int i = 0; i < 3; i++) {
		connect_();
		assert_int_equal(rcpt("joe@example.test"), 0);
	}
	connect_();
	assert_int_equal(rcpt("joe@example.test"), 421);
	assert_string_equal(last.dsn, "4.7.0");
	assert_string_equal(last.text, "Error: too many connections from 192.0.2.1");
	assert_string_equal(last.rule, "limits connections client");
	assert_true(last.final);
	assert_int_equal(rcpt("bob@example.test"), 421);	/* as long as it stays */
	l->view.client_addr = "192.0.2.2";
	connect_();
	assert_int_equal(rcpt("joe@example.test"), 0);
	/* This host's own mail is not limited. */
	l->view.client_addr = "";
	for (int i = 0; i < 5; i++) {
		connect_();
		assert_int_equal(rcpt("joe@example.test"), 0);
	}
	end();
}

static void
test_network(void **state)
{
	(void)state;
	begin(LIMIT("connections", "network", "2/1h", "reject"));
	connect_();
	l->view.client_addr = "192.0.2.77";
	connect_();
	l->view.client_addr = "192.0.2.78";
	connect_();
	assert_int_equal(rcpt("joe@example.test"), 550);
	l->view.client_addr = "192.0.3.1";
	connect_();
	assert_int_equal(rcpt("joe@example.test"), 0);
	end();
}

/* A message counts once, however many recipients it has; one that was refused does not. */
static void
test_messages(void **state)
{
	(void)state;
	begin(LIMIT("messages", "client", "2/1h", "defer"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rcpt("joe@example.test"), 0);
		assert_int_equal(rcpt("bob@example.test"), 0);
		check_lab_end_txn(l, &check_limits);
	}
	assert_int_equal(rcpt("joe@example.test"), 450);
	assert_string_equal(last.text, "Error: too much mail from 192.0.2.1");
	assert_string_equal(last.dsn, "4.7.1");
	assert_int_equal(rcpt("bob@example.test"), 450);
	end();
}

static void
test_recipients(void **state)
{
	(void)state;
	begin(LIMIT("recipients", "client", "3/1h", "reject"));
	for (int i = 0; i < 3; i++)
		assert_int_equal(rcpt("joe@example.test"), 0);
	assert_int_equal(rcpt("joe@example.test"), 550);
	assert_string_equal(last.dsn, "5.7.1");
	assert_string_equal(last.text, "Error: too many recipients from 192.0.2.1");
	end();
}

static void
test_bytes(void **state)
{
	(void)state;
	begin(LIMIT("bytes", "client", "1M/1h", "defer"));
	l->view.bytes = 600000;
	check_lab_ask(l, &check_limits, STAGE_EOM, &last);
	assert_int_equal(last.action, VERDICT_PASS);
	check_lab_ask(l, &check_limits, STAGE_EOM, &last);
	assert_int_equal(last.code, 452);
	assert_string_equal(last.dsn, "4.7.0");
	l->view.bytes = 400000;
	check_lab_ask(l, &check_limits, STAGE_EOM, &last);
	assert_int_equal(last.action, VERDICT_PASS);
	assert_int_equal(rcpt("joe@example.test"), 0);
	end();
}

static void
test_cap(void **state)
{
	static const char *const accepted[101] = { "a@example.test" };

	(void)state;
	begin("");
	l->view.rcpts = accepted;
	l->view.nrcpts = 99;
	assert_int_equal(rcpt("joe@example.test"), 0);
	l->view.nrcpts = 100;
	assert_int_equal(rcpt("joe@example.test"), 452);
	assert_string_equal(last.dsn, "4.5.3");
	check_lab_sql(l, "INSERT INTO setting (name, value) VALUES ('limits.recipients', '0')");
	assert_int_equal(rcpt("joe@example.test"), 0);
	end();
}

/* --- per what ------------------------------------------------------------------------ */

static void
test_per(void **state)
{
	static const struct {
		const char	*per;
		const char	*same[4], *other[4];	/* sender, recipient, HELO, client */
	} table[] = {
		{ "client", { "x@a.test", "x@example.test", "h2", "192.0.2.1" }, { NULL, NULL, NULL, "192.0.2.2" } },
		{ "network", { "x@a.test", NULL, NULL, "192.0.2.9" }, { NULL, NULL, NULL, "192.0.9.1" } },
		{ "sender", { "ANN@example.org", "x@example.test", "h2", "198.51.100.1" },
		  { "bob@example.org", NULL, NULL, NULL } },
		{ "sender_domain", { "bob@Example.org", "x@example.test", NULL, NULL },
		  { "ann@other.org", NULL, NULL, NULL } },
		{ "recipient", { "x@a.test", "JOE@example.test", NULL, NULL }, { NULL, "x@example.test", NULL, NULL } },
		{ "recipient_domain", { "x@a.test", "x@EXAMPLE.test", NULL, NULL },
		  { NULL, "joe@other.test", NULL, NULL } },
		{ "helo", { "x@a.test", "x@example.test", "Client.example.org", "198.51.100.1" },
		  { NULL, NULL, "h2", NULL } },
		{ "all", { "x@a.test", "x@other.test", "h2", "198.51.100.1" }, { NULL, NULL, NULL, NULL } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *sql = xasprintf("INSERT INTO limits (what, per, rate) VALUES ('recipients', '%s', '1/1h')",
		    table[i].per);

		for (int round = 0; round < 2; round++) {
			const char *const *v = round == 0 ? table[i].same : table[i].other;
			int code;

			if (round == 1 && v[0] == NULL && v[1] == NULL && v[2] == NULL && v[3] == NULL)
				continue;
			begin(sql);
			assert_int_equal(rcpt("joe@example.test"), 0);
			check_lab_end_txn(l, &check_limits);
			l->view.sender = v[0] != NULL ? v[0] : l->view.sender;
			l->view.helo = v[2] != NULL ? v[2] : l->view.helo;
			l->view.client_addr = v[3] != NULL ? v[3] : l->view.client_addr;
			code = rcpt(v[1] != NULL ? v[1] : "joe@example.test");
			if (code != (round == 0 ? 450 : 0))
				fail_msg("per %s, %s: %d", table[i].per, round == 0 ? "the same" : "another", code);
			end();
		}
		free(sql);
	}
}

static void
test_messages_per_recipient(void **state)
{
	const char *const accepted[] = { "joe@example.test", NULL };

	(void)state;
	begin(LIMIT("messages", "recipient", "1/1h", "defer") LIMIT("messages", "recipient_domain", "2/1h", "defer"));
	assert_int_equal(rcpt("joe@example.test"), 0);
	l->view.rcpts = accepted;
	l->view.nrcpts = 1;
	assert_int_equal(rcpt("bob@example.test"), 0);	/* the same message for the domain */
	check_lab_end_txn(l, &check_limits);
	l->view.nrcpts = 0;
	assert_int_equal(rcpt("joe@example.test"), 450);
	assert_string_equal(last.rule, "limits messages recipient");
	assert_int_equal(rcpt("ann@example.test"), 0);
	check_lab_end_txn(l, &check_limits);
	assert_int_equal(rcpt("eve@example.test"), 450);
	assert_string_equal(last.rule, "limits messages recipient_domain");
	end();
}

/* An alias is no way round. */
static void
test_alias(void **state)
{
	(void)state;
	begin("INSERT INTO alias_domain (name, domain) VALUES ('alias.test', 'example.test');"
	    LIMIT("recipients", "recipient", "1/1h", "defer") LIMIT("recipients", "recipient_domain", "2/1h", "defer"));
	assert_int_equal(rcpt("joe@example.test"), 0);
	assert_int_equal(rcpt("joe@alias.test"), 450);
	assert_string_equal(last.rule, "limits recipients recipient");
	assert_int_equal(rcpt("bob@Alias.test"), 0);
	assert_int_equal(rcpt("eve@alias.test"), 450);
	assert_string_equal(last.rule, "limits recipients recipient_domain");
	end();
}

/* The most special match counts alone. */
static void
test_most_special(void **state)
{
	(void)state;
	begin("INSERT INTO limits (what, per, match, rate) VALUES ('recipients', 'client', '', '1/1h'),"
	    " ('recipients', 'client', '192.0.2.0/24', '2/1h'), ('recipients', 'client', '192.0.2.9', 'none')");
	assert_int_equal(rcpt("joe@example.test"), 0);
	assert_int_equal(rcpt("joe@example.test"), 0);
	assert_int_equal(rcpt("joe@example.test"), 450);
	assert_string_equal(last.rule, "limits recipients client 192.0.2.0/24");
	l->view.client_addr = "198.51.100.1";
	assert_int_equal(rcpt("joe@example.test"), 0);
	assert_int_equal(rcpt("joe@example.test"), 450);
	assert_string_equal(last.rule, "limits recipients client");
	l->view.client_addr = "192.0.2.9";
	for (int i = 0; i < 20; i++)
		assert_int_equal(rcpt("joe@example.test"), 0);
	end();
}

/* --- attacks ----------------------------------------------------------------------------- */

static void
test_lockout(void **state)
{
	(void)state;
	begin("INSERT INTO limits (what, per, rate, burst, action) VALUES"
	    " ('unknown', 'client', '5/1h', '5', 'lockout')");
	for (int i = 0; i < 5; i++) {
		unknown("nobody@example.test");
		assert_int_equal(rcpt("joe@example.test"), 0);
	}
	unknown("nobody@example.test");
	assert_int_equal(rcpt("joe@example.test"), 450);
	assert_string_equal(last.dsn, "4.7.0");
	assert_string_equal(last.rule, "limits lockout");
	assert_true(last.final);
	assert_non_null(strstr(last.text, "Error: too many errors from 192.0.2.1, try again in 3"));
	l->view.client_addr = "192.0.2.2";
	assert_int_equal(rcpt("joe@example.test"), 0);
	end();
}

static void
test_lockout_network(void **state)
{
	(void)state;
	begin(LIMIT("unknown", "network", "1/1h", "lockout"));
	unknown("a@example.test");
	l->view.client_addr = "192.0.2.2";
	unknown("b@example.test");
	l->view.client_addr = "192.0.2.3";
	assert_int_equal(rcpt("joe@example.test"), 450);
	l->view.client_addr = "192.0.3.3";
	assert_int_equal(rcpt("joe@example.test"), 0);
	end();
}

/* Another action than lockout applies to what follows. */
static void
test_unknown_defer(void **state)
{
	(void)state;
	begin(LIMIT("unknown", "sender", "2/1h", "reject"));
	assert_int_equal(rcpt("joe@example.test"), 0);
	unknown("a@example.test");
	assert_int_equal(rcpt("joe@example.test"), 0);
	unknown("b@example.test");
	assert_int_equal(rcpt("joe@example.test"), 550);
	assert_string_equal(last.text, "Error: too many unknown recipients from 192.0.2.1");
	l->view.sender = "other@example.org";
	assert_int_equal(rcpt("joe@example.test"), 0);
	end();
}

/* Once for the message, or once for each recipient where they are counted. */
static void
test_spam(void **state)
{
	(void)state;
	begin(LIMIT("spam", "client", "2/1h", "lockout") LIMIT("spam", "recipient", "3/1h", "defer"));
	assert_false(spam());
	unknown("a@example.test");
	unknown("b@example.test");
	assert_int_equal(rcpt("joe@example.test"), 0);
	assert_false(spam());
	assert_int_equal(rcpt("joe@example.test"), 0);
	assert_true(spam());
	assert_int_equal(rcpt("eve@example.test"), 450);
	assert_string_equal(last.rule, "limits lockout");
	l->view.client_addr = "192.0.2.2";
	assert_int_equal(rcpt("eve@example.test"), 0);
	assert_int_equal(rcpt("ann@example.test"), 450);
	assert_string_equal(last.text, "Error: too much spam from 192.0.2.2");
	end();
}

/* Too many messages may lock out, too. */
static void
test_lockout_by_rate(void **state)
{
	(void)state;
	begin(LIMIT("messages", "client", "1/1h", "lockout"));
	assert_int_equal(rcpt("joe@example.test"), 0);
	check_lab_end_txn(l, &check_limits);
	assert_int_equal(rcpt("joe@example.test"), 450);
	check_lab_sql(l, "UPDATE limits SET rate = 'none'");
	assert_int_equal(rcpt("joe@example.test"), 450);
	assert_string_equal(last.rule, "limits lockout");
	end();
}

/* --- late answers ---------------------------------------------------------------------------- */

static void
test_delay(void **state)
{
	struct service_lab_count n;
	int64_t begun;

	(void)state;
	begin(LIMIT("recipients", "client", "1/1h", "delay")
	    "INSERT INTO setting (name, value) VALUES ('limits.tarpit', '1s')");
	assert_int_equal(rcpt("joe@example.test"), 0);
	begun = clock_mono_ms();
	assert_int_equal(rcpt("joe@example.test"), 0);
	assert_in_range(clock_mono_ms() - begun, 990, 30000);
	n = service_lab_count(l->host.service, "limits recipients client");
	assert_true(n.seen == 2 && n.hit == 1 && n.would == 0);

	/* Not when too many sleep: then it is put off. */
	check_lab_sql(l, "INSERT INTO setting (name, value) VALUES ('limits.tarpit_at_once', '0')");
	begun = clock_mono_ms();
	assert_int_equal(rcpt("joe@example.test"), 450);
	assert_string_equal(last.rule, "limits recipients client");

	/* Never when it is only asked, or only watched. */
	check_lab_sql(l, "DELETE FROM setting WHERE name = 'limits.tarpit_at_once';"
	    "UPDATE setting SET value = '8s' WHERE name = 'limits.tarpit'");
	l->view.dry = true;
	assert_int_equal(rcpt("joe@example.test"), 0);
	l->view.dry = false;
	l->host.mode = MODE_SHADOW;
	assert_int_equal(rcpt("joe@example.test"), 0);
	assert_string_equal(buf_str(&l->would), "limits recipients client=too many recipients, a delay ");
	assert_in_range(clock_mono_ms() - begun, 0, 7000);
	end();
}

/* --- shadows, and who only asks ------------------------------------------------------------------- */

static void
test_shadow_row(void **state)
{
	struct service_lab_count n;

	(void)state;
	begin("INSERT INTO limits (what, per, match, rate, mode) VALUES"
	    " ('recipients', 'client', '', '4/1h', 'enforce'),"
	    " ('recipients', 'client', '192.0.2.0/24', '2/1h', 'shadow'),"
	    " ('unknown', 'client', '', '1/1h', 'shadow');"
	    "UPDATE limits SET action = 'lockout' WHERE what = 'unknown'");
	/* The more special row in shadow mode does not take the place of the one that it would hide. */
	for (int i = 0; i < 4; i++)
		assert_int_equal(rcpt("joe@example.test"), 0);
	assert_int_equal(rcpt("joe@example.test"), 450);
	assert_string_equal(last.rule, "limits recipients client");
	n = service_lab_count(l->host.service, "limits recipients client 192.0.2.0/24");
	assert_true(n.seen == 5 && n.hit == 0 && n.would == 3);
	assert_non_null(strstr(buf_str(&l->would), "limits recipients client 192.0.2.0/24=too many recipients "));
	/* An attack is told of, and nobody locked out. */
	l->view.client_addr = "198.51.100.1";
	for (int i = 0; i < 3; i++)
		unknown("nobody@example.test");
	assert_int_equal(rcpt("joe@example.test"), 0);
	n = service_lab_count(l->host.service, "limits unknown client");
	assert_true(n.seen == 3 && n.hit == 0 && n.would == 2);
	end();
}

static void
test_shadow_mode(void **state)
{
	struct service_lab_count n;

	(void)state;
	begin(LIMIT("recipients", "client", "1/1h", "lockout") LIMIT("unknown", "client", "1/1h", "lockout"));
	l->host.mode = MODE_SHADOW;
	for (int i = 0; i < 3; i++) {
		(void)rcpt("joe@example.test");
		unknown("nobody@example.test");
	}
	n = service_lab_count(l->host.service, "limits recipients client");
	assert_true(n.hit == 0 && n.would == 2);
	n = service_lab_count(l->host.service, "limits unknown client");
	assert_true(n.hit == 0 && n.would == 2);
	/* Nobody was locked out by what was only watched. */
	l->host.mode = MODE_ENFORCE;
	check_lab_sql(l, "DELETE FROM limits");
	assert_int_equal(rcpt("joe@example.test"), 0);
	end();
}

static void
test_dry(void **state)
{
	(void)state;
	begin(LIMIT("recipients", "client", "1/1h", "defer") LIMIT("unknown", "client", "1/1h", "lockout"));
	l->view.dry = true;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(rcpt("joe@example.test"), 0);
		unknown("nobody@example.test");
	}
	l->view.dry = false;
	assert_int_equal(rcpt("joe@example.test"), 0);
	assert_int_equal(rcpt("joe@example.test"), 450);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_per),
		cmocka_unit_test(test_messages_per_recipient),
		cmocka_unit_test(test_alias),
		cmocka_unit_test(test_most_special),
		cmocka_unit_test(test_lockout),
		cmocka_unit_test(test_lockout_network),
		cmocka_unit_test(test_unknown_defer),
		cmocka_unit_test(test_spam),
		cmocka_unit_test(test_lockout_by_rate),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_shadow_row),
		cmocka_unit_test(test_shadow_mode),
		cmocka_unit_test(test_dry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
