/*
 * rules_file_words.c -- words of a line, and the quotes that hold them together.
 *
 * Whatever text is put comes out of the line again as one word; a # begins a comment only where a word
 * would begin.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/rules_file_table.h"

static bool
plain(const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p != '\0'; p++)
		if (*p <= ' ' || *p == 0x7f || *p == '"' || *p == '\\' || *p == '#')
			return false;
	return *s != '\0';
}

void
rules_file_put_word(struct buf *out, const char *s)
{
	if (plain(s)) {
		buf_puts(out, s);
		return;
	}
	buf_putc(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_putc(out, '\\');
		if (*s == '\n')
			buf_puts(out, "\\n");
		else
			buf_putc(out, *s);
	}
	buf_putc(out, '"');
}

void
rules_file_words_clear(struct rules_file_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	w->n = 0;
}

/* Behind an opening quote. Returns where it goes on, or NULL: no closing quote. */
static const char *
quoted(const char *p, struct buf *b)
{
	for (; *p != '\0' && *p != '"'; p++) {
		if (*p == '\\' && p[1] != '\0') {
			p++;
			buf_putc(b, *p == 'n' ? '\n' : *p);
		} else
			buf_putc(b, *p);
	}
	return *p == '"' ? p + 1 : NULL;
}

/* One word, up to a blank that no quotes hold. Returns where it ends, or NULL as quoted(). */
static const char *
word(const char *p, struct buf *b)
{
	while (p != NULL && *p != '\0' && *p != ' ' && *p != '\t') {
		if (*p == '"')
			p = quoted(p + 1, b);
		else
			buf_putc(b, *p++);
	}
	return p;
}

const char *
rules_file_split(const char *line, struct rules_file_words *w)
{
	for (const char *p = line + strspn(line, " \t"); *p != '\0' && *p != '#'; p += strspn(p, " \t")) {
		struct buf b = BUF_INIT;

		if (w->n == sizeof(w->v) / sizeof(w->v[0]))
			return "too many words";
		p = word(p, &b);
		w->v[w->n++] = buf_take(&b);
		if (p == NULL)
			return "a quote is not closed";
	}
	return NULL;
}
