/*
 * utf8.c -- well-formedness of UTF-8 after RFC 3629's table.
 *
 * The second byte's range depends on the first: that is what shuts out
 * overlong forms (E0, F0), surrogates (ED) and values past U+10FFFF (F4).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/utf8.h"

static bool
between(unsigned char c, unsigned char lo, unsigned char hi)
{
	return c >= lo && c <= hi;
}

size_t
utf8_char(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char lo = 0x80, hi = 0xbf;
	size_t n, i;

	if (len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (between(p[0], 0xc2, 0xdf))
		n = 2;
	else if (between(p[0], 0xe0, 0xef))
		n = 3;
	else if (between(p[0], 0xf0, 0xf4))
		n = 4;
	else
		return 0;
	if (len < n)
		return 0;
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (!between(p[1], lo, hi))
		return 0;
	for (i = 2; i < n; i++)
		if (!between(p[i], 0x80, 0xbf))
			return 0;
	return n;
}

bool
utf8_valid(const char *s, size_t len)
{
	size_t n;

	for (; len > 0; s += n, len -= n)
		if ((n = utf8_char(s, len)) == 0)
			return false;
	return true;
}

bool
utf8_is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s > 0x7f)
			return false;
	return true;
}
