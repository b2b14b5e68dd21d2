/*
 * capture.h -- what is written to standard error in between, for tests of log lines.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_CAPTURE_H
#define HOLDFAST_TEST_CAPTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"

struct capture {
	FILE	*file;
	int	 saved;		/* the real one */
};

static inline void
capture_begin(struct capture *c)
{
	(void)fflush(stderr);
	c->file = tmpfile();
	c->saved = dup(STDERR_FILENO);
	if (c->file == NULL || c->saved == -1 || dup2(fileno(c->file), STDERR_FILENO) == -1)
		abort();
}

/* Caller frees. */
static inline char *
capture_end(struct capture *c)
{
	struct buf b = BUF_INIT;
	char piece[4096];
	size_t n;

	(void)fflush(stderr);
	(void)dup2(c->saved, STDERR_FILENO);
	(void)close(c->saved);
	rewind(c->file);
	while ((n = fread(piece, 1, sizeof(piece), c->file)) > 0)
		buf_put(&b, piece, n);
	(void)fclose(c->file);
	(void)fwrite(buf_str(&b), 1, b.len, stderr);	/* for who reads the test's log */
	buf_putc(&b, '\0');
	return buf_take(&b);
}

#endif
