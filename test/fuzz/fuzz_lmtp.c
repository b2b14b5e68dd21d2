/*
 * fuzz_lmtp.c -- any octets, as an LMTP client's side of a session.
 *
 * The first octet says how the rest is cut into pieces and how moody the
 * store is. Whatever comes: the session must answer and store the same as when
 * it gets everything at once, and each message begun must be ended once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "test/unit/lmtp_dialogue.h"

static int
same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dialogue whole, cut;
	uint8_t how;

	if (size == 0)
		return 0;
	how = data[0];
	memset(&whole, 0, sizeof(whole));
	memset(&cut, 0, sizeof(cut));
	whole.size_limit = cut.size_limit = 2000;
	whole.verdict = cut.verdict = (enum lmtp_verdict)(how % 3);
	cut.pause_every = how / 3 % 3;
	dialogue_play(&whole, (const char *)data + 1, size - 1, 0, 0);
	dialogue_play(&cut, (const char *)data + 1, size - 1, how / 9 + 1u, how);
	CHECK(same(&whole.out, &cut.out));
	CHECK(same(&whole.stored, &cut.stored));
	CHECK(same(&whole.envelopes, &cut.envelopes));
	CHECK(whole.wants == cut.wants);
	CHECK(whole.begun == whole.committed + whole.aborted);
	CHECK(cut.begun == cut.committed + cut.aborted);
	dialogue_clear(&whole);
	dialogue_clear(&cut);
	return 0;
}
