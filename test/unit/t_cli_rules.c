/*
 * t_cli_rules.c -- what `holdfast schedule' computes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <stdbool.h>

#include "common/cli/schedule.h"
#include "common/schedule.h"

#define DAY 86400u

static struct schedule
make(const char *steps, unsigned jitter, unsigned lifetime)
{
	struct schedule s;
	const char *why;

	assert_int_equal(schedule_parse(steps, &s, &why), 0);
	s.jitter = jitter;
	s.lifetime = lifetime;
	return s;
}

static void
test_attempts(void **state)
{
	static const struct {
		unsigned	n;
		int64_t		after, earliest, latest;
	} row[] = {
		{ 1, 0, 0, 0 }, { 2, 60, 48, 72 }, { 3, 360, 288, 432 }, { 4, 1260, 1008, 1512 },
		{ 5, 3060, 2448, 3672 }, { 6, 6660, 5328, 7992 }, { 7, 10260, 8208, 12312 },
	};
	struct schedule s = make(SCHEDULE_DEFAULT, 20, 30 * DAY);
	struct attempts a;

	(void)state;
	attempts_begin(&a, &s);
	for (size_t i = 0; i < COUNT(row); i++) {
		assert_int_equal(a.n, row[i].n);
		assert_int_equal(a.after, row[i].after);
		assert_int_equal(a.earliest, row[i].earliest);
		assert_int_equal(a.latest, row[i].latest);
		assert_false(a.last);
		assert_true(attempts_next(&a));
	}
	while (attempts_next(&a))
		assert_true(a.earliest <= a.after && a.after <= a.latest);
	assert_true(a.last);
	assert_int_equal(a.n, 725);
	assert_int_equal(a.after, 30 * DAY);
	assert_int_equal(a.latest, 30 * DAY);	/* no attempt is later than the end */
}

/* The same arithmetic as holdfast-queued's, whatever the schedule. */
static void
test_attempts_are_schedule_next(void **state)
{
	static const struct {
		const char	*steps;
		unsigned	 jitter, lifetime;
	} row[] = { { "1s", 50, 100 }, { "1h", 20, 60 }, { "7d", 0, 28 * DAY }, { "1m 3h*", 33, 5 * DAY },
		{ "3s 1s*", 10, 1 } };

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct schedule s = make(row[i].steps, row[i].jitter, row[i].lifetime);
		struct attempts a;
		int64_t age = 0, wait;
		unsigned n = 1;

		attempts_begin(&a, &s);
		while ((wait = schedule_next(&s, age, n, 0x80000000u)) != -1) {
			age += wait;
			n++;
			assert_true(attempts_next(&a));
			assert_int_equal(a.after, age);
			assert_int_equal(a.wait, wait);
			assert_int_equal(a.n, n);
		}
		assert_false(attempts_next(&a));
		assert_true(a.last);
	}
}

static void
test_schedule_text(void **state)
{
	struct schedule s = make("60s 5m 90 1h*", 20, DAY);
	char *text = schedule_text(&s);

	(void)state;
	assert_string_equal(text, "1m 5m 90s 1h*");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attempts), cmocka_unit_test(test_attempts_are_schedule_next),
		cmocka_unit_test(test_schedule_text),
	};

	return cmocka_run_group_tests_name("cli_rules", tests, NULL, NULL);
}
