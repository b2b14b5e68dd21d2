/*
 * talk_names.c -- addresses of hosts, as queued finds them: /etc/hosts first, then the
 * DNS server that holdfast.conf names.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/talk.h"
#include "common/clock.h"
#include "common/dns.h"

static size_t
numeric(const char *name, struct hosts_addr *a)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, name, a->addr) == 1)
		a->family = AF_INET;
	else if (inet_pton(AF_INET6, name, a->addr) == 1)
		a->family = AF_INET6;
	return a->family != 0;
}

static size_t
ask(struct dns *dns, const char *name, enum dns_type type, int64_t deadline, struct hosts_addr *v,
    size_t max)
{
	int64_t left = deadline - clock_mono_ms();
	struct dns_answer answer;
	size_t n = 0, len = type == DNS_A ? 4 : 16;

	if (left <= 0)
		return 0;
	dns_resolve_within(dns, name, type, left, &answer);
	for (size_t i = 0; answer.status == DNS_OK && i < answer.n && n < max; i++) {
		if (answer.rr[i].len != len)
			continue;
		memset(&v[n], 0, sizeof(v[n]));
		v[n].family = type == DNS_A ? AF_INET : AF_INET6;
		memcpy(v[n].addr, answer.rr[i].data, len);
		n++;
	}
	dns_answer_clear(&answer);
	return n;
}

size_t
talk_addresses(struct dns *dns, const char *name, int64_t deadline,
    struct hosts_addr v[TALK_ADDRESSES_MAX])
{
	size_t n = numeric(name, &v[0]);

	if (n == 0)
		n = hosts_find("/etc/hosts", name, v, TALK_ADDRESSES_MAX);
	if (n > 0 || dns == NULL)
		return n;
	n = ask(dns, name, DNS_A, deadline, v, TALK_ADDRESSES_MAX);
	return n + ask(dns, name, DNS_AAAA, deadline, v + n, TALK_ADDRESSES_MAX - n);
}

const char *
talk_address_text(const struct hosts_addr *a)
{
	static char text[8][INET6_ADDRSTRLEN];
	static unsigned next;
	char *b = text[next++ % 8];

	return inet_ntop(a->family, a->addr, b, INET6_ADDRSTRLEN) != NULL ? b : "?";
}
