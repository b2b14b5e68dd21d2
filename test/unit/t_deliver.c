/*
 * t_deliver.c -- delivery as a whole, with the world around it in one process.
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
#include "common/log.h"
#include "test/unit/deliver_world.h"

#define DAY 86400

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

/* The state of the only destination. */
static enum destination_state
state_of(struct world *w)
{
	enum destination_state s = DEST_HELD;

	deliver_each(w->d, note_state, &s);
	return s;
}

static bool
is_down(struct world *w)
{
	return state_of(w) == DEST_DOWN;
}

static bool
is_up(struct world *w)
{
	return state_of(w) == DEST_UP;
}

static bool
settled_once(struct world *w)
{
	return w->store.held[0].settles == 1;
}

static void
test_delivers(void **state)
{
	struct world *w = *state;

	primary_up(&w->primary);
	many(w, "x.test", 300);
	world_start(w);
	world_run(w, world_empty);
	assert_int_equal(300, w->primary.delivered);
	assert_true(w->primary.most <= 20);
	assert_true(w->primary.most > 1);
	/* oldest first: the very first one begins */
	assert_memory_equal("u0 ", w->primary.order.data, 3);
	world_run(w, is_up);
	assert_string_equal("Subject: x\r\n\r\nhello\r\n", buf_str(&w->primary.last));
	for (size_t i = 0; i < w->store.nheld; i++)
		assert_int_equal(SETTLE_DELIVERED, w->store.held[i].last[0]);
}

/* P6: while the primary is away, new mail costs nothing, and old mail nothing but the probes. */
static void
test_down_is_cheap(void **state)
{
	struct world *w = *state;
	unsigned leases;

	many(w, "x.test", 200);
	world_start(w);
	world_run(w, is_down);
	world_run_ms(w, 20);
	leases = w->store.leases;
	for (int i = 0; i < 10000; i++)
		deliver_kick(w->d, "x.test");
	world_run_ms(w, 300);
	assert_int_equal(leases, w->store.leases);
	for (size_t i = 0; i < w->store.nheld; i++)
		assert_false(w->store.held[i].leased);
	assert_int_equal(0, w->store.held[0].settles);

	primary_up(&w->primary);
	world_run(w, world_empty);
	assert_int_equal(200, w->primary.delivered);
}

/* The first message after an outage goes alone; the rest follows it. */
static unsigned open_at_first;

static const char *
note_first(struct primary *p, enum stage stage, const char *line)
{
	(void)line;
	if (stage == ON_DOT && p->delivered == 0)
		open_at_first = p->open;
	return NULL;
}

static void
test_slow_start(void **state)
{
	struct world *w = *state;

	many(w, "x.test", 100);
	world_start(w);
	world_run(w, is_down);
	w->primary.hook = note_first;
	primary_up(&w->primary);
	deliver_flush(w->d, NULL);
	world_run(w, world_empty);
	assert_int_equal(1, open_at_first);
}

/* The store takes its time with the probe's message: the probe waits, and nothing is stuck. */
static void
test_slow_store(void **state)
{
	struct world *w = *state;

	many(w, "x.test", 5);
	world_start(w);
	world_run(w, is_down);
	w->store.hold_leases = true;
	primary_up(&w->primary);
	deliver_flush(w->d, NULL);
	world_run_ms(w, 3000);
	assert_int_equal(1, w->primary.connections);
	assert_int_equal(1, w->primary.open);
	w->store.hold_leases = false;
	event_active(w->store.tick, EV_TIMEOUT, 0);
	world_run(w, world_empty);
}

static void
test_fair(void **state)
{
	struct world *w = *state;
	const char *at;
	size_t before = 0;

	world_rule(w, "y.test", &w->primary);
	many(w, "x.test", 500);
	(void)world_mail(w, "y.test", "late", "x\r\n");
	primary_up(&w->primary);
	world_start(w);
	world_run(w, world_empty);
	at = strstr(buf_str(&w->primary.order), "late ");
	assert_non_null(at);
	for (const char *p = buf_str(&w->primary.order); p < at; p++)
		before += *p == ' ';
	assert_true(before < 10);
}

