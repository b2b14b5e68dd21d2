/*
 * doctor_primary.c -- the primary: does it answer, with what TLS, what size, and does
 * it believe us?
 *
 * A dead primary is what this host is for: it is told as a failure with what becomes
 * of the mail meanwhile, and costs a few seconds. No message is ever begun.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/doctor.h"
#include "common/cli/doctor_cert.h"
#include "common/cli/doctor_dns.h"
#include "common/cli/out.h"
#include "common/cli/talk.h"
#include "common/conf.h"
#include "common/rules.h"
#include "common/rules_text.h"

#define DAY		86400
#define CERT_SOON	(14 * DAY)
#define HOSTS_MAX	8

struct target {
	char		*host;
	uint16_t	 port;
};

/* What came of all its hosts. */
struct visit {
	struct doctor	*d;
	size_t		 answered, silent, n;
	bool		 port25;	/* one of them is on port 25 */
	struct buf	 trouble;
};

/* --- TLS ----------------------------------------------------------------- */

static void
judge_dates(struct doctor *d, const struct talk *t, const char *host, const char *what)
{
	int64_t left = cert_left(t);

	if (left < 0)
		doctor_say_as(d, "primary-tls",
		    d->domain->route.tls == TLS_VERIFY ? DOCTOR_FAIL : DOCTOR_WARN,
		    "renew it on the primary", "%s: its certificate ended %lld days ago", host,
		    (long long)(-left / DAY));
	else if (left < CERT_SOON)
		doctor_say_as(d, "primary-tls", DOCTOR_WARN, "renew it on the primary",
		    "%s: its certificate ends in %lld days", host, (long long)(left / DAY));
	else
		doctor_say_as(d, "primary-tls", DOCTOR_OK, NULL,
		    "%s: %s; the certificate is good for %lld days", host, what,
		    (long long)(left / DAY));
}

static void
judge_verify(struct doctor *d, const struct talk *t, const char *host)
{
	const struct rules_route *r = &d->domain->route;
	const char *name = r->tls_name[0] != '\0' ? r->tls_name : host;
	const char *why = cert_left(t) < 0 ? NULL : cert_untrusted(t, r->tls_ca);
	char *fix;

	if (why != NULL) {
		fix = xasprintf("holdfast domain set %s --tls-ca FILE", d->domain->name);
		doctor_say_as(d, "primary-tls", DOCTOR_FAIL, fix,
		    "%s: its certificate is not believed: %s; nothing "
		    "is delivered (tls = verify)",
		    host, why);
		free(fix);
	} else if (!cert_has_name(t, name)) {
		fix = xasprintf(
		    "holdfast domain set %s --tls-name NAME-IN-THE-CERTIFICATE", d->domain->name);
		doctor_say_as(d, "primary-tls", DOCTOR_FAIL, fix,
		    "%s: its certificate is not for %s; nothing is "
		    "delivered (tls = verify)",
		    host, name);
		free(fix);
	} else
		judge_dates(d, t, host, "TLS with a certificate of the right name and a known CA");
}

static void
judge_pinned(struct doctor *d, const struct talk *t, const char *host)
{
	char *pin = cert_pin(t);
	char *fix = xasprintf(
	    "holdfast domain set %s --tls-pin %s  (if that is its key)", d->domain->name, pin);

	if (pin[0] != '\0' && strstr(d->domain->route.tls_pin, pin) != NULL)
		doctor_say_as(
		    d, "primary-tls", DOCTOR_OK, NULL, "%s: TLS with the pinned key", host);
	else
		doctor_say_as(d, "primary-tls", DOCTOR_FAIL, fix,
		    "%s: its key is not the pinned one; nothing is "
		    "delivered",
		    host);
	free(fix);
	free(pin);
}

