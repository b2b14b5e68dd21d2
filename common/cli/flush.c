/*
 * flush.c -- holdfast flush: try everything now.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <sysexits.h>

#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"

static int
flush(struct cli *c)
{
	json_t *last = NULL;
	json_int_t n;
	int status = cli_ask(c, c->argc > 0
	    ? json_pack("{s:s,s:s}", "cmd", "flush", "domain", c->argv[0])
	    : json_pack("{s:s}", "cmd", "flush"), NULL, NULL, &last);

	if (status != EX_OK)
		return status;
	n = out_int(last, "changed");
	json_decref(last);
	if (c->json)
		out_json(json_pack("{s:I}", "changed", n));
	else
		(void)printf("%s due now; primaries that are down are probed at once\n",
		    out_count((uint64_t)n, "recipient is", "recipients are"));
	return EX_OK;
}

const struct command command_flush = {
	.name = "flush", .args = "[DOMAIN]",
	.help = "Make all queued mail due and probe what is down, now.",
	.examples = "holdfast flush\nholdfast flush example.test",
	.min_args = 0, .max_args = 1, .run = flush,
};
