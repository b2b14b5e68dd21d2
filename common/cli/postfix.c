/*
 * postfix.c -- what a Postfix is configured to do, read through postconf(1).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/postfix.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cli/proc.h"

#define POSTCONF_SECONDS	10

/* --- reading ------------------------------------------------------------- */

/* The next line without its end; NULL at the end of the text. Caller frees. */
static char *
next_line(const char **text)
{
	size_t len = strcspn(*text, "\n");
	char *line;

	if (**text == '\0')
		return NULL;
	line = xstrndup(*text, len);
	*text += len + ((*text)[len] == '\n');
	return line;
}

/* "name = value" in place; NULL: no such line. */
static char *
split_setting(char *line)
{
	char *eq = strchr(line, '=');
	size_t len;

	if (eq == NULL)
		return NULL;
	len = (size_t)(eq - line);
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	line[len] = '\0';
	for (eq++; isspace((unsigned char)*eq);)
		eq++;
	return eq;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct postfix_param *)a)->name,
	    ((const struct postfix_param *)b)->name);
}

static struct postfix_param *
find(const struct postfix *p, const char *name)
{
	const struct postfix_param key = { (char *)(uintptr_t)name, NULL, NULL, false };

	return p->n == 0 ? NULL : bsearch(&key, p->param, p->n, sizeof(*p->param), by_name);
}

static void
read_all(struct postfix *p, const char *text)
{
	char *line, *value;

	while ((line = next_line(&text)) != NULL) {
		if ((value = split_setting(line)) != NULL) {
			p->param = xrealloc(p->param, p->n + 1, sizeof(*p->param));
			p->param[p->n++] =
			    (struct postfix_param){xstrdup(line), xstrdup(value), NULL, false};
		}
		free(line);
	}
	if (p->n > 0)
		qsort(p->param, p->n, sizeof(*p->param), by_name);
}

static void
read_more(struct postfix *p, const char *text, bool set)
{
	struct postfix_param *q;
	char *line, *value;

	while ((line = next_line(&text)) != NULL) {
		if ((value = split_setting(line)) != NULL && (q = find(p, line)) != NULL) {
			if (set)
				q->set = true;
			else {
				free(q->expanded);
				q->expanded = xstrdup(value);
			}
		}
		free(line);
	}
}

static void
read_services(struct words *w, const char *text)
{
	char *line, *joined;
	struct words fields;

	while ((line = next_line(&text)) != NULL) {
		if (!isspace((unsigned char)line[0])) {
			words_split(&fields, line);
			joined = words_join(&fields, " ");
			if (fields.n >= 8)
				words_add(w, joined);
			free(joined);
			words_clear(&fields);
		}
		free(line);
	}
}

static void
read_lines(struct words *w, const char *text)
{
	char *line;

	while ((line = next_line(&text)) != NULL) {
		words_add(w, line);
		free(line);
	}
}

struct postfix *
postfix_parse(const char *dir, const char *all, const char *set, const char *expanded,
    const char *types, const char *services, const char *overrides)
{
	struct postfix *p = xcalloc(1, sizeof(*p));

	p->dir = xstrdup(dir);
	read_all(p, all);
	read_more(p, set, true);
	read_more(p, expanded, false);
	words_split(&p->types, types);
	read_services(&p->services, services);
	read_lines(&p->overrides, overrides);
	return p;
}

/* What postconf prints; NULL and *why. */
static char *
ask(const char *dir, const char *option, char **why)
{
	const char *argv[] = { "postconf", "-c", dir, option, NULL };
	struct proc p = { .argv = argv, .seconds = POSTCONF_SECONDS };
	char *out = NULL;

	if (proc_run(&p))
		out = buf_take(&p.out);
	else
		*why = xstrdup(p.why);
	proc_clear(&p);
	return out;
}

struct postfix *
postfix_read(const char *dir, char **why)
{
	/* -M and -P came later than the rest (2.9, 2.11), but every supported system has them. */
	static const char *const options[6] = { NULL, "-n", "-x", "-m", "-M", "-P" };
	char *text[6] = { NULL };
	struct postfix *p = NULL;
	size_t i;

	for (i = 0; i < 6 && (text[i] = ask(dir, options[i], why)) != NULL; i++)
		;
	if (i == 6)
		p = postfix_parse(dir, text[0], text[1], text[2], text[3], text[4], text[5]);
	for (i = 0; i < 6; i++)
		free(text[i]);
	return p;
}

