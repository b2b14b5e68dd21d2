/*
 * t_complaints.c -- each complaint once in a while.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "milter/complaints.h"

static void
test_once(void **state)
{
	struct complaints *c = complaints_new();
	char what[16];

	(void)state;
	assert_true(complaints_due(c, "a"));
	assert_false(complaints_due(c, "a"));
	assert_true(complaints_due(c, "b"));
	assert_false(complaints_due(c, "b"));
	assert_false(complaints_due(c, "a"));
	/* So many of them that the first ones are forgotten: better said again than memory without end. */
	for (int i = 0; i < COMPLAINTS_MAX; i++) {
		(void)snprintf(what, sizeof(what), "%d", i);
		assert_true(complaints_due(c, what));
	}
	assert_false(complaints_due(c, what));
	assert_true(complaints_due(c, "a"));
	complaints_free(&c);
	assert_null(c);
	complaints_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
