/*
 * status.c -- holdfast status: is all well?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/milter.h"
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

struct asked {
	const struct cli *c;
	json_t		*milter;
	bool		 held;		/* a primary is */
	bool		 answered;	/* by queued */
};

static void
print_status(void *arg, json_t *s)
{
	struct asked *a = arg;
	const struct cli *c = a->c;
	int64_t now = clock_wall(), down = out_int(s, "destinations_down");
	int64_t held = out_int(s, "destinations_held");

	a->held = held > 0;
	a->answered = true;
	if (c->json) {
		(void)json_object_set(s, "milter", a->milter);
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
	(void)printf("primaries     %s, %s%lld down%s",
	    out_count((uint64_t)out_int(s, "destinations"), "destination", "destinations"),
	    out_on(c, down > 0 ? OUT_BAD : OUT_PLAIN), (long long)down,
	    down > 0 ? out_off(c) : "");
	if (held > 0)
		(void)printf(", %s%lld held%s for refusing what the list knows\n"
		    "              see `holdfast primary list'; `holdfast primary release' ends it",
		    out_on(c, OUT_BAD), (long long)held, out_off(c));
	(void)printf("\n");
}

/* The milter's part is shown even when queued does not answer: it tells by a file. */
static int
status(struct cli *c)
{
	struct asked a = { .c = c };
	int rc;

	if ((a.milter = milter_status(c)) == NULL)
		return EX_CONFIG;
	rc = cli_ask(c, json_pack("{s:s}", "cmd", "status"), print_status, &a, NULL);
	if (!c->json)
		milter_print_status(c, a.milter);
	else if (!a.answered)
		out_json(json_pack("{s:O}", "milter", a.milter));
	json_decref(a.milter);
	return rc == EX_OK && a.held ? EX_TEMPFAIL : rc;
}

const struct command command_status = {
	.name = "status", .args = "",
	.help = "Show how holdfast-queued, its rules, store and primaries are, and holdfast-milter.",
	.examples = "holdfast status\nholdfast status --json | jq -r .rules",
	.min_args = 0, .max_args = 0, .run = status,
};
