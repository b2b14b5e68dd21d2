/*
 * mx_lookup.c -- the MX hosts of a domain with their addresses, without ourselves.
 *
 * First the MX records, then the addresses of all their hosts at once: whether a host is this one can
 * only be seen by its address, and hosts that are no better than us must be gone before one of
 * them is tried. A host whose name does not resolve now stays in the list.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/mx_lookup.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/hosts.h"

#define SMTP_PORT	25

struct part {
	struct mx_lookup	*lookup;
	struct resolve_query	*query;
};

struct mx_lookup {
	struct resolve		*resolve;
	char			*domain;
	char			*hostname;
	uint16_t		 port;
	bool			 wants_secure;
	mx_cb			*cb;
	void			*arg;
	struct mx_lookup       **handle;
	struct dns_query	*query;
	enum route_mx_result	 result;
	struct route_mx		 mx;
	struct mx_answer	 answer;
	struct part		 part[ROUTE_MX_MAX];
	size_t			 waits;		/* for so many hosts */
};

bool
mx_is_self(const struct resolve_addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohs(a->in.sin_port) == SMTP_PORT && hosts_own(AF_INET, &a->in.sin_addr);
	return ntohs(a->in6.sin6_port) == SMTP_PORT && hosts_own(AF_INET6, &a->in6.sin6_addr);
}

static void
lookup_free(struct mx_lookup **lp)
{
	struct mx_lookup *l = *lp;

	dns_cancel(&l->query);
	for (size_t i = 0; i < ROUTE_MX_MAX; i++)
		resolve_cancel(&l->part[i].query);
	free(l->hostname);
	free(l->domain);
	free(l);
	*lp = NULL;
}

static void
finish(struct mx_lookup *l, char *why, bool failed)
{
	*l->handle = NULL;
	l->answer.mx = &l->mx;
	l->cb(l->arg, &l->answer, why, failed);
	free(why);
	lookup_free(&l);
}

static char *
nothing_left(const struct mx_lookup *l)
{
	return xasprintf("mail for %s loops back to me (5.4.6): its best %s is this host", l->domain,
	    l->result == ROUTE_MX_ITSELF ? "address" : "MX");
}

/* All addresses are known: who of them is us? */
static void
resolved_all(struct mx_lookup *l)
{
	char *why = NULL;

	for (size_t i = 0; i < l->mx.n; i++)
		for (size_t k = 0; k < l->answer.addrs[i].n; k++)
			if (mx_is_self(&l->answer.addrs[i].v[k]))
				l->mx.v[i].self = true;
	if (route_mx_prune(&l->mx))
		l->answer.named = true;
	if (l->mx.n == 0)
		why = nothing_left(l);
	finish(l, why, false);
}

static void
on_addrs(void *arg, const struct resolve_list *list, const char *why)
{
	struct part *part = arg;
	struct mx_lookup *l = part->lookup;
	size_t i = (size_t)(part - l->part);

	l->answer.addrs[i] = *list;
	(void)why;		/* said when the host's turn comes */
	if (list->n > 0 && list->ttl < l->answer.ttl)
		l->answer.ttl = list->ttl;
	if (--l->waits == 0)
		resolved_all(l);
}

static void
resolve_all(struct mx_lookup *l)
{
	size_t n = l->mx.n;

	/* One more, so that the last answer cannot come before the last question. */
	l->waits = n + 1;
	for (size_t i = 0; i < n; i++) {
		l->part[i].lookup = l;
		resolve_host(l->resolve, l->mx.v[i].name, l->port, l->wants_secure, on_addrs,
		    &l->part[i], &l->part[i].query);
	}
	if (--l->waits == 0)
		resolved_all(l);
}

static void
on_mx(void *arg, const struct dns_answer *a)
{
	struct mx_lookup *l = arg;

	l->answer.secure = a->secure;
	l->answer.ttl = resolve_ttl(a->ttl);
	l->result = route_mx_read(a, l->domain, &l->mx);
	switch (l->result) {
	case ROUTE_MX_HOSTS:
	case ROUTE_MX_ITSELF:
		break;
	case ROUTE_MX_NULL:
		finish(l, xasprintf("%s takes no mail (5.1.10): it has a null MX", l->domain), false);
		return;
	case ROUTE_MX_MALFORMED:
		finish(l, xasprintf("the MX records of %s name no host", l->domain), false);
		return;
	case ROUTE_MX_NO_DOMAIN:
		finish(l, xasprintf("cannot resolve the MX of %s: no such domain", l->domain), false);
		return;
	case ROUTE_MX_UNKNOWN:
		finish(l, xasprintf("cannot resolve the MX of %s: %s", l->domain, a->why), true);
		return;
	}
	route_mx_name(&l->mx, l->hostname);
	l->answer.named = route_mx_prune(&l->mx);
	if (l->mx.n == 0)
		finish(l, nothing_left(l), false);
	else
		resolve_all(l);
}

void
mx_lookup_start(struct resolve *r, const struct mx_ask *ask, mx_cb *cb, void *arg,
    struct mx_lookup **handle)
{
	struct mx_lookup *l = xcalloc(1, sizeof(*l));

	l->resolve = r;
	l->domain = xstrdup(ask->domain);
	l->hostname = xstrdup(ask->hostname);
	l->port = ask->port;
	l->wants_secure = ask->secure;
	l->cb = cb;
	l->arg = arg;
	l->handle = handle;
	*handle = l;
	dns_start(resolve_dns(r, ask->secure), ask->domain, DNS_MX, on_mx, l, &l->query);
}

void
mx_lookup_cancel(struct mx_lookup **lp)
{
	if (*lp != NULL)
		lookup_free(lp);
}
