/*
 * store_lease.c -- which (message, domain) pairs are in somebody's hands.
 *
 * An open-addressing table with linear probing; removal moves later entries
 * of the run back, so there are no tombstones and a lookup stays short. It
 * grows and shrinks with what is leased, never with what is held (S5).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/store_lease.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define SLOTS_MIN	64	/* a power of two */

struct lease {
	int64_t	 id;
	char	*domain;	/* NULL: a free slot */
};

struct leases {
	struct lease	*slot;
	size_t		 nslots;	/* a power of two, at most half used */
	size_t		 used;
};

static size_t
home(const struct leases *l, int64_t id, const char *domain)
{
	uint64_t h = (uint64_t)id * UINT64_C(0x9e3779b97f4a7c15);

	for (; *domain != '\0'; domain++)
		h = (h ^ (unsigned char)*domain) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32) & (l->nslots - 1);
}

/* The pair's slot, or the free one where it would go. */
static size_t
find(const struct leases *l, int64_t id, const char *domain)
{
	size_t i = home(l, id, domain);

	while (l->slot[i].domain != NULL
	    && (l->slot[i].id != id || strcmp(l->slot[i].domain, domain) != 0))
		i = (i + 1) & (l->nslots - 1);
	return i;
}

static void
resize(struct leases *l, size_t nslots)
{
	struct lease *old = l->slot;
	size_t nold = l->nslots;

	l->slot = xcalloc(nslots, sizeof(*l->slot));
	l->nslots = nslots;
	for (size_t i = 0; i < nold; i++)
		if (old[i].domain != NULL)
			l->slot[find(l, old[i].id, old[i].domain)] = old[i];
	free(old);
}

struct leases *
leases_new(void)
{
	struct leases *l = xcalloc(1, sizeof(*l));

	resize(l, SLOTS_MIN);
	return l;
}

void
leases_free(struct leases **lp)
{
	struct leases *l = *lp;

	if (l == NULL)
		return;
	for (size_t i = 0; i < l->nslots; i++)
		free(l->slot[i].domain);
	free(l->slot);
	free(l);
	*lp = NULL;
}

bool
leases_has(const struct leases *l, int64_t id, const char *domain)
{
	return l->used != 0 && l->slot[find(l, id, domain)].domain != NULL;
}

void
leases_add(struct leases *l, int64_t id, const char *domain)
{
	size_t i;

	if ((l->used + 1) * 2 > l->nslots)
		resize(l, l->nslots * 2);
	i = find(l, id, domain);
	assert(l->slot[i].domain == NULL);	/* S4 */
	l->slot[i] = (struct lease) { id, xstrdup(domain) };
	l->used++;
}

void
leases_remove(struct leases *l, int64_t id, const char *domain)
{
	size_t mask = l->nslots - 1;
	size_t gap = find(l, id, domain);

	assert(l->slot[gap].domain != NULL);
	free(l->slot[gap].domain);
	for (size_t i = (gap + 1) & mask; l->slot[i].domain != NULL; i = (i + 1) & mask) {
		size_t want = home(l, l->slot[i].id, l->slot[i].domain);

		/* Whoever hashes to the gap or before it would not be found behind it. */
		if (((i - want) & mask) >= ((i - gap) & mask)) {
			l->slot[gap] = l->slot[i];
			gap = i;
		}
	}
	l->slot[gap].domain = NULL;
	l->used--;
	if (l->nslots > SLOTS_MIN && l->used * 8 < l->nslots)
		resize(l, l->nslots / 2);
}

size_t
leases_count(const struct leases *l)
{
	return l->used;
}
