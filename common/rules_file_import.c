/*
 * rules_file_import.c -- the rules from a text.
 *
 * One transaction: each line is put, what the file does not have is removed, and the whole is read back
 * as the daemons will. What is wrong is told as "name:line: reason", and nothing has changed then.
 *
 * Rows are brought to the form in which they are kept before they are written, so that a row which the
 * file has in another spelling is the same row.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_file.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/rules_edit_db.h"
#include "common/rules_file_table.h"
#include "common/rules_row.h"
#include "common/utf8.h"

/* A row that the file has. */
struct line_key {
	char		*key;		/* as key_text() has it */
	char		*name;		/* as the reader calls it: "list deny client 192.0.2.0/24" */
	unsigned	 line;
};
struct line_keys {
	struct line_key	*v;
	size_t		 n;
};

struct reader {
	struct rules_edit	*e;
	struct rules_file_import *im;
	struct rules_file_columns columns[RULES_FILE_NTABLES];
	struct line_keys	 keys[RULES_FILE_NTABLES];
	unsigned		 line;
	bool			 refused;	/* the rows do not fit together: *why names one, but no line */
};

/* "name:line: reason"; takes the reason. */
static enum rules_edit_result
bad_line(const struct reader *r, unsigned line, char *reason, char **why)
{
	*why = xasprintf("%s:%u: %s", r->im->name, line, reason);
	free(reason);
	return EDIT_BAD;
}

static enum rules_edit_result
bad(const struct reader *r, char *reason, char **why)
{
	return bad_line(r, r->line, reason, why);
}

/* --- a line's row ------------------------------------------------------------------------- */

/* column=value, and its place; -1: the table has none of that name. */
static int
assignment(const struct rules_file_columns *c, const char *text, const char **value)
{
	size_t len = strcspn(text, "=");

	for (size_t i = 0; i < c->n; i++)
		if (text[len] == '=' && strlen(c->v[i].name) == len &&
		    strncmp(c->v[i].name, text, len) == 0) {
			*value = text + len + 1;
			return (int)i;
		}
	return -1;
}

/* Fills value[] (lent from w) from the words of a line; NULL where nothing was said. */
static enum rules_edit_result
assign(const struct reader *r, const struct rules_file_table *t, const struct rules_file_columns *c,
    const struct rules_file_words *w, const char **value, char **why)
{
	size_t n = rules_file_nwords(t);

	if (w->n < n + 1)
		return bad(r, xasprintf("%s: %s is needed", t->name, t->words[w->n - 1]), why);
	for (size_t i = 0; i < n; i++)
		value[rules_file_column(c, t->words[i])] = w->v[i + 1];
	for (size_t i = n + 1; i < w->n; i++) {
		const char *given;
		int at = assignment(c, w->v[i], &given);

		if (at == -1)
			return bad(r, xasprintf("`%s' is not column=value of a %s", w->v[i], t->name), why);
		if (value[at] != NULL)
			return bad(r, xasprintf("%s is given twice", c->v[at].name), why);
		value[at] = given;
	}
	return EDIT_OK;
}

/* Brings values to the form in which they are kept; all are malloc'd then. */
static enum rules_edit_result
canonical(const struct reader *r, const struct rules_file_table *t, const struct rules_file_columns *c,
    const char *const *given, char **value, char **why)
{
	const struct rules_kind *k = rules_kind_find(t->name);
	char *reason = NULL;

	if (k != NULL) {
		if (rules_edit_kind_canon(k, given, value, &reason) != EDIT_OK)
			return bad(r, reason, why);
		return EDIT_OK;
	}
	for (size_t i = 0; i < c->n; i++) {
		value[i] = xstrdup(given[i] != NULL ? given[i] : c->v[i].initial);
		if (value[i] == NULL)
			return bad(r, xasprintf("%s: %s is needed", t->name, c->v[i].name), why);
		if (c->v[i].key)
			addr_lower(value[i]);
	}
	return EDIT_OK;
}

