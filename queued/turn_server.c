/*
 * turn_server.c -- the listener of ETRN and ATRN: caps, files, time, stop.
 *
 * Strangers may reach this port, so caps hold in total and for each client (an
 * IPv6 /64 is one). One timer looks after all deadlines, and only while there are
 * connections. Out of descriptors, it stops to accept for a while.
 *
 * Certificate and users are read at the start, where a fault is fatal, and
 * again with each new configuration, where what was read before stays.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/turn_server.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/endpoint.h"
#include "common/log.h"
#include "common/rules.h"
#include "queued/turn_conn.h"

#define SESSIONS_MAX	200u	/* at once */
#define PEER_MAX	10u	/* … of one client */
#define ACCEPT_BATCH	16	/* connections taken per wake-up */
#define ACCEPT_PAUSE_MS	500	/* out of descriptors */
#define SWEEP_MS	250	/* how exact deadlines are */

struct turn_server {
	struct turn_hub		 hub;
	int			 fd;
	char			*name;
	struct event		*accept, *accept_again, *sweep;
};

static struct timeval
ms(int64_t n)
{
	return (struct timeval) { .tv_sec = n / 1000, .tv_usec = n % 1000 * 1000 };
}

/* --- accepting ----------------------------------------------------------- */

static void
refuse(int fd, const char *line)
{
	(void)send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
}

