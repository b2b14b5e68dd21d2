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
		{ VERDICT_GREYLIST, 0, "", "", true },
		{ VERDICT_TAG, 0, "", "", true },
		{ VERDICT_QUARANTINE, 0, "", "", true },
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
	struct check_view view = { .size = sizeof(view) };
	struct engine_run r = { .stage = STAGE_RCPT, .view = &view };
	struct verdict v, would;
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		for (n = 0; table[i].checks[n] != NULL; n++)
			continue;
		asked = 0;
		r.table = table[i].checks;
		r.n = n;
		engine_run(&r, &v, &would);
		if (v.action != table[i].action || asked != table[i].asked)
			fail_msg("row %zu: action %d, asked %u", i, (int)v.action, asked);
		if (table[i].whose != NULL)
			assert_string_equal(v.check, table[i].whose);
		assert_true(engine_valid(&v));
		if (v.action == VERDICT_DEFER)
			assert_int_equal(v.code / 10, 45);
	}
}

/* --- modes, points, thresholds ----------------------------------------------- */

static int
says_final(const struct check_view *v, struct verdict *out)
{
	(void)v;
	asked++;
	check_defer(out, 421, "4.7.0", "go away", "final");
	out->final = true;
	return 0;
}

static int seen_score;
static bool seen_greylist;

static int
looks(const struct check_view *v, struct verdict *out)
{
	(void)out;
	asked++;
	seen_score = v->score;
	seen_greylist = v->greylist;
	return 0;
}

static int
wants_greylist(const struct check_view *v, struct verdict *out)
{
	(void)v;
	out->action = VERDICT_GREYLIST;
	return 0;
}

static int
says_tag(const struct check_view *v, struct verdict *out)
{
	(void)v;
	out->action = VERDICT_TAG;
	return 0;
}

CHECK(final, says_final, VERDICT_DEFER);
CHECK(looker, looks, VERDICT_DEFER);
CHECK(greyer, wants_greylist, VERDICT_DEFER);
CHECK(tagger, says_tag, VERDICT_DEFER);
static const struct check eom_tagger = { .abi = HOLDFAST_CHECK_ABI, .name = "eom_tagger",
	.at_eom = says_tag };

static enum rules_mode
mode_by_name(void *arg, const struct check *c)
{
	const char *const *names = arg;		/* off, shadow */

	return strcmp(names[0], c->name) == 0 ? MODE_OFF : strcmp(names[1], c->name) == 0 ? MODE_SHADOW :
	    MODE_ENFORCE;
}

static void
run_these(const struct check *const *checks, const char *off, const char *shadow, bool all_shadow,
    struct verdict *v, struct verdict *would)
{
	const char *names[] = { off, shadow };
	struct check_view view = { .size = sizeof(view) };
	struct engine_run r = { .table = checks, .stage = STAGE_RCPT, .view = &view, .mode = mode_by_name,
	    .shadow = all_shadow, .arg = names };

	while (checks[r.n] != NULL)
		r.n++;
	asked = 0;
	engine_run(&r, v, would);
	assert_int_equal(view.score, 0);
}

static void
test_modes(void **state)
{
	const struct check *const checks[] = { &pass, &reject, &looker, NULL };
	struct verdict v, would;

	(void)state;
	run_these(checks, "reject", "", false, &v, &would);
	assert_int_equal(VERDICT_PASS, v.action);
	assert_int_equal(2, asked);
	/* What is only watched stops nothing, and changes no sum. */
	run_these(checks, "", "reject", false, &v, &would);
	assert_int_equal(VERDICT_PASS, v.action);
	assert_int_equal(VERDICT_REJECT, would.action);
	assert_int_equal(3, asked);
	assert_int_equal(10, seen_score);
	run_these(checks, "", "pass", false, &v, &would);
	assert_int_equal(0, v.score);
	assert_int_equal(10, would.score);
	run_these(checks, "", "", true, &v, &would);
	assert_int_equal(VERDICT_PASS, v.action);
	assert_int_equal(0, v.score);
	assert_int_equal(VERDICT_REJECT, would.action);
}

static void
test_final(void **state)
{
	const struct check *const checks[] = { &final, &reject, NULL };
	struct verdict v, would;

	(void)state;
	run_these(checks, "", "", false, &v, &would);
	assert_int_equal(421, v.code);
	assert_int_equal(1, asked);
	run_these(checks, "", "final", false, &v, &would);
	assert_int_equal(VERDICT_REJECT, v.action);
}

/* Those behind the decision are asked, told, and change nothing. */
static void
count_told(void *arg, const struct check *c, enum rules_mode mode, const struct verdict *v, int64_t us)
{
	(void)c;
	(void)mode;
	(void)v;
	(void)us;
	++*(unsigned *)arg;
}

