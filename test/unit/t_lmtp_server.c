/*
 * t_lmtp_server.c -- the LMTP server over real sockets, with a store that
 * answers when the test wants.
 *
 * Server and clients live on one thread: every wait turns the server's loop
 * until the condition holds or DEADLINE_MS have passed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "queued/lmtp_conn.h"
#include "queued/lmtp_server.h"
#include "test/unit/store_fake.h"

#define DEADLINE_MS	10000

#define LHLO	"LHLO c.example\r\n"
#define MAIL	"MAIL FROM:<a@b>\r\n"
#define RCPT	"RCPT TO:<c@d>\r\n"
#define OPEN	LHLO MAIL RCPT "DATA\r\n"

struct world {
	struct event_base	*base;
	struct store		*store;
	struct conf		 conf;
	struct endpoint		 endpoint[2];
	struct lmtp_server	*server;
	char			 dir[32];
	struct event		*tick;
	struct buf		 domains;	/* told by accepted(), a line each */
	bool			 drained;
};

struct client {
	struct world	*w;
	int		 fd;
	struct buf	 in;	/* what came; commands take from its front */
	bool		 eof, reset;
};

/* --- the world ----------------------------------------------------------- */

static void
on_accepted(void *arg, const char *domain)
{
	struct world *w = arg;

	buf_printf(&w->domains, "%s\n", domain);
}

static uint16_t
free_port(void)
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

static int
set_up(void **state)
{
	static const struct timeval tick = { 0, 5000 };
	struct world *w = xcalloc(1, sizeof(*w));

	memcpy(w->dir, "/tmp/t_lmtp.XXXXXX", sizeof("/tmp/t_lmtp.XXXXXX"));
	assert_non_null(mkdtemp(w->dir));
	w->base = event_base_new();
	w->tick = event_new(w->base, -1, EV_PERSIST, on_tick, NULL);
	event_add(w->tick, &tick);
	w->store = fake_open(w->base);
	w->endpoint[0].path = xasprintf("%s/lmtp.sock", w->dir);
	w->endpoint[1].host = xstrdup("127.0.0.1");
	w->conf.lmtp_listen = (struct endpoint_list){ w->endpoint, 2 };
	w->conf.hostname = xstrdup("mx2.example.test");
	w->conf.message_size_limit = 100u << 20;
	w->conf.lmtp_sessions = 8;
	w->conf.lmtp_timeout = 60;
	w->conf.lmtp_session_time = 60;
	w->conf.shutdown_timeout = 60;
	*state = w;
	return 0;
}

static void
start(struct world *w)
{
	char *why = NULL;

	for (int tries = 0; w->server == NULL && tries < 20; tries++) {
		free(why);
		why = NULL;
		w->endpoint[1].port = free_port();
		w->server = lmtp_server_new(w->base, w->store, &w->conf, on_accepted, w, &why);
	}
	if (w->server == NULL)
		fail_msg("%s", why);
	free(why);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	lmtp_server_free(&w->server);
	assert_int_equal(w->store->open, 0);
	fake_close(&w->store);
	event_free(w->tick);
	event_base_free(w->base);
	(void)unlink(w->endpoint[0].path);
	(void)rmdir(w->dir);
	free(w->endpoint[0].path);
	free(w->endpoint[1].host);
	free(w->conf.hostname);
	buf_free(&w->domains);
	free(w);
	return 0;
}

static struct lmtp_stats
stats(const struct world *w)
{
	struct lmtp_stats s;

	lmtp_server_stats(w->server, &s);
	return s;
}

/* --- clients ------------------------------------------------------------- */

static void
turn(struct world *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* The same, but waits for an event: at the latest the world's tick. */
static void
turn_slowly(struct world *w)
{
	event_base_loop(w->base, EVLOOP_ONCE);
}

#define WAIT_FOR(w, condition) \
	do { \
		int64_t until_ = clock_mono_ms() + DEADLINE_MS; \
		while (!(condition)) { \
			if (clock_mono_ms() > until_) \
				fail_msg("waited in vain for " #condition); \
			turn_slowly(w); \
		} \
	} while (0)

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

static struct client *
client_new(struct world *w)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	memcpy(un.sun_path, w->endpoint[0].path, strlen(w->endpoint[0].path) + 1);
	return client_on(w, AF_UNIX, &un, sizeof(un));
}

static struct client *
client_tcp(struct world *w)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(w->endpoint[1].port) };

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return client_on(w, AF_INET, &in, sizeof(in));
}

