/*
 * deliver_route.c -- which domain's mail goes to which destination.
 *
 * The rules name a destination by its canonical text; equal text is one
 * destination with one health. A domain that loses its rule keeps its mail:
 * dest is NULL, nothing is leased, and it is said once. New rules apply to
 * queued mail at once: jobs that wait for a session go back to
 * the store and are leased again for the new place; running sessions finish.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "queued/deliver_private.h"

#define MX_PORT	25u

static int
by_domain_name(const void *a, const void *b)
{
	return strcmp(((const struct deliver_domain *)a)->name,
	    ((const struct deliver_domain *)b)->name);
}

static int
by_dest_name(const void *a, const void *b)
{
	return strcmp(((const struct deliver_dest *)a)->name,
	    ((const struct deliver_dest *)b)->name);
}

static void
tree_add(void **tree, void *node, int (*cmp)(const void *, const void *))
{
	if (tsearch(node, tree, cmp) == NULL)
		log_fatal("out of memory");
}

/* --- destinations -------------------------------------------------------- */

/* Empty text: no address, any will do. */
static void
set_source(struct resolve_addr *a, const char *text)
{
	struct resolve_list list;

	if (*text != '\0' && resolve_numeric(text, 0, &list))
		*a = list.v[0];
}

/* It is never connected to: down for good, and not among those that are probed. */
static void
set_turn(struct deliver_dest *dest)
{
	dest->health.state = DEST_DOWN;
	free(dest->reason);
	dest->reason = xstrdup("waits for the primary to fetch its mail (ATRN)");
}

static void
set_route(struct deliver_dest *dest, const struct rules_route *route, const char *domain)
{
	dest->tls = route->tls;
	dest->tls_name = xstrdup(route->tls_name);
	dest->tls_ca = xstrdup(route->tls_ca);
	dest->tls_pin = xstrdup(route->tls_pin);
	dest->client = route->client;
	dest->kind = route->kind;
	set_source(&dest->source4, route->source4);
	set_source(&dest->source6, route->source6);
	switch (route->kind) {
	case ROUTE_HOSTS:
		deliver_host_list(dest, route);
		break;
	case ROUTE_MX:
		dest->mx = xstrdup(*route->mx != '\0' ? route->mx : domain);
		dest->mx_port = route->mx_port != 0 ? route->mx_port : MX_PORT;
		break;
	case ROUTE_TURN:
		set_turn(dest);
		break;
	}
}

static struct deliver_dest *
dest_get(struct deliver *d, const struct rules_domain *rule, const char *domain)
{
	/* Derived from the DNS: the rule is one for all, the destination is the domain's. */
	char *name = *rule->destination != '\0' ? xstrdup(rule->destination)
	    : xasprintf("mx:%s:%u;derived", domain, MX_PORT);
	struct deliver_dest key = { .name = name }, *dest;
	void *found = tfind(&key, &d->dest_tree, by_dest_name);
	int64_t now = clock_mono_ms();

	if (found != NULL) {
		free(name);
		return *(struct deliver_dest **)found;
	}
	dest = xcalloc(1, sizeof(*dest));
	dest->d = d;
	dest->name = name;
	dest->reason = xstrdup("");
	dest->since = clock_wall();
	destination_init(&dest->health, ruleset_settings(d->rules)->concurrency, now);
	set_route(dest, &rule->route, domain);
	dest->derived = *rule->destination == '\0';
	TAILQ_INIT(&dest->domains);
	TAILQ_INIT(&dest->ready);
	TAILQ_INIT(&dest->hungry);
	TAILQ_INIT(&dest->sessions);
	TAILQ_INIT(&dest->idle);
	deliver_health_new(dest);
	tree_add(&d->dest_tree, dest, by_dest_name);
	TAILQ_INSERT_TAIL(&d->dests, dest, all);
	d->unused++;
	return dest;
}

static void
dest_free(struct deliver_dest *dest)
{
	struct deliver *d = dest->d;

	assert(dest->ndomains == 0 && dest->nsessions == 0);
	d->unused--;
	(void)tdelete(dest, &d->dest_tree, by_dest_name);
	TAILQ_REMOVE(&d->dests, dest, all);
	if (dest->starved)
		TAILQ_REMOVE(&d->starved, dest, starved_link);
	deliver_health_free(dest);
	deliver_host_clear(dest);
	free(dest->mx);
	free(dest->tls_name);
	free(dest->tls_ca);
	free(dest->tls_pin);
	free(dest->reason);
	free(dest->name);
	free(dest);
}

