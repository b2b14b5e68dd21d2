/*
 * t_handover.c -- one message to queued: every way in which it can end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "lmtp_sink.h"
#include "milter/handover.h"
#include "milter/lmtp_client.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BUDGET	5000		/* ms; only the test of slowness spends it */

#define TAKEN	HANDOVER_TAKEN
#define BUSY	HANDOVER_BUSY
#define REFUSED	HANDOVER_REFUSED
#define UNSURE	HANDOVER_UNSURE

struct fixture {
	struct endpoint		 at;
	struct lmtp_pool	*pool;
	struct envelope		 env;
	struct sink		*sink;
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	sink_endpoint(&f->at);
	f->pool = lmtp_pool_new(&f->at, "mx2.test");
	f->env.sender = xstrdup("a@client.test");
	f->env.trace = xstrdup("trace1");
	f->env.client.addr = xstrdup("192.0.2.1");
	envelope_add_rcpt(&f->env)->address = xstrdup("one@example.test");
	envelope_add_rcpt(&f->env)->address = xstrdup("two@example.test");
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	lmtp_pool_free(&f->pool);
	sink_stop(&f->sink);
	sink_endpoint_clear(&f->at);
	envelope_clear(&f->env);
	free(f);
	return 0;
}

/* Bytes that tell their place. */
static struct buf
message(size_t len)
{
	struct buf b = BUF_INIT;
	unsigned i;

	for (i = 0; b.len < len; i++)
		buf_printf(&b, "%08u\r\n", i);
	b.len = len;
	return b;
}

static struct handover *
hand(struct fixture *f, const struct buf *m, size_t piece)
{
	struct handover *h = handover_begin(f->pool, &f->env, BUDGET);
	size_t done, n;

	for (done = 0; done < m->len; done += n) {
		n = m->len - done < piece ? m->len - done : piece;
		if (!handover_write(h, m->data + done, n))
			break;
	}
	return h;
}

/* --- it works -------------------------------------------------------------- */

static void
test_small(void **state)
{
	struct fixture *f = *state;
	struct buf m = message(500), got;
	const struct handover_result *r;
	struct handover *h;
	char *commands;
	int i;

	f->sink = sink_start(&f->at, NULL);
	for (i = 0; i < 3; i++) {
		h = hand(f, &m, 100);
		assert_int_equal(sink_messages(f->sink), i);	/* nothing before the end */
		r = handover_finish(h);
		assert_int_equal(r[0].state, TAKEN);
		assert_int_equal(r[1].state, TAKEN);
		assert_string_equal(r[0].text, "Ok: queued as Q1");
		handover_free(&h);
		got = sink_data(f->sink);
		assert_int_equal(got.len, m.len);
		assert_memory_equal(got.data, m.data, m.len);
		buf_free(&got);
	}
	assert_int_equal(sink_connections(f->sink), 1);
	assert_int_equal(sink_chunks(f->sink), 3);
	commands = sink_commands(f->sink);
	assert_non_null(strstr(commands, "LHLO mx2.test\nXFORWARD "));
	assert_non_null(strstr(commands, " ADDR=192.0.2.1"));
	assert_non_null(strstr(commands, "\nMAIL FROM:<a@client.test> SIZE=500 XTRACE=trace1\n"
	    "RCPT TO:<one@example.test>\nRCPT TO:<two@example.test>\nBDAT LAST\nXFORWARD "));
	free(commands);
	buf_free(&m);
}

