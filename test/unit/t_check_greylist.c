/*
 * t_check_greylist.c -- who is greylisted, and what he is told.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "milter/checks.h"
#include "milter/greylist.h"
#include "milter/memory.h"
#include "test/unit/check_lab.h"
#include "test/unit/service_lab.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static struct check_lab *l;

static int
setup(void **state)
{
	const struct rulesdb *db;

	(void)state;
	l = check_lab_new("INSERT INTO setting (name, value) VALUES ('greylist.mode', 'enforce'),"
	    " ('greylist.score', '0'), ('greylist.delay', '1s')");
	db = l->db;
	l->host.service = service_lab(db->dir, l->rules);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	check_lab_end_conn(l, &check_greylist);
	service_free(&l->host.service);
	check_lab_free(&l, &check_greylist);
	return 0;
}

static int
ask(void)
{
	struct verdict v;

	check_lab_ask(l, &check_greylist, STAGE_RCPT, &v);
	return v.code;
}

static size_t
triplets(void)
{
	return memory_count(greylist_triplets(service_greylist(l->host.service)));
}

static void
test_words(void **state)
{
	struct verdict v;

	(void)state;
	check_lab_ask(l, &check_greylist, STAGE_RCPT, &v);
	assert_int_equal(v.action, VERDICT_DEFER);
	assert_int_equal(v.code, 450);
	assert_string_equal(v.dsn, "4.7.1");
	assert_string_equal(v.text,
	    "<joe@example.test>: Recipient address rejected: Greylisted, try again in 1 seconds");
	assert_string_equal(v.reason, "greylisted, comes for the first time");
	check_lab_sql(l, "UPDATE setting SET value = '1h' WHERE name = 'greylist.delay'");
	check_lab_ask(l, &check_greylist, STAGE_RCPT, &v);
	assert_string_equal(v.reason, "greylisted, comes again too soon");
}

/* Who is concerned: asks once, and looks whether it was remembered. */
static void
test_concerns(void **state)
{
	static const struct {
		const char	*from;		/* greylist.score */
		int		 score;
		bool		 wanted;	/* by another check */
		const char	*addr, *auth;
		bool		 concerned;
	} table[] = {
		{ "0", 0, false, "192.0.2.1", "", true },
		{ "0", -500, false, "192.0.2.1", "", true },
		{ "3", 0, false, "192.0.2.1", "", false },
		{ "3", 299, false, "192.0.2.1", "", false },
		{ "3", 300, false, "192.0.2.1", "", true },
		{ "3", 0, true, "192.0.2.1", "", true },
		{ "0", 0, true, "", "", false },		/* this host's own mail */
		{ "0", 0, true, "192.0.2.1", "ann", false },
		{ "0", 0, false, "2001:db8::1", "", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *sql = xasprintf("UPDATE setting SET value = '%s' WHERE name = 'greylist.score'",
		    table[i].from);
		struct verdict v = { .action = VERDICT_PASS };

		check_lab_sql(l, sql);
		free(sql);
		l->view.sender = i % 2 == 0 ? "a@example.org" : "b@example.org";
		l->view.score = table[i].score;
		l->view.greylist = table[i].wanted;
		l->view.client_addr = table[i].addr;
		l->view.auth = table[i].auth;
		l->host.policy = ruleset_policy(l->set, "joe@example.test");
		/* Not by the engine, which knows no points of others here. */
		assert_int_equal(check_greylist.at_rcpt(&(struct check_view){ .client_addr = table[i].addr,
		    .auth = table[i].auth, .sender = l->view.sender, .rcpt = l->view.rcpt,
		    .score = table[i].score, .greylist = table[i].wanted, .dry = true, .host = &l->host,
		    .txn = &l->slot.txn, .conn = &l->slot.conn }, &v), 0);
		if ((v.action == VERDICT_DEFER) != table[i].concerned)
			fail_msg("row %zu", i);
	}
	assert_int_equal(triplets(), 0);	/* it was dry */
}

static void
wait_for(int64_t s)
{
	int64_t until = clock_wall_ms() + s * 1000;
	struct timespec ms = { .tv_nsec = 10000000 };

	while (clock_wall_ms() < until)
		(void)nanosleep(&ms, NULL);
}

static void
test_comes_again(void **state)
{
	(void)state;
	assert_int_equal(ask(), 450);
	l->view.client_addr = "192.0.2.200";		/* the same network */
	wait_for(2);
	assert_int_equal(ask(), 0);
	l->view.client_addr = "192.0.3.1";
	assert_int_equal(ask(), 450);
	l->view.client_addr = "2001:db8:0:1::1";
	assert_int_equal(ask(), 450);
	l->view.client_addr = "2001:db8:0:1:ffff::1";
	wait_for(2);
	assert_int_equal(ask(), 0);
	l->view.client_addr = "2001:db8:0:2::1";
	assert_int_equal(ask(), 450);
}

/* Passes of one message count once for its network, of two messages twice. */
static void
test_frees(void **state)
{
	(void)state;
	check_lab_sql(l, "INSERT INTO setting (name, value) VALUES ('greylist.passes', '2')");
	assert_int_equal(ask(), 450);
	l->view.rcpt = "bob@example.test";
	assert_int_equal(ask(), 450);
	check_lab_end_txn(l, &check_greylist);
	wait_for(2);
	assert_int_equal(ask(), 0);
	l->view.rcpt = "joe@example.test";
	assert_int_equal(ask(), 0);
	l->view.sender = "new@example.org";
	assert_int_equal(ask(), 450);
	l->view.sender = "ann@example.org";
	check_lab_end_txn(l, &check_greylist);
	assert_int_equal(ask(), 0);
	l->view.sender = "new@example.org";
	assert_int_equal(ask(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_concerns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_comes_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frees, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
