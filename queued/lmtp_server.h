/*
 * lmtp_server.h -- accepts messages over LMTP (RFC 2033) into the store.
 *
 * lmtp_session.[ch] is the protocol as a state machine without I/O;
 * this is its sockets, deadlines and limits. All on the loop's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_LMTP_SERVER_H
#define HOLDFAST_LMTP_SERVER_H

#include <stdint.h>

struct conf;
struct drills;
struct envelope;
struct event_base;
struct lmtp_server;
struct store;

struct lmtp_stats {
	unsigned	sessions;	/* open now */
	uint64_t	accepted;	/* messages, since start */
	uint64_t	refused;	/* 4xx and 5xx to RCPT or data */
	uint64_t	bytes;
};

/*
 * Listens on all of conf->lmtp_listen (unix sockets 0666 under their directory's
 * permissions). accepted(arg, domain) runs once per distinct recipient domain after each commit.
 * NULL: *why names the socket and what to do.
 */
struct lmtp_server *lmtp_server_new(struct event_base *, struct store *, const struct conf *,
	    void (*accepted)(void *, const char *domain), void *arg, char **why);
/* New configuration after SIGHUP (limits, timeouts, hostname; listeners stay as they are);
 * no pointer into the earlier one is kept when this returns. */
void	lmtp_server_conf(struct lmtp_server *, const struct conf *);
/* Messages that are announced there are stored held; outlives the server. */
void	lmtp_server_drills(struct lmtp_server *, struct drills *);
/* New rules: Received: lines beyond which a message loops. */
void	lmtp_server_hops(struct lmtp_server *, unsigned limit);
/* Listen no more; sessions between messages get 421 and end, others finish theirs; done(arg) at the end,
 * at the latest after shutdown_timeout. */
void	lmtp_server_drain(struct lmtp_server *, void (*done)(void *), void *arg);
void	lmtp_server_free(struct lmtp_server **);
void	lmtp_server_stats(const struct lmtp_server *, struct lmtp_stats *);

#endif
