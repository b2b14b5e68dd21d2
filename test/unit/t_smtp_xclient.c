/*
 * t_smtp_xclient.c -- who the client was: XCLIENT, XFORWARD, or nothing; and the header that marks
 * a message.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/smtp_talk.h"

#include <stdio.h>
#include <string.h>

#define ALL		"NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT"
#define OFFER		"S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250 XCLIENT " ALL
#define OFFERED		"S: 250-p", "S: 250 XCLIENT " ALL
#define RCPT1		"C: RCPT TO:<r1@x.test>"
#define MESSAGE		MAIL1, "S: 250 ok", RCPT1, "S: 250 ok", "C: DATA", "S: 354 go", BODY, "SENT", "S: 250 ok"
#define XCLIENT_ANN	"C: XCLIENT NAME=ann.test ADDR=192.0.2.1 PORT=4711 PROTO=ESMTP HELO=ann.test"
#define XCLIENT_BOB	"C: XCLIENT NAME=[UNAVAILABLE] ADDR=IPv6:2001:db8::2 PORT=[UNAVAILABLE] " \
			"PROTO=SMTP HELO=bob+20x"
#define XCLIENT_NOBODY	"C: XCLIENT NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE] " \
			"HELO=[UNAVAILABLE]"

static char ann_name[] = "ann.test", ann_addr[] = "192.0.2.1", ann_port[] = "4711";
static char bob_name[] = "[192.0.2.2]", bob_addr[] = "IPv6:2001:db8::2", bob_helo[] = "bob x";
static char esmtp[] = "ESMTP", smtp[] = "SMTP";
static const struct client_info ann = {
	.name = ann_name, .addr = ann_addr, .port = ann_port, .proto = esmtp, .helo = ann_name
};
static const struct client_info bob = {
	.name = bob_name, .addr = bob_addr, .proto = smtp, .helo = bob_helo
};
static const struct client_info nobody;

static void
start(struct talk *t, const struct client_info *client)
{
	talk_start_for(t, CLIENT_XCLIENT, TEXT);
	t->job.env.client = *client;
}

static void
state_is(struct talk *t, enum smtp_state want)
{
	if (smtp_client_state(t->c) != want)
		fail_msg("state %s, wanted %s", smtp_state_name(smtp_client_state(t->c)),
		    smtp_state_name(want));
}

/* One connection, a client each message: XCLIENT where it changed, and nowhere else. */
static void
test_reuse(void **state)
{
	struct talk t;

	(void)state;
	start(&t, &ann);
	PLAY(&t, OFFER, "SEND", XCLIENT_ANN, "S: 220 p", "C: EHLO ann.test", OFFERED, MESSAGE);
	talk_expect(&t, 0, OUTCOME_DELIVERED, 250);
	PLAY(&t, "SEND", MESSAGE);
	t.job.env.client = bob;
	assert_true(smtp_client_suits(t.c, &t.job));
	PLAY(&t, "SEND", XCLIENT_BOB, "S: 220 p", "C: EHLO bob?x", OFFERED, MESSAGE, "SEND", MESSAGE);
	/* nothing known of this one's client: the last one's must not stick to it */
	t.job.env.client = nobody;
	PLAY(&t, "SEND", XCLIENT_NOBODY, "S: 220 p", "C: EHLO mx2.test", OFFERED, MESSAGE);
	t.job.env.client = ann;
	PLAY(&t, "SEND", XCLIENT_ANN, "S: 220 p", "C: EHLO ann.test", OFFERED, MESSAGE, "QUIT", "C: QUIT",
	    "S: 221 bye");
	assert_null(smtp_client_no_xclient(t.c));
	assert_int_equal(SMTP_EV_NONE, smtp_client_end(t.c)->event);
	talk_end(&t);

	/* a message of ours over a connection of ours is ours */
	start(&t, &nobody);
	PLAY(&t, OFFER, "SEND", MESSAGE);
	talk_end(&t);
}