static enum rules_edit_result
put(const struct reader *r, const struct rules_file_table *t, const struct rules_file_columns *c,
    char *const *value, char **why)
{
	struct rules_edit_column column[RULES_FILE_COLUMNS];
	enum rules_edit_result rc;
	char *reason = NULL;

	for (size_t i = 0; i < c->n; i++)
		column[i] = (struct rules_edit_column){ c->v[i].name, c->v[i].key };
	rc = rules_edit_upsert(r->e, t->name, column, c->n, value, &reason);
	if (rc == EDIT_BAD)
		return bad(r, reason, why);
	if (rc != EDIT_OK)
		*why = reason;
	return rc;
}

static void
keep_key(struct line_keys *k, const struct rules_file_table *t, const struct rules_file_columns *c,
    char *const *value, unsigned line)
{
	struct buf key = BUF_INIT, name = BUF_INIT;
	const char *scope = "";

	buf_puts(&name, t->name);
	for (size_t i = 0; i < c->n; i++) {
		if (!c->v[i].key)
			continue;
		buf_printf(&key, "%s\n", value[i]);
		if (strcmp(c->v[i].name, "scope") == 0)
			scope = value[i];
		else if (value[i][0] != '\0')
			buf_printf(&name, " %s", value[i]);
	}
	if (scope[0] != '\0')
		buf_printf(&name, " for %s", scope);
	k->v = rules_grow(k->v, k->n, sizeof(*k->v));
	k->v[k->n++] = (struct line_key){ buf_take(&key), buf_take(&name), line };
}

static enum rules_edit_result
read_row(struct reader *r, const struct rules_file_words *w, char **why)
{
	const char *given[RULES_FILE_COLUMNS] = { NULL };
	char *value[RULES_FILE_COLUMNS] = { NULL };
	const struct rules_file_table *t;
	const struct rules_file_columns *c;
	enum rules_edit_result rc;
	size_t i = 0;

	while (i < RULES_FILE_NTABLES && strcmp(rules_file_tables[i].name, w->v[0]) != 0)
		i++;
	if (i == RULES_FILE_NTABLES)
		return bad(r, xasprintf("there is no kind `%s'", w->v[0]), why);
	t = &rules_file_tables[i];
	c = &r->columns[i];
	if ((rc = assign(r, t, c, w, given, why)) == EDIT_OK &&
	    (rc = canonical(r, t, c, given, value, why)) == EDIT_OK &&
	    (rc = put(r, t, c, value, why)) == EDIT_OK)
		keep_key(&r->keys[i], t, c, value, r->line);
	for (i = 0; i < RULES_FILE_COLUMNS; i++)
		free(value[i]);
	return rc;
}

static enum rules_edit_result
read_line(struct reader *r, const char *p, size_t len, char **why)
{
	struct rules_file_words w = { .n = 0 };
	enum rules_edit_result rc = EDIT_OK;
	const char *wrong;
	char *line;

	if (memchr(p, '\0', len) != NULL)
		return bad(r, xstrdup("a NUL byte"), why);
	if (!utf8_valid(p, len))
		return bad(r, xstrdup("not valid UTF-8"), why);
	line = xstrndup(p, len > 0 && p[len - 1] == '\r' ? len - 1 : len);
	if ((wrong = rules_file_split(line, &w)) != NULL)
		rc = bad(r, xstrdup(wrong), why);
	else if (w.n > 0)
		rc = read_row(r, &w, why);
	rules_file_words_clear(&w);
	free(line);
	return rc;
}

static enum rules_edit_result
read_lines(struct reader *r, const char *p, size_t len, char **why)
{
	static const char mark[] = "\xef\xbb\xbf";	/* some editors begin UTF-8 with it */
	enum rules_edit_result rc = EDIT_OK;

	if (len >= sizeof(mark) - 1 && memcmp(p, mark, sizeof(mark) - 1) == 0) {
		p += sizeof(mark) - 1;
		len -= sizeof(mark) - 1;
	}
	while (rc == EDIT_OK && len > 0) {
		const char *end = memchr(p, '\n', len);
		size_t n = end != NULL ? (size_t)(end - p) : len;

		r->line++;
		rc = read_line(r, p, n, why);
		n += end != NULL;
		p += n;
		len -= n;
	}
	return rc;
}

