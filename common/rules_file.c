/*
 * rules_file.c -- the rules as text, and back.
 *
 * Tables, columns, keys and defaults are read from the database itself, so what rules.sql gains is
 * exported without a change here. An import is one transaction: each line is put, what the file does not
 * have is removed, and the whole is read back as the daemons will.
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
#include "common/rules_kind.h"

#define COLUMNS_MAX	32
#define WORDS_MAX	4	/* words of a key */

/* In the order of the file: what is referred to comes first. words: the columns that stand as words. */
static const struct file_table {
	const char	*name;
	const char	*words[WORDS_MAX];
} tables[] = {
	{ "schedule", { "name", "steps" } },
	{ "domain", { "name" } },
	{ "alias_domain", { "name", "domain" } },
	{ "pattern", { "domain", "pattern" } },
	{ "setting", { "name", "value" } },
	{ "list", { "action", "field", "value" } },
	{ "limits", { "what", "per", "rate" } },
	{ "dnsbl", { "zone", "verdict" } },
	{ "header", { "name", "pattern", "verdict" } },
	{ "mx_network", { "network" } },
	{ "mx_domain", { "name", "serve" } },
	{ "turn_network", { "network" } },
};
#define NTABLES	(sizeof(tables) / sizeof(tables[0]))

struct column {
	char	*name, *initial;	/* initial: NULL none */
	bool	 key, number;
};
struct columns {
	struct column	 v[COLUMNS_MAX];
	size_t		 n;
};

/* --- what a table looks like ------------------------------------------------------------- */

/* 'x' to x, 0 to 0. */
static char *
unquote(const char *dflt)
{
	size_t len;

	if (dflt == NULL)
		return NULL;
	len = strlen(dflt);
	return len >= 2 && dflt[0] == '\'' ? xstrndup(dflt + 1, len - 2) : xstrdup(dflt);
}

static void
columns_clear(struct columns *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].name);
		free(c->v[i].initial);
	}
	c->n = 0;
}

static enum rules_edit_result
columns_of(struct rules_edit *e, const char *table, struct columns *c, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r;

	c->n = 0;
	r = rules_edit_prepare(e, "SELECT name, dflt_value, pk, type FROM pragma_table_info(?1)"
	    " WHERE name <> 'list_time' ORDER BY cid", &st, why);
	if (r != EDIT_OK)
		return r;
	(void)sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
	while (sqlite3_step(st) == SQLITE_ROW && c->n < COLUMNS_MAX)
		c->v[c->n++] = (struct column){ xstrdup((const char *)sqlite3_column_text(st, 0)),
		    unquote((const char *)sqlite3_column_text(st, 1)), sqlite3_column_int(st, 2) > 0,
		    strcmp((const char *)sqlite3_column_text(st, 3), "INTEGER") == 0 };
	(void)sqlite3_finalize(st);
	return r;
}

static int
column_place(const struct columns *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->v[i].name, name) == 0)
			return (int)i;
	return -1;
}

static size_t
nwords(const struct file_table *t)
{
	size_t n = 0;

	while (n < WORDS_MAX && t->words[n] != NULL)
		n++;
	return n;
}

static bool
is_word(const struct file_table *t, const char *column)
{
	for (size_t i = 0; i < nwords(t); i++)
		if (strcmp(t->words[i], column) == 0)
			return true;
	return false;
}

/* --- out ----------------------------------------------------------------------------------- */

static bool
plain(const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p != '\0'; p++)
		if (*p <= ' ' || *p == 0x7f || *p == '"' || *p == '\\' || *p == '#')
			return false;
	return *s != '\0';
}

static void
put_value(struct buf *out, const char *s)
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

static const char *
text(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);

	return s != NULL ? s : "";
}

static void
put_row(struct buf *out, const struct file_table *t, const struct columns *c, sqlite3_stmt *st)
{
	buf_puts(out, t->name);
	for (size_t i = 0; i < nwords(t); i++) {
		buf_putc(out, ' ');
		put_value(out, text(st, column_place(c, t->words[i])));
	}
	for (size_t i = 0; i < c->n; i++) {
		const char *value = text(st, (int)i);

		if (is_word(t, c->v[i].name) ||
		    (c->v[i].initial != NULL && strcmp(c->v[i].initial, value) == 0))
			continue;
		buf_printf(out, " %s=", c->v[i].name);
		if (*value != '\0')
			put_value(out, value);
		else
			buf_puts(out, "\"\"");
	}
	buf_putc(out, '\n');
}

