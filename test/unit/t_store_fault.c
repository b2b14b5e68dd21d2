/*
 * t_store_fault.c -- a disk that fails or is full (P1, P2, P7, S1, S3).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "store_lab.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "store_vfs.h"

static int
setup(void **state)
{
	vfs_fail_sync(VFS_WAL, 0, 0);
	vfs_fail_sync(VFS_DB, 0, 0);
	vfs_fail_write(VFS_WAL, 0, 0);
	vfs_fail_write(VFS_DB, 0, 0);
	return lab_setup(state);
}

static void
expect_messages(struct lab *l, uint64_t n)
{
	assert_int_equal(lab_totals(l).messages, n);
	lab_reopen(l);
	assert_int_equal(lab_totals(l).messages, n);
	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM message"), n);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM chunk"), n);
	assert_int_equal(lab_sql(l, "SELECT messages FROM totals"), n);
	lab_open(l);
}

static void
await_room(struct lab *l)
{
	int64_t until = clock_mono_ms() + LAB_PATIENCE * 1000;

	while (!store_has_room(l->store, 1)) {
		lab_poll(l);
		assert_true(clock_mono_ms() < until);
	}
}

/* S1, S3: refused is refused; the frames are in the log, but must not come back. */
static void
test_sync_fails_once(void **state)
{
	struct lab *l = *state;

	assert_int_equal(lab_put(l, "joe@x.test", "one", NULL), STORE_OK);
	vfs_fail_sync(VFS_WAL, 1, SQLITE_IOERR_FSYNC);
	assert_int_equal(lab_put(l, "joe@x.test", "two", NULL), STORE_FAULT);
	assert_int_equal(lab_put(l, "joe@x.test", "three", NULL), STORE_OK);
	assert_string_equal(store_state(l->store), "ok");
	expect_messages(l, 2);
}

/* The first COMMIT into a fresh log: nothing of it may survive. */
static void
test_first_sync_fails(void **state)
{
	struct lab *l = *state;

	vfs_fail_sync(VFS_WAL, 1, SQLITE_IOERR_FSYNC);
	assert_int_equal(lab_put(l, "joe@x.test", "one", NULL), STORE_FAULT);
	expect_messages(l, 0);
}

/*
 * The log was copied into the database whole and starts over. Its header is
 * synced alone, so the second sync is the COMMIT's; then only the new log must go, the old one is
 * needed no more.
 */
static void
test_sync_fails_after_checkpoint(void **state)
{
	struct lab *l = *state;
	char *body = xcalloc(200001, 1);
	unsigned before = vfs_syncs(VFS_DB);
	uint64_t n = 0;

	memset(body, 'x', 200000);
	for (; vfs_syncs(VFS_DB) == before; n++) {
		assert_int_equal(lab_put(l, "joe@x.test", body, NULL), STORE_OK);
		assert_int_equal(lab_totals(l).messages, n + 1);	/* that turn is over */
		assert_true(n < 1000);
	}
	vfs_fail_sync_after(VFS_WAL, 1, 1, SQLITE_IOERR_FSYNC);
	assert_int_equal(lab_put(l, "joe@x.test", "refused", NULL), STORE_FAULT);
	free(body);
	expect_messages(l, n);
}

/* It is refused, and stays so at a close, too. */
static void
test_sync_fails_and_close(void **state)
{
	struct lab *l = *state;

	assert_int_equal(lab_put(l, "joe@x.test", "one", NULL), STORE_OK);
	vfs_fail_sync(VFS_WAL, -1, SQLITE_IOERR_FSYNC);
	assert_int_equal(lab_put(l, "joe@x.test", "two", NULL), STORE_FAULT);
	assert_int_equal(lab_put(l, "joe@x.test", "three", NULL), STORE_FAULT);
	assert_string_not_equal(store_state(l->store), "ok");
	lab_close(l);
	vfs_fail_sync(VFS_WAL, 0, 0);
	lab_open(l);
	expect_messages(l, 1);
}

/* Recovery must bring the log home, or there is no new work. */
static void
test_checkpoint_fails(void **state)
{
	struct lab *l = *state;
	enum store_result r;
	int64_t until = clock_mono_ms() + LAB_PATIENCE * 1000;

	assert_int_equal(lab_put(l, "joe@x.test", "one", NULL), STORE_OK);
	vfs_fail_sync(VFS_DB, -1, SQLITE_IOERR_FSYNC);
	vfs_fail_write(VFS_WAL, 1, SQLITE_IOERR_WRITE);
	assert_int_equal(lab_put(l, "joe@x.test", "two", NULL), STORE_FAULT);
	assert_int_equal(lab_put(l, "joe@x.test", "three", NULL), STORE_FAULT);
	vfs_fail_sync(VFS_DB, 0, 0);
	while ((r = lab_put(l, "joe@x.test", "four", NULL)) == STORE_FAULT)
		assert_true(clock_mono_ms() < until);
	assert_int_equal(r, STORE_OK);
	expect_messages(l, 2);
}

struct kept {
	int		 done;
	enum store_result result;
};

static void
on_kept(void *arg, enum store_result result, const char *why)
{
	struct kept *k = arg;

	(void)why;
	k->result = result;
	k->done++;
}

