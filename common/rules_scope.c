/*
 * rules_scope.c -- policies: the settings as they hold for everybody, a domain, an address.
 *
 * A scope is made for each domain or address that a setting or a header rule names. It starts as a copy of
 * the next wider one and takes its own settings over that. Recipients whose mail is treated alike from
 * DATA on are of one class: scopes are compared by what counts there.
 *
 * An address of an alias domain is one of the domain that it stands for. So for bob@alias these scopes
 * count, the closest first: bob@alias, bob@domain, alias, domain, everybody.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/rules_row.h"
#include "common/rules_screen.h"
#include "common/rules_setting.h"
#include "common/rules_text.h"

static int
scope_cmp(const void *a, const void *b)
{
	return strcmp(((const struct rules_scope *)a)->name, ((const struct rules_scope *)b)->name);
}

static struct rules_scope *
find(const struct ruleset *set, const char *name)
{
	struct rules_scope key = { .name = (char *)(uintptr_t)name };	/* only compared */

	return bsearch(&key, set->scope, set->nscopes, sizeof(*set->scope), scope_cmp);
}

static bool
is_address(const char *name)
{
	return strchr(name, '@') != NULL;
}

static const char *
domain_of(const char *name)
{
	return is_address(name) ? addr_domain(name) : name;
}

/* --- which scopes hold ------------------------------------------------------------------ */

bool
rules_scope_keys(const struct ruleset *set, const char *name, rules_key_fn *fn, void *arg)
{
	const char *domain = domain_of(name), *target = ruleset_alias(set, domain);
	char other[RULES_KEY_SIZE + ADDR_DOMAIN_MAX];

	if (is_address(name)) {
		if (fn(arg, name))
			return true;
		(void)snprintf(other, sizeof(other), "%.*s@%s", (int)addr_local_len(name), name,
		    target != NULL ? target : "");
		if (target != NULL && fn(arg, other))
			return true;
	}
	return fn(arg, domain) || (target != NULL && fn(arg, target));
}

static bool
same(void *arg, const char *key)
{
	return strcmp(arg, key) == 0;
}

bool
rules_scope_covers(const struct ruleset *set, const char *scope, const char *name)
{
	return scope[0] == '\0' || rules_scope_keys(set, name, same, (void *)(uintptr_t)scope);
}

bool
ruleset_scope_holds(const struct ruleset *set, const char *scope, const char *address)
{
	char key[RULES_KEY_SIZE];

	return scope[0] == '\0' || (rules_key(address, key) && rules_scope_covers(set, scope, key));
}

struct search {
	const struct ruleset	*set;
	const char		*but;		/* not this one; NULL: any */
	const struct rules_scope *found;
};

static bool
look(void *arg, const char *key)
{
	struct search *s = arg;

	if (s->but == NULL || strcmp(s->but, key) != 0)
		s->found = find(s->set, key);
	return s->found != NULL;
}

/* The closest scope that there is. */
static const struct rules_scope *
closest(const struct ruleset *set, const char *name, const char *but)
{
	struct search s = { set, but, NULL };

	return rules_scope_keys(set, name, look, &s) ? s.found : &set->scope[0];
}

/* --- making them ------------------------------------------------------------------------ */

static void
add(struct ruleset *set, const char *name)
{
	set->scope[set->nscopes++].name = xstrdup(name);
}

static void
add_all(struct ruleset *set)
{
	size_t n = 1;

	set->scope = xcalloc(1 + set->nscoped + set->nheaders, sizeof(*set->scope));
	add(set, "");
	for (size_t i = 0; i < set->nscoped; i++)
		add(set, set->scoped[i].scope);
	for (size_t i = 0; i < set->nheaders; i++)
		add(set, set->header[i].scope);
	qsort(set->scope, set->nscopes, sizeof(*set->scope), scope_cmp);
	for (size_t i = 1; i < set->nscopes; i++) {
		if (strcmp(set->scope[i].name, set->scope[n - 1].name) == 0)
			free(set->scope[i].name);
		else
			set->scope[n++] = set->scope[i];
	}
	set->nscopes = n;
	set->scope = xrealloc(set->scope, n, sizeof(*set->scope));
}

static int
scoped_cmp(const void *a, const void *b)
{
	const struct rules_scoped *x = a, *y = b;
	int cmp = strcmp(x->scope, y->scope);

	return cmp != 0 ? cmp : strcmp(x->setting->name, y->setting->name);
}

