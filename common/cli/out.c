/*
 * out.c -- what the command prints: tables for people, JSON lines for programs.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/cli/cli.h"
#include "common/log.h"

#define LENT		8
#define SAFE_MAX	1024	/* bytes of a text that are shown */

/* The next of LENT buffers. */
static char *
lend(void)
{
	static char buffers[LENT][SAFE_MAX * 4 + 8];
	static unsigned next;

	return buffers[next++ % LENT];
}
#define LEND_SIZE (SAFE_MAX * 4 + 8)

void
out_json_lent(const json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT);

	if (text == NULL)
		abort();	/* only what is not UTF-8 fails, and that was escaped before */
	(void)puts(text);
	free(text);
}

void
out_json(json_t *j)
{
	out_json_lent(j);
	json_decref(j);
}

json_t *
out_string(const char *s)
{
	json_t *j = json_string(s);
	size_t len = strlen(s);
	char *safe;

	if (j != NULL)
		return j;
	safe = xcalloc(len + 1, 4);
	(void)log_escape(safe, len * 4 + 1, s, len);
	j = json_string(safe);
	free(safe);
	return j;
}

const char *
out_safe(const char *s)
{
	char *b = lend();
	size_t len = strlen(s), n;

	n = log_escape(b, LEND_SIZE - 4, s, len < SAFE_MAX ? len : SAFE_MAX);
	if (len > SAFE_MAX)
		memcpy(b + n, "...", 4);
	return b;
}

const char *
out_size(uint64_t bytes)
{
	static const char *const unit[] = { "B", "KB", "MB", "GB", "TB", "PB", "EB" };
	double v = (double)bytes;
	size_t u = 0;
	char *b = lend();

	while (v >= 1023.95 && u < 6) {
		v /= 1024;
		u++;
	}
	(void)snprintf(b, LEND_SIZE, u == 0 ? "%.0f %s" : "%.1f %s", v, unit[u]);
	return b;
}

const char *
out_count(uint64_t n, const char *one, const char *many)
{
	char *b = lend();

	(void)snprintf(b, LEND_SIZE, "%llu %s", (unsigned long long)n, n == 1 ? one : many);
	return b;
}

const char *
out_when(int64_t t, int64_t now)
{
	static const struct {
		int64_t		 below, unit;	/* up to `below' seconds say it in units */
		const char	*name;
	} scale[] = { { 120, 1, "s" }, { 7200, 60, "m" }, { 172800, 3600, "h" },
		{ INT64_MAX, 86400, "d" } };
	int64_t d = t > now ? t - now : now - t;
	size_t i = 0;
	char *b = lend();

	if (t == 0)
		return "-";
	if (d == 0)
		return "now";
	while (d >= scale[i].below)
		i++;
	(void)snprintf(b, LEND_SIZE, "%s%lld %s%s", t > now ? "in " : "",
	    (long long)(d / scale[i].unit), scale[i].name, t > now ? "" : " ago");
	return b;
}

const char *
out_date(int64_t t)
{
	time_t when = (time_t)t;
	struct tm tm;
	char *b = lend();

	if (localtime_r(&when, &tm) == NULL || strftime(b, LEND_SIZE, "%F %T", &tm) == 0)
		return "?";
	return b;
}

const char *
out_on(const struct cli *c, enum out_color color)
{
	static const char *const sequence[] = { [OUT_PLAIN] = "", [OUT_GOOD] = "\033[32m",
		[OUT_BAD] = "\033[31m", [OUT_WARN] = "\033[33m", [OUT_DIM] = "\033[2m" };

	return c->color ? sequence[color] : "";
}

const char *
out_off(const struct cli *c)
{
	return c->color ? "\033[0m" : "";
}

/* Near enough: bytes that do not continue a UTF-8 character. */
size_t
out_columns(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

const char *
out_interval(unsigned seconds)
{
	static const struct {
		unsigned	 unit;
		char		 name;
	} scale[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t i = 0;
	char *b = lend();

	while (i < 3 && (seconds == 0 || seconds % scale[i].unit != 0))
		i++;
	(void)snprintf(b, LEND_SIZE, "%u%c", seconds / scale[i].unit, scale[i].name);
	return b;
}

/* --- tables -------------------------------------------------------------- */

struct out_table {
	const char	*align;		/* 'l' or 'r' for each column */
	size_t		 ncols;
	size_t		*width;
	char		**cell;
	size_t		 ncells;
};

struct out_table *
out_table_new(const char *const *headings, size_t n, const char *align)
{
	struct out_table *t = xcalloc(1, sizeof(*t));

	t->align = align;
	t->ncols = n;
	t->width = xcalloc(n, sizeof(*t->width));
	for (size_t i = 0; i < n; i++)
		out_cell(t, headings[i]);
	return t;
}

void
out_cell(struct out_table *t, const char *s)
{
	size_t col = t->ncells % t->ncols, w;
	char *safe = xstrdup(out_safe(s));

	t->cell = xrealloc(t->cell, t->ncells + 1, sizeof(*t->cell));
	t->cell[t->ncells++] = safe;
	if ((w = out_columns(safe)) > t->width[col])
		t->width[col] = w;
}

void
out_table_print(struct out_table **tp, const struct cli *c)
{
	struct out_table *t = *tp;

	for (size_t i = 0; i < t->ncells; i++) {
		size_t col = i % t->ncols, pad = t->width[col] - out_columns(t->cell[i]);
		bool last = col == t->ncols - 1, right = t->align[col] == 'r';

		if (i == 0)
			(void)fputs(out_on(c, OUT_DIM), stdout);
		(void)printf("%*s%s%*s", right ? (int)pad : 0, "", t->cell[i],
		    right || last ? 0 : (int)pad, "");
		(void)fputs(last ? "" : "  ", stdout);
		if (i == t->ncols - 1)
			(void)fputs(out_off(c), stdout);
		if (last)
			(void)putchar('\n');
		free(t->cell[i]);
	}
	free(t->cell);
	free(t->width);
	free(t);
	*tp = NULL;
}

/* --- JSON in ------------------------------------------------------------- */

const char *
out_str(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL ? s : "";
}

int64_t
out_int(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}
