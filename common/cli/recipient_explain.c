/*
 * recipient_explain.c -- holdfast recipient explain: would this address be accepted now, and why?
 *
 * It asks the rules as holdfast-milter does at RCPT. Other checks may refuse the same mail; whether a
 * domain without a row is served by its MX is for the DNS to say, and is not asked.
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
#include "common/clock.h"
#include "common/rules_answer.h"
#include "common/rules_screen.h"

struct explained {
	const char			*address;
	int64_t				 now;
	const struct rules_domain	*domain;	/* NULL: none with a row */
	const char			*alias;		/* the name by which it was found; NULL: its own */
	const char			*how;		/* "list", "unknown", … as in JSON */
	const char			*pattern;	/* that decided; NULL: none */
	enum rules_mode			 mode;		/* of the check: what it says counts if MODE_ENFORCE */
	const struct rules_refusal	*refusal;	/* NULL: it says nothing against it */
	int				 status;	/* EX_OK accepted, EX_DATAERR refused, EX_TEMPFAIL */
};

static const struct rules_refusal bad_syntax = { 501, "5.1.3", "Bad recipient address syntax", "" };

/* What each `how' means, for people. */
static const struct {
	const char	*how, *text;
} reasons[] = {
	{ "list", "the list has it" },
	{ "extension", "the list has it without its extension" },
	{ "pattern", "a pattern decides" },
	{ "catch-all", "the domain accepts every local part" },
	{ "any", "the domain's recipients are not checked" },
	{ "postmaster", "postmaster always exists" },
	{ "unknown", "the list does not have it" },
	{ "stale", "the list does not have it, but is too old to be believed" },
	{ "no-list", "no list was imported yet" },
	{ "unchecked", "not listed; who is not listed is accepted unchecked by this version" },
	{ "always", "served whatever its MX says (mx_domain); the primary knows its recipients" },
	{ "mx", "not known; served if its MX names this host (mx_network)" },
	{ "foreign", "the domain is not served here; the MTA has to refuse it" },
	{ "syntax", "this is no address" },
};

static const char *
reason(const char *how)
{
	size_t i = 0;

	while (strcmp(reasons[i].how, how) != 0)
		i++;
	return reasons[i].text;
}

/* --- finding out ------------------------------------------------------------- */

/* A domain without a row. */
static void
explain_foreign(const struct ruleset *set, struct explained *x)
{
	switch (ruleset_derived(set, addr_domain(x->address))) {
	case DERIVED_ALWAYS:
		x->how = "always";
		x->status = EX_OK;
		return;
	case DERIVED_ASK:
		x->how = ruleset_nmx_networks(set) > 0 ? "mx" : "foreign";
		break;
	case DERIVED_NEVER:
		x->how = "foreign";
		break;
	}
	x->status = strcmp(x->how, "mx") == 0 ? EX_TEMPFAIL : EX_DATAERR;
}

static const char *
how_unknown(enum rules_answer answer, const struct rules_domain *d)
{
	if (answer == RULES_UNKNOWN)
		return "unknown";
	if (answer == RULES_STALE)
		return "stale";
	return d->recipients == RECIPIENTS_LIST ? "no-list" : "unchecked";
}

static void
explain_ours(const struct ruleset *set, enum rules_answer answer, struct explained *x)
{
	const char *name = addr_domain(x->address);
	bool accept;

	if (!addr_domain_equal(name, x->domain->name))
		x->alias = name;
	if (x->how == NULL)
		x->how = how_unknown(answer, x->domain);
	else if (strcmp(x->how, "pattern") == 0)
		x->pattern = ruleset_recipient_pattern(set, x->address, &accept);
	x->refusal = rules_refusal(answer, x->domain);
	x->mode = ruleset_policy(set, x->address)->mode[CHECK_RECIPIENT];
	if (x->mode == MODE_ENFORCE)
		x->mode = ruleset_settings(set)->mode;
	x->status = x->refusal == NULL || x->mode != MODE_ENFORCE ? EX_OK :
	    x->refusal->code < 500 ? EX_TEMPFAIL : EX_DATAERR;
}

static void
explain(const struct ruleset *set, struct explained *x)
{
	enum rules_answer answer;
	const char *why;

	x->mode = MODE_ENFORCE;
	if (addr_parse_mailbox(x->address, ADDR_UTF8, &why) != ADDR_OK) {
		x->how = "syntax";
		x->refusal = &bad_syntax;
		x->status = EX_DATAERR;
		return;
	}
	answer = ruleset_recipient(set, x->address, x->now, &x->domain, &x->how);
	if (answer == RULES_NOT_OURS)
		explain_foreign(set, x);
	else
		explain_ours(set, answer, x);
}

