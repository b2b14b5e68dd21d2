/*
 * talk.c -- a plain SMTP or LMTP client that waits.
 *
 * The socket does not block; each step waits for it until the deadline and no longer,
 * so a server that says nothing, or a byte now and then, costs what it may cost.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/talk.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/talk_private.h"
#include "common/clock.h"

/* --- connecting ---------------------------------------------------------- */

int
talk_wait(struct talk *t, short events, char **why)
{
	struct pollfd fd = { t->fd, events, 0 };
	int64_t left = t->deadline - clock_mono_ms();
	int rc;

	do
		rc = left > 0 ? poll(&fd, 1, left < 60000 ? (int)left : 60000) : 0;
	while (rc == -1 && errno == EINTR);
	if (rc > 0)
		return 0;
	*why = xstrdup("no answer in time");
	errno = ETIMEDOUT;
	return -1;
}

static struct talk *
finish(int fd, const struct sockaddr *sa, socklen_t len, int64_t deadline, char **why)
{
	struct talk *t = xcalloc(1, sizeof(*t));
	int err = 0;
	socklen_t size = sizeof(err);

	t->fd = fd;
	t->deadline = deadline;
	if (fd == -1)
		err = errno;
	else if (connect(fd, sa, len) == -1) {
		err = errno;
		if (err == EINPROGRESS) {
			err = 0;
			if (talk_wait(t, POLLOUT, why) == -1)
				err = ETIMEDOUT;
			else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) == -1)
				err = errno;
		}
	}
	if (err == 0)
		return t;
	free(*why);
	*why = xstrdup(err == ETIMEDOUT ? "no answer in time" : strerror(err));
	talk_free(&t);
	errno = err;
	return NULL;
}

struct talk *
talk_connect(const struct hosts_addr *a, uint16_t port, int64_t deadline, char **why)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(a->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd != -1)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (a->family == AF_INET) {
		memcpy(&in.sin_addr, a->addr, 4);
		return finish(fd, (const struct sockaddr *)&in, sizeof(in), deadline, why);
	}
	memcpy(&in6.sin6_addr, a->addr, 16);
	return finish(fd, (const struct sockaddr *)&in6, sizeof(in6), deadline, why);
}

struct talk *
talk_connect_unix(const char *path, int64_t deadline, char **why)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sa.sun_path)) {
		*why = xstrdup("the path of the socket is too long");
		errno = ENAMETOOLONG;
		return NULL;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	return finish(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
	    (const struct sockaddr *)&sa, sizeof(sa), deadline, why);
}

void
talk_deadline(struct talk *t, int64_t deadline)
{
	t->deadline = deadline;
}

int
talk_fd(const struct talk *t)
{
	return t->fd;
}

void
talk_free(struct talk **tp)
{
	struct talk *t = *tp;

	if (t == NULL)
		return;
	talk_tls_end(t);
	if (t->fd != -1)
		(void)close(t->fd);
	buf_free(&t->in);
	free(t);
	*tp = NULL;
}

void
talk_quit(struct talk **tp)
{
	char *why = NULL;

	if (*tp != NULL)
		(void)talk_send(*tp, "QUIT\r\n", 6, &why);
	free(why);
	talk_free(tp);
}

/* --- bytes --------------------------------------------------------------- */

static long
plain_write(struct talk *t, const void *data, size_t len, char **why)
{
	ssize_t n;

	for (;;) {
		n = send(t->fd, data, len, MSG_NOSIGNAL);
		if (n >= 0)
			return (long)n;
		if (errno != EAGAIN && errno != EINTR)
			break;
		if (talk_wait(t, POLLOUT, why) == -1)
			return -1;
	}
	*why = xasprintf("the connection broke: %s", strerror(errno));
	return -1;
}

