/*
 * t_heartbeat.c -- the service manager hears a beat while the loop turns and the store
 * answers, and none while the disk hangs.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "store_lab.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "queued/heartbeat.h"
#include "store_vfs.h"

static struct deliver_counts counts;

static void
count(void *arg, struct deliver_counts *n)
{
	assert_ptr_equal(arg, &counts);
	*n = counts;
}

/* --- the manager ---------------------------------------------------------- */
static int
manager(const struct lab *l, const char *patience)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/notify", l->dir);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	(void)setenv("NOTIFY_SOCKET", sun.sun_path, 1);
	(void)setenv("WATCHDOG_USEC", patience, 1);
	(void)unsetenv("WATCHDOG_PID");
	return fd;
}

static void
manager_leaves(int fd)
{
	(void)close(fd);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
}

/* Runs the loop for so long; the beats that were heard. *line is the last status. */
static unsigned
listen_for(struct lab *l, int fd, int ms, char *line, size_t size)
{
	int64_t until = clock_mono_ms() + ms;
	unsigned beats = 0;
	char text[200];
	ssize_t n;

	line[0] = '\0';
	while (clock_mono_ms() < until) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		lab_poll(l);
		if (poll(&p, 1, 5) != 1)
			continue;
		n = recv(fd, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = '\0';
		if (strcmp(text, "WATCHDOG=1") == 0)
			beats++;
		else if (strncmp(text, "STATUS=", 7) == 0)
			(void)snprintf(line, size, "%s", text + 7);
	}
	return beats;
}

/* --- the tests ------------------------------------------------------------- */
static void
test_beats(void **state)
{
	struct lab *l = *state;
	int fd = manager(l, "200000");	/* a fifth of a second: a beat each 51 ms */
	struct heartbeat *h;
	char line[256], id[QUEUE_ID_SIZE];

	counts = (struct deliver_counts){ 2, 0, 0 };
	h = heartbeat_new(l->base, l->store, count, &counts);
	assert_non_null(h);
	assert_in_range(listen_for(l, fd, 600, line, sizeof(line)), 4, 13);
	assert_string_equal(line, "no mail held, 2 primaries up");
	counts.down = 1;
	assert_int_equal(lab_put(l, "a@x.test", "body", id), STORE_OK);
	assert_true(listen_for(l, fd, 300, line, sizeof(line)) > 1);
	assert_string_equal(line, "1 message held, 1 of 2 primaries down");
	heartbeat_stopping(h);
	assert_true(listen_for(l, fd, 300, line, sizeof(line)) > 1);
	assert_string_equal(line, "stopping; 1 message held, 1 of 2 primaries down");
	heartbeat_free(&h);
	assert_null(h);
	heartbeat_free(&h);
	heartbeat_stopping(h);
	manager_leaves(fd);
}

/* The loop turns all the while; an fsync does not come back. */
static void
test_hung_disk(void **state)
{
	struct lab *l = *state;
	int fd = manager(l, "200000");
	struct heartbeat *h;
	struct put put = { .done = 0 };
	char line[256];

	counts = (struct deliver_counts){ 1, 0, 0 };
	h = heartbeat_new(l->base, l->store, count, &counts);
	assert_true(listen_for(l, fd, 300, line, sizeof(line)) > 1);
	vfs_gate_close();
	lab_submit(l, "a@x.test", "body", 4, &put);
	vfs_gate_wait();
	(void)listen_for(l, fd, 100, line, sizeof(line));	/* what was answered before */
	assert_int_equal(listen_for(l, fd, 600, line, sizeof(line)), 0);
	vfs_gate_open();
	lab_wait(l, &put.done);
	assert_int_equal(put.result, STORE_OK);
	assert_true(listen_for(l, fd, 300, line, sizeof(line)) > 1);
	heartbeat_free(&h);
	manager_leaves(fd);
}

/* A store that says no is one that works. */
static void
test_sick_disk(void **state)
{
	struct lab *l = *state;
	int fd = manager(l, "200000");
	struct heartbeat *h;
	char line[256], id[QUEUE_ID_SIZE];

	counts = (struct deliver_counts){ 1, 0, 0 };
	h = heartbeat_new(l->base, l->store, count, &counts);
	vfs_fail_sync(VFS_WAL, -1, SQLITE_IOERR_FSYNC);
	assert_int_equal(lab_put(l, "a@x.test", "body", id), STORE_FAULT);
	assert_true(listen_for(l, fd, 300, line, sizeof(line)) > 1);
	vfs_fail_sync(VFS_WAL, 0, 0);
	heartbeat_free(&h);
	manager_leaves(fd);
}

/* Freed while its question waits: the answer finds nobody. */
static void
test_freed_early(void **state)
{
	struct lab *l = *state;
	int fd = manager(l, "180000000");
	struct heartbeat *h = heartbeat_new(l->base, l->store, count, &counts);
	char line[256];

	heartbeat_free(&h);
	assert_int_equal(listen_for(l, fd, 100, line, sizeof(line)), 0);
	manager_leaves(fd);
	assert_null(heartbeat_new(l->base, l->store, count, &counts));	/* nobody listens */
}

static void
test_line(void **state)
{
	static const struct {
		struct store_totals	 t;
		struct deliver_counts	 p;
		const char		*store, *line;
	} cases[] = {
		{ { 0, 0, 0, 0, 0 }, { 0, 0, 0 }, "ok", "no mail held, no primaries yet" },
		{ { 0, 0, 0, 0, 0 }, { 1, 0, 0 }, "ok", "no mail held, 1 primary up" },
		{ { 1, 2, 9, 0, 0 }, { 1, 1, 0 }, "ok", "1 message held, 1 of 1 primary down" },
		{ { 3, 3, 9, 0, 0 }, { 2, 0, 1 }, "ok", "3 messages held, 1 of 2 primaries down" },
		{ { 3, 3, 9, 0, 1 }, { 2, 0, 0 }, "ok",
		    "3 messages held (1 recipient in quarantine), 2 primaries up" },
		{ { 3, 9, 9, 0, 5 }, { 9, 2, 1 }, "no room: disk full",
		    "store: no room: disk full; 3 messages held (5 recipients in quarantine), "
		    "3 of 9 primaries down" },
	};
	char line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		heartbeat_line(line, sizeof(line), &cases[i].t, &cases[i].p, cases[i].store);
		assert_string_equal(line, cases[i].line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_beats, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_hung_disk, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_sick_disk, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_freed_early, lab_setup, lab_teardown),
		cmocka_unit_test(test_line),
	};

	vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
