/*
 * doctor_self.c -- checks of Holdfast itself: daemons, units, lists, clock, copies.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/timex.h>

#include <errno.h>
#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/doctor.h"
#include "common/cli/file.h"
#include "common/cli/out.h"
#include "common/cli/proc.h"
#include "common/cli/setup_daemons.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/control.h"
#include "common/rules.h"

#define DAY		86400
#define LIST_OLD	(7 * DAY)
#define COPY_OLD	(30 * DAY)

/* --- daemons ------------------------------------------------------------- */

static const char *
start_queued(void)
{
	return setup_has_systemd() ? "systemctl start " QUEUED_UNIT : "holdfast-queued";
}

static const char *
start_milter(void)
{
	return setup_has_systemd() ? "systemctl start " MILTER_UNIT : "holdfast-milter";
}

/* The program that runs is no longer the one on disk. */
static bool
is_outdated(const char *socket)
{
	pid_t pid = socket != NULL ? setup_listener(socket) : 0;
	char path[64], exe[4096];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%ld/exe", (long)pid);
	if (pid <= 0 || (n = readlink(path, exe, sizeof(exe) - 1)) <= 0)
		return false;
	exe[n] = '\0';
	return n > 10 && strcmp(exe + n - 10, " (deleted)") == 0;
}

static void
judge_status(void *arg, json_t *s)
{
	struct doctor *d = arg;
	const char *version = out_str(s, "version"), *rules = out_str(s, "rules"),
		   *store = out_str(s, "store");
	bool good = true;

	if (strcmp(version, PACKAGE_VERSION) != 0) {
		doctor_say(d, DOCTOR_WARN, "systemctl restart " QUEUED_UNIT " " MILTER_UNIT,
		    "holdfast-queued is version %s, this command " PACKAGE_VERSION, version);
		good = false;
	}
	if (strcmp(rules, "ok") != 0) {
		doctor_say(d, DOCTOR_FAIL, "holdfast rule history",
		    "a change of the rules is refused, the "
		    "old ones stay in force: %s",
		    rules);
		good = false;
	}
	if (strcmp(store, "ok") != 0) {
		char *dir = doctor_folder(d->conf->queue_db);
		char *look = xasprintf("df -h %s; journalctl -t holdfast/queued", dir);

		doctor_say(d, DOCTOR_FAIL, look, "the queue's store: %s", store);
		free(look);
		free(dir);
		good = false;
	}
	if (out_int(s, "destinations_held") > 0) {
		doctor_say(d, DOCTOR_FAIL, "holdfast primary list",
		    "a primary refuses recipients that the "
		    "list knows: its mail is held");
		good = false;
	}
	if (good)
		doctor_say(d, DOCTOR_OK, NULL,
		    "holdfast-queued %s runs since %s; %lld messages wait", version,
		    out_date(out_int(s, "started")), (long long)out_int(s, "messages"));
}

static void
check_queued(struct doctor *d)
{
	char *why = NULL;
	struct control *control = control_connect(d->conf->control_socket, &why);
	json_t *answer;

	if (control == NULL) {
		bool denied = errno == EACCES || errno == EPERM;

		doctor_say(d, denied ? DOCTOR_SKIP : DOCTOR_FAIL, denied ? NULL : start_queued(),
		    "%s", why);
	} else if ((answer = control_call(control, json_pack("{s:s}", "cmd", "status"),
			judge_status, NULL, d, &why)) == NULL)
		doctor_say(d, DOCTOR_FAIL, "journalctl -t holdfast/queued", "%s", why);
	else
		json_decref(answer);
	control_close(&control);
	free(why);
}

void
check_daemons(struct doctor *d)
{
	const char *milter = d->conf->milter_listen.path;

	check_queued(d);
	if (milter != NULL && setup_listener(milter) == 0) {
		bool denied = errno == EACCES || errno == EPERM;

		doctor_say(d, denied ? DOCTOR_SKIP : DOCTOR_FAIL, denied ? NULL : start_milter(),
		    denied ? "%s cannot be reached by this user"
			   : "holdfast-milter does not answer on %s",
		    milter);
	}
	if (is_outdated(d->conf->control_socket) || is_outdated(milter))
		doctor_say(d, DOCTOR_WARN, "systemctl restart " QUEUED_UNIT " " MILTER_UNIT,
		    "a daemon still runs the program from before an upgrade");
}

