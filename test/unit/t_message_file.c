/*
 * t_message_file.c -- a message on its way through us: in memory, in a file, and when there is no room.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <sys/resource.h>

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "milter/message.h"

/* Byte i of the message. */
static char
byte_at(uint64_t i)
{
	return (char)(i * 31 + i / 253);
}

static void
put(struct message *m, uint64_t from, size_t len)
{
	char *data = malloc(len + 1);

	assert_non_null(data);
	for (size_t i = 0; i < len; i++)
		data[i] = byte_at(from + i);
	message_put(m, data, len);
	free(data);
}

static void
assert_bytes(const char *data, uint64_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != byte_at(from + i))
			fail_msg("byte %llu", (unsigned long long)(from + i));
}

/* Files that bear a name below the scratch directory. */
static unsigned
names(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

/* --- bytes ---------------------------------------------------------------------------- */

/* In pieces of any size, up to memory's end, one byte beyond it, and far beyond. */
static void
sizes(void **state)
{
	static const struct {
		size_t	total, piece;
	} rows[] = {
		{ 0, 1 }, { 1, 1 }, { 1000, 7 }, { MESSAGE_MEMORY - 1, 4096 }, { MESSAGE_MEMORY, 4096 },
		{ MESSAGE_MEMORY, MESSAGE_MEMORY }, { MESSAGE_MEMORY + 1, 1000 },
		{ MESSAGE_MEMORY + 1, MESSAGE_MEMORY + 1 }, { 3 * MESSAGE_MEMORY + 5, 65535 },
		{ 3000000, 100000 },
	};
	static char got[3000001];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message *m = message_new(10, 100, "");
		size_t total = rows[i].total, at = 0;

		while (at < total) {
			size_t n = total - at < rows[i].piece ? total - at : rows[i].piece;

			put(m, at, n);
			at += n;
		}
		assert_null(message_fault(m));
		assert_int_equal(message_bytes(m), total);
		assert_int_equal(message_view(m)->bytes, total);
		assert_int_equal(names(*state), 0);	/* a file is there, but nobody finds it */
		at = 0;
		while (at < total) {
			ssize_t n = message_read(m, got + at, sizeof(got) - at, at);

			if (n <= 0)
				fail_msg("row %zu: %zd at %zu", i, n, at);
			at += (size_t)n;
		}
		assert_bytes(got, 0, total);
		assert_int_equal(message_read(m, got, 1, total), 0);
		message_free(&m);
		assert_null(m);
		message_free(&m);
	}
}

static void
offsets(void **state)
{
	static const struct {
		uint64_t	offset;
		size_t		want, got;
	} rows[] = {
		{ 0, 10, 10 }, { 999, 1, 1 }, { 999, 100, 1 }, { 500, 1000, 500 }, { 1000, 10, 0 },
		{ 1001, 10, 0 }, { UINT64_MAX / 4, 10, 0 }, { 3, 0, 0 },
	};
	char data[1000];

	(void)state;
	for (int file = 0; file < 2; file++) {
		struct message *m = message_new(1, 1, "");
		uint64_t base = file ? MESSAGE_MEMORY : 0;	/* its end is that far away */
		const struct check_message *view = message_view(m);

		put(m, 0, (size_t)base + 1000);
		for (size_t i = 0; i < COUNT(rows); i++) {
			ssize_t n = view->read(view, data, rows[i].want, base + rows[i].offset);

			if (n != (ssize_t)rows[i].got)
				fail_msg("%s, row %zu: %zd", file ? "file" : "memory", i, n);
			assert_bytes(data, base + rows[i].offset, (size_t)n);
		}
		message_free(&m);
	}
}

/* --- headers --------------------------------------------------------------------------- */

