/*
 * t_smtp_client.c -- the SMTP client machine: transactions, openings, bad replies, lost connections.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/smtp_talk.h"

#include <string.h>

#include "common/conf.h"

static void
test_pipelined(void **state)
{
	struct talk t;

	(void)state;
	talk_start(&t, 2, TLS_OFF, TEXT);
	PLAY(&t, PIPE, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: RCPT TO:<r2@x.test>", "C: DATA",
	    "SENT", "S: 250 ok", "S: 250 ok", "S: 550 5.1.1 who", "S: 354 go", BODY, "SENT",
	    "S: 250 2.0.0 queued as 7", "SEND", MAIL1, "C: RCPT TO:<r1@x.test>",
	    "C: RCPT TO:<r2@x.test>", "C: DATA", "SENT", "S: 250 ok", "S: 250 ok", "S: 250 ok",
	    "S: 354 go", BODY, "SENT", "S: 250 ok", "QUIT", "C: QUIT", "S: 221 bye");
	assert_int_equal(SMTP_CLOSED, smtp_client_state(t.c));
	assert_int_equal(SMTP_EV_NONE, smtp_client_end(t.c)->event);
	talk_expect(&t, 0, OUTCOME_DELIVERED, 250);
	talk_expect(&t, 1, OUTCOME_DELIVERED, 250);
	talk_end(&t);
}

/* Each recipient is settled alone. */
static void
test_partial(void **state)
{
	struct talk t;

	(void)state;
	talk_start(&t, 3, TLS_OFF, TEXT);
	PLAY(&t, PLAIN, "SEND", MAIL1, "S: 250 ok", "C: RCPT TO:<r1@x.test>", "S: 450 4.2.1 later",
	    "C: RCPT TO:<r2@x.test>", "S: 250 ok", "C: RCPT TO:<r3@x.test>", "S: 550 5.1.1 no",
	    "C: DATA", "S: 354 go", BODY, "SENT", "S: 250 2.0.0 ok");
	talk_expect(&t, 0, OUTCOME_RETRY, 450);
	talk_expect(&t, 1, OUTCOME_DELIVERED, 250);
	talk_expect(&t, 2, OUTCOME_QUARANTINE, 550);
	assert_int_equal(SMTP_READY, smtp_client_state(t.c));
	talk_end(&t);
}

