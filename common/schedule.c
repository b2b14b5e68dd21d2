/*
 * schedule.c -- when a message that the primary defers is tried again.
 *
 * A schedule is a short list of waits. The wait after attempt n is step n, the
 * last one for ever after, each blurred by a few percent so that thousands of
 * messages deferred together do not come back together.
 *
 * Invariants
 *  - schedule_next() is a pure function: time and noise are arguments.
 *  - A wait is at least a second and stays within the jitter of its step.
 *  - The last attempt falls on the end of the lifetime, not short of it: a
 *    message whose next step would miss the end by an hour still gets it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/schedule.h"

#include <string.h>

#include "common/conf.h"

#define STEP_MAX	(7u * 24 * 3600)
#define STEP_TEXT_MAX	15	/* characters of one step */

static const unsigned default_lifetime = 28u * 24 * 3600;
static const unsigned default_jitter = 20;

static const char blanks[] = " \t";

/* One step of len characters, without its star. 0 or -1 and *why. */
static int
parse_step(const char *s, size_t len, unsigned *seconds, const char **why)
{
	char text[STEP_TEXT_MAX + 1];

	if (len == 0 || len > STEP_TEXT_MAX) {
		*why = "a step is a number with s, m, h, d or w, like 5m";
		return -1;
	}
	memcpy(text, s, len);
	text[len] = '\0';
	if (conf_parse_interval(text, seconds) == -1) {
		*why = "a step is a number with s, m, h, d or w, like 5m";
		return -1;
	}
	if (*seconds < 1 || *seconds > STEP_MAX) {
		*why = "a step must be between 1s and 7d";
		return -1;
	}
	return 0;
}

int
schedule_parse(const char *text, struct schedule *out, const char **why)
{
	struct schedule s = { .jitter = default_jitter, .lifetime = default_lifetime };
	const char *p = text;
	bool starred = false;

	for (;;) {
		p += strspn(p, blanks);
		if (*p == '\0')
			break;
		size_t len = strcspn(p, blanks);
		if (starred) {
			*why = "only the last step can have a star";
			return -1;
		}
		if (s.nsteps == SCHEDULE_STEPS_MAX) {
			*why = "more than 32 steps";
			return -1;
		}
		starred = p[len - 1] == '*';
		if (parse_step(p, starred ? len - 1 : len, &s.step[s.nsteps], why) == -1)
			return -1;
		s.nsteps++;
		p += len;
	}
	if (s.nsteps == 0) {
		*why = "no steps";
		return -1;
	}
	*out = s;
	return 0;
}

/* Maps noise evenly on [-span, +span]; 64 bits hold the product. */
static int64_t
blur(int64_t span, uint32_t noise)
{
	uint64_t width = (uint64_t)span * 2 + 1;

	return (int64_t)((noise * width) >> 32) - span;
}

int64_t
schedule_next(const struct schedule *s, int64_t age, unsigned attempts, uint32_t noise)
{
	unsigned i = attempts > 0 ? attempts - 1 : 0;
	int64_t wait, left;

	if (i >= s->nsteps)
		i = s->nsteps - 1;
	if (age < 0)
		age = 0;
	if (age >= s->lifetime)
		return -1;
	left = (int64_t)s->lifetime - age;
	wait = s->step[i];
	wait += blur(wait * s->jitter / 100, noise);
	if (wait < 1)
		wait = 1;
	return wait < left ? wait : left;
}

int64_t
schedule_warn_at(const struct schedule *s, int64_t arrival)
{
	/* At the end the sender is told more than that it waits. */
	if (s->warn_after == 0 || s->warn_after >= s->lifetime)
		return 0;
	return arrival + s->warn_after;
}

int64_t
schedule_end_at(const struct schedule *s, int64_t arrival)
{
	return arrival + s->lifetime;
}
