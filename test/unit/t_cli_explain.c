/*
 * t_cli_explain.c -- holdfast recipient explain: what it says of an address, and its exit status.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <jansson.h>
#include <string.h>
#include <sysexits.h>

#include "common/buf.h"
#include "test/unit/cli_run.h"
#include "test/unit/rulesdb.h"

#define DOMAIN	"INSERT INTO domain (name, primaries, recipients, catch_all, list_time, list_max_age) VALUES "

static const char rules[] =
    DOMAIN "('list.test', 'h', 'list', '', strftime('%s') - 3 * 86400, '30d'),"
    " ('stale.test', 'h', 'list', '', strftime('%s') - 31 * 86400, '30d'),"
    " ('ever.test', 'h', 'list', '', 1, ''), ('edited.test', 'h', 'list', '', 0, '30d'),"
    " ('new.test', 'h', 'list', '', 0, '30d'), ('all.test', 'h', 'list', '@', 1, ''),"
    " ('any.test', 'h', 'any', '', 0, ''), ('verify.test', 'h', 'verify', '', 0, ''),"
    " ('shadow.test', 'h', 'list', '', 1, '');"
    "INSERT INTO recipient SELECT name, 'bob' FROM domain WHERE name <> 'new.test' AND recipients = 'list';"
    "INSERT INTO alias_domain (name, domain) VALUES ('alias.test', 'list.test');"
    "INSERT INTO pattern (domain, pattern, answer) VALUES ('list.test', 'team-[a-z]+', 'accept'),"
    " ('list.test', 'no-?reply', 'reject');"
    "INSERT INTO setting (scope, name, value) VALUES ('shadow.test', 'recipient.mode', 'shadow'),"
    " ('x@shadow.test', 'recipient.mode', 'off');"
    "INSERT INTO mx_domain (name, serve) VALUES ('always.test', 'always'), ('never.test', 'never')";

static void
write_conf(const struct rulesdb *t, char conf[128])
{
	FILE *f;

	(void)snprintf(conf, 128, "%s/conf", t->dir);
	assert_non_null(f = fopen(conf, "w"));
	(void)fprintf(f, "hostname = mx.test\nrules_db = %s\n", t->path);
	(void)fchmod(fileno(f), 0644);
	assert_int_equal(fclose(f), 0);
}

static void
explain(struct cli_ran *r, const struct rulesdb *t, const char *address, bool json)
{
	const char *words[] = { "recipient", "explain", address, json ? "--json" : NULL, NULL };
	char conf[128];

	write_conf(t, conf);
	cli_run(r, conf, words);
}

#define REJECTED(address, why)	"<" address ">: Recipient address rejected: " why

static void
test_answers(void **state)
{
	static const struct {
		const char	*address;
		int		 status;
		const char	*how, *reply;	/* reply: NULL none */
		const char	*text;		/* some of what people read */
	} row[] = {
		{ "bob@list.test", EX_OK, "list", NULL, "because    the list has it\n"
		  "list       of 1, imported 3 d ago, believed for 30d\nanswer     accepted\n" },
		{ "Bob+news@LIST.test", EX_OK, "extension", NULL,
		  "address    Bob+news@LIST.test\ndomain     list.test\nbecause    the list has it"
		  " without its" },
		{ "bob@alias.test", EX_OK, "list", NULL,
		  "domain     list.test, of which alias.test is an alias\n" },
		{ "eve@alias.test", EX_DATAERR, "unknown", "550 5.1.1"
		  " " REJECTED("eve@alias.test", "User unknown"),
		  "because    the list does not have it\n" },
		{ "postmaster@list.test", EX_OK, "postmaster", NULL,
		  "because    postmaster always exists\n" },
		{ "eve@list.test", EX_DATAERR, "unknown", "550 5.1.1"
		  " " REJECTED("eve@list.test", "User unknown"),
		  "answer     550 5.1.1 <eve@list.test>: Recipient address rejected: User unknown\n" },
		{ "team-a@list.test", EX_OK, "pattern", NULL,
		  "because    a pattern decides: team-[a-z]+\n" },
		{ "noreply@list.test", EX_DATAERR, "pattern",
		  "550 5.1.1 " REJECTED("noreply@list.test", "User unknown"), "a pattern decides:"
		  " no-?reply\n" },
		{ "bob@stale.test", EX_OK, "list", NULL, "imported 31 d ago, believed for 30d\n" },
		{ "eve@stale.test", EX_TEMPFAIL, "stale",
		  "450 4.1.1 " REJECTED("eve@stale.test", "recipient list too old"), "too old to"
		  " be believed\n" },
		{ "eve@ever.test", EX_DATAERR, "unknown", "550 5.1.1"
		  " " REJECTED("eve@ever.test", "User unknown"),
		  " d ago\nanswer " },
		{ "eve@edited.test", EX_DATAERR, "unknown",
		  "550 5.1.1 " REJECTED("eve@edited.test", "User unknown"), "list       of 1,"
		  " never imported\n" },
		{ "eve@new.test", EX_TEMPFAIL, "no-list",
		  "450 4.1.1 " REJECTED("eve@new.test", "recipient list not available"),
		  "because    no list was imported yet\nanswer     450" },
		{ "eve@all.test", EX_OK, "catch-all", NULL, "accepts every local part\n" },
		{ "eve@any.test", EX_OK, "any", NULL, "not checked\nanswer     accepted\n" },
		{ "eve@verify.test", EX_OK, "unchecked", NULL, "accepted unchecked by this version\n" },
		{ "eve@shadow.test", EX_OK, "unknown", "550 5.1.1"
		  " " REJECTED("eve@shadow.test", "User unknown"),
		  "answer     accepted, since the check `recipient' is shadow; else it would be\n "
		  "          550 " },
		{ "x@shadow.test", EX_OK, "unknown", "550 5.1.1 " REJECTED("x@shadow.test", "User unknown"),
		  "the check `recipient' is off;" },
		{ "eve@foreign.test", EX_DATAERR, "foreign", NULL, "not served here; the MTA has"
		  " to refuse it\n"
		  "answer     the MTA's\n" },
		{ "eve@never.test", EX_DATAERR, "foreign", NULL, "not served here" },
		{ "eve@always.test", EX_OK, "always", NULL, "served whatever its MX says" },
		{ "a b@list.test", EX_DATAERR, "syntax", "501 5.1.3 Bad recipient address syntax",
		  "no address\n" },
		{ "bob", EX_DATAERR, "syntax", "501 5.1.3 Bad recipient address syntax",
		  "no address\n" },
		{ "b\033[2J@list.test", EX_DATAERR, "syntax", "501 5.1.3 Bad recipient address syntax",
		  "address    b\\x1b[2J@list.test\n" },
	};
	const struct rulesdb *t = *state;

	rulesdb_sql(t, rules);
	for (size_t i = 0; i < COUNT(row); i++) {
		struct cli_ran r;
		json_t *o;

		explain(&r, t, row[i].address, false);
		if (r.status != row[i].status)
			fail_msg("%s: status %d\n%s%s", row[i].address, r.status, buf_str(&r.out),
			    buf_str(&r.err));
		if (strstr(buf_str(&r.out), row[i].text) == NULL)
			fail_msg("%s: `%s' is not in\n%s", row[i].address, row[i].text, buf_str(&r.out));
		cli_ran_free(&r);

		explain(&r, t, row[i].address, true);
		assert_int_equal(r.status, row[i].status);
		o = json_loads(buf_str(&r.out), 0, NULL);
		assert_non_null(o);
		assert_string_equal(json_string_value(json_object_get(o, "address")), row[i].address);
		assert_string_equal(json_string_value(json_object_get(o, "how")), row[i].how);
		assert_string_equal(json_string_value(json_object_get(o, "answer")), row[i].status == EX_OK ?
		    "accepted" : row[i].status == EX_DATAERR ? "refused" : "deferred");
		if (row[i].reply == NULL)
			assert_null(json_object_get(o, "reply"));
		else
			assert_string_equal(json_string_value(json_object_get(o, "reply")), row[i].reply);
		json_decref(o);
		cli_ran_free(&r);
	}
}

