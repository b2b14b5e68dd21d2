/*
 * t_rules_edit_row.c -- changes of a domain's columns, of schedules, settings and networks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/rules_history.h"
#include "common/rules_kind.h"
#include "common/rules_screen.h"
#include "rulesdb.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BAD_NETWORK "mx_network 10.0.0.1/8: network: `10.0.0.1/8' has bits set"
/* It is written, and yet the daemons refuse the file. */
#define EXPECT_REFUSED(call, part) do { \
	EXPECT_OK(call); \
	assert_non_null(rules_edit_refused(e)); \
	assert_non_null(strstr(rules_edit_refused(e), part)); \
} while (0)
#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* All that the command may write of a domain comes out of the ruleset again. */
static void
test_domain_columns(void **state)
{
	const struct rules_edit_domain d = {
		.primaries = "b+a,c:26", .tls = "pinned", .tls_name = "N.test", .tls_ca = "/ca",
		.tls_pin = "SHA256:" HEX "," HEX, .source = "::1, 192.0.2.1", .client = "xclient",
		.concurrency = "3", .message_rate = "50", .bounce = "never", .delivery_id = "1",
		.recipients = "any", .schedule = "default", .size_limit = "7", .case_sensitive = "1",
		.delimiter = "", .catch_all = "@",
	};
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL;

	rulesdb_expect(rules_edit_domain_add(e, "a.test", &d, &why), EDIT_OK, &why, NULL);
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM domain WHERE tls_pin = '"
	    HEX " " HEX "' AND typeof(concurrency) = 'integer'"), 1);

	struct rules *r = rules_open(t->path, &why);
	struct ruleset *set = rules_current(r);
	const struct rules_domain *got = ruleset_domain(set, "a.test");
	assert_non_null(got);
	assert_int_equal(got->route.primary.n, 3);
	assert_int_equal(got->route.preference[1], 0);
	assert_int_equal(got->route.preference[2], 1);
	assert_int_equal(got->route.tls, TLS_PINNED);
	assert_string_equal(got->route.tls_name, "n.test");
	assert_string_equal(got->route.tls_ca, "/ca");
	assert_string_equal(got->route.tls_pin, HEX " " HEX);
	assert_string_equal(got->route.source4, "192.0.2.1");
	assert_string_equal(got->route.source6, "::1");
	assert_int_equal(got->route.client, CLIENT_XCLIENT);
	assert_int_equal(got->concurrency, 3);
	assert_int_equal(got->message_rate, 50);
	assert_int_equal(got->bounce, BOUNCE_NEVER);
	assert_true(got->delivery_id);
	assert_int_equal(got->size_limit, 7);
	assert_true(got->case_sensitive);
	assert_string_equal(got->delimiter, "");
	assert_string_equal(got->catch_all, "@");
	assert_int_equal(got->recipients, RECIPIENTS_ANY);
	ruleset_unref(&set);
	rules_close(&r);

	/* and each may be changed alone */
	const struct rules_edit_domain off = { .tls = "off", .tls_pin = "", .source = "" };
	rulesdb_expect(rules_edit_domain_set(e, "a.test", &off, &why), EDIT_OK, &why, NULL);
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM domain WHERE tls = 'off'"
	    " AND tls_pin = '' AND source = '' AND client = 'xclient' AND message_rate = 50"), 1);
	rules_edit_close(&e);
}