static void
judge_dane(struct doctor *d, const struct talk *t, const char *host, uint16_t port)
{
	struct dns_answer a;
	char *name = xasprintf("_%u._tcp.%s", (unsigned)port, host);
	bool usable, any = false, match = false;

	doctor_lookup(d, name, DNS_TLSA, &a);
	for (size_t i = 0; a.status == DNS_OK && a.secure && i < a.n; i++) {
		match = cert_matches(t, &a.rr[i], &usable) || match;
		any = any || usable;
	}
	if (a.status == DNS_FAILED || a.status == DNS_BOGUS)
		doctor_say_as(d, "primary-tls", DOCTOR_FAIL,
		    "mend the zone's signatures, or the resolver",
		    "%s: %s; nothing is delivered (tls = dane)", name, a.why);
	else if (!any)
		judge_dates(
		    d, t, host, "TLS; it has no signed TLSA record, so that is all dane asks for");
	else if (match)
		doctor_say_as(
		    d, "primary-tls", DOCTOR_OK, NULL, "%s: TLS as its TLSA records say", host);
	else
		doctor_say_as(d, "primary-tls", DOCTOR_FAIL,
		    "renew the TLSA records of the primary",
		    "%s: its certificate does not match %s; nothing is delivered", host, name);
	dns_answer_clear(&a);
	free(name);
}

/* STARTTLS is made; which level is asked for decides what that is worth. */
static void
judge_tls(struct doctor *d, struct talk *t, const char *host, uint16_t port)
{
	switch (d->domain->route.tls) {
	case TLS_OFF:
		break;
	case TLS_MAY:
		judge_dates(d, t, host, "TLS, not judged (tls = may)");
		break;
	case TLS_VERIFY:
		judge_verify(d, t, host);
		break;
	case TLS_PINNED:
		judge_pinned(d, t, host);
		break;
	case TLS_DANE:
		judge_dane(d, t, host, port);
		break;
	}
}

static void
look_at_tls(struct doctor *d, struct talk *t, const struct talk_offers *o, const struct target *at)
{
	enum rules_tls level = d->domain->route.tls;
	char *why = NULL;

	if (level == TLS_OFF)
		doctor_say_as(d, "primary-tls", DOCTOR_SKIP, NULL, "%s: tls = off", at->host);
	else if ((o->ext & WIRE_EXT_STARTTLS) == 0)
		doctor_say_as(d, "primary-tls", level == TLS_MAY ? DOCTOR_OK : DOCTOR_FAIL,
		    level == TLS_MAY ? NULL : "switch STARTTLS on at the primary", level == TLS_MAY
		    ? "%s does not offer STARTTLS: its mail goes in the clear (tls = %s)"
		    : "%s does not offer STARTTLS; nothing is delivered (tls = %s)", at->host,
		    rules_tls_name(level));
	else if (talk_starttls(t, at->host, &why) == -1)
		doctor_say_as(d, "primary-tls", level == TLS_MAY ? DOCTOR_WARN : DOCTOR_FAIL,
		    "look into the primary's log", "%s offers STARTTLS, but %s", at->host, why);
	else
		judge_tls(d, t, at->host, at->port);
	free(why);
}

/* --- size and trust ------------------------------------------------------- */

static uint64_t
least(uint64_t a, uint64_t b)
{
	if (a == 0)
		return b;
	return b == 0 || a < b ? a : b;
}

static void
look_at_size(struct doctor *d, const struct talk_offers *o, const char *host)
{
	uint64_t ours =
	    least(least(d->conf->message_size_limit, d->domain->size_limit), d->mta_limit);
	char *fix;

	if (!o->has_size || (o->size == 0 && ours != 0)) {
		doctor_say_as(d, "size", DOCTOR_OK, NULL, "%s says no limit; here it is %s", host,
		    out_size(ours));
		return;
	}
	if (ours < o->size) {
		if (d->mta_limit != 0 && d->mta_limit < o->size && d->mta == DOCTOR_POSTFIX)
			fix = xasprintf("postconf -e 'message_size_limit = %llu' && postfix reload",
			    (unsigned long long)o->size);
		else if (d->domain->size_limit != 0 && d->domain->size_limit < o->size)
			fix = xasprintf("holdfast domain set %s --size-limit %llu", d->domain->name,
			    (unsigned long long)o->size);
		else
			fix = xasprintf("set message_size_limit = %llu in %s, and reload",
			    (unsigned long long)o->size, d->conf_path);
		doctor_say_as(d, "size", DOCTOR_FAIL, fix,
		    "%s takes messages of up to %s, this host only %s", host, out_size(o->size),
		    out_size(ours));
	} else if (ours > o->size) {
		fix = xasprintf("holdfast domain set %s --size-limit %llu", d->domain->name,
		    (unsigned long long)o->size);
		doctor_say_as(d, "size", DOCTOR_WARN, fix,
		    "this host takes messages of up to %s, which %s will "
		    "refuse: it takes %s",
		    out_size(ours), host, out_size(o->size));
	} else {
		fix = NULL;
		doctor_say_as(d, "size", DOCTOR_OK, NULL, "both take up to %s", out_size(ours));
	}
	free(fix);
}

