/*
 * session.c -- one connection of the MTA, and the mail transaction in it.
 *
 * A session lives as long as the MTA's connection; Postfix sends several
 * messages over one. A transaction begins at MAIL and ends in session_reset(),
 * which is safe to call at any time: the MTA does not say when it is through
 * with a message that we decided ourselves.
 *
 * Whose is a recipient? Ours if its domain is in the rules. Others are not
 * screened here and stay with the MTA. Verdicts are given at RCPT, so that each
 * recipient has its own and the client reads why.
 *
 * From DATA on the bytes go to the handover as they come (handover.c bounds
 * what waits); the end of the message asks the checks and then finishes it.
 *
 * Rules are taken anew at every RCPT, so a change applies to the next command
 * (P8); the configuration is kept for the whole transaction.
 *
 * One thread at a time, but not always the same one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/session.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/envelope.h"
#include "common/log.h"
#include "common/rules.h"
#include "milter/argv.h"
#include "milter/checks.h"
#include "milter/engine.h"
#include "milter/handover.h"
#include "milter/service.h"
#include "milter/trace.h"

/* Recipients of ours in the order of RCPT; entry i is the envelope's recipient i. */
struct txn {
	bool		 running;	/* counted in the service */
	bool		 turned_away;	/* began while we shut down */
	bool		 started;	/* message bytes have begun */
	bool		 mta_keeps;	/* not for us to take: the sender is no address */
	char		 trace[TRACE_SIZE];
	int64_t		 begun;		/* clock_mono_ms() */
	struct setup	*setup;
	struct envelope	 env;
	char		**given;	/* as the MTA gave it, brackets and all */
	const char	**address;	/* lent from env */
	size_t		 nforeign;	/* recipients that are not ours */
	uint64_t	 limit;		/* the smallest size limit of ours; 0 none */
	uint64_t	 bytes;
	char		*mta_id;
	struct handover	*handover;
	bool		*forget;	/* entry i: the MTA must forget it */
};

struct session {
	struct service	*service;
	char		*name;		/* the client's; NULL if unknown */
	char		*addr;		/* "" for local submission */
	uint16_t	 port;		/* 0 unknown */
	bool		 ipv6;
	char		*helo;
	char		*tls;		/* for the Received line; NULL without TLS */
	char		*auth;
	bool		 esmtp;		/* surely: it used what only ESMTP has */
	bool		 leading_space;
	struct txn	 txn;
};

struct session *
session_new(struct service *service)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->service = service;
	s->addr = xstrdup("");
	s->leading_space = true;
	return s;
}

void
session_free(struct session **sp)
{
	struct session *s = *sp;

	if (s == NULL)
		return;
	session_reset(s);
	free(s->name);
	free(s->addr);
	free(s->helo);
	free(s->tls);
	free(s->auth);
	free(s);
	*sp = NULL;
}

void
session_reset(struct session *s)
{
	struct txn *t = &s->txn;
	size_t i;

	handover_free(&t->handover);	/* refers to env and to the setup's pool */
	for (i = 0; i < t->env.nrcpt; i++)
		free(t->given[i]);
	free(t->given);
	free(t->address);
	free(t->forget);
	free(t->mta_id);
	envelope_clear(&t->env);
	service_unref(s->service, &t->setup);
	if (t->running)
		service_leave(s->service);
	memset(t, 0, sizeof(*t));
}

/* --- who it is ----------------------------------------------------------- */

static void
replace(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
}

void
session_connect(struct session *s, const char *hostname, const struct sockaddr *sa)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	s->port = 0;
	s->ipv6 = false;
	if (sa != NULL && sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		(void)inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
		s->port = ntohs(in.sin_port);
	} else if (sa != NULL && sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		s->port = ntohs(in6.sin6_port);
		s->ipv6 = !IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
		if (s->ipv6)
			(void)inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof(text));
		else
			(void)inet_ntop(AF_INET, &in6.sin6_addr.s6_addr[12], text, sizeof(text));
	}
	replace(&s->addr, text);
	replace(&s->name, hostname);
}

void
session_helo(struct session *s, const char *helo, const char *tls, const char *cipher)
{
	replace(&s->helo, helo);
	free(s->tls);
	s->tls = NULL;
	if (tls != NULL && tls[0] != '\0')
		s->tls = cipher != NULL && cipher[0] != '\0' ?
		    xasprintf("%s with cipher %s", tls, cipher) : xstrdup(tls);
	s->esmtp = s->tls != NULL;
}

