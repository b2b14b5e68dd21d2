/*
 * scan_io.c -- a connection to a scanner: bytes out, one answer in, a deadline for all of it.
 *
 * The socket does not block; every wait is a poll() until the deadline. A name is resolved by the
 * system each time.
 *
 * A scanner that answers before it has everything has made up its mind ("size limit exceeded"), so
 * sending stops and its answer is read.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/scan_io.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/endpoint.h"
#include "milter/dial.h"

/* --- connecting ---------------------------------------------------------------- */

int
scan_io_open(struct scan_io *io, const char *server, int64_t deadline, struct scan_result *r)
{
	struct endpoint e;
	const char *bad;
	char *why = NULL;

	*io = (struct scan_io){ .fd = -1, .deadline = deadline, .result = r };
	if ((strncmp(server, "unix:", 5) == 0 ? endpoint_parse_milter(server, &e, &bad) :
	    endpoint_parse_hostport(server, 0, &e, &bad)) == -1)
		return scan_fault(r, "%s: %s", server, bad);
	if ((io->fd = dial_endpoint(&e, deadline, &why)) == -1)
		(void)scan_fault(r, "%s", why);
	free(why);
	endpoint_clear(&e);
	return io->fd == -1 ? -1 : 0;
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
