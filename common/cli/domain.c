/*
 * domain.c -- holdfast domain: what this host is backup MX for.
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
#include "common/clock.h"
#include "common/conf.h"
#include "common/rules_text.h"

static const struct cli_option options[] = {
	{ "primary", "HOST[:PORT][,…]", "where its mail goes, tried in this order" },
	{ "recipients", "list|verify|any", "how a recipient is known (default list)" },
	{ "schedule", "NAME", "retry schedule (default `default')" },
	{ "tls", "off|may", "TLS towards the primary (default may: where it is offered)" },
	{ "size-limit", "SIZE", "largest message, like 25M; 0: as in holdfast.conf" },
	{ "delimiter", "CHARS", "what starts an extension (default +; \"\": none)" },
	{ "catch-all", "on|off", "accept every local part (default off)" },
	{ "case-sensitive", "yes|no", "does case matter in local parts (default no)" },
	{ NULL, NULL, NULL }
};

/* "on"/"yes" 1, "off"/"no" 0, else -1. */
static int
parse_switch(const char *s)
{
	if (strcmp(s, "on") == 0 || strcmp(s, "yes") == 0)
		return 1;
	return strcmp(s, "off") == 0 || strcmp(s, "no") == 0 ? 0 : -1;
}

static int
read_options(struct cli *c, struct rules_edit_domain *d)
{
	const char *s;
	uint64_t size;
	int on;

	d->primaries = cli_option(c, "primary");
	d->recipients = cli_option(c, "recipients");
	d->schedule = cli_option(c, "schedule");
	d->tls = cli_option(c, "tls");
	d->delimiter = cli_option(c, "delimiter");
	if ((s = cli_option(c, "size-limit")) != NULL) {
		if (conf_parse_size(s, &size) == -1 || size > INT64_MAX)
			return cli_usage(c, "--size-limit: `%s' is not a size like 25M", s);
		d->size_limit = (int64_t)size;
	}
	if ((s = cli_option(c, "catch-all")) != NULL) {
		if ((on = parse_switch(s)) == -1)
			return cli_usage(c, "--catch-all: `%s' is not on or off", s);
		d->catch_all = on == 1 ? "@" : "";
	}
	if ((s = cli_option(c, "case-sensitive")) != NULL &&
	    (d->case_sensitive = parse_switch(s)) == -1)
		return cli_usage(c, "--case-sensitive: `%s' is not yes or no", s);
	return EX_OK;
}

static json_t *
domain_json(const struct rules_domain *d)
{
	json_t *o = json_object(), *primary = json_array();

	for (size_t i = 0; i < d->route.primary.n; i++) {
		char *s = endpoint_format(&d->route.primary.v[i]);

		json_array_append_new(primary, json_string(s));
		free(s);
	}
	json_object_set_new(o, "name", json_string(d->name));
	json_object_set_new(o, "primary", primary);
	json_object_set_new(o, "destination", json_string(d->destination));
	json_object_set_new(o, "recipients", json_string(rules_recipients_name(d->recipients)));
	json_object_set_new(o, "listed", json_integer((json_int_t)d->nrecipients));
	json_object_set_new(o, "list_time", json_integer((json_int_t)d->list_time));
	json_object_set_new(o, "catch_all", json_boolean(d->catch_all[0] != '\0'));
	json_object_set_new(o, "delimiter", json_string(d->delimiter));
	json_object_set_new(o, "case_sensitive", json_boolean(d->case_sensitive));
	json_object_set_new(o, "tls", json_string(rules_tls_name(d->route.tls)));
	json_object_set_new(o, "size_limit", json_integer((json_int_t)d->size_limit));
	json_object_set_new(o, "schedule", json_string(d->schedule_name));
	json_object_set_new(o, "lifetime", json_integer((json_int_t)d->schedule->lifetime));
	return o;
}

