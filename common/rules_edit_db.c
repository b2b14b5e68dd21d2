/*
 * rules_edit_db.c -- the writer's connection to rules.db: make, open, run.
 *
 * A new file is built under another name and linked into place when it is
 * whole and on disk, so nobody ever sees half of one and one that is there is
 * never overwritten.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_edit_db.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/rules_history.h"
#include "common/rules_read.h"

#define WRITE_WAIT_MS	10000	/* longer than any import by someone else */
#define STRING_(s)	#s
#define STRING(s)	STRING_(s)
#define FILE_MODE	0644	/* both daemons and Postfix read it, each as its own user */

const char rules_schema[] =
#include "common/rules_sql.h"
    ;

/* "CHECK constraint failed: domain.tls must be …": our constraints are sentences. */
static char *
constraint_text(const char *msg)
{
	static const char check[] = "CHECK constraint failed: ";
	static const char missing[] = "NOT NULL constraint failed: ";

	if (strncmp(msg, missing, sizeof(missing) - 1) == 0)
		return xasprintf("%s is needed", msg + sizeof(missing) - 1);
	if (strncmp(msg, check, sizeof(check) - 1) == 0)
		msg += sizeof(check) - 1;
	return xstrdup(msg);
}

enum rules_edit_result
rules_edit_failed(struct rules_edit *e, char **why)
{
	switch (sqlite3_errcode(e->db)) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		*why = xstrdup("another program keeps the database locked");
		return EDIT_BUSY;
	case SQLITE_CONSTRAINT:
		*why = constraint_text(sqlite3_errmsg(e->db));
		return EDIT_BAD;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		*why = xstrdup("no permission to write to it or to its folder");
		return EDIT_DENIED;
	case SQLITE_CANTOPEN: {
		int err = sqlite3_system_errno(e->db);

		*why = xasprintf("%s%s%s", sqlite3_errmsg(e->db), err != 0 ? ": " : "",
		    err != 0 ? strerror(err) : "");
		return err == EACCES || err == EPERM || err == EROFS ? EDIT_DENIED : EDIT_FAULT;
	}
	default:
		*why = xstrdup(sqlite3_errmsg(e->db));
		return EDIT_FAULT;
	}
}

