/*
 * rules_answer.h -- what a client hears about a recipient that is not accepted.
 *
 * The milter says it, `holdfast recipient explain' foretells it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_ANSWER_H
#define HOLDFAST_RULES_ANSWER_H

#include "common/rules.h"

struct rules_refusal {
	int		 code;		/* 550, 450 */
	const char	*dsn;
	const char	*text;		/* what stands in RULES_REFUSAL behind the address */
	const char	*reason;	/* for the log */
};

/* The reply's text: address, refusal->text. The words are Postfix's, which fail2ban's stock filter knows. */
#define RULES_REFUSAL	"<%s>: Recipient address rejected: %s"

/* The answer and the domain are ruleset_recipient()'s. NULL: it is no refusal. */
const struct rules_refusal *rules_refusal(enum rules_answer, const struct rules_domain *);

#endif
