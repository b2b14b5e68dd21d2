/*
 * t_lmtp_server.c -- the LMTP server over real sockets, with a store that
 * answers when the test wants.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "common/log.h"
#include "test/unit/lmtp_world.h"
#include "test/unit/store_fake.h"

#define LHLO	"LHLO c.example\r\n"
#define MAIL	"MAIL FROM:<a@b>\r\n"
#define RCPT	"RCPT TO:<c@d>\r\n"
#define OPEN	LHLO MAIL RCPT "DATA\r\n"

static int
set_up(void **state)
{
	struct world *w = world_new();

	w->store = fake_open(w->base);
	*state = w;
	return 0;
}

/* Whatever happened, nothing stays open in the store. */
static int
tear_down(void **state)
{
	struct world *w = *state;

	lmtp_server_free(&w->server);
	assert_int_equal(w->store->open, 0);
	fake_close(&w->store);
	world_free(&w);
	return 0;
}

static void
test_message(void **state)
{
	struct world *w = *state;
	struct client *c;

	world_start(w);
	c = client_new(w);
	client_hear(c, "220 mx2.example.test LMTP");
	client_say(c,
	    LHLO MAIL "RCPT TO:<c@D.example>\r\nRCPT TO:<x@e.example>\r\nRCPT TO:<y@d.EXAMPLE>\r\n"
	    "DATA\r\n");
	client_hear(c, "354 ");
	client_say(c, "S: x\r\n\r\nhello\r\n.\r\n");
	client_hear_queued(c);
	client_hear_queued(c);
	client_hear_queued(c);
	assert_string_equal(buf_str(&w->domains), "d.example\ne.example\n");
	assert_non_null(strstr(buf_str(&w->store->last), "\r\nS: x\r\n\r\nhello\r\n"));
	assert_int_equal(strncmp(buf_str(&w->store->last), "Received: from c.example ", 25), 0);
	assert_int_equal(world_stats(w).accepted, 1);
	assert_int_equal(world_stats(w).bytes, w->store->last.len);
	assert_int_equal(world_stats(w).sessions, 1);
	client_quit(c);
	assert_int_equal(world_stats(w).sessions, 0);
}

static void
test_tcp(void **state)
{
	struct world *w = *state;
	struct client *c;

	world_start(w);
	c = client_tcp(w);
	client_say(c, OPEN "x\r\n.\r\n");
	client_hear_queued(c);
	assert_non_null(strstr(buf_str(&w->store->last), "from c.example (unknown [127.0.0.1])"));
	client_quit(c);
}

static void
test_client_dies(void **state)
{
	struct world *w = *state;
	struct client *c;

	world_start(w);
	c = client_new(w);
	client_say(c, OPEN "half a line");
	client_hear(c, "354 ");
	WAIT_FOR(w, w->store->bytes > 50);
	client_free(c);
	WAIT_FOR(w, world_stats(w).sessions == 0);
	assert_int_equal(w->store->aborted, 1);
	assert_int_equal(w->store->committed, 0);
}

/* C1: the delivery learns of a message whose client has gone. */
static void
test_client_dies_in_commit(void **state)
{
	struct world *w = *state;
	struct client *c;

	world_start(w);
	w->store->hold = true;
	c = client_tcp(w);
	client_say(c, OPEN "x\r\n.\r\n");
	client_hear(c, "354 ");
	WAIT_FOR(w, w->store->committed == 1);
	client_free(c);
	for (int i = 0; i < 10; i++)
		world_turn(w);
	assert_int_equal(world_stats(w).sessions, 1);
	fake_release(w->store);
	WAIT_FOR(w, world_stats(w).sessions == 0);
	assert_string_equal(buf_str(&w->domains), "d\n");
	assert_int_equal(w->store->forgotten, 0);
}

