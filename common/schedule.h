/*
 * schedule.h -- when a message that the primary defers is tried again.
 *
 * Written like `1m 5m 15m 30m 1h*' (the one with a star repeats; without a
 * star the last one does). Pure arithmetic: time and noise are arguments.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SCHEDULE_H
#define HOLDFAST_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define SCHEDULE_STEPS_MAX	32
#define SCHEDULE_DEFAULT	"1m 5m 15m 30m 1h*"

enum schedule_end { SCHEDULE_QUARANTINE, SCHEDULE_BOUNCE, SCHEDULE_HOLD };

struct schedule {
	unsigned	step[SCHEDULE_STEPS_MAX];	/* seconds, each 1s..7d */
	unsigned	nsteps;			/* at least 1; the last repeats */
	unsigned	jitter;			/* percent, 0..50; default 20 */
	unsigned	lifetime;		/* seconds; default 28d */
	unsigned	warn_after;		/* seconds until the sender is told of the delay; 0 never */
	enum schedule_end end;			/* when the lifetime is over; default quarantine */
};

/* 0, or -1 and *why (static). */
int	schedule_parse(const char *text, struct schedule *, const char **why);

/*
 * Seconds from now until the next attempt, for a message of this age (seconds,
 * negative counts as 0) after `attempts' (>= 1) attempts. noise is any 32-bit
 * value; the jitter it makes stays within +-jitter %. -1: lifetime is over.
 */
int64_t	schedule_next(const struct schedule *, int64_t age, unsigned attempts, uint32_t noise);

/* When a message that came at `arrival' (wall clock) is told to wait: the time at which its
 * sender gets a warning, 0 for never, and the end of its lifetime. */
int64_t	schedule_warn_at(const struct schedule *, int64_t arrival);
int64_t	schedule_end_at(const struct schedule *, int64_t arrival);

#endif
