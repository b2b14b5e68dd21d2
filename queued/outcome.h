/*
 * outcome.h -- what a peer's answer means. The only place that decides it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_OUTCOME_H
#define HOLDFAST_OUTCOME_H

struct smtp_verdict;

enum outcome_rcpt {		/* for the recipient */
	OUTCOME_DELIVERED,
	OUTCOME_RETRY,		/* by the domain's schedule; counts as an attempt */
	OUTCOME_RETRY_NOW,	/* in a following transaction; does not count */
	OUTCOME_QUARANTINE,
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

struct outcome {
	enum outcome_rcpt rcpt;
	enum outcome_dest dest;
};

/* The verdict's event must not be SMTP_EV_NONE. Total: every verdict has an outcome. */
struct outcome	 outcome_of(const struct smtp_verdict *);
const char	*outcome_name(enum outcome_rcpt);	/* "delivered" */

#endif
