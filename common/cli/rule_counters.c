/*
 * rule_counters.c -- holdfast rule counters: how often each check and rule was asked, and what came of it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <sysexits.h>

#include "common/cli/commands.h"
#include "common/cli/milter.h"
#include "common/cli/out.h"
#include "common/clock.h"

static int
rule_counters(struct cli *c)
{
	static const char *const headings[] = { "CHECK OR RULE", "SEEN", "HIT", "WOULD", "LAST" };
	struct state_row *rows = NULL;
	struct out_table *t = NULL;
	size_t n = 0;
	int status = milter_rows(c, STATE_COUNTERS, &rows, &n);

	if (status == EX_OK && !c->json && n == 0)
		(void)printf("nothing has been counted\n");
	else if (status == EX_OK && !c->json)
		t = out_table_new(headings, 5, "lrrrl");
	for (size_t i = 0; i < n; i++) {
		const struct state_row *r = &rows[i];

		if (c->json) {
			out_json(json_pack("{s:s,s:I,s:I,s:I,s:I}", "name", out_safe(r->text[0]), "seen",
			    (json_int_t)r->n[0], "hit", (json_int_t)r->n[1], "would", (json_int_t)r->n[2],
			    "last", (json_int_t)r->n[3]));
			continue;
		}
		out_cell(t, r->text[0]);
		for (int k = 0; k < 3; k++)
			milter_cell_number(t, r->n[k]);
		out_cell(t, out_when(r->n[3], clock_wall()));
	}
	if (t != NULL)
		out_table_print(&t, c);
	state_free(&rows, n);
	return status;
}

const struct command command_rule_counters = {
	.name = "rule counters", .args = "",
	.help = "Show how often each check and rule was asked, hit, or would have hit but for shadow mode.",
	.examples = "holdfast rule counters\nholdfast rule counters --json | jq 'select(.would > 0)'",
	.min_args = 0, .max_args = 0, .run = rule_counters,
};
