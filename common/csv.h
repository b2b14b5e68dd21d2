/*
 * csv.h -- reads CSV as RFC 4180 has it, one record at a time.
 *
 * Fields may be quoted and then hold separators, line ends and doubled quotes;
 * lines may end in CRLF or LF. Blank lines are skipped, and lines that start
 * with `#'.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CSV_H
#define HOLDFAST_CSV_H

#include <stddef.h>

#include "common/buf.h"

struct csv {
	const char	*p, *end;	/* what is not read yet */
	size_t		 next_line;
	char		 sep;
	/* the record */
	size_t		 line;		/* where it starts, from 1 */
	size_t		 nfields;
	size_t		*at;		/* offsets into text; a NUL after each field */
	size_t		 cap;
	struct buf	 text;
	const char	*why;		/* of CSV_BAD; static */
};

enum csv_result { CSV_RECORD, CSV_BAD, CSV_END };

void		 csv_init(struct csv *, const char *text, size_t len, char sep);
/* After CSV_BAD reading goes on with the next line. */
enum csv_result	 csv_next(struct csv *);
const char	*csv_field(const struct csv *, size_t);	/* lends; "" past the last, blanks cut */
void		 csv_clear(struct csv *);

#endif
