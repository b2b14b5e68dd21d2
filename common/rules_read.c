/*
 * rules_read.c -- rules.db's rows into a ruleset.
 *
 * Tables of columns, one function a table, all in one read transaction so that
 * the rows belong together. The first bad row ends the reading and is named as
 * "table key: column: reason"; nothing of a refused file is kept (P8).
 *
 * The schema's CHECKs refuse much of this already. It is checked again because
 * what they cannot see (a port, a schedule's grammar) is checked here anyway,
 * and because a file that was put together by hand may lack them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_read.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/conf.h"
#include "common/rules_text.h"

#define LIFETIME_MAX	(3650u * 24 * 3600)
#define JITTER_MAX	50

/* --- SQLite's answers ---------------------------------------------------- */

static enum rules_read
sql_failed(sqlite3 *db, char **why)
{
	int rc = sqlite3_extended_errcode(db);

	if ((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED) {
		*why = xstrdup("a writer has the database locked");
		return RULES_READ_BUSY;
	}
	if ((rc & 0xff) == SQLITE_READONLY)
		*why = xstrdup("a change to it was cut off half-way; `holdfast init', run by "
			       "its owner, puts that right");
	else
		*why = xstrdup(sqlite3_errmsg(db));
	return RULES_READ_REFUSED;
}

static enum rules_read
prepare(sqlite3 *db, const char *sql, sqlite3_stmt **st, char **why)
{
	if (sqlite3_prepare_v2(db, sql, -1, st, NULL) != SQLITE_OK)
		return sql_failed(db, why);
	return RULES_READ_OK;
}

/* Lends a text column; NULL reads as "". */
static const char *
text(sqlite3_stmt *st, int col)
{
	const char *s = (const char *)sqlite3_column_text(st, col);

	return s != NULL ? s : "";
}

static enum rules_read __attribute__((format(printf, 2, 3)))
refuse(char **why, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	*why = buf_take(&b);
	return RULES_READ_REFUSED;
}

/* --- what file is this? -------------------------------------------------- */

static enum rules_read
number(sqlite3 *db, const char *sql, int *out, char **why)
{
	sqlite3_stmt *st;
	enum rules_read r = prepare(db, sql, &st, why);

	if (r != RULES_READ_OK)
		return r;
	if (sqlite3_step(st) == SQLITE_ROW)
		*out = sqlite3_column_int(st, 0);
	else
		r = sql_failed(db, why);
	(void)sqlite3_finalize(st);
	return r;
}

enum rules_read
rules_read_identity(sqlite3 *db, char **why)
{
	int id = 0, version = 0, tables = 0;
	enum rules_read r;

	if ((r = number(db, "PRAGMA application_id", &id, why)) != RULES_READ_OK ||
	    (r = number(db, "PRAGMA user_version", &version, why)) != RULES_READ_OK ||
	    (r = number(db, "SELECT count(*) FROM sqlite_master", &tables, why)) != RULES_READ_OK)
		return r;
	if (id == 0 && tables == 0)
		return refuse(why, "it is empty; `holdfast init' makes one");
	if (id != RULES_APPLICATION_ID)
		return refuse(why, "it is not a Holdfast rules database (application_id is "
		    "0x%08x)", (unsigned)id);
	if (version > RULES_SCHEMA_VERSION)
		return refuse(why, "it was made by a newer Holdfast (schema %d, this one reads "
		    "%d)", version, RULES_SCHEMA_VERSION);
	if (version != RULES_SCHEMA_VERSION)
		return refuse(why, "schema %d is unknown (this Holdfast reads %d)", version,
		    RULES_SCHEMA_VERSION);
	return RULES_READ_OK;
}

/* --- schedules ----------------------------------------------------------- */

static enum rules_read
read_schedule(sqlite3_stmt *st, struct ruleset *set, char **why)
{
	const char *name = text(st, 0), *reason;
	sqlite3_int64 jitter = sqlite3_column_int64(st, 2);
	struct schedule s;

	if (schedule_parse(text(st, 1), &s, &reason) == -1)
		return refuse(why, "schedule %s: steps: %s", name, reason);
	if (jitter < 0 || jitter > JITTER_MAX)
		return refuse(why, "schedule %s: jitter: %lld is not between 0 and %d", name,
		    jitter, JITTER_MAX);
	s.jitter = (unsigned)jitter;
	if (conf_parse_interval(text(st, 3), &s.lifetime) == -1)
		return refuse(why, "schedule %s: lifetime: `%s' is not a time like 28d", name,
		    text(st, 3));
	if (s.lifetime < 1 || s.lifetime > LIFETIME_MAX)
		return refuse(why, "schedule %s: lifetime: %s is not between 1s and 3650d", name,
		    text(st, 3));
	set->schedule = xrealloc(set->schedule, set->nschedules + 1, sizeof(*set->schedule));
	set->schedule[set->nschedules++] =
	    (struct rules_schedule) { .name = xstrdup(name), .schedule = s };
	return RULES_READ_OK;
}

/* --- settings ------------------------------------------------------------ */

static const struct setting {
	const char	*name;
	size_t		 offset;
	bool		 interval;
	unsigned	 initial, min, max;
} setting_table[] = {
#define S(n) #n, offsetof(struct rules_settings, n)
	{ S(probe_interval), true, 2, 1, 3600 },
	{ S(probe_budget), false, 200, 1, 10000 },
	{ S(concurrency), false, 20, 1, 1000 },
	{ S(connection_messages), false, 200, 1, 1000000 },
	{ S(connection_time), true, 300, 1, 86400 },
#undef S
};
#define NSETTINGS (sizeof(setting_table) / sizeof(setting_table[0]))

static unsigned *
setting_slot(struct rules_settings *s, const struct setting *t)
{
	return (unsigned *)(void *)((char *)s + t->offset);
}

static void
default_settings(struct rules_settings *s)
{
	for (size_t i = 0; i < NSETTINGS; i++)
		*setting_slot(s, &setting_table[i]) = setting_table[i].initial;
}

static int
parse_count(const char *s, unsigned *out)
{
	size_t len = strspn(s, "0123456789");

	if (len == 0 || len > 9 || s[len] != '\0')
		return -1;
	*out = (unsigned)strtoul(s, NULL, 10);
	return 0;
}

static enum rules_read
read_setting(sqlite3_stmt *st, struct ruleset *set, char **why)
{
	const char *name = text(st, 0), *value = text(st, 1);

	for (size_t i = 0; i < NSETTINGS; i++) {
		const struct setting *t = &setting_table[i];
		unsigned n;

		if (strcmp(name, t->name) != 0)
			continue;
		if ((t->interval ? conf_parse_interval(value, &n) : parse_count(value, &n)) == -1)
			return refuse(why, "setting %s: value: `%s' is not a %s", name, value,
			    t->interval ? "time like 2s" : "number");
		if (n < t->min || n > t->max)
			return refuse(why, "setting %s: value: %s is not between %u and %u", name,
			    value, t->min, t->max);
		*setting_slot(&set->settings, t) = n;
		return RULES_READ_OK;
	}
	return refuse(why, "setting %s: no setting has this name", name);
}

/* --- domains ------------------------------------------------------------- */

/* Equal text = same destination: what is connected to and how, nothing else. */
static char *
destination_text(const struct endpoint_list *l, enum rules_tls tls)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < l->n; i++) {
		char *s = endpoint_format(&l->v[i]);

		addr_lower(s);
		buf_printf(&b, "%s%s", i > 0 ? "," : "", s);
		free(s);
	}
	if (tls != TLS_MAY)
		buf_printf(&b, ";tls=%s", rules_tls_name(tls));
	return buf_take(&b);
}

