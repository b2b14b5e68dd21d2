/*
 * lmtp_command.c -- LMTP's commands: one function a verb.
 *
 * Each gets the argument, checks that it is the command's time, replies, and
 * returns the next state. Addresses and parameters are judged by wire.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "queued/lmtp_state.h"

/* --- replies ------------------------------------------------------------- */

void
lmtp_put_line(struct lmtp_session *s, const char *line)
{
	buf_puts(&s->out, line);
	buf_put(&s->out, "\r\n", 2);
}

enum lmtp_state
lmtp_answer(struct lmtp_session *s, enum lmtp_reply r, enum lmtp_state next)
{
	lmtp_put_line(s, lmtp_reply(r));
	return next;
}

enum lmtp_state
lmtp_cut(struct lmtp_session *s, enum lmtp_reply r)
{
	lmtp_message_drop(&s->message);
	s->ops->refused(s->arg, &s->env, NULL, lmtp_reply(r));
	return lmtp_answer(s, r, STATE_CUT);
}

/* The client's mistake was answered; too many of them are no client. */
enum lmtp_state
lmtp_mistaken(struct lmtp_session *s, enum lmtp_state next)
{
	return ++s->errors >= LMTP_ERRORS_MAX ? lmtp_cut(s, REPLY_ERRORS) : next;
}

enum lmtp_state
lmtp_mistake(struct lmtp_session *s, enum lmtp_reply r)
{
	lmtp_put_line(s, lmtp_reply(r));
	return lmtp_mistaken(s, s->state);
}

enum lmtp_state
lmtp_wrong_order(struct lmtp_session *s, enum lmtp_reply here)
{
	switch (s->state) {
	case STATE_START:
		return lmtp_mistake(s, REPLY_ORDER_LHLO);
	case STATE_READY:
		return lmtp_mistake(s, REPLY_ORDER_MAIL);
	case STATE_BETWEEN:
		return lmtp_mistake(s, REPLY_ORDER_BDAT);
	case STATE_MAIL:
	case STATE_RCPT:
	case STATE_CHUNK:
	case STATE_DATA:
	case STATE_COMMIT:
	case STATE_QUIT:
	case STATE_CUT:
		break;
	}
	return lmtp_mistake(s, here);
}

static void
log_refusal(struct lmtp_session *s, const char *arg, size_t len, const char *line)
{
	char *text = xstrndup(arg, len);

	s->ops->refused(s->arg, &s->env, text, line);
	free(text);
}

/* What the grammar says about a refused argument. */
static void
refuse_argument(struct lmtp_session *s, const struct wire_error *e, const char *arg, size_t len)
{
	struct buf line = BUF_INIT;

	buf_printf(&line, "%d %s %s", e->code, e->dsn, e->text);
	lmtp_put_line(s, buf_str(&line));
	log_refusal(s, arg, len, buf_str(&line));
	buf_free(&line);
}

/* --- the message --------------------------------------------------------- */

/* XFORWARD's attributes last for one transaction (XFORWARD_README of Postfix). */
enum lmtp_state
lmtp_transaction_end(struct lmtp_session *s)
{
	lmtp_message_drop(&s->message);
	envelope_clear(&s->env);
	client_info_clear(&s->forward);
	s->rcpt_refused = 0;
	return s->lhlo == NULL ? STATE_START : STATE_READY;
}

/*
 * RFC 5321 4.4. Who gives a trace (holdfast-milter) has written the line
 * already. Without XFORWARD the client is the one we talk to.
 */
static void
prepend_received(struct lmtp_session *s, const char *queue_id)
{
	const struct client_info *c = &s->env.client;
	struct client_info direct = { .helo = s->lhlo, .addr = s->peer };
	bool forwarded = c->addr != NULL || c->name != NULL || c->helo != NULL;
	struct buf line = BUF_INIT;

	if (s->env.trace != NULL)
		return;
	received_format(&line, forwarded ? c : &direct, s->conf->hostname,
	    c->proto != NULL ? c->proto : "LMTP", NULL, queue_id,
	    s->env.nrcpt == 1 ? s->env.rcpt[0].address : NULL, s->now);
	lmtp_message_prepend(&s->message, line.data, line.len);
	buf_free(&line);
}

