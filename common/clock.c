/*
 * clock.c -- two clocks: monotonic for waiting, wall for ages.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/clock.h"

#include <time.h>

static int64_t
now_ms(clockid_t which)
{
	struct timespec ts;

	(void)clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_mono_ms(void)
{
	return now_ms(CLOCK_MONOTONIC);
}

int64_t
clock_wall(void)
{
	return now_ms(CLOCK_REALTIME) / 1000;
}

int64_t
clock_wall_ms(void)
{
	return now_ms(CLOCK_REALTIME);
}