/* SELECT "name", … FROM "domain" ORDER BY its key */
static enum rules_edit_result
select_all(struct rules_edit *e, const char *table, const struct columns *c, sqlite3_stmt **st, char **why)
{
	struct buf sql = BUF_INIT;
	enum rules_edit_result r;
	const char *comma = " ORDER BY ";

	for (size_t i = 0; i < c->n; i++)
		buf_printf(&sql, "%s\"%s\"", i == 0 ? "SELECT " : ", ", c->v[i].name);
	buf_printf(&sql, " FROM \"%s\"", table);
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].key) {
			buf_printf(&sql, "%s\"%s\"", comma, c->v[i].name);
			comma = ", ";
		}
	r = rules_edit_prepare(e, buf_str(&sql), st, why);
	buf_free(&sql);
	return r;
}

static enum rules_edit_result
export_table(struct rules_edit *e, const struct file_table *t, struct buf *out, char **why)
{
	struct columns c = { .n = 0 };
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = columns_of(e, t->name, &c, why);
	int rc = SQLITE_DONE;
	size_t n = 0;

	if (r == EDIT_OK && (r = select_all(e, t->name, &c, &st, why)) == EDIT_OK) {
		while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
			if (n++ == 0)
				buf_putc(out, '\n');
			put_row(out, t, &c, st);
		}
		if (rc != SQLITE_DONE)
			r = rules_edit_failed(e, why);
	}
	(void)sqlite3_finalize(st);
	columns_clear(&c);
	return r;
}

enum rules_edit_result
rules_file_export(const char *path, struct buf *out, char **why)
{
	struct rules_edit e = { .db = NULL };
	enum rules_edit_result r = EDIT_OK;

	if (sqlite3_open_v2(path, &e.db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		r = rules_edit_failed(&e, why);
	else if (rules_read_identity(e.db, why) != RULES_READ_OK)
		r = EDIT_FAULT;
	else
		r = rules_edit_exec(&e, "BEGIN", why);
	buf_puts(out, "# Holdfast rules. `holdfast rule import' reads this file.\n");
	for (size_t i = 0; r == EDIT_OK && i < NTABLES; i++)
		r = export_table(&e, &tables[i], out, why);
	(void)sqlite3_close(e.db);
	return r;
}

/* --- in: a line's words --------------------------------------------------------------------- */

struct words {
	char	*v[COLUMNS_MAX + WORDS_MAX + 1];
	size_t	 n;
};

static void
words_clear(struct words *w)
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

/* NULL, or what is wrong. */
static const char *
split(const char *line, struct words *w)
{
	struct buf b = BUF_INIT;

	for (const char *p = line + strspn(line, " \t"); *p != '\0' && *p != '#';
	    p += strspn(p, " \t")) {
		bool any = false;

		while (*p != '\0' && *p != ' ' && *p != '\t') {
			any = true;
			if (*p == '"') {
				if ((p = quoted(p + 1, &b)) == NULL) {
					buf_free(&b);
					return "a quote is not closed";
				}
			} else
				buf_putc(&b, *p++);
		}
		if (!any)
			break;
		if (w->n == sizeof(w->v) / sizeof(w->v[0])) {
			buf_free(&b);
			return "too many words";
		}
		w->v[w->n++] = b.len > 0 ? buf_take(&b) : xstrdup("");
	}
	buf_free(&b);
	return NULL;
}

/* --- in: rows --------------------------------------------------------------------------------- */

/* The keys that the file has, each in the form of key_text(), to find what it does not have. */
struct keys {
	char	**v;
	size_t	 n;
};

struct reader {
	struct rules_edit	*e;
	struct rules_file_import *im;
	struct columns		 columns[NTABLES];
	struct keys		 keys[NTABLES];
	unsigned		 line;
};

/* "name:line: reason"; takes the reason. */
static enum rules_edit_result
bad(const struct reader *r, char *reason, char **why)
{
	*why = xasprintf("%s:%u: %s", r->im->name, r->line, reason);
	free(reason);
	return EDIT_BAD;
}

static void
keys_add(struct keys *k, struct buf *text_of_key)
{
	k->v = xrealloc(k->v, k->n + 1, sizeof(*k->v));
	k->v[k->n++] = buf_take(text_of_key);
}

/* column=value, and its place; -1: the table has none of that name. */
static int
assignment(const struct columns *c, const char *word, const char **value)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < c->n; i++)
		if (word[len] == '=' && strlen(c->v[i].name) == len &&
		    strncmp(c->v[i].name, word, len) == 0) {
			*value = word + len + 1;
			return (int)i;
		}
	return -1;
}