/* At the borders of a chunk nothing is lost, doubled or held back. */
static void
test_chunks(void **state)
{
	static const struct {
		size_t		len, piece;
		unsigned	chunks;
	} table[] = {
		{ 0, 1, 1 }, { 1, 1, 1 },
		{ HANDOVER_CHUNK - 1, 1000, 1 }, { HANDOVER_CHUNK, 1000, 1 },
		{ HANDOVER_CHUNK + 1, 1000, 2 }, { HANDOVER_CHUNK, HANDOVER_CHUNK, 1 },
		{ 3 * HANDOVER_CHUNK, HANDOVER_CHUNK, 3 }, { 3 * HANDOVER_CHUNK, 700, 3 },
		{ 5000000, 65535, 77 }, { 5000000, 5000000, 77 },
	};
	struct fixture *f = *state;
	const struct handover_result *r;
	struct handover *h;
	struct buf m, got;
	unsigned before;
	size_t i;

	f->sink = sink_start(&f->at, NULL);
	for (i = 0; i < COUNT(table); i++) {
		m = message(table[i].len);
		before = sink_chunks(f->sink);
		h = hand(f, &m, table[i].piece);
		r = handover_finish(h);
		assert_int_equal(r[0].state, TAKEN);
		assert_int_equal(r[1].state, TAKEN);
		handover_free(&h);
		assert_int_equal(sink_chunks(f->sink) - before, table[i].chunks);
		got = sink_data(f->sink);
		assert_int_equal(got.len, m.len);
		if (m.len > 0)
			assert_memory_equal(got.data, m.data, m.len);
		buf_free(&got);
		buf_free(&m);
	}
	assert_int_equal(sink_connections(f->sink), 1);
}

/* --- every other way ------------------------------------------------------- */

#define SMALL	100
#define LARGE	(5 * HANDOVER_CHUNK)

static const struct {
	const char		*what;
	struct sink_script	 script;
	size_t			 len;
	enum handover_state	 one, two;
	int			 code;		/* of recipient one */
} failures[] = {
	{ "banner 421", { .banner = "421 4.3.2 busy" }, SMALL, BUSY, BUSY, 0 },
	{ "banner nonsense", { .banner = "hello" }, SMALL, BUSY, BUSY, 0 },
	{ "banner closes", { .close = SINK_AT_BANNER }, SMALL, BUSY, BUSY, 0 },
	{ "LHLO refused", { .lhlo = "550 5.7.1 no" }, SMALL, BUSY, BUSY, 0 },
	{ "LHLO closes", { .close = SINK_AT_LHLO }, SMALL, BUSY, BUSY, 0 },
	{ "no CHUNKING", { .lhlo = "250-x\r\n250 PIPELINING" }, SMALL, BUSY, BUSY, 0 },
	{ "XFORWARD refused: goes on", { .xforward = "550 5.7.0 no" }, SMALL, TAKEN, TAKEN, 250 },
	{ "MAIL 452", { .mail = "452 4.3.1 full" }, SMALL, BUSY, BUSY, 452 },
	{ "MAIL 452, large", { .mail = "452 4.3.1 full" }, LARGE, BUSY, BUSY, 452 },
	{ "MAIL 552", { .mail = "552 5.3.4 big" }, SMALL, REFUSED, REFUSED, 552 },
	{ "RCPT one refused", { .rcpt = { "550 5.1.1 no" } }, SMALL, REFUSED, TAKEN, 550 },
	{ "RCPT one refused, large", { .rcpt = { "550 5.1.1 no" } }, LARGE, REFUSED, TAKEN, 550 },
	{ "RCPT two deferred", { .rcpt = { NULL, "452 4.5.3 many" } }, SMALL, TAKEN, BUSY, 250 },
	{ "RCPT both refused", { .rcpt = { "550 5.1.1 no", "450 4.1.1 no" } }, SMALL, REFUSED, BUSY, 550 },
	{ "RCPT both refused, large", { .rcpt = { "450 4.1.1 no", "550 5.1.1 no" } }, LARGE, BUSY,
	    REFUSED, 450 },
	{ "BDAT 452", { .bdat = "452 4.3.1 full" }, LARGE, BUSY, BUSY, 452 },
	{ "BDAT 552", { .bdat = "552 5.3.4 big" }, LARGE, REFUSED, REFUSED, 552 },
	{ "end mixed", { .final = { "250 2.0.0 Ok: queued as Q1", "452 4.3.1 full" } }, SMALL, TAKEN, BUSY, 250 },
	{ "end mixed, large", { .final = { "451 4.3.0 sick" } }, LARGE, BUSY, TAKEN, 451 },
	{ "end refused", { .final = { "552 5.3.4 big", "552 5.3.4 big" } }, SMALL, REFUSED, REFUSED, 552 },
	{ "end nonsense", { .final = { "huh", NULL } }, SMALL, UNSURE, UNSURE, 0 },
	{ "end 421: took nothing", { .final = { "421 4.3.2 bye", NULL } }, SMALL, BUSY, BUSY, 421 },
	{ "closes at BDAT", { .close = SINK_AT_BDAT }, LARGE, BUSY, BUSY, 0 },
	/* P4: it has every byte. */
	{ "closes at LAST", { .close = SINK_AT_LAST }, SMALL, UNSURE, UNSURE, 0 },
	{ "closes at LAST, large", { .close = SINK_AT_LAST }, LARGE, UNSURE, UNSURE, 0 },
};

