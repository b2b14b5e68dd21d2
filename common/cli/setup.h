/*
 * setup.h -- what the files of `holdfast setup' share: the answers, and what was found.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_SETUP_H
#define HOLDFAST_CLI_SETUP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/cli/setup_rules.h"
#include "common/cli/words.h"

struct cli;
struct postfix;

enum setup_mta { MTA_NONE, MTA_POSTFIX, MTA_SENDMAIL };

struct setup {
	struct cli	*cli;
	bool		 yes, dry_run, start;
	enum setup_mta	 mta;
	char		*mta_dir;	/* of main.cf or sendmail.mc */
	struct postfix	*postfix;	/* MTA_POSTFIX */
	char		*hostname;
	struct setup_domain *domain;
	size_t		 ndomains;
	char		*record_dir;
};

/* --- setup_mta.c --------------------------------------------------------- */
/* Which MTA is here: as the option says, or what is found. EX_OK, or told. */
int	setup_find_mta(struct setup *, const char *option, const char *dir);
const char *setup_mta_name(enum setup_mta);

/* --- setup_ask.c --------------------------------------------------------- */
/* Asks for what the options leave open, when there is somebody to ask. EX_OK, or told. */
int	setup_ask(struct setup *);
/* The best mail server of a domain by its MX that is not this host; NULL: not known. Caller frees.
 */
char	*setup_find_primary(const char *domain, const char *hostname, const char *resolver);

/* --- setup_undo.c -------------------------------------------------------- */
int	setup_undo(const struct setup *);

#endif
