/*
 * completion.c -- holdfast completion: what may stand next on the command line.
 *
 * The shells get a script of a few lines each, which hands the words typed so
 * far to `holdfast completion words -- WORD …' (the last is the one being typed, it may be empty)
 * and offers what comes back, one candidate a line: "WORD<TAB>what it is". The line ":files"
 * stands for the names of files. So all that must be known is known here, from the
 * table of commands: a new command or option completes by itself.
 *
 * What names things that exist (domains, schedules, primaries, messages) is looked up; if that
 * fails there is just nothing to offer.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/buf.h"
#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/rules_kind.h"
#include "common/rules_setting.h"

#define IDS_MAX		100	/* queue ids; nobody chooses among more */

/* --- the scripts ----------------------------------------------------------- */

/* bash breaks words at `=' and `:', too, and replaces only what is behind the last break. */
static const char bash_script[] =
    "# bash completion of holdfast(1); made by `holdfast completion bash'\n"
    "_holdfast()\n"
    "{\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE:0:COMP_POINT} words whole answer\n"
    "\tread -ra words <<<\"$line\"\n"
    "\t[[ $line == *[[:space:]] ]] && words+=(\"\")\n"
    "\twhole=${words[${#words[@]}-1]}\n"
    "\t[[ $cur == [=:] ]] && cur=\n"
    "\tlocal before=${whole%\"$cur\"}\n"
    "\tCOMPREPLY=()\n"
    "\twhile IFS= read -r answer; do\n"
    "\t\tif [[ $answer == :files ]]; then\n"
    "\t\t\tcompopt -o filenames 2>/dev/null\n"
    "\t\t\twhile IFS= read -r answer; do\n"
    "\t\t\t\tCOMPREPLY+=(\"$answer\")\n"
    "\t\t\tdone < <(compgen -f -- \"$cur\")\n"
    "\t\telse\n"
    "\t\t\tanswer=${answer%%$'\\t'*}\n"
    "\t\t\tCOMPREPLY+=(\"${answer#\"$before\"}\")\n"
    "\t\tfi\n"
    "\tdone < <(\"${words[0]}\" completion words -- \"${words[@]:1}\" 2>/dev/null)\n"
    "\t[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
    "}\n"
    "complete -F _holdfast holdfast\n";

static const char zsh_script[] =
    "#compdef holdfast\n"
    "# zsh completion of holdfast(1); made by `holdfast completion zsh'\n"
    "_holdfast() {\n"
    "\tlocal -a offered typed\n"
    "\tlocal answer\n"
    "\ttyped=(\"${(@Q)words[2,CURRENT]}\")\n"
    "\tfor answer in \"${(@f)$(${(Q)words[1]} completion words -- \"${typed[@]}\" 2>/dev/null)}\"; do\n"
    "\t\tif [[ $answer == :files ]]; then\n"
    "\t\t\t_files\n"
    "\t\telif [[ -n $answer ]]; then\n"
    "\t\t\toffered+=(\"${${answer%%$'\\t'*}//:/\\\\:}:${answer#*$'\\t'}\")\n"
    "\t\tfi\n"
    "\tdone\n"
    "\t(( $#offered )) && _describe -t words holdfast offered\n"
    "}\n"
    "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
    "\t_holdfast \"$@\"\n"
    "else\n"
    "\tcompdef _holdfast holdfast\n"
    "fi\n";

static const char fish_script[] =
    "# fish completion of holdfast(1); made by `holdfast completion fish'\n"
    "function __holdfast_words\n"
    "\tset -l words (commandline -opc) (commandline -ct)\n"
    "\tfor answer in ($words[1] completion words -- $words[2..-1] 2>/dev/null)\n"
    "\t\tif test \"$answer\" = :files\n"
    "\t\t\t__fish_complete_path $words[-1]\n"
    "\t\telse\n"
    "\t\t\techo $answer\n"
    "\t\tend\n"
    "\tend\n"
    "end\n"
    "complete -c holdfast -f -a '(__holdfast_words)'\n";

