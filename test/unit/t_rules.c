/*
 * t_rules.c -- rulesets: reading, reloading, looking up. What is refused is in t_rules_refuse.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <sys/stat.h>

#include <malloc.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/rules.h"
#include "rulesdb.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ADD "INSERT INTO domain (name, primaries) VALUES "

static struct rules *
open_rules(const struct rulesdb *t)
{
	char *why = NULL;
	struct rules *r = rules_open(t->path, &why);

	if (r == NULL)
		fail_msg("%s", why);
	return r;
}

static void
test_empty(void **state)
{
	struct rules *r = open_rules(*state);
	struct ruleset *set = rules_current(r);
	const struct rules_settings *s = ruleset_settings(set);

	assert_int_equal(ruleset_ndomains(set), 0);
	assert_null(ruleset_domain(set, "example.test"));
	assert_int_equal(ruleset_recipient(set, "a@example.test", 1000, NULL, NULL), RULES_NOT_OURS);
	assert_int_equal(s->probe_interval, 2);
	assert_int_equal(s->probe_budget, 200);
	assert_int_equal(s->concurrency, 20);
	assert_int_equal(s->connection_messages, 200);
	assert_int_equal(s->connection_time, 300);
	assert_string_equal(rules_state(r), "ok");
	ruleset_unref(&set);
	rules_close(&r);
	rules_close(&r);	/* NULL is fine */
}

static void
test_domain(void **state)
{
	const struct rulesdb *t = *state;

	rulesdb_sql(t, "INSERT INTO schedule VALUES ('quick', '5s 10s*', 0, '2d', '4h', 'bounce');"
	    "INSERT INTO setting (name, value) VALUES ('global.probe_interval', '5s'),"
	    " ('global.concurrency', 7);"
	    "INSERT INTO domain (name, primaries, schedule, tls, size_limit, recipients) VALUES"
	    " ('b.test', 'MX.b.test:2525,[2001:DB8::1],192.0.2.1', 'quick', 'off', 1000, 'any');"
	    ADD "('a.test', 'mx.a.test'), ('c.test', 'MX.A.test:25')");

	struct rules *r = open_rules(t);
	struct ruleset *set = rules_current(r);
	const struct rules_domain *d = ruleset_domain(set, "B.Test");

	assert_int_equal(ruleset_ndomains(set), 3);
	assert_string_equal(ruleset_domain_at(set, 0)->name, "a.test");
	assert_non_null(d);
	assert_string_equal(d->name, "b.test");
	assert_int_equal(d->route.primary.n, 3);
	assert_string_equal(d->route.primary.v[1].host, "2001:DB8::1");
	assert_int_equal(d->route.primary.v[2].port, 25);
	assert_string_equal(d->destination,
	    "mx.b.test:2525,[2001:db8::1]:25,192.0.2.1:25;tls=off");
	assert_int_equal(d->route.tls, TLS_OFF);
	assert_int_equal(d->recipients, RECIPIENTS_ANY);
	assert_int_equal(d->size_limit, 1000);
	assert_string_equal(d->schedule_name, "quick");
	assert_int_equal(d->schedule->nsteps, 2);
	assert_int_equal(d->schedule->lifetime, 2 * 86400);
	assert_int_equal(d->schedule->jitter, 0);
	assert_string_equal(d->delimiter, "+");
	assert_int_equal(ruleset_settings(set)->probe_interval, 5);
	assert_int_equal(ruleset_settings(set)->concurrency, 7);
	/* the same route is the same destination, however it is written */
	assert_string_equal(ruleset_domain(set, "a.test")->destination, "mx.a.test:25");
	assert_string_equal(ruleset_domain(set, "c.test")->destination, "mx.a.test:25");
	assert_int_equal(ruleset_domain(set, "a.test")->schedule->nsteps, 5);
	ruleset_unref(&set);
	rules_close(&r);
}

