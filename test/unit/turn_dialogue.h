/*
 * turn_dialogue.h -- plays a dialogue with a turn session that has no socket.
 *
 * Waits end at once; the store knows `messages'. Served here: a.test, b.test, sub.a.test and
 * (fetched by its primary) far.test. Users: ann (a.test, b.test), far (far.test).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_TURN_DIALOGUE_H
#define HOLDFAST_TEST_TURN_DIALOGUE_H

#include "queued/turn_session.h"

#define ANN	"ann", "correct-horse"

struct talk {
	/* how to play */
	bool		 no_tls, no_users;
	bool		 network;	/* the client is in a turn_network */
	bool		 busy;		/* an ATRN is at work */
	bool		 unknown;	/* the store cannot count */
	uint64_t	 messages;
	unsigned	 asks, guesses;	/* how many are allowed; 0: any number */
	bool		 encrypted;	/* from the start */
	/* what came of it */
	struct turn_config	 conf;
	struct turn_session	*session;
	struct buf	 out;		/* replies since the last look */
	struct buf	 flushed;	/* "a.test b.test " */
	struct buf	 counted;	/* the same, of the last count */
	struct buf	 decided, denied;	/* log lines */
	unsigned	 nasked, nguessed, pauses, handshakes;
};

/* A file with the two users; the caller frees the path after unlinking it. */
char	*talk_users_file(void);
void	talk_begin(struct talk *);
void	talk_end(struct talk *);
/* Feeds in pieces of `step' octets (0: all at once), ending every wait. */
void	talk_feed(struct talk *, const char *, size_t len, size_t step);
/* Sends a line and lends what came back. */
const char *talk_line(struct talk *, const char *line);
/* AUTH by each mechanism; the last reply. */
const char *talk_cram(struct talk *, const char *user, const char *secret);
const char *talk_scram(struct talk *, const char *user, const char *secret);
/* The client's side of SCRAM, from the server's first message; appends the final one. */
void	scram_client(struct buf *final, const char *gs2, const char *bare, const char *server_first,
	    const char *secret, struct buf *signature);

#endif
