/*
 * t_turn_deliver.c -- ATRN's half of delivery: a primary that has called us.
 *
 * The world's `primary' is the one that calls (its port is where our end of the connection
 * comes from); `second' is where the rules would send the mail.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "queued/smtp_io.h"
#include "test/unit/deliver_world.h"

static unsigned ended, delivered;

static void
on_end(void *arg, unsigned n)
{
	(void)arg;
	ended++;
	delivered = n;
}

static bool
has_ended(struct world *w)
{
	(void)w;
	return ended > 0;
}

/* A connection whose other end has greeted us, or will. */
static struct smtp_io *
call(struct world *w)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(w->primary.port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(0, connect(fd, (struct sockaddr *)&in, sizeof(in)));
	assert_int_equal(0, fcntl(fd, F_SETFL, O_NONBLOCK));
	return smtp_io_adopt(w->base, fd, NULL, NULL, NULL);
}

static bool
turn(struct world *w, const char *const *domains, size_t n)
{
	struct smtp_io *io = call(w);
	bool ok;

	ended = delivered = 0;
	ok = deliver_turn(w->d, domains, n, &io, "ann[192.0.2.7]:4711", on_end, w);
	assert_true(ok == (io == NULL));
	smtp_io_free(&io);
	return ok;
}

static const char *const both[] = { "x.test", "y.test" };

static void
begin(struct world *w, unsigned mails)
{
	world_rule(w, "x.test", &w->second);	/* which does not listen */
	world_rule(w, "y.test", &w->second);
	for (unsigned i = 0; i < mails; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "u%u", i);
		(void)world_mail(w, both[i % 2], name, "Subject: x\r\n\r\nhello\r\n");
	}
	primary_up(&w->primary);
	world_start(w);
}

static void
note_turn(void *arg, const struct destination_info *info)
{
	if (strcmp(info->name, "atrn:ann[192.0.2.7]:4711") == 0)
		*(size_t *)arg = info->ndomains;
}

static size_t
turned_domains(struct world *w)
{
	size_t n = 0;

	deliver_each(w->d, note_turn, &n);
	return n;
}

/* --- tests --------------------------------------------------------------- */

static void
test_all_over_one_connection(void **state)
{
	struct world *w = *state;

	begin(w, 300);		/* more than connection_messages */
	for (size_t i = 0; i < 300; i += 3)
		w->store.held[i].due = clock_wall() + 86400;
	assert_true(turn(w, both, 2));
	assert_int_equal(2, turned_domains(w));
	world_run(w, has_ended);
	assert_int_equal(300, w->primary.delivered);
	assert_int_equal(1, w->primary.connections);
	assert_int_equal(300, delivered);
	assert_true(world_empty(w));
	assert_int_equal(0, turned_domains(w));
	world_run_ms(w, 50);
	assert_int_equal(1, ended);
}

/* What comes while it runs goes along. */
static void
test_new_mail_goes_along(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->store.hold_leases = true;
	assert_true(turn(w, both, 2));
	world_run_ms(w, 50);
	(void)world_mail(w, "x.test", "late", "Subject: x\r\n\r\nhello\r\n");
	deliver_kick(w->d, "x.test");
	w->store.hold_leases = false;
	event_active(w->store.tick, EV_TIMEOUT, 0);
	world_run(w, has_ended);
	assert_int_equal(3, w->primary.delivered);
}

static void
test_nothing_left(void **state)
{
	struct world *w = *state;

	begin(w, 0);
	assert_true(turn(w, both, 2));
	world_run(w, has_ended);
	assert_int_equal(0, delivered);
	assert_int_equal(0, w->primary.delivered);
}

static void
test_busy(void **state)
{
	struct world *w = *state;
	static const char *const other[] = { "z.test" };

	begin(w, 10);
	world_rule(w, "z.test", &w->second);
	assert_false(deliver_turn_busy(w->d, both, 2));
	w->store.hold_leases = true;
	assert_true(turn(w, both, 2));
	assert_true(deliver_turn_busy(w->d, both + 1, 1));
	assert_false(deliver_turn_busy(w->d, other, 1));
	assert_false(turn(w, both + 1, 1));
	w->store.hold_leases = false;
	event_active(w->store.tick, EV_TIMEOUT, 0);
	world_run(w, has_ended);
	assert_int_equal(10, w->primary.delivered);
	assert_false(deliver_turn_busy(w->d, both, 2));
}

