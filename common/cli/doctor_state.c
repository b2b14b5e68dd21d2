/*
 * doctor_state.c -- the milter's pulse in state.db.
 *
 * The milter writes the time into its table `status' every few seconds. Read without a
 * lock that it could notice; a milter that has no such file says nothing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/doctor.h"
#include "common/cli/setup_daemons.h"
#include "common/clock.h"
#include "common/conf.h"

#define PULSE_LATE	120	/* seconds */

/* A number of the table; -1: it cannot be read (*why lends). */
static int64_t
status_number(sqlite3 *db, const char *name)
{
	sqlite3_stmt *st = NULL;
	int64_t n = -1;

	if (sqlite3_prepare_v2(db, "SELECT CAST(value AS INTEGER) FROM status WHERE name = ?1", -1, &st,
	    NULL) == SQLITE_OK && sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return n;
}

void
check_state(struct doctor *d)
{
	const char *path = d->conf->state_db;
	sqlite3 *db = NULL;
	int64_t updated = -1, stopped = -1, age;

	if (access(path, F_OK) == -1) {
		doctor_say(d, DOCTOR_SKIP, NULL, "%s is not there: the milter has written nothing yet", path);
		return;
	}
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
		(void)sqlite3_busy_timeout(db, 1000);
		updated = status_number(db, "updated");
		stopped = status_number(db, "stopped");
	}
	(void)sqlite3_close(db);
	if (updated > INT64_C(1000000000000))	/* microseconds */
		updated /= 1000000;
	age = clock_wall() - updated;
	if (updated <= 0)
		doctor_say(d, DOCTOR_SKIP, NULL, "%s has no pulse that can be read", path);
	else if (stopped > 0)
		doctor_say(d, DOCTOR_FAIL, setup_has_systemd() ? "systemctl start " MILTER_UNIT
		    : "holdfast-milter", "the milter was stopped");
	else if (age > PULSE_LATE)
		doctor_say(d, DOCTOR_WARN, "journalctl -t holdfast/milter", "the milter wrote last %lld s ago",
		    (long long)age);
	else
		doctor_say(d, DOCTOR_OK, NULL, "the milter wrote %lld s ago", (long long)(age > 0 ? age : 0));
}
