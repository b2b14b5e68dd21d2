/*
 * t_limits.c -- token buckets and lockouts.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "milter/limits.h"
#include "milter/memory.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define S		LIMITS_SECOND
#define NOW		(INT64_C(1800000000) * S)

/* 20/1m, burst 30 */
static struct rules_limit messages = { .what = LIMIT_MESSAGES, .per = PER_CLIENT, .amount = 20,
	.interval = 60, .burst = 30, .mode = MODE_ENFORCE };
static struct rules_limit bytes = { .what = LIMIT_BYTES, .per = PER_CLIENT, .amount = 1000000, .interval = 10,
	.burst = 1000000, .mode = MODE_ENFORCE };
static struct rules_limit odd = { .what = LIMIT_RECIPIENTS, .per = PER_CLIENT, .amount = 7, .interval = 60,
	.burst = 7, .mode = MODE_ENFORCE };
static struct rules_limit slow = { .what = LIMIT_UNKNOWN, .per = PER_CLIENT, .amount = 1,
	.interval = 30 * 86400, .burst = UINT64_C(1000000000000), .mode = MODE_ENFORCE };

static void
test_room(void **state)
{
	static const struct {
		const struct rules_limit *rule;
		int64_t		 full;		/* from NOW, us */
		uint64_t	 n;
		bool		 room;
		int64_t		 then;		/* after, or wait */
	} table[] = {
		/* each message is worth 3 s; 30 of them 90 s */
		{ &messages, -1000 * S, 1, true, 3 * S },
		{ &messages, 0, 1, true, 3 * S },
		{ &messages, 3 * S, 1, true, 6 * S },
		{ &messages, 87 * S, 1, true, 90 * S },
		{ &messages, 87 * S + 1, 1, false, 1 },
		{ &messages, 90 * S, 1, false, 3 * S },
		{ &messages, 90 * S, 2, false, 6 * S },
		{ &messages, 0, 30, true, 90 * S },
		{ &messages, 1, 30, false, 1 },
		/* the clock was set back, or another rule was there: as if it were empty */
		{ &messages, 100000 * S, 1, false, 3 * S },
		{ &bytes, 0, 500000, true, 5 * S },
		{ &bytes, 5 * S, 500001, false, 10 },
		/* more than the burst, when nothing came before */
		{ &bytes, 0, 5000000, true, 50 * S },
		{ &bytes, 1, 5000000, false, 1 },
		{ &bytes, 50 * S, 1, false, 10 },
		/* rounding must not cost one of seven */
		{ &odd, 6 * INT64_C(8571428), 1, true, 7 * INT64_C(8571428) },
		/* beyond what a number holds */
		{ &slow, 0, UINT64_C(1000000000000), true, INT64_C(4000000000000000) },
		{ &slow, 0, UINT64_MAX, true, INT64_C(4000000000000000) },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		int64_t after = -1, wait = -1;
		bool room = limits_room(table[i].rule, NOW + table[i].full, table[i].n, NOW, &after, &wait);

		if (room != table[i].room)
			fail_msg("row %zu: %s room", i, room ? "has" : "has no");
		if ((room ? after - NOW : wait) != table[i].then)
			fail_msg("row %zu: %lld", i, (long long)(room ? after - NOW : wait));
	}
}

static void
test_used(void **state)
{
	(void)state;
	assert_int_equal(limits_used(&messages, NOW - 5, NOW), 0);
	assert_int_equal(limits_used(&messages, NOW + 3 * S, NOW), 1);
	assert_int_equal(limits_used(&messages, NOW + 4 * S, NOW), 2);
	assert_int_equal(limits_used(&messages, NOW + 90 * S, NOW), 30);
}

/* How many of `tries', one every `step' us, get through? */
static unsigned
through(struct limits *l, const struct rules_limit *rule, const char *value, unsigned tries, int64_t *now,
    int64_t step)
{
	unsigned n = 0;

	for (; tries > 0; tries--, *now += step) {
		struct limits_ask a = { .rule = rule, .value = value, .n = 1, .blocks = true };

		limits_ask(l, &a, 1, 1000, *now, false);
		n += !a.over;
	}
	return n;
}