static bool
second_has_all(struct world *w)
{
	return world_empty(w) && w->second.delivered > 0;
}

static unsigned dots;

static const char *
close_at_fourth(struct primary *p, enum stage stage, const char *line)
{
	(void)p;
	(void)line;
	return stage == ON_RCPT && ++dots == 4 ? "CLOSE" : NULL;
}

/* The connection breaks: the rest is queued as before, and goes the usual way when that opens. */
static void
test_cut(void **state)
{
	struct world *w = *state;
	size_t gone = 0;

	begin(w, 20);
	dots = 0;
	w->primary.hook = close_at_fourth;
	assert_true(turn(w, both, 2));
	world_run(w, has_ended);
	assert_int_equal(3, w->primary.delivered);
	assert_int_equal(3, delivered);
	world_run_ms(w, 50);
	for (size_t i = 0; i < 20; i++) {
		gone += w->store.held[i].gone;
		assert_false(w->store.held[i].leased);
	}
	assert_int_equal(3, gone);
	assert_int_equal(0, turned_domains(w));
	primary_up(&w->second);
	world_run(w, second_has_all);
	assert_int_equal(17, w->second.delivered);
}

/* The one who calls has lost its users: nothing is quarantined. */
static void
test_guard(void **state)
{
	struct world *w = *state;

	begin(w, 20);
	w->primary.say[ON_RCPT] = "550 5.1.1 no such user\r\n";
	assert_true(turn(w, both, 2));
	world_run(w, has_ended);
	assert_int_equal(0, delivered);
	for (size_t i = 0; i < 20; i++) {
		assert_false(w->store.held[i].gone);
		assert_true(w->store.held[i].settles == 0 || w->store.held[i].last[0] == SETTLE_DEFER);
	}
	/* mended: the next call gets all of it, what was put off as well */
	w->primary.say[ON_RCPT] = NULL;
	assert_true(turn(w, both, 2));
	world_run(w, has_ended);
	assert_int_equal(20, w->primary.delivered);
}

/* Not a server at all. */
static void
test_no_greeting(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->primary.say[ON_BANNER] = "554 5.3.2 go away\r\n";
	assert_true(turn(w, both, 2));
	world_run(w, has_ended);
	assert_int_equal(0, delivered);
	assert_int_equal(0, w->store.held[0].settles);
	assert_false(deliver_turn_busy(w->d, both, 2));
}

/* The rule goes while its mail is fetched: what is left stays. */
static void
test_rule_goes(void **state)
{
	struct world *w = *state;
	struct ruleset *rs;

	begin(w, 10);
	w->store.hold_leases = true;
	assert_true(turn(w, both, 2));
	world_no_rule(w, "x.test");
	rs = rules_current(w->rules);
	deliver_rules(w->d, rs);
	ruleset_unref(&rs);
	w->store.hold_leases = false;
	event_active(w->store.tick, EV_TIMEOUT, 0);
	world_run(w, has_ended);
	assert_int_equal(5, w->primary.delivered);
	for (size_t i = 0; i < 10; i++)
		assert_true(w->store.held[i].gone == (i % 2 == 1));
}

static bool
is_drained(struct world *w)
{
	return w->drained;
}

static void
on_drained(void *arg)
{
	((struct world *)arg)->drained = true;
}

static void
test_drain(void **state)
{
	struct world *w = *state;

	begin(w, 200);
	assert_true(turn(w, both, 2));
	world_run_ms(w, 5);
	deliver_drain(w->d, on_drained, w);
	world_run(w, is_drained);
	assert_false(turn(w, both, 2));
	deliver_free(&w->d);
	for (size_t i = 0; i < 200; i++)
		assert_true(w->store.held[i].gone || w->store.held[i].settles == 0);
}

/* Freed in the middle: the end is told nevertheless, once. */
static void
test_freed_halfway(void **state)
{
	struct world *w = *state;

	begin(w, 20);
	w->primary.say[ON_DOT] = "HANG";
	assert_true(turn(w, both, 2));
	world_run_ms(w, 50);
	deliver_free(&w->d);
	assert_int_equal(1, ended);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_over_one_connection, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_new_mail_goes_along, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_nothing_left, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_busy, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_cut, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_guard, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_no_greeting, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_rule_goes, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_drain, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_freed_halfway, world_setup, world_teardown),
	};

	log_open("t_turn_deliver", LOG_TO_STDERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
