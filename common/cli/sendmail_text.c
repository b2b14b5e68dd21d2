/*
 * sendmail_text.c -- Sendmail's configuration as text: what setup puts in, what
 * it and doctor look for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cli/setup_sendmail.h"

#define BEGIN	"dnl holdfast: begin (`holdfast setup' writes this block anew)"
#define END	"dnl holdfast: end"

const char sendmail_m4[] =
#include "common/cli/sendmail_m4.h"
    ;

/* --- lines --------------------------------------------------------------- */

struct line {
	const char	*s;
	size_t		 len;		/* without its end */
};

static bool
next_line(const char **text, struct line *l)
{
	if (**text == '\0')
		return false;
	l->s = *text;
	l->len = strcspn(*text, "\n");
	*text += l->len + ((*text)[l->len] == '\n');
	return true;
}

static bool
begins(const struct line *l, const char *with)
{
	return l->len >= strlen(with) && strncmp(l->s, with, strlen(with)) == 0;
}

/* --- sendmail.mc --------------------------------------------------------- */

/* "MAILER(`smtp')dnl", not MAILER_DEFINITIONS, not commented out. */
static bool
is_mailer(const struct line *l)
{
	struct line at = *l;

	while (at.len > 0 && isblank((unsigned char)at.s[0])) {
		at.s++;
		at.len--;
	}
	return begins(&at, "MAILER(");
}

/* The text without our block, and the limit that the block sets. */
static void
strip(const char *mc, struct buf *out, uint64_t *limit)
{
	static const char set[] = "define(`confMAX_MESSAGE_SIZE', `";
	bool inside = false;
	struct line l;

	*limit = 0;

	while (next_line(&mc, &l)) {
		if (begins(&l, BEGIN))
			inside = true;
		else if (begins(&l, END))
			inside = false;
		else if (inside && begins(&l, set))
			*limit = strtoull(l.s + strlen(set), NULL, 10);
		else if (!inside)
			buf_printf(out, "%.*s\n", (int)l.len, l.s);
	}
}

static void
put_block(const struct sendmail_wish *w, uint64_t limit, struct buf *out)
{
	buf_printf(out, BEGIN "\n");
	if (limit != 0)
		buf_printf(out, "define(`confMAX_MESSAGE_SIZE', `%llu')dnl\n",
		    (unsigned long long)limit);
	buf_printf(out, "define(`HOLDFAST_MILTER', `%s')dnl\n"
	    "define(`HOLDFAST_QUEUED', `%s')dnl\n"
	    "define(`HOLDFAST_DOMAINS', `%s/holdfast-domains')dnl\n"
	    "include(`%s/holdfast.m4')dnl\n" END "\n", w->milter, w->lmtp, w->dir, w->dir);
}

bool
sendmail_mc_text(const char *mc, const struct sendmail_wish *w, uint64_t limit, struct buf *out,
    const char **why)
{
	struct buf bare = BUF_INIT;
	const char *text, *after = NULL;
	uint64_t before;
	struct line l;

	strip(mc, &bare, &before);
	if (limit < before)
		limit = before;
	text = buf_str(&bare);
	while (next_line(&text, &l))
		if (is_mailer(&l))
			after = text;
	if (after != NULL) {
		buf_put(out, bare.data, (size_t)(after - bare.data));
		put_block(w, limit, out);
		buf_puts(out, after);
	} else
		*why = "it has no MAILER() line";
	buf_free(&bare);
	return after != NULL;
}

void
sendmail_domains_text(const struct words *domains, struct buf *out)
{
	/* Sendmail takes each word of a line as a name: no comment here. */
	for (size_t i = 0; i < domains->n; i++)
		buf_printf(out, "%s\n", domains->v[i]);
}

/* --- sendmail.cf --------------------------------------------------------- */

char *
sendmail_option(const char *cf, const char *name)
{
	size_t n = strlen(name);
	struct line l;

	while (next_line(&cf, &l))
		if (begins(&l, "O ") && l.len > n + 2 && strncasecmp(l.s + 2, name, n) == 0 &&
		    l.s[2 + n] == '=')
			return xstrndup(l.s + 3 + n, l.len - 3 - n);
	return NULL;
}

void
sendmail_own_names(const char *cf, struct words *names, struct words *files)
{
	struct words w;
	struct line l;
	char *rest;

	while (next_line(&cf, &l)) {
		if (!begins(&l, "Cw") && !begins(&l, "Fw"))
			continue;
		rest = xstrndup(l.s + 2, l.len - 2);
		words_split(&w, rest);
		/* "Fw-o /etc/mail/local-host-names" */
		for (size_t i = 0; i < w.n; i++)
			if (w.v[i][0] != '-' && w.v[i][0] != '%')
				words_add(l.s[0] == 'C' ? names : files, w.v[i]);
		words_clear(&w);
		free(rest);
	}
}

/* The "Xholdfast, S=…" line, whole. */
static bool
asks_milter(const char *cf, const char *milter, bool *tempfail)
{
	struct line l;
	bool there = false;

	while (next_line(&cf, &l)) {
		char *text;

		if (!begins(&l, "Xholdfast,"))
			continue;
		text = xstrndup(l.s, l.len);
		there = strstr(text, milter) != NULL;
		*tempfail = strstr(text, "F=T") != NULL;
		free(text);
	}
	return there;
}

const char *
sendmail_lacks(const char *cf, const struct sendmail_wish *w)
{
	char *filters = sendmail_option(cf, "InputMailFilters");
	bool tempfail = false, mailer = false, last;
	struct words list;
	struct line l;
	const char *text = cf;

	words_split(&list, filters != NULL ? filters : "");
	last = list.n > 0 && strcmp(list.v[list.n - 1], "holdfast") == 0;
	words_clear(&list);
	free(filters);
	while (next_line(&text, &l))
		mailer = mailer || begins(&l, "Mholdfast,");
	if (!asks_milter(cf, w->milter, &tempfail))
		return "it does not ask Holdfast's milter";
	if (!tempfail)
		return "its filter lacks F=T: mail would pass unscreened while the milter is away";
	if (!last)
		return "Holdfast is not the last of its InputMailFilters";
	return mailer ? NULL : "it lacks the mailer by which Holdfast gets what Sendmail has kept";
}

bool
sendmail_names_have(const char *text, const char *name)
{
	struct line l;
	bool have = false;

	while (next_line(&text, &l) && !have) {
		size_t from = 0, len = l.len;

		while (from < len && isspace((unsigned char)l.s[from]))
			from++;
		while (len > from && isspace((unsigned char)l.s[len - 1]))
			len--;
		have = len - from == strlen(name) && strncasecmp(l.s + from, name, len - from) == 0;
	}
	return have;
}
