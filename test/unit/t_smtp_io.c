/*
 * t_smtp_io.c -- one outgoing connection against a peer that does as the test says.
 *
 * The peer is the other end of a socketpair, written and read between turns of the loop.
 * What the connection reported is kept as text: "220 250- pause failed:BROKEN:why".
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/tls_lab.h"

#include "common/clock.h"
#include "queued/smtp_io.h"

#define HOST	"mx.example.test"
#define PATIENCE 20000	/* ms: a test that waits longer has failed */

struct peer {
	struct event_base	*base;
	struct smtp_io		*io;
	int			 fd;
	struct tls_conn		*tls;
	struct buf		 seen;
	enum smtp_event		 failed;
	bool			 drained;
	unsigned		 replies;
	const char		*free_at;	/* … this call-back frees the connection */
};

static struct tls_client *client;
static struct tls_server *server;
static struct lab_cert cert;

/* --- the holder ---------------------------------------------------------- */

static void
note(struct peer *p, const char *what)
{
	if (p->seen.len > 0)
		buf_putc(&p->seen, ' ');
	buf_puts(&p->seen, what);
	if (p->free_at != NULL && strncmp(what, p->free_at, strlen(p->free_at)) == 0)
		smtp_io_free(&p->io);
}

static void
on_connected(void *arg)
{
	note(arg, "connected");
}

static void
on_reply(void *arg, const struct wire_reply *r)
{
	struct peer *p = arg;
	char *text = xasprintf("%d", r->code);

	p->replies++;
	note(p, text);
	free(text);
}

static void
on_pause(void *arg)
{
	note(arg, "pause");
}

static void
on_handshake(void *arg, bool ok, const char *why)
{
	char *text = ok ? xstrdup("handshake") : xasprintf("handshake:%s", why);

	note(arg, text);
	free(text);
}

static void
on_drained(void *arg)
{
	struct peer *p = arg;

	p->drained = true;
	note(p, "drained");
}

static void
on_failed(void *arg, enum smtp_event event, const char *why)
{
	static const char *const names[] = {
		[SMTP_EV_CONNECT] = "CONNECT", [SMTP_EV_LOST] = "LOST",
		[SMTP_EV_TIMEOUT] = "TIMEOUT", [SMTP_EV_BROKEN] = "BROKEN",
	};
	struct peer *p = arg;
	char *text = xasprintf("failed:%s:%s", names[event], why);

	p->failed = event;
	note(p, text);
	free(text);
}

static const struct smtp_io_handlers handlers = {
	on_connected, on_reply, on_pause, on_handshake, on_drained, on_failed
};

/* --- the world ----------------------------------------------------------- */

static int
setup(void **state)
{
	struct peer *p = xcalloc(1, sizeof(*p));
	int fd[2];

	assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
	p->base = event_base_new();
	p->fd = fd[1];
	p->io = smtp_io_adopt(p->base, fd[0], NULL, &handlers, p);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct peer *p = *state;

	smtp_io_free(&p->io);
	tls_conn_free(&p->tls);
	if (p->fd != -1)
		(void)close(p->fd);
	event_base_free(p->base);
	buf_free(&p->seen);
	free(p);
	return 0;
}

static void
turn(struct peer *p)
{
	const struct timeval soon = { 0, 2000 };

	(void)event_base_loopexit(p->base, &soon);
	(void)event_base_dispatch(p->base);
}

static void
say(struct peer *p, const char *text)
{
	size_t len = strlen(text), n;

	if (p->tls != NULL)
		assert_int_equal(TLS_DONE, tls_write(p->tls, text, len, &n));
	else
		assert_int_equal((ssize_t)len, write(p->fd, text, len));
	turn(p);
}

static void
hang_up(struct peer *p)
{
	(void)close(p->fd);
	p->fd = -1;
}

