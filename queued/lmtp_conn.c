/*
 * lmtp_conn.c -- one client of the LMTP server: its socket, its session, its
 * message in the store.
 *
 * A step costs one read and one write: what a read brought is worked off
 * whole and all replies leave together. Message octets go from the one read
 * buffer of the server through the session into the store; a connection keeps
 * only an unfinished command, or what came while the store was at work or
 * LMTP_OUTPUT_MAX of replies were unsent: at most LMTP_INPUT_MAX and one read.
 * Then its socket is not read any more (the kernel's window closes).
 *
 *  C1  A connection whose message the store is committing lives until the
 *      answer, with or without its client: the delivery must learn of the message.
 *  C2  Who is cut off while sending gets LMTP_LINGER_MS to read why: closing a
 *      socket with unread input resets it and may destroy the last reply.
 *  C3  EOF inside a message aborts it.
 *
 * turn() may free the connection: nothing touches it after that.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/lmtp_conn.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/log.h"
#include "queued/drill.h"
#include "queued/store.h"

#define KEEP_MAX	4096	/* octets of an empty buffer that an idle client may hold */

struct lmtp_conn {
	struct lmtp_hub		*hub;
	struct lmtp_conn	*next, **link;
	int			 fd;
	char			*peer;
	char			*id;		/* in logs, until there is a queue id */
	struct lmtp_session	*session;
	struct store_intake	*intake;
	bool			 committing;
	char			 drill[DRILL_TOKEN_SIZE];	/* of the message that is; "" */
	bool			 eof;		/* the client sends no more */
	bool			 dead;		/* the socket is of no use */
	bool			 lingering;	/* C2 */
	struct buf		 in;		/* read, not yet used */
	struct event		 readable, writable;
	struct lmtp_timing	 time;
	int64_t			 wait_since;	/* for the store; 0: does not wait */
};

/* --- the session's outside ----------------------------------------------- */

static void	turn(struct lmtp_conn *);

static bool
op_has_room(void *arg, uint64_t bytes)
{
	struct lmtp_conn *c = arg;

	return store_has_room(c->hub->store, bytes);
}

static const char *
op_begin(void *arg)
{
	struct lmtp_conn *c = arg;

	c->intake = store_intake_begin(c->hub->store);
	c->time.data_started = clock_mono_ms();
	c->time.data_bytes = 0;
	return store_intake_queue_id(c->intake);
}

static void
on_resume(void *arg)
{
	struct lmtp_conn *c = arg;

	lmtp_session_resume(c->session);
	turn(c);
}

static bool
op_write(void *arg, const char *data, size_t len)
{
	struct lmtp_conn *c = arg;

	return store_intake_write(c->intake, data, len, on_resume, c);
}

static void
on_committed(void *arg, enum store_result result, const char *queue_id, const char *why)
{
	struct lmtp_conn *c = arg;
	enum lmtp_verdict verdict = result == STORE_OK ? LMTP_STORED :
	    result == STORE_FULL ? LMTP_NO_ROOM : LMTP_FAULT;

	c->committing = false;
	if (verdict == LMTP_FAULT)
		log_error("%s: the store did not take the message: %s", c->id,
		    why != NULL ? why : "no reason given");
	if (verdict == LMTP_STORED && c->drill[0] != '\0')
		drills_stored(c->hub->drills, c->drill, queue_id);
	lmtp_session_committed(c->session, verdict, queue_id);
	if (verdict == LMTP_STORED && c->dead)
		log_warn("%s: the client left before our reply and may send the message again",
		    queue_id);
	turn(c);
}

static void
op_commit(void *arg, const struct envelope *env)
{
	struct lmtp_conn *c = arg;

	struct envelope held = *env;	/* lent, as env is */
	char reason[] = "drill: a test message of `holdfast drill'";
	const char *token = c->hub->drills != NULL ? drills_claim(c->hub->drills, env) : NULL;

	c->drill[0] = '\0';
	if (token != NULL) {
		held.start = START_HELD;
		held.start_reason = reason;
		(void)snprintf(c->drill, sizeof(c->drill), "%s", token);
	}
	c->committing = true;
	store_intake_commit(&c->intake, &held, on_committed, c);
}

static void
op_abort(void *arg)
{
	struct lmtp_conn *c = arg;

	store_intake_abort(&c->intake);
}

