/*
 * spf_macro.c -- the macros of SPF records (RFC 7208 7).
 *
 * Why not leave them to libspf2, which evaluates the records? What it makes of macros is wrong
 * in places (1.2.10: %{d2} of example.com is "xample.com"; it takes `|' for a delimiter and not
 * `,' or `/'; an illegal %x is kept as text), and its buffers for them were overrun more than
 * once (CVE-2021-20314, CVE-2021-33912, CVE-2021-33913, a candidate for CVE-2023-42118). So it
 * never gets to see one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/spf_macro.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS		"slodiphcrtv"
#define EXP_LETTERS	"crt"
#define DELIMITERS	".-+,/_="

/* A macro-expand at s: %{…}, %%, %_ or %-. */
struct expand {
	size_t		 len;		/* of all of it */
	char		 letter;	/* lower case; 0 for a literal */
	char		 literal;	/* '%', '_' or '-' */
	bool		 url;		/* the letter was upper case */
	unsigned	 digits;	/* 0: not given */
	bool		 reverse;
	char		 delimiters[sizeof(DELIMITERS)];
};

static size_t
read_digits(const char *s, size_t len, unsigned *n)
{
	size_t i = 0;

	for (*n = 0; i < len && isdigit((unsigned char)s[i]); i++)
		if (i < SPF_DIGITS_MAX)
			*n = *n * 10 + (unsigned)(s[i] - '0');
	return i;
}

/* s[0] is the letter behind "%{". */
static bool
read_macro(const char *s, size_t len, struct expand *e)
{
	size_t i = 1, n, delimiters = 0;

	if (len == 0 || !isalpha((unsigned char)s[0]))
		return false;
	e->url = isupper((unsigned char)s[0]);
	e->letter = (char)tolower((unsigned char)s[0]);
	if (strchr(LETTERS, e->letter) == NULL)
		return false;
	n = read_digits(s + i, len - i, &e->digits);
	if (n > SPF_DIGITS_MAX || (n > 0 && e->digits == 0))
		return false;
	i += n;
	e->reverse = i < len && (s[i] == 'r' || s[i] == 'R');
	i += e->reverse;
	for (; i < len && strchr(DELIMITERS, s[i]) != NULL && s[i] != '\0'; i++)
		if (memchr(e->delimiters, s[i], delimiters) == NULL)
			e->delimiters[delimiters++] = s[i];
	if (delimiters == 0)
		e->delimiters[delimiters++] = '.';
	e->len = i + 3;		/* "%{" … "}" */
	return i < len && s[i] == '}';
}

/* s[0] is '%'. */
static bool
read_expand(const char *s, size_t len, struct expand *e)
{
	memset(e, 0, sizeof(*e));
	if (len < 2)
		return false;
	if (s[1] == '{')
		return read_macro(s + 2, len - 2, e);
	e->literal = s[1];
	e->len = 2;
	return s[1] == '%' || s[1] == '_' || s[1] == '-';
}

bool
spf_macro_valid(const char *s, size_t len, unsigned flags)
{
	struct expand e;
	size_t i;

	for (i = 0; i < len; i += s[i] == '%' ? e.len : 1) {
		if (!isgraph((unsigned char)s[i]))
			return false;
		if (s[i] != '%')
			continue;
		if (!read_expand(s + i, len - i, &e))
			return false;
		if ((flags & SPF_MACRO_EXP) == 0 && e.letter != '\0' &&
		    strchr(EXP_LETTERS, e.letter) != NULL)
			return false;
	}
	return true;
}

bool
spf_macro_ends_in_expand(const char *s, size_t len)
{
	struct expand e = { .len = 0 };
	size_t i;
	bool expand = false;

	for (i = 0; i < len; i += expand ? e.len : 1) {
		expand = s[i] == '%';
		if (expand && !read_expand(s + i, len - i, &e))
			return false;
	}
	return expand;
}

bool
spf_macro_uses(const char *s, size_t len, char letter)
{
	struct expand e;
	size_t i;

	for (i = 0; i < len; i += s[i] == '%' ? e.len : 1) {
		if (s[i] != '%')
			continue;
		if (!read_expand(s + i, len - i, &e))
			return false;
		if (e.letter == letter)
			return true;
	}
	return false;
}

