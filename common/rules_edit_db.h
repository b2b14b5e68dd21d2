/*
 * rules_edit_db.h -- the writer's connection; private to rules_edit*.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_EDIT_DB_H
#define HOLDFAST_RULES_EDIT_DB_H

#include "common/rules_edit.h"
#include "common/rules_read.h"

struct sqlite3;
struct sqlite3_stmt;

struct rules_edit {
	struct sqlite3	*db;
	char		*copy;		/* of the file before its upgrade; NULL: there was none */
	char		*who;		/* makes the changes; NULL: whoever runs the program */
	char		*before;	/* why the file was refused when the change began; NULL: it was not */
	char		*refused;	/* why it is refused with the change; NULL: it is not */
};

extern const char rules_schema[];	/* rules.sql: tables, application_id, user_version */

/* What SQLite's last failure on this connection means, with *why in words. */
enum rules_edit_result	rules_edit_failed(struct rules_edit *, char **why);
enum rules_edit_result	rules_edit_exec(struct rules_edit *, const char *sql, char **why);
enum rules_edit_result	rules_edit_prepare(struct rules_edit *, const char *sql,
			    struct sqlite3_stmt **, char **why);
/* Runs a statement that returns no rows. */
enum rules_edit_result	rules_edit_step(struct rules_edit *, struct sqlite3_stmt *, char **why);
/* Writes a row, or changes the one of its key: values (text) by column. */
struct rules_edit_column {
	const char	*name;		/* ours, or the schema's; never a stranger's */
	bool		 key;
};
enum rules_edit_result rules_edit_upsert(struct rules_edit *, const char *table,
	    const struct rules_edit_column *, size_t n, char *const *value, char **why);

/* Each change is one transaction: begin, work, finish with the work's result. */
enum rules_edit_result	rules_edit_begin(struct rules_edit *, char **why);
enum rules_edit_result	rules_edit_finish(struct rules_edit *, enum rules_edit_result, char **why);
/* Would the daemons take this row as it stands now? Others of its table may have been bad before. */
enum rules_edit_result	rules_edit_read_back(struct rules_edit *, enum rules_table,
			    const char *key, char **why);

/* Does everything but the recipients fit together after the change, or is it others that do not and did not
 * before? Those are kept in `refused'. */
enum rules_edit_result	rules_edit_judge(struct rules_edit *, char **why);
/* That, and finishing, in one. */
enum rules_edit_result	rules_edit_finish_judged(struct rules_edit *, enum rules_edit_result, char **why);
/* The schema as it is now, with what keeps the history. */
enum rules_edit_result	rules_edit_schema(struct rules_edit *, char **why);

/* To read rows as they stand, waiting for a writer; *why has the path in front. */
enum rules_edit_result	rules_edit_open_read(const char *path, struct rules_edit *, char **why);
void			rules_edit_close_read(struct rules_edit *);

/* A table that is written row by row. All names come from the code. */
struct rules_edit_table {
	enum rules_table	 table;
	const char		*name, *key;	/* "domain", "name" */
	const char		*what;		/* "domain", for sentences */
	const char *const	*column;	/* NULL ends */
	/* What else must hold once the row is there; NULL: nothing. */
	enum rules_edit_result	(*check)(struct rules_edit *, const char *key, char **why);
};
/* INSERT or UPDATE: value[i] for column[i], NULL: not this one. Reads the row back. */
enum rules_edit_result	rules_edit_row(struct rules_edit *, const struct rules_edit_table *,
			    const char *key, const char *const *value, bool insert, char **why);
/* Deletes the rows with this key; *changed: how many. */
enum rules_edit_result	rules_edit_delete(struct rules_edit *, const char *table,
			    const char *column, const char *key, size_t *changed, char **why);

/* Kinds. Each value of given as it is kept, defaults where it is NULL; value[] is malloc'd in any case. */
struct rules_kind;
enum rules_edit_result	rules_edit_kind_canon(const struct rules_kind *, const char *const *given,
			    char **value, char **why);
/* In the caller's transaction; canonical values. */
enum rules_edit_result	rules_edit_kind_write(struct rules_edit *, const struct rules_kind *,
			    char *const *value, char **why);

/* In rules_upgrade.c: from an older version to the present one, whole or not at all. */
enum rules_edit_result	rules_upgrade(struct rules_edit *, const char *path, char **why);
void			rules_edit_sync_folder(const char *path);

#endif
