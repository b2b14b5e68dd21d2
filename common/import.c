/*
 * import.c -- recipient lists as people have them.
 *
 * Found out from the first line with content, since people do not know what
 * their list is called: a first word that is a key, then a value: a Postfix
 * map; a separator or a whole word in quotes: CSV; else addresses. In CSV the
 * column is the one whose heading says so, else the first that holds an
 * address.
 *
 * A list is believed whole or not at all, because a recipient that is missing
 * from it will be refused for good: so every line that is not understood is an
 * error, an address of another domain too.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/import.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/csv.h"
#include "common/rules_read.h"

/* The list while it is read. */
struct reading {
	struct import	*out;
	const char	*text, *end;
	const char	*domain;
	bool		 exact;
	struct buf	 arena;		/* local parts, a NUL after each */
	size_t		 n;
};

static void __attribute__((format(printf, 3, 4)))
complain(struct reading *r, size_t line, const char *fmt, ...)
{
	struct import *out = r->out;
	struct buf b = BUF_INIT;
	va_list ap;

	if (out->nerrors++ >= IMPORT_ERRORS_MAX)
		return;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	out->error[out->nerrors - 1] = (struct import_error) { line, buf_take(&b) };
}

/* --- one address --------------------------------------------------------- */

static void
take_local(struct reading *r, size_t line, const char *address)
{
	char local[ADDR_LOCAL_MAX + 1];
	const char *why;

	if (rules_local_canonical(address, addr_local_len(address), r->exact, local, &why) == -1) {
		complain(r, line, "%s: %s", address, why);
		return;
	}
	buf_put(&r->arena, local, strlen(local) + 1);
	r->n++;
}

/* An address of our domain, a local part alone, or `@domain'. */
static void
take(struct reading *r, size_t line, const char *s)
{
	const char *at = addr_domain(s), *why;
	char *whole;

	if (s[0] == '\0') {
		complain(r, line, "no address");
		return;
	}
	if (s[0] == '@' && addr_domain_equal(s + 1, r->domain)) {
		r->out->catch_all = true;
		return;
	}
	whole = at[0] == '\0' && s[strlen(s) - 1] != '@' ? xasprintf("%s@%s", s, r->domain)
							 : xstrdup(s);
	if (s[0] == '@')
		complain(r, line, "%s: an address of another domain than %s", s, r->domain);
	else if (addr_parse_mailbox(whole, ADDR_UTF8, &why) != ADDR_OK)
		complain(r, line, "%s: not an address: %s", s, why);
	else if (!addr_domain_equal(addr_domain(whole), r->domain))
		complain(r, line, "%s: an address of another domain than %s", s, r->domain);
	else
		take_local(r, line, whole);
	free(whole);
}

/* --- lines and maps ------------------------------------------------------ */

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The end of the first word of [p, end): a quoted part may hold blanks. */
static const char *
word_end(const char *p, const char *end)
{
	bool quoted = false;

	for (; p < end && (quoted || !blank(*p)); p++) {
		if (*p == '\\' && quoted && p + 1 < end)
			p++;
		else if (*p == '"')
			quoted = !quoted;
	}
	return p;
}

/* The first separator of [p, end) outside quotes; NULL if there is none. */
static const char *
separator(const char *p, const char *end, const char *which)
{
	bool quoted = false;

	for (; p < end; p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (!quoted && strchr(which, *p) != NULL && *p != '\0')
			return p;
	}
	return NULL;
}

static void
trim(const char **p, const char **end)
{
	while (*p < *end && blank(**p))
		++*p;
	while (*end > *p && blank((*end)[-1]))
		--*end;
}

/* Moves *pos past one line, which becomes [*p, *end). False at the end. */
static bool
next_line(const struct reading *r, const char **pos, const char **p, const char **end)
{
	const char *nl;

	if (*pos == r->end)
		return false;
	nl = memchr(*pos, '\n', (size_t)(r->end - *pos));
	*p = *pos;
	*end = nl != NULL ? nl : r->end;
	*pos = nl != NULL ? nl + 1 : r->end;
	return true;
}

/* One line with content. Its first word is the address; what may follow depends on the format. */
static void
take_line(struct reading *r, size_t line, const char *p, const char *end, bool map)
{
	const char *stop = word_end(p, end), *comma = separator(p, stop, ",;");
	char *key;

	/* `bob@example.test,Bob': a domain holds no comma. A second address would be lost. */
	if (comma != NULL && memchr(p, '@', (size_t)(comma - p)) != NULL) {
		if (memchr(comma, '@', (size_t)(end - comma)) != NULL) {
			complain(r, line, "more than one address on the line");
			return;
		}
		stop = comma;
	} else if (!map && memchr(p, '@', (size_t)(stop - p)) == NULL)
		stop = end;	/* blanks in a local part: refused below */
	key = xstrndup(p, (size_t)(stop - p));
	/* `example.test  anything' declares a domain in virtual(5) */
	if (!map || !addr_domain_equal(key, r->domain))
		take(r, line, key);
	free(key);
}

