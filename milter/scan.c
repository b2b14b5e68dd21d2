/*
 * scan.c -- what the scanners have in common: points as text, words from strangers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool
digit(const char *s, size_t len, size_t i)
{
	return i < len && s[i] >= '0' && s[i] <= '9';
}

/* Not strtod(): that one reads "inf", "0x1p3", and the decimal point of the locale. */
size_t
scan_score(const char *s, size_t len, int *score)
{
	bool minus = len > 0 && s[0] == '-';
	size_t i = minus || (len > 0 && s[0] == '+') ? 1 : 0;
	int64_t n = 0;

	if (!digit(s, len, i))
		return 0;
	for (; digit(s, len, i); i++)
		if (n < SCAN_SCORE_MAX)
			n = n * 10 + (s[i] - '0');
	n *= 100;
	if (i < len && s[i] == '.' && digit(s, len, i + 1)) {
		n += (s[++i] - '0') * 10;
		if (digit(s, len, ++i))
			n += s[i++] - '0';
		if (digit(s, len, i))
			n += s[i] >= '5';
		while (digit(s, len, i))
			i++;
	}
	if (n > SCAN_SCORE_MAX)
		n = SCAN_SCORE_MAX;
	*score = (int)(minus ? -n : n);
	return i;
}

bool
scan_header_score(const char *value, int *score)
{
	static const char name[] = "score=";
	const char *p = strstr(value, name);

	p = p != NULL ? p + sizeof(name) - 1 : value;
	p += strspn(p, " \t");
	return scan_score(p, strlen(p), score) != 0;
}

void
scan_text(char *text, const char *s, size_t len)
{
	size_t n = len < SCAN_TEXT_SIZE - 1 ? len : SCAN_TEXT_SIZE - 1;

	for (size_t i = 0; i < n; i++)
		text[i] = s[i] >= ' ' && s[i] < 0x7f ? s[i] : '?';
	text[n] = '\0';
}

int
scan_fault(struct scan_result *r, const char *fmt, ...)
{
	char text[SCAN_TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	scan_text(r->why, text, strlen(text));
	return -1;
}