/* What the primary has must be recorded: kept, tried again, and no new deliveries meanwhile. */
static void
keep_settle(struct lab *l, int rc, enum store_result refusal)
{
	struct settle v = { .what = SETTLE_DELIVERED, .code = 250 };
	struct kept k = { 0, STORE_FAULT };
	struct leased a, b;

	assert_int_equal(lab_put(l, "joe@x.test", "one", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "joe@x.test", "two", NULL), STORE_OK);
	lab_lease(l, "x.test", clock_wall(), 1, &a);
	vfs_fail_write(VFS_WAL, -1, rc);
	store_settle(l->store, &a.jobs, &v, on_kept, &k);
	assert_int_equal(lab_put(l, "joe@x.test", "three", NULL), refusal);
	lab_lease(l, "x.test", clock_wall(), 9, &b);
	assert_int_equal(b.result, STORE_FAULT);
	assert_int_equal(b.n, 0);
	assert_int_equal(k.done, 0);
	vfs_fail_write(VFS_WAL, 0, 0);
	lab_wait(l, &k.done);
	assert_int_equal(k.result, STORE_OK);
	lab_lease(l, "x.test", clock_wall(), 9, &b);
	assert_int_equal(b.result, STORE_OK);
	assert_int_equal(b.n, 1);
	lab_free_jobs(l, &b);
	await_room(l);
	assert_int_equal(lab_put(l, "joe@x.test", "four", NULL), STORE_OK);
	assert_string_equal(store_state(l->store), "ok");
	expect_messages(l, 2);
	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM ledger"), 1);
}

static void
test_settle_on_full_disk(void **state)
{
	keep_settle(*state, SQLITE_FULL, STORE_FULL);
}

static void
test_settle_on_sick_disk(void **state)
{
	keep_settle(*state, SQLITE_IOERR_WRITE, STORE_FAULT);
}

static void
test_full_disk(void **state)
{
	struct lab *l = *state;
	struct put p[3];

	assert_int_equal(lab_put(l, "joe@x.test", "one", NULL), STORE_OK);
	vfs_fail_write(VFS_WAL, -1, SQLITE_FULL);
	for (size_t i = 0; i < 3; i++)
		lab_submit(l, "joe@x.test", "two", 3, &p[i]);
	for (size_t i = 0; i < 3; i++) {
		lab_wait(l, &p[i].done);
		assert_int_equal(p[i].result, STORE_FULL);
	}
	assert_string_not_equal(store_state(l->store), "ok");
	assert_false(store_has_room(l->store, 1));
	vfs_fail_write(VFS_WAL, 0, 0);
	assert_int_equal(lab_put(l, "joe@x.test", "three", NULL), STORE_FULL);	/* for a moment */
	await_room(l);
	assert_int_equal(lab_put(l, "joe@x.test", "four", NULL), STORE_OK);
	assert_string_equal(store_state(l->store), "ok");
	expect_messages(l, 2);
}

/* A change whose batch found no room is done again without the intakes: from its start. */
static void
test_change_in_a_full_batch(void **state)
{
	struct store_filter all = { .state = -1 };
	struct changed c = { 0, STORE_FAULT, 0 };
	struct lab *l = *state;
	struct put p[2];

	assert_int_equal(lab_put(l, "a@x.test b@x.test c@x.test", "one", NULL), STORE_OK);
	vfs_gate_close();
	lab_submit(l, "joe@x.test", "two", 3, &p[0]);
	vfs_gate_wait();
	store_change(l->store, CHANGE_HOLD, &all, "operator", lab_on_change, &c);
	lab_submit(l, "joe@x.test", "three", 5, &p[1]);
	vfs_fail_write(VFS_WAL, 1, SQLITE_FULL);
	vfs_gate_open();
	lab_wait(l, &p[1].done);
	assert_int_equal(p[1].result, STORE_FULL);
	lab_wait(l, &c.done);
	assert_int_equal(c.result, STORE_OK);
	assert_int_equal(c.n, 4);
	assert_int_equal(lab_totals(l).held, 4);
	lab_wait(l, &p[0].done);
	assert_int_equal(p[0].result, STORE_OK);
}

/* The reserve is larger than any disk: no intake, but what is there can leave. */
static void
test_reserve(void **state)
{
	struct lab *l = *state;
	struct leased v;

	assert_int_equal(lab_put(l, "joe@x.test", "one", NULL), STORE_OK);
	lab_close(l);
	l->conf.queue_reserve = UINT64_C(1) << 60;
	lab_open(l);
	assert_false(store_has_room(l->store, 0));
	assert_int_equal(lab_put(l, "joe@x.test", "two", NULL), STORE_FULL);
	assert_string_not_equal(store_state(l->store), "ok");
	lab_lease(l, "x.test", clock_wall(), 1, &v);
	assert_int_equal(v.n, 1);
	assert_int_equal(lab_settle(l, &v.jobs, SETTLE_DELIVERED, 0), STORE_OK);
	assert_int_equal(lab_totals(l).messages, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sync_fails_once, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_first_sync_fails, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_sync_fails_after_checkpoint, setup,
		    lab_teardown),
		cmocka_unit_test_setup_teardown(test_sync_fails_and_close, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_checkpoint_fails, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_settle_on_full_disk, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_settle_on_sick_disk, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_change_in_a_full_batch, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_reserve, setup, lab_teardown),
	};

	vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