static void
reap(evutil_socket_t fd, short what, void *arg)
{
	struct deliver *d = arg;
	struct deliver_dest *dest, *next;

	(void)fd;
	(void)what;
	for (dest = TAILQ_FIRST(&d->dests); dest != NULL; dest = next) {
		next = TAILQ_NEXT(dest, all);
		if (dest->ndomains == 0 && dest->nsessions == 0)
			dest_free(dest);
	}
}

void
deliver_route_reap(struct deliver *d)
{
	if (d->unused > 0)
		event_active(d->reaper, EV_TIMEOUT, 0);
}

void
deliver_route_new(struct deliver *d)
{
	TAILQ_INIT(&d->domains);
	TAILQ_INIT(&d->dests);
	TAILQ_INIT(&d->starved);
	d->reaper = evtimer_new(d->base, reap, d);
	if (d->reaper == NULL)
		log_fatal("out of memory");
}

/* --- domains ------------------------------------------------------------- */

static void
unlink_domain(struct deliver_domain *dom)
{
	struct deliver_dest *dest = dom->dest;

	if (dest == NULL)
		return;
	deliver_put_back(dom);
	if (dom->in_hungry)
		TAILQ_REMOVE(&dest->hungry, dom, hungry_link);
	dom->in_hungry = false;
	if (dom->asked_by == dest) {
		dest->asked -= dom->asked;
		dom->asked_by = NULL;
	}
	TAILQ_REMOVE(&dest->domains, dom, of_dest);
	if (--dest->ndomains == 0)
		dest->d->unused++;
	dom->dest = NULL;
}

static void
link_domain(struct deliver_domain *dom, struct deliver_dest *dest)
{
	dom->dest = dest;
	TAILQ_INSERT_TAIL(&dest->domains, dom, of_dest);
	if (dest->ndomains++ == 0)
		dest->d->unused--;
	if (dom->hungry && !dom->leasing) {
		TAILQ_INSERT_TAIL(&dest->hungry, dom, hungry_link);
		dom->in_hungry = true;
	}
}

void
deliver_route_conf(struct deliver *d)
{
	static char none[] = "";
	struct rules_domain *r = d->relay_rule;
	const char *why;

	if (r == NULL)
		r = d->relay_rule = xcalloc(1, sizeof(*r));
	free(r->destination);
	r->destination = xasprintf("%s;relay", d->conf->bounce_relay);
	endpoint_list_clear(&r->route.primary);
	if (endpoint_list_parse_hostport(d->conf->bounce_relay, 25, &r->route.primary, &why) == -1)
		log_fatal("bounce_relay: %s", why);	/* conf_load() has parsed it */
	free(r->route.preference);
	r->route.preference = xcalloc(r->route.primary.n + 1, sizeof(*r->route.preference));
	r->route.tls = TLS_MAY;
	r->route.client = CLIENT_NONE;		/* the client of a report is queued */
	r->route.mx = r->route.tls_name = r->route.tls_ca = r->route.tls_pin = none;
	r->route.source4 = r->route.source6 = none;
}

/* May a domain without a row be served by its MX? Whether it is, its MX says when it is looked up. */
static bool
may_derive(const struct ruleset *rules, const char *name)
{
	switch (ruleset_derived(rules, name)) {
	case DERIVED_ALWAYS:
		return true;
	case DERIVED_NEVER:
		return false;
	case DERIVED_ASK:
		break;
	}
	return ruleset_nmx_networks(rules) > 0;
}

static const struct rules_domain *
rule_of(struct deliver *d, const char *name)
{
	const struct rules_domain *rule;

	if (strcmp(name, ENVELOPE_RELAY) != 0) {
		rule = ruleset_domain(d->rules, name);
		return rule == NULL && may_derive(d->rules, name) ? ruleset_derived_rule(d->rules) : rule;
	}
	d->relay_rule->schedule = ruleset_schedule(d->rules, "default");
	return d->relay_rule;
}

