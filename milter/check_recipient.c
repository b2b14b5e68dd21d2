/*
 * check_recipient.c -- does the recipient exist? (RFC 5321 3.3, 4.2.2)
 *
 * A backup MX that accepts unknown recipients has to bounce them later, to
 * senders that are mostly forged. So the list decides at RCPT; but only a list
 * that we have: no 550 ever comes from a missing one (RULES_UNSURE).
 *
 *	the list has it		pass
 *	the list has it not	550 5.1.1
 *	no list yet		450 4.1.1 where a list was promised (recipients = list);
 *				pass where none was (recipients = verify): the primary judges
 *	not an address		501 5.1.3
 *	UTF-8 without SMTPUTF8	553 5.6.7 (RFC 6531): it could not be delivered, and would have to bounce
 *
 * The words "<addr>: Recipient address rejected: User unknown" are those of
 * Postfix, so that fail2ban's stock filter finds them in the MTA's log; the
 * trace id that follows later does not disturb it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/checks.h"
#include "milter/host.h"

#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/rules.h"

/* Refuses with `<address>: Recipient address rejected: why'. */
static void
refuse(struct verdict *out, enum verdict_action action, int code, const char *dsn,
    const char *address, const char *why, const char *reason)
{
	char text[CHECK_TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "<%s>: Recipient address rejected: %s", address, why);
	check_verdict(out, action, code, dsn, text, reason);
}

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	const struct rules_domain *domain = NULL;
	const char *why;

	/* What cannot be quoted in a reply is not quoted: ADDR_BAD first. */
	switch (addr_parse_mailbox(v->rcpt, v->smtputf8 ? ADDR_UTF8 : 0, &why)) {
	case ADDR_OK:
		break;
	case ADDR_NEEDS_UTF8:
		check_reject(out, 553, "5.6.7",
		    "Recipient address rejected: non-ASCII address without SMTPUTF8", why);
		return 0;
	case ADDR_BAD:
		check_reject(out, 501, "5.1.3", "Bad recipient address syntax", why);
		return 0;
	}
	switch (ruleset_recipient(v->host->rules, v->rcpt, clock_wall(), &domain, NULL)) {
	case RULES_NOT_OURS:
	case RULES_KNOWN:
		return 0;
	case RULES_UNKNOWN:
		refuse(out, VERDICT_REJECT, 550, "5.1.1", v->rcpt, "User unknown",
		    "unknown recipient");
		return 0;
	case RULES_STALE:
		refuse(out, VERDICT_DEFER, 450, "4.1.1", v->rcpt, "User unknown to an old list",
		    "stale recipient list");
		return 0;
	case RULES_UNSURE:
		if (domain != NULL && domain->recipients == RECIPIENTS_LIST)
			refuse(out, VERDICT_DEFER, 450, "4.1.1", v->rcpt,
			    "recipient list not available", "no recipient list");
		return 0;
	}
	return -1;
}

const struct check check_recipient = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "recipient",
	.cost = COST_MEMORY,
	.on_fault = VERDICT_DEFER,
	.at_rcpt = at_rcpt,
};