static char *
primaries_text(const struct rules_domain *d)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < d->route.primary.n; i++) {
		char *s = endpoint_format(&d->route.primary.v[i]);

		buf_printf(&b, "%s%s", i > 0 ? ", " : "", s);
		free(s);
	}
	return buf_take(&b);
}

/* What a list means for strangers, in words. */
static void
print_recipients(const struct rules_domain *d)
{
	switch (d->recipients) {
	case RECIPIENTS_LIST:
		if (d->nrecipients == 0 && d->list_time == 0)
			(void)printf("recipients     list, never imported: everyone is put off "
				     "(holdfast recipient import %s FILE)\n", out_safe(d->name));
		else
			(void)printf("recipients     list of %zu, imported %s\n", d->nrecipients,
			    d->list_time == 0 ? "never (written by hand)"
					      : out_when((int64_t)d->list_time, clock_wall()));
		break;
	case RECIPIENTS_VERIFY:
		(void)printf("recipients     verify: %zu listed, others accepted unchecked by this "
			     "version\n", d->nrecipients);
		break;
	case RECIPIENTS_ANY:
		(void)printf("recipients     any: not checked\n");
		break;
	}
	if (d->catch_all[0] != '\0')
		(void)printf("catch-all      on: every local part is accepted\n");
}

static void
print_domain(const struct rules_domain *d)
{
	char *primaries = primaries_text(d);

	(void)printf("domain         %s\nprimary        %s\n", out_safe(d->name),
	    out_safe(primaries));
	print_recipients(d);
	(void)printf("extensions     %s\n",
	    d->delimiter[0] != '\0' ? out_safe(d->delimiter) : "none");
	(void)printf("case           %s in local parts\n", d->case_sensitive ? "matters"
								: "does not matter");
	(void)printf("tls            %s\n", rules_tls_name(d->route.tls));
	(void)printf("size limit     %s\n", d->size_limit == 0 ? "as in holdfast.conf"
							       : out_size(d->size_limit));
	(void)printf("schedule       %s:", out_safe(d->schedule_name));
	for (unsigned i = 0; i < d->schedule->nsteps; i++)
		(void)printf(" %s", out_interval(d->schedule->step[i]));
	(void)printf("*, ±%u %%, for %s\n", d->schedule->jitter,
	    out_interval(d->schedule->lifetime));
	free(primaries);
}

/* The domain as it stands now, after a change or when asked for. */
static int
show(struct cli *c, const char *name)
{
	struct ruleset *set = NULL;
	const struct rules_domain *d;
	int status = cli_rules(c, &set);

	if (status != EX_OK)
		return status;
	if ((d = ruleset_domain(set, name)) == NULL)
		status = cli_fail(EX_DATAERR, "there is no domain `%s'", name);
	else if (c->json)
		out_json(domain_json(d));
	else
		print_domain(d);
	ruleset_unref(&set);
	return status;
}

static int
add(struct cli *c)
{
	struct rules_edit_domain d = RULES_EDIT_DOMAIN_INIT;
	struct rules_edit *e = NULL;
	char *why = NULL;
	int status;

	if ((status = read_options(c, &d)) != EX_OK)
		return status;
	if (d.primaries == NULL)
		return cli_usage(c, "domain add: --primary is needed");
	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_domain_add(e, c->argv[0], &d, &why), &why);
	rules_edit_close(&e);
	return status == EX_OK ? show(c, c->argv[0]) : status;
}

static int
set(struct cli *c)
{
	struct rules_edit_domain d = RULES_EDIT_DOMAIN_INIT;
	struct rules_edit *e = NULL;
	char *why = NULL;
	bool any = false;
	int status;

	if ((status = read_options(c, &d)) != EX_OK)
		return status;
	for (size_t i = 0; options[i].name != NULL; i++)
		any = any || c->value[i] != NULL;
	if (!any)
		return cli_usage(c, "domain set: nothing to set");
	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_domain_set(e, c->argv[0], &d, &why), &why);
	rules_edit_close(&e);
	return status == EX_OK ? show(c, c->argv[0]) : status;
}