static void
client_free(struct client *c)
{
	close(c->fd);
	buf_free(&c->in);
	free(c);
}

/* As much as the socket takes; returns how much that was. */
static size_t
push(struct client *c, const char *data, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len && (n = send(c->fd, data + done, len - done, MSG_NOSIGNAL)) > 0)
		done += (size_t)n;
	return done;
}

static void
pull(struct client *c)
{
	char piece[65536];
	size_t before = c->in.len;
	ssize_t n;

	turn(c->w);
	while ((n = recv(c->fd, piece, sizeof(piece), 0)) > 0)
		buf_put(&c->in, piece, (size_t)n);
	if (n == 0)
		c->eof = true;
	else if (errno != EAGAIN)
		c->eof = c->reset = true;
	else if (c->in.len == before)
		turn_slowly(c->w);
}

static void
say(struct client *c, const char *text)
{
	size_t len = strlen(text), done = 0;
	int64_t until = clock_mono_ms() + DEADLINE_MS;

	while (done < len && clock_mono_ms() < until) {
		done += push(c, text + done, len - done);
		turn(c->w);
	}
	assert_int_equal(done, len);
}

/* Waits until `text' has come and takes everything up to its end; the rest stays. */
static void
hear(struct client *c, const char *text)
{
	int64_t until = clock_mono_ms() + DEADLINE_MS;
	const char *at;

	while ((at = strstr(buf_str(&c->in), text)) == NULL) {
		if (c->eof || clock_mono_ms() > until)
			fail_msg("waited in vain for \"%s\", have: %.300s", text, buf_str(&c->in));
		pull(c);
	}
	buf_drop(&c->in, (size_t)(at - c->in.data) + strlen(text));
}

static void
hear_queued(struct client *c)
{
	hear(c, "250 2.0.0 Ok: queued as ");
	hear(c, "\r\n");
}

/* Nothing but `text' comes, then the end. */
static void
hear_end(struct client *c, const char *text)
{
	int64_t until = clock_mono_ms() + DEADLINE_MS;

	while (!c->eof && clock_mono_ms() < until)
		pull(c);
	assert_true(c->eof);
	assert_string_equal(buf_str(&c->in), text);
}

static void
end(struct client *c)
{
	say(c, "QUIT\r\n");
	hear(c, "221 2.0.0 Bye\r\n");
	hear_end(c, "");
	client_free(c);
}

/* --- tests --------------------------------------------------------------- */

static void
test_message(void **state)
{
	struct world *w = *state;
	struct client *c;

	start(w);
	c = client_new(w);
	hear(c, "220 mx2.example.test LMTP");
	say(c, LHLO MAIL "RCPT TO:<c@D.example>\r\nRCPT TO:<x@e.example>\r\nRCPT TO:<y@d.EXAMPLE>\r\n"
	    "DATA\r\n");
	hear(c, "354 ");
	say(c, "S: x\r\n\r\nhello\r\n.\r\n");
	hear_queued(c);
	hear_queued(c);
	hear_queued(c);
	assert_string_equal(buf_str(&w->domains), "d.example\ne.example\n");
	assert_non_null(strstr(buf_str(&w->store->last), "\r\nS: x\r\n\r\nhello\r\n"));
	assert_int_equal(strncmp(buf_str(&w->store->last), "Received: from c.example ", 25), 0);
	assert_int_equal(stats(w).accepted, 1);
	assert_int_equal(stats(w).bytes, w->store->last.len);
	assert_int_equal(stats(w).sessions, 1);
	end(c);
	assert_int_equal(stats(w).sessions, 0);
}

static void
test_tcp(void **state)
{
	struct world *w = *state;
	struct client *c;

	start(w);
	c = client_tcp(w);
	say(c, OPEN "x\r\n.\r\n");
	hear_queued(c);
	assert_non_null(strstr(buf_str(&w->store->last), "from c.example (unknown [127.0.0.1])"));
	end(c);
}

