/*
 * destination.h -- the health of one route as a state machine without I/O.
 *
 * Time is an argument: milliseconds of the monotonic clock. The holder counts
 * connections; this says how many there may be and when the next try is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DESTINATION_H
#define HOLDFAST_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "queued/deliver.h"	/* enum destination_state */
#include "queued/outcome.h"

#define DESTINATION_SOFT_MAX	5	/* 4xx in a row that halve the window */
#define DESTINATION_CALM_MIN	15000	/* after shrinking: ms before growing again … */
#define DESTINATION_CALM_MAX	300000	/* … doubling up to this */

struct destination {
	enum destination_state state;
	int64_t		 since;		/* of this state */
	int64_t		 next_probe;	/* DOWN: when */
	unsigned	 window;	/* connections allowed, >= 1 */
	unsigned	 limit;		/* … at most, by the rules */
	unsigned	 round;		/* deliveries since the window last changed */
	unsigned	 soft;		/* 4xx since the last delivery */
	unsigned	 threshold;	/* doubling below, +1 a round from here */
	int64_t		 calm_until;	/* no growth before */
	int64_t		 calm;		/* ms; doubles with each shrink */
};

void	destination_init(struct destination *, unsigned limit, int64_t now);
void	destination_limit(struct destination *, unsigned limit);	/* new rules */
/* How many connections may be opened on top of `open'. */
unsigned destination_allows(const struct destination *, unsigned open, int64_t now);
/* DOWN and due: the holder opens one connection. */
void	destination_probe(struct destination *, int64_t now);
/*
 * An outcome of a session or message. `working' counts the other sessions that
 * work (for BUSY and DEAD: that got somewhere lately). probe_after: ms until the next probe if this makes it DOWN. True: the
 * state changed.
 */
bool	destination_outcome(struct destination *, enum outcome_dest, unsigned working,
	    int64_t probe_after, int64_t now);
/* No mail is due: a probe that got that far, or a ramp, has done its work. True: it is UP now. */
bool	destination_idle(struct destination *, int64_t now);
/* The probe's connection ended without a word on the peer's health (we had no message to send, say). */
void	destination_abandon(struct destination *, int64_t probe_after, int64_t now);
/* The operator says: now. */
void	destination_hurry(struct destination *, int64_t now);

/*
 * ms between two probes of one destination: `interval' seconds, stretched so that `ndown' of
 * them stay under `budget' a second; noise (any value) spreads them by +-10 %.
 */
int64_t	destination_probe_interval(unsigned interval, unsigned budget, unsigned ndown,
	    uint32_t noise);

#endif