static void
message_begin(struct lmtp_session *s)
{
	prepend_received(s, lmtp_message_begin(&s->message));
}

/* --- verbs --------------------------------------------------------------- */

static enum lmtp_state
cmd_lhlo(struct lmtp_session *s, const char *arg, size_t len)
{
	if (len == 0)
		return lmtp_mistake(s, REPLY_LHLO_NAME);
	(void)lmtp_transaction_end(s);
	free(s->lhlo);
	s->lhlo = xstrndup(arg, len);
	buf_printf(&s->out, "250-%s\r\n", s->conf->hostname);
	buf_puts(&s->out, "250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n");
	buf_printf(&s->out, "250-SIZE %llu\r\n", (unsigned long long)s->conf->size_limit);
	buf_puts(&s->out, "250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n"
	    "250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n250 XHOLDFAST\r\n");
	return STATE_READY;
}

static enum lmtp_state
cmd_xforward(struct lmtp_session *s, const char *arg, size_t len)
{
	struct wire_error e;

	if (s->state != STATE_READY)
		return lmtp_wrong_order(s, REPLY_ORDER_XFORWARD);
	if (wire_parse_xforward(arg, len, &s->forward, &e) == 0)
		return lmtp_answer(s, REPLY_OK, STATE_READY);
	refuse_argument(s, &e, arg, len);
	return lmtp_mistaken(s, STATE_READY);
}

static enum lmtp_state
cmd_mail(struct lmtp_session *s, const char *arg, size_t len)
{
	struct wire_error e;

	if (s->state != STATE_READY)
		return lmtp_wrong_order(s, REPLY_ORDER_NESTED);
	if (wire_parse_mail(arg, len, s->conf->size_limit, &s->env, &e) == -1) {
		refuse_argument(s, &e, arg, len);
		envelope_clear(&s->env);
		return lmtp_mistaken(s, STATE_READY);
	}
	if (!s->ops->has_room(s->arg, s->env.size)) {
		log_refusal(s, arg, len, lmtp_reply(REPLY_NO_ROOM));
		envelope_clear(&s->env);
		return lmtp_answer(s, REPLY_NO_ROOM, STATE_READY);
	}
	s->env.client = s->forward;
	memset(&s->forward, 0, sizeof(s->forward));
	return lmtp_answer(s, REPLY_SENDER_OK, STATE_MAIL);
}

/*
 * Refused recipients are counted apart from other mistakes: one list with many
 * bad addresses must not cost the good ones their delivery, again and again.
 */
static enum lmtp_state
cmd_rcpt(struct lmtp_session *s, const char *arg, size_t len)
{
	struct wire_error e;

	if (s->state != STATE_MAIL && s->state != STATE_RCPT)
		return lmtp_wrong_order(s, REPLY_ORDER_MAIL);
	if (s->env.nrcpt < ENVELOPE_RCPT_MAX && wire_parse_rcpt(arg, len, &s->env, &e) == 0)
		return lmtp_answer(s, REPLY_RCPT_OK, STATE_RCPT);
	if (s->env.nrcpt >= ENVELOPE_RCPT_MAX) {
		if (s->rcpt_refused++ == 0)
			log_refusal(s, arg, len, lmtp_reply(REPLY_RCPT_MANY));
		return lmtp_answer(s, REPLY_RCPT_MANY, s->state);
	}
	refuse_argument(s, &e, arg, len);
	return ++s->rcpt_refused >= ENVELOPE_RCPT_MAX ? lmtp_cut(s, REPLY_ERRORS) : s->state;
}

static enum lmtp_state
cmd_data(struct lmtp_session *s, size_t arglen)
{
	if (s->state != STATE_RCPT)
		return lmtp_wrong_order(s, REPLY_ORDER_RCPT);
	if (arglen > 0)
		return lmtp_mistake(s, REPLY_NO_ARGUMENT);
	message_begin(s);
	wire_undot_init(&s->undot);
	return lmtp_answer(s, REPLY_START_DATA, STATE_DATA);
}

