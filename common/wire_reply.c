/*
 * wire_reply.c -- replies (RFC 5321 4.2) with enhanced codes (RFC 2034), and
 * the extensions that an EHLO reply announces.
 *
 * What is not a reply to the letter is BAD: a client that guesses at a
 * code may take mail for delivered that was not.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/wire.h"

void
wire_reply_reset(struct wire_reply *r)
{
	r->code = r->pending = 0;
	r->dsn[0] = '\0';
	r->lines = 0;
	buf_clear(&r->text);
}

void
wire_reply_free(struct wire_reply *r)
{
	buf_free(&r->text);
	memset(r, 0, sizeof(*r));
}

/* Length of the "CLASS.SUBJECT.DETAIL" that s starts with, a blank or the end behind it; else 0. */
static size_t
dsn_length(const char *s, size_t len, char class)
{
	size_t i = 1, part, digits;

	if (len < 5 || s[0] != class || (class != '2' && class != '4' && class != '5'))
		return 0;
	for (part = 0; part < 2; part++) {
		if (i == len || s[i++] != '.')
			return 0;
		for (digits = 0; i < len && isdigit((unsigned char)s[i]); digits++)
			i++;
		if (digits < 1 || digits > 3)
			return 0;
	}
	return i == len || s[i] == ' ' ? i : 0;
}

static int
reply_code(const char *line, size_t len)
{
	int code;

	if (len < 3 || !isdigit((unsigned char)line[0]) || !isdigit((unsigned char)line[1]) ||
	    !isdigit((unsigned char)line[2]))
		return -1;
	code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	return code >= 200 && code <= 599 ? code : -1;
}

static enum wire_reply_result
bad(const char **why, const char *reason)
{
	*why = reason;
	return WIRE_REPLY_BAD;
}

enum wire_reply_result
wire_reply_line(struct wire_reply *r, const char *line, size_t len, const char **why)
{
	int code = reply_code(line, len);
	bool last;
	size_t dsn;

	if (r->code != 0)
		wire_reply_reset(r);	/* the one before was whole */
	if (code == -1)
		return bad(why, "not an SMTP reply");
	last = len == 3 || line[3] == ' ';
	if (!last && line[3] != '-')
		return bad(why, "no blank or hyphen after the reply code");
	if (r->pending != 0 && r->pending != code)
		return bad(why, "different codes in one reply");
	if (r->lines == WIRE_REPLY_LINES_MAX)
		return bad(why, "a reply of too many lines");
	line += len < 4 ? len : 4;
	len -= len < 4 ? len : 4;
	dsn = dsn_length(line, len, (char)('0' + code / 100));
	if (dsn > 0) {
		if (r->dsn[0] == '\0' && dsn < sizeof(r->dsn)) {
			memcpy(r->dsn, line, dsn);
			r->dsn[dsn] = '\0';
		}
		dsn += dsn < len;	/* the blank behind it */
	}
	if (r->lines++ > 0)
		buf_putc(&r->text, '\n');
	buf_put(&r->text, line + dsn, len - dsn);
	r->pending = last ? 0 : code;
	r->code = last ? code : 0;
	return last ? WIRE_REPLY_DONE : WIRE_REPLY_MORE;
}

/* An announced limit; 0 ("no fixed limit", RFC 1870 4) for what is no number. */
static uint64_t
size_value(const char *s)
{
	uint64_t v = 0;

	s += strspn(s, " \t=");
	for (; isdigit((unsigned char)*s); s++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return 0;
	return v;
}

unsigned
wire_extension(const char *line, uint64_t *size)
{
	static const struct {
		const char	*keyword;
		unsigned	 bit;
	} table[] = {
		{ "PIPELINING", WIRE_EXT_PIPELINING },
		{ "CHUNKING", WIRE_EXT_CHUNKING },
		{ "8BITMIME", WIRE_EXT_8BITMIME },
		{ "SMTPUTF8", WIRE_EXT_SMTPUTF8 },
		{ "SIZE", WIRE_EXT_SIZE },
		{ "DSN", WIRE_EXT_DSN },
		{ "ENHANCEDSTATUSCODES", WIRE_EXT_ENHANCED },
		{ "STARTTLS", WIRE_EXT_STARTTLS },
		{ "XFORWARD", WIRE_EXT_XFORWARD },
		{ "XCLIENT", WIRE_EXT_XCLIENT },
		{ "XHOLDFAST", WIRE_EXT_XHOLDFAST },
		{ "BINARYMIME", WIRE_EXT_BINARYMIME },
	};
	size_t len = strcspn(line, " \t="), i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strlen(table[i].keyword) != len || strncasecmp(line, table[i].keyword, len) != 0)
			continue;
		if (table[i].bit == WIRE_EXT_SIZE && size != NULL)
			*size = size_value(line + len);
		return table[i].bit;
	}
	return 0;
}
