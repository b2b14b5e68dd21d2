/*
 * spf_proto.h -- what we and the SPF process say to each other: one datagram a message.
 *
 * Neither side believes the other: it is a stranger's bytes that the child chews on, and whoever
 * takes it over can write whatever he likes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SPF_PROTO_H
#define HOLDFAST_SPF_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/spf.h"

#define SPF_PROTO_MAX	2048	/* octets of a message */
#define SPF_TEXT_MAX	512	/* of a HELO or a sender: longer ones are not asked about */

enum spf_message_type { SPF_MESSAGE_QUERY, SPF_MESSAGE_ANSWER, SPF_MESSAGE_DEATH };

struct spf_message {
	enum spf_message_type type;
	uint64_t	 id;			/* QUERY, ANSWER */
	/* QUERY */
	int64_t		 deadline;		/* clock_mono_ms() */
	bool		 ipv6;
	uint8_t		 client[16];		/* network order; the first 4 if not ipv6 */
	bool		 has_sender;
	char		 helo[SPF_TEXT_MAX + 1], sender[SPF_TEXT_MAX + 1];
	/* ANSWER */
	struct spf_answer answer;
	/* DEATH of a worker: as wait(2) tells */
	int		 status;
};

/* -1: the client is not an address. */
int	spf_proto_query(struct spf_message *, uint64_t id, int64_t deadline, const struct spf_query *);

size_t	spf_proto_write(const struct spf_message *, uint8_t out[SPF_PROTO_MAX]);
/* -1: not a message. Strings end in NUL and hold no NUL; those of an answer are printable. */
int	spf_proto_read(const uint8_t *, size_t, struct spf_message *);

#endif
