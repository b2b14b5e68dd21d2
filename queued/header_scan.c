/*
 * header_scan.c -- measures a message's header block while it streams by.
 *
 * The block ends at its empty line, or at the first line that is neither a
 * field nor a continuation: mail without the empty line exists, and its body
 * is not to be taken for a huge header. Lines end with LF here, with or
 * without CR, because BDAT carries bytes as they are.
 *
 *	BOL --name--> NAME --blank--> GAP --":"--> VALUE --LF--> BOL
 *	BOL --blank--> VALUE (continuation)     BOL --CR--> CR --LF--> (over)
 *
 * Nothing is stored and nothing fails; the reader decides what is too much.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/header_scan.h"

#include <string.h>

enum { BOL, CR, NAME, GAP, VALUE };

static const char received[] = "received";

void
header_scan_init(struct header_scan *h)
{
	memset(h, 0, sizeof(*h));
	h->state = BOL;
}

static bool
is_name_char(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != ':';
}

static void
name_char(struct header_scan *h, char c)
{
	if (h->name_len == 0)
		h->is_received = true;
	if (h->name_len >= sizeof(received) - 1 || (c | 0x20) != received[h->name_len])
		h->is_received = false;
	h->name_len++;
}

/* The name is complete: was it one more hop? */
static int
colon(struct header_scan *h)
{
	if (h->is_received && h->name_len == sizeof(received) - 1)
		h->hops++;
	return VALUE;
}

/* One octet in front of a field's value; what cannot be a field ends the block. */
static int
octet(struct header_scan *h, char c)
{
	bool blank = c == ' ' || c == '\t';

	if (h->state == BOL) {
		if (c == '\r')
			return CR;
		if (blank && h->bytes > 1)
			return VALUE;
		h->name_len = 0;
		h->state = NAME;
	}
	if (h->state == NAME && is_name_char((unsigned char)c) && h->name_len < HEADER_NAME_MAX) {
		name_char(h, c);
		return NAME;
	}
	if (h->state != CR && h->name_len > 0) {
		if (c == ':')
			return colon(h);
		if (blank)
			return GAP;
	}
	h->over = true;
	return h->state;
}

void
header_scan(struct header_scan *h, const char *p, size_t len)
{
	const char *end = p + len, *lf;

	while (p < end && !h->over) {
		if (h->state != VALUE) {
			h->bytes++;
			h->state = octet(h, *p++);
			continue;
		}
		lf = memchr(p, '\n', (size_t)(end - p));
		h->bytes += (size_t)((lf == NULL ? end : lf + 1) - p);
		p = lf == NULL ? end : lf + 1;
		if (lf != NULL)
			h->state = BOL;
	}
}