/* --- the rows together -------------------------------------------------------------------- */

static int
by_key(const void *a, const void *b)
{
	const struct line_key *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static int
by_key_and_line(const void *a, const void *b)
{
	const struct line_key *x = a, *y = b;
	int cmp = by_key(a, b);

	return cmp != 0 ? cmp : (x->line > y->line) - (x->line < y->line);
}

/* Of two lines about one row the file cannot mean both. */
static enum rules_edit_result
sort_keys(const struct reader *r, struct line_keys *k, char **why)
{
	if (k->n > 1)
		qsort(k->v, k->n, sizeof(*k->v), by_key_and_line);
	for (size_t i = 1; i < k->n; i++)
		if (by_key(&k->v[i - 1], &k->v[i]) == 0)
			return bad_line(r, k->v[i].line, xasprintf("%s is in line %u, too", k->v[i].name,
			    k->v[i - 1].line), why);
	return EDIT_OK;
}

/* The line with the row that the reason begins with; 0: none has it. */
static unsigned
line_of(const struct reader *r, const char *reason)
{
	size_t longest = 0;
	unsigned line = 0;

	for (size_t i = 0; i < RULES_FILE_NTABLES; i++)
		for (size_t j = 0; j < r->keys[i].n; j++) {
			const struct line_key *k = &r->keys[i].v[j];
			size_t len = strlen(k->name);

			if (len > longest && strncmp(reason, k->name, len) == 0 && reason[len] == ':') {
				longest = len;
				line = k->line;
			}
		}
	return line;
}

/* Says where it stands, or at least what file. */
static void
place(const struct reader *r, char **why)
{
	char *reason = *why;
	unsigned line = line_of(r, reason);

	if (line != 0)
		(void)bad_line(r, line, reason, why);
	else {
		*why = xasprintf("%s: %s", r->im->name, reason);
		free(reason);
	}
}

/* --- what the file does not have ---------------------------------------------------------- */

struct rowids {
	sqlite3_int64	*v;
	size_t		 n;
};

static enum rules_edit_result
find_missing(struct rules_edit *e, const char *table, const struct rules_file_columns *c,
    const struct line_keys *keys, struct rowids *missing, char **why)
{
	struct buf sql = BUF_INIT, key = BUF_INIT;
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r;
	int rc = SQLITE_DONE;

	buf_puts(&sql, "SELECT rowid");
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].key)
			buf_printf(&sql, ", \"%s\"", c->v[i].name);
	buf_printf(&sql, " FROM \"%s\"", table);
	r = rules_edit_prepare(e, buf_str(&sql), &st, why);
	while (r == EDIT_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct line_key sought = { .key = NULL };

		buf_clear(&key);
		for (int i = 1; i < sqlite3_column_count(st); i++)
			buf_printf(&key, "%s\n", (const char *)sqlite3_column_text(st, i));
		sought.key = key.data;
		if (keys->n > 0 && bsearch(&sought, keys->v, keys->n, sizeof(*keys->v), by_key) != NULL)
			continue;
		missing->v = rules_grow(missing->v, missing->n, sizeof(*missing->v));
		missing->v[missing->n++] = sqlite3_column_int64(st, 0);
	}
	if (r == EDIT_OK && rc != SQLITE_DONE)
		r = rules_edit_failed(e, why);
	(void)sqlite3_finalize(st);
	buf_free(&sql);
	buf_free(&key);
	return r;
}

static enum rules_edit_result
remove_rows(struct rules_edit *e, const char *table, const struct rowids *rows, char **why)
{
	char *sql = xasprintf("DELETE FROM \"%s\" WHERE rowid = ?1", table);
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e, sql, &st, why);

	free(sql);
	for (size_t i = 0; r == EDIT_OK && i < rows->n; i++) {
		(void)sqlite3_reset(st);
		(void)sqlite3_bind_int64(st, 1, rows->v[i]);
		r = rules_edit_step(e, st, why);
	}
	(void)sqlite3_finalize(st);
	return r;
}

