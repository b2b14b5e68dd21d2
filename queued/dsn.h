/*
 * dsn.h -- delivery status notifications (RFC 3461, 3464, 6522, 6533): what the sender is told.
 *
 * A pure function from values to the bytes of a message. Whether one may be
 * sent at all (P5) is decided elsewhere.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DSN_H
#define HOLDFAST_DSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct envelope;
struct rcpt;

#define DSN_HEADER_MAX	(64u * 1024)	/* octets of the original header that are given back */

enum dsn_action {		/* RFC 3464 2.3.3 */
	DSN_NONE,		/* not in the report */
	DSN_RELAYED,		/* handed to a host that makes no such reports (RFC 3461 5.2.2) */
	DSN_DELAYED,
	DSN_FAILED
};

struct dsn_rcpt {
	enum dsn_action	 action;
	const struct rcpt *rcpt;
	const char	*status;	/* "5.1.1"; its class is made to fit the action */
	const char	*remote;	/* "host[addr]:port" that said so; NULL none */
	const char	*reply;		/* its own words, "550 5.1.1 no such user"; NULL: it said nothing */
	const char	*reason;	/* for people */
	int64_t		 last_attempt;	/* wall seconds; 0 none */
	int64_t		 retry_until;	/* DELAYED: wall seconds */
};

struct dsn {
	const char	*hostname;	/* ours */
	const char	*queue_id;	/* the report's */
	const char	*original_id;	/* of the message it is about */
	int64_t		 now, arrival;	/* wall seconds */
	const struct envelope *env;	/* of the message it is about */
	const char	*header;	/* its bytes: at least the header, or what there is of it */
	size_t		 header_len;
	const struct dsn_rcpt *rcpt;
	size_t		 nrcpt;		/* one of them at least is in the report */
};

/* The whole message, CRLF text. True: it has bytes above 127, so SMTPUTF8 or 8BITMIME is needed. */
bool	dsn_format(struct buf *, const struct dsn *);
/* Do the addresses need SMTPUTF8 (RFC 6533)? */
bool	dsn_is_global(const struct dsn *);
const char *dsn_action_name(enum dsn_action);	/* "failed" */

#endif
