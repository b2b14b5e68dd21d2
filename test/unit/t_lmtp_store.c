/*
 * t_lmtp_store.c -- the LMTP server and the real store: what a client is told
 * is kept is there, to the octet, also after a restart; nothing else is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "queued/store.h"
#include "test/unit/lmtp_world.h"

#define LHLO	"LHLO c.example\r\n"
#define MAIL	"MAIL FROM:<a@b> XTRACE=t1\r\n"
#define RCPT	"RCPT TO:<c@d.example>\r\n"

/* What the store told last. */
struct told {
	bool			 done;
	struct store_totals	 totals;
	struct job		*jobs;
	struct buf		 body;
	bool			 last;
};

static void
open_store(struct world *w)
{
	char *why = NULL;

	w->store = store_open(&w->conf, w->base, &why);
	if (w->store == NULL)
		fail_msg("%s", why);
}

static int
set_up(void **state)
{
	struct world *w = world_new();

	w->conf.queue_db = xasprintf("%s/queue.db", w->dir);
	w->conf.ledger_retention = 86400;
	open_store(w);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const tails[] = { "", "-wal", "-shm", ".lock", "-journal" };
	struct world *w = *state;
	char *path;

	lmtp_server_free(&w->server);
	store_close(&w->store);
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		path = xasprintf("%s%s", w->conf.queue_db, tails[i]);
		(void)unlink(path);
		free(path);
	}
	free(w->conf.queue_db);
	world_free(&w);
	return 0;
}

static void
on_totals(void *arg, enum store_result result, const struct store_totals *totals)
{
	struct told *t = arg;

	assert_int_equal(result, STORE_OK);
	t->totals = *totals;
	t->done = true;
}

static struct store_totals
totals(struct world *w)
{
	struct told t;

	memset(&t, 0, sizeof(t));
	store_totals(w->store, on_totals, &t);
	WAIT_FOR(w, t.done);
	return t.totals;
}

static void
on_lease(void *arg, enum store_result result, struct job *jobs, size_t n, int64_t next_due)
{
	struct told *t = arg;

	(void)n;
	(void)next_due;
	assert_int_equal(result, STORE_OK);
	t->jobs = jobs;
	t->done = true;
}

static void
on_body(void *arg, enum store_result result, const char *data, size_t len, bool last)
{
	struct told *t = arg;

	assert_int_equal(result, STORE_OK);
	buf_put(&t->body, data, len);
	t->last = last;
	t->done = true;
}

/* The oldest message for d.example must be `text'. */
static void
expect_stored(struct world *w, const char *text, size_t len)
{
	struct told t;

	memset(&t, 0, sizeof(t));
	store_lease(w->store, "d.example", clock_wall() + 1, 1, on_lease, &t);
	WAIT_FOR(w, t.done);
	assert_non_null(t.jobs);
	assert_string_equal(t.jobs->env.sender, "a@b");
	assert_string_equal(t.jobs->env.trace, "t1");
	assert_int_equal(t.jobs->size, len);
	for (unsigned seq = 0; !t.last; seq++) {
		t.done = false;
		store_body(w->store, t.jobs->message_id, seq, on_body, &t);
		WAIT_FOR(w, t.done);
	}
	assert_int_equal(t.body.len, len);
	assert_memory_equal(buf_str(&t.body), text, len);
	buf_free(&t.body);
	job_free(&t.jobs);
}

static void
restart(struct world *w)
{
	lmtp_server_free(&w->server);
	store_close(&w->store);
	open_store(w);
	world_start(w);
}

static void
test_small(void **state)
{
	struct world *w = *state;
	struct client *c;

	world_start(w);
	c = client_new(w);
	client_say(c, LHLO MAIL RCPT "DATA\r\n");
	client_hear(c, "354 ");
	client_say(c, "S: x\r\n\r\n..\r\nhello\r\n.\r\n");
	client_hear_queued(c);
	assert_int_equal(totals(w).messages, 1);
	restart(w);
	assert_int_equal(totals(w).messages, 1);
	expect_stored(w, "S: x\r\n\r\n.\r\nhello\r\n", 18);
	client_free(c);
}

/* Larger than what the store keeps in memory: it asks for pauses, and gets them. */
static void
test_large(void **state)
{
	struct world *w = *state;
	struct client *c;
	struct buf text = BUF_INIT;

	world_start(w);
	for (int i = 0; i < 200000; i++)
		buf_printf(&text, "%098d\r\n", i);
	c = client_tcp(w);
	client_say(c, LHLO MAIL RCPT "DATA\r\n");
	client_hear(c, "354 ");
	for (size_t at = 0; at < text.len;) {
		at += client_push(c, text.data + at, text.len - at);
		world_turn(w);
	}
	client_say(c, ".\r\n");
	client_hear_queued(c);
	client_quit(c);
	expect_stored(w, text.data, text.len);
	buf_free(&text);
}

static void
test_binary(void **state)
{
	static const char bdat[] = "BDAT 7 LAST\r\n\0a\nb\rc\xff";
	struct world *w = *state;
	struct client *c;

	world_start(w);
	c = client_new(w);
	client_say(c, LHLO MAIL RCPT);
	client_hear(c, "2.1.5");
	assert_int_equal(client_push(c, bdat, sizeof(bdat) - 1), sizeof(bdat) - 1);
	client_hear_queued(c);
	client_quit(c);
	expect_stored(w, "\0a\nb\rc\xff", 7);
}

/* A client that dies in its data leaves nothing, however much it had sent. */
static void
test_dies(void **state)
{
	static char line[100000];
	struct world *w = *state;
	struct client *c;

	memset(line, 'x', sizeof(line));
	line[0] = '\r';
	line[1] = '\n';
	world_start(w);
	c = client_new(w);
	client_say(c, LHLO MAIL RCPT "DATA\r\n");
	client_hear(c, "354 ");
	for (size_t sent = 0; sent < 3u << 20;) {
		sent += client_push(c, line, sizeof(line));
		world_turn(w);
	}
	client_free(c);
	WAIT_FOR(w, world_stats(w).sessions == 0);
	restart(w);
	assert_int_equal(totals(w).messages, 0);
	assert_int_equal(totals(w).bytes, 0);
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
		buf_printf(&text, "RCPT TO:<u%d@d%d.example>\r\n", i, i % 7);
	buf_puts(&text, "DATA\r\nx\r\n.\r\n");
	c = client_new(w);
	client_say(c, buf_str(&text));
	for (int i = 0; i < ENVELOPE_RCPT_MAX; i++)
		client_hear_queued(c);
	client_quit(c);
	assert_int_equal(totals(w).messages, 1);
	assert_int_equal(totals(w).recipients, ENVELOPE_RCPT_MAX);
	buf_free(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_small),
		TEST(test_large),
		TEST(test_binary),
		TEST(test_dies),
		TEST(test_thousand_recipients),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	log_open("t_lmtp_store", LOG_TO_STDERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