/* Points the domain where the present rules say. */
static void
route(struct deliver *d, struct deliver_domain *dom)
{
	const struct rules_domain *rule = rule_of(d, dom->name);
	struct deliver_dest *dest = NULL, *old = dom->dest;

	if (rule != NULL && (rule->route.kind != ROUTE_HOSTS || rule->route.primary.n > 0)) {
		dest = dom->turn != NULL ? dom->turn : dest_get(d, rule, dom->name);
		dest->relay = rule == d->relay_rule;
		dom->schedule = *rule->schedule;
		dom->reported = false;
		dom->concurrency = rule->concurrency;
		dom->message_rate = rule->message_rate;
	}
	if (dest == old)
		return;
	unlink_domain(dom);
	if (dest != NULL)
		link_domain(dom, dest);
	if (dest != NULL)
		deliver_caps_joined(dom);
	if (dest != NULL && dest->ndomains == 1)
		deliver_guard_rules(dest);
	if (old == NULL)
		return;
	/* Its connections have nothing to carry any more. */
	if (old->ndomains == 0) {
		struct deliver_session *s, *next;

		for (s = TAILQ_FIRST(&old->idle); s != NULL; s = next) {
			next = TAILQ_NEXT(s, idle_link);
			deliver_session_quit(s);
		}
		deliver_route_reap(d);
	}
}

void
deliver_route_again(struct deliver_domain *dom)
{
	route(dom->d, dom);
}

struct deliver_dest *
deliver_route_dest(struct deliver *d, const struct rules_domain *rule)
{
	return dest_get(d, rule, "");
}

struct deliver_domain *
deliver_route_domain(struct deliver *d, const char *name)
{
	struct deliver_domain key, *dom;
	void *found;

	memset(&key, 0, sizeof(key));
	key.name = xstrdup(name);
	found = tfind(&key, &d->domain_tree, by_domain_name);
	if (found != NULL) {
		free(key.name);
		return *(struct deliver_domain **)found;
	}
	dom = xcalloc(1, sizeof(*dom));
	dom->d = d;
	dom->name = key.name;
	dom->ready_tail = &dom->ready;
	tree_add(&d->domain_tree, dom, by_domain_name);
	TAILQ_INSERT_TAIL(&d->domains, dom, all);
	route(d, dom);
	return dom;
}

struct deliver_dest *
deliver_route_find(struct deliver *d, const char *name)
{
	char *text = xstrdup(name);
	struct deliver_dest dest = { .name = text };
	struct deliver_domain dom = { .name = text };
	void *found = tfind(&dest, &d->dest_tree, by_dest_name);

	if (found == NULL && (found = tfind(&dom, &d->domain_tree, by_domain_name)) != NULL) {
		free(text);
		return (*(struct deliver_domain **)found)->dest;
	}
	free(text);
	return found != NULL ? *(struct deliver_dest **)found : NULL;
}

static void
domain_free(struct deliver *d, struct deliver_domain *dom)
{
	unlink_domain(dom);
	store_forget(d->store, dom);
	(void)tdelete(dom, &d->domain_tree, by_domain_name);
	TAILQ_REMOVE(&d->domains, dom, all);
	free(dom->name);
	free(dom);
}

void
deliver_route_report(struct deliver_domain *dom)
{
	if (dom->dest != NULL || dom->reported)
		return;
	dom->reported = true;
	log_warn("domain=%s reason=\"no rule for domain\" its mail stays queued", dom->name);
}

void
deliver_route_all(struct deliver *d)
{
	struct deliver_domain *dom, *next;
	struct deliver_dest *dest, *next_dest;

	for (size_t i = 0; i < ruleset_ndomains(d->rules); i++)
		(void)deliver_route_domain(d, ruleset_domain_at(d->rules, i)->name);
	for (dom = TAILQ_FIRST(&d->domains); dom != NULL; dom = next) {
		bool waits = dom->hungry || dom->leasing || dom->nready > 0 || dom->next_due != 0;

		next = TAILQ_NEXT(dom, all);
		route(d, dom);
		if (dom->dest != NULL)
			continue;
		if (waits || dom->leasing)
			deliver_route_report(dom);
		else
			domain_free(d, dom);
	}
	deliver_caps_rules(d);
	for (dest = TAILQ_FIRST(&d->dests); dest != NULL; dest = next_dest) {
		next_dest = TAILQ_NEXT(dest, all);
		deliver_guard_rules(dest);
		deliver_pump(dest);
	}
}

void
deliver_route_free(struct deliver *d)
{
	struct deliver_domain *dom;
	struct deliver_dest *dest;

	while ((dom = TAILQ_FIRST(&d->domains)) != NULL)
		domain_free(d, dom);
	while ((dest = TAILQ_FIRST(&d->dests)) != NULL)
		dest_free(dest);
	event_free(d->reaper);
	endpoint_list_clear(&d->relay_rule->route.primary);
	free(d->relay_rule->route.preference);
	free(d->relay_rule->destination);
	free(d->relay_rule);
}
