/*
 * smtp_io.c -- one outgoing connection: its life, its deadlines, its handshakes.
 *
 * There is a deadline for each thing waited for, which bytes that complete nothing do
 * not extend. The timer is armed lazily: a deadline that moves later only changes a
 * number, so a message costs no timer call.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/smtp_io.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "queued/smtp_io_private.h"

static void
release(struct smtp_io *io)
{
	if (io->readable != NULL)
		event_free(io->readable);
	if (io->writable != NULL)
		event_free(io->writable);
	if (io->timer != NULL)
		event_free(io->timer);
	tls_conn_free(&io->tls);
	if (io->fd != -1)
		(void)close(io->fd);
	buf_free(&io->in);
	buf_free(&io->out);
	wire_reply_free(&io->reply);
	free(io->write_error);
	free(io->tls_why);
	free(io);
}

void
smtp_io_enter(struct smtp_io *io)
{
	io->depth++;
}

void
smtp_io_leave(struct smtp_io *io)
{
	assert(io->depth > 0);
	if (--io->depth == 0 && io->freed)
		release(io);
}

/* After this nothing is called any more. */
static void
hush(struct smtp_io *io)
{
	io->phase = IO_DEAD;
	(void)event_del(io->readable);
	(void)event_del(io->writable);
	(void)event_del(io->timer);
}

void
smtp_io_fail(struct smtp_io *io, enum smtp_event event, const char *why)
{
	if (io->phase == IO_DEAD)
		return;
	hush(io);
	io->h->failed(io->arg, event, why);
}

bool
smtp_io_over(const struct smtp_io *io)
{
	return io->freed || io->phase == IO_DEAD;
}

/* --- deadlines ----------------------------------------------------------- */

static void
arm(struct smtp_io *io, int64_t now)
{
	int64_t ms = io->deadline > now ? io->deadline - now : 0;
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	io->armed = io->deadline;
	(void)event_add(io->timer, &tv);
}

void
smtp_io_deadline(struct smtp_io *io, unsigned seconds)
{
	int64_t now = clock_mono_ms();

	io->limit = seconds;
	io->since_deadline = 0;
	io->deadline = now + (int64_t)seconds * 1000;
	if (io->armed == 0 || io->deadline < io->armed)
		arm(io, now);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct smtp_io *io = arg;
	int64_t now = clock_mono_ms();

	(void)fd;
	(void)what;
	io->armed = 0;
	if (now < io->deadline) {
		arm(io, now);
		return;
	}
	smtp_io_enter(io);
	io->h->failed(io->arg, SMTP_EV_TIMEOUT, "timed out");
	smtp_io_leave(io);
}

/* --- events -------------------------------------------------------------- */

static void
handshake_failed(struct smtp_io *io, const char *why)
{
	hush(io);
	io->h->handshake(io->arg, false, why);
}

