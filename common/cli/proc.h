/*
 * proc.h -- runs another program and waits for it: no shell, a fixed PATH, an
 * empty environment, a time limit.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_PROC_H
#define HOLDFAST_CLI_PROC_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

#define PROC_PATH	"/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
#define PROC_SECONDS	60	/* unless told otherwise */
#define PROC_OUTPUT_MAX	(16u * 1024 * 1024)	/* octets of output that are kept */

struct proc {
	const char *const *argv;	/* NULL ends; argv[0] is looked for in PROC_PATH */
	const char	*input;		/* on its standard input; NULL: nothing */
	size_t		 input_len;
	unsigned	 seconds;	/* then it is killed; 0: PROC_SECONDS */
	/* what came of it */
	struct buf	 out, err;	/* standard output and error */
	int		 status;	/* exit status; -1 it did not run or was killed */
	char		*why;		/* in words, unless it ended with 0 */
};

/* Did it end with 0? The results are to be cleared in either case. */
bool	 proc_run(struct proc *);
void	 proc_clear(struct proc *);

/* "postfix reload", for people. Caller frees. */
char	*proc_words(const char *const *argv);
/* The path of a program in PROC_PATH, NULL if there is none. Caller frees. */
char	*proc_find(const char *name);
/* One of our own programs: beside this one, in sbindir, or in PROC_PATH. Caller frees. */
char	*proc_find_own(const char *name);

#endif