static void
test_client_dies(void **state)
{
	struct world *w = *state;
	struct client *c;

	start(w);
	c = client_new(w);
	say(c, OPEN "half a line");
	hear(c, "354 ");
	WAIT_FOR(w, w->store->bytes > 50);
	client_free(c);
	WAIT_FOR(w, stats(w).sessions == 0);
	assert_int_equal(w->store->aborted, 1);
	assert_int_equal(w->store->committed, 0);
}

/* C1: the delivery learns of a message whose client has gone. */
static void
test_client_dies_in_commit(void **state)
{
	struct world *w = *state;
	struct client *c;

	start(w);
	w->store->hold = true;
	c = client_tcp(w);
	say(c, OPEN "x\r\n.\r\n");
	hear(c, "354 ");
	WAIT_FOR(w, w->store->committed == 1);
	client_free(c);
	for (int i = 0; i < 10; i++)
		turn(w);
	assert_int_equal(stats(w).sessions, 1);
	fake_release(w->store);
	WAIT_FOR(w, stats(w).sessions == 0);
	assert_string_equal(buf_str(&w->domains), "d\n");
	assert_int_equal(w->store->forgotten, 0);
}

/* The same with a reset: the socket is of no use, the message is. */
static void
test_reset_in_commit(void **state)
{
	const struct linger hard = { 1, 0 };
	struct world *w = *state;
	struct client *c;

	start(w);
	w->store->hold = true;
	c = client_tcp(w);
	say(c, OPEN "x\r\n.\r\n");
	hear(c, "354 ");
	WAIT_FOR(w, w->store->committed == 1);
	assert_return_code(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), errno);
	client_free(c);
	for (int i = 0; i < 10; i++)
		turn(w);
	assert_int_equal(stats(w).sessions, 1);
	fake_release(w->store);
	WAIT_FOR(w, stats(w).sessions == 0);
	assert_string_equal(buf_str(&w->domains), "d\n");
	assert_int_equal(w->store->forgotten, 0);
}

/* printf … | nc: the client closes its half and still reads. */
static void
test_half_close(void **state)
{
	struct world *w = *state;
	struct client *c;

	start(w);
	w->store->hold = true;
	c = client_new(w);
	say(c, OPEN "x\r\n.\r\nNOOP\r\n");
	assert_return_code(shutdown(c->fd, SHUT_WR), errno);
	hear(c, "354 ");
	WAIT_FOR(w, w->store->committed == 1);
	fake_release(w->store);
	hear_queued(c);
	hear_end(c, "250 2.0.0 OK\r\n");
	client_free(c);
}

static void
test_session_cap(void **state)
{
	struct world *w = *state;
	struct client *c[8], *extra;

	start(w);
	for (size_t i = 0; i < 8; i++) {
		c[i] = client_new(w);
		hear(c[i], "220 ");
	}
	extra = client_new(w);
	hear_end(extra, "421 4.3.2 Too many sessions; try again later\r\n");
	client_free(extra);
	end(c[0]);
	c[0] = client_new(w);
	hear(c[0], "220 ");
	for (size_t i = 0; i < 8; i++)
		end(c[i]);
}

static void
test_peer_cap(void **state)
{
	struct world *w = *state;
	struct client *c[4], *extra;

	start(w);
	for (size_t i = 0; i < 4; i++) {
		c[i] = client_tcp(w);
		hear(c[i], "220 ");
	}
	extra = client_tcp(w);
	hear_end(extra, "421 4.7.0 Too many sessions from your address; try again later\r\n");
	client_free(extra);
	extra = client_new(w);		/* a unix socket has no address */
	hear(extra, "220 ");
	end(extra);
	for (size_t i = 0; i < 4; i++)
		end(c[i]);
}

