/*
 * outcome.h -- what a peer's answer means. The only place that decides it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_OUTCOME_H
#define HOLDFAST_OUTCOME_H

#include <stdbool.h>

struct envelope;
struct rcpt;
struct smtp_verdict;

enum outcome_rcpt {		/* for the recipient */
	OUTCOME_DELIVERED,
	OUTCOME_RETRY,		/* by the domain's schedule; counts as an attempt */
	OUTCOME_RETRY_NOW,	/* in a following transaction; does not count */
	OUTCOME_HOLD,		/* not believed yet: asked again after a while, does not count */
	OUTCOME_QUARANTINE,
	OUTCOME_BOUNCE,		/* the sender is told (P5) */
	OUTCOME_UNTRIED,	/* the destination's trouble: the message is as before */
	OUTCOME_UNSURE		/* sent, not answered: retry, and say that it may be a duplicate (P4) */
};

enum outcome_dest {		/* for the destination */
	OUTCOME_GOOD,		/* took a message */
	OUTCOME_ALIVE,		/* judged a message or recipient: it works */
	OUTCOME_SOFT,		/* works, but wants less: many of these shrink the window */
	OUTCOME_BUSY,		/* too many connections, shutting down, too slow */
	OUTCOME_DEAD		/* does not work for any message */
};

/* What is known beside the reply. */
struct outcome_facts {
	bool	 trial;		/* the destination is on trial or held (half-recovery guard) */
	bool	 known;		/* the list has the recipient */
	bool	 refused;	/* an earlier 5xx to this recipient was not believed */
	bool	 may_bounce;	/* P5: outcome_may_notify() of a failure */
};

struct outcome {
	enum outcome_rcpt rcpt;
	enum outcome_dest dest;
	bool		 refusal;	/* this message or recipient was refused for good, believed or not */
};

/* The verdict's event must not be SMTP_EV_NONE. Total: every verdict has an outcome. facts NULL:
 * of a session's end, where no recipient is meant. */
struct outcome	 outcome_of(const struct smtp_verdict *, const struct outcome_facts *);
const char	*outcome_name(enum outcome_rcpt);	/* "delivered" */

/*
 * P5: may the sender of this message hear of this recipient? what is NOTIFY_FAILURE, NOTIFY_DELAY or NOTIFY_SUCCESS.
 * allowed: the domain's rule. hostname: ours; mail from our own MAILER-DAEMON is a loop.
 */
bool		 outcome_may_notify(const struct envelope *, const struct rcpt *, unsigned what,
		    bool allowed, const char *hostname);

#endif
