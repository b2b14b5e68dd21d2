/*
 * t_store_clock.c -- the wall clock is set: ages and due times move along, whether the store was
 * told of it yet or not.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "store_lab.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/clock.h"
#include "store_vfs.h"

#define YEAR	(365 * 86400)

/* --- a clock that can be set, in place of common/clock.c ------------------ */
static int64_t set_by;		/* seconds */
static int64_t noise;		/* ms: how far off the two clocks are read together */

static int64_t
now_ms(clockid_t which)
{
	struct timespec ts;

	(void)clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_mono_ms(void)
{
	return now_ms(CLOCK_MONOTONIC);
}

int64_t
clock_wall_ms(void)
{
	return now_ms(CLOCK_REALTIME) + set_by * 1000;
}

int64_t
clock_offset_ms(void)
{
	return clock_wall_ms() - clock_mono_ms() + noise;
}

int64_t
clock_wall(void)
{
	return clock_wall_ms() / 1000;
}

static int
setup(void **state)
{
	set_by = noise = 0;
	return lab_setup(state);
}

/* --- what is expected ----------------------------------------------------- */
static void
expect_near(int64_t is, int64_t wanted)
{
	if (is < wanted - LAB_PATIENCE || is > wanted + LAB_PATIENCE)
		fail_msg("%lld s off", (long long)(is - wanted));
}

/* The mail of a domain is so old, and due in so many seconds: 0 now. */
static void
expect(struct lab *l, const char *domain, int64_t age, int64_t wait)
{
	struct leased v;

	if (wait != 0) {
		lab_lease(l, domain, clock_wall(), 9, &v);
		assert_int_equal(v.n, 0);
		expect_near(v.next_due, clock_wall() + wait);
	}
	lab_lease(l, domain, clock_wall() + wait + LAB_PATIENCE, 9, &v);
	assert_int_equal(v.n, 1);
	expect_near(v.jobs->arrival, clock_wall() - age);
	lab_free_jobs(l, &v);
}

static void
defer(struct lab *l, const char *domain, int64_t wait)
{
	struct leased v;

	lab_lease(l, domain, clock_wall() + LAB_PATIENCE, 9, &v);
	assert_int_equal(v.n, 1);
	assert_int_equal(lab_settle(l, &v.jobs, SETTLE_DEFER, clock_wall() + wait), STORE_OK);
}

/* As if all in the queue had come so many seconds ago. */
static void
age(struct lab *l, int64_t by)
{
	char *sql = xasprintf("UPDATE message SET arrival = arrival - %lld", (long long)by);

	lab_close(l);
	(void)lab_sql(l, sql);
	free(sql);
	lab_open(l);
}

/* --- tests ---------------------------------------------------------------- */
static void
jump(struct lab *l, int64_t by)
{
	set_by += by;
	store_shift_clock(l->store, by);
}

/* There, elsewhere and back; over restarts. */
static void
test_shift(void **state)
{
	static const int64_t jumps[] = { YEAR, -2 * YEAR, 3600, YEAR - 3600 };
	struct lab *l = *state;
	int64_t sum = 0;

	assert_int_equal(lab_put(l, "a@x.test", "m", NULL), STORE_OK);
	age(l, 5000);
	defer(l, "x.test", 900);
	assert_int_equal(lab_put(l, "a@y.test", "m", NULL), STORE_OK);
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		jump(l, jumps[i]);
		sum += jumps[i];
		expect(l, "x.test", 5000, 900);
		expect(l, "y.test", 0, 0);
		lab_reopen(l);
		expect(l, "x.test", 5000, 900);
		expect(l, "y.test", 0, 0);
	}
	assert_int_equal(sum, 0);
	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT shift FROM clock"), 0);
}

/* The jump is one row: a crash has it whole or not at all, and a failure leaves it. */
static void
test_shift_fails(void **state)
{
	struct lab *l = *state;

	assert_int_equal(lab_put(l, "a@x.test", "m", NULL), STORE_OK);
	defer(l, "x.test", 900);
	vfs_fail_sync(VFS_WAL, 2, SQLITE_IOERR_FSYNC);
	jump(l, YEAR);		/* is kept until it succeeds */
	for (int64_t until = clock_mono_ms() + LAB_PATIENCE * 1000;;) {
		struct leased v;

		assert_true(clock_mono_ms() < until);
		lab_lease(l, "none.test", clock_wall(), 9, &v);
		if (v.result == STORE_OK)
			break;		/* refused while the store is in trouble */
	}
	expect(l, "x.test", 0, 900);
	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT shift FROM clock"), YEAR);
}

