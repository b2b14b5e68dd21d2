/*
 * memory.c -- what is remembered of strangers: a bounded table of small records.
 *
 * A tree by key (tsearch(3) balances it), a list by age, a list of what has changed; one mutex.
 * Nobody waits for a disk under it: who writes takes copies.
 *
 * Invariants
 *  - A record is in the tree and in the list by age; in the list of changes if `changed'.
 *  - There are never more records than the bound that was given last, but for a bound that was
 *    lowered: then each new one lets a few old ones go.
 *  - At most MEMORY_TEXTS_MAX records hold a text.
 *
 * The hash is SHA-256, cut: records of two texts cannot be made to meet, so it needs no secret.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/memory.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/buf.h"

#define LET_GO_MAX	16	/* old records a new one may displace */

struct item {
	struct memory_record	 r;		/* first: a record is its item */
	bool			 changed;
	TAILQ_ENTRY(item)	 by_age;
	TAILQ_ENTRY(item)	 change;
};
TAILQ_HEAD(items, item);

struct memory {
	pthread_mutex_t	 lock;
	void		*tree;
	struct items	 by_age;	/* the oldest first */
	struct items	 changes;
	size_t		 count, ntexts, bound;
};

static int
cmp(const void *a, const void *b)
{
	return memcmp(&((const struct item *)a)->r.key, &((const struct item *)b)->r.key,
	    sizeof(struct memory_key));
}

struct memory *
memory_new(void)
{
	struct memory *m = xcalloc(1, sizeof(*m));

	(void)pthread_mutex_init(&m->lock, NULL);
	TAILQ_INIT(&m->by_age);
	TAILQ_INIT(&m->changes);
	return m;
}

void
memory_lock(struct memory *m)
{
	(void)pthread_mutex_lock(&m->lock);
}

void
memory_unlock(struct memory *m)
{
	(void)pthread_mutex_unlock(&m->lock);
}

void
memory_key(const char *text, struct memory_key *key)
{
	unsigned char md[EVP_MAX_MD_SIZE];

	if (EVP_Digest(text, strlen(text), md, NULL, EVP_sha256(), NULL) != 1)
		abort();	/* out of memory */
	memcpy(key->b, md, sizeof(key->b));
}

static void
drop_text(struct memory *m, struct item *i)
{
	if (i->r.text == NULL)
		return;
	free(i->r.text);
	i->r.text = NULL;
	m->ntexts--;
}

static void
unlink_change(struct memory *m, struct item *i)
{
	if (i->changed)
		TAILQ_REMOVE(&m->changes, i, change);
	i->changed = false;
}

/* Its row in the file goes when the writer next looks for rows that are too many, or over. */
static void
let_go(struct memory *m, struct item *i)
{
	(void)tdelete(i, &m->tree, cmp);
	TAILQ_REMOVE(&m->by_age, i, by_age);
	unlink_change(m, i);
	drop_text(m, i);
	free(i);
	m->count--;
}

void
memory_free(struct memory **mp)
{
	struct memory *m = *mp;
	struct item *i;

	if (m == NULL)
		return;
	while ((i = TAILQ_FIRST(&m->by_age)) != NULL)
		let_go(m, i);
	(void)pthread_mutex_destroy(&m->lock);
	free(m);
	*mp = NULL;
}

static struct item *
lookup(struct memory *m, const struct memory_key *key)
{
	struct item probe = { .r = { .key = *key } };
	void *found = tfind(&probe, &m->tree, cmp);

	return found != NULL ? *(struct item **)found : NULL;
}

struct memory_record *
memory_find(struct memory *m, const struct memory_key *key, int64_t now)
{
	struct item *i = lookup(m, key);

	return i != NULL && i->r.until > now ? &i->r : NULL;
}

/* Oldest first, until there is room for one. */
static void
make_room(struct memory *m, size_t max)
{
	m->bound = max;
	for (unsigned n = 0; n < LET_GO_MAX && m->count >= max && m->count > 0; n++)
		let_go(m, TAILQ_FIRST(&m->by_age));
}

static struct item *
add(struct memory *m, const struct memory_key *key)
{
	struct item *i = xcalloc(1, sizeof(*i));

	i->r.key = *key;
	if (tsearch(i, &m->tree, cmp) == NULL)
		abort();	/* out of memory, as in xcalloc() */
	TAILQ_INSERT_TAIL(&m->by_age, i, by_age);
	m->count++;
	return i;
}

struct memory_record *
memory_make(struct memory *m, const struct memory_key *key, const char *text, size_t max, int64_t now)
{
	struct item *i = lookup(m, key);

	if (i != NULL && i->r.until > now)
		return &i->r;
	if (i == NULL) {
		make_room(m, max);
		i = add(m, key);
	}
	i->r.until = 0;
	memset(i->r.n, 0, sizeof(i->r.n));
	/* One that is over may have no row any more. */
	if (i->r.text == NULL && m->ntexts < MEMORY_TEXTS_MAX) {
		i->r.text = xstrdup(text);
		m->ntexts++;
	}
	memory_changed(m, &i->r);
	return &i->r;
}

void
memory_changed(struct memory *m, struct memory_record *r)
{
	struct item *i = (struct item *)r;

	TAILQ_REMOVE(&m->by_age, i, by_age);
	TAILQ_INSERT_TAIL(&m->by_age, i, by_age);
	if (!i->changed)
		TAILQ_INSERT_TAIL(&m->changes, i, change);
	i->changed = true;
}

/* --- for the file ------------------------------------------------------------------------ */

size_t
memory_count(struct memory *m)
{
	size_t n;

	memory_lock(m);
	n = m->count;
	memory_unlock(m);
	return n;
}

size_t
memory_bound(struct memory *m)
{
	size_t n;

	memory_lock(m);
	n = m->bound;
	memory_unlock(m);
	return n;
}

size_t
memory_take(struct memory *m, struct memory_record *out, size_t max)
{
	struct item *i;
	size_t n = 0;

	memory_lock(m);
	for (; n < max && (i = TAILQ_FIRST(&m->changes)) != NULL; n++) {
		out[n] = i->r;
		m->ntexts -= i->r.text != NULL;
		i->r.text = NULL;
		unlink_change(m, i);
	}
	memory_unlock(m);
	return n;
}

void
memory_all_changed(struct memory *m)
{
	struct item *i;

	memory_lock(m);
	TAILQ_FOREACH(i, &m->by_age, by_age)
		if (!i->changed) {
			TAILQ_INSERT_TAIL(&m->changes, i, change);
			i->changed = true;
		}
	memory_unlock(m);
}

void
memory_load(struct memory *m, const struct memory_record *r)
{
	struct item *i;

	memory_lock(m);
	if ((i = lookup(m, &r->key)) == NULL)
		i = add(m, &r->key);
	i->r.until = r->until;
	memcpy(i->r.n, r->n, sizeof(i->r.n));
	memory_unlock(m);
}