/* While a commit is under way, what the client sends piles up in its kernel and not here. */
static void
test_backpressure(void **state)
{
	static char noop[1 << 20];
	struct world *w = *state;
	struct client *c;
	size_t sent = 0, n = 0;
	int64_t until;

	for (size_t i = 0; i + 6 <= sizeof(noop); i += 6)
		memcpy(noop + i, "NOOP\r\n", 6);
	start(w);
	w->store->hold = true;
	c = client_new(w);
	say(c, OPEN "x\r\n.\r\n");
	hear(c, "354 ");
	buf_clear(&c->in);
	for (int i = 0; i < 100; i++) {
		sent += push(c, noop + sent, sizeof(noop) - sent);
		turn(w);
	}
	assert_true(sent < sizeof(noop) - 6);	/* stuck */
	fake_release(w->store);
	until = clock_mono_ms() + DEADLINE_MS;
	hear_queued(c);
	while (n < 17 * (sent / 6) && clock_mono_ms() < until) {	/* "250 2.0.0 OK\r\n" is 14 */
		pull(c);
		if (c->in.len >= 14 * (sent / 6))
			break;
		n++;
	}
	assert_int_equal(c->in.len, 14 * (sent / 6));
	client_free(c);
}

static void
test_pause(void **state)
{
	struct world *w = *state;
	struct client *c;
	struct buf big = BUF_INIT;
	size_t sent = 0;

	start(w);
	w->store->pause_at = 1 << 20;
	for (int i = 0; i < 60000; i++)
		buf_printf(&big, "%098d\r\n", i);
	buf_puts(&big, ".\r\n");
	c = client_new(w);
	say(c, OPEN);
	hear(c, "354 ");
	for (int i = 0; i < 1000; i++) {
		sent += push(c, big.data + sent, big.len - sent);
		turn(w);
	}
	assert_true(sent < 3u << 20);	/* stuck after the first of nearly 6 MB */
	fake_release(w->store);
	say(c, big.data + sent);
	hear_queued(c);
	assert_true(w->store->last.len > big.len - 3);
	assert_memory_equal(w->store->last.data + w->store->last.len - (big.len - 3), big.data,
	    big.len - 3);
	end(c);
	buf_free(&big);
}

/* Who does not read his replies is not read from, and is cut in the end. */
static void
test_slow_reader(void **state)
{
	static char lhlo[4 << 20];
	struct world *w = *state;
	struct client *c;
	size_t sent = 0;

	for (size_t i = 0; i + 8 <= sizeof(lhlo); i += 8)
		memcpy(lhlo + i, "LHLO a\r\n", 8);
	w->conf.lmtp_timeout = 1;
	start(w);
	c = client_new(w);
	for (int i = 0; i < 200; i++) {
		sent += push(c, lhlo + sent, sizeof(lhlo) - sent);
		turn(w);
	}
	assert_true(sent < 1 << 20);
	assert_int_equal(stats(w).sessions, 1);
	WAIT_FOR(w, stats(w).sessions == 0);
	client_free(c);
}

static void
test_command_timeout(void **state)
{
	struct world *w = *state;
	struct client *c;
	int64_t began = clock_mono_ms();

	w->conf.lmtp_timeout = 1;
	start(w);
	c = client_new(w);
	say(c, LHLO MAIL);
	hear(c, "250 2.1.0 Sender OK\r\n");
	while (!c->eof && clock_mono_ms() < began + DEADLINE_MS) {	/* trickling does not help */
		(void)push(c, "x", 1);
		pull(c);
	}
	assert_string_equal(buf_str(&c->in), "421 4.4.2 Timeout exceeded\r\n");
	assert_true(clock_mono_ms() - began >= 1000);
	client_free(c);
}

static void
test_data_timeout(void **state)
{
	struct world *w = *state;
	struct client *c;

	w->conf.lmtp_timeout = 1;
	start(w);
	c = client_tcp(w);
	say(c, OPEN "x\r\n");
	hear(c, "354 End data with <CR><LF>.<CR><LF>\r\n");
	hear_end(c, "421 4.4.2 Timeout exceeded\r\n");
	assert_int_equal(w->store->aborted, 1);
	client_free(c);
	WAIT_FOR(w, stats(w).sessions == 0);
}

