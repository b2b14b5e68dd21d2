/*
 * outcome.c -- from (event, phase, code, dsn) to what happens next.
 *
 * One table, first match wins; the last rows match everything, so no answer
 * is without a meaning. The rules behind it:
 *
 *  - Only 2xx to the whole message is a delivery (P2).
 *  - Before the final dot a broken connection says nothing about the message: untouched, not charged.
 *  - After it the message may have arrived: retried, and named as a possible duplicate (P4).
 *  - 4xx to a message or recipient is that one's delay.
 *  - 5xx is believed of a primary that is not on trial, and for a recipient that our list has only when
 *    it is said twice. Then the sender is told if SPF vouched for him (P5); else it is put aside, never away.
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
#include <strings.h>

#include "common/envelope.h"
#include "queued/smtp_client.h"

#define P(state)	(1u << SMTP_##state)
#define ANY		0xffffffffu
#define CLIENT		(P(XCLIENT) | P(XEHLO))		/* the refusal of the message's client */
#define MESSAGE		(CLIENT | P(MAIL) | P(RCPT) | P(DATA) | P(FINAL))

enum when {			/* the row holds … */
	ALWAYS,
	ON_TRIAL,		/* … while the destination is not believed */
	SAID_ONCE,		/* … for a listed recipient that was not refused before */
	TELLABLE		/* … if the sender may be told (P5) */
};

