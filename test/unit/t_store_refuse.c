/*
 * t_store_refuse.c -- files that the store must not start on: it says which and why, and
 * leaves them as they are.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "store_lab.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "store_vfs.h"

static char *
slurp(const char *path, size_t *len)
{
	struct buf b = BUF_INIT;
	char piece[65536];
	FILE *f = fopen(path, "rbe");
	size_t n;

	while (f != NULL && (n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_put(&b, piece, n);
	if (f != NULL)
		(void)fclose(f);
	*len = b.len;
	return buf_take(&b);
}

static void
spit(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(close(fd), 0);
}

static void
refused(struct lab *l, const char *path, const char *reason)
{
	size_t before_len, after_len;
	char *before = slurp(l->conf.queue_db, &before_len);
	char *wal = lab_path(l, "-wal");
	int had_wal = access(wal, F_OK);
	char *why = lab_refused(l);
	char *after = slurp(l->conf.queue_db, &after_len);

	if (strstr(why, path) == NULL || strstr(why, reason) == NULL)
		fail_msg("'%s' should name %s and say '%s'", why, path, reason);
	assert_int_equal(before_len, after_len);
	assert_memory_equal(before, after, before_len);
	assert_int_equal(access(wal, F_OK), had_wal);
	free(wal);
	free(before);
	free(after);
	free(why);
}

static void
test_damage(void **state)
{
	struct lab *l = *state;
	const char *path = l->conf.queue_db;
	char *good;
	size_t len;

	for (int i = 0; i < 20; i++)
		assert_int_equal(lab_put(l, "a@x.test", "message", NULL), STORE_OK);
	lab_close(l);
	good = slurp(path, &len);

	spit(path, good, len / 2);
	refused(l, path, "is truncated");
	spit(path, good, 100);
	refused(l, path, "is not a database");
	spit(path, good, 0);
	refused(l, path, "is empty");
	spit(path, "#!/bin/sh\nexit 1 # and more, so that it is as long as the header of a database"
	    " is, and then some: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", 128);
	refused(l, path, "is not a database");

	spit(path, good, len);
	(void)lab_sql(l, "PRAGMA user_version = 4711");
	refused(l, path, "4711");
	(void)lab_sql(l, "PRAGMA user_version = 1; PRAGMA application_id = 1");
	refused(l, path, "another program");
	(void)lab_sql(l, "PRAGMA application_id = 0");
	refused(l, path, "another program");

	spit(path, good, len);
	(void)lab_sql(l, "DROP TABLE rcpt");
	refused(l, path, "no such table");
	spit(path, good, len);
	(void)lab_sql(l, "DELETE FROM totals");
	refused(l, path, "totals");
	spit(path, good, len);
	(void)lab_sql(l, "DELETE FROM clock");
	refused(l, path, "clock");
	/* Says that it is of the present version, but did not take the step. */
	spit(path, good, len);
	(void)lab_sql(l, "ALTER TABLE rcpt DROP COLUMN warned");
	refused(l, path, "no such column");

	spit(path, good, len);
	lab_open(l);
	assert_int_equal(lab_totals(l).messages, 20);
	free(good);
}

static void
test_kinds_of_files(void **state)
{
	struct lab *l = *state;
	const char *path = l->conf.queue_db;
	char *elsewhere = lab_path(l, ".elsewhere");

	lab_close(l);
	assert_int_equal(chmod(path, 0640), 0);
	refused(l, path, "0640");
	assert_int_equal(chmod(path, 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 1, 1), 0);
		refused(l, path, "belongs to user id 1");
		assert_int_equal(chown(path, 0, 0), 0);
	}
	assert_int_equal(chmod(l->dir, 0777), 0);
	refused(l, path, "everybody may write");
	assert_int_equal(chmod(l->dir, 0700), 0);

	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	refused(l, path, "symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	free(lab_refused(l));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rename(elsewhere, path), 0);
	lab_open(l);
	free(elsewhere);
}

