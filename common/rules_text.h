/*
 * rules_text.h -- the words of rules.db and of the command's options.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_TEXT_H
#define HOLDFAST_RULES_TEXT_H

#include "common/rules.h"

const char	*rules_tls_name(enum rules_tls);		/* "off", "may", … */
int		 rules_tls_parse(const char *, enum rules_tls *);	/* -1: no such word */
const char	*rules_recipients_name(enum rules_recipients);	/* "list", "verify", "any" */
int		 rules_recipients_parse(const char *, enum rules_recipients *);
const char	*rules_client_name(enum rules_client);		/* "none", "xforward", "xclient" */
int		 rules_client_parse(const char *, enum rules_client *);
const char	*rules_bounce_name(enum rules_bounce);		/* "spf-pass", "never" */
int		 rules_bounce_parse(const char *, enum rules_bounce *);
const char	*rules_end_name(enum schedule_end);		/* "quarantine", "bounce", "hold" */
int		 rules_end_parse(const char *, enum schedule_end *);
const char	*rules_derived_name(enum rules_derived);	/* "always", "never" */
int		 rules_derived_parse(const char *, enum rules_derived *);	/* not DERIVED_ASK */

/*
 * Names and addresses as rows have them: lower case, a name without a dot at its end, a local part
 * without quotes that it does not need. False: longer than any row's; key is "" then.
 */
#define RULES_KEY_SIZE	512
bool		 rules_key(const char *, char key[RULES_KEY_SIZE]);
/* The same in place. */
void		 rules_key_lower(char *);

/* Is this how a domain's name is kept: valid, in lower case? 0, or -1 with *why (static). */
int		 rules_name_check(const char *, const char **why);

#endif
