/*
 * check_dnsbl.c -- what DNS lists say of the client, its names and the sender's domain (rules: kind `dnsbl').
 *
 * The client's address and name are known at the connection: the lists are asked then, and have
 * dnsbl.wait seconds from there, while the client says HELO and MAIL. HELO and the sender's domain are
 * asked for at the first RCPT of each message, all at once, and have as long from there. At RCPT the
 * answers are collected; they hold for the rest of the connection, or message. Each row is judged for
 * each recipient: points add up, the gravest verdict counts.
 *
 * Not asked: for private addresses, and in zones that are off (dnsbl.c). Clients that have authenticated are
 * not judged: dynamic addresses are their home.
 *
 * A refusal says 554 5.7.1 in Postfix's words: stock fail2ban looks for them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "common/addr.h"
#include "milter/checks.h"
#include "milter/dnsbl.h"
#include "milter/dnsbl_ask.h"
#include "milter/host.h"
#include "milter/quote.h"
#include "milter/service.h"

#include <string.h>

#define QUOTE_SIZE	160	/* of what is said back */

static bool
of_connection(const struct rules_dnsbl *row)
{
	return row->what == DNSBL_CLIENT || row->what == DNSBL_CLIENT_NAME;
}

static const char *
subject(const struct check_view *v, enum rules_dnsbl_what what)
{
	switch (what) {
	case DNSBL_CLIENT:
		return v->client_addr;
	case DNSBL_CLIENT_NAME:
		return v->client_name;
	case DNSBL_HELO:
		return v->helo;
	case DNSBL_SENDER_DOMAIN:
		return addr_domain(v->sender);
	}
	return "";
}

/* Puts the questions of the rows that were not put yet. */
static struct dnsbl_asked *
ask(const struct check_view *v, bool connection)
{
	const struct rules_policy *p = v->host->policy;
	const struct dnsbl_limits limits = { p->dnsbl_failures, (int64_t)p->dnsbl_pause * 1000 };
	void **slot = connection ? v->conn : v->txn;
	const struct ruleset *rules = v->host->rules;

	if (*slot == NULL)
		*slot = dnsbl_asked_new(service_dnsbl(v->host->service), &limits, v->dry);
	for (size_t i = 0; i < ruleset_ndnsbls(rules); i++) {
		const struct rules_dnsbl *row = ruleset_dnsbl_at(rules, i);

		if (of_connection(row) == connection)
			dnsbl_ask(*slot, row->zone, row->what, subject(v, row->what),
			    (int64_t)p->dnsbl_wait * 1000);
	}
	return *slot;
}

static bool
asks(const struct check_view *v)
{
	return v->host->service != NULL && ruleset_ndnsbls(v->host->rules) > 0 &&
	    v->client_addr[0] != '\0' && v->auth[0] == '\0';
}

static void
at_connect(const struct check_view *v)
{
	if (asks(v))
		(void)ask(v, true);
}

/* --- what it amounts to ----------------------------------------------------------------------- */

/* The answer of the row's zone by which it counts. */
static bool
listed(const struct rules_dnsbl *row, const struct dnsbl_asked *asked, uint32_t *by)
{
	const uint32_t *addr;
	size_t n = dnsbl_answers(asked, row->zone, row->what, &addr);

	for (size_t i = 0; i < n; i++)
		if (rules_dnsbl_counts(row, addr[i])) {
			*by = addr[i];
			return true;
		}
	return false;
}

static void
words(const struct check_view *v, const struct rules_dnsbl *row, const char *said,
    char text[CHECK_TEXT_SIZE])
{
	static const char *const class[] = { "Client host", "Client host", "Helo command", "Sender address" };
	const char *what = row->what == DNSBL_SENDER_DOMAIN ? v->sender : subject(v, row->what);
	char quoted[QUOTE_SIZE];

	(void)snprintf(text, CHECK_TEXT_SIZE, "Service unavailable; %s [%s] blocked using %s%s%s",
	    class[row->what], quote(quoted, sizeof(quoted), what, strlen(what)), row->zone,
	    *said != '\0' ? "; " : "", said);
}

static void
judge(const struct check_view *v, const struct rules_dnsbl *row, struct dnsbl_asked *asked,
    struct verdict *out)
{
	struct verdict found = { .action = VERDICT_PASS };
	char text[CHECK_TEXT_SIZE], reason[CHECK_REASON_SIZE], addr[INET_ADDRSTRLEN];
	bool refuses = row->act.verdict == RULES_REJECT && row->mode == MODE_ENFORCE;
	uint32_t by;

	if (listed(row, asked, &by)) {
		by = htonl(by);
		(void)snprintf(reason, sizeof(reason), "listed at %.90s (%s)", row->zone,
		    inet_ntop(AF_INET, &by, addr, sizeof(addr)));
		/* The list's words cost another look-up: for him who is sent away by them. */
		words(v, row, refuses && out->action < VERDICT_REJECT ?
		    dnsbl_text(asked, row->zone, row->what) : "", text);
		host_act(&row->act, "5.7.1", text, reason, &found);
		if (found.action == VERDICT_REJECT)
			found.code = 554;
	}
	host_rule(v, row->mode, row->name, &found, out);
}

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	struct dnsbl_asked *conn, *txn;

	if (!asks(v))
		return 0;
	conn = ask(v, true);
	txn = ask(v, false);
	dnsbl_collect(conn);
	dnsbl_collect(txn);
	for (size_t i = 0; i < ruleset_ndnsbls(v->host->rules); i++) {
		const struct rules_dnsbl *row = ruleset_dnsbl_at(v->host->rules, i);

		judge(v, row, of_connection(row) ? conn : txn, out);
	}
	return 0;
}

static void
forget(void *asked)
{
	struct dnsbl_asked *a = asked;

	dnsbl_asked_free(&a);
}

const struct check check_dnsbl = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "dnsbl",
	.cost = COST_DNS,
	.on_fault = VERDICT_PASS,
	.at_rcpt = at_rcpt,
	.at_connect = at_connect,
	.end_txn = forget,
	.end_conn = forget,
};
