/*
 * t_rules_history.c -- every change is on record, with who made it, and can be taken back.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <pwd.h>
#include <string.h>

#include "common/buf.h"
#include "common/rules_history.h"
#include "common/rules_kind.h"
#include "test/unit/rulesdb.h"

#define LOG	"SELECT who, batch, tbl, before IS NOT NULL, after IS NOT NULL FROM history ORDER BY id"

/* A row of a kind; NULL ends the values. */
static void
put(struct rules_edit *e, const char *kind, const char *const *value)
{
	bool added;
	char *why = NULL;

	EXPECT_OK(rules_edit_kind_put(e, rules_kind_find(kind), value, &added, &why));
}
#define PUT(e, kind, ...) \
	put(e, kind, (const char *const [RULES_COLUMNS_MAX]){ __VA_ARGS__ })

static void
add_domain(struct rules_edit *e, const char *name)
{
	const struct rules_edit_domain d = { .primaries = "h" };
	char *why = NULL;

	EXPECT_OK(rules_edit_domain_add(e, name, &d, &why));
}

/* Undoes change `id' (0: the last) and says which it was. */
static int64_t
undo(struct rules_edit *e, int64_t id, size_t rows)
{
	char *why = NULL;
	size_t n = 0;

	EXPECT_OK(rules_history_undo(e, &id, &n, &why));
	assert_int_equal(n, rows);
	return id;
}

static void
refuse_undo(struct rules_edit *e, int64_t id, enum rules_edit_result want, const char *part)
{
	char *why = NULL;
	size_t n;

	rulesdb_expect(rules_history_undo(e, &id, &n, &why), want, &why, part);
}

/* --- the record -------------------------------------------------------------------- */

/* Whoever writes with sqlite3 is on record; each table, each kind of change. */
static void
test_by_hand(void **state)
{
	static const struct {
		const char	*table, *insert, *update;
	} row[] = {
		{ "schedule", "('s', '1m', 0, '2d', '', 'hold')", "jitter = 1" },
		{ "domain", "('d.test', 'h', 'any', 'default', 'off', '', '', '', '', 'none', 0,"
		  " 0, 'never', 0, 0,"
		  " 0, '', '', 0, '')", "tls = 'may'" },
		{ "alias_domain", "('a.test', 'ok.test', '')", "note = 'x'" },
		{ "pattern", "('ok.test', 'x', 'accept', '')", "answer = 'reject'" },
		{ "setting", "('', 'spf.fail', '5')", "value = 'off'" },
		{ "list", "('deny', 'sender', 'a@b.test', '', '', '', 'enforce', '')", "mode = 'off'" },
		{ "limits", "('bytes', 'all', '', '1M/1h', '', 'defer', 'enforce', '')",
		  "burst = '2M'" },
		{ "dnsbl", "('d.test', 'client', '', '5', 'enforce', '')", "verdict = 'reject'" },
		{ "header", "('subject', 'x', '', '5', 'enforce', '')", "verdict = 'tag'" },
		{ "mx_network", "('192.0.2.0/24', '')", "note = 'x'" },
		{ "mx_domain", "('m.test', 'never', '')", "serve = 'always'" },
		{ "turn_network", "('192.0.2.0/24', '')", "note = 'x'" },
	};
	const struct rulesdb *t = *state;

	rulesdb_expect_text(t->path, "SELECT count(*) FROM history", "0|");
	rulesdb_sql(t, "INSERT INTO domain (name, primaries) VALUES ('ok.test', 'h')");
	for (size_t i = 0; i < COUNT(row); i++) {
		char *insert = xasprintf("DELETE FROM history; INSERT INTO %s VALUES %s", row[i].table,
		    row[i].insert);
		char *update = xasprintf("UPDATE %s SET %s WHERE rowid = (SELECT max(rowid) FROM %s)",
		    row[i].table, row[i].update, row[i].table);
		char *delete = xasprintf("DELETE FROM %s WHERE rowid = (SELECT max(rowid) FROM %s)",
		    row[i].table, row[i].table);
		char *want = xasprintf("sql|NULL|%s|0|1|sql|NULL|%s|1|1|sql|NULL|%s|1|0|", row[i].table,
		    row[i].table, row[i].table);

		rulesdb_sql(t, insert);
		rulesdb_sql(t, update);
		rulesdb_sql(t, update);		/* a second time it changes nothing */
		rulesdb_sql(t, delete);
		rulesdb_expect_text(t->path, LOG, want);
		assert_string_equal(rules_history_table(row[i].table), row[i].table);
		free(insert);
		free(update);
		free(delete);
		free(want);
	}
	assert_null(rules_history_table("recipient"));
	assert_null(rules_history_table("history"));

	/* the row as an object; a list's age and its members are no rules */
	rulesdb_sql(t, "DELETE FROM history; UPDATE mx_network SET note = 'none there';"
	    "INSERT INTO mx_network VALUES ('::1', 'it''s \"ours\"');"
	    "UPDATE domain SET list_time = 5; INSERT INTO recipient VALUES ('ok.test', 'bob');"
	    "DELETE FROM recipient");
	rulesdb_expect_text(t->path, "SELECT before, after, abs(time - strftime('%s', 'now')) < 60"
	    " FROM history",
	    "NULL|{\"network\":\"::1\",\"note\":\"it's \\\"ours\\\"\"}|1|");
}

