/*
 * doctor_disk.c -- for how many days of an outage there is room.
 *
 * While the primary is up only a part of its mail comes here, so what came lately says
 * little of an outage; the outages that were say more. The rate is the larger of
 *  - what was accepted since queued started, if that is an hour ago or more;
 *  - messages a day in past outages of an hour or more, times the mean size.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/statvfs.h>

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/doctor.h"
#include "common/cli/out.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/control.h"

#define DAY		86400.0
#define HOUR		3600
#define MEAN_SIZE	75000.0	/* bytes of a message, as long as none is known */
#define DAYS_FEW	5	/* warned below: RFC 5321 4.5.4.1's lifetime elsewhere */

double
doctor_days(uint64_t free_bytes, uint64_t reserve, double bytes_a_day)
{
	if (bytes_a_day <= 0)
		return -1;
	return free_bytes > reserve ? (double)(free_bytes - reserve) / bytes_a_day : 0;
}

struct rate {
	double	since_start;	/* bytes a day; 0 unknown */
	double	mean;		/* bytes of a message */
	double	outage;		/* messages a day in the busiest outage */
};

static void
on_status(void *arg, json_t *s)
{
	struct rate *r = arg;
	double seconds = (double)(clock_wall() - out_int(s, "started"));
	double bytes = (double)out_int(s, "bytes_accepted"),
	       messages = (double)out_int(s, "accepted");

	if (messages >= 20)
		r->mean = bytes / messages;
	else if (out_int(s, "messages") >= 20)
		r->mean = (double)out_int(s, "bytes") / (double)out_int(s, "messages");
	if (seconds >= HOUR)
		r->since_start = bytes / seconds * DAY;
}

static void
on_outage(void *arg, json_t *o)
{
	struct rate *r = arg;
	double length = (double)out_int(o, "length"), a_day;

	if (length < HOUR || out_int(o, "messages") == 0)
		return;
	a_day = (double)out_int(o, "messages") / length * DAY;
	if (a_day > r->outage)
		r->outage = a_day;
}

static void
ask(const struct doctor *d, const char *cmd, void (*line)(void *, json_t *), struct rate *r)
{
	char *why = NULL;
	struct control *control = control_connect(d->conf->control_socket, &why);

	if (control != NULL)
		json_decref(
		    control_call(control, json_pack("{s:s}", "cmd", cmd), line, NULL, r, &why));
	control_close(&control);
	free(why);
}

void
check_disk(struct doctor *d)
{
	struct rate r = { 0, MEAN_SIZE, 0 };
	char *dir = doctor_folder(d->conf->queue_db);
	char *look = xasprintf("df -h %s", dir);
	struct statvfs fs;
	uint64_t room;
	double a_day, days;

	if (statvfs(dir, &fs) == -1) {
		doctor_say(d, DOCTOR_SKIP, NULL, "%s: %s", dir, strerror(errno));
		free(dir);
		free(look);
		return;
	}
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	ask(d, "status", on_status, &r);
	ask(d, "primary.history", on_outage, &r);
	a_day = r.outage * r.mean > r.since_start ? r.outage * r.mean : r.since_start;
	days = doctor_days(room, d->conf->queue_reserve, a_day);
	if (room <= d->conf->queue_reserve)
		doctor_say(d, DOCTOR_FAIL, look,
		    "%s has %s left, no more than "
		    "queue_reserve: mail is refused for now (452)",
		    dir, out_size(room));
	else if (days < 0)
		doctor_say(d, DOCTOR_OK, NULL,
		    "%s free in %s; how long that lasts is known when mail has come",
		    out_size(room), dir);
	else
		doctor_say(d,
		    days < 1	      ? DOCTOR_FAIL
		    : days < DAYS_FEW ? DOCTOR_WARN
				      : DOCTOR_OK,
		    days < DAYS_FEW ? "make room, or move queue_db to a larger disk" : NULL,
		    "%s free in %s: %.*f days of an outage at %s a day (%s)", out_size(room), dir,
		    days < 10 ? 1 : 0, days > 99999 ? 99999 : days, out_size((uint64_t)a_day),
		    a_day > r.since_start ? "the busiest outage so far"
					  : "what came since queued started");
	free(dir);
	free(look);
}
