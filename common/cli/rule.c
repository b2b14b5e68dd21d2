/*
 * rule.c -- holdfast rule: settings, and rows of each kind.
 *
 * What kinds and settings there are, and what may stand in them, comes from
 * rules_kind.c and rules_setting.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/buf.h"
#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/conf.h"
#include "common/rules_kind.h"
#include "common/rules_screen.h"
#include "common/rules_setting.h"

#define NAMES_MAX	128

/* --- names ---------------------------------------------------------------- */

/* Tells that there is no such thing, and what is near (NULL: nothing). Returns EX_USAGE. */
static int
no_such(const struct cli *c, const char *what, const char *given, const char *near, const char *how)
{
	return cli_usage(c, "there is no %s `%s'%s%s%s; `holdfast rule list%s' shows all", what, given,
	    near != NULL ? ", perhaps `" : "", near != NULL ? near : "", near != NULL ? "'" : "", how);
}

static const struct rules_kind *
find_kind(const struct cli *c, const char *given)
{
	const char *names[NAMES_MAX];
	const struct rules_kind *k = rules_kind_find(given);

	if (k != NULL)
		return k;
	for (size_t i = 0; i < rules_nkinds; i++)
		names[i] = rules_kinds[i].name;
	(void)no_such(c, "kind", given, cli_nearest(given, names, rules_nkinds), "");
	return NULL;
}

/* `canary' for `global.canary'; else by the letters. */
static const char *
near_setting(const char *given)
{
	const char *names[NAMES_MAX];

	for (size_t i = 0; i < rules_nsettings; i++) {
		names[i] = rules_settings_all[i].name;
		if (strcmp(strchr(names[i], '.') + 1, given) == 0)
			return names[i];
	}
	return cli_nearest(given, names, rules_nsettings);
}

static const struct rules_setting *
find_setting(const struct cli *c, const char *given)
{
	const struct rules_setting *t = rules_setting_find(given);

	if (t == NULL)
		(void)no_such(c, "setting", given, near_setting(given), " settings");
	return t;
}

static bool
is_group(const char *word)
{
	for (size_t i = 0; i < rules_nsettings; i++)
		if (rules_setting_in(&rules_settings_all[i], word))
			return true;
	return false;
}

/* A word that `rule list' does not know. Returns EX_USAGE. */
static int
no_such_list(const struct cli *c, const char *given)
{
	const char *names[NAMES_MAX] = { "settings" };
	char *groups[NAMES_MAX];
	size_t n = 1, ngroups = 0;
	int status;

	for (size_t i = 0; i < rules_nkinds; i++)
		names[n++] = rules_kinds[i].name;
	for (size_t i = 0; i < rules_nsettings; i++) {
		const char *name = rules_settings_all[i].name;

		if (i > 0 && rules_setting_in(&rules_settings_all[i], groups[ngroups - 1]))
			continue;
		groups[ngroups] = xstrndup(name, strcspn(name, "."));
		names[n++] = groups[ngroups++];
	}
	status = no_such(c, "kind or group of settings", given, cli_nearest(given, names, n), "");
	while (ngroups > 0)
		free(groups[--ngroups]);
	return status;
}

/* --- list: settings --------------------------------------------------------- */

struct listed_settings {
	const struct cli	*c;
	struct out_table	*t;
	const char		*group;		/* NULL: all */
};

static void
one_setting(const struct listed_settings *l, const struct rules_setting *s, const char *scope,
    const char *value, const char *standard)
{
	if (l->c->json) {
		out_json(json_pack("{s:s,s:s,s:o,s:o,s:s,s:s,s:s}", "kind", "setting", "name", s->name,
		    "scope", out_string(scope), "value", out_string(value), "default", standard, "unit",
		    s->unit, "help", s->help));
		return;
	}
	out_cell(l->t, s->name);
	out_cell(l->t, scope);
	out_cell(l->t, *value != '\0' ? value : "-");
	out_cell(l->t, *standard != '\0' ? standard : "-");
	out_cell(l->t, s->unit);
	out_cell(l->t, s->help);
}

