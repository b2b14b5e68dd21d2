/*
 * session.c -- one connection of the MTA, and the mail transaction in it.
 *
 * A session lives as long as the MTA's connection; Postfix sends several
 * messages over one. A transaction begins at MAIL and ends in session_reset(),
 * which is safe to call at any time: the MTA does not say when it is through
 * with a message that we decided ourselves.
 *
 * Whose is a recipient? Ours if its domain is in the rules, or served because its MX says so. Others are not
 * screened here and stay with the MTA. Verdicts are given at RCPT, so that each
 * recipient has its own and the client reads why.
 *
 * Rules are taken anew at every RCPT, so a change applies to the next command
 * (P8); the configuration is kept for the whole transaction.
 *
 * One thread at a time, but not always the same one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/rules_screen.h"
#include "milter/argv.h"
#include "milter/derived.h"
#include "milter/message.h"
#include "milter/service.h"
#include "milter/session_private.h"

struct session *
session_new(struct service *service)
{
	struct session *s = xcalloc(1, sizeof(*s));
	size_t n;

	s->service = service;
	s->addr = xstrdup("");
	s->leading_space = true;
	(void)service_checks(service, &n);
	s->slot = xcalloc(n, sizeof(*s->slot));
	return s;
}

void
session_watch(struct session *s, const struct session_watch *watch)
{
	s->watch = watch;
}

void
session_free(struct session **sp)
{
	struct session *s = *sp;

	if (s == NULL)
		return;
	session_reset(s);
	session_screen_end_conn(s);
	free(s->slot);
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

	session_screen_end_txn(s);
	handover_free(&t->handover);	/* refers to env and to the setup's pool */
	message_free(&t->message);
	buf_free(&t->hits);
	for (i = 0; i < t->nadded; i++) {
		free(t->added[i].name);
		free(t->added[i].value);
	}
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
	session_screen_end_conn(s);	/* XCLIENT: it is somebody else now */
	session_screen_connect(s);
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

bool
session_has_leading_space(const struct session *s)
{
	return s->leading_space;
}

/* --- envelope ------------------------------------------------------------ */

const char *
session_text(const char *s)
{
	return s != NULL ? s : "";
}

void
session_view(const struct session *s, struct check_view *v)
{
	const struct txn *t = &s->txn;

	memset(v, 0, sizeof(*v));
	v->size = sizeof(*v);
	v->trace = t->trace;
	v->client_addr = s->addr;
	v->client_name = session_text(s->name);
	v->helo = session_text(s->helo);
	v->auth = session_text(s->auth);
	v->sender = session_text(t->env.sender);
	v->rcpts = t->address;
	v->nrcpts = t->env.nrcpt;
	v->declared_size = t->env.size;
	v->bytes = t->bytes;
	v->size_limit = t->limit;
	v->dry = s->watch != NULL;
	v->smtputf8 = t->env.smtputf8;
}

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
	if (s->watch == NULL)
		trace_new(t->trace);
	else
		(void)snprintf(t->trace, sizeof(t->trace), "explain");
	t->begun = clock_mono_ms();
	t->running = service_enter(s->service);
	t->turned_away = !t->running;
	t->setup = service_setup(s->service);
	replace(&s->auth, auth != NULL && auth[0] != '\0' ? auth : NULL);
	if (argv[1] != NULL)
		s->esmtp = true;
	if (argv_mail(argv, &t->env) == -1) {
		/* <root>: the MTA makes an address of it before it passes it on. */
		t->mta_keeps = "the sender is no address: the MTA completes it";
		t->env.sender = argv_address(argv[0]);
	}
	t->env.trace = xstrdup(t->trace);
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
add_rcpt(struct txn *t, char *const *argv, uint64_t limit, uint32_t skip)
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
	t->skip = n == 0 ? skip : t->skip & skip;
	if (limit != 0 && (t->limit == 0 || limit < t->limit))
		t->limit = limit;
}

