/*
 * turn_server.h -- the port where a primary asks for its mail: ETRN, ATRN.
 *
 * turn_session.[ch] is the protocol without I/O; this is its sockets, TLS, time and limits. All on
 * the loop's thread. Every function accepts a NULL server: there is none.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TURN_SERVER_H
#define HOLDFAST_TURN_SERVER_H

struct conf;
struct deliver;
struct event_base;
struct ruleset;
struct store;
struct turn_server;

/* Listens on conf->turn_listen. NULL: *why (malloc'd) names the file or socket and what to do. */
struct turn_server *turn_server_new(struct event_base *, struct store *, struct deliver *,
		    const struct conf *, struct ruleset *, char **why);
/*
 * New configuration after SIGHUP: hostname, limits, certificate and users (read again even if they bear the
 * same name). What cannot be read is said and stays as it was. No pointer into conf is kept.
 */
void	turn_server_conf(struct turn_server *, const struct conf *);
void	turn_server_rules(struct turn_server *, struct ruleset *);	/* takes its own reference */
/* Listens no more; who is not fetching mail gets 421. What is being fetched is deliver's to drain. */
void	turn_server_stop(struct turn_server *);
/* After deliver_free(): it must have given back the connections that fetch mail. */
void	turn_server_free(struct turn_server **);

#endif
