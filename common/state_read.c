/*
 * state_read.c -- looks into state.db.
 *
 * Everything is copied in one short transaction and the file let go before anything is printed: a reader that
 * waits for its terminal must not keep the milter from writing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/state_read.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"

#define WAIT_MS	3000	/* for a transaction of the milter's to end */

const char state_schema[] =
#include "common/state_sql.h"
    ;

static const struct {
	const char	*sql;
	int		 ntexts, nnumbers;
} tables[] = {
	[STATE_STATUS] = { "SELECT name, value FROM status WHERE ?1 = ?1 ORDER BY name", 2, 0 },
	[STATE_COUNTERS] = { "SELECT name, seen, hit, would, updated FROM counter WHERE ?1 = ?1"
	    " ORDER BY name", 1, 4 },
	[STATE_BUCKETS] = { "SELECT what, per, value, until FROM bucket WHERE until > ?1 ORDER BY until DESC",
	    3, 1 },
	[STATE_LOCKOUTS] = { "SELECT client, since, what, until FROM lockout WHERE until > ?1"
	    " ORDER BY since DESC", 1, 3 },
	[STATE_GREYLIST] = { "SELECT network, sender, recipient, since, last, passes, until FROM greylist"
	    " WHERE until > ?1 ORDER BY max(since, last) DESC", 3, 4 },
	[STATE_NETWORKS] = { "SELECT network, since, last, passes, until FROM greylist_network"
	    " WHERE until > ?1 ORDER BY last DESC", 1, 4 },
};

static enum state_result
failed(sqlite3 *db, const char *path, char **why)
{
	int rc = sqlite3_errcode(db) & 0xff, e = sqlite3_system_errno(db);

	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		*why = xasprintf("%s: holdfast-milter is writing to it; try again", path);
		return STATE_BUSY;
	}
	/* A crash in the middle of a transaction: only who may write can take it back. */
	if (rc == SQLITE_READONLY || rc == SQLITE_CANTOPEN) {
		*why = xasprintf("%s: %s%s%s; holdfast-milter mends what a crash left half-way at its start",
		    path, sqlite3_errmsg(db), e != 0 ? ": " : "", e != 0 ? strerror(e) : "");
		return e == EACCES || e == EPERM ? STATE_DENIED : STATE_BAD;
	}
	*why = xasprintf("%s: %s", path, sqlite3_errmsg(db));
	return STATE_BAD;
}

static int
number(sqlite3 *db, const char *sql, int *out)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		*out = sqlite3_column_int(st, 0);
		rc = SQLITE_OK;
	}
	(void)sqlite3_finalize(st);
	return rc;
}

static enum state_result
identity(sqlite3 *db, const char *path, char **why)
{
	int id = 0, version = 0;

	if (number(db, "PRAGMA application_id", &id) != SQLITE_OK ||
	    number(db, "PRAGMA user_version", &version) != SQLITE_OK)
		return failed(db, path, why);
	if (id == STATE_APPLICATION_ID && version == STATE_SCHEMA_VERSION)
		return STATE_OK;
	*why = id != STATE_APPLICATION_ID ? xasprintf("%s: it is not a state database of Holdfast", path) :
	    xasprintf("%s: version %d, this program reads %d", path, version, STATE_SCHEMA_VERSION);
	return STATE_BAD;
}

static void
take_row(sqlite3_stmt *st, enum state_table table, struct state_row *row)
{
	int k = 0;

	memset(row, 0, sizeof(*row));
	for (int i = 0; i < STATE_TEXTS; i++) {
		const char *text = i < tables[table].ntexts ?
		    (const char *)sqlite3_column_text(st, k++) : NULL;

		row->text[i] = xstrdup(text != NULL ? text : "");
	}
	for (int i = 0; i < tables[table].nnumbers; i++)
		row->n[i] = sqlite3_column_int64(st, k++);
}

static enum state_result
take_rows(sqlite3 *db, const char *path, enum state_table table, int64_t now, struct state_row **rows,
    size_t *n, char **why)
{
	sqlite3_stmt *st = NULL;
	size_t room = 0;
	int rc = sqlite3_prepare_v2(db, tables[table].sql, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(st, 1, now);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		if ((rc = sqlite3_step(st)) != SQLITE_ROW)
			break;
		if (*n == room) {
			room = room == 0 ? 64 : room * 2;
			*rows = xrealloc(*rows, room, sizeof(**rows));
		}
		take_row(st, table, &(*rows)[(*n)++]);
	}
	if (rc == SQLITE_DONE) {
		(void)sqlite3_finalize(st);
		return STATE_OK;
	}
	state_free(rows, *n);
	*n = 0;
	(void)sqlite3_finalize(st);
	return failed(db, path, why);
}

enum state_result
state_read(const char *path, enum state_table table, int64_t now, struct state_row **rows, size_t *n,
    char **why)
{
	enum state_result r;
	sqlite3 *db = NULL;

	*rows = NULL;
	*n = 0;
	if (access(path, R_OK) == -1) {
		r = errno == ENOENT ? STATE_ABSENT : STATE_DENIED;
		*why = xasprintf("%s: %s", path, r == STATE_ABSENT ?
		    "it does not exist: holdfast-milter makes one" : strerror(errno));
		return r;
	}
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		r = failed(db, path, why);
	} else {
		(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		(void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		(void)sqlite3_busy_timeout(db, WAIT_MS);
		r = identity(db, path, why);
		if (r == STATE_OK)
			r = take_rows(db, path, table, now, rows, n, why);
	}
	(void)sqlite3_close(db);
	return r;
}

void
state_free(struct state_row **rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < STATE_TEXTS; k++)
			free((*rows)[i].text[k]);
	free(*rows);
	*rows = NULL;
}

const char *
state_status(const struct state_row *rows, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].text[0], name) == 0)
			return rows[i].text[1];
	return "";
}
