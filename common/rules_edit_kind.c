/*
 * rules_edit_kind.c -- rows of any kind: put and removed, each one transaction.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/rules_edit_db.h"
#include "common/rules_kind.h"
#include "common/utf8.h"

/* WHERE "zone" = ?1 AND … */
static void
put_where(struct buf *sql, const struct rules_kind *k)
{
	for (size_t i = 0; i < k->nkeys; i++)
		buf_printf(sql, "%s\"%s\" = ?%zu", i == 0 ? " WHERE " : " AND ", k->column[i].name, i + 1);
}

static enum rules_edit_result
missing(const struct rules_kind *k, size_t column, char **why)
{
	*why = xasprintf("%s: %s is needed: %s", k->name, k->column[column].name, k->column[column].help);
	return EDIT_BAD;
}

/* The row under the key in value; what it has where value has NULL. *there: was there one? */
static enum rules_edit_result
complete(struct rules_edit *e, const struct rules_kind *k, char **value, bool *there, char **why)
{
	size_t n = rules_kind_ncolumns(k);
	struct buf sql = BUF_INIT;
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r;
	int rc;

	for (size_t i = 0; i < n; i++)
		buf_printf(&sql, "%s\"%s\"", i == 0 ? "SELECT " : ", ", k->column[i].name);
	buf_printf(&sql, " FROM \"%s\"", k->name);
	put_where(&sql, k);
	r = rules_edit_prepare(e, buf_str(&sql), &st, why);
	buf_free(&sql);
	if (r != EDIT_OK)
		return r;
	for (size_t i = 0; i < k->nkeys; i++)
		(void)sqlite3_bind_text(st, (int)i + 1, value[i], -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	*there = rc == SQLITE_ROW;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		r = rules_edit_failed(e, why);
	for (size_t i = k->nkeys; r == EDIT_OK && i < n; i++) {
		if (value[i] != NULL)
			continue;
		if (*there)
			value[i] = xstrdup((const char *)sqlite3_column_text(st, (int)i));
		if (value[i] == NULL && k->column[i].initial != NULL)
			value[i] = xstrdup(k->column[i].initial);
		if (value[i] == NULL)
			r = missing(k, i, why);
	}
	(void)sqlite3_finalize(st);
	return r;
}

enum rules_edit_result
rules_edit_kind_write(struct rules_edit *e, const struct rules_kind *k, char *const *value, char **why)
{
	struct rules_edit_column column[RULES_COLUMNS_MAX];
	size_t n = rules_kind_ncolumns(k);

	for (size_t i = 0; i < n; i++)
		column[i] = (struct rules_edit_column){ k->column[i].name, i < k->nkeys };
	return rules_edit_upsert(e, k->name, column, n, value, why);
}

enum rules_edit_result
rules_kind_each(const char *path, const struct rules_kind *k, rules_kind_fn *fn, void *arg, char **why)
{
	const char *value[RULES_COLUMNS_MAX];
	struct rules_edit e;
	struct buf sql = BUF_INIT;
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_open_read(path, &e, why);
	size_t n = rules_kind_ncolumns(k);
	int rc = SQLITE_DONE;

	if (r != EDIT_OK)
		return r;
	for (size_t i = 0; i < n; i++)
		buf_printf(&sql, "%s\"%s\"", i == 0 ? "SELECT " : ", ", k->column[i].name);
	buf_printf(&sql, " FROM \"%s\" ORDER BY 1", k->name);
	for (size_t i = 1; i < k->nkeys; i++)
		buf_printf(&sql, ", %zu", i + 1);
	r = rules_edit_prepare(&e, buf_str(&sql), &st, why);
	while (r == EDIT_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		for (size_t i = 0; i < n; i++) {
			value[i] = (const char *)sqlite3_column_text(st, (int)i);
			if (value[i] == NULL)
				value[i] = "";
		}
		fn(arg, k, value);
	}
	if (r == EDIT_OK && rc != SQLITE_DONE)
		r = rules_edit_failed(&e, why);
	(void)sqlite3_finalize(st);
	rules_edit_close_read(&e);
	buf_free(&sql);
	return r;
}

static void
free_values(const struct rules_kind *k, char **value)
{
	for (size_t i = 0; i < rules_kind_ncolumns(k); i++)
		free(value[i]);
}

/* Puts the kind's name before a reason. */
static enum rules_edit_result
bad(const struct rules_kind *k, char *reason, char **why)
{
	*why = xasprintf("%s: %s", k->name, reason);
	free(reason);
	return EDIT_BAD;
}

/* History and JSON have no other text. */
static enum rules_edit_result
check_text(const struct rules_kind *k, const char *const *given, char **why)
{
	for (size_t i = 0; i < rules_kind_ncolumns(k); i++)
		if (given[i] != NULL && !utf8_valid(given[i], strlen(given[i]))) {
			*why = xasprintf("%s: %s: not valid UTF-8", k->name, k->column[i].name);
			return EDIT_BAD;
		}
	return EDIT_OK;
}

enum rules_edit_result
rules_edit_kind_canon(const struct rules_kind *k, const char *const *given, char **value, char **why)
{
	size_t n = rules_kind_ncolumns(k);
	char *reason = NULL;

	if (check_text(k, given, why) != EDIT_OK)
		return EDIT_BAD;
	for (size_t i = 0; i < n; i++)
		value[i] = xstrdup(given[i] != NULL ? given[i] : k->column[i].initial);
	for (size_t i = 0; i < n; i++)
		if (value[i] == NULL)
			return missing(k, i, why);
	return k->canon(value, &reason) == 0 ? EDIT_OK : bad(k, reason, why);
}

/* The key as it is kept, of values of which the others may be missing. */
static void
canonical_key(const struct rules_kind *k, const char *const *given, char **value)
{
	size_t n = rules_kind_ncolumns(k);
	char *why = NULL;

	for (size_t i = 0; i < n; i++)
		value[i] = xstrdup(given[i] != NULL ? given[i] :
		    k->column[i].initial != NULL ? k->column[i].initial : "");
	/* What canon() says of the others does not matter; the key it has dealt with before them. */
	if (k->canon(value, &why) == -1)
		free(why);
	for (size_t i = k->nkeys; i < n; i++) {
		free(value[i]);
		value[i] = xstrdup(given[i]);
	}
}

enum rules_edit_result
rules_edit_kind_put(struct rules_edit *e, const struct rules_kind *k, const char *const *given,
    bool *added, char **why)
{
	char *value[RULES_COLUMNS_MAX] = { NULL }, *reason = NULL;
	enum rules_edit_result r = rules_edit_begin(e, why);
	bool there = false;

	if (r != EDIT_OK)
		return r;
	canonical_key(k, given, value);
	if ((r = check_text(k, given, why)) == EDIT_OK &&
	    (r = complete(e, k, value, &there, why)) == EDIT_OK && k->canon(value, &reason) == -1)
		r = bad(k, reason, why);
	if (r == EDIT_OK)
		r = rules_edit_kind_write(e, k, value, why);
	*added = !there;
	free_values(k, value);
	return rules_edit_finish_judged(e, r, why);
}

static enum rules_edit_result
delete(struct rules_edit *e, const struct rules_kind *k, const char *const *key, size_t *gone,
    char **why)
{
	struct buf sql = BUF_INIT;
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r;

	buf_printf(&sql, "DELETE FROM \"%s\"", k->name);
	put_where(&sql, k);
	r = rules_edit_prepare(e, buf_str(&sql), &st, why);
	buf_free(&sql);
	*gone = 0;
	if (r == EDIT_OK) {
		for (size_t i = 0; i < k->nkeys; i++)
			(void)sqlite3_bind_text(st, (int)i + 1, key[i] != NULL ? key[i] :
			    k->column[i].initial, -1, SQLITE_STATIC);
		r = rules_edit_step(e, st, why);
		*gone = r == EDIT_OK ? (size_t)sqlite3_changes(e->db) : 0;
	}
	(void)sqlite3_finalize(st);
	return r;
}

static char *
key_text(const struct rules_kind *k, const char *const *key)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < k->nkeys; i++)
		if (key[i] != NULL && key[i][0] != '\0')
			buf_printf(&b, "%s%s", b.len > 0 ? " " : "", key[i]);
	return buf_take(&b);
}

enum rules_edit_result
rules_edit_kind_remove(struct rules_edit *e, const struct rules_kind *k, const char *const *given,
    char **why)
{
	char *value[RULES_COLUMNS_MAX] = { NULL }, *text;
	enum rules_edit_result r = rules_edit_begin(e, why);
	size_t gone = 0;

	if (r != EDIT_OK)
		return r;
	/* What somebody wrote by hand goes by the name under which it stands. */
	canonical_key(k, given, value);
	r = delete(e, k, (const char *const *)value, &gone, why);
	if (r == EDIT_OK && gone == 0)
		r = delete(e, k, given, &gone, why);
	if (r == EDIT_OK && gone == 0) {
		text = key_text(k, given);
		*why = xasprintf("there is no %s `%s'", k->name, text);
		free(text);
		r = EDIT_MISSING;
	}
	free_values(k, value);
	return rules_edit_finish_judged(e, r, why);
}
