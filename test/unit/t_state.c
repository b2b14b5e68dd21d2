/*
 * t_state.c -- what the milter remembers survives it, and no trouble with the file is trouble for mail.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/rules.h"
#include "common/rules_policy.h"
#include "common/state_read.h"
#include "milter/counters.h"
#include "milter/greylist.h"
#include "milter/limits.h"
#include "milter/memory.h"
#include "milter/state.h"
#include "milter/state_db.h"
#include "test/unit/rulesdb.h"
#include "test/unit/service_lab.h"

#define S	LIMITS_SECOND

struct fixture {
	void		*db;
	char		 path[128];	/* of state.db */
	struct rules	*rules;
	struct service	*service;
	struct state	*state;
};

static const struct rulesdb *
dir(const struct fixture *f)
{
	return f->db;
}

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char *why = NULL;

	if (rulesdb_setup(&f->db) != 0)
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/state.db", dir(f)->dir);
	if ((f->rules = rules_open(dir(f)->path, &why)) == NULL)
		return -1;
	*state = f;
	return 0;
}

static void
start(struct fixture *f)
{
	f->service = service_lab(dir(f)->dir, f->rules);
	f->state = state_open(f->path, f->service);
}

static void
stop(struct fixture *f)
{
	state_close(&f->state);
	if (f->service != NULL)
		service_free(&f->service);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	stop(f);
	rules_close(&f->rules);
	(void)rulesdb_teardown(&f->db);
	free(f);
	return 0;
}

/* --- what happens to be remembered -------------------------------------------------- */

static struct rules_limit rule = { .what = LIMIT_MESSAGES, .per = PER_CLIENT, .amount = 5, .interval = 3600,
	.burst = 5, .mode = MODE_ENFORCE };
static const struct rules_policy policy = { .greylist_delay = 1, .greylist_window = 3600,
	.greylist_lifetime = 86400, .greylist_passes = 1, .greylist_entries = 1000 };

/* How many of n messages of this client there is room for. */
static unsigned
messages(const struct fixture *f, const char *client, unsigned n)
{
	unsigned passed = 0;

	for (; n > 0; n--) {
		struct limits_ask a = { .rule = &rule, .value = client, .n = 1, .blocks = true };

		limits_ask(service_limits(f->service), &a, 1, 1000, clock_wall_us(), false);
		passed += !a.over;
	}
	return passed;
}

static enum greylist_answer
greylist(const struct fixture *f, const char *sender, int64_t when)
{
	struct greylist_who who = { "192.0.2.0/24", sender, "joe@example.test", false };
	unsigned wait;

	return greylist_ask(service_greylist(f->service), &who, &policy, when, false, &wait);
}

static bool
locked(const struct fixture *f, const char *client)
{
	int64_t left;

	return limits_locked(service_limits(f->service), client, 3600 * S, clock_wall_us(), &left);
}

static void
learn(const struct fixture *f)
{
	int64_t now = clock_wall();

	assert_int_equal(messages(f, "192.0.2.1", 3), 3);
	assert_true(limits_lock(service_limits(f->service), "192.0.2.66", LIMIT_UNKNOWN, 3600 * S, 1000,
	    clock_wall_us()));
	assert_int_equal(greylist(f, "a@example.org", now - 10), GREYLIST_FIRST);
	assert_int_equal(greylist(f, "b@example.org", now), GREYLIST_FIRST);
	for (int i = 0; i < 3; i++)
		counters_add(service_counters(f->service), "list deny client 192.0.2.1", COUNT_SEEN);
	counters_add(service_counters(f->service), "list deny client 192.0.2.1", COUNT_HIT);
}

static void
check_learnt(const struct fixture *f)
{
	struct service_lab_count n = service_lab_count(f->service, "list deny client 192.0.2.1");

	assert_int_equal(messages(f, "192.0.2.1", 10), 2);
	assert_int_equal(messages(f, "192.0.2.2", 10), 5);
	assert_true(locked(f, "192.0.2.66"));
	assert_false(locked(f, "192.0.2.67"));
	assert_true(n.seen == 3 && n.hit == 1 && n.would == 0);
}

/* --- looking into the file ------------------------------------------------------------- */

static long long
number(const struct fixture *f, const char *sql)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	long long n = -1;

	if (sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    sqlite3_busy_timeout(db, 2000) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
	return n;
}

