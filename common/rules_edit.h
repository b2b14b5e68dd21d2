/*
 * rules_edit.h -- changes to rules.db. The command alone uses it.
 *
 * Each call is one transaction. What it would leave behind is read back by the
 * same code as the daemons' before it is committed, so no row that they would
 * refuse is ever written.
 *
 * A row that somebody wrote with sqlite3 may be refused, and with it the whole
 * file. It keeps no change from being written, which may be part of the mend;
 * rules_edit_refused() then says that nothing of it is in force.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_EDIT_H
#define HOLDFAST_RULES_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rules_edit_result {
	EDIT_OK,
	EDIT_MISSING,		/* no such row */
	EDIT_EXISTS,		/* the row is there already */
	EDIT_BAD,		/* a value is refused */
	EDIT_SHRINK,		/* the new list lost too much; say force */
	EDIT_IN_USE,		/* domains need it */
	EDIT_BUSY,		/* another program keeps it locked */
	EDIT_DENIED,		/* may not write */
	EDIT_FAULT		/* disk, damage, foreign file */
};

#define RULES_SHRINK_PERCENT	20	/* more than this needs force */

struct rules_edit;

/* Makes the file if there is none; one that is there is left to rules_edit_open(). */
enum rules_edit_result rules_edit_create(const char *path, bool *created, char **why);

/* A file of an older version is upgraded, with a copy beside it. */
enum rules_edit_result rules_edit_open(const char *path, struct rules_edit **, char **why);
/* Who makes the changes from here on, for the history; NULL: whoever runs the program. */
void	rules_edit_who(struct rules_edit *, const char *who);
void	rules_edit_close(struct rules_edit **);
/* That copy, when opening the file has upgraded it, else NULL. Lends. */
const char *rules_edit_copy(const struct rules_edit *);
/* Why the daemons refuse the file as the last change left it, "table key: column: reason" of a row that was bad
 * before, or NULL. Recipients are not looked at. Lends. */
const char *rules_edit_refused(const struct rules_edit *);

/* The name as it is kept (caller frees), and whether case matters in local parts. */
enum rules_edit_result rules_edit_domain_find(struct rules_edit *, const char *given, char **name,
	    bool *case_sensitive, char **why);

/*
 * The columns of rows, as rules.sql describes them and as text, numbers too;
 * NULL: leave as it is (or the default).
 */
struct rules_edit_domain {
	const char	*primaries, *recipients, *schedule;
	const char	*tls, *tls_name, *tls_ca, *tls_pin;	/* pins as people write them */
	const char	*source, *client, *concurrency, *message_rate;
	const char	*bounce, *delivery_id;
	const char	*size_limit, *case_sensitive, *delimiter, *catch_all, *list_max_age;
};
#define RULES_EDIT_DOMAIN_INIT { .primaries = NULL }
struct rules_edit_schedule {
	const char	*steps, *jitter, *lifetime, *warn_after, *at_end;
};

enum rules_edit_result rules_edit_domain_add(struct rules_edit *, const char *name,
	    const struct rules_edit_domain *, char **why);
enum rules_edit_result rules_edit_domain_set(struct rules_edit *, const char *name,
	    const struct rules_edit_domain *, char **why);
/* *recipients (may be NULL): how many went with it. */
enum rules_edit_result rules_edit_domain_remove(struct rules_edit *, const char *name,
	    size_t *recipients, char **why);

enum rules_edit_result rules_edit_schedule_add(struct rules_edit *, const char *name,
	    const struct rules_edit_schedule *, char **why);
enum rules_edit_result rules_edit_schedule_set(struct rules_edit *, const char *name,
	    const struct rules_edit_schedule *, char **why);
/* EDIT_IN_USE names the domains. */
enum rules_edit_result rules_edit_schedule_remove(struct rules_edit *, const char *name,
	    char **why);

/* scope: "" everywhere, a domain or an address (any case). */
enum rules_edit_result rules_edit_setting_set(struct rules_edit *, const char *name,
	    const char *scope, const char *value, char **why);
/* Back to what holds in the next wider scope; *changed: was it another? */
enum rules_edit_result rules_edit_setting_unset(struct rules_edit *, const char *name,
	    const char *scope, bool *changed, char **why);

/* Rows of a kind. value: one for each column, NULL the default (or, of a row that is there, as it is). */
struct rules_kind;
enum rules_edit_result rules_edit_kind_put(struct rules_edit *, const struct rules_kind *,
	    const char *const *value, bool *added, char **why);
/* The rows of a kind as they stand in the file; values are lent. */
typedef void rules_kind_fn(void *arg, const struct rules_kind *, const char *const *value);
enum rules_edit_result rules_kind_each(const char *path, const struct rules_kind *, rules_kind_fn *,
	    void *arg, char **why);
/* value: the key's columns alone. */
enum rules_edit_result rules_edit_kind_remove(struct rules_edit *, const struct rules_kind *,
	    const char *const *value, char **why);

/* Local parts as written before the @. *changed: how many were new (or there). */
enum rules_edit_result rules_edit_recipient_add(struct rules_edit *, const char *domain,
	    const char *const *locals, size_t n, size_t *changed, char **why);
enum rules_edit_result rules_edit_recipient_remove(struct rules_edit *, const char *domain,
	    const char *const *locals, size_t n, size_t *changed, char **why);

/* The list as a whole: what is not in it goes. Sets list_time. */
struct rules_edit_import {
	const char *const *locals;	/* sorted by strcmp, each once, in the stored form */
	size_t		 n;
	bool		 catch_all;	/* turn catch_all on; false leaves it */
	bool		 force;
	int64_t		 now;		/* wall seconds, for list_time */
	void		(*progress)(void *, size_t done, size_t total);	/* may be NULL */
	void		*arg;
	size_t		 added, removed, before;	/* the outcome */
};
enum rules_edit_result rules_edit_recipient_import(struct rules_edit *, const char *domain,
	    struct rules_edit_import *, char **why);

#endif
