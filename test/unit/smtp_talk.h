/*
 * smtp_talk.h -- scripted dialogues with the SMTP client machine.
 *
 * A script is a list of lines: "S: …" the server says, "C: …" the client must
 * have said by now (in order, nothing else). SEND gives it the job, SENT tells it that what it
 * wrote is gone, TLS and NOTLS end a handshake, LOST the connection, QUIT asks it to end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_SMTP_TALK_H
#define HOLDFAST_TEST_SMTP_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>

#include "common/buf.h"
#include "queued/outcome.h"
#include "queued/smtp_client.h"
#include "queued/store.h"

#define MAX_RCPT 4

struct talk {
	struct smtp_client	*c;
	struct buf		 out;
	struct wire_reply	 reply;
	struct job		 job;
	struct job_rcpt		 rcpt[MAX_RCPT];
	struct rcpt		 names[MAX_RCPT];
	char			 body[256];
	bool			 mark;
};

/* Recipients r1@x.test, r2@x.test …; connected, nothing said yet. */
void	talk_start(struct talk *, size_t nrcpt, enum rules_tls, const char *body);
void	talk_start_for(struct talk *, enum rules_client, const char *body);	/* one recipient, no TLS */
void	talk_end(struct talk *);
void	talk_server(struct talk *, const char *line);
void	talk_play(struct talk *, const char *const *script);
void	talk_expect(struct talk *, size_t rcpt, enum outcome_rcpt, int code);

#define PLAY(t, ...) talk_play(t, (const char *const[]){ __VA_ARGS__, NULL })

#define PIPE	"S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250-PIPELINING", "S: 250 8BITMIME"
#define PLAIN	"S: 220 p", "C: EHLO mx2.test", "S: 250 p"
#define CHUNK	"S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250-PIPELINING", "S: 250 CHUNKING"
#define MAIL1	"C: MAIL FROM:<a@example.org>"
#define BODY	"C: Subject: x", "C: ", "C: hello", "C: ."
#define TEXT	"Subject: x\r\n\r\nhello\r\n"

#endif
