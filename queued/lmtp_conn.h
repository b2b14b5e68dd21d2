/*
 * lmtp_conn.h -- one client of the LMTP server: its socket, its session, its
 * message in the store. Private to lmtp_server.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_LMTP_CONN_H
#define HOLDFAST_LMTP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queued/lmtp_server.h"
#include "queued/lmtp_session.h"

#define LMTP_READ_MAX		(128u * 1024u)	/* octets of one read */
#define LMTP_INPUT_MAX		(64u * 1024u)	/* octets kept while they can't be used yet */
#define LMTP_RATE_GRACE_MS	60000		/* then a message must keep up with … */
#define LMTP_RATE_MIN		256		/* octets per second, on the average */
#define LMTP_LINGER_MS		2000		/* to let a cut-off client read our last words */

/* What the connections of a server share. */
struct lmtp_hub {
	struct event_base	*base;
	struct store		*store;
	struct drills		*drills;		/* NULL: none are known here */
	struct lmtp_config	 session;
	int64_t			 timeout_ms;		/* a command, a data block, a write */
	int64_t			 session_ms;
	bool			 draining;
	char			 id_prefix[16];		/* of session ids; differs after a restart */
	uint64_t		 nsessions;		/* ever */
	struct lmtp_stats	 stats;
	void			(*accepted)(void *, const char *domain);
	void			*accepted_arg;
	void			(*closed)(void *);	/* one connection less */
	void			*closed_arg;
	struct lmtp_conn	*first;			/* all connections */
	char			 read[LMTP_READ_MAX];
};

struct lmtp_conn;

/* Greets. peer: the TCP client's address, NULL on a unix socket. Takes fd. */
void	lmtp_conn_new(struct lmtp_hub *, int fd, const char *peer);
void	lmtp_conn_free(struct lmtp_conn **);	/* at once; the message at hand is not accepted */
/* How many connections this address has. */
unsigned lmtp_conn_count(const struct lmtp_hub *, const char *peer);
/* Ends what is over a deadline, and when draining what is between messages. */
void	lmtp_conn_sweep(struct lmtp_hub *, int64_t now_ms);

/* The times that deadlines are made of (monotonic, ms), and the decision, a pure function. */
struct lmtp_timing {
	int64_t		started;	/* the session */
	int64_t		progress;	/* last command, or data octets */
	int64_t		data_started;	/* this message's data; waits of our own making are added */
	uint64_t	data_bytes;
	int64_t		stuck;		/* replies are unsent since; 0: none are */
};
const char *lmtp_overdue(const struct lmtp_timing *, enum lmtp_wants, int64_t timeout_ms,
	    int64_t session_ms, int64_t now_ms);

#endif
