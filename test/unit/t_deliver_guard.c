/*
 * t_deliver_guard.c -- who is believed after an outage, and how much each destination may have.
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

#include "common/clock.h"
#include "queued/deliver_private.h"
#include "test/unit/deliver_world.h"

static void
many(struct world *w, const char *domain, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "u%u", i);
		(void)world_mail(w, domain, name, "Subject: x\r\n\r\nhello\r\n");
	}
}

static void
note_state(void *arg, const struct destination_info *info)
{
	*(enum destination_state *)arg = info->state;
}

static bool
in_state(struct world *w, enum destination_state want)
{
	enum destination_state s = DEST_PROBING;

	deliver_each(w->d, note_state, &s);
	return s == want;
}

static bool
is_down(struct world *w)
{
	return in_state(w, DEST_DOWN);
}

static bool
is_held(struct world *w)
{
	return in_state(w, DEST_HELD);
}

static unsigned
settled_as(struct world *w, enum settle_what what)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->store.nheld; i++)
		n += w->store.held[i].settles > 0 && w->store.held[i].last[0] == what;
	return n;
}

static const char nobody[] = "550 5.1.1 no such user\r\n";

/* Down, then back without its users. */
static void
half_recovered(struct world *w, unsigned canary, unsigned interval)
{
	world_settings(w)->canary = canary;
	world_settings(w)->canary_interval = interval;
	many(w, "x.test", 20);
	world_start(w);
	world_run(w, is_down);
	w->primary.say[ON_RCPT] = nobody;
	primary_up(&w->primary);
	deliver_flush(w->d, NULL);
	world_run(w, is_held);
}

static void
test_held(void **state)
{
	struct world *w = *state;
	unsigned tried = 0;

	half_recovered(w, 3, 3600);
	world_run_ms(w, 50);
	assert_int_equal(1, w->primary.most);		/* one at a time */
	for (size_t i = 0; i < w->store.nheld; i++) {
		struct held *h = &w->store.held[i];

		assert_false(h->gone);
		assert_int_equal(0, h->attempts);	/* not charged */
		tried += h->settles;
	}
	assert_int_equal(3, tried);
	assert_int_equal(3, settled_as(w, SETTLE_DEFER));
	/* Neither new mail nor the sweeper's sort of pump has it tried. */
	for (int i = 0; i < 100; i++)
		deliver_kick(w->d, "x.test");
	world_run_ms(w, 50);
	assert_int_equal(3, settled_as(w, SETTLE_DEFER));

	/* Its users are back: nobody needs to say so. */
	w->primary.say[ON_RCPT] = NULL;
	deliver_flush(w->d, NULL);			/* instead of an hour */
	world_run(w, world_empty);
	assert_int_equal(20, w->primary.delivered);
	assert_int_equal(20, settled_as(w, SETTLE_DELIVERED));
}

/* Every canary_interval another message is tried, by itself. */
static void
test_canaries(void **state)
{
	struct world *w = *state;
	unsigned before;

	half_recovered(w, 2, 1);
	before = w->primary.connections;
	world_run_ms(w, 2500);
	assert_in_range(w->primary.connections - before, 1, 3);
	assert_true(is_held(w));
	assert_in_range(settled_as(w, SETTLE_DEFER), 3, 5);
	assert_int_equal(0, settled_as(w, SETTLE_QUARANTINE));
	w->primary.say[ON_RCPT] = NULL;
	world_run(w, world_empty);
	assert_int_equal(20, w->primary.delivered);
}

static void
test_release(void **state)
{
	struct world *w = *state;

	assert_int_equal(0, w->store.nheld);
	half_recovered(w, 2, 3600);
	assert_false(deliver_release(w->d, "y.test"));
	/* Released too early: held again, and nothing is lost. */
	assert_true(deliver_release(w->d, "x.test"));
	assert_false(is_held(w));
	world_run(w, is_held);
	assert_int_equal(0, settled_as(w, SETTLE_QUARANTINE));
	w->primary.say[ON_RCPT] = NULL;
	assert_true(deliver_release(w->d, "x.test"));
	assert_false(deliver_release(w->d, "x.test"));
	world_run(w, world_empty);
}

