/*
 * dsn_text.c -- strangers' text in our own messages, made harmless.
 *
 * Replies of servers, addresses and the headers of the message that a report is
 * about were chosen by others, who would like to add a header or a part of
 * their own. So nothing is copied but through here: control bytes go, lines
 * are folded or cut, and what is not UTF-8 where UTF-8 is allowed becomes `?'.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/dsn_text.h"

#include <string.h>

#include "common/buf.h"
#include "common/utf8.h"

#define FOLD_AT		76u	/* columns wished for */
#define WORD_MAX	900u	/* octets of a word; a longer one is cut */

bool
dsn_has_8bit(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80)
			return true;
	return false;
}

void
dsn_put_text(struct buf *out, const char *s, bool utf8)
{
	size_t len = strlen(s), n;

	for (size_t i = 0; i < len; i += n) {
		unsigned char c = (unsigned char)s[i];

		n = 1;
		if (c < 0x20 || c == 0x7f) {
			buf_putc(out, ' ');
		} else if (c < 0x80) {
			buf_putc(out, s[i]);
		} else if (utf8 && (n = utf8_char(s + i, len - i)) > 0) {
			buf_put(out, s + i, n);
		} else {
			n = 1;
			buf_putc(out, '?');
		}
	}
}

/* How much of the word fits into max octets without cutting a character. */
static size_t
cut(const char *s, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 1 && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	return max;
}

/*
 * The words of `text' (harmless already), a new line begun with `indent' where one would be too
 * long. used: columns taken in the first line. No line is empty or blank.
 */
static void
put_words(struct buf *out, const char *text, const char *indent, size_t used)
{
	bool first = true;

	for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
		size_t word = strcspn(text, " ");

		word = cut(text, word, WORD_MAX);
		if (!first && used + 1 + word > FOLD_AT) {
			buf_puts(out, "\r\n");
			buf_puts(out, indent);
			used = strlen(indent);
		} else if (!first) {
			buf_putc(out, ' ');
			used++;
		}
		buf_put(out, text, word);
		used += word;
		text += word;
		first = false;
	}
	buf_puts(out, "\r\n");
}

void
dsn_put_field(struct buf *out, const char *name, const char *value, bool utf8)
{
	struct buf b = BUF_INIT;

	dsn_put_text(&b, value, utf8);
	buf_puts(out, name);
	buf_puts(out, ": ");
	put_words(out, buf_str(&b), "    ", strlen(name) + 2);
	buf_free(&b);
}

void
dsn_put_paragraph(struct buf *out, const char *indent, const char *text, bool utf8)
{
	struct buf b = BUF_INIT;

	dsn_put_text(&b, text, utf8);
	buf_puts(out, indent);
	put_words(out, buf_str(&b), indent, strlen(indent));
	buf_puts(out, "\r\n");
	buf_free(&b);
}

/* --- a header, as it came ------------------------------------------------ */

/* A line that is too long goes on in a folded one. */
static void
put_line(struct buf *out, const char *s, size_t len)
{
	size_t room = DSN_LINE_MAX, n;

	do {
		n = cut(s, len, room);
		for (size_t i = 0; i < n; i++)
			buf_putc(out, s[i] != '\0' ? s[i] : '?');
		buf_puts(out, "\r\n");
		s += n;
		len -= n;
		if (len > 0)
			buf_putc(out, ' ');
		room = DSN_LINE_MAX - 1;
	} while (len > 0);
}

void
dsn_put_header(struct buf *out, const char *data, size_t len, size_t max)
{
	const char *end = data + (len < max ? len : max), *p = data;
	size_t n;

	while (p < end) {
		for (n = 0; p + n < end && p[n] != '\r' && p[n] != '\n'; n++)
			;
		/* The empty line ends it; a line that is cut off is left out. */
		if (n == 0 || (p + n == end && len > max))
			return;
		put_line(out, p, n);
		p += n;
		if (p < end && *p == '\r')
			p++;
		if (p < end && *p == '\n')
			p++;
	}
}
