/*
 * cli.c -- the command line: which sub-command, its options, its help.
 *
 * Global options may stand anywhere. Everything that is wrong with a command
 * line ends in EX_USAGE and one line that says what, before anything is done.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include "common/cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/log.h"

static void __attribute__((format(printf, 1, 0)))
say(const char *fmt, va_list ap)
{
	struct buf b = BUF_INIT;
	char *safe;
	size_t size;

	buf_vprintf(&b, fmt, ap);
	size = b.len * 4 + 1;
	safe = xcalloc(1, size);
	(void)log_escape(safe, size, buf_str(&b), b.len);
	(void)fflush(stdout);
	(void)fprintf(stderr, "holdfast: %s\n", safe);
	free(safe);
	buf_free(&b);
}

int
cli_fail(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return status;
}

void
cli_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

int
cli_usage(const struct cli *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	if (c->command != NULL)
		(void)fprintf(stderr, "usage: holdfast %s%s%s%s (holdfast %s --help)\n",
		    c->command->name, c->command->args[0] != '\0' ? " " : "", c->command->args,
		    c->command->options != NULL ? " [options]" : "", c->command->name);
	else
		(void)fprintf(stderr, "usage: holdfast [-c FILE] [--json] COMMAND … "
				      "(holdfast --help)\n");
	return EX_USAGE;
}

bool
cli_confirm(const char *question)
{
	char answer[16];

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	(void)fprintf(stderr, "%s [y/N] ", question);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	    (answer[0] == 'y' || answer[0] == 'Y');
}

const struct conf *
cli_conf(struct cli *c)
{
	char *why = NULL;

	if (c->conf == NULL && (c->conf = conf_load(c->conf_path, &why)) == NULL) {
		cli_note("%s", why);
		if (access(c->conf_path, F_OK) == -1 && errno == ENOENT)
			cli_note("`holdfast init' writes one");
		free(why);
	}
	return c->conf;
}

const char *
cli_option(const struct cli *c, const char *name)
{
	for (size_t i = 0; c->command->options[i].name != NULL; i++)
		if (strcmp(c->command->options[i].name, name) == 0)
			return c->value[i];
	abort();	/* the command does not have it: our own mistake */
}

/* --- which command ------------------------------------------------------- */

/* Does the command's name consist of the first words? How many, or 0. */
static int
words_match(const char *name, int argc, char **argv)
{
	int words = 0;

	while (*name != '\0') {
		size_t len = strcspn(name, " ");

		if (words == argc || strlen(argv[words]) != len ||
		    strncmp(argv[words], name, len) != 0)
			return 0;
		words++;
		name += len + (name[len] == ' ');
	}
	return words;
}

static bool
is_group(const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; cli_commands[i] != NULL; i++)
		if (strncmp(cli_commands[i]->name, word, len) == 0 &&
		    cli_commands[i]->name[len] == ' ')
			return true;
	return false;
}

/* The n-th words of all commands (of the group, for n = 1), for a suggestion. */
static int
unknown_command(const struct cli *c, const char *group, const char *word)
{
	const char *words[64] = { NULL }, *near;
	char *copies[64];
	size_t n = 0, skip = group != NULL ? strlen(group) + 1 : 0;

	for (size_t i = 0; cli_commands[i] != NULL && n < 64; i++) {
		const char *name = cli_commands[i]->name;

		if (group != NULL && (strncmp(name, group, skip - 1) != 0 || name[skip - 1] != ' '))
			continue;
		copies[n] = xstrndup(name + skip, strcspn(name + skip, " "));
		words[n] = copies[n];
		n++;
	}
	near = cli_nearest(word, words, n);
	char *prefix = xasprintf("%s%s", group != NULL ? group : "", group != NULL ? " " : "");
	if (near != NULL)
		(void)cli_usage(c, "there is no command `%s%s'; did you mean `%s%s'?", prefix, word,
		    prefix, near);
	else
		(void)cli_usage(c, "there is no command `%s%s'", prefix, word);
	free(prefix);
	for (size_t i = 0; i < n; i++)
		free(copies[i]);
	return EX_USAGE;
}