static void
on_handshake(struct smtp_io *io)
{
	if (io->tls == NULL) {
		handshake_failed(io, io->tls_why);
		return;
	}
	switch (tls_handshake(io->tls)) {
	case TLS_WANT_READ:
		return;
	case TLS_WANT_WRITE:
		(void)event_add(io->writable, NULL);
		return;
	case TLS_DONE:
		io->phase = IO_TLS;
		io->h->handshake(io->arg, true, NULL);
		return;
	case TLS_EOF:
		handshake_failed(io, "lost connection");
		return;
	case TLS_FAILED:
		handshake_failed(io, tls_why(io->tls));
		return;
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct smtp_io *io = arg;

	(void)fd;
	(void)what;
	smtp_io_enter(io);
	if (io->phase == IO_HANDSHAKE)
		on_handshake(io);
	else
		smtp_io_read(io);
	smtp_io_leave(io);
}

/* --- connecting ---------------------------------------------------------- */

static void
connected(struct smtp_io *io)
{
	int error = io->error;
	socklen_t len = sizeof(error);

	if (error == 0 && getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error != 0) {
		smtp_io_fail(io, SMTP_EV_CONNECT, strerror(error));
		return;
	}
	io->phase = IO_PLAIN;
	(void)event_add(io->readable, NULL);
	io->h->connected(io->arg);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct smtp_io *io = arg;

	(void)fd;
	(void)what;
	smtp_io_enter(io);
	if (io->phase == IO_CONNECTING) {
		connected(io);
	} else if (io->phase == IO_HANDSHAKE) {
		on_handshake(io);
	} else if (io->blocked && smtp_io_flush(io)) {
		io->blocked = false;
		io->h->drained(io->arg);
	}
	smtp_io_leave(io);
}

bool
smtp_io_starttls(struct smtp_io *io, struct tls_client *tc, const struct tls_policy *policy,
    struct tls_session **cache)
{
	assert(io->phase == IO_PLAIN && io->out.len == 0);
	if (io->in.len > 0)
		return false;
	io->tls = tls_conn_new(tc, io->fd, policy, cache, &io->tls_why);
	io->phase = IO_HANDSHAKE;
	/* From the loop: the handlers must not run inside their caller. */
	(void)event_add(io->writable, NULL);
	return true;
}

void
smtp_io_describe_tls(const struct smtp_io *io, struct buf *out)
{
	if (io->tls != NULL)
		tls_describe(io->tls, out);
}

struct buf *
smtp_io_out(struct smtp_io *io)
{
	return &io->out;
}

static int
open_socket(const struct resolve_addr *a)
{
	static const int on = 1;
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	/* Small writes must not wait for the peer's delayed acknowledgement. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	return fd;
}

static struct smtp_io *
make(struct event_base *base, int fd, const struct smtp_io_handlers *h, void *arg)
{
	struct smtp_io *io = xcalloc(1, sizeof(*io));

	io->base = base;
	io->h = h;
	io->arg = arg;
	io->fd = fd;
	io->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, io);
	io->writable = event_new(base, fd, EV_WRITE, on_writable, io);
	io->timer = evtimer_new(base, on_timer, io);
	if (io->readable == NULL || io->writable == NULL || io->timer == NULL)
		log_fatal("out of memory");
	return io;
}

struct smtp_io *
smtp_io_new(struct event_base *base, const struct resolve_addr *a, unsigned seconds,
    const struct smtp_io_handlers *h, void *arg)
{
	return smtp_io_new_from(base, a, NULL, seconds, h, arg);
}

struct smtp_io *
smtp_io_new_from(struct event_base *base, const struct resolve_addr *a,
    const struct resolve_addr *source, unsigned seconds, const struct smtp_io_handlers *h,
    void *arg)
{
	int fd = open_socket(a), error = 0;
	struct smtp_io *io;

	if (fd == -1 || (source != NULL && bind(fd, &source->sa, source->len) == -1) ||
	    (connect(fd, &a->sa, a->len) == -1 && errno != EINPROGRESS))
		error = errno;
	io = make(base, fd, h, arg);
	io->error = error;
	smtp_io_deadline(io, seconds);
	if (error != 0)
		event_active(io->writable, EV_WRITE, 0);
	else
		(void)event_add(io->writable, NULL);
	return io;
}

struct smtp_io *
smtp_io_adopt(struct event_base *base, int fd, struct tls_conn *tls,
    const struct smtp_io_handlers *h, void *arg)
{
	struct smtp_io *io = make(base, fd, h, arg);

	io->tls = tls;
	io->phase = tls != NULL ? IO_TLS : IO_PLAIN;
	(void)event_add(io->readable, NULL);
	/* OpenSSL may hold bytes that poll() does not see. */
	if (tls != NULL)
		event_active(io->readable, EV_READ, 0);
	return io;
}

void
smtp_io_handlers(struct smtp_io *io, const struct smtp_io_handlers *h, void *arg)
{
	io->h = h;
	io->arg = arg;
}

void
smtp_io_free(struct smtp_io **iop)
{
	struct smtp_io *io = *iop;

	if (io == NULL)
		return;
	*iop = NULL;
	hush(io);
	if (io->depth > 0) {
		io->freed = true;
		return;
	}
	release(io);
}