static void
test_rate(void **state)
{
	struct limits *l = limits_new();
	int64_t now = NOW;

	(void)state;
	assert_int_equal(through(l, &messages, "192.0.2.1", 100, &now, 0), 30);
	assert_int_equal(through(l, &messages, "192.0.2.2", 1, &now, 0), 1);	/* another one's bucket */
	now += 60 * S;
	assert_int_equal(through(l, &messages, "192.0.2.1", 100, &now, 0), 20);
	now += 3600 * S;
	assert_int_equal(through(l, &messages, "192.0.2.1", 100, &now, 0), 30);
	/* Whoever keeps trying gets what the rate says, not less. */
	assert_int_equal(through(l, &messages, "192.0.2.1", 610, &now, S / 10), 20);
	/* Names are the same in any case. */
	assert_int_equal(through(l, &odd, "A@Example.TEST", 5, &now, 0), 5);
	assert_int_equal(through(l, &odd, "a@example.test", 5, &now, 0), 2);
	limits_free(&l);
	assert_null(l);
}

static struct limits_ask
asking(const struct rules_limit *rule, uint64_t n, bool blocks, bool look)
{
	struct limits_ask a = { .rule = rule, .value = "192.0.2.1", .n = n, .blocks = blocks, .look = look };

	return a;
}

static void
test_all_or_nothing(void **state)
{
	struct limits *l = limits_new();
	struct limits_ask a[2];

	(void)state;
	/* The second has no room: the first is not counted. */
	for (int i = 0; i < 50; i++) {
		a[0] = asking(&messages, 1, true, false);
		a[1] = asking(&odd, 1, true, false);
		limits_ask(l, a, 2, 1000, NOW, false);
		assert_int_equal(a[1].over, i >= 7);
		assert_false(a[0].over);
	}
	a[0] = asking(&messages, 23, true, false);
	limits_ask(l, a, 1, 1000, NOW, true);
	assert_false(a[0].over);
	/* One that does not block is left out alone. */
	a[0] = asking(&messages, 23, true, false);
	a[1] = asking(&odd, 1, false, false);
	limits_ask(l, a, 2, 1000, NOW, false);
	assert_true(a[1].over);
	assert_false(a[0].over);
	a[0] = asking(&messages, 1, true, false);
	limits_ask(l, a, 1, 1000, NOW, false);
	assert_true(a[0].over);
	assert_int_equal(a[0].wait, 3 * S);
	limits_free(&l);
}

static void
test_look(void **state)
{
	struct limits *l = limits_new();
	struct limits_ask a;

	(void)state;
	for (int i = 0; i < 20; i++) {
		a = asking(&odd, 7, true, true);	/* only asked */
		limits_ask(l, &a, 1, 1000, NOW, false);
		assert_false(a.over);
		a = asking(&odd, 7, true, false);	/* dry */
		limits_ask(l, &a, 1, 1000, NOW, true);
		assert_false(a.over);
	}
	assert_int_equal(memory_count(limits_buckets(l)), 0);
	limits_free(&l);
}

/* A message with more recipients than keys fit on the stack. */
static void
test_many(void **state)
{
	struct limits *l = limits_new();
	struct limits_ask a[40];

	(void)state;
	for (size_t i = 0; i < COUNT(a); i++)
		a[i] = asking(&messages, 1, true, false);
	a[39] = asking(&odd, 8, true, false);
	limits_ask(l, a, COUNT(a), 1000, NOW, false);
	assert_false(a[39].over);		/* full, so more than the burst may come */
	for (size_t i = 0; i < COUNT(a); i++)
		a[i] = asking(&odd, 1, true, false);
	a[0] = asking(&bytes, 1000, true, false);
	limits_ask(l, a, COUNT(a), 1000, NOW, false);
	assert_true(a[39].over);
	a[0] = asking(&bytes, 1000000, true, true);
	limits_ask(l, a, 1, 1000, NOW, false);
	assert_false(a[0].over);		/* it was not counted */
	limits_free(&l);
}

