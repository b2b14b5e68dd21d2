/*
 * envelope.h -- what travels beside a message's bytes: sender, recipients,
 * ESMTP parameters, and who the original client was.
 *
 * Plain values, all strings malloc'd and owned by the struct; NULL is "not
 * given". Addresses are as written by the client, without brackets.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_ENVELOPE_H
#define HOLDFAST_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/buf.h"

#define ENVELOPE_RCPT_MAX	1000	/* recipients of one message */
#define ENVELOPE_RELAY		".relay"	/* no domain has this name: to bounce_relay */

#define NOTIFY_NEVER	0x1u		/* RFC 3461 4.1; 0 is "not given" */
#define NOTIFY_SUCCESS	0x2u
#define NOTIFY_FAILURE	0x4u
#define NOTIFY_DELAY	0x8u

enum body_type { BODY_UNSPECIFIED, BODY_7BIT, BODY_8BITMIME, BODY_BINARYMIME };
enum dsn_ret { RET_UNSPECIFIED, RET_FULL, RET_HDRS };
/* What becomes of a message when it is stored: sent, or kept until somebody releases it. */
enum envelope_start { START_QUEUED, START_HELD, START_QUARANTINED };

/* The original SMTP client (XFORWARD's attributes). */
struct client_info {
	char	*name;		/* reverse DNS name */
	char	*addr;		/* "192.0.2.1" or "IPv6:2001:db8::1" */
	char	*port;
	char	*proto;		/* "SMTP", "ESMTP" */
	char	*helo;
	char	*ident;		/* the MTA's own queue id */
	char	*source;	/* "LOCAL" or "REMOTE" */
};

struct rcpt {
	char		*address;
	char		*orcpt;		/* as given ("rfc822;xtext"), passed on unread */
	unsigned	 notify;	/* NOTIFY_* */
};

struct envelope {
	char		*sender;	/* "" is the null sender */
	enum body_type	 body;
	enum dsn_ret	 ret;
	bool		 smtputf8;
	char		*envid;		/* xtext as given */
	uint64_t	 size;		/* SIZE= of MAIL; 0 when absent */
	char		*trace;		/* XTRACE=: set by holdfast-milter; the message
					 * then carries our Received line already */
	enum envelope_start start;	/* XQUARANTINE= says quarantined; held is queued's own idea */
	char		*start_reason;	/* why, if not queued */
	char		*spf;		/* XSPF=: what SPF said of the sender when it came in ("pass", "fail",
					 * …, RFC 7208 2.6); only "pass" lets a bounce out (P5) */
	char		*route;		/* queued's own mail (a DSN): where it goes instead of the
					 * recipients' domains, e.g. ENVELOPE_RELAY */
	struct client_info client;
	struct rcpt	*rcpt;
	size_t		 nrcpt;
};

void	client_info_clear(struct client_info *);
void	client_info_copy(struct client_info *dst, const struct client_info *src);
void	rcpt_clear(struct rcpt *);
void	envelope_clear(struct envelope *);		/* frees members, zeroes */
struct rcpt *envelope_add_rcpt(struct envelope *);	/* a zeroed one to fill */

/*
 * received_format -- the one Received: line that Holdfast adds (RFC 5321
 * 4.4), folded, CRLF at the end. `with' is the protocol ("ESMTP", "LMTP"),
 * tls NULL or e.g. "TLSv1.3 …" for a comment, rcpt NULL when there are several.
 */
void	received_format(struct buf *, const struct client_info *, const char *by,
	    const char *with, const char *tls, const char *id, const char *rcpt, time_t when);
void	received_date(struct buf *, time_t);	/* "Sun, 22 Nov 2026 08:33:01 +0000" */

#endif
