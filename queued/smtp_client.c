/*
 * smtp_client.c -- the sending side of SMTP as a state machine.
 *
 * The state names the reply (or event) that is waited for. One function per
 * state takes the reply and returns the next state. With PIPELINING the whole
 * envelope is written at once and the states only read the answers; without
 * it, entering a state writes its command (enter()).
 *
 *	GREETING -> EHLO [-> HELO] [-> STARTTLS -> TLS -> EHLO] -> READY
 *	READY -> [XCLIENT -> XEHLO] -> [XFORWARD] -> MAIL -> RCPT* -> [DATA] -> BODY -> FINAL -> READY
 *	any refusal inside a transaction -> RSET -> READY
 *
 * Invariants
 *  C1  A recipient is `delivered' only by a 2xx in FINAL to a body that was sent whole, after its RCPT
 *      was accepted in the same transaction.
 *  C2  FINAL means that the last byte of the body is with the kernel: a connection lost there leaves
 *      the accepted recipients unsure (P4). Before it the message cannot have arrived.
 *  C3  Every recipient has a verdict when the machine is READY or CLOSED after smtp_client_send().
 *  C4  Nothing is written while the peer still owes replies to an earlier group. The body waits for
 *      the replies to all of the envelope, with BDAT as well (RFC 3030 4.2 would allow it in the same
 *      group): a peer that says too much is found out before, not taken at its word for the message.
 *
 * On failure of any kind the machine goes to CLOSED; the holder closes and settles.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/smtp_client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "queued/smtp_machine.h"

void
smtp_put_line(struct smtp_client *c, const char *line)
{
	buf_puts(c->out, line);
	buf_puts(c->out, "\r\n");
}

/* --- events -------------------------------------------------------------- */

static enum smtp_state
dispatch(struct smtp_client *c, const struct wire_reply *r)
{
	/* RFC 5321 3.8: 421 may answer anything, and the peer then closes. To XCLIENT it is about the client. */
	if (r->code == 421 && c->state != SMTP_QUIT && c->state != SMTP_XCLIENT &&
	    c->state != SMTP_XEHLO)
		return smtp_fail_reply(c, r);

	switch (c->state) {
	case SMTP_GREETING:
		return smtp_on_greeting(c, r);
	case SMTP_EHLO:
		return smtp_on_ehlo(c, r);
	case SMTP_HELO:
		return smtp_on_helo(c, r);
	case SMTP_STARTTLS:
		return smtp_on_starttls(c, r);
	case SMTP_XCLIENT:
		return smtp_on_xclient(c, r);
	case SMTP_XEHLO:
		return smtp_on_xehlo(c, r);
	case SMTP_XFORWARD:
		return smtp_on_xforward(c, r);
	case SMTP_MAIL:
		return smtp_on_mail(c, r);
	case SMTP_RCPT:
		return smtp_on_rcpt(c, r);
	case SMTP_DATA:
		return smtp_on_data(c, r);
	case SMTP_BODY:
		return smtp_on_body(c, r);
	case SMTP_FINAL:
		return smtp_on_final(c, r);
	case SMTP_RSET:
		return smtp_on_rset(c, r);
	case SMTP_QUIT:
		return SMTP_CLOSED;
	case SMTP_READY:
		return smtp_broken(c, "reply without a command", r);
	case SMTP_CONNECT:
	case SMTP_TLS:
	case SMTP_CLOSED:
		break;
	}
	abort();	/* the holder reads no replies in these states */
}

enum smtp_state
smtp_client_reply(struct smtp_client *c, const struct wire_reply *r)
{
	return c->state = dispatch(c, r);
}

enum smtp_state
smtp_client_connected(struct smtp_client *c)
{
	assert(c->state == SMTP_CONNECT);
	return c->state = SMTP_GREETING;
}

enum smtp_state
smtp_client_tls(struct smtp_client *c, bool ok, const char *why)
{
	assert(c->state == SMTP_TLS);
	if (!ok)
		return c->state = smtp_fail(c, SMTP_EV_TLS, 0, "4.7.5", why);
	c->encrypted = true;
	c->ext = c->xforward_attr = c->xclient_attr = 0;	/* RFC 3207 4.2: what was said in the clear counts no more */
	return c->state = smtp_say_hello(c, SMTP_EHLO);
}

static void
clear_verdicts(struct smtp_client *c)
{
	for (size_t i = 0; i < c->nrcpt; i++)
		smtp_verdict_clear(&c->verdict[i]);
	c->nrcpt = 0;
}