/* Only what the server lists is said; XFORWARD has nothing to add then. */
static void
test_offers(void **state)
{
	struct talk t;

	(void)state;
	start(&t, &ann);
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250-XFORWARD NAME ADDR", "S: 250 XCLIENT ADDR NAME",
	    "SEND", "C: XCLIENT NAME=ann.test ADDR=192.0.2.1", "S: 220 p", "C: EHLO ann.test", "S: 250-p",
	    "S: 250 XFORWARD NAME ADDR", MESSAGE);
	talk_end(&t);
	/* the extensions are those of the second EHLO */
	start(&t, &ann);
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250-SIZE 1", "S: 250-CHUNKING",
	    "S: 250 XCLIENT ADDR", "SEND", "C: XCLIENT ADDR=192.0.2.1", "S: 220 p", "C: EHLO ann.test",
	    "S: 250-p", "S: 250 PIPELINING", MAIL1, RCPT1, "C: DATA");
	talk_end(&t);
	/* not offered, or nothing that we know: XFORWARD, and the operator hears why */
	start(&t, &ann);
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250-XCLIENT NAME LOGIN", "S: 250 XFORWARD ADDR PORT", "SEND",
	    "C: XFORWARD ADDR=192.0.2.1 PORT=4711", "S: 250 ok", MESSAGE);
	assert_string_equal("the server does not offer XCLIENT with ADDR", smtp_client_no_xclient(t.c));
	talk_end(&t);
	/* the route does not want it */
	talk_start_for(&t, CLIENT_NONE, TEXT);
	t.job.env.client = ann;
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250-XFORWARD NAME ADDR", "S: 250 XCLIENT ADDR NAME",
	    "SEND", MESSAGE);
	talk_end(&t);
	talk_start_for(&t, CLIENT_XFORWARD, TEXT);
	t.job.env.client = ann;
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250-XFORWARD NAME ADDR", "S: 250 XCLIENT ADDR NAME",
	    "SEND", "C: XFORWARD NAME=ann.test ADDR=192.0.2.1", "S: 250 ok", MESSAGE);
	assert_null(smtp_client_no_xclient(t.c));
	talk_end(&t);
}

/* Postfix asks the new client for the right to XCLIENT: the connection is that client's to its end. */
static void
test_one_client(void **state)
{
	struct talk t;

	(void)state;
	start(&t, &ann);
	PLAY(&t, OFFER, "SEND", XCLIENT_ANN, "S: 220 p", "C: EHLO ann.test", "S: 250-p", "S: 250 8BITMIME", MESSAGE);
	assert_true(smtp_client_suits(t.c, &t.job));
	PLAY(&t, "SEND", MESSAGE);
	t.job.env.client = bob;
	assert_false(smtp_client_suits(t.c, &t.job));
	t.job.env.client = nobody;
	assert_false(smtp_client_suits(t.c, &t.job));
	PLAY(&t, "QUIT", "C: QUIT", "S: 221 bye");
	talk_end(&t);
}

