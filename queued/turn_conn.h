/*
 * turn_conn.h -- one client of the turn port. Private to turn_server.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TURN_CONN_H
#define HOLDFAST_TURN_CONN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "queued/tls.h"
#include "queued/turn_rate.h"
#include "queued/turn_session.h"

#define TURN_INPUT_MAX	4096u	/* octets kept while they can't be used yet */
#define TURN_GREET_MS	400	/* for a client that begins with TLS to do so */
#define TURN_LINGER_MS	2000	/* to let a cut-off client read our last words */
#define TURN_SESSION_MS	600000	/* a whole session, until its mail is being fetched */

struct deliver;
struct event_base;
struct ruleset;
struct store;

/* What the connections of a server share. */
struct turn_hub {
	struct event_base	*base;
	struct store		*store;
	struct deliver		*deliver;
	struct ruleset		*rules;
	struct turn_config	 session;
	struct tls_server	*tls;		/* NULL: no TLS */
	int64_t			 timeout_ms;	/* a command */
	int64_t			 handshake_ms;
	struct turn_rate	 asks, guesses;
	char			 id_prefix[24];	/* of session ids; differs after a restart */
	uint64_t		 nsessions;	/* ever */
	unsigned		 sessions;	/* now */
	struct turn_conn	*first;
	void			(*closed)(void *);	/* one connection less */
	void			*closed_arg;
};

struct turn_conn;

void	turn_conn_new(struct turn_hub *, int fd, const struct sockaddr_storage *);
void	turn_conn_free(struct turn_conn **);
unsigned turn_conn_count(const struct turn_hub *, const struct turn_peer *);
void	turn_conn_sweep(struct turn_hub *, int64_t now_ms);	/* ends what is over a deadline */
void	turn_conn_shutdown(struct turn_hub *);		/* 421 to all who fetch nothing */

/* turn_ops.c: what a session may do. arg is the connection. */
extern const struct turn_ops turn_conn_ops;
struct turn_hub	*turn_conn_hub(const struct turn_conn *);
const struct turn_peer *turn_conn_peer(const struct turn_conn *);
const struct sockaddr_storage *turn_conn_addr(const struct turn_conn *);
const char	*turn_conn_id(const struct turn_conn *);
const char	*turn_conn_client(const struct turn_conn *);	/* its address as text */
const char	*turn_conn_user(const struct turn_conn *);	/* "" if not authenticated */

#endif
