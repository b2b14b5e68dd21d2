/*
 * smtp_client.c -- the sending side of SMTP as a state machine.
 *
 * The state names the reply (or event) that is waited for. One function per
 * state takes the reply and returns the next state. With PIPELINING the whole
 * envelope is written at once and the states only read the answers; without
 * it, entering a state writes its command (enter()).
 *
 *	GREETING -> EHLO [-> HELO] [-> STARTTLS -> TLS -> EHLO] -> READY
 *	READY -> [XFORWARD] -> MAIL -> RCPT* -> DATA -> BODY -> FINAL -> READY
 *	                                  \---- BDAT ----> BODY/FINAL
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
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "queued/smtp_verdict.h"
#include "queued/store.h"

struct smtp_client {
	enum smtp_state	 state;
	char		*hostname;
	enum rules_tls	 tls;
	bool		 encrypted;
	struct buf	*out;			/* the holder's */
	unsigned	 ext;			/* WIRE_EXT_* of the last EHLO */
	uint64_t	 size_limit;		/* SIZE of the last EHLO; 0 none */
	struct smtp_verdict end;

	/* the transaction */
	const struct job *job;
	struct smtp_verdict *verdict;		/* one a recipient */
	bool		*accepted;		/* in this transaction */
	bool		*todo;			/* takes part in this transaction */
	size_t		 nrcpt;
	size_t		 cap;			/* of the three arrays */
	size_t		 cur;			/* whose RCPT reply comes next */
	unsigned	 naccepted;
	bool		 group;			/* the envelope went in one write */
	bool		 bdat;
	bool		 framed;		/* all of the body is in `out' */
	bool		 mail_refused;
	struct wire_dot	 dot;
	struct buf	 xforward;		/* lines that are not written yet */
	unsigned	 xforward_owed;		/* replies to those that are */
};

/* --- verdicts ------------------------------------------------------------ */

/* The same verdict for every recipient that takes part and has none yet. */
static void
settle_rest(struct smtp_client *c, enum smtp_event event, enum smtp_state phase, int code,
    const char *dsn, const char *text)
{
	for (size_t i = 0; i < c->nrcpt; i++)
		if (c->todo[i] && c->verdict[i].event == SMTP_EV_NONE)
			smtp_verdict_set(&c->verdict[i], event, phase, code, dsn, text);
}

static void
settle_rest_reply(struct smtp_client *c, enum smtp_state phase, const struct wire_reply *r)
{
	settle_rest(c, SMTP_EV_REPLY, phase, r->code, r->dsn, buf_str(&r->text));
}

/* The session is over for this reason; what is open inherits it. */
static enum smtp_state
fail(struct smtp_client *c, enum smtp_event event, int code, const char *dsn, const char *text)
{
	enum smtp_state phase = c->state;

	smtp_verdict_set(&c->end, event, phase, code, dsn, text);
	settle_rest(c, event, phase, code, dsn, text);
	return SMTP_CLOSED;
}

static enum smtp_state
fail_reply(struct smtp_client *c, const struct wire_reply *r)
{
	return fail(c, SMTP_EV_REPLY, r->code, r->dsn, buf_str(&r->text));
}

static enum smtp_state
broken(struct smtp_client *c, const char *what, const struct wire_reply *r)
{
	char *why = xasprintf("%s: %d %.200s", what, r->code, buf_str(&r->text));

	(void)fail(c, SMTP_EV_BROKEN, 0, "", why);
	free(why);
	return SMTP_CLOSED;
}

/* --- writing ------------------------------------------------------------- */

static void
put_line(struct smtp_client *c, const char *line)
{
	buf_puts(c->out, line);
	buf_puts(c->out, "\r\n");
}

static void
put_mail(struct smtp_client *c)
{
	wire_format_mail(c->out, &c->job->env, c->ext, c->job->size);
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

/* A small body is framed at once; of a large one only the beginning. */
static void
put_body_start(struct smtp_client *c)
{
	const struct job *job = c->job;

	if (c->bdat)
		buf_printf(c->out, "BDAT %" PRIu64 " LAST\r\n", job->size);
	else
		wire_dot_init(&c->dot);
	if (job->body == NULL)
		return;
	if (c->bdat) {
		buf_put(c->out, job->body, (size_t)job->size);
	} else {
		wire_dot(&c->dot, job->body, (size_t)job->size, c->out);
		wire_dot_end(&c->dot, c->out);
	}
	c->framed = true;
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
		put_line(c, "DATA");
		break;
	case SMTP_CONNECT: case SMTP_GREETING: case SMTP_EHLO: case SMTP_HELO:
	case SMTP_STARTTLS: case SMTP_TLS: case SMTP_READY: case SMTP_BODY:
	case SMTP_FINAL: case SMTP_RSET: case SMTP_QUIT: case SMTP_CLOSED:
		abort();	/* not entered this way */
	}
	return s;
}

static enum smtp_state
reset(struct smtp_client *c)
{
	put_line(c, "RSET");
	return SMTP_RSET;
}

/* --- opening ------------------------------------------------------------- */

