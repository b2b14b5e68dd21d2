/*
 * check_greylist.c -- puts off who comes for the first time (RFC 6647).
 *
 * It stands behind the recipient check and behind all that tells how suspicious a client is: only who
 * has greylist.score points so far is put off (0: everybody), and whom another check wants to
 * be. Neither local mail nor an authenticated client is.
 *
 *	first time, or too soon		450 4.7.1 <x>: Recipient address rejected: Greylisted, …
 *	comes again within the window	pass, and is remembered
 *	network has passed often	pass
 *
 * In shadow mode it learns: who comes is remembered just so, and passes when it counts.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/clock.h"
#include "milter/checks.h"
#include "milter/greylist.h"
#include "milter/host.h"
#include "milter/quote.h"
#include "milter/service.h"

/* Of a transaction: has a pass been counted for the network? */
struct seen {
	bool	counted;
};

static const char *
reason_of(enum greylist_answer answer)
{
	switch (answer) {
	case GREYLIST_FIRST:
		return "greylisted, comes for the first time";
	case GREYLIST_EARLY:
		return "greylisted, comes again too soon";
	case GREYLIST_EXPIRED:
		return "greylisted, comes again too late";
	case GREYLIST_PASS:
	case GREYLIST_FREE:
		break;
	}
	return NULL;
}

static bool
concerns(const struct check_view *v)
{
	int from = v->host->policy->greylist_score;

	return v->auth[0] == '\0' && (from == 0 || v->score >= from || v->greylist);
}

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	char network[HOST_NETWORK_SIZE], quoted[ADDR_PATH_MAX], text[CHECK_TEXT_SIZE];
	struct greylist_who who = { .network = network, .sender = v->sender, .recipient = v->rcpt };
	struct seen *seen = *v->txn;
	const char *reason;
	unsigned wait;

	if (v->host->service == NULL || !concerns(v) || !host_network(v, network))
		return 0;
	who.counted = seen != NULL && seen->counted;
	reason = reason_of(greylist_ask(service_greylist(v->host->service), &who, v->host->policy,
	    clock_wall(), v->dry, &wait));
	if (who.counted && seen == NULL) {
		*v->txn = seen = xcalloc(1, sizeof(*seen));
		seen->counted = true;
	}
	if (reason == NULL)
		return 0;
	(void)snprintf(text, sizeof(text),
	    "<%s>: Recipient address rejected: Greylisted, try again in %u seconds",
	    quote(quoted, sizeof(quoted), v->rcpt, strlen(v->rcpt)), wait);
	check_defer(out, 450, "4.7.1", text, reason);
	return 0;
}

const struct check check_greylist = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "greylist",
	.cost = COST_MEMORY,
	.on_fault = VERDICT_PASS,
	.at_rcpt = at_rcpt,
	.end_txn = free,
};
