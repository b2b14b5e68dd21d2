/*
 * deliver_host.c -- the hosts of a destination, and the order in which a session tries them.
 *
 * The rules name them, or the MX records do; in the latter case the list changes while
 * sessions run, which therefore hold references. What was learned of a
 * host (its TLS session, its failures) stays with it as long as it is listed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "queued/deliver_private.h"

static struct deliver_host *
host_new(const char *name, uint16_t port, unsigned preference)
{
	struct deliver_host *h = xcalloc(1, sizeof(*h));

	h->name = xstrdup(name);
	h->port = port;
	h->preference = preference;
	h->refs = 1;
	return h;
}

struct deliver_host *
deliver_host_ref(struct deliver_host *h)
{
	h->refs++;
	return h;
}

void
deliver_host_unref(struct deliver_host **hp)
{
	struct deliver_host *h = *hp;

	*hp = NULL;
	if (h == NULL || --h->refs > 0)
		return;
	tls_session_free(&h->tls);
	free(h->name);
	free(h);
}

void
deliver_host_list(struct deliver_dest *dest, const struct rules_route *route)
{
	const struct endpoint_list *list = &route->primary;

	assert(dest->nhosts == 0);
	dest->host = xcalloc(list->n + 1, sizeof(*dest->host));
	dest->nhosts = list->n;
	for (size_t i = 0; i < list->n; i++)
		dest->host[i] = host_new(list->v[i].host, list->v[i].port, route->preference[i]);
}

void
deliver_host_clear(struct deliver_dest *dest)
{
	for (size_t i = 0; i < dest->nhosts; i++)
		deliver_host_unref(&dest->host[i]);
	free(dest->host);
	dest->host = NULL;
	dest->nhosts = 0;
}

static struct deliver_host *
find(const struct deliver_dest *dest, const char *name)
{
	for (size_t i = 0; i < dest->nhosts; i++)
		if (strcmp(dest->host[i]->name, name) == 0)
			return deliver_host_ref(dest->host[i]);
	return host_new(name, dest->mx_port, 0);
}

void
deliver_host_mx(struct deliver_dest *dest, const struct mx_answer *a)
{
	struct deliver_host **v = xcalloc(a->mx->n + 1, sizeof(struct deliver_host *));
	int64_t now = clock_mono_ms();
	bool any = false;

	for (size_t i = 0; i < a->mx->n; i++) {
		v[i] = find(dest, a->mx->v[i].name);
		v[i]->preference = a->mx->v[i].preference;
		any = any || a->addrs[i].n > 0 || v[i]->addrs.n > 0;
		if (a->addrs[i].n == 0)
			continue;	/* an older answer may do */
		v[i]->addrs = a->addrs[i];
		v[i]->fresh_until = now + (int64_t)a->addrs[i].ttl * 1000;
	}
	deliver_host_clear(dest);
	dest->host = v;
	dest->nhosts = a->mx->n;
	dest->mx_insecure = !a->secure;
	/* Hosts without addresses are no answer to keep: the next probe asks again. */
	dest->mx_fresh_until = any ? now + (int64_t)a->ttl * 1000 : 0;
}

/*
 * By preference, equal ones by chance (RFC 5321 5.1); what failed lately comes last. One
 * session finds out whether such a host is good again; the others stay away meanwhile.
 */
struct deliver_host **
deliver_host_plan(struct deliver_dest *dest, size_t *n)
{
	struct route_try *order = xcalloc(dest->nhosts + 1, sizeof(*order));
	struct deliver_host **plan = xcalloc(dest->nhosts + 1, sizeof(struct deliver_host *));
	int64_t now = clock_mono_ms();

	for (size_t i = 0; i < dest->nhosts; i++) {
		order[i].index = i;
		order[i].preference = dest->host[i]->preference;
		order[i].bad = dest->host[i]->bad_until > now;
	}
	route_order(order, dest->nhosts, deliver_noise(dest->d));
	for (size_t i = 0; i < dest->nhosts; i++)
		plan[i] = deliver_host_ref(dest->host[order[i].index]);
	*n = dest->nhosts;
	if (*n > 0 && plan[0]->bad_until != 0 && plan[0]->bad_until <= now)
		plan[0]->bad_until = now + DELIVER_HOST_BAD;
	free(order);
	return plan;
}

const struct resolve_addr *
deliver_host_addr(const struct deliver_host *h, size_t i, int64_t now)
{
	size_t good = 0;

	if (h->good.len == 0 || h->good_until <= now)
		return &h->addrs.v[i];
	while (good < h->addrs.n && !resolve_same(&h->addrs.v[good], &h->good))
		good++;
	if (good == h->addrs.n || i > good)
		return &h->addrs.v[i];
	return i == 0 ? &h->addrs.v[good] : &h->addrs.v[i - 1];
}