/* --- units --------------------------------------------------------------- */

static bool
is_enabled(const char *unit)
{
	const char *argv[] = { "systemctl", "is-enabled", "--quiet", unit, NULL };
	struct proc p = { .argv = argv, .seconds = 4 };
	bool ok = proc_run(&p);

	proc_clear(&p);
	return ok;
}

/* Does a line that is no comment name the program? */
static bool
runs(const char *text, const char *program)
{
	for (const char *p = text; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t len = strcspn(p, "\n");
		const char *hash = memchr(p, '#', len);

		if (memmem(p, hash != NULL ? (size_t)(hash - p) : len, program, strlen(program)) != NULL)
			return true;
	}
	return false;
}

/* Where other inits, and cron's @reboot, are told what to start. NULL: none of them has the program. Caller frees. */
static char *
started_by(const char *program)
{
	static const char *const places[] = { "/etc/rc.local", "/etc/inittab", "/etc/init.d/*", "/etc/rc.d/*",
		"/etc/sv/*/run", "/etc/service/*/run", "/etc/s6*/*/run", "/etc/crontab", "/etc/cron.d/*",
		"/var/spool/cron/crontabs/root", "/var/spool/cron/root" };
	char *found = NULL;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && found == NULL; i++) {
		glob_t g;

		if (glob(places[i], 0, NULL, &g) != 0)
			continue;
		for (size_t j = 0; j < g.gl_pathc && found == NULL; j++) {
			struct buf text = BUF_INIT;
			char *why = NULL;

			if (file_read(g.gl_pathv[j], &text, NULL, &why) == FILE_THERE && runs(buf_str(&text), program))
				found = xstrdup(g.gl_pathv[j]);
			free(why);
			buf_free(&text);
		}
		globfree(&g);
	}
	return found;
}

static void
check_other_init(struct doctor *d)
{
	char *queued = started_by("holdfast-queued"), *milter = started_by("holdfast-milter"), *fix;

	if (queued != NULL && milter != NULL) {
		doctor_say(d, DOCTOR_OK, NULL, "both daemons are in %s", queued);
	} else {
		fix = xasprintf("holdfast-queued -c %s && holdfast-milter -c %s  (what your init system, or the "
		    "container, must run at its start)", d->conf_path, d->conf_path);
		doctor_say(d, DOCTOR_WARN, fix,
		    "systemd is not in charge here: nothing of Holdfast's starts the daemons after a boot");
		free(fix);
	}
	free(queued);
	free(milter);
}

void
check_units(struct doctor *d)
{
	bool queued, milter;

	if (!setup_has_systemd()) {
		check_other_init(d);
		return;
	}
	queued = is_enabled(QUEUED_UNIT);
	milter = is_enabled(MILTER_UNIT);
	if (queued && milter)
		doctor_say(d, DOCTOR_OK, NULL, "both daemons start with the machine");
	else
		doctor_say(d, DOCTOR_FAIL, "systemctl enable " QUEUED_UNIT " " MILTER_UNIT,
		    "after a reboot %s will not run",
		    queued   ? "holdfast-milter"
		    : milter ? "holdfast-queued"
			     : "the daemons");
}

/* --- recipients ---------------------------------------------------------- */

