/*
 * rules_read.c -- rules.db's rows into a ruleset.
 *
 * One table after the other, all in one read transaction so that the rows
 * belong together; what is in a row is rules_row*.c's. The first bad row ends the reading and is named as
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
#include "common/pattern.h"
#include "common/rules_route.h"
#include "common/rules_row.h"
#include "common/rules_setting.h"

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

int
rules_read_version(sqlite3 *db)
{
	int id = 0, version = 0;
	char *why = NULL;

	if (number(db, "PRAGMA application_id", &id, &why) == RULES_READ_OK &&
	    id == RULES_APPLICATION_ID)
		(void)number(db, "PRAGMA user_version", &version, &why);
	free(why);
	return version;
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
		return rules_row_refuse(why, "it is empty; `holdfast init' makes one");
	if (id != RULES_APPLICATION_ID)
		return rules_row_refuse(why, "it is not a Holdfast rules database (application_id is "
		    "0x%08x)", (unsigned)id);
	if (version > RULES_SCHEMA_VERSION)
		return rules_row_refuse(why, "it was made by a newer Holdfast (schema %d, this one reads "
		    "%d)", version, RULES_SCHEMA_VERSION);
	if (version >= 1 && version < RULES_SCHEMA_VERSION)
		return rules_row_refuse(why, "it was made by an older Holdfast (schema %d); "
		    "`holdfast init' upgrades it", version);
	if (version != RULES_SCHEMA_VERSION)
		return rules_row_refuse(why, "schema %d is unknown (this Holdfast reads %d)", version,
		    RULES_SCHEMA_VERSION);
	return RULES_READ_OK;
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
	const char *domain = rules_row_text(st, 0), *local = rules_row_text(st, 1), *reason;
	size_t len = (size_t)sqlite3_column_bytes(st, 1);

	while (r->at < set->ndomains && strcmp(set->domain[r->at].name, domain) < 0)
		r->at++;
	if (r->at == set->ndomains || strcmp(set->domain[r->at].name, domain) != 0)
		return rules_row_refuse(why, "recipient %s@%s: there is no domain `%s'", local, domain,
		    domain);
	if (!rules_local_valid(local, len, &reason))
		return rules_row_refuse(why, "recipient %s@%s: local_part: %s", local, domain, reason);
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

static const struct table {
	const char	*name, *sql, *key, *order;
	rules_row_fn	*row;
} tables[] = {
	[RULES_SCHEDULE] = { "schedule", rules_row_schedule_sql, "name", "", rules_row_schedule },
	[RULES_SETTING] = { "setting", rules_row_setting_sql, "name", "", rules_row_setting },
	[RULES_DOMAIN] = { "domain", rules_row_domain_sql, "name", " ORDER BY name",
	    rules_row_domain },
};

/* All rows of a table, or the one with this key. */
static enum rules_read
read_table(sqlite3 *db, enum rules_table which, const char *key, struct ruleset *set, char **why)
{
	const struct table *t = &tables[which];
	char *sql = key == NULL ? xasprintf("%s%s", t->sql, t->order)
				: xasprintf("%s WHERE %s = ?1", t->sql, t->key);
	sqlite3_stmt *st;
	enum rules_read r = prepare(db, sql, &st, why);
	int rc = SQLITE_DONE;

	free(sql);
	if (r != RULES_READ_OK)
		return r;
	if (key != NULL)
		(void)sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	while (r == RULES_READ_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
		r = t->row(st, set, why);
	if (r == RULES_READ_OK && rc != SQLITE_DONE)
		r = sql_failed(db, why);
	(void)sqlite3_finalize(st);
	return r;
}

/* "SELECT zone, what, … FROM dnsbl ORDER BY zone, what" */
static enum rules_read
read_kind(sqlite3 *db, const struct rules_kind *k, struct ruleset *set, char **why)
{
	struct buf sql = BUF_INIT;
	size_t n = rules_kind_ncolumns(k);
	sqlite3_stmt *st;
	enum rules_read r;
	int rc = SQLITE_DONE;

	for (size_t i = 0; i < n; i++)
		buf_printf(&sql, "%s%s", i == 0 ? "SELECT " : ", ", k->column[i].name);
	buf_printf(&sql, " FROM %s ORDER BY ", k->name);
	for (size_t i = 0; i < k->nkeys; i++)
		buf_printf(&sql, "%s%s", i == 0 ? "" : ", ", k->column[i].name);
	r = prepare(db, buf_str(&sql), &st, why);
	buf_free(&sql);
	if (r != RULES_READ_OK)
		return r;
	while (r == RULES_READ_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
		r = rules_row_kind(k, st, set, why);
	if (r == RULES_READ_OK && rc != SQLITE_DONE)
		r = sql_failed(db, why);
	(void)sqlite3_finalize(st);
	return r;
}

static enum rules_read
read_schedules(sqlite3 *db, struct ruleset *set, char **why)
{
	enum rules_read r = read_table(db, RULES_SCHEDULE, NULL, set, why);

	if (r == RULES_READ_OK && ruleset_schedule(set, "default") == NULL)
		return rules_row_refuse(why, "schedule default: the row is missing");
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

/* What a domain without a row gets when its MX names us. */
static void
set_derived(struct ruleset *set)
{
	struct rules_domain *d = &set->derived;

	d->name = xstrdup("");
	d->destination = xstrdup("");
	rules_route_init(&d->route);
	d->route.kind = ROUTE_MX;
	d->recipients = RECIPIENTS_VERIFY;
	d->schedule_name = xstrdup("default");
	d->schedule = ruleset_schedule(set, d->schedule_name);
	d->bounce = BOUNCE_SPF_PASS;
	d->delimiter = xstrdup("");
	d->catch_all = xstrdup("");
}

/* Do rows name domains that are there? */
static enum rules_read
refer(const struct ruleset *set, char **why)
{
	for (size_t i = 0; i < set->naliases; i++) {
		const struct rules_alias *a = &set->alias[i];

		if (ruleset_alias(set, a->domain) != NULL)
			return rules_row_refuse(why, "alias_domain %s: domain: `%s' is an alias itself",
			    a->name, a->domain);
		if (ruleset_domain(set, a->domain) == NULL)
			return rules_row_refuse(why, "alias_domain %s: domain: there is no domain `%s'",
			    a->name, a->domain);
		if (ruleset_domain_own(set, a->name) != NULL)
			return rules_row_refuse(why, "alias_domain %s: name: there is a domain of that "
			    "name", a->name);
	}
	for (size_t i = 0; i < set->npatterns; i++)
		if (ruleset_domain_own(set, set->pattern[i].domain) == NULL)
			return rules_row_refuse(why, "pattern %s %s: domain: there is no domain `%s'",
			    set->pattern[i].domain, pattern_text(set->pattern[i].pattern),
			    set->pattern[i].domain);
	return RULES_READ_OK;
}

static enum rules_read
read_everything(sqlite3 *db, struct ruleset *set, bool recipients, char **why)
{
	enum rules_read r;

	if ((r = rules_read_identity(db, why)) != RULES_READ_OK ||
	    (r = read_schedules(db, set, why)) != RULES_READ_OK)
		return r;
	for (enum rules_table t = RULES_SETTING; t <= RULES_DOMAIN; t++)
		if ((r = read_table(db, t, NULL, set, why)) != RULES_READ_OK)
			return r;
	for (size_t i = 0; i < rules_nkinds; i++)
		if ((r = read_kind(db, &rules_kinds[i], set, why)) != RULES_READ_OK)
			return r;
	rules_networks_sort(&set->mx_network);
	rules_networks_sort(&set->turn_network);
	rules_screen_sort(set);
	if ((r = refer(set, why)) != RULES_READ_OK)
		return r;
	rules_scope_resolve(set);
	set_derived(set);
	return recipients ? read_recipients(db, set, why) : RULES_READ_OK;
}

static struct ruleset *
new_set(void)
{
	struct ruleset *set = xcalloc(1, sizeof(*set));

	atomic_init(&set->refs, 1);
	rules_settings_default(&set->settings);
	rules_policy_default(&set->policy);
	return set;
}

static enum rules_read
read_into(sqlite3 *db, bool recipients, struct ruleset **out, char **why)
{
	struct ruleset *set = new_set();
	enum rules_read r = read_everything(db, set, recipients, why);

	if (r != RULES_READ_OK)
		ruleset_unref(&set);
	*out = set;
	return r;
}

enum rules_read
rules_read_all(sqlite3 *db, struct ruleset **set, char **why)
{
	return read_into(db, true, set, why);
}

enum rules_read
rules_read_frame(sqlite3 *db, struct ruleset **set, char **why)
{
	return read_into(db, false, set, why);
}

enum rules_read
rules_read(sqlite3 *db, struct ruleset **set, char **why)
{
	enum rules_read r;

	*set = NULL;
	if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return sql_failed(db, why);
	r = rules_read_all(db, set, why);
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);	/* nothing was written */
	(void)sqlite3_db_release_memory(db);	/* not read again before the next change */
	return r;
}

enum rules_read
rules_read_row(sqlite3 *db, enum rules_table table, const char *key, struct ruleset **out,
    char **why)
{
	struct ruleset *set = new_set();
	enum rules_read r = rules_read_identity(db, why);

	if (r == RULES_READ_OK && table == RULES_DOMAIN)
		r = read_schedules(db, set, why);
	if (r == RULES_READ_OK)
		r = read_table(db, table, key, set, why);
	if (r != RULES_READ_OK)
		ruleset_unref(&set);
	*out = set;
	return r;
}