/* Turns the loop until something more was reported that begins so. */
static void
await(struct peer *p, const char *what)
{
	int64_t end = clock_mono_ms() + PATIENCE;

	while (strstr(buf_str(&p->seen), what) == NULL) {
		if (clock_mono_ms() > end)
			fail_msg("waited for `%s', got `%s'", what, buf_str(&p->seen));
		turn(p);
	}
}

#define SEEN(p, text)	assert_string_equal(text, buf_str(&(p)->seen))

/* --- replies ------------------------------------------------------------- */

static void
test_replies(void **state)
{
	struct peer *p = *state;

	say(p, "220 mx\r\n");
	SEEN(p, "220 pause");
	buf_clear(&p->seen);
	say(p, "250-mx\r\n250-SIZE");
	SEEN(p, "pause");		/* half a reply is none */
	say(p, " 10\r\n250 OK\r\n354 go\r\n421 no");
	SEEN(p, "pause 250 354 pause");
	say(p, "\r\n");
	SEEN(p, "pause 250 354 pause 421 pause");
}

static void
test_broken(void **state)
{
	static const struct { const char *sent, *reason; } row[] = {
		{ "220 a\n", "bare LF" }, { "220 a\rb\r\n", "bare CR" }, { "hello\r\n", "broken reply: " },
		{ "25\r\n", "broken reply: " }, { "999 a\r\n", "broken reply: " },
		{ "250-a\r\n251 b\r\n", "broken reply: " }, { "\r\n", "broken reply: " },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct peer *p;
		void *inner = NULL;

		assert_int_equal(0, setup(&inner));
		p = inner;
		say(p, row[i].sent);
		if (strncmp(buf_str(&p->seen), "failed:BROKEN:", 14) != 0 ||
		    strstr(buf_str(&p->seen), row[i].reason) == NULL)
			fail_msg("row %zu: %s", i, buf_str(&p->seen));
		/* Nothing comes after it. */
		(void)!write(p->fd, "250 ok\r\n", 8);
		turn(p);
		assert_int_equal(0, p->replies);
		(void)teardown(&inner);
	}
	(void)state;
}

static void
test_nul(void **state)
{
	struct peer *p = *state;

	assert_int_equal(8, write(p->fd, "220 a\0\r\n", 8));
	turn(p);
	SEEN(p, "failed:BROKEN:broken reply: NUL");
}

/* A megabyte without a CRLF ends after a reply line's length. */
static void
test_no_crlf(void **state)
{
	struct peer *p = *state;
	static char many[1 << 20];
	ssize_t n, sent = 0;

	memset(many, 'a', sizeof(many));
	while (p->failed == SMTP_EV_NONE && (size_t)sent < sizeof(many)) {
		n = write(p->fd, many + sent, sizeof(many) - (size_t)sent);
		sent += n > 0 ? n : 0;
		turn(p);
	}
	assert_non_null(strstr(buf_str(&p->seen), "failed:BROKEN:broken reply: line too long"));
	assert_true((size_t)sent < sizeof(many));
}

static void
test_endless(void **state)
{
	struct peer *p = *state;
	unsigned lines = 0;

	while (p->failed == SMTP_EV_NONE && lines < 10 * WIRE_REPLY_LINES_MAX) {
		say(p, "250-more\r\n");
		lines++;
	}
	assert_int_equal(SMTP_EV_BROKEN, p->failed);
	assert_true(lines <= WIRE_REPLY_LINES_MAX + 1);
	assert_int_equal(0, p->replies);
}

/* --- deadlines ----------------------------------------------------------- */

static void
test_deadline(void **state)
{
	struct peer *p = *state;

	smtp_io_deadline(p->io, 3600);
	smtp_io_deadline(p->io, 0);		/* earlier counts at once */
	await(p, "failed:TIMEOUT");
	/* The connection lives: a new deadline, and the reply that came late. */
	buf_clear(&p->seen);
	smtp_io_deadline(p->io, 3600);
	say(p, "220 mx\r\n");
	SEEN(p, "220 pause");
}

