/*
 * t_host.c -- findings into verdicts: what a setting makes of one, which of two counts, rules with
 * modes of their own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/buf.h"
#include "milter/engine.h"
#include "milter/host.h"

static void
act(void **state)
{
	static const struct {
		struct rules_act	 act;
		const char		*dsn;
		enum verdict_action	 action;
		int			 code, score;
		const char		*say;		/* dsn of the reply; "": nothing is said */
	} rows[] = {
		{ { RULES_OFF, 0 }, "5.7.1", VERDICT_PASS, 0, 0, "" },
		{ { RULES_SCORE, 250 }, "5.7.1", VERDICT_PASS, 0, 250, "" },
		{ { RULES_SCORE, -100 }, "5.7.1", VERDICT_PASS, 0, -100, "" },
		{ { RULES_GREYLIST, 0 }, "5.7.1", VERDICT_GREYLIST, 0, 0, "" },
		{ { RULES_TAG, 0 }, "5.7.1", VERDICT_TAG, 0, 0, "" },
		{ { RULES_QUARANTINE, 0 }, "5.7.1", VERDICT_QUARANTINE, 0, 0, "" },
		{ { RULES_DEFER, 0 }, "5.7.1", VERDICT_DEFER, 450, 0, "4.7.1" },
		{ { RULES_DEFER, 0 }, "5.1.8", VERDICT_DEFER, 450, 0, "4.1.8" },
		{ { RULES_REJECT, 0 }, "5.1.8", VERDICT_REJECT, 550, 0, "5.1.8" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool silent = rows[i].say[0] == '\0', off = rows[i].act.verdict == RULES_OFF;
		struct verdict v;

		memset(&v, 0, sizeof(v));
		host_act(&rows[i].act, rows[i].dsn, "No, thank you", "found", &v);
		assert_true(engine_valid(&v));
		if (v.action != rows[i].action || v.code != rows[i].code || v.score != rows[i].score)
			fail_msg("row %zu: %d %d %d", i, (int)v.action, v.code, v.score);
		assert_string_equal(v.dsn, rows[i].say);
		assert_string_equal(v.text, silent ? "" : "No, thank you");
		assert_string_equal(v.reason, off ? "" : "found");
	}
}

#define PASS(s, r)	{ .action = VERDICT_PASS, .score = s, .reason = r }
#define ACT(a, s, r)	{ .action = VERDICT_##a, .score = s, .reason = r }

/*
 * The more severe counts, the first among equals; points add up; who finds something replaces
 * nothing found.
 */
static void
merge(void **state)
{
	static const struct {
		struct verdict	 into, with;
		const char	*reason;
		int		 score;
	} rows[] = {
		{ PASS(0, ""), PASS(0, ""), "", 0 },
		{ PASS(0, ""), PASS(100, "b"), "b", 100 },
		{ PASS(100, "a"), PASS(0, "b"), "a", 100 },
		{ PASS(100, "a"), PASS(50, "b"), "a", 150 },
		{ PASS(100, "a"), PASS(-100, "b"), "a", 0 },
		{ PASS(100, "a"), ACT(REJECT, 0, "b"), "b", 100 },
		{ ACT(REJECT, 0, "a"), PASS(100, "b"), "a", 100 },
		{ ACT(DEFER, 0, "a"), ACT(REJECT, 0, "b"), "b", 0 },
		{ ACT(REJECT, 0, "a"), ACT(DEFER, 0, "b"), "a", 0 },
		{ ACT(DEFER, 1, "a"), ACT(DEFER, 2, "b"), "a", 3 },
		{ ACT(GREYLIST, 0, "a"), ACT(TAG, 0, "b"), "b", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct verdict v = rows[i].into;

		host_merge(&v, &rows[i].with);
		if (strcmp(v.reason, rows[i].reason) != 0 || v.score != rows[i].score)
			fail_msg("row %zu: %s %d", i, v.reason, v.score);
	}
}

/* --- rules with a mode of their own --------------------------------------------------------- */

static void
would(void *arg, const struct verdict *v)
{
	buf_printf(arg, "%s: %s", v->rule, v->reason);
}

static void
rule(void **state)
{
	static const struct {
		enum rules_mode	 mode;
		struct verdict	 found;
		const char	*rule;		/* of what comes of it */
		const char	*would;
	} rows[] = {
		{ MODE_ENFORCE, PASS(0, ""), "", "" },
		{ MODE_ENFORCE, ACT(REJECT, 0, "r"), "list deny x", "" },
		{ MODE_ENFORCE, PASS(100, "r"), "list deny x", "" },
		{ MODE_SHADOW, PASS(0, ""), "", "" },
		{ MODE_SHADOW, ACT(REJECT, 0, "r"), "", "list deny x: r" },
		{ MODE_SHADOW, PASS(100, "r"), "", "list deny x: r" },
	};
	struct buf said = BUF_INIT;
	struct check_host host = { .would = would, .arg = &said };
	struct check_view view = { .size = sizeof(view), .host = &host };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct verdict v;

		memset(&v, 0, sizeof(v));
		buf_clear(&said);
		host_rule(&view, rows[i].mode, "list deny x", &rows[i].found, &v);
		if (strcmp(v.rule, rows[i].rule) != 0 || strcmp(buf_str(&said), rows[i].would) != 0)
			fail_msg("row %zu: \"%s\" \"%s\"", i, v.rule, buf_str(&said));
		assert_int_equal(v.action, rows[i].rule[0] != '\0' ? rows[i].found.action : VERDICT_PASS);
		assert_int_equal(v.score, rows[i].rule[0] != '\0' ? rows[i].found.score : 0);
	}
	host.would = NULL;		/* nobody wants to know */
	host_rule(&view, MODE_SHADOW, "x", &rows[1].found, &(struct verdict){ .score = 0 });
	buf_free(&said);
}

static void
exempt(void *arg, const char *name, uint32_t skip)
{
	buf_printf(arg, "%s: %x", name, (unsigned)skip);
}

/* Only what may be left out is, whatever a rule says. */
static void
exceptions(void **state)
{
	struct buf said = BUF_INIT;
	uint32_t bits = 1u << CHECK_HELO;
	struct check_host host = { .skip = &bits, .exempt = exempt, .arg = &said };
	struct check_view view = { .size = sizeof(view), .host = &host };
	char expected[64];

	(void)state;
	host_skip(&view, "list allow x", 1u << CHECK_SPF | 1u << CHECK_RECIPIENT | 1u << CHECK_LISTS);
	assert_int_equal(bits, 1u << CHECK_HELO | 1u << CHECK_SPF);
	(void)snprintf(expected, sizeof(expected), "list allow x: %x", 1u << CHECK_SPF);
	assert_string_equal(buf_str(&said), expected);
	host.exempt = NULL;
	host_skip(&view, "list allow y", ~0u);
	assert_int_equal(bits, RULES_SKIPPABLE);
	buf_free(&said);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(act),
		cmocka_unit_test(merge),
		cmocka_unit_test(rule),
		cmocka_unit_test(exceptions),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
