/*
 * rules_add.c -- a row of canonical values as what the look-ups use.
 *
 * Rows whose mode is off are left out: nothing that runs needs to know of them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/pattern.h"
#include "common/rules_network.h"
#include "common/rules_row.h"
#include "common/rules_screen.h"
#include "common/rules_text.h"

static const char *const fields[RULES_NFIELDS] = { "client", "client_name", "helo", "sender",
	"sender_domain", "recipient" };
const char *const rules_limit_whats[RULES_NLIMITS + 1] = { "connections", "messages", "recipients", "bytes",
	"unknown", "spam", NULL };
const char *const rules_limit_pers[RULES_NPERS + 1] = { "client", "network", "sender", "sender_domain",
	"recipient", "recipient_domain", "helo", "all", NULL };

const char *
rules_limit_what_name(enum rules_limit_what what)
{
	return rules_limit_whats[what];
}

const char *
rules_limit_per_name(enum rules_limit_per per)
{
	return rules_limit_pers[per];
}

/* The place of a canonical word; the first one if there is none. */
static int
place(const char *word, const char *const *words, int n)
{
	int i = n - 1;

	while (i > 0 && strcmp(words[i], word) != 0)
		i--;
	return i;
}
#define PLACE(word, words)	place(word, words, (int)(sizeof(words) / sizeof((words)[0])))

static enum rules_mode
mode_of(const char *word)
{
	enum rules_mode mode = MODE_OFF;

	(void)rules_mode_parse(word, &mode);
	return mode;
}

static struct rules_act
act_of(const char *word)
{
	struct rules_act act = { RULES_OFF, 0 };
	char *why = NULL;

	if (rules_act_parse(word, ~0u, &act, &why) == -1)
		free(why);
	return act;
}

/* Room for one more at the end of an array. */
#define GROW(v, n)	((v) = rules_grow((v), (n), sizeof(*(v))), \
			    memset(&(v)[n], 0, sizeof(*(v))), &(v)[(n)++])

/* "list deny client 192.0.2.0/24", with its scope if it has one. */
static char *
name_of(const char *kind, const char *a, const char *b, const char *scope)
{
	return xasprintf("%s %s %s%s%s", kind, a, b, scope[0] != '\0' ? " for " : "", scope);
}

static void
note_bits(struct rules_bits *bits, const char *network)
{
	struct rules_network n;
	char *why = NULL;

	if (rules_network_parse(network, &n, &why) == -1) {
		free(why);
		return;
	}
	if (strchr(network, ':') == NULL)
		bits->v4 |= UINT64_C(1) << n.bits;
	else
		bits->v6[n.bits / 64] |= UINT64_C(1) << n.bits % 64;
	free(n.text);
}

/* --- lists and limits ----------------------------------------------------------- */

int
rules_add_list(struct ruleset *set, char *const *v, char **why)
{
	static const char *const actions[] = { "allow", "deny", "defer" };
	enum rules_mode mode = mode_of(v[6]);
	struct rules_entry *e;
	char *reason = NULL;

	(void)why;
	if (mode == MODE_OFF)
		return 0;
	e = GROW(set->entry, set->nentries);
	e->action = (enum rules_entry_action)PLACE(v[0], actions);
	e->field = (enum rules_field)PLACE(v[1], fields);
	e->value = xstrdup(v[2]);
	e->scope = xstrdup(v[3]);
	if (e->action == ENTRY_ALLOW && rules_checks_parse(v[4], &e->skip, &reason) == -1)
		free(reason);
	e->until = rules_day_end(v[5]);
	e->mode = mode;
	e->note = xstrdup(v[7]);
	reason = xasprintf("%s %s", v[0], v[1]);
	e->name = name_of("list", reason, v[2], v[3]);
	free(reason);
	if (e->field == FIELD_CLIENT)
		note_bits(&set->entry_bits, v[2]);
	return 0;
}

