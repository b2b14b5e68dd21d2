/*
 * core.h -- cmocka with what it needs before it, a scratch directory, files of the source tree.
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

#include <sys/stat.h>

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

/* A file of the source tree as text; the test fails without it. Caller frees. */
static inline char *
source_text(const char *name)
{
	const char *top = getenv("top_srcdir");
	char *path = NULL, *text;
	struct stat st;
	FILE *f;

	assert_true(asprintf(&path, "%s/%s", top != NULL ? top : ".", name) != -1);
	if ((f = fopen(path, "r")) == NULL || fstat(fileno(f), &st) == -1)
		fail_msg("%s: cannot be read", path);
	text = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)st.st_size, f), st.st_size);
	(void)fclose(f);
	free(path);
	return text;
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