static void
test_failures(void **state)
{
	struct fixture *f = *state;
	const struct handover_result *r;
	struct handover *h;
	struct buf m;
	size_t i;

	f->sink = sink_start(&f->at, NULL);
	for (i = 0; i < COUNT(failures); i++) {
		sink_script(f->sink, &failures[i].script);
		lmtp_pool_free(&f->pool);	/* each with a connection of its own */
		f->pool = lmtp_pool_new(&f->at, "mx2.test");
		m = message(failures[i].len);
		h = hand(f, &m, 1000);
		r = handover_finish(h);
		if (r[0].state != failures[i].one || r[1].state != failures[i].two ||
		    r[0].code != failures[i].code)
			fail_msg("%s: %d %d, code %d, %s", failures[i].what, (int)r[0].state,
			    (int)r[1].state, r[0].code, r[0].text);
		assert_non_null(r[0].text);
		assert_non_null(r[1].text);
		handover_free(&h);
		buf_free(&m);
	}
	/* And after all that it works again. */
	sink_script(f->sink, &(struct sink_script){ .close = SINK_STAYS });
	m = message(10);
	h = hand(f, &m, 10);
	assert_int_equal(handover_finish(h)[0].state, TAKEN);
	handover_free(&h);
	buf_free(&m);
}

static void
test_absent(void **state)
{
	struct fixture *f = *state;
	const struct handover_result *r;
	struct buf m = message(SMALL);
	struct handover *h = hand(f, &m, SMALL);

	r = handover_finish(h);
	assert_int_equal(r[0].state, BUSY);
	assert_int_equal(r[1].state, BUSY);
	assert_non_null(strstr(r[0].text, f->at.path));		/* names the socket */
	handover_free(&h);
	/* A large one notices it on the way and stops copying. */
	buf_free(&m);
	m = message(LARGE);
	h = handover_begin(f->pool, &f->env, BUDGET);
	assert_false(handover_write(h, m.data, m.len));
	assert_int_equal(handover_finish(h)[0].state, BUSY);
	handover_free(&h);
	buf_free(&m);
}

static void
test_slow(void **state)
{
	struct fixture *f = *state;
	const struct sink_script slow = { .delay = 3000 };
	const struct handover_result *r;
	struct buf m = message(SMALL);
	struct handover *h;
	int64_t start;

	f->sink = sink_start(&f->at, &slow);
	h = handover_begin(f->pool, &f->env, 200);
	assert_true(handover_write(h, m.data, m.len));
	start = clock_mono_ms();
	r = handover_finish(h);
	assert_in_range(clock_mono_ms() - start, 150, 2000);
	assert_int_equal(r[0].state, UNSURE);
	assert_string_equal(r[0].text, "timed out");
	handover_free(&h);
	buf_free(&m);
}

/* Never long in one place, too long in all. */
static void
test_slow_chunks(void **state)
{
	struct fixture *f = *state;
	const struct sink_script slow = { .chunk_delay = 50 };
	struct buf m = message(60 * HANDOVER_CHUNK);
	const struct handover_result *r;
	struct handover *h;
	int64_t start = clock_mono_ms();

	f->sink = sink_start(&f->at, &slow);
	h = handover_begin(f->pool, &f->env, 400);
	assert_false(handover_write(h, m.data, m.len));
	assert_in_range(clock_mono_ms() - start, 300, 2000);	/* reading it all takes 3 s */
	r = handover_finish(h);
	assert_int_equal(r[0].state, BUSY);
	assert_string_equal(r[1].text, "timed out sending");
	handover_free(&h);
	buf_free(&m);
}

