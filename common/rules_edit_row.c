/*
 * rules_edit_row.c -- changes of single rows: of any table by its description,
 * then schedules and settings.
 *
 * Statements are put together from names that stand in the code; values are
 * bound. Each row is read back by the daemons' own reader before the commit.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/rules_edit_db.h"
#include "common/rules_row.h"
#include "common/rules_setting.h"

#define NAMED_MAX	5	/* domains that a refusal names */

/* --- any table ----------------------------------------------------------- */

/* "INSERT INTO domain (name, tls) VALUES (?1, ?5) …", "UPDATE domain SET tls = ?5 WHERE …" */
static char *
row_sql(const struct rules_edit_table *t, const char *const *value, bool insert)
{
	struct buf sql = BUF_INIT, values = BUF_INIT;
	const char *comma = "";

	if (insert)
		buf_printf(&sql, "INSERT INTO %s (%s", t->name, t->key);
	else
		buf_printf(&sql, "UPDATE %s SET ", t->name);
	for (size_t i = 0; t->column[i] != NULL; i++) {
		if (value[i] == NULL)
			continue;
		if (insert) {
			buf_printf(&sql, ", %s", t->column[i]);
			buf_printf(&values, ", ?%zu", i + 2);
		} else
			buf_printf(&sql, "%s%s = ?%zu", comma, t->column[i], i + 2);
		comma = ", ";
	}
	if (insert)
		buf_printf(&sql, ") VALUES (?1%s) ON CONFLICT DO NOTHING", buf_str(&values));
	else	/* without any column it only looks whether the row is there */
		buf_printf(&sql, "%s%s = %s WHERE %s = ?1", comma, t->key, t->key, t->key);
	buf_free(&values);
	return buf_take(&sql);
}

static enum rules_edit_result
write_row(struct rules_edit *e, const struct rules_edit_table *t, const char *key,
    const char *const *value, bool insert, char **why)
{
	char *sql = row_sql(t, value, insert);
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e, sql, &st, why);

	free(sql);
	if (r == EDIT_OK) {
		(void)sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
		for (int i = 0; t->column[i] != NULL; i++)
			if (value[i] != NULL)
				(void)sqlite3_bind_text(st, i + 2, value[i], -1, SQLITE_STATIC);
		r = rules_edit_step(e, st, why);
	}
	(void)sqlite3_finalize(st);
	if (r != EDIT_OK || sqlite3_changes(e->db) > 0)
		return r;
	*why = insert ? xasprintf("%s `%s' is there already", t->what, key)
		      : xasprintf("there is no %s `%s'", t->what, key);
	return insert ? EDIT_EXISTS : EDIT_MISSING;
}

enum rules_edit_result
rules_edit_row(struct rules_edit *e, const struct rules_edit_table *t, const char *key,
    const char *const *value, bool insert, char **why)
{
	enum rules_edit_result r = rules_edit_begin(e, why);

	if (r != EDIT_OK)
		return r;
	if ((r = write_row(e, t, key, value, insert, why)) == EDIT_OK)
		r = rules_edit_read_back(e, t->table, key, why);
	if (r == EDIT_OK && t->check != NULL)
		r = t->check(e, key, why);
	return rules_edit_finish_judged(e, r, why);
}

enum rules_edit_result
rules_edit_delete(struct rules_edit *e, const char *table, const char *column, const char *key,
    size_t *changed, char **why)
{
	char *sql = xasprintf("DELETE FROM %s WHERE %s = ?1", table, column);
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e, sql, &st, why);

	free(sql);
	if (r == EDIT_OK) {
		(void)sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
		r = rules_edit_step(e, st, why);
	}
	(void)sqlite3_finalize(st);
	*changed = r == EDIT_OK ? (size_t)sqlite3_changes(e->db) : 0;
	return r;
}

/* --- schedules ----------------------------------------------------------- */

static const char *const schedule_columns[] = { "steps", "jitter", "lifetime", "warn_after",
	"at_end", NULL };
static const struct rules_edit_table schedule_table = {
	RULES_SCHEDULE, "schedule", "name", "schedule", schedule_columns, NULL
};

static enum rules_edit_result
schedule_write(struct rules_edit *e, const char *name, const struct rules_edit_schedule *s,
    bool insert, char **why)
{
	const char *const value[] = { s->steps, s->jitter, s->lifetime, s->warn_after, s->at_end };

	_Static_assert(sizeof(value) + sizeof(value[0]) == sizeof(schedule_columns),
	    "a value for each column");
	return rules_edit_row(e, &schedule_table, name, value, insert, why);
}

enum rules_edit_result
rules_edit_schedule_add(struct rules_edit *e, const char *name,
    const struct rules_edit_schedule *s, char **why)
{
	return schedule_write(e, name, s, true, why);
}

enum rules_edit_result
rules_edit_schedule_set(struct rules_edit *e, const char *name,
    const struct rules_edit_schedule *s, char **why)
{
	return schedule_write(e, name, s, false, why);
}