static void
sql(const struct fixture *f, const char *text)
{
	sqlite3 *db = NULL;
	char *err = NULL;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &err) != SQLITE_OK)
		fail_msg("%s: %s", text, err);
	(void)sqlite3_close(db);
}

static void
until(const struct fixture *f, const char *query, long long want)
{
	int64_t deadline = clock_mono_ms() + 30000;
	struct timespec ms = { .tv_nsec = 20000000 };

	while (number(f, query) != want) {
		if (clock_mono_ms() > deadline)
			fail_msg("%s: %lld, not %lld", query, number(f, query), want);
		(void)nanosleep(&ms, NULL);
	}
}

/* Files of the folder whose names begin so; a journal beside one is part of it. */
static unsigned
files(const struct fixture *f, const char *prefix)
{
	DIR *d = opendir(dir(f)->dir);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += strncmp(e->d_name, prefix, strlen(prefix)) == 0 && strstr(e->d_name, "-journal") == NULL;
	(void)closedir(d);
	return n;
}

/* --- tests ------------------------------------------------------------------------------ */

static void
test_survives(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	(void)umask(077);
	start(f);
	learn(f);
	stop(f);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0137, 0);
	start(f);
	check_learnt(f);
	/* As long after its first time as the delay is: it is known, and its network free by that. */
	assert_int_equal(greylist(f, "a@example.org", clock_wall()), GREYLIST_PASS);
	assert_int_equal(greylist(f, "c@example.org", clock_wall()), GREYLIST_FREE);
	stop(f);
	start(f);
	assert_int_equal(greylist(f, "d@example.org", clock_wall()), GREYLIST_FREE);
}

/* A second after it happened it is in the file: nothing is said to it at a kill -9. */
static void
test_write_behind(void **state)
{
	struct fixture *f = *state;

	start(f);
	learn(f);
	until(f, "SELECT count(*) FROM bucket WHERE what = 'messages' AND per = 'client' AND value = '192.0.2.1'", 1);
	until(f, "SELECT count(*) FROM lockout WHERE client = '192.0.2.66'", 1);
	until(f, "SELECT count(*) FROM greylist WHERE network = '192.0.2.0/24' AND sender LIKE '_@example.org'"
	    " AND recipient = 'joe@example.test' AND passes = 0", 2);
	until(f, "SELECT seen FROM counter WHERE name = 'list deny client 192.0.2.1'", 3);
	assert_int_equal(number(f, "SELECT value FROM status WHERE name = 'pid'"), getpid());
	assert_int_equal(number(f, "SELECT value FROM status WHERE name = 'stopped'"), 0);
	stop(f);
	assert_in_range(number(f, "SELECT value FROM status WHERE name = 'stopped'"), clock_wall() - 30,
	    clock_wall());
}

static void
test_status(void **state)
{
	struct fixture *f = *state;

	start(f);
	until(f, "SELECT count(*) FROM status WHERE name = 'rules' AND value = 'ok'", 1);
	state_alive(f->state, "row 5 is bad");
	until(f, "SELECT count(*) FROM status WHERE name = 'rules' AND value = 'row 5 is bad'", 1);
	state_alive(f->state, "ok");
	until(f, "SELECT count(*) FROM status WHERE name = 'rules' AND value = 'ok'", 1);
	assert_in_range(number(f, "SELECT value FROM status WHERE name = 'updated'"), clock_wall() - 30,
	    clock_wall());
	/* A successor writes by now: the end of this one is not its end. */
	sql(f, "UPDATE status SET value = 1 WHERE name = 'pid'");
	stop(f);
	assert_int_equal(number(f, "SELECT value FROM status WHERE name = 'stopped'"), 0);
}

/* Whatever the file is, the milter works, and what was there is not lost. */
static void
test_damaged(void **state)
{
	static const char *const what[] = { "rubbish that is no database at all, but long enough to be one, "
	    "which SQLite looks at in its first hundred bytes and more", "SQLite format 3" };
	struct fixture *f = *state;
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		char page[8192] = "";

		(void)snprintf(page, sizeof(page), "%s", what[i]);
		assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
		(void)close(fd);
		start(f);
		learn(f);
		stop(f);
		start(f);
		check_learnt(f);
		stop(f);
		assert_int_equal(files(f, "state.db.damaged-"), ++n);
		sleep(1);	/* they bear the second in their names */
	}
}