static void
test_all(void **state)
{
	static const struct {
		const struct check	*checks[4];
		const char		*whose;
		int			 score;
	} table[] = {
		{ { &defer, &reject, &pass, NULL }, "reject", 0 },
		{ { &final, &reject, &pass, NULL }, "final", 0 },
		{ { &reject, &final, &fail_defer, NULL }, "reject", 0 },
		{ { &pass, &defer, &pass, NULL }, "defer", 20 },
	};
	struct check_view view = { .size = sizeof(view) };
	struct engine_run r = { .stage = STAGE_RCPT, .view = &view, .n = 3, .all = true, .told = count_told };
	struct verdict v, would;
	unsigned told;

	(void)state;
	r.arg = &told;
	for (size_t i = 0; i < COUNT(table); i++) {
		asked = told = 0;
		r.table = table[i].checks;
		engine_run(&r, &v, &would);
		if (asked != 3 || told != 3)
			fail_msg("row %zu: asked %u, told %u", i, asked, told);
		assert_string_equal(v.check, table[i].whose);
		assert_int_equal(v.score, table[i].score);
		assert_string_equal(would.check, table[i].whose);
	}
}

static void
test_greylist(void **state)
{
	const struct check *const checks[] = { &greyer, &looker, &tagger, NULL };
	struct verdict v, would;

	(void)state;
	run_these(checks, "", "", false, &v, &would);
	assert_true(seen_greylist);
	assert_int_equal(VERDICT_PASS, v.action);	/* nor is anything marked before its content is there */
	run_these(checks, "", "greyer", false, &v, &would);
	assert_false(seen_greylist);
}

static void
test_threshold(void **state)
{
	static const struct {
		enum check_stage	 stage;
		int			 score;
		enum verdict_action	 action;
		int			 code;
	} table[] = {
		{ STAGE_RCPT, -500, VERDICT_PASS, 0 },
		{ STAGE_RCPT, 399, VERDICT_PASS, 0 },
		{ STAGE_RCPT, 400, VERDICT_DEFER, 450 },
		{ STAGE_RCPT, 799, VERDICT_DEFER, 450 },
		{ STAGE_RCPT, 800, VERDICT_REJECT, 550 },
		{ STAGE_EOM, 299, VERDICT_PASS, 0 },
		{ STAGE_EOM, 300, VERDICT_TAG, 0 },
		{ STAGE_EOM, 600, VERDICT_QUARANTINE, 0 },
		{ STAGE_EOM, 1200, VERDICT_DEFER, 451 },
		{ STAGE_EOM, 1500, VERDICT_REJECT, 550 },
	};
	struct rules_policy p = { .threshold_defer = 400, .threshold_reject = 800, .threshold_tag = 300,
	    .threshold_quarantine = 600, .threshold_spam_defer = 1200, .threshold_spam_reject = 1500 };
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		engine_threshold(&p, table[i].stage, table[i].score, &v);
		if (v.action != table[i].action || v.code != table[i].code)
			fail_msg("row %zu: %d %d", i, (int)v.action, v.code);
		assert_true(engine_valid(&v));
		assert_string_equal("threshold", v.check);
	}
	p.threshold_reject = p.threshold_defer = RULES_NEVER;
	engine_threshold(&p, STAGE_RCPT, 1000000, &v);
	assert_int_equal(VERDICT_PASS, v.action);
}

/* Points of several checks together; and a mark at the end of the message. */
static void
test_sum(void **state)
{
	const struct check *const checks[] = { &pass, &pass, &pass }, *const end[] = { &eom_tagger };
	struct rules_policy p = { .threshold_defer = 30, .threshold_reject = RULES_NEVER,
	    .threshold_tag = RULES_NEVER, .threshold_quarantine = 500, .threshold_spam_defer = RULES_NEVER,
	    .threshold_spam_reject = RULES_NEVER };
	struct check_view view = { .size = sizeof(view) };
	struct engine_run r = { .table = checks, .n = 2, .stage = STAGE_RCPT, .view = &view, .policy = &p };
	struct verdict v, would;

	(void)state;
	engine_run(&r, &v, &would);
	assert_int_equal(VERDICT_PASS, v.action);
	assert_int_equal(20, v.score);
	r.n = 3;
	engine_run(&r, &v, &would);
	assert_int_equal(VERDICT_DEFER, v.action);
	r.shadow = true;
	engine_run(&r, &v, &would);
	assert_int_equal(VERDICT_PASS, v.action);
	assert_int_equal(VERDICT_DEFER, would.action);

	r = (struct engine_run){ .table = end, .n = 1, .stage = STAGE_EOM, .view = &view, .policy = &p };
	view.score = 450;
	engine_run(&r, &v, &would);
	assert_int_equal(VERDICT_TAG, v.action);
	view.score = 500;
	engine_run(&r, &v, &would);
	assert_int_equal(VERDICT_QUARANTINE, v.action);
}

/* P3: no check may turn its own fault into a bounce. */
static void
test_table(void **state)
{
	const struct check *const *table;
	size_t i, n;

	(void)state;
	table = checks_table(&n);
	for (i = 0; i < n; i++) {
		assert_int_equal(table[i]->abi, HOLDFAST_CHECK_ABI);
		assert_int_not_equal(table[i]->on_fault, VERDICT_REJECT);
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
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_final),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_greylist),
		cmocka_unit_test(test_threshold),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
