/*
 * setup_rules.c -- the domains of a setup, in rules.db.
 *
 * What is asked for is checked before anything is done: a name, a primary, every line of a
 * recipient list. A domain that is there is changed only in what is named; a list that
 * is the same is not imported again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/setup_rules.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/cli/file.h"
#include "common/cli/plan.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/import.h"
#include "common/rules.h"
#include "common/rules_edit.h"
#include "common/rules_kind.h"
#include "common/rules_route.h"
#include "common/rules_text.h"

/* --- the steps ----------------------------------------------------------- */

static int
failed(enum rules_edit_result r)
{
	return r == EDIT_OK ? 0 : -1;
}

static int
create_rules(void *arg, char **why)
{
	bool created;

	return failed(rules_edit_create(arg, &created, why));
}

static int
change_domain(struct setup_domain *d, bool add, char **why)
{
	struct rules_edit_domain columns = RULES_EDIT_DOMAIN_INIT;
	struct rules_edit *e = NULL;
	int rc;

	columns.primaries = d->primary;
	columns.recipients = d->recipients;
	columns.size_limit = d->size_limit;
	if (rules_edit_open(d->rules_db, &e, why) != EDIT_OK)
		return -1;
	rc = failed(add ? rules_edit_domain_add(e, d->name, &columns, why)
			: rules_edit_domain_set(e, d->name, &columns, why));
	rules_edit_close(&e);
	return rc;
}

static int
add_domain(void *arg, char **why)
{
	return change_domain(arg, true, why);
}

static int
set_domain(void *arg, char **why)
{
	return change_domain(arg, false, why);
}

/* A later step failed: the domain that this setup added goes again. */
static void
remove_domain(void *arg)
{
	const struct setup_domain *d = arg;
	struct rules_edit *e = NULL;
	char *why = NULL;

	if (rules_edit_open(d->rules_db, &e, &why) == EDIT_OK)
		(void)rules_edit_domain_remove(e, d->name, NULL, &why);
	rules_edit_close(&e);
	free(why);
}

static int
import_list(void *arg, char **why)
{
	const struct setup_domain *d = arg;
	struct rules_edit_import list = { .locals = d->list->locals, .n = d->list->n,
		.catch_all = d->list->catch_all, .now = clock_wall() };
	struct rules_edit *e = NULL;
	int rc;

	if (rules_edit_open(d->rules_db, &e, why) != EDIT_OK)
		return -1;
	rc = failed(rules_edit_recipient_import(e, d->name, &list, why));
	rules_edit_close(&e);
	return rc;
}

/* --- what is asked for ---------------------------------------------------- */

static bool
check_name(struct setup_domain *d, struct plan *plan)
{
	size_t len = strlen(d->name);

	if (len > 1 && d->name[len - 1] == '.')
		d->name[len - 1] = '\0';
	addr_lower(d->name);
	if (d->name[0] != '[' && addr_domain_valid(d->name, true))
		return true;
	plan_problem(plan, "`%s' is not a domain name", d->name);
	return false;
}

static bool
check_primary(const struct setup_domain *d, struct rules_route *route, struct plan *plan)
{
	const char *why = NULL;

	rules_route_init(route);
	if (d->primary == NULL || rules_route_parse(d->primary, route, &why) == 0)
		return true;
	plan_problem(plan, "%s: `%s' is not a primary: %s", d->name, d->primary, why);
	return false;
}

/* Reads the list; each bad line is a problem. */
static bool
read_list(struct setup_domain *d, bool exact, struct plan *plan)
{
	struct buf text = BUF_INIT;
	char *why = NULL, *path = realpath(d->file, NULL); /* a link is no danger when it is read */
	enum file_found found = path != NULL ? file_read(path, &text, NULL, &why) : FILE_NONE;

	free(path);
	if (found != FILE_THERE) {
		plan_problem(plan, "%s: %s", d->file, why != NULL ? why : "is not there");
		free(why);
		buf_free(&text);
		return false;
	}
	d->list = xcalloc(1, sizeof(*d->list));
	import_parse(d->list, buf_str(&text), text.len, d->name, exact);
	buf_free(&text);
	for (size_t i = 0; i < d->list->nerrors && i < IMPORT_ERRORS_MAX; i++)
		plan_problem(plan, "%s:%zu: %s", d->file, d->list->error[i].line,
		    d->list->error[i].reason);
	if (d->list->nerrors == 0 && d->list->n == 0 && !d->list->catch_all)
		plan_problem(plan, "%s: the list is empty", d->file);
	return d->list->nerrors == 0;
}

static bool
same_primary(const struct rules_route *a, const struct rules_route *b)
{
	if (a->kind != b->kind || a->primary.n != b->primary.n || a->mx_port != b->mx_port ||
	    strcmp(a->mx != NULL ? a->mx : "", b->mx != NULL ? b->mx : "") != 0)
		return false;
	for (size_t i = 0; i < a->primary.n; i++)
		if (strcmp(a->primary.v[i].host, b->primary.v[i].host) != 0 ||
		    a->primary.v[i].port != b->primary.v[i].port ||
		    a->preference[i] != b->preference[i])
			return false;
	return true;
}

static bool
same_list(const struct ruleset *set, const struct rules_domain *is, const struct import *list)
{
	if (is->list_time == 0 || is->nrecipients != list->n ||
	    (list->catch_all && is->catch_all[0] == '\0'))
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(ruleset_recipient_at(set, is, i), list->locals[i]) != 0)
			return false;
	return true;
}

/* --- planning ------------------------------------------------------------ */

static void
call(struct plan *plan, int (*fn)(void *, char **), struct setup_domain *d, char *what)
{
	struct plan_step *s = plan_call(plan, fn, d, what);

	if (fn == add_domain)
		s->undo_call = remove_domain;
	free(what);
}

