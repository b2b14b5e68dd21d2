/*
 * session_private.h -- a session's insides, for session*.c and nobody else.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SESSION_PRIVATE_H
#define HOLDFAST_SESSION_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/envelope.h"
#include "milter/engine.h"
#include "milter/handover.h"
#include "milter/session.h"
#include "milter/trace.h"

struct ruleset;

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
	struct txn	 txn;
};

const char *session_text(const char *);		/* NULL is "" */
void	session_view(const struct session *, const struct ruleset *, struct check_view *);

/* session_answer.c: what is said to the client, and what is said in the log. */
void	session_proceed(struct session_answer *, enum session_what);
void	session_answer(struct session_answer *, enum session_what, int code, const char *dsn,
	    const char *text);
/* A verdict against the client, with the trace id. */
void	session_say(const struct session *, const struct verdict *, struct session_answer *);
void	session_log_verdict(const struct session *, const char *to, enum check_stage,
	    const struct verdict *);
/* How the hand-over ended. */
void	session_say_end(const struct session *, const struct handover_result *, enum handover_end,
	    struct session_answer *);
void	session_log_end(const struct session *, const struct handover_result *, enum handover_end);
void	session_log_kept(const struct session *);

#endif
