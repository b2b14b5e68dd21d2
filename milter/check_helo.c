/*
 * check_helo.c -- what the client says of itself in HELO, and whether the DNS knows its address.
 *
 *	helo.required	nothing was said
 *	helo.syntax	neither a name nor an [address]
 *	helo.fqdn	a name without a dot
 *	helo.self	our own name or address, or a domain served here, by somebody who is not this host
 *	helo.rdns	no verified name: the address's PTR does not lead back to it, or there is none
 *
 * A client that has authenticated is somebody's mail program and is known by other means; a
 * message from this host itself has no client.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/rules.h"
#include "milter/checks.h"
#include "milter/helo.h"
#include "milter/host.h"
#include "milter/quote.h"

#define QUOTE_SIZE	200	/* of what is said back */

static void
found(const struct rules_act *act, const char *rule, const char *dsn, const char *text,
    const char *reason, struct verdict *out)
{
	struct verdict v = { .action = VERDICT_PASS };

	host_act(act, dsn, text, reason, &v);
	(void)snprintf(v.rule, sizeof(v.rule), "%s", rule);
	host_merge(out, &v);
}

static void
helo_found(const struct check_view *v, const struct rules_act *act, const char *rule, const char *dsn,
    const char *why, const char *reason, struct verdict *out)
{
	char text[CHECK_TEXT_SIZE], said[QUOTE_SIZE];

	(void)snprintf(text, sizeof(text), "<%s>: Helo command rejected: %s",
	    quote(said, sizeof(said), v->helo, strlen(v->helo)), why);
	found(act, rule, dsn, text, reason, out);
}

static bool
client_is_this_host(const char *addr)
{
	uint8_t a[16];
	int family = strchr(addr, ':') != NULL ? AF_INET6 : AF_INET;

	return inet_pton(family, addr, a) == 1 && hosts_own(family, a);
}

/* NULL: it claims nothing that is ours. */
static const char *
ours(const struct check_view *v, const struct helo *h)
{
	if (h->kind == HELO_LITERAL && hosts_own(h->addr.family, h->addr.addr))
		return "HELO is an address of ours";
	if (h->kind != HELO_NAME)
		return NULL;
	if (strcasecmp(h->name, v->host->hostname) == 0)
		return "HELO is our name";
	if (ruleset_domain(v->host->rules, h->name) != NULL)
		return "HELO is a domain served here";
	return NULL;
}

static void
judge_name(const struct check_view *v, const struct helo *h, struct verdict *out)
{
	const struct rules_policy *p = v->host->policy;
	const char *why;

	if (h->kind == HELO_NAME && !h->fqdn)
		helo_found(v, &p->helo_fqdn, "helo.fqdn", "5.5.2", "need fully-qualified hostname",
		    "HELO is no fully-qualified name", out);
	if (p->helo_self.verdict != RULES_OFF && (why = ours(v, h)) != NULL &&
	    !client_is_this_host(v->client_addr))
		helo_found(v, &p->helo_self, "helo.self", "5.7.1", "that is not you but this site", why, out);
}

static const struct helo *
facts(const struct check_view *v)
{
	if (*v->txn == NULL) {
		*v->txn = xcalloc(1, sizeof(struct helo));
		helo_parse(v->helo, *v->txn);
	}
	return *v->txn;
}

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	const struct rules_policy *p = v->host->policy;
	const struct helo *h = facts(v);
	char text[CHECK_TEXT_SIZE];

	if (v->client_addr[0] == '\0' || v->auth[0] != '\0')
		return 0;
	switch (h->kind) {
	case HELO_NONE:
		found(&p->helo_required, "helo.required", "5.5.1", "Error: send HELO/EHLO first", "no HELO",
		    out);
		break;
	case HELO_BAD:
		helo_found(v, &p->helo_syntax, "helo.syntax", "5.5.2", "Invalid name",
		    "HELO is neither a name nor an [address]", out);
		break;
	case HELO_NAME:
	case HELO_LITERAL:
		judge_name(v, h, out);
		break;
	}
	if (v->client_name[0] == '\0') {
		(void)snprintf(text, sizeof(text),
		    "Client host rejected: cannot find your hostname, [%s]", v->client_addr);
		found(&p->helo_rdns, "helo.rdns", "5.7.25", text, "the client has no verified name", out);
	}
	return 0;
}

const struct check check_helo = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "helo",
	.cost = COST_MEMORY,
	.on_fault = VERDICT_PASS,
	.at_rcpt = at_rcpt,
	.end_txn = free,
};