static void
plan_recipients(const struct ruleset *set, const struct rules_domain *is, struct setup_domain *d,
    struct plan *plan)
{
	bool by_list = d->recipients != NULL ? strcmp(d->recipients, "list") == 0
					     : is == NULL || is->recipients == RECIPIENTS_LIST;

	if (d->file != NULL && read_list(d, is != NULL && is->case_sensitive, plan)) {
		if (is == NULL || !same_list(set, is, d->list))
			call(plan, import_list, d,
			    xasprintf("holdfast recipient import %s %s", d->name, d->file));
	} else if (d->file == NULL && by_list &&
		   (is == NULL ||
		       (is->nrecipients == 0 && is->list_time == 0 && is->catch_all[0] == '\0')))
		plan_note(plan, "%s: no recipients are known yet: everybody is put off (450) until "
		    "`holdfast recipient import %s FILE'", d->name, d->name);
	if (d->recipients != NULL && strcmp(d->recipients, "any") == 0)
		plan_note(plan,
		    "%s: recipients are not checked: mail to nobody is taken, and the primary "
		    "will refuse it later",
		    d->name);
}

/* No larger mail is taken than the primary takes, if it can be asked now. */
static void
ask_size(const struct conf *conf, const struct rules_route *route, struct setup_domain *d,
    struct plan *plan)
{
	uint64_t size = setup_primary_size(route, conf->hostname, conf->resolver);

	if (size != 0 && size < conf->message_size_limit)
		d->size_limit = xasprintf("%llu", (unsigned long long)size);
	else if (size > conf->message_size_limit)
		plan_note(plan,
		    "%s: the primary takes messages of up to %llu bytes, Holdfast only %llu: set "
		    "message_size_limit in holdfast.conf, and run setup again",
		    d->name, (unsigned long long)size,
		    (unsigned long long)conf->message_size_limit);
}

static void
plan_domain(const struct conf *conf, const struct ruleset *set, struct setup_domain *d,
    struct plan *plan)
{
	const struct rules_domain *is;
	struct rules_route route;
	char *with;

	if (!check_name(d, plan))
		return;
	is = set != NULL ? ruleset_domain(set, d->name) : NULL;
	if (is != NULL && strcmp(is->name, d->name) != 0) {
		plan_problem(plan, "%s is an alias of %s", d->name, is->name);
		return;
	}
	if (!check_primary(d, &route, plan)) {
		rules_route_clear(&route);
		return;
	}
	if (is == NULL && d->primary != NULL)
		ask_size(conf, &route, d, plan);
	with = xasprintf("%s%s%s%s%s%s", d->primary != NULL ? " --primary " : "",
	    d->primary != NULL ? d->primary : "", d->recipients != NULL ? " --recipients " : "",
	    d->recipients != NULL ? d->recipients : "",
	    d->size_limit != NULL ? " --size-limit " : "",
	    d->size_limit != NULL ? d->size_limit : "");
	if (is == NULL && d->primary == NULL)
		plan_problem(plan, "%s: which is its primary? --primary HOST[:PORT]", d->name);
	else if (is == NULL)
		call(plan, add_domain, d, xasprintf("holdfast domain add %s%s", d->name, with));
	else if ((d->primary != NULL && !same_primary(&route, &is->route)) ||
	    (d->recipients != NULL &&
	    strcmp(d->recipients, rules_recipients_name(is->recipients)) != 0))
		call(plan, set_domain, d, xasprintf("holdfast domain set %s%s", d->name, with));
	free(with);
	rules_route_clear(&route);
	plan_recipients(set, is, d, plan);
}

static void
add_alias(void *arg, const struct rules_kind *kind, const char *const *value)
{
	struct words *all = arg;

	(void)kind;
	if (value[0] != NULL && !words_have(all, value[0]))
		words_add(all, value[0]);
}

/* Every name that mail may come for. */
static void
list_all(const char *rules_db, const struct ruleset *set, const struct setup_domain *d, size_t n,
    struct words *all)
{
	const struct rules_kind *aliases = rules_kind_find("alias_domain");
	char *why = NULL;

	for (size_t i = 0; set != NULL && i < ruleset_ndomains(set); i++)
		words_add(all, ruleset_domain_at(set, i)->name);
	if (set != NULL && aliases != NULL)
		(void)rules_kind_each(rules_db, aliases, add_alias, all, &why);
	for (size_t i = 0; i < n; i++)
		if (!words_have(all, d[i].name))
			words_add(all, d[i].name);
	free(why);
}

void
setup_rules_plan(const struct conf *conf, struct setup_domain *d, size_t n, struct words *all,
    struct plan *plan)
{
	const char *rules_db = conf->rules_db;
	struct ruleset *set = NULL;
	struct rules *rules = NULL;
	char *why = NULL;

	if (access(rules_db, F_OK) == -1)
		(void)plan_call(plan, create_rules, (void *)(uintptr_t)rules_db, "make rules.db");
	else if ((rules = rules_open(rules_db, &why)) == NULL)
		plan_problem(plan, "%s", why);
	else
		set = rules_current(rules);
	for (size_t i = 0; i < n; i++) {
		free(d[i].rules_db);
		d[i].rules_db = xstrdup(rules_db);
		plan_domain(conf, set, &d[i], plan);
	}
	list_all(rules_db, set, d, n, all);
	ruleset_unref(&set);
	rules_close(&rules);
	free(why);
}

void
setup_domain_clear(struct setup_domain *d)
{
	free(d->name);
	free(d->primary);
	free(d->recipients);
	free(d->file);
	free(d->rules_db);
	free(d->size_limit);
	if (d->list != NULL)
		import_clear(d->list);
	free(d->list);
	memset(d, 0, sizeof(*d));
}