void
session_leading_space(struct session *s, bool yes)
{
	s->leading_space = yes;
}

/* RFC 5321 4.4, RFC 3848, RFC 6531: what goes after `with'. */
static const char *
protocol(const struct session *s)
{
	static const char *const esmtp[] = { "ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA" };
	static const char *const utf8[] = { "UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA" };
	unsigned i = (s->tls != NULL ? 2u : 0u) + (s->auth != NULL ? 1u : 0u);

	if (s->txn.env.smtputf8)
		return utf8[i];
	return s->esmtp || i != 0 ? esmtp[i] : "SMTP";
}

static void
fill_client(const struct session *s, struct client_info *c)
{
	client_info_clear(c);
	c->name = xstrdup(s->name);
	if (s->addr[0] != '\0')
		c->addr = xasprintf("%s%s", s->ipv6 ? "IPv6:" : "", s->addr);
	if (s->port != 0)
		c->port = xasprintf("%u", (unsigned)s->port);
	c->proto = xstrdup(s->esmtp || s->auth != NULL ? "ESMTP" : "SMTP");
	c->helo = xstrdup(s->helo);
	c->ident = xstrdup(s->txn.mta_id);
	c->source = xstrdup(s->addr[0] != '\0' ? "REMOTE" : "LOCAL");
}

/* --- answers and the log ------------------------------------------------- */

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

static void
answer(struct session_answer *a, enum session_what what, int code, const char *dsn,
    const char *text)
{
	a->what = what;
	a->code = code;
	(void)snprintf(a->dsn, sizeof(a->dsn), "%s", dsn);
	(void)snprintf(a->text, sizeof(a->text), "%s", text);
}

static void
proceed(struct session_answer *a, enum session_what what)
{
	memset(a, 0, sizeof(*a));
	a->what = what;
}

/* A verdict against the client; the trace id lets its operator and ours speak of the same event. */
static void
say(const struct session *s, const struct verdict *v, struct session_answer *a)
{
	char text[SESSION_TEXT_MAX + 1];

	(void)snprintf(text, sizeof(text), "%s [trace=%s]", v->text, s->txn.trace);
	answer(a, v->action == VERDICT_REJECT ? SESSION_REJECT : SESSION_TEMPFAIL, v->code, v->dsn,
	    text);
}

static void
log_verdict(const struct session *s, const char *to, enum check_stage stage,
    const struct verdict *v)
{
	struct log_q name, from, rcpt, reason;

	log_info("trace=%s client=[%s] helo=%s from=%s to=%s stage=%s check=%s action=%s code=%d "
		 "reason=%s ms=%" PRId64,
	    s->txn.trace, s->addr, log_quote(&name, or_empty(s->helo)),
	    log_quote(&from, or_empty(s->txn.env.sender)), log_quote(&rcpt, to),
	    engine_stage_name(stage), v->check, engine_action_name(v->action), v->code,
	    log_quote(&reason, v->reason), clock_mono_ms() - s->txn.begun);
}

/* --- envelope ------------------------------------------------------------ */

void
session_mta_id(struct session *s, const char *id)
{
	if (id != NULL && s->txn.mta_id == NULL)
		s->txn.mta_id = xstrdup(id);
}

void
session_mail(struct session *s, char *const *argv, const char *auth)
{
	struct txn *t = &s->txn;

	session_reset(s);
	trace_new(t->trace);
	t->begun = clock_mono_ms();
	t->running = service_enter(s->service);
	t->turned_away = !t->running;
	t->setup = service_setup(s->service);
	replace(&s->auth, auth != NULL && auth[0] != '\0' ? auth : NULL);
	if (argv[1] != NULL)
		s->esmtp = true;
	if (argv_mail(argv, &t->env) == -1) {
		/* <root>: the MTA makes an address of it before it passes it on. */
		t->mta_keeps = true;
		t->env.sender = argv_address(argv[0]);
	}
	t->env.trace = xstrdup(t->trace);
}