static void
test_domain_refused(void **state)
{
	static const struct {
		struct rules_edit_domain d;
		const char		*why;
	} row[] = {
		{ { .tls = "pinned" }, "domain.tls_pin must be text, and is needed" },
		{ { .tls_pin = "12:34" }, "domain a.test: tls_pin: `12:34': a pin is the SHA-256" },
		{ { .tls_name = "a b" }, "domain a.test: tls_name: `a b' is not a host name" },
		{ { .tls_name = "[192.0.2.1]" }, "domain a.test: tls_name: " },
		{ { .tls_ca = "ca.pem" }, "domain.tls_ca must be an absolute path" },
		{ { .tls_ca = "/a b" }, "domain a.test: tls_ca: `/a b' is not an absolute path" },
		{ { .tls_ca = "/a;client=none" }, "domain a.test: tls_ca: " },
		{ { .source = "192.0.2.1,192.0.2.2" }, "domain a.test: source: `192.0.2.1,192.0.2.2': "
		  "two addresses of one family" },
		{ { .client = "yes" }, "domain.client must be none, xforward or xclient" },
		{ { .concurrency = "1001" }, "domain.concurrency must be a number from 0 to 1000" },
		{ { .concurrency = "many" }, "domain.concurrency must be" },
		{ { .concurrency = "-1" }, "domain.concurrency must be" },
		{ { .message_rate = "1.5" }, "domain.message_rate must be" },
		{ { .bounce = "always" }, "domain.bounce must be spf-pass or never" },
		{ { .delivery_id = "2" }, "domain.delivery_id must be 0 or 1" },
		{ { .primaries = "mx:192.0.2.1" },
		  "domain a.test: primaries: `mx:192.0.2.1': an addr" },
		{ { .size_limit = "25M" }, "domain.size_limit must be" },
	};
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	struct rules_edit_domain plain = { .primaries = "h" };
	char *why = NULL;

	rulesdb_expect(rules_edit_domain_add(e, "a.test", &plain, &why), EDIT_OK, &why, NULL);
	for (size_t i = 0; i < COUNT(row); i++)
		rulesdb_expect(rules_edit_domain_set(e, "a.test", &row[i].d, &why), EDIT_BAD, &why,
		    row[i].why);
	plain.tls = "verify";
	rulesdb_expect(rules_edit_domain_set(e, "b.test", &plain, &why), EDIT_MISSING, &why,
	    "there is no domain `b.test'");
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM domain WHERE primaries = 'h'"
	    " AND tls = 'may' AND tls_pin = '' AND tls_ca = '' AND concurrency = 0"), 1);
	rules_edit_close(&e);
}

static void
test_schedule(void **state)
{
	static const struct {
		struct rules_edit_schedule s;
		const char		*why;
	} row[] = {
		{ { .steps = "1m 9d" }, "schedule quick: steps: a step must be" },
		{ { .steps = " " }, "schedule.steps must not be empty" },
		{ { .jitter = "51" }, "schedule.jitter must be a number from 0 to 50" },
		{ { .jitter = "x" }, "schedule.jitter must be" },
		{ { .lifetime = "0" }, "schedule quick: lifetime: 0 is not between" },
		{ { .lifetime = "ever" }, "schedule quick: lifetime: `ever' is not a time" },
		{ { .lifetime = "1h" },
		  "schedule quick: warn_after: 4h is not shorter than the lifetime" },
		{ { .warn_after = "soon" }, "schedule quick: warn_after: `soon' is neither" },
		{ { .warn_after = "5d" }, "schedule quick: warn_after: 5d is not shorter" },
		{ { .at_end = "drop" }, "schedule.at_end must be quarantine, bounce or hold" },
	};
	const struct rules_edit_schedule quick = { .steps = "1m 2m*", .lifetime = "5d",
		.warn_after = "4h", .at_end = "bounce", .jitter = "0" };
	const struct rules_edit_schedule set = { .warn_after = "", .at_end = "hold" };
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL;

	rulesdb_expect(rules_edit_schedule_set(e, "quick", &quick, &why), EDIT_MISSING, &why,
	    "there is no schedule `quick'");
	rulesdb_expect(rules_edit_schedule_add(e, "quick", &set, &why), EDIT_BAD, &why,
	    "schedule.steps is needed");
	rulesdb_expect(rules_edit_schedule_add(e, "Quick", &quick, &why), EDIT_BAD, &why,
	    "schedule.name must be lower case");
	rulesdb_expect(rules_edit_schedule_add(e, "quick", &quick, &why), EDIT_OK, &why, NULL);
	rulesdb_expect(rules_edit_schedule_add(e, "quick", &quick, &why), EDIT_EXISTS, &why, "already");
	for (size_t i = 0; i < COUNT(row); i++)
		rulesdb_expect(rules_edit_schedule_set(e, "quick", &row[i].s, &why), EDIT_BAD, &why,
		    row[i].why);

	struct rules *r = rules_open(t->path, &why);
	struct ruleset *rs = rules_current(r);
	const struct schedule *s = ruleset_schedule(rs, "quick");
	assert_int_equal(s->step[1], 120);
	assert_int_equal(s->jitter, 0);
	assert_int_equal(s->lifetime, 5 * 86400);
	assert_int_equal(s->warn_after, 4 * 3600);
	assert_int_equal(s->end, SCHEDULE_BOUNCE);
	assert_int_equal(ruleset_schedule(rs, "default")->warn_after, 0);
	assert_int_equal(ruleset_schedule(rs, "default")->end, SCHEDULE_QUARANTINE);
	assert_int_equal(ruleset_nschedules(rs), 2);
	ruleset_unref(&rs);
	rules_close(&r);
	rulesdb_expect(rules_edit_schedule_set(e, "quick", &set, &why), EDIT_OK, &why, NULL);
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM schedule WHERE name = 'quick' AND"
	    " warn_after = '' AND at_end = 'hold' AND steps = '1m 2m*'"), 1);
	rules_edit_close(&e);
}

