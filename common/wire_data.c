/*
 * wire_data.c -- the transparency of DATA (RFC 5321 4.5.2), both ways.
 *
 * In: strict. Only CRLF ends a line and only CRLF.CRLF ends the data; a CR or
 * LF alone is an error, so that no other reading of the bytes hides a second
 * message in them. Out: canonical. Whatever was stored leaves as CRLF lines: a lone
 * LF becomes CRLF, a lone CR a blank (it cannot be sent by DATA at all).
 *
 * Both are fed pieces cut anywhere and go line by line with memchr(3);
 * bytes between two changes are copied at once. Time is linear in the input.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "common/wire.h"

enum { AT_START, IN_LINE, AFTER_CR, AFTER_DOT, AFTER_DOT_CR };

/* The first c in [p, end), or end. */
static const char *
find(const char *p, const char *end, char c)
{
	const char *found = p < end ? memchr(p, c, (size_t)(end - p)) : NULL;

	return found != NULL ? found : end;
}

void
wire_undot_init(struct wire_undot *u)
{
	u->state = AT_START;
}

/* The rest of a line: moves *p behind it, or to the end. UNDOT_END is not among the answers. */
static enum wire_undot_result
skip_line(struct wire_undot *u, const char **p, const char *end)
{
	const char *lf = find(*p, end, '\n');
	const char *cr = find(*p, lf, '\r');

	u->state = IN_LINE;
	*p = cr;
	if (cr == lf)
		return lf == end ? UNDOT_MORE : UNDOT_BARE_LF;
	*p = cr + 1;
	if (*p == end) {
		u->state = AFTER_CR;
		return UNDOT_MORE;
	}
	if (*p != lf)
		return UNDOT_BARE_CR;
	*p = lf + 1;
	u->state = AT_START;
	return UNDOT_MORE;
}

/*
 * One step from *p, which is before end. *run is the start of what is to be copied: moved over a
 * stuffed dot once what stands before it is in `out'.
 */
static enum wire_undot_result
undot_step(struct wire_undot *u, const char **p, const char *end, const char **run, struct buf *out)
{
	switch (u->state) {
	case AT_START:
		if (**p != '.')
			return skip_line(u, p, end);
		buf_put(out, *run, (size_t)(*p - *run));
		*run = ++*p;
		u->state = AFTER_DOT;
		return UNDOT_MORE;
	case AFTER_DOT:
		if (**p != '\r')
			return skip_line(u, p, end);
		*run = ++*p;
		u->state = AFTER_DOT_CR;
		return UNDOT_MORE;
	case AFTER_CR:
		if (*(*p)++ != '\n')
			return UNDOT_BARE_CR;
		u->state = AT_START;
		return UNDOT_MORE;
	case AFTER_DOT_CR:
		*run = *p + 1;
		return *(*p)++ == '\n' ? UNDOT_END : UNDOT_BARE_CR;
	default:
		return skip_line(u, p, end);
	}
}

enum wire_undot_result
wire_undot(struct wire_undot *u, const char *in, size_t len, size_t *used, struct buf *out)
{
	const char *p = in, *run = in, *end = in + len;
	enum wire_undot_result result = UNDOT_MORE;

	while (p < end && result == UNDOT_MORE)
		result = undot_step(u, &p, end, &run, out);
	if (run < p)
		buf_put(out, run, (size_t)(p - run));
	*used = (size_t)(p - in);
	return result;
}

void
wire_dot_init(struct wire_dot *d)
{
	d->state = AT_START;
}

/*
 * `lf' is the next line feed at or after p (or the end). It is looked for once a line: a block of
 * lone CRs must not cost a search to the end for each of them.
 */
void
wire_dot(struct wire_dot *d, const char *in, size_t len, struct buf *out)
{
	const char *p = in, *run = in, *end = in + len, *lf, *cr;

	if (len == 0)
		return;
	buf_reserve(out, len + len / 32);
	if (d->state == AFTER_CR) {	/* the piece before ended in a CR that is not written yet */
		if (*p == '\n') {
			buf_put(out, "\r\n", 2);
			run = ++p;
			d->state = AT_START;
		} else {
			buf_putc(out, ' ');
			d->state = IN_LINE;
		}
	}
	for (lf = find(p, end, '\n'); p < end;) {
		if (d->state == AT_START && *p == '.') {
			buf_put(out, run, (size_t)(p - run));
			buf_putc(out, '.');
			run = p;
		}
		d->state = IN_LINE;
		cr = find(p, lf, '\r');
		if (cr + 1 == lf && lf < end) {		/* CRLF: stays in the run */
			p = lf + 1;
		} else if (cr < lf) {			/* a CR alone, or the last byte */
			buf_put(out, run, (size_t)(cr - run));
			run = p = cr + 1;
			if (p == end)
				d->state = AFTER_CR;
			else
				buf_putc(out, ' ');
			continue;
		} else if (lf < end) {			/* a LF alone */
			buf_put(out, run, (size_t)(lf - run));
			buf_put(out, "\r\n", 2);
			run = p = lf + 1;
		} else {
			p = end;
			continue;
		}
		d->state = AT_START;
		lf = find(p, end, '\n');
	}
	buf_put(out, run, (size_t)(p - run));
}

void
wire_dot_end(struct wire_dot *d, struct buf *out)
{
	if (d->state == AFTER_CR)
		buf_putc(out, ' ');
	if (d->state != AT_START)
		buf_put(out, "\r\n", 2);
	buf_put(out, ".\r\n", 3);
	d->state = AT_START;
}