/* --- telling ------------------------------------------------------------------- */

/* "550 5.1.1 <bob@example.test>: Recipient address rejected: User unknown" */
static char *
reply(const struct explained *x)
{
	const struct rules_refusal *r = x->refusal;
	char *text = r == &bad_syntax ? xstrdup(r->text) : xasprintf(RULES_REFUSAL, x->address, r->text);
	char *line = xasprintf("%d %s %s", r->code, r->dsn, text);

	free(text);
	return line;
}

static const char *
answer_name(int status)
{
	return status == EX_OK ? "accepted" : status == EX_DATAERR ? "refused" : "deferred";
}

static void
tell_json(const struct explained *x)
{
	json_t *o = json_pack("{s:o,s:s,s:s}", "address", out_string(x->address), "answer",
	    answer_name(x->status), "how", x->how);
	char *line;

	if (x->domain != NULL) {
		json_object_set_new(o, "domain", out_string(x->domain->name));
		json_object_set_new(o, "alias", json_boolean(x->alias != NULL));
		json_object_set_new(o, "listed", json_integer((json_int_t)x->domain->nrecipients));
		json_object_set_new(o, "list_time", json_integer((json_int_t)x->domain->list_time));
		json_object_set_new(o, "list_max_age", json_integer((json_int_t)x->domain->list_max_age));
		json_object_set_new(o, "mode", json_string(rules_mode_name(x->mode)));
	}
	if (x->pattern != NULL)
		json_object_set_new(o, "pattern", out_string(x->pattern));
	if (x->refusal != NULL) {
		line = reply(x);
		json_object_set_new(o, "reply", out_string(line));
		free(line);
	}
	out_json(o);
}

/* "of 12, imported 3 d ago, believed for 30d" */
static void
tell_list(const struct rules_domain *d, int64_t now)
{
	if (d->recipients != RECIPIENTS_LIST || (d->nrecipients == 0 && d->list_time == 0))
		return;
	(void)printf("list       of %zu, ", d->nrecipients);
	if (d->list_time == 0)
		(void)printf("never imported");
	else
		(void)printf("imported %s", out_when((int64_t)d->list_time, now));
	if (d->list_time != 0 && d->list_max_age != 0)
		(void)printf(", believed for %s", out_interval(d->list_max_age));
	(void)printf("\n");
}

static void
tell(const struct explained *x)
{
	char *line;

	(void)printf("address    %s\n", out_safe(x->address));
	if (x->alias != NULL)
		(void)printf("domain     %s, of which %s is an alias\n", out_safe(x->domain->name),
		    out_safe(x->alias));
	else if (x->domain != NULL)
		(void)printf("domain     %s\n", out_safe(x->domain->name));
	(void)printf("because    %s", reason(x->how));
	if (x->pattern != NULL)
		(void)printf(": %s", out_safe(x->pattern));
	(void)printf("\n");
	if (x->domain != NULL)
		tell_list(x->domain, x->now);
	if (x->refusal == NULL) {
		(void)printf("answer     %s\n", strcmp(x->how, "mx") == 0 ? "depends on its MX" :
		    x->status == EX_OK ? "accepted" : "the MTA's");
		return;
	}
	line = reply(x);
	if (x->mode == MODE_ENFORCE)
		(void)printf("answer     %s\n", out_safe(line));
	else
		(void)printf("answer     accepted, since the check `recipient' is %s; else it would be\n"
		    "           %s\n", rules_mode_name(x->mode), out_safe(line));
	free(line);
}

static int
run(struct cli *c)
{
	struct explained x = { .address = c->argv[0], .now = clock_wall() };
	struct ruleset *set = NULL;
	int status = cli_rules(c, &set);

	if (status != EX_OK)
		return status;
	explain(set, &x);
	if (c->json)
		tell_json(&x);
	else
		tell(&x);
	ruleset_unref(&set);
	return x.status;
}

const struct command command_recipient_explain = {
	.name = "recipient explain", .args = "ADDRESS",
	.help = "Say whether an address would be accepted now, why, and what the client would hear.",
	.examples = "holdfast recipient explain bob+news@example.test\n"
		    "holdfast recipient explain bob@example.test --json | jq -r .how",
	.min_args = 1, .max_args = 1, .run = run,
};
