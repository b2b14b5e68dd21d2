/*
 * turn_bytes.c -- what a client of the turn port sends and gets, in the clear and through TLS.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>

#include "common/clock.h"
#include "common/log.h"
#include "queued/turn_conn_private.h"

void
turn_conn_watch(struct event *ev, bool wanted)
{
	if (wanted != (event_pending(ev, EV_READ | EV_WRITE, NULL) != 0))
		(void)(wanted ? event_add(ev, NULL) : event_del(ev));
}

/* Bytes that TLS moved; *ended: what it means that the client has closed it. */
static size_t
tls_moved(struct turn_conn *c, enum tls_result r, size_t moved, bool *ended)
{
	switch (r) {
	case TLS_DONE:
		return moved;
	case TLS_WANT_READ:
	case TLS_WANT_WRITE:
		break;
	case TLS_EOF:
		*ended = true;
		break;
	case TLS_FAILED:
		c->dead = true;
		break;
	}
	return 0;
}

/* >0 bytes moved, 0 none now; sets eof or dead. */
static size_t
receive_some(struct turn_conn *c, char *to, size_t room)
{
	enum tls_result r;
	size_t moved = 0;
	ssize_t n;

	if (c->tls != NULL) {
		r = tls_read(c->tls, to, room, &moved);
		return tls_moved(c, r, moved, &c->eof);
	}
	n = recv(c->fd, to, room, MSG_DONTWAIT);
	if (n == 0)
		c->eof = true;
	else if (n == -1 && errno != EAGAIN && errno != EINTR)
		c->dead = true;
	return n > 0 ? (size_t)n : 0;
}

/* All that is there and has room: what OpenSSL keeps, poll() would not show. */
void
turn_conn_receive(struct turn_conn *c)
{
	size_t n;

	while (!c->eof && !c->dead && c->in.len < TURN_INPUT_MAX &&
	    turn_session_wants(c->session) == TURN_WANTS_COMMAND) {
		buf_reserve(&c->in, TURN_READ_SIZE);
		n = receive_some(c, c->in.data + c->in.len, TURN_READ_SIZE);
		c->in.len += n;
		if (n == 0)
			return;
	}
}

/* Bytes taken; 0 none now; sets dead. */
static size_t
send_some(struct turn_conn *c, const struct buf *out)
{
	enum tls_result r;
	size_t moved = 0;
	ssize_t n;

	if (c->tls != NULL) {
		r = tls_write(c->tls, out->data, out->len, &moved);
		return tls_moved(c, r, moved, &c->dead);
	}
	n = send(c->fd, out->data, out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		c->dead = true;
	return n > 0 ? (size_t)n : 0;
}

void
turn_conn_flush(struct turn_conn *c)
{
	struct buf *out = turn_session_output(c->session);
	size_t n;

	while (out->len > 0 && !c->dead) {
		n = send_some(c, out);
		buf_drop(out, n);
		if (n > 0 || c->stuck == 0)
			c->stuck = clock_mono_ms();
		if (n == 0)
			break;
	}
	if (out->len == 0)
		c->stuck = 0;
}

/* --- TLS ----------------------------------------------------------------- */

static void
encrypted(struct turn_conn *c)
{
	c->phase = TALK;
	c->progress = clock_mono_ms();
	if (c->at_once)
		turn_session_greet(c->session, true);
	else
		turn_session_tls(c->session);
	turn_conn_talk(c);
}

void
turn_conn_handshake(struct turn_conn *c)
{
	struct log_q q;

	switch (tls_handshake(c->tls)) {
	case TLS_DONE:
		encrypted(c);
		return;
	case TLS_WANT_READ:
		turn_conn_watch(&c->readable, true);
		turn_conn_watch(&c->writable, false);
		return;
	case TLS_WANT_WRITE:
		turn_conn_watch(&c->readable, false);
		turn_conn_watch(&c->writable, true);
		return;
	case TLS_EOF:
	case TLS_FAILED:
		break;
	}
	log_info("%s: turn client=%s, TLS handshake failed, reason=%s", c->id, c->client,
	    log_quote(&q, tls_why(c->tls)));
	turn_conn_free(&c);
}

void
turn_conn_begin_tls(struct turn_conn *c)
{
	c->phase = HANDSHAKE;
	c->progress = clock_mono_ms();
	c->tls = c->hub->tls != NULL ? tls_conn_accept(c->hub->tls, c->fd) : NULL;
	if (c->tls == NULL) {
		turn_conn_free(&c);
		return;
	}
	turn_conn_handshake(c);
}
