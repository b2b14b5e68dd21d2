/*
 * addr.c -- RFC 5321 paths and mailboxes, read in one pass.
 *
 * The grammar is 4.1.2's with RFC 6531's additions. It is wider in two places, since
 * refusing here loses mail that the primary would take: dots may stand anywhere in an
 * unquoted local part (mobile operators gave out `a..b@' and `a.@'), and
 * labels may contain underscores. It is narrower in two: no source routes (3.3
 * lets a server ignore them, C says they are history) and no address
 * literals but IPv4 and IPv6.
 *
 * UTF-8 is read as RFC 6531 has it whether or not SMTPUTF8 was given: only an
 * address that is right otherwise is answered with "needs SMTPUTF8".
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/addr.h"

#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/utf8.h"

struct cursor {
	const char	*p, *end;
	bool		 utf8;		/* a byte >= 0x80 was read */
	const char	*why;
};

static bool
refuse(struct cursor *c, const char *why)
{
	c->why = why;
	return false;
}

static bool
at(const struct cursor *c, char ch)
{
	return c->p < c->end && *c->p == ch;
}

/* Reads a character beyond ASCII, but no C1 control. */
static bool
read_utf8(struct cursor *c)
{
	size_t n = utf8_char(c->p, (size_t)(c->end - c->p));

	if (n < 2 || (c->p[0] == '\xc2' && (unsigned char)c->p[1] < 0xa0))
		return refuse(c, "not valid UTF-8");
	c->utf8 = true;
	c->p += n;
	return true;
}

