/*
 * control_server.c -- sockets and framing of the control protocol.
 *
 * A connection runs one command at a time: reading stops while a command runs,
 * so a peer that sends a thousand of them costs one. A line longer than
 * CONTROL_REQUEST_MAX, a line that is not a JSON object and an unknown command
 * get an error line; the first also ends the connection, since where the next
 * command begins is unknown then. Half a command followed by silence ends
 * after CONTROL_IDLE seconds. A peer that goes away takes its command's
 * callbacks with it (store_forget); what the store was told to do is done.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/control_server.h"

#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/conf.h"
#include "common/control.h"
#include "common/endpoint.h"
#include "common/log.h"
#include "queued/control_request.h"

#define CONTROL_CONNS_MAX	32		/* at once */
#define CONTROL_IDLE		300		/* seconds without a byte */
#define CONTROL_UNREAD_MAX	(256 * 1024)	/* octets a slow reader may leave waiting */

struct control_conn {
	struct control_server	*server;
	struct bufferevent	*bev;
	char			*who;
	struct request		*request;	/* the one that runs, or NULL */
	bool			 starting;	/* its handler is on the stack */
	bool			 closing;	/* close when all is written */
	struct control_conn	*next;
};

struct control_server {
	struct event_base	*base;
	struct control_view	 view;
	struct evconnlistener	*listener;
	char			*path;
	struct control_conn	*conns;
	unsigned		 nconns;
	void			(*gone)(void *);	/* offline; NULL: not */
	void			*gone_arg;
};

static const struct {
	const char	*name;
	control_handler	*run;
} commands[] = {
	{ "status", control_status },
	{ "queue.count", control_queue_count },
	{ "queue.list", control_queue_list },
	{ "queue.show", control_queue_show },
	{ "queue.cat", control_queue_cat },
	{ "queue.hold", control_queue_hold },
	{ "queue.release", control_queue_release },
	{ "queue.retry", control_queue_retry },
	{ "queue.delete", control_queue_delete },
	{ "primary.list", control_primary_list },
	{ "primary.history", control_primary_history },
	{ "primary.release", control_primary_release },
	{ "flush", control_flush },
	{ "drill.begin", control_drill_begin },
	{ "drill.show", control_drill_show },
	{ "drill.end", control_drill_end },
	{ "ledger.show", control_ledger_show },
};

/* They need nothing but the store, and change nothing. */
static control_handler *const offline[] = { control_queue_count, control_queue_list,
	control_queue_show, control_queue_cat };

static void	conn_next(struct control_conn *);

static void
request_free(struct request **rp)
{
	struct request *r = *rp;
	size_t i;

	if (r == NULL)
		return;
	store_forget(r->view->store, r);
	json_decref(r->args);
	json_decref(r->line);
	free(r->domain);
	for (i = 0; i < r->ndomains; i++)
		free(r->domains[i]);
	free(r->domains);
	free(r);
	*rp = NULL;
}

static void
conn_free(struct control_conn *c)
{
	struct control_server *s = c->server;
	struct control_conn **p;

	for (p = &s->conns; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	s->nconns--;
	request_free(&c->request);
	bufferevent_free(c->bev);
	free(c->who);
	free(c);
	if (s->gone != NULL)
		s->gone(s->gone_arg);
}

static void
conn_write_json(struct control_conn *c, json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT);

	json_decref(line);
	if (text == NULL) {	/* not UTF-8, or no memory */
		log_error("control: answer could not be written as JSON");
		text = xstrdup("{}");
	}
	bufferevent_write(c->bev, text, strlen(text));
	bufferevent_write(c->bev, "\n", 1);
	free(text);
}

json_t *
request_text(const char *s)
{
	json_t *j;
	char *safe;
	size_t size;

	if (s == NULL)
		s = "";
	j = json_string(s);
	if (j != NULL)
		return j;
	size = strlen(s) * 4 + 1;
	safe = xcalloc(1, size);
	log_escape(safe, size, s, strlen(s));
	j = json_string(safe);
	free(safe);
	return j;
}

void
request_line(struct request *r, json_t *line)
{
	conn_write_json(r->conn, line);
}

void
request_data(struct request *r, const char *data, size_t len)
{
	conn_write_json(r->conn, json_pack("{s:I}", "data", (json_int_t)len));
	bufferevent_write(r->conn->bev, data, len);
}

static void
request_end(struct request *r)
{
	struct control_conn *c = r->conn;

	request_free(&c->request);
	if (!c->starting)	/* else conn_next() is below us and goes on by itself */
		conn_next(c);
}

void
request_done(struct request *r, json_t *extra)
{
	json_t *last = extra != NULL ? extra : json_object();

	json_object_set_new(last, "ok", json_true());
	conn_write_json(r->conn, last);
	request_end(r);
}

static void
conn_error(struct control_conn *c, int exitcode, const char *text)
{
	conn_write_json(c, json_pack("{s:b,s:s,s:i}", "ok", 0, "error", text, "exit", exitcode));
}