/* Pages in the middle go bad while it runs: a new file gets everything, what had been written before as well. */
static void
test_damaged_later(void **state)
{
	struct fixture *f = *state;
	char page[4096];
	int fd;

	start(f);
	learn(f);
	until(f, "SELECT count(*) FROM greylist", 2);
	memset(page, 0x55, sizeof(page));
	fd = open(f->path, O_WRONLY);
	for (off_t at = 0; at < 16 * 4096; at += 4096)
		assert_int_equal(pwrite(fd, page, sizeof(page), at), sizeof(page));
	(void)close(fd);
	assert_int_equal(messages(f, "192.0.2.9", 1), 1);
	until(f, "SELECT count(*) FROM bucket", 2);
	assert_int_equal(files(f, "state.db.damaged-"), 1);
	stop(f);
	start(f);
	check_learnt(f);
}

static void
test_foreign(void **state)
{
	struct fixture *f = *state;

	sql(f, "CREATE TABLE mine (x); INSERT INTO mine VALUES (42); PRAGMA user_version = 1");
	start(f);
	learn(f);
	stop(f);
	/* Nobody else's file is touched. */
	assert_int_equal(number(f, "SELECT x FROM mine"), 42);
	assert_int_equal(files(f, "state.db.damaged-"), 0);
	assert_int_equal(unlink(f->path), 0);

	start(f);
	learn(f);
	stop(f);
	sql(f, "PRAGMA user_version = 99");
	start(f);
	assert_int_equal(messages(f, "192.0.2.1", 10), 5);	/* it knows nothing, and works */
	stop(f);
	assert_int_equal(number(f, "PRAGMA user_version"), 99);
	sql(f, "PRAGMA user_version = 1");
	start(f);
	check_learnt(f);
}

static void
test_no_folder(void **state)
{
	struct fixture *f = *state;

	(void)snprintf(f->path, sizeof(f->path), "%s/none/state.db", dir(f)->dir);
	start(f);
	learn(f);
	check_learnt(f);
	stop(f);
}

/* A symbolic link is not followed: it may lead to anything that the milter can write. */
static void
test_symlink(void **state)
{
	struct fixture *f = *state;
	char target[160];

	(void)snprintf(target, sizeof(target), "%s/target", dir(f)->dir);
	assert_int_equal(symlink(target, f->path), 0);
	start(f);
	learn(f);
	check_learnt(f);
	stop(f);
	assert_int_equal(access(target, F_OK), -1);
}

/* Somebody removes the file: what is known goes to a new one. */
static void
test_removed(void **state)
{
	struct fixture *f = *state;

	start(f);
	learn(f);
	until(f, "SELECT count(*) FROM greylist", 2);
	assert_int_equal(unlink(f->path), 0);
	until(f, "SELECT count(*) FROM greylist", 2);
	stop(f);
	start(f);
	check_learnt(f);
}

/* A reader that keeps the file locked loses nothing. */
static void
test_locked(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db = NULL;

	start(f);
	until(f, "SELECT count(*) FROM status WHERE name = 'pid'", 1);
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(db, 5000), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	learn(f);
	sleep(4);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	until(f, "SELECT count(*) FROM greylist", 2);
	stop(f);
	start(f);
	check_learnt(f);
}

/* What is over is not read again. */
static void
test_over(void **state)
{
	struct fixture *f = *state;

	start(f);
	learn(f);
	stop(f);
	sql(f, "UPDATE bucket SET until = 1; UPDATE lockout SET until = 1; UPDATE greylist SET until = 1");
	start(f);
	assert_int_equal(messages(f, "192.0.2.1", 10), 5);
	assert_false(locked(f, "192.0.2.66"));
	assert_int_equal(memory_count(greylist_triplets(service_greylist(f->service))), 0);
}

