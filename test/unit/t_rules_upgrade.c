/*
 * t_rules_upgrade.c -- a rules.db of an older version becomes one of the present
 * version, or stays as it was. rules_v1.sql and rules_v2.sql are the schemas as they were shipped.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <sys/stat.h>

#include <sqlite3.h>
#include <string.h>

#include "common/buf.h"
#include "common/rules_screen.h"
#include "test/unit/rulesdb.h"

static const char v1_rows[] =
    "INSERT INTO schedule VALUES ('quick', '5s 10s*', 0, '2d');"
    "UPDATE schedule SET lifetime = '40d' WHERE name = 'default';"
    "INSERT INTO setting VALUES ('concurrency', '7');"
    "INSERT INTO domain (name, primaries, schedule, tls, list_time, catch_all) VALUES"
    " ('a.test', 'h:26', 'quick', 'off', 12345, '@'), ('b.test', 'mx.b.test', 'default', 'dane',"
    " 0, '');"
    "INSERT INTO recipient VALUES ('a.test', 'bob'), ('a.test', 'eve'), ('b.test', 'joe');";

#define PIN "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* Every table of version 2 has a row, every column once what is not its default. */
static const char v2_rows[] =
    "INSERT INTO schedule VALUES ('quick', '5s 10s*', 0, '2d', '4h', 'bounce');"
    "UPDATE schedule SET lifetime = '40d' WHERE name = 'default';"
    "INSERT INTO setting VALUES ('probe_interval', '3s'), ('probe_budget', '201'),"
    " ('concurrency', '7'), ('connection_messages', '9'), ('connection_time', '6m'),"
    " ('message_rate', '1'), ('canary', '6'), ('canary_interval', '2m'), ('hop_limit', '51'),"
    " ('bounce_rate', '11'), ('quarantine_lifetime', '9d'), ('digest_hour', '7'),"
    " ('turn_delay', '2s'), ('turn_rate', '12'), ('operator', 'ops');"
    "INSERT INTO domain VALUES ('a.test', 'h:26', 'verify', 'quick', 'pinned', 'n.test', '/ca', '"
    PIN "', '192.0.2.1', 'xclient', 3, 50, 'never', 1, 7, 1, '-', '@', 12345);"
    "INSERT INTO domain (name, primaries) VALUES ('b.test', 'mx');"
    "INSERT INTO recipient VALUES ('a.test', 'Bob'), ('a.test', 'eve'), ('b.test', 'joe');"
    "INSERT INTO mx_network VALUES ('192.0.2.0/24', 'ours');"
    "INSERT INTO mx_domain VALUES ('spam.test', 'never', 'why');"
    "INSERT INTO turn_network VALUES ('2001:db8::/32', 'theirs');";

/* A new file of an old version in the place of the one that is there. */
static void
make_old(const struct rulesdb *t, int version, const char *sql)
{
	char *name = xasprintf("test/unit/rules_v%d.sql", version), *schema = source_text(name);

	assert_int_equal(unlink(t->path), 0);
	rulesdb_sql(t, schema);
	rulesdb_sql(t, sql);
	free(schema);
	free(name);
}

#define SCHEMA "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"

/* What every upgrade must keep: the copy, the schema, no history, once. sqlite_sequence tells of rows of
 * history that are gone. */
static void
upgrade(const struct rulesdb *t, int version, const char *sql)
{
	char *fresh = rulesdb_text(t->path, SCHEMA), *copy = xasprintf("%s.v%d", t->path, version);
	char *told = xasprintf("made by an older Holdfast (schema %d); `holdfast init' upgrades it",
	    version), *number = xasprintf("%d|", version), *before, *why = NULL;
	struct rules_edit *e = NULL;
	struct stat st;

	make_old(t, version, sql);
	before = rulesdb_text(t->path, "SELECT name, primaries FROM domain ORDER BY 1");
	assert_int_equal(chmod(t->path, 0640), 0);
	/* who only reads says what to do, and changes nothing */
	rulesdb_expect_refused(t, told);
	assert_int_equal(access(copy, F_OK), -1);

	assert_int_equal(rules_edit_open(t->path, &e, &why), EDIT_OK);
	assert_string_equal(rules_edit_copy(e), copy);
	rules_edit_close(&e);
	/* nothing tells it from a new file but its rows */
	rulesdb_expect_text(t->path, SCHEMA, fresh);
	rulesdb_expect_text(t->path, "PRAGMA user_version", "3|");
	rulesdb_expect_text(t->path, "PRAGMA integrity_check", "ok|");
	rulesdb_expect_text(t->path, "SELECT count(*) FROM history", "0|");
	rulesdb_expect_text(t->path, "SELECT who, batch FROM editor", "sql|NULL|");
	/* the copy is what there was, for whom it was */
	rulesdb_expect_text(copy, "PRAGMA user_version", number);
	rulesdb_expect_text(copy, "PRAGMA integrity_check", "ok|");
	rulesdb_expect_text(copy, "SELECT name, primaries FROM domain ORDER BY 1", before);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	/* once */
	assert_int_equal(rules_edit_open(t->path, &e, &why), EDIT_OK);
	assert_null(rules_edit_copy(e));
	rules_edit_close(&e);
	free(before);
	free(number);
	free(told);
	free(copy);
	free(fresh);
}