static int
show_command(struct cli *c)
{
	return show(c, c->argv[0]);
}

static int
list(struct cli *c)
{
	static const char *const headings[] = { "DOMAIN", "PRIMARY", "RECIPIENTS", "LISTED",
		"IMPORTED", "TLS", "SCHEDULE" };
	struct ruleset *set_ = NULL;
	struct out_table *t = NULL;
	int status = cli_rules(c, &set_);

	if (status != EX_OK)
		return status;
	if (!c->json)
		t = out_table_new(headings, 7, "lllrlll");
	for (size_t i = 0; i < ruleset_ndomains(set_); i++) {
		const struct rules_domain *d = ruleset_domain_at(set_, i);
		char *primaries, listed[24];

		if (c->json) {
			out_json(domain_json(d));
			continue;
		}
		primaries = primaries_text(d);
		(void)snprintf(listed, sizeof(listed), "%zu", d->nrecipients);
		out_cell(t, d->name);
		out_cell(t, primaries);
		out_cell(t, d->catch_all[0] != '\0' ? "catch-all"
						    : rules_recipients_name(d->recipients));
		out_cell(t, listed);
		out_cell(t, out_when((int64_t)d->list_time, clock_wall()));
		out_cell(t, rules_tls_name(d->route.tls));
		out_cell(t, d->schedule_name);
		free(primaries);
	}
	if (t != NULL && ruleset_ndomains(set_) == 0)
		cli_note("no domains yet; see `holdfast domain add --help'");
	if (t != NULL)
		out_table_print(&t, c);
	ruleset_unref(&set_);
	return EX_OK;
}

static int
remove_(struct cli *c)
{
	struct rules_edit *e = NULL;
	char *why = NULL;
	size_t gone = 0;
	int status;

	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_domain_remove(e, c->argv[0], &gone, &why), &why);
	rules_edit_close(&e);
	if (status != EX_OK)
		return status;
	if (c->json)
		out_json(json_pack("{s:s,s:I}", "removed", c->argv[0], "recipients",
		    (json_int_t)gone));
	else
		(void)printf("removed %s and its %s; mail already queued for it stays in the "
			     "queue\n", out_safe(c->argv[0]),
		    out_count(gone, "recipient", "recipients"));
	return EX_OK;
}

const struct command command_domain_add = {
	.name = "domain add", .args = "NAME --primary HOST[:PORT][,…]",
	.help = "Become backup MX for a domain.",
	.examples = "holdfast domain add example.test --primary mail.example.test\n"
		    "holdfast domain add example.test --primary 192.0.2.1:2525,[2001:db8::1] "
		    "--size-limit 25M",
	.min_args = 1, .max_args = 1, .options = options, .run = add,
};
const struct command command_domain_set = {
	.name = "domain set", .args = "NAME",
	.help = "Change a domain; what is not named stays.",
	.examples = "holdfast domain set example.test --primary new.example.test\n"
		    "holdfast domain set example.test --delimiter +- --catch-all off",
	.min_args = 1, .max_args = 1, .options = options, .run = set,
};
const struct command command_domain_show = {
	.name = "domain show", .args = "NAME",
	.help = "Show all about a domain.",
	.examples = "holdfast domain show example.test\nholdfast --json domain show example.test",
	.min_args = 1, .max_args = 1, .run = show_command,
};
const struct command command_domain_list = {
	.name = "domain list", .args = "",
	.help = "List the domains.",
	.examples = "holdfast domain list\nholdfast domain list --json | jq -r .name",
	.min_args = 0, .max_args = 0, .run = list,
};
const struct command command_domain_remove = {
	.name = "domain remove", .args = "NAME",
	.help = "Stop being backup MX for a domain.",
	.examples = "holdfast domain remove example.test",
	.min_args = 1, .max_args = 1, .run = remove_,
};
