/*
 * recipient.c -- holdfast recipient: who is known in a domain.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/clock.h"
#include "common/import.h"

#define LIST_MAX	(256u * 1024 * 1024)	/* octets of a list */

/* --- import -------------------------------------------------------------- */

static int
read_file(const char *path, struct buf *b)
{
	char piece[65536];
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	size_t n;
	int status = EX_OK;

	if (f == NULL)
		return cli_fail(errno == EACCES ? EX_NOPERM : EX_NOINPUT, "%s: %s", path,
		    strerror(errno));
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0 && b->len <= LIST_MAX)
		buf_put(b, piece, n);
	if (ferror(f))
		status = cli_fail(errno == EISDIR ? EX_NOINPUT : EX_IOERR, "%s: %s", path,
		    strerror(errno));
	else if (b->len > LIST_MAX)
		status = cli_fail(EX_DATAERR, "%s: larger than %u MB", path, LIST_MAX >> 20);
	if (f != stdin)
		(void)fclose(f);
	return status;
}

static int
tell_errors(const struct import *im, const char *path)
{
	const char *name = strcmp(path, "-") == 0 ? "stdin" : path;

	for (size_t i = 0; i < im->nerrors && i < IMPORT_ERRORS_MAX; i++)
		(void)fprintf(stderr, "%s:%zu: %s\n", out_safe(name), im->error[i].line,
		    out_safe(im->error[i].reason));
	return cli_fail(EX_DATAERR, "%zu bad %s in what was read as %s%s; nothing was changed",
	    im->nerrors, im->nerrors == 1 ? "line" : "lines", im->format == IMPORT_LINES
		? "one address a line" : im->format == IMPORT_MAP ? "a Postfix map" : "CSV",
	    im->nerrors > IMPORT_ERRORS_MAX ? " (the first 50 are shown)" : "");
}

static void
progress(void *arg, size_t done, size_t total)
{
	(void)arg;
	(void)fprintf(stderr, "\rimporting %3zu %%%s", total > 0 ? done * 100 / total : 100,
	    done == total ? "\r\033[K" : "");
}

static void
report(const struct cli *c, const char *domain, const struct import *im,
    const struct rules_edit_import *done)
{
	if (c->json) {
		out_json(json_pack("{s:s,s:I,s:I,s:I,s:I,s:b,s:s}", "domain", domain, "imported",
		    (json_int_t)im->n, "added", (json_int_t)done->added, "removed",
		    (json_int_t)done->removed, "duplicates", (json_int_t)im->duplicates,
		    "catch_all", im->catch_all, "format", import_format_name(im->format)));
		return;
	}
	(void)printf("imported %zu (added %zu, removed %zu)", im->n, done->added, done->removed);
	if (im->duplicates > 0)
		(void)printf(", %s merged",
		    out_count(im->duplicates, "duplicate", "duplicates"));
	(void)printf("%s\n", im->catch_all ? "; the catch-all is on" : "");
}

/* The new list takes the place of the old in one transaction. */
static int
store_list(struct cli *c, struct rules_edit *e, const char *domain, const struct import *im)
{
	struct rules_edit_import list = { .locals = im->locals, .n = im->n,
		.catch_all = im->catch_all, .force = cli_option(c, "force") != NULL,
		.now = clock_wall(),
		.progress = isatty(STDERR_FILENO) && im->n > 20000 ? progress : NULL };
	char *why = NULL;
	enum rules_edit_result r = rules_edit_recipient_import(e, domain, &list, &why);

	if (r == EDIT_OK)
		report(c, domain, im, &list);
	else if (r == EDIT_SHRINK) {
		char *more = xasprintf("%s; nothing was changed (--force if that is right)", why);

		free(why);
		why = more;
	}
	return cli_edit_failed(r, &why);
}

static int
import(struct cli *c)
{
	struct rules_edit *e = NULL;
	struct buf text = BUF_INIT;
	struct import im;
	char *domain = NULL, *why = NULL;
	bool exact = false;
	int status;

	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_domain_find(e, c->argv[0], &domain, &exact, &why),
	    &why);
	if (status == EX_OK && (status = read_file(c->argv[1], &text)) == EX_OK) {
		import_parse(&im, buf_str(&text), text.len, domain, exact);
		status = im.nerrors > 0 ? tell_errors(&im, c->argv[1])
					: store_list(c, e, domain, &im);
		import_clear(&im);
	}
	buf_free(&text);
	free(domain);
	return cli_edit_close(c, &e, status);
}

/* --- add, remove --------------------------------------------------------- */

/* All addresses must be of one domain: one change, one transaction. NULL: told. */
static const char *
common_domain(const struct cli *c)
{
	const char *domain = addr_domain(c->argv[0]), *why;

	for (int i = 0; i < c->argc; i++) {
		if (addr_parse_mailbox(c->argv[i], ADDR_UTF8, &why) != ADDR_OK) {
			(void)cli_fail(EX_DATAERR, "%s: not an address: %s", c->argv[i], why);
			return NULL;
		}
		if (!addr_domain_equal(addr_domain(c->argv[i]), domain)) {
			(void)cli_fail(EX_DATAERR, "%s: one domain at a time, and the first was %s",
			    c->argv[i], domain);
			return NULL;
		}
	}
	return domain;
}