/* Between the jump and its discovery: what is taken in, settled and asked for is in order. */
static void
test_before_it_is_known(void **state)
{
	static const int64_t jumps[] = { YEAR, -YEAR };
	struct lab *l = *state;

	assert_int_equal(lab_put(l, "old@x.test", "m", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "old@y.test", "m", NULL), STORE_OK);
	age(l, 5000);
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct store_filter young = { .domain = "n.test", .state = -1 };
		uint64_t n;

		defer(l, "y.test", 900);
		set_by += jumps[i];
		assert_int_equal(lab_put(l, "new@n.test", "m", NULL), STORE_OK);
		expect(l, "n.test", 0, 0);
		expect(l, "y.test", 5000, 900);
		defer(l, "x.test", 600);
		expect(l, "x.test", 5000, 600);
		young.newer = clock_wall() - 1000;
		assert_int_equal(lab_change(l, CHANGE_HOLD, &young, &n), STORE_OK);
		assert_int_equal(n, 1);
		assert_int_equal(lab_change(l, CHANGE_RELEASE, &young, &n), STORE_OK);
		assert_int_equal(n, 1);

		store_shift_clock(l->store, jumps[i]);
		expect(l, "n.test", 0, 0);
		expect(l, "x.test", 5000, 600);
		expect(l, "y.test", 5000, 900);
		assert_int_equal(lab_change(l, CHANGE_DELETE, &young, &n), STORE_OK);
		assert_int_equal(n, 1);
		assert_int_equal(lab_change(l, CHANGE_RETRY, &(struct store_filter) { .state = -1 },
		    &n), STORE_OK);
		assert_int_equal(n, 2);
	}
}

/* A jump by half a second and something is measured a second longer or shorter from time to time. */
static void
test_one_figure(void **state)
{
	struct lab *l = *state;
	struct leased v;
	uint64_t n;

	assert_int_equal(lab_put(l, "a@x.test", "m", NULL), STORE_OK);
	defer(l, "x.test", 900);
	set_by = YEAR;
	noise = 400;
	assert_int_equal(lab_change(l, CHANGE_RETRY, &(struct store_filter) { .state = -1 }, &n), STORE_OK);
	assert_int_equal(n, 1);
	noise = 600;
	lab_lease(l, "x.test", clock_wall(), 9, &v);
	assert_int_equal(v.n, 1);
	lab_free_jobs(l, &v);
}

static void
test_jump(void **state)
{
	static const int64_t rows[][2] = {
		{ 0, 0 }, { 9999, 0 }, { -9999, 0 }, { 10000, 10 }, { -10000, -10 },
		{ 10499, 10 }, { 10500, 11 }, { -10499, -10 }, { -10500, -11 },
		{ YEAR * INT64_C(1000) - 1, YEAR }, { YEAR * INT64_C(1000) + 1, YEAR },
		{ -YEAR * INT64_C(1000) - 1, -YEAR }, { -YEAR * INT64_C(1000) + 1, -YEAR },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(clock_jump(rows[i][0]), rows[i][1]);
}

/* A clock that is corrected by seconds is no jump: nothing is stored under it by half. */
static void
test_small(void **state)
{
	struct lab *l = *state;

	set_by = 5;
	assert_int_equal(lab_put(l, "a@x.test", "m", NULL), STORE_OK);
	lab_close(l);
	assert_true(lab_sql(l, "SELECT arrival FROM message") >= now_ms(CLOCK_REALTIME) / 1000 + 5 -
	    LAB_PATIENCE);
	lab_open(l);
	expect(l, "x.test", 0, 0);
}

/* What came before a jump is written before it, what comes after sees it, in one batch too. */
static void
test_order(void **state)
{
	struct lab *l = *state;
	struct leased v = { 0, STORE_OK, NULL, 0, 0 };
	struct put before, after;

	vfs_gate_close();
	store_put_note(l->store, "n", "v");
	vfs_gate_wait();
	lab_submit(l, "a@x.test", "m", 1, &before);
	jump(l, YEAR);
	lab_submit(l, "a@y.test", "m", 1, &after);
	store_lease(l->store, "x.test", clock_wall() + LAB_PATIENCE, 9, lab_on_lease, &v);
	vfs_gate_open();
	lab_wait(l, &v.done);
	assert_int_equal(v.n, 1);
	expect_near(v.jobs->arrival, clock_wall());
	lab_free_jobs(l, &v);
	lab_wait(l, &after.done);
	expect(l, "y.test", 0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shift, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_shift_fails, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_before_it_is_known, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_one_figure, setup, lab_teardown),
		cmocka_unit_test(test_jump),
		cmocka_unit_test_setup_teardown(test_small, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, lab_teardown),
	};

	vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
