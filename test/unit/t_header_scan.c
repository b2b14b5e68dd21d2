/*
 * t_header_scan.c -- where a header block ends, and how many hops it tells, and how many of ours.
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

#define OWN	"mx2.Test"

static const struct {
	const char	*text;
	unsigned	 hops;
	size_t		 bytes;		/* 0: not looked at */
	bool		 over;
	unsigned	 own;
} rows[] = {
	{ "", 0, 0, false, 0 },
	{ "\r\n", 0, 2, true, 0 },
	{ "A: b\r\n\r\nReceived: x\r\n", 0, 8, true, 0 },
	{ "Received: a\r\nRECEIVED: b\r\nreceived: c\r\n\r\n", 3, 41, true, 0 },
	{ "Received : a\r\nReceived\t: b\r\n\r\n", 2, 0, true, 0 },
	{ "Received:a\r\n Received: folded\r\n\tReceived: folded\r\n\r\n", 1, 0, true, 0 },
	{ "X-Received: a\r\nReceivedx: b\r\nReceive: c\r\nReceived-SPF: d\r\n\r\n", 0, 0, true, 0 },
	{ "Received: a\n\nReceived: b\n", 1, 13, true, 0 },	/* by BDAT */
	{ "A: b\r\nno header\r\nReceived: a\r\n", 0, 0, true, 0 },
	{ "A: b\r\nbodyline\r\nReceived: a\r\n", 0, 0, true, 0 },
	{ " starts with a blank\r\nReceived: a\r\n", 0, 1, true, 0 },
	{ ": no name\r\nReceived: a\r\n", 0, 0, true, 0 },
	{ "A: b\r\n\rReceived: a\r\n", 0, 0, true, 0 },
	{ "\xc3\xa4: b\r\nReceived: a\r\n", 0, 0, true, 0 },
	{ "A: b\r\nReceived: last", 1, 20, false, 0 },
	{ "Received", 0, 8, false, 0 },
	/* those that we wrote */
	{ "Received: from a (b [c])\r\n\tby mx2.test (Holdfast) with ESMTP id 1; x\r\n\r\n", 1, 0, true, 1 },
	{ "Received: by MX2.test (Holdfast)\r\nReceived: by mx2.test (holdfast)\r\n\r\n", 2, 0, true, 2 },
	{ "Received: by\r\n mx2.test\r\n\t(Holdfast)\r\n\r\n", 1, 0, true, 1 },
	{ "Received: by by mx2.test (Holdfast) x\r\n\r\n", 1, 0, true, 1 },
	{ "Received: by mx2.test by mx2.test (Holdfast) x\r\n\r\n", 1, 0, true, 1 },
	{ "Received: by mx2.test (Postfix)\r\n\r\n", 1, 0, true, 0 },
	{ "Received: by mx2.test.example (Holdfast)\r\n\r\n", 1, 0, true, 0 },
	{ "Received: by mx2 (Holdfast)\r\n\r\n", 1, 0, true, 0 },
	{ "Received: by mx2.test (Holdfastly)\r\n\r\n", 1, 0, true, 0 },
	{ "Received: aby mx2.test (Holdfast)\r\n\r\n", 1, 0, true, 0 },
	{ "Received: by\r\nReceived: mx2.test (Holdfast)\r\n\r\n", 2, 0, true, 0 },
	{ "X-Received: by mx2.test (Holdfast)\r\nX: by mx2.test (Holdfast)\r\n\r\n", 0, 0, true, 0 },
	{ "A: b\r\n\r\nReceived: by mx2.test (Holdfast)\r\n", 0, 0, true, 0 },
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
		header_scan(&whole, OWN, rows[i].text, len);
		header_scan_init(&bytewise);
		for (j = 0; j < len; j++)
			header_scan(&bytewise, OWN, rows[i].text + j, 1);
		if (whole.hops != rows[i].hops || whole.over != rows[i].over)
			fail_msg("row %zu: hops %u over %d", i, whole.hops, whole.over);
		if (whole.own != rows[i].own || bytewise.own != rows[i].own)
			fail_msg("row %zu: %u of ours", i, whole.own);
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
	header_scan(&h, OWN, piece, sizeof(piece));
	assert_false(h.over);
	header_scan(&h, OWN, piece, sizeof(piece));
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
