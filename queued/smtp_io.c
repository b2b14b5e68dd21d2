/*
 * smtp_io.c -- one outgoing connection.
 *
 * Writes go to the socket at once and wait for the event loop only when the
 * kernel's buffer is full; one read takes what is there. A message to an
 * idle peer thus costs two writes and two reads.
 *
 * Bounds: a reply line and a reply's lines as wire.h says, so that endless
 * input ends as BROKEN with a few KiB held; a deadline for each thing waited
 * for, which bytes that complete nothing do not extend. While a body goes out
 * the deadline starts anew with each PROGRESS bytes that the kernel took: a
 * peer that reads a byte a minute does not keep the connection.
 *
 * The timer is armed lazily: a deadline that moves later only changes a number, so
 * a message costs no timer call.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/smtp_io.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"

#define READ_SIZE	16384
#define PROGRESS	65536	/* bytes; see above */

enum io_phase { IO_CONNECTING, IO_PLAIN, IO_HANDSHAKE, IO_TLS, IO_DEAD };

struct smtp_io {
	struct event_base	*base;
	const struct smtp_io_handlers *h;
	void			*arg;
	int			 fd;
	enum io_phase		 phase;
	struct event		*readable, *writable, *timer;
	struct tls_conn		*tls;

	struct buf		 in, out;
	size_t			 sent;		/* of out, with the kernel */
	size_t			 scanned;	/* of in, without a CRLF */
	struct wire_reply	 reply;
	bool			 blocked;	/* drained() is owed */
	char			*write_error;	/* not yet reported */

	int64_t			 deadline;	/* mono ms */
	int64_t			 armed;		/* when the timer fires; 0 not armed */
	unsigned		 limit;		/* seconds of the last deadline */
	size_t			 since_deadline;	/* bytes written since */

	int			 error;		/* of connect(), reported from the loop */
	unsigned		 depth;		/* handlers running */
	bool			 freed;		/* by a handler */
};

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
	free(io);
}

static void
enter(struct smtp_io *io)
{
	io->depth++;
}

static void
leave(struct smtp_io *io)
{
	assert(io->depth > 0);
	if (--io->depth == 0 && io->freed)
		release(io);
}

/* After this nothing is called any more. */
static void
fail(struct smtp_io *io, enum smtp_event event, const char *why)
{
	if (io->phase == IO_DEAD)
		return;
	io->phase = IO_DEAD;
	(void)event_del(io->readable);
	(void)event_del(io->writable);
	(void)event_del(io->timer);
	io->h->failed(io->arg, event, why);
}

static bool
over(const struct smtp_io *io)
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
	enter(io);
	io->h->failed(io->arg, SMTP_EV_TIMEOUT, "timed out");
	leave(io);
}

/* --- writing ------------------------------------------------------------- */

/*
 * The peer does not read any more, but may have said why: what it sent is read
 * first, and only then the failure reported, from the loop.
 */
static ssize_t
write_failed(struct smtp_io *io, const char *why)
{
	if (io->write_error == NULL)
		io->write_error = xstrdup(why);
	event_active(io->readable, EV_READ, 0);
	return -1;
}

/* >0 bytes taken, 0 try later, -1 failed. */
static ssize_t
write_some(struct smtp_io *io)
{
	const char *p = io->out.data + io->sent;
	size_t len = io->out.len - io->sent, n = 0;
	ssize_t rc;

	if (io->tls != NULL) {
		switch (tls_write(io->tls, p, len, &n)) {
		case TLS_DONE:
			return (ssize_t)n;
		case TLS_WANT_READ:
		case TLS_WANT_WRITE:
			return 0;
		case TLS_EOF:
			return write_failed(io, "lost connection");
		case TLS_FAILED:
			return write_failed(io, tls_why(io->tls));
		}
	}
	rc = send(io->fd, p, len, MSG_NOSIGNAL);
	if (rc >= 0)
		return rc;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return write_failed(io, errno == EPIPE || errno == ECONNRESET ? "lost connection" :
	    strerror(errno));
}

bool
smtp_io_flush(struct smtp_io *io)
{
	ssize_t n = 0;

	if (over(io) || io->phase == IO_CONNECTING || io->phase == IO_HANDSHAKE ||
	    io->write_error != NULL)
		return false;
	while (io->sent < io->out.len) {
		n = write_some(io);
		if (n <= 0)
			break;
		io->sent += (size_t)n;
		io->since_deadline += (size_t)n;
		if (io->since_deadline >= PROGRESS)
			smtp_io_deadline(io, io->limit);
	}
	if (io->sent < io->out.len) {
		if (n == 0) {
			io->blocked = true;
			(void)event_add(io->writable, NULL);
		}
		return false;
	}
	io->sent = 0;
	if (io->out.cap > 2 * READ_SIZE)
		buf_free(&io->out);	/* a large body's memory */
	else
		buf_clear(&io->out);
	return true;
}

/* --- reading ------------------------------------------------------------- */

