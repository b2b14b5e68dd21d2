/*
 * help.c -- help texts, made from the table of commands, and suggestions.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include "common/cli/cli.h"
#include "common/cli/out.h"
#include "common/conf.h"

#define NEAR_MAX	24	/* longer words are not compared */

/* Two columns; what does not fit into the first has a line of its own. */
static void
row(const char *margin, const char *head, int width, const char *text)
{
	int pad = width - (int)out_columns(head);

	if (pad < 0)
		(void)printf("%s%s\n%s%*s  %s\n", margin, head, margin, width, "", text);
	else
		(void)printf("%s%s%*s  %s\n", margin, head, pad, "", text);
}

static void
print_global(void)
{
	row("  ", "-c, --config FILE", 32, "configuration (default " CONF_DEFAULT_PATH ")");
	row("  ", "    --json", 32, "one JSON object a line");
	row("  ", "-h, --help", 32, "this text");
}

static void
list_commands(const char *group)
{
	size_t len = group != NULL ? strlen(group) : 0;

	for (size_t i = 0; cli_commands[i] != NULL; i++) {
		const struct command *k = cli_commands[i];
		char head[80];

		if (group != NULL && (strncmp(k->name, group, len) != 0 || k->name[len] != ' '))
			continue;
		(void)snprintf(head, sizeof(head), "%s%s%s", k->name,
		    k->args[0] != '\0' ? " " : "", k->args);
		row("  ", head, 36, k->help);
	}
}

void
cli_help_all(void)
{
	(void)printf("usage: holdfast [-c FILE] [--json] COMMAND …\n\n"
	    "Sets up and looks into Holdfast, a backup MX.\n\ncommands:\n");
	list_commands(NULL);
	(void)printf("\noptions:\n");
	print_global();
	row("  ", "-V, --version", 32, "print the version");
	(void)printf("\n`holdfast COMMAND --help' shows options and examples. See holdfast(1).\n");
}

void
cli_help_group(const char *group)
{
	(void)printf("usage: holdfast %s COMMAND …\n\ncommands:\n", group);
	list_commands(group);
	(void)printf("\n`holdfast %s COMMAND --help' shows options and examples.\n", group);
}

/* Each line of the text, moved in. */
static void
indent(const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		(void)printf("  %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

void
cli_help_command(const struct command *k)
{
	(void)printf("usage: holdfast %s%s%s%s\n\n%s\n\noptions:\n", k->name,
	    k->args[0] != '\0' ? " " : "", k->args, k->options != NULL ? " [options]" : "",
	    k->help);
	for (const struct cli_option *o = k->options; o != NULL && o->name != NULL; o++) {
		char head[64];

		(void)snprintf(head, sizeof(head), "--%s%s%s", o->name,
		    o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "");
		row("      ", head, 28, o->help);
	}
	if (k->offline)
		row("      ", "--offline", 28, "read the queue's files; holdfast-queued must be stopped");
	print_global();
	(void)printf("\nexamples:\n");
	indent(k->examples);
}

static size_t
least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that make b of a. */
static size_t
distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), d[NEAR_MAX + 1][NEAR_MAX + 1];

	if (la > NEAR_MAX || lb > NEAR_MAX)
		return NEAR_MAX;
	for (size_t i = 0; i <= la; i++)
		for (size_t j = 0; j <= lb; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least_of(least_of(d[i - 1][j], d[i][j - 1]) + 1,
			    d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least_of(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[la][lb];
}

const char *
cli_nearest(const char *word, const char *const *words, size_t n)
{
	const char *best = NULL;
	size_t least = strlen(word) / 2 < 3 ? strlen(word) / 2 + 1 : 4;	/* what is nearer */

	for (size_t i = 0; i < n; i++) {
		size_t d = distance(word, words[i]);

		if (d > 1 && strlen(word) > 1 && strncmp(word, words[i], strlen(word)) == 0)
			d = 1;	/* its beginning */
		if (d < least) {
			least = d;
			best = words[i];
		}
	}
	return best;
}