/* What has no row of its own: the rule, and who may be asked about. */
static void
test_derived(void **state)
{
	static const unsigned char inner[] = { 192, 0, 2, 200 }, outer[] = { 192, 0, 3, 1 };
	const struct rulesdb *t = *state;
	struct rules *r = open_rules(t);
	struct ruleset *set = rules_current(r);
	const struct rules_domain *d = ruleset_derived_rule(set);
	char *why = NULL;

	assert_int_equal(ruleset_nmx_networks(set), 0);
	assert_int_equal(ruleset_derived(set, "a.test"), DERIVED_ASK);
	assert_false(ruleset_mx_network(set, AF_INET, inner));
	assert_string_equal(d->name, "");
	assert_string_equal(d->destination, "");
	assert_int_equal(d->route.kind, ROUTE_MX);
	assert_string_equal(d->route.mx, "");
	assert_int_equal(d->route.mx_port, 25);
	assert_int_equal(d->route.tls, TLS_MAY);
	assert_int_equal(d->route.client, CLIENT_XFORWARD);
	assert_int_equal(d->bounce, BOUNCE_SPF_PASS);
	assert_int_equal(d->recipients, RECIPIENTS_VERIFY);
	assert_ptr_equal(d->schedule, ruleset_schedule(set, "default"));
	ruleset_unref(&set);

	rulesdb_sql(t, "INSERT INTO mx_network VALUES ('192.0.2.0/24', 'a'), ('192.0.2.192/26', 'b');"
	    "INSERT INTO turn_network (network) VALUES ('192.0.3.1');"
	    "INSERT INTO mx_domain VALUES ('z.test', 'never', 'why'), ('a.test', 'always', '')");
	assert_int_equal(rules_poll(r, &why), 1);
	set = rules_current(r);
	assert_int_equal(ruleset_nmx_networks(set), 2);
	assert_true(ruleset_mx_network(set, AF_INET, inner));
	assert_false(ruleset_mx_network(set, AF_INET, outer));
	assert_true(ruleset_turn_network(set, AF_INET, outer));
	assert_int_equal(ruleset_derived(set, "A.Test"), DERIVED_ALWAYS);
	assert_int_equal(ruleset_derived(set, "z.test"), DERIVED_NEVER);
	assert_string_equal(ruleset_mx_domain_at(set, 1)->note, "why");
	/* it does not make the domain one of ours by itself */
	assert_null(ruleset_domain(set, "a.test"));
	ruleset_unref(&set);
	rules_close(&r);
}

/* Domains that differ in nothing that makes a route share the destination; others do not. */
static void
test_destinations(void **state)
{
	static const struct {
		const char	*name, *want;
	} row[] = {
		{ "a.test", "h:25+i:25" }, { "b.test", "h:25+i:25" }, { "c.test", "h:25+i:25" },
		{ "d.test", "h:25+i:25;tls=verify" }, { "e.test", "h:25+i:25;source=::1" },
		{ "f.test", "mx:f.test:25" }, { "g.test", "mx:f.test:25" }, { "i.test", "turn:i.test" },
		{ "j.test", "h:25+i:25;client=none" },
	};
	const struct rulesdb *t = *state;

	rulesdb_sql(t, "INSERT INTO domain (name, primaries, tls, source, client, concurrency,"
	    " delivery_id) VALUES"
	    " ('a.test', 'i+h', 'may', '', 'xforward', 0, 0),"
	    " ('b.test', 'H:25 + i', 'may', '', 'xforward', 0, 0),"
	    " ('c.test', 'i+h', 'may', '', 'xforward', 4, 1),"
	    " ('d.test', 'i+h', 'verify', '', 'xforward', 0, 0),"
	    " ('e.test', 'i+h', 'may', '::1', 'xforward', 0, 0),"
	    " ('f.test', 'mx', 'may', '', 'xforward', 0, 0),"
	    " ('g.test', 'mx:f.test', 'may', '', 'xforward', 0, 0),"
	    " ('i.test', 'turn', 'may', '', 'xforward', 0, 0),"
	    " ('j.test', 'i+h', 'may', '', 'none', 0, 0)");

	struct rules *r = open_rules(t);
	struct ruleset *set = rules_current(r);

	for (size_t i = 0; i < COUNT(row); i++)
		assert_string_equal(ruleset_domain(set, row[i].name)->destination, row[i].want);
	assert_int_equal(ruleset_domain(set, "c.test")->concurrency, 4);
	assert_true(ruleset_domain(set, "c.test")->delivery_id);
	assert_int_equal(ruleset_domain(set, "i.test")->route.kind, ROUTE_TURN);
	ruleset_unref(&set);
	rules_close(&r);
}

