/*
 * doctor_state.c -- how the milter is, by what it writes into state.db: its pulse, its
 * version, what it thinks of the rules.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/cli/doctor.h"
#include "common/cli/setup_daemons.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/state_read.h"

#define PULSE_MAX	30	/* seconds; it writes every five */

static void
judge(struct doctor *d, const struct state_row *rows, size_t n)
{
	int64_t updated = strtoll(state_status(rows, n, "updated"), NULL, 10);
	int64_t stopped = strtoll(state_status(rows, n, "stopped"), NULL, 10);
	const char *version = state_status(rows, n, "version"),
		   *rules = state_status(rows, n, "rules");
	int64_t age = clock_wall() - updated;
	char *dir = doctor_folder(d->conf->state_db);
	char *look = xasprintf("journalctl -t holdfast/milter; df -h %s", dir);

	if (stopped != 0)
		doctor_say(d, DOCTOR_FAIL, setup_has_systemd() ? "systemctl start " MILTER_UNIT
		    : "holdfast-milter", "the milter was stopped");
	else if (age > PULSE_MAX)
		doctor_say(d, DOCTOR_WARN, look,
		    "the milter wrote last %lld s ago: it hangs, or cannot write", (long long)age);
	else if (strcmp(version, PACKAGE_VERSION) != 0)
		doctor_say(d, DOCTOR_WARN, "systemctl restart " MILTER_UNIT,
		    "holdfast-milter is version %s, this "
		    "command " PACKAGE_VERSION,
		    version);
	else if (strcmp(rules, "ok") != 0)
		doctor_say(d, DOCTOR_FAIL, "holdfast rule history",
		    "the milter refuses a change of the rules, the old "
		    "ones stay in force: %s",
		    rules);
	else
		doctor_say(d, DOCTOR_OK, NULL, "holdfast-milter %s wrote %lld s ago", version,
		    (long long)(age > 0 ? age : 0));
	free(dir);
	free(look);
}

void
check_state(struct doctor *d)
{
	struct state_row *rows = NULL;
	char *why = NULL, *fix;
	size_t n = 0;

	switch (state_read(d->conf->state_db, STATE_STATUS, clock_wall_us(), &rows, &n, &why)) {
	case STATE_OK:
		judge(d, rows, n);
		break;
	case STATE_ABSENT:
	case STATE_DENIED:
	case STATE_BUSY:
		doctor_say(d, DOCTOR_SKIP, NULL, "%s", why);
		break;
	case STATE_BAD:
		fix = xasprintf("mv %s %s.bad, and restart holdfast-milter", d->conf->state_db,
		    d->conf->state_db);
		doctor_say(d, DOCTOR_FAIL, fix, "%s", why);
		free(fix);
		break;
	}
	state_free(&rows, n);
	free(why);
}
