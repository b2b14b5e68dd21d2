/*
 * store_sqlite_file.c -- the queue's files, looked at before SQLite opens them.
 *
 * SQLite repairs, creates and replays without asking: it takes an empty file for a new
 * database, throws a log away whose database is missing, reads through symbolic
 * links. A queue must not be started on a guess, so what can be told from
 * outside is told here, with the path and the reason, and nothing was changed.
 *
 * The instance's lock is an flock() on the database itself (independent of the
 * record locks that SQLite uses), on a descriptor that is kept for life.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "queued/store_sqlite.h"

#define HEADER_SIZE	100
#define WAL_HEADER	32
#define SQLITE_LOCKS	0x40000000	/* where SQLite's record locks lie, for F_GETLK */
#define SQLITE_LOCKS_LEN 512

static uint32_t
be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* --- the directory ------------------------------------------------------- */
static int
directory_check(const char *path, char **why)
{
	char *copy = xstrdup(path);
	const char *dir = dirname(copy);
	struct stat st;

	if (stat(dir, &st) != 0)
		*why = xasprintf("%s: directory %s: %s", path, dir, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		*why = xasprintf("%s: %s is not a directory", path, dir);
	else if ((st.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
		*why = xasprintf("%s: everybody may write to directory %s (chmod o-w)", path, dir);
	else if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) != 0)
		*why = xasprintf("%s: cannot write to directory %s: %s", path, dir,
		    strerror(errno));
	free(copy);
	return *why == NULL ? 0 : -1;
}

/* --- the write-ahead log ------------------------------------------------- */
static char *
wal_path(const char *path)
{
	return xasprintf("%s-wal", path);
}

/* Size of the log (0: none) and the page size that it says, or -1. */
static int
wal_check(const char *path, int64_t *size, uint32_t *page_size, char **why)
{
	unsigned char head[WAL_HEADER];
	char *wal = wal_path(path);
	struct stat st;
	int fd, rc = -1;

	*size = 0;
	*page_size = 0;
	fd = open(wal, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		rc = 0;
	} else if (fd < 0) {
		*why = xasprintf("%s: %s", wal,
		    errno == ELOOP ? "is a symbolic link" : strerror(errno));
	} else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		*why = xasprintf("%s: is not a regular file", wal);
	} else if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		/* Mail would be written where others read it; or be what they wrote. */
		*why = xasprintf("%s: belongs to user id %lu with mode %04o: if you copied it here, chown and chmod "
		    "it like %s; if nobody of yours did, remove it", wal, (unsigned long)st.st_uid,
		    (unsigned)(st.st_mode & 07777), path);
	} else {
		*size = st.st_size;
		if (st.st_size >= WAL_HEADER && pread(fd, head, sizeof(head), 0) == WAL_HEADER)
			*page_size = be32(head + 8);
		rc = 0;
	}
	if (fd >= 0)
		(void)close(fd);
	free(wal);
	return rc;
}