static void
test_schedule_remove(void **state)
{
	const struct rules_edit_schedule quick = { .steps = "1m" };
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL;

	rulesdb_expect(rules_edit_schedule_remove(e, "default", &why), EDIT_IN_USE, &why, "must be there");
	rulesdb_expect(rules_edit_schedule_remove(e, "quick", &why), EDIT_MISSING, &why, "no"
	    " schedule `quick'");
	rulesdb_expect(rules_edit_schedule_add(e, "quick", &quick, &why), EDIT_OK, &why, NULL);
	rulesdb_sql(t, "INSERT INTO domain (name, primaries, schedule) VALUES ('b.test', 'h', 'quick'),"
	    " ('a.test', 'h', 'quick'), ('z.test', 'h', 'default')");
	rulesdb_expect(rules_edit_schedule_remove(e, "quick", &why), EDIT_IN_USE, &why,
	    "schedule `quick' is used by a.test, b.test");
	rulesdb_sql(t, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5)"
	    " INSERT INTO domain (name, primaries, schedule) SELECT 'c' || i || '.test', 'h', 'quick'"
	    " FROM n");
	rulesdb_expect(rules_edit_schedule_remove(e, "quick", &why), EDIT_IN_USE, &why,
	    "used by a.test, b.test, c1.test, c2.test, c3.test and 2 more");
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM schedule"), 2);
	rulesdb_sql(t, "UPDATE domain SET schedule = 'default'");
	rulesdb_expect(rules_edit_schedule_remove(e, "quick", &why), EDIT_OK, &why, NULL);
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM schedule"), 1);
	rules_edit_close(&e);
}

