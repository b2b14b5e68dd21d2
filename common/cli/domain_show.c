/*
 * domain_show.c -- a domain's rules, for people and for programs.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/domain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/buf.h"
#include "common/cli/access.h"
#include "common/cli/cli.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/cli/schedule.h"
#include "common/clock.h"
#include "common/rules_text.h"

static const char *const kind_names[] = {
	[ROUTE_HOSTS] = "hosts", [ROUTE_MX] = "mx", [ROUTE_TURN] = "turn",
};

/* --- for programs -------------------------------------------------------- */

static void
put_string(json_t *o, const char *key, const char *value)
{
	json_object_set_new(o, key, out_string(value));
}

static void
put_number(json_t *o, const char *key, uint64_t value)
{
	json_object_set_new(o, key, json_integer((json_int_t)value));
}

static void
put_route(json_t *o, const struct rules_route *r)
{
	json_t *primary = json_array(), *preference = json_array();

	for (size_t i = 0; i < r->primary.n; i++) {
		char *s = endpoint_format(&r->primary.v[i]);

		json_array_append_new(primary, json_string(s));
		json_array_append_new(preference, json_integer((json_int_t)r->preference[i]));
		free(s);
	}
	json_object_set_new(o, "primary", primary);
	json_object_set_new(o, "preference", preference);
	put_string(o, "route", kind_names[r->kind]);
	put_string(o, "mx", r->mx);
	put_number(o, "mx_port", r->kind == ROUTE_MX ? r->mx_port : 0);
	put_string(o, "tls", rules_tls_name(r->tls));
	put_string(o, "tls_name", r->tls_name);
	put_string(o, "tls_ca", r->tls_ca);
	put_string(o, "tls_pin", r->tls_pin);
	put_string(o, "source4", r->source4);
	put_string(o, "source6", r->source6);
	put_string(o, "client", rules_client_name(r->client));
}

json_t *
domain_json(const struct rules_domain *d)
{
	json_t *o = json_object();

	put_string(o, "name", d->name);
	put_route(o, &d->route);
	put_string(o, "destination", d->destination);
	put_number(o, "concurrency", d->concurrency);
	put_number(o, "message_rate", d->message_rate);
	put_string(o, "recipients", rules_recipients_name(d->recipients));
	put_number(o, "listed", d->nrecipients);
	put_number(o, "list_time", (uint64_t)d->list_time);
	put_number(o, "list_max_age", d->list_max_age);
	json_object_set_new(o, "catch_all", json_boolean(d->catch_all[0] != '\0'));
	put_string(o, "delimiter", d->delimiter);
	json_object_set_new(o, "case_sensitive", json_boolean(d->case_sensitive));
	put_number(o, "size_limit", d->size_limit);
	put_string(o, "schedule", d->schedule_name);
	put_number(o, "lifetime", d->schedule->lifetime);
	put_string(o, "bounce", rules_bounce_name(d->bounce));
	json_object_set_new(o, "delivery_id", json_boolean(d->delivery_id));
	return o;
}

/* --- for people ---------------------------------------------------------- */

static void
put_hosts(struct buf *b, const struct rules_route *r)
{
	for (size_t i = 0; i < r->primary.n; i++) {
		char *s = endpoint_format(&r->primary.v[i]);

		if (i > 0)
			buf_printf(b, r->preference[i] == r->preference[i - 1] ? " + " : ", ");
		buf_printf(b, "%s", s);
		free(s);
	}
}

/* "a:25 + b:25, c:25", "the MX of example.test", "fetches its mail (ATRN)" */
static char *
route_text(const struct rules_domain *d)
{
	const struct rules_route *r = &d->route;
	struct buf b = BUF_INIT;

	switch (r->kind) {
	case ROUTE_HOSTS:
		put_hosts(&b, r);
		break;
	case ROUTE_MX:
		buf_printf(&b, "the MX of %s", r->mx[0] != '\0' ? r->mx : d->name);
		if (r->mx_port != 25)
			buf_printf(&b, ", port %u", r->mx_port);
		break;
	case ROUTE_TURN:
		buf_printf(&b, "fetches its mail (ATRN)");
		break;
	}
	return buf_take(&b);
}

