/*
 * t_wire_data.c -- DATA both ways, cut at every place.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/clock.h"
#include "common/wire.h"

struct piece {
	const char	*data;
	size_t		 len;
};
#define P(text)	{ text, sizeof(text) - 1 }

/* In two pieces, cut at `cut'. */
static enum wire_undot_result
undot_cut(const struct piece *in, size_t cut, size_t *used, struct buf *out)
{
	struct wire_undot u;
	enum wire_undot_result got;
	size_t more;

	buf_clear(out);
	wire_undot_init(&u);
	got = wire_undot(&u, in->data, cut, used, out);
	if (got != UNDOT_MORE)
		return got;
	assert_int_equal(*used, cut);
	got = wire_undot(&u, in->data + cut, in->len - cut, &more, out);
	*used += more;
	return got;
}

static enum wire_undot_result
undot_bytes(const struct piece *in, size_t *used, struct buf *out)
{
	struct wire_undot u;
	enum wire_undot_result got = UNDOT_MORE;
	size_t n;

	buf_clear(out);
	wire_undot_init(&u);
	for (*used = 0; got == UNDOT_MORE && *used < in->len; *used += n)
		got = wire_undot(&u, in->data + *used, 1, &n, out);
	return got;
}

static void
undot(void **state)
{
	static const struct {
		struct piece		 in;
		enum wire_undot_result	 result;
		struct piece		 out;
		size_t			 rest;		/* bytes after the end, left unread */
	} rows[] = {
		{ P(".\r\n"), UNDOT_END, P(""), 0 },
		{ P("a\r\n.\r\n"), UNDOT_END, P("a\r\n"), 0 },
		{ P("a\r\nb\r\n.\r\nQUIT\r\n"), UNDOT_END, P("a\r\nb\r\n"), 6 },
		{ P("..\r\n.\r\n"), UNDOT_END, P(".\r\n"), 0 },
		{ P("...a\r\n..b\r\n.c\r\n.\r\n"), UNDOT_END, P("..a\r\n.b\r\nc\r\n"), 0 },
		{ P("a.\r\nb..c\r\n.\r\n"), UNDOT_END, P("a.\r\nb..c\r\n"), 0 },
		{ P("\r\n\r\n.\r\n"), UNDOT_END, P("\r\n\r\n"), 0 },
		{ P("a\0b\xff\r\n.\r\n"), UNDOT_END, P("a\0b\xff\r\n"), 0 },
		{ P(".\r\n.\r\n"), UNDOT_END, P(""), 3 },
		{ P(""), UNDOT_MORE, P(""), 0 },
		{ P("a\r\n."), UNDOT_MORE, P("a\r\n"), 0 },
		{ P("a\r\n.\r"), UNDOT_MORE, P("a\r\n"), 0 },
		{ P("a\r"), UNDOT_MORE, P("a\r"), 0 },
	};
	struct buf out = BUF_INIT;
	size_t i, cut, used;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		for (cut = 0; cut <= rows[i].in.len + 1; cut++) {
			enum wire_undot_result got = cut <= rows[i].in.len
							 ? undot_cut(&rows[i].in, cut, &used, &out)
							 : undot_bytes(&rows[i].in, &used, &out);

			if (got != rows[i].result || used != rows[i].in.len - rows[i].rest ||
			    out.len != rows[i].out.len ||
			    memcmp(buf_str(&out), rows[i].out.data, out.len) != 0)
				fail_msg("row %zu, cut %zu: %d, used %zu", i, cut, (int)got, used);
		}
	}
	buf_free(&out);
}

/* Each way to hide an end of data from a lax reader. */
static void
undot_strict(void **state)
{
	static const struct {
		struct piece		 in;
		enum wire_undot_result	 result;
	} rows[] = {
		{ P("a\n"), UNDOT_BARE_LF },
		{ P("a\n.\n"), UNDOT_BARE_LF },
		{ P("a\n.\r\n"), UNDOT_BARE_LF },
		{ P("a\r\n.\n"), UNDOT_BARE_LF },
		{ P("\n"), UNDOT_BARE_LF },
		{ P(".\n"), UNDOT_BARE_LF },
		{ P("..\n"), UNDOT_BARE_LF },
		{ P("a\r\n\n.\r\n"), UNDOT_BARE_LF },
		{ P("a\rb"), UNDOT_BARE_CR },
		{ P("a\r.\r"), UNDOT_BARE_CR },
		{ P("a\r.\r\n"), UNDOT_BARE_CR },
		{ P("a\r\r\n"), UNDOT_BARE_CR },
		{ P("\r\r"), UNDOT_BARE_CR },
		{ P("a\r\n.\r."), UNDOT_BARE_CR },
		{ P("a\r\n.\r\r\n"), UNDOT_BARE_CR },
		{ P(".\rX"), UNDOT_BARE_CR },
		{ P("a\r\0\n"), UNDOT_BARE_CR },
		{ P("a\rb\nc"), UNDOT_BARE_CR },
		{ P("a\nb\rc"), UNDOT_BARE_LF },
	};
	struct buf out = BUF_INIT;
	size_t i, cut, used;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		for (cut = 0; cut <= rows[i].in.len; cut++)
			if (undot_cut(&rows[i].in, cut, &used, &out) != rows[i].result)
				fail_msg("row %zu, cut %zu", i, cut);
		if (undot_bytes(&rows[i].in, &used, &out) != rows[i].result)
			fail_msg("row %zu by bytes", i);
	}
	buf_free(&out);
}

