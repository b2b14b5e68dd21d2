/*
 * primary_history.c -- holdfast primary history: the outages, newest first.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/cli/primary.h"

struct history {
	const struct cli *c;
	const char	*indent;
	bool		 named;		/* one destination: its name need not be said */
	size_t		 n;
};

/* "3 d 4 h", "12 m 5 s", "0 s": the two largest units. Lends one of a few buffers. */
static const char *
lasting(int64_t s)
{
	static char text[4][48];
	static unsigned next;
	char *t = text[next++ % 4];

	if (s < 0)
		s = 0;
	if (s >= 86400)
		(void)snprintf(t, sizeof(text[0]), "%" PRId64 " d %" PRId64 " h", s / 86400,
		    s % 86400 / 3600);
	else if (s >= 3600)
		(void)snprintf(t, sizeof(text[0]), "%" PRId64 " h %" PRId64 " m", s / 3600,
		    s % 3600 / 60);
	else if (s >= 60)
		(void)snprintf(t, sizeof(text[0]), "%" PRId64 " m %" PRId64 " s", s / 60, s % 60);
	else
		(void)snprintf(t, sizeof(text[0]), "%" PRId64 " s", s);
	return t;
}

static void
print_recovery(const struct history *h, json_t *o)
{
	int64_t until = out_int(o, "until"), first = out_int(o, "first_delivery");
	int64_t drained = out_int(o, "drained");

	(void)printf("%s    %s waited; ", h->indent,
	    out_count((uint64_t)out_int(o, "messages"), "message", "messages"));
	if (first != 0)
		(void)printf("first delivery after %s, ", lasting(first - until));
	if (drained == 0)
		(void)printf("%lld delivered so far\n", (long long)out_int(o, "delivered"));
	else
		(void)printf("%lld delivered and drained after %s\n",
		    (long long)out_int(o, "delivered"), lasting(drained - until));
}

static void
print_outage(void *arg, json_t *o)
{
	struct history *h = arg;
	int64_t until = out_int(o, "until");

	h->n++;
	if (h->c->json) {
		out_json_lent(o);
		return;
	}
	(void)printf("%s%s to %s, %s", h->indent, out_date(out_int(o, "from")),
	    until != 0 ? out_date(until) : "now", lasting(out_int(o, "length")));
	if (!h->named)
		(void)printf(", %s", out_safe(out_str(o, "destination")));
	if (json_is_true(json_object_get(o, "held")))
		(void)printf(", %sheld on its return%s", out_on(h->c, OUT_WARN), out_off(h->c));
	(void)printf("\n%s    (%s)\n", h->indent, out_safe(out_str(o, "reason")));
	if (until != 0)
		print_recovery(h, o);
}

int
primary_print_history(struct cli *c, const char *name, const char *indent)
{
	struct history h = { c, indent, name != NULL, 0 };
	json_t *ask = json_pack("{s:s}", "cmd", "primary.history");
	int status;

	if (name != NULL)
		(void)json_object_set_new(ask, "destination", json_string(name));
	status = cli_ask(c, ask, print_outage, &h, NULL);
	if (status == EX_OK && !c->json && h.n == 0)
		(void)printf("%sno outage is known\n", indent);
	return status;
}

static int
history(struct cli *c)
{
	return primary_print_history(c, c->argc > 0 ? c->argv[0] : NULL, "");
}

const struct command command_primary_history = {
	.name = "primary history", .args = "[DESTINATION|DOMAIN]",
	.help = "List the outages: how long, what waited, how soon it was delivered.",
	.examples = "holdfast primary history\n"
		    "holdfast primary history example.test --json | jq .length",
	.min_args = 0, .max_args = 1, .run = history,
};