static void
test_upgrade_v1(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_edit *e;
	char *why = NULL;
	size_t gone;

	upgrade(t, 1, v1_rows);
	rulesdb_expect_text(t->path, "SELECT name, steps, jitter, lifetime, warn_after, at_end"
	    " FROM schedule"
	    " ORDER BY name",
	    "default|1m 5m 15m 30m 1h*|20|40d||quarantine|quick|5s 10s*|0|2d||quarantine|");
	rulesdb_expect_text(t->path, "SELECT name, primaries, recipients, schedule, tls, client, bounce,"
	    " delivery_id, case_sensitive, delimiter, catch_all, list_time, list_max_age FROM domain",
	    "a.test|h:26|list|quick|off|xforward|spf-pass|0|0|+|@|12345|30d|"
	    "b.test|mx.b.test|list|default|dane|xforward|spf-pass|0|0|+||0|30d|");
	rulesdb_expect_text(t->path, "SELECT local_part FROM recipient ORDER BY 1", "bob|eve|joe|");
	rulesdb_expect_text(t->path, "SELECT * FROM setting", "|global.concurrency|7|");
	/* foreign keys are on again in the connection that upgraded it */
	make_old(t, 1, v1_rows);
	EXPECT_OK(rules_edit_open(t->path, &e, &why));
	EXPECT_OK(rules_edit_domain_remove(e, "b.test", &gone, &why));
	assert_int_equal(gone, 1);
	rules_edit_close(&e);
}

static void
test_upgrade_v2(void **state)
{
	const struct rulesdb *t = *state;
	struct ruleset *set;

	upgrade(t, 2, v2_rows);
	rulesdb_expect_text(t->path, "SELECT * FROM schedule ORDER BY name",
	    "default|1m 5m 15m 30m 1h*|20|40d||quarantine|quick|5s 10s*|0|2d|4h|bounce|");
	rulesdb_expect_text(t->path, "SELECT * FROM domain",
	    "a.test|h:26|verify|quick|pinned|n.test|/ca|" PIN "|192.0.2.1|xclient|3|50|never|1|7|1|-|@|"
	    "12345|30d|b.test|mx|list|default|may||||" "|xforward|0|0|spf-pass|0|0|0|+||0|30d|");
	rulesdb_expect_text(t->path, "SELECT * FROM recipient ORDER BY 1, 2",
	    "a.test|Bob|a.test|eve|b.test|joe|");
	rulesdb_expect_text(t->path, "SELECT scope, name, value FROM setting ORDER BY name",
	    "|global.bounce_rate|11||global.canary|6||global.canary_interval|2m||global.concurrency|7|"
	    "|global.connection_messages|9||global.connection_time|6m||global.digest_hour|7|"
	    "|global.hop_limit|51||global.message_rate|1||global.operator|ops||global.probe_budget|201|"
	    "|global.probe_interval|3s||global.quarantine_lifetime|9d||global.turn_delay|2s|"
	    "|global.turn_rate|12|");
	rulesdb_expect_text(t->path, "SELECT * FROM mx_network", "192.0.2.0/24|ours|");
	rulesdb_expect_text(t->path, "SELECT * FROM mx_domain", "spam.test|never|why|");
	rulesdb_expect_text(t->path, "SELECT * FROM turn_network", "2001:db8::/32|theirs|");
	/* what is new is as in a new file */
	rulesdb_expect_text(t->path, "SELECT count(*) FROM list", "2|");
	rulesdb_expect_text(t->path, "SELECT count(*) FROM limits", "5|");
	set = rulesdb_read(t);
	assert_int_equal(ruleset_nentries(set), 2);
	assert_int_equal(ruleset_settings(set)->turn_rate, 12);
	assert_int_equal(ruleset_recipient(set, "Bob@a.test", 12346, NULL, NULL), RULES_KNOWN);
	ruleset_unref(&set);
}

