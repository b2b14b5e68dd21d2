/*
 * rules.c -- the current rules of a database file, read anew when it changes.
 *
 * A connection that can only read stays open; `PRAGMA data_version' tells of
 * commits through other connections, stat() of a file that was renamed over or
 * written over. What was looked at is remembered together with the outcome, so
 * a refusal is told once and not twice a second.
 *
 * Invariants
 *  - `current' is never NULL between rules_open() and rules_close().
 *  - It is replaced only by a ruleset that was read whole (P8).
 *  - A file that a writer has locked is not a change: it is looked at again.
 *
 * rules_poll() and rules_close() belong to one thread; rules_current() may be
 * called by any. SQLite forbids carrying a connection across fork(): open
 * after going to the background.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules.h"

#include <sys/stat.h>

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/rules_read.h"

#define OPEN_WAIT_MS	5000	/* at start a writer may be busy */
#define POLL_WAIT_MS	20	/* later the loop must not wait for it */

/* What tells one state of the file from the next. */
struct glimpse {
	bool		there;
	dev_t		dev;
	ino_t		ino;
	off_t		size;
	struct timespec	ctime;	/* moves with every write, chmod and rename */
	int		version;	/* data_version; of this connection only */
};

struct rules {
	char		*path;
	sqlite3		*db;
	struct glimpse	 seen;		/* what `current' or `state' came from */
	pthread_mutex_t	 lock;		/* guards current */
	struct ruleset	*current;
	char		*state;		/* the refusal; NULL is "ok" */
};

static void
look(const char *path, struct glimpse *g)
{
	struct stat st;

	memset(g, 0, sizeof(*g));
	if (stat(path, &st) == -1)
		return;
	g->there = true;
	g->dev = st.st_dev;
	g->ino = st.st_ino;
	g->size = st.st_size;
	g->ctime = st.st_ctim;
}

static bool
same_file(const struct glimpse *a, const struct glimpse *b)
{
	return a->there == b->there && a->dev == b->dev && a->ino == b->ino;
}

static bool
same_bytes(const struct glimpse *a, const struct glimpse *b)
{
	return a->size == b->size && a->ctime.tv_sec == b->ctime.tv_sec &&
	    a->ctime.tv_nsec == b->ctime.tv_nsec;
}

static sqlite3 *
connect_db(const char *path, int wait_ms, char **why)
{
	sqlite3 *db = NULL;
	struct stat st;

	if (stat(path, &st) == -1) {
		*why = xasprintf("%s", errno == ENOENT ? "it does not exist; `holdfast init' makes "
							 "one" : strerror(errno));
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		*why = xstrdup("it is not a file");
		return NULL;
	}
	if ((st.st_mode & S_IWOTH) != 0) {
		*why = xstrdup("anybody may write to it; chmod o-w");
		return NULL;
	}
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX, NULL) !=
	    SQLITE_OK) {
		int e = sqlite3_system_errno(db);

		*why = xasprintf("%s%s%s", sqlite3_errmsg(db), e != 0 ? ": " : "",
		    e != 0 ? strerror(e) : "");
		(void)sqlite3_close(db);
		return NULL;
	}
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_busy_timeout(db, wait_ms);
	return db;
}

/* False: a writer has it locked. What cannot be read at all has version 0. */
static bool
data_version(sqlite3 *db, int *version)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA data_version", -1, &st, NULL);

	*version = 0;
	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
		*version = sqlite3_column_int(st, 0);
	(void)sqlite3_finalize(st);
	return rc != SQLITE_BUSY && rc != SQLITE_LOCKED;
}

static void
replace(struct rules *r, struct ruleset *set)
{
	struct ruleset *old;

	(void)pthread_mutex_lock(&r->lock);
	old = r->current;
	r->current = set;
	(void)pthread_mutex_unlock(&r->lock);
	ruleset_unref(&old);
}

struct rules *
rules_open(const char *path, char **why)
{
	struct rules *r = xcalloc(1, sizeof(*r));
	struct ruleset *set = NULL;
	char *reason = NULL;

	(void)pthread_mutex_init(&r->lock, NULL);
	r->path = xstrdup(path);
	look(path, &r->seen);
	if ((r->db = connect_db(path, OPEN_WAIT_MS, &reason)) == NULL)
		goto fail;
	(void)data_version(r->db, &r->seen.version);
	if (rules_read(r->db, &set, &reason) != RULES_READ_OK)
		goto fail;
	(void)sqlite3_busy_timeout(r->db, POLL_WAIT_MS);
	r->current = set;
	return r;

fail:
	*why = xasprintf("%s: %s", path, reason);
	free(reason);
	rules_close(&r);
	return NULL;
}

void
rules_close(struct rules **rp)
{
	struct rules *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	(void)sqlite3_close(r->db);
	ruleset_unref(&r->current);
	(void)pthread_mutex_destroy(&r->lock);
	free(r->state);
	free(r->path);
	free(r);
}

/* Takes reason. */
static int
refuse(struct rules *r, char *reason, char **why)
{
	free(r->state);
	r->state = xasprintf("%s: %s; the rules before that stay in force", r->path, reason);
	free(reason);
	*why = xstrdup(r->state);
	return -1;
}

/* Another file lies there now, or none. The old connection would show the old file. */
static int
reconnect(struct rules *r, const struct glimpse *now, char **why)
{
	char *reason = NULL;

	(void)sqlite3_close(r->db);
	if ((r->db = connect_db(r->path, POLL_WAIT_MS, &reason)) != NULL)
		return 0;
	r->seen = *now;
	return refuse(r, reason, why);
}

int
rules_poll(struct rules *r, char **why)
{
	struct glimpse now;
	struct ruleset *set = NULL;
	char *reason = NULL;
	bool same;

	look(r->path, &now);
	same = same_file(&now, &r->seen) && same_bytes(&now, &r->seen);
	if (same && r->db == NULL)
		return 0;
	if ((r->db == NULL || !same_file(&now, &r->seen)) && reconnect(r, &now, why) == -1)
		return -1;
	if (!data_version(r->db, &now.version))
		return 0;
	if (same && now.version == r->seen.version)
		return 0;
	switch (rules_read(r->db, &set, &reason)) {
	case RULES_READ_BUSY:
		free(reason);
		return 0;
	case RULES_READ_REFUSED:
		r->seen = now;
		return refuse(r, reason, why);
	case RULES_READ_OK:
		break;
	}
	r->seen = now;
	free(r->state);
	r->state = NULL;
	replace(r, set);
	return 1;
}

const char *
rules_state(const struct rules *r)
{
	return r->state != NULL ? r->state : "ok";
}

struct ruleset *
rules_current(struct rules *r)
{
	struct ruleset *set;

	(void)pthread_mutex_lock(&r->lock);
	set = ruleset_ref(r->current);
	(void)pthread_mutex_unlock(&r->lock);
	return set;
}
