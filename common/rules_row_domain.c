/*
 * rules_row_domain.c -- a row of table domain.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/conf.h"
#include "common/rules_route.h"
#include "common/rules_row.h"
#include "common/rules_text.h"

#define CONCURRENCY_MAX		1000
#define MESSAGE_RATE_MAX	1000000

enum {
	D_NAME, D_PRIMARIES, D_RECIPIENTS, D_SCHEDULE, D_TLS, D_TLS_NAME, D_TLS_CA, D_TLS_PIN,
	D_SOURCE, D_CLIENT, D_CONCURRENCY, D_MESSAGE_RATE, D_BOUNCE, D_DELIVERY_ID, D_SIZE_LIMIT,
	D_CASE_SENSITIVE, D_DELIMITER, D_CATCH_ALL, D_LIST_TIME, D_LIST_MAX_AGE
};
const char rules_row_domain_sql[] =
    "SELECT name, primaries, recipients, schedule, tls, tls_name, tls_ca, tls_pin,"
    " source, client, concurrency, message_rate, bounce, delivery_id, size_limit,"
    " case_sensitive, delimiter, catch_all, list_time, list_max_age FROM domain";

static enum rules_read
refuse(char **why, const struct rules_domain *d, const char *column, const char *reason)
{
	return rules_row_refuse(why, "domain %s: %s: %s", d->name, column, reason);
}

/* The same for a value that cannot be what it is. */
static enum rules_read
refuse_value(char **why, const struct rules_domain *d, const char *column, const char *value,
    const char *reason)
{
	return rules_row_refuse(why, "domain %s: %s: `%s'%s%s", d->name, column, value,
	    strncmp(reason, "is ", 3) == 0 ? " " : ": ", reason);
}

static void
keep(char **slot, const char *text)
{
	free(*slot);
	*slot = xstrdup(text);
}

/* A path that can stand in the destination's text. */
static bool
is_path(const char *s)
{
	if (s[0] != '/')
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f || *s == ';' || *s == ',')
			return false;
	return true;
}

static enum rules_read
fill_tls(sqlite3_stmt *st, struct rules_domain *d, char **why)
{
	const char *level = rules_row_text(st, D_TLS), *name = rules_row_text(st, D_TLS_NAME);
	const char *ca = rules_row_text(st, D_TLS_CA), *pin = rules_row_text(st, D_TLS_PIN);
	const char *reason;

	if (rules_tls_parse(level, &d->route.tls) == -1)
		return refuse_value(why, d, "tls", level,
		    "is not off, may, verify, pinned or dane");
	if (name[0] != '\0' && (name[0] == '[' || !addr_domain_valid(name, false)))
		return refuse_value(why, d, "tls_name", name, "is not a host name");
	keep(&d->route.tls_name, name);
	addr_lower(d->route.tls_name);
	if (ca[0] != '\0' && !is_path(ca))
		return refuse_value(why, d, "tls_ca", ca,
		    "is not an absolute path without blanks, commas and semicolons");
	keep(&d->route.tls_ca, ca);
	free(d->route.tls_pin);
	if ((d->route.tls_pin = rules_pin_canonical(pin, &reason)) == NULL)
		return refuse_value(why, d, "tls_pin", pin, reason);
	if (d->route.tls == TLS_PINNED && d->route.tls_pin[0] == '\0')
		return refuse(why, d, "tls_pin", "is empty, but tls is pinned");
	return RULES_READ_OK;
}

static enum rules_read
limit(sqlite3_stmt *st, int column, const char *name, unsigned max, unsigned *out,
    const struct rules_domain *d, char **why)
{
	sqlite3_int64 n = sqlite3_column_int64(st, column);

	if (n < 0 || n > (sqlite3_int64)max)
		return rules_row_refuse(why, "domain %s: %s: %lld is not between 0 and %u", d->name,
		    name, n, max);
	*out = (unsigned)n;
	return RULES_READ_OK;
}

