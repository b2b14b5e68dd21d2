/*
 * rules_edit.c -- changes of domains and recipients, each one transaction.
 *
 * Written with synchronous=EXTRA: with a rollback journal FULL alone may lose
 * the last commit in a power cut. BEGIN IMMEDIATE takes the writer's lock at
 * once, so that a busy file is told before work is done and a change never
 * fails half-way.
 *
 * On failure the transaction is rolled back and nothing has changed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_edit.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/rules_edit_db.h"
#include "common/rules_history.h"
#include "common/rules_route.h"

/* --- domains ------------------------------------------------------------- */

static const char *const domain_columns[] = { "primaries", "recipients", "schedule", "tls",
	"tls_name", "tls_ca", "tls_pin", "source", "client", "concurrency", "message_rate",
	"bounce", "delivery_id", "size_limit", "case_sensitive", "delimiter", "catch_all",
	"list_max_age", NULL };
/* A name is a domain's or an alias's. */
static enum rules_edit_result
no_alias(struct rules_edit *e, const char *name, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e,
	    "SELECT domain FROM alias_domain WHERE name = ?1", &st, why);

	if (r == EDIT_OK) {
		(void)sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
		if (sqlite3_step(st) == SQLITE_ROW) {
			*why = xasprintf("`%s' is an alias of %s; remove that first (rule remove "
			    "alias_domain %s)", name, (const char *)sqlite3_column_text(st, 0), name);
			r = EDIT_EXISTS;
		}
	}
	(void)sqlite3_finalize(st);
	return r;
}

static const struct rules_edit_table domain_table = {
	RULES_DOMAIN, "domain", "name", "domain", domain_columns, no_alias
};

/* Lower case, without a dot at the end; NULL with *why if it is no domain. */
static char *
domain_name(const char *given, char **why)
{
	size_t len = strlen(given);
	char *name;

	if (len > 1 && given[len - 1] == '.')
		len--;
	name = xstrndup(given, len);
	addr_lower(name);
	if (addr_domain_valid(name, true))
		return name;
	*why = xasprintf("`%s' is not a domain name", given);
	free(name);
	return NULL;
}

/* Is it there, and does case matter in its local parts? Whether it is sound is judged with the rest. */
static enum rules_edit_result
domain_there(struct rules_edit *e, const char *name, bool *case_sensitive, char **why)
{
	sqlite3_stmt *st = NULL;
	enum rules_edit_result r = rules_edit_prepare(e, "SELECT case_sensitive FROM domain WHERE name = ?1",
	    &st, why);
	int rc;

	if (r != EDIT_OK)
		return r;
	(void)sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	if ((rc = sqlite3_step(st)) == SQLITE_DONE) {
		*why = xasprintf("there is no domain `%s'", name);
		r = EDIT_MISSING;
	} else if (rc != SQLITE_ROW)
		r = rules_edit_failed(e, why);
	else if (case_sensitive != NULL)
		*case_sensitive = sqlite3_column_int(st, 0) != 0;
	(void)sqlite3_finalize(st);
	return r;
}

enum rules_edit_result
rules_edit_domain_find(struct rules_edit *e, const char *given, char **name, bool *case_sensitive,
    char **why)
{
	enum rules_edit_result r;
	char *lower = domain_name(given, why);

	*name = NULL;
	if (lower == NULL)
		return EDIT_BAD;
	r = domain_there(e, lower, case_sensitive, why);
	if (r == EDIT_OK)
		*name = lower;
	else
		free(lower);
	return r;
}

/* Both ways to write a domain: as a new row, or over the columns of one that is there. */
static enum rules_edit_result
domain_write(struct rules_edit *e, const char *given, const struct rules_edit_domain *d,
    bool insert, char **why)
{
	enum rules_edit_result r = EDIT_BAD;
	const char *reason;
	char *name = NULL, *pin = NULL;

	if ((name = domain_name(given, why)) == NULL)
		return EDIT_BAD;
	if (d->tls_pin != NULL && (pin = rules_pin_canonical(d->tls_pin, &reason)) == NULL) {
		*why = xasprintf("domain %s: tls_pin: `%s': %s", name, d->tls_pin, reason);
		goto out;
	}
	const char *const value[] = { d->primaries, d->recipients, d->schedule, d->tls,
		d->tls_name, d->tls_ca, pin, d->source, d->client, d->concurrency,
		d->message_rate, d->bounce, d->delivery_id, d->size_limit, d->case_sensitive,
		d->delimiter, d->catch_all, d->list_max_age };
	_Static_assert(sizeof(value) + sizeof(value[0]) == sizeof(domain_columns),
	    "a value for each column");
	r = rules_edit_row(e, &domain_table, name, value, insert, why);
out:
	free(pin);
	free(name);
	return r;
}

