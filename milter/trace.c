/*
 * trace.c -- 60 bits as twelve characters: 30 of seconds, 15 of a counter, 15 of noise.
 *
 * Readable over the telephone (no i, l, o, u). Sorts by time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/trace.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/random.h>

#include "common/clock.h"

#define EPOCH	1577836800	/* 2020: thirty bits last until 2054, then they wrap */

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t noise;

static void
draw(void)
{
	if (getrandom(&noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
		noise = (uint32_t)clock_mono_ms();
}

void
trace_new(char id[TRACE_SIZE])
{
	static atomic_uint counter;
	uint64_t bits;
	int i;

	(void)pthread_once(&once, draw);
	bits = (uint64_t)(clock_wall() - EPOCH) & 0x3fffffff;
	bits = bits << 15 | (atomic_fetch_add(&counter, 1) & 0x7fff);
	bits = bits << 15 | (noise & 0x7fff);
	for (i = TRACE_SIZE - 2; i >= 0; i--, bits >>= 5)
		id[i] = digits[bits & 31];
	id[TRACE_SIZE - 1] = '\0';
}