static void
look_at_trust(struct doctor *d, const struct talk_offers *o, const char *host)
{
	enum rules_client client = d->domain->route.client;
	char *ask_for = xasprintf("holdfast domain set %s --client xclient", d->domain->name);
	static const char fix[] =
	    "on the primary: postconf -e 'smtpd_authorized_xforward_hosts = ADDRESS-OF-THIS-"
	    "HOST' (or smtpd_authorized_xclient_hosts; see postfix/primary-xclient.cf)";

	if (client == CLIENT_NONE)
		doctor_say_as(
		    d, "trust", DOCTOR_SKIP, NULL, "%s is not to be told who the client was", host);
	else if ((o->ext & WIRE_EXT_XCLIENT) != 0 && client == CLIENT_XCLIENT)
		doctor_say_as(d, "trust", DOCTOR_OK, NULL,
		    "%s takes XCLIENT from us: its own checks judge the client", host);
	else if ((o->ext & WIRE_EXT_XFORWARD) != 0)
		doctor_say_as(d, "trust", client == CLIENT_XCLIENT ? DOCTOR_WARN : DOCTOR_OK,
		    client == CLIENT_XCLIENT ? fix : NULL,
		    "%s takes XFORWARD from us: its log names the client. SPF "
		    "and lists there see this host, which they should know",
		    host);
	else if ((o->ext & WIRE_EXT_XCLIENT) != 0)
		doctor_say_as(d, "trust", DOCTOR_WARN, ask_for,
		    "%s takes XCLIENT from us but no XFORWARD, which is what it is offered (client = "
		    "xforward): its SPF, lists and limits judge this host instead of the client",
		    host);
	else
		doctor_say_as(d, "trust", DOCTOR_WARN, fix,
		    "%s takes neither XCLIENT nor XFORWARD from us: its SPF, "
		    "lists and limits judge this host instead of the client",
		    host);
	free(ask_for);
}

/* --- one host ------------------------------------------------------------ */

static void
note_trouble(struct visit *v, const struct target *at, const char *address, const char *why)
{
	buf_printf(&v->trouble, "%s%s%s%s%s:%u: %s", v->trouble.len > 0 ? "; " : "", at->host,
	    address != NULL ? "[" : "", address != NULL ? address : "", address != NULL ? "]" : "",
	    (unsigned)at->port, why);
}

/* It greets: what does it offer? */
static bool
interview(struct visit *v, struct talk *t, const struct target *at, const char *address)
{
	struct wire_reply r = { .code = 0 };
	struct talk_offers o;
	char *why = NULL, *words;
	int code = talk_reply(t, &r, &why);
	bool good = false;

	if (code != -1 && code != 220)
		why = xasprintf("greets with %d %.80s", code, buf_str(&r.text));
	if (code == 220 && talk_hello(t, "EHLO", v->d->conf->hostname, &o, &why) == 0)
		good = true;
	if (!good)
		note_trouble(v, at, address, why);
	else {
		words = xasprintf("%s[%s]:%u", at->host, address, (unsigned)at->port);
		doctor_say(v->d, DOCTOR_OK, NULL, "%s answers%s", words,
		    (o.ext & WIRE_EXT_STARTTLS) != 0 ? ", offers STARTTLS"
						     : ", offers no STARTTLS");
		look_at_size(v->d, &o, at->host);
		look_at_trust(v->d, &o, at->host);
		talk_deadline(t, doctor_soon(v->d));
		look_at_tls(v->d, t, &o, at);
		free(words);
	}
	free(why);
	wire_reply_free(&r);
	return good;
}

