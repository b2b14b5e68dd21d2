/*
 * lmtp_session.h -- LMTP's server side (RFC 2033) as a state machine without I/O.
 *
 * Bytes go in, replies come out in a buf, messages go to callbacks. No socket,
 * no clock, no store: the owner (lmtp_conn.c, or a test) has those. What is
 * accepted does not depend on how the input is cut into pieces.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_LMTP_SESSION_H
#define HOLDFAST_LMTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/buf.h"
#include "common/envelope.h"

#define LMTP_ERRORS_MAX		20	/* bad commands in a session before 421 4.7.0 */
#define LMTP_HEADER_MAX		(1024u * 1024u)	/* octets of a message's header block */
#define LMTP_HOPS_MAX		50	/* Received: fields (RFC 5321 6.3), without a rule */
#define LMTP_OWN_MAX		3	/* … that we wrote: a primary may send a message back once or twice */
#define LMTP_SWALLOW_MAX	(64u * 1024u * 1024u)	/* octets read beyond the size limit, or
						 * the limit once more if that is less */
#define LMTP_OUTPUT_MAX		(64u * 1024u)	/* octets of unsent replies before input waits */

/* What all sessions of a server share. */
struct lmtp_config {
	char		*hostname;
	uint64_t	 size_limit;
	unsigned	 hop_limit;	/* 0: LMTP_HOPS_MAX */
	struct buf	 scratch;	/* message bytes on their way; empty between calls */
};

enum lmtp_verdict { LMTP_STORED, LMTP_NO_ROOM, LMTP_FAULT };

/* The outside, as a session sees it. The envelope is lent during the call. */
struct lmtp_ops {
	/* Is there room for a message of (at least) this size? */
	bool	(*has_room)(void *arg, uint64_t bytes);
	/* One message: begin, write…, then commit or abort. Lends the queue id it will have. */
	const char *(*begin)(void *arg);
	/* False: took it, but wants no more until lmtp_session_resume(). */
	bool	(*write)(void *arg, const char *, size_t);
	/* Answered later, never from inside the call, by lmtp_session_committed(). */
	void	(*commit)(void *arg, const struct envelope *);
	void	(*abort)(void *arg);
	/* For the log and the statistics. size as stored. */
	void	(*accepted)(void *arg, const struct envelope *, const char *queue_id, uint64_t size);
	/* argument: of the command that is refused; NULL: the message or the session is. */
	void	(*refused)(void *arg, const struct envelope *, const char *argument,
		    const char *reply);
};

enum lmtp_wants {
	LMTP_WANTS_COMMAND,
	LMTP_WANTS_DATA,	/* message bytes */
	LMTP_WANTS_STORE,	/* committed() or resume(); takes no input till then */
	LMTP_WANTS_CLOSE,	/* all is said */
	LMTP_WANTS_CUT		/* we end it; the client may still be sending */
};

struct lmtp_session;

/* peer is the client's address as XFORWARD writes it, or NULL. */
struct lmtp_session *lmtp_session_new(struct lmtp_config *, const struct lmtp_ops *, void *arg,
	    const char *peer);
void	lmtp_session_free(struct lmtp_session **);	/* aborts a message that is under way */

/*
 * Takes as much as it can use and says how much. What is left is to be given
 * again, with more behind it, when there is more (a command's line is not
 * complete), when the store has answered or when the output was sent. now:
 * wall seconds, for our Received: line.
 */
size_t	lmtp_session_input(struct lmtp_session *, const char *, size_t, time_t now);
void	lmtp_session_committed(struct lmtp_session *, enum lmtp_verdict, const char *queue_id);
void	lmtp_session_resume(struct lmtp_session *);
/* 421 and the end: time is up, or the server stops. Not while a commit is under way. */
void	lmtp_session_timeout(struct lmtp_session *);
void	lmtp_session_shutdown(struct lmtp_session *);

enum lmtp_wants lmtp_session_wants(const struct lmtp_session *);
/* Between transactions: ending now loses nothing of the client's. */
bool	lmtp_session_idle(const struct lmtp_session *);
struct buf *lmtp_session_output(struct lmtp_session *);	/* lends; drop what was sent */

#endif
