/*
 * lmtp_server.c -- accepts messages over LMTP: listeners, caps, deadlines, stop.
 *
 * Whoever reaches the socket may hand over mail and say who the client was
 * (XFORWARD); the socket's directory or its loopback address is the
 * permission. Caps hold in total and for one TCP address. One timer looks after all
 * deadlines, and only while there are connections: an idle server sleeps.
 *
 * Out of descriptors, it stops to accept for a while; the kernel's backlog
 * holds who comes in between.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/lmtp_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "queued/lmtp_conn.h"
#include "queued/lmtp_reply.h"

#define SOCKET_MODE	0666	/* the directory decides who may come */
#define ACCEPT_BATCH	64	/* connections taken per wake-up */
#define ACCEPT_PAUSE_MS	500	/* out of descriptors */
#define SWEEP_MS	250	/* how exact deadlines are */
#define PEER_SHARE	2	/* one address may hold 1/PEER_SHARE of lmtp_sessions */
#define PEER_SIZE	(INET6_ADDRSTRLEN + sizeof("IPv6:"))

struct listener {
	struct lmtp_server	*server;
	struct event		*event;
	int			 fd;
	char			*name;
};

struct lmtp_server {
	struct lmtp_hub		 hub;
	struct listener		*listener;
	size_t			 nlistener;
	unsigned		 sessions_max;
	int64_t			 drain_ms;
	struct event		*sweep;
	struct event		*accept_again;
	struct event		*drained;	/* the end of draining, at the latest */
	void			(*done)(void *);
	void			*done_arg;
};

/* --- accepting ----------------------------------------------------------- */

static struct timeval
ms(int64_t n)
{
	return (struct timeval) { .tv_sec = n / 1000, .tv_usec = n % 1000 * 1000 };
}

static void
say_and_close(int fd, enum lmtp_reply r)
{
	struct buf line = BUF_INIT;

	buf_printf(&line, "%s\r\n", lmtp_reply(r));
	(void)send(fd, line.data, line.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
	buf_free(&line);
}

/* As XFORWARD writes addresses; an IPv4 client on an IPv6 socket is an IPv4 client. */
static const char *
peer_name(const struct sockaddr_storage *ss, char dst[PEER_SIZE])
{
	const struct sockaddr_in *in = (const void *)ss;
	const struct sockaddr_in6 *in6 = (const void *)ss;

	if (ss->ss_family == AF_INET)
		return inet_ntop(AF_INET, &in->sin_addr, dst, PEER_SIZE);
	if (ss->ss_family != AF_INET6)
		return NULL;
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], dst, PEER_SIZE);
	memcpy(dst, "IPv6:", 5);
	return inet_ntop(AF_INET6, &in6->sin6_addr, dst + 5, PEER_SIZE - 5) != NULL ? dst : NULL;
}

static void
welcome(struct lmtp_server *s, int fd, const struct sockaddr_storage *ss)
{
	char text[PEER_SIZE];
	const char *peer = peer_name(ss, text);
	const struct timeval interval = ms(SWEEP_MS);
	unsigned share = (s->sessions_max + PEER_SHARE - 1) / PEER_SHARE;
	int on = 1;

	if (s->hub.stats.sessions >= s->sessions_max) {
		log_warn("refused: too many sessions, limit=%u, client=%s", s->sessions_max,
		    peer != NULL ? peer : "unix");
		say_and_close(fd, REPLY_BUSY);
		return;
	}
	if (peer != NULL && lmtp_conn_count(&s->hub, peer) >= share) {
		log_warn("refused: too many sessions of one address, limit=%u, client=%s", share, peer);
		say_and_close(fd, REPLY_BUSY_PEER);
		return;
	}
	if (peer != NULL)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (s->hub.stats.sessions == 0)
		(void)event_add(s->sweep, &interval);
	lmtp_conn_new(&s->hub, fd, peer);
}

static void
accept_on(struct lmtp_server *s, bool on)
{
	for (size_t i = 0; i < s->nlistener; i++)
		if (on)
			(void)event_add(s->listener[i].event, NULL);
		else
			(void)event_del(s->listener[i].event);
}

static void
on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	accept_on(arg, true);
}

static void
on_connection(evutil_socket_t listen_fd, short what, void *arg)
{
	struct listener *l = arg;
	struct sockaddr_storage ss;
	const struct timeval pause = ms(ACCEPT_PAUSE_MS);
	socklen_t len;
	int fd;

	(void)what;
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		len = sizeof(ss);
		memset(&ss, 0, sizeof(ss));
		fd = accept4(listen_fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			welcome(l->server, fd, &ss);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_error("%s: cannot accept: %s; pausing", l->name, strerror(errno));
			accept_on(l->server, false);
			(void)event_add(l->server->accept_again, &pause);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}

static int
listen_on(struct lmtp_server *s, const struct endpoint *ep, char **why)
{
	struct listener *l = &s->listener[s->nlistener];

	l->fd = endpoint_listen(ep, SOCKET_MODE, why);
	if (l->fd == -1)
		return -1;
	l->server = s;
	l->name = endpoint_format(ep);
	l->event = event_new(s->hub.base, l->fd, EV_READ | EV_PERSIST, on_connection, l);
	if (l->event == NULL || event_add(l->event, NULL) == -1)
		log_fatal("%s: cannot watch the socket", l->name);
	s->nlistener++;
	return 0;
}

static void
listen_no_more(struct lmtp_server *s)
{
	(void)event_del(s->accept_again);
	while (s->nlistener > 0) {
		s->nlistener--;
		event_free(s->listener[s->nlistener].event);
		(void)close(s->listener[s->nlistener].fd);
		free(s->listener[s->nlistener].name);
	}
}

/* --- time and the end ---------------------------------------------------- */

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct lmtp_server *s = arg;

	(void)fd;
	(void)what;
	lmtp_conn_sweep(&s->hub, clock_mono_ms());
}

