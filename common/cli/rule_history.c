/*
 * rule_history.c -- holdfast rule history, undo, export, import.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/conf.h"
#include "common/rules_file.h"
#include "common/rules_history.h"

#define SHOWN		20		/* changes that are listed if nothing is said */
#define FILE_MAX	(64u << 20)	/* bytes of a file to be imported */

/* --- history ----------------------------------------------------------------- */

static json_t *
change_json(const struct rules_change *c)
{
	json_t *o = json_pack("{s:I,s:I,s:I,s:o,s:o}", "id", (json_int_t)c->id, "time", (json_int_t)c->time,
	    "batch", (json_int_t)c->batch, "who", out_string(c->who), "table", out_string(c->table));

	json_object_set(o, "before", c->before != NULL ? c->before : json_null());
	json_object_set(o, "after", c->after != NULL ? c->after : json_null());
	return o;
}

struct listing {
	const struct cli	*c;
	struct out_table	*t;
};

static void
one_change(void *arg, const struct rules_change *c)
{
	struct listing *l = arg;
	char id[24], *words;

	if (l->c->json) {
		out_json(change_json(c));
		return;
	}
	(void)snprintf(id, sizeof(id), "%lld", (long long)c->id);
	words = rules_change_text(c);
	out_cell(l->t, id);
	out_cell(l->t, out_date(c->time));
	out_cell(l->t, c->who);
	out_cell(l->t, words);
	free(words);
}

static int
history(struct cli *c)
{
	static const char *const headings[] = { "CHANGE", "WHEN", "WHO", "WHAT" };
	struct listing l = { c, NULL };
	const struct conf *conf = cli_conf(c);
	char *why = NULL, *end;
	long n = SHOWN;
	int status;

	if (conf == NULL)
		return EX_CONFIG;
	if (c->argc > 0 && ((n = strtol(c->argv[0], &end, 10)) < 1 || *end != '\0'))
		return cli_usage(c, "`%s' is not a number of changes", c->argv[0]);
	if (!c->json)
		l.t = out_table_new(headings, 4, "rlll");
	status = cli_read_failed(rules_history_each(conf->rules_db, (size_t)n, one_change, &l, &why), &why);
	if (l.t != NULL)
		out_table_print(&l.t, c);
	return status;
}

static int
undo(struct cli *c)
{
	struct rules_edit *e = NULL;
	char *why = NULL, *end;
	long long given = 0;
	int64_t id;
	size_t n = 0;
	int status;

	if (c->argc > 0 && ((given = strtoll(c->argv[0], &end, 10)) < 1 || *end != '\0'))
		return cli_usage(c, "`%s' is not the number of a change", c->argv[0]);
	if ((status = cli_edit(c, &e)) != EX_OK)
		return status;
	id = given;
	status = cli_edit_failed(rules_history_undo(e, &id, &n, &why), &why);
	status = cli_edit_close(c, &e, status);
	if (status != EX_OK)
		return status;
	if (c->json)
		out_json(json_pack("{s:I,s:I}", "undone", (json_int_t)id, "rows", (json_int_t)n));
	else
		(void)printf("undone: change %lld, %s\n", (long long)id, out_count(n, "row", "rows"));
	return EX_OK;
}

/* --- export ------------------------------------------------------------------ */

static int
write_out(const char *path, const struct buf *text)
{
	FILE *f = path == NULL || strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
	bool good;

	if (f == NULL)
		return cli_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	good = fwrite(buf_str(text), 1, text->len, f) == text->len && fflush(f) == 0;
	if (f != stdout && fclose(f) != 0)
		good = false;
	return good ? EX_OK : cli_fail(EX_IOERR, "%s: %s", path != NULL ? path : "-", strerror(errno));
}

static int
export(struct cli *c)
{
	const struct conf *conf = cli_conf(c);
	struct buf text = BUF_INIT;
	char *why = NULL;
	int status;

	if (conf == NULL)
		return EX_CONFIG;
	status = cli_read_failed(rules_file_export(conf->rules_db, &text, &why), &why);
	if (status == EX_OK)
		status = write_out(c->argc > 0 ? c->argv[0] : NULL, &text);
	buf_free(&text);
	return status;
}

