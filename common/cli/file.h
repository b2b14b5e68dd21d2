/*
 * file.h -- reads and replaces configuration files as root safely may.
 *
 * No link is followed at the end of a path, a file is replaced whole or not at
 * all, and a reader sees the old or the new one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_FILE_H
#define HOLDFAST_CLI_FILE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

#define FILE_READ_MAX	(32u * 1024 * 1024)	/* octets of a file that is read */

struct file_owner {
	mode_t	mode;	/* permissions alone */
	uid_t	uid;
	gid_t	gid;
};

enum file_found { FILE_THERE, FILE_NONE, FILE_BAD };

/* The bytes are appended. FILE_BAD: *why (caller frees) says why: a link, no regular file, … owner
 * may be NULL. */
enum file_found	 file_read(const char *path, struct buf *, struct file_owner *owner, char **why);
/* 0, or -1 with *why and the old file as it was. */
int		 file_write(const char *path, const void *data, size_t, const struct file_owner *,
		    char **why);
bool		 file_in(const char *dir, const char *name);	/* is it there? */
/* One that is not there is no failure. */
int		 file_remove(const char *path, char **why);

/* A folder and those above it (root's, 0755). One that is there gets mode and owner. */
int		 file_make_dir(const char *path, const struct file_owner *, char **why);
enum file_found	 file_find_dir(const char *path, struct file_owner *, char **why);

/* A new private folder under /tmp (TMPDIR is not asked). Caller frees the name. */
char		*file_temporary(char **why);
/* Removes a folder and what it holds, no folders among it. */
void		 file_remove_temporary(char **path);

#endif
