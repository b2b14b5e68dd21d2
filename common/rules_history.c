/*
 * rules_history.c -- who changed which rule, when, from what to what; and back again.
 *
 * Triggers write the history, so that a row that somebody changed with sqlite3 is in it like one
 * that was changed by the command. They are made from the tables' own columns and thus cannot
 * forget one. Recipients have no triggers: a list of a million would be a million rows; the import
 * says in one row what it did.
 *
 * To undo is to write the rows as they were, as a change of its own that can be undone, too.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_history.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/rules_edit_db.h"
#include "common/rules_row.h"

/* In an order in which rows may be put back: what others refer to comes first. */
static const char *const tables[] = { "schedule", "domain", "alias_domain", "pattern", "setting", "list",
	"limits", "dnsbl", "header", "mx_network", "mx_domain", "turn_network" };
#define NTABLES	(sizeof(tables) / sizeof(tables[0]))

/* Not a rule but a fact about the list. */
#define IGNORED	"list_time"

const char *
rules_history_table(const char *name)
{
	for (size_t i = 0; i < NTABLES; i++)
		if (strcmp(tables[i], name) == 0)
			return tables[i];
	return NULL;
}

/* --- imports --------------------------------------------------------------------------- */

enum rules_edit_result
rules_history_import(struct rules_edit *e, const char *domain, size_t before, size_t after, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e,
	    "INSERT INTO history (time, who, batch, tbl, before, after)"
	    " SELECT CAST(strftime('%s', 'now') AS INTEGER), who, batch, 'recipient',"
	    " json_object('domain', ?1, 'recipients', ?2), json_object('domain', ?1, 'recipients', ?3)"
	    " FROM editor", &st, why);

	if (r == EDIT_OK) {
		(void)sqlite3_bind_text(st, 1, domain, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(st, 2, (sqlite3_int64)before);
		(void)sqlite3_bind_int64(st, 3, (sqlite3_int64)after);
		r = rules_edit_step(e, st, why);
	}
	(void)sqlite3_finalize(st);
	return r;
}

/* --- triggers -------------------------------------------------------------------------- */

/* "json_object('zone', new.zone, …)", and for an update what must differ. */
static enum rules_edit_result
column_texts(struct rules_edit *e, const char *table, struct buf *before, struct buf *after,
    struct buf *differs, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r;
	int rc = SQLITE_DONE;

	r = rules_edit_prepare(e, "SELECT name FROM pragma_table_info(?1) ORDER BY cid", &st, why);
	if (r != EDIT_OK)
		return r;
	(void)sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *c = (const char *)sqlite3_column_text(st, 0);

		if (strcmp(c, IGNORED) == 0)
			continue;
		buf_printf(before, "%s'%s', old.\"%s\"", before->len > 0 ? ", " : "", c, c);
		buf_printf(after, "%s'%s', new.\"%s\"", after->len > 0 ? ", " : "", c, c);
		buf_printf(differs, "%sold.\"%s\" IS NOT new.\"%s\"", differs->len > 0 ? " OR " : "", c,
		    c);
	}
	if (rc != SQLITE_DONE)
		r = rules_edit_failed(e, why);
	(void)sqlite3_finalize(st);
	return r;
}

static enum rules_edit_result
watch(struct rules_edit *e, const char *table, const char *event, const char *when,
    const char *before, const char *after, char **why)
{
	static const char quote_open[] = "json_object(", quote_close[] = ")", null[] = "NULL";
	bool b = before[0] != '\0', a = after[0] != '\0';
	char *sql = xasprintf("CREATE TRIGGER history_%s_%s AFTER %s ON \"%s\"%s%s BEGIN"
	    " INSERT INTO history (time, who, batch, tbl, before, after)"
	    " SELECT CAST(strftime('%%s', 'now') AS INTEGER), who, batch, '%s', %s%s%s, %s%s%s"
	    " FROM editor; END", table, event, event, table, when[0] != '\0' ? " WHEN " : "", when,
	    table, b ? quote_open : null, before, b ? quote_close : "", a ? quote_open : null, after,
	    a ? quote_close : "");
	enum rules_edit_result r = rules_edit_exec(e, sql, why);

	free(sql);
	return r;
}

