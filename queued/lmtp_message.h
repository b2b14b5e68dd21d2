/*
 * lmtp_message.h -- one message on its way from a session into the store.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_LMTP_MESSAGE_H
#define HOLDFAST_LMTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queued/header_scan.h"
#include "queued/lmtp_reply.h"
#include "queued/lmtp_session.h"

struct lmtp_message {
	const struct lmtp_ops	*ops;
	void			*arg;
	bool			 open;		/* begin() is without its commit() or abort() */
	bool			 paused;	/* the store wants no more for now */
	enum lmtp_reply		 fault;		/* why it is refused; its rest is thrown away */
	uint64_t		 received;	/* octets from the client */
	uint64_t		 stored;	/* octets given to the store */
	struct header_scan	 header;
};

const char *lmtp_message_begin(struct lmtp_message *);	/* lends the queue id */
/* Our own octets: not counted against any limit. */
void	lmtp_message_prepend(struct lmtp_message *, const char *, size_t);
/* The client's. Over a limit: the message is aborted and `fault' says why. */
void	lmtp_message_bytes(struct lmtp_message *, const char *, size_t, const struct lmtp_config *);
/* A refused message whose sender comes to no end. */
bool	lmtp_message_endless(const struct lmtp_message *, uint64_t size_limit);
void	lmtp_message_commit(struct lmtp_message *, const struct envelope *);
/* Nothing of it stays; harmless when there is none. */
void	lmtp_message_drop(struct lmtp_message *);

#endif
