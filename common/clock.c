/*
 * clock.c -- two clocks: monotonic for waiting, wall for ages.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/clock.h"

#include <stdbool.h>
#include <time.h>

#define PAIR_MAX	100	/* ms between two readings that belong together */

static int64_t
now_ms(clockid_t which)
{
	struct timespec ts;

	(void)clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool
apart(int64_t later, int64_t earlier)
{
	return later - earlier > PAIR_MAX || earlier - later > PAIR_MAX;
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

int64_t
clock_wall_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/*
 * The two are not read in one moment. Whoever is stopped between them, for seconds
 * perhaps, or while somebody sets the clock, must not see a jump that was none: such readings are
 * taken again.
 */
int64_t
clock_offset_ms(void)
{
	int64_t mono, wall;

	do {
		mono = now_ms(CLOCK_MONOTONIC);
		wall = now_ms(CLOCK_REALTIME);
	} while (apart(now_ms(CLOCK_REALTIME), wall) || apart(now_ms(CLOCK_MONOTONIC), mono));
	return wall - mono;
}