enum rules_edit_result
rules_history_watch(struct rules_edit *e, char **why)
{
	enum rules_edit_result r = EDIT_OK;

	for (size_t i = 0; r == EDIT_OK && i < NTABLES; i++) {
		struct buf before = BUF_INIT, after = BUF_INIT, differs = BUF_INIT;

		r = column_texts(e, tables[i], &before, &after, &differs, why);
		if (r == EDIT_OK)
			r = watch(e, tables[i], "insert", "", "", buf_str(&after), why);
		if (r == EDIT_OK)
			r = watch(e, tables[i], "delete", "", buf_str(&before), "", why);
		if (r == EDIT_OK)
			r = watch(e, tables[i], "update", buf_str(&differs), buf_str(&before),
			    buf_str(&after), why);
		buf_free(&before);
		buf_free(&after);
		buf_free(&differs);
	}
	return r;
}

/* --- reading --------------------------------------------------------------------------- */

#define SELECT	"SELECT id, time, coalesce(batch, 0), who, tbl, before, after FROM history"

static const char *
text(sqlite3_stmt *st, int column)
{
	const char *s = (const char *)sqlite3_column_text(st, column);

	return s != NULL ? s : "";
}

static void
tell(sqlite3_stmt *st, rules_change_fn *fn, void *arg)
{
	struct rules_change c = {
		.id = sqlite3_column_int64(st, 0), .time = sqlite3_column_int64(st, 1),
		.batch = sqlite3_column_int64(st, 2), .who = text(st, 3), .table = text(st, 4),
		.before = json_loads(text(st, 5), 0, NULL), .after = json_loads(text(st, 6), 0, NULL),
	};

	fn(arg, &c);
	json_decref(c.before);
	json_decref(c.after);
}

static enum rules_edit_result
each(struct rules_edit *e, const char *sql, int64_t number, rules_change_fn *fn, void *arg, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e, sql, &st, why);
	int rc = SQLITE_DONE;

	if (r == EDIT_OK) {
		(void)sqlite3_bind_int64(st, 1, number);
		while ((rc = sqlite3_step(st)) == SQLITE_ROW)
			tell(st, fn, arg);
		if (rc != SQLITE_DONE)
			r = rules_edit_failed(e, why);
	}
	(void)sqlite3_finalize(st);
	return r;
}

enum rules_edit_result
rules_history_each(const char *path, size_t max, rules_change_fn *fn, void *arg, char **why)
{
	struct rules_edit e;
	enum rules_edit_result r = rules_edit_open_read(path, &e, why);

	if (r == EDIT_OK) {
		r = each(&e, SELECT " ORDER BY id DESC LIMIT ?1", (int64_t)max, fn, arg, why);
		rules_edit_close_read(&e);
	}
	return r;
}

enum rules_edit_result
rules_history_mine(struct rules_edit *e, rules_change_fn *fn, void *arg, char **why)
{
	return each(e, SELECT " WHERE ?1 = 0 AND batch = (SELECT batch FROM editor) ORDER BY id", 0, fn,
	    arg, why);
}

/* --- names of rows ------------------------------------------------------------------------- */

/* The columns that tell a row from others; NULL ends. */
static void
key_columns(const char *table, const char *key[RULES_COLUMNS_MAX])
{
	const struct rules_kind *k = rules_kind_find(table);
	size_t n = 0;

	for (; k != NULL && n < k->nkeys; n++)
		key[n] = k->column[n].name;
	if (k == NULL)
		key[n++] = strcmp(table, "recipient") == 0 ? "domain" : "name";
	if (strcmp(table, "setting") == 0)
		key[n++] = "scope";
	key[n] = NULL;
}

static bool
is_key(const char *const *key, const char *column)
{
	while (*key != NULL && strcmp(*key, column) != 0)
		key++;
	return *key != NULL;
}

void
rules_history_row(struct buf *b, const char *table, json_t *row)
{
	const char *key[RULES_COLUMNS_MAX];

	key_columns(table, key);
	buf_puts(b, table);
	for (size_t i = 0; key[i] != NULL; i++) {
		json_t *v = json_object_get(row, key[i]);

		if (json_is_string(v) && json_string_length(v) > 0)
			buf_printf(b, " %s%s", strcmp(key[i], "scope") == 0 ? "for " : "",
			    json_string_value(v));
	}
}

/* --- undoing ----------------------------------------------------------------------------- */

