/*
 * scan_io.c -- a connection to a scanner: bytes out, one answer in, a deadline for all of it.
 *
 * The socket does not block; every wait is a poll() until the deadline. A name is resolved by the
 * system each time, which has time limits of its own: an address is better.
 *
 * A scanner that answers before it has everything has made up its mind ("size limit exceeded"), so
 * sending stops and its answer is read.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/scan_io.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/endpoint.h"
#include "milter/dial.h"

/* --- connecting ---------------------------------------------------------------- */

static int
open_unix(struct scan_io *io, const char *path)
{
	struct sockaddr_un sun;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun.sun_path))
		return scan_fault(io->result, "%s: path too long for a socket", path);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	io->fd = dial((const struct sockaddr *)&sun, sizeof(sun), io->deadline);
	return io->fd != -1 ? 0 : scan_fault(io->result, "%s: %s", path, strerror(errno));
}

static int
open_inet(struct scan_io *io, const struct endpoint *e)
{
	struct addrinfo hints, *list = NULL;
	char port[8];
	int error;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICSERV;
	(void)snprintf(port, sizeof(port), "%u", (unsigned)e->port);
	if ((error = getaddrinfo(e->host, port, &hints, &list)) != 0)
		return scan_fault(io->result, "%s: %s", e->host, gai_strerror(error));
	errno = 0;
	for (struct addrinfo *ai = list; ai != NULL && io->fd == -1; ai = ai->ai_next) {
		int64_t limit = clock_mono_ms() + SCAN_CONNECT_MS;

		io->fd = dial(ai->ai_addr, ai->ai_addrlen,
		    limit < io->deadline ? limit : io->deadline);
	}
	error = errno;
	freeaddrinfo(list);
	return io->fd != -1 ? 0 : scan_fault(io->result, "%s:%s: %s", e->host, port, strerror(error));
}

int
scan_io_open(struct scan_io *io, const char *server, int64_t deadline, struct scan_result *r)
{
	struct endpoint e;
	const char *why;
	int rc;

	*io = (struct scan_io){ .fd = -1, .deadline = deadline, .result = r };
	if (strncmp(server, "unix:", 5) == 0)
		return open_unix(io, server + 5);
	if (endpoint_parse_hostport(server, 0, &e, &why) == -1)
		return scan_fault(r, "%s: %s", server, why);
	rc = open_inet(io, &e);
	endpoint_clear(&e);
	return rc;
}

void
scan_io_close(struct scan_io *io)
{
	if (io->fd != -1)
		(void)close(io->fd);
	io->fd = -1;
}

/* --- bytes ------------------------------------------------------------------------ */

int
scan_io_send(struct scan_io *io, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = send(io->fd, p, len, MSG_NOSIGNAL);
		short ready;

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if ((ready = dial_wait(io->fd, POLLIN | POLLOUT, io->deadline)) == 0)
				return scan_fault(io->result, "timed out sending");
			if ((ready & ~POLLOUT) != 0)
				return 1;
		} else if (errno != EINTR) {
			return 1;
		}
	}
	return 0;
}

int
scan_io_send_message(struct scan_io *io, const struct check_message *m, scan_io_head *head)
{
	struct buf piece = BUF_INIT;
	char bytes[SCAN_PIECE];
	uint64_t offset = 0;
	int rc = 0;

	while (rc == 0 && offset < m->bytes) {
		ssize_t n = m->read(m, bytes, sizeof(bytes), offset);

		if (n <= 0) {
			rc = scan_fault(io->result, "the message cannot be read");
			break;
		}
		buf_clear(&piece);
		if (head != NULL)
			head(&piece, (size_t)n);
		buf_put(&piece, bytes, (size_t)n);
		offset += (uint64_t)n;
		rc = scan_io_send(io, piece.data, piece.len);
		if (rc == 0 && clock_mono_ms() > io->deadline)
			rc = scan_fault(io->result, "timed out sending");
	}
	buf_free(&piece);
	return rc;
}

void
scan_io_sent(struct scan_io *io)
{
	(void)shutdown(io->fd, SHUT_WR);
}

int
scan_io_receive(struct scan_io *io, struct buf *in, bool nul_ends)
{
	char bytes[4096];

	for (;;) {
		ssize_t n;

		/* Asked each time: who sends a byte now and then has no more time than others. */
		if (dial_wait(io->fd, POLLIN, io->deadline) == 0 || clock_mono_ms() >= io->deadline)
			return scan_fault(io->result, "timed out waiting for the answer");
		n = recv(io->fd, bytes, sizeof(bytes), 0);
		if (n == -1 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
			continue;
		if (n == -1)
			return in->len > 0 ? 0 : scan_fault(io->result, "%s", strerror(errno));
		if (n == 0)
			return in->len > 0 ? 0 : scan_fault(io->result, "closed without an answer");
		if (in->len + (size_t)n > SCAN_REPLY_MAX)
			return scan_fault(io->result, "answer too long");
		buf_put(in, bytes, (size_t)n);
		if (nul_ends && memchr(bytes, '\0', (size_t)n) != NULL)
			return 0;
	}
}
