/*
 * rules_row.h -- one row of each table of rules.db into a ruleset.
 *
 * Private to common/rules_read*.c. Each function checks a row, adds it to the
 * set or refuses it as "table key: column: reason" (P8).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_ROW_H
#define HOLDFAST_RULES_ROW_H

#include "common/rules_read.h"

struct sqlite3_stmt;

typedef enum rules_read rules_row_fn(struct sqlite3_stmt *, struct ruleset *, char **why);

/* The columns that each of them reads, up to the table's name. */
extern const char rules_row_schedule_sql[], rules_row_setting_sql[], rules_row_domain_sql[],
	    rules_row_mx_network_sql[], rules_row_mx_domain_sql[], rules_row_turn_network_sql[];
rules_row_fn	 rules_row_schedule, rules_row_setting, rules_row_domain, rules_row_mx_network,
		 rules_row_mx_domain, rules_row_turn_network;

/* Lends a text column; NULL reads as "". */
const char	*rules_row_text(struct sqlite3_stmt *, int column);
/* Says why; returns RULES_READ_REFUSED. */
enum rules_read	 rules_row_refuse(char **why, const char *, ...)
		    __attribute__((format(printf, 2, 3)));

#endif
