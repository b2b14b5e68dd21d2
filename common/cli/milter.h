/*
 * milter.h -- what the command says of holdfast-milter, out of state.db.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_MILTER_H
#define HOLDFAST_CLI_MILTER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/state_read.h"

struct cli;
struct out_table;

#define MILTER_SECOND	INT64_C(1000000)	/* `until' in state.db is in microseconds */

/* All rows of a table: EX_OK, and they are the caller's (state_free()); else it was told why. */
int	 milter_rows(struct cli *, enum state_table, struct state_row **, size_t *n);
const char *milter_text(const char *);		/* "-" for none */
void	 milter_cell_number(struct out_table *, int64_t);

/* How the milter is, as an object: running, pid, started, updated, version, rules; or error. */
json_t	*milter_status(struct cli *);
/* The same as lines of `holdfast status'. */
void	 milter_print_status(const struct cli *, const json_t *);

#endif