/* After DATA there is one answer for all: recipients with other rules for the content come by themselves. */
static bool
fits_class(struct session *s, const struct ruleset *rules, const char *address,
    struct session_answer *a)
{
	struct txn *t = &s->txn;
	unsigned class = ruleset_class(rules, address);
	struct verdict v = { .check = "class" };

	if (t->env.nrcpt == 0)
		t->class = class;
	if (t->class == class)
		return true;
	check_defer(&v, 452, "4.5.3", "Recipient has another content policy, send it separately",
	    "other content policy");
	session_say(s, &v, a);
	session_log_verdict(s, address, STAGE_RCPT, &v);
	return false;
}

/* A recipient in one of our domains. */
static void
rcpt_of_ours(struct session *s, char *const *argv, const char *address, struct ruleset *rules,
    const struct rules_domain *d, struct session_answer *a)
{
	struct txn *t = &s->txn;
	uint64_t limit = limit_of(t, d);
	struct verdict v;
	uint32_t skip;

	if (t->env.nrcpt >= ENVELOPE_RCPT_MAX) {
		session_answer(a, SESSION_TEMPFAIL, 452, "4.5.3", "Too many recipients");
		return;
	}
	session_screen_rcpt(s, rules, d, address, limit, &v, &skip);
	if (v.action == VERDICT_DEFER || v.action == VERDICT_REJECT) {
		session_say(s, &v, a);
		session_log_verdict(s, address, STAGE_RCPT, &v);
		if (s->watch == NULL)
			return;
	} else if (!fits_class(s, rules, address, a)) {
		return;
	}
	if (v.score > t->score)
		t->score = v.score;
	add_rcpt(t, argv, limit, skip);
}

/*
 * Whose is it? d: the rule by which it is ours, NULL if it is not. False: not to be found
 * out now, and a says so.
 */
static bool
rule_of(struct session *s, const char *address, struct ruleset *rules,
    const struct rules_domain **d, struct session_answer *a)
{
	const char *domain = addr_domain(address);
	char why[DERIVED_WHY];
	struct verdict v = { .check = "mx" };

	if ((*d = ruleset_domain(rules, domain)) != NULL)
		return true;
	switch (derived_ask(service_derived(s->service), rules, s->txn.setup->conf->hostname, domain,
	    why)) {
	case DERIVED_FOREIGN:
		return true;
	case DERIVED_OURS:
		*d = ruleset_derived_rule(rules);
		return true;
	case DERIVED_UNKNOWN:
		break;
	}
	check_defer(&v, 451, "4.4.3", "Temporary DNS failure, try again later", why);
	session_say(s, &v, a);
	session_log_verdict(s, address, STAGE_RCPT, &v);
	return false;
}

void
session_rcpt(struct session *s, char *const *argv, struct session_answer *a)
{
	const struct rules_domain *d;
	struct ruleset *rules;
	char *address;

	session_proceed(a, SESSION_CONTINUE);
	if (s->txn.turned_away) {
		/* 421 ends the session: the client goes to another MX, or comes back. */
		session_answer(a, SESSION_TEMPFAIL, 421, "4.3.2", "Service shutting down, try again later");
		return;
	}
	address = argv_address(argv[0]);
	rules = rules_current(service_rules(s->service));
	if (rule_of(s, address, rules, &d, a)) {
		if (s->watch != NULL)
			s->watch->whose(s->watch->arg, d);
		if (d == NULL)
			s->txn.nforeign++;
		else
			rcpt_of_ours(s, argv, address, rules, d, a);
	}
	ruleset_unref(&rules);
	free(address);
}

/* Counted as a recipient that does not exist, if it is in a domain of ours; no DNS is asked whether it is. */
void
session_rcpt_refused(struct session *s, char *const *argv)
{
	char *address = argv_address(argv[0]);
	struct ruleset *rules = rules_current(service_rules(s->service));
	const struct rules_domain *d = ruleset_domain(rules, addr_domain(address));

	if (d != NULL && s->txn.setup != NULL)
		session_screen_refused(s, rules, d, address);
	ruleset_unref(&rules);
	free(address);
}