/* Too many recipients for one transaction: the rest follows in a second one. */
static void
test_second_transaction(void **state)
{
	struct talk t;

	(void)state;
	talk_start(&t, 3, TLS_OFF, TEXT);
	PLAY(&t, PIPE, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: RCPT TO:<r2@x.test>",
	    "C: RCPT TO:<r3@x.test>", "C: DATA", "SENT", "S: 250 ok", "S: 250 ok",
	    "S: 452 4.5.3 too many", "S: 452 too many", "S: 354 go", BODY, "SENT", "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_DELIVERED, 250);
	talk_expect(&t, 1, OUTCOME_RETRY_NOW, 452);
	talk_expect(&t, 2, OUTCOME_RETRY_NOW, 452);
	smtp_client_retry(t.c, 1);
	smtp_client_retry(t.c, 2);
	(void)smtp_client_again(t.c);
	PLAY(&t, MAIL1, "C: RCPT TO:<r2@x.test>", "C: RCPT TO:<r3@x.test>", "C: DATA", "SENT",
	    "S: 250 ok", "S: 452 4.5.3 still", "S: 250 ok", "S: 354 go", BODY, "SENT", "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_DELIVERED, 250);
	talk_expect(&t, 1, OUTCOME_RETRY, 452);	/* refused first of all: it is not the number */
	talk_expect(&t, 2, OUTCOME_DELIVERED, 250);
	talk_end(&t);
}

static void
test_all_refused(void **state)
{
	struct talk t;

	(void)state;
	/* pipelined, the server refuses DATA: RSET, and the session goes on */
	talk_start(&t, 1, TLS_OFF, TEXT);
	PLAY(&t, PIPE, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: DATA", "SENT", "S: 250 ok",
	    "S: 550 5.1.1 no", "S: 554 no valid recipients", "C: RSET", "SENT", "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_QUARANTINE, 550);
	assert_int_equal(SMTP_READY, smtp_client_state(t.c));
	talk_end(&t);
	/* pipelined, the server takes DATA all the same: it gets an empty message, and nothing counts */
	talk_start(&t, 1, TLS_OFF, TEXT);
	PLAY(&t, PIPE, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: DATA", "SENT", "S: 250 ok",
	    "S: 450 4.2.0 wait", "S: 354 go", "C: .", "SENT", "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_RETRY, 450);
	assert_int_equal(SMTP_READY, smtp_client_state(t.c));
	talk_end(&t);
	/* one by one: no DATA at all */
	talk_start(&t, 1, TLS_OFF, TEXT);
	PLAY(&t, PLAIN, "SEND", MAIL1, "S: 250 ok", "C: RCPT TO:<r1@x.test>", "S: 550 no", "C: RSET",
	    "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_QUARANTINE, 550);
	talk_end(&t);
	/* MAIL refused, pipelined: the other replies are read and mean nothing */
	talk_start(&t, 2, TLS_OFF, TEXT);
	PLAY(&t, PIPE, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: RCPT TO:<r2@x.test>", "C: DATA",
	    "SENT", "S: 451 4.3.0 later", "S: 503 mail first", "S: 503 mail first", "S: 503 no");
	talk_expect(&t, 0, OUTCOME_RETRY, 451);
	talk_expect(&t, 1, OUTCOME_RETRY, 451);
	assert_int_equal(SMTP_READY, smtp_client_state(t.c));
	talk_end(&t);
	/* MAIL refused, one by one */
	talk_start(&t, 1, TLS_OFF, TEXT);
	PLAY(&t, PLAIN, "SEND", MAIL1, "S: 550 5.7.1 not you");
	talk_expect(&t, 0, OUTCOME_QUARANTINE, 550);
	assert_int_equal(SMTP_READY, smtp_client_state(t.c));
	talk_end(&t);
}

static void
test_bdat(void **state)
{
	struct talk t;

	(void)state;
	talk_start(&t, 2, TLS_OFF, ".dot\r\nx\r\n");
	PLAY(&t, CHUNK, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: RCPT TO:<r2@x.test>", "SENT",
	    "S: 250 ok", "S: 250 ok", "S: 550 5.1.1 no", "C: BDAT 9 LAST", "C: .dot", "C: x", "SENT",
	    "S: 250 2.0.0 ok");
	talk_expect(&t, 0, OUTCOME_DELIVERED, 250);
	talk_expect(&t, 1, OUTCOME_QUARANTINE, 550);
	assert_int_equal(SMTP_READY, smtp_client_state(t.c));
	/* nobody accepted: no body */
	PLAY(&t, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: RCPT TO:<r2@x.test>", "SENT",
	    "S: 250 ok", "S: 450 no", "S: 450 no", "C: RSET", "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_RETRY, 450);
	talk_expect(&t, 1, OUTCOME_RETRY, 450);
	/* the sender refused */
	PLAY(&t, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: RCPT TO:<r2@x.test>", "SENT",
	    "S: 550 no", "S: 503 no", "S: 503 no");
	talk_expect(&t, 0, OUTCOME_QUARANTINE, 550);
	assert_int_equal(SMTP_READY, smtp_client_state(t.c));
	/* refused after acceptance: RSET clears the server's doubt */
	PLAY(&t, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: RCPT TO:<r2@x.test>", "SENT",
	    "S: 250 ok", "S: 250 ok", "S: 250 ok", "C: BDAT 9 LAST", "C: .dot", "C: x", "SENT",
	    "S: 452 4.3.1 full", "C: RSET", "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_RETRY, 452);
	/* all bytes sent, connection lost: nobody knows */
	PLAY(&t, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: RCPT TO:<r2@x.test>", "SENT",
	    "S: 250 ok", "S: 550 no", "S: 250 ok", "C: BDAT 9 LAST", "C: .dot", "C: x", "SENT", "LOST");
	talk_expect(&t, 0, OUTCOME_QUARANTINE, 550);
	talk_expect(&t, 1, OUTCOME_UNSURE, 0);
	talk_end(&t);
	/* too many replies to RCPT are no reply to the message */
	talk_start(&t, 1, TLS_OFF, ".dot\r\nx\r\n");
	PLAY(&t, CHUNK, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "SENT", "S: 250 ok", "S: 250 ok",
	    "C: BDAT 9 LAST", "C: .dot", "C: x", "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_UNTRIED, 0);
	talk_end(&t);
}

static void
test_large_body(void **state)
{
	struct talk t;

	(void)state;
	talk_start(&t, 1, TLS_OFF, "");
	t.job.body = NULL;
	t.job.size = 11;
	PLAY(&t, PIPE, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: DATA", "SENT", "S: 250 ok",
	    "S: 250 ok", "S: 354 go");
	assert_true(smtp_client_wants_chunk(t.c));
	(void)smtp_client_chunk(t.c, "a\r\n.b\r", 6, false);
	(void)smtp_client_drained(t.c);
	assert_int_equal(SMTP_BODY, smtp_client_state(t.c));
	(void)smtp_client_chunk(t.c, "\n..\r\n", 5, true);
	assert_false(smtp_client_wants_chunk(t.c));
	PLAY(&t, "C: a", "C: ..b", "C: ...", "C: .", "SENT");
	assert_int_equal(SMTP_FINAL, smtp_client_state(t.c));
	PLAY(&t, "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_DELIVERED, 250);
	talk_end(&t);

	talk_start(&t, 1, TLS_OFF, "");
	t.job.body = NULL;
	t.job.size = 4;
	PLAY(&t, CHUNK, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "SENT", "S: 250 ok", "S: 250 ok",
	    "C: BDAT 4 LAST");
	(void)smtp_client_chunk(t.c, "..\r\n", 4, true);
	PLAY(&t, "C: ..", "SENT", "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_DELIVERED, 250);
	talk_end(&t);
}

static void
test_hello(void **state)
{
	struct talk t;

	(void)state;
	talk_start(&t, 1, TLS_OFF, TEXT);
	PLAY(&t, "S: 220-hello", "S: 220 p", "C: EHLO mx2.test", "S: 502 what", "C: HELO mx2.test",
	    "S: 250 p", "SEND", MAIL1, "S: 250 ok", "C: RCPT TO:<r1@x.test>");
	talk_end(&t);

	talk_start(&t, 1, TLS_OFF, TEXT);
	PLAY(&t, "S: 554 no service");
	assert_int_equal(SMTP_CLOSED, smtp_client_state(t.c));
	assert_int_equal(554, smtp_client_end(t.c)->code);
	talk_end(&t);

	talk_start(&t, 1, TLS_OFF, TEXT);
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 421 4.3.2 busy");
	assert_int_equal(SMTP_CLOSED, smtp_client_state(t.c));
	assert_int_equal(OUTCOME_BUSY, outcome_of(smtp_client_end(t.c), NULL).dest);
	talk_end(&t);
}

#define OFFER	"S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250-SIZE 5", "S: 250 STARTTLS"

static void
test_starttls(void **state)
{
	struct talk t;

	(void)state;
	/* what was announced in the clear counts no more */
	talk_start(&t, 1, TLS_MAY, TEXT);
	PLAY(&t, OFFER, "C: STARTTLS", "S: 220 go", "TLS", "C: EHLO mx2.test", "S: 250-p",
	    "S: 250 PIPELINING", "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: DATA");
	assert_true(smtp_client_encrypted(t.c));
	talk_end(&t);
	/* not offered, refused: may goes on, more does not */
	talk_start(&t, 1, TLS_MAY, TEXT);
	PLAY(&t, PLAIN);
	assert_int_equal(SMTP_READY, smtp_client_state(t.c));
	talk_end(&t);
	talk_start(&t, 1, TLS_VERIFY, TEXT);
	PLAY(&t, PLAIN);
	assert_int_equal(SMTP_CLOSED, smtp_client_state(t.c));
	talk_end(&t);
	talk_start(&t, 1, TLS_VERIFY, TEXT);
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 502 no", "C: HELO mx2.test", "S: 250 p");
	assert_int_equal(SMTP_CLOSED, smtp_client_state(t.c));
	talk_end(&t);
	talk_start(&t, 1, TLS_MAY, TEXT);
	PLAY(&t, OFFER, "C: STARTTLS", "S: 454 4.7.0 not now");
	assert_int_equal(SMTP_READY, smtp_client_state(t.c));
	talk_end(&t);
	talk_start(&t, 1, TLS_DANE, TEXT);
	PLAY(&t, OFFER, "C: STARTTLS", "S: 454 4.7.0 not now");
	assert_int_equal(SMTP_CLOSED, smtp_client_state(t.c));
	talk_end(&t);
	talk_start(&t, 1, TLS_MAY, TEXT);
	PLAY(&t, OFFER, "C: STARTTLS", "S: 220 go", "NOTLS");
	assert_int_equal(SMTP_CLOSED, smtp_client_state(t.c));
	assert_int_equal(SMTP_EV_TLS, smtp_client_end(t.c)->event);
	talk_end(&t);
	/* off asks for nothing */
	talk_start(&t, 1, TLS_OFF, TEXT);
	PLAY(&t, OFFER);
	assert_int_equal(SMTP_READY, smtp_client_state(t.c));
	talk_end(&t);
}

static void
test_does_not_fit(void **state)
{
	static char utf8[] = "j\xc3\xbcrgen@example.org";
	struct talk t;

	(void)state;
	talk_start(&t, 2, TLS_OFF, TEXT);
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250 SIZE 5", "SEND");
	assert_int_equal(SMTP_READY, smtp_client_state(t.c));
	talk_expect(&t, 0, OUTCOME_QUARANTINE, 552);
	talk_expect(&t, 1, OUTCOME_QUARANTINE, 552);
	talk_end(&t);

	talk_start(&t, 1, TLS_OFF, TEXT);
	t.job.env.smtputf8 = true;
	t.job.env.sender = utf8;
	PLAY(&t, PIPE, "SEND");
	talk_expect(&t, 0, OUTCOME_QUARANTINE, 550);
	assert_string_equal("5.6.7", smtp_client_verdict(t.c, 0)->dsn);
	talk_end(&t);

	/* in the header it counts, in the body it does not */
	talk_start(&t, 1, TLS_OFF, "Subject: \xc3\xbc\r\n\r\nx\r\n");
	t.job.env.smtputf8 = true;
	PLAY(&t, PIPE, "SEND");
	talk_expect(&t, 0, OUTCOME_QUARANTINE, 550);
	talk_end(&t);
	talk_start(&t, 1, TLS_OFF, "Subject: u\r\n\r\n\xc3\xbc\r\n");
	t.job.env.smtputf8 = true;
	PLAY(&t, PIPE, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: DATA");
	talk_end(&t);
	talk_start(&t, 1, TLS_OFF, "Subject: \xc3\xbc\r\n\r\nx\r\n");
	t.job.env.smtputf8 = true;
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250-SIZE 0", "S: 250 SMTPUTF8", "SEND",
	    "C: MAIL FROM:<a@example.org> SIZE=18 SMTPUTF8");
	talk_end(&t);
}

/* Replies that no server should send: the message stays, the connection does not. */
static void
test_bad_replies(void **state)
{
	static const struct {
		const char	*at[6];
		enum outcome_rcpt want;
	} rows[] = {
		{ { "S: 25" }, OUTCOME_UNTRIED },
		{ { "S: 999 x" }, OUTCOME_UNTRIED },
		{ { "S: 250-a", "S: 251 b" }, OUTCOME_UNTRIED },
		{ { "S: 354 already" }, OUTCOME_UNTRIED },
		{ { "S: 250 ok", "S: 354 what" }, OUTCOME_UNTRIED },
		{ { "S: 250 ok", "S: 250 ok", "S: 250 no 354" }, OUTCOME_UNTRIED },
		{ { "S: 250 ok", "S: 250 ok", "S: 354 go", "S: 250 too many" }, OUTCOME_UNTRIED },
		{ { "S: 250 ok", "S: 250 ok", "S: 354 go", "LOST" }, OUTCOME_UNTRIED },
		{ { "S: 250 ok", "S: 250 ok", "S: 354 go", "S: 552 5.3.4 big" }, OUTCOME_QUARANTINE },
		{ { "S: 250 ok", "S: 250 ok", "S: 354 go", "SENT", "LOST" }, OUTCOME_UNSURE },
		{ { "S: 250 ok", "S: 250 ok", "S: 354 go", "SENT", "S: 25" }, OUTCOME_UNSURE },
		{ { "S: 250 ok", "S: 250 ok", "S: 354 go", "SENT", "S: 354 more" }, OUTCOME_UNSURE },
		{ { "S: 250 ok", "S: 250 ok", "S: 354 go", "SENT", "S: 421 shutdown" }, OUTCOME_UNTRIED },
		{ { "S: 421 x" }, OUTCOME_UNTRIED },
		{ { "LOST" }, OUTCOME_UNTRIED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct talk t;

		talk_start(&t, 1, TLS_OFF, TEXT);
		PLAY(&t, PIPE, "SEND", MAIL1, "C: RCPT TO:<r1@x.test>", "C: DATA", "SENT");
		for (size_t k = 0; k < 6 && rows[i].at[k] != NULL; k++) {
			const char *const one[] = { rows[i].at[k], NULL };

			buf_clear(&t.out);
			talk_play(&t, (const char *const[]){ NULL });
			if (strncmp(one[0], "S: ", 3) == 0)
				talk_server(&t, one[0] + 3);
			else
				talk_play(&t, one);
			/* The body may be there by now. */
			buf_clear(&t.out);
		}
		if (smtp_client_state(t.c) != SMTP_CLOSED)
			fail_msg("row %zu: state %s", i, smtp_state_name(smtp_client_state(t.c)));
		if (outcome_of(smtp_client_verdict(t.c, 0), NULL).rcpt != rows[i].want)
			fail_msg("row %zu: %s", i,
			    outcome_name(outcome_of(smtp_client_verdict(t.c, 0), NULL).rcpt));
		assert_true(smtp_client_over(t.c));
		talk_end(&t);
	}
}

/* A reply to nothing, between two messages. */
static void
test_unasked(void **state)
{
	struct talk t;

	(void)state;
	talk_start(&t, 1, TLS_OFF, TEXT);
	PLAY(&t, PIPE, "S: 250 for nothing");
	assert_int_equal(SMTP_CLOSED, smtp_client_state(t.c));
	assert_int_equal(SMTP_EV_BROKEN, smtp_client_end(t.c)->event);
	talk_end(&t);
}

/* The connection ends after each step of whole dialogues: nobody is delivered by it, nobody forgotten (P2, C3). */
static void
test_cut_everywhere(void **state)
{
	static const char *const dialogue[] = { "SEND", "SENT", "S: 250 ok", "S: 250 ok",
		"S: 550 5.1.1 no", "S: 354 go", "SENT", "S: 250 done", NULL };
	static const char *const chunked[] = { "SEND", "SENT", "S: 250 ok", "S: 250 ok",
		"S: 550 5.1.1 no", "SENT", "S: 250 done", NULL };
	const char *const *both[] = { dialogue, chunked };

	(void)state;
	for (size_t d = 0; d < 2; d++) {
		for (size_t cut = 1; both[d][cut] != NULL; cut++) {
			struct talk t;
			bool sent = false;

			talk_start(&t, 2, TLS_OFF, TEXT);
			if (d == 0)
				PLAY(&t, PIPE);
			else
				PLAY(&t, CHUNK);
			for (size_t k = 0; k < cut; k++) {
				const char *const one[] = { both[d][k], NULL };

				buf_clear(&t.out);
				if (strncmp(one[0], "S: ", 3) == 0) {
					talk_server(&t, one[0] + 3);
				} else if (strcmp(one[0], "SEND") == 0) {
					(void)smtp_client_send(t.c, &t.job, false);
				} else {
					(void)smtp_client_drained(t.c);
					sent = smtp_client_state(t.c) == SMTP_FINAL;
				}
			}
			(void)smtp_client_lost(t.c, SMTP_EV_LOST, "lost connection");
			assert_true(smtp_client_over(t.c));
			talk_expect(&t, 0, sent ? OUTCOME_UNSURE : OUTCOME_UNTRIED, 0);
			talk_end(&t);
		}
	}
}

static void
test_table(void **state)
{
	struct conf conf;

	(void)state;
	memset(&conf, 0, sizeof(conf));
	conf.smtp_connect_timeout = 1;
	conf.smtp_greeting_timeout = 2;
	conf.smtp_tls_timeout = 3;
	conf.smtp_mail_timeout = 4;
	conf.smtp_rcpt_timeout = 5;
	conf.smtp_data_timeout = 6;
	conf.smtp_block_timeout = 7;
	conf.smtp_final_timeout = 8;
	conf.smtp_quit_timeout = 9;
	assert_int_equal(1, smtp_state_timeout(SMTP_CONNECT, &conf));
	assert_int_equal(2, smtp_state_timeout(SMTP_EHLO, &conf));
	assert_int_equal(3, smtp_state_timeout(SMTP_TLS, &conf));
	assert_int_equal(4, smtp_state_timeout(SMTP_MAIL, &conf));
	assert_int_equal(5, smtp_state_timeout(SMTP_RCPT, &conf));
	assert_int_equal(6, smtp_state_timeout(SMTP_DATA, &conf));
	assert_int_equal(7, smtp_state_timeout(SMTP_BODY, &conf));
	assert_int_equal(8, smtp_state_timeout(SMTP_FINAL, &conf));
	assert_int_equal(9, smtp_state_timeout(SMTP_QUIT, &conf));
	for (int s = SMTP_CONNECT; s <= SMTP_CLOSED; s++) {
		assert_non_null(smtp_state_name((enum smtp_state)s));
		assert_non_null(smtp_state_words((enum smtp_state)s));
		assert_true(smtp_state_timeout((enum smtp_state)s, &conf) > 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_second_transaction),
		cmocka_unit_test(test_all_refused),
		cmocka_unit_test(test_bdat),
		cmocka_unit_test(test_large_body),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_does_not_fit),
		cmocka_unit_test(test_bad_replies),
		cmocka_unit_test(test_unasked),
		cmocka_unit_test(test_cut_everywhere),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests_name("smtp_client", tests, NULL, NULL);
}