/* The same with a reset: the socket is of no use, the message is. */
static void
test_reset_in_commit(void **state)
{
	const struct linger hard = { 1, 0 };
	struct world *w = *state;
	struct client *c;

	world_start(w);
	w->store->hold = true;
	c = client_tcp(w);
	client_say(c, OPEN "x\r\n.\r\n");
	client_hear(c, "354 ");
	WAIT_FOR(w, w->store->committed == 1);
	assert_return_code(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), errno);
	client_free(c);
	for (int i = 0; i < 10; i++)
		world_turn(w);
	assert_int_equal(world_stats(w).sessions, 1);
	fake_release(w->store);
	WAIT_FOR(w, world_stats(w).sessions == 0);
	assert_string_equal(buf_str(&w->domains), "d\n");
	assert_int_equal(w->store->forgotten, 0);
}

/* printf … | nc: the client closes its half and still reads. */
static void
test_half_close(void **state)
{
	struct world *w = *state;
	struct client *c;

	world_start(w);
	w->store->hold = true;
	c = client_new(w);
	client_say(c, OPEN "x\r\n.\r\nNOOP\r\n");
	assert_return_code(shutdown(c->fd, SHUT_WR), errno);
	client_hear(c, "354 ");
	WAIT_FOR(w, w->store->committed == 1);
	fake_release(w->store);
	client_hear_queued(c);
	client_hear_end(c, "250 2.0.0 OK\r\n");
	client_free(c);
}

static void
test_session_cap(void **state)
{
	struct world *w = *state;
	struct client *c[8], *extra;

	world_start(w);
	for (size_t i = 0; i < 8; i++) {
		c[i] = client_new(w);
		client_hear(c[i], "220 ");
	}
	extra = client_new(w);
	client_hear_end(extra, "421 4.3.2 Too many sessions; try again later\r\n");
	client_free(extra);
	client_quit(c[0]);
	c[0] = client_new(w);
	client_hear(c[0], "220 ");
	for (size_t i = 0; i < 8; i++)
		client_quit(c[i]);
}

static void
test_peer_cap(void **state)
{
	struct world *w = *state;
	struct client *c[4], *extra;

	world_start(w);
	for (size_t i = 0; i < 4; i++) {
		c[i] = client_tcp(w);
		client_hear(c[i], "220 ");
	}
	extra = client_tcp(w);
	client_hear_end(extra, "421 4.7.0 Too many sessions from your address; try again later\r\n");
	client_free(extra);
	extra = client_new(w);		/* a unix socket has no address */
	client_hear(extra, "220 ");
	client_quit(extra);
	for (size_t i = 0; i < 4; i++)
		client_quit(c[i]);
}

/* While a commit is under way, what the client sends piles up in its kernel and not here. */
static void
test_backpressure(void **state)
{
	static char noop[1 << 20];
	struct world *w = *state;
	struct client *c;
	size_t sent = 0, n = 0;
	int64_t until;

	for (size_t i = 0; i + 6 <= sizeof(noop); i += 6)
		memcpy(noop + i, "NOOP\r\n", 6);
	world_start(w);
	w->store->hold = true;
	c = client_new(w);
	client_say(c, OPEN "x\r\n.\r\n");
	client_hear(c, "354 ");
	buf_clear(&c->in);
	for (int i = 0; i < 100; i++) {
		sent += client_push(c, noop + sent, sizeof(noop) - sent);
		world_turn(w);
	}
	assert_true(sent < sizeof(noop) - 6);	/* stuck */
	fake_release(w->store);
	until = clock_mono_ms() + WORLD_DEADLINE_MS;
	client_hear_queued(c);
	while (n < 17 * (sent / 6) && clock_mono_ms() < until) {	/* "250 2.0.0 OK\r\n" is 14 */
		client_pull(c);
		if (c->in.len >= 14 * (sent / 6))
			break;
		n++;
	}
	assert_int_equal(c->in.len, 14 * (sent / 6));
	client_free(c);
}

