/*
 * rules_scope.c -- policies: the settings as they hold for everybody, a domain, an address.
 *
 * A scope is made for each domain or address that a setting or a header rule names. It starts as a copy of
 * the next wider one (address, domain, everybody) and takes its own settings over that. Recipients
 * whose mail is treated alike from DATA on are of one class: scopes are compared by what counts there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/rules_row.h"
#include "common/rules_screen.h"
#include "common/rules_setting.h"

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

/* --- making them ------------------------------------------------------------------------ */

static void
add(struct ruleset *set, const char *name)
{
	set->scope = xrealloc(set->scope, set->nscopes + 1, sizeof(*set->scope));
	memset(&set->scope[set->nscopes], 0, sizeof(*set->scope));
	set->scope[set->nscopes++].name = xstrdup(name);
}

static void
add_all(struct ruleset *set)
{
	size_t n = 1;

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
}

/* The next wider scope that there is. */
static const struct rules_scope *
wider(const struct ruleset *set, const char *name)
{
	const struct rules_scope *s = NULL;

	if (strchr(name, '@') != NULL)
		s = find(set, addr_domain(name));
	return s != NULL ? s : &set->scope[0];
}

static void
fill(struct ruleset *set, struct rules_scope *s)
{
	char *why = NULL;

	if (s->name[0] == '\0')
		s->policy = set->policy;
	else
		s->policy = wider(set, s->name)->policy;
	for (size_t i = 0; i < set->nscoped; i++) {
		const struct rules_scoped *o = &set->scoped[i];

		if (strcmp(o->scope, s->name) == 0 &&
		    rules_setting_parse(o->setting, o->value, NULL, &s->policy, &why) == -1)
			abort();	/* it was parsed when it was read */
	}
}

/* --- classes ------------------------------------------------------------------------------ */

/* What of a policy counts from DATA on. */
struct content {
	enum rules_mode	 header, virus, spam, plugin;
	struct rules_act virus_found, virus_on_fault, spam_on_fault;
	int		 tag, quarantine, defer, reject;
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

/* Does a rule with this scope hold for recipients of that one? */
static bool
reaches(const char *rule, const char *scope)
{
	return rule[0] == '\0' || strcmp(rule, scope) == 0 ||
	    (strchr(scope, '@') != NULL && strcmp(rule, addr_domain(scope)) == 0);
}

static bool
same_headers(const struct ruleset *set, const char *a, const char *b)
{
	for (size_t i = 0; i < set->nheaders; i++)
		if (reaches(set->header[i].scope, a) != reaches(set->header[i].scope, b))
			return false;
	return true;
}

static void
classify(struct ruleset *set, struct rules_scope *s)
{
	const struct rules_policy *p = &s->policy;
	struct content mine, theirs;
	size_t i = 0;

	content_of(p, &mine);
	for (; &set->scope[i] != s; i++) {
		content_of(&set->scope[i].policy, &theirs);
		if (memcmp(&mine, &theirs, sizeof(mine)) == 0 &&
		    same_headers(set, s->name, set->scope[i].name))
			break;
	}
	s->class = (unsigned)i;
	s->inside = (p->mode[CHECK_VIRUS] != MODE_OFF && p->clamd[0] != '\0') ||
	    (p->mode[CHECK_SPAM] != MODE_OFF &&
	    (p->spamd[0] != '\0' || p->rspamd[0] != '\0' || p->spam_header[0] != '\0'));
	for (i = 0; i < set->nheaders && p->mode[CHECK_HEADER] != MODE_OFF; i++)
		s->inside = s->inside || reaches(set->header[i].scope, s->name);
}

void
rules_scope_resolve(struct ruleset *set)
{
	add_all(set);
	/* Everybody first, then domains, then addresses: each copies from one that is filled. */
	for (int address = 0; address < 2; address++)
		for (size_t i = 0; i < set->nscopes; i++)
			if ((strchr(set->scope[i].name, '@') != NULL) == (address != 0))
				fill(set, &set->scope[i]);
	for (size_t i = 0; i < set->nscopes; i++)
		classify(set, &set->scope[i]);
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
	char key[ADDR_PATH_MAX];
	const struct rules_scope *s = NULL;
	const char *domain, *target;
	size_t len = strlen(address);

	assert(set->nscopes > 0);
	if (set->nscopes == 1 || len >= sizeof(key))
		return &set->scope[0];
	memcpy(key, address, len + 1);
	addr_lower(key);
	if ((s = find(set, key)) == NULL) {
		domain = addr_domain(key);
		s = find(set, domain);
		if (s == NULL && (target = ruleset_alias(set, domain)) != NULL)
			s = find(set, target);
	}
	return s != NULL ? s : &set->scope[0];
}

const struct rules_policy *
ruleset_policy(const struct ruleset *set, const char *address)
{
	return &scope_of(set, address)->policy;
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