enum smtp_state
smtp_client_send(struct smtp_client *c, const struct job *job, bool mark)
{
	assert(c->state == SMTP_READY && job->nrcpt > 0 && smtp_client_suits(c, job));
	clear_verdicts(c);
	if (job->nrcpt > c->cap) {
		c->cap = job->nrcpt;
		c->verdict = xrealloc(c->verdict, c->cap, sizeof(*c->verdict));
		c->todo = xrealloc(c->todo, c->cap, sizeof(*c->todo));
	}
	c->job = job;
	buf_clear(&c->mark);
	if (mark)
		buf_printf(&c->mark, "Holdfast-Delivery: %s@%s\r\n", job->queue_id, c->hostname);
	c->nrcpt = job->nrcpt;
	memset(c->verdict, 0, c->nrcpt * sizeof(*c->verdict));
	for (size_t i = 0; i < c->nrcpt; i++)
		c->todo[i] = true;
	return c->state = smtp_begin(c);
}

void
smtp_client_retry(struct smtp_client *c, size_t i)
{
	assert(i < c->nrcpt && c->verdict[i].event != SMTP_EV_NONE);
	smtp_verdict_clear(&c->verdict[i]);
}

enum smtp_state
smtp_client_again(struct smtp_client *c)
{
	assert(c->state == SMTP_READY && c->job != NULL && !smtp_client_over(c));
	for (size_t i = 0; i < c->nrcpt; i++)
		c->todo[i] = c->verdict[i].event == SMTP_EV_NONE;
	return c->state = smtp_begin(c);
}

bool
smtp_client_wants_chunk(const struct smtp_client *c)
{
	return c->state == SMTP_BODY && !c->framed;
}

enum smtp_state
smtp_client_chunk(struct smtp_client *c, const char *data, size_t len, bool last)
{
	assert(smtp_client_wants_chunk(c));
	smtp_put_content(c, data, len, last);
	return c->state;
}

enum smtp_state
smtp_client_drained(struct smtp_client *c)
{
	if (c->state == SMTP_BODY && c->framed)
		c->state = SMTP_FINAL;
	return c->state;
}

enum smtp_state
smtp_client_lost(struct smtp_client *c, enum smtp_event event, const char *why)
{
	assert(c->state != SMTP_CLOSED);
	if (c->state == SMTP_QUIT)
		return c->state = SMTP_CLOSED;
	return c->state = smtp_fail(c, event, 0, "", why);
}

enum smtp_state
smtp_client_quit(struct smtp_client *c)
{
	assert(c->state == SMTP_READY);
	smtp_put_line(c, "QUIT");
	return c->state = SMTP_QUIT;
}

/* --- questions ----------------------------------------------------------- */

enum smtp_state
smtp_client_state(const struct smtp_client *c)
{
	return c->state;
}

bool
smtp_client_owes(const struct smtp_client *c)
{
	return c->state != SMTP_READY && c->state != SMTP_BODY && c->state != SMTP_TLS &&
	    c->state != SMTP_CONNECT && c->state != SMTP_CLOSED;
}

bool
smtp_client_over(const struct smtp_client *c)
{
	for (size_t i = 0; i < c->nrcpt; i++)
		if (c->verdict[i].event == SMTP_EV_NONE)
			return false;
	return true;
}

bool
smtp_client_offers(const struct smtp_client *c, unsigned ext)
{
	return (c->ext & ext) == ext;
}

bool
smtp_client_encrypted(const struct smtp_client *c)
{
	return c->encrypted;
}

const struct smtp_verdict *
smtp_client_verdict(const struct smtp_client *c, size_t i)
{
	assert(i < c->nrcpt);
	return &c->verdict[i];
}

const struct smtp_verdict *
smtp_client_end(const struct smtp_client *c)
{
	return &c->end;
}

struct smtp_client *
smtp_client_new(const struct smtp_client_options *o, struct buf *out)
{
	struct smtp_client *c = xcalloc(1, sizeof(*c));

	c->hostname = xstrdup(o->hostname);
	c->tls = o->tls;
	c->client = o->client;
	c->out = out;
	return c;
}

void
smtp_client_free(struct smtp_client **cp)
{
	struct smtp_client *c = *cp;

	if (c == NULL)
		return;
	clear_verdicts(c);
	free(c->verdict);
	free(c->todo);
	smtp_verdict_clear(&c->end);
	buf_free(&c->xforward);
	buf_free(&c->speaks_for);
	buf_free(&c->introduced);
	buf_free(&c->mark);
	free(c->no_xclient);
	free(c->hostname);
	free(c);
	*cp = NULL;
}
