/*
 * deliver_session.c -- one SMTP session: the glue between machine, socket and store.
 *
 * The machine (smtp_client) says what it waits for; this sends what it
 * wrote, arms the deadline of that state, and feeds it. A job is taken
 * only when the session is ready for one, so a connection that is refused, or answered 421,
 * touches no message.
 *
 * Whatever happens to a session, its job is settled exactly once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "queued/deliver_private.h"

static void step(struct deliver_session *);

static struct deliver_host *
host_of(const struct deliver_session *s)
{
	return s->at;
}

/* --- the end ------------------------------------------------------------- */

void
deliver_session_close(struct deliver_session *s)
{
	deliver_connect_cancel(s);
	deliver_tls_close(s);
	smtp_io_free(&s->io);
	smtp_client_free(&s->client);
}

static void
set_idle(struct deliver_session *s, bool idle)
{
	if (s->is_idle == idle)
		return;
	s->is_idle = idle;
	if (idle)
		TAILQ_INSERT_TAIL(&s->dest->idle, s, idle_link);
	else
		TAILQ_REMOVE(&s->dest->idle, s, idle_link);
}

/* Out of all lists; the job must be settled. */
static void
session_free(struct deliver_session *s)
{
	struct deliver_dest *dest = s->dest;

	assert(s->job == NULL);
	set_idle(s, false);
	store_forget(dest->d->store, s);
	deliver_session_close(s);
	TAILQ_REMOVE(&dest->sessions, s, link);
	dest->nsessions--;
	if (!s->ready)
		dest->nopening--;
	deliver_connect_free(s);
	free(s->relay);
	free(s);
	if (dest->turn != NULL)
		deliver_turn_ended(dest);
}

void
deliver_session_end(struct deliver_session *s)
{
	struct deliver_dest *dest = s->dest;
	struct deliver *d = dest->d;

	session_free(s);
	deliver_probe_ended(dest);
	deliver_pump(dest);
	deliver_route_reap(d);
	deliver_drain_check(d);
}

static void
settle_now(struct deliver_session *s)
{
	s->dest->nbusy--;
	s->dest->d->inflight--;
	(void)deliver_settle(s);
	assert(s->job == NULL);
}

/* "host[addr]:port: lost connection while sending DATA" */
char *
deliver_session_reason(const struct deliver_session *s, const struct smtp_verdict *v)
{
	const char *dsn = v->dsn, *gap = *dsn != '\0' ? " " : "";

	if (v->event == SMTP_EV_REPLY)
		return xasprintf("%s: said %d%s%s %s (%s)", s->relay, v->code, gap, dsn, v->text,
		    smtp_state_words(v->phase));
	if (v->event == SMTP_EV_TLS)		/* whole sentences, with advice */
		return xasprintf("%s: %s%s", s->relay,
		    v->phase == SMTP_TLS ? "TLS handshake failed: " : "", v->text);
	return xasprintf("%s: %s %s", s->relay, v->text, smtp_state_words(v->phase));
}

static enum outcome_dest
judge_end(const struct deliver_session *s, const struct smtp_verdict *v)
{
	enum outcome_dest what = outcome_of(v, NULL).dest;

	/* RFC 5321 3.8 and custom: enough messages for one connection; the next greeting tells more. */
	if (s->sent > 0 && v->event == SMTP_EV_REPLY && what == OUTCOME_BUSY &&
	    (v->phase == SMTP_READY || v->phase == SMTP_XFORWARD || v->phase == SMTP_MAIL))
		return OUTCOME_ALIVE;
	if (v->phase == SMTP_READY && s->sent == 0)
		return OUTCOME_DEAD;
	return what;
}

/* The reason is logged once: with the destination's change, if there is one. */
static void
report_end(struct deliver_session *s, enum outcome_dest what, const char *reason)
{
	struct deliver_dest *dest = s->dest;
	enum destination_state before = dest->health.state;

	deliver_outcome(dest, s, what, reason);
	if (dest->health.state != DEST_DOWN || before == DEST_DOWN)
		log_info("session ended: %s", reason);
}

