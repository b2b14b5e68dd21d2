/*
 * t_greylist.c -- who is put off, who passes, which networks are freed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/rules_policy.h"
#include "milter/greylist.h"
#include "milter/memory.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define T		INT64_C(1800000000)
#define DAY		86400

/* 4 minutes, 2 days, 36 days, 5 passes */
static const struct rules_policy policy = { .greylist_delay = 240, .greylist_window = 2 * DAY,
	.greylist_lifetime = 36 * DAY, .greylist_passes = 5, .greylist_entries = 1000 };

static void
test_decide(void **state)
{
	static const struct {
		struct greylist_entry	 e;
		int64_t			 now;
		enum greylist_answer	 answer;
		unsigned		 wait;
	} table[] = {
		{ { 0, 0, 0 }, T, GREYLIST_FIRST, 240 },
		{ { T, 0, 0 }, T, GREYLIST_EARLY, 240 },
		{ { T, 0, 0 }, T + 1, GREYLIST_EARLY, 239 },
		{ { T, 0, 0 }, T + 239, GREYLIST_EARLY, 1 },
		{ { T, 0, 0 }, T + 240, GREYLIST_PASS, 0 },
		{ { T, 0, 0 }, T + 2 * DAY - 1, GREYLIST_PASS, 0 },
		{ { T, 0, 0 }, T + 2 * DAY, GREYLIST_EXPIRED, 240 },
		{ { T, T + 240, 1 }, T + 241, GREYLIST_PASS, 0 },
		{ { T, T + 240, 1 }, T + 240 + 36 * DAY - 1, GREYLIST_PASS, 0 },
		{ { T, T + 240, 1 }, T + 240 + 36 * DAY, GREYLIST_EXPIRED, 240 },
		/* from the last mail on, not from the first */
		{ { T, T + 35 * DAY, 2 }, T + 70 * DAY, GREYLIST_PASS, 0 },
		/* the clock was set back */
		{ { T, 0, 0 }, T - 1, GREYLIST_FIRST, 240 },
		{ { T, T + 240, 1 }, T + 239, GREYLIST_PASS, 0 },
		{ { T, T + 240, 1 }, T - 365 * DAY, GREYLIST_PASS, 0 },
	};
	unsigned wait;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		enum greylist_answer a = greylist_decide(&table[i].e, &policy, table[i].now, &wait);

		if (a != table[i].answer)
			fail_msg("row %zu: %d", i, (int)a);
		if (a != GREYLIST_PASS && wait != table[i].wait)
			fail_msg("row %zu: wait %u", i, wait);
	}
}

static void
test_is_free(void **state)
{
	static const struct {
		struct greylist_entry	 e;
		unsigned		 passes;
		int64_t			 now;
		bool			 free;
	} table[] = {
		{ { 0, 0, 0 }, 5, T, false },
		{ { T, T, 4 }, 5, T, false },
		{ { T, T, 5 }, 5, T, true },
		{ { T, T, 50 }, 5, T, true },
		{ { T, T, 50 }, 0, T, false },		/* never */
		{ { T, T, 1 }, 1, T, true },
		{ { T, T, 5 }, 5, T + 36 * DAY - 1, true },
		{ { T, T, 5 }, 5, T + 36 * DAY, false },
		{ { T, T, 5 }, 5, T - 100, true },
	};
	struct rules_policy p = policy;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		p.greylist_passes = table[i].passes;
		if (greylist_is_free(&table[i].e, &p, table[i].now) != table[i].free)
			fail_msg("row %zu", i);
	}
}

/* --- with a memory ------------------------------------------------------------- */

static enum greylist_answer
ask(struct greylist *g, const char *network, const char *sender, const char *recipient, int64_t now)
{
	struct greylist_who who = { network, sender, recipient, false };
	unsigned wait;

	return greylist_ask(g, &who, &policy, now, false, &wait);
}

static void
test_triplet(void **state)
{
	struct greylist *g = greylist_new();

	(void)state;
	assert_int_equal(ask(g, "192.0.2.0/24", "a@x.test", "b@y.test", T), GREYLIST_FIRST);
	assert_int_equal(ask(g, "192.0.2.0/24", "a@x.test", "b@y.test", T + 10), GREYLIST_EARLY);
	/* Each part counts, case does not. */
	assert_int_equal(ask(g, "198.51.100.0/24", "a@x.test", "b@y.test", T + 300), GREYLIST_FIRST);
	assert_int_equal(ask(g, "192.0.2.0/24", "", "b@y.test", T + 300), GREYLIST_FIRST);
	assert_int_equal(ask(g, "192.0.2.0/24", "a@x.test", "c@y.test", T + 300), GREYLIST_FIRST);
	assert_int_equal(ask(g, "192.0.2.0/24", "A@X.test", "B@Y.test", T + 300), GREYLIST_PASS);
	/* A try that was too early has not put it off. */
	assert_int_equal(ask(g, "192.0.2.0/24", "a@x.test", "b@y.test", T + 301), GREYLIST_PASS);
	/* Too late is a first time. */
	assert_int_equal(ask(g, "192.0.2.0/24", "a@x.test", "c@y.test", T + 3 * DAY), GREYLIST_FIRST);
	assert_int_equal(ask(g, "192.0.2.0/24", "a@x.test", "c@y.test", T + 3 * DAY + 240), GREYLIST_PASS);
	/* Remembered from the last mail on. */
	for (int64_t t = T + 300; t < T + 300 * DAY; t += 35 * DAY)
		assert_int_not_equal(ask(g, "192.0.2.0/24", "a@x.test", "b@y.test", t), GREYLIST_FIRST);
	greylist_free(&g);
	assert_null(g);
}

