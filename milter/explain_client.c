/*
 * explain_client.c -- who is at this address? As an MTA finds it out.
 *
 * A PTR record is anybody's claim. The name counts when one of its own addresses is the client's;
 * of several names the first that does.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "milter/explain.h"

int
explain_address(const char *text, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		return 0;
	}
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) != 1)
		return -1;
	if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
		in->sin_family = AF_INET;
		memcpy(&in->sin_addr, &in6.sin6_addr.s6_addr[12], 4);
	} else {
		memcpy(ss, &in6, sizeof(in6));
	}
	return 0;
}

/* The octets of the address; how many. */
static size_t
octets(const struct sockaddr_storage *ss, uint8_t addr[16])
{
	if (ss->ss_family == AF_INET) {
		memcpy(addr, &((const struct sockaddr_in *)ss)->sin_addr, 4);
		return 4;
	}
	memcpy(addr, &((const struct sockaddr_in6 *)ss)->sin6_addr, 16);
	return 16;
}

/* RFC 1035 3.5, RFC 3596 2.5 */
static void
reverse(const uint8_t *addr, size_t len, char name[DNS_NAME_MAX])
{
	size_t at = 0;

	for (size_t i = len; i-- > 0;)
		if (len == 4)
			at += (size_t)snprintf(name + at, DNS_NAME_MAX - at, "%u.", addr[i]);
		else
			at += (size_t)snprintf(name + at, DNS_NAME_MAX - at, "%x.%x.", addr[i] & 15u,
			    addr[i] >> 4);
	(void)snprintf(name + at, DNS_NAME_MAX - at, len == 4 ? "in-addr.arpa" : "ip6.arpa");
}

/* Does the name have this address? *why says in words why not. */
static bool
leads_back(struct dns *dns, const char *name, const uint8_t *addr, size_t len, const char **why)
{
	struct dns_answer a;
	bool found = false;

	dns_resolve(dns, name, len == 4 ? DNS_A : DNS_AAAA, &a);
	for (size_t i = 0; i < a.n; i++)
		found = found || (a.rr[i].len == len && memcmp(a.rr[i].data, addr, len) == 0);
	*why = a.status == DNS_FAILED || a.status == DNS_BOGUS ? "whose address the DNS does not say now" :
	    "which has another address";
	dns_answer_clear(&a);
	return found;
}

void
explain_client_name(struct dns *dns, const struct sockaddr_storage *ss, char name[DNS_NAME_MAX],
    char *how, size_t size)
{
	char question[DNS_NAME_MAX], claimed[DNS_NAME_MAX];
	struct dns_answer ptr;
	const char *why;
	uint8_t addr[16];
	size_t len = octets(ss, addr);

	name[0] = '\0';
	reverse(addr, len, question);
	dns_resolve(dns, question, DNS_PTR, &ptr);
	(void)snprintf(how, size, "no name: %s", ptr.status == DNS_OK ? "its PTR is not a name" :
	    ptr.why);
	for (size_t i = 0; i < ptr.n && i < EXPLAIN_PTR_MAX && name[0] == '\0'; i++) {
		if (dns_name(&ptr.rr[i], 0, claimed) == -1 || claimed[0] == '\0')
			continue;
		if (leads_back(dns, claimed, addr, len, &why)) {
			memcpy(name, claimed, DNS_NAME_MAX);
			(void)snprintf(how, size, "by its PTR, and the name has this address");
		} else {
			(void)snprintf(how, size, "no name: its PTR is %s, %s", claimed, why);
		}
	}
	dns_answer_clear(&ptr);
}