/* Of settings that are the same everywhere. */
static void
test_settings(void **state)
{
	static const struct {
		const char	*name, *value, *why;	/* NULL: accepted */
	} row[] = {
		{ "probe_interval", "5s", NULL }, { "probe_interval", "0", "0 is not between 1 and" },
		{ "probe_interval", "2h", "2h is not between" },
		{ "message_rate", "0", NULL }, { "message_rate", "", "`' is not a number" },
		{ "canary", "0", NULL }, { "canary", "x", "`x' is not a number" },
		{ "canary_interval", "5m", NULL }, { "hop_limit", "1", "not between 2 and 1000" },
		{ "bounce_rate", "0", "not between 1" }, { "quarantine_lifetime", "365d", NULL },
		{ "quarantine_lifetime", "0", NULL }, { "digest_hour", "24", NULL },
		{ "digest_hour", "25", "25 is not between 0 and 24" },
		{ "turn_delay", "0", NULL }, { "turn_delay", "31", "not between 0 and 30 seconds" },
		{ "turn_rate", "10000", NULL }, { "turn_rate", "-3", "`-3' is not a number" },
		{ "operator", "ops", NULL }, { "operator", "ops@example.test", NULL },
		{ "operator", "a b", "setting global.operator: value: `a b' is not an address" },
		{ "operator", "a@b@c", "is not an address" },
		{ "operator", "<a@b.test>", "is not an address" },
		{ "mode", "shadow", NULL }, { "mode", "off", "`off' is not shadow or enforce" },
		{ "ipv6_bits", "56", NULL }, { "ipv4_bits", "33", "33 is not between 8 and 32" },
	};
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL;
	bool changed;

	for (size_t i = 0; i < COUNT(row); i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "global.%s", row[i].name);
		rulesdb_expect(rules_edit_setting_set(e, name, "", row[i].value, &why),
		    row[i].why == NULL ? EDIT_OK : EDIT_BAD, &why, row[i].why);
	}
	rulesdb_expect(rules_edit_setting_set(e, "canary", "", "1", &why), EDIT_MISSING, &why,
	    "no setting `canary'");
	rulesdb_expect(rules_edit_setting_unset(e, "nope", "", &changed, &why), EDIT_MISSING, &why,
	    "nope");
	rulesdb_expect(rules_edit_setting_set(e, "global.canary", "a.test", "1", &why), EDIT_BAD, &why,
	    "global.canary is the same for everybody");

	struct rules *r = rules_open(t->path, &why);
	struct ruleset *rs = rules_current(r);
	const struct rules_settings *s = ruleset_settings(rs);
	assert_int_equal(s->probe_interval, 5);
	assert_int_equal(s->canary, 0);
	assert_int_equal(s->canary_interval, 300);
	assert_int_equal(s->hop_limit, 50);
	assert_int_equal(s->digest_hour, 24);
	assert_int_equal(s->turn_delay, 0);
	assert_int_equal(s->turn_rate, 10000);
	assert_int_equal(s->mode, MODE_SHADOW);
	assert_int_equal(s->ipv6_bits, 56);
	assert_string_equal(s->operator, "ops@example.test");
	ruleset_unref(&rs);
	EXPECT_OK(rules_edit_setting_unset(e, "global.operator", "", &changed, &why));
	assert_true(changed);
	EXPECT_OK(rules_edit_setting_unset(e, "global.operator", "", &changed, &why));
	assert_false(changed);
	assert_int_equal(rules_poll(r, &why), 1);
	rs = rules_current(r);
	assert_string_equal(ruleset_settings(rs)->operator, "postmaster");
	ruleset_unref(&rs);
	rules_close(&r);

	/* a row that was broken by hand is put right while another one is bad still */
	rulesdb_sql(t, "UPDATE setting SET value = 'x'"
	    " WHERE name IN ('global.canary', 'global.turn_rate')");
	EXPECT_OK(rules_edit_setting_set(e, "global.canary", "", "3", &why));
	EXPECT_OK(rules_edit_setting_unset(e, "global.turn_rate", "", &changed, &why));
	rules_edit_close(&e);
}