/* What the answers mean, to the first client of a connection and to the second. */
static void
test_refusals(void **state)
{
	static const struct {
		const char	*answer;
		bool		 ehlo;		/* to EHLO, after 220 to XCLIENT */
		enum outcome_rcpt first, second;	/* OUTCOME_DELIVERED: goes on by XFORWARD */
		enum outcome_dest dest;
	} rows[] = {
		/* the command */
		{ "S: 501 5.5.4 Bad NAME syntax", false, OUTCOME_DELIVERED, OUTCOME_UNTRIED, OUTCOME_ALIVE },
		{ "S: 500 what", false, OUTCOME_DELIVERED, OUTCOME_UNTRIED, OUTCOME_ALIVE },
		{ "S: 550 5.7.0 insufficient", false, OUTCOME_DELIVERED, OUTCOME_UNTRIED, OUTCOME_ALIVE },
		/* the client */
		{ "S: 554 5.7.1 listed", false, OUTCOME_QUARANTINE, OUTCOME_QUARANTINE, OUTCOME_ALIVE },
		{ "S: 521 5.7.1 no", false, OUTCOME_QUARANTINE, OUTCOME_QUARANTINE, OUTCOME_ALIVE },
		{ "S: 450 4.7.25 no name", false, OUTCOME_RETRY, OUTCOME_RETRY, OUTCOME_ALIVE },
		{ "S: 451 4.3.0 ill", false, OUTCOME_RETRY, OUTCOME_RETRY, OUTCOME_SOFT },
		{ "S: 550 5.7.1 what a name", true, OUTCOME_QUARANTINE, OUTCOME_QUARANTINE, OUTCOME_ALIVE },
		{ "S: 450 4.7.1 not resolved", true, OUTCOME_RETRY, OUTCOME_RETRY, OUTCOME_ALIVE },
		/* too much of this client; of this connection */
		{ "S: 421 4.7.0 too much", false, OUTCOME_RETRY, OUTCOME_UNTRIED, OUTCOME_SOFT },
		{ "S: 421 4.7.0 too much", true, OUTCOME_RETRY, OUTCOME_UNTRIED, OUTCOME_SOFT },
		/* nonsense */
		{ "S: 250 fine", false, OUTCOME_UNTRIED, OUTCOME_UNTRIED, OUTCOME_DEAD },
		{ "S: 354 go", true, OUTCOME_UNTRIED, OUTCOME_UNTRIED, OUTCOME_DEAD },
		{ "S: 220 p", true, OUTCOME_UNTRIED, OUTCOME_UNTRIED, OUTCOME_DEAD },
		{ "S: 22", false, OUTCOME_UNTRIED, OUTCOME_UNTRIED, OUTCOME_DEAD },
		{ "LOST", false, OUTCOME_UNTRIED, OUTCOME_UNTRIED, OUTCOME_DEAD },
		{ "LOST", true, OUTCOME_UNTRIED, OUTCOME_UNTRIED, OUTCOME_DEAD },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const size_t row = i / 2;
		const bool second = i % 2 == 1;
		const enum outcome_rcpt want = second ? rows[row].second : rows[row].first;
		struct outcome o;
		struct talk t;

		start(&t, &ann);
		PLAY(&t, OFFER);
		if (second) {
			PLAY(&t, "SEND", XCLIENT_ANN, "S: 220 p", "C: EHLO ann.test", OFFERED, MESSAGE);
			t.job.env.client = bob;
		}
		PLAY(&t, "SEND", second ? XCLIENT_BOB : XCLIENT_ANN);
		if (rows[row].ehlo)
			PLAY(&t, "S: 220 p", second ? "C: EHLO bob?x" : "C: EHLO ann.test");
		if (want == OUTCOME_DELIVERED) {
			PLAY(&t, rows[row].answer, MESSAGE);
			assert_non_null(strstr(smtp_client_no_xclient(t.c), "refused XCLIENT"));
			/* said once is enough */
			t.job.env.client = bob;
			assert_true(smtp_client_suits(t.c, &t.job));
			PLAY(&t, "SEND", MESSAGE);
			talk_end(&t);
			continue;
		}
		PLAY(&t, rows[row].answer);
		state_is(&t, SMTP_CLOSED);
		assert_true(smtp_client_over(t.c));
		o = outcome_of(smtp_client_verdict(t.c, 0), NULL);
		if (o.rcpt != want)
			fail_msg("row %zu, client %d: %s", row, second + 1, outcome_name(o.rcpt));
		o = outcome_of(smtp_client_end(t.c), NULL);
		if (!second && o.dest != rows[row].dest)
			fail_msg("row %zu: destination %d", row, (int)o.dest);
		/* The second one's trouble is never the destination's, unless it talks nonsense. */
		if (second && rows[row].dest != OUTCOME_DEAD && o.dest == OUTCOME_DEAD)
			fail_msg("row %zu: dead by a second client", row);
		talk_end(&t);
	}
}

