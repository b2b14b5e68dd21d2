/*
 * rules_edit_db.h -- the writer's connection; private to rules_edit*.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_EDIT_DB_H
#define HOLDFAST_RULES_EDIT_DB_H

#include "common/rules_edit.h"

struct sqlite3;
struct sqlite3_stmt;

struct rules_edit {
	struct sqlite3	*db;
};

/* What SQLite's last failure on this connection means, with *why in words. */
enum rules_edit_result	rules_edit_failed(struct rules_edit *, char **why);
enum rules_edit_result	rules_edit_exec(struct rules_edit *, const char *sql, char **why);
enum rules_edit_result	rules_edit_prepare(struct rules_edit *, const char *sql,
			    struct sqlite3_stmt **, char **why);
/* Runs a statement that returns no rows. */
enum rules_edit_result	rules_edit_step(struct rules_edit *, struct sqlite3_stmt *, char **why);

#endif