static void
test_json(void **state)
{
	const struct rulesdb *t = *state;
	struct cli_ran r;

	rulesdb_sql(t, rules);
	rulesdb_sql(t, "UPDATE domain SET list_time = 12345, list_max_age = '' WHERE name = 'list.test'");
	explain(&r, t, "noreply@alias.test", true);
	assert_string_equal(buf_str(&r.out), "{\"address\":\"noreply@alias.test\",\"answer\":\"refused\","
	    "\"how\":\"pattern\",\"domain\":\"list.test\",\"alias\":true,\"listed\":1,\"list_time\":12345,"
	    "\"list_max_age\":0,\"mode\":\"enforce\",\"pattern\":\"no-?reply\",\"reply\":\"550 5.1.1"
	    " <noreply@alias.test>: Recipient address rejected: User unknown\"}\n");
	cli_ran_free(&r);
}

/* What holds for the whole system. */
static void
test_everywhere(void **state)
{
	const struct rulesdb *t = *state;
	struct cli_ran r;

	rulesdb_sql(t, rules);
	rulesdb_sql(t, "INSERT INTO setting (name, value) VALUES ('global.mode', 'shadow');"
	    "INSERT INTO mx_network (network) VALUES ('192.0.2.0/24')");
	explain(&r, t, "eve@list.test", false);
	assert_int_equal(r.status, EX_OK);
	assert_non_null(strstr(buf_str(&r.out), "accepted, since the check `recipient' is shadow;"));
	cli_ran_free(&r);
	explain(&r, t, "x@shadow.test", false);	/* the weaker of both */
	assert_non_null(strstr(buf_str(&r.out), "the check `recipient' is off;"));
	cli_ran_free(&r);
	explain(&r, t, "eve@foreign.test", false);
	assert_int_equal(r.status, EX_TEMPFAIL);
	assert_non_null(strstr(buf_str(&r.out), "answer     depends on its MX\n"));
	cli_ran_free(&r);
	explain(&r, t, "eve@never.test", false);
	assert_int_equal(r.status, EX_DATAERR);
	cli_ran_free(&r);

	rulesdb_sql(t, "UPDATE domain SET primaries = ':'");
	explain(&r, t, "eve@list.test", false);
	assert_int_equal(r.status, EX_CONFIG);
	assert_non_null(strstr(buf_str(&r.err), "primaries: `:'"));
	cli_ran_free(&r);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rulesdb_setup, rulesdb_teardown)
	const struct CMUnitTest tests[] = {
		T(test_answers), T(test_json), T(test_everywhere),
	};

	return cmocka_run_group_tests_name("cli_explain", tests, NULL, NULL);
}
