/*
 * smtp_transaction.c -- one message: from READY to READY.
 *
 * The invariants are named in smtp_client.c. enter() writes the command of a
 * state unless the group has gone out with it already.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "queued/smtp_machine.h"

/* --- writing ------------------------------------------------------------- */

/* Of what goes out, not of what is stored. */
static uint64_t
message_size(const struct smtp_client *c)
{
	return c->job->size + c->mark.len;
}

static void
put_mail(struct smtp_client *c)
{
	wire_format_mail(c->out, &c->job->env, c->ext, message_size(c));
	buf_puts(c->out, "\r\n");
}

static void
put_rcpt(struct smtp_client *c, size_t i)
{
	wire_format_rcpt(c->out, &c->job->rcpt[i].rcpt, c->ext);
	buf_puts(c->out, "\r\n");
}

/* The XFORWARD lines (one, or more for long values) that are not written yet. */
static void
put_xforward(struct smtp_client *c)
{
	const char *line = buf_str(&c->xforward), *end = strstr(line, "\r\n");

	assert(end != NULL);
	buf_put(c->out, line, (size_t)(end + 2 - line));
	buf_drop(&c->xforward, (size_t)(end + 2 - line));
}

void
smtp_put_content(struct smtp_client *c, const char *data, size_t len, bool last)
{
	if (c->bdat)
		buf_put(c->out, data, len);
	else
		wire_dot(&c->dot, data, len, c->out);
	if (!last)
		return;
	if (!c->bdat)
		wire_dot_end(&c->dot, c->out);
	c->framed = true;
}

/* A small body is framed at once; of a large one only the beginning. */
static void
put_body_start(struct smtp_client *c)
{
	const struct job *job = c->job;

	if (c->bdat)
		buf_printf(c->out, "BDAT %" PRIu64 " LAST\r\n", message_size(c));
	else
		wire_dot_init(&c->dot);
	if (c->mark.len > 0)
		smtp_put_content(c, c->mark.data, c->mark.len, false);
	if (job->body != NULL)
		smtp_put_content(c, job->body, (size_t)job->size, true);
}

static size_t
next_todo(const struct smtp_client *c, size_t from)
{
	while (from < c->nrcpt && (!c->todo[from] || c->verdict[from].event != SMTP_EV_NONE))
		from++;
	return from;
}

/* Enters a state of the transaction: writes its command unless the group has it already. */
static enum smtp_state
enter(struct smtp_client *c, enum smtp_state s)
{
	if (c->group)
		return s;
	switch (s) {
	case SMTP_XFORWARD:
		put_xforward(c);
		break;
	case SMTP_MAIL:
		put_mail(c);
		break;
	case SMTP_RCPT:
		put_rcpt(c, c->cur);
		break;
	case SMTP_DATA:
		smtp_put_line(c, "DATA");
		break;
	case SMTP_CONNECT: case SMTP_GREETING: case SMTP_EHLO: case SMTP_HELO:
	case SMTP_STARTTLS: case SMTP_TLS: case SMTP_READY: case SMTP_XCLIENT:
	case SMTP_XEHLO: case SMTP_BODY:
	case SMTP_FINAL: case SMTP_RSET: case SMTP_QUIT: case SMTP_CLOSED:
		abort();	/* not entered this way */
	}
	return s;
}

static enum smtp_state
reset(struct smtp_client *c)
{
	smtp_put_line(c, "RSET");
	return SMTP_RSET;
}

/* --- a transaction ------------------------------------------------------- */

static bool
has_8bit(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80)
			return true;
	return false;
}

/* RFC 6531 3.5: only what is not ASCII needs the extension, not the parameter by itself. */
static bool
needs_utf8(const struct job *job)
{
	const char *end;

	if (!job->env.smtputf8)
		return false;
	if (has_8bit(job->env.sender, strlen(job->env.sender)))
		return true;
	for (size_t i = 0; i < job->nrcpt; i++)
		if (has_8bit(job->rcpt[i].rcpt.address, strlen(job->rcpt[i].rcpt.address)))
			return true;
	if (job->body == NULL)
		return true;		/* header not seen: assume so */
	end = memmem(job->body, (size_t)job->size, "\r\n\r\n", 4);
	return has_8bit(job->body, end != NULL ? (size_t)(end - job->body) : (size_t)job->size);
}

/* Can this peer take the message at all? False: verdicts are given. */
static bool
fits(struct smtp_client *c)
{
	char *why;

	if (!(c->ext & WIRE_EXT_SMTPUTF8) && needs_utf8(c->job)) {
		smtp_settle_rest(c, SMTP_EV_LOCAL, SMTP_MAIL, 550, "5.6.7",
		    "the server does not offer SMTPUTF8, which this message needs");
		return false;
	}
	if ((c->ext & WIRE_EXT_SIZE) && c->size_limit > 0 &&
	    message_size(c) > c->size_limit) {
		why = xasprintf("message size %" PRIu64 " exceeds the server's limit %" PRIu64,
		    message_size(c), c->size_limit);
		smtp_settle_rest(c, SMTP_EV_LOCAL, SMTP_MAIL, 552, "5.3.4", why);
		free(why);
		return false;
	}
	return true;
}

enum smtp_state
smtp_begin(struct smtp_client *c)
{
	return smtp_introduce(c) ? SMTP_XCLIENT : smtp_envelope(c);
}