/* Mail that waited while nobody looked after the primary is a canary, too. */
static void
test_at_start(void **state)
{
	struct world *w = *state;

	world_settings(w)->canary = 2;
	world_settings(w)->canary_interval = 3600;
	many(w, "x.test", 20);
	w->primary.say[ON_RCPT] = nobody;
	primary_up(&w->primary);
	world_start(w);
	world_run(w, is_held);
	assert_int_equal(0, settled_as(w, SETTLE_QUARANTINE));
	/* The guard is switched off: it is believed. */
	world_settings(w)->canary = 0;
	world_again(w);
	world_run(w, world_empty);
	assert_int_equal(20, settled_as(w, SETTLE_QUARANTINE));
}

/* A few messages are a canary as well. */
static void
test_few(void **state)
{
	struct world *w = *state;

	world_settings(w)->canary = 5;
	world_settings(w)->canary_interval = 3600;
	many(w, "x.test", 1);
	w->primary.say[ON_RCPT] = nobody;
	primary_up(&w->primary);
	world_start(w);
	world_run(w, is_held);
	assert_int_equal(1, settled_as(w, SETTLE_DEFER));
}

/* --- what each may have ---------------------------------------------------- */

static void
test_rate(void **state)
{
	struct world *w = *state;
	int64_t from;

	world_settings(w)->message_rate = 20;
	many(w, "x.test", 12);
	primary_up(&w->primary);
	from = clock_mono_ms();
	world_start(w);
	world_run(w, world_empty);
	assert_true(clock_mono_ms() - from >= 450);	/* two at once, ten in half a second */
	assert_int_equal(1, w->primary.connections);	/* they wait, they do not poll */
}

static void
took(struct deliver_dest *dest, unsigned n)
{
	while (n-- > 0)
		pace_note(&dest->pace, clock_mono_ms());
}

/* What it has in hand follows what it takes. */
static void
test_appetite(void **state)
{
	struct deliver d;
	struct deliver_dest dest;

	(void)state;
	memset(&d, 0, sizeof(d));
	memset(&dest, 0, sizeof(dest));
	TAILQ_INIT(&dest.idle);
	dest.d = &d;
	destination_init(&dest.health, 20, 0);
	dest.health.window = 20;
	assert_int_equal(40, deliver_appetite(&dest));	/* a next one for each connection */
	took(&dest, 100);
	assert_int_equal(100, deliver_appetite(&dest));
	took(&dest, 10000);
	assert_int_equal(DELIVER_READY_MAX, deliver_appetite(&dest));
	dest.message_rate = 3;
	assert_int_equal(3, deliver_appetite(&dest));
	dest.health.state = DEST_DOWN;
	assert_int_equal(0, deliver_appetite(&dest));	/* P6 */
	dest.health.state = DEST_HELD;
	assert_int_equal(0, deliver_appetite(&dest));
}

/* The last quarter of what all share is not for those who sit on theirs. */
static void
test_room(void **state)
{
	struct deliver d;
	struct deliver_dest slow, quick, new;

	(void)state;
	memset(&d, 0, sizeof(d));
	memset(&slow, 0, sizeof(slow));
	slow.d = &d;
	quick = new = slow;
	slow.nbusy = quick.nbusy = 20;
	slow.nready = quick.nready = 40;
	took(&quick, 1000);
	took(&slow, 8);
	assert_true(deliver_room(&slow) > 0);
	d.leased = DELIVER_LEASED_MAX * 3 / 4;
	assert_int_equal(0, deliver_room(&slow));
	assert_true(deliver_room(&quick) > 0);
	assert_true(deliver_room(&new) > 0);
	d.leased = 0;
	d.bytes = DELIVER_BYTES_MAX * 3 / 4;
	assert_int_equal(0, deliver_room(&slow));
	assert_true(deliver_room(&quick) > 0);
	d.leased = DELIVER_LEASED_MAX;
	assert_int_equal(0, deliver_room(&quick));
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_held),
		T(test_canaries),
		T(test_release),
		T(test_at_start),
		T(test_few),
		T(test_rate),
		cmocka_unit_test(test_appetite),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests_name("deliver_guard", tests, NULL, NULL);
}
