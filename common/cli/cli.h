/*
 * cli.h -- what the sub-commands of `holdfast' share.
 *
 * A sub-command is one `const struct command' with its words, options,
 * help and function, listed once in table.c; help, usage errors and the check
 * of its arguments come from that. Each run function returns an exit status of
 * sysexits.h. holdfast(1) lists them for users.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_H
#define HOLDFAST_CLI_H

#include <stdbool.h>
#include <stddef.h>

struct conf;

#define CLI_OPTIONS_MAX	20

struct cli_option {
	const char	*name;		/* without dashes; NULL ends the list */
	const char	*arg;		/* placeholder of its value; NULL: a switch. It ends in `…': may be
					 * given again, and the values are joined by commas */
	const char	*help;
};

struct cli {
	const struct command *command;
	const char	*conf_path;
	bool		 json;
	bool		 offline;		/* --offline: the queue's files, not the daemon */
	bool		 color;
	int		 argc;			/* what is left after the command's words */
	char		**argv;
	const char	*value[CLI_OPTIONS_MAX];	/* by place in command->options */
	char		*joined[CLI_OPTIONS_MAX];	/* cli.c's */
	struct conf	*conf;			/* cli_conf() */
};

struct command {
	const char	*name;			/* "domain add" */
	const char	*args;			/* "NAME"; "" for none */
	const char	*help;			/* one line */
	const char	*examples;		/* lines */
	int		 min_args, max_args;	/* max -1: any number */
	const struct cli_option *options;	/* NULL: none */
	int		(*run)(struct cli *);
	bool		 offline;		/* takes --offline */
};

extern const struct command *const cli_commands[];	/* NULL ends */

/* The program. out and err are stdout and stderr; returns the exit status. */
int	cli_main(int argc, char **argv);

/* The value of an option, "" for a switch that is on; NULL if it was not given. */
const char *cli_option(const struct cli *, const char *name);
/* holdfast.conf, read at the first call; NULL: it was told why (exit with EX_CONFIG). */
const struct conf *cli_conf(struct cli *);

/* "holdfast: …" on standard error, control bytes escaped. Returns the status given. */
int	cli_fail(int status, const char *, ...) __attribute__((format(printf, 2, 3)));
/* The same for what the command line says: adds the usage; returns EX_USAGE. */
int	cli_usage(const struct cli *, const char *, ...) __attribute__((format(printf, 2, 3)));
/* The same, and goes on. */
void	cli_note(const char *, ...) __attribute__((format(printf, 1, 2)));
/* Asks on the terminal; false also when there is none. */
bool	cli_confirm(const char *question);

/* Help texts (help.c). */
void	cli_help_all(void);
void	cli_help_group(const char *group);
void	cli_help_command(const struct command *);
/* NULL: nothing is near. */
const char *cli_nearest(const char *word, const char *const *words, size_t n);

#endif
