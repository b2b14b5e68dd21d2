/*
 * lmtp_client.c -- a connection to queued: bytes out, replies in, deadlines.
 *
 * The socket does not block; every wait is a poll() with a deadline, so that no
 * thread of the milter hangs on a sick queued. Sending also reads: with commands
 * and chunks pipelined, two ends that only write would wait for each other for ever.
 *
 * On any failure the connection is closed by its user and never put back: what
 * queued makes of a broken transaction is nothing, as it had no BDAT LAST, or
 * something we cannot know, which is handover.c's to judge.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/lmtp_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "milter/dial.h"

#define INPUT_MAX	(1024u * 1024)	/* replies not read yet */
#define READ_SIZE	4096

struct lmtp_client {
	int		 fd;
	unsigned	 ext;		/* WIRE_EXT_* */
	bool		 eof;		/* the peer closed; what it said before is in `in' */
	struct buf	 in;
	size_t		 pos;		/* start of what is unread in `in' */
	size_t		 scanned;	/* of it, already searched for a CRLF */
	struct lmtp_client *next;	/* in the pool */
};

struct lmtp_pool {
	struct endpoint	 endpoint;
	char		*hostname;
	pthread_mutex_t	 lock;
	struct lmtp_client *idle;	/* last used first: the others may time out */
	unsigned	 nidle;
};

/* --- replies ------------------------------------------------------------- */

/* Takes what has arrived. 0, or -1 with *why; a close is noted in eof. */
static int
receive(struct lmtp_client *c, const char **why)
{
	ssize_t n;

	if (c->pos == c->in.len) {
		buf_clear(&c->in);
		c->pos = 0;
	}
	if (c->in.len - c->pos > INPUT_MAX) {
		*why = "reply too long";
		return -1;
	}
	buf_reserve(&c->in, READ_SIZE);
	do
		n = recv(c->fd, c->in.data + c->in.len, READ_SIZE, 0);
	while (n == -1 && errno == EINTR);
	if (n > 0) {
		c->in.len += (size_t)n;
		c->in.data[c->in.len] = '\0';
	} else if (n == 0) {
		c->eof = true;
	} else if (errno != EAGAIN && errno != EWOULDBLOCK) {
		*why = "connection lost";
		return -1;
	}
	return 0;
}

/* --- sending and reading ------------------------------------------------- */

static void
advance(struct iovec **iov, int *n, size_t sent)
{
	while (*n > 0 && sent >= (*iov)->iov_len) {
		sent -= (*iov)->iov_len;
		(*iov)++;
		(*n)--;
	}
	if (*n > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + sent;
		(*iov)->iov_len -= sent;
	}
}

int
lmtp_client_send(struct lmtp_client *c, struct iovec *iov, int n, int64_t deadline,
    const char **why)
{
	struct msghdr msg;
	ssize_t sent;

	for (advance(&iov, &n, 0); n > 0;) {
		memset(&msg, 0, sizeof(msg));
		msg.msg_iov = iov;
		msg.msg_iovlen = (size_t)n;
		sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
		if (sent >= 0) {
			advance(&iov, &n, (size_t)sent);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK) {
			*why = "connection lost";
			return -1;
		}
		if (dial_wait(c->fd, POLLIN | POLLOUT, deadline) == 0) {
			*why = "timed out sending";
			return -1;
		}
		if (receive(c, why) == -1)
			return -1;
		if (c->eof) {
			*why = "connection closed";
			return -1;
		}
	}
	return 0;
}

/* One line of a reply out of what was read. 1: fed, 0: no whole line here, -1: broken. */
static int
feed_line(struct lmtp_client *c, struct wire_reply *r, enum wire_reply_result *result,
    const char **why)
{
	size_t linelen, used;

	switch (wire_line(c->in.data + c->pos, c->in.len - c->pos, WIRE_REPLY_LINE_MAX, &c->scanned,
	    &linelen, &used)) {
	case WIRE_LINE:
		*result = wire_reply_line(r, c->in.data + c->pos, linelen, why);
		c->pos += used;
		c->scanned = 0;
		return 1;
	case WIRE_MORE:
		return 0;
	case WIRE_TOO_LONG:
	case WIRE_BARE_LF:
	case WIRE_BARE_CR:
	case WIRE_NUL:
		*why = "malformed reply";
		return -1;
	}
	return -1;
}

enum lmtp_read
lmtp_client_reply(struct lmtp_client *c, struct wire_reply *r, int64_t deadline, const char **why)
{
	enum wire_reply_result result = WIRE_REPLY_MORE;
	int fed;

	for (;;) {
		fed = c->pos < c->in.len ? feed_line(c, r, &result, why) : 0;
		if (fed == -1)
			return LMTP_BROKEN;
		if (fed == 1) {
			if (result == WIRE_REPLY_DONE)
				return LMTP_REPLY;
			if (result == WIRE_REPLY_BAD)
				return LMTP_BROKEN;
			continue;
		}
		if (c->eof) {
			*why = "connection closed";
			return LMTP_BROKEN;
		}
		if (dial_wait(c->fd, POLLIN, deadline) == 0)
			return LMTP_NOTHING;
		if (receive(c, why) == -1)
			return LMTP_BROKEN;
	}
}