static void
fill_view(const struct session *s, const struct ruleset *rules, struct check_view *v)
{
	const struct txn *t = &s->txn;

	memset(v, 0, sizeof(*v));
	v->size = sizeof(*v);
	v->trace = t->trace;
	v->client_addr = s->addr;
	v->client_name = or_empty(s->name);
	v->helo = or_empty(s->helo);
	v->auth = or_empty(s->auth);
	v->sender = or_empty(t->env.sender);
	v->rcpts = t->address;
	v->nrcpts = t->env.nrcpt;
	v->declared_size = t->env.size;
	v->bytes = t->bytes;
	v->size_limit = t->limit;
	v->rules = rules;
}

/* Lends the recipient's limit; 0 is none. */
static uint64_t
limit_of(const struct txn *t, const struct rules_domain *d)
{
	return d->size_limit != 0 ? d->size_limit : t->setup->conf->message_size_limit;
}

static bool
have_rcpt(const struct txn *t, const char *given)
{
	size_t i;

	for (i = 0; i < t->env.nrcpt; i++)
		if (strcmp(t->given[i], given) == 0)
			return true;
	return false;
}

/* Accepted: it is in the envelope, once. */
static void
add_rcpt(struct txn *t, char *const *argv, uint64_t limit)
{
	size_t n = t->env.nrcpt;

	if (have_rcpt(t, argv[0]))
		return;
	if (argv_rcpt(argv, &t->env) == -1) {
		t->nforeign++;		/* good enough for the check, not for LMTP: the MTA's */
		return;
	}
	t->given = xrealloc(t->given, n + 1, sizeof(*t->given));
	t->given[n] = xstrdup(argv[0]);
	t->address = xrealloc(t->address, n + 1, sizeof(*t->address));
	t->address[n] = t->env.rcpt[n].address;
	if (limit != 0 && (t->limit == 0 || limit < t->limit))
		t->limit = limit;
}

/* A recipient in one of our domains. */
static void
rcpt_of_ours(struct session *s, char *const *argv, const char *address,
    const struct ruleset *rules, const struct rules_domain *d, struct session_answer *a)
{
	const struct check *const *table;
	struct check_view view;
	struct verdict v;
	size_t n;

	if (s->txn.env.nrcpt >= ENVELOPE_RCPT_MAX) {
		answer(a, SESSION_TEMPFAIL, 452, "4.5.3", "Too many recipients");
		return;
	}
	fill_view(s, rules, &view);
	view.rcpt = address;
	view.size_limit = limit_of(&s->txn, d);
	table = checks_table(&n);
	engine_run(table, n, STAGE_RCPT, &view, &v);
	if (v.action == VERDICT_PASS) {
		add_rcpt(&s->txn, argv, view.size_limit);
	} else {
		say(s, &v, a);
		log_verdict(s, address, STAGE_RCPT, &v);
	}
}

void
session_rcpt(struct session *s, char *const *argv, struct session_answer *a)
{
	const struct rules_domain *d;
	struct ruleset *rules;
	char *address;

	proceed(a, SESSION_CONTINUE);
	if (s->txn.turned_away) {
		/* 421 ends the session: the client goes to another MX, or comes back. */
		answer(a, SESSION_TEMPFAIL, 421, "4.3.2", "Service shutting down, try again later");
		return;
	}
	address = argv_address(argv[0]);
	rules = rules_current(service_rules(s->service));
	if ((d = ruleset_domain(rules, addr_domain(address))) == NULL)
		s->txn.nforeign++;
	else
		rcpt_of_ours(s, argv, address, rules, d, a);
	ruleset_unref(&rules);
	free(address);
}

/* --- content ------------------------------------------------------------- */

static bool
takes_over(const struct txn *t)
{
	return t->setup->conf->handover == HANDOVER_MILTER && t->setup->pool != NULL &&
	    !t->mta_keeps && t->env.nrcpt > 0;
}

/* The first byte is about to come: our Received line goes before it. */
static void
start(struct session *s)
{
	struct txn *t = &s->txn;
	struct buf line = BUF_INIT;

	if (t->started)
		return;
	t->started = true;
	if (!takes_over(t))
		return;
	fill_client(s, &t->env.client);
	t->handover = handover_begin(t->setup->pool, &t->env);
	received_format(&line, &t->env.client, t->setup->conf->hostname, protocol(s), s->tls,
	    t->mta_id != NULL ? t->mta_id : t->trace,
	    t->env.nrcpt + t->nforeign == 1 ? t->env.rcpt[0].address : NULL, clock_wall());
	(void)handover_write(t->handover, line.data, line.len);
	buf_free(&line);
}

