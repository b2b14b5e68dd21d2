/*
 * t_buf.c -- buffers: contents, termination, growth.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/buf.h"
#include "common/utf8.h"

static void
empty(void **state)
{
	struct buf b = BUF_INIT;
	char *s;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	buf_put(&b, NULL, 0);
	buf_clear(&b);
	buf_drop(&b, 0);
	assert_null(b.data);
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	buf_free(&b);
}

static void
contents(void **state)
{
	struct buf b = BUF_INIT;
	char *s;

	(void)state;
	buf_puts(&b, "abc");
	buf_putc(&b, '\0');
	buf_printf(&b, "%d-%s", 42, "x");
	assert_int_equal(b.len, 8);
	assert_memory_equal(b.data, "abc\0" "42-x", 9);
	buf_drop(&b, 4);
	assert_string_equal(b.data, "42-x");
	buf_drop(&b, 4);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	buf_puts(&b, "again");
	s = buf_take(&b);
	assert_string_equal(s, "again");
	assert_null(b.data);
	free(s);
}

/* Every length around each doubling keeps what was there and the NUL behind it. */
static void
growth(void **state)
{
	struct buf b = BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < 70000; i++) {
		buf_putc(&b, (char)('a' + i % 26));
		assert_true(b.len == i + 1 && b.cap > b.len && b.data[b.len] == '\0');
	}
	for (i = 0; i < b.len; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	buf_clear(&b);
	buf_printf(&b, "%070000d", 7);
	assert_int_equal(b.len, 70000);
	buf_free(&b);
}

static void
allocation(void **state)
{
	char *s;

	(void)state;
	assert_null(xstrdup(NULL));
	s = xstrndup("abcdef", 3);
	assert_string_equal(s, "abc");
	free(s);
	s = xstrndup("ab", 30);
	assert_string_equal(s, "ab");
	free(s);
	s = xasprintf("%s", "");
	assert_string_equal(s, "");
	free(s);
	s = xcalloc(0, 0);
	assert_non_null(s);
	free(s);
}

static void
utf8(void **state)
{
	static const struct {
		const char	*text;
		size_t		 first;
	} rows[] = {
		{ "a", 1 }, { "\xc3\xa9", 2 }, { "\xe2\x82\xac", 3 }, { "\xf0\x9f\x93\xa7", 4 },
		{ "\xf4\x8f\xbf\xbf", 4 },	/* U+10FFFF */
		{ "\xc0\xaf", 0 }, { "\xc1\xbf", 0 }, { "\xe0\x80\xaf", 0 }, { "\xe0\x9f\xbf", 0 },
		{ "\xf0\x80\x80\xaf", 0 }, { "\xf0\x8f\xbf\xbf", 0 },	/* overlong */
		{ "\xed\xa0\x80", 0 }, { "\xed\xbf\xbf", 0 },		/* surrogates */
		{ "\xf4\x90\x80\x80", 0 }, { "\xf5\x80\x80\x80", 0 }, { "\xff", 0 },
		{ "\x80", 0 }, { "\xc3", 0 }, { "\xe2\x82", 0 }, { "\xf0\x9f\x93", 0 },	/* cut */
		{ "\xc3" "a", 0 }, { "\xe2\x82" "a", 0 }, { "\xe2" "a\x82", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		if (utf8_char(rows[i].text, strlen(rows[i].text)) != rows[i].first)
			fail_msg("row %zu", i);
	assert_int_equal(utf8_char("", 0), 0);
	assert_int_equal(utf8_char("\xc3\xa9", 1), 0);
	assert_true(utf8_valid("", 0));
	assert_true(utf8_valid("a\xc3\xa9\xe2\x82\xac", 6));
	assert_false(utf8_valid("a\xc3\xa9\xe2\x82", 5));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty), cmocka_unit_test(contents), cmocka_unit_test(growth),
		cmocka_unit_test(allocation), cmocka_unit_test(utf8),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
