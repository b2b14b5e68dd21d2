/*
 * t_engine.c -- merging verdicts, faults of checks, order and stop.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "milter/checks.h"
#include "milter/engine.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_merge(void **state)
{
	static const struct {
		enum verdict_action	into, with;
		const char		*wins;
		enum verdict_action	action;
	} table[] = {
		{ VERDICT_PASS, VERDICT_PASS, "first", VERDICT_PASS },
		{ VERDICT_PASS, VERDICT_DEFER, "second", VERDICT_DEFER },
		{ VERDICT_PASS, VERDICT_REJECT, "second", VERDICT_REJECT },
		{ VERDICT_DEFER, VERDICT_PASS, "first", VERDICT_DEFER },
		{ VERDICT_DEFER, VERDICT_DEFER, "first", VERDICT_DEFER },
		{ VERDICT_DEFER, VERDICT_REJECT, "second", VERDICT_REJECT },
		{ VERDICT_REJECT, VERDICT_PASS, "first", VERDICT_REJECT },
		{ VERDICT_REJECT, VERDICT_DEFER, "first", VERDICT_REJECT },
		{ VERDICT_REJECT, VERDICT_REJECT, "first", VERDICT_REJECT },
	};
	struct verdict a, b;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		check_verdict(&a, table[i].into, 0, "", "", "first");
		check_verdict(&b, table[i].with, 0, "", "", "second");
		a.score = 150;
		b.score = -30;
		engine_merge(&a, &b);
		assert_int_equal(a.action, table[i].action);
		assert_string_equal(a.reason, table[i].wins);
		assert_int_equal(a.score, 120);
	}
}

static void
test_valid(void **state)
{
	static const struct {
		enum verdict_action	 action;
		int			 code;
		const char		*dsn, *text;
		bool			 valid;
	} table[] = {
		{ VERDICT_PASS, 0, "", "", true },
		{ VERDICT_DEFER, 450, "4.1.1", "later", true },
		{ VERDICT_REJECT, 550, "5.1.1", "no", true },
		{ VERDICT_REJECT, 550, "5.1.1", "100% no", true },
		{ VERDICT_REJECT, 550, "5.1.1", "<\xc3\xa4@b> no", true },
		{ VERDICT_REJECT, 450, "5.1.1", "class", false },
		{ VERDICT_REJECT, 550, "4.1.1", "class", false },
		{ VERDICT_DEFER, 550, "5.1.1", "class", false },
		{ VERDICT_REJECT, 550, "", "no class", false },
		{ VERDICT_REJECT, 550, "5.1.1", "", false },
		{ VERDICT_REJECT, 550, "5.1.1", "two\r\nlines", false },
		{ VERDICT_REJECT, 550, "5.1.1", "a\ttab", false },
		{ VERDICT_REJECT, 250, "5.1.1", "fine", false },
		{ (enum verdict_action)7, 550, "5.1.1", "what", false },
	};
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		memset(&v, 0, sizeof(v));
		check_verdict(&v, table[i].action, table[i].code, table[i].dsn, table[i].text, "");
		if (engine_valid(&v) != table[i].valid)
			fail_msg("row %zu", i);
	}
}

/* --- checks that do as they are told --------------------------------------- */

static unsigned asked;

static int
says_pass(const struct check_view *v, struct verdict *out)
{
	(void)v;
	asked++;
	out->score = 10;
	return 0;
}

static int
says_defer(const struct check_view *v, struct verdict *out)
{
	(void)v;
	asked++;
	check_defer(out, 450, "4.7.1", "later", "defer");
	return 0;
}

static int
says_reject(const struct check_view *v, struct verdict *out)
{
	(void)v;
	asked++;
	check_reject(out, 554, "5.7.1", "never", "reject");
	return 0;
}

static int
fails(const struct check_view *v, struct verdict *out)
{
	(void)v;
	asked++;
	/* What a failing check leaves behind must not count. */
	check_reject(out, 554, "5.7.1", "half done", "half done");
	return -1;
}

static int
talks_nonsense(const struct check_view *v, struct verdict *out)
{
	(void)v;
	asked++;
	check_verdict(out, VERDICT_REJECT, 250, "2.0.0", "ok\r\n", "nonsense");
	return 0;
}

#define CHECK(id, fn, fault) static const struct check id = { .abi = HOLDFAST_CHECK_ABI, \
	.name = #id, .on_fault = fault, .at_rcpt = fn }
CHECK(pass, says_pass, VERDICT_DEFER);
CHECK(defer, says_defer, VERDICT_DEFER);
CHECK(reject, says_reject, VERDICT_DEFER);
CHECK(fail_defer, fails, VERDICT_DEFER);
CHECK(fail_pass, fails, VERDICT_PASS);
CHECK(nonsense, talks_nonsense, VERDICT_DEFER);
static const struct check at_end = { .abi = HOLDFAST_CHECK_ABI, .name = "at_end",
	.at_eom = says_reject };

static void
test_run(void **state)
{
	static const struct {
		const struct check	*checks[4];
		enum verdict_action	 action;
		const char		*whose;		/* NULL: nobody's */
		unsigned		 asked;
	} table[] = {
		{ { NULL }, VERDICT_PASS, NULL, 0 },
		{ { &pass, &pass, NULL }, VERDICT_PASS, NULL, 2 },
		{ { &pass, &defer, &pass, NULL }, VERDICT_DEFER, "defer", 3 },
		{ { &defer, &reject, &pass, NULL }, VERDICT_REJECT, "reject", 2 },
		{ { &reject, &pass, &pass, NULL }, VERDICT_REJECT, "reject", 1 },
		{ { &at_end, &pass, NULL }, VERDICT_PASS, NULL, 1 },
		{ { &fail_defer, NULL }, VERDICT_DEFER, "fail_defer", 1 },
		{ { &fail_pass, &pass, NULL }, VERDICT_PASS, NULL, 2 },
		{ { &fail_defer, &reject, NULL }, VERDICT_REJECT, "reject", 2 },
		{ { &nonsense, NULL }, VERDICT_DEFER, "nonsense", 1 },
	};
	struct check_view view;
	struct verdict v;
	size_t i, n;

	(void)state;
	memset(&view, 0, sizeof(view));
	for (i = 0; i < COUNT(table); i++) {
		for (n = 0; table[i].checks[n] != NULL; n++)
			continue;
		asked = 0;
		engine_run(table[i].checks, n, STAGE_RCPT, &view, &v);
		if (v.action != table[i].action || asked != table[i].asked)
			fail_msg("row %zu: action %d, asked %u", i, (int)v.action, asked);
		if (table[i].whose != NULL)
			assert_string_equal(v.check, table[i].whose);
		assert_true(engine_valid(&v));
		if (v.action == VERDICT_DEFER)
			assert_int_equal(v.code / 10, 45);
	}
}

/* P3: no check may turn its own fault into a bounce. */
static void
test_table(void **state)
{
	const struct check *const *table;
	size_t i, n;

	(void)state;
	table = checks_table(&n);
	assert_int_equal(n, 2);
	for (i = 0; i < n; i++) {
		assert_int_equal(table[i]->abi, HOLDFAST_CHECK_ABI);
		assert_int_not_equal(table[i]->on_fault, VERDICT_REJECT);
		assert_true(i == 0 || table[i - 1]->cost <= table[i]->cost);
		assert_true(table[i]->at_rcpt != NULL || table[i]->at_eom != NULL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