/* --- candidates ------------------------------------------------------------- */

struct completion {
	struct cli	*c;
	const char	*typed;		/* of the word being typed, what a candidate must begin with */
	const char	*before;	/* "--state=" in front of a value, else "" */
	size_t		 before_len;
	size_t		 ids;
};

static void
offer_n(const struct completion *k, const char *word, size_t len, const char *help)
{
	size_t typed = strlen(k->typed);

	if (len < typed || strncmp(word, k->typed, typed) != 0)
		return;
	(void)printf("%.*s%.*s\t%s\n", (int)k->before_len, k->before, (int)len, word, help);
}

static void
offer(const struct completion *k, const char *word, const char *help)
{
	offer_n(k, word, strlen(word), help);
}

static void
offer_files(void)
{
	(void)printf(":files\n");
}

static void
offer_domains(const struct completion *k)
{
	struct ruleset *set = NULL;

	if (cli_rules(k->c, &set) != EX_OK)
		return;
	for (size_t i = 0; i < ruleset_ndomains(set); i++)
		offer(k, ruleset_domain_at(set, i)->name, "domain");
	ruleset_unref(&set);
}

static void
offer_schedules(const struct completion *k)
{
	struct ruleset *set = NULL;
	const char *name;

	if (cli_rules(k->c, &set) != EX_OK)
		return;
	for (size_t i = 0; i < ruleset_nschedules(set); i++) {
		(void)ruleset_schedule_at(set, i, &name);
		offer(k, name, "schedule");
	}
	ruleset_unref(&set);
}

static void
offer_kinds(const struct completion *k)
{
	for (size_t i = 0; i < rules_nkinds; i++)
		offer(k, rules_kinds[i].name, rules_kinds[i].help);
}

static void
offer_settings(const struct completion *k)
{
	for (size_t i = 0; i < rules_nsettings; i++)
		offer(k, rules_settings_all[i].name, rules_settings_all[i].help);
}

static void
one_primary(void *arg, json_t *line)
{
	offer(arg, out_safe(out_str(line, "destination")), out_str(line, "state"));
}

static void
offer_primaries(struct completion *k)
{
	(void)cli_ask(k->c, json_pack("{s:s}", "cmd", "primary.list"), one_primary, k, NULL);
}

static void
one_message(void *arg, json_t *line)
{
	struct completion *k = arg;
	const char *sender = out_str(line, "sender");
	char *help = xasprintf("%s to %s", sender[0] != '\0' ? out_safe(sender) : "<>",
	    out_safe(out_str(line, "domain")));

	offer(k, out_safe(out_str(line, "queue_id")), help);
	free(help);
	if (++k->ids == IDS_MAX)	/* the queue may go on for long; nobody waits for its end */
		exit(fflush(stdout) == 0 ? EX_OK : EX_IOERR);
}

static void
offer_messages(struct completion *k)
{
	(void)cli_ask(k->c, json_pack("{s:s}", "cmd", "queue.list"), one_message, k, NULL);
}

/* --- what a placeholder stands for ------------------------------------------ */

static bool
is_in_group(const struct command *command, const char *group)
{
	size_t len = strlen(group);

	return strncmp(command->name, group, len) == 0 && command->name[len] == ' ';
}

/* NAME means what its command is about, or what the option is called. */
static void
offer_names(struct completion *k, const struct command *command, const char *option)
{
	if (option != NULL && strcmp(option, "schedule") == 0)
		offer_schedules(k);
	else if (option != NULL && strcmp(option, "domain") == 0)
		offer_domains(k);
	else if (option != NULL || strcmp(command->name, "domain add") == 0
	    || strcmp(command->name, "schedule add") == 0)
		return;		/* a new one */
	else if (is_in_group(command, "schedule"))
		offer_schedules(k);
	else if (is_in_group(command, "rule"))
		offer_settings(k);
	else if (is_in_group(command, "domain") || is_in_group(command, "recipient"))
		offer_domains(k);
}

static bool
is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncmp(text, word, len) == 0;
}

