/*
 * check_spf.c -- may the client send for the sender's domain, and is it the host it says it is?
 * (RFC 7208)
 *
 * Both identities are asked about once a message, at the same time; what a result amounts to is
 * each recipient's policy:
 *
 *	fail		550 5.7.23	(RFC 7372)
 *	softfail, …	points, as a rule
 *	permerror	550 5.7.24, if it is to be refused
 *	temperror	451 4.4.3; never 5xx, it may be our own fault (P3)
 *
 * The null sender is the client itself (2.4): then HELO's result is the message's, and a fail is
 * judged by spf.helo_fail. Mail from this host, and from users who have authenticated
 * themselves, is nobody's forgery and not asked about.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/check_spf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "milter/authres.h"
#include "milter/checks.h"
#include "milter/host.h"
#include "milter/service.h"

/* --- facts ------------------------------------------------------------------------ */

static bool
concerns_us(const struct check_view *v)
{
	return v->client_addr[0] != '\0' && strncmp(v->client_addr, "127.", 4) != 0 &&
	    strcmp(v->client_addr, "::1") != 0 && v->auth[0] == '\0';
}

/* Whom we cannot ask has not said that all is well. */
static void
no_process(struct spf_answer a[2])
{
	for (size_t i = 0; i < 2; i++) {
		a[i].result = SPF_TEMPERROR;
		(void)snprintf(a[i].why, sizeof(a[i].why), "%s", "the SPF process was not started");
	}
}

static struct spf_facts *
ask(struct spf *spf, const struct check_view *v)
{
	struct spf_query q[2] = { { v->client_addr, v->helo, NULL }, { v->client_addr, v->helo, v->sender } };
	struct spf_facts *f = xcalloc(1, sizeof(*f));
	struct spf_answer a[2];

	memset(a, 0, sizeof(a));
	f->has_sender = v->sender[0] != '\0';
	if (spf != NULL)
		spf_check(spf, q, f->has_sender ? 2 : 1, SPF_TIMEOUT, a);
	else
		no_process(a);
	f->helo = a[0];
	f->sender = a[1];
	return f;
}

const struct spf_facts *
check_spf_facts(const void *txn)
{
	return txn;
}

enum spf_result
check_spf_result(const struct spf_facts *f)
{
	return f->has_sender ? f->sender.result : f->helo.result;
}

/* The sender with its domain in A-labels, if there is one. */
static char *
in_ascii(const struct spf_answer *a, const char *sender)
{
	size_t local = addr_local_len(sender);

	if (a->domain[0] == '\0')
		return xstrdup(sender);
	return xasprintf("%.*s@%s", (int)local, sender, a->domain);
}

char *
check_spf_header(const struct spf_facts *f, const char *hostname, const char *sender)
{
	struct buf b = BUF_INIT;
	char *address;

	authres_begin(&b, hostname);
	if (f->has_sender) {
		address = in_ascii(&f->sender, sender);
		authres_spf(&b, f->sender.result, "mailfrom", address);
		free(address);
	}
	if (!f->has_sender || f->helo.domain[0] != '\0')
		authres_spf(&b, f->helo.result, "helo", f->helo.domain);
	return buf_take(&b);
}

/* --- verdicts --------------------------------------------------------------------- */

/* What is wrong, in words. */
static void
explain(const struct check_view *v, bool helo, const struct spf_answer *a, struct buf *out)
{
	const char *domain = a->domain[0] != '\0' ? a->domain : "it";

	if (a->why[0] != '\0') {
		buf_printf(out, "%s%s%s", a->domain, a->domain[0] != '\0' ? ": " : "", a->why);
		return;
	}
	switch (a->result) {
	case SPF_NONE:
		buf_printf(out, "%s has no policy", domain);
		break;
	case SPF_NEUTRAL:
		buf_printf(out, "%s does not say whether client [%s] may send", domain, v->client_addr);
		break;
	case SPF_PASS:
	case SPF_FAIL:
	case SPF_SOFTFAIL:
	case SPF_TEMPERROR:
	case SPF_PERMERROR:
		buf_printf(out, "client [%s] %s %s %s", v->client_addr,
		    a->result == SPF_SOFTFAIL ? "should not" : "may not", helo ? "be" : "send for", domain);
		break;
	}
}

