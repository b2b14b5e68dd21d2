/*
 * t_check_lists.c -- which rows of the lists count, and what they say.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/clock.h"
#include "milter/check_lists.h"
#include "milter/checks.h"
#include "test/unit/check_lab.h"
#include "test/unit/service_lab.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define LIST(action, field, value) \
	"INSERT INTO list (action, field, value) VALUES ('" action "', '" field "', '" value "');"
#define ALLOW(field, value, checks) \
	"INSERT INTO list (action, field, value, checks) VALUES ('allow', '" field "', '" value "', '" checks "');"
#define SCOPED(action, field, value, scope) \
	"INSERT INTO list (action, field, value, scope) VALUES ('" action "', '" field "', '" value "', '" scope "');"

#define GREYLIST	(1u << CHECK_GREYLIST)
#define SPF		(1u << CHECK_SPF)

/* --- by tables ------------------------------------------------------------------ */

struct case_ {
	const char	*sql;
	const char	*addr, *name, *helo, *sender, *rcpt;	/* NULL: as the lab has it */
	int		 code;					/* 0: pass */
	uint32_t	 skip;
	const char	*text;					/* NULL: any */
};

static void
set(const char **field, const char *value)
{
	if (value != NULL)
		*field = value;
}

static void
try(const struct case_ *row, size_t i)
{
	struct check_lab *l = check_lab_new("");
	struct verdict v;

	rulesdb_sql(l->db, "DELETE FROM list");
	check_lab_sql(l, row->sql);
	set(&l->view.client_addr, row->addr);
	set(&l->view.client_name, row->name);
	set(&l->view.helo, row->helo);
	set(&l->view.sender, row->sender);
	set(&l->view.rcpt, row->rcpt);
	check_lab_ask(l, &check_lists, STAGE_RCPT, &v);
	if (v.code != row->code)
		fail_msg("row %zu: %d %s", i, v.code, v.text);
	if (l->skip != row->skip)
		fail_msg("row %zu: skips %x", i, l->skip);
	if (row->text != NULL)
		assert_string_equal(v.text, row->text);
	if (row->code >= 500)
		assert_int_equal(v.action, VERDICT_REJECT);
	if (row->code >= 400)
		assert_memory_equal(v.dsn, row->code >= 500 ? "5.7.1" : "4.7.1", 6);
	/* What is skipped is found by those who ask for just that, too. */
	assert_int_equal(check_lists_skip(&l->view), row->skip);
	check_lab_free(&l, &check_lists);
}