/* One alternative of a placeholder: in small letters it is meant as it stands. */
static void
offer_alternative(struct completion *k, const struct command *command, const char *option,
    const char *text, size_t len)
{
	bool literal = len > 0;

	for (size_t i = 0; i < len; i++)
		literal = literal && (islower((unsigned char)text[i]) || text[i] == '-'
		    || isdigit((unsigned char)text[i]));
	if (literal)
		offer_n(k, text, len, "");
	else if (is_word(text, len, "FILE"))
		offer_files();
	else if (is_word(text, len, "NAME"))
		offer_names(k, command, option);
	else if (is_word(text, len, "DOMAIN") || is_word(text, len, "SCOPE"))
		offer_domains(k);
	else if (is_word(text, len, "DESTINATION"))
		offer_primaries(k);
	else if (is_word(text, len, "ID"))
		offer_messages(k);
	else if (is_word(text, len, "KIND"))
		offer_kinds(k);
	else if (is_word(text, len, "STATE")) {
		offer(k, "queued", "waits for its next attempt");
		offer(k, "held", "by an operator");
		offer(k, "quarantined", "the primary refused it for good");
	}
}

/* "off|may|verify", "TIME|off", "[DOMAIN]" */
static void
offer_value(struct completion *k, const struct command *command, const char *option, const char *text,
    size_t len)
{
	while (len > 0) {
		size_t part = strcspn(text, "|");

		part = part < len ? part : len;
		while (part > 0 && (*text == '[' || *text == '(')) {
			text++;
			len--;
			part--;
		}
		offer_alternative(k, command, option, text, part > 0 && text[part - 1] == ']' ? part - 1
		    : part);
		text += part;
		len -= part;
		if (len > 0) {
			text++;
			len--;
		}
	}
}

/* The n-th word behind the command; "ID …" is any number of them, and after a lone `|' options begin. */
static void
offer_argument(struct completion *k, const struct command *command, size_t n)
{
	const char *text = command->args, *last = NULL;
	size_t last_len = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (is_word(text, len, "|") || strncmp(text, "--", 2) == 0)
			return;
		if (is_word(text, len, "…")) {
			offer_value(k, command, NULL, last, last_len);
			return;
		}
		if (n-- == 0) {
			offer_value(k, command, NULL, text, len);
			return;
		}
		last = text;
		last_len = len;
		text += len + (text[len] == ' ');
	}
}

/* --- where the word being typed stands ---------------------------------------- */

static void
offer_option(const struct completion *k, const char *name, const char *help)
{
	char *word = xasprintf("--%s", name);

	offer(k, word, help);
	free(word);
}

static void
offer_options(const struct completion *k, const struct command *command)
{
	for (const struct cli_option *o = command != NULL ? command->options : NULL;
	    o != NULL && o->name != NULL; o++)
		offer_option(k, o->name, o->help);
	if (command != NULL && command->offline)
		offer_option(k, "offline", "read the queue's files");
	offer_option(k, "json", "one JSON object a line");
	offer_option(k, "config", "configuration");
	offer_option(k, "help", "explain it");
	if (command == NULL)
		offer_option(k, "version", "print the version");
}

/* Commands and groups, or those of a group. */
static void
offer_commands(const struct completion *k, const char *group)
{
	size_t skip = group != NULL ? strlen(group) + 1 : 0;
	const char *before = "";

	for (size_t i = 0; cli_commands[i] != NULL; i++) {
		const struct command *command = cli_commands[i];
		const char *word = command->name + skip;
		size_t len;

		if (group != NULL && !is_in_group(command, group))
			continue;
		len = strcspn(word, " ");
		if (strlen(before) >= len && strncmp(before, word, len) == 0 && (before[len] == ' '
		    || before[len] == '\0'))
			continue;	/* the group was offered */
		before = word;
		offer_n(k, word, len, word[len] == ' ' ? "commands" : command->help);
	}
}