static void
read_lines(struct reading *r, bool map)
{
	const char *pos = r->text, *p, *end;

	for (size_t line = 1; next_line(r, &pos, &p, &end); line++) {
		bool indented = p < end && blank(*p);

		trim(&p, &end);
		if (p == end || *p == '#' || (map && indented))	/* a map's value goes on */
			continue;
		take_line(r, line, p, end, map);
	}
}

/* --- CSV ----------------------------------------------------------------- */

static bool
is_heading(const char *s)
{
	/* as Exchange, Google, LDAP tools and people write it */
	static const char *const heading[] = { "email", "e-mail", "mail", "address",
		"email address", "e-mail address", "emailaddress", "email_address",
		"email address [required]", "primarysmtpaddress", "primaryemail", "recipient",
		"windowsemailaddress", "mailaddress", "mailbox" };

	for (size_t i = 0; i < sizeof(heading) / sizeof(heading[0]); i++)
		if (strcasecmp(s, heading[i]) == 0)
			return true;
	return false;
}

/* The column with the address, from the first record or, under a heading that
 * does not tell, from the second. *heading: the first record is one. */
static size_t
find_column(const struct csv *first, bool *heading)
{
	size_t i;

	*heading = false;
	for (i = 0; i < first->nfields; i++)
		if (strchr(csv_field(first, i), '@') != NULL)
			return i;
	*heading = true;
	for (i = 0; i < first->nfields; i++)
		if (is_heading(csv_field(first, i)))
			return i;
	return SIZE_MAX;
}

static bool
ours(const struct reading *r, const char *field)
{
	const char *at = addr_domain(field);

	return at[0] != '\0' && addr_domain_equal(at, r->domain);
}

/* named: the heading says that this is the column. Else a second address may be one, too. */
static void
take_field(struct reading *r, const struct csv *c, size_t column, bool named)
{
	for (size_t i = 0; !named && i < c->nfields; i++)
		if (i != column && ours(r, csv_field(c, i))) {
			complain(r, c->line, "addresses in columns %zu and %zu; a heading `email' "
			    "tells which", column + 1, i + 1);
			return;
		}
	if (csv_field(c, column)[0] == '\0')
		complain(r, c->line, "no address in column %zu", column + 1);
	else
		take(r, c->line, csv_field(c, column));
}

static void
read_csv(struct reading *r, char sep)
{
	struct csv c;
	enum csv_result got;
	size_t column = SIZE_MAX;
	bool heading = false, named = false, first = true, ignored;

	csv_init(&c, r->text, (size_t)(r->end - r->text), sep);
	while ((got = csv_next(&c)) != CSV_END) {
		if (got == CSV_BAD) {
			complain(r, c.line, "%s", c.why);
			continue;
		}
		if (column == SIZE_MAX)
			column = find_column(&c, first ? &heading : &ignored);
		if (first)
			named = heading && column != SIZE_MAX;
		if (!first || !heading) {
			if (column == SIZE_MAX)
				complain(r, c.line, "no column holds an address");
			else
				take_field(r, &c, column, named);
		}
		first = false;
	}
	csv_clear(&c);
}

/* --- which of them? ------------------------------------------------------ */

/* A table whose columns are apart by TAB looks like a map but for its headings. */
static bool
tabbed_headings(const char *p, const char *end)
{
	struct csv c;
	bool found = false;

	if (memchr(p, '\t', (size_t)(end - p)) == NULL)
		return false;
	csv_init(&c, p, (size_t)(end - p), '\t');
	if (csv_next(&c) == CSV_RECORD)
		for (size_t i = 0; i < c.nfields; i++)
			found = found || is_heading(csv_field(&c, i));
	csv_clear(&c);
	return found;
}

/* A lone heading over addresses; over bare local parts it is one of them. */
static bool
lone_heading(const char *p, const char *end, const struct reading *r)
{
	char *s = xstrndup(p, (size_t)(end - p));
	bool found = is_heading(s) && memchr(end, '@', (size_t)(r->end - end)) != NULL;

	free(s);
	return found;
}

/* *sep is set for CSV. */
static enum import_format
detect(const struct reading *r, char *sep)
{
	const char *pos = r->text, *p, *end, *w, *s;

	*sep = ',';
	do {
		if (!next_line(r, &pos, &p, &end))
			return IMPORT_LINES;
		trim(&p, &end);
	} while (p == end || *p == '#');
	w = word_end(p, end);
	if (tabbed_headings(p, end)) {
		*sep = '\t';
		return IMPORT_CSV;
	}
	s = separator(p, end, ",;");
	if (s != NULL && !(w < s && memchr(p, '@', (size_t)(w - p)) != NULL)) {
		*sep = *s;
		return IMPORT_CSV;
	}
	if ((*p == '"' && w > p + 1 && w[-1] == '"') || lone_heading(p, end, r))
		return IMPORT_CSV;
	return w < end ? IMPORT_MAP : IMPORT_LINES;
}

