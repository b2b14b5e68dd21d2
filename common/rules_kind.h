/*
 * rules_kind.h -- the kinds of rows that `holdfast rule' writes, each described once.
 *
 * The reader, the editor, the export and the help all work from these descriptions; the
 * SQL of a table stands in rules.sql.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_KIND_H
#define HOLDFAST_RULES_KIND_H

#include <stddef.h>

#define RULES_COLUMNS_MAX	10

struct ruleset;

struct rules_column {
	const char	*name;
	const char	*initial;	/* NULL: must be given */
	const char	*help;		/* what may stand there */
};

struct rules_kind {
	const char	*name;		/* of the kind and of its table */
	const char	*help;		/* one line */
	struct rules_column column[RULES_COLUMNS_MAX];	/* the last one has no name */
	size_t		 nkeys;		/* the first so many are the primary key */
	const char	*args;		/* places of the columns that stand as words on the command line, "012" */
	/*
	 * Brings the values (one a column, malloc'd) to the form in which they are kept. -1: *why (malloc'd)
	 * is "column: reason".
	 */
	int		(*canon)(char **value, char **why);
	/* Adds a row of canonical values. -1 as above. */
	int		(*add)(struct ruleset *, char *const *value, char **why);
};

extern const struct rules_kind rules_kinds[];	/* in the order in which they are listed */
extern const size_t rules_nkinds;

const struct rules_kind *rules_kind_find(const char *name);	/* NULL: none */
size_t	rules_kind_ncolumns(const struct rules_kind *);
/* -1: it has no such column. */
int	rules_kind_column(const struct rules_kind *, const char *name);

#endif
