/*
 * store_sqlite_room.c -- how much more the file system may be asked for.
 *
 * A message is written twice, into the log and then into the database, and
 * recording a delivery needs room for a moment as well. Were intake to fill the last
 * byte, no delivery could be recorded any more and the queue would be stuck. So
 * intake stops while the reserve (at least FLOOR) is untouched; what is
 * free inside of the database may be used up to half of it.
 *
 * The log, too, must not grow until the database cannot take it: on a small
 * disk checkpoints come earlier.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <stdio.h>

#include "queued/store_sqlite.h"

#define FLOOR		(1 << 20)
#define LOG_SHARE	8		/* the log takes at most this part of what is free */
#define LOG_PAGES_MIN	16

/* Bytes that the file system has left for us; INT64_MAX if it does not say. */
static int64_t
available(const struct store_engine *e)
{
	struct statvfs fs;

	return fstatvfs(e->fd, &fs) == 0 ? (int64_t)fs.f_bavail * (int64_t)fs.f_frsize : INT64_MAX;
}

/* Bytes of the log that are not yet in the database. */
static int64_t
log_pending(const struct store_engine *e)
{
	return e->wal_spent ? 0 : e->wal_pages * e->page_size;
}

bool
sq_room(struct store_engine *e, uint64_t bytes)
{
	int64_t want = (int64_t)bytes + (int64_t)bytes / 8;
	int64_t grow = log_pending(e) + want - (int64_t)e->free_bytes;
	int64_t keep = e->reserve > FLOOR ? e->reserve : FLOOR;
	int64_t left = available(e);

	grow = grow > 0 ? grow : 0;
	if (left >= want + grow + (grow > 0 ? keep : keep / 2))
		return true;
	(void)snprintf(e->error, sizeof(e->error), "%s: the file system has %lld bytes left",
	    e->path, (long long)left);
	return false;
}

int64_t
sq_file_size(const struct store_engine *e)
{
	struct stat st;

	return fstat(e->fd, &st) == 0 ? (int64_t)st.st_size : 0;
}

/* A migration may write all of the database once into the log and once more into the file. */
int64_t
sq_room_beside(const struct store_engine *e, int64_t bytes)
{
	int64_t keep = e->reserve > FLOOR ? e->reserve : FLOOR;

	return 3 * bytes + keep - available(e);
}

int
sq_log_limit(const struct store_engine *e)
{
	int64_t pages = available(e) / LOG_SHARE / e->page_size;

	pages = pages < WAL_PAGES ? pages : WAL_PAGES;
	return pages > LOG_PAGES_MIN ? (int)pages : LOG_PAGES_MIN;
}
