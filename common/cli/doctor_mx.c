/*
 * doctor_mx.c -- does the world know this host as the domain's backup, and do the rules
 * and the DNS name the same primary?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cli/doctor.h"
#include "common/cli/doctor_dns.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/rules.h"

#define SMTP_PORT	25

static bool
shares_address(const struct hosts_addr *a, size_t na, const struct hosts_addr *b, size_t nb)
{
	for (size_t i = 0; i < na; i++)
		for (size_t k = 0; k < nb; k++)
			if (memcmp(&a[i], &b[k], sizeof(a[i])) == 0)
				return true;
	return false;
}

/* Not to be found in public: then the MX cannot name it. */
static bool
is_private(const struct hosts_addr *a)
{
	const uint8_t *p = a->addr;

	if (a->family == AF_INET6)
		return (p[0] & 0xfe) == 0xfc || (p[0] == 0xfe && (p[1] & 0xc0) == 0x80) ||
		    hosts_own(AF_INET6, p);
	return p[0] == 10 || p[0] == 127 || (p[0] == 172 && (p[1] & 0xf0) == 16) ||
	    (p[0] == 192 && p[1] == 168) || (p[0] == 100 && (p[1] & 0xc0) == 64);
}

/* The hosts of the rules and those of the DNS that are better than us, compared. */
struct compared {
	bool		 unknown;	/* nothing can be said */
	struct buf	 rules, dns;	/* all of them, as --primary takes them */
	struct buf	 only_rules, only_dns;
};

/* equal: of the same preference as the one before. */
static void
add_host(struct buf *b, const char *host, uint16_t port, bool equal)
{
	buf_printf(b, "%s%s", b->len == 0 ? "" : equal ? "+" : ",", host);
	if (port != 0 && port != SMTP_PORT)
		buf_printf(b, ":%u", (unsigned)port);
}

/* A private address: what is behind it the DNS cannot tell. One that does not answer: nor can we. */
static void
compare(struct doctor *d, const struct doctor_mx *mx, size_t better, struct compared *c)
{
	const struct rules_route *r = &d->domain->route;
	struct hosts_addr theirs[DOCTOR_MX_MAX][TALK_ADDRESSES_MAX], ours[TALK_ADDRESSES_MAX];
	size_t ntheirs[DOCTOR_MX_MAX];
	uint16_t port[DOCTOR_MX_MAX] = { 0 };	/* by the rules; 0: they do not name it */
	char *why = NULL;

	for (size_t k = 0; k < better; k++)
		ntheirs[k] = doctor_dns_addresses(d, mx[k].host, theirs[k], &why);
	c->unknown = why != NULL;
	free(why);
	for (size_t i = 0; i < r->primary.n; i++) {
		const char *host = r->primary.v[i].host;
		size_t n = talk_addresses(d->dns, host, doctor_soon(d), ours);
		bool found = false, equal = i > 0 && r->preference[i] == r->preference[i - 1];

		c->unknown = c->unknown || (n > 0 && is_private(&ours[0]));
		for (size_t k = 0; k < better; k++)
			if (strcasecmp(mx[k].host, host) == 0 ||
			    shares_address(ours, n, theirs[k], ntheirs[k])) {
				port[k] = r->primary.v[i].port;
				found = true;
			}
		add_host(&c->rules, host, r->primary.v[i].port, equal);
		if (!found)
			add_host(&c->only_rules, host, 0, false);
	}
	for (size_t k = 0; k < better; k++) {
		add_host(&c->dns, mx[k].host, port[k],
		    k > 0 && mx[k].preference == mx[k - 1].preference);
		if (port[k] == 0)
			add_host(&c->only_dns, mx[k].host, 0, false);
	}
}

static void
tell_drift(struct doctor *d, const struct compared *c)
{
	bool alias = strcasecmp(d->name, d->domain->name) != 0;
	char *fix = alias ? xasprintf("set in the DNS the MX records of %s as those of %s", d->name,
	    d->domain->name) : xasprintf("holdfast domain set %s --primary %s", d->name,
	    buf_str(&c->dns));

	doctor_say(d, DOCTOR_WARN, fix,
	    "the DNS says that the primary is %s, the rules say %s%s%s%s%s", buf_str(&c->dns),
	    buf_str(&c->rules), c->only_dns.len > 0 ? "; not in the rules: " : "",
	    buf_str(&c->only_dns), c->only_rules.len > 0 ? "; no MX before this host: " : "",
	    buf_str(&c->only_rules));
	free(fix);
}

static void
judge(struct doctor *d, const struct doctor_mx *mx, int n, int us)
{
	struct compared c = { .unknown = false };
	char *fix = NULL;
	int better = 0;

	while (better < n && mx[better].preference < mx[us].preference)
		better++;
	if (d->domain->route.kind == ROUTE_HOSTS)
		compare(d, mx, (size_t)better, &c);
	if (better == 0) {
		fix = xasprintf("set in the DNS: %s. MX %u %s.  (more than the primary's number)",
		    d->name, mx[n - 1].preference + 10, mx[us].host);
		doctor_say(d, DOCTOR_FAIL, fix,
		    "no MX is better than this host (%u %s): all mail comes here first",
		    mx[us].preference, mx[us].host);
	} else if (!c.unknown && (c.only_dns.len > 0 || c.only_rules.len > 0))
		tell_drift(d, &c);
	else
		doctor_say(d, DOCTOR_OK, NULL, "MX %u %s, then this host with %u", mx[0].preference,
		    mx[0].host, mx[us].preference);
	free(fix);
	buf_free(&c.rules);
	buf_free(&c.dns);
	buf_free(&c.only_rules);
	buf_free(&c.only_dns);
}

void
check_mx(struct doctor *d)
{
	struct doctor_mx mx[DOCTOR_MX_MAX];
	char *why = NULL, *fix, *look;
	int n, us = 0;

	if (doctor_dns(d) == NULL)
		return;
	n = doctor_mx(d, d->name, mx, &why);
	while (us < n && !mx[us].us)
		us++;
	look = doctor_dns_fix(d);
	fix = xasprintf("set in the DNS: %s. MX %u %s.", d->name,
	    n > 0 ? mx[n - 1].preference + 10 : 20, d->conf->hostname);
	if (n == -1)
		doctor_say(d, DOCTOR_WARN, look, "its MX cannot be looked up: %s", why);
	else if (n == 0)
		doctor_say(d, DOCTOR_FAIL, fix, "it has no MX records");
	else if (us == n)
		doctor_say(d, DOCTOR_FAIL, fix,
		    "its MX records do not name this host, %s: nobody will send here",
		    d->conf->hostname);
	else
		judge(d, mx, n, us);
	free(look);
	free(fix);
	free(why);
}