/* The machine is closed after a failure of an established session. */
static void
session_failed(struct deliver_session *s)
{
	const struct smtp_verdict *v = smtp_client_end(s->client);
	enum outcome_dest what;
	char *reason;

	if (v->event == SMTP_EV_NONE) {		/* an orderly QUIT */
		deliver_session_end(s);
		return;
	}
	what = judge_end(s, v);
	reason = deliver_session_reason(s, v);
	if (s->job != NULL)
		settle_now(s);
	if (v->phase != SMTP_READY || what == OUTCOME_DEAD)
		report_end(s, what, reason);
	free(reason);
	deliver_session_end(s);
}

/* --- the body ------------------------------------------------------------ */

static void
got_chunk(void *arg, enum store_result result, const char *data, size_t len, bool last)
{
	struct deliver_session *s = arg;

	s->reading = false;
	if (result != STORE_OK) {
		/* Our own fault (P3): cut the connection, so that half a message is none. */
		log_error("%s: cannot read the message from the store", s->job->queue_id);
		(void)smtp_client_lost(s->client, SMTP_EV_FAULT, "the message is not readable here");
		step(s);
		return;
	}
	s->seq++;
	(void)smtp_client_chunk(s->client, data, len, last);
	step(s);
}

static void
want_chunk(struct deliver_session *s)
{
	if (s->reading)
		return;
	s->reading = true;
	store_body(s->dest->d->store, s->job->message_id, s->seq, got_chunk, s);
}

/* --- driving ------------------------------------------------------------- */

/* The window may have shrunk since this session was opened: is it one too many? */
static bool
surplus(const struct deliver_session *s)
{
	const struct deliver_dest *dest = s->dest;
	const struct deliver_session *o;
	unsigned n = 0;

	if (dest->nsessions - dest->nopening <= dest->health.window)
		return false;
	TAILQ_FOREACH(o, &dest->sessions, link)
		n += o->ready && smtp_client_state(o->client) != SMTP_QUIT;
	return n > dest->health.window;
}

/* May this session take a message, as its destination is now? */
static bool
may_send(const struct deliver_session *s)
{
	const struct deliver_dest *dest = s->dest;

	switch (dest->health.state) {
	case DEST_DOWN:
		return false;
	case DEST_HELD:
		return s->probe && s->sent == 0;	/* the canary */
	case DEST_UP:
	case DEST_RAMPING:
		return !surplus(s);
	case DEST_PROBING:
		break;
	}
	return true;
}

static void
to_idle(struct deliver_session *s)
{
	struct deliver_dest *dest = s->dest;

	if (dest->d->draining || dest->ndomains == 0 || !may_send(s)) {
		set_idle(s, true);
		deliver_session_quit(s);
		return;
	}
	set_idle(s, true);
	smtp_io_deadline(s->io, DELIVER_IDLE);
}

static bool
worn_out(const struct deliver_session *s)
{
	const struct rules_settings *set = ruleset_settings(s->dest->d->rules);

	if (s->dest->turn != NULL)
		return false;		/* we cannot call back */
	return s->sent >= set->connection_messages ||
	    clock_mono_ms() - s->opened >= (int64_t)set->connection_time * 1000;
}

/* Should the message bear a Holdfast-Delivery: header? */
static bool
marks(const struct deliver_session *s, const struct job *job)
{
	const struct rules_domain *rule = ruleset_domain(s->dest->d->rules, job->domain);

	return rule != NULL && rule->delivery_id && !s->dest->relay;
}

/* False: this connection speaks for another client and must end; the job waits for the next one. */
static bool
take(struct deliver_session *s, struct job *job)
{
	if (!smtp_client_suits(s->client, job)) {
		deliver_untake(s->dest, job);
		return false;
	}
	set_idle(s, false);
	s->job = job;
	s->seq = 0;
	s->hurried = false;
	s->started = clock_mono_ms();
	s->dest->nbusy++;
	s->dest->d->inflight++;
	(void)smtp_client_send(s->client, job, marks(s, job));
	return true;
}

bool
deliver_session_next(struct deliver_session *s)
{
	struct job *job;

	assert(s->is_idle && s->job == NULL);
	if (worn_out(s) || !may_send(s)) {
		deliver_session_quit(s);
		return true;
	}
	job = deliver_take(s->dest);
	if (job == NULL)
		return false;
	if (take(s, job))
		step(s);
	else
		deliver_session_quit(s);
	return true;
}