static void
list_settings(const struct cli *c, const struct ruleset *set, const char *group)
{
	static const char *const headings[] = { "SETTING", "FOR", "VALUE", "DEFAULT", "UNIT",
		"WHAT IT IS" };
	struct listed_settings l = { c, c->json ? NULL : out_table_new(headings, 6, "llllll"), group };

	for (size_t i = 0; i < rules_nsettings; i++) {
		const struct rules_setting *s = &rules_settings_all[i];
		char *value;

		if (group != NULL && !rules_setting_in(s, group))
			continue;
		value = rules_setting_format(s, ruleset_settings(set), ruleset_policy(set, ""));
		one_setting(&l, s, "", value, s->initial);
		free(value);
		for (size_t k = 0; k < ruleset_nscoped(set); k++) {
			const struct rules_setting *of;
			const char *scope, *own;

			ruleset_scoped_at(set, k, &of, &scope, &own);
			if (of == s)
				one_setting(&l, s, scope, own, s->initial);
		}
	}
	if (l.t != NULL)
		out_table_print(&l.t, c);
}

/* --- list: rows -------------------------------------------------------------- */

struct listed_rows {
	const struct cli	*c;
	struct out_table	*t;
	size_t			 n;
};

/* Its columns are the headings. */
static struct out_table *
table_of(const struct rules_kind *k)
{
	static const char align[] = "llllllllll";
	_Static_assert(sizeof(align) == RULES_COLUMNS_MAX + 1, "a letter for each column");
	const char *headings[RULES_COLUMNS_MAX];
	char upper[RULES_COLUMNS_MAX][32];
	size_t n = rules_kind_ncolumns(k);

	for (size_t i = 0; i < n; i++) {
		const char *name = k->column[i].name;
		size_t j = 0;

		for (; name[j] != '\0' && j < sizeof(upper[i]) - 1; j++)
			upper[i][j] = name[j] == '_' ? '_' : (char)(name[j] - 'a' + 'A');
		upper[i][j] = '\0';
		headings[i] = upper[i];
	}
	return out_table_new(headings, n, align);
}

static void
one_row(void *arg, const struct rules_kind *k, const char *const *value)
{
	struct listed_rows *l = arg;
	size_t n = rules_kind_ncolumns(k);
	json_t *o;

	if (l->n++ == 0 && !l->c->json) {
		(void)printf("%s: %s\n", k->name, k->help);
		l->t = table_of(k);
	}
	if (!l->c->json) {
		for (size_t i = 0; i < n; i++)
			out_cell(l->t, value[i]);
		return;
	}
	o = json_pack("{s:s}", "kind", k->name);
	for (size_t i = 0; i < n; i++)
		json_object_set_new(o, k->column[i].name, out_string(value[i]));
	out_json(o);
}

static int
list_kind(struct cli *c, const struct rules_kind *k, bool apart, size_t *n)
{
	struct listed_rows l = { .c = c };
	char *why = NULL;
	int status;

	if (apart && !c->json)
		(void)putchar('\n');
	status = cli_read_failed(rules_kind_each(cli_conf(c)->rules_db, k, one_row, &l, &why), &why);
	if (l.t != NULL)
		out_table_print(&l.t, c);
	*n = l.n;
	return status;
}

static int
list(struct cli *c)
{
	const char *word = c->argc > 0 ? c->argv[0] : NULL;
	bool settings = word == NULL || strcmp(word, "settings") == 0;
	bool group = word != NULL && is_group(word);
	const struct rules_kind *k = word != NULL && !settings ? rules_kind_find(word) : NULL;
	struct ruleset *set = NULL;
	int status;
	size_t n = 0;

	if (word != NULL && !settings && k == NULL && !group)
		return no_such_list(c, word);
	/* `header' and some others are both, a kind and a group of settings. */
	if ((status = cli_rules(c, &set)) != EX_OK)
		return status;
	if (settings || group)
		list_settings(c, set, group ? word : NULL);
	ruleset_unref(&set);
	if (k != NULL)
		return list_kind(c, k, group, &n);
	for (size_t i = 0; status == EX_OK && word == NULL && i < rules_nkinds; i++)
		status = list_kind(c, &rules_kinds[i], true, &n);
	return status;
}

/* --- settings ------------------------------------------------------------ */

static int
show_setting(const struct cli *c, const char *name, const char *scope, const char *value, bool changed)
{
	if (c->json)
		out_json(json_pack("{s:s,s:o,s:o,s:b}", "name", name, "scope", out_string(scope), "value",
		    out_string(value), "changed", changed));
	else
		(void)printf("%s = %s%s%s\n", name, out_safe(value), *scope != '\0' ? " for " : "",
		    out_safe(scope));
	return EX_OK;
}

