/*
 * lmtp_client.h -- a connection to queued: bytes out, replies in, deadlines.
 *
 * It knows LMTP's greeting and the form of replies; what is said in between is
 * handover.c's. A connection is used by one thread at a time. Connections that
 * are between messages wait in a pool, which any thread may use.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_LMTP_CLIENT_H
#define HOLDFAST_LMTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/endpoint.h"
#include "common/wire.h"

#define LMTP_POOL_MAX		64	/* idle connections kept */
#define LMTP_CONNECT_MS		5000	/* to connect and exchange greetings */

struct lmtp_client;
struct lmtp_pool;

struct lmtp_pool *lmtp_pool_new(const struct endpoint *, const char *hostname);
void	lmtp_pool_free(struct lmtp_pool **);	/* no connection may be out */

/*
 * A connection that is greeted and ready for MAIL: an idle one that is still
 * open, else a new one. deadline: clock_mono_ms(). NULL: *why (malloc'd).
 */
struct lmtp_client *lmtp_pool_take(struct lmtp_pool *, int64_t deadline, char **why);
/* Back to the pool; only between messages, with every reply read. */
void	lmtp_pool_put(struct lmtp_pool *, struct lmtp_client **);
void	lmtp_client_close(struct lmtp_client **);

unsigned lmtp_client_extensions(const struct lmtp_client *);	/* WIRE_EXT_* */

/*
 * Sends all of it (the iovec is used up), collecting replies that arrive
 * meanwhile so that neither side waits for the other. 0, or -1 with *why (static).
 */
int	lmtp_client_send(struct lmtp_client *, struct iovec *, int n, int64_t deadline,
	    const char **why);

enum lmtp_read { LMTP_REPLY, LMTP_NOTHING, LMTP_BROKEN };
/*
 * The next reply, into a reset wire_reply; after LMTP_NOTHING the same one goes on.
 * LMTP_NOTHING: not here by the deadline (0: do not wait). *why (static) if broken.
 */
enum lmtp_read lmtp_client_reply(struct lmtp_client *, struct wire_reply *, int64_t deadline,
	    const char **why);

#endif