static void
test_session_timeout(void **state)
{
	struct world *w = *state;
	struct client *c;
	int64_t began = clock_mono_ms();

	w->conf.lmtp_session_time = 1;
	start(w);
	c = client_new(w);
	while (!c->eof && clock_mono_ms() < began + DEADLINE_MS) {
		(void)push(c, "NOOP\r\n", 6);
		pull(c);
	}
	assert_non_null(strstr(buf_str(&c->in), "421 4.4.2 Timeout exceeded\r\n"));
	client_free(c);
}

/* C2: the last words arrive although we leave most of what the client sends unread. */
static void
test_last_words(void **state)
{
	static char rest[1 << 18];
	struct world *w = *state;
	struct client *c;

	memset(rest, 'x', sizeof(rest));
	start(w);
	c = client_tcp(w);
	say(c, OPEN);
	hear(c, "354 End data with <CR><LF>.<CR><LF>\r\n");
	say(c, "bare\nLF\r\n");
	(void)push(c, rest, sizeof(rest));
	hear_end(c, "554 5.6.0 Bare LF in message data; closing\r\n");
	assert_false(c->reset);
	assert_int_equal(stats(w).sessions, 1);		/* still lets us talk on */
	(void)push(c, rest, sizeof(rest));
	client_free(c);
	WAIT_FOR(w, stats(w).sessions == 0);
}

static void
on_drained(void *arg)
{
	struct world *w = arg;

	assert_int_equal(stats(w).sessions, 0);
	w->drained = true;
}

static void
test_drain(void **state)
{
	struct world *w = *state;
	struct client *idle, *busy, *committing;

	start(w);
	w->store->hold = true;
	idle = client_new(w);
	say(idle, LHLO);
	hear(idle, "250 XHOLDFAST\r\n");
	busy = client_new(w);
	say(busy, LHLO MAIL RCPT);
	hear(busy, "250 2.1.5 Recipient OK\r\n");
	committing = client_tcp(w);
	say(committing, OPEN "x\r\n.\r\n");
	hear(committing, "354 End data with <CR><LF>.<CR><LF>\r\n");
	WAIT_FOR(w, w->store->committed == 1);

	lmtp_server_drain(w->server, on_drained, w);
	hear_end(idle, "421 4.3.2 Service shutting down\r\n");
	assert_int_equal(stats(w).sessions, 2);
	assert_false(w->drained);
	fake_release(w->store);
	hear_queued(committing);
	hear_end(committing, "421 4.3.2 Service shutting down\r\n");
	say(busy, "DATA\r\n");
	hear(busy, "354 ");
	say(busy, "y\r\n.\r\n");
	hear_queued(busy);
	hear_end(busy, "421 4.3.2 Service shutting down\r\n");
	WAIT_FOR(w, w->drained);
	assert_int_equal(w->store->committed, 2);
	client_free(idle);
	client_free(busy);
	client_free(committing);
}

static void
test_drain_of_nothing(void **state)
{
	struct world *w = *state;

	start(w);
	lmtp_server_drain(w->server, on_drained, w);
	assert_false(w->drained);	/* from the loop, not from inside the call */
	WAIT_FOR(w, w->drained);
}

/* A transaction that does not end does not keep the server alive. */
static void
test_drain_limit(void **state)
{
	struct world *w = *state;
	struct client *c;

	w->conf.shutdown_timeout = 1;
	start(w);
	c = client_new(w);
	say(c, OPEN);
	hear(c, "354 ");
	lmtp_server_drain(w->server, on_drained, w);
	WAIT_FOR(w, w->drained);
	assert_int_equal(w->store->aborted, 1);
	client_free(c);
}

static void
test_thousand_recipients(void **state)
{
	struct world *w = *state;
	struct client *c;
	struct buf text = BUF_INIT;

	start(w);
	buf_puts(&text, LHLO MAIL);
	for (int i = 0; i < ENVELOPE_RCPT_MAX; i++)
		buf_printf(&text, "RCPT TO:<u@d%d.example>\r\n", i % 500);
	buf_puts(&text, "DATA\r\nx\r\n.\r\n");
	c = client_new(w);
	say(c, buf_str(&text));
	hear(c, "354 ");
	for (int i = 0; i < ENVELOPE_RCPT_MAX; i++)
		hear_queued(c);
	assert_int_equal(w->store->last_nrcpt, ENVELOPE_RCPT_MAX);
	assert_int_equal(strncmp(buf_str(&w->domains), "d0.example\nd1.example\nd10.example\n", 34), 0);
	assert_int_equal(w->domains.len, 10 * 11 + 90 * 12 + 400 * 13);
	end(c);
	buf_free(&text);
}