static const char *
scope_of(const struct cli *c)
{
	const char *scope = cli_option(c, "for");

	return scope != NULL ? scope : "";
}

static int
set(struct cli *c)
{
	const struct rules_setting *t = find_setting(c, c->argv[0]);
	const char *scope = scope_of(c);
	struct rules_edit *e = NULL;
	char *why = NULL;
	int status;

	if (t == NULL)
		return EX_USAGE;
	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_setting_set(e, t->name, scope, c->argv[1], &why), &why);
	rules_edit_close(&e);
	return status == EX_OK ? show_setting(c, t->name, scope, c->argv[1], true) : status;
}

/* What holds now that it has none of its own. */
static int
show_inherited(struct cli *c, const struct rules_setting *t, const char *scope, bool changed)
{
	struct ruleset *set = NULL;
	char *value;
	int status = cli_rules(c, &set);

	if (status != EX_OK)
		return status;
	value = rules_setting_format(t, ruleset_settings(set), ruleset_policy(set, scope));
	status = show_setting(c, t->name, scope, value, changed);
	free(value);
	ruleset_unref(&set);
	return status;
}

static int
unset(struct cli *c)
{
	const struct rules_setting *t = find_setting(c, c->argv[0]);
	const char *scope = scope_of(c);
	struct rules_edit *e = NULL;
	char *why = NULL;
	bool changed = false;
	int status;

	if (t == NULL)
		return EX_USAGE;
	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_setting_unset(e, t->name, scope, &changed, &why), &why);
	rules_edit_close(&e);
	return status == EX_OK ? show_inherited(c, t, scope, changed) : status;
}

/* --- rows ------------------------------------------------------------------ */

static int
tell(const struct cli *c, const char *verb, const struct rules_kind *k, const char *const *value)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; k->args[i] != '\0'; i++)
		if (value[k->args[i] - '0'] != NULL)
			buf_printf(&b, "%s%s", b.len > 0 ? " " : "", value[k->args[i] - '0']);
	if (c->json)
		out_json(json_pack("{s:s,s:o}", "kind", k->name, verb, out_string(buf_str(&b))));
	else
		(void)printf("%s %s %s\n", verb, k->name, out_safe(buf_str(&b)));
	buf_free(&b);
	return EX_OK;
}

/* The words of the command line into the kind's columns. words: how many of them there must be. */
static int
take_words(const struct cli *c, const struct rules_kind *k, size_t words, const char **value)
{
	size_t given = (size_t)c->argc - 1;

	if (given != words)
		return cli_usage(c, "%s takes %zu word%s after it, not %zu", k->name, words,
		    words == 1 ? "" : "s", given);
	for (size_t i = 0; i < words; i++)
		value[k->args[i] - '0'] = c->argv[i + 1];
	return EX_OK;
}

/* The options, each the name of a column; `for' is the scope. */
static int
take_options(const struct cli *c, const struct rules_kind *k, bool key, const char **value)
{
	const struct cli_option *o = c->command->options;

	for (size_t i = 0; o[i].name != NULL; i++) {
		const char *given = cli_option(c, o[i].name);
		int column;

		if (given == NULL)
			continue;
		column = rules_kind_column(k, strcmp(o[i].name, "for") == 0 ? "scope" : o[i].name);
		if (column == -1 || value[column] != NULL || (key && (size_t)column >= k->nkeys))
			return cli_usage(c, "--%s does not go with %s", o[i].name, k->name);
		value[column] = given;
	}
	return EX_OK;
}