typedef enum rules_edit_result change_fn(struct rules_edit *, const char *, const char *const *,
    size_t, size_t *, char **);

static int
change(struct cli *c, change_fn *fn, const char *verb, const char *others)
{
	const char *domain = common_domain(c);
	size_t n = (size_t)c->argc, changed = 0;
	struct rules_edit *e = NULL;
	char **locals, *why = NULL;
	int status;

	if (domain == NULL)
		return EX_DATAERR;
	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	locals = xcalloc(n, sizeof(*locals));
	for (size_t i = 0; i < n; i++)
		locals[i] = xstrndup(c->argv[i], addr_local_len(c->argv[i]));
	status = cli_edit_failed(fn(e, domain, (const char *const *)locals, n, &changed, &why),
	    &why);
	for (size_t i = 0; i < n; i++)
		free(locals[i]);
	free(locals);
	status = cli_edit_close(c, &e, status);
	if (status != EX_OK)
		return status;
	if (c->json)
		out_json(json_pack("{s:s,s:I}", "domain", domain, verb, (json_int_t)changed));
	else
		(void)printf("%s %zu%s%s\n", verb, changed, changed < n ? "; " : "",
		    changed < n ? others : "");
	return EX_OK;
}

static int
add(struct cli *c)
{
	return change(c, rules_edit_recipient_add, "added", "the others were listed already");
}

static int
remove_(struct cli *c)
{
	return change(c, rules_edit_recipient_remove, "removed", "the others were not listed");
}

/* --- list ---------------------------------------------------------------- */

/* As it would be written in an address. */
static void
format_address(struct buf *b, const char *local, const char *domain)
{
	static const char special[] = " \"(),:;<>[\\]";	/* RFC 5321 4.1.2: not in an Atom */
	size_t len = strlen(local);

	buf_clear(b);
	if (strpbrk(local, special) == NULL && local[0] != '.' && local[len - 1] != '.' &&
	    strstr(local, "..") == NULL) {
		buf_printf(b, "%s@%s", local, domain);
		return;
	}
	buf_putc(b, '"');
	for (; *local != '\0'; local++) {
		if (*local == '"' || *local == '\\')
			buf_putc(b, '\\');
		buf_putc(b, *local);
	}
	buf_printf(b, "\"@%s", domain);
}

static void
list_domain(const struct cli *c, const struct ruleset *set, const struct rules_domain *d)
{
	struct buf b = BUF_INIT;

	if (d->catch_all[0] != '\0') {
		if (c->json)
			out_json(json_pack("{s:s,s:s,s:b}", "domain", d->name, "address", "@",
			    "catch_all", 1));
		else
			(void)printf("@%s\n", out_safe(d->name));
	}
	for (size_t i = 0; i < d->nrecipients; i++) {
		format_address(&b, ruleset_recipient_at(set, d, i), d->name);
		if (c->json)
			out_json(json_pack("{s:s,s:o}", "domain", d->name, "address",
			    out_string(buf_str(&b))));
		else
			(void)puts(out_safe(buf_str(&b)));
	}
	buf_free(&b);
}

static int
list(struct cli *c)
{
	struct ruleset *set = NULL;
	const struct rules_domain *d;
	int status = cli_rules(c, &set);

	if (status != EX_OK)
		return status;
	if (c->argc == 0)
		for (size_t i = 0; i < ruleset_ndomains(set); i++)
			list_domain(c, set, ruleset_domain_at(set, i));
	else if ((d = ruleset_domain(set, c->argv[0])) != NULL)
		list_domain(c, set, d);
	else
		status = cli_fail(EX_DATAERR, "there is no domain `%s'", c->argv[0]);
	ruleset_unref(&set);
	return status;
}

static const struct cli_option import_options[] = {
	{ "force", NULL, "even if the list is empty or shrinks by more than 20 %" },
	{ NULL, NULL, NULL }
};

const struct command command_recipient_import = {
	.name = "recipient import", .args = "NAME FILE|-",
	.help = "Replace a domain's recipient list: addresses, a Postfix map or CSV.",
	.examples = "holdfast recipient import example.test valid-users.txt\n"
		    "ssh primary cat /etc/postfix/relay_recipients | holdfast recipient import "
		    "example.test -",
	.min_args = 2, .max_args = 2, .options = import_options, .run = import,
};
const struct command command_recipient_add = {
	.name = "recipient add", .args = "ADDRESS …",
	.help = "Add recipients of one domain to its list.",
	.examples = "holdfast recipient add alice@example.test bob@example.test",
	.min_args = 1, .max_args = -1, .run = add,
};
const struct command command_recipient_remove = {
	.name = "recipient remove", .args = "ADDRESS …",
	.help = "Take recipients off their domain's list.",
	.examples = "holdfast recipient remove alice@example.test",
	.min_args = 1, .max_args = -1, .run = remove_,
};
const struct command command_recipient_list = {
	.name = "recipient list", .args = "[NAME]",
	.help = "Print the recipients, one a line; `import' reads that again.",
	.examples = "holdfast recipient list example.test\n"
		    "holdfast recipient list example.test | diff - valid-users.txt",
	.min_args = 0, .max_args = 1, .run = list,
};