enum {
	D_NAME, D_PRIMARIES, D_RECIPIENTS, D_SCHEDULE, D_TLS, D_SIZE_LIMIT, D_CASE_SENSITIVE,
	D_DELIMITER, D_CATCH_ALL, D_LIST_TIME
};
#define DOMAIN_COLUMNS "SELECT name, primaries, recipients, schedule, tls, size_limit," \
	" case_sensitive, delimiter, catch_all, list_time FROM domain"

static enum rules_read
fill_domain(sqlite3_stmt *st, const struct ruleset *set, struct rules_domain *d, char **why)
{
	const char *reason, *name = d->name;

	if (!addr_domain_valid(name, true))
		return refuse(why, "domain %s: name: not a domain name", name);
	for (const char *p = name; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			return refuse(why, "domain %s: name: not in lower case", name);
	if (endpoint_list_parse_hostport(text(st, D_PRIMARIES), 25, &d->route.primary, &reason) == -1)
		return refuse(why, "domain %s: primaries: `%s': %s", name,
		    text(st, D_PRIMARIES), reason);
	if (d->route.primary.n == 0)
		return refuse(why, "domain %s: primaries: no host is given", name);
	if (rules_recipients_parse(text(st, D_RECIPIENTS), &d->recipients) == -1)
		return refuse(why, "domain %s: recipients: `%s' is not list, verify or any", name,
		    text(st, D_RECIPIENTS));
	if (rules_tls_parse(text(st, D_TLS), &d->route.tls) == -1)
		return refuse(why, "domain %s: tls: `%s' is not off, may, verify, pinned or dane",
		    name, text(st, D_TLS));
	/* Better told than taken for less than it says. */
	if (d->route.tls != TLS_OFF && d->route.tls != TLS_MAY)
		return refuse(why, "domain %s: tls: this version knows only off and may, not %s",
		    name, rules_tls_name(d->route.tls));
	d->schedule_name = xstrdup(text(st, D_SCHEDULE));
	if ((d->schedule = ruleset_schedule(set, d->schedule_name)) == NULL)
		return refuse(why, "domain %s: schedule: there is no schedule `%s'", name,
		    d->schedule_name);
	if (sqlite3_column_int64(st, D_SIZE_LIMIT) < 0)
		return refuse(why, "domain %s: size_limit: negative", name);
	d->size_limit = (uint64_t)sqlite3_column_int64(st, D_SIZE_LIMIT);
	d->case_sensitive = sqlite3_column_int(st, D_CASE_SENSITIVE) != 0;
	d->delimiter = xstrdup(text(st, D_DELIMITER));
	if (strpbrk(d->delimiter, "@ \"") != NULL)
		return refuse(why, "domain %s: delimiter: @, quotes and blanks cannot be one",
		    name);
	d->catch_all = xstrdup(text(st, D_CATCH_ALL));
	if (strcmp(d->catch_all, "") != 0 && strcmp(d->catch_all, "@") != 0)
		return refuse(why, "domain %s: catch_all: neither empty nor @", name);
	if (sqlite3_column_int64(st, D_LIST_TIME) < 0)
		return refuse(why, "domain %s: list_time: negative", name);
	d->list_time = (time_t)sqlite3_column_int64(st, D_LIST_TIME);
	d->route.mx = xstrdup("");
	d->route.tls_name = xstrdup("");
	d->route.tls_ca = xstrdup("");
	d->route.tls_pin = xstrdup("");
	d->route.source4 = xstrdup("");
	d->route.source6 = xstrdup("");
	d->route.preference = xcalloc(d->route.primary.n, sizeof(*d->route.preference));
	for (size_t i = 0; i < d->route.primary.n; i++)
		d->route.preference[i] = (unsigned)i;
	d->route.client = CLIENT_XFORWARD;
	d->bounce = BOUNCE_SPF_PASS;
	d->destination = destination_text(&d->route.primary, d->route.tls);
	return RULES_READ_OK;
}

static enum rules_read
read_domain(sqlite3_stmt *st, struct ruleset *set, char **why)
{
	struct rules_domain *d;

	if ((set->ndomains & (set->ndomains + 1)) == 0)		/* 0, 1, 3, 7 … are full */
		set->domain = xrealloc(set->domain, set->ndomains * 2 + 1, sizeof(*set->domain));
	d = &set->domain[set->ndomains++];
	memset(d, 0, sizeof(*d));
	d->name = xstrdup(text(st, D_NAME));
	return fill_domain(st, set, d, why);
}

/* --- recipients ---------------------------------------------------------- */

/* Rows come sorted by domain, like the domains: one walk over both. */
struct recipients {
	struct ruleset	*set;
	struct buf	 arena;
	size_t		 at;	/* the domain that the rows have reached */
};

static enum rules_read
read_recipient(sqlite3_stmt *st, struct recipients *r, char **why)
{
	struct ruleset *set = r->set;
	const char *domain = text(st, 0), *local = text(st, 1), *reason;
	size_t len = (size_t)sqlite3_column_bytes(st, 1);

	while (r->at < set->ndomains && strcmp(set->domain[r->at].name, domain) < 0)
		r->at++;
	if (r->at == set->ndomains || strcmp(set->domain[r->at].name, domain) != 0)
		return refuse(why, "recipient %s@%s: there is no domain `%s'", local, domain,
		    domain);
	if (!rules_local_valid(local, len, &reason))
		return refuse(why, "recipient %s@%s: local_part: %s", local, domain, reason);
	size_t start = r->arena.len;
	buf_put(&r->arena, local, len + 1);
	if (!set->domain[r->at].case_sensitive)
		addr_lower(r->arena.data + start);
	set->list[r->at].n++;
	return RULES_READ_OK;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lowering may have broken the order and made two of a name. */
static void
sort_list(struct rules_list *l)
{
	size_t out = 1;

	for (size_t i = 1; i < l->n; i++)
		if (strcmp(l->v[i - 1], l->v[i]) >= 0) {
			qsort(l->v, l->n, sizeof(*l->v), by_text);
			break;
		}
	for (size_t i = 1; i < l->n; i++)
		if (strcmp(l->v[out - 1], l->v[i]) != 0)
			l->v[out++] = l->v[i];
	if (l->n > 0)
		l->n = out;
}

/* The arena moves no more: point into it. */
static void
index_recipients(struct recipients *r)
{
	struct ruleset *set = r->set;
	const char *p;

	if (r->arena.len > 0)
		r->arena.data = xrealloc(r->arena.data, r->arena.len, 1);	/* had room to grow */
	set->arena = buf_take(&r->arena);
	p = set->arena;
	for (size_t i = 0; i < set->ndomains; i++) {
		struct rules_list *l = &set->list[i];

		if (l->n > 0)
			l->v = xcalloc(l->n, sizeof(*l->v));
		for (size_t j = 0; j < l->n; j++) {
			l->v[j] = p;
			p += strlen(p) + 1;
		}
		sort_list(l);
		set->domain[i].nrecipients = l->n;
	}
}

/* --- the whole ----------------------------------------------------------- */

typedef enum rules_read row_fn(sqlite3_stmt *, struct ruleset *, char **);

static enum rules_read
each_row(sqlite3 *db, const char *sql, const char *key, row_fn *row, struct ruleset *set,
    char **why)
{
	sqlite3_stmt *st;
	enum rules_read r = prepare(db, sql, &st, why);
	int rc = SQLITE_DONE;

	if (r != RULES_READ_OK)
		return r;
	if (key != NULL)
		(void)sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	while (r == RULES_READ_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
		r = row(st, set, why);
	if (r == RULES_READ_OK && rc != SQLITE_DONE)
		r = sql_failed(db, why);
	(void)sqlite3_finalize(st);
	return r;
}

static enum rules_read
read_recipients(sqlite3 *db, struct ruleset *set, char **why)
{
	struct recipients all = { .set = set };
	sqlite3_stmt *st;
	enum rules_read r;
	int rc = SQLITE_DONE;

	set->list = xcalloc(set->ndomains + 1, sizeof(*set->list));
	r = prepare(db, "SELECT domain, local_part FROM recipient ORDER BY domain, local_part",
	    &st, why);
	if (r != RULES_READ_OK)
		return r;
	while (r == RULES_READ_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
		r = read_recipient(st, &all, why);
	if (r == RULES_READ_OK && rc != SQLITE_DONE)
		r = sql_failed(db, why);
	(void)sqlite3_finalize(st);
	if (r == RULES_READ_OK)
		index_recipients(&all);
	buf_free(&all.arena);
	return r;
}

static enum rules_read
read_tables(sqlite3 *db, const char *only, struct ruleset *set, char **why)
{
	enum rules_read r;

	if ((r = rules_read_identity(db, why)) != RULES_READ_OK)
		return r;
	r = each_row(db, "SELECT name, steps, jitter, lifetime FROM schedule", NULL,
	    read_schedule, set, why);
	if (r != RULES_READ_OK)
		return r;
	if (ruleset_schedule(set, "default") == NULL)
		return refuse(why, "schedule default: the row is missing");
	r = each_row(db, "SELECT name, value FROM setting", NULL, read_setting, set, why);
	if (r != RULES_READ_OK)
		return r;
	if (only != NULL)
		return each_row(db, DOMAIN_COLUMNS " WHERE name = ?1", only, read_domain, set,
		    why);
	r = each_row(db, DOMAIN_COLUMNS " ORDER BY name", NULL, read_domain, set, why);
	if (r != RULES_READ_OK)
		return r;
	return read_recipients(db, set, why);
}

static enum rules_read
read_set(sqlite3 *db, const char *only, struct ruleset **out, char **why)
{
	struct ruleset *set = xcalloc(1, sizeof(*set));
	enum rules_read r;

	atomic_init(&set->refs, 1);
	default_settings(&set->settings);
	r = read_tables(db, only, set, why);
	if (r != RULES_READ_OK)
		ruleset_unref(&set);
	*out = set;
	return r;
}

enum rules_read
rules_read(sqlite3 *db, struct ruleset **set, char **why)
{
	enum rules_read r;

	*set = NULL;
	if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return sql_failed(db, why);
	r = read_set(db, NULL, set, why);
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);	/* nothing was written */
	(void)sqlite3_db_release_memory(db);	/* not read again before the next change */
	return r;
}

enum rules_read
rules_read_domain(sqlite3 *db, const char *name, struct ruleset **set, char **why)
{
	return read_set(db, name, set, why);
}
