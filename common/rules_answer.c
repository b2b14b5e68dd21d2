/*
 * rules_answer.c -- what a client hears about a recipient that is not accepted.
 *
 *	the list has it not		550 5.1.1
 *	the list has it not, and is old	450 4.1.1
 *	no list yet			450 4.1.1 where one was promised (recipients = list);
 *					nothing where none was (verify): the primary judges
 *
 * "User unknown" only where that is certain: fail2ban counts it against the client, whatever the code.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_answer.h"

static const struct rules_refusal unknown = { 550, "5.1.1", "User unknown", "unknown recipient" };
static const struct rules_refusal stale = { 450, "4.1.1", "recipient list too old",
	"stale recipient list" };
static const struct rules_refusal none = { 450, "4.1.1", "recipient list not available",
	"no recipient list" };

const struct rules_refusal *
rules_refusal(enum rules_answer answer, const struct rules_domain *domain)
{
	switch (answer) {
	case RULES_NOT_OURS:
	case RULES_KNOWN:
		return NULL;
	case RULES_UNKNOWN:
		return &unknown;
	case RULES_STALE:
		return &stale;
	case RULES_UNSURE:
		return domain->recipients == RECIPIENTS_LIST ? &none : NULL;
	}
	return NULL;
}
