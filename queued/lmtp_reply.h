/*
 * lmtp_reply.h -- the wording of LMTP's replies, one table.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_LMTP_REPLY_H
#define HOLDFAST_LMTP_REPLY_H

enum lmtp_reply {
	REPLY_NONE = 0,
	/* success */
	REPLY_OK,
	REPLY_SENDER_OK,
	REPLY_RCPT_OK,
	REPLY_RESET,
	REPLY_CHUNK_OK,
	REPLY_VRFY,
	REPLY_HELP,
	REPLY_BYE,
	REPLY_START_DATA,
	/* a command out of its order */
	REPLY_ORDER_LHLO,
	REPLY_ORDER_NESTED,
	REPLY_ORDER_MAIL,
	REPLY_ORDER_RCPT,
	REPLY_ORDER_BDAT,
	REPLY_ORDER_XFORWARD,
	/* a command that is wrong in itself */
	REPLY_USE_LHLO,
	REPLY_LHLO_NAME,
	REPLY_NO_ARGUMENT,
	REPLY_UNKNOWN,
	REPLY_NOT_HERE,
	REPLY_TOO_LONG,
	REPLY_VRFY_ARG,
	/* limits and faults */
	REPLY_RCPT_MANY,
	REPLY_NO_ROOM,
	REPLY_FAULT,
	REPLY_SIZE,
	REPLY_HEADER,
	REPLY_HOPS,
	REPLY_LOOP,
	/* the session ends */
	REPLY_BARE_LF,
	REPLY_BARE_CR,
	REPLY_NUL,
	REPLY_HTTP,
	REPLY_DATA_LF,
	REPLY_DATA_CR,
	REPLY_ERRORS,
	REPLY_TIMEOUT,
	REPLY_SHUTDOWN,
	REPLY_BUSY,
	REPLY_BUSY_PEER
};

/* Code, enhanced code (RFC 3463) and text, without CRLF. Static. */
const char	*lmtp_reply(enum lmtp_reply);

#endif
