/*
 * lmtp_session.c -- LMTP's server side (RFC 2033) as a state machine without I/O.
 *
 *	START --LHLO--> READY --MAIL--> MAIL --RCPT--> RCPT
 *	RCPT --DATA--> DATA --CRLF.CRLF--> COMMIT --committed()--> READY
 *	RCPT|BETWEEN --BDAT--> CHUNK --> BETWEEN, after LAST COMMIT
 *	any --QUIT--> QUIT;  any --smuggling, too many errors, 421--> CUT
 *
 * One function a verb or phase, each returns the next state.
 *
 *  L1  250 for a message is written in lmtp_session_committed() and nowhere
 *      else (P1). In COMMIT no input is taken.
 *  L2  Lines end with CRLF only. A bare CR or LF, in a command or in DATA, ends
 *      the session and nothing after it is read: it can't be taken for the
 *      end of a message here and for text elsewhere (SMTP smuggling).
 *  L3  A message that is refused on its way is aborted at once (its `fault' is set)
 *      and its rest is read and thrown away, so that the client hears why.
 *  L4  Our own faults are 4xx (P3).
 *  L5  A session holds one envelope and no message bytes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/lmtp_session.h"

#include <assert.h>
#include <stdlib.h>

#include "queued/lmtp_state.h"

/* RFC 2033 4.2: after the data each accepted recipient has its own reply. */
static void
reply_each(struct lmtp_session *s, const char *line)
{
	for (size_t i = 0; i < s->env.nrcpt; i++)
		lmtp_put_line(s, line);
}

static enum lmtp_state
message_refused(struct lmtp_session *s, enum lmtp_reply r)
{
	s->ops->refused(s->arg, &s->env, NULL, lmtp_reply(r));
	reply_each(s, lmtp_reply(r));
	return lmtp_transaction_end(s);
}

static enum lmtp_state
message_cut(struct lmtp_session *s, enum lmtp_reply r)
{
	(void)message_refused(s, r);
	return STATE_CUT;
}

static enum lmtp_state
message_end(struct lmtp_session *s)
{
	if (s->message.fault != REPLY_NONE)
		return message_refused(s, s->message.fault);
	lmtp_message_commit(&s->message, &s->env);
	return STATE_COMMIT;
}

/* --- phases: each takes *used octets of the input ------------------------ */

/* Too long: thrown away piece by piece; a CR stays, its LF may be next. */
static enum lmtp_state
skip_line(struct lmtp_session *s, const char *p, size_t *used)
{
	*used = p[WIRE_COMMAND_MAX - 1] == '\r' ? WIRE_COMMAND_MAX - 1 : WIRE_COMMAND_MAX;
	s->scanned = 0;
	s->skipping = true;
	return s->state;
}

static enum lmtp_state
on_command(struct lmtp_session *s, const char *p, size_t len, size_t *used)
{
	size_t linelen;

	switch (wire_line(p, len, WIRE_COMMAND_MAX, &s->scanned, &linelen, used)) {
	case WIRE_LINE:
		s->scanned = 0;
		if (!s->skipping)
			return lmtp_command(s, p, linelen);
		s->skipping = false;
		return lmtp_mistake(s, REPLY_TOO_LONG);
	case WIRE_MORE:
		*used = 0;
		return s->state;
	case WIRE_TOO_LONG:
		return skip_line(s, p, used);
	case WIRE_BARE_LF:
		return lmtp_cut(s, REPLY_BARE_LF);
	case WIRE_BARE_CR:
		return lmtp_cut(s, REPLY_BARE_CR);
	case WIRE_NUL:
		return lmtp_cut(s, REPLY_NUL);
	}
	abort();
}

static bool
endless(const struct lmtp_session *s)
{
	return lmtp_message_endless(&s->message, s->conf->size_limit);
}

static enum lmtp_state
on_data(struct lmtp_session *s, const char *p, size_t len, size_t *used)
{
	struct buf *content = &s->conf->scratch;
	enum wire_undot_result r = wire_undot(&s->undot, p, len, used, content);

	lmtp_message_bytes(&s->message, content->data, content->len, s->conf);
	buf_clear(content);
	if (endless(s))
		return message_cut(s, s->message.fault);
	switch (r) {
	case UNDOT_MORE:
		return STATE_DATA;
	case UNDOT_END:
		return message_end(s);
	case UNDOT_BARE_LF:
		return message_cut(s, REPLY_DATA_LF);
	case UNDOT_BARE_CR:
		return message_cut(s, REPLY_DATA_CR);
	}
	abort();
}

/* BDAT has a transaction that it can belong to. */
static bool
chunk_wanted(const struct lmtp_session *s)
{
	return s->chunk_back == STATE_RCPT || s->chunk_back == STATE_BETWEEN;
}

/* A chunk is complete. RFC 2033 4.3: only the last one is answered per recipient. */
static enum lmtp_state
chunk_end(struct lmtp_session *s)
{
	if (!chunk_wanted(s)) {
		s->state = s->chunk_back;
		return lmtp_wrong_order(s, REPLY_ORDER_RCPT);
	}
	if (s->chunk_last)
		return message_end(s);
	if (s->message.fault != REPLY_NONE)
		return lmtp_answer(s, s->message.fault, STATE_BETWEEN);
	return lmtp_answer(s, REPLY_CHUNK_OK, STATE_BETWEEN);
}

