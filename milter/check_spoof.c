/*
 * check_spoof.c -- a sender in a domain that is served here, from outside.
 *
 * Mail of our own domains does not come in by the backup MX: it comes from the primary, from clients
 * that have authenticated, or from networks that an exception for `spoof' lists. Only domains and
 * aliases of the rules count; one that is served because its MX names us is not known well enough.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>

#include "common/addr.h"
#include "common/idn.h"
#include "common/rules.h"
#include "milter/checks.h"
#include "milter/host.h"

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	char name[DNS_NAME_MAX], text[CHECK_TEXT_SIZE];
	const char *why;

	if (v->client_addr[0] == '\0' || v->auth[0] != '\0' ||
	    addr_parse_mailbox(v->sender, ADDR_UTF8, &why) != ADDR_OK ||
	    idn_to_dns(addr_domain(v->sender), name) == -1 ||
	    ruleset_domain(v->host->rules, name) == NULL)
		return 0;
	(void)snprintf(text, sizeof(text), "<%s>: Sender address rejected: not logged in", v->sender);
	host_act(&v->host->policy->spoof, "5.7.1", text, "sender in a domain served here", out);
	return 0;
}

const struct check check_spoof = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "spoof",
	.cost = COST_MEMORY,
	.on_fault = VERDICT_PASS,
	.at_rcpt = at_rcpt,
};
