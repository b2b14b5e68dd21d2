/*
 * core.h -- cmocka with what it needs before it, and a scratch directory.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_CORE_H
#define HOLDFAST_TEST_CORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))

/* For cmocka's group fixtures: *state is the directory's path. */
static inline int
scratch_setup(void **state)
{
	const char *base = getenv("TMPDIR");
	char *path = NULL;

	if (asprintf(&path, "%s/holdfast.XXXXXX", base != NULL ? base : "/tmp") == -1)
		return -1;
	if (mkdtemp(path) == NULL) {
		free(path);
		return -1;
	}
	*state = path;
	return 0;
}

static inline int
scratch_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int
scratch_teardown(void **state)
{
	int rc = nftw(*state, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);

	free(*state);
	return rc;
}

#endif
