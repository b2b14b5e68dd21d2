/*
 * check_sender_domain.c -- could the sender's domain be answered at all?
 *
 *	sender_domain.missing		neither MX nor address, or no MX host has one
 *	sender_domain.null_mx		it says that it takes no mail (RFC 7505)
 *	sender_domain.temperror		the DNS does not say: 451 4.4.3 even where it is to reject (P3)
 *
 * Asked once a message, at its first recipient that exists.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/idn.h"
#include "milter/checks.h"
#include "milter/host.h"
#include "milter/mail_domain.h"
#include "milter/service.h"

#define BUDGET	3000	/* ms of all look-ups for one message */

struct facts {
	enum mail_domain answer;
	char		 why[MAIL_DOMAIN_WHY];
};

static const struct facts *
facts(const struct check_view *v)
{
	char name[DNS_NAME_MAX];
	struct facts *f = *v->txn;

	if (f != NULL)
		return f;
	f = *v->txn = xcalloc(1, sizeof(*f));
	if (idn_to_dns(addr_domain(v->sender), name) == 0) {
		f->answer = mail_domain_ask(service_dns(v->host->service), name, BUDGET, f->why);
	} else {
		f->answer = MAIL_DOMAIN_MISSING;
		(void)snprintf(f->why, sizeof(f->why), "no name that the DNS could have");
	}
	return f;
}

static void
found(const struct check_view *v, const struct rules_act *act, const char *rule, const char *dsn,
    const char *words, const char *reason, struct verdict *out)
{
	char text[CHECK_TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "<%s>: Sender address rejected: %s", v->sender, words);
	host_act(act, dsn, text, reason, out);
	(void)snprintf(out->rule, sizeof(out->rule), "%s", rule);
}

/* Our own DNS may be what fails: nobody is refused for good. */
static void
unknown(const struct check_view *v, const char *reason, struct verdict *out)
{
	struct rules_act act = v->host->policy->sender_domain_temperror;

	if (act.verdict == RULES_REJECT)
		act.verdict = RULES_DEFER;
	found(v, &act, "sender_domain.temperror", "5.4.3", "Domain lookup failed, try again later", reason,
	    out);
	if (out->action == VERDICT_DEFER)
		out->code = 451;
}

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	const struct rules_policy *p = v->host->policy;
	const char *domain = addr_domain(v->sender), *why;
	char words[ADDR_DOMAIN_MAX + 64];
	const struct facts *f;

	if (v->host->service == NULL || domain[0] == '\0' || domain[0] == '[' ||
	    addr_parse_mailbox(v->sender, ADDR_UTF8, &why) != ADDR_OK)
		return 0;
	f = facts(v);
	switch (f->answer) {
	case MAIL_DOMAIN_GOOD:
		break;
	case MAIL_DOMAIN_MISSING:
		found(v, &p->sender_domain_missing, "sender_domain.missing", "5.1.8", "Domain not found",
		    f->why, out);
		break;
	case MAIL_DOMAIN_NULL_MX:
		(void)snprintf(words, sizeof(words), "Domain %s does not accept mail (nullMX)", domain);
		found(v, &p->sender_domain_null_mx, "sender_domain.null_mx", "5.7.27", words, f->why, out);
		break;
	case MAIL_DOMAIN_UNKNOWN:
		unknown(v, f->why, out);
		break;
	}
	return 0;
}

const struct check check_sender_domain = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "sender_domain",
	.cost = COST_DNS,
	.on_fault = VERDICT_PASS,
	.at_rcpt = at_rcpt,
	.end_txn = free,
};
