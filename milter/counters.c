/*
 * counters.c -- how often each check and each rule was asked, and what came of it.
 *
 * A tree by name under one mutex: a few look-ups a recipient. Names are those of the rules, so they are
 * few; a bound keeps a site that makes and drops rules by the thousand from growing us.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/counters.h"

#include <pthread.h>
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/buf.h"

struct count {
	char			*name;
	uint64_t		 n[NCOUNTERS];
	bool			 changed;
	STAILQ_ENTRY(count)	 link;
};

struct counters {
	pthread_mutex_t		 lock;
	void			*tree;
	STAILQ_HEAD(, count)	 all;
	size_t			 ncounts;
};

static int
cmp(const void *a, const void *b)
{
	return strcmp(((const struct count *)a)->name, ((const struct count *)b)->name);
}

struct counters *
counters_new(void)
{
	struct counters *c = xcalloc(1, sizeof(*c));

	(void)pthread_mutex_init(&c->lock, NULL);
	STAILQ_INIT(&c->all);
	return c;
}

void
counters_free(struct counters **cp)
{
	struct counters *c = *cp;
	struct count *e;

	if (c == NULL)
		return;
	while ((e = STAILQ_FIRST(&c->all)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->all, link);
		(void)tdelete(e, &c->tree, cmp);
		free(e->name);
		free(e);
	}
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
	*cp = NULL;
}

/* Under the lock. NULL: there are too many. */
static struct count *
find_or_make(struct counters *c, const char *name)
{
	struct count key = { .name = (char *)(uintptr_t)name }, *e;	/* only compared */
	void *found = tfind(&key, &c->tree, cmp);

	if (found != NULL)
		return *(struct count **)found;
	if (c->ncounts == COUNTERS_MAX)
		return NULL;
	e = xcalloc(1, sizeof(*e));
	e->name = xstrdup(name);
	if (tsearch(e, &c->tree, cmp) == NULL) {
		free(e->name);
		free(e);
		return NULL;
	}
	STAILQ_INSERT_TAIL(&c->all, e, link);
	c->ncounts++;
	return e;
}

void
counters_add(struct counters *c, const char *name, enum counter which)
{
	struct count *e;

	(void)pthread_mutex_lock(&c->lock);
	if ((e = find_or_make(c, name)) != NULL) {
		e->n[which]++;
		e->changed = true;
	}
	(void)pthread_mutex_unlock(&c->lock);
}

void
counters_load(struct counters *c, const char *name, const uint64_t n[NCOUNTERS])
{
	struct count *e;

	(void)pthread_mutex_lock(&c->lock);
	if ((e = find_or_make(c, name)) != NULL)
		for (size_t i = 0; i < NCOUNTERS; i++)
			e->n[i] += n[i];
	(void)pthread_mutex_unlock(&c->lock);
}

static void
each(struct counters *c, bool changed, counters_fn *fn, void *arg)
{
	struct count *e;

	(void)pthread_mutex_lock(&c->lock);
	STAILQ_FOREACH(e, &c->all, link) {
		if (changed && !e->changed)
			continue;
		e->changed = e->changed && !changed;
		fn(arg, e->name, e->n);
	}
	(void)pthread_mutex_unlock(&c->lock);
}

void
counters_changed(struct counters *c, counters_fn *fn, void *arg)
{
	each(c, true, fn, arg);
}

void
counters_all_changed(struct counters *c)
{
	struct count *e;

	(void)pthread_mutex_lock(&c->lock);
	STAILQ_FOREACH(e, &c->all, link)
		e->changed = true;
	(void)pthread_mutex_unlock(&c->lock);
}

void
counters_each(struct counters *c, counters_fn *fn, void *arg)
{
	each(c, false, fn, arg);
}