int
rules_add_limits(struct ruleset *set, char *const *v, char **why)
{
	static const char *const actions[] = { "defer", "reject", "delay", "lockout" };
	enum rules_mode mode = mode_of(v[6]);
	struct rules_limit *l;

	(void)why;
	if (mode == MODE_OFF)
		return 0;
	l = GROW(set->limit, set->nlimits);
	l->what = (enum rules_limit_what)place(v[0], rules_limit_whats, RULES_NLIMITS);
	l->per = (enum rules_limit_per)place(v[1], rules_limit_pers, RULES_NPERS);
	l->match = xstrdup(v[2]);
	rules_parse_rate(v[3], v[4], l);
	l->action = (enum rules_limit_action)PLACE(v[5], actions);
	l->mode = mode;
	l->note = xstrdup(v[7]);
	l->name = v[2][0] == '\0' ? xasprintf("limits %s %s", v[0], v[1]) :
	    xasprintf("limits %s %s %s", v[0], v[1], v[2]);
	if (v[2][0] != '\0' && (l->per == PER_CLIENT || l->per == PER_NETWORK))
		note_bits(&set->limit_bits, v[2]);
	return 0;
}

/* --- the DNS, headers, patterns ------------------------------------------------------ */

int
rules_add_dnsbl(struct ruleset *set, char *const *v, char **why)
{
	static const char *const whats[] = { "client", "client_name", "helo", "sender_domain" };
	enum rules_mode mode = mode_of(v[4]);
	struct rules_dnsbl *d;
	char *reason = NULL;

	(void)why;
	if (mode == MODE_OFF)
		return 0;
	d = GROW(set->dnsbl, set->ndnsbls);
	d->zone = xstrdup(v[0]);
	d->what = (enum rules_dnsbl_what)PLACE(v[1], whats);
	if (rules_codes_parse(v[2], &d->codes, &d->ncodes, &reason) == -1)
		free(reason);
	d->act = act_of(v[3]);
	d->mode = mode;
	d->note = xstrdup(v[5]);
	d->name = d->what == DNSBL_CLIENT && v[2][0] == '\0' ? xasprintf("dnsbl %s", v[0]) :
	    xasprintf("dnsbl %s %s%s%s", v[0], v[1], v[2][0] != '\0' ? " " : "", v[2]);
	return 0;
}

int
rules_add_header(struct ruleset *set, char *const *v, char **why)
{
	enum rules_mode mode = mode_of(v[4]);
	struct rules_header *h;
	struct pattern *p;

	if (mode == MODE_OFF)
		return 0;
	if ((p = pattern_new(v[1], 0, why)) == NULL)
		return rules_canon_why(why, "pattern", *why);
	h = GROW(set->header, set->nheaders);
	h->header = xstrdup(v[0]);
	h->pattern = p;
	h->scope = xstrdup(v[2]);
	h->act = act_of(v[3]);
	h->mode = mode;
	h->note = xstrdup(v[5]);
	h->name = name_of("header", v[0], v[1], v[2]);
	return 0;
}

int
rules_add_pattern(struct ruleset *set, char *const *v, char **why)
{
	struct pattern *p = pattern_new(v[1], 1, why);
	struct rules_pattern *r;

	if (p == NULL)
		return rules_canon_why(why, "pattern", *why);
	r = GROW(set->pattern, set->npatterns);
	r->domain = xstrdup(v[0]);
	r->pattern = p;
	r->accept = strcmp(v[2], "accept") == 0;
	return 0;
}

/* --- domains and networks ------------------------------------------------------------ */

int
rules_add_alias(struct ruleset *set, char *const *v, char **why)
{
	struct rules_alias *a = GROW(set->alias, set->naliases);

	(void)why;
	a->name = xstrdup(v[0]);
	a->domain = xstrdup(v[1]);
	return 0;
}

static int
add_network(struct rules_networks *to, char *const *v, char **why)
{
	struct rules_network n;
	char *reason = NULL;

	if (rules_network_parse(v[0], &n, &reason) == -1)
		return rules_canon_why(why, "network", reason);
	n.note = xstrdup(v[1]);
	rules_networks_add(to, &n);
	return 0;
}

int
rules_add_mx_network(struct ruleset *set, char *const *v, char **why)
{
	return add_network(&set->mx_network, v, why);
}

int
rules_add_turn_network(struct ruleset *set, char *const *v, char **why)
{
	return add_network(&set->turn_network, v, why);
}

int
rules_add_mx_domain(struct ruleset *set, char *const *v, char **why)
{
	struct rules_mx_domain *d = GROW(set->mx_domain, set->nmx_domains);

	(void)why;
	d->name = xstrdup(v[0]);
	(void)rules_derived_parse(v[1], &d->serve);
	d->note = xstrdup(v[2]);
	return 0;
}
