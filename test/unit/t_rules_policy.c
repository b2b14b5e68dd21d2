/*
 * t_rules_policy.c -- the words of screening, and every setting: its default, its bounds, its place in the
 * struct, in rules.sql and in the manual.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/buf.h"
#include "common/rules_policy.h"
#include "common/rules_setting.h"

/* --- words ------------------------------------------------------------------- */

static void
test_scores(void **state)
{
	static const struct {
		const char	*text;
		bool		 never;
		int		 rc, score;
		const char	*written;	/* how it comes out again */
	} row[] = {
		{ "0", false, 0, 0, "0" }, { "5", false, 0, 500, "5" }, { "2.5", false, 0, 250, "2.5" },
		{ "2.50", false, 0, 250, "2.5" }, { "2.05", false, 0, 205, "2.05" },
		{ "-0.25", false, 0, -25, "-0.25" }, { "-3", false, 0, -300, "-3" }, { "-0", false, 0,
		  0, "0" },
		{ "007", false, 0, 700, "7" }, { "10000", false, 0, 1000000, "10000" },
		{ "-10000", false, 0, -1000000, "-10000" }, { "never", true, 0, RULES_NEVER, "never" },
		{ "0.01", true, 0, 1, "0.01" },
		{ "never", false, -1, 0, NULL }, { "Never", true, -1, 0, NULL },
		{ "10000.01", false, -1, 0, NULL }, { "99999", false, -1, 0, NULL },
		{ "100000", false, -1, 0, NULL }, { "", false, -1, 0, NULL }, { "-", false, -1, 0,
		  NULL },
		{ "--1", false, -1, 0, NULL }, { "+1", false, -1, 0, NULL }, { ".5", false, -1, 0,
		  NULL },
		{ "1.", false, -1, 0, NULL }, { "1.234", false, -1, 0, NULL }, { "1e3", false, -1, 0,
		  NULL },
		{ "1 ", false, -1, 0, NULL }, { " 1", false, -1, 0, NULL }, { "1,5", false, -1, 0,
		  NULL },
		{ "99999999999999999999", false, -1, 0, NULL },
	};
	char text[RULES_SCORE_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		int score = 42;

		if (rules_score_parse(row[i].text, row[i].never, &score) != row[i].rc)
			fail_msg("%s: %s", row[i].text, row[i].rc == 0 ? "refused" : "taken");
		assert_int_equal(score, row[i].rc == 0 ? row[i].score : 42);
		if (row[i].rc == 0)
			assert_string_equal(rules_score_text(score, text), row[i].written);
	}
}

#define ALL	0x7fu

