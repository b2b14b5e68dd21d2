/*
 * t_deliver_outage.c -- what is remembered of destinations and their outages.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "test/unit/deliver_world.h"

static void
many(struct world *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "u%u", i);
		(void)world_mail(w, "x.test", name, "Subject: x\r\n\r\nhello\r\n");
	}
}

static void
note(void *arg, const struct destination_info *info)
{
	*(struct destination_info *)arg = *info;	/* but for what it lends */
}

static struct destination_info
info(struct world *w)
{
	struct destination_info i = { .state = DEST_PROBING };

	deliver_each(w->d, note, &i);
	return i;
}

static bool
is_up(struct world *w)
{
	return info(w).state == DEST_UP;
}

static bool
is_held(struct world *w)
{
	return info(w).state == DEST_HELD;
}

static bool
outage_noted(struct world *w)
{
	return w->store.noutage == 1;
}

static bool
answered(struct world *w)
{
	return w->store.noutage == 1 && w->store.outage[0].until != 0;
}

static bool
drained(struct world *w)
{
	return w->store.noutage == 1 && w->store.outage[0].drained != 0;
}

static void
restart(struct world *w)
{
	deliver_free(&w->d);
	for (size_t i = 0; i < w->store.nheld; i++)
		w->store.held[i].leased = false;
	world_start(w);
}

static void
test_outage(void **state)
{
	struct world *w = *state;
	const struct store_outage *o = &w->store.outage[0];
	int64_t now = clock_wall();

	many(w, 30);
	world_start(w);
	world_run(w, outage_noted);
	assert_in_range(o->from, now, now + 5);
	assert_int_equal(0, o->until);
	assert_non_null(strstr(o->reason, "refused"));
	assert_int_equal(1, w->store.ndest);
	assert_false(w->store.dest[0].held);
	assert_int_equal(o->from, w->store.dest[0].since);

	/* Probes that fail write nothing. */
	for (int i = 0; i < 5; i++) {
		deliver_flush(w->d, NULL);
		world_run_ms(w, 10);
	}
	assert_int_equal(1, w->store.puts);

	primary_up(&w->primary);
	deliver_flush(w->d, NULL);
	world_run(w, drained);
	assert_int_equal(1, w->store.noutage);
	assert_true(o->until >= o->from && o->first_delivery >= o->until);
	assert_true(o->drained >= o->first_delivery);
	assert_int_equal(30, o->delivered);
	assert_in_range(o->messages, 29, 30);	/* the fake store settles before it counts */
	assert_false(o->held);
	assert_int_equal(0, w->store.ndest);
	assert_int_equal(2, w->store.puts);
}

/* The store counts later than the primary takes all that is due: the row gets its number, nothing else happens. */
static void
test_counted_late(void **state)
{
	struct world *w = *state;
	const struct store_outage *o = &w->store.outage[0];

	many(w, 3);
	world_start(w);
	world_run(w, outage_noted);
	w->store.hold_counts = true;
	primary_up(&w->primary);
	deliver_flush(w->d, NULL);
	world_run(w, drained);
	(void)world_mail(w, "x.test", "later", "Subject: x\r\n\r\nhello\r\n");
	w->store.outage[0].messages = 99;
	w->store.hold_counts = false;
	deliver_kick(w->d, "x.test");
	world_run_ms(w, 50);
	assert_int_equal(1, o->messages);
	assert_int_equal(3, o->delivered);
	assert_true(o->drained != 0);
	assert_int_equal(1, w->store.noutage);
	assert_int_equal(DEST_UP, info(w).state);
}

/* Killed in the middle of an outage: down since the same second, probed at once, the same row. */
static void
test_restart_down(void **state)
{
	struct world *w = *state;
	int64_t from;

	many(w, 10);
	world_start(w);
	world_run(w, outage_noted);
	from = w->store.outage[0].from -= 1000;
	w->store.dest[0].since = from;
	restart(w);
	world_run_ms(w, 100);
	assert_int_equal(from, info(w).since);
	assert_int_equal(1, w->store.noutage);
	for (size_t i = 0; i < w->store.nheld; i++)
		assert_int_equal(0, w->store.held[i].settles);
	primary_up(&w->primary);
	deliver_flush(w->d, NULL);
	world_run(w, drained);
	assert_int_equal(1, w->store.noutage);
	assert_int_equal(from, w->store.outage[0].from);
	assert_int_equal(10, w->store.outage[0].delivered);
	assert_int_equal(0, w->store.ndest);
}