static void
visit_host(struct visit *v, const struct target *at)
{
	struct hosts_addr a[TALK_ADDRESSES_MAX];
	size_t n = talk_addresses(doctor_dns(v->d), at->host, doctor_soon(v->d), a);
	bool answered = false;

	v->n++;
	v->port25 = v->port25 || at->port == 25;
	if (n == 0)
		note_trouble(v, at, NULL, "no address is known");
	for (size_t i = 0; i < n && !answered; i++) {
		char *why = NULL;
		struct talk *t = talk_connect(&a[i], at->port, doctor_soon(v->d), &why);
		int err = errno;

		if (t == NULL) {
			note_trouble(v, at, talk_address_text(&a[i]), why);
			v->silent += err != ECONNREFUSED;
		} else
			answered = interview(v, t, at, talk_address_text(&a[i]));
		talk_quit(&t);
		free(why);
	}
	v->answered += answered;
}

/* --- the check ----------------------------------------------------------- */

static size_t
find_targets(struct doctor *d, struct target at[HOSTS_MAX], char **why)
{
	const struct rules_route *r = &d->domain->route;
	struct doctor_mx mx[DOCTOR_MX_MAX];
	size_t n = 0, all = r->kind == ROUTE_HOSTS ? r->primary.n : 0;
	int found;

	for (; n < all && n < HOSTS_MAX; n++)
		at[n] = (struct target){ xstrdup(r->primary.v[n].host), r->primary.v[n].port };
	if (r->kind == ROUTE_MX) {
		found = doctor_mx(d, r->mx[0] != '\0' ? r->mx : d->domain->name, mx, why);
		for (int i = 0; i < found && !mx[i].us; i++, all++)
			if (n < HOSTS_MAX)
				at[n++] = (struct target){ xstrdup(mx[i].host), r->mx_port };
	}
	if (all > n)
		doctor_say(d, DOCTOR_SKIP, NULL, "the first %zu of its %zu hosts are looked at", n, all);
	return n;
}

/* Nowhere to go: the DNS does not say where, or names nobody before us. */
static void
tell_no_host(struct doctor *d, const char *why)
{
	const char *whose = d->domain->route.mx[0] != '\0' ? d->domain->route.mx : d->domain->name;
	char *fix;

	if (why != NULL) {
		fix = doctor_dns_fix(d);
		doctor_say(d, DOCTOR_FAIL, fix, "the MX of %s cannot be looked up: %s", whose, why);
	} else {
		fix = xasprintf("holdfast domain set %s --primary HOST  (or set in the DNS an MX of %s "
		    "that is better than this host)", d->domain->name, whose);
		doctor_say(d, DOCTOR_FAIL, fix, "no host is known to be better than this one");
	}
	free(fix);
}

static void
tell_port25(struct visit *v)
{
	if (!v->port25)
		doctor_say_as(
		    v->d, "port25-out", DOCTOR_SKIP, NULL, "its primary is not on port 25");
	else if (v->answered > 0 || v->silent < v->n)
		doctor_say_as(v->d, "port25-out", DOCTOR_OK, NULL,
		    "connections to port 25 outside get an answer");
	else
		doctor_say_as(v->d, "port25-out", DOCTOR_WARN,
		    "nc -v -w 5 SOME-MAIL-SERVER 25; ask your provider",
		    "no answer at all from port 25 outside: the primary is dead, or outgoing mail "
		    "is blocked here");
}

void
check_primary(struct doctor *d)
{
	struct visit v = { .d = d, .trouble = BUF_INIT };
	struct target at[HOSTS_MAX];
	char *look = xasprintf("holdfast primary show %s", d->domain->name);
	char *fix =
	    xasprintf("holdfast primary show %s; nothing need be typed here when it is back",
		d->domain->name);
	char *why = NULL;
	size_t n;

	if (d->domain->route.kind == ROUTE_TURN) {
		doctor_say(d, DOCTOR_SKIP, NULL, "it fetches its mail itself (ATRN)");
		free(fix);
		free(look);
		return;
	}
	n = find_targets(d, at, &why);
	for (size_t i = 0; i < n; i++)
		visit_host(&v, &at[i]);
	if (n == 0)
		tell_no_host(d, why);
	else if (v.answered == 0)
		doctor_say(d, DOCTOR_FAIL, fix,
		    "does not answer: %s. Its mail is held here meanwhile", v.trouble.data);
	else if (v.trouble.len > 0)
		doctor_say(d, DOCTOR_WARN, look, "one way does not answer, another does: %s",
		    v.trouble.data);
	if (n > 0)
		tell_port25(&v);
	for (size_t i = 0; i < n; i++)
		free(at[i].host);
	free(why);
	buf_free(&v.trouble);
	free(fix);
	free(look);
}