/* --- import ------------------------------------------------------------------ */

static int
read_in(const char *path, struct buf *text)
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), status = EX_OK;
	char piece[65536];
	ssize_t n = 0;

	if (fd == -1)
		return cli_fail(EX_NOINPUT, "%s: %s", path, strerror(errno));
	while (status == EX_OK && (n = read(fd, piece, sizeof(piece))) > 0) {
		buf_put(text, piece, (size_t)n);
		if (text->len > FILE_MAX)
			status = cli_fail(EX_DATAERR, "%s: larger than 64 MiB", path);
	}
	if (n == -1)
		status = cli_fail(EX_IOERR, "%s: %s", path, strerror(errno));
	if (fd != STDIN_FILENO)
		(void)close(fd);
	return status;
}

static void
show_change(void *arg, const struct rules_change *c)
{
	const struct cli *cli = arg;
	char *words = rules_change_text(c);

	if (cli->json)
		out_json(change_json(c));
	else
		(void)printf("%s\n", out_safe(words));
	free(words);
}

static int
import(struct cli *c)
{
	struct rules_file_import im = { .name = strcmp(c->argv[0], "-") == 0 ? "standard input" : c->argv[0],
	    .merge = cli_option(c, "merge") != NULL, .force = cli_option(c, "force") != NULL,
	    .dry = cli_option(c, "dry-run") != NULL, .changed = show_change, .arg = c };
	struct rules_edit *e = NULL;
	struct buf text = BUF_INIT;
	char *why = NULL;
	int status = read_in(c->argv[0], &text);

	if (status == EX_OK && (status = cli_edit(c, &e)) == EX_OK)
		status = cli_edit_failed(rules_file_import(e, buf_str(&text), text.len, &im, &why), &why);
	status = cli_edit_close(c, &e, status);
	buf_free(&text);
	if (status != EX_OK)
		return status;
	if (c->json)
		out_json(json_pack("{s:I,s:I,s:I,s:b}", "added", (json_int_t)im.added, "removed",
		    (json_int_t)im.removed, "changed", (json_int_t)im.altered, "dry", im.dry));
	else
		(void)printf("%s%zu added, %zu changed, %zu removed\n", im.dry ? "would be: " : "", im.added,
		    im.altered, im.removed);
	return EX_OK;
}

static const struct cli_option import_options[] = {
	{ "merge", NULL, "keep what the file does not have" },
	{ "dry-run", NULL, "only show what would change" },
	{ "force", NULL, "let domains go that the file does not have" },
	{ NULL, NULL, NULL }
};

const struct command command_rule_history = {
	.name = "rule history", .args = "[N]",
	.help = "List the last changes of the rules: who, when, from what to what.",
	.examples = "holdfast rule history\nholdfast rule history 100 --json",
	.min_args = 0, .max_args = 1, .run = history,
};
const struct command command_rule_undo = {
	.name = "rule undo", .args = "[CHANGE]",
	.help = "Take back the last change, or the one of that number.",
	.examples = "holdfast rule undo\nholdfast rule undo 42",
	.min_args = 0, .max_args = 1, .run = undo,
};
const struct command command_rule_export = {
	.name = "rule export", .args = "[FILE]",
	.help = "Write all rules but the recipients as text, one row a line.",
	.examples = "holdfast rule export | diff - /etc/holdfast/rules.txt\nholdfast rule export rules.txt",
	.min_args = 0, .max_args = 1, .run = export,
};
const struct command command_rule_import = {
	.name = "rule import", .args = "FILE|-",
	.help = "Make the rules what a file of `rule export' says, as a whole or not at all.",
	.examples = "holdfast rule import rules.txt --dry-run\nholdfast rule import rules.txt\n"
		    "holdfast rule import more.txt --merge",
	.min_args = 1, .max_args = 1, .options = import_options, .run = import,
};
