/*
 * primary.c -- holdfast primary list: how the destinations are.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/clock.h"

struct listing {
	const struct cli *c;
	int64_t		 now;
	size_t		 n;
};

static enum out_color
state_color(const char *state)
{
	if (strcmp(state, "up") == 0)
		return OUT_GOOD;
	return strcmp(state, "ramping") == 0 ? OUT_WARN : OUT_BAD;
}

static void
print_domains(const json_t *domains)
{
	size_t n = json_array_size(domains);

	(void)printf("    for ");
	for (size_t i = 0; i < n && i < 5; i++) {
		const char *s = json_string_value(json_array_get(domains, i));

		(void)printf("%s%s", i > 0 ? ", " : "", out_safe(s != NULL ? s : ""));
	}
	if (n > 5)
		(void)printf(" and %zu more", n - 5);
	(void)printf("\n");
}

static void
print_destination(void *arg, json_t *d)
{
	struct listing *l = arg;
	const char *state = out_str(d, "state");
	int64_t probe = out_int(d, "next_probe");

	if (l->c->json) {
		out_json_lent(d);
		return;
	}
	l->n++;
	(void)printf("%s\n    %s%s%s since %s (%s)", out_safe(out_str(d, "destination")),
	    out_on(l->c, state_color(state)), out_safe(state), out_off(l->c),
	    out_date(out_int(d, "since")), out_when(out_int(d, "since"), l->now));
	(void)printf(", %s waiting, %lld of %lld connections",
	    out_count((uint64_t)out_int(d, "messages"), "message", "messages"),
	    (long long)out_int(d, "concurrency"), (long long)out_int(d, "window"));
	if (probe != 0)
		(void)printf(", next probe %s", probe > l->now ? out_when(probe, l->now) : "now");
	(void)printf("\n");
	if (out_str(d, "reason")[0] != '\0')
		(void)printf("    (%s)\n", out_safe(out_str(d, "reason")));
	if (json_array_size(json_object_get(d, "domains")) > 0)
		print_domains(json_object_get(d, "domains"));
}

static int
list(struct cli *c)
{
	struct listing l = { c, clock_wall(), 0 };
	int status = cli_ask(c, json_pack("{s:s}", "cmd", "primary.list"), print_destination, &l,
	    NULL);

	if (status == 0 && !c->json && l.n == 0)
		cli_note("no destinations; `holdfast domain add' names the first");
	return status;
}

const struct command command_primary_list = {
	.name = "primary list", .args = "",
	.help = "List the destinations: up or down, since when, what waits.",
	.examples = "holdfast primary list\n"
		    "holdfast primary list --json | jq -r 'select(.state != \"up\").destination'",
	.min_args = 0, .max_args = 0, .run = list,
};