/* Fills value[] (lent from w) from the words of a line; NULL where nothing was said. */
static enum rules_edit_result
assign(const struct reader *r, const struct file_table *t, const struct columns *c,
    const struct words *w, const char **value, char **why)
{
	size_t n = nwords(t);

	if (w->n < n + 1)
		return bad(r, xasprintf("%s: %s is needed", t->name, t->words[w->n - 1]), why);
	for (size_t i = 0; i < n; i++)
		value[column_place(c, t->words[i])] = w->v[i + 1];
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
canonical(const struct reader *r, const struct file_table *t, const struct columns *c,
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

static void
put_upsert(struct buf *sql, const char *table, const struct columns *c)
{
	const char *comma = "";

	buf_printf(sql, "INSERT INTO \"%s\" (", table);
	for (size_t i = 0; i < c->n; i++)
		buf_printf(sql, "%s\"%s\"", i == 0 ? "" : ", ", c->v[i].name);
	buf_puts(sql, ") VALUES (");
	for (size_t i = 0; i < c->n; i++)
		buf_printf(sql, "%s?%zu", i == 0 ? "" : ", ", i + 1);
	buf_puts(sql, ") ON CONFLICT (");
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].key) {
			buf_printf(sql, "%s\"%s\"", comma, c->v[i].name);
			comma = ", ";
		}
	buf_puts(sql, ") DO UPDATE SET ");
	comma = "";
	for (size_t i = 0; i < c->n; i++)
		if (!c->v[i].key) {
			buf_printf(sql, "%s\"%s\" = ?%zu", comma, c->v[i].name, i + 1);
			comma = ", ";
		}
}

static enum rules_edit_result
put(const struct reader *r, const struct file_table *t, const struct columns *c, char *const *value,
    char **why)
{
	struct buf sql = BUF_INIT;
	sqlite3_stmt *st = NULL;
	enum rules_edit_result rc;
	char *reason = NULL;

	put_upsert(&sql, t->name, c);
	rc = rules_edit_prepare(r->e, buf_str(&sql), &st, &reason);
	buf_free(&sql);
	if (rc == EDIT_OK) {
		for (size_t i = 0; i < c->n; i++)
			(void)sqlite3_bind_text(st, (int)i + 1, value[i], -1, SQLITE_STATIC);
		rc = rules_edit_step(r->e, st, &reason);
	}
	(void)sqlite3_finalize(st);
	if (rc == EDIT_BAD)
		return bad(r, reason, why);
	if (rc != EDIT_OK)
		*why = reason;
	return rc;
}

static enum rules_edit_result
read_row(struct reader *r, const struct words *w, char **why)
{
	const char *given[COLUMNS_MAX] = { NULL };
	char *value[COLUMNS_MAX] = { NULL };
	const struct file_table *t = NULL;
	struct buf key = BUF_INIT;
	struct columns *c;
	enum rules_edit_result rc;
	size_t i;

	for (i = 0; i < NTABLES && t == NULL; i++)
		if (strcmp(tables[i].name, w->v[0]) == 0)
			t = &tables[i];
	if (t == NULL)
		return bad(r, xasprintf("there is no kind `%s'", w->v[0]), why);
	c = &r->columns[t - tables];
	if ((rc = assign(r, t, c, w, given, why)) == EDIT_OK &&
	    (rc = canonical(r, t, c, given, value, why)) == EDIT_OK &&
	    (rc = put(r, t, c, value, why)) == EDIT_OK) {
		for (i = 0; i < c->n; i++)
			if (c->v[i].key)
				buf_printf(&key, "%s\n", value[i]);
		keys_add(&r->keys[t - tables], &key);
	}
	for (i = 0; i < COLUMNS_MAX; i++)
		free(value[i]);
	buf_free(&key);
	return rc;
}

static enum rules_edit_result
read_line(struct reader *r, const char *line, char **why)
{
	struct words w = { .n = 0 };
	const char *wrong = split(line, &w);
	enum rules_edit_result rc = EDIT_OK;

	if (wrong != NULL)
		rc = bad(r, xstrdup(wrong), why);
	else if (w.n > 0)
		rc = read_row(r, &w, why);
	words_clear(&w);
	return rc;
}

static enum rules_edit_result
read_lines(struct reader *r, const char *p, size_t len, char **why)
{
	enum rules_edit_result rc = EDIT_OK;

	while (rc == EDIT_OK && len > 0) {
		const char *end = memchr(p, '\n', len);
		size_t n = end != NULL ? (size_t)(end - p) : len;
		char *line;

		r->line++;
		if (n > RULES_FILE_LINE_MAX || memchr(p, '\0', n) != NULL)
			return bad(r, xstrdup(n > RULES_FILE_LINE_MAX ? "the line is too long" :
			    "a NUL byte"), why);
		line = xstrndup(p, n > 0 && p[n - 1] == '\r' ? n - 1 : n);
		rc = read_line(r, line, why);
		free(line);
		n += end != NULL;
		p += n;
		len -= n;
	}
	return rc;
}