enum rules_edit_result
rules_edit_exec(struct rules_edit *e, const char *sql, char **why)
{
	if (sqlite3_exec(e->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return rules_edit_failed(e, why);
	return EDIT_OK;
}

enum rules_edit_result
rules_edit_prepare(struct rules_edit *e, const char *sql, sqlite3_stmt **st, char **why)
{
	if (sqlite3_prepare_v2(e->db, sql, -1, st, NULL) != SQLITE_OK)
		return rules_edit_failed(e, why);
	return EDIT_OK;
}

enum rules_edit_result
rules_edit_step(struct rules_edit *e, sqlite3_stmt *st, char **why)
{
	if (sqlite3_step(st) != SQLITE_DONE)
		return rules_edit_failed(e, why);
	return EDIT_OK;
}

/* What was found out about the change before. */
static void
forget(struct rules_edit *e)
{
	free(e->before);
	free(e->refused);
	e->before = e->refused = NULL;
}

static void
put_upsert(struct buf *sql, const char *table, const struct rules_edit_column *v, size_t n)
{
	const char *comma = "";

	buf_printf(sql, "INSERT INTO \"%s\" (", table);
	for (size_t i = 0; i < n; i++)
		buf_printf(sql, "%s\"%s\"", i == 0 ? "" : ", ", v[i].name);
	buf_puts(sql, ") VALUES (");
	for (size_t i = 0; i < n; i++)
		buf_printf(sql, "%s?%zu", i == 0 ? "" : ", ", i + 1);
	buf_puts(sql, ") ON CONFLICT (");
	for (size_t i = 0; i < n; i++)
		if (v[i].key) {
			buf_printf(sql, "%s\"%s\"", comma, v[i].name);
			comma = ", ";
		}
	buf_puts(sql, ") DO UPDATE SET ");
	comma = "";
	for (size_t i = 0; i < n; i++)
		if (!v[i].key) {
			buf_printf(sql, "%s\"%s\" = ?%zu", comma, v[i].name, i + 1);
			comma = ", ";
		}
}

enum rules_edit_result
rules_edit_upsert(struct rules_edit *e, const char *table, const struct rules_edit_column *v, size_t n,
    char *const *value, char **why)
{
	struct buf sql = BUF_INIT;
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r;

	put_upsert(&sql, table, v, n);
	r = rules_edit_prepare(e, buf_str(&sql), &st, why);
	buf_free(&sql);
	if (r == EDIT_OK) {
		for (size_t i = 0; i < n; i++)
			(void)sqlite3_bind_text(st, (int)i + 1, value[i], -1, SQLITE_STATIC);
		r = rules_edit_step(e, st, why);
	}
	(void)sqlite3_finalize(st);
	return r;
}

void
rules_edit_close(struct rules_edit **ep)
{
	struct rules_edit *e = *ep;

	*ep = NULL;
	if (e == NULL)
		return;
	(void)sqlite3_close(e->db);
	free(e->copy);
	free(e->who);
	forget(e);
	free(e);
}

const char *
rules_edit_copy(const struct rules_edit *e)
{
	return e->copy;
}

/* --- reading back ------------------------------------------------------- */

static enum rules_edit_result
read_result(enum rules_read r, struct ruleset *set)
{
	ruleset_unref(&set);
	switch (r) {
	case RULES_READ_OK:
		return EDIT_OK;
	case RULES_READ_BUSY:
		return EDIT_BUSY;
	case RULES_READ_REFUSED:
		break;
	}
	return EDIT_BAD;
}

static enum rules_edit_result
read_frame(struct rules_edit *e, char **why)
{
	struct ruleset *set = NULL;
	enum rules_read r = rules_read_frame(e->db, &set, why);

	return read_result(r, set);
}

/* Which row a reason is about. */
struct accused {
	const char	*reason;
	bool		 ours;		/* a row of this change */
};

static bool
names(const char *reason, const char *table, json_t *row)
{
	struct buf b = BUF_INIT;
	bool same;

	rules_history_row(&b, table, row);
	same = strncmp(reason, buf_str(&b), b.len) == 0 && reason[b.len] == ':';
	buf_free(&b);
	return same;
}

/* One that was removed may be missed. */
static void
compare_row(void *arg, const struct rules_change *c)
{
	struct accused *a = arg;

	a->ours |= names(a->reason, c->table, c->after != NULL ? c->after : c->before);
}

/* With r, why a row is refused: is it one that somebody else left behind? Then *why is kept aside. */
static enum rules_edit_result
whose(struct rules_edit *e, enum rules_edit_result r, char **why)
{
	struct accused a = { .reason = *why };
	char *failed = NULL;

	if (r != EDIT_BAD || e->before == NULL)
		return r;
	if ((r = rules_history_mine(e, compare_row, &a, &failed)) != EDIT_OK) {
		free(*why);
		*why = failed;
		return r;
	}
	if (a.ours)
		return EDIT_BAD;
	free(e->refused);
	e->refused = *why;
	*why = NULL;
	return EDIT_OK;
}

enum rules_edit_result
rules_edit_read_back(struct rules_edit *e, enum rules_table table, const char *key, char **why)
{
	struct ruleset *set = NULL;
	enum rules_read r = rules_read_row(e->db, table, key, &set, why);

	return whose(e, read_result(r, set), why);
}

enum rules_edit_result
rules_edit_judge(struct rules_edit *e, char **why)
{
	return whose(e, read_frame(e, why), why);
}

enum rules_edit_result
rules_edit_finish_judged(struct rules_edit *e, enum rules_edit_result r, char **why)
{
	return rules_edit_finish(e, r == EDIT_OK ? rules_edit_judge(e, why) : r, why);
}

const char *
rules_edit_refused(const struct rules_edit *e)
{
	return e->refused;
}

/* --- transactions -------------------------------------------------------- */

void
rules_edit_who(struct rules_edit *e, const char *who)
{
	free(e->who);
	e->who = xstrdup(who);
}

/* "root", or "root for alice". */
static char *
whoever(void)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *sudo = getenv("SUDO_USER");
	char *name = pw != NULL ? xstrdup(pw->pw_name) : xasprintf("uid %lu", (unsigned long)getuid());
	char *both;

	if (sudo == NULL || *sudo == '\0')
		return name;
	both = xasprintf("%s for %s", name, sudo);
	free(name);
	return both;
}

/* Who is at it, and what belongs together. Without the row there would be no history. */
static enum rules_edit_result
sign(struct rules_edit *e, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e, "INSERT INTO editor (id, who, batch)"
	    " VALUES (1, ?1, (SELECT coalesce(max(batch), 0) + 1 FROM history))"
	    " ON CONFLICT (id) DO UPDATE SET who = excluded.who, batch = excluded.batch", &st, why);

	if (e->who == NULL)
		e->who = whoever();
	if (r == EDIT_OK) {
		(void)sqlite3_bind_text(st, 1, e->who, -1, SQLITE_STATIC);
		r = rules_edit_step(e, st, why);
	}
	(void)sqlite3_finalize(st);
	return r;
}

