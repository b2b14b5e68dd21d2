/*
 * t_store_migrate.c -- a queue of version 1 comes to the present version with all that is in it,
 * wherever its process is killed on the way; a copy of what it was stays beside it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "store_lab.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "store_vfs.h"

/* The same steps as the store's own; the first alone makes version 1. */
static const char *const step[] = {
#include "queued/schema.inc"
};
#define STEPS	(sizeof(step) / sizeof(step[0]))

#define KILLED	99

/* A queue that version 1 left: every state, a large body, recipients of one message in
 * two domains, a ledger. Of the small one the messages are 1 and 2. */
static const char small[] =
    "INSERT INTO message VALUES (1, 1000, 4, '', 1, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
    " NULL, NULL);"
    "INSERT INTO message VALUES (2, 2000, 300000, 'ann@b.test', 0, 1, 1, 'envid', 'trace',"
    " 'client.test', '192.0.2.1', '25', 'ESMTP', 'helo', 'ident', 'source');"
    "INSERT INTO rcpt (id, domain, state, next_attempt, address)"
    " VALUES (1024, 'x.test', 0, 1000, 'a@x.test'), (1025, 'y.test', 2, 1000, 'b@y.test');"
    "INSERT INTO rcpt VALUES (2048, 'x.test', 0, 3000, 7, 2500, 1, 450, 'c@x.test', 'rfc822;c',"
    " '4.2.0', 'later', 'p[192.0.2.1]:25');"
    "INSERT INTO rcpt (id, domain, state, next_attempt, address) VALUES (2049, 'x.test', 1, 0, 'd@x');"
    "INSERT INTO chunk VALUES (1 << 12, 'body'), (2 << 12, zeroblob(262144)),"
    " (2 << 12 | 1, zeroblob(37856));"
    "INSERT INTO ledger VALUES (5, 9, 'Q9', 1, 4000000000, 'delivered', 's', 'r', 'relay', 'reply', NULL),"
    " (7, 8, 'Q8', 3, 4000000000, 'deleted', 's2', 'r2', NULL, NULL, 'joe');"
    "UPDATE totals SET messages = 2, bytes = 300004, recipients = 4, held = 1, quarantined = 1";

static const char large[] =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
    " INSERT INTO message (id, arrival, size, sender, body, ret, smtputf8, client_addr, trace)"
    " SELECT i, 1000, 500, 'sender' || i || '@example.org', 0, 0, 0, '192.0.2.1', 'trace' FROM n;"
    "INSERT INTO rcpt (id, domain, state, next_attempt, address)"
    " SELECT id << 10, 'd' || id % 1000 || '.test', 0, 1000, 'r' || id || '@x.test' FROM message;"
    "INSERT INTO chunk SELECT id << 12, randomblob(500) FROM message;"
    "INSERT INTO ledger (message_id, queue_id, arrival, ended, disposition, sender, recipient)"
    " SELECT id, 'Q', 1, 4000000000, 'delivered', sender, 'r@x.test' FROM message;"
    "UPDATE totals SET messages = 100000, bytes = 50000000, recipients = 100000";

/* --- a database of version 1 ---------------------------------------------- */
static void
exec_all(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
}

/* As version 1 made it; open, in WAL mode, as a kill would leave it, when `hot'. */
static void
make_v1(const struct lab *l, const char *content, bool hot)
{
	sqlite3 *db;
	char *wal = lab_path(l, "-wal");

	(void)unlink(l->conf.queue_db);
	(void)unlink(wal);
	assert_int_equal(sqlite3_open(l->conf.queue_db, &db), SQLITE_OK);
	exec_all(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = 8192;"
	    "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; BEGIN");
	exec_all(db, step[0]);
	exec_all(db, "PRAGMA application_id = 1212564561; PRAGMA user_version = 1; COMMIT; BEGIN");
	exec_all(db, content);
	exec_all(db, "COMMIT");
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, hot ? 1 : 0, NULL);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(chmod(l->conf.queue_db, 0600), 0);
	assert_int_equal(chmod(wal, 0600), hot ? 0 : -1);
	free(wal);
}

/* All rows of a query as text, from the closed database. */
static char *
rows_of(const struct lab *l, const char *sql)
{
	struct buf b = BUF_INIT;
	sqlite3_stmt *st;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(l->conf.queue_db, &db), SQLITE_OK);
	exec_all(db, "PRAGMA locking_mode = EXCLUSIVE");
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	while (sqlite3_step(st) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const unsigned char *text = sqlite3_column_text(st, i);

			buf_printf(&b, "%s|", text != NULL ? (const char *)text : "NULL");
		}
		buf_printf(&b, "\n");
	}
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return buf_take(&b);
}

