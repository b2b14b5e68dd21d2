/*
 * cli_run.c -- runs the command within a test and keeps what it printed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <sys/mman.h>

#include "common/cli/cli.h"
#include "test/unit/cli_run.h"

/* What goes to fd goes to a file in memory from here on. *keep: where it went. Returns the file. */
static int
divert(int fd, int *keep)
{
	int file = memfd_create("out", MFD_CLOEXEC);

	*keep = dup(fd);
	assert_true(*keep != -1 && file != -1);
	assert_true(dup2(file, fd) != -1);
	return file;
}

static void
restore(int fd, int keep, int file, struct buf *said)
{
	char piece[4096];
	ssize_t n;
	off_t at = 0;

	assert_true(dup2(keep, fd) != -1);
	(void)close(keep);
	while ((n = pread(file, piece, sizeof(piece), at)) > 0) {
		buf_put(said, piece, (size_t)n);
		at += n;
	}
	(void)close(file);
}

void
cli_run(struct cli_ran *r, const char *conf, const char *const *words)
{
	/* The command puts the words in another order, so what is to be freed is kept apart. */
	char *argv[CLI_RUN_ARGS] = { xstrdup("holdfast"), xstrdup("-c"), xstrdup(conf) }, *made[CLI_RUN_ARGS];
	int argc = 3, keep_out, keep_err, out, err;

	for (; *words != NULL; words++) {
		assert_true(argc < CLI_RUN_ARGS);
		argv[argc++] = xstrdup(*words);
	}
	for (int i = 0; i < argc; i++)
		made[i] = argv[i];
	r->out = r->err = (struct buf)BUF_INIT;
	(void)fflush(stdout);
	out = divert(STDOUT_FILENO, &keep_out);
	err = divert(STDERR_FILENO, &keep_err);
	r->status = cli_main(argc, argv);
	(void)fflush(stdout);
	restore(STDOUT_FILENO, keep_out, out, &r->out);
	restore(STDERR_FILENO, keep_err, err, &r->err);
	for (int i = 0; i < argc; i++)
		free(made[i]);
}

void
cli_ran_free(struct cli_ran *r)
{
	buf_free(&r->out);
	buf_free(&r->err);
}
