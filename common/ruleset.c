/*
 * ruleset.c -- look-ups in a ruleset, and its references.
 *
 * A ruleset never changes once it is made, so any thread may look things up
 * without a lock; the count of references is the only thing written. Nothing
 * here waits or fails, and only patterns allocate: this runs at each RCPT.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/pattern.h"
#include "common/rules_read.h"
#include "common/rules_route.h"
#include "common/rules_row.h"

struct ruleset *
ruleset_ref(struct ruleset *set)
{
	(void)atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

static void
domain_clear(struct rules_domain *d)
{
	rules_route_clear(&d->route);
	free(d->name);
	free(d->destination);
	free(d->schedule_name);
	free(d->delimiter);
	free(d->catch_all);
}

void
ruleset_unref(struct ruleset **setp)
{
	struct ruleset *set = *setp;

	*setp = NULL;
	if (set == NULL)
		return;
	unsigned before = atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before > 1)
		return;
	for (size_t i = 0; i < set->ndomains; i++) {
		domain_clear(&set->domain[i]);
		if (set->list != NULL)
			free(set->list[i].v);
	}
	for (size_t i = 0; i < set->nschedules; i++)
		free(set->schedule[i].name);
	for (size_t i = 0; i < set->nmx_domains; i++) {
		free(set->mx_domain[i].name);
		free(set->mx_domain[i].note);
	}
	domain_clear(&set->derived);
	rules_screen_clear(set);
	rules_scope_clear(set);
	rules_networks_clear(&set->mx_network);
	rules_networks_clear(&set->turn_network);
	free(set->mx_domain);
	free(set->domain);
	free(set->list);
	free(set->schedule);
	free(set->arena);
	free(set);
}

const struct schedule *
ruleset_schedule(const struct ruleset *set, const char *name)
{
	for (size_t i = 0; i < set->nschedules; i++)
		if (strcmp(set->schedule[i].name, name) == 0)
			return &set->schedule[i].schedule;
	return NULL;
}

size_t
ruleset_nschedules(const struct ruleset *set)
{
	return set->nschedules;
}

const struct schedule *
ruleset_schedule_at(const struct ruleset *set, size_t i, const char **name)
{
	assert(i < set->nschedules);
	*name = set->schedule[i].name;
	return &set->schedule[i].schedule;
}

size_t
ruleset_ndomains(const struct ruleset *set)
{
	return set->ndomains;
}

const struct rules_domain *
ruleset_domain_at(const struct ruleset *set, size_t i)
{
	assert(i < set->ndomains);
	return &set->domain[i];
}

const char *
ruleset_recipient_at(const struct ruleset *set, const struct rules_domain *d, size_t i)
{
	assert(i < d->nrecipients);
	return set->list[d - set->domain].v[i];
}

const struct rules_settings *
ruleset_settings(const struct ruleset *set)
{
	return &set->settings;
}

/* Both kinds of rows start with their name. */
static int
name_cmp(const void *key, const void *elem)
{
	const char *const *name = elem;

	return strcmp(key, *name);
}
_Static_assert(offsetof(struct rules_domain, name) == 0 &&
    offsetof(struct rules_mx_domain, name) == 0, "name_cmp()");

/* In a table that is sorted by name, whatever the case. */
static const void *
by_name(const void *table, size_t n, size_t size, const char *domain)
{
	char name[ADDR_DOMAIN_MAX + 1];
	size_t len = strlen(domain);

	if (len > ADDR_DOMAIN_MAX || n == 0)
		return NULL;
	memcpy(name, domain, len + 1);
	addr_lower(name);
	return bsearch(name, table, n, size, name_cmp);
}

const struct rules_domain *
ruleset_domain_own(const struct ruleset *set, const char *domain)
{
	return by_name(set->domain, set->ndomains, sizeof(*set->domain), domain);
}

const struct rules_domain *
ruleset_domain(const struct ruleset *set, const char *domain)
{
	const struct rules_domain *d = ruleset_domain_own(set, domain);
	const char *target = d == NULL ? ruleset_alias(set, domain) : NULL;

	return target != NULL ? ruleset_domain_own(set, target) : d;
}

/* --- domains without a row, and who may ask for mail ---------------------- */

bool
ruleset_mx_network(const struct ruleset *set, int family, const void *addr)
{
	return rules_networks_match(&set->mx_network, family, addr);
}

bool
ruleset_turn_network(const struct ruleset *set, int family, const void *addr)
{
	return rules_networks_match(&set->turn_network, family, addr);
}

size_t
ruleset_nmx_networks(const struct ruleset *set)
{
	return set->mx_network.n;
}

size_t
ruleset_nturn_networks(const struct ruleset *set)
{
	return set->turn_network.n;
}

const struct rules_network *
ruleset_mx_network_at(const struct ruleset *set, size_t i)
{
	assert(i < set->mx_network.n);
	return &set->mx_network.v[i];
}

const struct rules_network *
ruleset_turn_network_at(const struct ruleset *set, size_t i)
{
	assert(i < set->turn_network.n);
	return &set->turn_network.v[i];
}

enum rules_derived
ruleset_derived(const struct ruleset *set, const char *domain)
{
	const struct rules_mx_domain *d = by_name(set->mx_domain, set->nmx_domains,
	    sizeof(*set->mx_domain), domain);

	return d != NULL ? d->serve : DERIVED_ASK;
}

