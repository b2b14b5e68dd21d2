/*
 * t_schedule.c -- retry schedules: grammar and arithmetic.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/schedule.h"

#define DAY 86400u
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_parse(void **state)
{
	static const struct {
		const char	*text;
		unsigned	 nsteps;	/* 0: refused */
		unsigned	 first, last;
	} row[] = {
		{ SCHEDULE_DEFAULT, 5, 60, 3600 },
		{ "1m", 1, 60, 60 },
		{ "1m*", 1, 60, 60 },
		{ "90", 1, 90, 90 },
		{ "  1s\t2s  7d* ", 3, 1, 7 * DAY },
		{ "1w", 1, 7 * DAY, 7 * DAY },
		{ "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30"
		  " 31 32", 32, 1, 32 },
		{ "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30"
		  " 31 32 33", 0, 0, 0 },
		{ "", 0, 0, 0 },
		{ "   ", 0, 0, 0 },
		{ "*", 0, 0, 0 },
		{ "1m* 5m", 0, 0, 0 },
		{ "1m* 5m*", 0, 0, 0 },
		{ "1m**", 0, 0, 0 },
		{ "1m *", 0, 0, 0 },
		{ "0", 0, 0, 0 },
		{ "0s 1m", 0, 0, 0 },
		{ "8d", 0, 0, 0 },
		{ "604801", 0, 0, 0 },
		{ "-1m", 0, 0, 0 },
		{ "1.5h", 0, 0, 0 },
		{ "1m,5m", 0, 0, 0 },
		{ "1y", 0, 0, 0 },
		{ "1m\n5m", 0, 0, 0 },
		{ "99999999999999999999", 0, 0, 0 },
		{ "000000000000000000000000000000000001", 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct schedule s;
		const char *why = NULL;
		int rc = schedule_parse(row[i].text, &s, &why);

		if ((rc == 0) != (row[i].nsteps > 0))
			fail_msg("`%s': %s", row[i].text, rc == 0 ? "accepted" : why);
		if (rc == -1) {
			assert_non_null(why);
			continue;
		}
		assert_int_equal(s.nsteps, row[i].nsteps);
		assert_int_equal(s.step[0], row[i].first);
		assert_int_equal(s.step[s.nsteps - 1], row[i].last);
		assert_int_equal(s.jitter, 20);
		assert_int_equal(s.lifetime, 28 * DAY);
	}
}

static void
test_refusal_keeps_old(void **state)
{
	struct schedule s, before;
	const char *why;

	(void)state;
	assert_int_equal(schedule_parse("1m 5m", &s, &why), 0);
	before = s;
	assert_int_equal(schedule_parse("1m 5m 9d", &s, &why), -1);
	assert_memory_equal(&s, &before, sizeof(s));
	assert_string_equal(why, "a step must be between 1s and 7d");
}