/* RFC 3030 2: the chunk's octets follow, wanted or not. */
static enum lmtp_state
cmd_bdat(struct lmtp_session *s, const char *arg, size_t len)
{
	struct wire_error e;

	if (wire_parse_bdat(arg, len, &s->chunk_left, &s->chunk_last, &e) == -1) {
		refuse_argument(s, &e, arg, len);
		return lmtp_mistaken(s, s->state);
	}
	s->chunk_back = s->state;
	if (s->state == STATE_RCPT)
		message_begin(s);
	else if (s->state != STATE_BETWEEN && s->chunk_left > LMTP_SWALLOW_MAX)
		return lmtp_cut(s, REPLY_SIZE);
	return STATE_CHUNK;
}

static enum lmtp_state
cmd_rset(struct lmtp_session *s, size_t arglen)
{
	if (arglen > 0)
		return lmtp_mistake(s, REPLY_NO_ARGUMENT);
	return lmtp_answer(s, REPLY_RESET, lmtp_transaction_end(s));
}

/* Takes <path> or a bare mailbox (RFC 5321 3.5.1), and RFC 6531's parameter. */
static enum lmtp_state
cmd_vrfy(struct lmtp_session *s, const char *arg, size_t len)
{
	static const char utf8[] = " SMTPUTF8";
	unsigned flags = ADDR_POSTMASTER;
	const char *address, *why;
	size_t addrlen, used = 0;
	enum addr_result r;
	char *text;

	if (len >= sizeof(utf8) && strncasecmp(arg + len - strlen(utf8), utf8, strlen(utf8)) == 0) {
		flags |= ADDR_UTF8;
		len -= strlen(utf8);
	}
	if (len > 0 && arg[0] == '<') {
		r = addr_parse_path(arg, len, flags, &address, &addrlen, &used, &why);
		if (r == ADDR_OK && used != len)
			r = ADDR_BAD;
	} else {
		text = xstrndup(arg, len);
		r = addr_parse_mailbox(text, flags, &why);
		free(text);
	}
	if (r != ADDR_OK)
		return lmtp_mistake(s, REPLY_VRFY_ARG);
	return lmtp_answer(s, REPLY_VRFY, s->state);
}

static enum lmtp_state
cmd_quit(struct lmtp_session *s, size_t arglen)
{
	if (arglen > 0)
		return lmtp_mistake(s, REPLY_NO_ARGUMENT);
	(void)lmtp_transaction_end(s);
	return lmtp_answer(s, REPLY_BYE, STATE_QUIT);
}

enum lmtp_state
lmtp_command(struct lmtp_session *s, const char *line, size_t len)
{
	const char *arg;
	size_t n;

	switch (wire_verb(line, len, &arg, &n)) {
	case VERB_LHLO:
		return cmd_lhlo(s, arg, n);
	case VERB_HELO:
	case VERB_EHLO:
		return lmtp_mistake(s, REPLY_USE_LHLO);
	case VERB_MAIL:
		return cmd_mail(s, arg, n);
	case VERB_RCPT:
		return cmd_rcpt(s, arg, n);
	case VERB_DATA:
		return cmd_data(s, n);
	case VERB_BDAT:
		return cmd_bdat(s, arg, n);
	case VERB_RSET:
		return cmd_rset(s, n);
	case VERB_NOOP:
		return lmtp_answer(s, REPLY_OK, s->state);
	case VERB_VRFY:
		return cmd_vrfy(s, arg, n);
	case VERB_HELP:
		return lmtp_answer(s, REPLY_HELP, s->state);
	case VERB_QUIT:
		return cmd_quit(s, n);
	case VERB_XFORWARD:
		return cmd_xforward(s, arg, n);
	case VERB_EXPN:
	case VERB_STARTTLS:
	case VERB_AUTH:
	case VERB_ETRN:
	case VERB_ATRN:
		return lmtp_mistake(s, REPLY_NOT_HERE);
	case VERB_UNKNOWN:
		break;
	}
	/* A browser or a confused proxy; its request's body must not be read as commands. */
	return wire_is_http(line, len) ? lmtp_cut(s, REPLY_HTTP) : lmtp_mistake(s, REPLY_UNKNOWN);
}

