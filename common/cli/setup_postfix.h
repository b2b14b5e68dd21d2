/*
 * setup_postfix.h -- what must change in a Postfix for Holdfast to work beside it.
 *
 * The decision is a pure function of what postconf says and what is wished; the
 * new main.cf is then made by postconf itself on a copy.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_SETUP_POSTFIX_H
#define HOLDFAST_CLI_SETUP_POSTFIX_H

#include <stdint.h>

#include "common/cli/words.h"

struct endpoint;
struct plan;
struct postfix;

struct postfix_wish {
	struct words	 domains;	/* all that Holdfast will serve */
	char		*milter;	/* "unix:holdfast/milter.sock" */
	char		*lmtp;		/* "lmtp:unix:holdfast/queued.sock" */
	char		*rules_db;
	uint64_t	 size;		/* largest message */
};

struct postfix_decision {
	struct words	 set;		/* "name = value", for postconf -e */
	bool		 sqlite;	/* the tables are sqlite's, else lists that are rewritten */
	bool		 transport;	/* a table for transport_maps is needed */
	bool		 recipients;	/* and one for relay_recipient_maps */
};

/* lookup as in postfix.h. What stands in the way is a problem of the plan, what is odd a note. */
void setup_postfix_decide(const struct postfix *, const struct postfix_wish *,
    bool (*lookup)(void *, const char *, const char *), void *arg, struct postfix_decision *,
    struct plan *);
/* The steps: tables, main.cf, check, reload. reload: false leaves that to the administrator. */
void	 setup_postfix_plan(struct postfix *, const struct postfix_wish *, bool reload,
	    struct plan *);
/* How Postfix names a socket: relative to its queue if it lies there. Caller frees. */
char	*setup_postfix_socket(const struct endpoint *, const char *queue_directory);
void	 postfix_wish_clear(struct postfix_wish *);

#endif
