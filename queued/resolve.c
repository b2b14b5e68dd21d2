/*
 * resolve.c -- host names to addresses, by the hosts file and the DNS.
 *
 * Both address families are asked for at once; IPv6 comes first in the list. A family whose look-up
 * failed does not spoil the other one's answer, it only shortens its life.
 *
 * Two resolvers: what DANE builds on comes from the validating one. All else must not depend
 * on a chain of trust: name servers that spoil DNSSEC, and private top-level domains that the root
 * says do not exist, are common, and would keep mail from leaving.
 *
 * Nothing here blocks but a look at the small hosts file, and nothing is fatal after the start: with no
 * name server at all each look-up fails by its timeout.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/resolve.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/hosts.h"
#include "common/log.h"

#define HOSTS_FILE	"/etc/hosts"

struct resolve {
	struct dns	*plain, *validating;
};

struct resolve_query {
	resolve_cb		*cb;
	void			*arg;
	struct resolve_query   **handle;
	uint16_t		 port;
	struct dns_query	*aaaa, *a;
	struct resolve_list	 list6, list4;
	bool			 secure;	/* all that came so far */
	bool			 failed;
	char			*why;		/* the worse of the two */
};

/* --- addresses ------------------------------------------------------------- */

static bool
add(struct resolve_list *list, int family, const void *addr, uint16_t port)
{
	struct resolve_addr *a = &list->v[list->n];

	if (list->n == RESOLVE_MAX)
		return false;
	memset(a, 0, sizeof(*a));
	if (family == AF_INET) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(port);
		memcpy(&a->in.sin_addr, addr, sizeof(a->in.sin_addr));
		a->len = sizeof(a->in);
	} else {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons(port);
		memcpy(&a->in6.sin6_addr, addr, sizeof(a->in6.sin6_addr));
		a->len = sizeof(a->in6);
	}
	list->n++;
	return true;
}

bool
resolve_numeric(const char *host, uint16_t port, struct resolve_list *list)
{
	struct in6_addr addr;

	memset(list, 0, sizeof(*list));
	list->ttl = RESOLVE_TTL_MAX;
	if (inet_pton(AF_INET, host, &addr) == 1)
		return add(list, AF_INET, &addr, port);
	return inet_pton(AF_INET6, host, &addr) == 1 && add(list, AF_INET6, &addr, port);
}

void
resolve_format(const struct resolve_addr *a, char text[RESOLVE_TEXT])
{
	const void *p = a->sa.sa_family == AF_INET6 ? (const void *)&a->in6.sin6_addr : &a->in.sin_addr;

	if (inet_ntop(a->sa.sa_family, p, text, RESOLVE_TEXT) == NULL)
		(void)snprintf(text, RESOLVE_TEXT, "unknown");
}

