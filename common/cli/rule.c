/*
 * rule.c -- holdfast rule: settings, and the lists of networks and domains.
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
#include "common/rules_setting.h"
#include "common/rules_text.h"

#define GLOBAL	"global"
#define KINDS	"global, mx_network, mx_domain or turn_network"

static const char *const list_names[] = {
	[EDIT_MX_NETWORK] = "mx_network", [EDIT_MX_DOMAIN] = "mx_domain",
	[EDIT_TURN_NETWORK] = "turn_network",
};
#define NLISTS (sizeof(list_names) / sizeof(list_names[0]))

/* --- list ---------------------------------------------------------------- */

static void
list_settings(const struct cli *c, const struct ruleset *set)
{
	static const char *const headings[] = { "SETTING", "VALUE", "DEFAULT", "UNIT", "WHAT IT IS" };
	struct out_table *t = c->json ? NULL : out_table_new(headings, 5, "lllll");
	struct rules_settings initial;

	rules_settings_default(&initial);
	for (size_t i = 0; i < rules_nsettings; i++) {
		const struct rules_setting *s = &rules_settings_all[i];
		char *value = rules_setting_format(s, ruleset_settings(set));
		char *standard = rules_setting_format(s, &initial);
		char *name = xasprintf(GLOBAL ".%s", s->name);

		if (c->json)
			out_json(json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "kind", GLOBAL, "name", name,
			    "value", out_safe(value), "default", standard, "unit", s->unit, "help",
			    s->help));
		else {
			out_cell(t, name);
			out_cell(t, value);
			out_cell(t, standard);
			out_cell(t, s->unit);
			out_cell(t, s->help);
		}
		free(name);
		free(standard);
		free(value);
	}
	if (t != NULL)
		out_table_print(&t, c);
}

static size_t
list_length(const struct ruleset *set, enum rules_edit_list which)
{
	switch (which) {
	case EDIT_MX_NETWORK:
		return ruleset_nmx_networks(set);
	case EDIT_MX_DOMAIN:
		return ruleset_nmx_domains(set);
	case EDIT_TURN_NETWORK:
		return ruleset_nturn_networks(set);
	}
	return 0;
}

/* Lends the row; serve is "" but for domains. */
static void
list_at(const struct ruleset *set, enum rules_edit_list which, size_t i, const char **value,
    const char **serve, const char **note)
{
	const struct rules_network *n;
	const struct rules_mx_domain *d;

	*serve = "";
	if (which == EDIT_MX_DOMAIN) {
		d = ruleset_mx_domain_at(set, i);
		*value = d->name;
		*serve = rules_derived_name(d->serve);
		*note = d->note;
		return;
	}
	n = which == EDIT_MX_NETWORK ? ruleset_mx_network_at(set, i)
				     : ruleset_turn_network_at(set, i);
	*value = n->text;
	*note = n->note;
}

static void
list_rows(const struct cli *c, const struct ruleset *set, enum rules_edit_list which)
{
	static const char *const headings[] = { "KIND", "VALUE", "SERVE", "NOTE" };
	struct out_table *t = c->json ? NULL : out_table_new(headings, 4, "llll");

	for (size_t i = 0; i < list_length(set, which); i++) {
		const char *value, *serve, *note;

		list_at(set, which, i, &value, &serve, &note);
		if (c->json) {
			json_t *o = json_pack("{s:s,s:s,s:s}", "kind", list_names[which], "value",
			    out_safe(value), "note", out_safe(note));

			if (serve[0] != '\0')
				json_object_set_new(o, "serve", json_string(serve));
			out_json(o);
			continue;
		}
		out_cell(t, list_names[which]);
		out_cell(t, value);
		out_cell(t, serve);
		out_cell(t, note);
	}
	if (t != NULL)
		out_table_print(&t, c);
}

/* Which list, or -1 and the user was told. */
static int
parse_kind(const struct cli *c, const char *word)
{
	const char *near;

	for (size_t i = 0; i < NLISTS; i++)
		if (strcmp(word, list_names[i]) == 0)
			return (int)i;
	near = cli_nearest(word, list_names, NLISTS);
	(void)cli_usage(c, "there is no kind `%s', only " KINDS "%s%s%s", word,
	    near != NULL ? "; did you mean " : "", near != NULL ? near : "",
	    near != NULL ? "?" : "");
	return -1;
}

static int
list(struct cli *c)
{
	struct ruleset *set = NULL;
	bool global = c->argc == 0 || strcmp(c->argv[0], GLOBAL) == 0;
	int only = -1, status;

	if (!global && (only = parse_kind(c, c->argv[0])) == -1)
		return EX_USAGE;
	if ((status = cli_rules(c, &set)) != EX_OK)
		return status;
	if (global)
		list_settings(c, set);
	for (size_t i = 0; i < NLISTS; i++) {
		if (c->argc == 0 ? list_length(set, (enum rules_edit_list)i) == 0 : (int)i != only)
			continue;
		if (c->argc == 0 && !c->json)
			(void)putchar('\n');
		list_rows(c, set, (enum rules_edit_list)i);
	}
	ruleset_unref(&set);
	return EX_OK;
}

/* --- settings ------------------------------------------------------------ */

