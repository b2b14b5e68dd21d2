/*
 * primary.h -- what the `primary' sub-commands share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_PRIMARY_H
#define HOLDFAST_CLI_PRIMARY_H

struct cli;

/* The outages of a destination (NULL: of all) for people, each line after indent; the exit status. */
int	primary_print_history(struct cli *, const char *name, const char *indent);

#endif