/* What version 1 had, by its own columns. */
static char *
content(const struct lab *l)
{
	static const char *const tables[] = {
		"SELECT id, arrival, size, sender, body, ret, smtputf8, envid, trace, client_name,"
		" client_addr, client_port, client_proto, client_helo, client_ident, client_source"
		" FROM message ORDER BY id",
		"SELECT id, domain, state, next_attempt, attempts, last_attempt, notify, code, address,"
		" orcpt, dsn, reply, relay FROM rcpt ORDER BY id",
		"SELECT id, length(data), hex(substr(data, 1, 32)) FROM chunk ORDER BY id",
		"SELECT id, message_id, queue_id, arrival, ended, disposition, sender, recipient,"
		" relay, reply, who FROM ledger ORDER BY id",
		"SELECT * FROM totals",
		"SELECT * FROM intake",
	};
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		char *text = rows_of(l, tables[i]);

		buf_printf(&b, "%s\n", text);
		free(text);
	}
	return buf_take(&b);
}

static void
expect_sound(const struct lab *l, int64_t version)
{
	char *check = rows_of(l, "PRAGMA integrity_check");

	assert_string_equal(check, "ok|\n");
	free(check);
	assert_int_equal(lab_sql(l, "PRAGMA user_version"), version);
}

/* --- the tests ------------------------------------------------------------ */
static void
test_content(void **state)
{
	struct lab *l = *state;
	struct store_totals t;
	char *before, *after;
	struct leased v;

	lab_close(l);
	make_v1(l, small, false);
	before = content(l);
	assert_non_null(strstr(before, "c@x.test|rfc822;c|"));
	lab_open(l);
	t = lab_totals(l);
	assert_int_equal(t.messages, 2);
	assert_int_equal(t.recipients, 4);
	assert_int_equal(t.quarantined, 1);
	lab_lease(l, "x.test", 3000, 9, &v);
	assert_int_equal(v.n, 2);
	assert_int_equal(v.jobs->arrival, 1000);
	assert_string_equal(v.jobs->body, "body");
	assert_null(v.jobs->env.spf);
	assert_int_equal(v.jobs->next->size, 300000);
	assert_int_equal(v.jobs->next->nrcpt, 1);
	assert_int_equal(v.jobs->next->rcpt[0].attempts, 7);
	assert_false(v.jobs->next->rcpt[0].refused);
	lab_free_jobs(l, &v);
	lab_close(l);
	after = content(l);
	assert_string_equal(before, after);
	expect_sound(l, STEPS);
	free(before);
	free(after);
}

static void
test_large(void **state)
{
	struct lab *l = *state;
	char *before, *after;
	int64_t start;

	lab_close(l);
	make_v1(l, large, false);
	before = content(l);
	start = clock_mono_ms();
	lab_open(l);
	print_message("# 100000 messages and as many ledger rows migrated in %lld ms\n",
	    (long long)(clock_mono_ms() - start));
	lab_close(l);
	after = content(l);
	assert_int_equal(strlen(before), strlen(after));
	assert_string_equal(before, after);
	expect_sound(l, STEPS);
	free(before);
	free(after);
}

/* A new database and one that came the way are the same, to the letter. */
static void
test_same_schema(void **state)
{
	static const char sql[] = "SELECT type, name, tbl_name, sql FROM sqlite_schema"
	    " ORDER BY type, name";
	struct lab *l = *state;
	char *fresh, *come;

	lab_close(l);
	fresh = rows_of(l, sql);
	assert_non_null(strstr(fresh, "CREATE INDEX rcpt_age"));
	make_v1(l, small, true);
	lab_open(l);
	lab_close(l);
	come = rows_of(l, sql);
	assert_string_equal(fresh, come);
	assert_null(strstr(fresh, "ledger_1"));
	free(fresh);
	free(come);
}

/* Opens the store in a process that dies at its n-th write, cut or sync. True: it lived on. */
static bool
open_and_die(struct lab *l, int n)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		char *why = NULL;

		log_open("migrate", LOG_TO_STDERR);
		vfs_die_at(n, KILLED);
		_exit(store_open(&l->conf, l->base, &why) != NULL ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != 0)
		assert_int_equal(WEXITSTATUS(status), KILLED);
	return WEXITSTATUS(status) == 0;
}

