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

#endif
