/*
 * t_header_scan.c -- where a header block ends, and how many hops it tells.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "queued/header_scan.h"

static const struct {
	const char	*text;
	unsigned	 hops;
	size_t		 bytes;		/* 0: not looked at */
	bool		 over;
} rows[] = {
	{ "", 0, 0, false },
	{ "\r\n", 0, 2, true },
	{ "A: b\r\n\r\nReceived: x\r\n", 0, 8, true },
	{ "Received: a\r\nRECEIVED: b\r\nreceived: c\r\n\r\n", 3, 41, true },
	{ "Received : a\r\nReceived\t: b\r\n\r\n", 2, 0, true },
	{ "Received:a\r\n Received: folded\r\n\tReceived: folded\r\n\r\n", 1, 0, true },
	{ "X-Received: a\r\nReceivedx: b\r\nReceive: c\r\nReceived-SPF: d\r\n\r\n", 0, 0, true },
	{ "Received: a\n\nReceived: b\n", 1, 13, true },	/* by BDAT */
	{ "A: b\r\nno header\r\nReceived: a\r\n", 0, 0, true },
	{ "A: b\r\nbodyline\r\nReceived: a\r\n", 0, 0, true },
	{ " starts with a blank\r\nReceived: a\r\n", 0, 1, true },
	{ ": no name\r\nReceived: a\r\n", 0, 0, true },
	{ "A: b\r\n\rReceived: a\r\n", 0, 0, true },
	{ "\xc3\xa4: b\r\nReceived: a\r\n", 0, 0, true },
	{ "A: b\r\nReceived: last", 1, 20, false },
	{ "Received", 0, 8, false },
};

static void
test_rows(void **state)
{
	struct header_scan whole, bytewise;
	size_t i, j, len;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		len = strlen(rows[i].text);
		header_scan_init(&whole);
		header_scan(&whole, rows[i].text, len);
		header_scan_init(&bytewise);
		for (j = 0; j < len; j++)
			header_scan(&bytewise, rows[i].text + j, 1);
		if (whole.hops != rows[i].hops || whole.over != rows[i].over)
			fail_msg("row %zu: hops %u over %d", i, whole.hops, whole.over);
		if (rows[i].bytes != 0 && whole.bytes != rows[i].bytes)
			fail_msg("row %zu: %zu bytes", i, whole.bytes);
		assert_int_equal(whole.hops, bytewise.hops);
		assert_int_equal(whole.bytes, bytewise.bytes);
		assert_int_equal(whole.over, bytewise.over);
	}
}

/* A body without its empty line in front is no header, however long its line. */
static void
test_endless_name(void **state)
{
	struct header_scan h;
	char piece[500];

	(void)state;
	memset(piece, 'x', sizeof(piece));
	header_scan_init(&h);
	header_scan(&h, piece, sizeof(piece));
	assert_false(h.over);
	header_scan(&h, piece, sizeof(piece));
	assert_true(h.over);
	assert_true(h.bytes <= HEADER_NAME_MAX + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_endless_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
