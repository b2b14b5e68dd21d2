/*
 * t_wire_line.c -- lines, verbs, BDAT.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <stdbool.h>
#include <string.h>

#include "common/buf.h"
#include "common/wire.h"

/* `len' of bytes, given whole and then one byte more at each call: the answer must be the same. */
static void
check_line(const char *data, size_t len, size_t max, enum wire_line want, size_t want_len)
{
	size_t scanned = 0, linelen = 0, used = 0, i;
	enum wire_line got = wire_line(data, len, max, &scanned, &linelen, &used);

	if (got != want || (want == WIRE_LINE && (linelen != want_len || used != want_len + 2)))
		fail_msg("\"%.*s\": %d, length %zu", (int)len, data, (int)got, linelen);
	scanned = 0;
	for (i = 1; i <= len; i++) {
		got = wire_line(data, i, max, &scanned, &linelen, &used);
		assert_true(scanned <= i);
		if (got != WIRE_MORE)
			break;
	}
	if (got != want || (want == WIRE_LINE && (linelen != want_len || used != want_len + 2)))
		fail_msg("\"%.*s\" by bytes: %d, length %zu", (int)len, data, (int)got, linelen);
}

static void
lines(void **state)
{
	static const struct {
		const char	*data;
		size_t		 len;
		enum wire_line	 result;
		size_t		 line;
	} rows[] = {
		{ "", 0, WIRE_MORE, 0 },
		{ "\r\n", 2, WIRE_LINE, 0 },
		{ "QUIT\r\n", 6, WIRE_LINE, 4 },
		{ "QUIT\r\nNOOP\n", 11, WIRE_LINE, 4 },
		{ "QUIT", 4, WIRE_MORE, 0 },
		{ "QUIT\r", 5, WIRE_MORE, 0 },
		{ "QUIT\n", 5, WIRE_BARE_LF, 0 },
		{ "\n", 1, WIRE_BARE_LF, 0 },
		{ "a\nb\r\n", 5, WIRE_BARE_LF, 0 },
		{ "QU\rIT\r\n", 7, WIRE_BARE_CR, 0 },
		{ "QUIT\r\r\n", 7, WIRE_BARE_CR, 0 },
		{ "\rX", 2, WIRE_BARE_CR, 0 },
		{ "QU\0IT\r\n", 7, WIRE_NUL, 0 },
		{ "\0", 1, WIRE_NUL, 0 },
		{ "a\rb\0c\r\n", 7, WIRE_BARE_CR, 0 },
		{ "a\0b\rc\r\n", 7, WIRE_NUL, 0 },
		{ "a\0b\n", 4, WIRE_NUL, 0 },
		{ "\xff\xfe\r\n", 4, WIRE_LINE, 2 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		check_line(rows[i].data, rows[i].len, 100, rows[i].result, rows[i].line);
}

/* 2,048 octets with CRLF are a command, 2,049 are too many. */
static void
length(void **state)
{
	char line[WIRE_COMMAND_MAX + 8];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line + WIRE_COMMAND_MAX - 2, "\r\n", 2);
	check_line(line, WIRE_COMMAND_MAX, WIRE_COMMAND_MAX, WIRE_LINE, WIRE_COMMAND_MAX - 2);
	check_line(line, sizeof(line), WIRE_COMMAND_MAX, WIRE_LINE, WIRE_COMMAND_MAX - 2);
	memset(line, 'x', sizeof(line));
	memcpy(line + WIRE_COMMAND_MAX - 1, "\r\n", 2);
	check_line(line, WIRE_COMMAND_MAX + 1, WIRE_COMMAND_MAX, WIRE_TOO_LONG, 0);
	check_line(line, WIRE_COMMAND_MAX - 1, WIRE_COMMAND_MAX, WIRE_MORE, 0);
	memcpy(line + WIRE_COMMAND_MAX - 1, "xx", 2);
	check_line(line, sizeof(line), WIRE_COMMAND_MAX, WIRE_TOO_LONG, 0);
}

static void
verbs(void **state)
{
	static const struct {
		const char	*line;
		enum wire_verb	 verb;
		const char	*arg;
	} rows[] = {
		{ "LHLO mx.test", VERB_LHLO, "mx.test" },
		{ "HELO x", VERB_HELO, "x" },
		{ "EHLO x", VERB_EHLO, "x" },
		{ "mail FROM:<a@b>", VERB_MAIL, "FROM:<a@b>" },
		{ "Rcpt   TO:<a@b>  ", VERB_RCPT, "TO:<a@b>" },
		{ "DATA", VERB_DATA, "" },
		{ "data \t", VERB_DATA, "" },
		{ "BDAT 10 LAST", VERB_BDAT, "10 LAST" },
		{ "RSET", VERB_RSET, "" },
		{ "NOOP\tx y", VERB_NOOP, "x y" },
		{ "VRFY a", VERB_VRFY, "a" },
		{ "EXPN a", VERB_EXPN, "a" },
		{ "HELP", VERB_HELP, "" },
		{ "QUIT", VERB_QUIT, "" },
		{ "STARTTLS", VERB_STARTTLS, "" },
		{ "AUTH PLAIN", VERB_AUTH, "PLAIN" },
		{ "etrn @a.test", VERB_ETRN, "@a.test" },
		{ "ATRN", VERB_ATRN, "" },
		{ "XFORWARD NAME=x", VERB_XFORWARD, "NAME=x" },
		{ "", VERB_UNKNOWN, "" },
		{ " QUIT", VERB_UNKNOWN, "QUIT" },
		{ "QUITE", VERB_UNKNOWN, "" },
		{ "QUI", VERB_UNKNOWN, "" },
		{ "GET / HTTP/1.1", VERB_UNKNOWN, "/ HTTP/1.1" },
	};
	const char *arg;
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(wire_verb(rows[i].line, strlen(rows[i].line), &arg, &len), rows[i].verb);
		assert_int_equal(len, strlen(rows[i].arg));
		assert_memory_equal(arg, rows[i].arg, len);
	}
}

static void
bdat(void **state)
{
	static const struct {
		const char	*arg;
		int		 rc;
		uint64_t	 size;
		bool		 last;
	} rows[] = {
		{ "0", 0, 0, false },
		{ "86 LAST", 0, 86, true },
		{ "86  last", 0, 86, true },
		{ "1000000000000000000", 0, UINT64_C(1000000000000000000), false },
		{ "10000000000000000000", -1, 0, false },
		{ "99999999999999999999", -1, 0, false },
		{ "", -1, 0, false },
		{ "LAST", -1, 0, false },
		{ "-1", -1, 0, false },
		{ "+1", -1, 0, false },
		{ "10LAST", -1, 0, false },
		{ "10 LAS", -1, 0, false },
		{ "10 LAST 1", -1, 0, false },
		{ "10 20", -1, 0, false },
		{ "0x10", -1, 0, false },
		{ "1.5", -1, 0, false },
	};
	struct wire_error err;
	uint64_t size;
	size_t i;
	bool last;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		int rc = wire_parse_bdat(rows[i].arg, strlen(rows[i].arg), &size, &last, &err);

		if (rc != rows[i].rc)
			fail_msg("%s", rows[i].arg);
		if (rc == -1) {
			assert_int_equal(err.code, 501);
			assert_string_equal(err.dsn, "5.5.4");
		} else {
			assert_int_equal(size, rows[i].size);
			assert_int_equal(last, rows[i].last);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(length),
		cmocka_unit_test(verbs),
		cmocka_unit_test(bdat),
	};

	return cmocka_run_group_tests_name("wire_line", tests, NULL, NULL);
}
