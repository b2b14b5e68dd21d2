/*
 * t_pattern.c -- regular expressions: what matches, what is refused, and what is cut off.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "common/pattern.h"

#define SOON_MS	200	/* of the processor's time; it takes some 3 */

static long
cpu_ms(void)
{
	return (long)(clock() / (CLOCKS_PER_SEC / 1000));
}

static struct pattern *
make(const char *text, int whole)
{
	char *why = NULL;
	struct pattern *p = pattern_new(text, whole, &why);

	if (p == NULL)
		fail_msg("%s: %s", text, why);
	assert_string_equal(pattern_text(p), text);
	return p;
}

static void
test_matches(void **state)
{
	static const struct {
		const char	*text;
		int		 whole;
		const char	*subject;
		size_t		 len;
		enum pattern_result want;
	} row[] = {
		{ "spam", 0, "buy SPAM now", 12, PATTERN_YES },
		{ "spam", 1, "buy spam now", 12, PATTERN_NO },
		{ "spam", 1, "Spam", 4, PATTERN_YES },
		{ "list-[a-z]+", 1, "list-users", 10, PATTERN_YES },
		{ "list-[a-z]+", 1, "list-users+x", 12, PATTERN_NO },
		/* all ways are tried before the end is missed */
		{ "a|ab", 1, "ab", 2, PATTERN_YES },
		{ "^$", 0, "", 0, PATTERN_YES },
		{ "^won", 0, "you won", 7, PATTERN_NO },
		/* bytes, whatever they are */
		{ "a.b", 1, "a\0b", 3, PATTERN_YES },
		{ "^ab$", 0, "ab\0c", 4, PATTERN_NO },
		{ "c$", 0, "ab\0c", 4, PATTERN_YES },
		{ "\\x00", 0, "ab\0c", 4, PATTERN_YES },
		{ "b", 0, "ab", 1, PATTERN_NO },		/* no byte behind the length is looked at */
		{ "\xc3\xbc", 0, "gr\xc3\xbc\xc3\x9f", 6, PATTERN_YES },
		{ "^.*spam", 0, "\xff\xfe spam", 7, PATTERN_YES },
		{ "\xfc", 0, "gr\xfc\xdf", 4, PATTERN_YES },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct pattern *p = make(row[i].text, row[i].whole);
		char *exact = malloc(row[i].len > 0 ? row[i].len : 1);

		/* a copy that ends where the subject ends, for the sanitizer */
		memcpy(exact, row[i].subject, row[i].len);
		if (pattern_match(p, exact, row[i].len) != row[i].want)
			fail_msg("row %zu: %s", i, row[i].text);
		free(exact);
		pattern_free(&p);
		assert_null(p);
		pattern_free(&p);
	}
}

/* What would backtrack for years ends at once, and says so. */
static void
test_limits(void **state)
{
	static const char *const catastrophic[] = {
		"(a+)+$", "^(a|aa)+$", "(a*)*b$|(a+)+$", "^(([a-z])+.)+[A-Z]([a-z])+$",
		"(.*)(.*)(.*)(.*)(.*)[0-9]$",
		"(?:a?){40}a{40}$", "((a{1,9}){1,9}){1,9}$",
	};
	static const size_t sizes[] = { 64, 1000, 16384 };
	char subject[16384];

	(void)state;
	for (size_t i = 0; i < COUNT(catastrophic); i++) {
		struct pattern *p = make(catastrophic[i], 0);

		for (size_t j = 0; j < COUNT(sizes); j++) {
			long start = cpu_ms(), took;
			enum pattern_result got;

			memset(subject, 'a', sizes[j]);
			subject[sizes[j] - 1] = '!';
			got = pattern_match(p, subject, sizes[j]);
			took = cpu_ms() - start;
			if (got != PATTERN_LIMIT)
				fail_msg("%s on %zu bytes: %d", catastrophic[i], sizes[j], (int)got);
			if (took > SOON_MS)
				fail_msg("%s on %zu bytes: %ld ms", catastrophic[i], sizes[j], took);
		}
		pattern_free(&p);
	}
}

