/*
 * t_destination.c -- health, probing and slow start, by tables of events.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "queued/destination.h"

enum what { GOOD, ALIVE, SOFT, BUSY, DEAD, IDLE, PROBE, HURRY, ABANDON };

struct step {
	int64_t		 at;		/* ms */
	enum what	 what;
	unsigned	 working;
	unsigned	 times;		/* 0 is once */
	enum destination_state state;	/* afterwards */
	unsigned	 window;
};

static void
apply(struct destination *d, const struct step *s)
{
	switch (s->what) {
	case GOOD: case ALIVE: case SOFT:
		(void)destination_outcome(d, (enum outcome_dest)s->what,
		    s->working > 0 ? s->working - 1 : 1000, 0, s->at);
		break;
	case BUSY: case DEAD:
		(void)destination_outcome(d, (enum outcome_dest)s->what, s->working, 2000, s->at);
		break;
	case IDLE:
		(void)destination_idle(d, s->at);
		break;
	case PROBE:
		assert_int_equal(1, destination_allows(d, 0, s->at));
		destination_probe(d, s->at);
		break;
	case HURRY:
		destination_hurry(d, s->at);
		break;
	case ABANDON:
		destination_abandon(d, 2000, s->at);
		break;
	}
}

static void
play(const struct step *s, size_t n, unsigned limit)
{
	struct destination d;

	destination_init(&d, limit, 0);
	for (size_t i = 0; i < n; i++) {
		for (unsigned k = 0; k < (s[i].times > 0 ? s[i].times : 1); k++)
			apply(&d, &s[i]);
		if (d.state != s[i].state || d.window != s[i].window)
			fail_msg("step %zu: state %d window %u", i, (int)d.state, d.window);
	}
}
#define PLAY(steps, limit) play(steps, sizeof(steps) / sizeof((steps)[0]), limit)

static void
test_outage(void **state)
{
	static const struct step steps[] = {
		{ 0, GOOD, 0, 0, DEST_UP, 2 },
		{ 10, DEAD, 0, 0, DEST_DOWN, 1 },
		{ 20, DEAD, 0, 0, DEST_DOWN, 1 },	/* other sessions end too */
		{ 2010, PROBE, 0, 0, DEST_PROBING, 1 },
		{ 2020, DEAD, 0, 0, DEST_DOWN, 1 },
		{ 4020, PROBE, 0, 0, DEST_PROBING, 1 },
		{ 4030, BUSY, 0, 0, DEST_DOWN, 1 },	/* 421 with nobody else there */
		{ 6030, PROBE, 0, 0, DEST_PROBING, 1 },
		{ 6040, GOOD, 0, 0, DEST_RAMPING, 2 },
		{ 6041, GOOD, 0, 2, DEST_RAMPING, 4 },
		{ 6042, GOOD, 0, 4, DEST_UP, 8 },
		{ 6043, GOOD, 0, 100, DEST_UP, 8 },
	};

	(void)state;
	PLAY(steps, 8);
}

/* A refused message proves a working primary as well as an accepted one. */
static void
test_probe_refused(void **state)
{
	static const struct step steps[] = {
		{ 0, DEAD, 0, 0, DEST_DOWN, 1 },
		{ 2000, PROBE, 0, 0, DEST_PROBING, 1 },
		{ 2001, SOFT, 0, 0, DEST_RAMPING, 1 },
		{ 2002, IDLE, 0, 0, DEST_UP, 1 },
	};
	static const struct step no_mail[] = {
		{ 0, DEAD, 0, 0, DEST_DOWN, 1 },
		{ 2000, PROBE, 0, 0, DEST_PROBING, 1 },
		{ 2001, IDLE, 0, 0, DEST_UP, 1 },
	};

	static const struct step given_up[] = {
		{ 0, DEAD, 0, 0, DEST_DOWN, 1 },
		{ 2000, PROBE, 0, 0, DEST_PROBING, 1 },
		{ 2100, ABANDON, 0, 0, DEST_DOWN, 1 },
		{ 4100, PROBE, 0, 0, DEST_PROBING, 1 },
	};

	(void)state;
	PLAY(steps, 20);
	PLAY(no_mail, 20);
	PLAY(given_up, 20);
}

