/*
 * smtp_talk.c -- scripted dialogues with the SMTP client machine.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/smtp_talk.h"

#include <string.h>

static void
start(struct talk *t, size_t nrcpt, enum rules_tls tls, enum rules_client client, const char *body)
{
	static char sender[] = "a@example.org";
	static char addresses[MAX_RCPT][16] = { "r1@x.test", "r2@x.test", "r3@x.test", "r4@x.test" };

	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < nrcpt; i++)
		t->rcpt[i].rcpt.address = addresses[i];
	t->job.rcpt = t->rcpt;
	t->job.nrcpt = nrcpt;
	t->job.env.sender = sender;
	t->job.size = strlen(body);
	memcpy(t->body, body, strlen(body) + 1);
	t->job.body = t->body;
	t->c = smtp_client_new(&(struct smtp_client_options){ "mx2.test", tls, client }, &t->out);
	(void)smtp_client_connected(t->c);
}

void
talk_start(struct talk *t, size_t nrcpt, enum rules_tls tls, const char *body)
{
	start(t, nrcpt, tls, CLIENT_XFORWARD, body);
}

void
talk_start_for(struct talk *t, enum rules_client client, const char *body)
{
	start(t, 1, TLS_OFF, client, body);
}

void
talk_end(struct talk *t)
{
	smtp_client_free(&t->c);
	wire_reply_free(&t->reply);
	buf_free(&t->out);
}

/* The server's line; the holder is told that everything written is gone first. */
void
talk_server(struct talk *t, const char *line)
{
	const char *why = "";

	switch (wire_reply_line(&t->reply, line, strlen(line), &why)) {
	case WIRE_REPLY_MORE:
		break;
	case WIRE_REPLY_DONE:
		(void)smtp_client_reply(t->c, &t->reply);
		break;
	case WIRE_REPLY_BAD:
		(void)smtp_client_lost(t->c, SMTP_EV_BROKEN, why);
		break;
	}
}

static void
client_said(struct talk *t, const char *line)
{
	size_t len = strlen(line);

	if (t->out.len < len + 2 || memcmp(t->out.data, line, len) != 0 ||
	    memcmp(t->out.data + len, "\r\n", 2) != 0)
		fail_msg("expected \"%s\", the client said \"%s\"", line, buf_str(&t->out));
	buf_drop(&t->out, len + 2);
}

/* The scripts are lists of strings, NULL at the end. */
void
talk_play(struct talk *t, const char *const *script)
{
	for (; *script != NULL; script++) {
		const char *s = *script;

		if (strncmp(s, "S: ", 3) == 0) {
			if (t->out.len > 0)
				fail_msg("unexpected from the client: \"%s\"", buf_str(&t->out));
			talk_server(t, s + 3);
		} else if (strncmp(s, "C: ", 3) == 0) {
			client_said(t, s + 3);
		} else if (strcmp(s, "SENT") == 0) {
			(void)smtp_client_drained(t->c);
		} else if (strcmp(s, "SEND") == 0) {
			assert_int_equal(SMTP_READY, smtp_client_state(t->c));
			(void)smtp_client_send(t->c, &t->job, t->mark);
		} else if (strcmp(s, "QUIT") == 0) {
			(void)smtp_client_quit(t->c);
		} else if (strcmp(s, "LOST") == 0) {
			(void)smtp_client_lost(t->c, SMTP_EV_LOST, "lost connection");
		} else if (strcmp(s, "TLS") == 0) {
			assert_int_equal(SMTP_TLS, smtp_client_state(t->c));
			(void)smtp_client_tls(t->c, true, NULL);
		} else if (strcmp(s, "NOTLS") == 0) {
			(void)smtp_client_tls(t->c, false, "handshake failure");
		} else {
			fail_msg("bad script line %s", s);
		}
	}
	if (t->out.len > 0)
		fail_msg("more from the client: \"%s\"", buf_str(&t->out));
}

void
talk_expect(struct talk *t, size_t i, enum outcome_rcpt want, int code)
{
	const struct smtp_verdict *v = smtp_client_verdict(t->c, i);
	struct outcome o;

	assert_int_not_equal(SMTP_EV_NONE, v->event);
	o = outcome_of(v, NULL);
	if (o.rcpt != want || v->code != code)
		fail_msg("recipient %zu: %s %d (%s), wanted %s %d", i, outcome_name(o.rcpt), v->code,
		    v->text, outcome_name(want), code);
}