/* Who invents senders makes no more than so many buckets. */
static void
test_bound(void **state)
{
	struct rules_limit sender = messages;
	struct limits *l = limits_new();
	char value[600];

	(void)state;
	sender.per = PER_SENDER;
	for (int i = 0; i < 5000; i++) {
		struct limits_ask a = { .rule = &sender, .value = value, .n = 1, .blocks = true };

		(void)snprintf(value, sizeof(value), "%0500d@example.test", i);	/* no address: it is cut */
		limits_ask(l, &a, 1, 1000, NOW, false);
		(void)snprintf(value, sizeof(value), "%d@example.test", i);
		limits_ask(l, &a, 1, 1000, NOW, false);
	}
	assert_int_equal(memory_count(limits_buckets(l)), 1000);
	limits_free(&l);
}

/* What is only watched has a bucket of its own. */
static void
test_shadow(void **state)
{
	struct rules_limit shadow = messages;
	struct limits *l = limits_new();
	int64_t now = NOW;

	(void)state;
	shadow.mode = MODE_SHADOW;
	shadow.burst = 5;
	shadow.amount = 1;
	assert_int_equal(through(l, &shadow, "192.0.2.1", 10, &now, 0), 5);
	assert_int_equal(through(l, &messages, "192.0.2.1", 100, &now, 0), 30);
	limits_free(&l);
}

static void
test_lockout(void **state)
{
	struct limits *l = limits_new();
	int64_t left = 0;

	(void)state;
	assert_false(limits_locked(l, "192.0.2.1", 3600 * S, NOW, &left));
	assert_true(limits_lock(l, "192.0.2.1", LIMIT_UNKNOWN, 3600 * S, 1000, NOW));
	assert_false(limits_lock(l, "192.0.2.1", LIMIT_UNKNOWN, 3600 * S, 1000, NOW + S));
	assert_false(limits_locked(l, "192.0.2.2", 3600 * S, NOW, &left));
	assert_true(limits_locked(l, "192.0.2.1", 3600 * S, NOW + S, &left));
	assert_int_equal(left, 3599 * S);
	assert_false(limits_locked(l, "192.0.2.1", 3600 * S, NOW + 3600 * S, &left));
	assert_true(limits_lock(l, "192.0.2.1", LIMIT_UNKNOWN, 3600 * S, 1000, NOW + 4000 * S));
	/* A clock that is set back by a year locks nobody out for a year. */
	assert_true(limits_locked(l, "192.0.2.1", 3600 * S, NOW - INT64_C(31536000) * S, &left));
	assert_int_equal(left, 3600 * S);
	assert_false(limits_locked(l, "192.0.2.1", 3600 * S, NOW + 3600 * S - INT64_C(31536000) * S, &left));
	/* Nor does a time that was longer. */
	assert_true(limits_lock(l, "192.0.2.3", LIMIT_UNKNOWN, 3600 * S, 1000, NOW));
	assert_true(limits_locked(l, "192.0.2.3", 60 * S, NOW, &left));
	assert_false(limits_locked(l, "192.0.2.3", 60 * S, NOW + 60 * S, &left));
	limits_free(&l);
}

static void *
sleeper(void *arg)
{
	(void)limits_sleep(arg, 1, 2);
	return NULL;
}

static void
test_sleep(void **state)
{
	struct limits *l = limits_new();
	int64_t begun = clock_mono_ms();
	pthread_t t[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, sleeper, l), 0);
	/* Both sleep, or will: with a bound of 0 nobody may any more. */
	assert_false(limits_sleep(l, 1, 0));
	for (int i = 0; i < 2; i++)
		(void)pthread_join(t[i], NULL);
	assert_in_range(clock_mono_ms() - begun, 990, 20000);
	assert_true(limits_sleep(l, 0, 1));
	limits_free(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_used),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_shadow),
		cmocka_unit_test(test_lockout),
		cmocka_unit_test(test_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
