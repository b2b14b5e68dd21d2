/*
 * dial.c -- a stream connection, made and waited for until a deadline.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/dial.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "common/clock.h"

short
dial_wait(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left;
	int n;

	do {
		left = deadline - clock_mono_ms();
		if (left < 0)
			left = 0;
		n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
	} while (n == -1 && errno == EINTR);
	return n > 0 ? p.revents : 0;
}

int
dial(const struct sockaddr *sa, socklen_t salen, int64_t deadline)
{
	socklen_t len = sizeof(int);
	int fd, one = 1, error = 0;

	if ((fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	/* Nagle and delayed ACK would cost 40 ms a message. */
	if (sa->sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (connect(fd, sa, salen) == -1 && (error = errno) != EISCONN) {
		if (error == EINTR)
			continue;
		/* A unix listener whose backlog is full says EAGAIN and cannot be polled for. */
		if (error == EAGAIN && clock_mono_ms() < deadline) {
			(void)poll(NULL, 0, 10);
			continue;
		}
		if (error != EINPROGRESS && error != EALREADY)
			goto fail;
		if (dial_wait(fd, POLLOUT, deadline) == 0) {
			error = ETIMEDOUT;
			goto fail;
		}
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
			error = errno;
		if (error != 0)
			goto fail;
		break;
	}
	return fd;
fail:
	(void)close(fd);
	errno = error;
	return -1;
}