static const struct {
	unsigned	 phases;
	enum smtp_event	 event;
	int		 lo, hi;	/* reply codes */
	const char	*dsn;		/* NULL: any; else equal, or a prefix when it ends in `.' */
	unsigned	 accepted;	/* at least so many recipients before this one */
	enum when	 when;
	struct outcome	 out;
} table[] = {
	/* To XCLIENT the peer speaks to the message's client: its limits are not ours. */
	{ CLIENT, SMTP_EV_REPLY, 421, 421, NULL, 0, ALWAYS,
	    { OUTCOME_RETRY, OUTCOME_SOFT, false } },
	/* The peer answered. RFC 5321 3.8: 421 means that the connection, not the mail, is refused. */
	{ ANY, SMTP_EV_REPLY, 421, 421, NULL, 0, ALWAYS, { OUTCOME_UNTRIED, OUTCOME_BUSY, false } },
	{ P(FINAL), SMTP_EV_REPLY, 200, 299, NULL, 0, ALWAYS,
	    { OUTCOME_DELIVERED, OUTCOME_GOOD, false } },
	/* RFC 3207 4, RFC 4954 6: "must issue STARTTLS first", "authentication required": no message would pass. */
	{ P(MAIL), SMTP_EV_REPLY, 530, 530, NULL, 0, ALWAYS,
	    { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	/* RFC 5321 4.5.3.1.10: too many recipients in one transaction. Old servers say 552; alone it is a full mailbox. */
	{ P(RCPT), SMTP_EV_REPLY, 452, 452, "4.5.3", 1, ALWAYS,
	    { OUTCOME_RETRY_NOW, OUTCOME_ALIVE, false } },
	{ P(RCPT), SMTP_EV_REPLY, 452, 452, "", 1, ALWAYS,
	    { OUTCOME_RETRY_NOW, OUTCOME_ALIVE, false } },
	{ P(RCPT), SMTP_EV_REPLY, 552, 552, "5.5.3", 1, ALWAYS,
	    { OUTCOME_RETRY_NOW, OUTCOME_ALIVE, false } },
	{ P(RCPT), SMTP_EV_REPLY, 552, 552, "", 1, ALWAYS,
	    { OUTCOME_RETRY_NOW, OUTCOME_ALIVE, false } },
	/* RFC 3463 x.3.z, x.4.z: the server's own trouble, likely the same for the next message. */
	{ MESSAGE, SMTP_EV_REPLY, 400, 499, "4.3.", 0, ALWAYS,
	    { OUTCOME_RETRY, OUTCOME_SOFT, false } },
	{ MESSAGE, SMTP_EV_REPLY, 400, 499, "4.4.", 0, ALWAYS,
	    { OUTCOME_RETRY, OUTCOME_SOFT, false } },
	{ P(MAIL) | P(DATA) | P(FINAL), SMTP_EV_REPLY, 400, 499, NULL, 0, ALWAYS,
	    { OUTCOME_RETRY, OUTCOME_SOFT, false } },
	{ CLIENT | P(RCPT), SMTP_EV_REPLY, 400, 499, NULL, 0, ALWAYS,
	    { OUTCOME_RETRY, OUTCOME_ALIVE, false } },
	/* A primary that has just come back may have come back without its users. */
	{ MESSAGE, SMTP_EV_REPLY, 500, 599, NULL, 0, ON_TRIAL,
	    { OUTCOME_HOLD, OUTCOME_ALIVE, true } },
	/* Our list against its word: no such user, no relaying to him. It must say so twice. */
	{ P(RCPT), SMTP_EV_REPLY, 500, 599, "5.1.", 0, SAID_ONCE,
	    { OUTCOME_RETRY, OUTCOME_ALIVE, true } },
	{ P(RCPT), SMTP_EV_REPLY, 550, 551, NULL, 0, SAID_ONCE,
	    { OUTCOME_RETRY, OUTCOME_ALIVE, true } },
	{ P(RCPT), SMTP_EV_REPLY, 553, 554, NULL, 0, SAID_ONCE,
	    { OUTCOME_RETRY, OUTCOME_ALIVE, true } },
	{ MESSAGE, SMTP_EV_REPLY, 500, 599, NULL, 0, TELLABLE,
	    { OUTCOME_BOUNCE, OUTCOME_ALIVE, true } },
	{ MESSAGE, SMTP_EV_REPLY, 500, 599, NULL, 0, ALWAYS,
	    { OUTCOME_QUARANTINE, OUTCOME_ALIVE, true } },
	/* Refused before any message: greeting, EHLO, STARTTLS, RSET … */
	{ ANY, SMTP_EV_REPLY, 0, 999, NULL, 0, ALWAYS, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },

	/* We did: the peer works and does not offer what this message needs. As if it had refused it. */
	{ ANY, SMTP_EV_LOCAL, 0, 999, NULL, 0, ON_TRIAL, { OUTCOME_HOLD, OUTCOME_ALIVE, true } },
	{ ANY, SMTP_EV_LOCAL, 0, 999, NULL, 0, TELLABLE, { OUTCOME_BOUNCE, OUTCOME_ALIVE, true } },
	{ ANY, SMTP_EV_LOCAL, 0, 999, NULL, 0, ALWAYS,
	    { OUTCOME_QUARANTINE, OUTCOME_ALIVE, true } },
	/* Our own fault (P3) is nobody else's delay notice, let alone a bounce. */
	{ ANY, SMTP_EV_FAULT, 0, 999, NULL, 0, ALWAYS, { OUTCOME_RETRY, OUTCOME_ALIVE, false } },

	/* Nothing, or nothing sensible, came back. */
	{ P(FINAL), SMTP_EV_LOST, 0, 999, NULL, 0, ALWAYS,
	    { OUTCOME_UNSURE, OUTCOME_DEAD, false } },
	{ P(FINAL), SMTP_EV_TIMEOUT, 0, 999, NULL, 0, ALWAYS,
	    { OUTCOME_UNSURE, OUTCOME_DEAD, false } },
	{ P(FINAL), SMTP_EV_BROKEN, 0, 999, NULL, 0, ALWAYS,
	    { OUTCOME_UNSURE, OUTCOME_DEAD, false } },
	{ P(READY) | P(QUIT), SMTP_EV_LOST, 0, 999, NULL, 0, ALWAYS,
	    { OUTCOME_UNTRIED, OUTCOME_ALIVE, false } },
	{ ANY, SMTP_EV_CONNECT, 0, 999, NULL, 0, ALWAYS, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ ANY, SMTP_EV_LOST, 0, 999, NULL, 0, ALWAYS, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ ANY, SMTP_EV_TIMEOUT, 0, 999, NULL, 0, ALWAYS, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ ANY, SMTP_EV_BROKEN, 0, 999, NULL, 0, ALWAYS, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ ANY, SMTP_EV_TLS, 0, 999, NULL, 0, ALWAYS, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
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

static bool
holds(enum when when, const struct outcome_facts *f)
{
	switch (when) {
	case ALWAYS:
		return true;
	case ON_TRIAL:
		return f != NULL && f->trial;
	case SAID_ONCE:
		return f != NULL && f->known && !f->refused;
	case TELLABLE:
		return f != NULL && f->may_bounce;
	}
	return false;
}

struct outcome
outcome_of(const struct smtp_verdict *v, const struct outcome_facts *facts)
{
	assert(v->event != SMTP_EV_NONE);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!(table[i].phases & (1u << v->phase)) || table[i].event != v->event ||
		    v->code < table[i].lo || v->code > table[i].hi ||
		    v->accepted < table[i].accepted || !dsn_matches(table[i].dsn, v->dsn) ||
		    !holds(table[i].when, facts))
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

/* RFC 5321 4.5.5, RFC 3834: what was sent for nobody's eyes, or by ourselves, is never answered. */
static bool
answerable(const char *sender, const char *rcpt, const char *hostname)
{
	static const char daemon[] = "mailer-daemon@";

	if (sender == NULL || sender[0] == '\0')
		return false;
	if (strncasecmp(sender, daemon, sizeof(daemon) - 1) == 0 &&
	    strcasecmp(sender + sizeof(daemon) - 1, hostname) == 0)
		return false;
	return strcasecmp(sender, rcpt) != 0;	/* it would come back to whom it complains of */
}

bool
outcome_may_notify(const struct envelope *env, const struct rcpt *rcpt, unsigned what,
    bool allowed, const char *hostname)
{
	unsigned wanted = rcpt->notify;

	/* RFC 3461 4.1: without NOTIFY the sender is told of failures, and may be of delays. */
	if (wanted == 0)
		wanted = NOTIFY_FAILURE | NOTIFY_DELAY;
	return allowed && (wanted & what) != 0 && env->route == NULL &&
	    env->spf != NULL && strcmp(env->spf, "pass") == 0 &&
	    answerable(env->sender, rcpt->address, hostname);
}