/* One row that is to be written back. */
struct step {
	struct rules_edit	*e;
	const char		*table;		/* NULL: none that the code knows */
	json_t			*before, *after;
	int64_t			 id;
};
struct steps {
	struct rules_edit	*e;
	struct step		*v;
	size_t			 n;
	bool			 summary;	/* one is an import of recipients */
};

static void
take(void *arg, const struct rules_change *c)
{
	struct steps *s = arg;

	s->v = rules_grow(s->v, s->n, sizeof(*s->v));
	s->v[s->n++] = (struct step){ s->e, rules_history_table(c->table), json_incref(c->before),
	    json_incref(c->after), c->id };
	s->summary |= strcmp(c->table, "recipient") == 0;
}

/* Binds the object's values in its order, from `from' on. */
static int
bind_all(sqlite3_stmt *st, int from, json_t *row)
{
	const char *name;
	json_t *value;

	json_object_foreach(row, name, value) {
		if (json_is_integer(value))
			(void)sqlite3_bind_int64(st, from, json_integer_value(value));
		else if (json_is_string(value))
			(void)sqlite3_bind_text(st, from, json_string_value(value), -1, SQLITE_STATIC);
		else
			(void)sqlite3_bind_null(st, from);
		from++;
	}
	return from;
}

/* "zone" IS ?1 AND …: the row as it is. The names come from history: fits() has compared them with the
 * table's. */
static void
put_where(struct buf *sql, json_t *row, int from)
{
	const char *name, *glue = " WHERE";
	json_t *value;

	json_object_foreach(row, name, value) {
		buf_printf(sql, "%s \"%s\" IS ?%d", glue, name, from++);
		glue = " AND";
	}
	(void)value;
}

/* Has the table a column for each name in the row? */
static bool
fits(const struct step *s, json_t *row)
{
	const char *name;
	json_t *value;

	json_object_foreach(row, name, value) {
		sqlite3_stmt *st = NULL;
		bool there = sqlite3_prepare_v2(s->e->db,
		    "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2", -1, &st, NULL) == SQLITE_OK &&
		    sqlite3_bind_text(st, 1, s->table, -1, SQLITE_STATIC) == SQLITE_OK &&
		    sqlite3_bind_text(st, 2, name, -1, SQLITE_STATIC) == SQLITE_OK &&
		    sqlite3_step(st) == SQLITE_ROW;

		(void)sqlite3_finalize(st);
		if (!there)
			return false;
	}
	return json_object_size(row) > 0;
}

static void
put_statement(struct buf *sql, const struct step *s)
{
	const char *name;
	json_t *value;
	int n = 1;

	if (s->before == NULL) {
		buf_printf(sql, "DELETE FROM \"%s\"", s->table);
		put_where(sql, s->after, 1);
		return;
	}
	if (s->after == NULL) {
		buf_printf(sql, "INSERT INTO \"%s\" (", s->table);
		json_object_foreach(s->before, name, value)
			buf_printf(sql, "%s\"%s\"", n++ == 1 ? "" : ", ", name);
		buf_puts(sql, ") VALUES (");
		for (int i = 1; i < n; i++)
			buf_printf(sql, "%s?%d", i == 1 ? "" : ", ", i);
		buf_puts(sql, ") ON CONFLICT DO NOTHING");
		return;
	}
	buf_printf(sql, "UPDATE \"%s\" SET ", s->table);
	json_object_foreach(s->before, name, value) {
		buf_printf(sql, "%s\"%s\" = ?%d", n == 1 ? "" : ", ", name, n);
		n++;
	}
	(void)value;
	put_where(sql, s->after, n);
}

static enum rules_edit_result
changed_since(const struct step *s, char **why)
{
	struct buf b = BUF_INIT;

	rules_history_row(&b, s->table, s->after != NULL ? s->after : s->before);
	*why = xasprintf("%s was changed again since change %lld", buf_str(&b), (long long)s->id);
	buf_free(&b);
	return EDIT_IN_USE;
}

