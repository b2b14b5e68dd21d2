/*
 * turn_session.h -- the server's side of ETRN (RFC 1985) and ATRN (RFC 2645)
 * as a state machine without I/O.
 *
 * Bytes go in, replies come out in a buf; who may do what, and doing it, is behind the
 * callbacks. No socket, no clock, no store: the owner (turn_conn.c, or a test) has those.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TURN_SESSION_H
#define HOLDFAST_TURN_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "queued/turn_sasl.h"

#define TURN_ERRORS_MAX		20	/* bad commands in a session before 421 4.7.0 */
#define TURN_AUTH_MAX		3	/* failed AUTHs, the same */
#define TURN_OUTPUT_MAX		16384u	/* octets of unsent replies before input waits */

/* What all sessions of a server share. */
struct turn_config {
	char			*hostname;
	bool			 tls;		/* STARTTLS can be had */
	struct turn_users	*users;		/* NULL: nobody, so no AUTH */
	uint8_t			 salt_key[32];	/* random, of the process */
};

/* How the mail of a domain leaves us. */
enum turn_served {
	SERVED_NOT,		/* not ours */
	SERVED_BY_US,		/* we connect to its primary */
	SERVED_BY_TURN		/* its primary fetches it: only ATRN helps */
};

/* The outside, as a session sees it. */
struct turn_ops {
	bool	(*network)(void *arg);		/* is the client in a turn_network? */
	bool	(*may_ask)(void *arg);		/* one more ETRN or ATRN under turn_rate? Counts it */
	bool	(*may_guess)(void *arg);	/* … one more AUTH, after those that failed? */
	void	(*guessed)(void *arg);		/* an AUTH failed: counts it */
	enum turn_served (*served)(void *arg, const char *domain);
	/* Each domain below this one that is served. */
	void	(*below)(void *arg, const char *domain,
		    void (*each)(void *, const char *, enum turn_served), void *each_arg);
	bool	(*busy)(void *arg, const char *const *domain, size_t n);	/* ATRN at work on one */
	void	(*flush)(void *arg, const char *domain);	/* its mail: now */
	/* One line of the log: what was asked, by whom, and the answer. */
	void	(*decided)(void *arg, const char *what, const char *reply);
	void	(*denied)(void *arg, const char *method, const char *user, const char *why);
};

enum turn_wants {
	TURN_WANTS_COMMAND,
	TURN_WANTS_TLS,		/* send the output, shake hands, turn_session_tls() */
	TURN_WANTS_PAUSE,	/* after turn_delay: turn_session_resume(). No input till then */
	TURN_WANTS_COUNT,	/* after turn_delay: count what waits, turn_session_counted(). No input */
	TURN_WANTS_REVERSE,	/* send the output; then the peer is the server */
	TURN_WANTS_CLOSE,	/* all is said */
	TURN_WANTS_CUT		/* we end it; the client may still be sending */
};

struct turn_session;

struct turn_session *turn_session_new(const struct turn_config *, const struct turn_ops *,
	    void *arg);
void	turn_session_free(struct turn_session **);
/* The connection is open; encrypted: a handshake came first. */
void	turn_session_greet(struct turn_session *, bool encrypted);

/* Takes as much as it can use and says how much; the rest is to be given again. */
size_t	turn_session_input(struct turn_session *, const char *, size_t);
void	turn_session_tls(struct turn_session *);	/* the handshake is done */
void	turn_session_resume(struct turn_session *);
/* known false: the store could not say. */
void	turn_session_counted(struct turn_session *, bool known, uint64_t messages);
/* 421 and the end: time is up, or the server stops. */
void	turn_session_timeout(struct turn_session *);
void	turn_session_shutdown(struct turn_session *);

enum turn_wants turn_session_wants(const struct turn_session *);
/* WANTS_COUNT, WANTS_REVERSE: whose mail. */
const char *const *turn_session_domains(const struct turn_session *, size_t *n);
const char *turn_session_user(const struct turn_session *);	/* "" if not authenticated */
struct buf *turn_session_output(struct turn_session *);	/* lends; drop what was sent */

#endif