/* Not beside XCLIENT, which says the same and more; nor when the peer need not know. */
static bool
wants_xforward(const struct smtp_client *c)
{
	return c->client != CLIENT_NONE && c->xforward_attr != 0 && c->speaks_for.len == 0;
}

enum smtp_state
smtp_envelope(struct smtp_client *c)
{
	bool xforward;

	c->naccepted = 0;
	c->framed = c->mail_refused = false;
	c->group = (c->ext & WIRE_EXT_PIPELINING) != 0;
	c->bdat = (c->ext & WIRE_EXT_CHUNKING) != 0;
	c->cur = next_todo(c, 0);
	if (!fits(c))
		return SMTP_READY;
	/* For every message, known client or not: the last one's must not stick to this one. */
	xforward = wants_xforward(c);
	buf_clear(&c->xforward);
	c->xforward_owed = 0;
	if (xforward)
		wire_format_xforward(&c->xforward, &c->job->env.client, c->xforward_attr);
	/* IDENT or SOURCE alone may leave nothing to say. */
	xforward = c->xforward.len > 0;
	if (!c->group)
		return enter(c, xforward ? SMTP_XFORWARD : SMTP_MAIL);

	while (c->xforward.len > 0) {
		put_xforward(c);
		c->xforward_owed++;
	}
	put_mail(c);
	for (size_t i = c->cur; i < c->nrcpt; i = next_todo(c, i + 1))
		put_rcpt(c, i);
	if (!c->bdat)
		smtp_put_line(c, "DATA");
	return xforward ? SMTP_XFORWARD : SMTP_MAIL;
}

enum smtp_state
smtp_on_xforward(struct smtp_client *c, const struct wire_reply *r)
{
	/* A refusal only means that the peer will judge us instead of the client. */
	(void)r;
	if (c->group ? --c->xforward_owed > 0 : c->xforward.len > 0)
		return enter(c, SMTP_XFORWARD);
	return enter(c, SMTP_MAIL);
}

enum smtp_state
smtp_on_mail(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code / 100 == 2)
		return enter(c, SMTP_RCPT);
	if (r->code / 100 == 3)
		return smtp_broken(c, "unexpected reply to MAIL", r);
	smtp_settle_rest_reply(c, SMTP_MAIL, r);
	c->mail_refused = true;
	return c->group ? SMTP_RCPT : SMTP_READY;
}

/* All RCPT replies are in. */
static enum smtp_state
rcpts_done(struct smtp_client *c)
{
	if (!c->bdat) {
		if (c->group || c->naccepted > 0)
			return enter(c, SMTP_DATA);
		return reset(c);
	}
	if (c->naccepted == 0)
		return c->mail_refused ? SMTP_READY : reset(c);
	put_body_start(c);
	return SMTP_BODY;
}

/* The next recipient of the group that still owes an answer (refused MAIL or not). */
static size_t
next_asked(const struct smtp_client *c, size_t from)
{
	while (from < c->nrcpt && !c->todo[from])
		from++;
	return from;
}

enum smtp_state
smtp_on_rcpt(struct smtp_client *c, const struct wire_reply *r)
{
	struct smtp_verdict *v = &c->verdict[c->cur];

	if (r->code / 100 == 3)
		return smtp_broken(c, "unexpected reply to RCPT", r);
	if (v->event != SMTP_EV_NONE) {
		;			/* MAIL was refused: only read along */
	} else if (r->code / 100 == 2) {
		c->naccepted++;
	} else {
		smtp_verdict_reply(v, SMTP_RCPT, r);
		v->accepted = c->naccepted;
	}
	c->cur = next_asked(c, c->cur + 1);
	return c->cur < c->nrcpt ? enter(c, SMTP_RCPT) : rcpts_done(c);
}

enum smtp_state
smtp_on_data(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code == 354) {
		if (c->naccepted == 0) {
			/* RFC 2920 3.1: the server took DATA without recipients; give it nothing. */
			smtp_put_line(c, ".");
			c->framed = true;
			return SMTP_BODY;
		}
		put_body_start(c);
		return SMTP_BODY;
	}
	if (r->code / 100 == 2 || r->code / 100 == 3)
		return smtp_broken(c, "unexpected reply to DATA", r);
	smtp_settle_rest_reply(c, SMTP_DATA, r);
	return c->mail_refused ? SMTP_READY : reset(c);
}

/* A reply before the body is out: only a refusal makes sense, and only closing stops the body. */
enum smtp_state
smtp_on_body(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code / 100 == 2 || r->code / 100 == 3)
		return smtp_broken(c, "reply before the end of the message", r);
	smtp_settle_rest_reply(c, SMTP_FINAL, r);
	return smtp_fail_reply(c, r);
}

enum smtp_state
smtp_on_final(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code / 100 == 3)
		return smtp_broken(c, "unexpected reply to the message", r);
	smtp_settle_rest_reply(c, SMTP_FINAL, r);	/* C1: the refused ones have theirs already */
	/* RFC 3030 2: after a refused BDAT the transaction is in doubt; RSET ends it. */
	if (c->bdat && r->code / 100 != 2)
		return reset(c);
	return SMTP_READY;
}

enum smtp_state
smtp_on_rset(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code / 100 != 2)
		return smtp_fail_reply(c, r);
	return SMTP_READY;
}