/* --- the whole ----------------------------------------------------------- */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
sort_list(struct reading *r)
{
	struct import *out = r->out;
	const char *p;

	out->arena = buf_take(&r->arena);
	out->locals = xcalloc(r->n + 1, sizeof(*out->locals));
	p = out->arena;
	for (size_t i = 0; i < r->n; i++, p += strlen(p) + 1)
		out->locals[i] = p;
	qsort(out->locals, r->n, sizeof(*out->locals), by_text);
	for (size_t i = 0; i < r->n; i++)
		if (out->n == 0 || strcmp(out->locals[out->n - 1], out->locals[i]) != 0)
			out->locals[out->n++] = out->locals[i];
	out->duplicates = r->n - out->n;
}

/* What is not text at all: said once. */
static bool
not_text(struct reading *r)
{
	size_t len = (size_t)(r->end - r->text), line = 1;
	const char *nul = memchr(r->text, '\0', len);

	if (len >= 2 && (memcmp(r->text, "\xff\xfe", 2) == 0 ||
	    memcmp(r->text, "\xfe\xff", 2) == 0)) {
		complain(r, 1, "the file is in UTF-16; save it as UTF-8");
		return true;
	}
	if (nul == NULL)
		return false;
	for (const char *p = r->text; p < nul; p++)
		line += *p == '\n';
	complain(r, line, "a NUL byte; this is not a text file");
	return true;
}

/* The number behind some words that a line begins with; false: it begins otherwise. */
static bool
number_after(const char *p, const char *end, const char *words, size_t *n)
{
	size_t len = strlen(words);

	if ((size_t)(end - p) <= len || strncmp(p, words, len) != 0 || p[len] < '0' || p[len] > '9')
		return false;
	*n = 0;
	for (p += len; p < end && *p >= '0' && *p <= '9' && *n < SIZE_MAX / 16; p++)
		*n = *n * 10 + (size_t)(*p - '0');
	return true;
}

/* `# holdfast-export … count=12 …' */
static bool
announced(const char *p, const char *end, size_t *n)
{
	static const char head[] = "# holdfast-export ";

	if ((size_t)(end - p) < sizeof(head) || strncmp(p, head, sizeof(head) - 1) != 0)
		return false;
	for (p += sizeof(head) - 1; p < end; p++)
		if (p[-1] == ' ' && number_after(p, end, "count=", n))
			return true;
	return false;
}

/*
 * A list that says how long it is, at its beginning (then it must have an end) or in a last line
 * `# end 12': one that was cut off on its way, be it in the middle of an address, is told.
 */
static void
check_whole(struct reading *r)
{
	const char *pos = r->text, *p, *end;
	size_t lines = 0, line = 0, n, promised = SIZE_MAX, ended = SIZE_MAX;

	while (next_line(r, &pos, &p, &end)) {
		line++;
		trim(&p, &end);
		if (p == end)
			continue;
		if (*p != '#') {
			lines++;
			ended = SIZE_MAX;
		} else if (announced(p, end, &n)) {
			promised = n;
		} else if (number_after(p, end, "# end ", &n)) {
			ended = n;
		}
	}
	if (promised != SIZE_MAX && (ended == SIZE_MAX || lines != promised))
		complain(r, line, "the list was cut off: it announces %zu addresses, and %zu are there%s",
		    promised, lines, ended == SIZE_MAX ? " without its last line" : "");
	else if (ended != SIZE_MAX && ended != lines)
		complain(r, line, "the list is not whole: its last line counts %zu addresses, and %zu "
		    "are there", ended, lines);
}

void
import_parse(struct import *out, const char *text, size_t len, const char *domain, bool exact)
{
	struct reading r = { .out = out, .text = text, .end = text + len, .domain = domain,
		.exact = exact };
	char sep;

	memset(out, 0, sizeof(*out));
	if (not_text(&r))
		r.end = r.text;
	else if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.text += 3;
	out->format = detect(&r, &sep);
	if (out->format == IMPORT_CSV)
		read_csv(&r, sep);
	else
		read_lines(&r, out->format == IMPORT_MAP);
	if (out->format == IMPORT_LINES)
		check_whole(&r);
	sort_list(&r);
}

void
import_clear(struct import *im)
{
	for (size_t i = 0; i < im->nerrors && i < IMPORT_ERRORS_MAX; i++)
		free(im->error[i].reason);
	free(im->locals);
	free(im->arena);
	memset(im, 0, sizeof(*im));
}

const char *
import_format_name(enum import_format f)
{
	static const char *const names[] = { [IMPORT_LINES] = "addresses", [IMPORT_MAP] = "map",
		[IMPORT_CSV] = "csv" };

	return names[f];
}