static const struct command *
find_command(const char *first, const char *second)
{
	for (size_t i = 0; cli_commands[i] != NULL; i++) {
		const char *name = cli_commands[i]->name;
		size_t len = strlen(first);

		if (strcmp(name, first) == 0)
			return cli_commands[i];
		if (second != NULL && is_in_group(cli_commands[i], first)
		    && strcmp(name + len + 1, second) == 0)
			return cli_commands[i];
	}
	return NULL;
}

/* What the words before it make of the word being typed. */
struct place {
	const struct command	*command;
	const char		*group;		/* a first word that is no command alone */
	const char		*option;	/* waits for its value: name and placeholder */
	const char		*value;
	size_t			 arguments;
	bool			 literal;	/* after `--' */
};

/* The placeholder of an option's value; NULL: it has none, or is not known. */
static const char *
value_of(const struct command *command, const char *name)
{
	if (strcmp(name, "config") == 0)
		return "FILE";
	for (const struct cli_option *o = command != NULL ? command->options : NULL;
	    o != NULL && o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return o->arg;
	return NULL;
}

static void
pass_option(struct completion *k, struct place *p, const char *word)
{
	if (strcmp(word, "--offline") == 0)
		k->c->offline = true;
	p->option = strcmp(word, "-c") == 0 ? "config" : word[1] == '-' ? word + 2 : "";
	p->value = strchr(word, '=') == NULL ? value_of(p->command, p->option) : NULL;
	if (strncmp(word, "--config=", 9) == 0)
		k->c->conf_path = word + 9;
}

static void
pass(struct completion *k, struct place *p, const char *word)
{
	if (p->value != NULL) {
		if (strcmp(p->option, "config") == 0)
			k->c->conf_path = word;
		p->value = NULL;
	} else if (p->literal || word[0] != '-' || word[1] == '\0') {
		if (p->command != NULL)
			p->arguments++;
		else if ((p->command = find_command(p->group != NULL ? p->group : word,
		    p->group != NULL ? word : NULL)) == NULL)
			p->group = word;
	} else if (strcmp(word, "--") == 0)
		p->literal = true;
	else
		pass_option(k, p, word);
}

static void
offer_at(struct completion *k, struct place *p)
{
	const char *equals = strchr(k->typed, '=');

	if (p->value == NULL && !p->literal && strncmp(k->typed, "--", 2) == 0 && equals != NULL) {
		char *name = xstrndup(k->typed + 2, (size_t)(equals - k->typed) - 2);

		k->before = k->typed;
		k->before_len = (size_t)(equals - k->typed) + 1;
		k->typed = equals + 1;
		if ((p->value = value_of(p->command, name)) != NULL)
			offer_value(k, p->command, name, p->value, strlen(p->value));
		free(name);
	} else if (p->value != NULL) {
		offer_value(k, p->command, p->option, p->value, strlen(p->value));
	} else if (!p->literal && k->typed[0] == '-') {
		offer_options(k, p->command);
	} else if (p->command == NULL) {
		offer_commands(k, p->group);
	} else {
		offer_argument(k, p->command, p->arguments);
	}
}

static int
words(struct cli *c)
{
	struct completion k = { .c = c, .before = "", .typed = c->argc > 1 ? c->argv[c->argc - 1] : "" };
	struct place p = { .command = NULL };

	for (int i = 1; i < c->argc - 1; i++)
		pass(&k, &p, c->argv[i]);
	offer_at(&k, &p);
	return EX_OK;
}

static int
completion(struct cli *c)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };

	if (strcmp(c->argv[0], "words") == 0)
		return words(c);
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (strcmp(scripts[i].shell, c->argv[0]) == 0 && c->argc == 1) {
			(void)fputs(scripts[i].script, stdout);
			return EX_OK;
		}
	return cli_usage(c, "completion: for which shell? bash, zsh or fish");
}

const struct command command_completion = {
	.name = "completion", .args = "bash|zsh|fish",
	.help = "Print what makes a shell complete this command's words.",
	.examples = "source <(holdfast completion bash)\n"
		    "holdfast completion fish >~/.config/fish/completions/holdfast.fish",
	.min_args = 1, .max_args = -1, .run = completion,
};
