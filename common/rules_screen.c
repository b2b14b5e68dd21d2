/*
 * rules_screen.c -- look-ups in what screens mail: lists, limits, DNS lists, header rules.
 *
 * A name or address is looked for under each key that a row may have for it, from the most special
 * to the least: itself, its domain, `.domain' and the domains above; a client's address in each
 * prefix length that occurs. Rows are sorted, so each key is a binary search.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_screen.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/pattern.h"
#include "common/rules_network.h"
#include "common/rules_row.h"
#include "common/rules_text.h"

/* --- keys from special to general ------------------------------------------------------- */

/* name, .name, .parent of name, … */
static bool
domain_keys(const char *name, rules_key_fn *fn, void *arg)
{
	char key[RULES_KEY_SIZE + 1];

	if (fn(arg, name))
		return true;
	(void)snprintf(key, sizeof(key), ".%s", name);
	for (const char *p = key; p != NULL; p = strchr(p + 1, '.'))
		if (fn(arg, p))
			return true;
	return false;
}

/* The networks that hold the address, the smallest first, as they are written. */
static bool
network_keys(const char *text, const struct rules_bits *bits, rules_key_fn *fn, void *arg)
{
	char key[RULES_NETWORK_TEXT];
	uint8_t addr[16];
	int family;

	if (rules_network_address(text, &family, addr) == -1)
		return false;
	for (int n = family == AF_INET ? 32 : 128; n >= 0; n--) {
		if (!((family == AF_INET ? bits->v4 >> n : bits->v6[n / 64] >> n % 64) & 1))
			continue;
		rules_network_mask(addr, (unsigned)n);
		if (fn(arg, rules_network_text(family, addr, (unsigned)n, key)))
			return true;
	}
	return false;
}

/* The domain's own keys, then those of the domain that it is an alias of. */
static bool
recipient_domain_keys(const struct ruleset *set, const char *domain, rules_key_fn *fn, void *arg)
{
	const char *target = ruleset_alias(set, domain);

	return domain_keys(domain, fn, arg) || (target != NULL && domain_keys(target, fn, arg));
}

/* --- lists ------------------------------------------------------------------------------ */

static int
entry_cmp(const void *a, const void *b)
{
	const struct rules_entry *x = a, *y = b;
	int cmp = (int)x->field - (int)y->field;

	if (cmp == 0)
		cmp = strcmp(x->value, y->value);
	/* Of equals the one for an address before the one for its domain before the one for all. */
	if (cmp == 0)
		cmp = (strchr(y->scope, '@') != NULL) - (strchr(x->scope, '@') != NULL);
	return cmp != 0 ? cmp : strcmp(y->scope, x->scope);
}

struct matches {
	const struct ruleset	*set;
	enum rules_field	 field;
	const char		*recipient;	/* as rules_key() has it */
	int64_t			 now;
	const struct rules_entry **out;
	size_t			 n;
};

