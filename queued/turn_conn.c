/*
 * turn_conn.c -- one client of the turn port: its socket, TLS, session and waits.
 *
 *	GREET --first byte is TLS's--> HANDSHAKE --> TALK
 *	GREET --another, or TURN_GREET_MS over--> TALK --STARTTLS--> HANDSHAKE --> TALK
 *	TALK --ATRN--> TURNED;  TALK --cut off--> LINGER
 *
 * A client that wants TLS from the start says so with its first byte, before any greeting. Clients
 * that have no STARTTLS (fetchmail's ODMR, behind a TLS wrapper) come this way.
 *
 *  N1  The socket is read only while the session wants a command: nothing that
 *      follows STARTTLS or ATRN is ever taken for one.
 *  N2  In TURNED the descriptor and its TLS belong to deliver; the connection is
 *      kept for its count and its end.
 *  N3  Who is cut off gets TURN_LINGER_MS to read why.
 *
 * settle() may free the connection: nothing touches it after that.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/turn_conn_private.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/rules.h"
#include "queued/deliver.h"
#include "queued/smtp_io.h"
#include "queued/store.h"

#define TLS_FIRST_BYTE	0x16	/* of a ClientHello: a handshake record */

/* --- questions ----------------------------------------------------------- */

struct turn_hub *
turn_conn_hub(const struct turn_conn *c)
{
	return c->hub;
}

const struct turn_peer *
turn_conn_peer(const struct turn_conn *c)
{
	return &c->peer;
}

const struct sockaddr_storage *
turn_conn_addr(const struct turn_conn *c)
{
	return &c->addr;
}

const char *
turn_conn_id(const struct turn_conn *c)
{
	return c->id;
}

const char *
turn_conn_client(const struct turn_conn *c)
{
	return c->client;
}

const char *
turn_conn_user(const struct turn_conn *c)
{
	return turn_session_user(c->session);
}

unsigned
turn_conn_count(const struct turn_hub *hub, const struct turn_peer *peer)
{
	unsigned n = 0;

	for (const struct turn_conn *c = hub->first; c != NULL; c = c->next)
		n += memcmp(&c->peer, peer, sizeof(*peer)) == 0;
	return n;
}

/* --- waits --------------------------------------------------------------- */

static int
by_domain(const void *key, const void *element)
{
	return strcmp(key, ((const struct store_domain *)element)->domain);
}

static void
counted(void *arg, enum store_result result, const struct store_domain *v, size_t n)
{
	struct turn_conn *c = arg;
	const struct store_domain *found;
	const char *const *domain;
	uint64_t messages = 0;
	size_t ndomains;

	c->waiting = false;
	domain = turn_session_domains(c->session, &ndomains);
	for (size_t i = 0; i < ndomains && n > 0; i++) {
		found = bsearch(domain[i], v, n, sizeof(*v), by_domain);
		messages += found != NULL ? found->messages : 0;
	}
	turn_session_counted(c->session, result == STORE_OK, messages);
	turn_conn_talk(c);
}

