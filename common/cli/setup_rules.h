/*
 * setup_rules.h -- the domains of a setup, in rules.db.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_SETUP_RULES_H
#define HOLDFAST_CLI_SETUP_RULES_H

#include <stddef.h>
#include <stdint.h>

struct conf;
struct plan;
struct rules_route;
struct words;

/* What was asked for a domain. NULL: as it is, or the default. */
struct setup_domain {
	char	*name;		/* lower case */
	char	*primary;
	char	*recipients;	/* "list", "verify", "any" */
	char	*file;		/* with its recipients */
	/* of the step, see setup_rules.c */
	char	*rules_db, *size_limit;
	struct import *list;
};

/* Checks what was asked, and adds steps for what rules.db has not yet. all: gets the names of all
 * domains that there will be, aliases too. */
void	setup_rules_plan(const struct conf *, struct setup_domain *, size_t n, struct words *all,
	    struct plan *);
/* setup_size.c: the largest message that the primary takes, by its EHLO; 0: it does not say, or not
 * now. */
uint64_t setup_primary_size(const struct rules_route *, const char *hostname, const char *resolver);
void	setup_domain_clear(struct setup_domain *);

#endif