static void
test_lookups(void **state)
{
	static const struct {
		const char		*address;
		enum rules_answer	 want;
		const char		*how;
	} row[] = {
		{ "bob@list.test", RULES_KNOWN, "list" },
		{ "BOB@LIST.Test", RULES_KNOWN, "list" },
		{ "\"bob\"@list.test", RULES_KNOWN, "list" },
		{ "\"b\\ob\"@list.test", RULES_KNOWN, "list" },
		{ "hand.written@list.test", RULES_KNOWN, "list" },
		{ "o'brien@list.test", RULES_KNOWN, "list" },
		{ "bob+news@list.test", RULES_KNOWN, "extension" },
		{ "bob+a+b@list.test", RULES_KNOWN, "extension" },
		{ "bob+@list.test", RULES_KNOWN, "extension" },
		{ "plus+sign@list.test", RULES_KNOWN, "list" },
		{ "+bob@list.test", RULES_UNKNOWN, NULL },
		{ "bob-news@list.test", RULES_UNKNOWN, NULL },
		{ "bo@list.test", RULES_UNKNOWN, NULL },
		{ "bobb@list.test", RULES_UNKNOWN, NULL },
		{ "bob@sub.list.test", RULES_NOT_OURS, NULL },
		{ "bob@ist.test", RULES_NOT_OURS, NULL },
		{ "postmaster@list.test", RULES_KNOWN, "postmaster" },
		{ "PostMaster@list.test", RULES_KNOWN, "postmaster" },
		{ "postmaster+x@list.test", RULES_KNOWN, "extension" },
		{ "postmaster", RULES_NOT_OURS, NULL },
		{ "postmaster@other.test", RULES_NOT_OURS, NULL },
		{ "", RULES_NOT_OURS, NULL },
		{ "@", RULES_NOT_OURS, NULL },
		{ "\"a@list.test\"@other.test", RULES_NOT_OURS, NULL },
		{ "\"'); DROP TABLE domain;--\"@list.test", RULES_UNKNOWN, NULL },
		{ "0123456789012345678901234567890123456789012345678901234567890123456789@list.test",
		  RULES_UNKNOWN, NULL },
		/* never imported: not the same as empty */
		{ "bob@new.test", RULES_UNSURE, NULL },
		{ "postmaster@new.test", RULES_KNOWN, "postmaster" },
		{ "bob@emptied.test", RULES_UNKNOWN, NULL },
		{ "bob@any.test", RULES_KNOWN, "any" },
		{ "\"a@b\"@any.test", RULES_KNOWN, "any" },
		{ "bob@verify.test", RULES_KNOWN, "list" },
		{ "eve@verify.test", RULES_UNSURE, NULL },
		{ "Bob@exact.test", RULES_KNOWN, "list" },
		{ "bob@exact.test", RULES_UNKNOWN, NULL },
		{ "BOB@exact.test", RULES_UNKNOWN, NULL },
		{ "Bob@EXACT.test", RULES_KNOWN, "list" },
		{ "Bob+x@exact.test", RULES_UNKNOWN, NULL },
		{ "Bob-x@exact.test", RULES_KNOWN, "extension" },
		{ "Bob=x@exact.test", RULES_KNOWN, "extension" },
		{ "bob@all.test", RULES_KNOWN, "list" },
		{ "who@all.test", RULES_KNOWN, "catch-all" },
		{ "\"a@b\"@all.test", RULES_KNOWN, "catch-all" },
		{ "j\xc3\xbcrgen@list.test", RULES_KNOWN, "list" },
		{ "bob@b\xc3\xbc" "cher.test", RULES_KNOWN, "any" },
	};
	const struct rulesdb *t = *state;

	rulesdb_sql(t, "INSERT INTO domain (name, primaries, recipients, case_sensitive, delimiter,"
	    " catch_all, list_time) VALUES ('list.test', 'h', 'list', 0, '+', '', 1),"
	    "('new.test', 'h', 'list', 0, '+', '', 0), ('emptied.test', 'h', 'list', 0, '+', '', 1),"
	    "('any.test', 'h', 'any', 0, '+', '', 0), ('verify.test', 'h', 'verify', 0, '+', '', 0),"
	    "('exact.test', 'h', 'list', 1, '-=', '', 1), ('all.test', 'h', 'list', 0, '', '@', 0),"
	    "('b\xc3\xbc" "cher.test', 'h', 'any', 0, '+', '', 0);"
	    "INSERT INTO recipient VALUES ('list.test', 'bob'), ('list.test', 'Hand.Written'),"
	    "('list.test', 'hand.written'), ('list.test', 'plus+sign'), ('list.test', 'Zoe'),"
	    "('list.test', 'alice'), ('list.test', 'o''brien'), ('list.test', 'j\xc3\xbcrgen'),"
	    "('verify.test', 'bob'), ('exact.test', 'Bob'), ('all.test', 'bob')");

	struct rules *r = open_rules(t);
	struct ruleset *set = rules_current(r);

	assert_int_equal(ruleset_domain(set, "list.test")->nrecipients, 7);
	for (size_t i = 0; i < COUNT(row); i++) {
		const struct rules_domain *d;
		const char *how = "unset";
		enum rules_answer got = ruleset_recipient(set, row[i].address, 1000, &d, &how);

		if (got != row[i].want || (how == NULL) != (row[i].how == NULL) ||
		    (how != NULL && strcmp(how, row[i].how) != 0))
			fail_msg("%s: %d (%s), not %d (%s)", row[i].address, (int)got,
			    how != NULL ? how : "-", (int)row[i].want,
			    row[i].how != NULL ? row[i].how : "-");
		assert_int_equal(d == NULL, got == RULES_NOT_OURS);
	}
	ruleset_unref(&set);
	rules_close(&r);
}