/* What the file was like, to tell what others did from what this change does. */
static enum rules_edit_result
look(struct rules_edit *e, char **why)
{
	enum rules_edit_result r;

	forget(e);
	if ((r = read_frame(e, &e->before)) == EDIT_BAD)
		return EDIT_OK;
	if (r != EDIT_OK) {
		*why = e->before;
		e->before = NULL;
	}
	return r;
}

enum rules_edit_result
rules_edit_begin(struct rules_edit *e, char **why)
{
	/* An unknown schedule is told by the reading back, in better words. */
	enum rules_edit_result r = rules_edit_exec(e, "BEGIN IMMEDIATE; PRAGMA defer_foreign_keys = ON",
	    why);

	if (r == EDIT_OK)
		r = sign(e, why);
	if (r == EDIT_OK)
		r = look(e, why);
	return r == EDIT_OK ? r : rules_edit_finish(e, r, why);
}

/* The oldest go, but of what was changed together all or nothing: half of it cannot be undone. */
static const char prune[] =
    "DELETE FROM history WHERE id <= (SELECT max(id) - " STRING(RULES_HISTORY_MAX) " FROM history)"
    " AND (batch IS NULL OR batch IS NOT (SELECT batch FROM history WHERE batch IS NOT NULL AND id >"
    " (SELECT max(id) - " STRING(RULES_HISTORY_MAX) " FROM history) ORDER BY id LIMIT 1))";

/* Commits if all went well, else takes everything back. Returns r or why the commit failed. */
enum rules_edit_result
rules_edit_finish(struct rules_edit *e, enum rules_edit_result r, char **why)
{
	if (r == EDIT_OK)
		r = rules_edit_exec(e, prune, why);
	if (r == EDIT_OK)
		r = rules_edit_exec(e, "UPDATE editor SET who = 'sql', batch = NULL; COMMIT", why);
	if (r != EDIT_OK && sqlite3_get_autocommit(e->db) == 0)
		(void)sqlite3_exec(e->db, "ROLLBACK", NULL, NULL, NULL);
	if (r != EDIT_OK)
		forget(e);
	return r;
}

/* --- the file ------------------------------------------------------------ */