static void
test_by_command(void **state)
{
	const struct rules_edit_schedule s = { .steps = "1m" };
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL, *me;
	bool changed;
	size_t n;

	rules_edit_who(e, "alice");
	add_domain(e, "a.test");
	EXPECT_OK(rules_edit_schedule_add(e, "quick", &s, &why));
	EXPECT_OK(rules_edit_setting_set(e, "spf.fail", "a.test", "5", &why));
	EXPECT_OK(rules_edit_setting_unset(e, "spf.fail", "a.test", &changed, &why));
	PUT(e, "alias_domain", "b.test", "a.test");
	PUT(e, "pattern", "a.test", "x");
	EXPECT_OK(rules_edit_domain_remove(e, "a.test", &n, &why));
	rulesdb_expect_text(t->path, LOG, "alice|1|domain|0|1|alice|2|schedule|0|1|alice|3|setting|0|1|"
	    "alice|4|setting|1|0|alice|5|alias_domain|0|1|alice|6|pattern|0|1|"
	    /* what goes with the domain is of the same change */
	    "alice|7|pattern|1|0|alice|7|alias_domain|1|0|alice|7|domain|1|0|");
	rulesdb_expect_text(t->path, "SELECT * FROM editor", "1|sql|NULL|");
	/* what is refused leaves no trace, and the next writer is not taken for this one */
	rulesdb_expect(rules_edit_setting_set(e, "spf.fail", "", "x", &why), EDIT_BAD, &why, NULL);
	rulesdb_expect_text(t->path, "SELECT * FROM editor", "1|sql|NULL|");
	rulesdb_expect_text(t->path, "SELECT count(*) FROM history", "9|");
	rulesdb_sql(t, "DELETE FROM schedule WHERE name = 'quick'");
	rulesdb_expect_text(t->path, "SELECT who, batch FROM history WHERE id = 10", "sql|NULL|");
	/* without the row that says who it is the record goes on */
	rulesdb_sql(t, "DELETE FROM editor");
	PUT(e, "mx_network", "::1");
	rulesdb_expect_text(t->path, "SELECT who, batch, tbl FROM history WHERE id ="
	    " 11", "alice|8|mx_network|");
	rulesdb_expect_text(t->path, "SELECT * FROM editor", "1|sql|NULL|");
	rules_edit_close(&e);

	/* who it is if nobody says so */
	e = rulesdb_edit(t);
	assert_int_equal(setenv("SUDO_USER", "bo\"b", 1), 0);
	PUT(e, "mx_network", "::2");
	assert_int_equal(unsetenv("SUDO_USER"), 0);
	me = xasprintf("%s for bo\"b|", getpwuid(getuid())->pw_name);
	rulesdb_expect_text(t->path, "SELECT who FROM history WHERE id = 12", me);
	free(me);
	rules_edit_close(&e);
}

/* --- undo ------------------------------------------------------------------------------ */

#define ROWS	"SELECT * FROM mx_network ORDER BY 1"

