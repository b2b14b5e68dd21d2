/*
 * file.c -- reads and replaces configuration files as root safely may.
 *
 * A new file is written beside the old one under a name that nobody can have
 * prepared (O_EXCL), gets owner and mode while it is empty, reaches the disk,
 * and takes the old one's place by rename(2). All of that by the folder's
 * descriptor: nobody can lead it elsewhere meanwhile.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/file.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *
errno_words(const char *path)
{
	int err = errno;

	if (err == ELOOP)
		return xasprintf("%s is a symbolic link, which is never written through", path);
	return xasprintf("%s: %s", path, strerror(err));
}

/* --- reading ------------------------------------------------------------- */

static int
read_all(int fd, struct buf *b)
{
	char piece[65536];
	size_t total = 0;
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if ((total += (size_t)n) > FILE_READ_MAX) {
			errno = EFBIG;
			return -1;
		}
		buf_put(b, piece, (size_t)n);
	}
	return 0;
}

enum file_found
file_read(const char *path, struct buf *b, struct file_owner *owner, char **why)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	enum file_found found = FILE_BAD;
	struct stat st;

	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR))
		return FILE_NONE;
	if (fd == -1 || fstat(fd, &st) == -1)
		*why = errno_words(path);
	else if (!S_ISREG(st.st_mode))
		*why = xasprintf("%s is no regular file", path);
	else if (read_all(fd, b) == -1)
		*why = errno_words(path);
	else
		found = FILE_THERE;
	if (found == FILE_THERE && owner != NULL)
		*owner = (struct file_owner){ st.st_mode & 07777, st.st_uid, st.st_gid };
	if (fd != -1)
		(void)close(fd);
	return found;
}

/* --- writing ------------------------------------------------------------- */

/* The folder of a path, opened; *name lends the rest. -1: *why. */
static int
open_folder(const char *path, const char **name, char **why)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	struct stat st;
	int fd;

	if (slash == NULL || slash[1] == '\0') {
		*why = xasprintf("%s: not the absolute path of a file", path);
		return -1;
	}
	dir = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		*why = errno_words(dir);
	else if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		*why = xasprintf("%s may be written by everybody: chmod o-w %s", dir, dir);
	else {
		*name = slash + 1;
		free(dir);
		return fd;
	}
	free(dir);
	if (fd != -1)
		(void)close(fd);
	return -1;
}

bool
file_in(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/* Only root can give away; somebody else keeps his own files. */
static int
give(int fd, const struct file_owner *o)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if ((st.st_uid != o->uid || st.st_gid != o->gid) && fchown(fd, o->uid, o->gid) == -1)
		return -1;
	return fchmod(fd, o->mode);
}

static int
fill(int dir, const char *temporary, const void *data, size_t len, const struct file_owner *o)
{
	int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc, err;

	if (fd == -1)
		return -1;
	rc = give(fd, o) == 0 && buf_write_fd(fd, data, len) == 0 && fsync(fd) == 0 ? 0 : -1;
	err = errno;
	if (close(fd) == -1 && rc == 0) {
		rc = -1;
		err = errno;
	}
	errno = err;
	return rc;
}

/* What is there may be replaced: a file, or nothing. */
static bool
replaceable(int dir, const char *name, const char *path, char **why)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			return true;
		*why = errno_words(path);
		return false;
	}
	if (S_ISREG(st.st_mode))
		return true;
	if (S_ISLNK(st.st_mode))
		errno = ELOOP;
	*why = S_ISLNK(st.st_mode) ? errno_words(path) : xasprintf("%s is no regular file", path);
	return false;
}

int
file_write(const char *path, const void *data, size_t len, const struct file_owner *o, char **why)
{
	const char *name = NULL;
	char *temporary;
	int dir = open_folder(path, &name, why), rc = -1;

	if (dir == -1)
		return -1;
	temporary = xasprintf(".%s.holdfast-%ld", name, (long)getpid());
	if (!replaceable(dir, name, path, why)) {
		rc = -1;
	} else if (fill(dir, temporary, data, len, o) == -1 ||
	    renameat(dir, temporary, dir, name) == -1 || fsync(dir) == -1) {
		int err = errno;

		if (err != EEXIST)
			(void)unlinkat(dir, temporary, 0);
		errno = err;
		*why = errno_words(path);
	} else
		rc = 0;
	free(temporary);
	(void)close(dir);
	return rc;
}

int
file_remove(const char *path, char **why)
{
	const char *name = NULL;
	int dir = open_folder(path, &name, why), rc = 0;

	if (dir == -1)
		return -1;
	if (unlinkat(dir, name, 0) == -1 && errno != ENOENT) {
		*why = errno_words(path);
		rc = -1;
	}
	(void)fsync(dir);
	(void)close(dir);
	return rc;
}

/* --- folders ------------------------------------------------------------- */

enum file_found
file_find_dir(const char *path, struct file_owner *o, char **why)
{
	struct stat st;

	if (lstat(path, &st) == -1) {
		if (errno == ENOENT || errno == ENOTDIR)
			return FILE_NONE;
		*why = errno_words(path);
		return FILE_BAD;
	}
	if (!S_ISDIR(st.st_mode)) {
		*why = xasprintf("%s is no folder", path);
		return FILE_BAD;
	}
	*o = (struct file_owner){ st.st_mode & 07777, st.st_uid, st.st_gid };
	return FILE_THERE;
}

static int
make_parents(const char *path, char **why)
{
	char *dir = xstrdup(path);
	int rc = 0;

	for (char *p = strchr(dir + 1, '/'); p != NULL && rc == 0; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0755) == 0)
			(void)chmod(dir, 0755);		/* whatever the umask is */
		else if (errno != EEXIST) {
			*why = errno_words(dir);
			rc = -1;
		}
		*p = '/';
	}
	free(dir);
	return rc;
}

int
file_make_dir(const char *path, const struct file_owner *o, char **why)
{
	int fd, rc;

	if (make_parents(path, why) == -1)
		return -1;
	if (mkdir(path, 0700) == -1 && errno != EEXIST) {
		*why = errno_words(path);
		return -1;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	rc = fd != -1 && give(fd, o) == 0 ? 0 : -1;
	if (rc == -1)
		*why = errno_words(path);
	if (fd != -1)
		(void)close(fd);
	return rc;
}

/* --- a private folder ---------------------------------------------------- */

char *
file_temporary(char **why)
{
	char *path = xstrdup("/tmp/holdfast-XXXXXX");

	if (mkdtemp(path) != NULL)	/* 0700 */
		return path;
	*why = errno_words("/tmp");
	free(path);
	return NULL;
}

void
file_remove_temporary(char **pp)
{
	DIR *d = *pp != NULL ? opendir(*pp) : NULL;
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
	if (*pp != NULL)
		(void)rmdir(*pp);
	free(*pp);
	*pp = NULL;
}
