/*
 * deliver_connect.c -- from a destination to a socket: hosts, addresses, the next one.
 *
 * Hosts are tried in the order of deliver_host_plan(), each with all its addresses. Only when the
 * last one failed does the destination hear of it. A failed opportunistic handshake is followed by
 * one attempt in the clear, on a new connection to the same address.
 *
 * Whatever the DNS says last is used until it says something else: a name server that
 * fails often dies with the hosts that it names. An answer that is none (no such
 * domain, a null MX, an MX that is us) counts, though: then nothing is connected to.
 *
 * We never connect to ourselves, and from no other address than the rule's.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "queued/deliver_private.h"

static void failed(struct deliver_session *, enum outcome_dest, const char *);

/* As failed(), with a reason of its own that it frees. */
static void
failed_by(struct deliver_session *s, enum outcome_dest what, char *reason)
{
	failed(s, what, reason);
	free(reason);
}

/* --- one address --------------------------------------------------------- */

static const struct resolve_addr *
source_of(const struct deliver_dest *dest, const struct resolve_addr *to)
{
	const struct resolve_addr *a = to->sa.sa_family == AF_INET6 ? &dest->source6 : &dest->source4;

	return a->len > 0 ? a : NULL;
}

/* Can we connect from there? If not, why (static). */
static const char *
source_fault(const struct resolve_addr *a)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd == -1 || bind(fd, &a->sa, a->len) == -1)
		error = errno;
	if (fd != -1)
		(void)close(fd);
	if (error == EADDRNOTAVAIL)
		return "this host does not have it";
	return error == 0 ? NULL : strerror(error);
}

static void
set_relay(struct deliver_session *s, const struct resolve_addr *a)
{
	char text[RESOLVE_TEXT];

	resolve_format(a, text);
	free(s->relay);
	s->relay = xasprintf("%s[%s]:%u", s->at->name, text, s->at->port);
}

static void
connect_addr(struct deliver_session *s)
{
	struct deliver_dest *dest = s->dest;
	struct deliver *d = dest->d;
	int64_t now = clock_mono_ms();
	unsigned seconds = smtp_state_timeout(SMTP_CONNECT, d->conf);
	const struct resolve_addr *a = deliver_host_addr(s->at, s->addr, now);
	const struct resolve_addr *source = source_of(dest, a);
	const char *why = source != NULL ? source_fault(source) : NULL;
	char text[RESOLVE_TEXT];
	struct smtp_client_options o;

	if (s->probe && seconds > DELIVER_PROBE_CONNECT)
		seconds = DELIVER_PROBE_CONNECT;
	set_relay(s, a);
	if (!dest->relay && mx_is_self(a)) {
		failed_by(s, OUTCOME_DEAD, xasprintf("%s: mail loops back to me (5.4.6): the address "
		    "is this host's", s->relay));
		return;
	}
	if (why != NULL) {
		resolve_format(source, text);
		failed_by(s, OUTCOME_DEAD, xasprintf("%s: cannot connect from the source address %s: %s",
		    s->relay, text, why));
		return;
	}
	s->plain = deliver_tls_plain(s);
	s->io = smtp_io_new_from(d->base, a, source, seconds, &deliver_session_handlers, s);
	o = (struct smtp_client_options){ .hostname = d->conf->hostname,
	    .tls = s->plain ? TLS_OFF : s->tls, .client = dest->client };
	s->client = smtp_client_new(&o, smtp_io_out(s->io));
}

/* --- one host -------------------------------------------------------------- */

static void
resolved(void *arg, const struct resolve_list *list, const char *why)
{
	struct deliver_session *s = arg;
	struct deliver_host *host = s->at;
	int64_t now = clock_mono_ms();

	if (list->n == 0 && (!list->failed || host->addrs.n == 0)) {
		host->addrs.n = 0;
		host->fresh_until = 0;
		failed_by(s, OUTCOME_DEAD, xasprintf("cannot resolve %s: %s", host->name, why));
		return;
	}
	if (list->n > 0)
		host->addrs = *list;
	else
		log_info("cannot resolve %s: %s; its last addresses are used", host->name, why);
	host->fresh_until = now + (int64_t)(list->n > 0 ? list->ttl : RESOLVE_TTL_MIN) * 1000;
	connect_addr(s);
}

void
deliver_connect_resolve(struct deliver_session *s)
{
	struct deliver_host *host = s->at;
	int64_t now = clock_mono_ms();

	if (host->addrs.n > s->addr && (s->addr > 0 || now < host->fresh_until)) {
		connect_addr(s);
		return;
	}
	s->addr = 0;
	if (s->dest->kind == ROUTE_HOSTS && resolve_numeric(host->name, host->port, &host->addrs)) {
		host->fresh_until = now + (int64_t)host->addrs.ttl * 1000;
		connect_addr(s);
		return;
	}
	free(s->relay);
	s->relay = xstrdup(host->name);
	resolve_host(s->dest->d->resolve, host->name, host->port, s->dest->tls == TLS_DANE, resolved,
	    s, &s->query);
}

static void
connect_host(struct deliver_session *s)
{
	if (deliver_tls_start(s))
		deliver_connect_resolve(s);
}

/* False: that was the last. */
static bool
next_host(struct deliver_session *s)
{
	if (s->tried == s->nplan)
		return false;
	deliver_host_unref(&s->at);
	s->at = deliver_host_ref(s->plan[s->tried++]);
	s->addr = 0;
	return true;
}

/* --- all hosts --------------------------------------------------------------- */

static void
begin(struct deliver_session *s)
{
	s->plan = deliver_host_plan(s->dest, &s->nplan);
	s->tried = 0;
	if (next_host(s))
		connect_host(s);
	else
		failed(s, OUTCOME_DEAD, "no host to connect to");
}

