/*
 * check_sender.c -- is the sender an address at all?
 *
 *	sender.syntax	501 5.1.7 when it rejects; 553 5.6.7 for UTF-8 without SMTPUTF8 (RFC 6531)
 *	sender.fqdn	its domain has no dot
 *
 * The null sender is always right. What is no address is not quoted back.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "common/idn.h"
#include "milter/checks.h"
#include "milter/host.h"

static void
found(const struct rules_act *act, const char *rule, int code, const char *dsn, const char *text,
    const char *reason, struct verdict *out)
{
	host_act(act, dsn, text, reason, out);
	if (out->action == VERDICT_REJECT)
		out->code = code;
	(void)snprintf(out->rule, sizeof(out->rule), "%s", rule);
}

static bool
is_fqdn(const char *domain)
{
	char name[DNS_NAME_MAX];

	return domain[0] == '[' || strchr(domain, '.') != NULL ||
	    /* other scripts have dots of their own */
	    (idn_to_dns(domain, name) == 0 && strchr(name, '.') != NULL);
}

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	const struct rules_policy *p = v->host->policy;
	char text[CHECK_TEXT_SIZE];
	const char *why;

	switch (addr_parse_mailbox(v->sender, ADDR_NULL | (v->smtputf8 ? ADDR_UTF8 : 0), &why)) {
	case ADDR_OK:
		break;
	case ADDR_NEEDS_UTF8:
		found(&p->sender_syntax, "sender.syntax", 553, "5.6.7",
		    "Sender address rejected: non-ASCII address without SMTPUTF8", why, out);
		return 0;
	case ADDR_BAD:
		found(&p->sender_syntax, "sender.syntax", 501, "5.1.7", "Bad sender address syntax", why,
		    out);
		return 0;
	}
	if (v->sender[0] != '\0' && !is_fqdn(addr_domain(v->sender))) {
		(void)snprintf(text, sizeof(text),
		    "<%s>: Sender address rejected: need fully-qualified address", v->sender);
		found(&p->sender_fqdn, "sender.fqdn", 550, "5.5.2", text,
		    "the sender's domain has no dot", out);
	}
	return 0;
}

const struct check check_sender = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "sender",
	.cost = COST_MEMORY,
	.on_fault = VERDICT_PASS,
	.at_rcpt = at_rcpt,
};
