/*
 * access.h -- how sub-commands reach rules.db and holdfast-queued.
 *
 * Each function tells the user what failed and gives the exit status.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_ACCESS_H
#define HOLDFAST_CLI_ACCESS_H

#include <jansson.h>
#include <stddef.h>

#include "common/rules.h"
#include "common/rules_edit.h"

struct cli;
struct control;

/* rules.db to read: EX_OK and *set, the caller's reference. */
int	cli_rules(struct cli *, struct ruleset **set);
/* … and what may be asked for it. */
int	cli_rules_open(struct cli *, struct rules **);
/* rules.db to change. */
int	cli_edit(struct cli *, struct rules_edit **);
/* Tells *why (and frees it); the exit status for that result. By address, so that the call that
 * sets it may stand in the same argument list. */
int	cli_edit_failed(enum rules_edit_result, char **why);

/* After a change: closes, and gives the status back; but if it was made and the daemons refuse the file
 * because of another row, tells that, and EX_CONFIG. */
int	cli_edit_close(struct cli *, struct rules_edit **, int status);

/* The same as cli_edit_failed() of functions that read the file as it stands: if it cannot be used, EX_CONFIG. */
int	cli_read_failed(enum rules_edit_result, char **why);

/* holdfast-queued. */
int	cli_connect(struct cli *, struct control **);
/* One command; the request's reference is stolen. *last (may be NULL) gets the closing line. */
int	cli_call(struct control *, json_t *request, void (*line)(void *, json_t *),
	    void (*data)(void *, const char *, size_t), void *arg, json_t **last);
/* cli_connect() and cli_call() for commands that send just one. */
int	cli_ask(struct cli *, json_t *request, void (*line)(void *, json_t *), void *arg,
	    json_t **last);

#endif