static void
test_verdicts(void **state)
{
	static const struct {
		const char	*text;
		unsigned	 allowed;
		enum rules_verdict verdict;
		int		 score;
		const char	*why;		/* NULL: taken */
	} row[] = {
		{ "off", ALL, RULES_OFF, 0, NULL }, { "greylist", ALL, RULES_GREYLIST, 0, NULL },
		{ "tag", ALL, RULES_TAG, 0, NULL }, { "quarantine", ALL, RULES_QUARANTINE, 0, NULL },
		{ "defer", ALL, RULES_DEFER, 0, NULL }, { "reject", ALL, RULES_REJECT, 0, NULL },
		{ "2.5", ALL, RULES_SCORE, 250, NULL }, { "-1", ALL, RULES_SCORE, -100, NULL },
		{ "points", ALL, 0, 0, "`points' is not off, a number of points, greylist, tag,"
		  " quarantine, "
		  "defer or reject" },
		{ "never", ALL, 0, 0, "`never' is not" }, { "", ALL, 0, 0, "`' is not" },
		{ "Reject", ALL, 0, 0, "`Reject' is not" },
		{ "5", 1u << RULES_OFF | 1u << RULES_DEFER, 0, 0, "`5' is not off or defer" },
		{ "reject", 1u << RULES_OFF, 0, 0, "`reject' is not off" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct rules_act act = { RULES_TAG, 7 };
		char *why = NULL, *text;
		int rc = rules_act_parse(row[i].text, row[i].allowed, &act, &why);

		if ((rc == 0) != (row[i].why == NULL))
			fail_msg("%s: %s", row[i].text, rc == 0 ? "taken" : why);
		if (rc == -1) {
			if (strncmp(why, row[i].why, strlen(row[i].why)) != 0)
				fail_msg("%s: %s", row[i].text, why);
			free(why);
			continue;
		}
		assert_int_equal(act.verdict, row[i].verdict);
		assert_int_equal(act.score, row[i].score);
		text = rules_act_format(&act);
		assert_string_equal(text, row[i].text);
		free(text);
	}
}

static void
test_modes_and_checks(void **state)
{
	static const char *const modes[] = { "off", "shadow", "enforce" };
	enum rules_check check;
	enum rules_mode mode;

	(void)state;
	for (unsigned i = 0; i < COUNT(modes); i++) {
		assert_int_equal(rules_mode_parse(modes[i], &mode), 0);
		assert_int_equal(mode, i);
		assert_string_equal(rules_mode_name(mode), modes[i]);
	}
	assert_int_equal(rules_mode_parse("on", &mode), -1);
	assert_int_equal(rules_mode_parse("", &mode), -1);
	for (unsigned i = 0; i < RULES_NCHECKS; i++) {
		char *name = xasprintf("%s.mode", rules_check_name((enum rules_check)i));

		assert_int_equal(rules_check_parse(rules_check_name((enum rules_check)i), &check), 0);
		assert_int_equal(check, i);
		/* each can be switched */
		assert_non_null(rules_setting_find(name));
		free(name);
	}
	assert_int_equal(rules_check_parse("nope", &check), -1);
}

/* --- settings --------------------------------------------------------------------- */

struct values {
	struct rules_settings settings;
	struct rules_policy policy;
};

static void
defaults(struct values *v)
{
	rules_settings_default(&v->settings);
	rules_policy_default(&v->policy);
}

static int
set(const struct rules_setting *t, const char *text, struct values *v)
{
	char *why = NULL;
	int rc = rules_setting_parse(t, text, &v->settings, &v->policy, &why);

	assert_int_equal(rc == -1, why != NULL);
	free(why);
	return rc;
}

static char *
get(const struct rules_setting *t, const struct values *v)
{
	return rules_setting_format(t, &v->settings, &v->policy);
}

static void
test_defaults(void **state)
{
	struct values v;

	(void)state;
	defaults(&v);
	for (size_t i = 0; i < rules_nsettings; i++) {
		const struct rules_setting *t = &rules_settings_all[i];
		char *text = get(t, &v);

		if (strcmp(text, t->initial) != 0)
			fail_msg("%s: %s and not %s", t->name, text, t->initial);
		assert_int_equal(set(t, text, &v), 0);
		assert_ptr_equal(rules_setting_find(t->name), t);
		assert_true(t->help[0] != '\0');
		free(text);
	}
	assert_null(rules_setting_find(""));
	assert_null(rules_setting_find("concurrency"));
	assert_true(rules_setting_in(rules_setting_find("spf.fail"), "spf"));
	assert_false(rules_setting_in(rules_setting_find("spf.fail"), "sp"));
	assert_false(rules_setting_in(rules_setting_find("spf.fail"), "spf.fail"));
	assert_false(rules_setting_in(rules_setting_find("sender_domain.mode"), "sender"));
}

/* A value that is not the default. Caller frees. */
static char *
another(const struct rules_setting *t)
{
	static const char *const verdicts[] = { "off", "7.5", "greylist", "tag", "quarantine", "defer",
		"reject" };
	unsigned i = RULES_REJECT;

	switch (t->kind) {
	case SETTING_NUMBER:
		return xasprintf("%u", strcmp(t->initial, "24") == 0 ? t->min : t->max);
	case SETTING_TIME:
		return xasprintf("%us", t->max % 60 != 0 ? t->max : t->max - 1);
	case SETTING_SIZE:
		return xasprintf("%uK", t->max - 1);
	case SETTING_YESNO:
		return xstrdup(strcmp(t->initial, "yes") == 0 ? "no" : "yes");
	case SETTING_MODE:
		return xstrdup(strcmp(t->initial, "shadow") == 0 ? "enforce" : "shadow");
	case SETTING_ACT:
		while (!(t->max >> i & 1) || strcmp(t->initial, verdicts[i]) == 0)
			i--;
		return xstrdup(verdicts[i]);
	case SETTING_SCORE:
		return xstrdup("7.77");
	case SETTING_ADDRESS:
		return xstrdup("ops@example.test");
	case SETTING_SERVER:
		return xstrdup(strcmp(t->name, "spam.header") == 0 ? "X-Spam-Score" : "[2001:db8::1]:11332");
	}
	return NULL;
}

/* Each has a member of its own, of the right type: to write one changes no other. */
static void
test_each_is_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < rules_nsettings; i++) {
		const struct rules_setting *t = &rules_settings_all[i];
		char *value = another(t);
		struct values v;

		defaults(&v);
		if (set(t, value, &v) == -1)
			fail_msg("%s: %s is refused", t->name, value);
		for (size_t j = 0; j < rules_nsettings; j++) {
			const struct rules_setting *u = &rules_settings_all[j];
			char *text = get(u, &v);

			if (strcmp(text, j == i ? value : u->initial) != 0)
				fail_msg("%s = %s: %s is %s", t->name, value, u->name, text);
			free(text);
		}
		free(value);
	}
}