/* Bytes that complete nothing move no deadline. */
static void
test_trickle(void **state)
{
	struct peer *p = *state;
	int64_t end = clock_mono_ms() + PATIENCE;

	smtp_io_deadline(p->io, 1);
	say(p, "220-");
	while (p->failed == SMTP_EV_NONE && clock_mono_ms() < end)
		say(p, "a");
	assert_int_equal(SMTP_EV_TIMEOUT, p->failed);
	assert_int_equal(0, p->replies);
}

static void
test_no_reader(void **state)
{
	struct peer *p = *state;
	struct buf *out = smtp_io_out(p->io);

	for (int i = 0; i < 100000; i++)
		buf_puts(out, "0123456789abcdef0123456789abcdef");
	smtp_io_deadline(p->io, 1);
	assert_false(smtp_io_flush(p->io));
	await(p, "failed:TIMEOUT");
	assert_false(p->drained);
}

/* --- writing ------------------------------------------------------------- */

static size_t
swallow(struct peer *p, const char *expected, size_t len)
{
	static char got[65536];
	size_t total = 0, n;
	int64_t end = clock_mono_ms() + PATIENCE;

	while (total < len && clock_mono_ms() < end) {
		enum tls_result r = TLS_WANT_READ;
		ssize_t rc = 0;

		if (p->tls != NULL)
			r = tls_read(p->tls, got, sizeof(got), &n);
		else if ((rc = read(p->fd, got, sizeof(got))) > 0)
			n = (size_t)rc, r = TLS_DONE;
		if (r != TLS_DONE) {
			turn(p);
			continue;
		}
		assert_memory_equal(expected + total, got, n);
		total += n;
	}
	return total;
}

static void
check_flush(struct peer *p)
{
	struct buf *out = smtp_io_out(p->io), copy = BUF_INIT;

	assert_true(smtp_io_flush(p->io));	/* nothing to do */
	for (unsigned i = 0; copy.len < (4u << 20); i++)
		buf_printf(&copy, "line %u of a large body\r\n", i);
	buf_put(out, copy.data, copy.len);
	assert_false(smtp_io_flush(p->io));
	assert_false(p->drained);
	assert_int_equal(copy.len, swallow(p, copy.data, copy.len));
	await(p, "drained");
	assert_int_equal(0, out->len);
	buf_puts(out, "QUIT\r\n");
	assert_true(smtp_io_flush(p->io));
	assert_int_equal(6, swallow(p, "QUIT\r\n", 6));
	buf_free(&copy);
}

static void
test_flush(void **state)
{
	check_flush(*state);
}

/* The peer said why before it closed: that is read first. */
static void
test_last_words(void **state)
{
	struct peer *p = *state;

	assert_int_equal(8, write(p->fd, "421 no\r\n", 8));
	hang_up(p);
	buf_puts(smtp_io_out(p->io), "MAIL FROM:<>\r\n");
	(void)smtp_io_flush(p->io);
	await(p, "failed:");
	SEEN(p, "421 failed:LOST:lost connection");
}

/* --- the connection's ends ----------------------------------------------- */

