/*
 * drill.h -- test messages that are announced beforehand and held when they come.
 *
 * `holdfast drill' shows on the live system that mail is accepted, kept and
 * delivered. It announces a token; the one message that bears it is stored held,
 * as if its primary were down, and no other message is touched. All on the loop's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DRILL_H
#define HOLDFAST_DRILL_H

#include <stdbool.h>
#include <stdint.h>

#include "queued/store.h"

#define DRILL_TOKEN_SIZE	41	/* 16 to 40 hexadecimal digits, and the NUL */
#define DRILL_ENVID		"holdfast-drill-"	/* and the token: the message's ENVID */
#define DRILL_SENDER		"drill+"	/* and the token: else its sender's local part */
#define DRILL_SECONDS_MAX	900		/* then a message that is still held is deleted */

struct drills;
struct envelope;
struct event_base;

enum drill_state { DRILL_ANNOUNCED, DRILL_STORED };
struct drill_info {
	enum drill_state state;
	char		 queue_id[QUEUE_ID_SIZE];	/* "" until it is stored */
	int64_t		 announced, stored;	/* wall ms; 0 not yet */
};

/* over(arg, queue_id): the time of one whose message is stored has run out. */
struct drills *drills_new(
    struct event_base *, void (*over)(void *, const char *queue_id), void *arg);
void		 drills_free(struct drills **);
/* false: *why (static) says why not. */
bool		 drills_announce(struct drills *, const char *token, unsigned seconds,
		    const char **why);
/* Forgets it; what is held stays as it is. false: there is none. */
bool		 drills_end(struct drills *, const char *token);
bool		 drills_info(const struct drills *, const char *token, struct drill_info *);

/* The token that this message bears, if it is announced and has not come yet, else NULL. Lends. */
const char	*drills_claim(const struct drills *, const struct envelope *);
/* That message is durable. */
void		 drills_stored(struct drills *, const char *token, const char *queue_id);

/* Does an envelope bear this token? */
bool		 drill_borne(const struct envelope *, const char *token);

#endif
