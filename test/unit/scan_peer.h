/*
 * scan_peer.h -- a scanner in a thread that answers as badly as it is told to.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_SCAN_PEER_H
#define HOLDFAST_TEST_SCAN_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

struct scan_script {
	const char	*reply;		/* NULL: none */
	size_t		 len;		/* of it; 0: its strlen() */
	size_t		 reads;		/* bytes of the question before it answers; 0: all that comes within 50 ms */
	size_t		 repeat;	/* … and so many times the reply */
	int		 drip;		/* ms before each of its bytes */
	bool		 stays;		/* does not close after it */
	bool		 deaf;		/* reads nothing at all */
};

struct scan_peer;

struct scan_peer *scan_peer_start(const struct scan_script *);
void		 scan_peer_script(struct scan_peer *, const struct scan_script *);	/* of the next connection */
const char	*scan_peer_unix(const struct scan_peer *);	/* "unix:PATH" */
const char	*scan_peer_inet(const struct scan_peer *);	/* "127.0.0.1:PORT" */
struct buf	 scan_peer_question(struct scan_peer *);	/* the last one, so far; the caller's */
void		 scan_peer_stop(struct scan_peer **);

#endif