/* "global.concurrency" to "concurrency"; NULL: told. */
static const char *
setting_name(const struct cli *c, const char *given)
{
	static const char prefix[] = GLOBAL ".";
	const char *names[64], *near, *name = given;
	size_t n = 0;

	if (strncmp(given, prefix, sizeof(prefix) - 1) == 0)
		name += sizeof(prefix) - 1;
	else if (rules_setting_find(given) != NULL) {
		(void)cli_usage(c, "settings are written " GLOBAL ".%s", given);
		return NULL;
	}
	if (name != given && rules_setting_find(name) != NULL)
		return name;
	for (; n < rules_nsettings && n < 64; n++)
		names[n] = rules_settings_all[n].name;
	near = cli_nearest(name, names, n);
	(void)cli_usage(c, "there is no setting `%s'%s%s; `holdfast rule list global' shows all",
	    given, near != NULL ? ", perhaps " GLOBAL "." : "", near != NULL ? near : "");
	return NULL;
}

static int
show_setting(const struct cli *c, const char *name, const char *value, bool changed)
{
	if (c->json)
		out_json(json_pack("{s:s+,s:s,s:b}", "name", GLOBAL ".", name, "value",
		    out_safe(value), "changed", changed));
	else
		(void)printf(GLOBAL ".%s = %s\n", name, out_safe(value));
	return EX_OK;
}

static int
set(struct cli *c)
{
	const char *name = setting_name(c, c->argv[0]);
	struct rules_edit *e = NULL;
	char *why = NULL;
	int status;

	if (name == NULL)
		return EX_USAGE;
	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_setting_set(e, name, c->argv[1], &why), &why);
	rules_edit_close(&e);
	return status == EX_OK ? show_setting(c, name, c->argv[1], true) : status;
}

static int
unset(struct cli *c)
{
	const char *name = setting_name(c, c->argv[0]);
	struct rules_settings initial;
	struct rules_edit *e = NULL;
	char *why = NULL, *value;
	bool changed = false;
	int status;

	if (name == NULL)
		return EX_USAGE;
	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_setting_unset(e, name, &changed, &why), &why);
	rules_edit_close(&e);
	if (status != EX_OK)
		return status;
	rules_settings_default(&initial);
	value = rules_setting_format(rules_setting_find(name), &initial);
	status = show_setting(c, name, value, changed);
	free(value);
	return status;
}

/* --- lists --------------------------------------------------------------- */

static int
tell(const struct cli *c, const char *verb, const char *kind, const char *value)
{
	if (c->json)
		out_json(json_pack("{s:s,s:s}", "kind", kind, verb, out_safe(value)));
	else
		(void)printf("%s %s %s\n", verb, kind, out_safe(value));
	return EX_OK;
}

static int
add(struct cli *c)
{
	const char *serve = cli_option(c, "serve");
	struct rules_edit *e = NULL;
	char *why = NULL;
	int kind = parse_kind(c, c->argv[0]), status;

	if (kind == -1)
		return EX_USAGE;
	if ((kind == EDIT_MX_DOMAIN) != (serve != NULL))
		return cli_usage(c, kind == EDIT_MX_DOMAIN ? "rule add mx_domain: --serve always or "
		    "--serve never is needed" : "--serve goes with mx_domain only");
	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_list_add(e, (enum rules_edit_list)kind, c->argv[1],
	    serve, cli_option(c, "note"), &why), &why);
	rules_edit_close(&e);
	return status == EX_OK ? tell(c, "added", list_names[kind], c->argv[1]) : status;
}

static int
remove_(struct cli *c)
{
	struct rules_edit *e = NULL;
	char *why = NULL;
	int kind = parse_kind(c, c->argv[0]), status;

	if (kind == -1)
		return EX_USAGE;
	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_list_remove(e, (enum rules_edit_list)kind, c->argv[1],
	    &why), &why);
	rules_edit_close(&e);
	return status == EX_OK ? tell(c, "removed", list_names[kind], c->argv[1]) : status;
}

static const struct cli_option add_options[] = {
	{ "note", "TEXT", "why it is there" },
	{ "serve", "always|never", "mx_domain: whatever its MX says" },
	{ NULL, NULL, NULL }
};

const struct command command_rule_list = {
	.name = "rule list", .args = "[KIND]",
	.help = "List the settings, and which networks and domains are known.",
	.examples = "holdfast rule list\nholdfast rule list global\nholdfast rule list mx_network",
	.min_args = 0, .max_args = 1, .run = list,
};
const struct command command_rule_set = {
	.name = "rule set", .args = "global.NAME VALUE",
	.help = "Change a setting.",
	.examples = "holdfast rule set global.probe_interval 5s\n"
		    "holdfast rule set global.operator mail-ops@example.test",
	.min_args = 2, .max_args = 2, .run = set,
};
const struct command command_rule_unset = {
	.name = "rule unset", .args = "global.NAME",
	.help = "Give a setting its default again.",
	.examples = "holdfast rule unset global.probe_interval",
	.min_args = 1, .max_args = 1, .run = unset,
};
const struct command command_rule_add = {
	.name = "rule add", .args = "KIND VALUE",
	.help = "Add a network or domain, or change what is said of it.",
	.examples = "holdfast rule add mx_network 192.0.2.0/24 --note \"our customers' servers\"\n"
		    "holdfast rule add mx_domain spam.test --serve never\n"
		    "holdfast rule add turn_network 198.51.100.7",
	.min_args = 2, .max_args = 2, .options = add_options, .run = add,
};
const struct command command_rule_remove = {
	.name = "rule remove", .args = "KIND VALUE",
	.help = "Remove a network or domain.",
	.examples = "holdfast rule remove mx_network 192.0.2.0/24",
	.min_args = 2, .max_args = 2, .run = remove_,
};
