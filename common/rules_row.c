/*
 * rules_row.c -- rows of the small tables: schedules, settings, what is derived
 * from the DNS, who may ask for mail. Domains are in rules_row_domain.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_row.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/conf.h"
#include "common/rules_network.h"
#include "common/rules_setting.h"
#include "common/rules_text.h"

#define LIFETIME_MAX	(3650u * 24 * 3600)
#define JITTER_MAX	50

const char *
rules_row_text(sqlite3_stmt *st, int column)
{
	const char *s = (const char *)sqlite3_column_text(st, column);

	return s != NULL ? s : "";
}

enum rules_read
rules_row_refuse(char **why, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	*why = buf_take(&b);
	return RULES_READ_REFUSED;
}

/* --- schedules ----------------------------------------------------------- */

const char rules_row_schedule_sql[] =
    "SELECT name, steps, jitter, lifetime, warn_after, at_end FROM schedule";

static enum rules_read
schedule_times(sqlite3_stmt *st, const char *name, struct schedule *s, char **why)
{
	const char *lifetime = rules_row_text(st, 3), *warn = rules_row_text(st, 4);

	if (conf_parse_interval(lifetime, &s->lifetime) == -1)
		return rules_row_refuse(why, "schedule %s: lifetime: `%s' is not a time like 28d",
		    name, lifetime);
	if (s->lifetime < 1 || s->lifetime > LIFETIME_MAX)
		return rules_row_refuse(why, "schedule %s: lifetime: %s is not between 1s and "
		    "3650d", name, lifetime);
	s->warn_after = 0;
	if (warn[0] != '\0' && conf_parse_interval(warn, &s->warn_after) == -1)
		return rules_row_refuse(why, "schedule %s: warn_after: `%s' is neither empty nor a "
		    "time like 4h", name, warn);
	if (s->warn_after >= s->lifetime)
		return rules_row_refuse(why, "schedule %s: warn_after: %s is not shorter than the "
		    "lifetime, %s", name, warn, lifetime);
	return RULES_READ_OK;
}

enum rules_read
rules_row_schedule(sqlite3_stmt *st, struct ruleset *set, char **why)
{
	const char *name = rules_row_text(st, 0), *reason;
	sqlite3_int64 jitter = sqlite3_column_int64(st, 2);
	enum rules_read r;
	struct schedule s;

	if (schedule_parse(rules_row_text(st, 1), &s, &reason) == -1)
		return rules_row_refuse(why, "schedule %s: steps: %s", name, reason);
	if (jitter < 0 || jitter > JITTER_MAX)
		return rules_row_refuse(why, "schedule %s: jitter: %lld is not between 0 and %d",
		    name, jitter, JITTER_MAX);
	s.jitter = (unsigned)jitter;
	if ((r = schedule_times(st, name, &s, why)) != RULES_READ_OK)
		return r;
	if (rules_end_parse(rules_row_text(st, 5), &s.end) == -1)
		return rules_row_refuse(why, "schedule %s: at_end: `%s' is not quarantine, bounce "
		    "or hold", name, rules_row_text(st, 5));
	set->schedule = xrealloc(set->schedule, set->nschedules + 1, sizeof(*set->schedule));
	set->schedule[set->nschedules++] =
	    (struct rules_schedule) { .name = xstrdup(name), .schedule = s };
	return RULES_READ_OK;
}

/* --- settings ------------------------------------------------------------ */

const char rules_row_setting_sql[] = "SELECT name, value FROM setting";

enum rules_read
rules_row_setting(sqlite3_stmt *st, struct ruleset *set, char **why)
{
	const char *name = rules_row_text(st, 0), *value = rules_row_text(st, 1);
	const struct rules_setting *t = rules_setting_find(name);
	char *reason = NULL;

	if (t == NULL)
		return rules_row_refuse(why, "setting %s: no setting has this name", name);
	if (rules_setting_parse(t, value, &set->settings, &reason) == 0)
		return RULES_READ_OK;
	*why = xasprintf("setting %s: value: %s", name, reason);
	free(reason);
	return RULES_READ_REFUSED;
}

/* --- networks ------------------------------------------------------------ */

const char rules_row_mx_network_sql[] = "SELECT network, note FROM mx_network";
const char rules_row_turn_network_sql[] = "SELECT network, note FROM turn_network";

static enum rules_read
add_network(sqlite3_stmt *st, const char *table, struct rules_networks *to, char **why)
{
	const char *text = rules_row_text(st, 0);
	struct rules_network n;
	char *reason = NULL;

	if (rules_network_parse(text, &n, &reason) == -1) {
		*why = xasprintf("%s %s: network: %s", table, text, reason);
		free(reason);
		return RULES_READ_REFUSED;
	}
	n.note = xstrdup(rules_row_text(st, 1));
	rules_networks_add(to, &n);
	if (strcmp(text, to->v[to->n - 1].text) != 0)	/* else two rows could be one network */
		return rules_row_refuse(why, "%s %s: network: is written %s", table, text,
		    to->v[to->n - 1].text);
	return RULES_READ_OK;
}

enum rules_read
rules_row_mx_network(sqlite3_stmt *st, struct ruleset *set, char **why)
{
	return add_network(st, "mx_network", &set->mx_network, why);
}

enum rules_read
rules_row_turn_network(sqlite3_stmt *st, struct ruleset *set, char **why)
{
	return add_network(st, "turn_network", &set->turn_network, why);
}

/* --- domains known by their MX ------------------------------------------- */

const char rules_row_mx_domain_sql[] = "SELECT name, serve, note FROM mx_domain";

enum rules_read
rules_row_mx_domain(sqlite3_stmt *st, struct ruleset *set, char **why)
{
	const char *name = rules_row_text(st, 0);
	struct rules_mx_domain d = { .name = NULL };
	const char *reason;

	if (rules_name_check(name, &reason) == -1)
		return rules_row_refuse(why, "mx_domain %s: name: %s", name, reason);
	if (rules_derived_parse(rules_row_text(st, 1), &d.serve) == -1)
		return rules_row_refuse(why, "mx_domain %s: serve: `%s' is not always or never",
		    name, rules_row_text(st, 1));
	d.name = xstrdup(name);
	d.note = xstrdup(rules_row_text(st, 2));
	set->mx_domain = xrealloc(set->mx_domain, set->nmx_domains + 1, sizeof(*set->mx_domain));
	set->mx_domain[set->nmx_domains++] = d;
	return RULES_READ_OK;
}