/* What cannot be upgraded stays as it is, byte for byte where it matters, and is named. */
static void
test_refused(void **state)
{
	static const struct {
		int		 version;
		const char	*sql, *why;
	} row[] = {
		{ 1, "INSERT INTO domain (name, primaries) VALUES ('c.test', 'mx')",
		  "domain c.test: primaries: `mx' has another meaning now" },
		{ 1, "INSERT INTO domain (name, primaries) VALUES ('c.test', ' MX:2525')",
		  "domain c.test: primaries: ` MX:2525' has another" },
		{ 1, "INSERT INTO domain (name, primaries) VALUES ('c.test', 'turn')",
		  "domain c.test: primaries: `turn' has another" },
		{ 1, "INSERT INTO domain (name, primaries) VALUES ('c.test', 'mx,b')", "stand alone" },
		{ 1, "INSERT INTO domain (name, primaries) VALUES ('c.test', 'h:0')",
		  "domain c.test: primaries: `h:0'" },
		{ 1, "INSERT INTO domain (name, primaries, tls) VALUES ('c.test', 'h', 'pinned')",
		  "domain.tls_pin must be" },
		{ 1, "INSERT INTO recipient VALUES ('none.test', 'x')",
		  "there is no domain `none.test'" },
		{ 1, "DELETE FROM schedule WHERE name = 'default'",
		  "schedule default: the row is missing" },
		{ 1, "PRAGMA ignore_check_constraints = ON; INSERT INTO setting VALUES ('x', '1')",
		  "setting.name must be one of" },
		{ 1, "DROP TABLE recipient", "no such table" },
		{ 2, "INSERT INTO domain (name, primaries) VALUES ('c.test', 'mx,b')",
		  "domain c.test: primaries: `mx,b'" },
		{ 2, "INSERT INTO mx_network (network) VALUES ('10.0.0.1/8')",
		  "mx_network 10.0.0.1/8: network: " },
		{ 2, "UPDATE setting SET value = '0' WHERE name = 'hop_limit'",
		  "setting global.hop_limit: value: 0 is not between" },
		{ 2, "PRAGMA ignore_check_constraints = ON; INSERT INTO setting VALUES ('x', '1')",
		  "setting.name must be one of" },
		{ 2, "INSERT INTO recipient VALUES ('none.test', 'x')",
		  "there is no domain `none.test'" },
		{ 2, "DROP TABLE mx_domain; CREATE TABLE mx_domain (name, serve); INSERT INTO mx_domain"
		  " VALUES ('a.test', 'ask')", "mx_domain.serve must be always or never" },
	};
	const struct rulesdb *t = *state;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct rules_edit *e = NULL;
		char *why = NULL, *before, *after;

		make_old(t, row[i].version, row[i].version == 1 ? v1_rows : v2_rows);
		rulesdb_sql(t, row[i].sql);
		before = rulesdb_text(t->path, SCHEMA);
		if (rules_edit_open(t->path, &e, &why) != EDIT_FAULT)
			fail_msg("%s: not refused", row[i].sql);
		assert_null(e);
		if (strstr(why, row[i].why) == NULL || strstr(why, "nothing was changed") == NULL)
			fail_msg("%s: %s", row[i].sql, why);
		free(why);
		after = rulesdb_text(t->path, SCHEMA);
		assert_string_equal(after, before);
		rulesdb_expect_text(t->path, "PRAGMA user_version", row[i].version == 1 ? "1|" : "2|");
		rulesdb_expect_text(t->path, "PRAGMA integrity_check", "ok|");
		assert_int_equal(rulesdb_number(t, "SELECT count(*) FROM domain"
		    " WHERE name IN ('a.test', 'b.test')"), 2);
		free(before);
		free(after);
	}
}

/* A copy that cannot be made: no upgrade. */
static void
test_no_copy(void **state)
{
	const struct rulesdb *t = *state;
	char *copy = xasprintf("%s.v1", t->path), *file = xasprintf("%s/x", copy), *why = NULL;
	struct rules_edit *e = NULL;

	make_old(t, 1, v1_rows);
	assert_int_equal(mkdir(copy, 0700), 0);	/* nothing can be renamed over a folder with files */
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(rules_edit_open(t->path, &e, &why), EDIT_FAULT);
	assert_non_null(strstr(why, "the copy "));
	free(why);
	why = NULL;
	rulesdb_expect_text(t->path, "PRAGMA user_version", "1|");
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(rmdir(copy), 0);
	/* an old copy gives way to the newer one */
	FILE *f = fopen(copy, "w");
	assert_non_null(f);
	(void)fputs("old\n", f);
	(void)fclose(f);
	assert_int_equal(rules_edit_open(t->path, &e, &why), EDIT_OK);
	rules_edit_close(&e);
	rulesdb_expect_text(copy, "PRAGMA user_version", "1|");
	free(file);
	free(copy);
}

/* Somebody has put it into WAL mode, which readers without write access cannot follow. */
static void
test_wal(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_edit *e = NULL;
	sqlite3 *db = NULL;
	char *why = NULL;

	make_old(t, 1, v1_rows);
	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	assert_int_equal(rules_edit_open(t->path, &e, &why), EDIT_OK);
	rules_edit_close(&e);
	rulesdb_expect_text(t->path, "PRAGMA journal_mode", "delete|");
	rulesdb_expect_text(t->path, "PRAGMA user_version", "3|");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rulesdb_setup, rulesdb_teardown)
	const struct CMUnitTest tests[] = {
		T(test_upgrade_v1), T(test_upgrade_v2), T(test_refused), T(test_no_copy), T(test_wal),
	};

	return cmocka_run_group_tests_name("rules_upgrade", tests, NULL, NULL);
}
