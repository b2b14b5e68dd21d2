/*
 * deliver_world.c -- a primary that answers as told, rules, and the loop; see deliver_world.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/rules_edit.h"
#include "test/unit/deliver_world.h"

void	deliver_store_open(struct store *, struct event_base *);
void	deliver_store_close(struct store *);

/* --- the primary --------------------------------------------------------- */
struct conn {
	struct primary		*p;
	struct bufferevent	*bev;
	bool			 in_data;
	size_t			 bdat;		/* octets to come */
	struct buf		 body;
	char			*rcpt;
};

static void
conn_free(struct conn *c)
{
	c->p->open--;
	if (c->p->newest == c->bev)
		c->p->newest = NULL;
	bufferevent_free(c->bev);
	buf_free(&c->body);
	free(c->rcpt);
	free(c);
}

/* False: the connection is gone. */
static bool
tell(struct conn *c, enum stage stage, const char *line, const char *usual)
{
	const char *say = c->p->hook != NULL ? c->p->hook(c->p, stage, line) : NULL;

	if (say == NULL)
		say = c->p->say[stage];
	if (say == NULL)
		say = usual;
	if (strcmp(say, "CLOSE") == 0) {
		conn_free(c);
		return false;
	}
	if (strcmp(say, "HANG") != 0)
		(void)bufferevent_write(c->bev, say, strlen(say));
	if (stage == ON_DATA)
		c->in_data = strncmp(say, "354", 3) == 0;
	if (stage == ON_DOT && say[0] == '2') {
		c->p->delivered++;
		buf_printf(&c->p->order, "%s ", c->rcpt);
		buf_clear(&c->p->last);
		buf_put(&c->p->last, c->body.data, c->body.len);
	}
	if (stage == ON_RCPT && say[0] == '2') {
		free(c->rcpt);
		c->rcpt = xstrdup(line + strlen("RCPT TO:<"));
		c->rcpt[strcspn(c->rcpt, "@>")] = '\0';
	}
	return true;
}

static bool
command(struct conn *c, const char *line)
{
	if (strncmp(line, "EHLO", 4) == 0)
		return tell(c, ON_EHLO, line, c->p->chunking ?
		    "250-p\r\n250-PIPELINING\r\n250 CHUNKING\r\n" : "250-p\r\n250 PIPELINING\r\n");
	if (strncmp(line, "MAIL", 4) == 0) {
		buf_clear(&c->body);
		return tell(c, ON_MAIL, line, "250 ok\r\n");
	}
	if (strncmp(line, "RCPT", 4) == 0)
		return tell(c, ON_RCPT, line, "250 ok\r\n");
	if (strncmp(line, "DATA", 4) == 0)
		return tell(c, ON_DATA, line, c->rcpt != NULL ? "354 go\r\n" : "503 no\r\n");
	if (strncmp(line, "BDAT", 4) == 0) {
		c->bdat = strtoul(line + 5, NULL, 10);
		return true;
	}
	if (strncmp(line, "QUIT", 4) == 0) {
		conn_free(c);
		return false;
	}
	(void)bufferevent_write(c->bev, "250 ok\r\n", 8);
	return true;
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	char *line;
	size_t n;

	for (;;) {
		if (c->bdat > 0) {
			n = evbuffer_get_length(in);
			if (n < c->bdat)
				return;
			n = c->bdat;
			c->bdat = 0;
			buf_put(&c->body, evbuffer_pullup(in, (ev_ssize_t)n), n);
			(void)evbuffer_drain(in, n);
			if (!tell(c, ON_DOT, "", "250 ok\r\n"))
				return;
			continue;
		}
		line = evbuffer_readln(in, &n, EVBUFFER_EOL_CRLF_STRICT);
		if (line == NULL)
			return;
		if (c->in_data && strcmp(line, ".") != 0) {
			buf_put(&c->body, line, n);
			buf_puts(&c->body, "\r\n");
			free(line);
			continue;
		}
		if (c->in_data) {
			c->in_data = false;
			free(line);
			if (!tell(c, ON_DOT, "", "250 ok\r\n"))
				return;
			continue;
		}
		if (!command(c, line)) {
			free(line);
			return;
		}
		free(line);
	}
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	conn_free(arg);
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct primary *p = arg;
	int peer = accept(fd, NULL, NULL);
	struct conn *c;

	(void)what;
	if (peer == -1)
		return;
	(void)evutil_make_socket_nonblocking(peer);
	c = xcalloc(1, sizeof(*c));
	c->p = p;
	c->bev = bufferevent_socket_new(p->w->base, peer, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
	(void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	p->newest = c->bev;
	p->connections++;
	if (++p->open > p->most)
		p->most = p->open;
	(void)tell(c, ON_BANNER, "", "220 p\r\n");
}

static void
primary_bind(struct world *w, struct primary *p)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);

	p->w = w;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(0, bind(p->fd, (struct sockaddr *)&in, sizeof(in)));
	assert_int_equal(0, getsockname(p->fd, (struct sockaddr *)&in, &len));
	p->port = ntohs(in.sin_port);
}

void
primary_up(struct primary *p)
{
	if (p->fd == -1) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(p->port) };
		int on = 1;

		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		(void)setsockopt(p->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		assert_int_equal(0, bind(p->fd, (struct sockaddr *)&in, sizeof(in)));
	}
	assert_int_equal(0, listen(p->fd, 128));
	p->listener = event_new(p->w->base, p->fd, EV_READ | EV_PERSIST, on_accept, p);
	(void)event_add(p->listener, NULL);
}

