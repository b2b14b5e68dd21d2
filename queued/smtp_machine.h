/*
 * smtp_machine.h -- the inside of the SMTP client, shared by its files.
 *
 *	smtp_client.c		events, questions, the dispatch by state
 *	smtp_opening.c		from the greeting to READY
 *	smtp_xclient.c		whom the connection speaks for
 *	smtp_transaction.c	from READY to READY
 *	smtp_verdict.c		what a peer said, and to whom it applies
 *	smtp_state.c		the table of states
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SMTP_MACHINE_H
#define HOLDFAST_SMTP_MACHINE_H

#include "common/buf.h"
#include "queued/smtp_client.h"
#include "queued/store.h"

struct smtp_client {
	enum smtp_state	 state;
	char		*hostname;
	enum rules_tls	 tls;
	enum rules_client client;		/* how the peer is told who the client was */
	bool		 encrypted;
	struct buf	*out;			/* the holder's */
	unsigned	 ext;			/* WIRE_EXT_* of the last EHLO */
	uint64_t	 size_limit;		/* SIZE of the last EHLO; 0 none */
	unsigned	 xforward_attr;		/* WIRE_CLIENT_* of the last EHLO */
	unsigned	 xclient_attr;
	struct smtp_verdict end;

	/* XCLIENT and the EHLO behind it, as accepted last and as just said; empty: it is us */
	struct buf	 speaks_for;
	struct buf	 introduced;
	char		*no_xclient;		/* why it was given up; NULL: it was not */

	/* the transaction */
	const struct job *job;
	struct buf	 mark;			/* what goes before the stored bytes */
	struct smtp_verdict *verdict;		/* one a recipient */
	bool		*todo;			/* takes part in this transaction */
	size_t		 nrcpt;
	size_t		 cap;			/* of both arrays */
	size_t		 cur;			/* whose RCPT reply comes next */
	unsigned	 naccepted;
	bool		 group;			/* the envelope went in one write */
	bool		 bdat;
	bool		 framed;		/* all of the body is in `out' */
	bool		 mail_refused;
	struct wire_dot	 dot;
	struct buf	 xforward;		/* lines that are not written yet */
	unsigned	 xforward_owed;		/* replies to those that are */
};

/* smtp_opening.c: the reply in hand, the next state back */
enum smtp_state	 smtp_on_greeting(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_on_ehlo(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_on_helo(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_on_starttls(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_say_hello(struct smtp_client *, enum smtp_state);
void		 smtp_read_extensions(struct smtp_client *, const struct wire_reply *);

/* smtp_xclient.c */
bool		 smtp_introduce(struct smtp_client *);	/* false: no need to, on with the transaction */
enum smtp_state	 smtp_on_xclient(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_on_xehlo(struct smtp_client *, const struct wire_reply *);

/* smtp_transaction.c */
enum smtp_state	 smtp_begin(struct smtp_client *);	/* for the recipients in todo */
enum smtp_state	 smtp_envelope(struct smtp_client *);	/* the peer knows who the client was, or need not */
void		 smtp_put_content(struct smtp_client *, const char *, size_t, bool last);
enum smtp_state	 smtp_on_xforward(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_on_mail(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_on_rcpt(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_on_data(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_on_body(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_on_final(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_on_rset(struct smtp_client *, const struct wire_reply *);

/* smtp_verdict.c */
void		 smtp_verdict_clear(struct smtp_verdict *);
void		 smtp_verdict_set(struct smtp_verdict *, enum smtp_event, enum smtp_state phase,
		    int code, const char *dsn, const char *text);
void		 smtp_verdict_reply(struct smtp_verdict *, enum smtp_state phase,
		    const struct wire_reply *);
/* The same verdict for every recipient that takes part and has none yet. */
void		 smtp_settle_rest(struct smtp_client *, enum smtp_event, enum smtp_state phase,
		    int code, const char *dsn, const char *text);
void		 smtp_settle_rest_reply(struct smtp_client *, enum smtp_state phase,
		    const struct wire_reply *);
/* The session is over for this reason; what is open inherits it. SMTP_CLOSED. */
enum smtp_state	 smtp_fail(struct smtp_client *, enum smtp_event, int code, const char *dsn,
		    const char *text);
enum smtp_state	 smtp_fail_reply(struct smtp_client *, const struct wire_reply *);
enum smtp_state	 smtp_broken(struct smtp_client *, const char *what, const struct wire_reply *);

void		 smtp_put_line(struct smtp_client *, const char *line);	/* smtp_client.c */

#endif
