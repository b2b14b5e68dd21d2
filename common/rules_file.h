/*
 * rules_file.h -- the rules as text: written so that two versions can be compared, and read back.
 *
 *	# Holdfast rules
 *	domain example.test primaries=mail.example.test:25
 *	setting spf.mode enforce
 *	list deny client 192.0.2.0/24 note="sends spam"
 *
 * One row a line: its kind, the words of its key, then column=value for what is not the default,
 * in a fixed order. Values with blanks or quotes stand in double quotes, with \" \\ and \n. All rules are there
 * but the recipients, which have an export of their own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_FILE_H
#define HOLDFAST_RULES_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/rules_edit.h"
#include "common/rules_history.h"

struct buf;

enum rules_edit_result rules_file_export(const char *path, struct buf *out, char **why);

struct rules_file_import {
	const char	*name;		/* for "name:line: reason" */
	bool		 merge;		/* rows that the file does not have stay */
	bool		 force;		/* domains may go, and their recipients with them */
	bool		 dry;		/* only say what would change */
	rules_change_fn	*changed;	/* told of each change; may be NULL */
	void		*arg;
	size_t		 added, removed, altered;
};
/* Takes the text whole or not at all. */
enum rules_edit_result rules_file_import(struct rules_edit *, const char *text, size_t len,
	    struct rules_file_import *, char **why);

#endif
