/*
 * t_store_id.c -- message ids, queue ids, and the table of leases.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "queued/store.h"
#include "queued/store_id.h"
#include "queued/store_lease.h"

#define Y2020	INT64_C(1577836800000)

static void
test_next(void **state)
{
	static const struct {
		int64_t	last, wall_ms, next;
	} cases[] = {
		{ 0, Y2020 + 1, 1 << 10 },
		{ 1 << 10, Y2020 + 1, (1 << 10) + 1 },		/* the same millisecond */
		{ 5 << 10, Y2020 + 1, (5 << 10) + 1 },		/* the clock went back */
		{ 0, Y2020, 1 },				/* never 0 */
		{ 7, Y2020 - 1, 8 },				/* a clock before its time */
		{ 7, INT64_MIN + Y2020, 8 },
		{ 7, INT64_MAX, 8 },				/* and one after all time */
		{ 0, Y2020 + (INT64_C(1) << 41) - 1, ((INT64_C(1) << 41) - 1) << 10 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(store_id_next(cases[i].last, cases[i].wall_ms), cases[i].next);
}

static void
test_ranges(void **state)
{
	(void)state;
	/* The highest ids of a recipient and of a chunk stay positive (schema.sql). */
	assert_true(STORE_ID_MAX <= INT64_MAX >> 12);
	assert_true((STORE_ID_MAX << 12 | 4095) == INT64_MAX);
}

static void
test_text(void **state)
{
	static const int64_t ids[] = { 1, 31, 32, 1023, 1 << 20, INT64_C(1) << 40, STORE_ID_MAX };
	char text[QUEUE_ID_SIZE], before[QUEUE_ID_SIZE] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		queue_id_format(text, ids[i]);
		assert_int_equal(strlen(text), 11);
		assert_int_equal(strcspn(text, "ILOU"), 11);
		assert_true(strcmp(before, text) < 0);
		assert_int_equal(queue_id_parse(text), ids[i]);
		memcpy(before, text, sizeof(before));
	}
	queue_id_format(text, 0);
	assert_string_equal(text, "00000000000");
	assert_int_equal(queue_id_parse("0000000000a"), 10);
}

static void
test_malformed(void **state)
{
	static const char *const bad[] = { "", "0", "000000000001", "0000000000U", "0000000000O",
		"000000000 1", "-0000000001", "ZZZZZZZZZZZ", "0000000000\xc3", "%s%n%s%n%s%" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(queue_id_parse(bad[i]), 0);
}

/* Against a plain array; many collisions, growth, shrinking, runs that wrap around. */
static void
test_leases(void **state)
{
	static const char *const domain[] = { "a.test", "b.test" };
	struct leases *l = leases_new();
	bool is[2][500] = { { false } };
	uint32_t noise = 1;
	size_t n = 0;

	(void)state;
	for (int round = 0; round < 40000; round++) {
		size_t d, i;

		noise = noise * 1664525 + 1013904223;
		d = noise >> 31;
		i = (noise >> 8) % (round < 20000 ? 500 : 20);
		assert_int_equal(leases_has(l, (int64_t)i << 10, domain[d]), is[d][i]);
		if (is[d][i]) {
			leases_remove(l, (int64_t)i << 10, domain[d]);
			n--;
		} else {
			leases_add(l, (int64_t)i << 10, domain[d]);
			n++;
		}
		is[d][i] = !is[d][i];
		assert_int_equal(leases_count(l), n);
	}
	for (size_t d = 0; d < 2; d++)
		for (size_t i = 0; i < 500; i++)
			assert_int_equal(leases_has(l, (int64_t)i << 10, domain[d]), is[d][i]);
	leases_free(&l);
	assert_null(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
