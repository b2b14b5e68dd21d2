/*
 * route_mx.c -- which hosts the MX records of a domain leave us, and in which order.
 *
 * A backup must never give mail to a host that is no better than itself: that host may
 * give it back, or to yet another backup (RFC 5321 5.1). So the list ends where we stand in it.
 *
 * Values in, values out; the look-ups are mx_lookup.c's.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/route_mx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Keeps the best ones in order; one name stands once, at its best. */
static void
insert(struct route_mx *mx, const char *name, unsigned preference)
{
	size_t at = 0, end;

	while (at < mx->n && mx->v[at].preference <= preference)
		if (strcmp(mx->v[at++].name, name) == 0)
			return;
	for (end = at; end < mx->n && strcmp(mx->v[end].name, name) != 0; end++)
		;
	if (end == ROUTE_MX_MAX)
		end--;
	if (at > end)
		return;
	if (end == mx->n)
		mx->n++;
	memmove(&mx->v[at + 1], &mx->v[at], (end - at) * sizeof(mx->v[0]));
	memset(&mx->v[at], 0, sizeof(mx->v[at]));
	(void)snprintf(mx->v[at].name, sizeof(mx->v[at].name), "%s", name);
	mx->v[at].preference = preference;
}

/* "192.0.2.1" as a name: a frequent mistake, and never a host (RFC 5321 5.1). */
static bool
is_address(const char *name)
{
	const char *last = strrchr(name, '.');

	last = last != NULL ? last + 1 : name;
	return last[strspn(last, "0123456789")] == '\0';
}

enum route_mx_result
route_mx_read(const struct dns_answer *a, const char *domain, struct route_mx *mx)
{
	char host[DNS_NAME_MAX];
	unsigned preference;
	bool null = false;

	memset(mx, 0, sizeof(*mx));
	switch (a->status) {
	case DNS_OK:
		break;
	case DNS_NODATA:
		insert(mx, domain, 0);
		return ROUTE_MX_ITSELF;
	case DNS_NXDOMAIN:
		return ROUTE_MX_NO_DOMAIN;
	case DNS_FAILED:
	case DNS_BOGUS:
		return ROUTE_MX_UNKNOWN;
	}
	for (size_t i = 0; i < a->n; i++) {
		if (dns_mx(&a->rr[i], &preference, host) == -1)
			continue;
		if (*host == '\0')
			null = true;
		else if (!is_address(host))
			insert(mx, host, preference);
	}
	if (mx->n > 0)
		return ROUTE_MX_HOSTS;
	return null ? ROUTE_MX_NULL : ROUTE_MX_MALFORMED;
}

void
route_mx_name(struct route_mx *mx, const char *hostname)
{
	for (size_t i = 0; i < mx->n; i++)
		if (strcasecmp(mx->v[i].name, hostname) == 0)
			mx->v[i].self = true;
}

bool
route_mx_prune(struct route_mx *mx)
{
	size_t i = 0;

	while (i < mx->n && !mx->v[i].self)
		i++;
	if (i == mx->n)
		return false;
	while (i > 0 && mx->v[i - 1].preference == mx->v[i].preference)
		i--;
	mx->n = i;
	return true;
}

static int
by_turn(const void *a, const void *b)
{
	const struct route_try *x = a, *y = b;

	if (x->bad != y->bad)
		return x->bad ? 1 : -1;
	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return 0;
}

void
route_order(struct route_try *v, size_t n, uint32_t noise)
{
	struct route_try swap;

	/* Shuffled as a whole (Fisher and Yates); a stable sort then keeps the chance among equals. */
	for (size_t i = n; i > 1; i--) {
		size_t j = noise % i;

		noise = noise / (uint32_t)i * 2654435761u + 1013904223u;
		swap = v[i - 1];
		v[i - 1] = v[j];
		v[j] = swap;
	}
	for (size_t i = 1; i < n; i++) {
		size_t j = i;

		swap = v[i];
		for (; j > 0 && by_turn(&v[j - 1], &swap) > 0; j--)
			v[j] = v[j - 1];
		v[j] = swap;
	}
}
