/*
 * lmtp_world.h -- an LMTP server on a unix and a TCP socket, and its clients,
 * all on one thread: every wait turns the server's loop until the condition
 * holds or WORLD_DEADLINE_MS have passed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_LMTP_WORLD_H
#define HOLDFAST_TEST_LMTP_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "queued/lmtp_server.h"

#define WORLD_DEADLINE_MS	10000

struct world {
	struct event_base	*base;
	struct store		*store;
	struct conf		 conf;
	struct endpoint		 endpoint[2];
	struct lmtp_server	*server;
	char			 dir[32];
	struct event		*tick;
	struct buf		 domains;	/* told by accepted(), a line each */
	bool			 drained;
};

struct client {
	struct world	*w;
	int		 fd;
	struct buf	 in;	/* what came; commands take from its front */
	bool		 eof, reset;
};

/* A loop, a directory and a configuration; the test opens a store, then starts the server. */
struct world	*world_new(void);
void		 world_start(struct world *);
void		 world_free(struct world **);	/* after server and store */
struct lmtp_stats world_stats(const struct world *);
void		 world_turn(struct world *);
/* The same, but waits for an event: at the latest the world's tick. */
void		 world_turn_slowly(struct world *);
uint16_t	 world_free_port(void);

#define WAIT_FOR(w, condition) \
	do { \
		int64_t until_ = clock_mono_ms() + WORLD_DEADLINE_MS; \
		while (!(condition)) { \
			if (clock_mono_ms() > until_) \
				fail_msg("waited in vain for " #condition); \
			world_turn_slowly(w); \
		} \
	} while (0)

struct client	*client_new(struct world *);	/* on the unix socket */
struct client	*client_tcp(struct world *);
void		 client_free(struct client *);
/* As much as the socket takes; returns how much that was. */
size_t		 client_push(struct client *, const char *, size_t);
void		 client_pull(struct client *);
void		 client_say(struct client *, const char *);
/* Waits until `text' has come and takes everything up to its end; the rest stays. */
void		 client_hear(struct client *, const char *text);
void		 client_hear_queued(struct client *);
/* Nothing but `text' comes, then the end. */
void		 client_hear_end(struct client *, const char *text);
void		 client_quit(struct client *);

#endif
