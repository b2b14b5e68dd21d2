/*
 * plugin_lab.h -- puts the checks from outside that plugin_object.c makes into a directory.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_PLUGIN_LAB_H
#define HOLDFAST_TEST_PLUGIN_LAB_H

#include "test/unit/core.h"

#include <sys/stat.h>

#include <fcntl.h>

#include "common/buf.h"

#define PLUGIN_OBJECTS	"test/unit/plugins"	/* in the build's directory, where tests run */

static inline void
plugin_lab_put(const char *dir, const char *name, const void *data, size_t len, mode_t mode)
{
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd != -1);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

/* The object of that kind, by this name. */
static inline void
plugin_lab_copy(const char *kind, const char *dir, const char *name, mode_t mode)
{
	char path[512], piece[8192];
	struct buf b = BUF_INIT;
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), PLUGIN_OBJECTS "/%s.so", kind);
	if ((f = fopen(path, "r")) == NULL)
		fail_msg("%s is missing: run it by `make check'", path);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_put(&b, piece, n);
	(void)fclose(f);
	plugin_lab_put(dir, name, b.data, b.len, mode);
	buf_free(&b);
}

#endif