void
request_fail(struct request *r, int exitcode, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	conn_error(r->conn, exitcode, buf_str(&text));
	buf_free(&text);
	request_end(r);
}

void
request_store_fault(struct request *r, enum store_result result, const char *why)
{
	switch (result) {
	case STORE_NOT_FOUND:
		request_fail(r, EX_DATAERR, "no message %s in the queue",
		    r->filter.queue_id != NULL ? r->filter.queue_id : "of that description");
		break;
	case STORE_FULL:
		request_fail(r, EX_TEMPFAIL, "no room on the queue's disk: %s",
		    why != NULL ? why : store_state(r->view->store));
		break;
	case STORE_OK:
	case STORE_FAULT:
		request_fail(r, EX_IOERR, "the store reports: %s",
		    why != NULL ? why : store_state(r->view->store));
		break;
	}
}

void
request_when_writable(struct request *r, void (*fn)(struct request *))
{
	if (evbuffer_get_length(bufferevent_get_output(r->conn->bev)) > CONTROL_UNREAD_MAX)
		r->resume = fn;		/* conn_written() goes on */
	else
		fn(r);
}

int
request_filter(struct request *r)
{
	const char *id = NULL, *domain = NULL, *sender = NULL, *recipient = NULL, *state = NULL;
	json_error_t error;

	r->filter.state = -1;
	if (json_unpack_ex(r->args, &error, 0, "{s?s,s?s,s?s,s?s,s?s}", "id", &id, "domain", &domain,
		"sender", &sender, "recipient", &recipient, "state", &state) != 0) {
		request_fail(r, EX_USAGE, "bad argument: %s", error.text);
		return -1;
	}
	if (id != NULL && queue_id_parse(id) == 0) {
		request_fail(r, EX_DATAERR, "%s is not a queue id", id);
		return -1;
	}
	if (state != NULL) {
		if (strcmp(state, "queued") == 0)
			r->filter.state = RCPT_QUEUED;
		else if (strcmp(state, "held") == 0)
			r->filter.state = RCPT_HELD;
		else if (strcmp(state, "quarantined") == 0)
			r->filter.state = RCPT_QUARANTINED;
		else {
			request_fail(r, EX_USAGE,
			    "unknown state %s (queued, held or quarantined)", state);
			return -1;
		}
	}
	r->filter.queue_id = id;
	r->filter.sender = sender;
	r->filter.recipient = recipient;
	if (domain != NULL) {
		r->domain = xstrdup(domain);
		addr_lower(r->domain);
		r->filter.domain = r->domain;
	}
	return 0;
}

static bool
works_offline(control_handler *run)
{
	for (size_t i = 0; i < sizeof(offline) / sizeof(offline[0]); i++)
		if (offline[i] == run)
			return true;
	return false;
}

static void
conn_run(struct control_conn *c, const char *line, size_t len)
{
	struct request *r;
	json_error_t error;
	json_t *args;
	const char *cmd = NULL;
	size_t i;

	args = json_loadb(line, len, 0, &error);
	if (args == NULL || json_unpack(args, "{s:s}", "cmd", &cmd) != 0) {
		log_warn("control: %s sent a line that is not a command", c->who);
		conn_error(c, EX_USAGE, "not a command: one JSON object with \"cmd\" a line");
		json_decref(args);
		return;
	}
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, cmd) == 0)
			break;
	if (i == sizeof(commands) / sizeof(commands[0])) {
		log_warn("control: %s asked for an unknown command", c->who);
		conn_error(c, EX_USAGE, "unknown command");
		json_decref(args);
		return;
	}
	if (c->server->gone != NULL && !works_offline(commands[i].run)) {
		conn_error(c, EX_UNAVAILABLE, "not offline: holdfast-queued must run for it");
		json_decref(args);
		return;
	}
	r = xcalloc(1, sizeof(*r));
	r->conn = c;
	r->view = &c->server->view;
	r->args = args;
	r->who = c->who;
	c->request = r;
	c->starting = true;
	commands[i].run(r);
	c->starting = false;
}

/* Runs what is complete in the input, one command after the other. */
static void
conn_next(struct control_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t len;
	char *line;

	while (c->request == NULL && !c->closing) {
		line = evbuffer_readln(in, &len, EVBUFFER_EOL_CRLF);
		if (line == NULL) {
			if (evbuffer_get_length(in) > CONTROL_REQUEST_MAX) {
				log_warn("control: %s sent a command of over %d octets", c->who,
				    CONTROL_REQUEST_MAX);
				conn_error(c, EX_USAGE, "the command is too long");
				evbuffer_drain(in, evbuffer_get_length(in));
				c->closing = true;
			}
			break;
		}
		if (len > CONTROL_REQUEST_MAX) {
			conn_error(c, EX_USAGE, "the command is too long");
			c->closing = true;
		} else if (len > 0)
			conn_run(c, line, len);
		free(line);
	}
	if (c->request == NULL && !c->closing)
		bufferevent_enable(c->bev, EV_READ);
	else
		bufferevent_disable(c->bev, EV_READ);
}