/* >0 bytes read, 0 none now, -1 failed (and reported). */
static ssize_t
read_some(struct smtp_io *io)
{
	size_t n = 0;
	ssize_t rc = 0;

	buf_reserve(&io->in, READ_SIZE);
	if (io->tls != NULL) {
		switch (tls_read(io->tls, io->in.data + io->in.len, READ_SIZE, &n)) {
		case TLS_DONE:
			rc = (ssize_t)n;
			break;
		case TLS_WANT_READ:
		case TLS_WANT_WRITE:
			return 0;
		case TLS_EOF:
			fail(io, SMTP_EV_LOST, "lost connection");
			return -1;
		case TLS_FAILED:
			fail(io, SMTP_EV_LOST, tls_why(io->tls));
			return -1;
		}
	} else {
		rc = recv(io->fd, io->in.data + io->in.len, READ_SIZE, 0);
		if (rc == -1 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (rc <= 0) {
			fail(io, SMTP_EV_LOST, rc == 0 || errno == ECONNRESET ? "lost connection" :
			    strerror(errno));
			return -1;
		}
	}
	io->in.len += (size_t)rc;
	io->in.data[io->in.len] = '\0';
	return rc;
}

/* One line; false when there is no whole one, or the connection is over. */
static bool
take_line(struct smtp_io *io, size_t *off)
{
	static const char *const bad[] = {
		[WIRE_TOO_LONG] = "broken reply: line too long",
		[WIRE_BARE_LF] = "broken reply: bare LF",
		[WIRE_BARE_CR] = "broken reply: bare CR",
		[WIRE_NUL] = "broken reply: NUL",
	};
	size_t len, used;
	const char *line = io->in.data + *off, *why = "";
	enum wire_line got = wire_line(line, io->in.len - *off, WIRE_REPLY_LINE_MAX,
	    &io->scanned, &len, &used);
	char *text;

	if (got == WIRE_MORE)
		return false;
	if (got != WIRE_LINE) {
		fail(io, SMTP_EV_BROKEN, bad[got]);
		return false;
	}
	*off += used;
	io->scanned = 0;
	switch (wire_reply_line(&io->reply, line, len, &why)) {
	case WIRE_REPLY_MORE:
		break;
	case WIRE_REPLY_DONE:
		io->h->reply(io->arg, &io->reply);
		wire_reply_reset(&io->reply);
		break;
	case WIRE_REPLY_BAD:
		text = xasprintf("broken reply: %s", why);
		fail(io, SMTP_EV_BROKEN, text);
		free(text);
		return false;
	}
	return !over(io);
}

static void
on_handshake(struct smtp_io *io)
{
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
		io->h->handshake(io->arg, false, "connection closed");
		return;
	case TLS_FAILED:
		io->h->handshake(io->arg, false, tls_why(io->tls));
		return;
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct smtp_io *io = arg;
	ssize_t n;
	size_t off;

	(void)fd;
	(void)what;
	enter(io);
	if (io->phase == IO_HANDSHAKE) {
		on_handshake(io);
		leave(io);
		return;
	}
	do {
		n = read_some(io);
		if (n <= 0)
			break;
		off = 0;
		while (take_line(io, &off))
			;
		if (over(io))
			break;
		buf_drop(&io->in, off);
		/* OpenSSL may hold bytes that poll() does not see; and see write_failed(). */
	} while (io->phase == IO_TLS || io->write_error != NULL);
	if (!over(io))
		io->h->pause(io->arg);
	if (!over(io) && n == 0 && io->write_error != NULL)
		fail(io, SMTP_EV_LOST, io->write_error);
	leave(io);
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
		fail(io, SMTP_EV_CONNECT, strerror(error));
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
	enter(io);
	if (io->phase == IO_CONNECTING) {
		connected(io);
	} else if (io->phase == IO_HANDSHAKE) {
		on_handshake(io);
	} else if (io->blocked && smtp_io_flush(io)) {
		io->blocked = false;
		io->h->drained(io->arg);
	}
	leave(io);
}

bool
smtp_io_starttls(struct smtp_io *io, struct tls_client *tc, const struct tls_policy *policy,
    struct tls_session **cache)
{
	char *why = NULL;

	assert(io->phase == IO_PLAIN && io->out.len == 0);
	if (io->in.len > 0)
		return false;
	io->tls = tls_conn_new(tc, io->fd, policy, cache, &why);
	if (io->tls == NULL)
		log_fatal("%s", why);
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
	int fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	/* Small writes must not wait for the peer's delayed acknowledgement. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	return fd;
}

struct smtp_io *
smtp_io_new(struct event_base *base, const struct resolve_addr *a, unsigned seconds,
    const struct smtp_io_handlers *h, void *arg)
{
	struct smtp_io *io = xcalloc(1, sizeof(*io));

	io->base = base;
	io->h = h;
	io->arg = arg;
	io->fd = open_socket(a);
	if (io->fd == -1 ||
	    (connect(io->fd, (const struct sockaddr *)&a->ss, a->len) == -1 &&
	    errno != EINPROGRESS))
		io->error = errno;
	io->readable = event_new(base, io->fd, EV_READ | EV_PERSIST, on_readable, io);
	io->writable = event_new(base, io->fd, EV_WRITE, on_writable, io);
	io->timer = evtimer_new(base, on_timer, io);
	if (io->readable == NULL || io->writable == NULL || io->timer == NULL)
		log_fatal("out of memory");
	smtp_io_deadline(io, seconds);
	if (io->error != 0)
		event_active(io->writable, EV_WRITE, 0);
	else
		(void)event_add(io->writable, NULL);
	return io;
}

void
smtp_io_free(struct smtp_io **iop)
{
	struct smtp_io *io = *iop;

	if (io == NULL)
		return;
	*iop = NULL;
	io->phase = IO_DEAD;
	if (io->depth > 0) {
		io->freed = true;
		(void)event_del(io->readable);
		(void)event_del(io->writable);
		(void)event_del(io->timer);
		return;
	}
	release(io);
}
