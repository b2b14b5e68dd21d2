/*
 * smtp_state.c -- what there is to say of each state of the SMTP client.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stddef.h>
#include <string.h>

#include "common/conf.h"
#include "queued/smtp_client.h"

/* What the table says of a state. */
static const struct {
	const char	*name;
	const char	*words;
	size_t		 timeout;		/* offset in struct conf */
} states[] = {
#define T(field) offsetof(struct conf, field)
	[SMTP_CONNECT] = { "CONNECT", "while connecting", T(smtp_connect_timeout) },
	[SMTP_GREETING] = { "GREETING", "while receiving the initial server greeting",
	    T(smtp_greeting_timeout) },
	[SMTP_EHLO] = { "EHLO", "while performing the EHLO handshake", T(smtp_greeting_timeout) },
	[SMTP_HELO] = { "HELO", "while performing the HELO handshake", T(smtp_greeting_timeout) },
	[SMTP_STARTTLS] = { "STARTTLS", "while asking for TLS", T(smtp_greeting_timeout) },
	[SMTP_TLS] = { "TLS", "while negotiating TLS", T(smtp_tls_timeout) },
	[SMTP_READY] = { "READY", "between two messages", T(smtp_mail_timeout) },
	[SMTP_XCLIENT] = { "XCLIENT", "while sending XCLIENT", T(smtp_greeting_timeout) },
	[SMTP_XEHLO] = { "XEHLO", "while performing the EHLO handshake after XCLIENT",
	    T(smtp_greeting_timeout) },
	[SMTP_XFORWARD] = { "XFORWARD", "while sending XFORWARD", T(smtp_mail_timeout) },
	[SMTP_MAIL] = { "MAIL", "while sending MAIL FROM", T(smtp_mail_timeout) },
	[SMTP_RCPT] = { "RCPT", "while sending RCPT TO", T(smtp_rcpt_timeout) },
	[SMTP_DATA] = { "DATA", "while sending the DATA command", T(smtp_data_timeout) },
	[SMTP_BODY] = { "BODY", "while sending message content", T(smtp_block_timeout) },
	[SMTP_FINAL] = { "FINAL", "after the end of the message", T(smtp_final_timeout) },
	[SMTP_RSET] = { "RSET", "while sending RSET", T(smtp_mail_timeout) },
	[SMTP_QUIT] = { "QUIT", "while sending QUIT", T(smtp_quit_timeout) },
	[SMTP_CLOSED] = { "CLOSED", "after the end", T(smtp_quit_timeout) },
#undef T
};

const char *
smtp_state_name(enum smtp_state s)
{
	return states[s].name;
}

const char *
smtp_state_words(enum smtp_state s)
{
	return states[s].words;
}

unsigned
smtp_state_timeout(enum smtp_state s, const struct conf *conf)
{
	unsigned v;

	memcpy(&v, (const char *)conf + states[s].timeout, sizeof(v));
	return v;
}