/* --- options ------------------------------------------------------------- */

struct parse {
	struct cli	*c;
	int		 argc, at;
	char		**argv;
	bool		 help, version;
};

/* The value of the option at p->at: after `=' or the next word. NULL: told. */
static const char *
option_value(struct parse *p, const char *name, const char *inline_value)
{
	if (inline_value != NULL)
		return inline_value;
	if (p->at + 1 >= p->argc) {
		(void)cli_usage(p->c, "--%s needs a value", name);
		return NULL;
	}
	return p->argv[++p->at];
}

/* Of an option that is given again the last value counts, or of a list all of them. */
static void
keep_value(struct cli *c, size_t i, const char *value)
{
	const struct cli_option *o = &c->command->options[i];
	size_t len = o->arg != NULL ? strlen(o->arg) : 0, dots = strlen("…");
	char *all;

	if (c->value[i] != NULL && len > dots && strcmp(o->arg + len - dots, "…") == 0) {
		all = xasprintf("%s,%s", c->value[i], value);
		free(c->joined[i]);
		c->joined[i] = all;
		value = all;
	}
	c->value[i] = value;
}

static int
unknown_option(struct parse *p, const char *name)
{
	const char *words[CLI_OPTIONS_MAX + 4] = { "help", "json", "config" }, *near;
	size_t n = 3;

	if (p->c->command != NULL && p->c->command->options != NULL)
		for (size_t i = 0; p->c->command->options[i].name != NULL; i++)
			words[n++] = p->c->command->options[i].name;
	near = cli_nearest(name, words, n);
	return cli_usage(p->c, "there is no option `--%s'%s%s%s", name,
	    near != NULL ? "; did you mean --" : "", near != NULL ? near : "",
	    near != NULL ? "?" : "");
}

/* A long option, its text after the dashes. */
static int
long_option(struct parse *p, const char *text)
{
	const struct cli_option *o = p->c->command != NULL ? p->c->command->options : NULL;
	const char *equals = strchr(text, '='), *value;
	size_t len = equals != NULL ? (size_t)(equals - text) : strlen(text);
	char name[64];

	(void)snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : 0), text);
	value = equals != NULL ? equals + 1 : NULL;
	if (strcmp(name, "help") == 0 && value == NULL)
		p->help = true;
	else if (strcmp(name, "version") == 0 && value == NULL && p->c->command == NULL)
		p->version = true;
	else if (strcmp(name, "json") == 0 && value == NULL)
		p->c->json = true;
	else if (strcmp(name, "offline") == 0 && value == NULL)
		p->c->offline = true;
	else if (strcmp(name, "config") == 0) {
		if ((p->c->conf_path = option_value(p, name, value)) == NULL)
			return EX_USAGE;
	} else {
		for (size_t i = 0; o != NULL && o[i].name != NULL; i++) {
			if (strcmp(o[i].name, name) != 0)
				continue;
			if (o[i].arg == NULL && value != NULL)
				return cli_usage(p->c, "--%s takes no value", name);
			value = o[i].arg == NULL ? "" : option_value(p, name, value);
			if (value != NULL)
				keep_value(p->c, i, value);
			return value != NULL ? EX_OK : EX_USAGE;
		}
		return unknown_option(p, len < sizeof(name) ? name : text);
	}
	return EX_OK;
}

static int
short_option(struct parse *p, const char *text)
{
	switch (text[0]) {
	case 'h':
		p->help = true;
		break;
	case 'V':
		p->version = true;
		break;
	case 'c':
		p->c->conf_path = option_value(p, "config", text[1] != '\0' ? text + 1 : NULL);
		return p->c->conf_path != NULL ? EX_OK : EX_USAGE;
	default:
		return cli_usage(p->c, "there is no option `-%c'%s", text[0],
		    isdigit((unsigned char)text[0]) ? "; a negative number is written after `--'" : "");
	}
	return text[1] == '\0' ? EX_OK : cli_usage(p->c, "there is no option `-%s'", text);
}

