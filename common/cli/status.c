/*
 * status.c -- holdfast status: is all well?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/clock.h"

/* "ok" or what ails it. */
static void
print_state(const struct cli *c, const char *what, const char *state)
{
	bool ok = strcmp(state, "ok") == 0;

	(void)printf("%-13s %s%s%s\n", what, out_on(c, ok ? OUT_GOOD : OUT_BAD), out_safe(state),
	    out_off(c));
}

static void
print_status(void *arg, json_t *s)
{
	const struct cli *c = arg;
	int64_t now = clock_wall(), down = out_int(s, "destinations_down");

	if (c->json) {
		out_json_lent(s);
		return;
	}
	(void)printf("queued        %s, pid %lld, on %s, started %s (%s)\n",
	    out_safe(out_str(s, "version")), (long long)out_int(s, "pid"),
	    out_safe(out_str(s, "hostname")), out_date(out_int(s, "started")),
	    out_when(out_int(s, "started"), now));
	print_state(c, "rules", out_str(s, "rules"));
	print_state(c, "store", out_str(s, "store"));
	(void)printf("queue         %s, %s, %s",
	    out_count((uint64_t)out_int(s, "messages"), "message", "messages"),
	    out_count((uint64_t)out_int(s, "recipients"), "recipient", "recipients"),
	    out_size((uint64_t)out_int(s, "bytes")));
	if (out_int(s, "oldest") != 0)
		(void)printf(", oldest: %s", out_when(out_int(s, "oldest"), now));
	(void)printf("\n              %lld held, %lld quarantined\n",
	    (long long)out_int(s, "held"), (long long)out_int(s, "quarantined"));
	(void)printf("intake        %s now, %s accepted since the start\n",
	    out_count((uint64_t)out_int(s, "sessions"), "session", "sessions"),
	    out_count((uint64_t)out_int(s, "accepted"), "message", "messages"));
	(void)printf("primaries     %s, %s%lld down%s\n",
	    out_count((uint64_t)out_int(s, "destinations"), "destination", "destinations"),
	    out_on(c, down > 0 ? OUT_BAD : OUT_PLAIN), (long long)down,
	    down > 0 ? out_off(c) : "");
}

static int
status(struct cli *c)
{
	return cli_ask(c, json_pack("{s:s}", "cmd", "status"), print_status, c, NULL);
}

const struct command command_status = {
	.name = "status", .args = "",
	.help = "Show how holdfast-queued, its rules, store and primaries are.",
	.examples = "holdfast status\nholdfast status --json | jq -r .rules",
	.min_args = 0, .max_args = 0, .run = status,
};
