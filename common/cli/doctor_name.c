/*
 * doctor_name.c -- checks of this host's name and place in the DNS.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cli/doctor.h"
#include "common/cli/doctor_dns.h"
#include "common/cli/postfix.h"
#include "common/cli/talk.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/dns.h"
#include "common/rules.h"

/* --- our name ------------------------------------------------------------ */

/* "10.2.0.192.in-addr.arpa" */
static void
reverse_name(const struct hosts_addr *a, char name[80])
{
	char *p = name;

	if (a->family == AF_INET) {
		(void)snprintf(name, 80, "%u.%u.%u.%u.in-addr.arpa", a->addr[3], a->addr[2],
		    a->addr[1], a->addr[0]);
		return;
	}
	for (int i = 15; i >= 0; i--)
		p += snprintf(p, 5, "%x.%x.", a->addr[i] & 15u, (unsigned)a->addr[i] >> 4);
	(void)snprintf(p, 16, "ip6.arpa");
}

static void
check_reverse(struct doctor *d, const struct hosts_addr *a)
{
	struct dns_answer answer;
	char name[80], host[DNS_NAME_MAX] = "", *fix, *look = doctor_dns_fix(d);
	bool found = false;

	reverse_name(a, name);
	doctor_lookup(d, name, DNS_PTR, &answer);
	for (size_t i = 0; answer.status == DNS_OK && i < answer.n && !found; i++)
		found = dns_name(&answer.rr[i], 0, host) >= 0 &&
			strcasecmp(host, d->conf->hostname) == 0;
	fix = xasprintf("let whoever runs the address set: %s. PTR %s.", name, d->conf->hostname);
	if (answer.status == DNS_FAILED || answer.status == DNS_BOGUS)
		doctor_say(d, DOCTOR_WARN, look, "%s: %s", name, answer.why);
	else if (!found)
		doctor_say(d, DOCTOR_WARN, fix,
		    "the address %s has %s%s in the reverse DNS, not %s: others distrust "
		    "such hosts",
		    talk_address_text(a), host[0] != '\0' ? "the name " : "no name", host,
		    d->conf->hostname);
	else
		doctor_say(d, DOCTOR_OK, NULL, "%s and %s name each other", d->conf->hostname,
		    talk_address_text(a));
	free(fix);
	free(look);
	dns_answer_clear(&answer);
}

/* Behind NAT the MTA must know the address that it is reached by, or it mails itself in circles. */
static void
check_own(struct doctor *d, const struct hosts_addr *a)
{
	char *fix;

	if (hosts_own(a->family, a->addr))
		return;
	if (d->mta == DOCTOR_POSTFIX) {
		struct words w;
		bool known;

		words_split(&w, postfix_expanded(d->postfix, "proxy_interfaces"));
		known = words_have(&w, talk_address_text(a));
		words_clear(&w);
		if (known)
			return;
		fix = xasprintf(
		    "postconf -e 'proxy_interfaces = %s' && postfix reload", talk_address_text(a));
		doctor_say(d, DOCTOR_WARN, fix,
		    "no interface has %s, the address of %s. If it is this host's behind "
		    "NAT, Postfix must know it (proxy_interfaces); if not, the name is wrong",
		    talk_address_text(a), d->conf->hostname);
		free(fix);
	} else
		doctor_say(d, DOCTOR_WARN, NULL,
		    "no interface has %s, the address of %s: right only behind NAT",
		    talk_address_text(a), d->conf->hostname);
}

void
check_name(struct doctor *d)
{
	struct hosts_addr v[TALK_ADDRESSES_MAX];
	char *fix, *why = NULL;
	size_t n;

	if (strchr(d->conf->hostname, '.') == NULL) {
		fix = xasprintf("set hostname in %s", d->conf_path);
		doctor_say(d, DOCTOR_FAIL, fix, "%s has no domain: other hosts refuse such a name",
		    d->conf->hostname);
		free(fix);
		return;
	}
	if (doctor_dns(d) == NULL)
		return;
	n = doctor_dns_addresses(d, d->conf->hostname, v, &why);
	if (n == 0) {
		fix = xasprintf("set in the DNS: %s. A ADDRESS", d->conf->hostname);
		doctor_say(d, why != NULL ? DOCTOR_WARN : DOCTOR_FAIL, fix,
		    "%s has no address in the DNS%s%s", d->conf->hostname, why != NULL ? ": " : "",
		    why != NULL ? why : "");
		free(fix);
	}
	for (size_t i = 0; i < n; i++) {
		check_reverse(d, &v[i]);
		check_own(d, &v[i]);
	}
	free(why);
}

/* --- port 25, from here --------------------------------------------------- */

static void
greet(struct doctor *d, const struct hosts_addr *a)
{
	struct wire_reply r = { .code = 0 };
	char *why = NULL, *name, *fix;
	struct talk *t = talk_connect(a, 25, doctor_soon(d), &why);
	int code = t != NULL ? talk_reply(t, &r, &why) : -1;

	fix = xasprintf("%s; ss -ltn 'sport = :25'", d->mta == DOCTOR_POSTFIX
	    ? "postfix status; postconf inet_interfaces" : "systemctl status sendmail");
	if (code == -1)
		doctor_say(d, DOCTOR_FAIL, fix, "nobody takes mail on %s, port 25: %s",
		    talk_address_text(a), why);
	else if (code != 220)
		doctor_say(d, DOCTOR_FAIL, fix, "%s, port 25, greets with %d %.60s",
		    talk_address_text(a), code, buf_str(&r.text));
	else {
		name = xstrndup(buf_str(&r.text), strcspn(buf_str(&r.text), " \n"));
		free(fix);
		fix = d->mta == DOCTOR_POSTFIX
			  ? xasprintf("postconf -e 'myhostname = %s' && postfix reload  (or set "
				      "hostname in %s)",
				d->conf->hostname, d->conf_path)
			  : xasprintf("set hostname in %s", d->conf_path);
		if (strcasecmp(name, d->conf->hostname) != 0)
			doctor_say(d, DOCTOR_WARN, fix,
			    "%s greets as %s, Holdfast calls this host %s", talk_address_text(a),
			    name, d->conf->hostname);
		else
			doctor_say(d, DOCTOR_OK, NULL,
			    "%s greets as %s (seen from this host: a firewall before it "
			    "does not show)",
			    talk_address_text(a), name);
		free(name);
	}
	free(fix);
	talk_quit(&t);
	wire_reply_free(&r);
	free(why);
}

void
check_port25(struct doctor *d)
{
	static const struct hosts_addr loopback = { AF_INET, { 127, 0, 0, 1 } };
	struct hosts_addr v[TALK_ADDRESSES_MAX];
	char *why = NULL;
	size_t n = doctor_dns(d) != NULL ? doctor_dns_addresses(d, d->conf->hostname, v, &why) : 0;
	bool any = false;

	for (size_t i = 0; i < n; i++)
		if (hosts_own(v[i].family, v[i].addr)) {
			greet(d, &v[i]);
			any = true;
		}
	if (!any)
		greet(d, &loopback);
	free(why);
}