static void
test_fields(void **state)
{
	static const struct case_ table[] = {
		{ .sql = "" },
		{ .sql = LIST("deny", "client", "192.0.2.1"), .code = 554,
		  .text = "<client.example.org[192.0.2.1]>: Client host rejected: Access denied" },
		{ .sql = LIST("deny", "client", "192.0.2.0/24"), .name = "", .code = 554,
		  .text = "<unknown[192.0.2.1]>: Client host rejected: Access denied" },
		{ .sql = LIST("deny", "client", "192.0.3.0/24") },
		{ .sql = LIST("deny", "client", "2001:db8::/32"), .addr = "2001:db8:1::2", .code = 554 },
		{ .sql = LIST("deny", "client", "2001:db8::/32"), .addr = "2001:db9:1::2" },
		{ .sql = LIST("deny", "client", "0.0.0.0/0"), .addr = "" },	/* local submission */
		{ .sql = LIST("defer", "client", "192.0.2.1"), .code = 450,
		  .text = "<client.example.org[192.0.2.1]>: Client host rejected: Try again later" },
		{ .sql = LIST("deny", "client_name", "client.example.org"), .code = 554,
		  .text = "<client.example.org[192.0.2.1]>: Client host rejected: Access denied" },
		{ .sql = LIST("deny", "client_name", ".example.org"), .code = 554 },
		{ .sql = LIST("deny", "client_name", ".example.org"), .name = "badexample.org" },
		{ .sql = LIST("deny", "client_name", ".example.org"), .name = "" },
		{ .sql = LIST("deny", "helo", "friend"), .helo = "Friend", .code = 554,
		  .text = "<Friend>: Helo command rejected: Access denied" },
		{ .sql = LIST("deny", "helo", ".example"), .helo = "a.b.example", .code = 554 },
		{ .sql = LIST("deny", "helo", "x"), .helo = "x\ny" },
		{ .sql = LIST("deny", "sender", "ann@example.org"), .sender = "Ann@Example.ORG", .code = 554,
		  .text = "<Ann@Example.ORG>: Sender address rejected: Access denied" },
		{ .sql = LIST("deny", "sender", "<>"), .sender = "", .code = 554,
		  .text = "<>: Sender address rejected: Access denied" },
		{ .sql = LIST("deny", "sender", "<>") },
		{ .sql = LIST("deny", "sender_domain", ".org"), .code = 554,
		  .text = "<ann@example.org>: Sender address rejected: Access denied" },
		{ .sql = LIST("deny", "sender_domain", "example.org"), .sender = "" },
		{ .sql = LIST("defer", "recipient", "joe@example.test"), .rcpt = "JOE@example.test", .code = 450,
		  .text = "<JOE@example.test>: Recipient address rejected: Try again later" },
		/* What a client says is not said to it as it came. */
		{ .sql = LIST("deny", "client", "192.0.2.1"), .name = "a\r\nb\x7f\xff", .code = 554,
		  .text = "<a??b??[192.0.2.1]>: Client host rejected: Access denied" },
		{ .sql = ALLOW("client", "192.0.2.0/24", "greylist"), .skip = GREYLIST },
		{ .sql = ALLOW("sender_domain", ".org", "spf greylist"), .skip = GREYLIST | SPF },
		{ .sql = ALLOW("recipient", "joe@example.test", "spf"), .skip = SPF },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		try(&table[i], i);
}

static void
test_precedence(void **state)
{
	static const struct case_ table[] = {
		/* The most special row of a field counts, whatever it says. */
		{ .sql = LIST("deny", "client", "192.0.2.0/24") ALLOW("client", "192.0.2.1", "greylist"),
		  .skip = GREYLIST },
		{ .sql = ALLOW("client", "192.0.2.0/24", "greylist") LIST("deny", "client", "192.0.2.1"),
		  .code = 554 },
		{ .sql = ALLOW("client", "192.0.2.0/24", "greylist") LIST("defer", "client", "192.0.2.0/25"),
		  .code = 450 },
		{ .sql = ALLOW("client", "192.0.2.0/24", "greylist") ALLOW("client", "192.0.2.1", "spf"),
		  .skip = SPF },
		{ .sql = LIST("deny", "sender_domain", ".org") ALLOW("sender_domain", "example.org", "spf"),
		  .skip = SPF },
		{ .sql = LIST("deny", "helo", ".org") LIST("defer", "helo", ".example.org"), .code = 450 },
		/* Among equals: deny, defer; and an exception is no pardon. */
		{ .sql = LIST("deny", "client", "192.0.2.1") LIST("defer", "client", "192.0.2.1"), .code = 554 },
		{ .sql = LIST("deny", "client", "192.0.2.1") ALLOW("client", "192.0.2.1", "spf"), .code = 554,
		  .skip = SPF },
		/* Nor is one of another field. */
		{ .sql = ALLOW("client", "192.0.2.1", "spf greylist") LIST("deny", "sender_domain", "example.org"),
		  .code = 554, .skip = SPF | GREYLIST },
		{ .sql = LIST("defer", "client", "192.0.2.1") LIST("deny", "sender", "ann@example.org"),
		  .code = 554 },
		{ .sql = ALLOW("client", "192.0.2.1", "spf") ALLOW("sender", "ann@example.org", "greylist"),
		  .skip = SPF | GREYLIST },
		/* Scopes: rows for others are not there; of those that hold the most special counts. */
		{ .sql = SCOPED("deny", "client", "192.0.2.1", "example.test"), .code = 554 },
		{ .sql = SCOPED("deny", "client", "192.0.2.1", "joe@example.test"), .code = 554 },
		{ .sql = SCOPED("deny", "client", "192.0.2.1", "joe@example.test"), .rcpt = "bob@example.test" },
		{ .sql = SCOPED("deny", "client", "192.0.2.1", "example.test")
		    SCOPED("defer", "client", "192.0.2.1", "joe@example.test"), .code = 450 },
		{ .sql = SCOPED("deny", "client", "192.0.2.1", "joe@example.test")
		    LIST("defer", "client", "192.0.2.1"), .code = 554 },
		{ .sql = SCOPED("deny", "client", "192.0.2.1", "joe@example.test")
		    LIST("defer", "client", "192.0.2.1"), .rcpt = "bob@example.test", .code = 450 },
		{ .sql = SCOPED("deny", "client", "192.0.2.1", "joe@example.test")
		    LIST("defer", "client", "192.0.2.0/24"), .rcpt = "bob@example.test", .code = 450 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		try(&table[i], i);
}

/* --- time -------------------------------------------------------------------------- */

static void
test_expiry(void **state)
{
	struct check_lab *l = check_lab_new("INSERT INTO list (action, field, value, expires) VALUES"
	    " ('deny', 'client', '192.0.2.1', date('now', '-2 days')),"
	    " ('defer', 'client', '192.0.2.0/24', date('now', '+2 days'))");
	struct verdict v;

	(void)state;
	/* It is over: the one that it hid counts. */
	check_lab_ask(l, &check_lists, STAGE_RCPT, &v);
	assert_int_equal(v.action, VERDICT_DEFER);
	check_lab_sql(l, "UPDATE list SET expires = date('now', '+1 day') WHERE action = 'deny'");
	check_lab_ask(l, &check_lists, STAGE_RCPT, &v);
	assert_int_equal(v.action, VERDICT_REJECT);
	check_lab_free(&l, &check_lists);
}

/* --- shadows and counters ------------------------------------------------------------ */

static void
test_shadow(void **state)
{
	struct check_lab *l = check_lab_new("INSERT INTO list (action, field, value, mode) VALUES"
	    " ('deny', 'client', '192.0.2.1', 'shadow');"
	    "INSERT INTO list (action, field, value, checks, mode) VALUES"
	    " ('allow', 'sender', 'ann@example.org', 'greylist', 'shadow');"
	    "INSERT INTO list (action, field, value, checks) VALUES"
	    " ('allow', 'client', '192.0.2.0/24', 'spf')");
	const struct rulesdb *db = l->db;
	struct service_lab_count n;
	struct verdict v;

	(void)state;
	l->host.service = service_lab(db->dir, l->rules);
	check_lab_ask(l, &check_lists, STAGE_RCPT, &v);
	assert_int_equal(v.action, VERDICT_PASS);
	assert_int_equal(l->skip, SPF);		/* the row that the shadow would hide counts */
	assert_string_equal(buf_str(&l->would), "list deny client 192.0.2.1=on a list ");
	n = service_lab_count(l->host.service, "list deny client 192.0.2.1");
	assert_true(n.seen == 1 && n.hit == 0 && n.would == 1);
	n = service_lab_count(l->host.service, "list allow sender ann@example.org");
	assert_true(n.seen == 1 && n.hit == 0 && n.would == 1);
	n = service_lab_count(l->host.service, "list allow client 192.0.2.0/24");
	assert_true(n.seen == 1 && n.hit == 1 && n.would == 0);

	/* The check itself in shadow mode: exceptions change nothing either, and hits are no hits. */
	check_lab_sql(l, "UPDATE list SET mode = 'enforce';"
	    "INSERT INTO setting (name, value) VALUES ('lists.mode', 'shadow')");
	l->skip = 0;
	l->host.mode = MODE_SHADOW;
	check_lab_ask(l, &check_lists, STAGE_RCPT, &v);
	assert_int_equal(v.action, VERDICT_REJECT);	/* what the engine then only tells */
	assert_int_equal(l->skip, 0);
	n = service_lab_count(l->host.service, "list deny client 192.0.2.1");
	assert_true(n.seen == 2 && n.hit == 0 && n.would == 2);

	/* Only asked: nothing is counted. */
	l->view.dry = true;
	check_lab_ask(l, &check_lists, STAGE_RCPT, &v);
	n = service_lab_count(l->host.service, "list deny client 192.0.2.1");
	assert_int_equal(n.seen, 2);
	service_free(&l->host.service);
	check_lab_free(&l, &check_lists);
}

static void
test_note(void **state)
{
	struct check_lab *l = check_lab_new("INSERT INTO list (action, field, value, note) VALUES"
	    " ('deny', 'client', '192.0.2.1', 'sends spam since March')");
	struct verdict v;

	(void)state;
	check_lab_ask(l, &check_lists, STAGE_RCPT, &v);
	assert_string_equal(v.reason, "sends spam since March");
	assert_string_equal(v.rule, "list deny client 192.0.2.1");
	check_lab_free(&l, &check_lists);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_shadow),
		cmocka_unit_test(test_note),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