static void
conn_readable(struct bufferevent *bev, void *arg)
{
	struct control_conn *c = arg;

	(void)bev;
	if (c->request == NULL)
		conn_next(c);
}

static void
conn_written(struct bufferevent *bev, void *arg)
{
	struct control_conn *c = arg;
	void (*resume)(struct request *);

	if (c->request != NULL && c->request->resume != NULL) {
		resume = c->request->resume;
		c->request->resume = NULL;
		resume(c->request);
		return;
	}
	if (c->closing && c->request == NULL &&
	    evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		conn_free(c);
}

static void
conn_event(struct bufferevent *bev, short what, void *arg)
{
	struct control_conn *c = arg;

	if ((what & BEV_EVENT_EOF) != 0 &&
	    evbuffer_get_length(bufferevent_get_output(bev)) > 0) {
		c->closing = true;	/* a half-closed peer still reads its answer */
		return;
	}
	if ((what & BEV_EVENT_TIMEOUT) != 0 && c->request != NULL &&
	    (what & BEV_EVENT_READING) != 0)
		return;
	if ((what & BEV_EVENT_TIMEOUT) != 0)
		log_info("control: %s was silent for %d s, closed", c->who, CONTROL_IDLE);
	conn_free(c);
}

/* May this peer give orders? Fills *who for the log and the ledger. */
static bool
peer_allowed(int fd, char **who)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct passwd *pw;
	gid_t groups[64];
	int i, n = 64;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1) {
		*who = xstrdup("unknown peer");
		return false;
	}
	pw = getpwuid(cred.uid);
	*who = xasprintf("%s (uid %u, pid %d)", pw != NULL ? pw->pw_name : "?",
	    (unsigned)cred.uid, (int)cred.pid);
	if (cred.uid == 0 || cred.uid == geteuid() || cred.gid == getegid())
		return true;
	if (pw == NULL || getgrouplist(pw->pw_name, pw->pw_gid, groups, &n) == -1)
		return false;
	for (i = 0; i < n; i++)
		if (groups[i] == getegid())
			return true;
	return false;
}

static void
conn_new(struct control_server *s, evutil_socket_t fd, char *who)
{
	static const struct timeval idle = { CONTROL_IDLE, 0 };
	struct control_conn *c = xcalloc(1, sizeof(*c));

	c->server = s;
	c->who = who;
	c->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (c->bev == NULL)
		log_fatal("control: out of memory");
	c->next = s->conns;
	s->conns = c;
	s->nconns++;
	bufferevent_setcb(c->bev, conn_readable, conn_written, conn_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, CONTROL_REQUEST_MAX + 4096);
	bufferevent_setwatermark(c->bev, EV_WRITE, CONTROL_UNREAD_MAX / 2, 0);
	bufferevent_set_timeouts(c->bev, &idle, &idle);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void
server_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa, int salen,
    void *arg)
{
	struct control_server *s = arg;
	char *who;

	(void)listener;
	(void)sa;
	(void)salen;
	if (!peer_allowed(fd, &who)) {
		log_warn("control: %s is not allowed here", who);
		(void)!write(fd, "{\"ok\":false,\"error\":\"permission denied\",\"exit\":77}\n", 51);
		free(who);
		close(fd);
		return;
	}
	if (s->nconns >= CONTROL_CONNS_MAX) {
		log_warn("control: %s refused: %d connections are open", who, CONTROL_CONNS_MAX);
		free(who);
		close(fd);
		return;
	}
	conn_new(s, fd, who);
}

struct control_server *
control_server_new(struct event_base *base, const struct control_view *view, char **why)
{
	struct endpoint ep = { view->conf->control_socket, NULL, 0 };
	struct control_server *s;
	int fd;

	fd = endpoint_listen(&ep, 0660, why);
	if (fd == -1)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->base = base;
	s->view = *view;
	s->path = xstrdup(ep.path);
	s->listener = evconnlistener_new(base, server_accept, s,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (s->listener == NULL)
		log_fatal("control: out of memory");
	return s;
}

struct control_server *
control_server_offline(struct event_base *base, const struct control_view *view, int fd,
    void (*gone)(void *), void *arg)
{
	struct control_server *s = xcalloc(1, sizeof(*s));
	char *who;

	(void)peer_allowed(fd, &who);	/* who gave us the socket was allowed to run us */
	s->base = base;
	s->view = *view;
	s->gone = gone;
	s->gone_arg = arg;
	(void)evutil_make_socket_nonblocking(fd);
	conn_new(s, fd, who);
	return s;
}

void
control_server_conf(struct control_server *s, const struct conf *conf)
{
	s->view.conf = conf;
}

void
control_server_free(struct control_server **sp)
{
	struct control_server *s = *sp;

	if (s == NULL)
		return;
	s->gone = NULL;
	while (s->conns != NULL)
		conn_free(s->conns);
	if (s->listener != NULL) {
		evconnlistener_free(s->listener);
		(void)unlink(s->path);
	}
	free(s->path);
	free(s);
	*sp = NULL;
}