/* "a" and "b, c" must not be "a, b" and "c". */
static void
test_no_mix(void **state)
{
	struct greylist *g = greylist_new();
	char sender[1000], other[1000];

	(void)state;
	assert_int_equal(ask(g, "n", "a@x", "b@y", T), GREYLIST_FIRST);
	assert_int_equal(ask(g, "n", "a@", "xb@y", T + 300), GREYLIST_FIRST);
	/* What is too long for an address is cut, and still no two recipients are one. */
	memset(sender, 'x', sizeof(sender) - 1);
	sender[sizeof(sender) - 1] = '\0';
	memcpy(other, sender, sizeof(other));
	assert_int_equal(ask(g, "n", sender, "b@y", T), GREYLIST_FIRST);
	assert_int_equal(ask(g, "n", other, "c@y", T + 300), GREYLIST_FIRST);
	assert_int_equal(ask(g, "n", other, "b@y", T + 300), GREYLIST_PASS);
	greylist_free(&g);
}

static void
test_freed(void **state)
{
	struct greylist *g = greylist_new();
	char sender[64];

	(void)state;
	for (int i = 0; i < 5; i++) {
		(void)snprintf(sender, sizeof(sender), "a%d@x.test", i);
		assert_int_equal(ask(g, "192.0.2.0/24", sender, "b@y.test", T), GREYLIST_FIRST);
	}
	for (int i = 0; i < 5; i++) {
		(void)snprintf(sender, sizeof(sender), "a%d@x.test", i);
		assert_int_equal(ask(g, "192.0.2.0/24", sender, "b@y.test", T + 300), GREYLIST_PASS);
	}
	assert_int_equal(ask(g, "192.0.2.0/24", "new@x.test", "b@y.test", T + 301), GREYLIST_FREE);
	assert_int_equal(ask(g, "192.0.3.0/24", "new@x.test", "b@y.test", T + 301), GREYLIST_FIRST);
	/* For a lifetime from the last mail on, and no triplet is kept meanwhile. */
	assert_int_equal(memory_count(greylist_triplets(g)), 6);
	assert_int_equal(ask(g, "192.0.2.0/24", "x@x.test", "b@y.test", T + 35 * DAY), GREYLIST_FREE);
	assert_int_equal(ask(g, "192.0.2.0/24", "y@x.test", "b@y.test", T + 70 * DAY), GREYLIST_FREE);
	assert_int_equal(ask(g, "192.0.2.0/24", "z@x.test", "b@y.test", T + 107 * DAY), GREYLIST_FIRST);
	greylist_free(&g);
}

/* Many recipients of one message are one pass. */
static void
test_counted_once(void **state)
{
	struct greylist *g = greylist_new();
	struct greylist_who who = { .network = "n", .sender = "a@x.test" };
	char rcpt[64];
	unsigned wait;

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 10; i++) {
			(void)snprintf(rcpt, sizeof(rcpt), "b%d@y.test", i);
			who.recipient = rcpt;
			assert_int_equal(greylist_ask(g, &who, &policy, T + round * 300, false, &wait),
			    round == 0 ? GREYLIST_FIRST : GREYLIST_PASS);
		}
	assert_true(who.counted);
	assert_int_equal(ask(g, "n", "other@x.test", "b@y.test", T + 300), GREYLIST_FIRST);
	greylist_free(&g);
}

static void
test_dry(void **state)
{
	struct greylist *g = greylist_new();
	struct greylist_who who = { "n", "a@x.test", "b@y.test", false };
	unsigned wait;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(greylist_ask(g, &who, &policy, T + i * 300, true, &wait), GREYLIST_FIRST);
	assert_int_equal(memory_count(greylist_triplets(g)), 0);
	assert_int_equal(greylist_ask(g, &who, &policy, T, false, &wait), GREYLIST_FIRST);
	assert_int_equal(greylist_ask(g, &who, &policy, T + 300, true, &wait), GREYLIST_PASS);
	assert_false(who.counted);
	assert_int_equal(memory_count(greylist_networks(g)), 0);
	greylist_free(&g);
}

static void
test_bound(void **state)
{
	struct greylist *g = greylist_new();
	char sender[64];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(sender, sizeof(sender), "a%d@x.test", i);
		(void)ask(g, "n", sender, "b@y.test", T + i);
	}
	assert_int_equal(memory_count(greylist_triplets(g)), 1000);
	greylist_free(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decide),
		cmocka_unit_test(test_is_free),
		cmocka_unit_test(test_triplet),
		cmocka_unit_test(test_no_mix),
		cmocka_unit_test(test_freed),
		cmocka_unit_test(test_counted_once),
		cmocka_unit_test(test_dry),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