/* Killed while it was held: held it is, and not asked at once. */
static void
test_restart_held(void **state)
{
	struct world *w = *state;
	unsigned before;
	int64_t since;

	world_settings(w)->canary = 2;
	world_settings(w)->canary_interval = 3600;
	many(w, 10);
	world_start(w);
	world_run(w, outage_noted);
	w->primary.say[ON_RCPT] = "550 5.1.1 no such user\r\n";
	primary_up(&w->primary);
	deliver_flush(w->d, NULL);
	world_run(w, is_held);
	world_run_ms(w, 20);
	assert_true(w->store.dest[0].held);
	assert_true(w->store.outage[0].held);
	since = w->store.dest[0].since -= 500;
	before = w->primary.connections;

	restart(w);
	world_run_ms(w, 200);
	assert_true(is_held(w));
	assert_int_equal(since, info(w).since);
	assert_int_equal(before, w->primary.connections);
	w->primary.say[ON_RCPT] = NULL;
	assert_true(deliver_release(w->d, "x.test"));
	world_run(w, drained);
	assert_int_equal(1, w->store.noutage);
	assert_int_equal(10, w->store.outage[0].delivered);
	assert_true(w->store.outage[0].held);
	assert_int_equal(0, w->store.ndest);
}

static const char *
hang_after_three(struct primary *p, enum stage stage, const char *line)
{
	(void)line;
	return stage == ON_DATA && p->delivered >= 3 ? "HANG" : NULL;
}

static bool
three(struct world *w)
{
	return w->primary.delivered == 3;
}

/* Killed while it drained: the row is not left open. */
static void
test_restart_draining(void **state)
{
	struct world *w = *state;
	int64_t until;

	many(w, 10);
	world_start(w);
	world_run(w, outage_noted);
	w->primary.hook = hang_after_three;
	primary_up(&w->primary);
	deliver_flush(w->d, NULL);
	world_run(w, three);
	world_run(w, answered);
	world_run_ms(w, 50);
	until = w->store.outage[0].until -= 10;
	w->primary.hook = NULL;
	restart(w);
	world_run(w, drained);
	assert_int_equal(1, w->store.noutage);
	assert_int_equal(until, w->store.outage[0].until);
	assert_true(w->store.outage[0].first_delivery != 0);
}

/* It answers and falls again without having taken anything: one outage. */
static void
test_relapse(void **state)
{
	struct world *w = *state;

	many(w, 4);
	world_start(w);
	world_run(w, outage_noted);
	w->primary.say[ON_RCPT] = "450 4.2.0 later\r\n";
	primary_up(&w->primary);
	deliver_flush(w->d, NULL);
	world_run(w, answered);
	w->primary.say[ON_BANNER] = "554 no\r\n";
	world_run(w, is_up);		/* all is deferred; its connection ends */
	world_run_ms(w, 50);
	assert_int_equal(1, w->store.noutage);
}

/* Neither a rule nor mail: what was remembered of it goes. */
static void
test_forgotten(void **state)
{
	struct world *w = *state;
	struct store_destination row = { .destination = (char *)(uintptr_t)"192.0.2.9:25",
	    .since = 5, .reason = (char *)(uintptr_t)"gone" };

	store_put_destination(&w->store, &row);
	world_start(w);
	world_run_ms(w, 50);
	assert_int_equal(0, w->store.ndest);
	assert_true(is_up(w));
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_outage),
		T(test_counted_late),
		T(test_restart_down),
		T(test_restart_held),
		T(test_restart_draining),
		T(test_relapse),
		T(test_forgotten),
	};

	return cmocka_run_group_tests_name("deliver_outage", tests, NULL, NULL);
}