static void
test_undo(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL;

	rules_edit_who(e, "alice");
	refuse_undo(e, 0, EDIT_MISSING, "nothing was changed yet");
	PUT(e, "mx_network", "::1", "a");			/* 1 */
	PUT(e, "mx_network", "::1", "b");			/* 2 */
	assert_int_equal(undo(e, 0, 1), 2);			/* 3 */
	rulesdb_expect_text(t->path, ROWS, "::1|a|");
	assert_int_equal(undo(e, 0, 1), 3);			/* 4: the undoing is undone */
	rulesdb_expect_text(t->path, ROWS, "::1|b|");
	refuse_undo(e, 1, EDIT_IN_USE, "mx_network ::1 was changed again since change 1");
	refuse_undo(e, 99, EDIT_MISSING, "there is no change 99");
	rulesdb_expect_text(t->path, ROWS, "::1|b|");

	EXPECT_OK(rules_edit_kind_remove(e, rules_kind_find("mx_network"), (const char *[]){ "::1", NULL },
	    &why));						/* 5 */
	assert_int_equal(undo(e, 5, 1), 5);			/* 6 */
	rulesdb_expect_text(t->path, ROWS, "::1|b|");
	/* it came back already */
	refuse_undo(e, 5, EDIT_IN_USE, "mx_network ::1 was changed again since change 5");
	PUT(e, "mx_network", "::2");				/* 7 */
	assert_int_equal(undo(e, 7, 1), 7);			/* 8 */
	rulesdb_expect_text(t->path, ROWS, "::1|b|");
	refuse_undo(e, 7, EDIT_IN_USE, "mx_network ::2 was changed again");
	rulesdb_expect_text(t->path, "SELECT id, who, batch FROM history WHERE id >"
	    " 6", "7|alice|7|8|alice|8|");

	/* what somebody did by hand, with texts that want quoting and numbers that stay numbers */
	rulesdb_sql(t, "INSERT INTO domain (name, primaries, size_limit) VALUES ('a.test', 'h', 7);"
	    "INSERT INTO mx_network VALUES ('::3', 'a''b\"c\\d' || char(10) || '\xc3\xbc%s')");
	rulesdb_sql(t, "DELETE FROM mx_network; UPDATE domain SET size_limit = 9, delimiter = ''");
	assert_int_equal(undo(e, 0, 1), 13);
	assert_int_equal(undo(e, 12, 1), 12);
	assert_int_equal(undo(e, 11, 1), 11);
	rulesdb_expect_text(t->path, ROWS, "::1|b|::3|a'b\"c\\d\n\xc3\xbc%s|");
	rulesdb_expect_text(t->path, "SELECT size_limit, typeof(size_limit), delimiter FROM"
	    " domain", "7|integer|+|");
	rules_edit_close(&e);
}

/* What was changed together goes back together. */
static void
test_undo_batch(void **state)
{
	const struct rules_edit_schedule s = { .steps = "1m" };
	const struct rules_edit_domain slow = { .schedule = "slow" };
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL, *before;
	size_t n;

	add_domain(e, "a.test");				/* 1 */
	PUT(e, "alias_domain", "b.test", "a.test");		/* 2 */
	PUT(e, "pattern", "a.test", "x");			/* 3 */
	rulesdb_sql(t, "UPDATE domain SET list_time = 77; INSERT INTO recipient VALUES ('a.test', 'bob')");
	before = rulesdb_text(t->path, "SELECT * FROM alias_domain, pattern");
	EXPECT_OK(rules_edit_domain_remove(e, "a.test", &n, &why));	/* 4 to 6 */
	/* by whichever of its rows */
	for (int64_t id = 4; id <= 6; id++) {
		assert_int_equal(undo(e, id, 3), id);
		rulesdb_expect_text(t->path, "SELECT * FROM alias_domain, pattern", before);
		/* the recipients are not on record: the list never came, so nobody is refused for good */
		rulesdb_expect_text(t->path, "SELECT list_time FROM domain", "0|");
		assert_int_equal(undo(e, 0, 3), 6 + (id - 3) * 6 - 3);
	}
	free(before);
	rulesdb_expect_text(t->path, "SELECT count(*) FROM domain", "0|");

	/* a row that was changed twice goes back through both */
	PUT(e, "mx_network", "::1", "a");
	rulesdb_sql(t, "UPDATE editor SET who = 'x', batch = 900; UPDATE mx_network SET note = 'b';"
	    "UPDATE mx_network SET note = 'c'; UPDATE editor SET who = 'sql', batch = NULL");
	(void)undo(e, 0, 2);
	rulesdb_expect_text(t->path, ROWS, "::1|a|");

	/* what the daemons would refuse is not done */
	EXPECT_OK(rules_edit_schedule_add(e, "slow", &s, &why));
	add_domain(e, "c.test");
	EXPECT_OK(rules_edit_domain_set(e, "c.test", &slow, &why));
	refuse_undo(e, rulesdb_number(t, "SELECT max(id) FROM history WHERE tbl = 'schedule'"), EDIT_BAD,
	    "domain c.test: schedule: there is no schedule `slow'");
	/* or only half of it */
	rulesdb_sql(t, "UPDATE history SET batch = 1000 WHERE id > (SELECT max(id) - 2 FROM history);"
	    "UPDATE domain SET size_limit = 1");
	refuse_undo(e, rulesdb_number(t, "SELECT min(id) FROM history WHERE batch = 1000"), EDIT_IN_USE,
	    "domain c.test was changed again");
	rulesdb_expect_text(t->path, "SELECT name, schedule, size_limit FROM domain", "c.test|slow|1|");
	rules_edit_close(&e);
}

