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

	/* The half-recovery guard. */
	unsigned	 canary;	/* messages that must pass; 0: no guard */
	bool		 trial;		/* the next ones are the canary: no 5xx is believed */
	unsigned	 passed, refused;	/* messages of this trial */
	unsigned	 doubts;	/* no trial: messages in a row with a known recipient refused */
};

/* What a judged message, or the end of the mail, did to the guard. */
enum destination_trial {
	TRIAL_NONE,		/* nothing */
	TRIAL_BEGUN,		/* too many known recipients refused: a trial without an outage */
	TRIAL_PASSED,		/* it is believed again */
	TRIAL_FAILED,		/* it is HELD now */
	TRIAL_AGAIN		/* HELD, but the canary passed: RAMPING on a new trial */
};

void	destination_init(struct destination *, unsigned limit, int64_t now);
void	destination_limit(struct destination *, unsigned limit);	/* new rules */
/* How many connections may be opened on top of `open'. */
unsigned destination_allows(const struct destination *, unsigned open, int64_t now);
/* DOWN or HELD, and due: the holder opens one connection. */
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
/*
 * A message was judged (UP, RAMPING, HELD): had it recipients that were delivered, refused for good, refused
 * though the list knows them? again_after: ms until the next canary of one that is HELD.
 */
enum destination_trial destination_judge(struct destination *, bool delivered, bool refused,
    bool refused_known, int64_t again_after, int64_t now);
/* No mail is due: a trial with fewer messages than it wants ends by those it had. */
enum destination_trial destination_judge_idle(struct destination *, int64_t again_after,
    int64_t now);
/* From new rules: messages of a canary, 0 ends guard and trial. True: it was HELD and is RAMPING now. */
bool	destination_guard(struct destination *, unsigned canary, int64_t now);
/* Begins a trial: mail waited when we started. */
void	destination_try(struct destination *);
/* DOWN or HELD since before we started (the holder has set it): on trial, tried at next_probe. */
void	destination_restore(struct destination *, int64_t next_probe);
/* HELD: the operator believes it; RAMPING on a new trial. */
void	destination_release(struct destination *, int64_t now);
/* The operator says: now. */
void	destination_hurry(struct destination *, int64_t now);

/*
 * ms between two probes of one destination: `interval' seconds, stretched so that all that are down stay
 * under `budget' a second. alike: how many are down as long as this one (fresh, or not), others: the rest.
 * Each of the two has half of the budget, and what the other leaves. noise (any value) spreads them.
 */
int64_t	destination_probe_interval(unsigned interval, unsigned budget, unsigned alike,
	    unsigned others, uint32_t noise);

#endif