static void
test_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < rules_nsettings; i++) {
		const struct rules_setting *t = &rules_settings_all[i];
		const char *unit = t->kind == SETTING_SIZE ? "K" : t->kind == SETTING_TIME ? "s" : "";
		char *low, *least, *most, *high;
		struct values v, before;

		if (t->kind != SETTING_NUMBER && t->kind != SETTING_TIME && t->kind != SETTING_SIZE)
			continue;
		low = t->min > 0 ? xasprintf("%u%s", t->min - 1, unit) : xstrdup("-1");
		least = xasprintf("%u%s", t->min, unit);
		most = xasprintf("%u%s", t->max, unit);
		high = xasprintf("%llu%s", t->max + 1ull, unit);
		defaults(&v);
		memcpy(&before, &v, sizeof(v));
		assert_int_equal(set(t, low, &v), -1);
		assert_int_equal(set(t, high, &v), -1);
		assert_int_equal(set(t, "", &v), -1);
		assert_int_equal(set(t, "x", &v), -1);
		assert_int_equal(set(t, "1 ", &v), -1);
		assert_memory_equal(&before, &v, sizeof(v));	/* nothing is half taken */
		assert_int_equal(set(t, least, &v), 0);
		assert_int_equal(set(t, most, &v), 0);
		free(low);
		free(least);
		free(most);
		free(high);
	}
}

