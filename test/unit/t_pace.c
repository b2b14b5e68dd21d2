/*
 * t_pace.c -- how fast a destination takes mail and may, by tables.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "queued/pace.h"

static void
test_recent(void **state)
{
	static const struct {
		int64_t		 at;
		unsigned	 times;
		unsigned	 recent;
	} steps[] = {
		{ 5000, 3, 3 },
		{ 5999, 2, 5 },
		{ 6000, 1, 6 },		/* this second and the last */
		{ 7000, 4, 5 },
		{ 7500, 0, 5 },
		{ 8000, 0, 4 },
		{ 9000, 0, 0 },
		{ 20000, 1, 1 },
	};
	struct pace p;

	(void)state;
	memset(&p, 0, sizeof(p));
	assert_int_equal(0, pace_recent(&p, 5000));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		for (unsigned k = 0; k < steps[i].times; k++)
			pace_note(&p, steps[i].at);
		assert_int_equal(steps[i].recent, pace_recent(&p, steps[i].at));
	}
}

/* Messages that go within `ms', if there are always some. */
static unsigned
sent(unsigned rate, int64_t ms)
{
	struct bucket b = { 0, 0 };
	int64_t now = 1000000, end = now + ms;
	unsigned n = 0;

	while (now < end && n < 1000000) {
		int64_t wait = bucket_wait(&b, rate, now);

		assert_true(wait >= 0 && wait <= 1000);
		if (wait == 0) {
			bucket_take(&b, rate, now);
			n++;
		}
		now += wait;
	}
	return n;
}

static void
test_rate(void **state)
{
	static const struct {
		unsigned	 rate;
		int64_t		 ms;
		unsigned	 least, most;
	} rows[] = {
		{ 1, 10000, 10, 11 },
		{ 3, 10000, 30, 31 },		/* a third of a second is no whole number of ms */
		{ 7, 60000, 417, 421 },
		{ 10, 1000, 10, 11 },
		{ 100, 1000, 100, 110 },	/* ten at once, then one every 10 ms */
		{ 1000, 10000, 9990, 10100 },
		{ 5000, 1000, 4990, 5500 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_in_range(sent(rows[i].rate, rows[i].ms), rows[i].least, rows[i].most);
}

static void
test_rate_edges(void **state)
{
	struct bucket b = { 0, 0 };

	(void)state;
	assert_int_equal(0, bucket_wait(&b, 0, 5));	/* no bound */
	bucket_take(&b, 0, 5);
	assert_int_equal(0, bucket_wait(&b, 1, 5));
	bucket_take(&b, 1, 5);
	assert_int_equal(1000, bucket_wait(&b, 1, 5));
	assert_int_equal(1, bucket_wait(&b, 1, 1004));
	assert_int_equal(0, bucket_wait(&b, 1, 1005));
	/* A long pause saves nothing up. */
	bucket_take(&b, 1, 9000000);
	assert_int_equal(1000, bucket_wait(&b, 1, 9000000));
	/* taken and not sent: as before */
	bucket_give(&b);
	assert_int_equal(0, bucket_wait(&b, 1, 9000000));
	bucket_give(&b);
	bucket_take(&b, 1, 9000000);
	assert_int_equal(1000, bucket_wait(&b, 1, 9000000));
	/* A new rate holds for what is owed already. */
	assert_int_equal(100, bucket_wait(&b, 10, 9000000));
	assert_int_equal(0, bucket_wait(&b, 0, 9000000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recent),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_rate_edges),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
