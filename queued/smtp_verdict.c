/*
 * smtp_verdict.c -- filling in what a peer said.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/smtp_verdict.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

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
