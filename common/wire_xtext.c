/*
 * wire_xtext.c -- xtext (RFC 3461 4): printable ASCII, the rest as +HH.
 *
 * The reader takes lower-case digits and a plain `=' as well: real clients
 * write both, and neither can be misread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/wire.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* On failure what was decoded so far has been appended. */
int
wire_xtext_decode(const char *s, size_t len, struct buf *out)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (s[i] == '+') {
			int hi = i + 2 < len ? hex_digit(s[i + 1]) : -1;
			int lo = i + 2 < len ? hex_digit(s[i + 2]) : -1;

			if (hi == -1 || lo == -1)
				return -1;
			buf_putc(out, (char)(hi * 16 + lo));
			i += 2;
		} else if (s[i] > ' ' && s[i] < 0x7f) {
			buf_putc(out, s[i]);
		} else {
			return -1;
		}
	}
	return 0;
}

void
wire_xtext_encode(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s > ' ' && *s < 0x7f && *s != '+' && *s != '=')
			buf_putc(out, *s);
		else
			buf_printf(out, "+%02X", (unsigned)(unsigned char)*s);
	}
}
