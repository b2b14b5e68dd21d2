/*
 * rules_network.c -- networks, written 192.0.2.0/24, and whether an address is in one.
 *
 * Two networks are apart or one lies in the other. So it is enough to look
 * into those that lie in no other, and at most one of them can hold an
 * address: the last one that does not start behind it.
 *
 * A network with bits set behind its length is refused and not rounded: what
 * was meant may be the address or the net. An IPv6 address that stands for one
 * of IPv4 (RFC 4291 2.5.5.2) is looked up as that.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_network.h"

#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/rules_row.h"

static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static unsigned
family_bits(int family)
{
	return family == AF_INET ? 32 : 128;
}

void
rules_network_mask(uint8_t addr[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++, bits -= bits < 8 ? bits : 8)
		if (bits < 8)
			addr[i] &= (uint8_t)(0xff00u >> bits);
}

/* "/24", or "" for all bits. */
static int
parse_bits(const char *s, unsigned max, unsigned *bits)
{
	size_t len;

	*bits = max;
	if (*s == '\0')
		return 0;
	len = strspn(++s, "0123456789");
	if (len == 0 || len > 3 || s[len] != '\0')
		return -1;
	*bits = (unsigned)strtoul(s, NULL, 10);
	return *bits <= max ? 0 : -1;
}

const char *
rules_network_text(int family, const uint8_t addr[16], unsigned bits, char text[RULES_NETWORK_TEXT])
{
	(void)inet_ntop(family, addr, text, INET6_ADDRSTRLEN);
	if (bits < family_bits(family))
		(void)snprintf(text + strlen(text), 5, "/%u", bits);
	return text;
}

int
rules_network_address(const char *text, int *family, uint8_t addr[16])
{
	*family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	memset(addr, 0, 16);
	if (inet_pton(*family, text, addr) != 1)
		return -1;
	if (*family == AF_INET6 && memcmp(addr, v4_mapped, sizeof(v4_mapped)) == 0) {
		*family = AF_INET;
		memmove(addr, addr + sizeof(v4_mapped), 4);
		memset(addr + 4, 0, 12);
	}
	return 0;
}

int
rules_network_parse(const char *s, struct rules_network *n, char **why)
{
	size_t len = strcspn(s, "/");
	char *host = xstrndup(s, len);
	uint8_t given[16];
	char text[RULES_NETWORK_TEXT];

	*why = NULL;
	memset(n, 0, sizeof(*n));
	n->family = strchr(host, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(n->family, host, n->addr) != 1)
		*why = xasprintf("`%s' is not a network like 192.0.2.0/24 or 2001:db8::/32", s);
	else if (parse_bits(s + len, family_bits(n->family), &n->bits) == -1)
		*why = xasprintf("`%s': the length must be a number from 0 to %u", s,
		    family_bits(n->family));
	else if (n->family == AF_INET6 && n->bits >= 96 &&
	    memcmp(n->addr, v4_mapped, sizeof(v4_mapped)) == 0)
		*why = xasprintf("`%s' is a network of IPv4; write it without ::ffff:", s);
	free(host);
	if (*why != NULL)
		return -1;
	memcpy(given, n->addr, sizeof(given));
	rules_network_mask(n->addr, n->bits);
	n->text = xstrdup(rules_network_text(n->family, n->addr, n->bits, text));
	if (memcmp(given, n->addr, sizeof(given)) == 0)
		return 0;
	*why = xasprintf("`%s' has bits set behind its length; the network is %s", s, n->text);
	free(n->text);
	n->text = NULL;
	return -1;
}

void
rules_networks_add(struct rules_networks *l, const struct rules_network *n)
{
	l->v = rules_grow(l->v, l->n, sizeof(*l->v));
	l->v[l->n++] = *n;
}

/* Where they start; the larger one first. */
static int
by_start(const void *a, const void *b)
{
	const struct rules_network *x = a, *y = b;
	int cmp;

	if (x->family != y->family)
		return x->family == AF_INET ? -1 : 1;
	cmp = memcmp(x->addr, y->addr, sizeof(x->addr));
	return cmp != 0 ? cmp : (x->bits > y->bits) - (x->bits < y->bits);
}

static bool
holds(const struct rules_network *n, int family, const uint8_t addr[16])
{
	uint8_t masked[16];

	if (n->family != family)
		return false;
	memcpy(masked, addr, sizeof(masked));
	rules_network_mask(masked, n->bits);
	return memcmp(masked, n->addr, sizeof(masked)) == 0;
}

void
rules_networks_sort(struct rules_networks *l)
{
	if (l->n == 0)
		return;
	qsort(l->v, l->n, sizeof(*l->v), by_start);
	l->outer = xcalloc(l->n, sizeof(*l->outer));
	for (size_t i = 0; i < l->n; i++)
		if (l->nouter == 0 ||
		    !holds(&l->v[l->outer[l->nouter - 1]], l->v[i].family, l->v[i].addr))
			l->outer[l->nouter++] = i;
}

bool
rules_networks_match(const struct rules_networks *l, int family, const void *addr)
{
	struct rules_network key = { .family = family, .bits = family_bits(family) };
	size_t low = 0, high = l->nouter;

	if (family == AF_INET6 && memcmp(addr, v4_mapped, sizeof(v4_mapped)) == 0) {
		key.family = AF_INET;
		key.bits = family_bits(AF_INET);
		addr = (const uint8_t *)addr + sizeof(v4_mapped);
	} else if (family != AF_INET && family != AF_INET6)
		return false;
	memcpy(key.addr, addr, key.bits / 8);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_start(&l->v[l->outer[middle]], &key) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && holds(&l->v[l->outer[low - 1]], key.family, key.addr);
}

void
rules_networks_clear(struct rules_networks *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].text);
		free(l->v[i].note);
	}
	free(l->v);
	free(l->outer);
	memset(l, 0, sizeof(*l));
}