static void
headers(void **state)
{
	static const struct {
		const char	*in, *out;
	} rows[] = {
		{ " plain", "plain" }, { "none", "none" }, { "  two", " two" }, { "\ttab", "tab" }, { "", "" },
		{ " ", "" }, { " a\n b", "a b" }, { " a\r\n\tb", "a\tb" }, { " a\r\n b\r\n  c", "a b  c" },
		{ " \xe4\xff", "\xe4\xff" }, { " 12345678901234567890", "12345678901234567890" },
		{ " 123456789012345678901", "12345678901234567890" },	/* cut */
		{ "\n 123456789012345678901", " 1234567890123456789" },
	};
	struct message *m = message_new(COUNT(rows), 20, "");
	const struct check_message *view = message_view(m);

	(void)state;
	assert_int_equal(view->nheaders, 0);
	for (size_t i = 0; i < COUNT(rows); i++)
		message_header(m, i % 2 ? "X-Odd" : "x-even", rows[i].in);
	message_header(m, "One-Too-Many", " left out");
	assert_int_equal(view->nheaders, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_string_equal(view->headers[i].name, i % 2 ? "X-Odd" : "x-even");
		assert_string_equal(view->headers[i].value, rows[i].out);
	}
	assert_int_equal(message_bytes(m), 0);		/* bytes come by message_put() alone */
	message_free(&m);
	m = message_new(0, 20, "");
	message_header(m, "Subject", " none is wanted");
	assert_int_equal(message_view(m)->nheaders, 0);
	message_free(&m);
}

/* --- no room --------------------------------------------------------------------------- */

/* P3: it is remembered, and never again believed, whatever comes. */
static void
file_too_large(void **state)
{
	struct rlimit old, small = { 100000, 0 };
	struct message *m = message_new(1, 1, "");
	char data[10];

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	put(m, 0, 90000);
	assert_null(message_fault(m));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	put(m, 90000, 20000);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_string_equal(message_fault(m), "no room in a temporary file");
	put(m, 110000, 10);
	assert_string_equal(message_fault(m), "no room in a temporary file");
	assert_int_equal(message_bytes(m), 110010);	/* what came, for the limit on size */
	assert_int_equal(message_read(m, data, sizeof(data), 0), sizeof(data));
	message_free(&m);
}

static void
no_file(void **state)
{
	char *old = getenv("TMPDIR") != NULL ? strdup(getenv("TMPDIR")) : NULL, where[512];
	struct message *m = message_new(1, 1, "");
	char data[10];

	(void)snprintf(where, sizeof(where), "%s/nowhere", (const char *)*state);
	(void)setenv("TMPDIR", where, 1);
	put(m, 0, MESSAGE_MEMORY);
	assert_null(message_fault(m));		/* small ones need none */
	put(m, MESSAGE_MEMORY, 1);
	assert_string_equal(message_fault(m), "no room for a temporary file");
	put(m, MESSAGE_MEMORY + 1, 1000000);
	assert_int_equal(message_bytes(m), MESSAGE_MEMORY + 1000001);
	assert_int_equal(message_read(m, data, sizeof(data), 0), sizeof(data));
	message_free(&m);
	if (old != NULL)
		(void)setenv("TMPDIR", old, 1);
	else
		(void)unsetenv("TMPDIR");
	free(old);
}

/* Full before the first byte, at the spill: what was in memory must not be taken for the whole. */
static void
full_at_the_spill(void **state)
{
	struct rlimit old, none = { 1000, 0 };
	struct message *m = message_new(1, 1, "");

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	put(m, 0, MESSAGE_MEMORY);
	assert_null(message_fault(m));
	put(m, MESSAGE_MEMORY, 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_string_equal(message_fault(m), "no room for a temporary file");
	message_free(&m);
}

static int
setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	return setenv("TMPDIR", *state, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(offsets),
		cmocka_unit_test(headers),
		cmocka_unit_test(file_too_large),
		cmocka_unit_test(no_file),
		cmocka_unit_test(full_at_the_spill),
	};

	return cmocka_run_group_tests_name("message", tests, setup, scratch_teardown);
}