/* Each round of the group is one deeper: memory is bounded as well. */
static void
test_depth(void **state)
{
	struct pattern *p = make("^(?:a|b)*$", 0);
	char subject[16384];

	(void)state;
	memset(subject, 'a', sizeof(subject));
	assert_int_equal(pattern_match(p, subject, PATTERN_DEPTH / 10), PATTERN_YES);
	assert_int_equal(pattern_match(p, subject, sizeof(subject)), PATTERN_LIMIT);
	pattern_free(&p);
}

/* An expression cannot lift the limits for itself. */
static void
test_limits_stay(void **state)
{
	static const char *const lifted[] = {
		"(*LIMIT_MATCH=4000000000)(a+)+$", "(*LIMIT_DEPTH=4000000000)(a+)+$",
		"(*NO_JIT)(*LIMIT_MATCH=4000000000)(*LIMIT_DEPTH=4000000000)^(a|aa)+$",
	};
	char subject[64];

	(void)state;
	memset(subject, 'a', sizeof(subject));
	subject[sizeof(subject) - 1] = '!';
	for (size_t i = 0; i < COUNT(lifted); i++) {
		struct pattern *p = make(lifted[i], 0);
		long start = cpu_ms();

		assert_int_equal(pattern_match(p, subject, sizeof(subject)), PATTERN_LIMIT);
		assert_true(cpu_ms() - start <= SOON_MS);
		pattern_free(&p);
	}
}

static void
test_refused(void **state)
{
	static const struct {
		const char	*text, *why;	/* the end of it */
	} row[] = {
		{ "(", "(at character 2)" },
		{ "a(b", "(at character 4)" },
		{ "ab)", "(at character 3)" },
		{ "a[b", "(at character 4)" },
		{ "*a", "(at character 1)" },
		{ "a\\", "(at character 3)" },
		{ "x{2,1}", "(at character 6)" },
		{ "(?<n>a)(?<n>b)", "(at character 13)" },
		{ "a(?P=none)", "(at character 6)" },
		{ "a\\Cb", "(at character 4)" },	/* would cut characters in two */
		{ "(*UTF)a", "(at character 7)" },
		{ "(*UCP)a", "(at character 7)" },
	};
	char *why = NULL, *lengthy = malloc(4098);

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct pattern *p = pattern_new(row[i].text, 0, &why);
		size_t len = strlen(row[i].why);

		if (p != NULL)
			fail_msg("%s is taken", row[i].text);
		if (strlen(why) <= len || strcmp(why + strlen(why) - len, row[i].why) != 0)
			fail_msg("%s: %s", row[i].text, why);
		free(why);
	}
	memset(lengthy, 'a', 4097);
	lengthy[4097] = '\0';
	assert_null(pattern_new(lengthy, 0, &why));
	assert_string_equal(why, "longer than 4096 bytes");
	free(why);
	lengthy[4096] = '\0';
	struct pattern *p = make(lengthy, 1);
	assert_int_equal(pattern_match(p, lengthy, 4096), PATTERN_YES);
	pattern_free(&p);
	free(lengthy);
}

static void *
matcher(void *arg)
{
	static const char subject[] = "list-users";

	for (int i = 0; i < 20000; i++)
		if (pattern_match(arg, subject, sizeof(subject) - 1) != PATTERN_YES ||
		    pattern_match(arg, subject, 4) != PATTERN_NO)
			return arg;
	return NULL;
}

/* One expression, many threads. */
static void
test_threads(void **state)
{
	struct pattern *p = make("(list)-([a-z]+)", 1);
	pthread_t thread[4];
	void *bad;

	(void)state;
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, matcher, p), 0);
	for (size_t i = 0; i < COUNT(thread); i++) {
		assert_int_equal(pthread_join(thread[i], &bad), 0);
		assert_null(bad);
	}
	pattern_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_limits_stay), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