/* Takes the options out of argv[from..]; what remains moves to the front. With `first' it
 * stops at the first word that is none. *left: how many words remain. */
static int
parse_options(struct parse *p, bool first, int *left)
{
	int kept = 0, status;

	for (; p->at < p->argc; p->at++) {
		char *word = p->argv[p->at];

		if (word[0] != '-' || word[1] == '\0') {	/* "-" is a file */
			if (first)
				break;
			p->argv[kept++] = word;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			for (p->at++; p->at < p->argc; p->at++)
				p->argv[kept++] = p->argv[p->at];
			break;
		}
		status = word[1] == '-' ? long_option(p, word + 2) : short_option(p, word + 1);
		if (status != EX_OK)
			return status;
	}
	*left = kept;
	return EX_OK;
}

/* --- run ----------------------------------------------------------------- */

static int
check_args(const struct cli *c)
{
	if (c->argc < c->command->min_args)
		return cli_usage(c, "%s: too few arguments", c->command->name);
	if (c->command->max_args >= 0 && c->argc > c->command->max_args)
		return cli_usage(c, "%s: too many arguments, from `%s' on", c->command->name,
		    c->argv[c->command->max_args]);
	return EX_OK;
}

/* What was printed must have arrived: a full disk behind a `>' is a failure. */
static int
close_output(int status)
{
	if ((fflush(stdout) == EOF || ferror(stdout)) && status == EX_OK)
		return cli_fail(EX_IOERR, "standard output: %s", strerror(errno));
	return status;
}

static int
run_command(struct cli *c, int words, int argc, char **argv)
{
	struct parse p = { .c = c, .argc = argc - words, .argv = argv + words };
	int status;

	if ((status = parse_options(&p, false, &c->argc)) != EX_OK)
		return status;
	c->argv = p.argv;
	if (p.help) {
		cli_help_command(c->command);
		return EX_OK;
	}
	if (c->offline && !c->command->offline)
		return cli_usage(c, "%s needs holdfast-queued: there is no --offline for it",
		    c->command->name);
	if ((status = check_args(c)) != EX_OK)
		return status;
	return c->command->run(c);
}

/* `holdfast queue', `holdfast queue --help', `holdfast queue lisst' */
static int
run_group(struct cli *c, int argc, char **argv)
{
	if (argc == 1)
		return cli_usage(c, "%s: which command? `holdfast %s --help' lists them", argv[0],
		    argv[0]);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		cli_help_group(argv[0]);
		return EX_OK;
	}
	return unknown_command(c, argv[0], argv[1]);
}

static int
dispatch(struct cli *c, int argc, char **argv)
{
	struct parse p = { .c = c, .argc = argc, .at = 1, .argv = argv };
	int status, words, unused;

	if ((status = parse_options(&p, true, &unused)) != EX_OK)
		return status;
	if (p.version) {
		(void)printf("holdfast %s\n", PACKAGE_VERSION);
		return EX_OK;
	}
	argc -= p.at;
	argv += p.at;
	if (p.help && argc == 0) {
		cli_help_all();
		return EX_OK;
	}
	if (argc == 0)
		return cli_usage(c, "which command?");
	for (size_t i = 0; cli_commands[i] != NULL; i++)
		if ((words = words_match(cli_commands[i]->name, argc, argv)) > 0) {
			c->command = cli_commands[i];
			if (!p.help)
				return run_command(c, words, argc, argv);
			cli_help_command(c->command);
			return EX_OK;
		}
	if (is_group(argv[0]))
		return run_group(c, argc, argv);
	return unknown_command(c, NULL, argv[0]);
}

int
cli_main(int argc, char **argv)
{
	struct cli c = { .conf_path = CONF_DEFAULT_PATH };
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	int status;

	c.color = isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') &&
	    term != NULL && strcmp(term, "dumb") != 0;
	log_open("holdfast", LOG_TO_STDERR);
	status = close_output(dispatch(&c, argc, argv));
	for (size_t i = 0; i < CLI_OPTIONS_MAX; i++)
		free(c.joined[i]);
	conf_free(&c.conf);
	return status;
}