/* "<ann@example.org>: Sender address rejected: …", "<host.example.org>: Helo command rejected: …" */
static char *
say(const struct check_view *v, bool helo, const struct spf_answer *a)
{
	const char *who = helo ? a->domain : v->sender, *why;
	struct buf text = BUF_INIT;

	/* What cannot be quoted in a reply is not quoted. */
	if (helo ? who[0] != '\0' : addr_parse_mailbox(who, ADDR_UTF8, &why) == ADDR_OK)
		buf_printf(&text, "<%s>: ", who);
	buf_printf(&text, "%s rejected: SPF %s: ", helo ? "Helo command" : "Sender address",
	    spf_result_name(a->result));
	explain(v, helo, a, &text);
	return buf_take(&text);
}

static const struct rules_act *
act_of(const struct rules_policy *p, bool helo, enum spf_result r)
{
	switch (r) {
	case SPF_FAIL:
		return helo ? &p->spf_helo_fail : &p->spf_fail;
	case SPF_SOFTFAIL:
		return &p->spf_softfail;
	case SPF_NEUTRAL:
		return &p->spf_neutral;
	case SPF_NONE:
		return &p->spf_none;
	case SPF_PERMERROR:
		return &p->spf_permerror;
	case SPF_TEMPERROR:
		return &p->spf_temperror;
	case SPF_PASS:
		break;
	}
	return NULL;
}

/* The class is host_act()'s to choose. */
static const char *
dsn_of(enum spf_result r)
{
	switch (r) {
	case SPF_FAIL:
	case SPF_SOFTFAIL:
		return "5.7.23";
	case SPF_PERMERROR:
		return "5.7.24";
	case SPF_TEMPERROR:
		return "5.4.3";
	case SPF_NONE:
	case SPF_NEUTRAL:
	case SPF_PASS:
		break;
	}
	return "5.7.1";
}

static void
judge(const struct check_view *v, bool helo, const struct spf_answer *a, struct verdict *into)
{
	const struct rules_act *rule = act_of(v->host->policy, helo, a->result);
	char reason[CHECK_REASON_SIZE], *text;
	struct verdict found;
	struct rules_act act;

	if (rule == NULL)
		return;
	act = *rule;
	if (a->result == SPF_TEMPERROR && act.verdict == RULES_REJECT)
		act.verdict = RULES_DEFER;
	text = say(v, helo, a);
	(void)snprintf(reason, sizeof(reason), "SPF %s%s%s%s", helo ? "HELO " : "", spf_result_name(a->result),
	    a->why[0] != '\0' ? ": " : "", a->why);
	memset(&found, 0, sizeof(found));
	host_act(&act, dsn_of(a->result), text, reason, &found);
	if (a->result == SPF_TEMPERROR && found.action == VERDICT_DEFER)
		found.code = 451;
	host_merge(into, &found);
	free(text);
}

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	const struct spf_facts *f;

	if (v->host->service == NULL || !concerns_us(v))
		return 0;
	if (*v->txn == NULL)
		*v->txn = ask(service_spf(v->host->service), v);
	f = *v->txn;
	if (f->has_sender && f->helo.result == SPF_FAIL)
		judge(v, true, &f->helo, out);
	judge(v, !f->has_sender, f->has_sender ? &f->sender : &f->helo, out);
	return 0;
}

const struct check check_spf = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "spf",
	.cost = COST_DNS,
	.on_fault = VERDICT_DEFER,
	.at_rcpt = at_rcpt,
	.end_txn = free,
};