static void
dot_cut(const struct piece *in, size_t cut, struct buf *out)
{
	struct wire_dot d;

	buf_clear(out);
	wire_dot_init(&d);
	wire_dot(&d, in->data, cut, out);
	wire_dot(&d, in->data + cut, in->len - cut, out);
	wire_dot_end(&d, out);
}

static void
dot_bytes(const struct piece *in, struct buf *out)
{
	struct wire_dot d;
	size_t i;

	buf_clear(out);
	wire_dot_init(&d);
	for (i = 0; i < in->len; i++)
		wire_dot(&d, in->data + i, 1, out);
	wire_dot_end(&d, out);
}

static void
dot(void **state)
{
	static const struct {
		struct piece	in, out;
	} rows[] = {
		{ P(""), P(".\r\n") },
		{ P("a\r\n"), P("a\r\n.\r\n") },
		{ P("a"), P("a\r\n.\r\n") },
		{ P("."), P("..\r\n.\r\n") },
		{ P(".\r\n"), P("..\r\n.\r\n") },
		{ P("..\r\n.a\r\n"), P("...\r\n..a\r\n.\r\n") },
		{ P("a.b\r\nc.\r\n"), P("a.b\r\nc.\r\n.\r\n") },
		{ P("a\r\n.\r\nb\r\n"), P("a\r\n..\r\nb\r\n.\r\n") },
		{ P("\r\n\r\n"), P("\r\n\r\n.\r\n") },
		{ P("a\0b\xff\r\n"), P("a\0b\xff\r\n.\r\n") },
		/* a LF alone */
		{ P("a\nb\n"), P("a\r\nb\r\n.\r\n") },
		{ P("\n.\n.\n"), P("\r\n..\r\n..\r\n.\r\n") },
		{ P("a\n\r\nb"), P("a\r\n\r\nb\r\n.\r\n") },
		/* a CR alone */
		{ P("a\rb\r\n"), P("a b\r\n.\r\n") },
		{ P("a\r"), P("a \r\n.\r\n") },
		{ P("\r"), P(" \r\n.\r\n") },
		{ P("a\r\r\n"), P("a \r\n.\r\n") },
		{ P("\r\r\r"), P("   \r\n.\r\n") },
		{ P("a\r.\r\n"), P("a .\r\n.\r\n") },
		{ P("\r.\r"), P(" . \r\n.\r\n") },
		{ P("a\r\nb\rc\nd\r"), P("a\r\nb c\r\nd \r\n.\r\n") },
	};
	struct buf out = BUF_INIT;
	size_t i, cut;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		for (cut = 0; cut <= rows[i].in.len + 1; cut++) {
			if (cut <= rows[i].in.len)
				dot_cut(&rows[i].in, cut, &out);
			else
				dot_bytes(&rows[i].in, &out);
			if (out.len != rows[i].out.len ||
			    memcmp(out.data, rows[i].out.data, out.len) != 0)
				fail_msg("row %zu, cut %zu: \"%s\"", i, cut, out.data);
		}
	}
	buf_free(&out);
}

/* Every text of up to `len' letters of this alphabet: what goes out comes in as the same CRLF text. */
static void
round_trip(void **state)
{
	static const char alphabet[] = ".\r\na";
	struct buf text = BUF_INIT, out = BUF_INIT, again = BUF_INIT;
	const unsigned len = 7;
	struct wire_undot u;
	size_t cut, used;
	unsigned n, v, i;

	(void)state;
	for (n = 0; n < 1u << (2 * len); n++) {
		buf_clear(&text);
		for (i = 0, v = n; i < len; i++, v >>= 2)
			buf_putc(&text, alphabet[v & 3]);
		dot_cut(&(struct piece){ text.data, text.len }, n % (len + 1), &out);
		for (cut = 0; cut <= out.len; cut++) {
			assert_int_equal(
			    undot_cut(&(struct piece){ out.data, out.len }, cut, &used, &again), UNDOT_END);
			assert_int_equal(used, out.len);
		}
		/* canonical already: the second trip changes nothing */
		buf_clear(&text);
		buf_put(&text, again.data, again.len);
		dot_cut(&(struct piece){ text.data, text.len }, text.len / 2, &out);
		wire_undot_init(&u);
		buf_clear(&again);
		assert_int_equal(wire_undot(&u, out.data, out.len, &used, &again), UNDOT_END);
		assert_int_equal(again.len, text.len);
		assert_memory_equal(buf_str(&again), buf_str(&text), text.len);
	}
	buf_free(&text);
	buf_free(&out);
	buf_free(&again);
}

/* 4 MB of the worst that a stranger can store; quadratic time would take minutes. */
static void
linear(void **state)
{
	static const char *const patterns[] = { "\r", "\n", ".", "\n.", "\r.", "a\r", "a" };
	const size_t size = 4 << 20;
	char *big = xcalloc(size, 1);
	struct buf out = BUF_INIT, again = BUF_INIT;
	struct wire_undot u;
	size_t i, k, used;
	int64_t start = clock_mono_ms();

	(void)state;
	for (i = 0; i < COUNT(patterns); i++) {
		for (k = 0; k < size; k++)
			big[k] = patterns[i][k % strlen(patterns[i])];
		dot_cut(&(struct piece){ big, size }, size / 2, &out);
		buf_clear(&again);
		wire_undot_init(&u);
		assert_int_equal(wire_undot(&u, out.data, out.len, &used, &again), UNDOT_END);
		assert_int_equal(used, out.len);
	}
	assert_true(clock_mono_ms() - start < 20000);
	free(big);
	buf_free(&out);
	buf_free(&again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(undot),
		cmocka_unit_test(undot_strict),
		cmocka_unit_test(dot),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(linear),
	};

	return cmocka_run_group_tests_name("wire_data", tests, NULL, NULL);
}
