/*
 * rule_list.c -- holdfast rule list: settings, and rows of each kind.
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
#include "common/cli/rule.h"
#include "common/conf.h"
#include "common/rules_kind.h"
#include "common/rules_screen.h"
#include "common/rules_setting.h"

/* --- names ---------------------------------------------------------------- */

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
	const char *names[RULE_NAMES_MAX] = { "settings" };
	char *groups[RULE_NAMES_MAX];
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
	status = rule_no_such(c, "kind or group of settings", given, cli_nearest(given, names, n), "");
	while (ngroups > 0)
		free(groups[--ngroups]);
	return status;
}

/* --- settings --------------------------------------------------------------- */

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

/* --- rows -------------------------------------------------------------------- */

struct listed_rows {
	const struct cli	*c;
	struct out_table	*t;		/* NULL: no row yet, or JSON */
	bool			 apart;		/* something is shown above */
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

	if (l->t == NULL && !l->c->json) {
		(void)printf("%s%s: %s\n", l->apart ? "\n" : "", k->name, k->help);
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

/* A kind without rows shows nothing, not even the blank line between tables. */
static int
list_kind(struct cli *c, const struct rules_kind *k, bool apart)
{
	struct listed_rows l = { .c = c, .apart = apart };
	char *why = NULL;
	int status;

	status = cli_read_failed(rules_kind_each(cli_conf(c)->rules_db, k, one_row, &l, &why), &why);
	if (l.t != NULL)
		out_table_print(&l.t, c);
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

	if (word != NULL && !settings && k == NULL && !group)
		return no_such_list(c, word);
	/* `header' and some others are both, a kind and a group of settings. */
	if ((status = cli_rules(c, &set)) != EX_OK)
		return status;
	if (settings || group)
		list_settings(c, set, group ? word : NULL);
	ruleset_unref(&set);
	if (k != NULL)
		return list_kind(c, k, group);
	for (size_t i = 0; status == EX_OK && word == NULL && i < rules_nkinds; i++)
		status = list_kind(c, &rules_kinds[i], true);
	return status;
}

const struct command command_rule_list = {
	.name = "rule list", .args = "[KIND | settings | GROUP]",
	.help = "List settings and rows: all, one kind, or the settings of a group like spf.",
	.examples = "holdfast rule list\nholdfast rule list settings\nholdfast rule list spf\n"
		    "holdfast rule list limits",
	.min_args = 0, .max_args = 1, .run = list,
};
