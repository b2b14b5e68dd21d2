/*
 * schedule.c -- holdfast schedule: when mail is tried again. What is shown of
 * one is schedule_show.c's.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/cli/schedule.h"
#include "common/rules_text.h"

static const struct cli_option options[] = {
	{ "steps", "STEPS", "waits after the first, second, … attempt: \"1m 5m 15m 1h*\"" },
	{ "jitter", "PERCENT", "by which a wait may be shorter or longer (default 20)" },
	{ "lifetime", "TIME", "how long mail may wait in all (default 28d)" },
	{ "warn-after", "TIME|off", "tell the sender that his mail waits (default off)" },
	{ "at-end", "quarantine|bounce|hold", "what becomes of mail then (default quarantine)" },
	{ NULL, NULL, NULL }
};

static struct rules_edit_schedule
read_options(const struct cli *c)
{
	struct rules_edit_schedule s = {
		.steps = cli_option(c, "steps"), .jitter = cli_option(c, "jitter"),
		.lifetime = cli_option(c, "lifetime"), .warn_after = cli_option(c, "warn-after"),
		.at_end = cli_option(c, "at-end"),
	};

	if (s.warn_after != NULL && strcmp(s.warn_after, "off") == 0)
		s.warn_after = "";
	return s;
}

static size_t
users(const struct ruleset *set, const struct schedule *s)
{
	size_t n = 0;

	for (size_t i = 0; i < ruleset_ndomains(set); i++)
		n += ruleset_domain_at(set, i)->schedule == s;
	return n;
}

static void
print_json(const struct ruleset *set, const char *name, const struct schedule *s)
{
	char *steps = schedule_text(s);

	out_json(json_pack("{s:s,s:s,s:i,s:I,s:I,s:s,s:I}", "name", out_safe(name), "steps", steps,
	    "jitter", (int)s->jitter, "lifetime", (json_int_t)s->lifetime, "warn_after",
	    (json_int_t)s->warn_after, "at_end", rules_end_name(s->end), "domains",
	    (json_int_t)users(set, s)));
	free(steps);
}

static void
print_row(struct out_table *t, const struct ruleset *set, const char *name,
    const struct schedule *s)
{
	char *steps = schedule_text(s), number[24];

	out_cell(t, name);
	out_cell(t, steps);
	(void)snprintf(number, sizeof(number), "%u %%", s->jitter);
	out_cell(t, number);
	out_cell(t, out_interval(s->lifetime));
	out_cell(t, s->warn_after == 0 ? "-" : out_interval(s->warn_after));
	out_cell(t, rules_end_name(s->end));
	(void)snprintf(number, sizeof(number), "%zu", users(set, s));
	out_cell(t, number);
	free(steps);
}

/* All schedules, or the one with this name. */
static int
print(struct cli *c, const char *only)
{
	static const char *const headings[] = { "SCHEDULE", "STEPS", "JITTER", "LIFETIME", "WARNING",
		"AT THE END", "DOMAINS" };
	struct ruleset *set = NULL;
	struct out_table *t = NULL;
	int status = cli_rules(c, &set);

	if (status != EX_OK)
		return status;
	if (!c->json)
		t = out_table_new(headings, 7, "llrrllr");
	for (size_t i = 0; i < ruleset_nschedules(set); i++) {
		const char *name;
		const struct schedule *s = ruleset_schedule_at(set, i, &name);

		if (only != NULL && strcmp(name, only) != 0)
			continue;
		if (c->json)
			print_json(set, name, s);
		else
			print_row(t, set, name, s);
	}
	if (t != NULL)
		out_table_print(&t, c);
	ruleset_unref(&set);
	return EX_OK;
}

static int
list(struct cli *c)
{
	return print(c, NULL);
}

static int
change(struct cli *c, const struct rules_edit_schedule *s,
    enum rules_edit_result (*edit)(struct rules_edit *, const char *,
    const struct rules_edit_schedule *, char **))
{
	struct rules_edit *e = NULL;
	char *why = NULL;
	int status = cli_edit(c, &e);

	if (status != EX_OK)
		return status;
	status = cli_edit_failed(edit(e, c->argv[0], s, &why), &why);
	status = cli_edit_close(c, &e, status);
	return status == EX_OK ? print(c, c->argv[0]) : status;
}

static int
add(struct cli *c)
{
	struct rules_edit_schedule s = read_options(c);

	if (c->argc == 2 && s.steps != NULL)
		return cli_usage(c, "schedule add: the steps are given twice");
	if (c->argc == 2)
		s.steps = c->argv[1];
	if (s.steps == NULL)
		return cli_usage(c, "schedule add: the steps are missing");
	return change(c, &s, rules_edit_schedule_add);
}

static int
set(struct cli *c)
{
	struct rules_edit_schedule s = read_options(c);

	if (s.steps == NULL && s.jitter == NULL && s.lifetime == NULL && s.warn_after == NULL &&
	    s.at_end == NULL)
		return cli_usage(c, "schedule set: nothing to set");
	return change(c, &s, rules_edit_schedule_set);
}

static int
remove_(struct cli *c)
{
	struct rules_edit *e = NULL;
	char *why = NULL;
	int status = cli_edit(c, &e);

	if (status != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_schedule_remove(e, c->argv[0], &why), &why);
	status = cli_edit_close(c, &e, status);
	if (status != EX_OK)
		return status;
	if (c->json)
		out_json(json_pack("{s:s}", "removed", out_safe(c->argv[0])));
	else
		(void)printf("removed schedule %s\n", out_safe(c->argv[0]));
	return EX_OK;
}

const struct command command_schedule_list = {
	.name = "schedule list", .args = "",
	.help = "List the retry schedules.",
	.examples = "holdfast schedule list\nholdfast schedule list --json | jq -r .name",
	.min_args = 0, .max_args = 0, .run = list,
};
const struct command command_schedule_add = {
	.name = "schedule add", .args = "NAME STEPS",
	.help = "Make a schedule for mail that a primary defers.",
	.examples = "holdfast schedule add quick \"1m 2m 5m 15m*\" --lifetime 5d\n"
		    "holdfast schedule add patient \"10m 1h 4h*\" --warn-after 4h --at-end bounce",
	.min_args = 1, .max_args = 2, .options = options, .run = add,
};
const struct command command_schedule_set = {
	.name = "schedule set", .args = "NAME",
	.help = "Change a schedule, also for mail that is queued already.",
	.examples = "holdfast schedule set default --lifetime 40d --jitter 10\n"
		    "holdfast schedule set quick --warn-after off",
	.min_args = 1, .max_args = 1, .options = options, .run = set,
};
const struct command command_schedule_remove = {
	.name = "schedule remove", .args = "NAME",
	.help = "Remove a schedule that no domain uses.",
	.examples = "holdfast schedule remove quick",
	.min_args = 1, .max_args = 1, .run = remove_,
};
