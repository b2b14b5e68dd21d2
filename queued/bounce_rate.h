/*
 * bounce_rate.h -- how many reports a sender's domain gets in an hour.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_BOUNCE_RATE_H
#define HOLDFAST_BOUNCE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define BOUNCE_RATE_INTERVAL	3600000		/* ms */

enum bounce_rate_answer {
	BOUNCE_RATE_GO,
	BOUNCE_RATE_OVER,
	BOUNCE_RATE_OVER_FIRST	/* … for the first time in this interval: to be said in the log */
};

struct bounce_rate;

struct bounce_rate *bounce_rate_new(uint32_t seed);
void	bounce_rate_free(struct bounce_rate **);
/* One more for this domain (any case) at `now' (monotonic ms); GO counts it. */
enum bounce_rate_answer bounce_rate_take(struct bounce_rate *, const char *domain, unsigned limit,
	    int64_t now);

#endif
