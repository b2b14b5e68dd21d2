/*
 * greylist.c -- who has come before.
 *
 *	nothing ──comes──> waiting ──again, delay to window later──> passed ──every mail──> passed
 *	   ^                  │ too late                               │ not for a lifetime
 *	   └──────────────────┴────────────────────────────────────────┘
 *
 * Texts are compared without regard to case and otherwise as they are: senders that differ for
 * every message (VERP, SRS) make a triplet each. Such senders are the reason why a network that has
 * passed a few times is freed altogether.
 *
 * Invariant: what is remembered ends by itself, at `until' of its record. A clock that was set back lets
 * nobody wait longer than the delay, and takes nothing from who has passed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/greylist.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/rules_policy.h"
#include "milter/memory.h"

#define SECOND		INT64_C(1000000)
#define FRESH		60	/* s: a network's last mail is not noted anew before */
#define TEXT_SIZE	(64 + 2 * ADDR_PATH_MAX)
#define PASSES_MAX	1000000

struct greylist {
	struct memory	*triplets, *networks;
};

struct greylist *
greylist_new(void)
{
	struct greylist *g = xcalloc(1, sizeof(*g));

	g->triplets = memory_new();
	g->networks = memory_new();
	return g;
}

void
greylist_free(struct greylist **gp)
{
	struct greylist *g = *gp;

	if (g == NULL)
		return;
	memory_free(&g->triplets);
	memory_free(&g->networks);
	free(g);
	*gp = NULL;
}

struct memory *
greylist_triplets(struct greylist *g)
{
	return g->triplets;
}

struct memory *
greylist_networks(struct greylist *g)
{
	return g->networks;
}

/* --- the decision ------------------------------------------------------------------------------- */

enum greylist_answer
greylist_decide(const struct greylist_entry *e, const struct rules_policy *p, int64_t now, unsigned *wait)
{
	*wait = p->greylist_delay;
	if (e->passes > 0)	/* one that passed a moment ago by a clock that was set back has passed */
		return now - e->last < (int64_t)p->greylist_lifetime ? GREYLIST_PASS : GREYLIST_EXPIRED;
	if (e->since == 0 || e->since > now)
		return GREYLIST_FIRST;
	if (now - e->since >= (int64_t)p->greylist_window)
		return GREYLIST_EXPIRED;
	if (now - e->since >= (int64_t)p->greylist_delay)
		return GREYLIST_PASS;
	*wait = p->greylist_delay - (unsigned)(now - e->since);
	return GREYLIST_EARLY;
}

bool
greylist_is_free(const struct greylist_entry *e, const struct rules_policy *p, int64_t now)
{
	return p->greylist_passes > 0 && e->passes >= p->greylist_passes &&
	    now - e->last < (int64_t)p->greylist_lifetime;
}

/* --- memory ------------------------------------------------------------------------------------- */

static void
entry_of(const struct memory_record *r, struct greylist_entry *e)
{
	*e = (struct greylist_entry){ .since = 0 };
	if (r == NULL)
		return;
	e->since = r->n[GREYLIST_SINCE];
	e->last = r->n[GREYLIST_LAST];
	e->passes = r->n[GREYLIST_PASSES] < PASSES_MAX ? (unsigned)r->n[GREYLIST_PASSES] : PASSES_MAX;
}

/* Its last mail passed now. */
static void
passed(struct memory_record *r, const struct rules_policy *p, int64_t now)
{
	if (r->n[GREYLIST_SINCE] == 0 || r->n[GREYLIST_SINCE] > now)
		r->n[GREYLIST_SINCE] = now;
	r->n[GREYLIST_LAST] = now;
	r->n[GREYLIST_PASSES] += r->n[GREYLIST_PASSES] < PASSES_MAX;
	r->until = (now + (int64_t)p->greylist_lifetime) * SECOND;
}

static bool
is_free(struct greylist *g, const struct memory_key *key, const struct rules_policy *p, int64_t now,
    bool dry)
{
	struct memory_record *r;
	struct greylist_entry e;
	bool is;

	memory_lock(g->networks);
	r = memory_find(g->networks, key, now * SECOND);
	entry_of(r, &e);
	is = greylist_is_free(&e, p, now);
	if (is && !dry && now - e.last >= FRESH) {
		passed(r, p, now);
		memory_changed(g->networks, r);
	}
	memory_unlock(g->networks);
	return is;
}

static void
count_pass(struct greylist *g, const struct memory_key *key, const char *network,
    const struct rules_policy *p, int64_t now)
{
	struct memory_record *r;

	memory_lock(g->networks);
	r = memory_make(g->networks, key, network, p->greylist_entries, now * SECOND);
	passed(r, p, now);
	memory_changed(g->networks, r);
	memory_unlock(g->networks);
}

/* Under the lock: what is remembered of a triplet that was answered so. */
static void
note(struct greylist *g, const struct memory_key *key, const char *text, enum greylist_answer answer,
    const struct rules_policy *p, int64_t now)
{
	struct memory_record *r;

	if (answer == GREYLIST_EARLY)
		return;
	r = memory_make(g->triplets, key, text, p->greylist_entries, now * SECOND);
	if (answer == GREYLIST_PASS) {
		passed(r, p, now);
	} else {
		r->n[GREYLIST_SINCE] = now;
		r->n[GREYLIST_LAST] = 0;
		r->n[GREYLIST_PASSES] = 0;
		r->until = (now + (int64_t)p->greylist_window) * SECOND;
	}
	memory_changed(g->triplets, r);
}

enum greylist_answer
greylist_ask(struct greylist *g, struct greylist_who *who, const struct rules_policy *p, int64_t now,
    bool dry, unsigned *wait)
{
	struct memory_key network, triplet;
	enum greylist_answer answer;
	struct greylist_entry e;
	char text[TEXT_SIZE];

	*wait = 0;
	memory_key(who->network, &network);
	if (is_free(g, &network, p, now, dry))
		return GREYLIST_FREE;
	(void)snprintf(text, sizeof(text), "%s\n%.*s\n%.*s", who->network, ADDR_PATH_MAX, who->sender,
	    ADDR_PATH_MAX, who->recipient);
	addr_lower(text);
	memory_key(text, &triplet);

	memory_lock(g->triplets);
	entry_of(memory_find(g->triplets, &triplet, now * SECOND), &e);
	answer = greylist_decide(&e, p, now, wait);
	if (!dry)
		note(g, &triplet, text, answer, p, now);
	memory_unlock(g->triplets);

	if (answer == GREYLIST_PASS && !dry && !who->counted) {
		count_pass(g, &network, who->network, p, now);
		who->counted = true;
	}
	return answer;
}
