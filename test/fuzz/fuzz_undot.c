/*
 * fuzz_undot.c -- DATA both ways. The first byte seeds where the input is cut.
 *
 * Cuts must not matter, an end of data must be CRLF.CRLF to the letter, and what
 * is sent must come in again as the same canonical text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "common/wire.h"

/* The next piece's length: 0..15, or all that is left. */
static size_t
piece(uint32_t *seed, size_t left)
{
	size_t n;

	*seed = *seed * 1664525u + 1013904223u;
	n = *seed >> 28;
	return n < left ? n : left;
}

static enum wire_undot_result
undot(const char *in, size_t len, uint32_t seed, size_t *used, struct buf *out)
{
	enum wire_undot_result got = UNDOT_MORE;
	struct wire_undot u;
	size_t n, part;

	wire_undot_init(&u);
	for (*used = 0; got == UNDOT_MORE && *used < len; *used += n) {
		part = seed != 0 ? piece(&seed, len - *used) : len;
		got = wire_undot(&u, in + *used, part, &n, out);
		CHECK(n <= part && (got != UNDOT_MORE || n == part));
	}
	return got;
}

static void
dot(const char *in, size_t len, uint32_t seed, struct buf *out)
{
	struct wire_dot d;
	size_t at, n;

	wire_dot_init(&d);
	for (at = 0; at < len; at += n) {
		n = seed != 0 ? piece(&seed, len - at) : len;
		wire_dot(&d, in + at, n, out);
	}
	wire_dot_end(&d, out);
}

static void
check_in(const char *in, size_t len, uint32_t seed)
{
	struct buf whole = BUF_INIT, cut = BUF_INIT;
	size_t used, used_cut;
	enum wire_undot_result got = undot(in, len, 0, &used, &whole);

	CHECK(undot(in, len, seed, &used_cut, &cut) == got);
	if (got == UNDOT_END || got == UNDOT_MORE) {
		CHECK(used == used_cut && whole.len == cut.len);
		CHECK(memcmp(buf_str(&whole), buf_str(&cut), whole.len) == 0);
		CHECK(whole.len <= used);
	}
	if (got == UNDOT_END) {
		CHECK(used >= 3 && memcmp(in + used - 3, ".\r\n", 3) == 0);
		CHECK(used == 3 || memcmp(in + used - 5, "\r\n", 2) == 0);
	}
	buf_free(&whole);
	buf_free(&cut);
}

static void
check_out(const char *in, size_t len, uint32_t seed)
{
	struct buf whole = BUF_INIT, cut = BUF_INIT, text = BUF_INIT, again = BUF_INIT;
	size_t used;

	dot(in, len, 0, &whole);
	dot(in, len, seed, &cut);
	CHECK(whole.len == cut.len && memcmp(whole.data, cut.data, whole.len) == 0);
	CHECK(undot(whole.data, whole.len, seed, &used, &text) == UNDOT_END);
	CHECK(used == whole.len);
	dot(buf_str(&text), text.len, seed, &again);
	CHECK(again.len == whole.len && memcmp(again.data, whole.data, again.len) == 0);
	buf_free(&whole);
	buf_free(&cut);
	buf_free(&text);
	buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	check_in((const char *)data + 1, size - 1, data[0] + 1u);
	check_out((const char *)data + 1, size - 1, data[0] + 1u);
	return 0;
}