static void
test_no_directory(void **state)
{
	struct lab *l = *state;
	char *good = l->conf.queue_db;

	lab_close(l);
	l->conf.queue_db = xasprintf("%s/none/queue.db", l->dir);
	refused(l, l->conf.queue_db, "No such file or directory");
	free(l->conf.queue_db);
	l->conf.queue_db = good;
	lab_open(l);
}

/* The log of a running store, copied without its database, or beside another one. */
static void
test_hot_log(void **state)
{
	struct lab *l = *state;
	char *wal = lab_path(l, "-wal"), *log;
	size_t len;

	assert_int_equal(lab_put(l, "a@x.test", "message", NULL), STORE_OK);
	log = slurp(wal, &len);
	assert_true(len > 32);
	lab_close(l);
	assert_int_equal(access(wal, F_OK), -1);	/* a clean end leaves none */

	assert_int_equal(unlink(l->conf.queue_db), 0);
	spit(wal, log, len);
	refused(l, l->conf.queue_db, "copied alone");
	assert_int_equal(access(l->conf.queue_db, F_OK), -1);
	spit(l->conf.queue_db, "", 0);
	refused(l, l->conf.queue_db, "is empty");
	assert_int_equal(unlink(l->conf.queue_db), 0);
	assert_int_equal(unlink(wal), 0);
	assert_int_equal(symlink("/etc/passwd", wal), 0);
	refused(l, wal, "symbolic link");
	assert_int_equal(unlink(wal), 0);
	spit(wal, "", 0);				/* laid there by somebody who wants to read along */
	assert_int_equal(chmod(wal, 0644), 0);
	refused(l, wal, "mode 0644");
	assert_int_equal(unlink(wal), 0);
	lab_open(l);
	assert_int_equal(lab_totals(l).messages, 0);
	free(log);
	free(wal);
}

/* kill -9: the log is there with its database, and all of it comes back. */
static void
test_hot_pair(void **state)
{
	struct lab *l = *state;
	char *wal = lab_path(l, "-wal"), *log, *db;
	size_t wal_len, db_len;

	for (int i = 0; i < 50; i++)
		assert_int_equal(lab_put(l, "a@x.test", "message", NULL), STORE_OK);
	log = slurp(wal, &wal_len);
	db = slurp(l->conf.queue_db, &db_len);
	lab_close(l);
	spit(l->conf.queue_db, db, db_len);
	spit(wal, log, wal_len - 7);		/* torn: the last COMMIT is not whole */
	lab_open(l);
	assert_int_equal(lab_totals(l).messages, 49);
	free(log);
	free(db);
	free(wal);
}

static void
test_second_instance(void **state)
{
	struct lab *l = *state;
	char expected[64];
	char *why;
	int fds[2], status;
	pid_t child;

	refused(l, l->conf.queue_db, "open");
	assert_int_equal(lab_put(l, "a@x.test", "m", NULL), STORE_OK);	/* the first goes on */
	lab_close(l);

	/* Another process: its number is named. */
	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char *reason;
		struct store *s = store_open(&l->conf, l->base, &reason);

		_exit(s == NULL || write(fds[1], "x", 1) != 1 || pause() != -1);
	}
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], expected, 1), 1);
	(void)snprintf(expected, sizeof(expected), "process %ld", (long)child);
	why = lab_refused(l);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(fds[0]);
	if (strstr(why, expected) == NULL)
		fail_msg("'%s' does not name %s", why, expected);
	free(why);
	lab_open(l);	/* and its end frees the lock */
	assert_int_equal(lab_totals(l).messages, 1);
}

static void
test_other_engine(void **state)
{
	struct lab *l = *state;
	char engine[] = "postgresql://db.example.test/queue";

	lab_close(l);
	l->conf.store = engine;
	refused(l, engine, "no such store");
	l->conf.store = NULL;
	lab_open(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_damage, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_kinds_of_files, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_no_directory, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_hot_log, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_hot_pair, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_second_instance, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_other_engine, lab_setup, lab_teardown),
	};

	vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