static enum smtp_state
say_hello(struct smtp_client *c, enum smtp_state s)
{
	buf_printf(c->out, "%s %s\r\n", smtp_state_name(s), c->hostname);
	return s;
}

static enum smtp_state
on_greeting(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code != 220)
		return fail_reply(c, r);
	return say_hello(c, SMTP_EHLO);
}

static void
read_extensions(struct smtp_client *c, const struct wire_reply *r)
{
	const char *line = buf_str(&r->text), *end;

	c->ext = 0;
	c->size_limit = 0;
	/* The first line is the peer's name. */
	for (line = strchr(line, '\n'); line != NULL; line = end) {
		char one[WIRE_REPLY_LINE_MAX + 1];
		size_t len;

		line++;
		end = strchr(line, '\n');
		len = end != NULL ? (size_t)(end - line) : strlen(line);
		if (len >= sizeof(one))
			continue;
		memcpy(one, line, len);
		one[len] = '\0';
		c->ext |= wire_extension(one, &c->size_limit);
	}
}

static enum smtp_state
hello_done(struct smtp_client *c)
{
	if (c->encrypted || c->tls == TLS_OFF)
		return SMTP_READY;
	if (c->ext & WIRE_EXT_STARTTLS) {
		put_line(c, "STARTTLS");
		return SMTP_STARTTLS;
	}
	if (c->tls == TLS_MAY)
		return SMTP_READY;
	return fail(c, SMTP_EV_TLS, 0, "4.7.4", "TLS is required, but was not offered");
}

static enum smtp_state
on_ehlo(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code == 250) {
		read_extensions(c, r);
		return hello_done(c);
	}
	/* RFC 5321 3.2: a server that does not know EHLO may know HELO. */
	if (r->code >= 500 && !c->encrypted)
		return say_hello(c, SMTP_HELO);
	return fail_reply(c, r);
}

static enum smtp_state
on_helo(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code != 250)
		return fail_reply(c, r);
	c->ext = 0;
	return hello_done(c);
}

static enum smtp_state
on_starttls(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code == 220)
		return SMTP_TLS;
	if (r->code == 421 || c->tls != TLS_MAY)
		return fail_reply(c, r);
	return SMTP_READY;		/* opportunistic: go on as we are */
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
	const struct job *job = c->job;
	char *why;

	if (!(c->ext & WIRE_EXT_SMTPUTF8) && needs_utf8(job)) {
		settle_rest(c, SMTP_EV_LOCAL, SMTP_MAIL, 550, "5.6.7",
		    "the server does not offer SMTPUTF8, which this message needs");
		return false;
	}
	if ((c->ext & WIRE_EXT_SIZE) && c->size_limit > 0 && job->size > c->size_limit) {
		why = xasprintf("message size %" PRIu64 " exceeds the server's limit %" PRIu64,
		    job->size, c->size_limit);
		settle_rest(c, SMTP_EV_LOCAL, SMTP_MAIL, 552, "5.3.4", why);
		free(why);
		return false;
	}
	return true;
}

static enum smtp_state
begin(struct smtp_client *c)
{
	bool xforward;

	c->naccepted = 0;
	c->framed = c->mail_refused = false;
	c->group = (c->ext & WIRE_EXT_PIPELINING) != 0;
	c->bdat = (c->ext & WIRE_EXT_CHUNKING) != 0;
	memset(c->accepted, 0, c->nrcpt * sizeof(*c->accepted));
	c->cur = next_todo(c, 0);
	if (!fits(c))
		return SMTP_READY;
	/* For every message, known client or not: the last one's must not stick to this one. */
	xforward = (c->ext & WIRE_EXT_XFORWARD) != 0;
	buf_clear(&c->xforward);
	c->xforward_owed = 0;
	if (xforward)
		wire_format_xforward(&c->xforward, &c->job->env.client);
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
		put_line(c, "DATA");
	return xforward ? SMTP_XFORWARD : SMTP_MAIL;
}

static enum smtp_state
on_xforward(struct smtp_client *c, const struct wire_reply *r)
{
	/* A refusal only means that the peer will judge us instead of the client. */
	(void)r;
	if (c->group ? --c->xforward_owed > 0 : c->xforward.len > 0)
		return enter(c, SMTP_XFORWARD);
	return enter(c, SMTP_MAIL);
}

static enum smtp_state
on_mail(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code / 100 == 2)
		return enter(c, SMTP_RCPT);
	if (r->code / 100 == 3)
		return broken(c, "unexpected reply to MAIL", r);
	settle_rest_reply(c, SMTP_MAIL, r);
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

static enum smtp_state
on_rcpt(struct smtp_client *c, const struct wire_reply *r)
{
	struct smtp_verdict *v = &c->verdict[c->cur];

	if (r->code / 100 == 3)
		return broken(c, "unexpected reply to RCPT", r);
	if (v->event != SMTP_EV_NONE) {
		;			/* MAIL was refused: only read along */
	} else if (r->code / 100 == 2) {
		c->accepted[c->cur] = true;
		c->naccepted++;
	} else {
		smtp_verdict_reply(v, SMTP_RCPT, r);
		v->accepted = c->naccepted;
	}
	c->cur = next_asked(c, c->cur + 1);
	return c->cur < c->nrcpt ? enter(c, SMTP_RCPT) : rcpts_done(c);
}

