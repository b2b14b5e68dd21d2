/*
 * rule.c -- holdfast rule set, unset, add, remove.
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

#include "common/addr.h"
#include "common/buf.h"
#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/cli/rule.h"
#include "common/rules_kind.h"
#include "common/rules_screen.h"
#include "common/rules_setting.h"

/* --- names ---------------------------------------------------------------- */

int
rule_no_such(const struct cli *c, const char *what, const char *given, const char *near,
    const char *how)
{
	return cli_usage(c, "there is no %s `%s'%s%s%s; `holdfast rule list%s' shows all", what, given,
	    near != NULL ? ", perhaps `" : "", near != NULL ? near : "", near != NULL ? "'" : "", how);
}

static const struct rules_kind *
find_kind(const struct cli *c, const char *given)
{
	const char *names[RULE_NAMES_MAX];
	const struct rules_kind *k = rules_kind_find(given);

	if (k != NULL)
		return k;
	for (size_t i = 0; i < rules_nkinds; i++)
		names[i] = rules_kinds[i].name;
	(void)rule_no_such(c, "kind", given, cli_nearest(given, names, rules_nkinds), "");
	return NULL;
}

/* `canary' for `global.canary'; else by the letters. */
static const char *
near_setting(const char *given)
{
	const char *names[RULE_NAMES_MAX];

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
		(void)rule_no_such(c, "setting", given, near_setting(given), " settings");
	return t;
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

/* What is right in itself and yet may not be as meant. */
static void
warn_scope(struct cli *c, const char *scope)
{
	const char *domain = strchr(scope, '@') != NULL ? addr_domain(scope) : scope;
	struct ruleset *set = NULL;

	if (*scope == '\0' || cli_rules(c, &set) != EX_OK)
		return;
	if (ruleset_domain(set, domain) == NULL && ruleset_nmx_networks(set) == 0)
		cli_note("%s is not served here; this counts once it is", domain);
	ruleset_unref(&set);
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
	status = cli_edit_close(c, &e, status);
	if (status != EX_OK)
		return status;
	warn_scope(c, scope);
	return show_setting(c, t->name, scope, c->argv[1], true);
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
	status = cli_edit_close(c, &e, status);
	return status == EX_OK ? show_inherited(c, t, scope, changed) : status;
}

/* --- rows ------------------------------------------------------------------ */

/* Which row it was: the words, then what else is in the key. */
static int
tell(const struct cli *c, const char *verb, const struct rules_kind *k, const char *const *value)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; k->args[i] != '\0'; i++)
		if (value[k->args[i] - '0'] != NULL)
			buf_printf(&b, "%s%s", b.len > 0 ? " " : "", value[k->args[i] - '0']);
	for (size_t i = 0; i < k->nkeys; i++)
		if (value[i] != NULL && strchr(k->args, '0' + (int)i) == NULL)
			buf_printf(&b, " %s=%s", k->column[i].name, value[i]);
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
	status = cli_edit_close(c, &e, status);
	if (status != EX_OK)
		return status;
	warn_scope(c, scope_of(c));
	return tell(c, added ? "added" : "changed", k, value);
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
	status = cli_edit_close(c, &e, status);
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
/* Those of them that say which row it is. */
static const struct cli_option key_options[] = {
	{ "for", "SCOPE", "list, header: for a domain or address that is served here" },
	{ "match", "VALUE", "limits: for whom" },
	{ "what", "WORD", "dnsbl: client, client_name, helo or sender_domain" },
	{ "codes", "LIST", "dnsbl: the answers that count" },
	{ NULL, NULL, NULL }
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
		    "holdfast rule add dnsbl welcome.example -- -4\n"
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
	.min_args = 2, .max_args = 4, .options = key_options, .run = remove_,
};
