/*
 * domain.c -- holdfast domain: what this host is backup MX for. How that is
 * shown is domain_show.c's.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/domain.h"
#include "common/cli/out.h"
#include "common/conf.h"

static const struct cli_option options[] = {
	{ "primary", "HOST[:PORT][,…]|mx|turn", "where its mail goes; see holdfast(1)" },
	{ "recipients", "list|verify|any", "how a recipient is known (default list); verify accepts all as yet" },
	{ "schedule", "NAME", "retry schedule (default `default')" },
	{ "tls", "off|may|verify|pinned|dane", "TLS towards the primary (default may: if offered)" },
	{ "tls-name", "NAME", "name in the primary's certificate (default: the host's)" },
	{ "tls-ca", "FILE", "CAs that verify believes (default: the system's)" },
	{ "tls-pin", "SHA256,…", "public keys that pinned believes" },
	{ "source", "ADDRESS[,…]", "connect from here: one of IPv4, one of IPv6; \"\": any" },
	{ "client", "none|xforward|xclient", "tell the primary who the client was (default xforward)" },
	{ "concurrency", "N", "connections to the primary; 0: the setting" },
	{ "message-rate", "N", "messages a second to the primary; 0: the setting" },
	{ "bounce", "spf-pass|never", "who is told of mail that is refused (default spf-pass)" },
	{ "delivery-id", "yes|no", "mark messages so that duplicates can be told (default no)" },
	{ "size-limit", "SIZE", "largest message, like 25M; 0: as in holdfast.conf" },
	{ "delimiter", "CHARS", "what starts an extension (default +; \"\": none)" },
	{ "catch-all", "on|off", "accept every local part (default off)" },
	{ "case-sensitive", "yes|no", "does case matter in local parts (default no)" },
	{ "list-max-age", "TIME|off", "how old a list may be and still refuse for good (default 30d)" },
	{ NULL, NULL, NULL }
};

/* The value of a switch as its column has it; *given stays NULL without the option. */
static int
read_switch(const struct cli *c, const char *option, const char *words, const char *on,
    const char *off, const char **given)
{
	const char *s = cli_option(c, option);

	if (s == NULL)
		return EX_OK;
	if (strcmp(s, "on") == 0 || strcmp(s, "yes") == 0)
		*given = on;
	else if (strcmp(s, "off") == 0 || strcmp(s, "no") == 0)
		*given = off;
	else
		return cli_usage(c, "--%s: `%s' is not %s", option, s, words);
	return EX_OK;
}

/* size: where the number of bytes may be written. */
static int
read_options(struct cli *c, struct rules_edit_domain *d, char size[24])
{
	const char *s;
	uint64_t bytes;
	int status;

	d->primaries = cli_option(c, "primary");
	d->recipients = cli_option(c, "recipients");
	d->schedule = cli_option(c, "schedule");
	d->tls = cli_option(c, "tls");
	d->tls_name = cli_option(c, "tls-name");
	d->tls_ca = cli_option(c, "tls-ca");
	d->tls_pin = cli_option(c, "tls-pin");
	d->source = cli_option(c, "source");
	d->client = cli_option(c, "client");
	d->concurrency = cli_option(c, "concurrency");
	d->message_rate = cli_option(c, "message-rate");
	d->bounce = cli_option(c, "bounce");
	d->delimiter = cli_option(c, "delimiter");
	d->list_max_age = cli_option(c, "list-max-age");
	if (d->list_max_age != NULL && strcmp(d->list_max_age, "off") == 0)
		d->list_max_age = "";
	if ((s = cli_option(c, "size-limit")) != NULL) {
		if (conf_parse_size(s, &bytes) == -1 || bytes > INT64_MAX)
			return cli_usage(c, "--size-limit: `%s' is not a size like 25M", s);
		(void)snprintf(size, 24, "%llu", (unsigned long long)bytes);
		d->size_limit = size;
	}
	if ((status = read_switch(c, "catch-all", "on or off", "@", "", &d->catch_all)) != EX_OK ||
	    (status = read_switch(c, "delivery-id", "yes or no", "1", "0",
	    &d->delivery_id)) != EX_OK)
		return status;
	return read_switch(c, "case-sensitive", "yes or no", "1", "0", &d->case_sensitive);
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
		domain_print(d);
	ruleset_unref(&set);
	return status;
}

