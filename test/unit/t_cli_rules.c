/*
 * t_cli_rules.c -- what `holdfast schedule' and `holdfast rule' compute, and
 * their table of settings against rules.sql and the man page.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cli/schedule.h"
#include "common/rules_setting.h"
#include "common/schedule.h"

#define DAY 86400u
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

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

/* --- settings ------------------------------------------------------------ */

static void
slurp(const char *name, struct buf *b)
{
	const char *top = getenv("top_srcdir");
	char *path = xasprintf("%s/%s", top != NULL ? top : ".", name);
	FILE *f = fopen(path, "r");
	int c;

	if (f == NULL)
		fail_msg("%s: cannot be read", path);
	while (f != NULL && (c = getc(f)) != EOF)
		buf_putc(b, (char)c);
	if (f != NULL)
		(void)fclose(f);
	free(path);
}

/* The text between the name of a setting and the end of its paragraph has the default. */
static void
described(const char *where, const char *text, const char *intro, const char *name,
    const char *after, const char *standard)
{
	char *head = xasprintf("%s%s%s", intro, name, after), *tail = xasprintf("(%s)\n", standard);
	const char *p = strstr(text, head), *end;

	if (p == NULL)
		fail_msg("%s does not describe %s", where, name);
	end = p != NULL ? strstr(p, tail) : NULL;
	if (end == NULL || end - p > 160)
		fail_msg("%s does not say that the default of %s is %s", where, name, standard);
	free(head);
	free(tail);
}

static void
test_settings_described(void **state)
{
	struct buf sql = BUF_INIT, man = BUF_INIT;
	struct rules_settings initial;

	(void)state;
	slurp("common/rules.sql", &sql);
	slurp("packaging/man/holdfast.1", &man);
	rules_settings_default(&initial);
	for (size_t i = 0; i < rules_nsettings; i++) {
		const struct rules_setting *t = &rules_settings_all[i];
		char *standard = rules_setting_format(t, &initial);
		char *check = xasprintf("'%s'", t->name), *why = NULL;

		described("rules.sql", buf_str(&sql), "\t-- ", t->name, "\t", standard);
		described("holdfast(1)", buf_str(&man), "\n.It Cm ", t->name, "\n", standard);
		if (strstr(buf_str(&sql), check) == NULL)
			fail_msg("the CHECK of setting.name does not know %s", t->name);
		/* what is shown may be written */
		assert_int_equal(rules_setting_parse(t, standard, &initial, &why), 0);
		assert_ptr_equal(rules_setting_find(t->name), t);
		assert_true(strlen(t->help) > 0);
		free(check);
		free(standard);
	}
	assert_null(rules_setting_find(""));
	buf_free(&sql);
	buf_free(&man);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attempts), cmocka_unit_test(test_attempts_are_schedule_next),
		cmocka_unit_test(test_schedule_text), cmocka_unit_test(test_settings_described),
	};

	return cmocka_run_group_tests_name("cli_rules", tests, NULL, NULL);
}
