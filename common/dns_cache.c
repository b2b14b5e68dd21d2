/*
 * dns_cache.c -- answers that are still good, at hand.
 *
 * libunbound keeps them as well, but in a thread of its own: a question to it costs two pipes and two
 * switches of threads, many times what it takes to look here. A client that comes back soon asks the same
 * questions again, some ten for each message.
 *
 * A tree by name and type (tsearch(3) balances it) and a list by age. The caller holds the lock of the
 * context. Only what libunbound gave a time to live is kept, for that time or for DNS_CACHE_TTL if it is
 * less; no failure is, since a server that is back shall be seen at once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/dns_private.h"

struct item {
	char			*name;
	enum dns_type		 type;
	int64_t			 until;		/* mono ms */
	struct dns_answer	 answer;
	TAILQ_ENTRY(item)	 by_age;
};

struct dns_cache {
	void			*tree;
	TAILQ_HEAD(, item)	 by_age;	/* the oldest first */
	size_t			 n;
};

static int
cmp(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return strcasecmp(x->name, y->name);
}

struct dns_cache *
dns_cache_new(void)
{
	struct dns_cache *c = xcalloc(1, sizeof(*c));

	TAILQ_INIT(&c->by_age);
	return c;
}

static void
let_go(struct dns_cache *c, struct item *e)
{
	(void)tdelete(e, &c->tree, cmp);
	TAILQ_REMOVE(&c->by_age, e, by_age);
	c->n--;
	dns_answer_clear(&e->answer);
	free(e->name);
	free(e);
}

void
dns_cache_free(struct dns_cache **cp)
{
	struct dns_cache *c = *cp;

	if (c == NULL)
		return;
	while (!TAILQ_EMPTY(&c->by_age))
		let_go(c, TAILQ_FIRST(&c->by_age));
	free(c);
	*cp = NULL;
}

static struct item *
find(const struct dns_cache *c, const char *name, enum dns_type type)
{
	struct item probe = { .name = (char *)(uintptr_t)name, .type = type };
	void *found = tfind(&probe, &c->tree, cmp);

	return found != NULL ? *(struct item **)found : NULL;
}

bool
dns_cache_get(struct dns_cache *c, const char *name, enum dns_type type, int64_t now, struct dns_answer *a)
{
	struct item *e = find(c, name, type);

	if (e == NULL)
		return false;
	if (e->until <= now) {
		let_go(c, e);
		return false;
	}
	dns_answer_copy(a, &e->answer);
	a->ttl = (unsigned)((e->until - now) / 1000);
	return true;
}

static size_t
size(const struct dns_answer *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += a->rr[i].len;
	return n;
}

void
dns_cache_put(struct dns_cache *c, const char *name, enum dns_type type, int64_t now,
    const struct dns_answer *a)
{
	struct item *e;

	if (a->status == DNS_FAILED || a->status == DNS_BOGUS || a->ttl == 0 || size(a) > DNS_CACHE_OCTETS)
		return;
	if ((e = find(c, name, type)) != NULL)
		let_go(c, e);
	else if (c->n == DNS_CACHE_MAX)
		let_go(c, TAILQ_FIRST(&c->by_age));
	e = xcalloc(1, sizeof(*e));
	e->name = xstrdup(name);
	e->type = type;
	e->until = now + (int64_t)(a->ttl < DNS_CACHE_TTL ? a->ttl : DNS_CACHE_TTL) * 1000;
	dns_answer_copy(&e->answer, a);
	if (tsearch(e, &c->tree, cmp) == NULL)
		abort();	/* out of memory, as in xcalloc() */
	TAILQ_INSERT_TAIL(&c->by_age, e, by_age);
	c->n++;
}