/* Of settings that a domain or an address may have of its own. */
static void
test_scoped_settings(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	struct ruleset *set;
	char *why = NULL;
	bool changed;

	EXPECT_OK(rules_edit_setting_set(e, "spf.fail", "", "defer", &why));
	EXPECT_OK(rules_edit_setting_set(e, "spf.fail", "Example.TEST.", "5", &why));
	EXPECT_OK(rules_edit_setting_set(e, "spf.fail", "Bob@Example.test", "off", &why));
	rulesdb_expect_text(t->path, "SELECT scope, value FROM setting ORDER BY scope",
	    "|defer|bob@example.test|off|example.test|5|");
	rulesdb_expect(rules_edit_setting_set(e, "spf.fail", "a b", "5", &why), EDIT_BAD, &why,
	    "scope: `a b': not a domain name");
	rulesdb_expect(rules_edit_setting_set(e, "spf.fail", "a@@b", "5", &why), EDIT_BAD, &why,
	    "scope: `a@@b' is not an address");
	rulesdb_expect(rules_edit_setting_set(e, "spf.fail", "example.test", "tag", &why), EDIT_BAD,
	    &why, "setting spf.fail for example.test: value: `tag' is not off, a number of points, "
	    "greylist, defer or reject");
	rulesdb_expect(rules_edit_setting_set(e, "limits.recipients", "example.test", "5", &why),
	    EDIT_BAD, &why, "limits.recipients is the same for everybody");

	set = rulesdb_read(t);
	assert_int_equal(ruleset_policy(set, "eve@other.test")->spf_fail.verdict, RULES_DEFER);
	assert_int_equal(ruleset_policy(set, "eve@example.test")->spf_fail.score, 500);
	assert_int_equal(ruleset_policy(set, "bob@example.test")->spf_fail.verdict, RULES_OFF);
	ruleset_unref(&set);
	EXPECT_OK(rules_edit_setting_unset(e, "spf.fail", "EXAMPLE.test", &changed, &why));
	assert_true(changed);
	EXPECT_OK(rules_edit_setting_unset(e, "spf.fail", "example.test", &changed, &why));
	assert_false(changed);
	set = rulesdb_read(t);
	assert_int_equal(ruleset_policy(set, "eve@example.test")->spf_fail.verdict, RULES_DEFER);
	ruleset_unref(&set);
	rules_edit_close(&e);
}

/* A row of a kind, its values in the order of its columns. */
static enum rules_edit_result
put(struct rules_edit *e, const char *kind, const char *const *value, char **why)
{
	bool added;

	return rules_edit_kind_put(e, rules_kind_find(kind), value, &added, why);
}

static enum rules_edit_result
drop(struct rules_edit *e, const char *kind, const char *key, char **why)
{
	const char *value[RULES_COLUMNS_MAX] = { key };

	return rules_edit_kind_remove(e, rules_kind_find(kind), value, why);
}

static void
test_networks(void **state)
{
	static const struct {
		const char	*kind;
		const char	*value[RULES_COLUMNS_MAX];
		const char	*why;	/* NULL: accepted */
	} row[] = {
		{ "mx_network", { "192.0.2.9/24" }, "the network is 192.0.2.0/24" },
		{ "mx_network", { "192.0.2.0/24", "ours" }, NULL },
		{ "mx_network", { "192.0.2.0/24", "theirs" }, NULL },
		{ "turn_network", { "2001:DB8::/32" }, NULL },
		{ "mx_domain", { "Spam.Test.", "never", "" }, NULL },
		{ "mx_domain", { "good.test", "always" }, NULL },
		{ "mx_domain", { "b.test", "ask" }, "mx_domain: serve: `ask' is not always or never" },
		{ "mx_domain", { "b.test" }, "mx_domain: serve is needed: always or never" },
		{ "mx_domain", { "a b", "never" }, "mx_domain: name: `a b': not a domain name" },
	};
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	static const unsigned char inside[] = { 192, 0, 2, 9 };
	char *why = NULL;

	for (size_t i = 0; i < COUNT(row); i++)
		rulesdb_expect(put(e, row[i].kind, row[i].value, &why),
		    row[i].why == NULL ? EDIT_OK : EDIT_BAD, &why, row[i].why);

	struct ruleset *set = rulesdb_read(t);
	assert_int_equal(ruleset_nmx_networks(set), 1);
	assert_string_equal(ruleset_mx_network_at(set, 0)->note, "theirs");
	assert_true(ruleset_mx_network(set, AF_INET, inside));
	assert_false(ruleset_turn_network(set, AF_INET, inside));
	assert_int_equal(ruleset_nturn_networks(set), 1);
	assert_string_equal(ruleset_turn_network_at(set, 0)->text, "2001:db8::/32");
	assert_int_equal(ruleset_nmx_domains(set), 2);
	assert_int_equal(ruleset_derived(set, "SPAM.test"), DERIVED_NEVER);
	assert_int_equal(ruleset_derived(set, "good.test"), DERIVED_ALWAYS);
	assert_int_equal(ruleset_derived(set, "sub.good.test"), DERIVED_ASK);
	assert_int_equal(ruleset_derived(set, ""), DERIVED_ASK);
	ruleset_unref(&set);

	EXPECT_OK(drop(e, "turn_network", "2001:db8:0::/32", &why));
	rulesdb_expect(drop(e, "turn_network", "2001:db8::/32", &why), EDIT_MISSING, &why,
	    "there is no turn_network `2001:db8::/32'");
	EXPECT_OK(drop(e, "mx_domain", "SPAM.test", &why));
	/* what nobody could have added by the command goes as well */
	rulesdb_sql(t, "INSERT INTO mx_network (network) VALUES ('10.1.0.0/8'), ('2001:DB8::/32')");
	EXPECT_OK(drop(e, "mx_network", "10.1.0.0/8", &why));
	EXPECT_OK(drop(e, "mx_network", "2001:DB8::/32", &why));
	assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM mx_network"), 1);
	rules_edit_close(&e);
}

