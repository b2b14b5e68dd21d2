/*
 * player.c -- a server on a unix socket that plays a script.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "player.h"

static void
say(int fd, const char *s, size_t piece)
{
	size_t len = strlen(s);

	for (size_t off = 0; off < len;) {
		size_t n = len - off < piece ? len - off : piece;

		if (send(fd, s + off, n, MSG_NOSIGNAL) != (ssize_t)n)
			return;
		off += n;
	}
}

static void *
serve(void *arg)
{
	struct player *s = arg;
	int fd = accept(s->fd, NULL, NULL);

	for (size_t i = 0; s->answers[i] != NULL; i++) {
		char c = 0;

		while (c != '\n' && read(fd, &c, 1) == 1)
			buf_putc(&s->got, c);
		say(fd, s->answers[i], s->piece);
	}
	(void)close(fd);
	return NULL;
}

void
player_start(struct player *s, const char *const *answers, size_t piece)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	memset(s, 0, sizeof(*s));
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/hf-player.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	(void)snprintf(s->path, sizeof(s->path), "%s/sock", s->dir);
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", s->path);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(s->fd, 1), 0);
	s->answers = answers;
	s->piece = piece;
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void
player_stop(struct player *s)
{
	/* one that nobody connected to waits in accept() */
	(void)shutdown(s->fd, SHUT_RDWR);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	(void)close(s->fd);
	(void)unlink(s->path);
	(void)rmdir(s->dir);
}