static void
test_pause(void **state)
{
	struct world *w = *state;
	struct client *c;
	struct buf big = BUF_INIT;
	size_t sent = 0;

	world_start(w);
	w->store->pause_at = 1 << 20;
	for (int i = 0; i < 60000; i++)
		buf_printf(&big, "%098d\r\n", i);
	buf_puts(&big, ".\r\n");
	c = client_new(w);
	client_say(c, OPEN);
	client_hear(c, "354 ");
	for (int i = 0; i < 1000; i++) {
		sent += client_push(c, big.data + sent, big.len - sent);
		world_turn(w);
	}
	assert_true(sent < 3u << 20);	/* stuck after the first of nearly 6 MB */
	fake_release(w->store);
	client_say(c, big.data + sent);
	client_hear_queued(c);
	assert_true(w->store->last.len > big.len - 3);
	assert_memory_equal(w->store->last.data + w->store->last.len - (big.len - 3), big.data,
	    big.len - 3);
	client_quit(c);
	buf_free(&big);
}

/* Who does not read his replies is not read from, and is cut in the end. */
static void
test_slow_reader(void **state)
{
	static char lhlo[4 << 20];
	struct world *w = *state;
	struct client *c;
	size_t sent = 0;

	for (size_t i = 0; i + 8 <= sizeof(lhlo); i += 8)
		memcpy(lhlo + i, "LHLO a\r\n", 8);
	w->conf.lmtp_timeout = 1;
	world_start(w);
	c = client_new(w);
	for (int i = 0; i < 200; i++) {
		sent += client_push(c, lhlo + sent, sizeof(lhlo) - sent);
		world_turn(w);
	}
	assert_true(sent < 1 << 20);
	assert_int_equal(world_stats(w).sessions, 1);
	WAIT_FOR(w, world_stats(w).sessions == 0);
	client_free(c);
}

static void
test_command_timeout(void **state)
{
	struct world *w = *state;
	struct client *c;
	int64_t began = clock_mono_ms();

	w->conf.lmtp_timeout = 1;
	world_start(w);
	c = client_new(w);
	client_say(c, LHLO MAIL);
	client_hear(c, "250 2.1.0 Sender OK\r\n");
	while (!c->eof && clock_mono_ms() < began + WORLD_DEADLINE_MS) {	/* trickling does not help */
		(void)client_push(c, "x", 1);
		client_pull(c);
	}
	assert_string_equal(buf_str(&c->in), "421 4.4.2 Timeout exceeded\r\n");
	assert_true(clock_mono_ms() - began >= 1000);
	client_free(c);
}

static void
test_data_timeout(void **state)
{
	struct world *w = *state;
	struct client *c;

	w->conf.lmtp_timeout = 1;
	world_start(w);
	c = client_tcp(w);
	client_say(c, OPEN "x\r\n");
	client_hear(c, "354 End data with <CR><LF>.<CR><LF>\r\n");
	client_hear_end(c, "421 4.4.2 Timeout exceeded\r\n");
	assert_int_equal(w->store->aborted, 1);
	client_free(c);
	WAIT_FOR(w, world_stats(w).sessions == 0);
}

static void
test_session_timeout(void **state)
{
	struct world *w = *state;
	struct client *c;
	int64_t began = clock_mono_ms();

	w->conf.lmtp_session_time = 1;
	world_start(w);
	c = client_new(w);
	while (!c->eof && clock_mono_ms() < began + WORLD_DEADLINE_MS) {
		(void)client_push(c, "NOOP\r\n", 6);
		client_pull(c);
	}
	assert_non_null(strstr(buf_str(&c->in), "421 4.4.2 Timeout exceeded\r\n"));
	client_free(c);
}

