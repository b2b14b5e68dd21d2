/*
 * smtp_client.h -- the sending side of SMTP (RFC 5321) without a socket.
 *
 * The holder feeds whole replies and events; each call returns the new state
 * and may append bytes to the holder's buffer, to be sent before the
 * next input. What the peer said about each recipient is collected as a
 * verdict; what a verdict means is outcome.c's business.
 *
 *	smtp_client_connected() .. smtp_client_reply()* .. SMTP_READY
 *	smtp_client_send(job) .. reply()* [SMTP_BODY: chunk()*] drained() .. reply()
 *	smtp_client_over()? verdicts are complete: settle the job
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SMTP_CLIENT_H
#define HOLDFAST_SMTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/rules.h"
#include "common/wire.h"

struct buf;
struct conf;
struct job;
struct smtp_client;

/* The state is the thing waited for. SMTP_CLOSED: say nothing more, close. */
enum smtp_state {
	SMTP_CONNECT,
	SMTP_GREETING,
	SMTP_EHLO,
	SMTP_HELO,
	SMTP_STARTTLS,
	SMTP_TLS,		/* the holder shakes hands, then calls smtp_client_tls() */
	SMTP_READY,		/* for a message; the peer owes nothing */
	SMTP_XCLIENT,		/* the peer greets the message's client … */
	SMTP_XEHLO,		/* … and answers its EHLO */
	SMTP_XFORWARD,
	SMTP_MAIL,
	SMTP_RCPT,
	SMTP_DATA,
	SMTP_BODY,		/* the bytes are on their way */
	SMTP_FINAL,		/* all bytes sent, no answer yet */
	SMTP_RSET,
	SMTP_QUIT,
	SMTP_CLOSED
};

enum smtp_event {
	SMTP_EV_NONE,		/* no verdict yet */
	SMTP_EV_REPLY,		/* the peer said so */
	SMTP_EV_CONNECT,	/* refused, unreachable, no such host */
	SMTP_EV_LOST,		/* closed by the peer or the network */
	SMTP_EV_TIMEOUT,
	SMTP_EV_BROKEN,		/* what came is not SMTP */
	SMTP_EV_TLS,		/* handshake failed, or TLS needed and not offered */
	SMTP_EV_LOCAL,		/* the peer cannot take this message: code and dsn are ours */
	SMTP_EV_FAULT		/* we cannot read the message at present */
};

struct smtp_verdict {
	enum smtp_event	 event;
	enum smtp_state	 phase;		/* what the event answered or interrupted */
	int		 code;		/* 0 without a reply */
	char		 dsn[12];	/* "" if the peer gave none */
	char		*text;		/* the reply's, or the reason; never NULL with an event */
	unsigned	 accepted;	/* recipients accepted before this one (phase RCPT) */
};

struct smtp_client_options {
	const char		*hostname;	/* for EHLO and Holdfast-Delivery:; copied */
	enum rules_tls		 tls;		/* the route's; TLS_OFF also after a failed handshake */
	enum rules_client	 client;	/* the route's */
};
struct smtp_client *smtp_client_new(const struct smtp_client_options *, struct buf *out);
void		 smtp_client_free(struct smtp_client **);

/* --- events; each returns the new state ---------------------------------- */
enum smtp_state	 smtp_client_connected(struct smtp_client *);
enum smtp_state	 smtp_client_reply(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_client_tls(struct smtp_client *, bool ok, const char *why);
/*
 * Only in SMTP_READY, and if it suits. The job must stay until over. Verdicts of all its recipients
 * are cleared. mark: the message gets a Holdfast-Delivery: header, the same at each attempt.
 */
enum smtp_state	 smtp_client_send(struct smtp_client *, const struct job *, bool mark);
/* A second transaction for the recipients marked by smtp_client_retry(). Only in SMTP_READY. */
enum smtp_state	 smtp_client_again(struct smtp_client *);
/* The next piece of the body, in SMTP_BODY while smtp_client_wants_chunk(). */
enum smtp_state	 smtp_client_chunk(struct smtp_client *, const char *, size_t, bool last);
/* Everything appended so far is with the kernel. */
enum smtp_state	 smtp_client_drained(struct smtp_client *);
/* The connection is gone: every recipient without a verdict gets this one. */
enum smtp_state	 smtp_client_lost(struct smtp_client *, enum smtp_event, const char *why);
/* Only in SMTP_READY: end politely. */
enum smtp_state	 smtp_client_quit(struct smtp_client *);

/* --- questions ----------------------------------------------------------- */
/*
 * May this connection carry the message? False: it speaks for another client and the peer lets it
 * change no more (Postfix after XCLIENT: the right to XCLIENT is the new client's). Quit, take another.
 */
bool		 smtp_client_suits(const struct smtp_client *, const struct job *);
/* Why the route's XCLIENT cannot be used here; NULL: it can, or was not asked for. Lends. */
const char	*smtp_client_no_xclient(const struct smtp_client *);
enum smtp_state	 smtp_client_state(const struct smtp_client *);
bool		 smtp_client_owes(const struct smtp_client *);	/* does the peer owe a reply? */
bool		 smtp_client_wants_chunk(const struct smtp_client *);
bool		 smtp_client_over(const struct smtp_client *);	/* no recipient is without a verdict */
bool		 smtp_client_offers(const struct smtp_client *, unsigned ext);	/* all of these WIRE_EXT_* */
bool		 smtp_client_encrypted(const struct smtp_client *);
const struct smtp_verdict *smtp_client_verdict(const struct smtp_client *, size_t rcpt);
void		 smtp_client_retry(struct smtp_client *, size_t rcpt);
/* Why the session ended; event SMTP_EV_NONE after an orderly QUIT. */
const struct smtp_verdict *smtp_client_end(const struct smtp_client *);

/* --- the table: one row a state ------------------------------------------ */
const char	*smtp_state_name(enum smtp_state);	/* "MAIL" */
const char	*smtp_state_words(enum smtp_state);	/* "while waiting for the reply to MAIL" */
unsigned	 smtp_state_timeout(enum smtp_state, const struct conf *);	/* seconds */

#endif