/* What is right in itself and yet will not work, or not as meant. */
static void
warn_of(const struct rules_edit_domain *d)
{
	if (d->tls_ca != NULL && d->tls_ca[0] == '/' && access(d->tls_ca, R_OK) == -1)
		cli_note("%s: %s; as long as holdfast-queued cannot read it, nothing is delivered",
		    d->tls_ca, strerror(errno));
}

static int
add(struct cli *c)
{
	struct rules_edit_domain d = RULES_EDIT_DOMAIN_INIT;
	struct rules_edit *e = NULL;
	char *why = NULL, size[24];
	int status;

	if ((status = read_options(c, &d, size)) != EX_OK)
		return status;
	if (d.primaries == NULL)
		return cli_usage(c, "domain add: --primary is needed");
	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_domain_add(e, c->argv[0], &d, &why), &why);
	status = cli_edit_close(c, &e, status);
	if (status == EX_OK)
		warn_of(&d);
	return status == EX_OK ? show(c, c->argv[0]) : status;
}

static int
set(struct cli *c)
{
	struct rules_edit_domain d = RULES_EDIT_DOMAIN_INIT;
	struct rules_edit *e = NULL;
	char *why = NULL, size[24];
	bool any = false;
	int status;

	if ((status = read_options(c, &d, size)) != EX_OK)
		return status;
	for (size_t i = 0; options[i].name != NULL; i++)
		any = any || c->value[i] != NULL;
	if (!any)
		return cli_usage(c, "domain set: nothing to set");
	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_domain_set(e, c->argv[0], &d, &why), &why);
	status = cli_edit_close(c, &e, status);
	if (status == EX_OK)
		warn_of(&d);
	return status == EX_OK ? show(c, c->argv[0]) : status;
}

static int
show_command(struct cli *c)
{
	return show(c, c->argv[0]);
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
	status = cli_edit_close(c, &e, status);
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
	.name = "domain add", .args = "NAME --primary HOST[:PORT][,…]|mx|turn",
	.help = "Become backup MX for a domain.",
	.examples = "holdfast domain add example.test --primary mail.example.test\n"
		    "holdfast domain add example.test --primary 192.0.2.1:2525,[2001:db8::1] "
		    "--size-limit 25M\n"
		    "holdfast domain add example.test --primary a.example.net+b.example.net "
		    "--tls verify\n"
		    "holdfast domain add example.test --primary mx --tls dane",
	.min_args = 1, .max_args = 1, .options = options, .run = add,
};
const struct command command_domain_set = {
	.name = "domain set", .args = "NAME",
	.help = "Change a domain; what is not named stays.",
	.examples = "holdfast domain set example.test --primary new.example.test\n"
		    "holdfast domain set example.test --delimiter +- --catch-all off\n"
		    "holdfast domain set example.test --client xclient --schedule slow\n"
		    "holdfast domain set example.test --list-max-age 7d",
	.min_args = 1, .max_args = 1, .options = options, .run = set,
};
const struct command command_domain_show = {
	.name = "domain show", .args = "NAME",
	.help = "Show all about a domain.",
	.examples = "holdfast domain show example.test\nholdfast --json domain show example.test",
	.min_args = 1, .max_args = 1, .run = show_command,
};
const struct command command_domain_remove = {
	.name = "domain remove", .args = "NAME",
	.help = "Stop being backup MX for a domain.",
	.examples = "holdfast domain remove example.test",
	.min_args = 1, .max_args = 1, .run = remove_,
};