enum rules_edit_result
rules_edit_domain_add(struct rules_edit *e, const char *given, const struct rules_edit_domain *d,
    char **why)
{
	return domain_write(e, given, d, true, why);
}

enum rules_edit_result
rules_edit_domain_set(struct rules_edit *e, const char *given, const struct rules_edit_domain *d,
    char **why)
{
	return domain_write(e, given, d, false, why);
}

enum rules_edit_result
rules_edit_domain_remove(struct rules_edit *e, const char *given, size_t *recipients, char **why)
{
	enum rules_edit_result r;
	size_t gone = 0, domains = 0;
	char *name = domain_name(given, why);

	if (name == NULL)
		return EDIT_BAD;
	if ((r = rules_edit_begin(e, why)) == EDIT_OK) {
		if ((r = rules_edit_delete(e, "recipient", "domain", name, &gone, why)) == EDIT_OK)
			r = rules_edit_delete(e, "domain", "name", name, &domains, why);
		if (r == EDIT_OK && domains == 0) {
			*why = xasprintf("there is no domain `%s'", name);
			r = EDIT_MISSING;
		}
		r = rules_edit_finish_judged(e, r, why);
	}
	free(name);
	if (recipients != NULL)
		*recipients = gone;
	return r;
}

/* --- recipients ---------------------------------------------------------- */

#define ADD_SQL		"INSERT INTO recipient (domain, local_part) VALUES (?1, ?2)" \
			" ON CONFLICT DO NOTHING"
#define REMOVE_SQL	"DELETE FROM recipient WHERE domain = ?1 AND local_part = ?2"
/* By hand it may have been written in any case. */
#define REMOVE_ANY_SQL	"DELETE FROM recipient WHERE domain = ?1 AND lower(local_part) = ?2"

static enum rules_edit_result
run_local(struct rules_edit *e, sqlite3_stmt *st, const char *domain, const char *local,
    size_t *changed, char **why)
{
	enum rules_edit_result r;

	(void)sqlite3_reset(st);
	(void)sqlite3_bind_text(st, 1, domain, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 2, local, -1, SQLITE_STATIC);
	r = rules_edit_step(e, st, why);
	if (r == EDIT_OK)
		*changed += (size_t)sqlite3_changes(e->db);
	return r;
}

static enum rules_edit_result
each_local(struct rules_edit *e, const char *sql, const char *domain, bool exact,
    const char *const *locals, size_t n, size_t *changed, char **why)
{
	sqlite3_stmt *st;
	enum rules_edit_result r = rules_edit_prepare(e, sql, &st, why);

	for (size_t i = 0; i < n && r == EDIT_OK; i++) {
		char local[ADDR_LOCAL_MAX + 1];
		const char *reason;

		if (rules_local_canonical(locals[i], strlen(locals[i]), exact, local,
		    &reason) == -1) {
			*why = xasprintf("recipient %s@%s: %s", locals[i], domain, reason);
			r = EDIT_BAD;
		} else
			r = run_local(e, st, domain, local, changed, why);
	}
	(void)sqlite3_finalize(st);
	return r;
}

static enum rules_edit_result
change_recipients(struct rules_edit *e, bool add, const char *given, const char *const *locals,
    size_t n, size_t *changed, char **why)
{
	enum rules_edit_result r;
	bool exact;
	char *domain = domain_name(given, why);

	*changed = 0;
	if (domain == NULL)
		return EDIT_BAD;
	if ((r = rules_edit_begin(e, why)) == EDIT_OK) {
		if ((r = domain_there(e, domain, &exact, why)) == EDIT_OK)
			r = each_local(e, add ? ADD_SQL : exact ? REMOVE_SQL : REMOVE_ANY_SQL,
			    domain, exact, locals, n, changed, why);
		r = rules_edit_finish_judged(e, r, why);
	}
	free(domain);
	return r;
}

enum rules_edit_result
rules_edit_recipient_add(struct rules_edit *e, const char *domain, const char *const *locals,
    size_t n, size_t *changed, char **why)
{
	return change_recipients(e, true, domain, locals, n, changed, why);
}

enum rules_edit_result
rules_edit_recipient_remove(struct rules_edit *e, const char *domain, const char *const *locals,
    size_t n, size_t *changed, char **why)
{
	return change_recipients(e, false, domain, locals, n, changed, why);
}

/* --- import -------------------------------------------------------------- */

