/*
 * smtp_verdict.c -- what a peer said, and to whom it applies.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "queued/smtp_machine.h"

void
smtp_verdict_clear(struct smtp_verdict *v)
{
	free(v->text);
	memset(v, 0, sizeof(*v));
}

void
smtp_verdict_set(struct smtp_verdict *v, enum smtp_event event, enum smtp_state phase, int code,
    const char *dsn, const char *text)
{
	size_t n = strlen(dsn);

	smtp_verdict_clear(v);
	v->event = event;
	v->phase = phase;
	v->code = code;
	assert(n < sizeof(v->dsn));
	memcpy(v->dsn, dsn, n + 1);
	v->text = xstrdup(text);
}

void
smtp_verdict_reply(struct smtp_verdict *v, enum smtp_state phase, const struct wire_reply *r)
{
	smtp_verdict_set(v, SMTP_EV_REPLY, phase, r->code, r->dsn, buf_str(&r->text));
}

void
smtp_settle_rest(struct smtp_client *c, enum smtp_event event, enum smtp_state phase, int code,
    const char *dsn, const char *text)
{
	for (size_t i = 0; i < c->nrcpt; i++)
		if (c->todo[i] && c->verdict[i].event == SMTP_EV_NONE)
			smtp_verdict_set(&c->verdict[i], event, phase, code, dsn, text);
}

void
smtp_settle_rest_reply(struct smtp_client *c, enum smtp_state phase, const struct wire_reply *r)
{
	smtp_settle_rest(c, SMTP_EV_REPLY, phase, r->code, r->dsn, buf_str(&r->text));
}

enum smtp_state
smtp_fail(struct smtp_client *c, enum smtp_event event, int code, const char *dsn, const char *text)
{
	enum smtp_state phase = c->state;

	smtp_verdict_set(&c->end, event, phase, code, dsn, text);
	smtp_settle_rest(c, event, phase, code, dsn, text);
	return SMTP_CLOSED;
}

enum smtp_state
smtp_fail_reply(struct smtp_client *c, const struct wire_reply *r)
{
	return smtp_fail(c, SMTP_EV_REPLY, r->code, r->dsn, buf_str(&r->text));
}

enum smtp_state
smtp_broken(struct smtp_client *c, const char *what, const struct wire_reply *r)
{
	char *why = xasprintf("%s: %d %.200s", what, r->code, buf_str(&r->text));

	(void)smtp_fail(c, SMTP_EV_BROKEN, 0, "", why);
	free(why);
	return SMTP_CLOSED;
}
