/*
 * lmtp_state.h -- what lmtp_session.c and lmtp_command.c share. Private to them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_LMTP_STATE_H
#define HOLDFAST_LMTP_STATE_H

#include "common/wire.h"
#include "queued/lmtp_message.h"
#include "queued/lmtp_reply.h"
#include "queued/lmtp_session.h"

enum lmtp_state {
	STATE_START,	/* no LHLO yet */
	STATE_READY,	/* between transactions */
	STATE_MAIL,	/* has a sender */
	STATE_RCPT,	/* has a recipient */
	STATE_BETWEEN,	/* had a BDAT chunk, not the last */
	STATE_CHUNK,	/* inside a BDAT chunk */
	STATE_DATA,	/* inside the data */
	STATE_COMMIT,	/* the store has the message and will answer */
	STATE_QUIT,
	STATE_CUT
};

struct lmtp_session {
	enum lmtp_state		 state;
	struct lmtp_config	*conf;
	const struct lmtp_ops	*ops;
	void			*arg;
	struct buf		 out;
	char			*peer;		/* NULL: unix socket */
	char			*lhlo;
	unsigned		 errors;
	size_t			 scanned;	/* octets of the present line without a CRLF */
	bool			 skipping;	/* the rest of an over-long line */
	time_t			 now;
	struct client_info	 forward;	/* XFORWARD's, for the next transaction */

	/* the transaction */
	struct envelope		 env;
	unsigned		 rcpt_refused;
	struct lmtp_message	 message;
	struct wire_undot	 undot;
	uint64_t		 chunk_left;
	bool			 chunk_last;
	enum lmtp_state		 chunk_back;	/* an unwanted chunk: the state it came in */
};

/* One command line, without CRLF. Returns the next state, as all of these do. */
enum lmtp_state	lmtp_command(struct lmtp_session *, const char *line, size_t len);
/* Replies that it is not time for this; `here' when the state alone does not say why. */
enum lmtp_state	lmtp_wrong_order(struct lmtp_session *, enum lmtp_reply here);
/* The client's mistake, and one that is answered already: too many are no client. */
enum lmtp_state	lmtp_mistake(struct lmtp_session *, enum lmtp_reply);
enum lmtp_state	lmtp_mistaken(struct lmtp_session *, enum lmtp_state next);
enum lmtp_state	lmtp_answer(struct lmtp_session *, enum lmtp_reply, enum lmtp_state next);
enum lmtp_state	lmtp_cut(struct lmtp_session *, enum lmtp_reply);
enum lmtp_state	lmtp_transaction_end(struct lmtp_session *);
void		lmtp_put_line(struct lmtp_session *, const char *);

#endif
