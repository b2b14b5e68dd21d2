/*
 * turn_conn_private.h -- a client of the turn port, for turn_conn.c and turn_bytes.c alone.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TURN_CONN_PRIVATE_H
#define HOLDFAST_TURN_CONN_PRIVATE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "queued/turn_conn.h"

#define TURN_READ_SIZE	2048u

enum turn_phase { GREET, HANDSHAKE, TALK, LINGER, TURNED };

struct turn_conn {
	struct turn_hub		*hub;
	struct turn_conn	*next, **link;
	int			 fd;
	struct sockaddr_storage	 addr;
	struct turn_peer	 peer;
	char			 client[INET6_ADDRSTRLEN];
	char			*id;
	enum turn_phase		 phase;
	struct turn_session	*session;
	struct tls_conn		*tls;
	bool			 at_once;	/* TLS came before the greeting */
	bool			 eof;		/* the client sends no more */
	bool			 dead;		/* the socket is of no use */
	bool			 waiting;	/* the timer runs, or the store counts */
	struct buf		 in;		/* read, not yet used */
	struct event		 readable, writable, timer;
	int64_t			 started, progress;	/* mono ms; progress: the last answer */
	int64_t			 stuck;		/* replies are unsent since; 0: none are */
};

/* --- turn_conn.c ----------------------------------------------------------- */
/* Says and hears what there is, and decides what is waited for. The connection may be gone afterwards. */
void	turn_conn_talk(struct turn_conn *);

/* --- turn_bytes.c ---------------------------------------------------------- */
void	turn_conn_watch(struct event *, bool wanted);
/* All that is there and has room, into c->in; sets eof or dead. */
void	turn_conn_receive(struct turn_conn *);
/* The session's output, as much as goes; sets stuck or dead. */
void	turn_conn_flush(struct turn_conn *);
/* Both may free the connection; when TLS stands they go on with turn_conn_talk(). */
void	turn_conn_begin_tls(struct turn_conn *);
void	turn_conn_handshake(struct turn_conn *);

#endif