static enum rules_edit_result
put_back(const struct step *s, char **why)
{
	struct buf sql = BUF_INIT;
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r;
	int next = 1;

	if (s->table == NULL || (s->before == NULL && s->after == NULL) ||
	    (s->before != NULL && !fits(s, s->before)) || (s->after != NULL && !fits(s, s->after))) {
		*why = xasprintf("change %lld is not in a form that can be undone", (long long)s->id);
		return EDIT_BAD;
	}
	put_statement(&sql, s);
	if ((r = rules_edit_prepare(s->e, buf_str(&sql), &st, why)) == EDIT_OK) {
		if (s->before != NULL)
			next = bind_all(st, next, s->before);
		if (s->after != NULL)
			(void)bind_all(st, next, s->after);
		r = rules_edit_step(s->e, st, why);
	}
	(void)sqlite3_finalize(st);
	buf_free(&sql);
	if (r == EDIT_OK && sqlite3_changes(s->e->db) == 0)
		r = changed_since(s, why);
	return r;
}

static enum rules_edit_result
find_last(struct rules_edit *e, int64_t *id, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e, "SELECT id FROM history WHERE id = ?1 OR ?1 = 0"
	    " ORDER BY id DESC LIMIT 1", &st, why);
	int64_t found = 0;

	if (r == EDIT_OK) {
		(void)sqlite3_bind_int64(st, 1, *id);
		if (sqlite3_step(st) == SQLITE_ROW)
			found = sqlite3_column_int64(st, 0);
	}
	(void)sqlite3_finalize(st);
	if (r == EDIT_OK && found == 0) {
		*why = *id == 0 ? xstrdup("nothing was changed yet") :
		    xasprintf("there is no change %lld", (long long)*id);
		return EDIT_MISSING;
	}
	*id = found;
	return r;
}

static enum rules_edit_result
undo(struct steps *s, int64_t *id, char **why)
{
	enum rules_edit_result r;

	if ((r = find_last(s->e, id, why)) != EDIT_OK)
		return r;
	r = each(s->e, SELECT " WHERE id = ?1 OR batch = (SELECT batch FROM history WHERE id = ?1)"
	    " ORDER BY id DESC", *id, take, s, why);
	if (r == EDIT_OK && s->summary) {
		*why = xasprintf("change %lld brought a list of recipients; import the one before it",
		    (long long)*id);
		return EDIT_BAD;
	}
	for (size_t i = 0; r == EDIT_OK && i < s->n; i++)
		r = put_back(&s->v[i], why);
	return r;
}

enum rules_edit_result
rules_history_undo(struct rules_edit *e, int64_t *id, size_t *n, char **why)
{
	struct steps s = { .e = e };
	enum rules_edit_result r = rules_edit_begin(e, why);

	if (r != EDIT_OK)
		return r;
	r = rules_edit_finish_judged(e, undo(&s, id, why), why);
	*n = s.n;
	for (size_t i = 0; i < s.n; i++) {
		json_decref(s.v[i].before);
		json_decref(s.v[i].after);
	}
	free(s.v);
	return r;
}

/* --- in words ------------------------------------------------------------------------------ */

static void
put_value(struct buf *b, json_t *value)
{
	if (json_is_integer(value))
		buf_printf(b, "%lld", (long long)json_integer_value(value));
	else
		buf_printf(b, "`%s'", json_is_string(value) ? json_string_value(value) : "");
}

/* What differs, or of a row that came or went all that is said. */
static void
put_columns(struct buf *b, const struct rules_change *c)
{
	const char *key[RULES_COLUMNS_MAX];
	json_t *row = c->after != NULL ? c->after : c->before, *value, *old;
	const char *name, *comma = ": ";

	key_columns(c->table, key);
	json_object_foreach(row, name, value) {
		old = c->before != NULL && c->after != NULL ? json_object_get(c->before, name) : NULL;
		if (old != NULL ? json_equal(old, value) : is_key(key, name) ||
		    (json_is_string(value) && json_string_length(value) == 0))
			continue;
		buf_printf(b, "%s%s ", comma, name);
		if (old != NULL) {
			put_value(b, old);
			buf_puts(b, " to ");
		}
		put_value(b, value);
		comma = ", ";
	}
}

char *
rules_change_text(const struct rules_change *c)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, c->before == NULL ? "added " : c->after == NULL ? "removed " : "changed ");
	/* What it was called, if that is what changed. */
	rules_history_row(&b, c->table, c->before != NULL ? c->before : c->after);
	put_columns(&b, c);
	return buf_take(&b);
}