/* --- in: what the file does not have ------------------------------------------------------------ */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of rows that are there and not in the file, as rowids. */
static enum rules_edit_result
find_missing(struct rules_edit *e, const char *table, const struct columns *c, const struct keys *keys,
    struct buf *rowids, size_t *n, char **why)
{
	struct buf sql = BUF_INIT, key = BUF_INIT;
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r;
	const char *p;

	buf_puts(&sql, "SELECT rowid");
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].key)
			buf_printf(&sql, ", \"%s\"", c->v[i].name);
	buf_printf(&sql, " FROM \"%s\"", table);
	if ((r = rules_edit_prepare(e, buf_str(&sql), &st, why)) == EDIT_OK)
		while (sqlite3_step(st) == SQLITE_ROW) {
			buf_clear(&key);
			for (int i = 1; i < sqlite3_column_count(st); i++)
				buf_printf(&key, "%s\n", text(st, i));
			p = buf_str(&key);
			if (keys->n > 0 && bsearch(&p, keys->v, keys->n, sizeof(*keys->v), by_text) != NULL)
				continue;
			buf_printf(rowids, "%s%lld", rowids->len > 0 ? "," : "",
			    (long long)sqlite3_column_int64(st, 0));
			++*n;
		}
	(void)sqlite3_finalize(st);
	buf_free(&sql);
	buf_free(&key);
	return r;
}

static enum rules_edit_result
remove_missing(struct reader *r, size_t i, char **why)
{
	const struct file_table *t = &tables[i];
	struct keys *k = &r->keys[i];
	struct buf rowids = BUF_INIT;
	enum rules_edit_result rc;
	size_t n = 0;
	char *sql;

	if (k->n > 1)
		qsort(k->v, k->n, sizeof(*k->v), by_text);
	rc = find_missing(r->e, t->name, &r->columns[i], k, &rowids, &n, why);
	if (rc == EDIT_OK && n > 0 && strcmp(t->name, "domain") == 0 && !r->im->force) {
		*why = xasprintf("%s: %zu domain%s would go, and %s recipients with %s; say --force if that "
		    "is meant, or --merge to keep what the file does not have", r->im->name, n,
		    n == 1 ? "" : "s", n == 1 ? "its" : "their", n == 1 ? "it" : "them");
		rc = EDIT_SHRINK;
	}
	if (rc == EDIT_OK && n > 0) {
		sql = xasprintf("DELETE FROM \"%s\" WHERE rowid IN (%s)", t->name, buf_str(&rowids));
		rc = rules_edit_exec(r->e, sql, why);
		free(sql);
	}
	buf_free(&rowids);
	return rc;
}

/* --- in ------------------------------------------------------------------------------------------ */

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

static enum rules_edit_result
import(struct reader *r, const char *data, size_t len, char **why)
{
	enum rules_edit_result rc = EDIT_OK;

	for (size_t i = 0; rc == EDIT_OK && i < NTABLES; i++)
		rc = columns_of(r->e, tables[i].name, &r->columns[i], why);
	if (rc == EDIT_OK)
		rc = read_lines(r, data, len, why);
	for (size_t i = NTABLES; rc == EDIT_OK && !r->im->merge && i-- > 0; )
		rc = remove_missing(r, i, why);
	if (rc == EDIT_OK && (rc = rules_edit_read_frame(r->e, why)) == EDIT_BAD) {
		char *reason = *why;

		*why = xasprintf("%s: %s", r->im->name, reason);
		free(reason);
	}
	if (rc == EDIT_OK)
		rc = rules_history_mine(r->e, count, r->im, why);
	return rc;
}

enum rules_edit_result
rules_file_import(struct rules_edit *e, const char *data, size_t len, struct rules_file_import *im,
    char **why)
{
	struct reader r = { .e = e, .im = im };
	enum rules_edit_result rc = rules_edit_begin(e, why), end;

	im->added = im->removed = im->altered = 0;
	if (rc != EDIT_OK)
		return rc;
	rc = import(&r, data, len, why);
	/* To take it back is what finishing a failure does. */
	end = rules_edit_finish(e, rc == EDIT_OK && im->dry ? EDIT_MISSING : rc, why);
	for (size_t i = 0; i < NTABLES; i++) {
		columns_clear(&r.columns[i]);
		for (size_t j = 0; j < r.keys[i].n; j++)
			free(r.keys[i].v[j]);
		free(r.keys[i].v);
	}
	return im->dry ? rc : end;
}