void
session_data(struct session *s, struct session_answer *a)
{
	proceed(a, s->txn.env.nrcpt == 0 && !s->txn.turned_away ? SESSION_ACCEPT :
	    SESSION_CONTINUE);
	if (a->what == SESSION_ACCEPT)
		session_reset(s);
}

static void
put(struct session *s, const void *data, size_t len)
{
	struct txn *t = &s->txn;

	start(s);
	t->bytes += len;
	if (t->handover == NULL)
		return;
	/* Over the limit it will be refused at the end: queued need not see the rest. */
	if (t->limit == 0 || t->bytes <= t->limit)
		(void)handover_write(t->handover, data, len);
}

/* P9: what the MTA gives as name and value is the client's line again, folds and all. */
void
session_header(struct session *s, const char *name, const char *value)
{
	struct buf line = BUF_INIT;
	size_t n;

	buf_puts(&line, name);
	buf_putc(&line, ':');
	if (!s->leading_space)
		buf_putc(&line, ' ');	/* the MTA cut exactly one blank, if there was one */
	for (; *value != '\0'; value += n) {
		/* Folds come as LF from Postfix and as CRLF or LF from others. */
		n = strcspn(value, "\n");
		buf_put(&line, value, n);
		if (value[n] == '\n') {
			if (line.data[line.len - 1] != '\r')
				buf_putc(&line, '\r');
			buf_putc(&line, '\n');
			n++;
		}
	}
	buf_puts(&line, "\r\n");
	put(s, line.data, line.len);
	buf_free(&line);
}

void
session_end_of_headers(struct session *s)
{
	put(s, "\r\n", 2);
}

void
session_body(struct session *s, const void *data, size_t len)
{
	put(s, data, len);
}

/* --- the end ------------------------------------------------------------- */

/* "… queued as ID": queued's id for the log. */
static void
queue_id(const struct handover_result *r, char *id, size_t size)
{
	static const char phrase[] = "queued as ";
	const char *p = strstr(r->text, phrase);

	(void)snprintf(id, size, "%s", p != NULL ? p + sizeof(phrase) - 1 : "-");
	id[strcspn(id, " \t\n")] = '\0';
}

static const char *
end_name(enum handover_end end)
{
	switch (end) {
	case HANDOVER_END_DISCARD:
		return "taken";
	case HANDOVER_END_PART:
		return "part";
	case HANDOVER_END_PASS:
		return "passed";
	case HANDOVER_END_TEMPFAIL:
		return "defer";
	case HANDOVER_END_REJECT:
		return "reject";
	}
	return "?";
}

/* The result that explains the end: the first one that is not TAKEN, else the first. */
static const struct handover_result *
telling(const struct txn *t, const struct handover_result *r)
{
	size_t i;

	for (i = 0; i < t->env.nrcpt; i++)
		if (r[i].state != HANDOVER_TAKEN)
			return &r[i];
	return r;
}

static void
log_end(const struct session *s, const struct handover_result *r, enum handover_end end)
{
	const struct txn *t = &s->txn;
	const struct handover_result *why = telling(t, r);
	struct log_q from, reason;
	size_t i, taken = 0, unsure = 0;
	char id[64] = "-";

	for (i = 0; i < t->env.nrcpt; i++) {
		if (r[i].state == HANDOVER_TAKEN && taken++ == 0)
			queue_id(&r[i], id, sizeof(id));
		unsure += r[i].state == HANDOVER_UNSURE;
	}
	if (end == HANDOVER_END_DISCARD)
		log_info("trace=%s mta_id=%s queue_id=%s from=%s nrcpt=%zu size=%" PRIu64
			 " action=taken ms=%" PRId64,
		    t->trace, or_empty(t->mta_id), id, log_quote(&from, t->env.sender), t->env.nrcpt,
		    t->bytes, clock_mono_ms() - t->begun);
	else
		log_warn("trace=%s mta_id=%s queue_id=%s from=%s nrcpt=%zu taken=%zu foreign=%zu size=%"
			 PRIu64 " action=%s code=%d reason=%s ms=%" PRId64,
		    t->trace, or_empty(t->mta_id), id, log_quote(&from, t->env.sender), t->env.nrcpt,
		    taken, t->nforeign, t->bytes, end_name(end), why->code,
		    log_quote(&reason, why->state == HANDOVER_TAKEN ? "others stay with the MTA" : why->text),
		    clock_mono_ms() - t->begun);
	if (unsure > 0)
		log_warn("trace=%s duplicate=possible reason=\"no answer after the last byte: queued "
			 "may have it as well\"", t->trace);
}

