/*
 * lmtp_sink.h -- an LMTP server in a thread that answers as it is told to.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_LMTP_SINK_H
#define HOLDFAST_TEST_LMTP_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/endpoint.h"

enum sink_close {
	SINK_STAYS,
	SINK_AT_BANNER, SINK_AT_LHLO, SINK_AT_MAIL, SINK_AT_RCPT, SINK_AT_BDAT,
	SINK_AT_LAST,		/* has the last byte, says nothing */
	SINK_AFTER_MESSAGE	/* the replies were sent; the idle connection closes */
};

/* NULL is the good answer. Recipient i gets rcpt[i] and final[i]. */
struct sink_script {
	const char	*banner, *lhlo, *xforward, *mail, *bdat;
	const char	*rcpt[4], *final[4];
	enum sink_close	 close;
	int		 delay;		/* ms before the replies to the last chunk */
	int		 chunk_delay;	/* ms before each chunk is read */
};

struct sink;

struct sink	*sink_start(const struct endpoint *at, const struct sink_script *);
/* Ends it; NULL is fine. Results may be looked at before that. */
void		 sink_stop(struct sink **);
void		 sink_script(struct sink *, const struct sink_script *);	/* for what comes now */

/* What happened so far. Copies: the caller frees them. */
char		*sink_commands(struct sink *);	/* one a line, without BDAT's sizes */
struct buf	 sink_data(struct sink *);	/* of the last complete message */
unsigned	 sink_messages(struct sink *);
unsigned	 sink_connections(struct sink *);
unsigned	 sink_chunks(struct sink *);	/* BDAT commands */
bool		 sink_connected(struct sink *);

/* A name for a socket in a directory of its own, and its end. */
void		 sink_endpoint(struct endpoint *);
void		 sink_endpoint_clear(struct endpoint *);

#endif
