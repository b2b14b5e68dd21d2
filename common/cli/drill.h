/*
 * drill.h -- what the files of `holdfast drill' share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_DRILL_H
#define HOLDFAST_CLI_DRILL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/endpoint.h"

struct cli;
struct control;

#define DRILL_TOKEN	32	/* hexadecimal digits */

struct drill {
	struct cli	*cli;
	struct control	*control;
	const char	*domain, *to, *hostname;
	struct endpoint	 smtp;
	unsigned	 hold, timeout;		/* seconds */
	char		 token[DRILL_TOKEN + 1];
	bool		 announced;
	/* of the message, as far as it is known */
	char		*queue_id, *trace, *mta_said;
	int64_t begun, accepted, stored, released, delivered; /* clock_wall_ms(); 0 not yet */
};

/* --- drill.c ------------------------------------------------------------- */
/* A step's line. seconds < 0: it has no time. */
void	drill_tell(const struct drill *, const char *step, bool ok, double seconds, const char *fix,
	    const char *, ...) __attribute__((format(printf, 6, 7)));
/* Somebody pressed Ctrl-C. */
bool	drill_interrupted(void);

/* --- drill_send.c -------------------------------------------------------- */
/* Sends the test message. false: told. */
bool	drill_send(struct drill *);
/* The message. Pure. */
void drill_message(
    struct buf *, const char *hostname, const char *to, const char *token, int64_t now);

/* --- drill_queue.c: each false: told ------------------------------------- */
bool	drill_announce(struct drill *);
bool	drill_wait_stored(struct drill *);
bool	drill_watch_held(struct drill *);
bool	drill_release(struct drill *);
enum drill_end { DRILL_DELIVERED, DRILL_PRIMARY_DOWN, DRILL_FAILED };
enum drill_end drill_wait_delivered(struct drill *);
/* Nothing is left behind: the message, if it is still there, and the announcement. */
void	drill_clean_up(struct drill *, bool delete);

#endif
