/*
 * milter.c -- what the command says of holdfast-milter, out of state.db.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/milter.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/cli/cli.h"
#include "common/cli/out.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/state_read.h"

#define PULSE_MAX	15	/* s: three missed writes of `updated' */

/* --- reading ------------------------------------------------------------------------------------ */

static int
status_of(enum state_result r)
{
	switch (r) {
	case STATE_OK:
		return EX_OK;
	case STATE_ABSENT:
		return EX_UNAVAILABLE;
	case STATE_DENIED:
		return EX_NOPERM;
	case STATE_BUSY:
		return EX_TEMPFAIL;
	case STATE_BAD:
		break;
	}
	return EX_DATAERR;
}

int
milter_rows(struct cli *c, enum state_table table, struct state_row **rows, size_t *n)
{
	const struct conf *conf = cli_conf(c);
	char *why = NULL;
	int status;

	*rows = NULL;
	*n = 0;
	if (conf == NULL)
		return EX_CONFIG;
	status = status_of(state_read(conf->state_db, table, clock_wall_us(), rows, n, &why));
	if (status != EX_OK)
		(void)cli_fail(status, "%s", why);
	free(why);
	return status;
}

const char *
milter_text(const char *s)
{
	return s[0] != '\0' ? s : "-";
}

void
milter_cell_number(struct out_table *t, int64_t n)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)n);
	out_cell(t, text);
}

/* --- status --------------------------------------------------------------------------------------- */

json_t *
milter_status(struct cli *c)
{
	const struct conf *conf = cli_conf(c);
	struct state_row *rows = NULL;
	char *why = NULL;
	int64_t updated;
	size_t n = 0;
	bool running;
	json_t *o;

	if (conf == NULL)
		return NULL;
	if (state_read(conf->state_db, STATE_STATUS, clock_wall_us(), &rows, &n, &why) != STATE_OK) {
		o = json_pack("{s:b,s:s}", "running", 0, "error", out_safe(why));
		free(why);
		return o;
	}
	updated = atoll(state_status(rows, n, "updated"));
	running = atoll(state_status(rows, n, "stopped")) == 0 && clock_wall() - updated <= PULSE_MAX;
	o = json_pack("{s:b,s:I,s:I,s:I,s:I,s:s,s:s}", "running", (int)running,
	    "pid", (json_int_t)atoll(state_status(rows, n, "pid")),
	    "started", (json_int_t)atoll(state_status(rows, n, "started")),
	    "updated", (json_int_t)updated,
	    "stopped", (json_int_t)atoll(state_status(rows, n, "stopped")),
	    "version", out_safe(state_status(rows, n, "version")),
	    "rules", out_safe(state_status(rows, n, "rules")));
	state_free(&rows, n);
	return o;
}

void
milter_print_status(const struct cli *c, const json_t *o)
{
	int64_t now = clock_wall(), updated = out_int(o, "updated"), stopped = out_int(o, "stopped");
	const char *rules = out_str(o, "rules");
	bool good = strcmp(rules, "ok") == 0;

	if (out_str(o, "error")[0] != '\0') {
		(void)printf("milter        %sunknown%s: %s\n", out_on(c, OUT_BAD), out_off(c),
		    out_safe(out_str(o, "error")));
		return;
	}
	if (!json_is_true(json_object_get(o, "running"))) {
		(void)printf("milter        %snot running%s, %s %s\n", out_on(c, OUT_BAD), out_off(c),
		    stopped != 0 ? "stopped" : "last heard of",
		    out_when(stopped != 0 ? stopped : updated, now));
		return;
	}
	(void)printf("milter        %s, pid %lld, started %s (%s), last heard of %s\n",
	    out_safe(out_str(o, "version")), (long long)out_int(o, "pid"), out_date(out_int(o, "started")),
	    out_when(out_int(o, "started"), now), out_when(updated, now));
	(void)printf("milter rules  %s%s%s\n", out_on(c, good ? OUT_GOOD : OUT_BAD), out_safe(rules),
	    out_off(c));
}