static int
domain_order(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static void
tell_domain(const struct lmtp_hub *hub, const char *name)
{
	char *domain = xstrdup(name);

	addr_lower(domain);
	hub->accepted(hub->accepted_arg, domain);
	free(domain);
}

/* Each distinct domain once; sorted, for a thousand recipients may have a thousand. */
static void
tell_domains(const struct lmtp_hub *hub, const struct envelope *env)
{
	const char **v = xcalloc(env->nrcpt, sizeof(*v));

	for (size_t i = 0; i < env->nrcpt; i++)
		v[i] = addr_domain(env->rcpt[i].address);
	qsort(v, env->nrcpt, sizeof(*v), domain_order);
	for (size_t i = 0; i < env->nrcpt; i++)
		if (i == 0 || strcasecmp(v[i - 1], v[i]) != 0)
			tell_domain(hub, v[i]);
	free(v);
}

static const char *
or_else(const char *s, const char *otherwise)
{
	return s != NULL && s[0] != '\0' ? s : otherwise;
}

static const char *
client_addr(const struct lmtp_conn *c, const struct envelope *env)
{
	return or_else(env->client.addr, or_else(c->peer, "unix"));
}

static void
op_accepted(void *arg, const struct envelope *env, const char *queue_id, uint64_t size)
{
	struct lmtp_conn *c = arg;
	bool apart = env->start == START_QUARANTINED;
	struct log_q why;

	c->hub->stats.accepted++;
	c->hub->stats.bytes += size;
	log_info("%s: from=<%s>, size=%llu, nrcpt=%zu (queue active), client=%s[%s], trace=%s, "
	    "proto=LMTP%s%s", queue_id, env->sender, (unsigned long long)size, env->nrcpt,
	    or_else(env->client.name, "unknown"), client_addr(c, env),
	    or_else(env->trace, or_else(env->client.ident, c->id)), apart ? ", quarantine=" : "",
	    apart ? log_quote(&why, or_else(env->start_reason, "-")) : "");
	tell_domains(c->hub, env);
}

/* A command by its argument, for an address that is no address can't be shown as one. */
static void
op_refused(void *arg, const struct envelope *env, const char *argument, const char *why)
{
	struct lmtp_conn *c = arg;
	struct log_q given, reason;
	struct buf what = BUF_INIT;

	c->hub->stats.refused += argument != NULL ? 1 : env->nrcpt;
	if (env->sender != NULL)
		buf_printf(&what, "from=<%s>, ", env->sender);
	if (argument != NULL)
		buf_printf(&what, "argument=%s, ", log_quote(&given, argument));
	else
		buf_printf(&what, "nrcpt=%zu, ", env->nrcpt);
	log_info("%s: refused: %sclient=%s[%s], reply=%s",
	    or_else(env->trace, or_else(env->client.ident, c->id)), buf_str(&what),
	    or_else(env->client.name, "unknown"), client_addr(c, env), log_quote(&reason, why));
	buf_free(&what);
}

static const struct lmtp_ops ops = {
	.has_room = op_has_room,
	.begin = op_begin,
	.write = op_write,
	.commit = op_commit,
	.abort = op_abort,
	.accepted = op_accepted,
	.refused = op_refused,
};

/* --- the socket ---------------------------------------------------------- */

/* Sends what it can. */
static void
flush(struct lmtp_conn *c)
{
	struct buf *out = lmtp_session_output(c->session);
	ssize_t n;

	if (out->len > 0 && !c->dead) {
		n = send(c->fd, out->data, out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			buf_drop(out, (size_t)n);
		else if (errno != EAGAIN && errno != EINTR)
			c->dead = true;
		if (n > 0 || c->time.stuck == 0)
			c->time.stuck = clock_mono_ms();
	}
	if (c->dead)
		buf_clear(out);
	if (out->len == 0) {
		c->time.stuck = 0;
		if (out->cap > KEEP_MAX)
			buf_free(out);
	}
}

/*
 * Gives octets to the session and says how many it used. Progress is message
 * octets or an answer: a command that never ends is none.
 */
static size_t
feed(struct lmtp_conn *c, const char *data, size_t len)
{
	const struct buf *out = lmtp_session_output(c->session);
	bool data_before = lmtp_session_wants(c->session) == LMTP_WANTS_DATA;
	size_t said = out->len;
	size_t used = lmtp_session_input(c->session, data, len, (time_t)clock_wall());

	if (data_before)
		c->time.data_bytes += used;
	if (out->len > said || (used > 0 &&
	    (data_before || lmtp_session_wants(c->session) == LMTP_WANTS_DATA)))
		c->time.progress = clock_mono_ms();
	return used;
}

static size_t
feed_kept(struct lmtp_conn *c)
{
	size_t used = feed(c, c->in.data, c->in.len);

	buf_drop(&c->in, used);
	if (c->in.len == 0 && c->in.cap > KEEP_MAX)
		buf_free(&c->in);
	return used;
}

/* What the store took of the client's time is given back. */
static void
note_wait(struct lmtp_conn *c, enum lmtp_wants wants)
{
	int64_t now;

	if ((wants == LMTP_WANTS_STORE) == (c->wait_since != 0))
		return;
	now = clock_mono_ms();
	if (c->wait_since != 0) {
		c->time.progress = now;
		c->time.data_started += now - c->wait_since;
		c->wait_since = 0;
	} else {
		c->wait_since = now;
	}
}

static void
watch(struct event *ev, bool wanted)
{
	bool pending = event_pending(ev, EV_READ | EV_WRITE, NULL);

	if (wanted && !pending)
		(void)event_add(ev, NULL);
	else if (!wanted && pending)
		(void)event_del(ev);
}

static void
linger(struct lmtp_conn *c)
{
	if (!c->lingering) {
		(void)shutdown(c->fd, SHUT_WR);
		c->time.progress = clock_mono_ms();
	}
	c->lingering = true;
	buf_free(&c->in);
}

/* Nothing is left to do for this client. */
static bool
finished(const struct lmtp_conn *c, enum lmtp_wants wants, size_t unsent)
{
	if (c->committing)
		return false;
	if (c->dead)
		return true;
	if (wants == LMTP_WANTS_STORE || unsent > 0)
		return false;
	return wants == LMTP_WANTS_CLOSE || c->eof;
}

/* Whatever happened: use the input, send the output, decide what is waited for. */
static void
turn(struct lmtp_conn *c)
{
	struct buf *out = lmtp_session_output(c->session);
	enum lmtp_wants wants;

	flush(c);
	while (c->in.len > 0 && out->len < LMTP_OUTPUT_MAX && !c->lingering && feed_kept(c) > 0)
		flush(c);
	if (c->hub->draining && lmtp_session_idle(c->session) && c->in.len == 0)
		lmtp_session_shutdown(c->session);
	flush(c);
	wants = lmtp_session_wants(c->session);
	note_wait(c, wants);
	if (finished(c, wants, out->len)) {
		lmtp_conn_free(&c);
		return;
	}
	if (wants == LMTP_WANTS_CUT && out->len == 0)
		linger(c);
	watch(&c->writable, out->len > 0);
	watch(&c->readable, !c->eof && !c->dead && c->in.len < LMTP_INPUT_MAX);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct lmtp_conn *c = arg;
	char *data = c->hub->read;
	ssize_t n = recv(fd, data, LMTP_READ_MAX, MSG_DONTWAIT);
	size_t used = 0;

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		c->eof = true;
		c->dead = n < 0;
	} else if (!c->lingering) {
		if (c->in.len == 0)
			used = feed(c, data, (size_t)n);
		buf_put(&c->in, data + used, (size_t)n - used);
	}
	turn(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	turn(arg);
}

/* --- life and death ------------------------------------------------------ */

void
lmtp_conn_new(struct lmtp_hub *hub, int fd, const char *peer)
{
	struct lmtp_conn *c = xcalloc(1, sizeof(*c));

	c->hub = hub;
	c->fd = fd;
	c->peer = xstrdup(peer);
	c->id = xasprintf("%s%llx", hub->id_prefix, (unsigned long long)hub->nsessions++);
	c->session = lmtp_session_new(&hub->session, &ops, c, peer);
	c->time.started = c->time.progress = clock_mono_ms();
	event_assign(&c->readable, hub->base, fd, EV_READ | EV_PERSIST, on_readable, c);
	event_assign(&c->writable, hub->base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
	c->next = hub->first;
	c->link = &hub->first;
	if (c->next != NULL)
		c->next->link = &c->next;
	hub->first = c;
	hub->stats.sessions++;
	turn(c);
}

void
lmtp_conn_free(struct lmtp_conn **cp)
{
	struct lmtp_conn *c = *cp;
	struct lmtp_hub *hub = c->hub;

	(void)event_del(&c->readable);
	(void)event_del(&c->writable);
	lmtp_session_free(&c->session);
	store_forget(hub->store, c);
	(void)close(c->fd);
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	buf_free(&c->in);
	free(c->peer);
	free(c->id);
	free(c);
	*cp = NULL;
	assert(hub->stats.sessions > 0);
	hub->stats.sessions--;
	hub->closed(hub->closed_arg);
}

unsigned
lmtp_conn_count(const struct lmtp_hub *hub, const char *peer)
{
	unsigned n = 0;

	for (const struct lmtp_conn *c = hub->first; c != NULL; c = c->next)
		n += c->peer != NULL && strcmp(c->peer, peer) == 0;
	return n;
}

static void
expire(struct lmtp_conn *c, const char *why)
{
	if (why[0] != '\0')
		log_info("%s: closing: %s, client=%s", c->id, why, or_else(c->peer, "unix"));
	if (c->time.stuck != 0 || c->lingering)
		c->dead = true;
	else
		lmtp_session_timeout(c->session);
	turn(c);
}

void
lmtp_conn_sweep(struct lmtp_hub *hub, int64_t now)
{
	struct lmtp_conn *c, *next;
	const char *why;

	for (c = hub->first; c != NULL; c = next) {
		next = c->next;
		why = lmtp_overdue(&c->time, lmtp_session_wants(c->session), hub->timeout_ms,
		    hub->session_ms, now);
		if (why != NULL)
			expire(c, why);
		else if (hub->draining)
			turn(c);
	}
}