static bool
is_alnum(char ch)
{
	return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

static bool
is_atext(char ch)
{
	return is_alnum(ch) || (ch != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", ch) != NULL);
}

static bool
read_dot_string(struct cursor *c)
{
	while (c->p < c->end) {
		if (is_atext(*c->p) || *c->p == '.')
			c->p++;
		else if ((unsigned char)*c->p < 0x80)
			break;
		else if (!read_utf8(c))
			return false;
	}
	return true;
}

/* The opening quote is next. */
static bool
read_quoted(struct cursor *c)
{
	for (c->p++; c->p < c->end && *c->p != '"';) {
		if ((unsigned char)*c->p >= 0x80) {
			if (!read_utf8(c))
				return false;
			continue;
		}
		if (*c->p == '\\')
			c->p++;
		if (c->p == c->end)
			break;
		if (*c->p < 0x20 || *c->p == 0x7f)
			return refuse(c, "a control character in a quoted local part");
		c->p++;
	}
	if (c->p == c->end)
		return refuse(c, "a quote is not closed");
	c->p++;
	return true;
}

static bool
read_local(struct cursor *c)
{
	const char *start = c->p;

	if (!(at(c, '"') ? read_quoted(c) : read_dot_string(c)))
		return false;
	if (c->p == start)
		return refuse(c, "the local part is missing or has a special character");
	if (c->p - start > ADDR_LOCAL_MAX)
		return refuse(c, "the local part is longer than 64 octets");
	return true;
}

/* RFC 5321 4.1.3. The opening bracket is next. */
static bool
read_literal(struct cursor *c)
{
	const char *start = c->p + 1;
	const char *close = memchr(start, ']', (size_t)(c->end - start));
	unsigned char a[sizeof(struct in6_addr)];
	char text[sizeof("IPv6:") + INET6_ADDRSTRLEN];
	size_t len = close != NULL ? (size_t)(close - start) : sizeof(text);
	bool good;

	if (len >= sizeof(text) || memchr(start, '\0', len) != NULL)
		return refuse(c, "not an address literal");
	memcpy(text, start, len);
	text[len] = '\0';
	if (strncasecmp(text, "IPv6:", 5) == 0)
		good = inet_pton(AF_INET6, text + 5, a) == 1;
	else
		good = inet_pton(AF_INET, text, a) == 1;
	if (!good)
		return refuse(c, "not an address literal");
	c->p = close + 1;
	return true;
}

static bool
read_name(struct cursor *c)
{
	const char *start = c->p, *label = c->p;

	for (;;) {
		if (c->p < c->end && (is_alnum(*c->p) || *c->p == '-' || *c->p == '_')) {
			c->p++;
			continue;
		}
		if (c->p < c->end && (unsigned char)*c->p >= 0x80) {
			if (!read_utf8(c))
				return false;
			continue;
		}
		if (c->p == start)
			return refuse(c, "the domain is missing");
		if (c->p == label)
			return refuse(c, "an empty label in the domain");
		if (c->p - label > ADDR_LABEL_MAX)
			return refuse(c, "a label of the domain is longer than 63 octets");
		if (!at(c, '.'))
			break;
		label = ++c->p;
	}
	if (c->p - start > ADDR_DOMAIN_MAX)
		return refuse(c, "the domain is longer than 255 octets");
	return true;
}

static bool
read_domain(struct cursor *c)
{
	return at(c, '[') ? read_literal(c) : read_name(c);
}

/* Up to the first byte that cannot belong to it. */
static bool
read_mailbox(struct cursor *c, unsigned flags)
{
	const char *start = c->p;

	if (at(c, '@'))
		return refuse(c, c->end - c->p > 1 && c->p[1] != '>' ? "source routes are not accepted"
								    : "the local part is missing");
	if (!read_local(c))
		return false;
	if (!at(c, '@')) {
		if ((flags & ADDR_POSTMASTER) != 0 && c->p - start == 10 &&
		    strncasecmp(start, "postmaster", 10) == 0)
			return true;
		return refuse(c, c->p == c->end || *c->p == '>' ? "the domain is missing"
								: "a special character in the local part");
	}
	c->p++;
	return read_domain(c);
}

static enum addr_result
result(const struct cursor *c, unsigned flags, bool good, const char **why)
{
	if (!good)
		*why = c->why;
	else if (c->utf8 && (flags & ADDR_UTF8) == 0)
		*why = "a non-ASCII address needs SMTPUTF8";
	else
		return ADDR_OK;
	return good ? ADDR_NEEDS_UTF8 : ADDR_BAD;
}

static bool
read_path(struct cursor *c, unsigned flags)
{
	if (!at(c, '<'))
		return refuse(c, "the address must stand in <brackets>");
	c->p++;
	if (!((flags & ADDR_NULL) != 0 && at(c, '>')) && !read_mailbox(c, flags))
		return false;
	if (!at(c, '>'))
		return refuse(c, c->p == c->end ? "the closing bracket is missing"
						: "a special character in the domain");
	c->p++;
	return true;
}

enum addr_result
addr_parse_path(const char *s, size_t len, unsigned flags, const char **address, size_t *addrlen,
    size_t *used, const char **why)
{
	struct cursor c = { s, s + len, false, "" };
	bool good = read_path(&c, flags);

	if (good) {
		*address = s + 1;
		*used = (size_t)(c.p - s);
		*addrlen = *used - 2;
	}
	return result(&c, flags, good, why);
}

enum addr_result
addr_parse_mailbox(const char *s, unsigned flags, const char **why)
{
	struct cursor c = { s, s + strlen(s), false, "" };
	bool good = ((flags & ADDR_NULL) != 0 && s[0] == '\0') || read_mailbox(&c, flags);

	if (good && c.p != c.end)
		good = refuse(&c, "a special character in the domain");
	return result(&c, flags, good, why);
}

/* A quoted local part may contain an `@' of its own. */
static const char *
find_at(const char *address)
{
	const char *p = address;

	if (*p == '"')
		for (p++; *p != '\0' && *p != '"'; p++)
			if (*p == '\\' && p[1] != '\0')
				p++;
	return strrchr(p, '@');
}

const char *
addr_domain(const char *address)
{
	const char *sign = find_at(address);

	return sign != NULL ? sign + 1 : address + strlen(address);
}

size_t
addr_local_len(const char *address)
{
	const char *sign = find_at(address);

	return sign != NULL ? (size_t)(sign - address) : strlen(address);
}

void
addr_lower(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s + ('a' - 'A'));
}

char *
addr_lower_domain_dup(const char *address)
{
	char *copy = xstrdup(address);

	addr_lower(copy + addr_local_len(copy));
	return copy;
}

bool
addr_domain_valid(const char *domain, bool utf8)
{
	struct cursor c = { domain, domain + strlen(domain), false, "" };

	return read_domain(&c) && c.p == c.end && (utf8 || !c.utf8);
}

bool
addr_domain_equal(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++) {
		char x = *a, y = *b;

		if (x >= 'A' && x <= 'Z')
			x = (char)(x + ('a' - 'A'));
		if (y >= 'A' && y <= 'Z')
			y = (char)(y + ('a' - 'A'));
		if (x != y)
			return false;
	}
	return *a == *b;
}
