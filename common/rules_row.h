/*
 * rules_row.h -- one row of each table of rules.db into a ruleset.
 *
 * Private to common/rules_*.c. Each function checks a row, adds it to the
 * set or refuses it as "table key: column: reason" (P8).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_ROW_H
#define HOLDFAST_RULES_ROW_H

#include "common/rules_kind.h"
#include "common/rules_read.h"

struct sqlite3_stmt;

typedef enum rules_read rules_row_fn(struct sqlite3_stmt *, struct ruleset *, char **why);

/* The columns that each of them reads, up to the table's name. */
extern const char rules_row_schedule_sql[], rules_row_setting_sql[], rules_row_domain_sql[];
rules_row_fn	 rules_row_schedule, rules_row_setting, rules_row_domain;
/* A row of a kind, its columns in the kind's order. */
enum rules_read	 rules_row_kind(const struct rules_kind *, struct sqlite3_stmt *, struct ruleset *,
		    char **why);

/* Room for one more behind n elements of an array that only this makes longer: it doubles. */
void		*rules_grow(void *array, size_t n, size_t size);
/* Lends a text column; NULL reads as "". */
const char	*rules_row_text(struct sqlite3_stmt *, int column);
/* Says why; returns RULES_READ_REFUSED. */
enum rules_read	 rules_row_refuse(char **why, const char *, ...)
		    __attribute__((format(printf, 2, 3)));

/* --- kinds: rules_canon*.c, rules_add.c ------------------------------------------ */
typedef int rules_canon_fn(char **value, char **why);
typedef int rules_add_fn(struct ruleset *, char *const *value, char **why);

rules_canon_fn	 rules_canon_list, rules_canon_limits, rules_canon_dnsbl, rules_canon_header,
		 rules_canon_pattern, rules_canon_alias, rules_canon_network, rules_canon_mx_domain;
rules_add_fn	 rules_add_list, rules_add_limits, rules_add_dnsbl, rules_add_header,
		 rules_add_pattern, rules_add_alias, rules_add_mx_network, rules_add_mx_domain,
		 rules_add_turn_network;

/* "column: reason" as *why. Returns -1. */
int	 rules_canon_bad(char **why, const char *column, const char *, ...)
	    __attribute__((format(printf, 3, 4)));
/* Takes the reason. Returns -1. */
int	 rules_canon_why(char **why, const char *column, char *reason);
/* "", a domain or an address, in lower case. */
int	 rules_canon_scope(char **value, char **why);

/* What texts say. */
void	 rules_parse_rate(const char *rate, const char *burst, struct rules_limit *);	/* canonical */
int	 rules_rate_check(const char *rate, const char *burst, bool bytes, char **why);	/* reason alone */
int	 rules_codes_parse(const char *, struct rules_codes **, size_t *n, char **why);	/* reason alone */
char	*rules_codes_format(const struct rules_codes *, size_t n);	/* as they are kept; caller frees */
int64_t	 rules_day_end(const char *day);	/* wall s after its end, local time; 0 for ""; -1: no such day */
int	 rules_checks_parse(const char *, uint32_t *skip, char **why);	/* reason alone */

/* True ends a walk over keys, and is what the walk returns then. */
typedef bool rules_key_fn(void *arg, const char *key);
/* The scopes that hold for a recipient or a domain (as rules_key() has it), the closest first, without "":
 * bob@alias, bob@domain, alias, domain. */
bool	 rules_scope_keys(const struct ruleset *, const char *name, rules_key_fn *, void *arg);
/* ruleset_scope_holds() for such a name. */
bool	 rules_scope_covers(const struct ruleset *, const char *scope, const char *name);

/* In rules_scope.c: policies of scopes, once all settings are there. */
void	 rules_scope_resolve(struct ruleset *);
void	 rules_scope_clear(struct ruleset *);
/* In rules_screen.c. */
void	 rules_screen_sort(struct ruleset *);
void	 rules_screen_clear(struct ruleset *);

#endif