/* A bad row that somebody wrote keeps nothing from being written; it is named, and told from what is being written. */
static void
test_foreign_rows(void **state)
{
	const char *const network[RULES_COLUMNS_MAX] = { "::1" };
	const char *const alias[RULES_COLUMNS_MAX] = { "a.test", "no.test" };
	const char *const note[RULES_COLUMNS_MAX] = { "::1", "\xff" }, *local = "bob";
	const struct rules_edit_domain domain = { .primaries = "h" };
	const struct rules_edit_schedule schedule = { .steps = "1h*" };
	struct rules_edit_import list = { .locals = &local, .n = 1, .now = 1 };
	const struct rulesdb *t = *state;
	bool changed;
	size_t n;
	int64_t id = 0;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL;

	rulesdb_sql(t, "INSERT INTO mx_domain VALUES ('m.test', 'never', ''); INSERT INTO mx_network VALUES"
	    " ('10.0.0.1/8', '')");
	EXPECT_REFUSED(put(e, "turn_network", network, &why), BAD_NETWORK);
	rulesdb_expect_text(t->path, "SELECT count(*) FROM turn_network", "1|");
	EXPECT_REFUSED(rules_edit_setting_set(e, "spf.fail", "", "5", &why), BAD_NETWORK);
	EXPECT_REFUSED(rules_edit_setting_unset(e, "spf.fail", "", &changed, &why), BAD_NETWORK);
	EXPECT_REFUSED(drop(e, "mx_domain", "m.test", &why), BAD_NETWORK);
	EXPECT_REFUSED(rules_edit_schedule_add(e, "s", &schedule, &why), BAD_NETWORK);
	EXPECT_REFUSED(rules_edit_schedule_remove(e, "s", &why), BAD_NETWORK);
	EXPECT_REFUSED(rules_edit_domain_add(e, "a.test", &domain, &why), BAD_NETWORK);
	EXPECT_REFUSED(rules_edit_recipient_add(e, "a.test", &local, 1, &n, &why), BAD_NETWORK);
	EXPECT_REFUSED(rules_edit_recipient_import(e, "a.test", &list, &why), BAD_NETWORK);
	EXPECT_REFUSED(rules_edit_domain_remove(e, "a.test", NULL, &why), BAD_NETWORK);
	EXPECT_REFUSED(rules_history_undo(e, &id, &n, &why), BAD_NETWORK);
	/* what is refused itself is not written, and says nothing of others */
	rulesdb_expect(rules_edit_setting_set(e, "spf.fail", "", "x", &why), EDIT_BAD, &why, "setting spf.fail: value");
	assert_null(rules_edit_refused(e));
	/* one mended, and the next one shows */
	rulesdb_sql(t, "UPDATE schedule SET steps = 'x'");
	EXPECT_REFUSED(rules_edit_recipient_add(e, "a.test", &local, 1, &n, &why), "schedule default: steps: ");
	EXPECT_REFUSED(rules_edit_domain_set(e, "a.test", &domain, &why), "schedule default: steps: ");
	EXPECT_REFUSED(rules_edit_schedule_set(e, "default", &schedule, &why), BAD_NETWORK);
	EXPECT_OK(drop(e, "mx_network", "10.0.0.1/8", &why));
	assert_null(rules_edit_refused(e));
	EXPECT_OK(put(e, "turn_network", network, &why));
	/* its own fault */
	assert_int_equal(put(e, "alias_domain", alias, &why), EDIT_BAD);
	assert_string_equal(why, "alias_domain a.test: domain: there is no domain `no.test'");
	free(why);
	why = NULL;
	rulesdb_expect(put(e, "mx_network", note, &why), EDIT_BAD, &why, "mx_network: note: not valid UTF-8");
	rules_edit_close(&e);
}