/* The first of the settings, sorted by scope, that is of this one or behind it. */
static size_t
first_setting(const struct ruleset *set, const char *scope)
{
	size_t low = 0, high = set->nscoped;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(set->scoped[middle].scope, scope) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
fill(struct ruleset *set, struct rules_scope *s)
{
	char *why = NULL;

	s->policy = s->name[0] == '\0' ? set->policy : closest(set, s->name, s->name)->policy;
	for (size_t i = first_setting(set, s->name);
	    i < set->nscoped && strcmp(set->scoped[i].scope, s->name) == 0; i++)
		if (rules_setting_parse(set->scoped[i].setting, set->scoped[i].value, NULL, &s->policy,
		    &why) == -1)
			abort();	/* it was parsed when it was read */
}

/* Scopes copy from those of a lower rank: everybody and domains, aliases, addresses, addresses of aliases. */
#define NRANKS	4

static unsigned
rank(const struct ruleset *set, const char *name)
{
	return (is_address(name) ? 2u : 0u) + (ruleset_alias(set, domain_of(name)) != NULL ? 1u : 0u);
}

/* --- classes ------------------------------------------------------------------------------ */

/* What of a policy counts from DATA on, and which header rules hold. */
struct content {
	enum rules_mode	 header, virus, spam, plugin;
	struct rules_act virus_found, virus_on_fault, spam_on_fault;
	int		 tag, quarantine, defer, reject;
};
struct class {
	struct content	 content;
	bool		*rule;		/* rule[i]: does the i-th header rule hold? */
};

static void
content_of(const struct rules_policy *p, struct content *c)
{
	memset(c, 0, sizeof(*c));	/* compared as bytes */
	c->header = p->mode[CHECK_HEADER];
	c->virus = p->mode[CHECK_VIRUS];
	c->spam = p->mode[CHECK_SPAM];
	c->plugin = p->mode[CHECK_PLUGIN];
	c->virus_found = p->virus_found;
	c->virus_on_fault = p->virus_on_fault;
	c->spam_on_fault = p->spam_on_fault;
	c->tag = p->threshold_tag;
	c->quarantine = p->threshold_quarantine;
	c->defer = p->threshold_spam_defer;
	c->reject = p->threshold_spam_reject;
}

static void
class_init(struct class *c, const struct ruleset *set, const struct rules_scope *s)
{
	content_of(&s->policy, &c->content);
	c->rule = xcalloc(set->nheaders, sizeof(*c->rule));
	for (size_t i = 0; i < set->nheaders; i++)
		c->rule[i] = rules_scope_covers(set, set->header[i].scope, s->name);
}

static bool
class_equal(const struct class *a, const struct class *b, size_t nrules)
{
	return memcmp(&a->content, &b->content, sizeof(a->content)) == 0 &&
	    memcmp(a->rule, b->rule, nrules * sizeof(*a->rule)) == 0;
}

static bool
looks_inside(const struct rules_policy *p, const struct class *c, size_t nrules)
{
	if (p->mode[CHECK_VIRUS] != MODE_OFF && p->clamd[0] != '\0')
		return true;
	if (p->mode[CHECK_SPAM] != MODE_OFF &&
	    (p->spamd[0] != '\0' || p->rspamd[0] != '\0' || p->spam_header[0] != '\0'))
		return true;
	for (size_t i = 0; i < nrules && p->mode[CHECK_HEADER] != MODE_OFF; i++)
		if (c->rule[i])
			return true;
	return false;
}

/* There are few classes, however many scopes there are. */
static void
classify(struct ruleset *set)
{
	struct class *known = NULL, c;
	size_t n = 0, j;

	for (size_t i = 0; i < set->nscopes; i++) {
		class_init(&c, set, &set->scope[i]);
		set->scope[i].inside = looks_inside(&set->scope[i].policy, &c, set->nheaders);
		for (j = 0; j < n && !class_equal(&known[j], &c, set->nheaders); j++)
			;
		set->scope[i].class = (unsigned)j;
		if (j < n) {
			free(c.rule);
			continue;
		}
		known = rules_grow(known, n, sizeof(*known));
		known[n++] = c;
	}
	for (j = 0; j < n; j++)
		free(known[j].rule);
	free(known);
}

void
rules_scope_resolve(struct ruleset *set)
{
	if (set->nscoped > 1)
		qsort(set->scoped, set->nscoped, sizeof(*set->scoped), scoped_cmp);
	add_all(set);
	for (unsigned r = 0; r < NRANKS; r++)
		for (size_t i = 0; i < set->nscopes; i++)
			if (rank(set, set->scope[i].name) == r)
				fill(set, &set->scope[i]);
	classify(set);
}

void
rules_scope_clear(struct ruleset *set)
{
	for (size_t i = 0; i < set->nscoped; i++) {
		free(set->scoped[i].scope);
		free(set->scoped[i].value);
	}
	for (size_t i = 0; i < set->nscopes; i++)
		free(set->scope[i].name);
	free(set->scoped);
	free(set->scope);
}

/* --- looking them up ------------------------------------------------------------------------ */

static const struct rules_scope *
scope_of(const struct ruleset *set, const char *address)
{
	char key[RULES_KEY_SIZE];

	assert(set->nscopes > 0);
	if (set->nscopes == 1 || !rules_key(address, key))
		return &set->scope[0];
	return closest(set, key, NULL);
}

const struct rules_policy *
ruleset_policy(const struct ruleset *set, const char *address)
{
	return &scope_of(set, address)->policy;
}

const char *
ruleset_scope(const struct ruleset *set, const char *address)
{
	return scope_of(set, address)->name;
}

unsigned
ruleset_class(const struct ruleset *set, const char *address)
{
	return scope_of(set, address)->class;
}

bool
ruleset_looks_inside(const struct ruleset *set, const char *address)
{
	return scope_of(set, address)->inside;
}

size_t
ruleset_nscoped(const struct ruleset *set)
{
	return set->nscoped;
}

void
ruleset_scoped_at(const struct ruleset *set, size_t i, const struct rules_setting **setting,
    const char **scope, const char **value)
{
	assert(i < set->nscoped);
	*setting = set->scoped[i].setting;
	*scope = set->scoped[i].scope;
	*value = set->scoped[i].value;
}
