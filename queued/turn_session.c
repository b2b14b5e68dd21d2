/*
 * turn_session.c -- ETRN's and ATRN's server side as a state machine without I/O.
 *
 *	START --EHLO--> READY --AUTH--> AUTH --> READY
 *	READY --STARTTLS--> TLS --handshake--> START
 *	READY --ETRN--> COUNT --counted--> READY
 *	READY --ATRN--> COUNT --counted--> REVERSE (or READY: no mail)
 *	any refusal that costs time --> PAUSE --> READY
 *	any --QUIT--> QUIT;  any --smuggling, too many errors, 421--> CUT
 *
 *  T1  AUTH is heard under TLS only. What came before TLS is forgotten with it,
 *      and bytes that came along with STARTTLS end the session (RFC 3207 4, 6).
 *  T2  Nothing is started for a domain unless the client is in a turn_network
 *      (ETRN) or has proved to be a user who owns it (ETRN, ATRN).
 *  T3  In PAUSE, COUNT, TLS and REVERSE no input is taken: one command at a time.
 *  T4  Our own faults are 4xx (P3).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/turn_session.h"

#include <assert.h>
#include <stdlib.h>

#include "common/wire.h"
#include "queued/turn_state.h"

/* --- replies ------------------------------------------------------------- */

enum turn_state
turn_say(struct turn_session *s, const char *line, enum turn_state next)
{
	buf_puts(&s->out, line);
	buf_put(&s->out, "\r\n", 2);
	return next;
}

enum turn_state
turn_cut(struct turn_session *s, const char *line)
{
	s->ops->decided(s->arg, "session", line);
	return turn_say(s, line, TURN_CUT);
}

enum turn_state
turn_mistake(struct turn_session *s, const char *line)
{
	(void)turn_say(s, line, s->state);
	if (++s->errors >= TURN_ERRORS_MAX)
		return turn_cut(s, "421 4.7.0 Too many errors");
	return s->state;
}

enum turn_state
turn_later(struct turn_session *s, char *line, enum turn_state next)
{
	s->later = line;
	s->then = next;
	return TURN_PAUSE;
}

/* --- input --------------------------------------------------------------- */

/* Too long: thrown away piece by piece; a CR stays, its LF may be next. */
static enum turn_state
skip_line(struct turn_session *s, const char *p, size_t *used)
{
	*used = p[WIRE_COMMAND_MAX - 1] == '\r' ? WIRE_COMMAND_MAX - 1 : WIRE_COMMAND_MAX;
	s->scanned = 0;
	s->skipping = true;
	return s->state;
}

static enum turn_state
too_long(struct turn_session *s)
{
	s->skipping = false;
	turn_sasl_free(&s->sasl);
	if (s->state == TURN_AUTH)
		s->state = TURN_READY;
	return turn_mistake(s, "500 5.5.2 Line too long");
}

static enum turn_state
on_line(struct turn_session *s, const char *p, size_t len, size_t *used)
{
	size_t linelen;

	switch (wire_line(p, len, WIRE_COMMAND_MAX, &s->scanned, &linelen, used)) {
	case WIRE_LINE:
		s->scanned = 0;
		if (s->skipping)
			return too_long(s);
		if (s->state == TURN_AUTH)
			return turn_auth_answer(s, p, linelen);
		return turn_command(s, p, linelen, len > *used);
	case WIRE_MORE:
		*used = 0;
		return s->state;
	case WIRE_TOO_LONG:
		return skip_line(s, p, used);
	case WIRE_BARE_LF:
		return turn_cut(s, "554 5.5.2 Bare LF in command; closing");
	case WIRE_BARE_CR:
		return turn_cut(s, "554 5.5.2 Bare CR in command; closing");
	case WIRE_NUL:
		return turn_cut(s, "554 5.5.2 NUL in command; closing");
	}
	abort();
}

size_t
turn_session_input(struct turn_session *s, const char *data, size_t len)
{
	size_t done = 0, used;

	while (done < len && s->out.len < TURN_OUTPUT_MAX &&
	    turn_session_wants(s) == TURN_WANTS_COMMAND) {
		used = 0;
		s->state = on_line(s, data + done, len - done, &used);
		if (used == 0)
			break;
		done += used;
	}
	return done;
}

/* --- the owner's side ---------------------------------------------------- */

struct turn_session *
turn_session_new(const struct turn_config *conf, const struct turn_ops *ops, void *arg)
{
	struct turn_session *s = xcalloc(1, sizeof(*s));

	s->conf = conf;
	s->ops = ops;
	s->arg = arg;
	s->users = turn_users_ref(conf->users);
	return s;
}

void
turn_session_free(struct turn_session **sp)
{
	struct turn_session *s = *sp;

	if (s == NULL)
		return;
	turn_sasl_free(&s->sasl);
	turn_users_unref(&s->users);
	turn_forget(s);
	free(s->later);
	buf_free(&s->out);
	free(s);
	*sp = NULL;
}

void
turn_session_greet(struct turn_session *s, bool encrypted)
{
	s->encrypted = encrypted;
	buf_printf(&s->out, "220 %s ESMTP Holdfast (ETRN and ATRN only)\r\n", s->conf->hostname);
}

void
turn_session_tls(struct turn_session *s)
{
	assert(s->state == TURN_TLS);
	s->encrypted = true;
	s->state = TURN_START;
}

void
turn_session_resume(struct turn_session *s)
{
	assert(s->state == TURN_PAUSE);
	s->state = turn_say(s, s->later, s->then);
	free(s->later);
	s->later = NULL;
	if (s->state == TURN_READY && s->denials >= TURN_AUTH_MAX)
		s->state = turn_cut(s, "421 4.7.0 Too many failed authentications");
}

void
turn_session_counted(struct turn_session *s, bool known, uint64_t messages)
{
	assert(s->state == TURN_COUNT);
	s->state = turn_counted(s, known, messages);
}

static void
end(struct turn_session *s, const char *line)
{
	if (s->state == TURN_QUIT || s->state == TURN_CUT || s->state == TURN_REVERSE)
		return;
	s->state = s->state == TURN_TLS ? TURN_CUT : turn_say(s, line, TURN_QUIT);
}

void
turn_session_timeout(struct turn_session *s)
{
	end(s, "421 4.4.2 Timeout exceeded");
}

void
turn_session_shutdown(struct turn_session *s)
{
	end(s, "421 4.3.2 Service shutting down");
}

enum turn_wants
turn_session_wants(const struct turn_session *s)
{
	switch (s->state) {
	case TURN_START:
	case TURN_READY:
	case TURN_AUTH:
		return TURN_WANTS_COMMAND;
	case TURN_TLS:
		return TURN_WANTS_TLS;
	case TURN_PAUSE:
		return TURN_WANTS_PAUSE;
	case TURN_COUNT:
		return TURN_WANTS_COUNT;
	case TURN_REVERSE:
		return TURN_WANTS_REVERSE;
	case TURN_QUIT:
		return TURN_WANTS_CLOSE;
	case TURN_CUT:
		return TURN_WANTS_CUT;
	}
	abort();
}

const char *const *
turn_session_domains(const struct turn_session *s, size_t *n)
{
	*n = s->ndomains;
	return (const char *const *)s->domain;
}

const char *
turn_session_user(const struct turn_session *s)
{
	return s->user != NULL ? s->user->name : "";
}

struct buf *
turn_session_output(struct turn_session *s)
{
	return &s->out;
}
