/*
 * doctor_dns.c -- the DNS as the checks ask it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/doctor_dns.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/conf.h"

void
doctor_lookup(struct doctor *d, const char *name, enum dns_type type, struct dns_answer *a)
{
	int64_t left = doctor_soon(d) - clock_mono_ms();

	memset(a, 0, sizeof(*a));
	if (doctor_dns(d) == NULL || left <= 0) {
		a->status = DNS_FAILED;
		a->why = xstrdup("no time is left to ask");
		return;
	}
	dns_resolve_within(d->dns, name, type, left, a);
}

size_t
doctor_dns_addresses(struct doctor *d, const char *name, struct hosts_addr v[TALK_ADDRESSES_MAX],
    char **why)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA };
	struct dns_answer answer;
	size_t n = 0;

	for (size_t k = 0; k < 2; k++) {
		size_t len = k == 0 ? 4 : 16;

		doctor_lookup(d, name, types[k], &answer);
		for (size_t i = 0;
		     answer.status == DNS_OK && i < answer.n && n < TALK_ADDRESSES_MAX; i++) {
			if (answer.rr[i].len != len)
				continue;
			memset(&v[n], 0, sizeof(v[n]));
			v[n].family = k == 0 ? AF_INET : AF_INET6;
			memcpy(v[n++].addr, answer.rr[i].data, len);
		}
		if ((answer.status == DNS_FAILED || answer.status == DNS_BOGUS) && *why == NULL)
			*why = xstrdup(answer.why != NULL ? answer.why : "the DNS does not answer");
		dns_answer_clear(&answer);
	}
	return n;
}

/* --- MX ------------------------------------------------------------------ */

static int
by_preference(const void *a, const void *b)
{
	const struct doctor_mx *x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return strcmp(x->host, y->host);
}

static bool
is_us(struct doctor *d, const char *host)
{
	struct hosts_addr v[TALK_ADDRESSES_MAX];
	char *why = NULL;
	bool us = strcasecmp(host, d->conf->hostname) == 0;
	size_t n = us ? 0 : doctor_dns_addresses(d, host, v, &why);

	for (size_t i = 0; i < n && !us; i++)
		us = hosts_own(v[i].family, v[i].addr);
	free(why);
	return us;
}

int
doctor_mx(struct doctor *d, const char *domain, struct doctor_mx v[DOCTOR_MX_MAX], char **why)
{
	struct dns_answer answer;
	int n = 0;

	doctor_lookup(d, domain, DNS_MX, &answer);
	if (answer.status == DNS_FAILED || answer.status == DNS_BOGUS) {
		*why = xstrdup(answer.why != NULL ? answer.why : "the DNS does not answer");
		n = -1;
	}
	for (size_t i = 0; answer.status == DNS_OK && i < answer.n && n < DOCTOR_MX_MAX; i++)
		if (dns_mx(&answer.rr[i], &v[n].preference, v[n].host) == 0)
			n++;
	dns_answer_clear(&answer);
	for (int i = 0; i < n; i++)
		v[i].us = is_us(d, v[i].host);
	if (n > 0)
		qsort(v, (size_t)n, sizeof(*v), by_preference);
	return n;
}