/* Two connections are borne, a third is answered 421: the window is 2, and tries at more get rare. */
static void
test_two_connections(void **state)
{
	static const struct step steps[] = {
		{ 0, GOOD, 0, 3, DEST_UP, 4 },
		{ 1, BUSY, 2, 0, DEST_UP, 2 },
		{ 2, BUSY, 2, 0, DEST_UP, 2 },
		{ 3, GOOD, 0, 1000, DEST_UP, 2 },	/* calm: no growth */
		{ 15010, GOOD, 0, 2, DEST_UP, 3 },	/* one more, not double */
		{ 15020, BUSY, 2, 0, DEST_UP, 2 },
		{ 30030, GOOD, 0, 100, DEST_UP, 2 },	/* calm is longer now */
		{ 45030, GOOD, 0, 2, DEST_UP, 3 },
	};

	(void)state;
	PLAY(steps, 20);
}

static void
test_storm(void **state)
{
	static const struct step steps[] = {
		{ 0, GOOD, 0, 15, DEST_UP, 16 },
		{ 1, SOFT, 0, 4, DEST_UP, 16 },
		{ 2, GOOD, 0, 0, DEST_UP, 16 },		/* not in a row */
		{ 3, SOFT, 0, 5, DEST_UP, 8 },
		{ 4, SOFT, 0, 5, DEST_UP, 4 },
		{ 5, SOFT, 0, 50, DEST_UP, 1 },		/* at least one, and never down by it */
	};

	(void)state;
	PLAY(steps, 20);
}

static void
test_lost_one_of_many(void **state)
{
	static const struct step steps[] = {
		{ 0, GOOD, 0, 7, DEST_UP, 8 },
		{ 1, DEAD, 7, 0, DEST_UP, 7 },
		{ 2, DEAD, 6, 0, DEST_UP, 6 },
		{ 3, DEAD, 0, 0, DEST_DOWN, 1 },
		{ 4, GOOD, 0, 0, DEST_RAMPING, 2 },	/* a slow one got through after all */
	};

	(void)state;
	PLAY(steps, 20);
}

/* A hundred quick answers on one connection do not open the gate before the second is greeted. */
static void
test_not_on_trust(void **state)
{
	static const struct step steps[] = {
		{ 0, GOOD, 1, 1, DEST_UP, 2 },
		{ 1, GOOD, 1, 100, DEST_UP, 2 },
		{ 2, GOOD, 2, 2, DEST_UP, 4 },
		{ 3, GOOD, 3, 100, DEST_UP, 4 },
		{ 4, BUSY, 3, 0, DEST_UP, 3 },
	};

	(void)state;
	PLAY(steps, 20);
}

/* --- the half-recovery guard ----------------------------------------------- */

enum judged { OK, REFUSED, KNOWN, MIXED, LATER, NO_MAIL, FAULT, CANARY, BELIEVE, DOWNED, BACK };

struct guard_step {
	enum judged	 what;
	unsigned	 times;		/* 0 is once */
	enum destination_trial trial;	/* the last one's */
	enum destination_state state;	/* afterwards */
	bool		 on_trial;
};

