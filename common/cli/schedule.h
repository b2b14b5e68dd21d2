/*
 * schedule.h -- a schedule in words, and the attempts that it makes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_SCHEDULE_H
#define HOLDFAST_CLI_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct schedule;

/* "1m 5m 15m 30m 1h*"; the caller frees it. */
char	*schedule_text(const struct schedule *);

/*
 * The attempts at a message whose primary keeps deferring, one after the
 * other: begin, then next while it is true. Seconds since the arrival.
 */
struct attempts {
	const struct schedule *schedule;
	unsigned	 n;			/* 1 for the first */
	int64_t		 after;			/* without jitter */
	int64_t		 earliest, latest;	/* what jitter allows */
	int64_t		 wait;			/* since the attempt before, without jitter */
	bool		 last;			/* the lifetime is over then */
};
void	 attempts_begin(struct attempts *, const struct schedule *);	/* at the first */
bool	 attempts_next(struct attempts *);

#endif
