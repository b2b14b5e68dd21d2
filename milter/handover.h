/*
 * handover.h -- gives one message to queued and learns, recipient by
 * recipient, whether it is durable there (P1).
 *
 * begin, write the message's bytes as they come, finish; or abort at any time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_HANDOVER_H
#define HOLDFAST_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/envelope.h"

#define HANDOVER_CHUNK	(64u * 1024)	/* bytes of a message that wait here at most */
#define HANDOVER_BUDGET	60000		/* ms that one message may spend waiting for queued: well under the
					 * MTA's 300 s for the whole content */

struct lmtp_pool;

enum handover_state {
	HANDOVER_TAKEN,		/* 250: durable there */
	HANDOVER_BUSY,		/* absent, 4xx, or the connection broke before the end */
	HANDOVER_REFUSED,	/* 5xx */
	HANDOVER_UNSURE		/* broke after the last byte: queued may have it (P4) */
};

struct handover_result {
	enum handover_state state;
	int	 code;			/* queued's reply, 0 if there was none */
	char	 dsn[12];
	char	*text;			/* its text, or what went wrong; never NULL */
};

struct handover;

/*
 * pool and env must outlive it; env's recipients are those of ours, at least one.
 * budget: ms that all waiting together may take.
 */
struct handover *handover_begin(struct lmtp_pool *, const struct envelope *, int64_t budget);
/* Waits only when queued does. False: it will not be taken over, do not bother to write more. */
bool	handover_write(struct handover *, const void *, size_t);
/*
 * The message is complete. Lends one result for each recipient of env, in its
 * order; they live until the handover is freed.
 */
const struct handover_result *handover_finish(struct handover *);
/* Frees it; before finish: queued forgets the message. */
void	handover_free(struct handover **);

/* What the MTA is told (pure). nforeign: recipients in the same message that are not ours. */
enum handover_end {
	HANDOVER_END_DISCARD,	/* all of it is durable here: the MTA forgets it */
	HANDOVER_END_PART,	/* the MTA forgets the taken recipients and keeps the others */
	HANDOVER_END_PASS,	/* the MTA keeps it all and brings it by its own transport */
	HANDOVER_END_TEMPFAIL,
	HANDOVER_END_REJECT
};
enum handover_end handover_decide(const struct handover_result *, size_t n, size_t nforeign,
		    enum conf_queued_down);

#endif
