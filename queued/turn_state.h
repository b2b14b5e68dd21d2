/*
 * turn_state.h -- what turn_session.c, turn_command.c and turn_auth.c share;
 * nobody else includes it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TURN_STATE_H
#define HOLDFAST_TURN_STATE_H

#include "queued/turn_session.h"

enum turn_state {
	TURN_START,		/* before EHLO */
	TURN_READY,
	TURN_AUTH,		/* the answer to a challenge */
	TURN_TLS,
	TURN_PAUSE,		/* `later' is owed */
	TURN_COUNT,		/* for `asked' */
	TURN_REVERSE,
	TURN_QUIT,
	TURN_CUT
};

struct turn_session {
	const struct turn_config *conf;
	const struct turn_ops	*ops;
	void			*arg;
	enum turn_state		 state;
	bool			 encrypted;
	struct buf		 out;
	size_t			 scanned;	/* of the input, without a CRLF */
	bool			 skipping;	/* an over-long line */
	unsigned		 errors, denials;

	struct turn_users	*users;		/* of this session */
	const struct turn_user	*user;		/* authenticated */
	struct turn_sasl	*sasl;
	enum turn_mechanism	 mechanism;

	char			*later;		/* the reply after the pause */
	enum turn_state		 then;		/* … and the state */

	/* The ETRN or ATRN at hand. */
	bool			 atrn;
	char			*asked;		/* as the client wrote it, lower case */
	char			**domain;
	size_t			 ndomains;
};

/* turn_session.c: replies; each returns the state that follows. */
enum turn_state	turn_say(struct turn_session *, const char *line, enum turn_state next);
enum turn_state	turn_mistake(struct turn_session *, const char *line);	/* counted */
enum turn_state	turn_cut(struct turn_session *, const char *line);
enum turn_state	turn_later(struct turn_session *, char *line, enum turn_state next);	/* takes line */

/* turn_command.c */
enum turn_state	turn_command(struct turn_session *, const char *line, size_t len, bool more);
enum turn_state	turn_counted(struct turn_session *, bool known, uint64_t messages);
void		turn_forget(struct turn_session *);	/* the ETRN or ATRN at hand */

/* turn_auth.c */
enum turn_state	turn_auth(struct turn_session *, const char *arg, size_t len);
enum turn_state	turn_auth_answer(struct turn_session *, const char *line, size_t len);
bool		turn_auth_offered(const struct turn_session *);

#endif
