/*
 * primary.c -- holdfast primary list, show, release: how the destinations are.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/cli/primary.h"
#include "common/clock.h"

struct listing {
	const struct cli *c;
	int64_t		 now;
	size_t		 n;
	bool		 all;		/* every domain, not the first few */
};

static enum out_color
state_color(const char *state)
{
	if (strcmp(state, "up") == 0)
		return OUT_GOOD;
	return strcmp(state, "ramping") == 0 ? OUT_WARN : OUT_BAD;
}

static void
print_domains(const json_t *domains, bool all)
{
	size_t n = json_array_size(domains);

	(void)printf("    for ");
	for (size_t i = 0; i < n && (all || i < 5); i++) {
		const char *s = json_string_value(json_array_get(domains, i));

		(void)printf("%s%s", i > 0 ? ", " : "", out_safe(s != NULL ? s : ""));
	}
	if (n > 5 && !all)
		(void)printf(" and %zu more", n - 5);
	(void)printf("\n");
}

static void
print_next(const struct listing *l, json_t *d, bool held)
{
	int64_t probe = out_int(d, "next_probe");

	if (probe != 0)
		(void)printf(", next %s %s", held ? "try" : "probe",
		    probe > l->now ? out_when(probe, l->now) : "now");
}

static void
print_destination(void *arg, json_t *d)
{
	struct listing *l = arg;
	const char *state = out_str(d, "state");
	bool held = strcmp(state, "held") == 0 && out_int(d, "next_probe") != 0;

	l->n++;
	if (l->c->json) {
		out_json_lent(d);
		return;
	}
	(void)printf("%s\n    %s%s%s since %s (%s)", out_safe(out_str(d, "destination")),
	    out_on(l->c, state_color(state)), out_safe(state), out_off(l->c),
	    out_date(out_int(d, "since")), out_when(out_int(d, "since"), l->now));
	(void)printf(", %s waiting, %lld of %lld connections",
	    out_count((uint64_t)out_int(d, "messages"), "message", "messages"),
	    (long long)out_int(d, "concurrency"), (long long)out_int(d, "window"));
	print_next(l, d, held);
	(void)printf("\n");
	if (json_is_true(json_object_get(d, "canary")))
		(void)printf("    its first messages are on trial: no refusal is believed yet\n");
	if (out_str(d, "reason")[0] != '\0')
		(void)printf("    (%s)\n", out_safe(out_str(d, "reason")));
	if (held)
		(void)printf("    nothing bounces; when it is mended: holdfast primary release %s\n",
		    out_safe(out_str(d, "destination")));
	if (json_array_size(json_object_get(d, "domains")) > 0)
		print_domains(json_object_get(d, "domains"), l->all);
}

static int
list(struct cli *c)
{
	struct listing l = { c, clock_wall(), 0, false };
	int status = cli_ask(c, json_pack("{s:s}", "cmd", "primary.list"), print_destination, &l,
	    NULL);

	if (status == 0 && !c->json && l.n == 0)
		cli_note("no destinations; `holdfast domain add' names the first");
	return status;
}

static int
show(struct cli *c)
{
	struct listing l = { c, clock_wall(), 0, true };
	int status = cli_ask(c, json_pack("{s:s,s:s}", "cmd", "primary.list", "destination",
	    c->argv[0]), print_destination, &l, NULL);

	if (status != EX_OK || c->json)
		return status;
	return primary_print_history(c, c->argv[0], "    ");
}

static int
release(struct cli *c)
{
	int status = cli_ask(c, json_pack("{s:s,s:s}", "cmd", "primary.release", "destination",
	    c->argv[0]), NULL, NULL, NULL);

	if (status == EX_OK && !c->json)
		(void)printf("released; its mail goes out, the first messages on trial again\n");
	return status;
}

const struct command command_primary_list = {
	.name = "primary list", .args = "",
	.help = "List the destinations: up or down, since when, what waits.",
	.examples = "holdfast primary list\n"
		    "holdfast primary list --json | jq -r 'select(.state != \"up\").destination'",
	.min_args = 0, .max_args = 0, .run = list,
};
const struct command command_primary_show = {
	.name = "primary show", .args = "DESTINATION|DOMAIN",
	.help = "Show one destination, all its domains and its outages.",
	.examples = "holdfast primary show example.test",
	.min_args = 1, .max_args = 1, .run = show,
};
const struct command command_primary_release = {
	.name = "primary release", .args = "DESTINATION|DOMAIN",
	.help = "Believe a destination that is held for refusing known recipients.",
	.examples = "holdfast primary release example.test",
	.min_args = 1, .max_args = 1, .run = release,
};
