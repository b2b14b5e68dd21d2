/*
 * postfix_policy.c -- what Postfix's parameters mean for a backup MX: who may
 * relay, whose mail stays here.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cli/postfix.h"
#include "common/cli/proc.h"

#define POSTMAP_SECONDS	5

char *
postfix_milter_name(const char *word)
{
	struct words inner;
	char *name;

	if (word[0] != '{')
		return xstrdup(word);
	name = xstrndup(word + 1, strlen(word) - (word[strlen(word) - 1] == '}' ? 2 : 1));
	words_split(&inner, name);
	free(name);
	name = xstrdup(inner.n > 0 ? inner.v[0] : "");
	words_clear(&inner);
	return name;
}

/* --- relaying ------------------------------------------------------------ */

/* Does a list of restrictions refuse strangers, or let everybody pass before that? */
static enum postfix_guard
judge(const char *list)
{
	static const char *const stops[] = {
	    "reject_unauth_destination", "defer_unauth_destination", "reject", "defer"};
	enum postfix_guard guard = GUARD_NONE;
	struct words w;

	words_split(&w, list);
	for (size_t i = 0; i < w.n && guard == GUARD_NONE; i++) {
		for (size_t k = 0; k < sizeof(stops) / sizeof(stops[0]); k++)
			if (strcasecmp(w.v[i], stops[k]) == 0)
				guard = GUARD_GOOD;
		if (strcasecmp(w.v[i], "permit") == 0)
			guard = GUARD_OPEN;
	}
	words_clear(&w);
	return guard;
}

static bool
everybody(const char *networks)
{
	struct words w;
	bool all = false;

	words_split(&w, networks);
	for (size_t i = 0; i < w.n; i++) {
		size_t len = strlen(w.v[i]);

		all = all || (len > 2 && strcmp(w.v[i] + len - 2, "/0") == 0 && w.v[i][0] != '!') ||
		    strncmp(w.v[i], "static:", 7) == 0;
	}
	words_clear(&w);
	return all;
}

enum postfix_guard
postfix_relay_guard(const struct postfix *p, const char **why)
{
	const char *own = postfix_override(p, "smtpd_relay_restrictions");
	/* Either list may refuse: a message passes both. */
	enum postfix_guard relay = judge(own != NULL ? own :
	    postfix_expanded(p, "smtpd_relay_restrictions"));
	enum postfix_guard rcpt = judge(postfix_expanded(p, "smtpd_recipient_restrictions"));

	if (everybody(postfix_expanded(p, "mynetworks"))) {
		*why = "mynetworks holds everybody";
		return GUARD_OPEN;
	}
	if (relay == GUARD_GOOD || rcpt == GUARD_GOOD)
		return GUARD_GOOD;
	*why = "neither smtpd_relay_restrictions nor smtpd_recipient_restrictions has "
	    "reject_unauth_destination before a permit";
	return relay == GUARD_OPEN || rcpt == GUARD_OPEN ? GUARD_OPEN : GUARD_NONE;
}

/* --- whose mail ---------------------------------------------------------- */

/* "example.test" for "a.example.test" where parent_domain_matches_subdomains has the parameter. */
static bool
is_below(const char *domain, const char *parent)
{
	size_t d = strlen(domain), n = strlen(parent);

	return d > n && domain[d - n - 1] == '.' && strcasecmp(domain + d - n, parent) == 0;
}

bool
postfix_list_has(const struct postfix *p, const char *param, const char *domain,
    bool (*lookup)(void *, const char *, const char *), void *arg)
{
	struct words parents, w;
	bool by_parent, has = false;

	words_split(&parents, postfix_expanded(p, "parent_domain_matches_subdomains"));
	by_parent = words_have(&parents, param);
	words_clear(&parents);
	words_split(&w, postfix_expanded(p, param));
	for (size_t i = 0; i < w.n && !has; i++) {
		const char *word = w.v[i];

		if (word[0] == '!' || word[0] == '/')	/* an exception, a file of names */
			continue;
		if (strchr(word, ':') != NULL)
			has = lookup != NULL && lookup(arg, word, domain);
		else
			has = strcasecmp(word, domain) == 0 ||
			    (by_parent ? is_below(domain, word)
				       : word[0] == '.' && is_below(domain, word + 1));
	}
	words_clear(&w);
	return has;
}

const char *
postfix_own_domain(const struct postfix *p, const char *domain,
    bool (*lookup)(void *, const char *, const char *), void *arg)
{
	static const char *const lists[] = { "mydestination", "virtual_alias_domains",
		"virtual_mailbox_domains" };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (postfix_list_has(p, lists[i], domain, lookup, arg))
			return lists[i];
	return NULL;
}

bool
postfix_lookup(void *arg, const char *table, const char *key)
{
	const struct postfix *p = arg;
	const char *argv[] = { "postmap", "-c", p->dir, "-q", key, NULL, NULL };
	struct proc run = { .argv = argv, .seconds = POSTMAP_SECONDS };
	bool found;

	/* What another process reads on Postfix's behalf we can read ourselves. */
	argv[5] = strncmp(table, "proxy:", 6) == 0 ? table + 6 : table;
	found = proc_run(&run);
	proc_clear(&run);
	return found;
}
