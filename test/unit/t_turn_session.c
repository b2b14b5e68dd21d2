/*
 * t_turn_session.c -- dialogues of ETRN, ATRN and AUTH, without a socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/turn_dialogue.h"

#define starts(text, with)	assert_memory_equal(with, text, sizeof(with) - 1)

static void
begin(struct talk *t)
{
	talk_begin(t);
	starts(talk_line(t, "EHLO client.test"), "250-mx2.test");
}

/* Under TLS and authenticated as ann. */
static void
begin_as_ann(struct talk *t)
{
	t->encrypted = true;
	begin(t);
	starts(talk_cram(t, ANN), "235 2.7.0");
}

/* --- what is offered ----------------------------------------------------- */

static void
test_offers(void **state)
{
	struct talk t = { .messages = 0 }, bare = { .no_tls = true, .no_users = true };

	(void)state;
	talk_begin(&t);
	assert_string_equal("220 mx2.test ESMTP Holdfast (ETRN and ATRN only)\r\n",
	    buf_str(turn_session_output(t.session)));
	assert_string_equal("250-mx2.test\r\n250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250-ATRN\r\n250 ETRN\r\n",
	    talk_line(&t, "EHLO c"));
	starts(talk_line(&t, "STARTTLS"), "220 2.0.0");
	assert_int_equal(1, t.handshakes);
	/* what was said before is forgotten */
	starts(talk_line(&t, "ETRN a.test"), "503 5.5.1 Send EHLO");
	assert_string_equal("250-mx2.test\r\n250-ENHANCEDSTATUSCODES\r\n"
	    "250-AUTH SCRAM-SHA-256 CRAM-MD5\r\n250-ATRN\r\n250 ETRN\r\n", talk_line(&t, "EHLO c"));
	starts(talk_line(&t, "STARTTLS"), "503 5.5.1");
	assert_string_equal("250 mx2.test\r\n", talk_line(&t, "HELO c"));
	talk_end(&t);

	begin(&bare);
	assert_string_equal("250-mx2.test\r\n250-ENHANCEDSTATUSCODES\r\n250 ETRN\r\n",
	    talk_line(&bare, "EHLO c"));
	starts(talk_line(&bare, "STARTTLS"), "502 5.5.1");
	starts(talk_line(&bare, "AUTH CRAM-MD5"), "502 5.5.1");
	starts(talk_line(&bare, "ATRN"), "502 5.5.1");
	talk_end(&bare);
}

static void
test_other_commands(void **state)
{
	static const struct {
		const char	*line, *reply;
	} table[] = {
		{ "NOOP", "250 2.0.0" }, { "RSET", "250 2.0.0" }, { "VRFY joe", "252 2.0.0" },
		{ "HELP", "214 2.0.0" }, { "EXPN list", "502 5.5.1" },
		{ "MAIL FROM:<a@b.test>", "502 5.5.1 This port is for ETRN and ATRN" },
		{ "RCPT TO:<a@b.test>", "502 5.5.1 This port is for ETRN and ATRN" },
		{ "DATA", "502 5.5.1 This port is for ETRN and ATRN" },
		{ "BDAT 1 LAST", "502 5.5.1 This port is for ETRN and ATRN" },
		{ "XFORWARD ADDR=192.0.2.1", "502 5.5.1" }, { "LHLO x", "502 5.5.1" },
		{ "FROB", "500 5.5.2" }, { "", "500 5.5.2" }, { "EHLO", "501 5.5.4" },
		{ "STARTTLS now", "501 5.5.4" }, { "AUTH CRAM-MD5", "530 5.7.0 Must issue a STARTTLS" },
		{ "ATRN", "530 5.7.0 Authentication required" },
		{ "ETRN", "501 5.5.4" }, { "ETRN @", "501 5.5.4" }, { "ETRN a b", "501 5.5.4" },
		{ "QUIT", "221 2.0.0" },
	};
	struct talk t = { .network = true };

	(void)state;
	begin(&t);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_memory_equal(table[i].reply, talk_line(&t, table[i].line),
		    strlen(table[i].reply));
	assert_int_equal(TURN_WANTS_CLOSE, turn_session_wants(t.session));
	assert_int_equal(0, t.flushed.len);
	talk_end(&t);
}

/* --- ETRN ---------------------------------------------------------------- */

