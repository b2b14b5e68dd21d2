/*
 * spf_record.c -- an SPF record (RFC 7208) as libspf2 evaluates it right.
 *
 * libspf2 evaluates records; this says first whether a record is one (4.6: a syntax error
 * anywhere is a permerror, whatever was before it), and writes it again in words that libspf2
 * 1.2.10 understands as the RFC does. What it would get wrong, and what becomes of it here:
 *
 *	macros				expanded already (spf_macro.c says why)
 *	more than 511 octets compiled	its terms beyond are dropped without a word: we write
 *					pieces, each with a redirect to the next
 *	/0 of ip4, ip6			a syntax error to it (5.6 allows it): `all' says the same
 *	/0 of a, mx			the same: a mark, and spf_dns.c answers with the client's own address
 *	redirect			evaluated in its place: written last (6.1), and not at all with an `all'
 *	after `all'			never reached: not written
 *	no domain			its name after a redirect of ours would be wrong: always written
 *	exp=, other modifiers		fetched, or at least compiled: not written
 *	a name like `x/24'		a prefix length to it: lengths are always written
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/spf_record.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VERSION		"v=spf1"

/*
 * Octets of one piece when libspf2 compiles it (SPF_MAX_MECH_LEN is 511, all but the last term):
 * of a network, and of a term beside its name. It goes no deeper than 20 redirects and includes,
 * which only records reach that consist of hundreds of short ip6; then it is a permerror.
 */
#define CHUNK_MAX	480
#define NETWORK4_SIZE	8
#define NETWORK6_SIZE	20
#define TERM_OVERHEAD	24

enum kind {
	KIND_ALL, KIND_INCLUDE, KIND_A, KIND_MX, KIND_PTR, KIND_IP4, KIND_IP6, KIND_EXISTS,
	KIND_REDIRECT, KIND_EXP, KIND_UNKNOWN		/* the modifiers */
};

/* What may come behind a mechanism's name. */
enum argument { ARG_NONE, ARG_DOMAIN, ARG_MAY_DOMAIN, ARG_MAY_DOMAIN_CIDR, ARG_NETWORK };

static const struct {
	const char	*name;
	enum kind	 kind;
	enum argument	 argument;
} mechanisms[] = {
	{ "all", KIND_ALL, ARG_NONE },
	{ "include", KIND_INCLUDE, ARG_DOMAIN },
	{ "a", KIND_A, ARG_MAY_DOMAIN_CIDR },
	{ "mx", KIND_MX, ARG_MAY_DOMAIN_CIDR },
	{ "ptr", KIND_PTR, ARG_MAY_DOMAIN },
	{ "ip4", KIND_IP4, ARG_NETWORK },
	{ "ip6", KIND_IP6, ARG_NETWORK },
	{ "exists", KIND_EXISTS, ARG_DOMAIN },
};
#define NMECHANISMS	(sizeof(mechanisms) / sizeof(mechanisms[0]))

struct term {
	enum kind	 kind;
	char		 qualifier;	/* '+', '-', '~', '?' */
	const char	*spec;		/* domain-spec or macro-string, inside the record; NULL: none */
	size_t		 speclen;
	unsigned	 cidr4, cidr6;
	char		 address[INET6_ADDRSTRLEN];
};

/* --- small parts of the grammar ---------------------------------------------------- */

static bool
same(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(s, word, len) == 0;
}

/* 7.1: toplabel, anything that has a letter or a hyphen inside; a hyphen at neither end. */
static bool
is_toplabel(const char *s, size_t len)
{
	bool other = false;

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)s[i]) && s[i] != '-')
			return false;
		other = other || !isdigit((unsigned char)s[i]);
	}
	return len > 0 && other && s[0] != '-' && s[len - 1] != '-';
}

/* 7.1: domain-spec = macro-string domain-end */
static bool
is_domain_spec(const char *s, size_t len)
{
	size_t begin;

	if (len == 0 || !spf_macro_valid(s, len, 0))
		return false;
	if (spf_macro_ends_in_expand(s, len))
		return true;
	if (s[len - 1] == '.')
		len--;
	for (begin = len; begin > 0 && s[begin - 1] != '.'; begin--)
		continue;
	return begin > 0 && is_toplabel(s + begin, len - begin);
}

