/*
 * body_word.c -- a check for Holdfast that reads messages: one with this word in it is quarantined.
 *
 * The word is what BODY_WORD in the milter's environment says; without it nothing is looked for.
 * Bytes are compared as they are sent, so a word in an encoded part is not seen.
 *
 * What to learn from it
 *  - at_eom is asked once a message, when all of it has passed. `wants_body' makes message->read
 *    available; the headers are there in any case.
 *  - A message may be larger than memory: it is read in pieces, and what lies across two of them must
 *    be found as well.
 *  - Points are an alternative to a verdict: check_score(out, 250, "…") adds 2.5, and the
 *    thresholds of the rules decide over the sum of all checks.
 *
 * This file compiles as C99 and as C++20.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <holdfast/check.h>

#define PIECE		32768
#define WORD_MAX	100

static bool
has_word(const char *data, size_t len, const char *word, size_t n)
{
	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(data + i, word, n) == 0)
			return true;
	return false;
}

static int
at_eom(const struct check_view *v, struct verdict *out)
{
	const char *word = getenv("BODY_WORD");
	const struct check_message *m = v->message;
	size_t n = word != NULL ? strlen(word) : 0, kept = 0;
	char data[WORD_MAX + PIECE];	/* the end of the last piece, then this one */
	uint64_t offset = 0;
	ssize_t got;

	if (n == 0 || n > WORD_MAX || m == NULL || m->read == NULL)
		return 0;
	while ((got = m->read(m, data + kept, PIECE, offset)) > 0) {
		size_t len = kept + (size_t)got;

		if (has_word(data, len, word, n)) {
			out->action = VERDICT_QUARANTINE;
			(void)snprintf(out->reason, sizeof(out->reason), "it has the word %s", word);
			return 0;
		}
		kept = len < n - 1 ? len : n - 1;
		memmove(data, data + len - kept, kept);
		offset += (uint64_t)got;
	}
	return got == -1 ? -1 : 0;
}

const struct check holdfast_check = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "body_word",
	.cost = COST_MEMORY,
	.on_fault = VERDICT_DEFER,
	.at_eom = at_eom,
	.wants_body = true,
};