void
sq_file_drop_empty_wal(const char *path)
{
	char *wal = wal_path(path);
	struct stat st;

	if (lstat(wal, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
		(void)unlink(wal);
	free(wal);
}

int
sq_file_cut_wal(const char *path, int64_t good)
{
	char *wal = wal_path(path);
	int fd = open(wal, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int rc = -1;

	if (fd < 0) {
		rc = errno == ENOENT ? 0 : -1;
	} else if (fstat(fd, &st) == 0 && (st.st_size <= good || ftruncate(fd, good) == 0)
	    && fsync(fd) == 0) {
		rc = 0;
	}
	if (fd >= 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
	}
	free(wal);
	return rc;
}

/* --- the database -------------------------------------------------------- */
static int
owner_check(const char *path, int fd, struct stat *st, char **why)
{
	if (fstat(fd, st) != 0)
		*why = xasprintf("%s: %s", path, strerror(errno));
	else if (!S_ISREG(st->st_mode))
		*why = xasprintf("%s: is not a regular file", path);
	else if (st->st_uid != geteuid())
		*why = xasprintf("%s: belongs to user id %lu, not to ours (%lu)", path,
		    (unsigned long)st->st_uid, (unsigned long)geteuid());
	else if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		*why = xasprintf("%s: mode is %04o, others may use it (chmod 0600)", path,
		    (unsigned)(st->st_mode & 07777));
	return *why == NULL ? 0 : -1;
}

static int
instance_lock(const char *path, int fd, char **why)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = SQLITE_LOCKS,
		.l_len = SQLITE_LOCKS_LEN };
	bool taken = flock(fd, LOCK_EX | LOCK_NB) != 0;
	bool known = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

	if (known)
		*why = xasprintf("%s: process %ld has it open", path, (long)lock.l_pid);
	else if (taken)
		*why = xasprintf("%s: another instance has it open", path);
	return *why == NULL ? 0 : -1;
}

struct sizes {
	int64_t		file, wal;
	uint32_t	wal_page;
};

/* Is this 100-byte header one of ours, or of a database that was just being made? */
static int
header_check(const char *path, int fd, const struct sizes *size, int64_t known_version, char **why)
{
	unsigned char h[HEADER_SIZE + 8];
	uint32_t page, pages, app, version;

	if (size->file < (int64_t)sizeof(h)
	    || pread(fd, h, sizeof(h), 0) != (ssize_t)sizeof(h)
	    || memcmp(h, "SQLite format 3", 16) != 0) {
		*why = xasprintf("%s: is not a database", path);
		return -1;
	}
	page = (uint32_t)h[16] << 8 | h[17];
	page = page == 1 ? 65536 : page;
	pages = be32(h + 28);
	version = be32(h + 60);
	app = be32(h + 68);
	if (app != SQLITE_APP_ID && (app != 0 || version != 0 || h[HEADER_SIZE + 3] != 0
	    || h[HEADER_SIZE + 4] != 0)) {
		*why = xasprintf("%s: is the database of another program", path);
		return -1;
	}
	/* With a log the file may lag behind its header; the engine looks again later. */
	if (version > known_version)
		*why = xasprintf("%s: has version %u; this program knows up to %lld", path, version,
		    (long long)known_version);
	else if (size->wal == 0 && be32(h + 24) == be32(h + 92)
	    && size->file < (int64_t)pages * page)
		*why = xasprintf("%s: is truncated: %lld bytes of %lld", path,
		    (long long)size->file, (long long)pages * page);
	else if (size->wal_page != 0 && size->wal_page != page)
		*why = xasprintf("%s-wal: belongs to another database (page size %u, not %u)", path,
		    size->wal_page, page);
	return *why == NULL ? 0 : -1;
}

static void
explain_open(const char *path, int error, char **why)
{
	if (error == ELOOP)
		*why = xasprintf("%s: is a symbolic link", path);
	else if (error == EROFS)
		*why = xasprintf("%s: is on a file system mounted read-only", path);
	else
		*why = xasprintf("%s: %s", path, strerror(error));
}

enum sq_file
sq_file_check(const char *path, int64_t known_version, int *fdp, char **why)
{
	enum sq_file result = SQ_FILE_BAD;
	struct sizes size;
	struct stat st;
	bool created = false;
	int fd;

	*fdp = -1;
	*why = NULL;
	if (wal_check(path, &size.wal, &size.wal_page, why) != 0)
		return SQ_FILE_BAD;
	fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT) {
		explain_open(path, errno, why);
		return SQ_FILE_BAD;
	}
	if (directory_check(path, why) != 0)
		goto out;
	if (fd < 0 && size.wal == 0) {
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0) {
			explain_open(path, errno, why);
			goto out;
		}
		created = true;
	}
	if (fd >= 0 && (owner_check(path, fd, &st, why) != 0 || instance_lock(path, fd, why) != 0))
		goto out;
	if (fd < 0)
		*why = xasprintf("%s: is missing, but its log %s-wal is not: was it copied alone?",
		    path, path);
	else if (created)
		result = SQ_FILE_NEW;
	else if ((size.file = st.st_size) == 0)
		*why = xasprintf("%s: is empty (if it never held mail, remove it)", path);
	else if (header_check(path, fd, &size, known_version, why) == 0)
		result = SQ_FILE_OURS;
out:
	if (result != SQ_FILE_BAD) {
		*fdp = fd;
	} else if (fd >= 0) {
		if (created)
			(void)unlink(path);
		(void)close(fd);
	}
	return result;
}