/* History that somebody wrote is not trusted. */
static void
test_undo_foreign(void **state)
{
	static const struct {
		const char	*table, *before, *after, *why;
	} row[] = {
		{ "mx_network", "NULL", "NULL", "is not in a form" },
		{ "mx_network", "'{}'", "NULL", "is not in a form" },
		{ "mx_network", "'not JSON'", "NULL", "is not in a form" },
		{ "mx_network", "'[1]'", "NULL", "is not in a form" },
		{ "mx_network", "'{\"network\":\"::1\",\"nope\":\"x\"}'", "NULL", "is not in a form" },
		{ "mx_network", "'{\"network\\\") VALUES (1); DROP TABLE domain; --\":\"x\"}'", "NULL",
		  "is not in" },
		{ "mx_network", "'{\"network\":\"here\",\"note\":\"\"}'", "NULL",
		  "mx_network here: network: `here'" },
		{ "mx_network", "'{\"network\":null,\"note\":\"\"}'", "NULL",
		  "mx_network.network is needed" },
		{ "sqlite_master", "'{\"name\":\"x\"}'", "NULL", "is not in a form" },
	};
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);

	for (size_t i = 0; i < COUNT(row); i++) {
		char *sql = xasprintf("INSERT INTO history (time, who, tbl, before, after) VALUES"
		    " (1, 'x', '%s', %s, %s)", row[i].table, row[i].before, row[i].after);

		rulesdb_sql(t, sql);
		refuse_undo(e, 0, EDIT_BAD, row[i].why);
		free(sql);
	}
	rulesdb_expect_text(t->path, "SELECT count(*) FROM mx_network", "0|");
	rules_edit_close(&e);
}

/* --- imports, length, words ----------------------------------------------------------------- */

static void
test_import(void **state)
{
	static const char *const three[] = { "a", "b", "c" };
	struct rules_edit_import im = { .locals = three, .n = 3, .now = 1000 };
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *why = NULL;

	rules_edit_who(e, "alice");
	add_domain(e, "a.test");
	EXPECT_OK(rules_edit_recipient_import(e, "A.test", &im, &why));
#define TAIL "SELECT who, batch, tbl, before, after FROM history WHERE id > 1"
#define FIRST "alice|2|recipient|{\"domain\":\"a.test\",\"recipients\":0}|{\"domain\":\"a.test\",\"recipients\":3}|"
	rulesdb_expect_text(t->path, TAIL, FIRST);
	im.now = 2000;		/* the same list once more is no change */
	EXPECT_OK(rules_edit_recipient_import(e, "a.test", &im, &why));
	rulesdb_expect_text(t->path, TAIL, FIRST);
	rulesdb_expect_text(t->path, "SELECT list_time FROM domain", "2000|");
	im.n = 1;		/* refused: too short */
	rulesdb_expect(rules_edit_recipient_import(e, "a.test", &im, &why), EDIT_SHRINK, &why, NULL);
	rulesdb_expect_text(t->path, TAIL, FIRST);
	refuse_undo(e, 0, EDIT_BAD, "change 2 brought a list of recipients; import the one before it");
	/* with the rule that it changed */
	im.n = 2;
	im.force = im.catch_all = true;
	EXPECT_OK(rules_edit_recipient_import(e, "a.test", &im, &why));
	rulesdb_expect_text(t->path, "SELECT batch, tbl FROM history WHERE id >"
	    " 2", "3|domain|3|recipient|");
	refuse_undo(e, 3, EDIT_BAD, "change 3 brought a list of recipients");
	rulesdb_expect_text(t->path, "SELECT catch_all FROM domain", "@|");
	/* other changes can be undone as before */
	PUT(e, "mx_network", "::1");
	assert_int_equal(undo(e, 0, 1), 5);
	rules_edit_close(&e);
}

