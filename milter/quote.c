/*
 * quote.c -- strangers' words in a reply: one line of printable ASCII, whatever they were.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/quote.h"

const char *
quote(char *to, size_t size, const void *from, size_t len)
{
	const unsigned char *p = from;
	size_t n = 0;

	for (; n < len && n + 1 < size; n++)
		to[n] = (char)(p[n] >= 0x20 && p[n] < 0x7f ? p[n] : '?');
	to[n] = '\0';
	return to;
}
