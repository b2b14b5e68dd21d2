/*
 * deliver_connect.c -- from a destination to a socket: hosts, addresses, the next one.
 *
 * Hosts are tried in the order of the rule, each with all its addresses; a
 * host that failed lately comes after the others. Only when the last one
 * failed does the destination hear of it. A failed opportunistic handshake is followed by
 * one attempt in the clear, on a new connection to the same address.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "queued/deliver_private.h"

static struct deliver_host *
host_of(const struct deliver_session *s)
{
	return &s->dest->host[s->host];
}

static void failed(struct deliver_session *, enum outcome_dest, const char *);

static void
connect_addr(struct deliver_session *s)
{
	struct deliver *d = s->dest->d;
	struct deliver_host *host = host_of(s);
	unsigned seconds = smtp_state_timeout(SMTP_CONNECT, d->conf);
	const struct resolve_addr *a = &host->addrs.v[s->addr];
	char text[RESOLVE_TEXT];
	struct smtp_client_options o;

	if (s->probe && seconds > DELIVER_PROBE_CONNECT)
		seconds = DELIVER_PROBE_CONNECT;
	resolve_format(a, text);
	free(s->relay);
	s->relay = xasprintf("%s[%s]:%u", host->name, text, host->port);
	s->plain = deliver_tls_plain(s);
	s->io = smtp_io_new(d->base, a, seconds, &deliver_session_handlers, s);
	o = (struct smtp_client_options){ .hostname = d->conf->hostname,
	    .tls = s->plain ? TLS_OFF : s->tls, .client = s->dest->client };
	s->client = smtp_client_new(&o, smtp_io_out(s->io));
}

static void
resolved(void *arg, const struct resolve_list *list, const char *why)
{
	struct deliver_session *s = arg;
	struct deliver_host *host = host_of(s);
	char *reason;

	if (list->n > 0) {
		host->addrs = *list;
		host->resolved = clock_mono_ms();
	} else if (host->addrs.n == 0) {
		reason = xasprintf("cannot resolve %s: %s", host->name, why);
		failed(s, OUTCOME_DEAD, reason);
		free(reason);
		return;
	}
	/* An old answer is better than none: name servers die with the hosts they name. */
	connect_addr(s);
}

void
deliver_connect_resolve(struct deliver_session *s)
{
	struct deliver_host *host = host_of(s);
	int64_t now = clock_mono_ms();

	if (s->addr > 0 || (host->resolved != 0 && now - host->resolved < DELIVER_HOST_FRESH)) {
		connect_addr(s);
	} else if (resolve_numeric(host->name, host->port, &host->addrs)) {
		host->resolved = now;
		connect_addr(s);
	} else {
		free(s->relay);
		s->relay = xstrdup(host->name);
		resolve_host(s->dest->d->resolve, host->name, host->port, resolved, s, &s->query);
	}
}

static void
connect_host(struct deliver_session *s)
{
	if (deliver_tls_start(s))
		deliver_connect_resolve(s);
}

/* The first host that did not fail lately; with all of them bad, the first. */
static size_t
choose_host(struct deliver_dest *dest)
{
	int64_t now = clock_mono_ms();

	for (size_t i = 0; i < dest->nhosts; i++) {
		if (dest->host[i].bad_until > now)
			continue;
		/* One session finds out whether it is good again; the others stay away meanwhile. */
		if (dest->host[i].bad_until != 0)
			dest->host[i].bad_until = now + DELIVER_HOST_BAD;
		return i;
	}
	return 0;
}

void
deliver_connect_start(struct deliver_session *s)
{
	s->host = s->first_host = choose_host(s->dest);
	connect_host(s);
}

/* --- the next address ---------------------------------------------------- */

static bool
others_work(const struct deliver_session *s)
{
	const struct deliver_session *o;

	TAILQ_FOREACH(o, &s->dest->sessions, link)
		if (o != s && o->ready)
			return true;
	return false;
}

/* The host failed altogether; false: it was the last. */
static bool
next_host(struct deliver_session *s)
{
	host_of(s)->bad_until = clock_mono_ms() + DELIVER_HOST_BAD;
	s->host = (s->host + 1) % s->dest->nhosts;
	s->addr = 0;
	return s->host != s->first_host;
}

/* An opening failed. Goes on elsewhere, or tells the destination. */
static void
failed(struct deliver_session *s, enum outcome_dest what, const char *reason)
{
	struct deliver_dest *dest = s->dest;
	bool more;

	deliver_session_close(s);
	log_debug("destination=%s %s", dest->name, reason);
	if (what == OUTCOME_BUSY && others_work(s))
		more = false;		/* it works, it just wants no more of us */
	else if (s->addr + 1 < host_of(s)->addrs.n)
		more = ++s->addr > 0;
	else
		more = next_host(s);
	if (more && !dest->d->draining) {
		connect_host(s);
		return;
	}
	deliver_outcome(dest, s, what, reason);
	deliver_session_end(s);
}

void
deliver_connect_unusable(struct deliver_session *s, const char *reason)
{
	s->addr = host_of(s)->addrs.n;
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
