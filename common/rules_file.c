/*
 * rules_file.c -- the rules as text. How they are read back is rules_file_import.c's.
 *
 * Columns, keys and defaults are read from the database itself, so what rules.sql gains is
 * exported without a change here.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_file.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/rules_edit_db.h"
#include "common/rules_file_table.h"

const struct rules_file_table rules_file_tables[RULES_FILE_NTABLES] = {
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

void
rules_file_columns_clear(struct rules_file_columns *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].name);
		free(c->v[i].initial);
	}
	c->n = 0;
}

enum rules_edit_result
rules_file_columns(struct rules_edit *e, const char *table, struct rules_file_columns *c, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r;
	int rc = SQLITE_DONE;

	c->n = 0;
	r = rules_edit_prepare(e, "SELECT name, dflt_value, pk FROM pragma_table_info(?1)"
	    " WHERE name <> 'list_time' ORDER BY cid", &st, why);
	if (r != EDIT_OK)
		return r;
	(void)sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
	while (c->n < RULES_FILE_COLUMNS && (rc = sqlite3_step(st)) == SQLITE_ROW)
		c->v[c->n++] = (struct rules_file_column){
		    xstrdup((const char *)sqlite3_column_text(st, 0)),
		    unquote((const char *)sqlite3_column_text(st, 1)), sqlite3_column_int(st, 2) > 0 };
	if (rc != SQLITE_DONE)
		r = rules_edit_failed(e, why);
	(void)sqlite3_finalize(st);
	return r;
}

int
rules_file_column(const struct rules_file_columns *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->v[i].name, name) == 0)
			return (int)i;
	return -1;
}

size_t
rules_file_nwords(const struct rules_file_table *t)
{
	size_t n = 0;

	while (n < RULES_FILE_WORDS && t->words[n] != NULL)
		n++;
	return n;
}

static bool
is_word(const struct rules_file_table *t, const char *column)
{
	for (size_t i = 0; i < rules_file_nwords(t); i++)
		if (strcmp(t->words[i], column) == 0)
			return true;
	return false;
}

/* --- out ----------------------------------------------------------------------------------- */

static const char *
text(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);

	return s != NULL ? s : "";
}

static void
put_row(struct buf *out, const struct rules_file_table *t, const struct rules_file_columns *c,
    sqlite3_stmt *st)
{
	buf_puts(out, t->name);
	for (size_t i = 0; i < rules_file_nwords(t); i++) {
		buf_putc(out, ' ');
		rules_file_put_word(out, text(st, rules_file_column(c, t->words[i])));
	}
	for (size_t i = 0; i < c->n; i++) {
		const char *value = text(st, (int)i);

		if (is_word(t, c->v[i].name) ||
		    (c->v[i].initial != NULL && strcmp(c->v[i].initial, value) == 0))
			continue;
		buf_printf(out, " %s=", c->v[i].name);
		rules_file_put_word(out, value);
	}
	buf_putc(out, '\n');
}

/* SELECT "name", … FROM "domain" ORDER BY its key */
static enum rules_edit_result
select_all(struct rules_edit *e, const char *table, const struct rules_file_columns *c,
    sqlite3_stmt **st, char **why)
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
export_table(struct rules_edit *e, const struct rules_file_table *t, struct buf *out, char **why)
{
	struct rules_file_columns c = { .n = 0 };
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_file_columns(e, t->name, &c, why);
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
	rules_file_columns_clear(&c);
	return r;
}

enum rules_edit_result
rules_file_put(struct rules_edit *e, struct buf *out, char **why)
{
	enum rules_edit_result r = rules_edit_exec(e, "BEGIN", why);

	if (r != EDIT_OK)
		return r;
	buf_puts(out, "# Holdfast rules. `holdfast rule import' reads this file.\n");
	for (size_t i = 0; r == EDIT_OK && i < RULES_FILE_NTABLES; i++)
		r = export_table(e, &rules_file_tables[i], out, why);
	(void)sqlite3_exec(e->db, "ROLLBACK", NULL, NULL, NULL);	/* nothing was written */
	return r;
}

enum rules_edit_result
rules_file_export(const char *path, struct buf *out, char **why)
{
	struct rules_edit e;
	enum rules_edit_result r = rules_edit_open_read(path, &e, why);

	if (r == EDIT_OK) {
		r = rules_file_put(&e, out, why);
		rules_edit_close_read(&e);
	}
	return r;
}
