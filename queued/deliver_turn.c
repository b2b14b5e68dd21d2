/*
 * deliver_turn.c -- ATRN: a primary has called us and fetches its mail (RFC 2645).
 *
 * For the time of the session its domains go to a destination of their own, which has this one
 * connection and no host to open another to. All else is as ever: leases,
 * outcomes, settlements. The guard is on from the first message: whoever
 * calls may come back from anything. Mail that waits by its schedule is made due first.
 *
 * The session ends when nothing is left, or as any session does; then the
 * domains return to where the rules say, and what was not delivered waits there as before.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/log.h"
#include "queued/deliver_private.h"

struct deliver_turn {
	struct deliver_dest	*dest;
	unsigned		 changing;	/* domains whose mail is being made due */
	void			(*done)(void *, unsigned);
	void			*arg;
};

bool
deliver_turn_busy(struct deliver *d, const char *const *domains, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (deliver_route_domain(d, domains[i])->turn != NULL)
			return true;
	return false;
}

/* --- the destination ----------------------------------------------------- */

static struct deliver_dest *
make_dest(struct deliver *d, const char *peer)
{
	static char none[] = "";
	struct rules_domain rule = {
		.destination = xasprintf("atrn:%s", peer),
		.route = {
			.kind = ROUTE_HOSTS,	/* none: nobody connects to it */
			.mx = none, .tls_name = none, .tls_ca = none, .tls_pin = none,
			.source4 = none, .source6 = none,
			.tls = TLS_OFF,		/* or it is there already */
			.client = CLIENT_XFORWARD,
		},
	};
	struct deliver_dest *dest = deliver_route_dest(d, &rule);

	free(rule.destination);
	return dest;
}

/* --- before the first message -------------------------------------------- */

/* All that waits for the schedule is due now; until that is so, "nothing is left" means nothing. */
static void
changed(void *arg, enum store_result result, uint64_t n, const char *why)
{
	struct deliver_turn *t = arg;
	struct deliver_domain *dom;

	(void)n;
	if (result != STORE_OK && result != STORE_NOT_FOUND)
		log_warn("destination=%s its deferred mail is not due yet: %s", t->dest->name,
		    why != NULL ? why : "");
	if (--t->changing > 0)
		return;
	t->dest->asked--;
	TAILQ_FOREACH(dom, &t->dest->domains, of_dest)
		deliver_hungry(dom);
	deliver_pump(t->dest);
}

static void
make_due(struct deliver_turn *t)
{
	struct deliver_domain *dom;

	t->dest->asked++;	/* as if jobs were on their way: the session waits for them */
	TAILQ_FOREACH(dom, &t->dest->domains, of_dest)
		t->changing++;
	TAILQ_FOREACH(dom, &t->dest->domains, of_dest) {
		struct store_filter filter = { .domain = dom->name, .state = RCPT_QUEUED };

		dom->next_due = 0;
		store_change(t->dest->d->store, CHANGE_RETRY, &filter, "atrn", changed, t);
		deliver_hungry(dom);
	}
}

bool
deliver_turn(struct deliver *d, const char *const *domains, size_t n, struct smtp_io **io,
    const char *peer, void (*done)(void *, unsigned), void *arg)
{
	struct deliver_turn *t;
	struct deliver_dest *dest;

	if (n == 0 || d->draining || deliver_turn_busy(d, domains, n))
		return false;
	dest = make_dest(d, peer);
	assert(dest->turn == NULL);
	t = dest->turn = xcalloc(1, sizeof(*t));
	t->dest = dest;
	t->done = done;
	t->arg = arg;
	for (size_t i = 0; i < n; i++) {
		struct deliver_domain *dom = deliver_route_domain(d, domains[i]);

		dom->turn = dest;
		deliver_route_again(dom);
	}
	destination_try(&dest->health);
	dest->drained = 0;
	make_due(t);
	deliver_session_adopt(dest, io, peer);
	return true;
}

/* --- the end ------------------------------------------------------------- */

void
deliver_turn_idle(struct deliver_dest *dest)
{
	deliver_judge_idle(dest);
	if (TAILQ_EMPTY(&dest->hungry))		/* else the guard has made mail due */
		deliver_stand_down(dest);
}

void
deliver_turn_ended(struct deliver_dest *dest)
{
	struct deliver *d = dest->d;
	struct deliver_turn *t = dest->turn;
	struct deliver_domain *dom, *next;

	dest->turn = NULL;
	store_forget(d->store, t);
	if (t->changing > 0)
		dest->asked--;
	TAILQ_FOREACH(dom, &d->domains, all) {
		if (dom->turn != dest)
			continue;
		dom->turn = NULL;
		deliver_hungry(dom);
		deliver_route_again(dom);
	}
	for (dom = TAILQ_FIRST(&d->domains); dom != NULL; dom = next) {
		next = TAILQ_NEXT(dom, all);
		if (dom->hungry && dom->dest != NULL && dom->dest != dest)
			deliver_pump(dom->dest);
	}
	t->done(t->arg, (unsigned)dest->drained);
	free(t);
}