/* "/24" at the end of s: *n, and it is cut off. False: something like it that is not one. */
static bool
cut_length(const char *s, size_t *len, const char *slash, unsigned max, unsigned *n)
{
	size_t digits = *len, width = strlen(slash);
	unsigned value = 0;

	while (digits > 0 && isdigit((unsigned char)s[digits - 1]))
		digits--;
	if (digits < width || strncmp(s + digits - width, slash, width) != 0)
		return true;			/* none */
	if (digits == *len || *len - digits > 3 || (s[digits] == '0' && *len - digits > 1))
		return false;
	for (size_t i = digits; i < *len; i++)
		value = value * 10 + (unsigned)(s[i] - '0');
	if (value > max)
		return false;
	*n = value;
	*len = digits - width;
	return true;
}

/* 5.6: dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ] */
static bool
cut_lengths(const char *s, size_t *len, struct term *t)
{
	return cut_length(s, len, "//", 128, &t->cidr6) && cut_length(s, len, "/", 32, &t->cidr4);
}

static bool
read_network(const char *s, size_t len, struct term *t)
{
	bool six = t->kind == KIND_IP6;
	uint8_t address[16];

	if (!cut_length(s, &len, "/", six ? 128 : 32, six ? &t->cidr6 : &t->cidr4) ||
	    len >= sizeof(t->address))
		return false;
	memcpy(t->address, s, len);
	t->address[len] = '\0';
	return inet_pton(six ? AF_INET6 : AF_INET, t->address, address) == 1;
}

/* --- terms --------------------------------------------------------------------------- */

/* ":domain", or nothing. */
static bool
read_domain(const char *s, size_t len, bool optional, struct term *t)
{
	if (len == 0)
		return optional;
	t->spec = s + 1;
	t->speclen = len - 1;
	return s[0] == ':' && is_domain_spec(t->spec, t->speclen);
}

/* s: what is behind the name. */
static bool
read_argument(enum argument argument, const char *s, size_t len, struct term *t)
{
	switch (argument) {
	case ARG_NONE:
		return len == 0;
	case ARG_DOMAIN:
		return read_domain(s, len, false, t);
	case ARG_MAY_DOMAIN:
		return read_domain(s, len, true, t);
	case ARG_MAY_DOMAIN_CIDR:
		return cut_lengths(s, &len, t) && read_domain(s, len, true, t);
	case ARG_NETWORK:
		return len > 0 && s[0] == ':' && read_network(s + 1, len - 1, t);
	}
	return false;
}

static bool
read_mechanism(const char *s, size_t len, struct term *t)
{
	size_t name;

	t->qualifier = '+';
	if (strchr("+-~?", s[0]) != NULL) {
		t->qualifier = s[0];
		s++;
		len--;
	}
	for (name = 0; name < len && s[name] != ':' && s[name] != '/'; name++)
		continue;
	for (size_t i = 0; i < NMECHANISMS; i++)
		if (same(s, name, mechanisms[i].name)) {
			t->kind = mechanisms[i].kind;
			return read_argument(mechanisms[i].argument, s + name, len - name, t);
		}
	return false;
}

/* The octets of a modifier's name, 0: it is none. name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ) */
static size_t
modifier_name(const char *s, size_t len)
{
	size_t i = 0;

	if (!isalpha((unsigned char)s[0]))
		return 0;
	while (i < len && (isalnum((unsigned char)s[i]) || strchr("-_.", s[i]) != NULL))
		i++;
	return i < len && s[i] == '=' ? i : 0;
}

static bool
read_modifier(const char *s, size_t name, size_t len, struct term *t)
{
	t->spec = s + name + 1;
	t->speclen = len - name - 1;
	t->kind = same(s, name, "redirect") ? KIND_REDIRECT : same(s, name, "exp") ? KIND_EXP :
	    KIND_UNKNOWN;
	if (t->kind == KIND_UNKNOWN)
		return spf_macro_valid(t->spec, t->speclen, SPF_MACRO_EXP);
	return is_domain_spec(t->spec, t->speclen);
}