static void
test_deferred_by_schedule(void **state)
{
	struct world *w = *state;
	int64_t wait;

	w->primary.say[ON_RCPT] = "450 4.2.0 later\r\n";
	primary_up(&w->primary);
	many(w, "x.test", 1);
	world_start(w);
	world_run(w, settled_once);
	assert_int_equal(SETTLE_DEFER, w->store.held[0].last[0]);
	wait = w->store.held[0].next[0] - clock_wall();
	assert_in_range(wait, 46, 73);		/* 1m +-20 % */
	assert_non_null(strstr(w->store.held[0].reply[0], "450 4.2.0 later"));
	world_run(w, is_up);			/* it is the message's delay, not the primary's */
}

static void
test_wakes_when_due(void **state)
{
	struct world *w = *state;

	primary_up(&w->primary);
	many(w, "x.test", 1);
	w->store.held[0].due = clock_wall() + 2;
	world_start(w);
	world_run_ms(w, 500);
	assert_false(w->store.held[0].gone);
	world_run(w, world_empty);
	assert_true(clock_wall() >= w->store.held[0].due);
}

/* The end of the lifetime: after a failed attempt, never without one. */
static void
test_expired(void **state)
{
	struct world *w = *state;

	many(w, "x.test", 2);
	w->store.held[0].arrival -= 40 * DAY;
	w->store.held[1].arrival -= 40 * DAY;
	world_start(w);
	world_run(w, is_down);
	assert_int_equal(0, w->store.held[0].settles);	/* an outage is no reason */

	w->primary.say[ON_DOT] = "451 4.3.0 later\r\n";
	primary_up(&w->primary);
	world_run(w, world_empty);
	assert_int_equal(SETTLE_QUARANTINE, w->store.held[0].last[0]);
	assert_non_null(strstr(w->store.held[0].reply[0], "expired"));
}

static void
test_refused_for_good(void **state)
{
	struct world *w = *state;

	world_settings(w)->canary = 0;		/* it is believed at once */
	w->primary.say[ON_RCPT] = "550 5.1.1 who\r\n";
	primary_up(&w->primary);
	many(w, "x.test", 1);
	world_start(w);
	world_run(w, settled_once);
	assert_int_equal(SETTLE_QUARANTINE, w->store.held[0].last[0]);
	assert_int_equal(0, w->primary.delivered);
}

static const char *
one_at_a_time(struct primary *p, enum stage stage, const char *line)
{
	static unsigned n;

	(void)p;
	(void)line;
	if (stage == ON_MAIL)
		n = 0;
	if (stage == ON_RCPT && n++ > 0)
		return "452 4.5.3 one is enough\r\n";
	return NULL;
}

/* Too many recipients: the others at once, in transactions of their own, and not charged. */
static void
test_retry_now(void **state)
{
	struct world *w = *state;
	struct held *h = world_mail(w, "x.test", "r1", "x\r\n");

	h->rcpt[1] = xstrdup("r2@x.test");
	h->rcpt[2] = xstrdup("r3@x.test");
	h->nrcpt = 3;
	w->primary.hook = one_at_a_time;
	primary_up(&w->primary);
	world_start(w);
	world_run(w, world_empty);
	assert_string_equal("r1 r2 r3 ", buf_str(&w->primary.order));
	assert_int_equal(1, w->store.held[0].settles);
	assert_int_equal(1, w->primary.connections);
}

static void
test_large_body(void **state)
{
	struct world *w = *state;
	struct buf b = BUF_INIT;
	struct held *h;

	buf_puts(&b, "Subject: large\r\n\r\n");
	while (b.len < STORE_PREFETCH + 5000)
		buf_printf(&b, "line %zu\r\n.\r\n..x\r\n", b.len);
	h = world_mail(w, "x.test", "big", buf_str(&b));
	primary_up(&w->primary);
	world_start(w);
	world_run(w, world_empty);
	/* The primary of this test does not undo the dots. */
	assert_true(w->primary.last.len > h->size);
	assert_non_null(strstr(buf_str(&w->primary.last), "\r\n..\r\n...x\r\n"));

	w->primary.chunking = true;
	(void)world_mail(w, "x.test", "big", buf_str(&b));
	world_run_ms(w, 2500);			/* the idle connection without CHUNKING ends */
	deliver_kick(w->d, "x.test");
	world_run(w, world_empty);
	assert_int_equal(b.len, w->primary.last.len);
	assert_memory_equal(b.data, w->primary.last.data, b.len);
	buf_free(&b);
}

