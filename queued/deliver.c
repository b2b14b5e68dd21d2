/*
 * deliver.c -- the interface: life, kicks, flush, drain, listing.
 *
 * Start: the rules name the destinations, the store says which domains have mail; whatever
 * is due flows as soon as the loop runs. Stop: no new work, messages in
 * flight are finished and their settlements made durable, within a bound.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/deliver.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "queued/deliver_private.h"

const char *
destination_state_name(enum destination_state state)
{
	static const char *const names[] = {
		[DEST_UP] = "up",
		[DEST_DOWN] = "down",
		[DEST_PROBING] = "probing",
		[DEST_RAMPING] = "ramping",
		[DEST_HELD] = "held",
	};

	return names[state];
}

/* Spreads retries and probes; nothing depends on its quality (xorshift32). */
uint32_t
deliver_noise(struct deliver *d)
{
	d->noise ^= d->noise << 13;
	d->noise ^= d->noise >> 17;
	d->noise ^= d->noise << 5;
	return d->noise;
}

struct deliver *
deliver_new(struct event_base *base, struct store *store, const struct conf *conf,
    struct ruleset *rules)
{
	struct deliver *d = xcalloc(1, sizeof(*d));
	char *why = NULL;

	d->base = base;
	d->store = store;
	d->conf = conf;
	d->rules = ruleset_ref(rules);
	d->started = clock_wall();
	d->noise = (uint32_t)clock_wall_ms() | 1u;
	d->dns = dns_new(conf->resolver, conf->dnssec_anchor, &why);
	if (d->dns == NULL)
		log_fatal("%s", why);
	dns_attach(d->dns, base);
	d->resolve = resolve_new(base, conf->resolver, d->dns);
	d->tls = tls_client_new(&why);
	if (d->tls == NULL)
		log_fatal("%s", why);
	deliver_bounce_new(d);
	deliver_aged_new(d);
	deliver_quarantine_new(d);
	deliver_route_new(d);
	deliver_route_conf(d);
	deliver_clock_start(d);
	deliver_route_all(d);
	deliver_census(d);
	return d;
}

void
deliver_rules(struct deliver *d, struct ruleset *rules)
{
	struct ruleset *old = d->rules;

	d->rules = ruleset_ref(rules);
	deliver_route_all(d);
	ruleset_unref(&old);
}

void
deliver_conf(struct deliver *d, const struct conf *conf)
{
	d->conf = conf;
	deliver_route_conf(d);
	deliver_route_all(d);
}

void
deliver_kick(struct deliver *d, const char *domain)
{
	struct deliver_domain *dom = deliver_route_domain(d, domain);

	deliver_hungry(dom);
	deliver_aged_seen(dom, clock_wall());
	if (dom->dest == NULL)
		deliver_route_report(dom);
	else if (dom->dest->health.state == DEST_UP || dom->dest->health.state == DEST_RAMPING)
		deliver_pump(dom->dest);
}

static void
flush_one(struct deliver_domain *dom)
{
	struct deliver_session *s;

	if (dom->dest == NULL)
		return;
	/* What is being tried at this moment and fails is tried again at once, too. */
	TAILQ_FOREACH(s, &dom->dest->sessions, link)
		if (s->job != NULL && strcmp(s->job->domain, dom->name) == 0)
			s->hurried = true;
	deliver_hungry(dom);
	deliver_hurry(dom->dest);
	deliver_pump(dom->dest);
}

void
deliver_flush(struct deliver *d, const char *domain)
{
	struct deliver_domain *dom;

	if (d->draining)
		return;
	if (domain != NULL) {
		flush_one(deliver_route_domain(d, domain));
		return;
	}
	TAILQ_FOREACH(dom, &d->domains, all)
		flush_one(dom);
}

/* --- the end ------------------------------------------------------------- */

static void
on_drained(evutil_socket_t fd, short what, void *arg)
{
	struct deliver *d = arg;
	void (*done)(void *) = d->drained;

	(void)fd;
	(void)what;
	if (done == NULL)
		return;
	if (d->inflight > 0 || d->unsettled > 0)
		log_warn("deliveries did not end in time: sessions=%u settlements=%u", d->inflight,
		    d->unsettled);
	d->drained = NULL;
	done(d->drained_arg);
}

void
deliver_drain_check(struct deliver *d)
{
	if (d->drained != NULL && d->inflight == 0 && d->unsettled == 0)
		event_active(d->drain_timer, EV_TIMEOUT, 0);
}

