/*
 * store_sqlite_copy.c -- queue.db as it was, kept beside it before a migration.
 *
 * A migration is one transaction a step, so a crash needs no copy. The copy is for
 * the day after: a new version that does worse is taken back with the old program and
 * queue.db.vN. It is whole and on disk under its name before the first step, or it is
 * not there: a file `.new' is half of one and means nothing.
 *
 * It is only made where it does not take the room that the migration itself and
 * the mail to come need. Without it the migration goes on all the same, with a line
 * in the log: a queue that does not open would be the greater harm.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"
#include "queued/store_sqlite.h"

#define STEP_PAGES	1024	/* 8 MiB at a time */

/* --- a start that takes long ----------------------------------------------- */
void
sq_busy(struct sq_busy *b, const char *what, int percent)
{
	int64_t now = clock_mono_ms();

	if (b->told != 0 && now - b->told < SQ_BUSY_MS)
		return;
	b->told = now;
	daemon_extend(SQ_BUSY_MS / 1000 * 12);
	if (percent >= 0)
		daemon_status("%s: %d %%", what, percent);
	else
		daemon_status("%s", what);
}

/* --- the copy --------------------------------------------------------------- */
static char *
sqlite_failed(sqlite3 *db, const char *path)
{
	return xasprintf("%s: %s", path, sqlite3_errmsg(db));
}

static char *
errno_failed(const char *path)
{
	return xasprintf("%s: %s", path, strerror(errno));
}

static int
copy_steps(sqlite3_backup *b)
{
	struct sq_busy busy = { 0 };
	int rc, pages;

	do {
		rc = sqlite3_backup_step(b, STEP_PAGES);
		pages = sqlite3_backup_pagecount(b);
		sq_busy(&busy, "copying the queue before its upgrade", pages == 0 ? 0
		    : (int)(100 - 100LL * sqlite3_backup_remaining(b) / pages));
	} while (rc == SQLITE_OK);
	return rc;
}

/* All pages into the empty file. NULL, or what failed. */
static char *
copy_pages(struct store_engine *e, const char *to)
{
	sqlite3_backup *b = NULL;
	sqlite3 *dst = NULL;
	char *why = NULL;
	int rc;

	/* Nobody reads it before it is whole, and it is synced then: no journal of its own. */
	if (sqlite3_open_v2(to, &dst, SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE, NULL)
	    != SQLITE_OK
	    || sqlite3_exec(dst, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF;"
	    " PRAGMA synchronous = OFF", NULL, NULL, NULL) != SQLITE_OK
	    || (b = sqlite3_backup_init(dst, "main", e->db, "main")) == NULL)
		why = sqlite_failed(dst, to);
	if (b != NULL) {
		rc = copy_steps(b);
		(void)sqlite3_backup_finish(b);
		if (rc != SQLITE_DONE)
			why = xasprintf("%s: %s", to, sqlite3_errstr(rc));
	}
	(void)sqlite3_close(dst);
	return why;
}

static int
sync_folder(const char *path)
{
	char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1;

	if (fd >= 0) {
		rc = fsync(fd);
		(void)close(fd);
	}
	free(copy);
	return rc;
}

/* NULL, or why there is none. */
static char *
copy_to(struct store_engine *e, const char *to)
{
	char *half = xasprintf("%s.new", to), *why = NULL;
	int fd = -1;

	if (unlink(half) != 0 && errno != ENOENT)
		why = errno_failed(half);
	else if ((fd = open(half, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0)
		why = errno_failed(half);
	else if ((why = copy_pages(e, half)) == NULL
	    && (fsync(fd) != 0 || rename(half, to) != 0 || sync_folder(to) != 0))
		why = errno_failed(to);
	if (fd >= 0)
		(void)close(fd);
	if (why != NULL && fd >= 0)
		(void)unlink(half);
	free(half);
	return why;
}

void
sq_copy_aside(struct store_engine *e, int64_t version)
{
	int64_t start = clock_mono_ms(), bytes = sq_file_size(e), want = sq_room_beside(e, bytes);
	char *to = xasprintf("%s.v%lld", e->path, (long long)version), *why = NULL;

	if (want > 0)
		why = xasprintf("the file system has no room for it, %lld MB more are needed",
		    (long long)(want / 1000000 + 1));
	else
		why = copy_to(e, to);
	if (why == NULL)
		log_info("store: %s: as it was before the upgrade, copied in %lld ms; remove it when "
		    "all is well, it holds mail", to, (long long)(clock_mono_ms() - start));
	else
		log_error("store: %s is upgraded WITHOUT a copy of what it was: %s", e->path, why);
	free(why);
	free(to);
}
