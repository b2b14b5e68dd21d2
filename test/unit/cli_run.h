/*
 * cli_run.h -- runs the command within a test and keeps what it printed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_CLI_RUN_H
#define HOLDFAST_TEST_CLI_RUN_H

#include "common/buf.h"

#define CLI_RUN_ARGS	16

struct cli_ran {
	int		status;
	struct buf	out, err;
};

/* With this holdfast.conf; NULL ends the words. */
void	cli_run(struct cli_ran *, const char *conf, const char *const *words);
void	cli_ran_free(struct cli_ran *);

#endif
