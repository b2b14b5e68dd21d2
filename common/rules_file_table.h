/*
 * rules_file_table.h -- the tables of rules.db as they stand in a text; private to common/rules_file*.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_FILE_TABLE_H
#define HOLDFAST_RULES_FILE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/rules_edit.h"

#define RULES_FILE_COLUMNS	32
#define RULES_FILE_WORDS	4
#define RULES_FILE_NTABLES	12

struct buf;
struct rules_edit;

struct rules_file_table {
	const char	*name;
	const char	*words[RULES_FILE_WORDS];	/* the columns that stand as words; NULL ends */
};
/* In the order of the file: what is referred to comes first. */
extern const struct rules_file_table rules_file_tables[RULES_FILE_NTABLES];

struct rules_file_column {
	char		*name, *initial;	/* initial: NULL must be given */
	bool		 key;
};
struct rules_file_columns {
	struct rules_file_column v[RULES_FILE_COLUMNS];
	size_t		 n;
};
/* As the database has them, but for what is no rule. */
enum rules_edit_result rules_file_columns(struct rules_edit *, const char *table,
	    struct rules_file_columns *, char **why);
void	 rules_file_columns_clear(struct rules_file_columns *);
int	 rules_file_column(const struct rules_file_columns *, const char *name);	/* its place; -1: none */
size_t	 rules_file_nwords(const struct rules_file_table *);

/* The whole text, from an open connection. */
enum rules_edit_result rules_file_put(struct rules_edit *, struct buf *, char **why);

struct rules_file_words {
	char		*v[1 + RULES_FILE_COLUMNS];
	size_t		 n;
};
/* NULL, or what is wrong with the line. Clear the words in any case. */
const char *rules_file_split(const char *line, struct rules_file_words *);
void	 rules_file_words_clear(struct rules_file_words *);
/* A word, in quotes if it needs them. */
void	 rules_file_put_word(struct buf *, const char *);

#endif
