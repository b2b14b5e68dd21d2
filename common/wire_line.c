/*
 * wire_line.c -- cutting a stream into CRLF lines, strictly.
 *
 * Only CRLF ends a line. A CR or LF alone is an error and never a line's
 * end: two servers that disagree on that is how mail is smuggled (RFC 5321
 * 2.3.8). The first offending byte decides which error it is.
 *
 * Each byte is looked at a bounded number of times: *scanned keeps the place
 * between calls, so a peer that sends byte by byte costs linear time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "common/wire.h"

enum wire_line
wire_line(const char *data, size_t len, size_t max, size_t *scanned, size_t *linelen, size_t *used)
{
	const char *from = data + *scanned, *lf, *cr, *nul, *stop;
	size_t limit = len < max ? len : max;

	if (*scanned >= limit)
		return limit == max ? WIRE_TOO_LONG : WIRE_MORE;
	lf = memchr(from, '\n', limit - *scanned);
	stop = lf != NULL ? lf : data + limit;
	cr = memchr(from, '\r', (size_t)(stop - from));
	nul = memchr(from, '\0', (size_t)((cr != NULL ? cr : stop) - from));

	if (nul != NULL)
		return WIRE_NUL;
	if (cr != NULL && cr + 1 == data + limit) {
		*scanned = (size_t)(cr - data);	/* what follows it is not here yet */
		return limit == max ? WIRE_TOO_LONG : WIRE_MORE;
	}
	if (cr != NULL && cr[1] != '\n')
		return WIRE_BARE_CR;
	if (cr == NULL && lf != NULL)
		return WIRE_BARE_LF;
	if (cr == NULL) {
		*scanned = limit;
		return limit == max ? WIRE_TOO_LONG : WIRE_MORE;
	}
	*scanned = 0;
	*linelen = (size_t)(cr - data);
	*used = *linelen + 2;
	return WIRE_LINE;
}
