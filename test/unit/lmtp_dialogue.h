/*
 * lmtp_dialogue.h -- plays a dialogue with an LMTP session that has no socket.
 *
 * The store is a buffer: whatever is committed is appended to `stored', and
 * answered after the input call as `verdict' says.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_LMTP_DIALOGUE_H
#define HOLDFAST_TEST_LMTP_DIALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "queued/lmtp_session.h"

#define DIALOGUE_HOST	"mx2.example.test"
#define DIALOGUE_SIZE	100000		/* message_size_limit */
#define DIALOGUE_NOW	1795336381	/* Sun, 22 Nov 2026 08:33:01 +0000 */

struct dialogue {
	/* how to play */
	enum lmtp_verdict	 verdict;
	bool			 full;		/* no room at MAIL */
	unsigned		 pause_every;	/* 0, or: each so many writes the store wants a pause */
	uint64_t		 size_limit;	/* 0: DIALOGUE_SIZE */
	const char		*peer;
	/* what came of it */
	struct buf		 out;		/* replies, greeting included */
	struct buf		 stored;	/* the messages, one after the other */
	struct buf		 envelopes;	/* a line for each */
	unsigned		 begun, committed, aborted;
	unsigned		 accepted, refused;
	unsigned		 writes;
	size_t			 most;		/* octets in the longest single output */
	enum lmtp_wants		 wants;		/* at the end */
};

/* Feeds in[0..len): step 0 all at once, 1 byte by byte, else pieces of 1..step octets, by `seed'. */
void	dialogue_play(struct dialogue *, const char *in, size_t len, unsigned step, unsigned seed);
void	dialogue_clear(struct dialogue *);

#endif