/* A connection that queued closed while it was idle is not used again. */
static void
test_idle_close(void **state)
{
	struct fixture *f = *state;
	const struct sink_script closes = { .close = SINK_AFTER_MESSAGE };
	struct buf m = message(SMALL);
	struct handover *h;
	int i;

	f->sink = sink_start(&f->at, &closes);
	for (i = 0; i < 3; i++) {
		h = hand(f, &m, SMALL);
		assert_int_equal(handover_finish(h)[0].state, TAKEN);
		handover_free(&h);
		/* The peer's close must have arrived before the next message, or it is a race. */
		while (sink_connected(f->sink))
			(void)poll(NULL, 0, 1);
	}
	assert_int_equal(sink_connections(f->sink), 3);
	buf_free(&m);
}

/* Freed before its end: queued has begun something that never became a message. */
static void
test_abort(void **state)
{
	struct fixture *f = *state;
	struct buf m = message(LARGE);
	struct handover *h;

	f->sink = sink_start(&f->at, NULL);
	h = hand(f, &m, 1000);
	handover_free(&h);
	handover_free(&h);
	m.len = SMALL;
	h = hand(f, &m, SMALL);
	assert_int_equal(handover_finish(h)[0].state, TAKEN);
	handover_free(&h);
	assert_int_equal(sink_messages(f->sink), 1);
	assert_int_equal(sink_connections(f->sink), 2);
	buf_free(&m);
}

/* --- what the MTA is told -------------------------------------------------- */

static void
test_decide(void **state)
{
	static const struct {
		enum handover_state	one, two;
		size_t			nforeign;
		enum handover_end	pass, tempfail;
	} table[] = {
		{ TAKEN, TAKEN, 0, HANDOVER_END_DISCARD, HANDOVER_END_DISCARD },
		{ TAKEN, TAKEN, 1, HANDOVER_END_PART, HANDOVER_END_PART },
		{ TAKEN, BUSY, 0, HANDOVER_END_PART, HANDOVER_END_PART },
		{ TAKEN, REFUSED, 0, HANDOVER_END_PART, HANDOVER_END_PART },
		{ UNSURE, TAKEN, 0, HANDOVER_END_PART, HANDOVER_END_PART },
		{ BUSY, BUSY, 0, HANDOVER_END_PASS, HANDOVER_END_TEMPFAIL },
		{ BUSY, BUSY, 1, HANDOVER_END_PASS, HANDOVER_END_TEMPFAIL },
		{ BUSY, REFUSED, 0, HANDOVER_END_PASS, HANDOVER_END_TEMPFAIL },
		{ UNSURE, UNSURE, 0, HANDOVER_END_PASS, HANDOVER_END_TEMPFAIL },
		{ UNSURE, REFUSED, 2, HANDOVER_END_PASS, HANDOVER_END_TEMPFAIL },
		{ REFUSED, REFUSED, 0, HANDOVER_END_REJECT, HANDOVER_END_REJECT },
		{ REFUSED, REFUSED, 1, HANDOVER_END_PASS, HANDOVER_END_PASS },
	};
	struct handover_result r[2];
	size_t i;

	(void)state;
	memset(r, 0, sizeof(r));
	for (i = 0; i < COUNT(table); i++) {
		r[0].state = table[i].one;
		r[1].state = table[i].two;
		if (handover_decide(r, 2, table[i].nforeign, QUEUED_DOWN_PASS) != table[i].pass ||
		    handover_decide(r, 2, table[i].nforeign, QUEUED_DOWN_TEMPFAIL) != table[i].tempfail)
			fail_msg("row %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_small, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chunks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_chunks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle_close, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abort, setup, teardown),
		cmocka_unit_test(test_decide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
