/*
 * rules_edit.h -- changes to rules.db. The command alone uses it.
 *
 * Each call is one transaction. What it would leave behind is read back by the
 * same code as the daemons' before it is committed, so nothing that they would
 * refuse is ever written.
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
	EDIT_MISSING,		/* no such domain */
	EDIT_EXISTS,		/* the domain is there already */
	EDIT_BAD,		/* a value is refused */
	EDIT_SHRINK,		/* the new list lost too much; say force */
	EDIT_BUSY,		/* another program keeps it locked */
	EDIT_DENIED,		/* may not write */
	EDIT_FAULT		/* disk, damage, foreign file */
};

#define RULES_SHRINK_PERCENT	20	/* more than this needs force */

struct rules_edit;

/* Makes the file if there is none; one that is there is checked, never changed. */
enum rules_edit_result rules_edit_create(const char *path, bool *created, char **why);

enum rules_edit_result rules_edit_open(const char *path, struct rules_edit **, char **why);
void	rules_edit_close(struct rules_edit **);

/* The name as it is kept (caller frees), and whether case matters in local parts. */
enum rules_edit_result rules_edit_domain_find(struct rules_edit *, const char *given, char **name,
	    bool *case_sensitive, char **why);

/* A domain's columns as rules.sql describes them; NULL and -1: leave as it is (or the default). */
struct rules_edit_domain {
	const char	*primaries;
	const char	*recipients;
	const char	*schedule;
	const char	*tls;
	const char	*delimiter;
	const char	*catch_all;
	int64_t		 size_limit;
	int		 case_sensitive;
};
#define RULES_EDIT_DOMAIN_INIT { NULL, NULL, NULL, NULL, NULL, NULL, -1, -1 }

enum rules_edit_result rules_edit_domain_add(struct rules_edit *, const char *name,
	    const struct rules_edit_domain *, char **why);
enum rules_edit_result rules_edit_domain_set(struct rules_edit *, const char *name,
	    const struct rules_edit_domain *, char **why);
/* *recipients (may be NULL): how many went with it. */
enum rules_edit_result rules_edit_domain_remove(struct rules_edit *, const char *name,
	    size_t *recipients, char **why);

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