bool
resolve_same(const struct resolve_addr *a, const struct resolve_addr *b)
{
	return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

unsigned
resolve_ttl(unsigned ttl)
{
	if (ttl < RESOLVE_TTL_MIN)
		return RESOLVE_TTL_MIN;
	return ttl < RESOLVE_TTL_MAX ? ttl : RESOLVE_TTL_MAX;
}

/* --- look-ups -------------------------------------------------------------- */

/* The families share the list's room, if both need it. */
static void
join(struct resolve_list *list, const struct resolve_list *more, size_t reserved)
{
	for (size_t i = 0; i < more->n && list->n + reserved < RESOLVE_MAX; i++)
		list->v[list->n++] = more->v[i];
}

static void
query_free(struct resolve_query **qp)
{
	struct resolve_query *q = *qp;

	dns_cancel(&q->aaaa);
	dns_cancel(&q->a);
	free(q->why);
	free(q);
	*qp = NULL;
}

static void
both_answered(struct resolve_query *q)
{
	size_t half = q->list4.n < RESOLVE_MAX / 2 ? q->list4.n : RESOLVE_MAX / 2;
	struct resolve_list list;
	resolve_cb *cb = q->cb;
	void *arg = q->arg;
	char *why = NULL;

	memset(&list, 0, sizeof(list));
	join(&list, &q->list6, half);
	join(&list, &q->list4, 0);
	list.secure = q->secure;
	list.failed = q->failed && list.n == 0;
	list.ttl = RESOLVE_TTL_MAX;
	if (q->list6.n > 0 && q->list6.ttl < list.ttl)
		list.ttl = q->list6.ttl;
	if (q->list4.n > 0 && q->list4.ttl < list.ttl)
		list.ttl = q->list4.ttl;
	list.ttl = q->failed ? RESOLVE_TTL_MIN : resolve_ttl(list.ttl);
	if (list.n == 0) {
		why = q->why;
		q->why = NULL;
	}
	*q->handle = NULL;
	query_free(&q);
	cb(arg, &list, why);
	free(why);
}

static void
take_answer(struct resolve_query *q, struct resolve_list *list, int family, const struct dns_answer *a)
{
	size_t size = family == AF_INET ? 4 : 16;
	bool failed = a->status == DNS_FAILED || a->status == DNS_BOGUS;

	list->ttl = a->ttl;
	for (size_t i = 0; i < a->n; i++)
		if (a->rr[i].len == size)
			(void)add(list, family, a->rr[i].data, q->port);
	if (!a->secure)
		q->secure = false;
	if (list->n == 0 && (q->why == NULL || (failed && !q->failed))) {
		free(q->why);
		q->why = xstrdup(a->status == DNS_NODATA || a->status == DNS_OK ? "no address" : a->why);
	}
	q->failed = q->failed || failed;
	if (q->aaaa == NULL && q->a == NULL)
		both_answered(q);
}

static void
on_aaaa(void *arg, const struct dns_answer *a)
{
	struct resolve_query *q = arg;

	take_answer(q, &q->list6, AF_INET6, a);
}

static void
on_a(void *arg, const struct dns_answer *a)
{
	struct resolve_query *q = arg;

	take_answer(q, &q->list4, AF_INET, a);
}

static bool
in_hosts(const char *host, uint16_t port, struct resolve_list *list)
{
	struct hosts_addr addr[RESOLVE_MAX];
	size_t n = hosts_find(HOSTS_FILE, host, addr, RESOLVE_MAX);

	memset(list, 0, sizeof(*list));
	list->ttl = RESOLVE_TTL_MIN;
	for (size_t i = 0; i < n; i++)
		if (addr[i].family == AF_INET6)
			(void)add(list, AF_INET6, addr[i].addr, port);
	for (size_t i = 0; i < n; i++)
		if (addr[i].family == AF_INET)
			(void)add(list, AF_INET, addr[i].addr, port);
	return n > 0;
}

void
resolve_host(struct resolve *r, const char *host, uint16_t port, bool secure, resolve_cb *cb,
    void *arg, struct resolve_query **handle)
{
	struct dns *dns = resolve_dns(r, secure);
	struct resolve_query *q;
	struct resolve_list list;

	*handle = NULL;
	if (!secure && in_hosts(host, port, &list)) {
		cb(arg, &list, NULL);
		return;
	}
	q = xcalloc(1, sizeof(*q));
	q->cb = cb;
	q->arg = arg;
	q->handle = handle;
	q->port = port;
	q->secure = true;
	*handle = q;
	dns_start(dns, host, DNS_AAAA, on_aaaa, q, &q->aaaa);
	dns_start(dns, host, DNS_A, on_a, q, &q->a);
}

void
resolve_cancel(struct resolve_query **qp)
{
	if (*qp != NULL)
		query_free(qp);
}

/* --- life -------------------------------------------------------------------- */

struct dns *
resolve_dns(struct resolve *r, bool secure)
{
	return secure ? r->validating : r->plain;
}

struct resolve *
resolve_new(struct event_base *base, const char *server, struct dns *validating)
{
	struct resolve *r = xcalloc(1, sizeof(*r));
	char *why = NULL;

	r->validating = validating;
	r->plain = dns_new(server, "", &why);
	if (r->plain == NULL)
		log_fatal("%s", why);
	dns_attach(r->plain, base);
	return r;
}

void
resolve_free(struct resolve **rp)
{
	if (*rp == NULL)
		return;
	dns_free(&(*rp)->plain);
	free(*rp);
	*rp = NULL;
}