static enum rules_edit_result
connect_db(struct rules_edit *e, const char *path, int flags, char **why)
{
	if (sqlite3_open_v2(path, &e->db, flags, NULL) != SQLITE_OK)
		return rules_edit_failed(e, why);
	(void)sqlite3_db_config(e->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_busy_timeout(e->db, WRITE_WAIT_MS);
	if (sqlite3_db_readonly(e->db, "main") != 0) {
		*why = xstrdup("no permission to write to it");
		return EDIT_DENIED;
	}
	return rules_edit_exec(e, "PRAGMA synchronous = EXTRA; PRAGMA foreign_keys = ON", why);
}

static enum rules_edit_result
check_identity(struct rules_edit *e, char **why)
{
	switch (rules_read_identity(e->db, why)) {
	case RULES_READ_OK:
		/* Someone may have put it into WAL mode, which readers cannot follow. */
		return rules_edit_exec(e, "PRAGMA journal_mode = DELETE", why);
	case RULES_READ_BUSY:
		return EDIT_BUSY;
	case RULES_READ_REFUSED:
		break;
	}
	return EDIT_FAULT;
}

/* Puts the path in front of *why. */
static enum rules_edit_result
name_path(const char *path, enum rules_edit_result r, char **why)
{
	if (r != EDIT_OK) {
		char *reason = *why;

		*why = xasprintf("%s: %s", path, reason);
		free(reason);
	}
	return r;
}

enum rules_edit_result
rules_edit_open_read(const char *path, struct rules_edit *e, char **why)
{
	enum rules_edit_result r = EDIT_OK;

	memset(e, 0, sizeof(*e));
	if (sqlite3_open_v2(path, &e->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		r = rules_edit_failed(e, why);
	else {
		(void)sqlite3_db_config(e->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		(void)sqlite3_db_config(e->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		(void)sqlite3_busy_timeout(e->db, WRITE_WAIT_MS);
		switch (rules_read_identity(e->db, why)) {
		case RULES_READ_OK:
			break;
		case RULES_READ_BUSY:
			r = EDIT_BUSY;
			break;
		case RULES_READ_REFUSED:
			r = EDIT_FAULT;
			break;
		}
	}
	if (r != EDIT_OK)
		rules_edit_close_read(e);
	return name_path(path, r, why);
}

void
rules_edit_close_read(struct rules_edit *e)
{
	(void)sqlite3_close(e->db);
	e->db = NULL;
}

enum rules_edit_result
rules_edit_open(const char *path, struct rules_edit **out, char **why)
{
	struct rules_edit *e = xcalloc(1, sizeof(*e));
	enum rules_edit_result r;

	*out = NULL;
	if (access(path, F_OK) == -1 && errno == ENOENT) {
		*why = xstrdup("it does not exist; `holdfast init' makes one");
		r = EDIT_FAULT;
	} else if ((r = connect_db(e, path, SQLITE_OPEN_READWRITE, why)) == EDIT_OK) {
		int version = rules_read_version(e->db);

		if (version >= 1 && version < RULES_SCHEMA_VERSION)
			r = rules_upgrade(e, path, why);
		if (r == EDIT_OK)
			r = check_identity(e, why);
	}
	if (r == EDIT_OK)
		*out = e;
	else
		rules_edit_close(&e);
	return name_path(path, r, why);
}

static enum rules_edit_result
errno_result(const char *what, char **why)
{
	int err = errno;

	*why = xasprintf("%s: %s", what, strerror(err));
	return err == EACCES || err == EPERM || err == EROFS ? EDIT_DENIED : EDIT_FAULT;
}

enum rules_edit_result
rules_edit_schema(struct rules_edit *e, char **why)
{
	enum rules_edit_result r = rules_edit_exec(e, rules_schema, why);

	return r == EDIT_OK ? rules_history_watch(e, why) : r;
}

static enum rules_edit_result
build(const char *path, char **why)
{
	struct rules_edit e = { .db = NULL };
	enum rules_edit_result r;

	r = connect_db(&e, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, why);
	if (r == EDIT_OK)
		r = rules_edit_exec(&e, "PRAGMA journal_mode = DELETE; BEGIN IMMEDIATE", why);
	if (r == EDIT_OK)
		r = rules_edit_finish(&e, rules_edit_schema(&e, why), why);
	(void)sqlite3_close(e.db);
	if (r == EDIT_OK && chmod(path, FILE_MODE) == -1)
		r = errno_result("chmod", why);
	return r;
}

/* The new name itself must survive a power cut. */
void
rules_edit_sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? xstrdup(".") : xstrndup(path, (size_t)(slash - path) + 1);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd != -1) {
		(void)fsync(fd);
		(void)close(fd);
	}
	free(dir);
}

enum rules_edit_result
rules_edit_create(const char *path, bool *created, char **why)
{
	enum rules_edit_result r;
	char *tmp;

	*created = false;
	if (access(path, F_OK) == 0)
		return EDIT_OK;
	tmp = xasprintf("%s.new.%ld", path, (long)getpid());
	(void)unlink(tmp);
	r = build(tmp, why);
	if (r == EDIT_OK && link(tmp, path) == -1)
		r = errno_result("link", why);
	(void)unlink(tmp);
	if (r == EDIT_OK) {
		rules_edit_sync_folder(path);
		*created = true;
	}
	free(tmp);
	return name_path(path, r, why);
}