static bool
in_networks(const struct ruleset *rules, const struct resolve_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct resolve_addr *a = &list->v[i];
		const void *addr = a->sa.sa_family == AF_INET6 ? (const void *)&a->in6.sin6_addr
		    : &a->in.sin_addr;

		if (!ruleset_mx_network(rules, a->sa.sa_family, addr))
			return false;
	}
	return true;
}

/* Is a domain that is served because of its MX to be served still? If not, why (static). */
static const char *
derived_fault(const struct deliver_dest *dest, const struct mx_answer *a)
{
	const struct ruleset *rules = dest->d->rules;

	if (!dest->derived || ruleset_derived(rules, dest->mx) == DERIVED_ALWAYS)
		return NULL;
	if (!a->named)
		return "does not stand before this host";
	for (size_t i = 0; i < a->mx->n && a->mx->v[i].preference == a->mx->v[0].preference; i++) {
		if (a->addrs[i].n == 0)
			return "does not resolve";
		if (!in_networks(rules, &a->addrs[i]))
			return "is in no mx_network";
	}
	return NULL;
}

/* An answer that counts, but leaves nothing to connect to. */
static void
no_hosts(struct deliver_session *s, const char *why)
{
	deliver_host_clear(s->dest);
	s->dest->mx_fresh_until = 0;
	failed(s, OUTCOME_DEAD, why);
}

static void
on_mx(void *arg, const struct mx_answer *answer, const char *why, bool dns_failed)
{
	struct deliver_session *s = arg;
	struct deliver_dest *dest = s->dest;
	const char *fault = why == NULL ? derived_fault(dest, answer) : NULL;
	char *reason;

	if (fault != NULL) {
		reason = xasprintf("%s is not served now: its best MX %s", dest->mx, fault);
		no_hosts(s, reason);
		free(reason);
		return;
	}
	if (why == NULL) {
		deliver_host_mx(dest, answer);
		dest->mx_stale = false;
	} else if (dns_failed && dest->nhosts > 0) {
		dest->mx_fresh_until = clock_mono_ms() + RESOLVE_TTL_MIN * 1000;
		if (!dest->mx_stale)
			log_warn("destination=%s %s; its last hosts are used", dest->name, why);
		dest->mx_stale = true;
	} else {
		no_hosts(s, why);
		return;
	}
	begin(s);
}

void
deliver_connect_start(struct deliver_session *s)
{
	struct deliver_dest *dest = s->dest;
	const struct mx_ask ask = { .domain = dest->mx, .port = dest->mx_port,
		.hostname = dest->d->conf->hostname, .secure = dest->tls == TLS_DANE };

	if (dest->kind != ROUTE_MX || clock_mono_ms() < dest->mx_fresh_until) {
		begin(s);
		return;
	}
	s->relay = xstrdup(dest->mx);
	mx_lookup_start(dest->d->resolve, &ask, on_mx, s, &s->mx);
}

void
deliver_connect_works(struct deliver_session *s)
{
	struct deliver_host *host = s->at;
	int64_t now = clock_mono_ms();

	if (host == NULL)
		return;		/* the peer has called us */
	host->bad_until = 0;
	if (s->addr >= host->addrs.n)
		return;		/* the list has changed meanwhile */
	host->good = *deliver_host_addr(host, s->addr, now);
	host->good_until = now + DELIVER_HOST_GOOD;
}

void
deliver_connect_cancel(struct deliver_session *s)
{
	mx_lookup_cancel(&s->mx);
	resolve_cancel(&s->query);
}

void
deliver_connect_free(struct deliver_session *s)
{
	deliver_connect_cancel(s);
	for (size_t i = 0; i < s->nplan; i++)
		deliver_host_unref(&s->plan[i]);
	free(s->plan);
	s->plan = NULL;
	s->nplan = 0;
	deliver_host_unref(&s->at);
}

/* --- what failed ----------------------------------------------------------- */

static bool
others_work(const struct deliver_session *s)
{
	const struct deliver_session *o;

	TAILQ_FOREACH(o, &s->dest->sessions, link)
		if (o != s && o->ready)
			return true;
	return false;
}

/* The next address or host; false: it was the last. */
static bool
go_on(struct deliver_session *s)
{
	if (s->at == NULL)
		return false;
	if (s->addr + 1 < s->at->addrs.n) {
		s->addr++;
		return true;
	}
	s->at->bad_until = clock_mono_ms() + DELIVER_HOST_BAD;
	return next_host(s);
}

/* An opening failed. Goes on elsewhere, or tells the destination. */
static void
failed(struct deliver_session *s, enum outcome_dest what, const char *reason)
{
	struct deliver_dest *dest = s->dest;

	deliver_session_close(s);
	log_debug("destination=%s %s", dest->name, reason);
	/* Busy while others work: it wants no more of us, here or elsewhere. */
	if ((what != OUTCOME_BUSY || !others_work(s)) && go_on(s) && !dest->d->draining) {
		connect_host(s);
		return;
	}
	deliver_outcome(dest, s, what, reason);
	deliver_session_end(s);
}

void
deliver_connect_unusable(struct deliver_session *s, const char *reason)
{
	s->addr = s->at->addrs.n;
	failed(s, OUTCOME_DEAD, reason);
}

/* The machine closed before it was ready. */
void
deliver_connect_refused(struct deliver_session *s)
{
	const struct smtp_verdict *v = smtp_client_end(s->client);
	enum outcome_dest what = outcome_of(v, NULL).dest;
	char *reason = deliver_session_reason(s, v);

	if (deliver_tls_fall_back(s, v)) {
		log_info("%s; trying without TLS", reason);
		deliver_session_close(s);
		connect_host(s);
	} else {
		failed(s, what, reason);
	}
	free(reason);
}