/* Of two bad settings of one name each can be mended while the other is there. */
static void
test_foreign_settings(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL;
	bool changed;

	rulesdb_sql(t, "INSERT INTO setting (name, scope, value) VALUES ('spf.fail', '', 'x'),"
	    " ('spf.fail', 'a.test', 'y')");
	EXPECT_REFUSED(rules_edit_setting_set(e, "spf.fail", "", "5", &why),
	    "setting spf.fail for a.test: value: ");
	EXPECT_OK(rules_edit_setting_unset(e, "spf.fail", "a.test", &changed, &why));
	assert_null(rules_edit_refused(e));
	rules_edit_close(&e);
}

static void *
write_slowly(void *arg)
{
	sqlite3 *db = arg;

	(void)usleep(200000);
	return sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK ? NULL : arg;
}

static void
count_row(void *arg, const struct rules_kind *k, const char *const *value)
{
	(void)k;
	(void)value;
	++*(int *)arg;
}

/* To read rows waits for who writes at the moment, and what it does not find is told with the file's name. */
static void
test_reading(void **state)
{
	const struct rulesdb *t = *state;
	sqlite3 *db = NULL;
	pthread_t thread;
	char *why = NULL;
	void *bad;
	int n = 0;

	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE; INSERT INTO mx_network VALUES ('::1', '')", NULL,
	    NULL, NULL), SQLITE_OK);
	assert_int_equal(pthread_create(&thread, NULL, write_slowly, db), 0);
	EXPECT_OK(rules_kind_each(t->path, rules_kind_find("mx_network"), count_row, &n, &why));
	assert_int_equal(n, 1);
	assert_int_equal(pthread_join(thread, &bad), 0);
	assert_null(bad);
	(void)sqlite3_close(db);
	rulesdb_sql(t, "PRAGMA user_version = 2");
	rulesdb_expect(rules_kind_each(t->path, rules_kind_find("list"), count_row, &n, &why), EDIT_FAULT, &why,
	    "rules.db: it was made by an older Holdfast (schema 2)");
	rulesdb_expect(rules_kind_each("/nonexistent", rules_kind_find("list"), count_row, &n, &why), EDIT_FAULT,
	    &why, "/nonexistent: ");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rulesdb_setup, rulesdb_teardown)
	const struct CMUnitTest tests[] = {
		T(test_domain_columns), T(test_domain_refused), T(test_schedule),
		T(test_schedule_remove), T(test_settings), T(test_scoped_settings),
		T(test_networks), T(test_foreign_rows), T(test_foreign_settings), T(test_reading),
	};

	return cmocka_run_group_tests_name("rules_edit_row", tests, NULL, NULL);
}
