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
 * A Received: field that says "by HOSTNAME (Holdfast)", the words apart by
 * blanks or folding, is one that we wrote: the message was here before.
 *
 * Nothing is stored and nothing fails; the reader decides what is too much.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/header_scan.h"

#include <string.h>
#include <strings.h>

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

static void
begin_word(struct header_scan *h)
{
	h->at = 0;
	h->same = h->by = true;
}

/* The name is complete: was it one more hop? */
static int
colon(struct header_scan *h)
{
	h->is_received = h->is_received && h->name_len == sizeof(received) - 1;
	if (h->is_received)
		h->hops++;
	h->word = 0;
	begin_word(h);
	return VALUE;
}

static bool
spells(const char *word, size_t at, char c)
{
	return at < strlen(word) && strncasecmp(word + at, &c, 1) == 0;
}

/* One octet of the value of a Received: field. */
static void
received_octet(struct header_scan *h, const char *hostname, char c)
{
	const char *const expected[] = { "by", hostname, "(Holdfast)" };

	if (strchr(" \t\r\n", c) == NULL || c == '\0') {
		h->same = h->same && spells(expected[h->word], h->at, c);
		h->by = h->by && spells("by", h->at, c);
		h->at++;
		return;
	}
	if (h->at == 0)
		return;
	if (h->same && h->at == strlen(expected[h->word]))
		h->word++;
	else
		h->word = h->by && h->at == 2 ? 1 : 0;
	if (h->word == 3) {
		h->own++;
		h->word = 0;
	}
	begin_word(h);
}

/* The rest of a line of a value; returns how much of it there was. */
static size_t
value(struct header_scan *h, const char *hostname, const char *p, size_t len)
{
	const char *lf = memchr(p, '\n', len);

	if (lf != NULL)
		len = (size_t)(lf - p) + 1;
	for (size_t i = 0; h->is_received && i < len; i++)
		received_octet(h, hostname, p[i]);
	if (lf != NULL)
		h->state = BOL;
	return len;
}

/* One octet in front of a field's value; what cannot be a field ends the block. */
static int
octet(struct header_scan *h, char c)
{
	bool blank = c == ' ' || c == '\t';

	if (h->state == BOL) {
		if (c == '\r')
			return CR;
		if (blank && h->bytes > 0)
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
header_scan(struct header_scan *h, const char *hostname, const char *p, size_t len)
{
	const char *end = p + len;
	size_t n;

	while (p < end && !h->over) {
		if (h->state == VALUE) {
			n = value(h, hostname, p, (size_t)(end - p));
		} else {
			n = 1;
			h->state = octet(h, *p);
		}
		h->bytes += n;
		p += n;
	}
}