static enum lmtp_state
on_chunk(struct lmtp_session *s, const char *p, size_t len, size_t *used)
{
	size_t n = len < s->chunk_left ? len : (size_t)s->chunk_left;

	*used = n;
	s->chunk_left -= n;
	if (chunk_wanted(s)) {
		lmtp_message_bytes(&s->message, p, n, s->conf);
		if (endless(s))
			return message_cut(s, s->message.fault);
	}
	return s->chunk_left == 0 ? chunk_end(s) : STATE_CHUNK;
}

static enum lmtp_state
step(struct lmtp_session *s, const char *p, size_t len, size_t *used)
{
	switch (s->state) {
	case STATE_START:
	case STATE_READY:
	case STATE_MAIL:
	case STATE_RCPT:
	case STATE_BETWEEN:
		return on_command(s, p, len, used);
	case STATE_CHUNK:
		return on_chunk(s, p, len, used);
	case STATE_DATA:
		return on_data(s, p, len, used);
	case STATE_COMMIT:
	case STATE_QUIT:
	case STATE_CUT:
		break;
	}
	return s->state;
}

/* --- the owner's side ---------------------------------------------------- */

struct lmtp_session *
lmtp_session_new(struct lmtp_config *conf, const struct lmtp_ops *ops, void *arg,
    const char *peer)
{
	struct lmtp_session *s = xcalloc(1, sizeof(*s));

	s->conf = conf;
	s->ops = ops;
	s->arg = arg;
	s->message.ops = ops;
	s->message.arg = arg;
	s->peer = xstrdup(peer);
	buf_printf(&s->out, "220 %s LMTP Holdfast\r\n", conf->hostname);
	return s;
}

void
lmtp_session_free(struct lmtp_session **sp)
{
	struct lmtp_session *s = *sp;

	if (s == NULL)
		return;
	(void)lmtp_transaction_end(s);
	buf_free(&s->out);
	free(s->peer);
	free(s->lhlo);
	free(s);
	*sp = NULL;
}

size_t
lmtp_session_input(struct lmtp_session *s, const char *data, size_t len, time_t now)
{
	size_t done = 0, used;
	enum lmtp_state before;

	s->now = now;
	do {
		if (s->message.paused || s->out.len >= LMTP_OUTPUT_MAX)
			break;
		used = 0;
		before = s->state;
		/* A chunk of no octets is complete without any. */
		if (done == len && before != STATE_CHUNK)
			break;
		s->state = step(s, data + done, len - done, &used);
		done += used;
	} while (used > 0 || s->state != before);
	return done;
}

void
lmtp_session_committed(struct lmtp_session *s, enum lmtp_verdict verdict, const char *queue_id)
{
	struct buf line = BUF_INIT;

	assert(s->state == STATE_COMMIT);
	switch (verdict) {
	case LMTP_STORED:
		s->ops->accepted(s->arg, &s->env, queue_id, s->message.stored);
		buf_printf(&line, "250 2.0.0 Ok: queued as %s", queue_id);
		reply_each(s, buf_str(&line));
		buf_free(&line);
		s->errors = 0;
		s->state = lmtp_transaction_end(s);
		return;
	case LMTP_NO_ROOM:
		s->state = message_refused(s, REPLY_NO_ROOM);
		return;
	case LMTP_FAULT:
		s->state = message_refused(s, REPLY_FAULT);
		return;
	}
	abort();
}

void
lmtp_session_resume(struct lmtp_session *s)
{
	s->message.paused = false;
}

/*
 * 421 may come at any time (RFC 5321 3.8); what was not acknowledged stays the
 * client's. Only one that is in the middle of its data may still be sending.
 */
static void
end(struct lmtp_session *s, enum lmtp_reply r)
{
	bool sending = s->state == STATE_DATA || s->state == STATE_CHUNK;

	assert(s->state != STATE_COMMIT);
	if (s->state == STATE_QUIT || s->state == STATE_CUT)
		return;
	lmtp_message_drop(&s->message);
	s->state = lmtp_answer(s, r, sending ? STATE_CUT : STATE_QUIT);
}

void
lmtp_session_timeout(struct lmtp_session *s)
{
	end(s, REPLY_TIMEOUT);
}

void
lmtp_session_shutdown(struct lmtp_session *s)
{
	end(s, REPLY_SHUTDOWN);
}

enum lmtp_wants
lmtp_session_wants(const struct lmtp_session *s)
{
	switch (s->state) {
	case STATE_START:
	case STATE_READY:
	case STATE_MAIL:
	case STATE_RCPT:
	case STATE_BETWEEN:
		return s->message.paused ? LMTP_WANTS_STORE : LMTP_WANTS_COMMAND;
	case STATE_CHUNK:
	case STATE_DATA:
		return s->message.paused ? LMTP_WANTS_STORE : LMTP_WANTS_DATA;
	case STATE_COMMIT:
		return LMTP_WANTS_STORE;
	case STATE_QUIT:
		return LMTP_WANTS_CLOSE;
	case STATE_CUT:
		return LMTP_WANTS_CUT;
	}
	abort();
}

bool
lmtp_session_idle(const struct lmtp_session *s)
{
	return s->state == STATE_START || s->state == STATE_READY;
}

struct buf *
lmtp_session_output(struct lmtp_session *s)
{
	return &s->out;
}