static void
test_killed(void **state)
{
	struct lab *l = *state;
	int at[2] = { 0, 0 };		/* how often it was found in which version */
	char *before;
	bool lived = false;
	int n;

	lab_close(l);
	make_v1(l, small, false);
	before = content(l);
	for (n = 1; !lived; n++) {
		char *after;

		make_v1(l, small, n / 2 % 2 == 0);
		lived = open_and_die(l, n);
		if (n % 2 == 0) {	/* looked at before the store does */
			int64_t version = lab_sql(l, "PRAGMA user_version");

			assert_true(version == 1 || version == (int64_t)STEPS);
			at[version != 1]++;
			expect_sound(l, version);	/* all of the step or nothing */
		}
		lab_open(l);
		lab_close(l);
		expect_sound(l, STEPS);
		after = content(l);
		assert_string_equal(before, after);
		free(after);
	}
	print_message("# killed at %d points; of those looked at, %d left version 1, %d version %d\n",
	    n - 2, at[0], at[1], (int)STEPS);
	assert_true(at[0] > 10 && at[1] > 1);
	free(before);
}

/* No room: the reason is said, the queue stays as it is, and comes when there is some. */
static void
test_no_room(void **state)
{
	struct lab *l = *state;
	char *why, *before, *after;

	lab_close(l);
	make_v1(l, small, false);
	before = content(l);
	vfs_fail_write(VFS_WAL, -1, SQLITE_FULL);
	why = lab_refused(l);
	assert_non_null(strstr(why, l->conf.queue_db));
	assert_non_null(strstr(why, "full"));
	free(why);
	vfs_fail_write(VFS_WAL, 0, 0);
	expect_sound(l, 1);
	after = content(l);
	assert_string_equal(before, after);
	free(after);
	lab_open(l);
	lab_close(l);
	expect_sound(l, STEPS);
	free(before);
}

/* --- the copy --------------------------------------------------------------- */

/* The lab now looks at the copy instead. */
static void
swap_path(struct lab *l, char **other)
{
	char *path = l->conf.queue_db;

	l->conf.queue_db = *other;
	*other = path;
}

static void
test_copy(void **state)
{
	struct lab *l = *state;
	char *copy = lab_path(l, ".v1"), *half = lab_path(l, ".v1.new"), *before, *kept;
	struct stat st;
	int fd;

	lab_close(l);
	assert_int_equal(access(copy, F_OK), -1);	/* a new database has no past */
	make_v1(l, small, true);
	before = content(l);
	fd = open(half, O_WRONLY | O_CREAT, 0644);	/* a start was cut off here */
	assert_int_equal(write(fd, "half", 4), 4);
	(void)close(fd);
	assert_int_equal(symlink("elsewhere", copy), 0);
	lab_open(l);
	lab_close(l);
	expect_sound(l, STEPS);
	assert_int_equal(access(half, F_OK), -1);
	assert_int_equal(lstat(copy, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	swap_path(l, &copy);
	expect_sound(l, 1);
	kept = content(l);
	assert_string_equal(before, kept);
	/* It opens as a queue, and takes the same way. */
	lab_open(l);
	lab_close(l);
	expect_sound(l, STEPS);
	swap_path(l, &copy);
	free(before);
	free(kept);
	free(copy);
	free(half);
}

/* No copy, for this reason or that: the queue opens all the same. */
static void
test_no_copy(void **state)
{
	struct lab *l = *state;
	char *copy = lab_path(l, ".v1"), *half = lab_path(l, ".v1.new"), *before, *after;

	lab_close(l);
	make_v1(l, small, false);
	before = content(l);
	l->conf.queue_reserve = UINT64_C(1) << 60;	/* of a larger disk */
	lab_open(l);
	lab_close(l);
	expect_sound(l, STEPS);
	assert_int_equal(access(copy, F_OK), -1);

	l->conf.queue_reserve = 0;
	make_v1(l, small, false);
	assert_int_equal(mkdir(half, 0700), 0);		/* is in the way */
	lab_open(l);
	lab_close(l);
	expect_sound(l, STEPS);
	assert_int_equal(access(copy, F_OK), -1);
	assert_int_equal(rmdir(half), 0);
	after = content(l);
	assert_string_equal(before, after);
	free(before);
	free(after);
	free(copy);
	free(half);
}

/* The disk has room by its own account, and then has not: half a copy goes. */
static void
test_copy_fails(void **state)
{
	struct lab *l = *state;
	char *copy = lab_path(l, ".v1"), *half = lab_path(l, ".v1.new");

	lab_close(l);
	make_v1(l, small, false);
	vfs_fail_write(VFS_DB, -1, SQLITE_FULL);
	lab_open(l);		/* the log has room, where the migration goes first */
	vfs_fail_write(VFS_DB, 0, 0);
	lab_close(l);
	assert_int_equal(access(copy, F_OK), -1);
	assert_int_equal(access(half, F_OK), -1);
	expect_sound(l, STEPS);
	free(copy);
	free(half);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_content, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_large, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_same_schema, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_killed, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_no_room, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_copy, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_no_copy, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_copy_fails, lab_setup, lab_teardown),
	};

	vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