static void
test_values(void **state)
{
	static const struct {
		const char	*name, *value;
		const char	*written;	/* NULL: refused */
	} row[] = {
		{ "global.probe_interval", "120s", "2m" }, { "global.probe_interval", "90", "90s" },
		{ "global.mode", "off", NULL }, { "spf.mode", "off", "off" }, { "spf.mode", "on",
		  NULL },
		{ "spf.header", "yes", "yes" }, { "spf.header", "true", NULL },
		{ "spf.fail", "quarantine", NULL }, { "virus.found", "5", NULL },
		{ "virus.found", "quarantine", "quarantine" }, { "virus.on_fault", "reject", NULL },
		{ "threshold.reject", "never", "never" }, { "greylist.score", "never", NULL },
		{ "greylist.score", "-2", "-2" },
		{ "spam.max_size", "1048576", "1M" }, { "spam.max_size", "1025", "1025" },
		{ "spam.max_size", "1G", "1G" }, { "spam.max_size", "2G", NULL },
		{ "virus.clamd", "unix:/run/clamd.sock", "unix:/run/clamd.sock" },
		{ "virus.clamd", "unix:run", NULL }, { "virus.clamd", "127.0.0.1:3310",
		  "127.0.0.1:3310" },
		{ "virus.clamd", "127.0.0.1", NULL }, { "virus.clamd", "h:0", NULL }, { "virus.clamd",
		  "", "" },
		{ "spam.rspamd", "unix:/run/x", NULL }, { "spam.rspamd", "localhost:11333",
		  "localhost:11333" },
		{ "spam.header", "X-Spam-Score", "X-Spam-Score" }, { "spam.header", "X Spam", NULL },
		{ "spam.header", "X:", NULL }, { "spam.header", "", "" },
		{ "global.operator", "", NULL }, { "global.operator", "ops", "ops" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		const struct rules_setting *t = rules_setting_find(row[i].name);
		struct values v;
		char *text;

		assert_non_null(t);
		defaults(&v);
		if ((set(t, row[i].value, &v) == 0) != (row[i].written != NULL))
			fail_msg("%s = %s", row[i].name, row[i].value);
		if (row[i].written == NULL)
			continue;
		text = get(t, &v);
		assert_string_equal(text, row[i].written);
		free(text);
	}
	/* what does not fit is refused, not cut */
	char *path = xasprintf("unix:/%0300d", 0);
	struct values v;
	assert_int_equal(set(rules_setting_find("virus.clamd"), path, &v), -1);
	free(path);
}

/* --- and elsewhere --------------------------------------------------------------------- */

/* The words in quotes of `setting.name's CHECK are the names of the table, each once. */
static void
test_sql(void **state)
{
	char *sql = source_text("common/rules.sql"), *p, *end, *save = NULL;
	size_t n = 0;

	(void)state;
	p = strstr(sql, "\"setting.name must be one of the known settings\"");
	assert_non_null(p);
	p = strchr(p, '\'');
	end = strstr(p, "')),");
	assert_non_null(end);
	*end = '\0';
	for (char *word = strtok_r(p, "', \t\n", &save); word != NULL;
	    word = strtok_r(NULL, "', \t\n", &save)) {
		if (n >= rules_nsettings || strcmp(word, rules_settings_all[n].name) != 0)
			fail_msg("name %zu of the CHECK is %s", n, word);
		n++;
	}
	assert_int_equal(n, rules_nsettings);
	free(sql);
}

/* The manual has a paragraph for each, which ends with its default. */
static void
test_manual(void **state)
{
	char *man = source_text("packaging/man/holdfast.1");

	(void)state;
	for (size_t i = 0; i < rules_nsettings; i++) {
		const struct rules_setting *t = &rules_settings_all[i];
		char *head = xasprintf("\n.It Cm %s\n", t->name);
		char *tail = xasprintf("(%s)\n.", t->initial[0] != '\0' ? t->initial : "empty");
		char *p = strstr(man, head), *next = NULL, *end = NULL;

		if (p == NULL)
			fail_msg("holdfast(1) does not describe %s", t->name);
		else {
			next = strstr(p + strlen(head), "\n.");
			end = strstr(p, tail);
		}
		if (next == NULL || end == NULL || end > next)
			fail_msg("holdfast(1) does not say that the default of %s is"
			    " %s", t->name, t->initial);
		free(head);
		free(tail);
	}
	free(man);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scores), cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_modes_and_checks), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_each_is_its_own), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_values), cmocka_unit_test(test_sql), cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests_name("rules_policy", tests, NULL, NULL);
}
