/*
 * lmtp_reply.c -- the wording of LMTP's replies, one table.
 *
 * A line, complete but for CRLF; callers that compare or log it want all of
 * it. 4xx says "ours or for now", 5xx "yours" (P3).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/lmtp_reply.h"

static const char *const text[] = {
	[REPLY_NONE] = "",
	[REPLY_OK] = "250 2.0.0 OK",
	[REPLY_SENDER_OK] = "250 2.1.0 Sender OK",
	[REPLY_RCPT_OK] = "250 2.1.5 Recipient OK",
	[REPLY_RESET] = "250 2.0.0 Reset",
	[REPLY_CHUNK_OK] = "250 2.0.0 Chunk OK",
	[REPLY_VRFY] = "252 2.0.0 Not verified; will accept and try to deliver",
	[REPLY_HELP] = "214 2.0.0 Commands: LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY XFORWARD QUIT HELP",
	[REPLY_BYE] = "221 2.0.0 Bye",
	[REPLY_START_DATA] = "354 End data with <CR><LF>.<CR><LF>",
	[REPLY_ORDER_LHLO] = "503 5.5.1 Send LHLO first",
	[REPLY_ORDER_NESTED] = "503 5.5.1 Nested MAIL command",
	[REPLY_ORDER_MAIL] = "503 5.5.1 Need MAIL first",
	[REPLY_ORDER_RCPT] = "503 5.5.1 No valid recipients",
	[REPLY_ORDER_BDAT] = "503 5.5.1 BDAT under way; only BDAT or RSET may follow",
	[REPLY_ORDER_XFORWARD] = "503 5.5.1 Mail transaction in progress",
	[REPLY_USE_LHLO] = "500 5.5.1 This is LMTP; use LHLO",
	[REPLY_LHLO_NAME] = "501 5.5.4 LHLO needs a host name",
	[REPLY_NO_ARGUMENT] = "501 5.5.4 No argument allowed",
	[REPLY_UNKNOWN] = "500 5.5.2 Command not recognized",
	[REPLY_NOT_HERE] = "502 5.5.1 Command not implemented",
	[REPLY_TOO_LONG] = "500 5.5.2 Line too long",
	[REPLY_VRFY_ARG] = "501 5.1.3 Bad address syntax",
	[REPLY_RCPT_MANY] = "452 4.5.3 Too many recipients",
	[REPLY_NO_ROOM] = "452 4.3.1 Insufficient system storage",
	[REPLY_FAULT] = "451 4.3.0 Local error in the queue; try again later",
	[REPLY_SIZE] = "552 5.3.4 Message size exceeds fixed limit",
	[REPLY_HEADER] = "552 5.3.4 Message header exceeds fixed limit",
	[REPLY_HOPS] = "554 5.4.6 Too many hops",
	[REPLY_LOOP] = "554 5.4.6 Mail loops back to me",
	[REPLY_BARE_LF] = "554 5.5.2 Bare LF in command; closing",
	[REPLY_BARE_CR] = "554 5.5.2 Bare CR in command; closing",
	[REPLY_NUL] = "554 5.5.2 NUL in command; closing",
	[REPLY_HTTP] = "554 5.5.1 This is LMTP, not HTTP; closing",
	[REPLY_DATA_LF] = "554 5.6.0 Bare LF in message data; closing",
	[REPLY_DATA_CR] = "554 5.6.0 Bare CR in message data; closing",
	[REPLY_ERRORS] = "421 4.7.0 Too many errors",
	[REPLY_TIMEOUT] = "421 4.4.2 Timeout exceeded",
	[REPLY_SHUTDOWN] = "421 4.3.2 Service shutting down",
	[REPLY_BUSY] = "421 4.3.2 Too many sessions; try again later",
	[REPLY_BUSY_PEER] = "421 4.7.0 Too many sessions from your address; try again later",
};

const char *
lmtp_reply(enum lmtp_reply r)
{
	return text[r];
}