void
primary_drip(struct primary *p, const char *s)
{
	if (p->newest != NULL)
		(void)bufferevent_write(p->newest, s, strlen(s));
}

void
primary_down(struct primary *p)
{
	if (p->listener != NULL)
		event_free(p->listener);
	p->listener = NULL;
	if (p->fd != -1)
		(void)close(p->fd);
	p->fd = -1;
}

/* --- the world ----------------------------------------------------------- */

static void
reread(struct world *w)
{
	struct ruleset *rs;
	char *why = NULL;

	assert_int_not_equal(-1, rules_poll(w->rules, &why));
	if (w->d == NULL)
		return;
	rs = rules_current(w->rules);
	deliver_rules(w->d, rs);
	ruleset_unref(&rs);
}

void
world_rule(struct world *w, const char *domain, const struct primary *p)
{
	struct rules_edit_domain def = RULES_EDIT_DOMAIN_INIT;
	char *where = xasprintf("127.0.0.1:%u", p->port), *why = NULL;
	struct rules_edit *edit;

	def.primaries = where;
	def.recipients = "any";
	assert_int_equal(EDIT_OK, rules_edit_open(w->db->path, &edit, &why));
	if (rules_edit_domain_add(edit, domain, &def, &why) != EDIT_OK) {
		free(why);
		assert_int_equal(EDIT_OK, rules_edit_domain_set(edit, domain, &def, &why));
	}
	rules_edit_close(&edit);
	free(where);
	reread(w);
}

void
world_no_rule(struct world *w, const char *domain)
{
	struct rules_edit *edit;
	char *why = NULL;

	assert_int_equal(EDIT_OK, rules_edit_open(w->db->path, &edit, &why));
	assert_int_equal(EDIT_OK, rules_edit_domain_remove(edit, domain, NULL, &why));
	rules_edit_close(&edit);
	reread(w);
}

static void
set_conf(struct conf *c)
{
	static char host[] = "mx2.test", none[] = "", relay[] = "127.0.0.1:1";

	memset(c, 0, sizeof(*c));
	c->hostname = host;
	c->resolver = c->dnssec_anchor = none;
	c->bounce_relay = relay;
	c->smtp_connect_timeout = c->smtp_greeting_timeout = c->smtp_tls_timeout = 2;
	c->smtp_mail_timeout = c->smtp_rcpt_timeout = c->smtp_data_timeout = 2;
	c->smtp_block_timeout = c->smtp_final_timeout = 2;
	c->smtp_quit_timeout = c->shutdown_timeout = 1;
}

int
world_setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	void *db = NULL;
	char *why = NULL;

	if (rulesdb_setup(&db) != 0)
		return -1;
	w->db = db;
	w->base = event_base_new();
	set_conf(&w->conf);
	deliver_store_open(&w->store, w->base);
	primary_bind(w, &w->primary);
	primary_bind(w, &w->second);
	w->rules = rules_open(w->db->path, &why);
	assert_non_null(w->rules);
	world_rule(w, "x.test", &w->primary);
	*state = w;
	return 0;
}

int
world_teardown(void **state)
{
	struct world *w = *state;
	void *db = w->db;

	deliver_free(&w->d);
	primary_down(&w->primary);
	primary_down(&w->second);
	world_run_ms(w, 20);		/* the primary's ends of the connections */
	buf_free(&w->primary.order);
	buf_free(&w->primary.last);
	buf_free(&w->second.order);
	buf_free(&w->second.last);
	deliver_store_close(&w->store);
	rules_close(&w->rules);
	event_base_free(w->base);
	free(w);
	return rulesdb_teardown(&db);
}

void
world_start(struct world *w)
{
	struct ruleset *rs = rules_current(w->rules);

	w->d = deliver_new(w->base, &w->store, &w->conf, rs);
	ruleset_unref(&rs);
}

struct rules_settings *
world_settings(struct world *w)
{
	struct ruleset *rs = rules_current(w->rules);
	uintptr_t settings = (uintptr_t)ruleset_settings(rs);	/* const for all but this test */

	ruleset_unref(&rs);
	return (struct rules_settings *)settings;
}

void
world_again(struct world *w)
{
	struct ruleset *rs = rules_current(w->rules);

	deliver_rules(w->d, rs);
	ruleset_unref(&rs);
}

struct held *
world_mail(struct world *w, const char *domain, const char *rcpt, const char *body)
{
	struct store *s = &w->store;
	struct held *h;

	s->held = xrealloc(s->held, s->nheld + 1, sizeof(*s->held));
	h = &s->held[s->nheld++];
	memset(h, 0, sizeof(*h));
	h->id = (int64_t)s->nheld;
	h->domain = xstrdup(domain);
	h->nrcpt = 1;
	h->rcpt[0] = xasprintf("%s@%s", rcpt, domain);
	h->body = xstrdup(body);
	h->size = strlen(body);
	h->arrival = h->due = clock_wall();
	return h;
}

bool
world_empty(struct world *w)
{
	for (size_t i = 0; i < w->store.nheld; i++)
		if (!w->store.held[i].gone)
			return false;
	return true;
}

void
world_run_ms(struct world *w, int ms)
{
	int64_t end = clock_mono_ms() + ms;

	while (clock_mono_ms() < end) {
		struct timeval tv = { 0, 5000 };

		(void)event_base_loopexit(w->base, &tv);
		(void)event_base_dispatch(w->base);
	}
}

void
world_run(struct world *w, bool (*until)(struct world *))
{
	int64_t end = clock_mono_ms() + 10000;

	while (!until(w)) {
		if (clock_mono_ms() > end)
			fail_msg("waited in vain");
		world_run_ms(w, 2);
	}
}