static void
test_etrn(void **state)
{
	struct talk t = { .network = true, .messages = 42 };

	(void)state;
	talk_begin(&t);
	starts(talk_line(&t, "ETRN a.test"), "503 5.5.1 Send EHLO first");
	assert_int_equal(0, t.flushed.len);
	(void)talk_line(&t, "EHLO c");
	assert_string_equal("253 2.0.0 OK, 42 pending messages for node a.test started\r\n",
	    talk_line(&t, "etrn A.Test"));
	assert_string_equal("a.test ", buf_str(&t.flushed));
	assert_string_equal("a.test ", buf_str(&t.counted));
	/* with what is below it: those that are served */
	assert_string_equal("252 2.0.0 OK, pending messages for node @a.test started\r\n",
	    talk_line(&t, "ETRN @a.test"));
	assert_string_equal("a.test a.test sub.a.test ", buf_str(&t.flushed));
	buf_clear(&t.flushed);
	t.messages = 0;
	assert_string_equal("251 2.0.0 OK, no messages waiting for node b.test\r\n",
	    talk_line(&t, "ETRN b.test"));
	assert_int_equal(0, t.flushed.len);
	/* the store is at a loss: started all the same */
	t.unknown = true;
	assert_string_equal("250 2.0.0 OK, queuing for node b.test started\r\n",
	    talk_line(&t, "ETRN b.test"));
	assert_string_equal("b.test ", buf_str(&t.flushed));
	assert_non_null(strstr(buf_str(&t.decided), "etrn=b.test: 250 2.0.0"));
	talk_end(&t);
}

static void
test_etrn_refused(void **state)
{
	struct talk t = { .network = true, .messages = 1 }, stranger = { .messages = 1 };

	(void)state;
	begin(&t);
	starts(talk_line(&t, "ETRN other.test"), "459 4.7.1 Node other.test not allowed: it is not served");
	starts(talk_line(&t, "ETRN @other.test"), "459 4.7.1 Node @other.test not allowed");
	starts(talk_line(&t, "ETRN far.test"), "458 4.3.0 Unable to queue messages for node far.test: "
	    "its mail is fetched");
	starts(talk_line(&t, "ETRN #queue"), "458 4.5.0");
	assert_int_equal(3, t.pauses);
	assert_int_equal(0, t.flushed.len);
	talk_end(&t);

	begin(&stranger);
	starts(talk_line(&stranger, "ETRN a.test"), "459 4.7.1 Node a.test not allowed: your address");
	starts(talk_line(&stranger, "ETRN other.test"), "459 4.7.1 Node other.test not allowed: your");
	assert_int_equal(2, stranger.pauses);
	assert_int_equal(0, stranger.flushed.len);
	talk_end(&stranger);
}

/* Who has proved to own a domain may ask for it from anywhere, and for no other. */
static void
test_etrn_by_owner(void **state)
{
	struct talk t = { .messages = 3 };

	(void)state;
	begin_as_ann(&t);
	starts(talk_line(&t, "ETRN a.test"), "253 2.0.0 OK, 3 pending");
	starts(talk_line(&t, "ETRN sub.a.test"), "459 4.7.1 Node sub.a.test not allowed: it is not yours");
	starts(talk_line(&t, "ETRN @a.test"), "252 2.0.0");
	assert_string_equal("a.test a.test ", buf_str(&t.flushed));
	talk_end(&t);
}

static void
test_rate(void **state)
{
	struct talk t = { .network = true, .messages = 1, .asks = 2 };

	(void)state;
	begin(&t);
	starts(talk_line(&t, "ETRN a.test"), "253 ");
	starts(talk_line(&t, "ETRN a.test"), "253 ");
	starts(talk_line(&t, "ETRN a.test"), "458 4.3.0 Unable to queue messages for node a.test: too many");
	assert_string_equal("a.test a.test ", buf_str(&t.flushed));
	talk_end(&t);

	t = (struct talk){ .messages = 1, .asks = 1, .busy = true };
	begin_as_ann(&t);
	starts(talk_line(&t, "ATRN"), "450 4.7.1");
	starts(talk_line(&t, "ATRN"), "450 4.7.1 ATRN request refused: too many requests");
	talk_end(&t);
}

/* --- AUTH ---------------------------------------------------------------- */