static void
welcome(struct turn_server *s, int fd, const struct sockaddr_storage *ss)
{
	const struct timeval interval = ms(SWEEP_MS);
	struct turn_peer peer;
	int on = 1;

	turn_peer_of(&peer, ss);
	if (s->hub.sessions >= SESSIONS_MAX) {
		log_warn("turn: refused: too many sessions, limit=%u", SESSIONS_MAX);
		refuse(fd, "421 4.3.2 Too many sessions; try again later\r\n");
		return;
	}
	if (turn_conn_count(&s->hub, &peer) >= PEER_MAX) {
		log_warn("turn: refused: too many sessions of one client, limit=%u", PEER_MAX);
		refuse(fd, "421 4.7.0 Too many sessions from your address; try again later\r\n");
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (s->hub.sessions == 0)
		(void)event_add(s->sweep, &interval);
	turn_conn_new(&s->hub, fd, ss);
}

static void
on_connection(evutil_socket_t listen_fd, short what, void *arg)
{
	struct turn_server *s = arg;
	const struct timeval pause = ms(ACCEPT_PAUSE_MS);
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	(void)what;
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		len = sizeof(ss);
		memset(&ss, 0, sizeof(ss));
		fd = accept4(listen_fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			welcome(s, fd, &ss);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_error("%s: cannot accept: %s; pausing", s->name, strerror(errno));
			(void)event_del(s->accept);
			(void)event_add(s->accept_again, &pause);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}

static void
on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct turn_server *s = arg;

	(void)fd;
	(void)what;
	(void)event_add(s->accept, NULL);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct turn_server *s = arg;

	(void)fd;
	(void)what;
	turn_conn_sweep(&s->hub, clock_mono_ms());
}

static void
on_closed(void *arg)
{
	struct turn_server *s = arg;

	if (s->hub.sessions == 0)
		(void)event_del(s->sweep);
}

/* --- files --------------------------------------------------------------- */

/* 0 read or not wanted, -1: what was there stays. */
static int
load_tls(struct turn_server *s, const struct conf *conf, char **why)
{
	bool cert = conf->turn_tls_cert[0] != '\0', key = conf->turn_tls_key[0] != '\0';
	struct tls_server *tls = NULL;

	if (cert != key) {
		*why = xasprintf("turn_tls_cert and turn_tls_key belong together: %s is missing",
		    cert ? "turn_tls_key" : "turn_tls_cert");
		return -1;
	}
	if (cert && (tls = tls_server_new(conf->turn_tls_cert, conf->turn_tls_key, why)) == NULL)
		return -1;
	tls_server_free(&s->hub.tls);
	s->hub.tls = tls;
	s->hub.session.tls = tls != NULL;
	return 0;
}

static int
load_users(struct turn_server *s, const struct conf *conf, char **why)
{
	struct turn_users *users = NULL;

	if (conf->turn_users[0] != '\0' &&
	    (users = turn_users_load(conf->turn_users, why)) == NULL)
		return -1;
	turn_users_unref(&s->hub.session.users);
	s->hub.session.users = users;
	if (users != NULL && s->hub.tls == NULL)
		log_warn("turn_users is set, but without turn_tls_cert nobody can authenticate");
	return 0;
}

static void
set_numbers(struct turn_server *s, const struct conf *conf)
{
	free(s->hub.session.hostname);
	s->hub.session.hostname = xstrdup(conf->hostname);
	s->hub.timeout_ms = (int64_t)conf->lmtp_timeout * 1000;
	s->hub.handshake_ms = (int64_t)conf->smtp_tls_timeout * 1000;
}

static void
stays(char *why, const char *what)
{
	log_error("%s; the old %s stay", why, what);
	free(why);
}

void
turn_server_conf(struct turn_server *s, const struct conf *conf)
{
	char *why = NULL;

	if (s == NULL)
		return;
	set_numbers(s, conf);
	if (load_tls(s, conf, &why) == -1)
		stays(why, "certificate and key");
	why = NULL;
	if (load_users(s, conf, &why) == -1)
		stays(why, "users");
}

void
turn_server_rules(struct turn_server *s, struct ruleset *rules)
{
	struct ruleset *old;

	if (s == NULL)
		return;
	old = s->hub.rules;
	s->hub.rules = ruleset_ref(rules);
	ruleset_unref(&old);
}

/* --- life ---------------------------------------------------------------- */

static int
listen_on(struct turn_server *s, const char *where, char **why)
{
	struct endpoint ep;
	const char *reason;

	if (endpoint_parse_hostport(where, 0, &ep, &reason) == -1) {
		*why = xasprintf("turn_listen: %s", reason);
		return -1;
	}
	s->name = endpoint_format(&ep);
	s->fd = endpoint_listen(&ep, 0, why);
	endpoint_clear(&ep);
	if (s->fd == -1)
		return -1;
	s->accept = event_new(s->hub.base, s->fd, EV_READ | EV_PERSIST, on_connection, s);
	if (s->accept == NULL || event_add(s->accept, NULL) == -1)
		log_fatal("%s: cannot watch the socket", s->name);
	return 0;
}

struct turn_server *
turn_server_new(struct event_base *base, struct store *store, struct deliver *deliver,
    const struct conf *conf, struct ruleset *rules, char **why)
{
	struct turn_server *s = xcalloc(1, sizeof(*s));

	s->fd = -1;
	s->hub.base = base;
	s->hub.store = store;
	s->hub.deliver = deliver;
	s->hub.rules = ruleset_ref(rules);
	s->hub.closed = on_closed;
	s->hub.closed_arg = s;
	(void)snprintf(s->hub.id_prefix, sizeof(s->hub.id_prefix), "T%llx.",
	    (unsigned long long)clock_wall());
	if (RAND_bytes(s->hub.session.salt_key, sizeof(s->hub.session.salt_key)) != 1)
		log_fatal("OpenSSL has no random numbers");
	set_numbers(s, conf);
	s->sweep = event_new(base, -1, EV_PERSIST, on_sweep, s);
	s->accept_again = event_new(base, -1, 0, on_accept_again, s);
	if (s->sweep == NULL || s->accept_again == NULL)
		log_fatal("cannot make timers");
	if (load_tls(s, conf, why) == -1 || load_users(s, conf, why) == -1 ||
	    listen_on(s, conf->turn_listen, why) == -1)
		turn_server_free(&s);
	return s;
}

void
turn_server_stop(struct turn_server *s)
{
	if (s == NULL || s->fd == -1)
		return;
	event_free(s->accept);
	s->accept = NULL;
	(void)event_del(s->accept_again);
	(void)close(s->fd);
	s->fd = -1;
	turn_conn_shutdown(&s->hub);
}

void
turn_server_free(struct turn_server **sp)
{
	struct turn_server *s = *sp;
	struct turn_conn *c;

	if (s == NULL)
		return;
	turn_server_stop(s);
	while ((c = s->hub.first) != NULL)
		turn_conn_free(&c);
	event_free(s->sweep);
	event_free(s->accept_again);
	tls_server_free(&s->hub.tls);
	turn_users_unref(&s->hub.session.users);
	ruleset_unref(&s->hub.rules);
	free(s->hub.session.hostname);
	free(s->name);
	free(s);
	*sp = NULL;
}