static void
cut_all(struct lmtp_server *s)
{
	struct lmtp_conn *c;

	while ((c = s->hub.first) != NULL)
		lmtp_conn_free(&c);
}

/* Draining has ended, or its time has. */
static void
on_drained(evutil_socket_t fd, short what, void *arg)
{
	struct lmtp_server *s = arg;
	void (*done)(void *) = s->done;

	(void)fd;
	(void)what;
	if (s->hub.stats.sessions > 0)
		log_warn("stopping: cutting %u LMTP sessions", s->hub.stats.sessions);
	cut_all(s);
	(void)event_del(s->drained);
	s->done = NULL;
	if (done != NULL)
		done(s->done_arg);
}

static void
on_closed(void *arg)
{
	struct lmtp_server *s = arg;

	if (s->hub.stats.sessions > 0)
		return;
	(void)event_del(s->sweep);
	if (s->done != NULL)
		event_active(s->drained, EV_TIMEOUT, 0);
}

void
lmtp_server_drain(struct lmtp_server *s, void (*done)(void *), void *arg)
{
	const struct timeval limit = ms(s->drain_ms);

	listen_no_more(s);
	s->hub.draining = true;
	s->done = done;
	s->done_arg = arg;
	(void)event_add(s->drained, &limit);
	lmtp_conn_sweep(&s->hub, clock_mono_ms());
	if (s->hub.stats.sessions == 0)
		event_active(s->drained, EV_TIMEOUT, 0);
}

/* --- life ---------------------------------------------------------------- */

void
lmtp_server_conf(struct lmtp_server *s, const struct conf *conf)
{
	free(s->hub.session.hostname);
	s->hub.session.hostname = xstrdup(conf->hostname);
	s->hub.session.size_limit = conf->message_size_limit;
	s->hub.timeout_ms = (int64_t)conf->lmtp_timeout * 1000;
	s->hub.session_ms = (int64_t)conf->lmtp_session_time * 1000;
	s->sessions_max = conf->lmtp_sessions;
	s->drain_ms = (int64_t)conf->shutdown_timeout * 1000;
}

void
lmtp_server_drills(struct lmtp_server *s, struct drills *drills)
{
	s->hub.drills = drills;
}

void
lmtp_server_hops(struct lmtp_server *s, unsigned limit)
{
	s->hub.session.hop_limit = limit;
}

struct lmtp_server *
lmtp_server_new(struct event_base *base, struct store *store, const struct conf *conf,
    void (*accepted)(void *, const char *), void *arg, char **why)
{
	struct lmtp_server *s = xcalloc(1, sizeof(*s));

	s->hub.base = base;
	s->hub.store = store;
	s->hub.accepted = accepted;
	s->hub.accepted_arg = arg;
	s->hub.closed = on_closed;
	s->hub.closed_arg = s;
	(void)snprintf(s->hub.id_prefix, sizeof(s->hub.id_prefix), "L%llx.",
	    (unsigned long long)clock_wall());
	lmtp_server_conf(s, conf);
	s->sweep = event_new(base, -1, EV_PERSIST, on_sweep, s);
	s->accept_again = event_new(base, -1, 0, on_accept_again, s);
	s->drained = event_new(base, -1, 0, on_drained, s);
	if (s->sweep == NULL || s->accept_again == NULL || s->drained == NULL)
		log_fatal("cannot make timers");
	s->listener = xcalloc(conf->lmtp_listen.n + 1, sizeof(*s->listener));
	for (size_t i = 0; i < conf->lmtp_listen.n; i++)
		if (listen_on(s, &conf->lmtp_listen.v[i], why) == -1) {
			lmtp_server_free(&s);
			return NULL;
		}
	return s;
}

void
lmtp_server_free(struct lmtp_server **sp)
{
	struct lmtp_server *s = *sp;

	if (s == NULL)
		return;
	s->done = NULL;
	listen_no_more(s);
	cut_all(s);
	event_free(s->sweep);
	event_free(s->accept_again);
	event_free(s->drained);
	buf_free(&s->hub.session.scratch);
	free(s->hub.session.hostname);
	free(s->listener);
	free(s);
	*sp = NULL;
}

void
lmtp_server_stats(const struct lmtp_server *s, struct lmtp_stats *out)
{
	*out = s->hub.stats;
}