static void
test_next(void **state)
{
	static const struct {
		unsigned	jitter, lifetime;
		int64_t		age;
		unsigned	attempts;
		uint32_t	noise;
		int64_t		want;
	} row[] = {
		/* the steps 1m 5m 30m without jitter */
		{ 0, 28 * DAY, 0, 1, 12345, 60 },
		{ 0, 28 * DAY, 60, 2, 0, 300 },
		{ 0, 28 * DAY, 360, 3, UINT32_MAX, 1800 },
		{ 0, 28 * DAY, 5000, 4, 0, 1800 },
		{ 0, 28 * DAY, 5000, UINT32_MAX, 0, 1800 },
		{ 0, 28 * DAY, 0, 0, 0, 60 },
		/* the clock was set back: young, not expired */
		{ 0, 28 * DAY, -1000, 1, 0, 60 },
		{ 0, 28 * DAY, INT64_MIN, 1, 0, 60 },
		/* noise spans exactly -20 % .. +20 % */
		{ 20, 28 * DAY, 0, 1, 0, 48 },
		{ 20, 28 * DAY, 0, 1, UINT32_MAX, 72 },
		{ 20, 28 * DAY, 0, 1, UINT32_MAX / 2, 60 },
		{ 50, 28 * DAY, 0, 3, 0, 900 },
		{ 50, 28 * DAY, 0, 3, UINT32_MAX, 2700 },
		/* a last attempt at the end of the lifetime, none after it */
		{ 0, 3600, 3500, 3, 0, 100 },
		{ 50, 3600, 3599, 3, 7, 1 },
		{ 0, 3600, 3600, 3, 0, -1 },
		{ 0, 3600, INT64_MAX, 3, 0, -1 },
		/* long lifetimes */
		{ 0, UINT32_MAX, (int64_t)UINT32_MAX - 10, 3, 0, 10 },
		{ 0, UINT32_MAX, UINT32_MAX, 3, 0, -1 },
		{ 0, 3650 * DAY, 3649 * (int64_t)DAY, 100000, 0, 1800 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct schedule s = { .step = { 60, 300, 1800 }, .nsteps = 3,
			.jitter = row[i].jitter, .lifetime = row[i].lifetime };
		int64_t got = schedule_next(&s, row[i].age, row[i].attempts, row[i].noise);

		if (got != row[i].want)
			fail_msg("row %zu: %lld, not %lld", i, (long long)got,
			    (long long)row[i].want);
	}
}

/* Every noise stays in bounds, short steps too, and the mean is the step. */
static void
test_jitter_bounds(void **state)
{
	static const unsigned steps[] = { 1, 2, 3, 5, 60, 3600, 7 * DAY };

	(void)state;
	for (unsigned jitter = 0; jitter <= 50; jitter += 5)
		for (size_t i = 0; i < COUNT(steps); i++) {
			struct schedule s = { .step = { steps[i] }, .nsteps = 1, .jitter = jitter,
				.lifetime = UINT32_MAX };
			int64_t span = (int64_t)steps[i] * jitter / 100, sum = 0;
			unsigned n = 4096;

			for (unsigned k = 0; k < n; k++) {
				uint32_t noise = k * (UINT32_MAX / n);
				int64_t got = schedule_next(&s, 0, 1, noise);

				assert_true(got >= 1);
				assert_true(got >= (int64_t)steps[i] - span);
				assert_true(got <= (int64_t)steps[i] + span);
				sum += got;
			}
			assert_true(sum / n >= (int64_t)steps[i] - 1 - (int64_t)steps[i] / 1000);
			assert_true(sum / n <= (int64_t)steps[i] + 1 + (int64_t)steps[i] / 1000);
		}
}

/* The warning and the end, and how they stand to each other. */
static void
test_warn_and_end(void **state)
{
	static const struct {
		unsigned	warn_after, lifetime;
		int64_t		arrival, warn, end;
	} row[] = {
		{ 0, 28 * DAY, 1000, 0, 1000 + 28 * DAY },
		{ 14400, 28 * DAY, 1000, 15400, 1000 + 28 * DAY },
		{ 1, 2, 1000, 1001, 1002 },
		/* not before, nor together with, the end */
		{ 3600, 3600, 1000, 0, 4600 },
		{ 7200, 3600, 1000, 0, 4600 },
		/* a clock that stood in 1970, and one before that */
		{ 14400, DAY, 0, 14400, DAY },
		{ 14400, DAY, -50, 14350, DAY - 50 },
		{ 14400, 3650 * DAY, INT64_C(1) << 40, (INT64_C(1) << 40) + 14400,
		  (INT64_C(1) << 40) + 3650 * (int64_t)DAY },
		{ UINT32_MAX - 1, UINT32_MAX, 10, (int64_t)UINT32_MAX + 9,
		  (int64_t)UINT32_MAX + 10 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct schedule s = { .step = { 60 }, .nsteps = 1, .lifetime = row[i].lifetime,
			.warn_after = row[i].warn_after };

		if (schedule_warn_at(&s, row[i].arrival) != row[i].warn ||
		    schedule_end_at(&s, row[i].arrival) != row[i].end)
			fail_msg("row %zu: %lld, %lld", i,
			    (long long)schedule_warn_at(&s, row[i].arrival),
			    (long long)schedule_end_at(&s, row[i].arrival));
	}
}

/* 30 days of a primary that defers, attempt by attempt: 1m 5m 15m 30m, then each hour. */
static void
test_thirty_days(void **state)
{
	static const int64_t first[] = { 60, 360, 1260, 3060 };
	struct schedule s;
	const char *why;
	int64_t age = 0, wait;
	unsigned n = 1;

	(void)state;
	assert_int_equal(schedule_parse(SCHEDULE_DEFAULT, &s, &why), 0);
	s.jitter = 0;
	s.lifetime = 30 * DAY;
	while ((wait = schedule_next(&s, age, n, n * 2654435761u)) != -1) {
		assert_true(wait >= 1);
		age += wait;
		n++;
		if (n - 2 < COUNT(first))
			assert_int_equal(age, first[n - 2]);
		else if (age < s.lifetime)
			assert_int_equal(age, 3060 + (int64_t)(n - 5) * 3600);
	}
	/* 51 minutes, 719 whole hours, and one more at the very end */
	assert_int_equal(age, 30 * DAY);
	assert_int_equal(n, 5 + 719 + 1);
}

/* The same with jitter: every wait stays in its band, the last attempt is at the end. */
static void
test_thirty_days_blurred(void **state)
{
	struct schedule s;
	const char *why;
	uint32_t noise = 1;

	(void)state;
	assert_int_equal(schedule_parse(SCHEDULE_DEFAULT, &s, &why), 0);
	s.lifetime = 30 * DAY;
	for (int message = 0; message < 100; message++) {
		int64_t age = 0, wait;
		unsigned n = 1;

		while ((wait = schedule_next(&s, age, n, noise)) != -1) {
			int64_t step = s.step[n < s.nsteps ? n - 1 : s.nsteps - 1];

			assert_true(wait <= step + step / 5);
			if (age + wait < s.lifetime)
				assert_true(wait >= step - step / 5);
			age += wait;
			n++;
			noise = noise * 1664525u + 1013904223u;
		}
		assert_int_equal(age, s.lifetime);
		assert_true(n > 719 * 5 / 6 && n < 725 * 5 / 4 + 10);
	}
}

/* A lifetime shorter than the first step: one more attempt, when it is over. */
static void
test_short_life(void **state)
{
	struct schedule s = { .step = { 3600 }, .nsteps = 1, .jitter = 20, .lifetime = 60 };

	(void)state;
	assert_int_equal(schedule_next(&s, 0, 1, 0), 60);
	assert_int_equal(schedule_next(&s, 0, 1, UINT32_MAX), 60);
	assert_int_equal(schedule_next(&s, -10, 1, 0), 60);
	assert_int_equal(schedule_next(&s, 60, 2, 0), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refusal_keeps_old),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_jitter_bounds),
		cmocka_unit_test(test_warn_and_end),
		cmocka_unit_test(test_thirty_days),
		cmocka_unit_test(test_thirty_days_blurred),
		cmocka_unit_test(test_short_life),
	};

	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
