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

#include "queued/outcome.h"
#include "queued/smtp_client.h"

static const struct {
	enum smtp_event	 event;
	enum smtp_state	 phase;
	int		 code;
	const char	*dsn;
	unsigned	 accepted;
	struct outcome	 want;
} rows[] = {
	/* the message */
	{ SMTP_EV_REPLY, SMTP_FINAL, 250, "2.0.0", 0, { OUTCOME_DELIVERED, OUTCOME_GOOD } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 251, "", 0, { OUTCOME_DELIVERED, OUTCOME_GOOD } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 451, "", 0, { OUTCOME_RETRY, OUTCOME_SOFT } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 452, "4.3.1", 0, { OUTCOME_RETRY, OUTCOME_SOFT } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 554, "5.7.1", 0, { OUTCOME_QUARANTINE, OUTCOME_ALIVE } },
	{ SMTP_EV_REPLY, SMTP_FINAL, 421, "4.3.2", 0, { OUTCOME_UNTRIED, OUTCOME_BUSY } },
	{ SMTP_EV_LOST, SMTP_FINAL, 0, "", 0, { OUTCOME_UNSURE, OUTCOME_DEAD } },
	{ SMTP_EV_TIMEOUT, SMTP_FINAL, 0, "", 0, { OUTCOME_UNSURE, OUTCOME_DEAD } },
	{ SMTP_EV_BROKEN, SMTP_FINAL, 0, "", 0, { OUTCOME_UNSURE, OUTCOME_DEAD } },
	/* a recipient */
	{ SMTP_EV_REPLY, SMTP_RCPT, 450, "4.2.0", 0, { OUTCOME_RETRY, OUTCOME_ALIVE } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 550, "5.1.1", 0, { OUTCOME_QUARANTINE, OUTCOME_ALIVE } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 452, "4.5.3", 0, { OUTCOME_RETRY, OUTCOME_ALIVE } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 452, "4.5.3", 1, { OUTCOME_RETRY_NOW, OUTCOME_ALIVE } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 452, "", 1, { OUTCOME_RETRY_NOW, OUTCOME_ALIVE } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 452, "4.2.2", 1, { OUTCOME_RETRY, OUTCOME_ALIVE } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 452, "4.3.1", 1, { OUTCOME_RETRY, OUTCOME_SOFT } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 552, "", 1, { OUTCOME_RETRY_NOW, OUTCOME_ALIVE } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 552, "", 0, { OUTCOME_QUARANTINE, OUTCOME_ALIVE } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 552, "5.2.2", 1, { OUTCOME_QUARANTINE, OUTCOME_ALIVE } },
	{ SMTP_EV_REPLY, SMTP_RCPT, 421, "", 3, { OUTCOME_UNTRIED, OUTCOME_BUSY } },
	/* the sender, DATA */
	{ SMTP_EV_REPLY, SMTP_MAIL, 452, "4.3.1", 0, { OUTCOME_RETRY, OUTCOME_SOFT } },
	{ SMTP_EV_REPLY, SMTP_MAIL, 550, "5.7.1", 0, { OUTCOME_QUARANTINE, OUTCOME_ALIVE } },
	{ SMTP_EV_REPLY, SMTP_MAIL, 530, "5.7.0", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_REPLY, SMTP_DATA, 451, "", 0, { OUTCOME_RETRY, OUTCOME_SOFT } },
	{ SMTP_EV_REPLY, SMTP_DATA, 554, "", 0, { OUTCOME_QUARANTINE, OUTCOME_ALIVE } },
	{ SMTP_EV_LOCAL, SMTP_MAIL, 550, "5.6.7", 0, { OUTCOME_QUARANTINE, OUTCOME_ALIVE } },
	{ SMTP_EV_LOCAL, SMTP_MAIL, 552, "5.3.4", 0, { OUTCOME_QUARANTINE, OUTCOME_ALIVE } },
	{ SMTP_EV_FAULT, SMTP_BODY, 0, "", 0, { OUTCOME_RETRY, OUTCOME_ALIVE } },
	/* the connection */
	{ SMTP_EV_CONNECT, SMTP_CONNECT, 0, "", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_TIMEOUT, SMTP_CONNECT, 0, "", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_TIMEOUT, SMTP_GREETING, 0, "", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_REPLY, SMTP_GREETING, 554, "", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_REPLY, SMTP_GREETING, 450, "", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_REPLY, SMTP_GREETING, 250, "", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_REPLY, SMTP_GREETING, 421, "", 0, { OUTCOME_UNTRIED, OUTCOME_BUSY } },
	{ SMTP_EV_REPLY, SMTP_HELO, 501, "", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_REPLY, SMTP_STARTTLS, 454, "", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_TLS, SMTP_TLS, 0, "4.7.5", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_LOST, SMTP_MAIL, 0, "", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_LOST, SMTP_BODY, 0, "", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_TIMEOUT, SMTP_DATA, 0, "", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_BROKEN, SMTP_RCPT, 0, "", 0, { OUTCOME_UNTRIED, OUTCOME_DEAD } },
	{ SMTP_EV_LOST, SMTP_READY, 0, "", 0, { OUTCOME_UNTRIED, OUTCOME_ALIVE } },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct smtp_verdict v = { .event = rows[i].event, .phase = rows[i].phase,
		    .code = rows[i].code, .accepted = rows[i].accepted };
		struct outcome got;

		(void)snprintf(v.dsn, sizeof(v.dsn), "%s", rows[i].dsn);
		got = outcome_of(&v, NULL);
		if (got.rcpt != rows[i].want.rcpt || got.dest != rows[i].want.dest)
			fail_msg("row %zu (%s %d): %s, dest %d", i, smtp_state_name(v.phase),
			    v.code, outcome_name(got.rcpt), (int)got.dest);
	}
}

/* Every verdict has an outcome, and nothing but a 2xx to the whole message is a delivery (P2). */
static void
test_total(void **state)
{
	(void)state;
	for (int event = SMTP_EV_REPLY; event <= SMTP_EV_FAULT; event++)
		for (int phase = SMTP_CONNECT; phase <= SMTP_CLOSED; phase++)
			for (int code = event == SMTP_EV_REPLY ? 200 : 0;
			    code <= (event == SMTP_EV_REPLY ? 599 : 0); code++) {
				struct smtp_verdict v = { .event = (enum smtp_event)event,
				    .phase = (enum smtp_state)phase, .code = code };
				struct outcome o = outcome_of(&v, NULL);

				if (o.rcpt == OUTCOME_DELIVERED)
					assert_true(event == SMTP_EV_REPLY && phase == SMTP_FINAL &&
					    code / 100 == 2);
				/* Nothing is lost for a refusal: 5xx is set aside, 4xx waits. */
				if (event == SMTP_EV_REPLY && code / 100 == 4)
					assert_true(o.rcpt == OUTCOME_RETRY || o.rcpt == OUTCOME_UNTRIED);
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_total),
	};

	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