/* The oldest go, whole batches of them. */
static void
test_length(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	char *fill = xasprintf("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %d)"
	    " INSERT INTO history (id, time, who, batch, tbl) SELECT i, 1, 'x', nullif(i / 10, 2),"
	    " 'list' FROM n",
	    RULES_HISTORY_MAX + 4), *why = NULL;
	bool changed;

#define OLDEST "SELECT min(id), max(id) FROM history"
	rulesdb_sql(t, fill);
	PUT(e, "mx_network", "::1");	/* 1 to 5 are too old, but of one batch with 6 to 9 */
	rulesdb_expect_text(t->path, OLDEST, "1|100005|");
	rulesdb_sql(t, "DELETE FROM history WHERE id BETWEEN 100 AND 200");	/* a gap does no harm */
	for (int i = 0; i < 3; i++)
		PUT(e, "mx_network", "::1", i % 2 == 0 ? "a" : "b");
	rulesdb_expect_text(t->path, OLDEST, "1|100008|");
	PUT(e, "mx_network", "::1", "c");
	rulesdb_expect_text(t->path, OLDEST, "10|100009|");
	/* what belongs to nothing goes one by one: 20 to 29 */
	for (int i = 0; i < 15; i++)
		PUT(e, "mx_network", "::1", i % 2 == 0 ? "a" : "b");
	rulesdb_expect_text(t->path, OLDEST, "25|100024|");
	/* nothing but changes by hand, and a change that is none */
	rulesdb_sql(t, "UPDATE history SET batch = NULL; DELETE FROM history WHERE id > 100000");
	free(fill);
	fill = xasprintf("WITH RECURSIVE n (i) AS (SELECT 100001 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %d)"
	    " INSERT INTO history (id, time, who, tbl) SELECT i, 1, 'x', 'list' FROM"
	    " n", RULES_HISTORY_MAX + 50);
	rulesdb_sql(t, fill);
	EXPECT_OK(rules_edit_setting_unset(e, "spf.fail", "", &changed, &why));
	rulesdb_expect_text(t->path, OLDEST, "51|100050|");
	free(fill);
	rules_edit_close(&e);
}

struct told {
	struct buf	text;
	size_t		n;
};

static void
tell(void *arg, const struct rules_change *c)
{
	struct told *told = arg;
	char *text = rules_change_text(c);

	buf_printf(&told->text, "%s\n", text);
	told->n++;
	free(text);
}

static void
test_words(void **state)
{
	const struct rulesdb *t = *state;
	struct rules_edit *e = rulesdb_edit(t);
	struct told told = { .n = 0 };
	char *why = NULL;

	rulesdb_sql(t, "INSERT INTO domain (name, primaries) VALUES ('a.test', 'h');"
	    "UPDATE domain SET name = 'b.test', size_limit = 7;"
	    "INSERT INTO setting VALUES ('b.test', 'spf.fail', 'off');"
	    "INSERT INTO list (action, field, value, scope, note) VALUES"
	    " ('deny', 'sender', 'x@y.test', 'b.test', 'spam');"
	    "UPDATE list SET note = '' WHERE note = 'spam'; DELETE FROM limits WHERE what = 'unknown';"
	    "INSERT INTO history (time, who, tbl, before, after) VALUES (1, 'x', 'recipient',"
	    " '{\"domain\":\"b.test\",\"recipients\":1}', '{\"domain\":\"b.test\",\"recipients\":2}')");
	EXPECT_OK(rules_history_each(t->path, 100, tell, &told, &why));
	assert_string_equal(buf_str(&told.text),
	    "changed recipient b.test: recipients 1 to 2\n"
	    "removed limits unknown client: rate `20/10m', burst `20', action `lockout', mode `enforce',"
	    " note `a dictionary attack'\n"
	    "changed list deny sender x@y.test for b.test: note `spam' to `'\n"
	    "added list deny sender x@y.test for b.test: mode `enforce', note `spam'\n"
	    "added setting spf.fail for b.test: value `off'\n"
	    "changed domain a.test: name `a.test' to `b.test', size_limit 0 to 7\n"
	    "added domain a.test: primaries `h', recipients `list', schedule `default', tls `may',"
	    " client `xforward', concurrency 0, message_rate 0, bounce `spf-pass', delivery_id 0,"
	    " size_limit 0,"
	    " case_sensitive 0, delimiter `+', list_max_age `30d'\n");
	buf_clear(&told.text);
	told.n = 0;
	EXPECT_OK(rules_history_each(t->path, 2, tell, &told, &why));
	assert_int_equal(told.n, 2);
	buf_free(&told.text);
	rules_edit_close(&e);
	rulesdb_sql(t, "PRAGMA user_version = 2");
	rulesdb_expect(rules_history_each(t->path, 2, tell, &told, &why), EDIT_FAULT, &why,
	    "made by an older Holdfast (schema 2)");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rulesdb_setup, rulesdb_teardown)
	const struct CMUnitTest tests[] = {
		T(test_by_hand), T(test_by_command), T(test_undo), T(test_undo_batch), T(test_undo_foreign),
		T(test_import), T(test_length), T(test_words),
	};

	return cmocka_run_group_tests_name("rules_history", tests, NULL, NULL);
}