static void
judge_list(struct doctor *d, const struct rules_domain *r)
{
	int64_t age = clock_wall() - (int64_t)r->list_time;
	char *fix = xasprintf("holdfast recipient import %s FILE", r->name);

	if (r->catch_all[0] != '\0')
		doctor_say(d, DOCTOR_WARN, "holdfast domain set NAME --catch-all off",
		    "the catch-all is on: "
		    "every local part is taken");
	else if (r->nrecipients == 0 && r->list_time == 0)
		doctor_say(d, DOCTOR_FAIL, fix,
		    "no list of recipients was ever imported: everybody is put off "
		    "(450)");
	else if (r->list_time == 0)
		doctor_say(d, DOCTOR_OK, NULL, "%zu recipients, written by hand: they have no age",
		    r->nrecipients);
	else if (r->list_max_age != 0 && age > (int64_t)r->list_max_age)
		doctor_say(d, DOCTOR_FAIL, fix,
		    "the list of %zu recipients is %lld days old and no longer "
		    "believed: who is not on it is put off, not refused",
		    r->nrecipients, (long long)(age / DAY));
	else if (age > LIST_OLD)
		doctor_say(d, DOCTOR_WARN, fix, "the list of %zu recipients is %lld days old",
		    r->nrecipients, (long long)(age / DAY));
	else
		doctor_say(d, DOCTOR_OK, NULL, "%zu recipients, imported %s", r->nrecipients,
		    out_when((int64_t)r->list_time, clock_wall()));
	free(fix);
}

void
check_recipients(struct doctor *d)
{
	const struct rules_domain *r = d->domain;
	bool listed = r->recipients == RECIPIENTS_VERIFY && r->nrecipients > 0;
	char *fix = listed ? xasprintf("holdfast domain set %s --recipients list", r->name)
	    : xasprintf("holdfast recipient import %s FILE && holdfast domain set %s --recipients list",
	    r->name, r->name);

	switch (r->recipients) {
	case RECIPIENTS_LIST:
		judge_list(d, r);
		break;
	case RECIPIENTS_VERIFY:
		doctor_say(d, DOCTOR_WARN, fix,
		    "this version does not ask the primary yet (recipients = verify): who is not "
		    "listed is taken unchecked, and refused by the primary later");
		break;
	case RECIPIENTS_ANY:
		doctor_say(d, DOCTOR_WARN, fix,
		    "recipients are not checked: mail to nobody is taken, and "
		    "refused by the primary later");
		break;
	}
	free(fix);
}

/* --- clock and copies ---------------------------------------------------- */

void
check_clock(struct doctor *d)
{
	struct timex t;

	memset(&t, 0, sizeof(t));	/* modes 0: only asks */
	if (adjtimex(&t) == -1)
		doctor_say(d, DOCTOR_SKIP, NULL, "the kernel does not say: %s", strerror(errno));
	else if ((t.status & STA_UNSYNC) != 0)
		doctor_say(d, DOCTOR_WARN, "timedatectl set-ntp true (or install chrony)",
		    "nothing keeps the clock right; it says %s", out_date(clock_wall()));
	else
		doctor_say(d, DOCTOR_OK, NULL, "kept right, to %.1f ms", (double)t.maxerror / 1000);
}

/* Copies beside a database, as upgrades leave them: "rules.db.v1". */
static void
look_for_copies(const char *database, size_t *n, uint64_t *bytes, bool *old, char **one)
{
	char *pattern = xasprintf("%s.v[0-9]*", database);
	struct stat st;
	glob_t g;

	if (glob(pattern, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			if (stat(g.gl_pathv[i], &st) == -1)
				continue;
			(*n)++;
			*bytes += (uint64_t)st.st_size;
			if (clock_wall() - st.st_mtime > COPY_OLD) {
				*old = true;
				free(*one);
				*one = xstrdup(g.gl_pathv[i]);
			}
		}
		globfree(&g);
	}
	free(pattern);
}

void
check_copies(struct doctor *d)
{
	char *one = NULL, *fix;
	uint64_t bytes = 0;
	bool old = false;
	size_t n = 0;

	look_for_copies(d->conf->rules_db, &n, &bytes, &old, &one);
	look_for_copies(d->conf->queue_db, &n, &bytes, &old, &one);
	if (old) {
		fix = xasprintf("rm %s", one);
		doctor_say(d, DOCTOR_WARN, fix,
		    "%zu copies of databases from before an upgrade, %s, over a month "
		    "old",
		    n, out_size(bytes));
		free(fix);
	} else if (n > 0)
		doctor_say(d, DOCTOR_OK, NULL, "%zu copies from before an upgrade, %s", n,
		    out_size(bytes));
	else
		doctor_say(d, DOCTOR_OK, NULL, "none");
	free(one);
}