/* queued's own words for a refusal, ours for its absence. */
static void
answer_end(const struct session *s, const struct handover_result *r, enum handover_end end,
    struct session_answer *a)
{
	const struct handover_result *why = telling(&s->txn, r);
	struct verdict v;
	char text[CHECK_TEXT_SIZE];

	memset(&v, 0, sizeof(v));
	if (end == HANDOVER_END_REJECT) {
		(void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(why->text, "\n"), why->text);
		check_reject(&v, why->code, why->dsn[0] == '5' ? why->dsn : "5.0.0",
		    text[0] != '\0' ? text : "Refused", "");
		if (!engine_valid(&v))
			check_reject(&v, 554, "5.0.0", "Refused", "");
	} else if (why->code == 452) {
		check_defer(&v, 452, "4.3.1", "Insufficient system storage", "");
	} else {
		check_defer(&v, 451, "4.3.0", "Mail system temporarily unavailable", "");
	}
	say(s, &v, a);
}

static void
take_over(struct session *s, struct session_answer *a)
{
	struct txn *t = &s->txn;
	const struct handover_result *r = handover_finish(t->handover);
	enum handover_end end;
	size_t i;

	end = handover_decide(r, t->env.nrcpt, t->nforeign, t->setup->conf->on_queued_down);
	log_end(s, r, end);
	switch (end) {
	case HANDOVER_END_DISCARD:
		proceed(a, SESSION_DISCARD);
		break;
	case HANDOVER_END_PART:
		t->forget = xcalloc(t->env.nrcpt, sizeof(*t->forget));
		for (i = 0; i < t->env.nrcpt; i++)
			t->forget[i] = r[i].state == HANDOVER_TAKEN;
		proceed(a, SESSION_ACCEPT);
		break;
	case HANDOVER_END_PASS:
		proceed(a, SESSION_ACCEPT);
		break;
	case HANDOVER_END_TEMPFAIL:
	case HANDOVER_END_REJECT:
		answer_end(s, r, end, a);
		break;
	}
}

/* The verdict of the checks on the whole message. */
static bool
passes(struct session *s, struct session_answer *a)
{
	struct ruleset *rules = rules_current(service_rules(s->service));
	const struct check *const *table;
	struct check_view view;
	struct verdict v;
	size_t n;

	fill_view(s, rules, &view);
	table = checks_table(&n);
	engine_run(table, n, STAGE_EOM, &view, &v);
	ruleset_unref(&rules);
	if (v.action == VERDICT_PASS)
		return true;
	say(s, &v, a);
	log_verdict(s, s->txn.env.nrcpt == 1 ? s->txn.address[0] : "*", STAGE_EOM, &v);
	return false;
}

void
session_end(struct session *s, struct session_answer *a)
{
	struct txn *t = &s->txn;

	proceed(a, SESSION_ACCEPT);
	if (t->setup == NULL || t->env.nrcpt == 0)
		return;
	start(s);			/* a message without a single byte */
	if (passes(s, a) && t->handover != NULL)
		take_over(s, a);
	handover_free(&t->handover);
}

const char *
session_forget(const struct session *s, size_t i)
{
	const struct txn *t = &s->txn;
	size_t k;

	if (t->forget == NULL)
		return NULL;
	for (k = 0; k < t->env.nrcpt; k++)
		if (t->forget[k] && i-- == 0)
			return t->given[k];
	return NULL;
}

void
session_forget_failed(const struct session *s, size_t i)
{
	const char *given = session_forget(s, i);
	struct log_q q;

	log_warn("trace=%s to=%s duplicate=possible reason=\"the MTA would not forget a recipient "
		 "that queued has\"", s->txn.trace, log_quote(&q, or_empty(given)));
}
