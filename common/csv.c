/*
 * csv.c -- reads CSV as RFC 4180 has it, one record at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/csv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void
csv_init(struct csv *c, const char *text, size_t len, char sep)
{
	memset(c, 0, sizeof(*c));
	c->p = text;
	c->end = text + len;
	c->next_line = 1;
	c->sep = sep;
}

void
csv_clear(struct csv *c)
{
	free(c->at);
	buf_free(&c->text);
	memset(c, 0, sizeof(*c));
}

static void
skip_line(struct csv *c)
{
	const char *nl = memchr(c->p, '\n', (size_t)(c->end - c->p));

	c->p = nl != NULL ? nl + 1 : c->end;
	c->next_line++;
}

/* Blank, or a comment? */
static bool
nothing_here(const struct csv *c)
{
	const char *p = c->p;

	while (p < c->end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p == c->end || *p == '\n' || *p == '#';
}

/* Behind a field: eats what closes it. *more: another follows. -1: something else is here. */
static int
end_field(struct csv *c, bool *more)
{
	*more = false;
	if (c->p < c->end && *c->p == '\r' && (c->p + 1 == c->end || c->p[1] == '\n'))
		c->p++;
	if (c->p == c->end)
		return 0;
	if (*c->p == c->sep) {
		c->p++;
		*more = true;
		return 0;
	}
	if (*c->p == '\n') {
		c->p++;
		c->next_line++;
		return 0;
	}
	return -1;
}

static int
quoted_field(struct csv *c)
{
	const char *start = c->p;

	for (c->p++; c->p < c->end; c->p++) {
		if (*c->p == '"' && (c->p + 1 == c->end || c->p[1] != '"')) {
			c->p++;
			return 0;
		}
		if (*c->p == '"')
			c->p++;
		if (*c->p == '\n')
			c->next_line++;
		buf_putc(&c->text, *c->p);
	}
	c->p = start;	/* the rest of the file is not one field: go on a line further */
	c->next_line = c->line;
	c->why = "a quote is not closed";
	return -1;
}

static void
plain_field(struct csv *c)
{
	while (c->p < c->end && *c->p != c->sep && *c->p != '\n' &&
	    !(*c->p == '\r' && (c->p + 1 == c->end || c->p[1] == '\n')))
		buf_putc(&c->text, *c->p++);
}

static void
begin_field(struct csv *c)
{
	if (c->nfields == c->cap) {
		c->cap = c->cap * 2 + 8;
		c->at = xrealloc(c->at, c->cap, sizeof(*c->at));
	}
	c->at[c->nfields++] = c->text.len;
}

enum csv_result
csv_next(struct csv *c)
{
	bool more;

	while (c->p < c->end && nothing_here(c))
		skip_line(c);
	c->nfields = 0;
	buf_clear(&c->text);
	c->line = c->next_line;
	if (c->p == c->end)
		return CSV_END;
	do {
		begin_field(c);
		if (c->p < c->end && *c->p == '"') {
			if (quoted_field(c) == -1) {
				skip_line(c);
				return CSV_BAD;
			}
		} else
			plain_field(c);
		buf_putc(&c->text, '\0');
		if (end_field(c, &more) == -1) {
			c->why = "text after a closing quote";
			skip_line(c);
			return CSV_BAD;
		}
	} while (more);
	return CSV_RECORD;
}

const char *
csv_field(const struct csv *c, size_t i)
{
	char *s, *e;

	if (i >= c->nfields)
		return "";
	s = c->text.data + c->at[i];
	s += strspn(s, " \t");
	for (e = s + strlen(s); e > s && (e[-1] == ' ' || e[-1] == '\t'); e--)
		;
	*e = '\0';
	return s;
}
