/*
 * t_message.c -- a message kept to be looked at: caps on headers, bytes in memory and in a file.
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
#include <sys/resource.h>

#include <signal.h>

#include "common/buf.h"
#include "milter/message.h"

static void
same_header(struct message *m, size_t i, const char *name, const char *value)
{
	const struct check_message *v = message_view(m);

	assert_true(i < v->nheaders);
	assert_string_equal(name, v->headers[i].name);
	assert_string_equal(value, v->headers[i].value);
}

static void
test_headers(void **state)
{
	struct message *m = message_new(3, 8, "");

	(void)state;
	message_header(m, "Subject", " a\n\tb");
	message_header(m, "X", "\tlong\r\n and longer");
	message_header(m, "Y", "");
	message_header(m, "Z", "beyond");
	assert_int_equal(3, message_view(m)->nheaders);
	same_header(m, 0, "Subject", "a\tb");
	same_header(m, 1, "X", "long and");
	same_header(m, 2, "Y", "");
	message_free(&m);
	assert_null(m);
	message_free(&m);
}

/* However many headers a stranger sends, what a milter before us adds behind them is seen. */
static void
test_trusted(void **state)
{
	struct message *m = message_new(3, 100, "X-Score");
	char value[16];

	(void)state;
	message_header(m, "x-score", "low");
	for (int i = 0; i < 50; i++) {
		message_header(m, "Junk", "x");
		(void)snprintf(value, sizeof(value), "%d", i);
		message_header(m, "X-SCORE", value);
	}
	assert_int_equal(4, message_view(m)->nheaders);
	same_header(m, 0, "x-score", "low");
	same_header(m, 1, "Junk", "x");
	same_header(m, 2, "X-SCORE", "0");
	same_header(m, 3, "X-SCORE", "49");
	message_free(&m);
}

/* Bytes come back as they were put, whatever the pieces, from memory and from a file. */
static void
test_bytes(void **state)
{
	static const size_t sizes[] = { 0, 1, 1000, MESSAGE_MEMORY - 1, MESSAGE_MEMORY, MESSAGE_MEMORY + 1,
		MESSAGE_MEMORY * 5 + 17 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct message *m = message_new(3, 8, "");
		char *in = xcalloc(sizes[i] + 1, 1), *out = xcalloc(sizes[i] + 100, 1);
		size_t at = 0, piece = 1;
		ssize_t n;

		for (size_t k = 0; k < sizes[i]; k++)
			in[k] = (char)(k * 7 + k / 251);
		while (at < sizes[i]) {
			size_t len = piece < sizes[i] - at ? piece : sizes[i] - at;

			message_put(m, in + at, len);
			at += len;
			piece = piece * 3 % 20011 + 1;
		}
		assert_null(message_fault(m));
		assert_int_equal(sizes[i], message_bytes(m));
		assert_int_equal(sizes[i], message_view(m)->bytes);
		for (at = 0; (n = message_view(m)->read(message_view(m), out + at, 999, at)) > 0;)
			at += (size_t)n;
		assert_int_equal(0, n);
		assert_int_equal(sizes[i], at);
		assert_memory_equal(in, out, sizes[i]);
		assert_int_equal(0, message_read(m, out, 10, sizes[i] + 1000));
		free(in);
		free(out);
		message_free(&m);
	}
}

/* No room: it is said at the end, not lost. */
static void
test_fault(void **state)
{
	struct message *m = message_new(3, 8, "");
	struct rlimit old, small = { 100000, 100000 };
	char piece[1000];

	(void)state;
	memset(piece, 'x', sizeof(piece));
	assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &old));
	small.rlim_max = old.rlim_max;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &small));
	for (int i = 0; i < 300; i++)
		message_put(m, piece, sizeof(piece));
	assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &old));
	assert_non_null(message_fault(m));
	assert_int_equal(300000, message_bytes(m));
	message_free(&m);

	/* Nowhere to put it at all. */
	assert_int_equal(0, setenv("TMPDIR", "/nonexistent", 1));
	m = message_new(3, 8, "");
	message_put(m, piece, sizeof(piece));
	assert_null(message_fault(m));		/* there is memory */
	for (int i = 0; i < 100; i++)
		message_put(m, piece, sizeof(piece));
	assert_non_null(message_fault(m));
	message_free(&m);
	assert_int_equal(0, unsetenv("TMPDIR"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_trusted),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
