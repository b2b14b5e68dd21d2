/*
 * t_outcome.c -- what each answer of a primary means, row by row.
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

#include "common/envelope.h"
#include "queued/outcome.h"
#include "queued/smtp_client.h"

#define T	0x1u
#define K	0x2u
#define R	0x4u
#define B	0x8u

static const struct {
	enum smtp_event	 event;
	enum smtp_state	 phase;
	int		 code;
	const char	*dsn;
	unsigned	 accepted;
	unsigned	 facts;
	struct outcome	 want;
} rows[] = {
	/* the message */
	{ SMTP_EV_REPLY, SMTP_FINAL, 250, "2.0.0", 0, 0,
	    { OUTCOME_DELIVERED, OUTCOME_GOOD, false } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 251, "", 0, 0, { OUTCOME_DELIVERED, OUTCOME_GOOD, false } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 451, "", 0, 0, { OUTCOME_RETRY, OUTCOME_SOFT, false } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 452, "4.3.1", 0, 0, { OUTCOME_RETRY, OUTCOME_SOFT, false } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 554, "5.7.1", 0, 0,
	    { OUTCOME_QUARANTINE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 421, "4.3.2", 0, 0, { OUTCOME_UNTRIED, OUTCOME_BUSY, false } },
	{ SMTP_EV_LOST, SMTP_FINAL, 0, "", 0, 0, { OUTCOME_UNSURE, OUTCOME_DEAD, false } },
	{ SMTP_EV_TIMEOUT, SMTP_FINAL, 0, "", 0, 0, { OUTCOME_UNSURE, OUTCOME_DEAD, false } },
	{ SMTP_EV_BROKEN, SMTP_FINAL, 0, "", 0, 0, { OUTCOME_UNSURE, OUTCOME_DEAD, false } },
	/* a recipient */
	{ SMTP_EV_REPLY, SMTP_RCPT, 450, "4.2.0", 0, 0, { OUTCOME_RETRY, OUTCOME_ALIVE, false } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 550, "5.1.1", 0, 0,
	    { OUTCOME_QUARANTINE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 452, "4.5.3", 0, 0, { OUTCOME_RETRY, OUTCOME_ALIVE, false } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 452, "4.5.3", 1, 0,
	    { OUTCOME_RETRY_NOW, OUTCOME_ALIVE, false } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 452, "", 1, 0, { OUTCOME_RETRY_NOW, OUTCOME_ALIVE, false } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 452, "4.2.2", 1, 0, { OUTCOME_RETRY, OUTCOME_ALIVE, false } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 452, "4.3.1", 1, 0, { OUTCOME_RETRY, OUTCOME_SOFT, false } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 552, "", 1, 0, { OUTCOME_RETRY_NOW, OUTCOME_ALIVE, false } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 552, "", 0, 0, { OUTCOME_QUARANTINE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 552, "5.2.2", 1, 0,
	    { OUTCOME_QUARANTINE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 421, "", 3, 0, { OUTCOME_UNTRIED, OUTCOME_BUSY, false } },
	/* the sender, DATA */
	{ SMTP_EV_REPLY, SMTP_MAIL, 452, "4.3.1", 0, 0, { OUTCOME_RETRY, OUTCOME_SOFT, false } },
	{ SMTP_EV_REPLY, SMTP_MAIL, 550, "5.7.1", 0, 0,
	    { OUTCOME_QUARANTINE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_MAIL, 530, "5.7.0", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_REPLY, SMTP_DATA, 451, "", 0, 0, { OUTCOME_RETRY, OUTCOME_SOFT, false } },
	{ SMTP_EV_REPLY, SMTP_DATA, 554, "", 0, 0, { OUTCOME_QUARANTINE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_LOCAL, SMTP_MAIL, 550, "5.6.7", 0, 0,
	    { OUTCOME_QUARANTINE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_LOCAL, SMTP_MAIL, 552, "5.3.4", 0, 0,
	    { OUTCOME_QUARANTINE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_FAULT, SMTP_BODY, 0, "", 0, 0, { OUTCOME_RETRY, OUTCOME_ALIVE, false } },
	/* the connection */
	{ SMTP_EV_CONNECT, SMTP_CONNECT, 0, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_TIMEOUT, SMTP_CONNECT, 0, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_TIMEOUT, SMTP_GREETING, 0, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_REPLY, SMTP_GREETING, 554, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_REPLY, SMTP_GREETING, 450, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_REPLY, SMTP_GREETING, 250, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_REPLY, SMTP_GREETING, 421, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_BUSY, false } },
	{ SMTP_EV_REPLY, SMTP_HELO, 501, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_REPLY, SMTP_STARTTLS, 454, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_TLS, SMTP_TLS, 0, "4.7.5", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_LOST, SMTP_MAIL, 0, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_LOST, SMTP_BODY, 0, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_TIMEOUT, SMTP_DATA, 0, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_BROKEN, SMTP_RCPT, 0, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_LOST, SMTP_READY, 0, "", 0, 0, { OUTCOME_UNTRIED, OUTCOME_ALIVE, false } },
	/* 5xx and what is known beside it; T: on trial, K: on the list, R: refused before, B: may bounce */
	{ SMTP_EV_REPLY, SMTP_RCPT, 550, "5.1.1", 0, T, { OUTCOME_HOLD, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 550, "5.1.1", 0, T | K | R | B,
	    { OUTCOME_HOLD, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_MAIL, 550, "5.7.1", 0, T | B, { OUTCOME_HOLD, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 554, "5.7.1", 0, T | B, { OUTCOME_HOLD, OUTCOME_ALIVE, true } },
	{ SMTP_EV_LOCAL, SMTP_MAIL, 552, "5.3.4", 0, T | B, { OUTCOME_HOLD, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 450, "4.2.0", 0, T | B, { OUTCOME_RETRY, OUTCOME_ALIVE, false } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 250, "2.0.0", 0, T, { OUTCOME_DELIVERED, OUTCOME_GOOD, false } },
	{ SMTP_EV_REPLY, SMTP_MAIL, 530, "5.7.0", 0, T | B,
	    { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 552, "", 1, T | B,
	    { OUTCOME_RETRY_NOW, OUTCOME_ALIVE, false } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 550, "5.1.1", 0, K | B, { OUTCOME_RETRY, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 550, "", 0, K, { OUTCOME_RETRY, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 551, "5.7.0", 0, K, { OUTCOME_RETRY, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 553, "", 0, K, { OUTCOME_RETRY, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 554, "5.7.1", 0, K, { OUTCOME_RETRY, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 501, "5.1.3", 0, K, { OUTCOME_RETRY, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 501, "5.5.4", 0, K,
	    { OUTCOME_QUARANTINE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 552, "5.2.2", 0, K | B,
	    { OUTCOME_BOUNCE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 550, "5.1.1", 0, K | R | B,
	    { OUTCOME_BOUNCE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 550, "5.1.1", 0, K | R,
	    { OUTCOME_QUARANTINE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 550, "5.1.1", 0, B, { OUTCOME_BOUNCE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_MAIL, 550, "5.7.1", 0, K | B,
	    { OUTCOME_BOUNCE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 554, "5.7.1", 0, B, { OUTCOME_BOUNCE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_LOCAL, SMTP_MAIL, 552, "5.3.4", 0, B, { OUTCOME_BOUNCE, OUTCOME_ALIVE, true } },
	{ SMTP_EV_FAULT, SMTP_BODY, 0, "", 0, B, { OUTCOME_RETRY, OUTCOME_ALIVE, false } },
	{ SMTP_EV_LOST, SMTP_FINAL, 0, "", 0, T | B, { OUTCOME_UNSURE, OUTCOME_DEAD, false } },
	{ SMTP_EV_REPLY, SMTP_XEHLO, 554, "5.7.1", 0, T | B,
	    { OUTCOME_HOLD, OUTCOME_ALIVE, true } },
	{ SMTP_EV_REPLY, SMTP_XCLIENT, 421, "", 0, T | B,
	    { OUTCOME_RETRY, OUTCOME_SOFT, false } },
	{ SMTP_EV_REPLY, SMTP_GREETING, 554, "", 0, K | B,
	    { OUTCOME_UNTRIED, OUTCOME_DEAD, false } },
};

static struct outcome_facts
facts_of(unsigned bits)
{
	return (struct outcome_facts){ .trial = (bits & T) != 0, .known = (bits & K) != 0,
	    .refused = (bits & R) != 0, .may_bounce = (bits & B) != 0 };
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct smtp_verdict v = { .event = rows[i].event, .phase = rows[i].phase,
		    .code = rows[i].code, .accepted = rows[i].accepted };
		struct outcome_facts facts = facts_of(rows[i].facts);
		struct outcome got;

		(void)snprintf(v.dsn, sizeof(v.dsn), "%s", rows[i].dsn);
		got = outcome_of(&v, rows[i].facts != 0 ? &facts : NULL);
		if (got.rcpt != rows[i].want.rcpt || got.dest != rows[i].want.dest ||
		    got.refusal != rows[i].want.refusal)
			fail_msg("row %zu (%s %d): %s, dest %d, refusal %d", i,
			    smtp_state_name(v.phase), v.code, outcome_name(got.rcpt),
			    (int)got.dest, got.refusal);
	}
}

/* What must hold whatever the reply and whatever is known. */
static void
check_promises(const struct smtp_verdict *v, const struct outcome_facts *f, struct outcome o)
{
	bool reply = v->event == SMTP_EV_REPLY;

	/* P2: nothing but a 2xx to the whole message is a delivery. */
	if (o.rcpt == OUTCOME_DELIVERED)
		assert_true(reply && v->phase == SMTP_FINAL && v->code / 100 == 2);
	/* Nothing is lost for a refusal: 5xx is set aside, 4xx waits. */
	if (reply && v->code / 100 == 4)
		assert_true(o.rcpt == OUTCOME_RETRY || o.rcpt == OUTCOME_UNTRIED);
	/* P5, P3: a bounce needs leave, a refusal, and a primary that is believed. */
	if (o.rcpt == OUTCOME_BOUNCE)
		assert_true(f->may_bounce && !f->trial && o.refusal &&
		    (v->event == SMTP_EV_LOCAL || v->code / 100 == 5));
	/* The guard: on trial nothing is put aside for a reply. */
	if (f->trial)
		assert_true(o.rcpt != OUTCOME_QUARANTINE && o.rcpt != OUTCOME_BOUNCE);
	assert_int_equal(o.refusal, o.rcpt == OUTCOME_BOUNCE || o.rcpt == OUTCOME_QUARANTINE ||
	    o.rcpt == OUTCOME_HOLD || (o.rcpt == OUTCOME_RETRY && v->code / 100 == 5));
}

/* Every verdict has an outcome. */
static void
test_total(void **state)
{
	(void)state;
	for (int event = SMTP_EV_REPLY; event <= SMTP_EV_FAULT; event++)
		for (int phase = SMTP_CONNECT; phase <= SMTP_CLOSED; phase++)
			for (int code = event == SMTP_EV_REPLY ? 200 : 0;
			    code <= (event == SMTP_EV_REPLY ? 599 : 0); code++)
				for (unsigned bits = 0; bits < 16; bits++) {
					struct smtp_verdict v = { .event = (enum smtp_event)event,
					    .phase = (enum smtp_state)phase, .code = code };
					struct outcome_facts facts = facts_of(bits);

					check_promises(&v, &facts, outcome_of(&v, &facts));
				}
}

/* Who may be written to (P5, RFC 3461 4.1). */
static void
test_may_notify(void **state)
{
	static const struct {
		const char	*spf, *sender, *rcpt, *route;
		unsigned	 notify, what;
		bool		 allowed, want;
	} cases[] = {
		{ "pass", "a@x.test", "b@y.test", NULL, 0, NOTIFY_FAILURE, true, true },
		{ "pass", "a@x.test", "b@y.test", NULL, 0, NOTIFY_DELAY, true, true },
		{ "pass", "a@x.test", "b@y.test", NULL, 0, NOTIFY_SUCCESS, true, false },
		{ "pass", "a@x.test", "b@y.test", NULL, NOTIFY_SUCCESS, NOTIFY_SUCCESS, true, true },
		{ "pass", "a@x.test", "b@y.test", NULL, NOTIFY_SUCCESS, NOTIFY_FAILURE, true, false },
		{ "pass", "a@x.test", "b@y.test", NULL, NOTIFY_NEVER, NOTIFY_FAILURE, true, false },
		{ "pass", "a@x.test", "b@y.test", NULL, NOTIFY_FAILURE, NOTIFY_DELAY, true, false },
		{ "pass", "a@x.test", "b@y.test", NULL, NOTIFY_FAILURE | NOTIFY_DELAY, NOTIFY_DELAY,
		    true, true },
		{ "pass", "a@x.test", "b@y.test", NULL, NOTIFY_FAILURE, NOTIFY_FAILURE, false, false },
		{ "pass", "", "b@y.test", NULL, NOTIFY_FAILURE, NOTIFY_FAILURE, true, false },
		{ "pass", NULL, "b@y.test", NULL, 0, NOTIFY_FAILURE, true, false },
		{ "fail", "a@x.test", "b@y.test", NULL, NOTIFY_FAILURE, NOTIFY_FAILURE, true, false },
		{ "softfail", "a@x.test", "b@y.test", NULL, 0, NOTIFY_FAILURE, true, false },
		{ "neutral", "a@x.test", "b@y.test", NULL, 0, NOTIFY_FAILURE, true, false },
		{ "none", "a@x.test", "b@y.test", NULL, 0, NOTIFY_FAILURE, true, false },
		{ "passed", "a@x.test", "b@y.test", NULL, 0, NOTIFY_FAILURE, true, false },
		{ NULL, "a@x.test", "b@y.test", NULL, 0, NOTIFY_FAILURE, true, false },
		{ "pass", "a@x.test", "b@y.test", ENVELOPE_RELAY, 0, NOTIFY_FAILURE, true, false },
		{ "pass", "MAILER-DAEMON@MX2.test", "b@y.test", NULL, 0, NOTIFY_FAILURE, true, false },
		{ "pass", "mailer-daemon@x.test", "b@y.test", NULL, 0, NOTIFY_FAILURE, true, true },
		{ "pass", "b@Y.test", "b@y.test", NULL, 0, NOTIFY_FAILURE, true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct envelope env = { .sender = xstrdup(cases[i].sender),
		    .spf = xstrdup(cases[i].spf), .route = xstrdup(cases[i].route) };
		struct rcpt rcpt = { .address = xstrdup(cases[i].rcpt), .notify = cases[i].notify };

		if (outcome_may_notify(&env, &rcpt, cases[i].what, cases[i].allowed,
		    "mx2.test") != cases[i].want)
			fail_msg("case %zu", i);
		rcpt_clear(&rcpt);
		envelope_clear(&env);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_total),
		cmocka_unit_test(test_may_notify),
	};

	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