/* The store cannot give the rest: half a message is none, and it is nobody's fault but ours. */
static void
test_unreadable(void **state)
{
	struct world *w = *state;
	char *body = xcalloc(1, STORE_PREFETCH + 100);

	memset(body, 'x', STORE_PREFETCH + 99);
	(void)world_mail(w, "x.test", "big", body);
	w->store.fail_body = true;
	primary_up(&w->primary);
	world_start(w);
	world_run(w, settled_once);
	assert_int_equal(SETTLE_DEFER, w->store.held[0].last[0]);
	assert_int_equal(0, w->primary.delivered);
	assert_int_equal(DEST_UP, state_of(w));
	free(body);
}

/* Sent whole, not answered: retried by the schedule, and told (P4). */
static void
test_unsure(void **state)
{
	struct world *w = *state;

	w->primary.say[ON_DOT] = "CLOSE";
	primary_up(&w->primary);
	many(w, "x.test", 1);
	world_start(w);
	world_run(w, settled_once);
	assert_int_equal(SETTLE_DEFER, w->store.held[0].last[0]);
	assert_true(w->store.held[0].next[0] > clock_wall() + 30);
	world_run(w, is_down);
}

/* A greeting that trickles in is no greeting: the deadline holds. */
static void
test_trickle(void **state)
{
	struct world *w = *state;
	int64_t start = clock_mono_ms();

	w->primary.say[ON_BANNER] = "220-";
	primary_up(&w->primary);
	many(w, "x.test", 1);
	world_start(w);
	while (!is_down(w) && clock_mono_ms() - start < 9000) {
		primary_drip(&w->primary, "x");
		world_run_ms(w, 100);
	}
	assert_in_range(clock_mono_ms() - start, 1500, 6000);
	assert_int_equal(0, w->store.held[0].settles);
}

static void
test_junk(void **state)
{
	struct world *w = *state;
	char *junk = xcalloc(1, 5000);

	memset(junk, '2', 4999);
	w->primary.say[ON_BANNER] = junk;
	primary_up(&w->primary);
	many(w, "x.test", 1);
	world_start(w);
	world_run(w, is_down);
	w->primary.say[ON_BANNER] = "220 lf only\n";
	deliver_flush(w->d, NULL);
	world_run_ms(w, 50);
	world_run(w, is_down);
	w->primary.say[ON_BANNER] = NULL;
	deliver_flush(w->d, NULL);
	world_run(w, world_empty);
	free(junk);
}

/* Not more than so many are delivered while the store has not written them down. */
static void
test_unsettled_bound(void **state)
{
	struct world *w = *state;

	primary_up(&w->primary);
	many(w, "x.test", 600);
	w->store.hold_settles = true;
	world_start(w);
	world_run_ms(w, 500);
	assert_in_range(w->primary.delivered, 200, 300);
	w->store.hold_settles = false;
	event_active(w->store.tick, EV_TIMEOUT, 0);
	world_run(w, world_empty);
	assert_int_equal(600, w->primary.delivered);
}

static void
test_new_route(void **state)
{
	struct world *w = *state;

	many(w, "x.test", 50);
	w->primary.say[ON_MAIL] = "HANG";
	primary_up(&w->primary);
	primary_up(&w->second);
	world_start(w);
	world_run_ms(w, 200);
	assert_int_equal(1, w->primary.connections);
	world_rule(w, "x.test", &w->second);
	world_run(w, world_empty);
	/* The one in flight broke with its connection, and then went the new way as well. */
	assert_int_equal(50, w->second.delivered);
	assert_int_equal(0, w->primary.delivered);
}