/* The route asks for XCLIENT, the peer has none: said once, not with each connection. */
static void
report_no_xclient(struct deliver_session *s)
{
	const char *why = smtp_client_no_xclient(s->client);
	struct deliver_host *host = host_of(s);

	if (host == NULL)
		return;		/* the peer has called us */
	if (why != NULL && !host->no_xclient)
		log_warn("destination=%s relay=%s client=xclient: %s; using XFORWARD",
		    s->dest->name, s->relay, why);
	host->no_xclient = why != NULL;
}

/* The machine is ready: settle what is done, take what is next. Returns false when s is idle. */
static bool
on_ready(struct deliver_session *s)
{
	struct deliver_dest *dest = s->dest;
	struct job *job;

	if (!s->ready) {
		s->ready = true;
		dest->nopening--;
		deliver_connect_works(s);
	}
	s->progress = clock_mono_ms();
	if (s->job != NULL) {
		report_no_xclient(s);
		if (!deliver_settle(s)) {
			s->seq = 0;
			(void)smtp_client_again(s->client);
			return true;
		}
		s->sent++;
		pace_note(&dest->pace, s->progress);
		dest->nbusy--;
		dest->d->inflight--;
		deliver_drain_check(dest->d);
	}
	if (worn_out(s) && dest->health.state != DEST_PROBING) {
		(void)smtp_client_quit(s->client);
		return true;
	}
	job = may_send(s) ? deliver_take(dest) : NULL;
	if (job == NULL)
		return false;
	if (!take(s, job))
		(void)smtp_client_quit(s->client);
	return true;
}

static void
handshake(struct deliver_session *s)
{
	smtp_io_deadline(s->io, smtp_state_timeout(SMTP_TLS, s->dest->d->conf));
	if (deliver_tls_handshake(s))
		return;
	(void)smtp_client_lost(s->client, SMTP_EV_BROKEN, "plaintext after the reply to STARTTLS");
	deliver_connect_refused(s);
}

static unsigned
deadline_of(const struct deliver_session *s, enum smtp_state state)
{
	unsigned seconds = smtp_state_timeout(state, s->dest->d->conf);

	if (s->probe && !s->ready && seconds > DELIVER_PROBE_GREETING)
		seconds = DELIVER_PROBE_GREETING;
	return seconds;
}

/* Does what the machine's state asks for, until it waits for the peer. s may be gone afterwards. */
static void
step(struct deliver_session *s)
{
	struct deliver_dest *dest = s->dest;
	enum smtp_state state = smtp_client_state(s->client), waits = SMTP_CONNECT;

	for (;;) {
		if (state == SMTP_CLOSED) {
			if (s->ready)
				session_failed(s);
			else
				deliver_connect_refused(s);
			return;
		}
		if (state == SMTP_TLS) {
			handshake(s);
			return;
		}
		if (state == SMTP_READY && !on_ready(s)) {
			to_idle(s);
			deliver_pump(dest);
			return;
		}
		state = smtp_client_state(s->client);
		if (state == SMTP_READY)	/* a message that this peer cannot take */
			continue;
		if (state != waits)
			smtp_io_deadline(s->io, deadline_of(s, state));
		waits = state;
		if (!smtp_io_flush(s->io))
			return;			/* drained or failed follows */
		state = smtp_client_drained(s->client);
		if (smtp_client_wants_chunk(s->client)) {
			want_chunk(s);
			return;
		}
		if (state == waits)
			return;
	}
}

/* --- the socket's events ------------------------------------------------- */

static void
io_connected(void *arg)
{
	struct deliver_session *s = arg;

	smtp_io_deadline(s->io, deadline_of(s, smtp_client_connected(s->client)));
}

static void
io_reply(void *arg, const struct wire_reply *r)
{
	struct deliver_session *s = arg;

	switch (smtp_client_state(s->client)) {
	case SMTP_CLOSED:
		return;
	case SMTP_TLS:
		(void)smtp_client_lost(s->client, SMTP_EV_BROKEN,
		    "plaintext after the reply to STARTTLS");
		return;
	case SMTP_CONNECT: case SMTP_GREETING: case SMTP_EHLO: case SMTP_HELO:
	case SMTP_STARTTLS: case SMTP_READY: case SMTP_XCLIENT: case SMTP_XEHLO:
	case SMTP_XFORWARD: case SMTP_MAIL: case SMTP_RCPT: case SMTP_DATA: case SMTP_BODY: case SMTP_FINAL:
	case SMTP_RSET: case SMTP_QUIT:
		break;
	}
	set_idle(s, false);
	s->stirred = true;
	s->progress = clock_mono_ms();
	(void)smtp_client_reply(s->client, r);
}

