/*
 * scan_peer.c -- a scanner in a thread that answers as badly as it is told to.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "scan_peer.h"

#define DEAF_MS	1000	/* longer than the tests have patience */

struct scan_peer {
	pthread_t	 thread;
	pthread_mutex_t	 lock;
	pthread_cond_t	 idle;
	bool		 busy;
	int		 listener[2], stop[2];
	char		 dir[32], path[64], inet[32];
	struct scan_script script;
	struct buf	 question;
};

/* False: it is over, by us or by the other end. */
static bool
ready(const struct scan_peer *p, int fd, short events, int ms, bool *anything)
{
	struct pollfd fds[2] = { { fd, events, 0 }, { p->stop[0], POLLIN, 0 } };
	int n = poll(fds, 2, ms);

	*anything = n > 0 && fds[0].revents != 0;
	return fds[1].revents == 0;
}

static bool
read_question(struct scan_peer *p, const struct scan_script *s, int fd)
{
	char bytes[4096];
	size_t total = 0;
	bool anything;

	while (s->reads == 0 || total < s->reads) {
		ssize_t n;

		if (!ready(p, fd, POLLIN, s->reads == 0 && total > 0 ? 50 : 10000, &anything))
			return false;
		if (!anything)
			return true;
		if ((n = recv(fd, bytes, sizeof(bytes), 0)) <= 0)
			return n == 0;
		total += (size_t)n;
		(void)pthread_mutex_lock(&p->lock);
		buf_put(&p->question, bytes, (size_t)n);
		(void)pthread_mutex_unlock(&p->lock);
	}
	return true;
}

/* Takes what comes, until the other end has closed or we are to stop. */
static void
wait_for_end(const struct scan_peer *p, int fd, bool deaf)
{
	char bytes[4096];
	bool anything;

	/* Nor does the deaf hear the end of what it does not read. */
	while (ready(p, deaf ? -1 : fd, POLLIN, deaf ? DEAF_MS : 10000, &anything) && anything)
		if (recv(fd, bytes, sizeof(bytes), 0) <= 0)
			return;
}

static void
answer(struct scan_peer *p, const struct scan_script *s, int fd)
{
	size_t len = s->reply == NULL ? 0 : s->len != 0 ? s->len : strlen(s->reply);
	bool anything;

	for (size_t turn = 0; turn <= s->repeat; turn++) {
		if (s->drip == 0) {
			if (send(fd, s->reply, len, MSG_NOSIGNAL) != (ssize_t)len)
				return;
			continue;
		}
		for (size_t i = 0; i < len; i++)
			if (!ready(p, -1, POLLIN, s->drip, &anything) || send(fd, s->reply + i, 1, MSG_NOSIGNAL) != 1)
				return;
	}
	/* A question that is not read to its end would turn the close into a reset. */
	if (s->reads > 0 && !s->stays)
		(void)shutdown(fd, SHUT_WR);
	if (s->reads > 0 || s->stays)
		wait_for_end(p, fd, false);
}

static void
serve(struct scan_peer *p, int fd)
{
	struct scan_script s;

	(void)pthread_mutex_lock(&p->lock);
	s = p->script;
	p->busy = true;
	buf_clear(&p->question);
	(void)pthread_mutex_unlock(&p->lock);
	if (s.deaf)
		wait_for_end(p, fd, true);
	else if (read_question(p, &s, fd))
		answer(p, &s, fd);
	(void)close(fd);
	(void)pthread_mutex_lock(&p->lock);
	p->busy = false;
	(void)pthread_cond_signal(&p->idle);
	(void)pthread_mutex_unlock(&p->lock);
}

static void *
run(void *arg)
{
	struct scan_peer *p = arg;

	for (;;) {
		struct pollfd fds[3] = { { p->listener[0], POLLIN, 0 }, { p->listener[1], POLLIN, 0 },
			{ p->stop[0], POLLIN, 0 } };

		(void)poll(fds, 3, -1);
		if (fds[2].revents != 0)
			return NULL;
		for (int i = 0; i < 2; i++)
			if (fds[i].revents != 0)
				serve(p, accept(p->listener[i], NULL, NULL));
	}
}

static void
listen_inet(struct scan_peer *p)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->listener[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(0, bind(p->listener[1], (struct sockaddr *)&in, sizeof(in)));
	assert_int_equal(0, getsockname(p->listener[1], (struct sockaddr *)&in, &len));
	(void)snprintf(p->inet, sizeof(p->inet), "127.0.0.1:%u", (unsigned)ntohs(in.sin_port));
}

static void
listen_unix(struct scan_peer *p)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/hf-scan.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->path, sizeof(p->path), "unix:%s/s", p->dir);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", p->path + 5);
	p->listener[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(0, bind(p->listener[0], (struct sockaddr *)&sun, sizeof(sun)));
}

struct scan_peer *
scan_peer_start(const struct scan_script *s)
{
	struct scan_peer *p = xcalloc(1, sizeof(*p));

	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->idle, NULL);
	p->script = *s;
	listen_unix(p);
	listen_inet(p);
	assert_int_equal(0, listen(p->listener[0], 5));
	assert_int_equal(0, listen(p->listener[1], 5));
	assert_int_equal(0, pipe(p->stop));
	assert_int_equal(0, pthread_create(&p->thread, NULL, run, p));
	return p;
}

void
scan_peer_script(struct scan_peer *p, const struct scan_script *s)
{
	(void)pthread_mutex_lock(&p->lock);
	while (p->busy)
		(void)pthread_cond_wait(&p->idle, &p->lock);
	p->script = *s;
	(void)pthread_mutex_unlock(&p->lock);
}

const char *
scan_peer_unix(const struct scan_peer *p)
{
	return p->path;
}

const char *
scan_peer_inet(const struct scan_peer *p)
{
	return p->inet;
}

struct buf
scan_peer_question(struct scan_peer *p)
{
	struct buf b = BUF_INIT;

	(void)pthread_mutex_lock(&p->lock);
	buf_put(&b, p->question.data, p->question.len);
	(void)pthread_mutex_unlock(&p->lock);
	return b;
}

void
scan_peer_stop(struct scan_peer **pp)
{
	struct scan_peer *p = *pp;

	if (p == NULL)
		return;
	(void)close(p->stop[1]);
	(void)pthread_join(p->thread, NULL);
	(void)close(p->stop[0]);
	(void)close(p->listener[0]);
	(void)close(p->listener[1]);
	(void)unlink(p->path + 5);
	(void)rmdir(p->dir);
	buf_free(&p->question);
	(void)pthread_cond_destroy(&p->idle);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
	*pp = NULL;
}