/* --- expansion ------------------------------------------------------------- */

static void
put_value(struct buf *out, char letter, const struct spf_macro_env *env)
{
	switch (letter) {
	case 's':
		buf_puts(out, env->local);
		buf_putc(out, '@');
		buf_puts(out, env->sender_domain);
		break;
	case 'l':
		buf_puts(out, env->local);
		break;
	case 'o':
		buf_puts(out, env->sender_domain);
		break;
	case 'd':
		buf_puts(out, env->domain);
		break;
	case 'i':
		buf_puts(out, env->client);
		break;
	case 'p':
		buf_puts(out, env->client_name);
		break;
	case 'v':
		buf_puts(out, env->ipv6 ? "ip6" : "in-addr");
		break;
	case 'h':
		buf_puts(out, env->helo);
		break;
	default:		/* c, r, t: nothing that has them is ever expanded */
		break;
	}
}

/* 7.3: unreserved characters (RFC 3986 2.3) stay. */
static void
put_url(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x80 && (isalnum(c) || strchr("-._~", c) != NULL) && c != '\0')
			buf_putc(out, s[i]);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static bool
splits(const struct expand *e, char c)
{
	return c != '\0' && strchr(e->delimiters, c) != NULL;
}

struct part {
	size_t	 at, len;
};

/* The caller frees; there is always one. */
static struct part *
split(const struct expand *e, const char *value, size_t len, size_t *n)
{
	struct part *part;
	size_t begin = 0;

	*n = 1;
	for (size_t i = 0; i < len; i++)
		*n += splits(e, value[i]);
	part = xcalloc(*n, sizeof(*part));
	for (size_t i = 0, k = 0; i <= len; i++) {
		if (i < len && !splits(e, value[i]))
			continue;
		part[k++] = (struct part){ begin, i - begin };
		begin = i + 1;
	}
	return part;
}

/* The parts of value, last first if reversed, as many as are wanted from the right, joined by dots. */
static void
put_parts(struct buf *out, const struct expand *e, const char *value, size_t len)
{
	struct buf joined = BUF_INIT;
	size_t n, first = 0;
	struct part *part = split(e, value, len, &n), *p;

	if (e->digits != 0 && e->digits < n)
		first = n - e->digits;
	for (size_t k = first; k < n; k++) {
		p = &part[e->reverse ? n - 1 - k : k];
		if (k > first)
			buf_putc(&joined, '.');
		buf_put(&joined, value + p->at, p->len);
	}
	if (e->url)
		put_url(out, buf_str(&joined), joined.len);
	else
		buf_put(out, buf_str(&joined), joined.len);
	free(part);
	buf_free(&joined);
}

static void
put_expand(struct buf *out, const struct expand *e, const struct spf_macro_env *env)
{
	struct buf value = BUF_INIT;

	switch (e->literal) {
	case '%':
		buf_putc(out, '%');
		return;
	case '_':
		buf_putc(out, ' ');
		return;
	case '-':
		buf_puts(out, "%20");
		return;
	default:
		break;
	}
	put_value(&value, e->letter, env);
	put_parts(out, e, buf_str(&value), value.len);
	buf_free(&value);
}

int
spf_macro_expand(struct buf *out, const char *s, size_t len, const struct spf_macro_env *env)
{
	size_t begin = out->len, i, n;
	struct expand e;

	for (i = 0; i < len; i += n) {
		n = 1;
		if (s[i] != '%') {
			buf_putc(out, s[i]);
		} else {
			if (!read_expand(s + i, len - i, &e))
				return -1;
			put_expand(out, &e, env);
			n = e.len;
		}
		if (out->len - begin > SPF_EXPANDED_MAX)
			return -1;
	}
	return 0;
}

void
spf_macro_cut(struct buf *name)
{
	const char *dot;
	size_t from;

	if (name->len > 0 && name->data[name->len - 1] == '.')
		name->data[--name->len] = '\0';
	if (name->len <= SPF_NAME_MAX)
		return;
	from = name->len - SPF_NAME_MAX - 1;	/* the first place where a dot leaves little enough */
	dot = memchr(name->data + from, '.', name->len - from);
	buf_drop(name, dot != NULL ? (size_t)(dot - name->data) + 1 : name->len);
}
