/*
 * rules_upgrade.c -- a rules.db of an older version becomes one of the present version.
 *
 * In place and in one transaction: the rows move aside, the old tables go, rules.sql makes the new
 * ones as in a new file, the rows come back in the columns that both have, and all of it is read as
 * the daemons will. If any of that fails, nothing has changed.
 *
 * A copy of the old file is made first, while the lock keeps other writers out,
 * so that it is what the upgrade started from. It is on disk under its name
 * before the first change.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/rules_edit_db.h"

/* Those whose rows others refer to first. since: the version that brought it. */
static const struct {
	const char	*name;
	int		 since;
} tables[] = {
	{ "schedule", 1 }, { "domain", 1 }, { "recipient", 1 }, { "setting", 1 }, { "mx_network", 2 },
	{ "mx_domain", 2 }, { "turn_network", 2 },
};
#define NTABLES	(sizeof(tables) / sizeof(tables[0]))

static enum rules_edit_result
errno_result(const char *path, char **why)
{
	int err = errno;

	*why = xasprintf("the copy %s: %s", path, strerror(err));
	return err == EACCES || err == EPERM || err == EROFS ? EDIT_DENIED : EDIT_FAULT;
}

/* --- the copy ------------------------------------------------------------ */

/* SQLite copies from no connection that is in a write transaction, so the file is opened again. */
static enum rules_edit_result
copy_pages(const char *from, const char *to, char **why)
{
	struct rules_edit src = { .db = NULL }, dst = { .db = NULL };
	sqlite3_backup *b;
	enum rules_edit_result r = EDIT_OK;

	if (sqlite3_open_v2(from, &src.db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		r = rules_edit_failed(&src, why);
	else if (sqlite3_open_v2(to, &dst.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
	    SQLITE_OK)
		r = rules_edit_failed(&dst, why);
	else if ((b = sqlite3_backup_init(dst.db, "main", src.db, "main")) == NULL)
		r = rules_edit_failed(&dst, why);
	else {
		(void)sqlite3_backup_step(b, -1);
		if (sqlite3_backup_finish(b) != SQLITE_OK)
			r = rules_edit_failed(&dst, why);
	}
	(void)sqlite3_close(src.db);
	(void)sqlite3_close(dst.db);
	return r;
}

/* Who may read the one may read the other. */
static int
copy_owner(const char *from, const char *to)
{
	struct stat st;
	int fd = open(to, O_RDWR | O_CLOEXEC), rc = -1;

	if (fd == -1)
		return -1;
	if (stat(from, &st) == 0 && fchmod(fd, st.st_mode & 07777) == 0 &&
	    (fchown(fd, st.st_uid, st.st_gid) == 0 || errno == EPERM) && fsync(fd) == 0)
		rc = 0;
	(void)close(fd);
	return rc;
}

/* *copy: where it is. */
static enum rules_edit_result
copy_aside(const char *path, int version, char **copy, char **why)
{
	char *to = xasprintf("%s.v%d", path, version), *tmp = xasprintf("%s.new.%ld", to, (long)getpid());
	enum rules_edit_result r;

	(void)unlink(tmp);
	r = copy_pages(path, tmp, why);
	if (r == EDIT_OK && (copy_owner(path, tmp) == -1 || rename(tmp, to) == -1))
		r = errno_result(to, why);
	if (r == EDIT_OK) {
		rules_edit_sync_folder(to);
		*copy = to;
	} else {
		(void)unlink(tmp);
		free(to);
	}
	free(tmp);
	return r;
}

/* --- the upgrade --------------------------------------------------------- */

/* Words that named a host and now name a way: better told than taken for something else. */
static enum rules_edit_result
refuse_words(struct rules_edit *e, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e, "SELECT name, primaries FROM domain"
	    " WHERE lower(trim(primaries)) IN ('mx', 'turn')"
	    " OR lower(trim(primaries)) GLOB 'mx:*'", &st, why);

	if (r == EDIT_OK && sqlite3_step(st) == SQLITE_ROW) {
		*why = xasprintf("domain %s: primaries: `%s' has another meaning now; write the "
		    "host's full name", (const char *)sqlite3_column_text(st, 0),
		    (const char *)sqlite3_column_text(st, 1));
		r = EDIT_BAD;
	}
	(void)sqlite3_finalize(st);
	return r;
}

static enum rules_edit_result
read_all(struct rules_edit *e, char **why)
{
	struct ruleset *set = NULL;

	if (rules_read_all(e->db, &set, why) != RULES_READ_OK)
		return EDIT_BAD;
	ruleset_unref(&set);
	return EDIT_OK;
}

/* The columns that a table had and has, "name,value". Caller frees. */
static enum rules_edit_result
common_columns(struct rules_edit *e, const char *table, char **columns, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e, "SELECT group_concat(name)"
	    " FROM pragma_table_info(?1, 'main')"
	    " WHERE name IN (SELECT name FROM pragma_table_info('old_' || ?1, 'temp'))", &st, why);

	*columns = NULL;
	if (r == EDIT_OK) {
		(void)sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
		if (sqlite3_step(st) == SQLITE_ROW)
			*columns = xstrdup((const char *)sqlite3_column_text(st, 0));
		if (*columns == NULL) {
			*why = xasprintf("table %s has none of the columns that it should have", table);
			r = EDIT_BAD;
		}
	}
	(void)sqlite3_finalize(st);
	return r;
}

static enum rules_edit_result
exec_free(struct rules_edit *e, char *sql, char **why)
{
	enum rules_edit_result r = rules_edit_exec(e, sql, why);

	free(sql);
	return r;
}

/* A table's rows move aside, and it goes. */
static enum rules_edit_result
put_aside(struct rules_edit *e, const char *table, char **why)
{
	return exec_free(e, xasprintf("CREATE TEMP TABLE old_%s AS SELECT * FROM main.%s;"
	    "DROP TABLE main.%s", table, table, table), why);
}

/* They come back, as many columns as both versions have. */
static enum rules_edit_result
bring_back(struct rules_edit *e, const char *table, char **why)
{
	char *columns;
	bool setting = strcmp(table, "setting") == 0;
	enum rules_edit_result r = common_columns(e, table, &columns, why);

	if (r != EDIT_OK)
		return r;
	/* The new file's own row of `schedule' gives way. Version 3 gave the settings groups. */
	r = exec_free(e, xasprintf("%s INSERT INTO main.%s (%s) SELECT %s FROM temp.old_%s;"
	    "DROP TABLE temp.old_%s", strcmp(table, "schedule") == 0 ? "DELETE FROM main.schedule;" : "",
	    table, setting ? "name, value" : columns, setting ? "'global.' || name, value" : columns, table,
	    table), why);
	free(columns);
	return r;
}

/* In the transaction. Triggers go with their tables. */
static enum rules_edit_result
change(struct rules_edit *e, const char *path, char **copy, char **why)
{
	int version = rules_read_version(e->db);
	enum rules_edit_result r;

	if (version == 1 && (r = refuse_words(e, why)) != EDIT_OK)
		return r;
	r = copy_aside(path, version, copy, why);
	for (size_t i = 0; r == EDIT_OK && i < NTABLES; i++)
		if (tables[i].since <= version)
			r = put_aside(e, tables[i].name, why);
	if (r == EDIT_OK)
		r = rules_edit_schema(e, why);
	for (size_t i = 0; r == EDIT_OK && i < NTABLES; i++)
		if (tables[i].since <= version)
			r = bring_back(e, tables[i].name, why);
	if (r == EDIT_OK)
		r = rules_edit_exec(e, "DELETE FROM main.history", why);
	return r == EDIT_OK ? read_all(e, why) : r;
}

enum rules_edit_result
rules_upgrade(struct rules_edit *e, const char *path, char **why)
{
	char *copy = NULL, *reason;
	enum rules_edit_result r;

	/* Tables that others point to are dropped; this only works outside a transaction. */
	if ((r = rules_edit_exec(e, "PRAGMA foreign_keys = OFF", why)) != EDIT_OK ||
	    (r = rules_edit_exec(e, "BEGIN IMMEDIATE", why)) != EDIT_OK)
		return r;
	if (rules_read_version(e->db) < RULES_SCHEMA_VERSION)	/* nobody was quicker */
		r = change(e, path, &copy, why);
	r = rules_edit_finish(e, r, why);
	if (r == EDIT_OK) {
		e->copy = copy;
		return rules_edit_exec(e, "PRAGMA foreign_keys = ON", why);
	}
	free(copy);
	reason = *why;
	*why = xasprintf("it cannot be upgraded to schema %d: %s; nothing was changed",
	    RULES_SCHEMA_VERSION, reason);
	free(reason);
	return r == EDIT_BAD ? EDIT_FAULT : r;
}