static enum rules_edit_result
remove_missing(struct reader *r, size_t i, char **why)
{
	const char *table = rules_file_tables[i].name;
	struct rowids missing = { .n = 0 };
	enum rules_edit_result rc = find_missing(r->e, table, &r->columns[i], &r->keys[i], &missing, why);

	if (rc == EDIT_OK && missing.n > 0 && strcmp(table, "domain") == 0 && !r->im->force) {
		bool one = missing.n == 1;

		*why = xasprintf("%s: %zu domain%s would go, and %s recipients with %s; say --force if that "
		    "is meant, or --merge to keep what the file does not have", r->im->name, missing.n,
		    one ? "" : "s", one ? "its" : "their", one ? "it" : "them");
		rc = EDIT_SHRINK;
	}
	if (rc == EDIT_OK)
		rc = remove_rows(r->e, table, &missing, why);
	free(missing.v);
	return rc;
}

/* --- the whole ---------------------------------------------------------------------------- */

static void
count(void *arg, const struct rules_change *c)
{
	struct rules_file_import *im = arg;

	im->added += c->before == NULL;
	im->removed += c->after == NULL;
	im->altered += c->before != NULL && c->after != NULL;
	if (im->changed != NULL)
		im->changed(im->arg, c);
}

/* A row that was as bad before is the file's all the same if the file has it. */
static enum rules_edit_result
judge(const struct reader *r, char **why)
{
	enum rules_edit_result rc = rules_edit_judge(r->e, why);
	const char *refused = rules_edit_refused(r->e);

	if (rc != EDIT_OK || refused == NULL || line_of(r, refused) == 0)
		return rc;
	*why = xstrdup(refused);
	return EDIT_BAD;
}

static enum rules_edit_result
import(struct reader *r, const char *text, size_t len, char **why)
{
	enum rules_edit_result rc = EDIT_OK;

	for (size_t i = 0; rc == EDIT_OK && i < RULES_FILE_NTABLES; i++)
		rc = rules_file_columns(r->e, rules_file_tables[i].name, &r->columns[i], why);
	if (rc == EDIT_OK)
		rc = read_lines(r, text, len, why);
	for (size_t i = 0; rc == EDIT_OK && i < RULES_FILE_NTABLES; i++)
		rc = sort_keys(r, &r->keys[i], why);
	/* What refers to others goes before them. */
	for (size_t i = RULES_FILE_NTABLES; rc == EDIT_OK && !r->im->merge && i-- > 0; )
		rc = remove_missing(r, i, why);
	if (rc != EDIT_OK)
		return rc;
	rc = judge(r, why);
	r->refused = rc == EDIT_BAD;
	return rc == EDIT_OK ? rules_history_mine(r->e, count, r->im, why) : rc;
}

static void
reader_clear(struct reader *r)
{
	for (size_t i = 0; i < RULES_FILE_NTABLES; i++) {
		rules_file_columns_clear(&r->columns[i]);
		for (size_t j = 0; j < r->keys[i].n; j++) {
			free(r->keys[i].v[j].key);
			free(r->keys[i].v[j].name);
		}
		free(r->keys[i].v);
	}
}

enum rules_edit_result
rules_file_import(struct rules_edit *e, const char *text, size_t len, struct rules_file_import *im,
    char **why)
{
	struct reader r = { .e = e, .im = im };
	enum rules_edit_result rc = rules_edit_begin(e, why);

	im->added = im->removed = im->altered = 0;
	if (rc != EDIT_OK)
		return rc;
	rc = import(&r, text, len, why);
	/* To take it back is what finishing a failure does. */
	if (rc == EDIT_OK && im->dry)
		(void)rules_edit_finish(e, EDIT_MISSING, why);
	else
		rc = rules_edit_finish(e, rc, why);
	if (r.refused)
		place(&r, why);
	reader_clear(&r);
	return rc;
}
