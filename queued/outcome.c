/*
 * outcome.c -- from (event, phase, code, dsn) to what happens next.
 *
 * One table, first match wins; the last rows match everything, so no answer
 * is without a meaning. The rules behind it:
 *
 *  - Only 2xx to the whole message is a delivery (P2).
 *  - Before the final dot a broken connection says nothing about the message: untouched, not charged.
 *  - After it the message may have arrived: retried, and named as a possible duplicate (P4).
 *  - 4xx to a message or recipient is that one's delay; 5xx puts it aside, never away.
 *  - What concerns all mail alike (421, 530, TLS, the opening) is the destination's trouble.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/outcome.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "queued/smtp_client.h"

#define P(state)	(1u << SMTP_##state)
#define ANY		0xffffffffu
#define CLIENT		(P(XCLIENT) | P(XEHLO))		/* the refusal of the message's client */
#define MESSAGE		(CLIENT | P(MAIL) | P(RCPT) | P(DATA) | P(FINAL))

static const struct {
	unsigned	 phases;
	enum smtp_event	 event;
	int		 lo, hi;	/* reply codes */
	const char	*dsn;		/* NULL: any; else equal, or a prefix when it ends in `.' */
	unsigned	 accepted;	/* at least so many recipients before this one */
	struct outcome	 out;
} table[] = {
	/* To XCLIENT the peer speaks to the message's client: its limits are not ours. */
	{ CLIENT, SMTP_EV_REPLY, 421, 421, NULL, 0, { OUTCOME_RETRY, OUTCOME_SOFT } },
	/* The peer answered. RFC 5321 3.8: 421 means that the connection, not the mail, is refused. */
	{ ANY, SMTP_EV_REPLY, 421, 421, NULL, 0, { OUTCOME_UNTRIED, OUTCOME_BUSY } },
	{ P(FINAL), SMTP_EV_REPLY, 200, 299, NULL, 0, { OUTCOME_DELIVERED, OUTCOME_GOOD } },
	/* RFC 3207 4, RFC 4954 6: "must issue STARTTLS first", "authentication required": no message would pass. */
	{ P(MAIL), SMTP_EV_REPLY, 530, 530, NULL, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	/* RFC 5321 4.5.3.1.10: too many recipients in one transaction. Old servers say 552; alone it is a full mailbox. */
	{ P(RCPT), SMTP_EV_REPLY, 452, 452, "4.5.3", 1, { OUTCOME_RETRY_NOW, OUTCOME_ALIVE } },
	{ P(RCPT), SMTP_EV_REPLY, 452, 452, "", 1, { OUTCOME_RETRY_NOW, OUTCOME_ALIVE } },
	{ P(RCPT), SMTP_EV_REPLY, 552, 552, "5.5.3", 1, { OUTCOME_RETRY_NOW, OUTCOME_ALIVE } },
	{ P(RCPT), SMTP_EV_REPLY, 552, 552, "", 1, { OUTCOME_RETRY_NOW, OUTCOME_ALIVE } },
	/* RFC 3463 x.3.z, x.4.z: the server's own trouble, likely the same for the next message. */
	{ MESSAGE, SMTP_EV_REPLY, 400, 499, "4.3.", 0, { OUTCOME_RETRY, OUTCOME_SOFT } },
	{ MESSAGE, SMTP_EV_REPLY, 400, 499, "4.4.", 0, { OUTCOME_RETRY, OUTCOME_SOFT } },
	{ P(MAIL) | P(DATA) | P(FINAL), SMTP_EV_REPLY, 400, 499, NULL, 0,
	    { OUTCOME_RETRY, OUTCOME_SOFT } },
	{ CLIENT | P(RCPT), SMTP_EV_REPLY, 400, 499, NULL, 0, { OUTCOME_RETRY, OUTCOME_ALIVE } },
	{ MESSAGE, SMTP_EV_REPLY, 500, 599, NULL, 0, { OUTCOME_QUARANTINE, OUTCOME_ALIVE } },
	/* Refused before any message: greeting, EHLO, STARTTLS, RSET … */
	{ ANY, SMTP_EV_REPLY, 0, 999, NULL, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },

	/* We did: the peer works, this message does not suit it. */
	{ ANY, SMTP_EV_LOCAL, 0, 999, NULL, 0, { OUTCOME_QUARANTINE, OUTCOME_ALIVE } },
	{ ANY, SMTP_EV_FAULT, 0, 999, NULL, 0, { OUTCOME_RETRY, OUTCOME_ALIVE } },

	/* Nothing, or nothing sensible, came back. */
	{ P(FINAL), SMTP_EV_LOST, 0, 999, NULL, 0, { OUTCOME_UNSURE, OUTCOME_DEAD } },
	{ P(FINAL), SMTP_EV_TIMEOUT, 0, 999, NULL, 0, { OUTCOME_UNSURE, OUTCOME_DEAD } },
	{ P(FINAL), SMTP_EV_BROKEN, 0, 999, NULL, 0, { OUTCOME_UNSURE, OUTCOME_DEAD } },
	{ P(READY) | P(QUIT), SMTP_EV_LOST, 0, 999, NULL, 0, { OUTCOME_UNTRIED, OUTCOME_ALIVE } },
	{ ANY, SMTP_EV_CONNECT, 0, 999, NULL, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ ANY, SMTP_EV_LOST, 0, 999, NULL, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ ANY, SMTP_EV_TIMEOUT, 0, 999, NULL, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ ANY, SMTP_EV_BROKEN, 0, 999, NULL, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ ANY, SMTP_EV_TLS, 0, 999, NULL, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
};

static bool
dsn_matches(const char *want, const char *dsn)
{
	size_t n;

	if (want == NULL)
		return true;
	n = strlen(want);
	if (n > 0 && want[n - 1] == '.')
		return strncmp(want, dsn, n) == 0;
	return strcmp(want, dsn) == 0;
}

struct outcome
outcome_of(const struct smtp_verdict *v, const struct outcome_facts *facts)
{
	(void)facts;
	assert(v->event != SMTP_EV_NONE);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!(table[i].phases & (1u << v->phase)) || table[i].event != v->event ||
		    v->code < table[i].lo || v->code > table[i].hi ||
		    v->accepted < table[i].accepted || !dsn_matches(table[i].dsn, v->dsn))
			continue;
		return table[i].out;
	}
	abort();	/* the table is total */
}

const char *
outcome_name(enum outcome_rcpt o)
{
	static const char *const names[] = {
		[OUTCOME_DELIVERED] = "delivered",
		[OUTCOME_RETRY] = "retry",
		[OUTCOME_RETRY_NOW] = "retry now",
		[OUTCOME_HOLD] = "hold",
		[OUTCOME_QUARANTINE] = "quarantine",
		[OUTCOME_BOUNCE] = "bounce",
		[OUTCOME_UNTRIED] = "untried",
		[OUTCOME_UNSURE] = "unsure",
	};

	return names[o];
}
