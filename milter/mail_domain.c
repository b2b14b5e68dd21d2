/*
 * mail_domain.c -- can mail be sent to a domain?
 *
 * Its MX hosts are looked at a few at a time, both kinds of address at once, until one has an
 * address. What the DNS did not say in time never counts as a "no" (P3): the domain is missing only
 * when every answer that matters came and was empty.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/mail_domain.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/dns.h"

#define AT_ONCE		4	/* MX hosts looked up together */
#define HOSTS_MAX	16	/* MX hosts of one domain that are looked at */

struct inquiry {
	struct dns	*dns;
	int64_t		 deadline;	/* mono ms */
	char		*why;
};

static enum mail_domain
say(const struct inquiry *q, enum mail_domain answer, const char *why)
{
	(void)snprintf(q->why, MAIL_DOMAIN_WHY, "%s", why);
	return answer;
}

/* DNS_FAILED if it does not come in time. */
static void
finish(const struct inquiry *q, struct dns_query **query, struct dns_answer *a)
{
	int64_t left = q->deadline - clock_mono_ms();

	if (dns_finish(query, left > 0 ? left : 0, a))
		return;
	*a = (struct dns_answer){ .status = DNS_FAILED };
	dns_drop(query);
}

/* Does one of these hosts have an address? GOOD, MISSING or UNKNOWN. */
static enum mail_domain
addresses(const struct inquiry *q, char host[][DNS_NAME_MAX], size_t n)
{
	struct dns_query *query[2 * AT_ONCE];
	enum mail_domain answer = MAIL_DOMAIN_MISSING;
	struct dns_answer a;

	for (size_t i = 0; i < 2 * n; i++)
		query[i] = dns_begin(q->dns, host[i / 2], i % 2 == 0 ? DNS_A : DNS_AAAA);
	for (size_t i = 0; i < 2 * n; i++) {
		if (answer == MAIL_DOMAIN_GOOD) {
			dns_drop(&query[i]);
			continue;
		}
		finish(q, &query[i], &a);
		if (a.status == DNS_OK)
			answer = MAIL_DOMAIN_GOOD;
		else if (a.status == DNS_FAILED || a.status == DNS_BOGUS)
			answer = MAIL_DOMAIN_UNKNOWN;
		dns_answer_clear(&a);
	}
	return answer;
}

/* "192.0.2.1": many have that as an MX. No host's name ends in a number. */
static bool
is_number(const char *host)
{
	const char *label = strrchr(host, '.');

	label = label != NULL ? label + 1 : host;
	return label[strspn(label, "0123456789")] == '\0';
}

/* The hosts of MX records from *at on, up to AT_ONCE; counts in *nulls those that are the root. */
static size_t
next_hosts(const struct dns_answer *mx, size_t *at, char host[][DNS_NAME_MAX], size_t *nulls)
{
	size_t n = 0;
	unsigned preference;

	for (; *at < mx->n && *at < HOSTS_MAX && n < AT_ONCE; ++*at)
		if (dns_mx(&mx->rr[*at], &preference, host[n]) == 0) {
			if (host[n][0] == '\0')
				++*nulls;
			else if (!is_number(host[n]))
				n++;
		}
	return n;
}

static enum mail_domain
by_mx(const struct inquiry *q, const struct dns_answer *mx)
{
	enum mail_domain answer, result = MAIL_DOMAIN_MISSING;
	char host[AT_ONCE][DNS_NAME_MAX];
	size_t n, at = 0, nulls = 0;

	while (clock_mono_ms() < q->deadline && (n = next_hosts(mx, &at, host, &nulls)) > 0) {
		answer = addresses(q, host, n);
		if (answer == MAIL_DOMAIN_GOOD)
			return say(q, answer, "an MX host has an address");
		if (answer == MAIL_DOMAIN_UNKNOWN)
			result = answer;
	}
	if (result == MAIL_DOMAIN_UNKNOWN || at < mx->n)
		return say(q, MAIL_DOMAIN_UNKNOWN, "the DNS does not say whether an MX host has an address");
	if (nulls == mx->n)
		return say(q, MAIL_DOMAIN_NULL_MX, "the domain has a null MX");
	return say(q, MAIL_DOMAIN_MISSING, "no MX host of the domain has an address");
}

/* No MX: the domain itself is the host (RFC 5321 5.1). */
static enum mail_domain
by_address(const struct inquiry *q, const char *name)
{
	char host[1][DNS_NAME_MAX];
	enum mail_domain answer;

	(void)snprintf(host[0], sizeof(host[0]), "%s", name);
	answer = addresses(q, host, 1);
	return say(q, answer, answer == MAIL_DOMAIN_GOOD ? "the domain has an address" :
	    answer == MAIL_DOMAIN_MISSING ? "the domain has neither MX nor address" :
	    "the DNS does not say whether the domain has an address");
}

enum mail_domain
mail_domain_ask(struct dns *dns, const char *name, int64_t ms, char why[MAIL_DOMAIN_WHY])
{
	struct inquiry q = { dns, clock_mono_ms() + ms, why };
	enum mail_domain answer = MAIL_DOMAIN_UNKNOWN;
	struct dns_query *query = dns_begin(dns, name, DNS_MX);
	struct dns_answer mx;

	finish(&q, &query, &mx);
	switch (mx.status) {
	case DNS_OK:
		answer = by_mx(&q, &mx);
		break;
	case DNS_NODATA:
		answer = by_address(&q, name);
		break;
	case DNS_NXDOMAIN:
		answer = say(&q, MAIL_DOMAIN_MISSING, "the domain does not exist");
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
		(void)say(&q, answer, mx.why != NULL ? mx.why : "the name servers do not answer");
		break;
	}
	dns_answer_clear(&mx);
	return answer;
}