int
talk_send(struct talk *t, const void *data, size_t len, char **why)
{
	const char *p = data;

	while (len > 0) {
		long n =
		    t->ssl != NULL ? talk_tls_write(t, p, len, why) : plain_write(t, p, len, why);

		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static long
plain_read(struct talk *t, void *data, size_t len, char **why)
{
	ssize_t n;

	for (;;) {
		n = recv(t->fd, data, len, 0);
		if (n > 0)
			return (long)n;
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			break;
		if (talk_wait(t, POLLIN, why) == -1)
			return -1;
	}
	*why = n == 0 ? xstrdup("it closed the connection")
		      : xasprintf("the connection broke: %s", strerror(errno));
	return -1;
}

static int
fill(struct talk *t, char **why)
{
	char piece[16384];
	long n = t->ssl != NULL ? talk_tls_read(t, piece, sizeof(piece), why)
				: plain_read(t, piece, sizeof(piece), why);

	if (n < 0)
		return -1;
	buf_put(&t->in, piece, (size_t)n);
	return 0;
}

int
talk_read(struct talk *t, void *data, size_t len, char **why)
{
	while (t->in.len < len)
		if (fill(t, why) == -1)
			return -1;
	memcpy(data, t->in.data, len);
	buf_drop(&t->in, len);
	return 0;
}

/* --- replies ------------------------------------------------------------- */

int
talk_reply(struct talk *t, struct wire_reply *r, char **why)
{
	size_t len, used;
	const char *bad;

	wire_reply_reset(r);
	for (;;) {
		switch (t->in.len > 0 ? wire_line(t->in.data, t->in.len, WIRE_REPLY_LINE_MAX,
					    &t->scanned, &len, &used)
				      : WIRE_MORE) {
		case WIRE_LINE:
			break;
		case WIRE_MORE:
			if (fill(t, why) == -1)
				return -1;
			continue;
		case WIRE_TOO_LONG: case WIRE_BARE_LF: case WIRE_BARE_CR: case WIRE_NUL:
			*why = xstrdup("it does not answer in SMTP");
			return -1;
		}
		switch (wire_reply_line(r, t->in.data, len, &bad)) {
		case WIRE_REPLY_BAD:
			*why = xasprintf("it does not answer in SMTP: %s", bad);
			return -1;
		case WIRE_REPLY_DONE:
			buf_drop(&t->in, used);
			return r->code;
		case WIRE_REPLY_MORE:
			buf_drop(&t->in, used);
			break;
		}
	}
}

int
talk_command(struct talk *t, struct wire_reply *r, char **why, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	buf_puts(&b, "\r\n");
	rc = talk_send(t, b.data, b.len, why);
	buf_free(&b);
	return rc == -1 ? -1 : talk_reply(t, r, why);
}

int
talk_data(struct talk *t, const char *data, size_t len, struct wire_reply *r, char **why)
{
	struct buf b = BUF_INIT;
	struct wire_dot dot;
	int rc;

	wire_dot_init(&dot);
	wire_dot(&dot, data, len, &b);
	wire_dot_end(&dot, &b);
	rc = talk_send(t, b.data, b.len, why);
	buf_free(&b);
	return rc == -1 ? -1 : talk_reply(t, r, why);
}

int
talk_hello(struct talk *t, const char *verb, const char *name, struct talk_offers *o, char **why)
{
	struct wire_reply r = { .code = 0 };
	int code = talk_command(t, &r, why, "%s %s", verb, name);
	const char *line = buf_str(&r.text);

	memset(o, 0, sizeof(*o));
	if (code != -1 && code != 250)
		*why = xasprintf("it answers %s with %d %s", verb, code, line);
	while (code == 250 && *line != '\0') {	/* its first line is its name */
		char *one = xstrndup(line, strcspn(line, "\n"));
		unsigned ext = line == buf_str(&r.text) ? 0 : wire_extension(one, &o->size);

		o->ext |= ext;
		o->has_size = o->has_size || ext == WIRE_EXT_SIZE;
		if (ext == WIRE_EXT_XCLIENT)
			o->xclient |= wire_client_attributes(one);
		line += strcspn(line, "\n");
		line += *line == '\n';
		free(one);
	}
	wire_reply_free(&r);
	return code == 250 ? 0 : -1;
}