/* "a.test, b.test and 7 more", or "" */
static enum rules_edit_result
schedule_users(struct rules_edit *e, const char *name, struct buf *users, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e, "SELECT name FROM domain"
	    " WHERE schedule = ?1 ORDER BY name", &st, why);
	size_t n = 0;
	int rc = SQLITE_DONE;

	if (r == EDIT_OK) {
		(void)sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
		for (; (rc = sqlite3_step(st)) == SQLITE_ROW; n++)
			if (n < NAMED_MAX)
				buf_printf(users, "%s%s", n > 0 ? ", " : "",
				    (const char *)sqlite3_column_text(st, 0));
		if (rc != SQLITE_DONE)
			r = rules_edit_failed(e, why);
	}
	(void)sqlite3_finalize(st);
	if (n > NAMED_MAX)
		buf_printf(users, " and %zu more", n - NAMED_MAX);
	return r;
}

enum rules_edit_result
rules_edit_schedule_remove(struct rules_edit *e, const char *name, char **why)
{
	struct buf users = BUF_INIT;
	enum rules_edit_result r;
	size_t gone = 0;

	if (strcmp(name, "default") == 0) {
		*why = xstrdup("schedule `default' must be there");
		return EDIT_IN_USE;
	}
	if ((r = rules_edit_begin(e, why)) != EDIT_OK)
		return r;
	if ((r = schedule_users(e, name, &users, why)) == EDIT_OK && users.len > 0) {
		*why = xasprintf("schedule `%s' is used by %s", name, buf_str(&users));
		r = EDIT_IN_USE;
	}
	if (r == EDIT_OK &&
	    (r = rules_edit_delete(e, "schedule", "name", name, &gone, why)) == EDIT_OK &&
	    gone == 0) {
		*why = xasprintf("there is no schedule `%s'", name);
		r = EDIT_MISSING;
	}
	buf_free(&users);
	return rules_edit_finish_judged(e, r, why);
}

/* --- settings ------------------------------------------------------------ */

/* The scope as it is kept (caller frees), if the setting can have one. */
static enum rules_edit_result
setting_scope(const char *name, const char *given, char **scope, char **why)
{
	const struct rules_setting *t = rules_setting_find(name);

	*scope = xstrdup(given);
	if (t == NULL) {
		*why = xasprintf("there is no setting `%s'", name);
		return EDIT_MISSING;
	}
	if (given[0] != '\0' && t->home != HOME_SCOPED) {
		*why = xasprintf("%s is the same for everybody", name);
		return EDIT_BAD;
	}
	return rules_canon_scope(scope, why) == 0 ? EDIT_OK : EDIT_BAD;
}

static enum rules_edit_result
setting_run(struct rules_edit *e, const char *sql, const char *name, const char *scope,
    const char *value, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e, sql, &st, why);

	if (r == EDIT_OK) {
		(void)sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
		(void)sqlite3_bind_text(st, 2, scope, -1, SQLITE_STATIC);
		if (value != NULL)
			(void)sqlite3_bind_text(st, 3, value, -1, SQLITE_STATIC);
		r = rules_edit_step(e, st, why);
	}
	(void)sqlite3_finalize(st);
	return r;
}

/* The schema would refuse some of these in fewer words. */
static enum rules_edit_result
setting_value(const char *name, const char *scope, const char *value, char **why)
{
	const struct rules_setting *t = rules_setting_find(name);
	struct rules_settings settings;
	struct rules_policy policy;
	char *reason = NULL;

	if (rules_setting_parse(t, value, &settings, &policy, &reason) == 0)
		return EDIT_OK;
	*why = xasprintf("setting %s%s%s: value: %s", name, scope[0] != '\0' ? " for " : "", scope, reason);
	free(reason);
	return EDIT_BAD;
}

enum rules_edit_result
rules_edit_setting_set(struct rules_edit *e, const char *name, const char *given, const char *value,
    char **why)
{
	char *scope;
	enum rules_edit_result r = setting_scope(name, given, &scope, why);

	if (r == EDIT_OK && (r = rules_edit_begin(e, why)) == EDIT_OK) {
		if ((r = setting_value(name, scope, value, why)) == EDIT_OK)
			r = setting_run(e, "INSERT INTO setting (name, scope, value) VALUES (?1, ?2, ?3)"
			    " ON CONFLICT (scope, name) DO UPDATE SET value = excluded.value", name, scope,
			    value, why);
		if (r == EDIT_OK)
			r = rules_edit_read_back(e, RULES_SETTING, name, why);
		r = rules_edit_finish_judged(e, r, why);
	}
	free(scope);
	return r;
}

enum rules_edit_result
rules_edit_setting_unset(struct rules_edit *e, const char *name, const char *given, bool *changed,
    char **why)
{
	char *scope;
	enum rules_edit_result r = setting_scope(name, given, &scope, why);

	*changed = false;
	if (r == EDIT_MISSING) {
		/* A row that no version knows goes by its name. */
		free(*why);
		*why = NULL;
		r = EDIT_OK;
	}
	if (r == EDIT_OK && (r = rules_edit_begin(e, why)) == EDIT_OK) {
		r = setting_run(e, "DELETE FROM setting WHERE name = ?1 AND scope = ?2", name, scope, NULL,
		    why);
		*changed = r == EDIT_OK && sqlite3_changes(e->db) > 0;
		if (r == EDIT_OK && !*changed && rules_setting_find(name) == NULL) {
			*why = xasprintf("there is no setting `%s'", name);
			r = EDIT_MISSING;
		}
		r = rules_edit_finish_judged(e, r, why);
	}
	free(scope);
	return r;
}