static void
test_xforward(void **state)
{
	struct talk t;

	(void)state;
	talk_start_for(&t, CLIENT_XFORWARD, TEXT);
	t.job.env.client = ann;
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250-PIPELINING",
	    "S: 250 XFORWARD NAME ADDR PROTO HELO", "SEND",
	    "C: XFORWARD NAME=ann.test ADDR=192.0.2.1 PROTO=ESMTP HELO=ann.test",
	    MAIL1, RCPT1, "C: DATA", "SENT",
	    /* a refusal of it is no reason to refuse mail */
	    "S: 501 no", "S: 250 ok", "S: 250 ok", "S: 354 go", BODY, "SENT", "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_DELIVERED, 250);
	/* each message's own; what is not known is said to be so */
	t.job.env.client = nobody;
	PLAY(&t, "SEND",
	    "C: XFORWARD NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PROTO=[UNAVAILABLE] HELO=[UNAVAILABLE]",
	    MAIL1, RCPT1, "C: DATA");
	talk_end(&t);
	/* offered without a single attribute: nothing to say */
	talk_start_for(&t, CLIENT_XFORWARD, TEXT);
	t.job.env.client = ann;
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250 XFORWARD", "SEND", MESSAGE);
	talk_end(&t);
}

/* The header goes first, the announced sizes count it, and the stored bytes follow untouched. */
static void
test_mark(void **state)
{
	static const char mark[] = "Holdfast-Delivery: 7FKQ2@mx2.test";
	char line[64];
	struct talk t;

	(void)state;
	assert_int_equal(33, strlen(mark));
	talk_start(&t, 1, TLS_OFF, TEXT);
	t.mark = true;
	strcpy(t.job.queue_id, "7FKQ2");
	(void)snprintf(line, sizeof(line), "C: %s", mark);
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250 SIZE 1000", "SEND", MAIL1 " SIZE=56",
	    "S: 250 ok", RCPT1, "S: 250 ok", "C: DATA", "S: 354 go", line, BODY, "SENT", "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_DELIVERED, 250);
	t.mark = false;
	PLAY(&t, "SEND", MAIL1 " SIZE=21", "S: 250 ok", RCPT1, "S: 250 ok", "C: DATA", "S: 354 go", BODY);
	talk_end(&t);

	talk_start(&t, 1, TLS_OFF, ".dot\r\n");
	t.mark = true;
	strcpy(t.job.queue_id, "7FKQ2");
	PLAY(&t, CHUNK, "SEND", MAIL1, RCPT1, "SENT", "S: 250 ok", "S: 250 ok", "C: BDAT 41 LAST", line, "C: .dot",
	    "SENT", "S: 250 ok");
	talk_end(&t);

	/* a large body comes in pieces */
	talk_start(&t, 1, TLS_OFF, "");
	t.mark = true;
	strcpy(t.job.queue_id, "7FKQ2");
	t.job.body = NULL;
	t.job.size = 6;
	PLAY(&t, CHUNK, "SEND", MAIL1, RCPT1, "SENT", "S: 250 ok", "S: 250 ok", "C: BDAT 41 LAST", line);
	(void)smtp_client_drained(t.c);
	state_is(&t, SMTP_BODY);
	(void)smtp_client_chunk(t.c, ".dot\r\n", 6, true);
	PLAY(&t, "C: .dot", "SENT", "S: 250 ok");
	talk_expect(&t, 0, OUTCOME_DELIVERED, 250);
	talk_end(&t);

	/* what fits by itself may not fit with it */
	talk_start(&t, 1, TLS_OFF, TEXT);
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250 SIZE 21", "SEND", MAIL1 " SIZE=21");
	talk_end(&t);
	talk_start(&t, 1, TLS_OFF, TEXT);
	t.mark = true;
	PLAY(&t, "S: 220 p", "C: EHLO mx2.test", "S: 250-p", "S: 250 SIZE 21", "SEND");
	talk_expect(&t, 0, OUTCOME_QUARANTINE, 552);
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_one_client),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_xforward),
		cmocka_unit_test(test_mark),
	};

	return cmocka_run_group_tests_name("smtp_xclient", tests, NULL, NULL);
}
