/*
 * control_server.h -- the operator's way into holdfast-queued.
 *
 * Serves the protocol of common/control.h on conf->control_socket (0660;
 * peers are root, the queue user and members of its group). All on the loop's
 * thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CONTROL_SERVER_H
#define HOLDFAST_CONTROL_SERVER_H

#include <stdint.h>

struct conf;
struct control_server;
struct deliver;
struct drills;
struct event_base;
struct lmtp_server;
struct rules;
struct store;

/* What the commands look at; all lent, all outlive the server. */
struct control_view {
	struct store		*store;
	struct deliver		*deliver;
	struct lmtp_server	*lmtp;
	struct drills		*drills;
	struct rules		*rules;
	const struct conf	*conf;
	int64_t			 started;	/* wall seconds */
};

/* NULL: *why (malloc'd) names the socket and what to do. */
struct control_server *control_server_new(struct event_base *, const struct control_view *,
	    char **why);
/*
 * One connection on a socket that is there already, for what looks at the queue alone: of the view
 * only the store is needed. gone(arg): the peer has left.
 */
struct control_server *control_server_offline(struct event_base *, const struct control_view *,
	    int fd, void (*gone)(void *), void *arg);
void	control_server_conf(struct control_server *, const struct conf *);
void	control_server_free(struct control_server **);

#endif
