/*
 * session_private.h -- a session's insides, for session*.c and nobody else.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SESSION_PRIVATE_H
#define HOLDFAST_SESSION_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/envelope.h"
#include "milter/engine.h"
#include "milter/handover.h"
#include "milter/session.h"
#include "milter/trace.h"

struct message;
struct rules_domain;
struct ruleset;
struct spf_facts;

#define TXN_ADDED_MAX	4
#define TXN_FORGED_MAX	32	/* more of them, and the message is refused */

struct txn_header {
	char	*name, *value;		/* folds as CRLF */
};

/* Recipients of ours in the order of RCPT; entry i is the envelope's recipient i. */
struct txn {
	bool		 running;	/* counted in the service */
	bool		 turned_away;	/* began while we shut down */
	bool		 started;	/* message bytes have begun */
	bool		 in_body;	/* the empty line was written */
	const char	*mta_keeps;	/* why it is not for us to take over; NULL: it is */
	char		 trace[TRACE_SIZE];
	int64_t		 begun;		/* clock_mono_ms() */
	struct setup	*setup;
	struct envelope	 env;
	char		**given;	/* as the MTA gave it, brackets and all */
	const char	**address;	/* lent from env */
	size_t		 nforeign;	/* recipients that are not ours */
	uint64_t	 limit;		/* the smallest size limit of ours; 0 none */
	uint64_t	 cut;		/* bytes beyond which it will be refused, so that they are kept
					 * nowhere; 0 none */
	unsigned	 class;		/* of the first recipient, and so of all */
	uint32_t	 skip;		/* what exceptions skip for every one of them */
	int		 score;		/* hundredths: the highest among them */
	struct buf	 hits;		/* what was found, for the log: "helo=1 spf=2" */
	struct message	*message;	/* its content; NULL: nobody looks inside, it goes to queued as it comes */
	enum verdict_action fate;	/* of an accepted message: PASS, TAG or QUARANTINE */
	char		 fate_reason[CHECK_REASON_SIZE];
	struct txn_header added[TXN_ADDED_MAX];	/* that we put on top */
	size_t		 nadded;
	unsigned	 nresults;	/* Authentication-Results: seen so far */
	unsigned	 forged[TXN_FORGED_MAX];	/* … the how manyth of them bear our name, from 1 */
	size_t		 nforged;
	uint64_t	 bytes;
	char		*mta_id;
	struct handover	*handover;
	bool		*forget;	/* entry i: the MTA must forget it */
};

struct session {
	struct service	*service;
	char		*name;		/* the client's; NULL if unknown */
	char		*addr;		/* "" for local submission */
	uint16_t	 port;		/* 0 unknown */
	bool		 ipv6;
	char		*helo;
	char		*tls;		/* for the Received line; NULL without TLS */
	char		*auth;
	bool		 esmtp;		/* surely: it used what only ESMTP has */
	bool		 leading_space;
	struct engine_slot *slot;	/* one for each check */
	const struct session_watch *watch;	/* NULL: it is real */
	struct txn	 txn;
};

const char *session_text(const char *);		/* NULL is "" */
void	session_view(const struct session *, struct check_view *);
/* A header of ours, above the message. Takes the value. */
void	session_add_header(struct session *, const char *name, char *value);

/* session_screen.c: what the checks say. */
void	session_screen_connect(struct session *);
/* A recipient of ours; address as RCPT had it. *class: of its content, should it be accepted. */
void	session_screen_rcpt(struct session *, struct ruleset *, const struct rules_domain *,
	    const char *address, uint64_t size_limit, struct verdict *, uint32_t *skip);
/* A recipient of ours that others have refused. */
void	session_screen_refused(struct session *, struct ruleset *, const struct rules_domain *,
	    const char *address);
/* The whole message. */
void	session_screen_eom(struct session *, struct ruleset *, struct verdict *);
/* Does anybody want to see the content? Once the recipients are known. */
bool	session_looks_inside(const struct session *, const struct ruleset *);
/* What SPF said of the sender; NULL: it was not asked. */
const struct spf_facts *session_spf(const struct session *);
void	session_screen_end_txn(struct session *);
void	session_screen_end_conn(struct session *);

/* session_answer.c: what is said to the client, and what is said in the log. */
void	session_proceed(struct session_answer *, enum session_what);
void	session_answer(struct session_answer *, enum session_what, int code, const char *dsn,
	    const char *text);
/* A verdict against the client, with the trace id. */
void	session_say(const struct session *, const struct verdict *, struct session_answer *);
void	session_log_verdict(const struct session *, const char *to, enum check_stage,
	    const struct verdict *);
/* A check in shadow mode would have done this. */
void	session_log_shadow(const struct session *, const char *to, enum check_stage, const struct verdict *);
/* How the hand-over ended. */
void	session_say_end(const struct session *, const struct handover_result *, enum handover_end,
	    struct session_answer *);
void	session_log_end(const struct session *, const struct handover_result *, enum handover_end);
void	session_log_kept(const struct session *);

#endif
