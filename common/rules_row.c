/*
 * rules_row.c -- schedules, settings, and rows of any kind by its description. Domains
 * are in rules_row_domain.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_row.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/rules_setting.h"
#include "common/rules_text.h"

#define LIFETIME_MAX	(3650u * 24 * 3600)
#define JITTER_MAX	50

void *
rules_grow(void *array, size_t n, size_t size)
{
	return (n & (n - 1)) == 0 ? xrealloc(array, n == 0 ? 1 : n * 2, size) : array;
}

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
	set->schedule = rules_grow(set->schedule, set->nschedules, sizeof(*set->schedule));
	set->schedule[set->nschedules++] =
	    (struct rules_schedule) { .name = xstrdup(name), .schedule = s };
	return RULES_READ_OK;
}

/* --- settings ------------------------------------------------------------ */

const char rules_row_setting_sql[] = "SELECT name, scope, value FROM setting";

/* "setting spf.fail for example.test: value: …" */
static enum rules_read
refuse_setting(char **why, const char *name, const char *scope, const char *column, const char *reason)
{
	return rules_row_refuse(why, "setting %s%s%s: %s%s%s", name, scope[0] != '\0' ? " for " : "", scope,
	    column, column[0] != '\0' ? ": " : "", reason);
}

static enum rules_read
scoped_setting(const struct rules_setting *t, const char *scope, const char *value,
    struct ruleset *set, char **why)
{
	struct rules_scoped *s;
	char *canonical = xstrdup(scope), *reason = NULL;

	if (t->home != HOME_SCOPED)
		reason = xstrdup("scope: it is the same for everybody");
	else if (rules_canon_scope(&canonical, &reason) == 0 && strcmp(canonical, scope) != 0)
		reason = xasprintf("scope: is written %s", canonical);
	if (reason != NULL) {
		(void)refuse_setting(why, t->name, scope, "", reason);
		free(canonical);
		free(reason);
		return RULES_READ_REFUSED;
	}
	set->scoped = rules_grow(set->scoped, set->nscoped, sizeof(*set->scoped));
	s = &set->scoped[set->nscoped++];
	s->scope = canonical;
	s->setting = t;
	s->value = xstrdup(value);
	return RULES_READ_OK;
}

enum rules_read
rules_row_setting(sqlite3_stmt *st, struct ruleset *set, char **why)
{
	const char *name = rules_row_text(st, 0), *scope = rules_row_text(st, 1);
	const char *value = rules_row_text(st, 2);
	const struct rules_setting *t = rules_setting_find(name);
	struct rules_policy scratch;
	char *reason = NULL;

	if (t == NULL)
		return refuse_setting(why, name, scope, "", "no setting has this name");
	if (rules_setting_parse(t, value, &set->settings, scope[0] == '\0' ? &set->policy : &scratch,
	    &reason) == 0)
		return scope[0] == '\0' ? RULES_READ_OK : scoped_setting(t, scope, value, set, why);
	(void)refuse_setting(why, name, scope, "value", reason);
	free(reason);
	return RULES_READ_REFUSED;
}

/* --- kinds ------------------------------------------------------------------ */

/* "list deny client 192.0.2.0/24 for example.test" */
static char *
row_name(const struct rules_kind *k, char *const *value)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, k->name);
	for (size_t i = 0; i < k->nkeys; i++)
		if (value[i][0] != '\0')
			buf_printf(&b, " %s%s", strcmp(k->column[i].name, "scope") == 0 ? "for " : "",
			    value[i]);
	return buf_take(&b);
}

/* Was it written as it is kept? Of the key every letter counts. */
static int
as_kept(const struct rules_kind *k, sqlite3_stmt *st, char *const *value, char **why)
{
	for (size_t i = 0; i < k->nkeys; i++)
		if (strcmp(rules_row_text(st, (int)i), value[i]) != 0)
			return rules_canon_bad(why, k->column[i].name, "is written %s", value[i]);
	return 0;
}

enum rules_read
rules_row_kind(const struct rules_kind *k, sqlite3_stmt *st, struct ruleset *set, char **why)
{
	size_t n = rules_kind_ncolumns(k);
	char *value[RULES_COLUMNS_MAX], *reason = NULL, *name;
	bool good;

	for (size_t i = 0; i < n; i++)
		value[i] = xstrdup(rules_row_text(st, (int)i));
	name = row_name(k, value);
	good = k->canon(value, &reason) == 0 && as_kept(k, st, value, &reason) == 0 &&
	    k->add(set, value, &reason) == 0;
	if (!good)
		*why = xasprintf("%s: %s", name, reason);
	free(reason);
	free(name);
	for (size_t i = 0; i < n; i++)
		free(value[i]);
	return good ? RULES_READ_OK : RULES_READ_REFUSED;
}