static void
test_reload(void **state)
{
	const struct rulesdb *t = *state;
	struct rules *r = open_rules(t);
	struct ruleset *before = rules_current(r), *after;
	char *why = NULL;

	assert_int_equal(rules_poll(r, &why), 0);
	rulesdb_sql(t, ADD "('one.test', 'h')");
	assert_int_equal(rules_poll(r, &why), 1);
	assert_int_equal(rules_poll(r, &why), 0);
	after = rules_current(r);
	assert_non_null(ruleset_domain(after, "one.test"));
	/* who holds the old ones still reads the old ones */
	assert_null(ruleset_domain(before, "one.test"));
	ruleset_unref(&before);

	/* refused, then put right */
	rulesdb_sql(t, "UPDATE domain SET primaries = 'h:0x'");
	assert_int_equal(rules_poll(r, &why), -1);
	free(why);
	rulesdb_sql(t, "UPDATE domain SET primaries = 'g'");
	assert_int_equal(rules_poll(r, &why), 1);
	assert_string_equal(rules_state(r), "ok");
	ruleset_unref(&after);
	after = rules_current(r);
	assert_string_equal(ruleset_domain(after, "one.test")->destination, "g:25");
	rules_close(&r);
	/* a reference outlives its owner */
	assert_string_equal(ruleset_domain(after, "one.test")->name, "one.test");
	ruleset_unref(&after);
}

static void
test_locked_is_no_change(void **state)
{
	const struct rulesdb *t = *state;
	struct rules *r = open_rules(t);
	sqlite3 *db = NULL;
	char *why = NULL;

	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE;" ADD "('x.test', 'h')", NULL, NULL,
	    NULL), SQLITE_OK);
	assert_int_equal(rules_poll(r, &why), 0);
	assert_string_equal(rules_state(r), "ok");
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(rules_poll(r, &why), 1);
	(void)sqlite3_close(db);
	rules_close(&r);
}

static void
test_replaced_file(void **state)
{
	const struct rulesdb *t = *state;
	void *sub;
	struct rulesdb *other;
	struct rules *r;
	struct ruleset *set;
	char *why = NULL;

	assert_int_equal(rulesdb_setup(&sub), 0);
	other = sub;
	rulesdb_sql(t, ADD "('old.test', 'h')");
	rulesdb_sql(other, ADD "('new.test', 'h')");
	r = open_rules(t);

	assert_int_equal(chmod(other->path, 0666), 0);
	assert_int_equal(rename(other->path, t->path), 0);
	assert_int_equal(rules_poll(r, &why), -1);
	assert_non_null(strstr(why, "anybody may write"));
	free(why);
	assert_int_equal(rules_poll(r, &why), 0);
	assert_int_equal(chmod(t->path, 0644), 0);
	assert_int_equal(rules_poll(r, &why), 1);
	set = rules_current(r);
	assert_non_null(ruleset_domain(set, "new.test"));
	assert_null(ruleset_domain(set, "old.test"));
	ruleset_unref(&set);

	assert_int_equal(unlink(t->path), 0);
	assert_int_equal(rules_poll(r, &why), -1);
	assert_non_null(strstr(why, "does not exist"));
	free(why);
	assert_int_equal(rules_poll(r, &why), 0);
	set = rules_current(r);
	assert_non_null(ruleset_domain(set, "new.test"));
	ruleset_unref(&set);
	rules_close(&r);
	assert_int_equal(rulesdb_teardown(&sub), 0);
}