/* C2: the last words arrive although we leave most of what the client sends unread. */
static void
test_last_words(void **state)
{
	static char rest[1 << 18];
	struct world *w = *state;
	struct client *c;

	memset(rest, 'x', sizeof(rest));
	world_start(w);
	c = client_tcp(w);
	client_say(c, OPEN);
	client_hear(c, "354 End data with <CR><LF>.<CR><LF>\r\n");
	client_say(c, "bare\nLF\r\n");
	(void)client_push(c, rest, sizeof(rest));
	client_hear_end(c, "554 5.6.0 Bare LF in message data; closing\r\n");
	assert_false(c->reset);
	assert_int_equal(world_stats(w).sessions, 1);		/* still lets us talk on */
	(void)client_push(c, rest, sizeof(rest));
	client_free(c);
	WAIT_FOR(w, world_stats(w).sessions == 0);
}

static void
on_drained(void *arg)
{
	struct world *w = arg;

	assert_int_equal(world_stats(w).sessions, 0);
	w->drained = true;
}

static void
test_drain(void **state)
{
	struct world *w = *state;
	struct client *idle, *busy, *committing;

	world_start(w);
	w->store->hold = true;
	idle = client_new(w);
	client_say(idle, LHLO);
	client_hear(idle, "250 XHOLDFAST\r\n");
	busy = client_new(w);
	client_say(busy, LHLO MAIL RCPT);
	client_hear(busy, "250 2.1.5 Recipient OK\r\n");
	committing = client_tcp(w);
	client_say(committing, OPEN "x\r\n.\r\n");
	client_hear(committing, "354 End data with <CR><LF>.<CR><LF>\r\n");
	WAIT_FOR(w, w->store->committed == 1);

	lmtp_server_drain(w->server, on_drained, w);
	client_hear_end(idle, "421 4.3.2 Service shutting down\r\n");
	assert_int_equal(world_stats(w).sessions, 2);
	assert_false(w->drained);
	fake_release(w->store);
	client_hear_queued(committing);
	client_hear_end(committing, "421 4.3.2 Service shutting down\r\n");
	client_say(busy, "DATA\r\n");
	client_hear(busy, "354 ");
	client_say(busy, "y\r\n.\r\n");
	client_hear_queued(busy);
	client_hear_end(busy, "421 4.3.2 Service shutting down\r\n");
	WAIT_FOR(w, w->drained);
	assert_int_equal(w->store->committed, 2);
	client_free(idle);
	client_free(busy);
	client_free(committing);
}

static void
test_drain_of_nothing(void **state)
{
	struct world *w = *state;

	world_start(w);
	lmtp_server_drain(w->server, on_drained, w);
	assert_false(w->drained);	/* from the loop, not from inside the call */
	WAIT_FOR(w, w->drained);
}

/* A transaction that does not end does not keep the server alive. */
static void
test_drain_limit(void **state)
{
	struct world *w = *state;
	struct client *c;

	w->conf.shutdown_timeout = 1;
	world_start(w);
	c = client_new(w);
	client_say(c, OPEN);
	client_hear(c, "354 ");
	lmtp_server_drain(w->server, on_drained, w);
	WAIT_FOR(w, w->drained);
	assert_int_equal(w->store->aborted, 1);
	client_free(c);
}

static void
test_thousand_recipients(void **state)
{
	struct world *w = *state;
	struct client *c;
	struct buf text = BUF_INIT;

	world_start(w);
	buf_puts(&text, LHLO MAIL);
	for (int i = 0; i < ENVELOPE_RCPT_MAX; i++)
		buf_printf(&text, "RCPT TO:<u@d%d.example>\r\n", i % 500);
	buf_puts(&text, "DATA\r\nx\r\n.\r\n");
	c = client_new(w);
	client_say(c, buf_str(&text));
	client_hear(c, "354 ");
	for (int i = 0; i < ENVELOPE_RCPT_MAX; i++)
		client_hear_queued(c);
	assert_int_equal(w->store->last_nrcpt, ENVELOPE_RCPT_MAX);
	assert_int_equal(strncmp(buf_str(&w->domains), "d0.example\nd1.example\nd10.example\n", 34), 0);
	assert_int_equal(w->domains.len, 10 * 11 + 90 * 12 + 400 * 13);
	client_quit(c);
	buf_free(&text);
}