static bool
read_term(const char *s, size_t len, struct term *t)
{
	size_t name = modifier_name(s, len);

	memset(t, 0, sizeof(*t));
	t->cidr4 = 32;
	t->cidr6 = 128;
	return name > 0 ? read_modifier(s, name, len, t) : read_mechanism(s, len, t);
}

/* The next term from *at on. False: there is none. */
static bool
next_term(const char *text, size_t len, size_t *at, const char **s, size_t *n)
{
	size_t i = *at;

	while (i < len && text[i] == ' ')
		i++;
	*s = text + i;
	for (*n = 0; i < len && text[i] != ' '; i++)
		(*n)++;
	*at = i;
	return *n > 0;
}

/* --- the record ------------------------------------------------------------------------ */

bool
spf_record_is(const char *text, size_t len)
{
	size_t n = sizeof(VERSION) - 1;

	return len >= n && strncasecmp(text, VERSION, n) == 0 && (len == n || text[n] == ' ');
}

const char *
spf_record_fault(const char *text, size_t len)
{
	size_t at = sizeof(VERSION) - 1, n;
	unsigned redirects = 0, exps = 0;
	struct term t;
	const char *s;

	if (len > SPF_RECORD_MAX)
		return "the record is too long";
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return "octets in the record that are not text";
	while (next_term(text, len, &at, &s, &n)) {
		if (!read_term(s, n, &t))
			return "syntax error in the record";
		redirects += t.kind == KIND_REDIRECT;
		exps += t.kind == KIND_EXP;
	}
	return redirects > 1 || exps > 1 ? "a modifier comes twice" : NULL;
}

bool
spf_record_uses_name(const char *text, size_t len)
{
	size_t at = sizeof(VERSION) - 1, n;
	struct term t;
	const char *s;

	while (next_term(text, len, &at, &s, &n))
		if (read_term(s, n, &t) && t.kind != KIND_EXP && t.kind != KIND_UNKNOWN && t.spec != NULL &&
		    spf_macro_uses(t.spec, t.speclen, 'p'))
			return true;
	return false;
}

bool
spf_name_valid(const char *name)
{
	size_t len = strlen(name), n;

	if (len == 0 || len > SPF_NAME_MAX)
		return false;
	for (;; name += n + 1) {
		n = strcspn(name, ".");
		if (n == 0 || n > 63)
			return false;
		if (name[n] == '\0')
			return true;
	}
}

/* --- writing ------------------------------------------------------------------------------ */

struct writer {
	const struct spf_macro_env *env;
	size_t			 number;	/* of the next piece */
	struct spf_chunks	*chunks;
	struct buf		 line;		/* the piece that is being written */
	size_t			 size;		/* … compiled */
};

static void
close_chunk(struct writer *w, bool last)
{
	if (!last)
		buf_printf(&w->line, " redirect=%c%c%zu", SPF_MARK, SPF_MARK_CHUNK, w->number++);
	w->chunks->v = xrealloc(w->chunks->v, w->chunks->n + 1, sizeof(*w->chunks->v));
	w->chunks->v[w->chunks->n++] = buf_take(&w->line);
	buf_puts(&w->line, VERSION);
	w->size = 0;
}

static void
put_term(struct writer *w, const struct term *t, const struct buf *term)
{
	size_t size = t->kind == KIND_IP4 ? NETWORK4_SIZE : t->kind == KIND_IP6 ? NETWORK6_SIZE :
	    term->len + TERM_OVERHEAD;

	if (w->size > 0 && w->size + size > CHUNK_MAX)
		close_chunk(w, false);
	buf_putc(&w->line, ' ');
	buf_put(&w->line, term->data, term->len);
	w->size += size;
}