size_t
ruleset_nmx_domains(const struct ruleset *set)
{
	return set->nmx_domains;
}

const struct rules_mx_domain *
ruleset_mx_domain_at(const struct ruleset *set, size_t i)
{
	assert(i < set->nmx_domains);
	return &set->mx_domain[i];
}

const struct rules_domain *
ruleset_derived_rule(const struct ruleset *set)
{
	return &set->derived;
}

/* --- recipients ---------------------------------------------------------- */

static int
local_cmp(const void *key, const void *elem)
{
	const char *name = key;

	return strcmp(name, *(const char *const *)elem);
}

static bool
listed(const struct rules_list *l, const char *local)
{
	return l->n > 0 && bsearch(local, l->v, l->n, sizeof(*l->v), local_cmp) != NULL;
}

/* RFC 5321 4.5.1: this one exists in every domain, in any case. */
static bool
is_postmaster(const char *local)
{
	return addr_domain_equal(local, "postmaster");
}

/* In the order in which a primary would look: exact, without the extension, anyone. */
static const char *
known_how(const struct rules_domain *d, const struct rules_list *l, const char *local)
{
	char bare[ADDR_LOCAL_MAX + 1];
	size_t base;

	if (is_postmaster(local))
		return "postmaster";
	if (listed(l, local))
		return "list";
	base = strcspn(local, d->delimiter);
	if (base > 0 && local[base] != '\0') {
		memcpy(bare, local, base);
		bare[base] = '\0';
		if (listed(l, bare) || is_postmaster(bare))
			return "extension";
	}
	if (d->catch_all[0] != '\0')
		return "catch-all";
	if (d->recipients == RECIPIENTS_ANY)
		return "any";
	return NULL;
}

bool
rules_list_stale(const struct rules_domain *d, int64_t now)
{
	return d->recipients == RECIPIENTS_LIST && d->list_max_age != 0 && d->list_time != 0 &&
	    now - (int64_t)d->list_time > (int64_t)d->list_max_age;
}

static enum rules_answer
unlisted(const struct rules_domain *d, const struct rules_list *l, int64_t now)
{
	switch (d->recipients) {
	case RECIPIENTS_LIST:
		/* A list that never came is not an empty list; one that nobody renewed knows no newcomers. */
		if (l->n == 0 && d->list_time == 0)
			return RULES_UNSURE;
		return rules_list_stale(d, now) ? RULES_STALE : RULES_UNKNOWN;
	case RECIPIENTS_VERIFY:
		return RULES_UNSURE;
	case RECIPIENTS_ANY:
		return RULES_KNOWN;
	}
	return RULES_UNSURE;
}

/* The first row of the domain that matches: refusals come first. */
static const struct rules_pattern *
by_pattern(const struct ruleset *set, const struct rules_domain *d, const char *local)
{
	size_t low = 0, high = set->npatterns, len = strlen(local);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(set->pattern[middle].domain, d->name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < set->npatterns && strcmp(set->pattern[low].domain, d->name) == 0; low++)
		if (pattern_match(set->pattern[low].pattern, local, len) == PATTERN_YES)
			return &set->pattern[low];
	return NULL;
}

enum rules_answer
ruleset_recipient(const struct ruleset *set, const char *address, int64_t now,
    const struct rules_domain **domain, const char **how)
{
	char local[ADDR_LOCAL_MAX + 1];
	const struct rules_domain *d = ruleset_domain(set, addr_domain(address));
	const struct rules_pattern *p = NULL;
	const struct rules_list *l;
	const char *found, *why;

	if (domain != NULL)
		*domain = d;
	if (how != NULL)
		*how = NULL;
	if (d == NULL)
		return RULES_NOT_OURS;
	l = &set->list[d - set->domain];
	if (rules_local_canonical(address, addr_local_len(address), d->case_sensitive, local,
	    &why) == -1)
		found = d->catch_all[0] != '\0' ? "catch-all"
		    : d->recipients == RECIPIENTS_ANY ? "any" : NULL;
	else if ((found = known_how(d, l, local)) == NULL || strcmp(found, "list") != 0) {
		p = set->npatterns > 0 ? by_pattern(set, d, local) : NULL;
		/* Of what is not on the list a refusal counts more than a catch-all. */
		if (p != NULL && !(found != NULL && strcmp(found, "postmaster") == 0))
			found = "pattern";
	}
	if (how != NULL)
		*how = found;
	if (p != NULL && !p->accept && found != NULL && strcmp(found, "pattern") == 0)
		return RULES_UNKNOWN;
	return found != NULL ? RULES_KNOWN : unlisted(d, l, now);
}

const char *
ruleset_recipient_pattern(const struct ruleset *set, const char *address, bool *accept)
{
	char local[ADDR_LOCAL_MAX + 1];
	const struct rules_domain *d = ruleset_domain(set, addr_domain(address));
	const struct rules_pattern *p;
	const char *why;

	if (d == NULL || rules_local_canonical(address, addr_local_len(address), d->case_sensitive, local,
	    &why) == -1 || (p = by_pattern(set, d, local)) == NULL)
		return NULL;
	*accept = p->accept;
	return pattern_text(p->pattern);
}