static void
test_auth(void **state)
{
	struct talk t = { .encrypted = true };

	(void)state;
	begin(&t);
	starts(talk_line(&t, "AUTH PLAIN AGEAYg=="), "504 5.5.4");
	starts(talk_line(&t, "AUTH"), "501 5.5.4");
	starts(talk_scram(&t, ANN), "235 2.7.0");
	assert_string_equal("ann", turn_session_user(t.session));
	starts(talk_line(&t, "AUTH CRAM-MD5"), "503 5.5.1 Already");
	talk_end(&t);

	t = (struct talk){ .encrypted = true };
	begin(&t);
	starts(talk_line(&t, "AUTH SCRAM-SHA-256"), "334 \r\n");
	starts(talk_line(&t, "*"), "501 5.7.0");
	starts(talk_line(&t, "AUTH CRAM-MD5"), "334 ");
	starts(talk_line(&t, "not base64"), "501 5.5.2");
	starts(talk_line(&t, "NOOP"), "250 ");
	assert_int_equal(0, t.denied.len);
	starts(talk_cram(&t, ANN), "235 2.7.0");
	talk_end(&t);
}

static void
test_auth_before_ehlo(void **state)
{
	struct talk t = { .encrypted = true };

	(void)state;
	talk_begin(&t);
	assert_non_null(strstr(talk_line(&t, "AUTH CRAM-MD5"), "503 5.5.1 Send EHLO"));
	talk_end(&t);
}

static void
test_auth_fails(void **state)
{
	struct talk t = { .encrypted = true };

	(void)state;
	begin(&t);
	starts(talk_cram(&t, "ann", "wrong"), "535 5.7.8");
	assert_int_equal(1, t.pauses);
	assert_string_equal("CRAM-MD5 ann: wrong secret\n", buf_str(&t.denied));
	starts(talk_scram(&t, "nobody", "correct-horse"), "535 5.7.8");
	starts(talk_line(&t, "ATRN"), "530 5.7.0");
	starts(talk_scram(&t, "ann", "wrong"), "535 5.7.8");
	assert_non_null(strstr(buf_str(&t.out), "421 4.7.0 Too many failed"));
	assert_int_equal(TURN_WANTS_CUT, turn_session_wants(t.session));
	assert_int_equal(3, t.nguessed);
	assert_int_equal(3, t.pauses);
	talk_end(&t);

	/* the address has failed too often elsewhere: not even the right secret is heard */
	t = (struct talk){ .encrypted = true, .guesses = 1, .nguessed = 1 };
	begin(&t);
	starts(talk_cram(&t, ANN), "454 4.7.0");
	assert_string_equal("", turn_session_user(t.session));
	talk_end(&t);
}

/* --- ATRN ---------------------------------------------------------------- */

static void
test_atrn(void **state)
{
	struct talk t = { .messages = 5 };

	(void)state;
	begin_as_ann(&t);
	assert_string_equal("250 2.0.0 OK now reversing the connection\r\n", talk_line(&t, "ATRN"));
	assert_int_equal(TURN_WANTS_REVERSE, turn_session_wants(t.session));
	assert_string_equal("a.test b.test ", buf_str(&t.counted));
	/* from now on the client is a server: its words are not for this machine */
	assert_int_equal(0, turn_session_input(t.session, "QUIT\r\n", 6));
	talk_end(&t);

	t = (struct talk){ .messages = 5 };
	begin_as_ann(&t);
	starts(talk_line(&t, "ATRN b.test, B.test"), "250 ");
	assert_string_equal("b.test ", buf_str(&t.counted));
	talk_end(&t);
}

static void
test_atrn_refused(void **state)
{
	struct talk t = { .messages = 0 };

	(void)state;
	begin_as_ann(&t);
	starts(talk_line(&t, "ATRN"), "453 4.0.0 You have no mail");
	t.messages = 5;
	starts(talk_line(&t, "ATRN a.test,far.test"), "450 4.7.1 ATRN request refused: a domain is not yours");
	starts(talk_line(&t, "ATRN a.test,,b.test"), "501 5.5.4");
	starts(talk_line(&t, "ATRN a.test b.test"), "501 5.5.4");
	t.busy = true;
	starts(talk_line(&t, "ATRN a.test"), "450 4.7.1 ATRN request refused: another session");
	t.busy = false;
	t.unknown = true;
	starts(talk_line(&t, "ATRN a.test"), "451 4.3.0");
	t.unknown = false;
	/* nothing may follow it before its answer */
	buf_clear(&t.out);
	talk_feed(&t, "ATRN\r\n220 me\r\n", 14, 0);
	starts(buf_str(&t.out), "503 5.5.0 ATRN must be the last");
	starts(talk_line(&t, "ATRN"), "250 ");
	talk_end(&t);
}

/* A domain that its primary fetches. */
static void
test_atrn_far(void **state)
{
	struct talk t = { .messages = 1, .encrypted = true };

	(void)state;
	begin(&t);
	starts(talk_scram(&t, "far", "battery-staple"), "235 ");
	starts(talk_line(&t, "ATRN"), "250 ");
	assert_string_equal("far.test ", buf_str(&t.counted));
	talk_end(&t);
}