/* The name that a domain-spec stands for, as libspf2 reads it. */
static int
put_name(struct writer *w, const struct term *t, char mark, struct buf *out)
{
	struct buf name = BUF_INIT;
	int rc = 0;

	if (t->spec == NULL)
		buf_puts(&name, w->env->domain);
	else
		rc = spf_macro_expand(&name, t->spec, t->speclen, w->env);
	spf_macro_cut(&name);
	for (size_t i = 0; i < name.len; i++)
		/* RFC 8616 4: with such octets a term does not match. */
		if (name.data[i] < 0x20 || name.data[i] > 0x7e)
			mark = SPF_MARK_NEVER;
	if (!spf_name_valid(buf_str(&name)))
		mark = SPF_MARK_NEVER;
	if (mark != '\0')
		buf_printf(out, "%c%c", SPF_MARK, mark);
	for (size_t i = 0; mark != SPF_MARK_NEVER && i < name.len; i++) {
		if (name.data[i] == ' ')
			buf_puts(out, "%_");
		else if (name.data[i] == '%')
			buf_puts(out, "%%");
		else
			buf_putc(out, name.data[i]);
	}
	buf_free(&name);
	return rc;
}

static const char *
name_of(enum kind kind)
{
	for (size_t i = 0; i < NMECHANISMS; i++)
		if (mechanisms[i].kind == kind)
			return mechanisms[i].name;
	return "";
}

static int
write_term(struct writer *w, const struct term *t)
{
	unsigned cidr = w->env->ipv6 ? t->cidr6 : t->cidr4;
	bool lengths = t->kind == KIND_A || t->kind == KIND_MX;
	struct buf out = BUF_INIT;
	int rc = 0;

	if (t->kind == KIND_REDIRECT)
		buf_puts(&out, "redirect=");
	else
		buf_printf(&out, "%c%s", t->qualifier, name_of(t->kind));
	if (t->kind == KIND_IP4 || t->kind == KIND_IP6) {
		buf_printf(&out, ":%s/%u", t->address, cidr);
	} else if (t->kind != KIND_ALL) {
		if (t->kind != KIND_REDIRECT)
			buf_putc(&out, ':');
		rc = put_name(w, t, lengths && cidr == 0 ? SPF_MARK_ANY : '\0', &out);
	}
	if (lengths)
		buf_printf(&out, "/%u//%u", t->cidr4 == 0 ? 32 : t->cidr4,
		    t->cidr6 == 0 ? 128 : t->cidr6);
	put_term(w, t, &out);
	buf_free(&out);
	return rc;
}

/* Never matches a client of this family. */
static bool
is_other_family(const struct term *t, bool ipv6)
{
	return t->kind == (ipv6 ? KIND_IP4 : KIND_IP6);
}

int
spf_record_write(const char *text, size_t len, const struct spf_macro_env *env, size_t number,
    struct spf_chunks *chunks)
{
	struct writer w = { .env = env, .number = number, .chunks = chunks };
	struct term t, redirect = { .kind = KIND_ALL };
	size_t at = sizeof(VERSION) - 1, n;
	unsigned asking = 0;
	const char *s;
	bool all = false;
	int rc = 0;

	buf_puts(&w.line, VERSION);
	while (rc == 0 && next_term(text, len, &at, &s, &n)) {
		if (!read_term(s, n, &t))
			return -1;
		if (t.kind == KIND_REDIRECT)
			redirect = t;
		if (t.kind >= KIND_REDIRECT || all || asking > SPF_TERMS_MAX || is_other_family(&t, env->ipv6))
			continue;
		if ((t.kind == KIND_IP4 && t.cidr4 == 0) || (t.kind == KIND_IP6 && t.cidr6 == 0))
			t.kind = KIND_ALL;
		all = t.kind == KIND_ALL;
		/* The eleventh that asks ends the evaluation, so what is behind it is of no interest. */
		asking += t.kind != KIND_ALL && t.kind != KIND_IP4 && t.kind != KIND_IP6;
		rc = write_term(&w, &t);
	}
	if (rc == 0 && redirect.kind == KIND_REDIRECT && !all)
		rc = write_term(&w, &redirect);
	close_chunk(&w, true);
	buf_free(&w.line);
	return rc;
}

void
spf_chunks_clear(struct spf_chunks *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->v[i]);
	free(c->v);
	memset(c, 0, sizeof(*c));
}
