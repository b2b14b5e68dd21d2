/*
 * t_wire_reply.c -- replies and announced extensions.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/wire.h"

/* Feeds lines separated by '\n'; the last answer. */
static enum wire_reply_result
feed(struct wire_reply *r, const char *lines)
{
	enum wire_reply_result got = WIRE_REPLY_MORE;
	const char *why = NULL, *end;

	for (; lines != NULL; lines = *end == '\n' ? end + 1 : NULL) {
		assert_int_equal(got, WIRE_REPLY_MORE);
		end = lines + strcspn(lines, "\n");
		got = wire_reply_line(r, lines, (size_t)(end - lines), &why);
		if (got == WIRE_REPLY_BAD)
			assert_non_null(why);
		if (got != WIRE_REPLY_DONE)
			assert_int_equal(r->code, 0);
	}
	return got;
}

static void
replies(void **state)
{
	static const struct {
		const char	*lines;
		int		 code;
		const char	*dsn, *text;
	} rows[] = {
		{ "250 ok", 250, "", "ok" },
		{ "250", 250, "", "" },
		{ "250 ", 250, "", "" },
		{ "354 go", 354, "", "go" },
		{ "250 2.1.0 Ok", 250, "2.1.0", "Ok" },
		{ "250 2.1.0", 250, "2.1.0", "" },
		{ "450 4.2.0 <a@b>: greylisted", 450, "4.2.0", "<a@b>: greylisted" },
		{ "550-5.1.1 no such\n550 5.1.1 user", 550, "5.1.1", "no such\nuser" },
		{ "550-no such\n550 5.1.1 user", 550, "5.1.1", "no such\nuser" },
		{ "599 5.999.999 x", 599, "5.999.999", "x" },
		{ "250-mx.test\n250-SIZE 100\n250 DSN", 250, "", "mx.test\nSIZE 100\nDSN" },
		{ "250-\n250-\n250", 250, "", "\n\n" },
		{ "250  two blanks", 250, "", " two blanks" },
		/* an enhanced code of another class, or none at all, is text */
		{ "250 5.1.0 x", 250, "", "5.1.0 x" },
		{ "354 3.0.0 x", 354, "", "3.0.0 x" },
		{ "550 5.1 x", 550, "", "5.1 x" },
		{ "550 5.1.1x", 550, "", "5.1.1x" },
		{ "550 5.1111.1 x", 550, "", "5.1111.1 x" },
		{ "550 5..1 x", 550, "", "5..1 x" },
		{ "550 55.1.1 x", 550, "", "55.1.1 x" },
		{ "550 \xff\x1b[31m", 550, "", "\xff\x1b[31m" },
	};
	struct wire_reply r = { .code = 0 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		/* no reset: the line after a whole reply starts the next */
		if (feed(&r, rows[i].lines) != WIRE_REPLY_DONE)
			fail_msg("%s", rows[i].lines);
		assert_int_equal(r.code, rows[i].code);
		assert_string_equal(r.dsn, rows[i].dsn);
		assert_string_equal(buf_str(&r.text), rows[i].text);
	}
	wire_reply_free(&r);
}

static void
bad(void **state)
{
	static const char *const rows[] = {
		"", "2", "25", "hello", "25x ok", "2 50", " 250 ok", "-250 ok", "+25 ok",
		"199 x", "100", "600 x", "999 x", "000", "250ok", "250\tok", "2500 x", "250=x",
		"250-a\n251 b", "250-a\n550 b", "250-a\n", "250-a\n250_b", "HTTP/1.1 400 Bad Request",
	};
	struct wire_reply r = { .code = 0 };
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		wire_reply_reset(&r);
		if (feed(&r, rows[i]) != WIRE_REPLY_BAD)
			fail_msg("%s", rows[i]);
	}
	/* endless "250-" */
	wire_reply_reset(&r);
	for (i = 0; i < WIRE_REPLY_LINES_MAX; i++)
		assert_int_equal(wire_reply_line(&r, "250-x", 5, &why), WIRE_REPLY_MORE);
	assert_int_equal(wire_reply_line(&r, "250-x", 5, &why), WIRE_REPLY_BAD);
	/* after a reset the codes before do not matter */
	wire_reply_reset(&r);
	assert_int_equal(wire_reply_line(&r, "550 x", 5, &why), WIRE_REPLY_DONE);
	wire_reply_free(&r);
	wire_reply_free(&r);
}

static void
extensions(void **state)
{
	static const struct {
		const char	*line;
		unsigned	 bit;
		uint64_t	 size;
	} rows[] = {
		{ "PIPELINING", WIRE_EXT_PIPELINING, 9 },
		{ "chunking", WIRE_EXT_CHUNKING, 9 },
		{ "8BITMIME", WIRE_EXT_8BITMIME, 9 },
		{ "SMTPUTF8", WIRE_EXT_SMTPUTF8, 9 },
		{ "SIZE 10240000", WIRE_EXT_SIZE, 10240000 },
		{ "SIZE", WIRE_EXT_SIZE, 0 },
		{ "SIZE 0", WIRE_EXT_SIZE, 0 },
		{ "SIZE x", WIRE_EXT_SIZE, 0 },
		{ "SIZE 99999999999999999999999", WIRE_EXT_SIZE, 0 },
		{ "DSN", WIRE_EXT_DSN, 9 },
		{ "ENHANCEDSTATUSCODES", WIRE_EXT_ENHANCED, 9 },
		{ "STARTTLS", WIRE_EXT_STARTTLS, 9 },
		{ "XFORWARD NAME ADDR PROTO", WIRE_EXT_XFORWARD, 9 },
		{ "XCLIENT NAME ADDR", WIRE_EXT_XCLIENT, 9 },
		{ "XHOLDFAST", WIRE_EXT_XHOLDFAST, 9 },
		{ "BINARYMIME", WIRE_EXT_BINARYMIME, 9 },
		{ "AUTH PLAIN", 0, 9 },
		{ "DSNX", 0, 9 },
		{ "", 0, 9 },
	};
	uint64_t size;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		size = 9;
		assert_int_equal(wire_extension(rows[i].line, &size), rows[i].bit);
		assert_int_equal(size, rows[i].size);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies),
		cmocka_unit_test(bad),
		cmocka_unit_test(extensions),
	};

	return cmocka_run_group_tests_name("wire_reply", tests, NULL, NULL);
}