/* The file is bounded as the memory is: who invents senders does not fill the disk. */
static void
test_trim(void **state)
{
	struct fixture *f = *state;
	struct memory_record r = { .n = { 1, 0, 0 } };
	enum state_db_result result;
	struct state_db *d;
	char *why, text[64];
	bool created;

	d = state_db_open(f->path, &created, &result, &why);
	assert_non_null(d);
	assert_true(created);
	assert_int_equal(state_db_begin(d), DB_OK);
	for (int i = 0; i < 1200; i++) {
		(void)snprintf(text, sizeof(text), "192.0.2.0/24\na%d@example.org\njoe@example.test", i);
		memory_key(text, &r.key);
		r.text = text;
		r.until = i % 12 == 0 ? 500 : 5000;		/* 100 of them are over first */
		assert_int_equal(state_db_put(d, DB_GREYLIST, &r, i), DB_OK);
	}
	assert_int_equal(state_db_commit(d), DB_OK);
	assert_int_equal(state_db_trim(d, DB_GREYLIST, 1000, 100), DB_OK);
	assert_int_equal(number(f, "SELECT count(*) FROM greylist"), 1000);
	assert_int_equal(number(f, "SELECT min(updated) FROM greylist"), 200);	/* the oldest went */
	assert_int_equal(state_db_trim(d, DB_GREYLIST, 1000, 500), DB_OK);
	assert_int_equal(number(f, "SELECT count(*) FROM greylist WHERE until = 500"), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM greylist"), 917);
	/* A tenth more is borne, so that not every round reads them all. */
	assert_int_equal(state_db_trim(d, DB_GREYLIST, 850, 600), DB_OK);
	assert_int_equal(number(f, "SELECT count(*) FROM greylist"), 917);
	assert_int_equal(state_db_trim(d, DB_GREYLIST, 0, 600), DB_OK);
	assert_int_equal(number(f, "SELECT count(*) FROM greylist"), 917);
	assert_int_equal(state_db_trim(d, DB_GREYLIST, 100, 600), DB_OK);
	assert_int_equal(number(f, "SELECT count(*) FROM greylist"), 100);
	state_db_close(&d);
}

static void
test_read(void **state)
{
	struct fixture *f = *state;
	struct state_row *rows = NULL;
	char *why = NULL;
	size_t n;

	assert_int_equal(state_read(f->path, STATE_STATUS, 0, &rows, &n, &why), STATE_ABSENT);
	assert_non_null(why);
	free(why);
	why = NULL;
	sql(f, "CREATE TABLE mine (x)");
	assert_int_equal(state_read(f->path, STATE_STATUS, 0, &rows, &n, &why), STATE_BAD);
	assert_non_null(strstr(why, "not a state database"));
	free(why);
	assert_int_equal(unlink(f->path), 0);

	start(f);
	learn(f);
	stop(f);
	assert_int_equal(state_read(f->path, STATE_STATUS, 0, &rows, &n, &why), STATE_OK);
	assert_string_equal(state_status(rows, n, "rules"), "ok");
	assert_string_equal(state_status(rows, n, "none"), "");
	state_free(&rows, n);
	assert_int_equal(state_read(f->path, STATE_GREYLIST, clock_wall_us(), &rows, &n, &why), STATE_OK);
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].text[1], "b@example.org");	/* the latest first */
	assert_string_equal(rows[1].text[0], "192.0.2.0/24");
	assert_string_equal(rows[1].text[2], "joe@example.test");
	assert_int_equal(rows[1].n[2], 0);
	state_free(&rows, n);
	assert_int_equal(state_read(f->path, STATE_LOCKOUTS, clock_wall_us(), &rows, &n, &why), STATE_OK);
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].text[0], "192.0.2.66");
	assert_int_equal(rows[0].n[1], LIMIT_UNKNOWN);
	state_free(&rows, n);
	assert_int_equal(state_read(f->path, STATE_BUCKETS, clock_wall_us(), &rows, &n, &why), STATE_OK);
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].text[2], "192.0.2.1");
	state_free(&rows, n);
	assert_int_equal(state_read(f->path, STATE_COUNTERS, clock_wall_us(), &rows, &n, &why), STATE_OK);
	assert_int_equal(n, 1);
	assert_int_equal(rows[0].n[0], 3);
	state_free(&rows, n);
	assert_int_equal(state_read(f->path, STATE_NETWORKS, clock_wall_us(), &rows, &n, &why), STATE_OK);
	assert_int_equal(n, 0);
	state_free(&rows, n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_survives, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_status, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_symlink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trim, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