static enum smtp_state
on_data(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code == 354) {
		if (c->naccepted == 0) {
			/* RFC 2920 3.1: the server took DATA without recipients; give it nothing. */
			put_line(c, ".");
			c->framed = true;
			return SMTP_BODY;
		}
		put_body_start(c);
		return SMTP_BODY;
	}
	if (r->code / 100 == 2 || r->code / 100 == 3)
		return broken(c, "unexpected reply to DATA", r);
	settle_rest_reply(c, SMTP_DATA, r);
	return c->mail_refused ? SMTP_READY : reset(c);
}

/* A reply before the body is out: only a refusal makes sense, and only closing stops the body. */
static enum smtp_state
on_body(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code / 100 == 2 || r->code / 100 == 3)
		return broken(c, "reply before the end of the message", r);
	settle_rest_reply(c, SMTP_FINAL, r);
	return fail_reply(c, r);
}

static enum smtp_state
on_final(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code / 100 == 3)
		return broken(c, "unexpected reply to the message", r);
	settle_rest_reply(c, SMTP_FINAL, r);	/* C1: the refused ones have theirs already */
	/* RFC 3030 2: after a refused BDAT the transaction is in doubt; RSET ends it. */
	if (c->bdat && r->code / 100 != 2)
		return reset(c);
	return SMTP_READY;
}

static enum smtp_state
on_rset(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code / 100 != 2)
		return fail_reply(c, r);
	return SMTP_READY;
}

/* --- events -------------------------------------------------------------- */

static enum smtp_state
dispatch(struct smtp_client *c, const struct wire_reply *r)
{
	/* RFC 5321 3.8: 421 may answer anything, and the peer then closes. */
	if (r->code == 421 && c->state != SMTP_QUIT)
		return fail_reply(c, r);

	switch (c->state) {
	case SMTP_GREETING:
		return on_greeting(c, r);
	case SMTP_EHLO:
		return on_ehlo(c, r);
	case SMTP_HELO:
		return on_helo(c, r);
	case SMTP_STARTTLS:
		return on_starttls(c, r);
	case SMTP_XFORWARD:
		return on_xforward(c, r);
	case SMTP_MAIL:
		return on_mail(c, r);
	case SMTP_RCPT:
		return on_rcpt(c, r);
	case SMTP_DATA:
		return on_data(c, r);
	case SMTP_BODY:
		return on_body(c, r);
	case SMTP_FINAL:
		return on_final(c, r);
	case SMTP_RSET:
		return on_rset(c, r);
	case SMTP_QUIT:
		return SMTP_CLOSED;
	case SMTP_READY:
		return broken(c, "reply without a command", r);
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
		return c->state = fail(c, SMTP_EV_TLS, 0, "4.7.5", why);
	c->encrypted = true;
	c->ext = 0;		/* RFC 3207 4.2: what was said in the clear counts no more */
	return c->state = say_hello(c, SMTP_EHLO);
}

static void
clear_verdicts(struct smtp_client *c)
{
	for (size_t i = 0; i < c->nrcpt; i++)
		smtp_verdict_clear(&c->verdict[i]);
	c->nrcpt = 0;
}

enum smtp_state
smtp_client_send(struct smtp_client *c, const struct job *job)
{
	assert(c->state == SMTP_READY && job->nrcpt > 0);
	clear_verdicts(c);
	if (job->nrcpt > c->cap) {
		c->cap = job->nrcpt;
		c->verdict = xrealloc(c->verdict, c->cap, sizeof(*c->verdict));
		c->accepted = xrealloc(c->accepted, c->cap, sizeof(*c->accepted));
		c->todo = xrealloc(c->todo, c->cap, sizeof(*c->todo));
	}
	c->job = job;
	c->nrcpt = job->nrcpt;
	memset(c->verdict, 0, c->nrcpt * sizeof(*c->verdict));
	for (size_t i = 0; i < c->nrcpt; i++)
		c->todo[i] = true;
	return c->state = begin(c);
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
	return c->state = begin(c);
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
	if (c->bdat)
		buf_put(c->out, data, len);
	else
		wire_dot(&c->dot, data, len, c->out);
	if (last) {
		if (!c->bdat)
			wire_dot_end(&c->dot, c->out);
		c->framed = true;
	}
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
	return c->state = fail(c, event, 0, "", why);
}

enum smtp_state
smtp_client_quit(struct smtp_client *c)
{
	assert(c->state == SMTP_READY);
	put_line(c, "QUIT");
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
smtp_client_new(const char *hostname, enum rules_tls tls, struct buf *out)
{
	struct smtp_client *c = xcalloc(1, sizeof(*c));

	c->hostname = xstrdup(hostname);
	c->tls = tls;
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
	free(c->accepted);
	free(c->todo);
	smtp_verdict_clear(&c->end);
	buf_free(&c->xforward);
	free(c->hostname);
	free(c);
	*cp = NULL;
}