static void
test_not_a_database(void **state)
{
	const struct rulesdb *t = *state;
	struct rules *r = open_rules(t);
	char *why = NULL;
	FILE *f = fopen(t->path, "w");	/* written over in place */

	assert_non_null(f);
	for (int i = 0; i < 100; i++)
		(void)fputs("this is not a database\n", f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rules_poll(r, &why), -1);
	assert_non_null(strstr(why, "not a database"));
	free(why);
	assert_int_equal(rules_poll(r, &why), 0);
	rules_close(&r);
	assert_null(rules_open(t->path, &why));
	free(why);
	assert_int_equal(truncate(t->path, 0), 0);
	assert_null(rules_open(t->path, &why));
	assert_non_null(strstr(why, "holdfast init"));
	free(why);
	assert_null(rules_open(t->dir, &why));
	assert_non_null(strstr(why, "not a file"));
	free(why);
}

/* 100,000 recipients: quick to read, small to keep, all found. */
static void
test_many(void **state)
{
	const struct rulesdb *t = *state;
	struct rules *r;
	struct ruleset *set;
	size_t before, cost;
	int64_t start;

	rulesdb_sql(t, ADD "('big.test', 'h'), ('zzz.test', 'h');"
	    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)"
	    " INSERT INTO recipient SELECT 'big.test', printf('user%06d', i) FROM n;"
	    "INSERT INTO recipient VALUES ('zzz.test', 'last')");
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	start = clock_mono_ms();
	r = open_rules(t);
	assert_true(clock_mono_ms() - start < 5000);	/* 50 ms; sanitizers and load are slow */
	cost = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	print_message("# 100000 recipients: %lld ms, %zu KiB\n",
	    (long long)(clock_mono_ms() - start), cost / 1024);
	set = rules_current(r);
	assert_int_equal(ruleset_domain(set, "big.test")->nrecipients, 100000);
	for (int i = 0; i < 100000; i += 7) {
		char address[64];

		(void)snprintf(address, sizeof(address), "USER%06d@Big.Test", i);
		assert_int_equal(ruleset_recipient(set, address, 1000, NULL, NULL), RULES_KNOWN);
		(void)snprintf(address, sizeof(address), "user%06d@big.test", i + 100000);
		assert_int_equal(ruleset_recipient(set, address, 1000, NULL, NULL), RULES_UNKNOWN);
	}
	assert_int_equal(ruleset_recipient(set, "last@zzz.test", 1000, NULL, NULL), RULES_KNOWN);
	ruleset_unref(&set);
	rules_close(&r);
}

static void *
reader(void *arg)
{
	struct rules *r = arg;

	for (int i = 0; i < 20000; i++) {
		struct ruleset *set = rules_current(r);

		if (ruleset_recipient(set, "bob@ok.test", 1000, NULL, NULL) != RULES_KNOWN)
			return r;
		ruleset_unref(&set);
	}
	return NULL;
}

static void
test_threads(void **state)
{
	const struct rulesdb *t = *state;
	pthread_t thread[4];
	struct rules *r;
	char *why = NULL;

	rulesdb_sql(t, ADD "('ok.test', 'h'); INSERT INTO recipient VALUES ('ok.test', 'bob')");
	r = open_rules(t);
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, reader, r), 0);
	for (int i = 0; i < 20; i++) {
		rulesdb_sql(t, "UPDATE domain SET size_limit = size_limit + 1");
		assert_int_equal(rules_poll(r, &why), 1);
	}
	for (size_t i = 0; i < COUNT(thread); i++) {
		void *bad;

		assert_int_equal(pthread_join(thread[i], &bad), 0);
		assert_null(bad);
	}
	rules_close(&r);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rulesdb_setup, rulesdb_teardown)
	const struct CMUnitTest tests[] = {
		T(test_empty), T(test_domain), T(test_derived), T(test_destinations),
		T(test_lookups), T(test_reload), T(test_locked_is_no_change), T(test_replaced_file),
		T(test_not_a_database), T(test_many), T(test_threads),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