static size_t
first_entry(const struct ruleset *set, enum rules_field field, const char *value)
{
	size_t low = 0, high = set->nentries;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct rules_entry *e = &set->entry[middle];
		int cmp = (int)e->field - (int)field;

		if (cmp == 0)
			cmp = strcmp(e->value, value);
		if (cmp < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
collect(void *arg, const char *key)
{
	struct matches *m = arg;
	const struct rules_entry *e, *end = &m->set->entry[m->set->nentries];

	for (e = &m->set->entry[first_entry(m->set, m->field, key)];
	    e < end && e->field == m->field && strcmp(e->value, key) == 0; e++) {
		if ((e->until != 0 && m->now >= e->until) ||
		    !rules_scope_covers(m->set, e->scope, m->recipient))
			continue;
		if (m->n == RULES_MATCH_MAX)
			return true;
		m->out[m->n++] = e;
	}
	return false;
}

size_t
ruleset_entries(const struct ruleset *set, enum rules_field field, const char *text,
    const char *recipient, int64_t now, const struct rules_entry *out[RULES_MATCH_MAX])
{
	char key[RULES_KEY_SIZE], rcpt[RULES_KEY_SIZE];
	struct matches m = { set, field, rcpt, now, out, 0 };

	if (set->nentries == 0 || !rules_key(text, key))
		return 0;
	(void)rules_key(recipient, rcpt);
	switch (field) {
	case FIELD_CLIENT:
		(void)network_keys(key, &set->entry_bits, collect, &m);
		break;
	case FIELD_CLIENT_NAME:
	case FIELD_SENDER_DOMAIN:
	case FIELD_HELO:
		if (key[0] != '\0')
			(void)domain_keys(key, collect, &m);
		break;
	case FIELD_SENDER:
		(void)collect(&m, key[0] == '\0' ? "<>" : key);
		break;
	case FIELD_RECIPIENT:
		(void)rules_scope_keys(set, key, collect, &m);
		break;
	}
	return m.n;
}

size_t
ruleset_nentries(const struct ruleset *set)
{
	return set->nentries;
}

/* --- limits ------------------------------------------------------------------------------- */

static int
limit_cmp(const void *a, const void *b)
{
	const struct rules_limit *x = a, *y = b;

	if (x->what != y->what)
		return (int)x->what - (int)y->what;
	if (x->per != y->per)
		return (int)x->per - (int)y->per;
	return strcmp(x->match, y->match);
}

struct sought {
	const struct ruleset	*set;
	struct rules_limit	 key;
	const struct rules_limit *found, *shadow;	/* shadow: the most special before the one found */
	bool			 any;			/* mode does not matter */
};

static bool
seek(void *arg, const char *key)
{
	struct sought *s = arg;
	const struct rules_limit *l;

	/* The key is only compared. */
	s->key.match = (char *)(uintptr_t)key;
	l = bsearch(&s->key, s->set->limit, s->set->nlimits, sizeof(*s->set->limit), limit_cmp);
	if (l != NULL && (s->any || l->mode == MODE_ENFORCE))
		s->found = l;
	else if (l != NULL && s->shadow == NULL)
		s->shadow = l;
	return s->found != NULL;
}

static void
seek_limit(struct sought *s, enum rules_limit_what what, enum rules_limit_per per, const char *value)
{
	const struct ruleset *set = s->set;
	char key[RULES_KEY_SIZE];

	if (set->nlimits == 0)
		return;
	s->key.what = what;
	s->key.per = per;
	/* What is too long for a row of its own is "" there: everybody's row counts. */
	if (rules_key(value, key) && key[0] != '\0')
		switch (per) {
		case PER_CLIENT:
		case PER_NETWORK:
			(void)network_keys(key, &set->limit_bits, seek, s);
			break;
		case PER_SENDER:
			(void)(seek(s, key) || domain_keys(addr_domain(key), seek, s));
			break;
		case PER_RECIPIENT:
			(void)(rules_scope_keys(set, key, seek, s) ||
			    recipient_domain_keys(set, addr_domain(key), seek, s));
			break;
		case PER_SENDER_DOMAIN:
		case PER_HELO:
			(void)domain_keys(key, seek, s);
			break;
		case PER_RECIPIENT_DOMAIN:
			(void)recipient_domain_keys(set, key, seek, s);
			break;
		case PER_ALL:
			break;
		}
	if (s->found == NULL)
		(void)seek(s, "");
}

const struct rules_limit *
ruleset_limit(const struct ruleset *set, enum rules_limit_what what, enum rules_limit_per per,
    const char *value)
{
	struct sought s = { .set = set, .any = true };

	seek_limit(&s, what, per, value);
	return s.found;
}

size_t
ruleset_limit_rows(const struct ruleset *set, enum rules_limit_what what, enum rules_limit_per per,
    const char *value, const struct rules_limit *out[2])
{
	struct sought s = { .set = set };
	size_t n = 0;

	seek_limit(&s, what, per, value);
	if (s.shadow != NULL)
		out[n++] = s.shadow;
	if (s.found != NULL)
		out[n++] = s.found;
	return n;
}

bool
ruleset_limits(const struct ruleset *set, enum rules_limit_what what, enum rules_limit_per per)
{
	for (size_t i = 0; i < set->nlimits; i++)
		if (set->limit[i].what == what && set->limit[i].per == per)
			return true;
	return false;
}

/* --- the rest ------------------------------------------------------------------------------ */

size_t
ruleset_ndnsbls(const struct ruleset *set)
{
	return set->ndnsbls;
}

const struct rules_dnsbl *
ruleset_dnsbl_at(const struct ruleset *set, size_t i)
{
	assert(i < set->ndnsbls);
	return &set->dnsbl[i];
}

size_t
ruleset_nheaders(const struct ruleset *set)
{
	return set->nheaders;
}

const struct rules_header *
ruleset_header_at(const struct ruleset *set, size_t i)
{
	assert(i < set->nheaders);
	return &set->header[i];
}

static int
alias_cmp(const void *a, const void *b)
{
	return strcmp(((const struct rules_alias *)a)->name, ((const struct rules_alias *)b)->name);
}

const char *
ruleset_alias(const struct ruleset *set, const char *domain)
{
	struct rules_alias key = { .name = NULL }, *found;
	char name[RULES_KEY_SIZE];

	if (set->naliases == 0 || !rules_key(domain, name))
		return NULL;
	key.name = name;
	found = bsearch(&key, set->alias, set->naliases, sizeof(*set->alias), alias_cmp);
	return found != NULL ? found->domain : NULL;
}

size_t
ruleset_naliases(const struct ruleset *set)
{
	return set->naliases;
}

const char *
ruleset_alias_at(const struct ruleset *set, size_t i)
{
	assert(i < set->naliases);
	return set->alias[i].name;
}

static int
pattern_cmp(const void *a, const void *b)
{
	const struct rules_pattern *x = a, *y = b;
	int cmp = strcmp(x->domain, y->domain);

	if (cmp == 0)
		cmp = (int)x->accept - (int)y->accept;
	return cmp != 0 ? cmp : strcmp(pattern_text(x->pattern), pattern_text(y->pattern));
}

/* --- life ---------------------------------------------------------------------------------- */

static void
sort(void *v, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	if (n > 1)
		qsort(v, n, size, cmp);
}

void
rules_screen_sort(struct ruleset *set)
{
	sort(set->entry, set->nentries, sizeof(*set->entry), entry_cmp);
	sort(set->limit, set->nlimits, sizeof(*set->limit), limit_cmp);
	sort(set->alias, set->naliases, sizeof(*set->alias), alias_cmp);
	sort(set->pattern, set->npatterns, sizeof(*set->pattern), pattern_cmp);
}

void
rules_screen_clear(struct ruleset *set)
{
	for (size_t i = 0; i < set->nentries; i++) {
		free(set->entry[i].name);
		free(set->entry[i].value);
		free(set->entry[i].scope);
		free(set->entry[i].note);
	}
	for (size_t i = 0; i < set->nlimits; i++) {
		free(set->limit[i].name);
		free(set->limit[i].match);
		free(set->limit[i].note);
	}
	for (size_t i = 0; i < set->ndnsbls; i++) {
		free(set->dnsbl[i].name);
		free(set->dnsbl[i].zone);
		free(set->dnsbl[i].codes);
		free(set->dnsbl[i].note);
	}
	for (size_t i = 0; i < set->nheaders; i++) {
		free(set->header[i].name);
		free(set->header[i].header);
		free(set->header[i].scope);
		free(set->header[i].note);
		pattern_free(&set->header[i].pattern);
	}
	for (size_t i = 0; i < set->naliases; i++) {
		free(set->alias[i].name);
		free(set->alias[i].domain);
	}
	for (size_t i = 0; i < set->npatterns; i++) {
		free(set->pattern[i].domain);
		pattern_free(&set->pattern[i].pattern);
	}
	free(set->entry);
	free(set->limit);
	free(set->dnsbl);
	free(set->header);
	free(set->alias);
	free(set->pattern);
}
