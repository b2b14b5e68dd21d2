/*
 * pace.c -- how fast a destination takes mail, and how fast it may.
 *
 * The bucket counts what was taken too early (debt) instead of what is left: so a new one is
 * full, and a new rate applies at once without converting anything.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/pace.h"

#include <assert.h>

#define MESSAGE		1000	/* of debt */

void
pace_note(struct pace *p, int64_t now)
{
	int64_t second = now / 1000;

	if (second != p->second) {
		p->before = second == p->second + 1 ? p->now : 0;
		p->now = 0;
		p->second = second;
	}
	p->now++;
}

unsigned
pace_recent(const struct pace *p, int64_t now)
{
	int64_t age = now / 1000 - p->second;

	if (age == 0)
		return p->now + p->before;
	return age == 1 ? p->now : 0;
}

/* A message's debt is paid back in 1/rate seconds: `rate' thousandths a millisecond. */
static int64_t
debt_at(const struct bucket *b, unsigned rate, int64_t now)
{
	int64_t passed = now - b->at;

	if (b->debt == 0 || passed >= b->debt / rate + 1)
		return 0;
	return b->debt - passed * rate;
}

static int64_t
burst(unsigned rate)
{
	int64_t tenth = (int64_t)rate * MESSAGE / 10;

	return tenth > MESSAGE ? tenth : MESSAGE;
}

int64_t
bucket_wait(const struct bucket *b, unsigned rate, int64_t now)
{
	int64_t over;

	if (rate == 0)
		return 0;
	over = debt_at(b, rate, now) + MESSAGE - burst(rate);
	return over <= 0 ? 0 : (over + rate - 1) / rate;
}

void
bucket_take(struct bucket *b, unsigned rate, int64_t now)
{
	if (rate == 0)
		return;
	assert(bucket_wait(b, rate, now) == 0);
	b->debt = debt_at(b, rate, now) + MESSAGE;
	b->at = now;
}

void
bucket_give(struct bucket *b)
{
	b->debt = b->debt > MESSAGE ? b->debt - MESSAGE : 0;
}