static void
test_store_refuses(void **state)
{
	struct world *w = *state;
	struct client *c;

	start(w);
	c = client_new(w);
	w->store->result = STORE_FULL;
	say(c, OPEN "x\r\n.\r\n");
	hear(c, "452 4.3.1 Insufficient system storage\r\n");
	w->store->result = STORE_FAULT;
	say(c, MAIL RCPT "DATA\r\nx\r\n.\r\n");
	hear(c, "451 4.3.0 ");
	w->store->full = true;
	say(c, MAIL);
	hear(c, "452 4.3.1 Insufficient system storage\r\n");
	w->store->full = false;
	w->store->result = STORE_OK;
	say(c, MAIL RCPT "DATA\r\nx\r\n.\r\n");
	hear_queued(c);
	assert_int_equal(stats(w).refused, 3);
	assert_int_equal(stats(w).accepted, 1);
	end(c);
}

static void
test_reload(void **state)
{
	struct world *w = *state;
	struct client *c, *extra;

	start(w);
	c = client_new(w);
	hear(c, "220 ");
	w->conf.lmtp_sessions = 1;
	w->conf.message_size_limit = 1000;
	free(w->conf.hostname);
	w->conf.hostname = xstrdup("renamed.example.test");
	lmtp_server_conf(w->server, &w->conf);
	extra = client_new(w);
	hear_end(extra, "421 4.3.2 Too many sessions; try again later\r\n");
	client_free(extra);
	say(c, LHLO);
	hear(c, "250-renamed.example.test\r\n");
	hear(c, "250-SIZE 1000\r\n");
	end(c);
}

/* Freed in the middle of everything: nothing is left behind, no callback comes later. */
static void
test_free_at_work(void **state)
{
	struct world *w = *state;
	struct client *c[3];

	start(w);
	w->store->hold = true;
	for (size_t i = 0; i < 3; i++)
		c[i] = client_new(w);
	say(c[0], LHLO);
	say(c[1], OPEN "x");
	say(c[2], OPEN "x\r\n.\r\n");
	hear(c[1], "354 ");
	WAIT_FOR(w, w->store->committed == 1 && w->store->open == 1);
	lmtp_server_free(&w->server);
	assert_null(w->server);
	assert_int_equal(w->store->forgotten, 1);
	fake_release(w->store);
	turn(w);
	for (size_t i = 0; i < 3; i++)
		client_free(c[i]);
}

static void
test_no_socket(void **state)
{
	struct world *w = *state;
	char *why = NULL;

	w->endpoint[1].port = free_port();
	free(w->endpoint[0].path);
	w->endpoint[0].path = xasprintf("%s/absent/lmtp.sock", w->dir);
	w->server = lmtp_server_new(w->base, w->store, &w->conf, on_accepted, w, &why);
	assert_null(w->server);
	assert_non_null(strstr(why, w->endpoint[0].path));
	free(why);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_message),
		TEST(test_tcp),
		TEST(test_client_dies),
		TEST(test_client_dies_in_commit),
		TEST(test_reset_in_commit),
		TEST(test_half_close),
		TEST(test_session_cap),
		TEST(test_peer_cap),
		TEST(test_backpressure),
		TEST(test_pause),
		TEST(test_slow_reader),
		TEST(test_command_timeout),
		TEST(test_data_timeout),
		TEST(test_session_timeout),
		TEST(test_last_words),
		TEST(test_drain),
		TEST(test_drain_of_nothing),
		TEST(test_drain_limit),
		TEST(test_thousand_recipients),
		TEST(test_store_refuses),
		TEST(test_reload),
		TEST(test_free_at_work),
		TEST(test_no_socket),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	log_open("t_lmtp_server", LOG_TO_STDERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