static enum destination_trial
judge(struct destination *d, enum judged what)
{
	switch (what) {
	case OK:
		(void)destination_outcome(d, OUTCOME_GOOD, 100, 0, 10);
		return destination_judge(d, true, false, false, 60000, 10);
	case REFUSED:		/* somebody whom our list lacks, too */
	case KNOWN:
		(void)destination_outcome(d, OUTCOME_ALIVE, 100, 0, 10);
		return destination_judge(d, false, true, what == KNOWN, 60000, 10);
	case MIXED:		/* two recipients: one delivered, one refused, not on the list */
		(void)destination_outcome(d, OUTCOME_GOOD, 100, 0, 10);
		return destination_judge(d, true, true, false, 60000, 10);
	case LATER:
		(void)destination_outcome(d, OUTCOME_ALIVE, 100, 0, 10);
		return destination_judge(d, false, false, false, 60000, 10);
	case NO_MAIL:
		return destination_judge_idle(d, 60000, 10);
	case FAULT:
		(void)destination_outcome(d, OUTCOME_DEAD, 0, 60000, 10);
		return TRIAL_NONE;
	case CANARY:
		assert_int_equal(0, destination_allows(d, 0, d->next_probe - 1));
		assert_int_equal(1, destination_allows(d, 0, d->next_probe));
		assert_int_equal(0, destination_allows(d, 1, d->next_probe));
		destination_probe(d, d->next_probe);
		return TRIAL_NONE;
	case BELIEVE:
		destination_release(d, 10);
		return TRIAL_NONE;
	case DOWNED:
		(void)destination_outcome(d, OUTCOME_DEAD, 0, 2000, 10);
		return TRIAL_NONE;
	case BACK:
		destination_probe(d, 3000);
		(void)destination_outcome(d, OUTCOME_ALIVE, 1, 0, 3000);
		return TRIAL_NONE;
	}
	return TRIAL_NONE;
}

static void
guard(const struct guard_step *s, size_t n, unsigned canary)
{
	enum destination_trial got = TRIAL_NONE;
	struct destination d;

	destination_init(&d, 20, 0);
	(void)destination_guard(&d, canary, 0);
	for (size_t i = 0; i < n; i++) {
		for (unsigned k = 0; k < (s[i].times > 0 ? s[i].times : 1); k++)
			got = judge(&d, s[i].what);
		if (got != s[i].trial || d.state != s[i].state || d.trial != s[i].on_trial)
			fail_msg("step %zu: trial %d state %d on trial %d", i, (int)got, (int)d.state,
			    d.trial);
		if (d.trial)
			assert_int_equal(1, d.window);
	}
}
#define GUARD(steps, canary) guard(steps, sizeof(steps) / sizeof((steps)[0]), canary)

static void
test_guard_passes(void **state)
{
	static const struct guard_step passes[] = {
		{ DOWNED, 0, TRIAL_NONE, DEST_DOWN, true },
		{ BACK, 0, TRIAL_NONE, DEST_RAMPING, true },
		{ OK, 2, TRIAL_NONE, DEST_RAMPING, true },
		{ REFUSED, 9, TRIAL_NONE, DEST_RAMPING, true },	/* some exist: so nothing is wrong */
		{ MIXED, 2, TRIAL_NONE, DEST_RAMPING, true },
		{ LATER, 20, TRIAL_NONE, DEST_RAMPING, true },
		{ OK, 0, TRIAL_PASSED, DEST_RAMPING, false },
		{ OK, 60, TRIAL_NONE, DEST_UP, false },	/* and the window has grown */
	};
	static const struct guard_step little_mail[] = {
		{ DOWNED, 0, TRIAL_NONE, DEST_DOWN, true },
		{ BACK, 0, TRIAL_NONE, DEST_RAMPING, true },
		{ NO_MAIL, 0, TRIAL_NONE, DEST_RAMPING, true },	/* nothing was seen yet */
		{ OK, 0, TRIAL_NONE, DEST_RAMPING, true },
		{ REFUSED, 0, TRIAL_NONE, DEST_RAMPING, true },
		{ NO_MAIL, 0, TRIAL_PASSED, DEST_RAMPING, false },
	};
	static const struct guard_step off[] = {
		{ DOWNED, 0, TRIAL_NONE, DEST_DOWN, false },
		{ BACK, 0, TRIAL_NONE, DEST_RAMPING, false },
		{ KNOWN, 50, TRIAL_NONE, DEST_UP, false },
	};

	(void)state;
	GUARD(passes, 5);
	GUARD(little_mail, 5);
	GUARD(off, 0);
}