static void
count_orphans(void *arg, const struct destination_info *info)
{
	if (strcmp(info->reason, "no rule for domain") == 0)
		*(size_t *)arg += info->ndomains;
}

static void
test_no_rule(void **state)
{
	struct world *w = *state;
	size_t n = 0;

	primary_up(&w->primary);
	(void)world_mail(w, "gone.test", "u", "x\r\n");
	world_start(w);
	world_run_ms(w, 50);
	deliver_each(w->d, count_orphans, &n);
	assert_int_equal(1, n);
	assert_int_equal(0, w->store.held[0].settles);
	world_rule(w, "gone.test", &w->primary);
	world_run(w, world_empty);
	n = 0;
	deliver_each(w->d, count_orphans, &n);
	assert_int_equal(0, n);
	world_no_rule(w, "gone.test");
	deliver_kick(w->d, "gone.test");
	deliver_each(w->d, count_orphans, &n);
	assert_int_equal(1, n);
}

static void
on_drained(void *arg)
{
	((struct world *)arg)->drained = true;
}

static bool
is_drained(struct world *w)
{
	return w->drained;
}

static bool
in_flight(struct world *w)
{
	return w->primary.last.len > 0 || w->primary.connections > 0;
}

/* What is in flight ends, the rest goes back; nothing new begins. */
static void
test_drain(void **state)
{
	struct world *w = *state;
	unsigned done;

	primary_up(&w->primary);
	many(w, "x.test", 4000);
	world_start(w);
	world_run(w, in_flight);
	deliver_drain(w->d, on_drained, w);
	world_run(w, is_drained);
	done = w->primary.delivered;
	assert_true(done < 4000);
	for (size_t i = 0; i < w->store.nheld; i++)
		assert_false(w->store.held[i].leased);
	world_run_ms(w, 50);
	assert_int_equal(done, w->primary.delivered);
}

static bool
body_sent(struct world *w)
{
	return w->primary.open == 1 && w->store.held[0].leased;
}

/* A primary that does not answer cannot hold up the stop, and its message is not forgotten. */
static void
test_drain_bounded(void **state)
{
	struct world *w = *state;
	int64_t start;

	w->conf.smtp_final_timeout = 60;
	w->primary.say[ON_DOT] = "HANG";
	primary_up(&w->primary);
	many(w, "x.test", 1);
	world_start(w);
	world_run(w, body_sent);
	world_run_ms(w, 200);
	start = clock_mono_ms();
	deliver_drain(w->d, on_drained, w);
	world_run(w, is_drained);
	assert_in_range(clock_mono_ms() - start, 800, 3000);
	deliver_free(&w->d);
	assert_int_equal(SETTLE_DEFER, w->store.held[0].last[0]);	/* it may have arrived */
}

static void
test_sick_store(void **state)
{
	struct world *w = *state;

	primary_up(&w->primary);
	many(w, "x.test", 3);
	w->store.fail_lease = true;
	world_start(w);
	world_run_ms(w, 100);
	w->store.fail_lease = false;
	world_run(w, world_empty);	/* it is asked again by itself */
}

/* The clock was set: it is found out before the store is asked for mail, and once. */
static void
test_clock_set(void **state)
{
	struct world *w = *state;

	world_start(w);
	w->store.lag = 365 * 86400;
	deliver_flush(w->d, NULL);
	assert_int_equal(365 * 86400, w->store.shifted);
	deliver_flush(w->d, NULL);
	assert_int_equal(365 * 86400, w->store.shifted);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(test_delivers),
		T(test_down_is_cheap),
		T(test_slow_start),
		T(test_slow_store),
		T(test_fair),
		T(test_deferred_by_schedule),
		T(test_wakes_when_due),
		T(test_expired),
		T(test_refused_for_good),
		T(test_retry_now),
		T(test_large_body),
		T(test_unreadable),
		T(test_unsure),
		T(test_trickle),
		T(test_junk),
		T(test_unsettled_bound),
		T(test_new_route),
		T(test_no_rule),
		T(test_drain),
		T(test_drain_bounded),
		T(test_sick_store),
		T(test_clock_set),
	};

	return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
