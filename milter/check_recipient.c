/*
 * check_recipient.c -- does the recipient exist? (RFC 5321 3.3, 4.2.2)
 *
 * A backup MX that accepts unknown recipients has to bounce them later, to
 * senders that are mostly forged. So the list decides at RCPT; but only a list
 * that we have and may believe: no 550 ever comes from a missing one or an old
 * one. rules_answer.c has the replies; what is no address gets 501 5.1.3, and an
 * address in UTF-8 without SMTPUTF8 553 5.6.7 (RFC 6531): it could not be
 * delivered, and would have to bounce.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/checks.h"
#include "milter/host.h"

#include <stdio.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/rules_answer.h"

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	const struct rules_domain *domain = NULL;
	const struct rules_refusal *r;
	enum rules_answer answer;
	char text[CHECK_TEXT_SIZE];
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
	answer = ruleset_recipient(v->host->rules, v->rcpt, clock_wall(), &domain, NULL);
	if ((r = rules_refusal(answer, domain)) == NULL)
		return 0;
	/* The trace id that follows later does not disturb fail2ban. */
	(void)snprintf(text, sizeof(text), RULES_REFUSAL, v->rcpt, r->text);
	check_verdict(out, r->code < 500 ? VERDICT_DEFER : VERDICT_REJECT, r->code, r->dsn, text,
	    r->reason);
	return 0;
}

const struct check check_recipient = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "recipient",
	.cost = COST_MEMORY,
	.on_fault = VERDICT_DEFER,
	.at_rcpt = at_rcpt,
};