static void
test_guard_holds(void **state)
{
	static const struct guard_step known[] = {
		{ DOWNED, 0, TRIAL_NONE, DEST_DOWN, true },
		{ BACK, 0, TRIAL_NONE, DEST_RAMPING, true },
		{ OK, 4, TRIAL_NONE, DEST_RAMPING, true },
		{ KNOWN, 0, TRIAL_FAILED, DEST_HELD, true },
		{ OK, 0, TRIAL_AGAIN, DEST_RAMPING, true },	/* an old session's last message */
	};
	static const struct guard_step all[] = {
		{ DOWNED, 0, TRIAL_NONE, DEST_DOWN, true },
		{ BACK, 0, TRIAL_NONE, DEST_RAMPING, true },
		{ REFUSED, 4, TRIAL_NONE, DEST_RAMPING, true },
		{ REFUSED, 0, TRIAL_FAILED, DEST_HELD, true },
		{ CANARY, 0, TRIAL_NONE, DEST_HELD, true },
		{ FAULT, 0, TRIAL_NONE, DEST_HELD, true },	/* it stays what it is */
		{ CANARY, 0, TRIAL_NONE, DEST_HELD, true },
		{ REFUSED, 0, TRIAL_NONE, DEST_HELD, true },
		{ CANARY, 0, TRIAL_NONE, DEST_HELD, true },
		{ LATER, 0, TRIAL_NONE, DEST_HELD, true },
		{ CANARY, 0, TRIAL_NONE, DEST_HELD, true },
		{ OK, 0, TRIAL_AGAIN, DEST_RAMPING, true },
		{ OK, 3, TRIAL_NONE, DEST_RAMPING, true },
		{ OK, 0, TRIAL_PASSED, DEST_RAMPING, false },
	};
	static const struct guard_step one_message[] = {
		{ DOWNED, 0, TRIAL_NONE, DEST_DOWN, true },
		{ BACK, 0, TRIAL_NONE, DEST_RAMPING, true },
		{ REFUSED, 0, TRIAL_NONE, DEST_RAMPING, true },
		{ NO_MAIL, 0, TRIAL_FAILED, DEST_HELD, true },
		{ BELIEVE, 0, TRIAL_NONE, DEST_RAMPING, true },
		{ KNOWN, 0, TRIAL_FAILED, DEST_HELD, true },
	};
	static const struct guard_step canary_of_one[] = {
		{ DOWNED, 0, TRIAL_NONE, DEST_DOWN, true },
		{ BACK, 0, TRIAL_NONE, DEST_RAMPING, true },
		{ REFUSED, 0, TRIAL_FAILED, DEST_HELD, true },
		{ OK, 0, TRIAL_PASSED, DEST_RAMPING, false },
	};

	(void)state;
	GUARD(known, 5);
	GUARD(all, 5);
	GUARD(one_message, 5);
	GUARD(canary_of_one, 1);
}

/* A user database that goes without an outage. */
static void
test_guard_doubts(void **state)
{
	static const struct guard_step steps[] = {
		{ OK, 30, TRIAL_NONE, DEST_UP, false },
		{ REFUSED, 30, TRIAL_NONE, DEST_UP, false },	/* spam to nobody is no reason */
		{ KNOWN, 4, TRIAL_NONE, DEST_UP, false },
		{ MIXED, 0, TRIAL_NONE, DEST_UP, false },
		{ KNOWN, 4, TRIAL_NONE, DEST_UP, false },
		{ LATER, 9, TRIAL_NONE, DEST_UP, false },
		{ KNOWN, 0, TRIAL_BEGUN, DEST_UP, true },
		{ KNOWN, 0, TRIAL_FAILED, DEST_HELD, true },
	};

	(void)state;
	GUARD(steps, 5);
}