static void
test_store_refuses(void **state)
{
	struct world *w = *state;
	struct client *c;

	world_start(w);
	c = client_new(w);
	w->store->result = STORE_FULL;
	client_say(c, OPEN "x\r\n.\r\n");
	client_hear(c, "452 4.3.1 Insufficient system storage\r\n");
	w->store->result = STORE_FAULT;
	client_say(c, MAIL RCPT "DATA\r\nx\r\n.\r\n");
	client_hear(c, "451 4.3.0 ");
	w->store->full = true;
	client_say(c, MAIL);
	client_hear(c, "452 4.3.1 Insufficient system storage\r\n");
	w->store->full = false;
	w->store->result = STORE_OK;
	client_say(c, MAIL RCPT "DATA\r\nx\r\n.\r\n");
	client_hear_queued(c);
	assert_int_equal(world_stats(w).refused, 3);
	assert_int_equal(world_stats(w).accepted, 1);
	client_quit(c);
}

static void
test_reload(void **state)
{
	struct world *w = *state;
	struct client *c, *extra;

	world_start(w);
	c = client_new(w);
	client_hear(c, "220 ");
	w->conf.lmtp_sessions = 1;
	w->conf.message_size_limit = 1000;
	free(w->conf.hostname);
	w->conf.hostname = xstrdup("renamed.example.test");
	lmtp_server_conf(w->server, &w->conf);
	extra = client_new(w);
	client_hear_end(extra, "421 4.3.2 Too many sessions; try again later\r\n");
	client_free(extra);
	client_say(c, LHLO);
	client_hear(c, "250-renamed.example.test\r\n");
	client_hear(c, "250-SIZE 1000\r\n");
	client_quit(c);
}

/* Freed in the middle of everything: nothing is left behind, no callback comes later. */
static void
test_free_at_work(void **state)
{
	struct world *w = *state;
	struct client *c[3];

	world_start(w);
	w->store->hold = true;
	for (size_t i = 0; i < 3; i++)
		c[i] = client_new(w);
	client_say(c[0], LHLO);
	client_say(c[1], OPEN "x");
	client_say(c[2], OPEN "x\r\n.\r\n");
	client_hear(c[1], "354 ");
	WAIT_FOR(w, w->store->committed == 1 && w->store->open == 1);
	lmtp_server_free(&w->server);
	assert_null(w->server);
	assert_int_equal(w->store->forgotten, 1);
	fake_release(w->store);
	world_turn(w);
	for (size_t i = 0; i < 3; i++)
		client_free(c[i]);
}

static void
test_no_socket(void **state)
{
	struct world *w = *state;
	char *why = NULL;

	w->endpoint[1].port = world_free_port();
	free(w->endpoint[0].path);
	w->endpoint[0].path = xasprintf("%s/absent/lmtp.sock", w->dir);
	w->server = lmtp_server_new(w->base, w->store, &w->conf, NULL, NULL, &why);
	assert_null(w->server);
	assert_non_null(strstr(why, w->endpoint[0].path));
	free(why);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_message),
		TEST(test_tcp),
		TEST(test_client_dies),
		TEST(test_client_dies_in_commit),
		TEST(test_reset_in_commit),
		TEST(test_half_close),
		TEST(test_session_cap),
		TEST(test_peer_cap),
		TEST(test_backpressure),
		TEST(test_pause),
		TEST(test_slow_reader),
		TEST(test_command_timeout),
		TEST(test_data_timeout),
		TEST(test_session_timeout),
		TEST(test_last_words),
		TEST(test_drain),
		TEST(test_drain_of_nothing),
		TEST(test_drain_limit),
		TEST(test_thousand_recipients),
		TEST(test_store_refuses),
		TEST(test_reload),
		TEST(test_free_at_work),
		TEST(test_no_socket),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	log_open("t_lmtp_server", LOG_TO_STDERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