void
postfix_free(struct postfix **pp)
{
	struct postfix *p = *pp;

	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->param[i].name);
		free(p->param[i].value);
		free(p->param[i].expanded);
	}
	free(p->param);
	words_clear(&p->types);
	words_clear(&p->services);
	words_clear(&p->overrides);
	free(p->dir);
	free(p);
	*pp = NULL;
}

/* --- asking -------------------------------------------------------------- */

bool
postfix_knows(const struct postfix *p, const char *name)
{
	return find(p, name) != NULL;
}

const char *
postfix_value(const struct postfix *p, const char *name)
{
	const struct postfix_param *q = find(p, name);

	return q != NULL ? q->value : "";
}

const char *
postfix_expanded(const struct postfix *p, const char *name)
{
	const struct postfix_param *q = find(p, name);

	if (q == NULL)
		return "";
	return q->expanded != NULL ? q->expanded : q->value;
}

bool
postfix_is_set(const struct postfix *p, const char *name)
{
	const struct postfix_param *q = find(p, name);

	return q != NULL && q->set;
}

long long
postfix_number(const struct postfix *p, const char *name)
{
	return strtoll(postfix_expanded(p, name), NULL, 10);
}

bool
postfix_has_type(const struct postfix *p, const char *type)
{
	return words_have(&p->types, type);
}

/* The fields of the service that listens on port 25: "smtp", "25", or either after "address:". */
static bool
is_port25(const struct words *f)
{
	const char *colon = strrchr(f->v[0], ':'), *port = colon != NULL ? colon + 1 : f->v[0];

	return strcmp(f->v[1], "inet") == 0 &&
	       (strcmp(port, "smtp") == 0 || strcmp(port, "25") == 0);
}

/* Fields of the n-th service; to be cleared. */
static bool
service(const struct postfix *p, size_t i, struct words *f)
{
	words_split(f, p->services.v[i]);
	return f->n >= 8;
}

bool
postfix_listens(const struct postfix *p, bool *chrooted)
{
	bool listens = false, screened = false, chroot25 = false, chroot_pass = false;
	struct words f;

	for (size_t i = 0; i < p->services.n; i++) {
		if (service(p, i, &f) && is_port25(&f)) {
			listens = true;
			chroot25 = chroot25 || f.v[4][0] == 'y';
			screened = screened || strcmp(f.v[7], "postscreen") == 0;
		}
		/* behind postscreen */
		if (f.n >= 8 && strcmp(f.v[0], "smtpd") == 0 && strcmp(f.v[1], "pass") == 0)
			chroot_pass = f.v[4][0] == 'y';
		words_clear(&f);
	}
	*chrooted = screened ? chroot_pass : chroot25;
	return listens;
}

bool
postfix_chrooted(const struct postfix *p, const char *name)
{
	bool chrooted = false;
	struct words f;

	for (size_t i = 0; i < p->services.n; i++) {
		if (service(p, i, &f) && strcmp(f.v[0], name) == 0 && strcmp(f.v[1], "unix") == 0)
			chrooted = f.v[4][0] == 'y';
		words_clear(&f);
	}
	return chrooted;
}

const char *
postfix_override(const struct postfix *p, const char *name)
{
	static const char *const who[] = { "smtp/inet/", "25/inet/", "smtpd/pass/" };

	for (size_t i = 0; i < p->overrides.n; i++)
		for (size_t k = 0; k < sizeof(who) / sizeof(who[0]); k++) {
			const char *s = p->overrides.v[i];
			size_t n = strlen(who[k]), len = strlen(name);

			if (strncmp(s, who[k], n) == 0 && strncmp(s + n, name, len) == 0 &&
			    strncmp(s + n + len, " =", 2) == 0)
				return s + n + len + 2 + strspn(s + n + len + 2, " ");
		}
	return NULL;
}
