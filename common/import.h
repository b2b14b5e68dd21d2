/*
 * import.h -- recipient lists as people have them.
 *
 *	one address a line		bob@example.test, or bob, or @example.test
 *	the source of a Postfix map	bob@example.test  anything
 *	CSV, with or without a header	Name,Email
 *
 * A list that holdfast-export(1) made, or whose last line is `# end 12', is checked to be whole.
 *
 * Comments (#), blank lines, CRLF, a byte order mark. `@domain' stands for a
 * catch-all. The format is found out; each line that is not understood is
 * told with its number, and then nothing of the list should be used.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_IMPORT_H
#define HOLDFAST_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#define IMPORT_ERRORS_MAX	50	/* kept with their text; all are counted */

enum import_format { IMPORT_LINES, IMPORT_MAP, IMPORT_CSV };

struct import_error {
	size_t	 line;
	char	*reason;
};

struct import {
	enum import_format	 format;
	const char		**locals;	/* sorted, each once, as rules.db keeps them */
	size_t			 n;
	size_t			 duplicates;
	bool			 catch_all;
	struct import_error	 error[IMPORT_ERRORS_MAX];
	size_t			 nerrors;
	char			*arena;
};

/* domain in lower case; exact: the case of local parts matters. */
void	import_parse(struct import *, const char *text, size_t len, const char *domain, bool exact);
void	import_clear(struct import *);

const char *import_format_name(enum import_format);

#endif