static void
io_pause(void *arg)
{
	struct deliver_session *s = arg;

	/* Half a reply is no progress: it must not move the deadline. */
	if (!s->stirred)
		return;
	s->stirred = false;
	step(s);
}

static void
io_handshake(void *arg, bool ok, const char *why)
{
	struct deliver_session *s = arg;
	struct buf b = BUF_INIT;

	if (ok) {
		smtp_io_describe_tls(s->io, &b);
		log_info("session relay=%s tls=\"%s\"", s->relay, buf_str(&b));
		buf_free(&b);
	}
	(void)smtp_client_tls(s->client, ok, why);
	step(s);
}

static void
io_drained(void *arg)
{
	struct deliver_session *s = arg;

	(void)smtp_client_drained(s->client);
	step(s);
}

/* A slow store is no reason to hang up on a probe that got through. */
static bool
awaits_mail(const struct deliver_session *s)
{
	return s->dest->asked + s->dest->nready > 0 && !s->dest->d->draining &&
	    clock_mono_ms() - s->progress < DELIVER_IDLE_MAX;
}

static void
io_failed(void *arg, enum smtp_event event, const char *why)
{
	struct deliver_session *s = arg;

	if (event == SMTP_EV_TIMEOUT && s->is_idle) {
		if (awaits_mail(s))
			smtp_io_deadline(s->io, DELIVER_IDLE);
		else
			deliver_session_quit(s);
		return;
	}
	set_idle(s, false);
	if (smtp_client_state(s->client) != SMTP_CLOSED)
		(void)smtp_client_lost(s->client, event, why);
	step(s);
}

const struct smtp_io_handlers deliver_session_handlers = {
	.connected = io_connected,
	.reply = io_reply,
	.pause = io_pause,
	.handshake = io_handshake,
	.drained = io_drained,
	.failed = io_failed,
};

/* --- from outside --------------------------------------------------------- */

static struct deliver_session *
session_new(struct deliver_dest *dest, bool probe)
{
	struct deliver_session *s = xcalloc(1, sizeof(*s));

	s->dest = dest;
	s->probe = probe;
	s->opened = s->progress = clock_mono_ms();
	TAILQ_INSERT_TAIL(&dest->sessions, s, link);
	dest->nsessions++;
	dest->nopening++;
	return s;
}

void
deliver_session_open(struct deliver_dest *dest, bool probe)
{
	deliver_connect_start(session_new(dest, probe));
}

/* On a connection that the peer made; what stands in its output already goes first. */
void
deliver_session_adopt(struct deliver_dest *dest, struct smtp_io **io, const char *relay)
{
	struct deliver_session *s = session_new(dest, false);
	const struct smtp_client_options o = { .hostname = dest->d->conf->hostname,
		.tls = TLS_OFF, .client = dest->client };

	s->plain = true;
	s->relay = xstrdup(relay);
	s->io = *io;
	*io = NULL;
	smtp_io_handlers(s->io, &deliver_session_handlers, s);
	s->client = smtp_client_new(&o, smtp_io_out(s->io));
	smtp_io_deadline(s->io, deadline_of(s, smtp_client_connected(s->client)));
	(void)smtp_io_flush(s->io);
}

void
deliver_session_quit(struct deliver_session *s)
{
	assert(s->is_idle);
	set_idle(s, false);
	(void)smtp_client_quit(s->client);
	smtp_io_deadline(s->io, smtp_state_timeout(SMTP_QUIT, s->dest->d->conf));
	(void)smtp_io_flush(s->io);
}

void
deliver_session_cut(struct deliver_session **sp, const char *why)
{
	struct deliver_session *s = *sp;

	if (s->job != NULL) {
		if (smtp_client_state(s->client) != SMTP_CLOSED)
			(void)smtp_client_lost(s->client, SMTP_EV_LOST, why);
		settle_now(s);
	}
	session_free(s);
	*sp = NULL;
}
