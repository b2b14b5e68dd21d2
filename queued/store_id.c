/*
 * store_id.c -- message ids and their text, the queue ids.
 *
 * A message id is the milliseconds since 2020-01-01 (41 bits, enough until
 * 2089) above a counter (10 bits): below 2^51, rising, so the order of ids is
 * the order of arrival. What belongs to a message carries its id in front of a number of
 * its own (store_sqlite.h), which stays below 2^63. As text an id is 11 digits in base 32
 * (0-9 A-Z without I, L, O and U); the texts sort like the numbers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/store_id.h"

#include <assert.h>
#include <string.h>

#include "queued/store.h"

#define EPOCH_MS	INT64_C(1577836800000)	/* 2020-01-01T00:00:00Z */
#define MS_MAX		((INT64_C(1) << 41) - 1)
#define COUNTER_BITS	10
#define DIGITS		11

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/*
 * The id after `last' at this time. A clock that went back, or one that is
 * outside of what an id can say, does not matter: then it counts on.
 */
int64_t
store_id_next(int64_t last, int64_t wall_ms)
{
	int64_t id;

	if (wall_ms < EPOCH_MS || wall_ms > EPOCH_MS + MS_MAX)
		return last + 1;
	id = (wall_ms - EPOCH_MS) << COUNTER_BITS;
	return id > last ? id : last + 1;
}

void
queue_id_format(char text[QUEUE_ID_SIZE], int64_t message_id)
{
	_Static_assert(DIGITS < QUEUE_ID_SIZE, "a queue id fits");
	int64_t rest = message_id;

	assert(message_id >= 0 && message_id <= STORE_ID_MAX);
	for (size_t i = DIGITS; i-- > 0; rest >>= 5)
		text[i] = alphabet[rest & 31];
	text[DIGITS] = '\0';
}

int64_t
queue_id_parse(const char *text)
{
	int64_t id = 0;

	if (strlen(text) != DIGITS)
		return 0;
	for (; *text != '\0'; text++) {
		char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
		const char *digit = strchr(alphabet, c);

		if (digit == NULL)
			return 0;
		id = id << 5 | (digit - alphabet);
	}
	return id <= STORE_ID_MAX ? id : 0;
}