void
deliver_drain(struct deliver *d, void (*done)(void *), void *arg)
{
	struct timeval tv = { d->conf->shutdown_timeout, 0 };
	struct deliver_domain *dom;
	struct deliver_dest *dest;
	struct deliver_session *s, *next;

	d->draining = true;
	d->drained = done;
	d->drained_arg = arg;
	deliver_clock_stop(d);
	d->drain_timer = evtimer_new(d->base, on_drained, d);
	if (d->drain_timer == NULL || event_add(d->drain_timer, &tv) == -1)
		log_fatal("out of memory");
	TAILQ_FOREACH(dom, &d->domains, all)
		deliver_put_back(dom);
	TAILQ_FOREACH(dest, &d->dests, all) {
		for (s = TAILQ_FIRST(&dest->sessions); s != NULL; s = next) {
			next = TAILQ_NEXT(s, link);
			if (s->is_idle)
				deliver_session_quit(s);
			else if (!s->ready)
				deliver_session_cut(&s, "shutting down");
		}
	}
	deliver_drain_check(d);
}

void
deliver_free(struct deliver **dp)
{
	struct deliver *d = *dp;
	struct deliver_dest *dest;
	struct deliver_session *s;

	if (d == NULL)
		return;
	d->draining = true;
	d->drained = NULL;
	deliver_clock_stop(d);
	TAILQ_FOREACH(dest, &d->dests, all)
		while ((s = TAILQ_FIRST(&dest->sessions)) != NULL)
			deliver_session_cut(&s, "shutting down");
	deliver_bounce_free(d);
	deliver_aged_free(d);
	deliver_quarantine_free(d);
	deliver_route_free(d);
	store_forget(d->store, d);
	if (d->drain_timer != NULL)
		event_free(d->drain_timer);
	resolve_free(&d->resolve);
	dns_free(&d->dns);
	tls_client_free(&d->tls);
	ruleset_unref(&d->rules);
	free(d);
	*dp = NULL;
}

/* --- listing ------------------------------------------------------------- */

static int64_t
wall_of(int64_t mono)
{
	return (clock_offset_ms() + mono) / 1000;
}

static void
each_dest(struct deliver_dest *dest, void (*fn)(void *, const struct destination_info *),
    void *arg)
{
	const char **names = xcalloc(dest->ndomains + 1, sizeof(*names));
	bool down = dest->health.state == DEST_DOWN || dest->health.state == DEST_PROBING;
	bool held = dest->health.state == DEST_HELD;
	struct destination_info info = {
		.name = dest->name,
		.state = dest->health.state,
		.since = dest->since,
		.next_probe = (down || held) && dest->kind != ROUTE_TURN ? wall_of(dest->health.next_probe) : 0,
		.concurrency = dest->nsessions,
		.window = down || held ? 0 : dest->health.window,
		.canary = dest->health.trial && !down && !held,
		.reason = dest->reason,
	};
	struct deliver_domain *dom;

	TAILQ_FOREACH(dom, &dest->domains, of_dest)
		names[info.ndomains++] = dom->name;
	info.domains = names;
	fn(arg, &info);
	free(names);
}

const char *
deliver_destination(struct deliver *d, const char *name)
{
	struct deliver_dest *dest = deliver_route_find(d, name);

	return dest != NULL ? dest->name : NULL;
}

/* Mail that no rule routes shows up as a destination of its own, held. */
static void
each_orphan(struct deliver *d, void (*fn)(void *, const struct destination_info *), void *arg)
{
	struct destination_info info = {
		.name = "none",
		.state = DEST_HELD,
		.since = d->started,
		.reason = "no rule for domain",
	};
	const char **names = NULL;
	struct deliver_domain *dom;

	TAILQ_FOREACH(dom, &d->domains, all) {
		if (dom->dest != NULL || !dom->hungry)
			continue;
		names = xrealloc(names, info.ndomains + 1, sizeof(*names));
		names[info.ndomains++] = dom->name;
	}
	info.domains = names;
	if (info.ndomains > 0)
		fn(arg, &info);
	free(names);
}

void
deliver_each(struct deliver *d, void (*fn)(void *, const struct destination_info *), void *arg)
{
	struct deliver_dest *dest;

	TAILQ_FOREACH(dest, &d->dests, all)
		if (dest->ndomains > 0)
			each_dest(dest, fn, arg);
	each_orphan(d, fn, arg);
}

static void
count_one(void *arg, const struct destination_info *i)
{
	struct deliver_counts *n = arg;

	n->all++;
	if (i->state == DEST_HELD && i->next_probe != 0)	/* else: no rule names it */
		n->held++;
	else if (i->state != DEST_UP && i->state != DEST_RAMPING)
		n->down++;
}

void
deliver_count(struct deliver *d, struct deliver_counts *n)
{
	*n = (struct deliver_counts){ 0, 0, 0 };
	deliver_each(d, count_one, n);
}