static void
greet(struct turn_conn *c)
{
	(void)event_del(&c->timer);
	c->phase = TALK;
	turn_session_greet(c->session, false);
	turn_conn_talk(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct turn_conn *c = arg;

	(void)fd;
	(void)what;
	if (c->phase == GREET) {
		greet(c);
		return;
	}
	switch (turn_session_wants(c->session)) {
	case TURN_WANTS_PAUSE:
		c->waiting = false;
		turn_session_resume(c->session);
		turn_conn_talk(c);
		break;
	case TURN_WANTS_COUNT:
		store_domains(c->hub->store, counted, c);
		break;
	case TURN_WANTS_COMMAND:
	case TURN_WANTS_TLS:
	case TURN_WANTS_REVERSE:
	case TURN_WANTS_CLOSE:
	case TURN_WANTS_CUT:
		break;
	}
}

static void
wait_ms(struct turn_conn *c, int64_t ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	(void)event_add(&c->timer, &tv);
}

static void
pause_client(struct turn_conn *c)
{
	if (c->waiting)
		return;
	c->waiting = true;
	wait_ms(c, (int64_t)ruleset_settings(c->hub->rules)->turn_delay * 1000);
}

/* --- the turn ------------------------------------------------------------ */

static void
turned_back(void *arg, unsigned delivered)
{
	struct turn_conn *c = arg;
	struct log_q user;

	log_info("%s: turn client=%s, user=%s, delivered=%u, seconds=%" PRId64 ", end of ATRN",
	    c->id, c->client, log_quote(&user, turn_conn_user(c)), delivered,
	    (clock_mono_ms() - c->started) / 1000);
	turn_conn_free(&c);
}

/* The peer becomes the server, and delivery has the connection (N2). */
static void
reverse(struct turn_conn *c)
{
	struct buf *out = turn_session_output(c->session);
	const struct sockaddr_in *in = (const void *)&c->addr;	/* sin6_port lies there, too */
	const char *const *domain;
	struct smtp_io *io;
	size_t n;
	char *name;

	assert(c->in.len == 0);
	(void)event_del(&c->readable);
	(void)event_del(&c->writable);
	io = smtp_io_adopt(c->hub->base, c->fd, c->tls, NULL, NULL);
	c->fd = -1;
	c->tls = NULL;
	c->phase = TURNED;
	if (out->len > 0)
		buf_put(smtp_io_out(io), out->data, out->len);
	buf_free(out);
	domain = turn_session_domains(c->session, &n);
	name = xasprintf("%s[%s]:%u", turn_conn_user(c), c->client, ntohs(in->sin_port));
	if (!deliver_turn(c->hub->deliver, domain, n, &io, name, turned_back, c)) {
		smtp_io_free(&io);	/* it began to stop */
		turn_conn_free(&c);
	}
	free(name);
}

/* --- driving ------------------------------------------------------------- */

static void
linger(struct turn_conn *c)
{
	c->phase = LINGER;
	c->progress = clock_mono_ms();
	(void)shutdown(c->fd, SHUT_WR);
	buf_free(&c->in);
	turn_conn_watch(&c->readable, true);
	turn_conn_watch(&c->writable, false);
}

/* Decides what is waited for. c may be gone afterwards. */
static void
settle(struct turn_conn *c)
{
	bool unsent = turn_session_output(c->session)->len > 0;
	enum turn_wants wants = turn_session_wants(c->session);

	if (c->dead) {
		turn_conn_free(&c);
		return;
	}
	turn_conn_watch(&c->writable, unsent);
	turn_conn_watch(&c->readable, wants == TURN_WANTS_COMMAND && !c->eof && c->in.len < TURN_INPUT_MAX);
	switch (wants) {
	case TURN_WANTS_COMMAND:
		if (c->eof && !unsent)
			turn_conn_free(&c);
		break;
	case TURN_WANTS_TLS:
		if (!unsent)
			turn_conn_begin_tls(c);
		break;
	case TURN_WANTS_PAUSE:
	case TURN_WANTS_COUNT:
		pause_client(c);
		break;
	case TURN_WANTS_REVERSE:
		reverse(c);
		break;
	case TURN_WANTS_CLOSE:
		if (!unsent)
			turn_conn_free(&c);
		break;
	case TURN_WANTS_CUT:
		if (!unsent)
			linger(c);
		break;
	}
}

static size_t
feed(struct turn_conn *c)
{
	const struct buf *out = turn_session_output(c->session);
	size_t said = out->len, used;

	if (c->in.len == 0)
		return 0;
	used = turn_session_input(c->session, c->in.data, c->in.len);
	buf_drop(&c->in, used);
	if (c->in.len == 0)
		buf_free(&c->in);
	if (out->len > said)
		c->progress = clock_mono_ms();
	return used;
}

void
turn_conn_talk(struct turn_conn *c)
{
	do {
		turn_conn_flush(c);
		turn_conn_receive(c);
	} while (feed(c) > 0);
	turn_conn_flush(c);
	settle(c);
}

/* The first byte tells TLS from words. */
static void
first_byte(struct turn_conn *c)
{
	unsigned char byte;
	ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	(void)event_del(&c->timer);
	if (n <= 0) {
		turn_conn_free(&c);
	} else if (byte == TLS_FIRST_BYTE) {
		c->at_once = true;
		turn_conn_begin_tls(c);
	} else {
		greet(c);
	}
}

/* Thrown away until the client hangs up, or the sweep ends it. */
static void
swallow(struct turn_conn *c)
{
	char waste[TURN_READ_SIZE];
	ssize_t n = recv(c->fd, waste, sizeof(waste), MSG_DONTWAIT);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		turn_conn_free(&c);
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct turn_conn *c = arg;

	(void)fd;
	(void)what;
	switch (c->phase) {
	case GREET:
		first_byte(c);
		break;
	case HANDSHAKE:
		turn_conn_handshake(c);
		break;
	case TALK:
		turn_conn_talk(c);
		break;
	case LINGER:
		swallow(c);
		break;
	case TURNED:
		break;
	}
}

/* --- life and death ------------------------------------------------------ */

static void
set_client(struct turn_conn *c)
{
	const struct sockaddr_in *in = (const void *)&c->addr;
	const struct sockaddr_in6 *in6 = (const void *)&c->addr;
	const char *text;

	if (c->addr.ss_family == AF_INET)
		text = inet_ntop(AF_INET, &in->sin_addr, c->client, sizeof(c->client));
	else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		text = inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], c->client, sizeof(c->client));
	else
		text = inet_ntop(AF_INET6, &in6->sin6_addr, c->client, sizeof(c->client));
	if (text == NULL)
		(void)snprintf(c->client, sizeof(c->client), "unknown");
}