static void
test_guard_switched_off(void **state)
{
	struct destination d;

	(void)state;
	destination_init(&d, 20, 0);
	(void)destination_guard(&d, 1, 0);
	destination_try(&d);
	assert_int_equal(TRIAL_FAILED, destination_judge(&d, false, true, false, 60000, 1));
	assert_false(destination_guard(&d, 7, 2));
	assert_int_equal(DEST_HELD, d.state);
	assert_true(destination_guard(&d, 0, 3));
	assert_int_equal(DEST_RAMPING, d.state);
	assert_false(d.trial);
}

static void
test_allows(void **state)
{
	struct destination d;

	(void)state;
	destination_init(&d, 4, 0);
	assert_int_equal(1, destination_allows(&d, 0, 0));
	assert_int_equal(0, destination_allows(&d, 1, 0));
	(void)destination_outcome(&d, OUTCOME_DEAD, 0, 2000, 100);
	/* P6: nothing before the time, one at it, none while it runs. */
	assert_int_equal(0, destination_allows(&d, 0, 2099));
	assert_int_equal(1, destination_allows(&d, 0, 2100));
	assert_int_equal(0, destination_allows(&d, 1, 2100));
	destination_probe(&d, 2100);
	assert_int_equal(0, destination_allows(&d, 0, 9999));
	(void)destination_outcome(&d, OUTCOME_DEAD, 0, 2000, 3000);
	destination_hurry(&d, 3001);
	assert_int_equal(1, destination_allows(&d, 0, 3001));
}

static void
test_limit_changes(void **state)
{
	struct destination d;

	(void)state;
	destination_init(&d, 8, 0);
	for (int i = 0; i < 7; i++)
		(void)destination_outcome(&d, OUTCOME_GOOD, 20, 0, 1);
	assert_int_equal(8, d.window);
	destination_limit(&d, 3);
	assert_int_equal(3, d.window);
	destination_limit(&d, 12);
	for (int i = 0; i < 9; i++)
		(void)destination_outcome(&d, OUTCOME_GOOD, 20, 0, 2);
	assert_int_equal(12, d.window);
}

static void
test_probe_interval(void **state)
{
	(void)state;
	for (uint32_t noise = 0; noise < 1000; noise += 7) {
		int64_t one = destination_probe_interval(2, 200, 1, 0, noise);
		int64_t many = destination_probe_interval(2, 200, 10000, 0, noise);
		int64_t fresh = destination_probe_interval(2, 200, 100, 10000, noise);
		int64_t old = destination_probe_interval(2, 200, 10000, 100, noise);

		assert_in_range(one, 1500, 1800);	/* found within the two seconds */
		assert_in_range(many, 50000, 60000);	/* 10,000 at 200 a second */
		assert_in_range(fresh, 1500, 1800);	/* not in their queue */
		assert_in_range(old, 66000, 81000);	/* at the 150 that 50 leave */
	}
	assert_true(destination_probe_interval(0, 200, 1, 0, 100) >= 90);
	assert_true(destination_probe_interval(2, 0, 10, 0, 100) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outage),
		cmocka_unit_test(test_probe_refused),
		cmocka_unit_test(test_two_connections),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_lost_one_of_many),
		cmocka_unit_test(test_not_on_trust),
		cmocka_unit_test(test_guard_passes),
		cmocka_unit_test(test_guard_holds),
		cmocka_unit_test(test_guard_doubts),
		cmocka_unit_test(test_guard_switched_off),
		cmocka_unit_test(test_allows),
		cmocka_unit_test(test_limit_changes),
		cmocka_unit_test(test_probe_interval),
	};

	return cmocka_run_group_tests_name("destination", tests, NULL, NULL);
}
