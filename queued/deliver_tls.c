/*
 * deliver_tls.c -- from a destination and a host to the TLS that a connection needs.
 *
 * For most levels the rule says it all. Level dane asks the DNS before each connection (libunbound
 * keeps the answers as long as they live); dane.c says what follows:
 *
 *	records that hold	TLS, and the certificate must match
 *	surely none		as `may': somebody who could strip TLS there could
 *				strip it anyway; said once for each host
 *	nobody knows		this host cannot be used now: the next, or the destination is down
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/dns.h"
#include "common/log.h"
#include "queued/dane.h"
#include "queued/deliver_private.h"

struct deliver_dane {
	struct deliver_session	*s;
	enum dane_step		 step;
	struct dns_query	*query;
	char			*base;		/* asked about, or found */
	struct dns_answer	 tlsa;		/* n > 0: what was found */
};

static struct deliver_host *
host_of(const struct deliver_session *s)
{
	return s->at;
}

/* --- answers ------------------------------------------------------------- */

static void
keep(struct dns_answer *to, const struct dns_answer *a)
{
	to->status = a->status;
	to->secure = a->secure;
	to->n = a->n;
	to->rr = xcalloc(a->n, sizeof(*to->rr));
	for (size_t i = 0; i < a->n; i++) {
		uint8_t *data = xcalloc(1, a->rr[i].len + 1);

		memcpy(data, a->rr[i].data, a->rr[i].len);
		to->rr[i] = (struct dns_rr){ data, a->rr[i].len };
	}
}

void
deliver_tls_close(struct deliver_session *s)
{
	struct deliver_dane *dane = s->dane;

	if (dane == NULL)
		return;
	dns_cancel(&dane->query);
	for (size_t i = 0; i < dane->tlsa.n; i++)
		free((void *)(uintptr_t)dane->tlsa.rr[i].data);
	free(dane->tlsa.rr);
	free(dane->base);
	free(dane);
	s->dane = NULL;
}

/* --- three ends ---------------------------------------------------------- */

static void
found(struct deliver_dane *dane, const struct dns_answer *a)
{
	host_of(dane->s)->no_tlsa = false;
	keep(&dane->tlsa, a);
	dane->s->tls = TLS_DANE;
	deliver_connect_resolve(dane->s);
}

static void
say_none(const struct deliver_session *s, const char *why)
{
	struct deliver_host *host = host_of(s);

	if (!host->no_tlsa)
		log_info("destination=%s host=%s reason=\"%s: opportunistic TLS only\"",
		    s->dest->name, host->name, why);
	host->no_tlsa = true;
}

static void
none(struct deliver_dane *dane, const char *why)
{
	struct deliver_session *s = dane->s;

	say_none(s, why);
	deliver_tls_close(s);
	s->tls = TLS_MAY;
	deliver_connect_resolve(s);
}

static void
unusable(struct deliver_dane *dane, const struct dns_answer *a)
{
	struct deliver_session *s = dane->s;
	bool tlsa = dane->step == DANE_TLSA_CANONICAL || dane->step == DANE_TLSA_HOST;
	char *reason = xasprintf("cannot look up %s%s, which tls=dane needs: %s",
	    tlsa ? "the TLSA record of " : "", tlsa ? dane->base : host_of(s)->name, a->why);

	deliver_connect_unusable(s, reason);
	free(reason);
}

/* --- the questions ------------------------------------------------------- */

static void on_answer(void *, const struct dns_answer *);

static void
ask_tlsa(struct deliver_dane *dane, enum dane_step step, const char *base)
{
	struct deliver_session *s = dane->s;
	char *old = dane->base, *name;

	dane->step = step;
	dane->base = xstrdup(base);
	free(old);
	name = xasprintf("_%u._tcp.%s", host_of(s)->port, base);
	dns_start(s->dest->d->dns, name, DNS_TLSA, on_answer, dane, &dane->query);
	free(name);
}

static void
ask_host(struct deliver_dane *dane, enum dane_step step, enum dns_type type)
{
	struct deliver_session *s = dane->s;

	dane->step = step;
	dns_start(s->dest->d->dns, host_of(s)->name, type, on_answer, dane, &dane->query);
}

static void
on_answer(void *arg, const struct dns_answer *a)
{
	struct deliver_dane *dane = arg;
	const char *host = host_of(dane->s)->name;

	switch (dane_next(dane->step, a)) {
	case DANE_ASK_ALIAS:
		ask_host(dane, DANE_ALIAS, DNS_CNAME);
		return;
	case DANE_ASK_CANONICAL:
		ask_tlsa(dane, DANE_TLSA_CANONICAL, a->canonical);
		return;
	case DANE_ASK_HOST:
		ask_tlsa(dane, DANE_TLSA_HOST, host);
		return;
	case DANE_FOUND:
		found(dane, a);
		return;
	case DANE_NONE:
		none(dane, "no TLSA");
		return;
	case DANE_UNSIGNED:
		none(dane, "its zone is not signed");
		return;
	case DANE_UNUSABLE:
		unusable(dane, a);
		return;
	}
}

/* --- for deliver_connect.c and deliver_session.c ------------------------- */

bool
deliver_tls_start(struct deliver_session *s)
{
	struct deliver_dest *dest = s->dest;
	struct resolve_list address;

	s->tls = dest->tls;
	if (dest->tls != TLS_DANE)
		return true;
	s->tls = TLS_MAY;
	if (resolve_numeric(host_of(s)->name, host_of(s)->port, &address)) {
		say_none(s, "an address has no TLSA");
		return true;
	}
	if (dest->mx_insecure) {
		say_none(s, "the MX record is not signed");
		return true;
	}
	deliver_tls_close(s);
	s->dane = xcalloc(1, sizeof(*s->dane));
	s->dane->s = s;
	ask_host(s->dane, DANE_ADDRESS, DNS_A);
	return false;
}

bool
deliver_tls_plain(const struct deliver_session *s)
{
	return s->tls == TLS_OFF ||
	    (s->tls == TLS_MAY && clock_mono_ms() < host_of(s)->plain_until);
}

bool
deliver_tls_fall_back(struct deliver_session *s, const struct smtp_verdict *v)
{
	if (s->tls != TLS_MAY || s->plain || v->phase != SMTP_TLS ||
	    (v->event != SMTP_EV_TLS && v->event != SMTP_EV_TIMEOUT && v->event != SMTP_EV_LOST))
		return false;
	host_of(s)->plain_until = clock_mono_ms() + DELIVER_HOST_PLAIN;
	return true;
}

bool
deliver_tls_handshake(struct deliver_session *s)
{
	struct deliver_dest *dest = s->dest;
	struct deliver_host *host = host_of(s);
	bool named = *dest->tls_name != '\0' && s->tls != TLS_DANE;
	const struct tls_policy policy = {
		.level = s->tls,
		.name = named ? dest->tls_name : host->name,
		.ca = dest->tls_ca,
		.pin = dest->tls_pin,
		.tlsa = s->dane != NULL ? &s->dane->tlsa : NULL,
		.tlsa_base = s->dane != NULL ? s->dane->base : NULL,
		.domain = dest->kind == ROUTE_MX ? dest->mx : NULL,
	};

	return smtp_io_starttls(s->io, dest->d->tls, &policy, &host->tls);
}
