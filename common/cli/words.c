/*
 * words.c -- lists as MTAs write them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/words.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"

#define SEPARATORS " ,\t\r\n"

/* The length of the word at s: up to a separator outside of braces. */
static size_t
word_length(const char *s)
{
	size_t i, depth = 0;

	for (i = 0; s[i] != '\0'; i++) {
		if (s[i] == '{')
			depth++;
		else if (s[i] == '}' && depth > 0)
			depth--;
		else if (depth == 0 && strchr(SEPARATORS, s[i]) != NULL)
			break;
	}
	return i;
}

static void
take(struct words *w, char *word)
{
	w->v = xrealloc(w->v, w->n + 1, sizeof(*w->v));
	w->v[w->n++] = word;
}

void
words_add(struct words *w, const char *word)
{
	take(w, xstrdup(word));
}

void
words_split(struct words *w, const char *text)
{
	size_t len;

	w->v = NULL;
	w->n = 0;
	for (;;) {
		text += strspn(text, SEPARATORS);
		if (*text == '\0')
			return;
		len = word_length(text);
		take(w, xstrndup(text, len));
		text += len;
	}
}

void
words_remove(struct words *w, size_t i)
{
	free(w->v[i]);
	memmove(&w->v[i], &w->v[i + 1], (w->n - i - 1) * sizeof(*w->v));
	w->n--;
}

char *
words_join(const struct words *w, const char *separator)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < w->n; i++)
		buf_printf(&b, "%s%s", i > 0 ? separator : "", w->v[i]);
	return b.len > 0 ? buf_take(&b) : xstrdup("");
}

size_t
words_find(const struct words *w, const char *word)
{
	size_t i = 0;

	while (i < w->n && strcasecmp(w->v[i], word) != 0)
		i++;
	return i;
}

bool
words_have(const struct words *w, const char *word)
{
	return words_find(w, word) < w->n;
}

void
words_clear(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
	w->v = NULL;
	w->n = 0;
}