void
turn_conn_new(struct turn_hub *hub, int fd, const struct sockaddr_storage *addr)
{
	struct turn_conn *c = xcalloc(1, sizeof(*c));

	c->hub = hub;
	c->fd = fd;
	c->addr = *addr;
	turn_peer_of(&c->peer, addr);
	set_client(c);
	c->id = xasprintf("%s%llx", hub->id_prefix, (unsigned long long)hub->nsessions++);
	c->session = turn_session_new(&hub->session, &turn_conn_ops, c);
	c->started = c->progress = clock_mono_ms();
	event_assign(&c->readable, hub->base, fd, EV_READ | EV_PERSIST, on_event, c);
	event_assign(&c->writable, hub->base, fd, EV_WRITE | EV_PERSIST, on_event, c);
	evtimer_assign(&c->timer, hub->base, on_timer, c);
	c->next = hub->first;
	c->link = &hub->first;
	if (c->next != NULL)
		c->next->link = &c->next;
	hub->first = c;
	hub->sessions++;
	if (hub->tls == NULL) {
		greet(c);
		return;
	}
	turn_conn_watch(&c->readable, true);
	wait_ms(c, TURN_GREET_MS);
}

void
turn_conn_free(struct turn_conn **cp)
{
	struct turn_conn *c = *cp;
	struct turn_hub *hub = c->hub;

	if (c->fd != -1) {
		(void)event_del(&c->readable);
		(void)event_del(&c->writable);
	}
	(void)event_del(&c->timer);
	store_forget(hub->store, c);
	turn_session_free(&c->session);
	tls_conn_free(&c->tls);
	if (c->fd != -1)
		(void)close(c->fd);
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	buf_free(&c->in);
	free(c->id);
	free(c);
	*cp = NULL;
	assert(hub->sessions > 0);
	hub->sessions--;
	hub->closed(hub->closed_arg);
}

/* NULL: not yet. */
static const char *
overdue(const struct turn_conn *c, int64_t now)
{
	switch (c->phase) {
	case GREET:
	case TURNED:
		return NULL;
	case HANDSHAKE:
		return now - c->progress >= c->hub->handshake_ms ? "TLS handshake timeout" : NULL;
	case LINGER:
		return now - c->progress >= TURN_LINGER_MS ? "" : NULL;
	case TALK:
		break;
	}
	if (c->stuck != 0)
		return now - c->stuck >= c->hub->timeout_ms ? "client does not read" : NULL;
	if (turn_session_wants(c->session) != TURN_WANTS_COMMAND)
		return NULL;
	if (now - c->progress >= c->hub->timeout_ms)
		return "command timeout";
	return now - c->started >= TURN_SESSION_MS ? "session timeout" : NULL;
}

void
turn_conn_sweep(struct turn_hub *hub, int64_t now)
{
	struct turn_conn *c, *next;
	const char *why;

	for (c = hub->first; c != NULL; c = next) {
		next = c->next;
		if ((why = overdue(c, now)) == NULL)
			continue;
		if (why[0] != '\0')
			log_info("%s: turn client=%s, closing: %s", c->id, c->client, why);
		if (c->phase == TALK && c->stuck == 0) {
			turn_session_timeout(c->session);
			turn_conn_talk(c);
		} else {
			turn_conn_free(&c);
		}
	}
}

void
turn_conn_shutdown(struct turn_hub *hub)
{
	struct turn_conn *c, *next;

	for (c = hub->first; c != NULL; c = next) {
		next = c->next;
		if (c->phase == TURNED)
			continue;
		if (c->phase == TALK) {
			turn_session_shutdown(c->session);
			turn_conn_flush(c);
		}
		turn_conn_free(&c);
	}
}