static void
print_list(const struct rules_domain *d)
{
	int64_t now = clock_wall();

	if (d->nrecipients == 0 && d->list_time == 0) {
		(void)printf("recipients     list, never imported: everyone is put off "
			     "(holdfast recipient import %s FILE)\n", out_safe(d->name));
		return;
	}
	(void)printf("recipients     list of %zu, imported %s\n", d->nrecipients, d->list_time == 0 ?
	    "never (written by hand)" : out_when((int64_t)d->list_time, now));
	if (rules_list_stale(d, now))
		(void)printf("list age       more than %s: who is not in it is put off\n",
		    out_interval(d->list_max_age));
	else if (d->list_max_age != 0)
		(void)printf("list age       %s, then who is not in it is put off\n",
		    out_interval(d->list_max_age));
	else
		(void)printf("list age       any\n");
}

/* What a list means for strangers, in words. */
static void
print_recipients(const struct rules_domain *d)
{
	switch (d->recipients) {
	case RECIPIENTS_LIST:
		print_list(d);
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
print_tls(const struct rules_route *r)
{
	(void)printf("tls            %s", rules_tls_name(r->tls));
	if (r->tls != TLS_OFF && r->tls_name[0] != '\0')
		(void)printf(", the name is %s", out_safe(r->tls_name));
	if (r->tls == TLS_VERIFY)
		(void)printf(", CAs of %s", r->tls_ca[0] != '\0' ? out_safe(r->tls_ca)
								 : "the system");
	if (r->tls == TLS_PINNED)
		(void)printf(" %s", out_safe(r->tls_pin));
	(void)printf("\n");
}

/* Only what is not as usual. */
static void
print_delivery(const struct rules_domain *d)
{
	const struct rules_route *r = &d->route;

	if (r->source4[0] != '\0' || r->source6[0] != '\0')
		(void)printf("source         %s%s%s\n", r->source4,
		    r->source4[0] != '\0' && r->source6[0] != '\0' ? ", " : "", r->source6);
	(void)printf("client         %s\n", r->client == CLIENT_NONE
	    ? "the primary is not told who it was" : r->client == CLIENT_XCLIENT
	    ? "by XCLIENT where it is offered, else XFORWARD" : "by XFORWARD where it is offered");
	if (d->concurrency != 0)
		(void)printf("concurrency    %u\n", d->concurrency);
	if (d->message_rate != 0)
		(void)printf("message rate   %u a second\n", d->message_rate);
	(void)printf("bounces        %s\n", d->bounce == BOUNCE_NEVER
	    ? "never: what is refused is quarantined"
	    : "to senders whose SPF passed; else what is refused is quarantined");
	if (d->delivery_id)
		(void)printf("delivery id    in a header Holdfast-Delivery:\n");
}

void
domain_print(const struct rules_domain *d)
{
	char *route = route_text(d), *schedule = schedule_text(d->schedule);

	(void)printf("domain         %s\nprimary        %s\n", out_safe(d->name), out_safe(route));
	print_tls(&d->route);
	print_delivery(d);
	print_recipients(d);
	(void)printf("extensions     %s\n",
	    d->delimiter[0] != '\0' ? out_safe(d->delimiter) : "none");
	(void)printf("case           %s in local parts\n", d->case_sensitive ? "matters"
								: "does not matter");
	(void)printf("size limit     %s\n", d->size_limit == 0 ? "as in holdfast.conf"
							       : out_size(d->size_limit));
	(void)printf("schedule       %s: %s, ±%u %%, for %s\n", out_safe(d->schedule_name),
	    schedule, d->schedule->jitter, out_interval(d->schedule->lifetime));
	free(schedule);
	free(route);
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
		char *route, listed[24];

		if (c->json) {
			out_json(domain_json(d));
			continue;
		}
		route = route_text(d);
		(void)snprintf(listed, sizeof(listed), "%zu", d->nrecipients);
		out_cell(t, d->name);
		out_cell(t, route);
		out_cell(t, d->catch_all[0] != '\0' ? "catch-all"
						    : rules_recipients_name(d->recipients));
		out_cell(t, listed);
		out_cell(t, out_when((int64_t)d->list_time, clock_wall()));
		out_cell(t, rules_tls_name(d->route.tls));
		out_cell(t, d->schedule_name);
		free(route);
	}
	if (t != NULL && ruleset_ndomains(set_) == 0)
		cli_note("no domains yet; see `holdfast domain add --help'");
	if (t != NULL)
		out_table_print(&t, c);
	ruleset_unref(&set_);
	return EX_OK;
}

const struct command command_domain_list = {
	.name = "domain list", .args = "",
	.help = "List the domains.",
	.examples = "holdfast domain list\nholdfast domain list --json | jq -r .name",
	.min_args = 0, .max_args = 0, .run = list,
};
