/*
 * smtp_io_bytes.c -- bytes in, cut to replies; bytes out.
 *
 * Writes go to the socket at once and wait for the event loop only when the
 * kernel's buffer is full; one read takes what is there. A message to an
 * idle peer thus costs two writes and two reads.
 *
 * Bounds: a reply line and a reply's lines as wire.h says, so that endless
 * input ends as BROKEN with a few KiB held. While a body goes out
 * the deadline starts anew with each PROGRESS bytes that the kernel took: a
 * peer that reads a byte a minute does not keep the connection.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "queued/smtp_io_private.h"

#define READ_SIZE	16384
#define PROGRESS	65536	/* bytes; see above */

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

	if (smtp_io_over(io) || io->phase == IO_CONNECTING || io->phase == IO_HANDSHAKE ||
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
			smtp_io_fail(io, SMTP_EV_LOST, "lost connection");
			return -1;
		case TLS_FAILED:
			smtp_io_fail(io, SMTP_EV_LOST, tls_why(io->tls));
			return -1;
		}
	} else {
		rc = recv(io->fd, io->in.data + io->in.len, READ_SIZE, 0);
		if (rc == -1 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (rc <= 0) {
			smtp_io_fail(io, SMTP_EV_LOST, rc == 0 || errno == ECONNRESET ? "lost connection" :
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
		smtp_io_fail(io, SMTP_EV_BROKEN, bad[got]);
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
		smtp_io_fail(io, SMTP_EV_BROKEN, text);
		free(text);
		return false;
	}
	return !smtp_io_over(io);
}

void
smtp_io_read(struct smtp_io *io)
{
	ssize_t n;
	size_t off;

	do {
		n = read_some(io);
		if (n <= 0)
			break;
		off = 0;
		while (take_line(io, &off))
			;
		if (smtp_io_over(io))
			break;
		buf_drop(&io->in, off);
		/* OpenSSL may hold bytes that poll() does not see; and see write_failed(). */
	} while (io->phase == IO_TLS || io->write_error != NULL);
	if (!smtp_io_over(io))
		io->h->pause(io->arg);
	if (!smtp_io_over(io) && n == 0 && io->write_error != NULL)
		smtp_io_fail(io, SMTP_EV_LOST, io->write_error);
}