static int
add(struct cli *c)
{
	const char *value[RULES_COLUMNS_MAX] = { NULL };
	const struct rules_kind *k = find_kind(c, c->argv[0]);
	struct rules_edit *e = NULL;
	char *why = NULL;
	bool added = false;
	int status;

	if (k == NULL)
		return EX_USAGE;
	if ((status = take_words(c, k, strlen(k->args), value)) != EX_OK ||
	    (status = take_options(c, k, false, value)) != EX_OK || (status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_kind_put(e, k, value, &added, &why), &why);
	rules_edit_close(&e);
	return status == EX_OK ? tell(c, added ? "added" : "changed", k, value) : status;
}

/* Of the words of `add' those that are in the key. */
static size_t
key_words(const struct rules_kind *k)
{
	size_t n = 0;

	while (k->args[n] != '\0' && (size_t)(k->args[n] - '0') < k->nkeys)
		n++;
	return n;
}

static int
remove_(struct cli *c)
{
	const char *value[RULES_COLUMNS_MAX] = { NULL };
	const struct rules_kind *k = find_kind(c, c->argv[0]);
	struct rules_edit *e = NULL;
	char *why = NULL;
	int status;

	if (k == NULL)
		return EX_USAGE;
	if ((status = take_words(c, k, key_words(k), value)) != EX_OK ||
	    (status = take_options(c, k, true, value)) != EX_OK || (status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_kind_remove(e, k, value, &why), &why);
	rules_edit_close(&e);
	return status == EX_OK ? tell(c, "removed", k, value) : status;
}

static const struct cli_option for_option[] = {
	{ "for", "SCOPE", "a domain or address that is served here" },
	{ NULL, NULL, NULL }
};
static const struct cli_option row_options[] = {
	{ "for", "SCOPE", "list, header: for a domain or address that is served here" },
	{ "checks", "NAMES", "list: what `allow' skips" },
	{ "expires", "DAY", "list: the last day on which it holds" },
	{ "match", "VALUE", "limits: for whom" },
	{ "burst", "N", "limits: how much may come at once" },
	{ "action", "WORD", "limits: defer, reject, delay or lockout" },
	{ "what", "WORD", "dnsbl: client, client_name, helo or sender_domain" },
	{ "codes", "LIST", "dnsbl: the answers that count" },
	{ "answer", "WORD", "pattern: accept or reject" },
	{ "serve", "always|never", "mx_domain: whatever its MX says" },
	{ "mode", "off|shadow|enforce", "shadow logs and counts, and changes nothing" },
	{ "note", "TEXT", "why it is there" },
	{ NULL, NULL, NULL }
};

const struct command command_rule_list = {
	.name = "rule list", .args = "[KIND | settings | GROUP]",
	.help = "List settings and rows: all, one kind, or the settings of a group like spf.",
	.examples = "holdfast rule list\nholdfast rule list settings\nholdfast rule list spf\n"
		    "holdfast rule list limits",
	.min_args = 0, .max_args = 1, .run = list,
};
const struct command command_rule_set = {
	.name = "rule set", .args = "NAME VALUE",
	.help = "Change a setting, for everybody or for one domain or address.",
	.examples = "holdfast rule set global.mode shadow\n"
		    "holdfast rule set spf.mode enforce\n"
		    "holdfast rule set threshold.spam_reject 8 --for example.test",
	.min_args = 2, .max_args = 2, .options = for_option, .run = set,
};
const struct command command_rule_unset = {
	.name = "rule unset", .args = "NAME",
	.help = "Give a setting its default again.",
	.examples = "holdfast rule unset global.probe_interval\n"
		    "holdfast rule unset threshold.spam_reject --for example.test",
	.min_args = 1, .max_args = 1, .options = for_option, .run = unset,
};
const struct command command_rule_add = {
	.name = "rule add", .args = "KIND WORD...",
	.help = "Add a row, or change what is said of one.",
	.examples = "holdfast rule add list deny client 192.0.2.0/24 --note \"sends spam\"\n"
		    "holdfast rule add list allow sender_domain .partner.test --checks greylist,spf\n"
		    "holdfast rule add limits messages client 100/1m --match 198.51.100.7\n"
		    "holdfast rule add dnsbl dnsbl.example 4 --codes 127.0.0.2\n"
		    "holdfast rule add header subject \"^you have won\" 5\n"
		    "holdfast rule add pattern example.test \"list-[a-z]+\"\n"
		    "holdfast rule add alias_domain example.org example.test\n"
		    "holdfast rule add mx_domain spam.test --serve never",
	.min_args = 2, .max_args = 4, .options = row_options, .run = add,
};
const struct command command_rule_remove = {
	.name = "rule remove", .args = "KIND WORD...",
	.help = "Remove a row.",
	.examples = "holdfast rule remove list deny client 192.0.2.0/24\n"
		    "holdfast rule remove limits messages client --match 198.51.100.7\n"
		    "holdfast rule remove mx_network 192.0.2.0/24",
	.min_args = 2, .max_args = 4, .options = row_options, .run = remove_,
};