/* --- bad input ----------------------------------------------------------- */

static void
test_starttls_with_more(void **state)
{
	struct talk t = { .network = true };

	(void)state;
	begin(&t);
	buf_clear(&t.out);
	talk_feed(&t, "STARTTLS\r\nETRN a.test\r\n", 23, 0);
	starts(buf_str(&t.out), "503 5.5.0 Bytes after STARTTLS");
	assert_int_equal(TURN_WANTS_CUT, turn_session_wants(t.session));
	assert_int_equal(0, t.handshakes);
	talk_end(&t);
}

static void
test_cuts(void **state)
{
	static const struct {
		const char	*bytes;
		size_t		 len;
		const char	*reply;
	} table[] = {
		{ "NOOP\nNOOP\r\n", 11, "554 5.5.2 Bare LF" },
		{ "NOOP\rNOOP\r\n", 11, "554 5.5.2 Bare CR" },
		{ "NO\0OP\r\n", 7, "554 5.5.2 NUL" },
		{ "GET / HTTP/1.1\r\n", 16, "554 5.5.1 This is no web server" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct talk t = { .network = true, .messages = 1 };

		begin(&t);
		buf_clear(&t.out);
		talk_feed(&t, table[i].bytes, table[i].len, 1);
		assert_memory_equal(table[i].reply, buf_str(&t.out), strlen(table[i].reply));
		assert_int_equal(TURN_WANTS_CUT, turn_session_wants(t.session));
		talk_end(&t);
	}
}

static void
test_long_line(void **state)
{
	struct talk t = { .encrypted = true };
	char *line = xcalloc(1, 5001);

	(void)state;
	memset(line, 'x', 5000);
	begin(&t);
	assert_string_equal("500 5.5.2 Line too long\r\n", talk_line(&t, line));
	starts(talk_line(&t, "AUTH CRAM-MD5"), "334 ");
	assert_string_equal("500 5.5.2 Line too long\r\n", talk_line(&t, line));
	starts(talk_line(&t, "NOOP"), "250 ");
	free(line);
	talk_end(&t);
}

static void
test_too_many_errors(void **state)
{
	struct talk t = { .network = true };

	(void)state;
	begin(&t);
	for (int i = 1; i < TURN_ERRORS_MAX; i++)
		starts(talk_line(&t, "FROB"), "500 5.5.2");
	starts(talk_line(&t, "FROB"), "500 5.5.2");
	assert_non_null(strstr(buf_str(&t.out), "421 4.7.0 Too many errors"));
	assert_int_equal(TURN_WANTS_CUT, turn_session_wants(t.session));
	talk_end(&t);
}

static void
test_ends(void **state)
{
	struct talk t = { .network = true };

	(void)state;
	begin(&t);
	turn_session_timeout(t.session);
	starts(buf_str(turn_session_output(t.session)), "421 4.4.2");
	assert_int_equal(TURN_WANTS_CLOSE, turn_session_wants(t.session));
	turn_session_shutdown(t.session);	/* not said twice */
	assert_null(strstr(buf_str(turn_session_output(t.session)), "4.3.2"));
	talk_end(&t);
}

/* However it is cut into pieces. */
static void
test_pieces(void **state)
{
	static const char in[] = "EHLO c\r\nETRN a.test\r\nETRN x.test\r\nNOOP\r\nQUIT\r\nNOOP\r\n";
	struct talk whole = { .network = true, .messages = 7 };

	(void)state;
	talk_begin(&whole);
	talk_feed(&whole, in, sizeof(in) - 1, 0);
	for (size_t step = 1; step < 12; step++) {
		struct talk t = { .network = true, .messages = 7 };

		talk_begin(&t);
		talk_feed(&t, in, sizeof(in) - 1, step);
		assert_string_equal(buf_str(&whole.out), buf_str(&t.out));
		assert_string_equal("a.test ", buf_str(&t.flushed));
		talk_end(&t);
	}
	talk_end(&whole);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_other_commands),
		cmocka_unit_test(test_etrn),
		cmocka_unit_test(test_etrn_refused),
		cmocka_unit_test(test_etrn_by_owner),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_auth_before_ehlo),
		cmocka_unit_test(test_auth_fails),
		cmocka_unit_test(test_atrn),
		cmocka_unit_test(test_atrn_refused),
		cmocka_unit_test(test_atrn_far),
		cmocka_unit_test(test_starttls_with_more),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_too_many_errors),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