static void
test_refused(void **state)
{
	struct peer *p = *state;
	struct resolve_addr a = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = &a.in;
	socklen_t len = sizeof(*in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	/* A port that is bound but not listened on. */
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(0, bind(fd, (struct sockaddr *)in, sizeof(*in)));
	assert_int_equal(0, getsockname(fd, (struct sockaddr *)in, &len));
	smtp_io_free(&p->io);
	p->io = smtp_io_new(p->base, &a, 10, &handlers, p);
	SEEN(p, "");				/* never from within */
	await(p, "failed:CONNECT:Connection refused");
	buf_clear(&p->seen);
	smtp_io_free(&p->io);
	assert_int_equal(0, listen(fd, 5));
	p->io = smtp_io_new(p->base, &a, 10, &handlers, p);
	await(p, "connected");
	(void)close(fd);
}

static void
test_closed(void **state)
{
	struct peer *p = *state;

	say(p, "220 mx\r\n250-half");
	hang_up(p);
	turn(p);
	SEEN(p, "220 pause failed:LOST:lost connection");
	assert_false(smtp_io_flush(p->io));
}

/* Each call-back may free the connection. */
static void
test_free_within(void **state)
{
	static const struct { const char *at, *sent; } row[] = {
		{ "220", "220 mx\r\n250 next\r\n" }, { "pause", "220 mx\r\n" }, { "failed", "220 mx\r\nx\n" },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		void *inner = NULL;
		struct peer *p;

		assert_int_equal(0, setup(&inner));
		p = inner;
		p->free_at = row[i].at;
		say(p, row[i].sent);
		turn(p);
		assert_null(p->io);
		(void)teardown(&inner);
	}
	(void)state;
}

static void
test_handlers(void **state)
{
	struct peer *p = *state, other = { .base = p->base };

	say(p, "220 mx\r\n");
	smtp_io_handlers(p->io, &handlers, &other);
	say(p, "250 ok\r\n");
	SEEN(p, "220 pause");
	assert_string_equal("250 pause", buf_str(&other.seen));
	buf_free(&other.seen);
}

/* --- TLS ----------------------------------------------------------------- */

static const struct tls_policy may = { .level = TLS_MAY, .name = HOST };

static void
start_tls(struct peer *p, const struct tls_policy *policy)
{
	enum tls_result r = TLS_WANT_READ;

	p->tls = tls_conn_accept(server, p->fd);
	assert_true(smtp_io_starttls(p->io, client, policy, NULL));
	for (int i = 0; i < 1000 && (r != TLS_DONE || strstr(buf_str(&p->seen), "handshake") == NULL);
	    i++) {
		turn(p);
		if (r != TLS_DONE && r != TLS_FAILED)
			r = tls_handshake(p->tls);
	}
}

static void
test_tls(void **state)
{
	struct peer *p = *state;
	struct buf b = BUF_INIT;

	start_tls(p, &may);
	SEEN(p, "handshake");
	smtp_io_describe_tls(p->io, &b);
	assert_non_null(strstr(buf_str(&b), "TLSv1.3 with cipher"));
	buf_free(&b);
	say(p, "250-a\r\n250 b\r\n250 c\r\n");
	SEEN(p, "handshake 250 250 pause");
	buf_clear(&p->seen);
	check_flush(p);
}

/* RFC 3207 6: what came before the handshake must not count as if it came after it. */
static void
test_plaintext_after_220(void **state)
{
	struct peer *p = *state;

	say(p, "220 go\r\n250-mx");
	SEEN(p, "220 pause");
	assert_false(smtp_io_starttls(p->io, client, &may, NULL));
}

/* … also when it comes a moment later. */
static void
test_plaintext_in_handshake(void **state)
{
	struct peer *p = *state;

	say(p, "220 go\r\n");
	assert_true(smtp_io_starttls(p->io, client, &may, NULL));
	assert_int_equal(8, write(p->fd, "250 mx\r\n", 8));
	await(p, "handshake:");
	SEEN(p, "220 pause handshake:what came is not TLS");
	assert_int_equal(1, p->replies);
}

static void
test_closed_in_handshake(void **state)
{
	struct peer *p = *state;

	assert_true(smtp_io_starttls(p->io, client, &may, NULL));
	turn(p);
	hang_up(p);
	await(p, "handshake:lost connection");
}

/* A policy that cannot be used is told like a failed handshake, from the loop. */
static void
test_no_policy(void **state)
{
	static const struct tls_policy policy = { .level = TLS_VERIFY, .name = HOST, .ca = "/nonexistent" };
	struct peer *p = *state;

	assert_true(smtp_io_starttls(p->io, client, &policy, NULL));
	SEEN(p, "");
	await(p, "handshake:cannot use the CA file /nonexistent");
}

/* With close_notify or cut off: in both cases nothing half-said counts. */
static void
test_tls_end(void **state)
{
	for (int polite = 0; polite < 2; polite++) {
		void *inner = NULL;
		struct peer *p;

		assert_int_equal(0, setup(&inner));
		p = inner;
		start_tls(p, &may);
		buf_puts(smtp_io_out(p->io), "DATA\r\n");
		assert_true(smtp_io_flush(p->io));
		say(p, "354-half");
		if (polite)
			tls_conn_free(&p->tls);
		hang_up(p);
		await(p, "failed:LOST:lost connection");
		assert_int_equal(0, p->replies);
		(void)teardown(&inner);
	}
	(void)state;
}

/* The end comes while a body is on its way. */
static void
test_tls_end_in_body(void **state)
{
	struct peer *p = *state;
	struct buf *out = smtp_io_out(p->io);

	start_tls(p, &may);
	for (int i = 0; i < 100000; i++)
		buf_puts(out, "0123456789abcdef0123456789abcdef");
	assert_false(smtp_io_flush(p->io));
	tls_conn_free(&p->tls);
	hang_up(p);
	await(p, "failed:LOST:");
	assert_false(p->drained);
}

/* A connection that was a client's until now: bytes that OpenSSL holds already count. */
static void
test_adopt_tls(void **state)
{
	struct peer *p = *state, turned = { .base = p->base, .fd = -1 };
	struct tls_conn *t = tls_conn_accept(server, p->fd), *c;
	char *why = NULL, byte;
	int fd[2];
	size_t n;

	tls_conn_free(&t);
	assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
	t = tls_conn_accept(server, fd[0]);
	c = tls_conn_new(client, fd[1], &may, NULL, &why);
	for (int i = 0; i < 20; i++) {
		(void)tls_handshake(c);
		(void)tls_handshake(t);
	}
	assert_int_equal(TLS_DONE, tls_write(c, "A220 turned\r\n", 13, &n));
	assert_int_equal(TLS_DONE, tls_read(t, &byte, 1, &n));
	turned.io = smtp_io_adopt(p->base, fd[0], t, &handlers, &turned);
	await(&turned, "220 pause");
	buf_puts(smtp_io_out(turned.io), "EHLO x\r\n");
	assert_true(smtp_io_flush(turned.io));
	turned.tls = c;
	turned.fd = fd[1];
	assert_int_equal(8, swallow(&turned, "EHLO x\r\n", 8));
	smtp_io_free(&turned.io);
	tls_conn_free(&c);
	(void)close(fd[1]);
	buf_free(&turned.seen);
}

static int
group_setup(void **state)
{
	const struct lab_order order = { .name = HOST, .alt = "DNS:" HOST };
	char *why = NULL, *file;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	lab_dir();
	cert = lab_issue(&order);
	file = xstrdup(lab_write("server", &cert, NULL));
	server = tls_server_new(file, lab_key("server"), &why);
	client = tls_client_new(&why);
	free(file);
	return server != NULL && client != NULL ? 0 : -1;
}

static int
group_teardown(void **state)
{
	(void)state;
	tls_server_free(&server);
	tls_client_free(&client);
	lab_cert_free(&cert);
	lab_dir_gone();
	return 0;
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_replies), T(test_broken), T(test_nul), T(test_no_crlf), T(test_endless),
		T(test_deadline), T(test_trickle), T(test_no_reader),
		T(test_flush), T(test_last_words),
		T(test_refused), T(test_closed), T(test_free_within), T(test_handlers),
		T(test_tls), T(test_plaintext_after_220), T(test_plaintext_in_handshake),
		T(test_closed_in_handshake), T(test_no_policy), T(test_tls_end),
		T(test_tls_end_in_body), T(test_adopt_tls),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