/* --- connecting ---------------------------------------------------------- */

/* The server's extensions, a line each after the greeting. */
static unsigned
extensions(const struct wire_reply *r)
{
	const char *line, *end, *text = buf_str(&r->text);
	unsigned ext = 0;
	uint64_t size;
	char *copy;

	if ((line = strchr(text, '\n')) == NULL)
		return 0;
	for (line++; *line != '\0'; line = *end == '\0' ? end : end + 1) {
		end = line + strcspn(line, "\n");
		copy = xstrndup(line, (size_t)(end - line));
		ext |= wire_extension(copy, &size);
		free(copy);
	}
	return ext;
}

/* 220, LHLO, 250. */
static int
greet(struct lmtp_client *c, const char *hostname, int64_t deadline, char **why)
{
	struct wire_reply r;
	struct iovec iov;
	const char *reason = NULL;
	char *lhlo = xasprintf("LHLO %s\r\n", hostname);
	int rc = -1;

	memset(&r, 0, sizeof(r));
	if (lmtp_client_reply(c, &r, deadline, &reason) != LMTP_REPLY || r.code != 220)
		goto out;
	iov.iov_base = lhlo;
	iov.iov_len = strlen(lhlo);
	wire_reply_reset(&r);
	if (lmtp_client_send(c, &iov, 1, deadline, &reason) == -1 ||
	    lmtp_client_reply(c, &r, deadline, &reason) != LMTP_REPLY || r.code != 250)
		goto out;
	c->ext = extensions(&r);
	if ((c->ext & WIRE_EXT_PIPELINING) == 0 || (c->ext & WIRE_EXT_CHUNKING) == 0) {
		reason = "it does not offer PIPELINING and CHUNKING: is that holdfast-queued?";
		goto out;
	}
	rc = 0;
out:
	if (rc == -1 && reason == NULL && r.code != 0)
		*why = xasprintf("greeting refused: %d %s", r.code, buf_str(&r.text));
	else if (rc == -1)
		*why = xstrdup(reason != NULL ? reason : "timed out before the greeting");
	wire_reply_free(&r);
	free(lhlo);
	return rc;
}

static struct lmtp_client *
client_open(const struct endpoint *e, const char *hostname, int64_t deadline, char **why)
{
	struct lmtp_client *c;
	int fd = dial_endpoint(e, deadline, why);

	if (fd == -1)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->fd = fd;
	if (greet(c, hostname, deadline, why) == -1)
		lmtp_client_close(&c);
	return c;
}

void
lmtp_client_close(struct lmtp_client **cp)
{
	struct lmtp_client *c = *cp;

	if (c == NULL)
		return;
	(void)close(c->fd);
	buf_free(&c->in);
	free(c);
	*cp = NULL;
}

unsigned
lmtp_client_extensions(const struct lmtp_client *c)
{
	return c->ext;
}

/* --- the pool ------------------------------------------------------------ */

struct lmtp_pool *
lmtp_pool_new(const struct endpoint *e, const char *hostname)
{
	struct lmtp_pool *p = xcalloc(1, sizeof(*p));

	p->endpoint.path = xstrdup(e->path);
	p->endpoint.host = xstrdup(e->host);
	p->endpoint.port = e->port;
	p->hostname = xstrdup(hostname);
	(void)pthread_mutex_init(&p->lock, NULL);
	return p;
}

void
lmtp_pool_free(struct lmtp_pool **pp)
{
	struct lmtp_pool *p = *pp;
	struct lmtp_client *c;

	if (p == NULL)
		return;
	while ((c = p->idle) != NULL) {
		p->idle = c->next;
		lmtp_client_close(&c);
	}
	(void)pthread_mutex_destroy(&p->lock);
	endpoint_clear(&p->endpoint);
	free(p->hostname);
	free(p);
	*pp = NULL;
}

/* Nothing may come on an idle connection but its end. */
static bool
still_idle(const struct lmtp_client *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK);
}

static struct lmtp_client *
pop(struct lmtp_pool *p)
{
	struct lmtp_client *c;

	(void)pthread_mutex_lock(&p->lock);
	if ((c = p->idle) != NULL) {
		p->idle = c->next;
		p->nidle--;
		c->next = NULL;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return c;
}

struct lmtp_client *
lmtp_pool_take(struct lmtp_pool *p, int64_t deadline, char **why)
{
	struct lmtp_client *c;
	int64_t limit = clock_mono_ms() + LMTP_CONNECT_MS;

	while ((c = pop(p)) != NULL) {
		if (still_idle(c))
			return c;
		lmtp_client_close(&c);
	}
	return client_open(&p->endpoint, p->hostname, limit < deadline ? limit : deadline, why);
}

void
lmtp_pool_put(struct lmtp_pool *p, struct lmtp_client **cp)
{
	struct lmtp_client *c = *cp;

	*cp = NULL;
	(void)pthread_mutex_lock(&p->lock);
	if (!c->eof && c->pos == c->in.len && p->nidle < LMTP_POOL_MAX) {
		c->next = p->idle;
		p->idle = c;
		p->nidle++;
		c = NULL;
	}
	(void)pthread_mutex_unlock(&p->lock);
	lmtp_client_close(&c);
}
