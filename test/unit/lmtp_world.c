/*
 * lmtp_world.c -- an LMTP server and its clients on one thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/lmtp_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void
on_accepted(void *arg, const char *domain)
{
	struct world *w = arg;

	buf_printf(&w->domains, "%s\n", domain);
}

uint16_t
world_free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_return_code(bind(fd, (struct sockaddr *)&in, sizeof(in)), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)&in, &len), errno);
	close(fd);
	return ntohs(in.sin_port);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

struct world *
world_new(void)
{
	static const struct timeval tick = { 0, 5000 };
	struct world *w = xcalloc(1, sizeof(*w));

	memcpy(w->dir, "/tmp/t_lmtp.XXXXXX", sizeof("/tmp/t_lmtp.XXXXXX"));
	assert_non_null(mkdtemp(w->dir));
	w->base = event_base_new();
	w->tick = event_new(w->base, -1, EV_PERSIST, on_tick, NULL);
	event_add(w->tick, &tick);
	w->endpoint[0].path = xasprintf("%s/lmtp.sock", w->dir);
	w->endpoint[1].host = xstrdup("127.0.0.1");
	w->conf.lmtp_listen = (struct endpoint_list){ w->endpoint, 2 };
	w->conf.hostname = xstrdup("mx2.example.test");
	w->conf.message_size_limit = 100u << 20;
	w->conf.lmtp_sessions = 8;
	w->conf.lmtp_timeout = 60;
	w->conf.lmtp_session_time = 60;
	w->conf.shutdown_timeout = 60;
	return w;
}

void
world_start(struct world *w)
{
	char *why = NULL;

	for (int tries = 0; w->server == NULL && tries < 20; tries++) {
		free(why);
		why = NULL;
		w->endpoint[1].port = world_free_port();
		w->server = lmtp_server_new(w->base, w->store, &w->conf, on_accepted, w, &why);
	}
	if (w->server == NULL)
		fail_msg("%s", why);
	free(why);
}

void
world_free(struct world **wp)
{
	struct world *w = *wp;

	event_free(w->tick);
	event_base_free(w->base);
	(void)unlink(w->endpoint[0].path);
	(void)rmdir(w->dir);
	free(w->endpoint[0].path);
	free(w->endpoint[1].host);
	free(w->conf.hostname);
	buf_free(&w->domains);
	free(w);
	*wp = NULL;
}

struct lmtp_stats
world_stats(const struct world *w)
{
	struct lmtp_stats s;

	lmtp_server_stats(w->server, &s);
	return s;
}

/* --- clients ------------------------------------------------------------- */

void
world_turn(struct world *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* The same, but waits for an event: at the latest the world's tick. */
void
world_turn_slowly(struct world *w)
{
	event_base_loop(w->base, EVLOOP_ONCE);
}

static struct client *
client_on(struct world *w, int family, const void *sa, socklen_t len)
{
	struct client *c = xcalloc(1, sizeof(*c));

	c->w = w;
	c->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(c->fd, errno);
	assert_return_code(connect(c->fd, sa, len), errno);
	assert_return_code(fcntl(c->fd, F_SETFL, O_NONBLOCK), errno);
	return c;
}

struct client *
client_new(struct world *w)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	memcpy(un.sun_path, w->endpoint[0].path, strlen(w->endpoint[0].path) + 1);
	return client_on(w, AF_UNIX, &un, sizeof(un));
}

struct client *
client_tcp(struct world *w)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(w->endpoint[1].port) };

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return client_on(w, AF_INET, &in, sizeof(in));
}

void
client_free(struct client *c)
{
	close(c->fd);
	buf_free(&c->in);
	free(c);
}

/* As much as the socket takes; returns how much that was. */
size_t
client_push(struct client *c, const char *data, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len && (n = send(c->fd, data + done, len - done, MSG_NOSIGNAL)) > 0)
		done += (size_t)n;
	return done;
}

void
client_pull(struct client *c)
{
	char piece[65536];
	size_t before = c->in.len;
	ssize_t n;

	world_turn(c->w);
	while ((n = recv(c->fd, piece, sizeof(piece), 0)) > 0)
		buf_put(&c->in, piece, (size_t)n);
	if (n == 0)
		c->eof = true;
	else if (errno != EAGAIN)
		c->eof = c->reset = true;
	else if (c->in.len == before)
		world_turn_slowly(c->w);
}

void
client_say(struct client *c, const char *text)
{
	size_t len = strlen(text), done = 0;
	int64_t until = clock_mono_ms() + WORLD_DEADLINE_MS;

	while (done < len && clock_mono_ms() < until) {
		done += client_push(c, text + done, len - done);
		world_turn(c->w);
	}
	assert_int_equal(done, len);
}

/* Waits until `text' has come and takes everything up to its end; the rest stays. */
void
client_hear(struct client *c, const char *text)
{
	int64_t until = clock_mono_ms() + WORLD_DEADLINE_MS;
	const char *at;

	while ((at = strstr(buf_str(&c->in), text)) == NULL) {
		if (c->eof || clock_mono_ms() > until)
			fail_msg("waited in vain for \"%s\", have: %.300s", text, buf_str(&c->in));
		client_pull(c);
	}
	buf_drop(&c->in, (size_t)(at - c->in.data) + strlen(text));
}

void
client_hear_queued(struct client *c)
{
	client_hear(c, "250 2.0.0 Ok: queued as ");
	client_hear(c, "\r\n");
}

/* Nothing but `text' comes, then the end. */
void
client_hear_end(struct client *c, const char *text)
{
	int64_t until = clock_mono_ms() + WORLD_DEADLINE_MS;

	while (!c->eof && clock_mono_ms() < until)
		client_pull(c);
	assert_true(c->eof);
	assert_string_equal(buf_str(&c->in), text);
}

void
client_quit(struct client *c)
{
	client_say(c, "QUIT\r\n");
	client_hear(c, "221 2.0.0 Bye\r\n");
	client_hear_end(c, "");
	client_free(c);
}