/* The list as it stands, NUL after each, in strcmp's order. */
static enum rules_edit_result
present(struct rules_edit *e, const char *domain, struct buf *out, size_t *n, char **why)
{
	sqlite3_stmt *st;
	enum rules_edit_result r;
	int rc = SQLITE_DONE;

	r = rules_edit_prepare(e, "SELECT local_part FROM recipient WHERE domain = ?1"
	    " ORDER BY local_part", &st, why);
	if (r != EDIT_OK)
		return r;
	(void)sqlite3_bind_text(st, 1, domain, -1, SQLITE_STATIC);
	for (*n = 0; (rc = sqlite3_step(st)) == SQLITE_ROW; ++*n) {
		const char *s = (const char *)sqlite3_column_text(st, 0);

		buf_put(out, s != NULL ? s : "", s != NULL ? strlen(s) + 1 : 1);
	}
	if (rc != SQLITE_DONE)
		r = rules_edit_failed(e, why);
	(void)sqlite3_finalize(st);
	return r;
}

/* Two sorted lists become one: what only the old has goes, what only the new has comes. */
static enum rules_edit_result
merge(struct rules_edit *e, const char *domain, const char *old, size_t nold,
    struct rules_edit_import *im, sqlite3_stmt *add, sqlite3_stmt *del, char **why)
{
	enum rules_edit_result r = EDIT_OK;
	size_t i = 0, j = 0, total = nold + im->n;

	while (r == EDIT_OK && (i < nold || j < im->n)) {
		int cmp = i == nold ? 1 : j == im->n ? -1 : strcmp(old, im->locals[j]);

		if (cmp < 0)
			r = run_local(e, del, domain, old, &im->removed, why);
		else if (cmp > 0)
			r = run_local(e, add, domain, im->locals[j], &im->added, why);
		if (cmp <= 0) {
			old += strlen(old) + 1;
			i++;
		}
		if (cmp >= 0)
			j++;
		if (im->progress != NULL && ((i + j) % 4096 == 0 || i + j == total))
			im->progress(im->arg, i + j, total);
	}
	return r;
}

static enum rules_edit_result
mark_imported(struct rules_edit *e, const char *domain, const struct rules_edit_import *im,
    char **why)
{
	sqlite3_stmt *st;
	enum rules_edit_result r;

	r = rules_edit_prepare(e, "UPDATE domain SET list_time = ?2,"
	    " catch_all = CASE WHEN ?3 THEN '@' ELSE catch_all END WHERE name = ?1", &st, why);
	if (r != EDIT_OK)
		return r;
	(void)sqlite3_bind_text(st, 1, domain, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 2, im->now);
	(void)sqlite3_bind_int(st, 3, im->catch_all);
	r = rules_edit_step(e, st, why);
	(void)sqlite3_finalize(st);
	return r;
}

/* A truncated or stale file must not turn people's mail away. */
static enum rules_edit_result
check_shrink(const struct rules_edit_import *im, size_t before, const char *domain, char **why)
{
	if (im->force)
		return EDIT_OK;
	if (im->n == 0 && !im->catch_all) {
		*why = xasprintf("the list is empty: everyone at %s would be unknown", domain);
		return EDIT_SHRINK;
	}
	if (im->n * 100 < before * (100 - RULES_SHRINK_PERCENT)) {
		*why = xasprintf("the list of %s would shrink from %zu to %zu, by more than %d %%",
		    domain, before, im->n, RULES_SHRINK_PERCENT);
		return EDIT_SHRINK;
	}
	return EDIT_OK;
}

static enum rules_edit_result
import_list(struct rules_edit *e, const char *domain, struct rules_edit_import *im, char **why)
{
	struct buf old = BUF_INIT;
	sqlite3_stmt *add = NULL, *del = NULL;
	enum rules_edit_result r;

	if ((r = domain_there(e, domain, NULL, why)) != EDIT_OK ||
	    (r = present(e, domain, &old, &im->before, why)) != EDIT_OK ||
	    (r = check_shrink(im, im->before, domain, why)) != EDIT_OK)
		goto out;
	if ((r = rules_edit_prepare(e, ADD_SQL, &add, why)) == EDIT_OK &&
	    (r = rules_edit_prepare(e, REMOVE_SQL, &del, why)) == EDIT_OK &&
	    (r = merge(e, domain, buf_str(&old), im->before, im, add, del, why)) == EDIT_OK)
		r = mark_imported(e, domain, im, why);
	/* A list that comes every night and is the same every night is no change. */
	if (r == EDIT_OK && im->added + im->removed > 0)
		r = rules_history_import(e, domain, im->before, im->n, why);
out:
	(void)sqlite3_finalize(add);
	(void)sqlite3_finalize(del);
	buf_free(&old);
	return r;
}

enum rules_edit_result
rules_edit_recipient_import(struct rules_edit *e, const char *given,
    struct rules_edit_import *im, char **why)
{
	enum rules_edit_result r;
	char *domain = domain_name(given, why);

	im->added = im->removed = im->before = 0;
	if (domain == NULL)
		return EDIT_BAD;
	if ((r = rules_edit_begin(e, why)) == EDIT_OK)
		r = rules_edit_finish_judged(e, import_list(e, domain, im, why), why);
	free(domain);
	return r;
}
