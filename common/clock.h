/*
 * clock.h -- two clocks: monotonic for waiting, wall for ages.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLOCK_H
#define HOLDFAST_CLOCK_H

#include <stdint.h>

int64_t	clock_mono_ms(void);	/* never jumps; meaningless across a boot */
int64_t	clock_wall(void);	/* seconds since the epoch; may jump */
int64_t	clock_wall_ms(void);
int64_t	clock_wall_us(void);
/* Wall minus monotonic ms: changes when the wall clock is set, and only then. */
int64_t	clock_offset_ms(void);

/*
 * Seconds, to the nearest, by which the wall clock was set when clock_offset_ms() differs by so much from what
 * it was. 0 for less than CLOCK_JUMP: clocks drift, and are pushed back.
 */
#define CLOCK_JUMP	10000	/* ms */
static inline int64_t
clock_jump(int64_t ms)
{
	if (ms < CLOCK_JUMP && ms > -CLOCK_JUMP)
		return 0;
	return (ms + (ms > 0 ? 500 : -500)) / 1000;
}

#endif
