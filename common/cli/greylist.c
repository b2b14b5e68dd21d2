/*
 * greylist.c -- holdfast greylist: who is put off, who has passed, which networks are free.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/milter.h"
#include "common/cli/out.h"
#include "common/clock.h"
#include "common/rules_screen.h"

static const char *
state_of(const struct state_row *r, bool network, unsigned enough)
{
	if (network)
		return enough > 0 && r->n[2] >= (int64_t)enough ? "free" : "known";
	return r->n[2] > 0 ? "passed" : "waiting";
}

static void
print_greylist(const struct cli *c, struct out_table *t, const struct state_row *r, bool network,
    unsigned enough)
{
	int64_t now = clock_wall();

	if (c->json) {
		out_json(json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I}", "kind",
		    network ? "network" : "triplet", "state", state_of(r, network, enough), "network",
		    out_safe(r->text[0]), "sender", out_safe(network ? "" : r->text[1]), "recipient",
		    out_safe(network ? "" : r->text[2]), "first", (json_int_t)r->n[0], "last",
		    (json_int_t)r->n[1], "passes", (json_int_t)r->n[2], "until",
		    (json_int_t)(r->n[3] / MILTER_SECOND)));
		return;
	}
	out_cell(t, state_of(r, network, enough));
	out_cell(t, milter_text(r->text[0]));
	out_cell(t, network ? "(all)" : r->text[0][0] == '\0' ? "-" : r->text[1][0] == '\0' ? "<>" :
	    r->text[1]);
	out_cell(t, network ? "(all)" : milter_text(r->text[2]));
	out_cell(t, out_when(r->n[0], now));
	out_cell(t, out_when(r->n[1], now));
	milter_cell_number(t, r->n[2]);
	out_cell(t, out_when(r->n[3] / MILTER_SECOND, now));
}

static int
greylist_list(struct cli *c)
{
	static const char *const headings[] = { "STATE", "NETWORK", "SENDER", "RECIPIENT", "FIRST", "PASSED",
		"PASSES", "ENDS" };
	struct state_row *rows = NULL, *networks = NULL;
	size_t n = 0, nnetworks = 0;
	struct out_table *t = NULL;
	struct ruleset *set = NULL;
	int status = cli_rules(c, &set);
	unsigned enough;

	if (status != EX_OK)
		return status;
	enough = ruleset_policy(set, "")->greylist_passes;
	ruleset_unref(&set);
	if ((status = milter_rows(c, STATE_NETWORKS, &networks, &nnetworks)) == EX_OK)
		status = milter_rows(c, STATE_GREYLIST, &rows, &n);
	if (status == EX_OK && !c->json && n + nnetworks == 0)
		(void)printf("nobody is on the greylist\n");
	if (status == EX_OK && !c->json && n + nnetworks > 0)
		t = out_table_new(headings, 8, "llllllrl");
	for (size_t i = 0; status == EX_OK && i < nnetworks; i++)
		print_greylist(c, t, &networks[i], true, enough);
	for (size_t i = 0; status == EX_OK && i < n; i++)
		print_greylist(c, t, &rows[i], false, enough);
	if (t != NULL)
		out_table_print(&t, c);
	state_free(&networks, nnetworks);
	state_free(&rows, n);
	return status;
}

const struct command command_greylist_list = {
	.name = "greylist list", .args = "",
	.help = "List who is put off by the greylist, who has passed it, and which networks are free of it.",
	.examples = "holdfast greylist list\n"
		    "holdfast greylist list --json | jq 'select(.state == \"waiting\")'",
	.min_args = 0, .max_args = 0, .run = greylist_list,
};