/* Where to, how, and from where: what makes the destination. */
static enum rules_read
fill_route(sqlite3_stmt *st, struct rules_domain *d, char **why)
{
	const char *primaries = rules_row_text(st, D_PRIMARIES), *reason;
	const char *source = rules_row_text(st, D_SOURCE), *client = rules_row_text(st, D_CLIENT);
	enum rules_read r;

	if (rules_route_parse(primaries, &d->route, &reason) == -1)
		return refuse_value(why, d, "primaries", primaries, reason);
	if ((r = fill_tls(st, d, why)) != RULES_READ_OK)
		return r;
	if (rules_route_source(source, &d->route, &reason) == -1)
		return refuse_value(why, d, "source", source, reason);
	if (rules_client_parse(client, &d->route.client) == -1)
		return refuse_value(why, d, "client", client, "is not none, xforward or xclient");
	d->destination = rules_destination(&d->route, d->name);
	return RULES_READ_OK;
}

/* How its mail is delivered, and what becomes of what is not. */
static enum rules_read
fill_delivery(sqlite3_stmt *st, const struct ruleset *set, struct rules_domain *d, char **why)
{
	const char *bounce = rules_row_text(st, D_BOUNCE);
	enum rules_read r;

	d->schedule_name = xstrdup(rules_row_text(st, D_SCHEDULE));
	if ((d->schedule = ruleset_schedule(set, d->schedule_name)) == NULL)
		return rules_row_refuse(why, "domain %s: schedule: there is no schedule `%s'",
		    d->name, d->schedule_name);
	if ((r = limit(st, D_CONCURRENCY, "concurrency", CONCURRENCY_MAX, &d->concurrency, d,
	    why)) != RULES_READ_OK ||
	    (r = limit(st, D_MESSAGE_RATE, "message_rate", MESSAGE_RATE_MAX, &d->message_rate, d,
	    why)) != RULES_READ_OK)
		return r;
	if (rules_bounce_parse(bounce, &d->bounce) == -1)
		return refuse_value(why, d, "bounce", bounce, "is not spf-pass or never");
	d->delivery_id = sqlite3_column_int(st, D_DELIVERY_ID) != 0;
	return RULES_READ_OK;
}

/* Who is accepted, and what. */
static enum rules_read
fill_recipients(sqlite3_stmt *st, struct rules_domain *d, char **why)
{
	const char *recipients = rules_row_text(st, D_RECIPIENTS);
	const char *age = rules_row_text(st, D_LIST_MAX_AGE);

	if (rules_recipients_parse(recipients, &d->recipients) == -1)
		return refuse_value(why, d, "recipients", recipients,
		    "is not list, verify or any");
	if (sqlite3_column_int64(st, D_SIZE_LIMIT) < 0)
		return refuse(why, d, "size_limit", "negative");
	d->size_limit = (uint64_t)sqlite3_column_int64(st, D_SIZE_LIMIT);
	d->case_sensitive = sqlite3_column_int(st, D_CASE_SENSITIVE) != 0;
	d->delimiter = xstrdup(rules_row_text(st, D_DELIMITER));
	if (strpbrk(d->delimiter, "@ \"") != NULL)
		return refuse(why, d, "delimiter", "@, quotes and blanks cannot be one");
	d->catch_all = xstrdup(rules_row_text(st, D_CATCH_ALL));
	if (strcmp(d->catch_all, "") != 0 && strcmp(d->catch_all, "@") != 0)
		return refuse(why, d, "catch_all", "neither empty nor @");
	if (sqlite3_column_int64(st, D_LIST_TIME) < 0)
		return refuse(why, d, "list_time", "negative");
	d->list_time = (time_t)sqlite3_column_int64(st, D_LIST_TIME);
	if (age[0] != '\0' && conf_parse_interval(age, &d->list_max_age) == -1)
		return refuse_value(why, d, "list_max_age", age, "is neither empty nor a time like 30d");
	return RULES_READ_OK;
}

enum rules_read
rules_row_domain(sqlite3_stmt *st, struct ruleset *set, char **why)
{
	struct rules_domain *d;
	const char *reason;
	enum rules_read r;

	set->domain = rules_grow(set->domain, set->ndomains, sizeof(*set->domain));
	d = &set->domain[set->ndomains++];
	memset(d, 0, sizeof(*d));
	d->name = xstrdup(rules_row_text(st, D_NAME));
	rules_route_init(&d->route);
	if (rules_name_check(d->name, &reason) == -1)
		return refuse(why, d, "name", reason);
	if ((r = fill_route(st, d, why)) != RULES_READ_OK ||
	    (r = fill_recipients(st, d, why)) != RULES_READ_OK)
		return r;
	return fill_delivery(st, set, d, why);
}
