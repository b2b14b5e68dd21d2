/*
 * setup_daemons.c -- starting, stopping and waiting for our daemons.
 *
 * With systemd they are units: enabled and (re)started. Without, in a container or chroot,
 * they are started as they start by themselves, and stopped by the process that listens on
 * their socket (SO_PEERCRED): no file has to be believed about who that is, and nothing
 * but a program of our name is ever sent a signal.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/setup_daemons.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cli/plan.h"
#include "common/cli/proc.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/endpoint.h"

#define WAIT_SECONDS	20	/* for a socket to be listened on */
#define STOP_SECONDS	40	/* shutdown_timeout and some */

bool
setup_has_systemd(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -1;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 && errno != EAGAIN) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

pid_t
setup_listener(const char *path)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd = connect_to(path);
	pid_t pid = 0;

	if (fd == -1)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		pid = cred.pid;
	(void)close(fd);
	return pid > 0 ? pid : -1;	/* listens, but outside of our view */
}

/* "123 (holdfast-queued) S …" of /proc/PID/stat; a process that has ended is nobody. */
static bool
is_ours(pid_t pid)
{
	char path[64], text[128] = "", *name, *end;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n > 0)
		text[n] = '\0';
	name = strchr(text, '(');
	end = strchr(text, ')');
	return name != NULL && end != NULL && end[1] == ' ' && strchr("ZX", end[2]) == NULL &&
	       (strncmp(name, "(holdfast-queue", 15) == 0 ||
		   strncmp(name, "(holdfast-milte", 15) == 0);
}

static void
nap(void)
{
	const struct timespec ts = { 0, 50 * 1000 * 1000 };

	(void)nanosleep(&ts, NULL);
}

bool
setup_daemon_stop(const char *path, char **why)
{
	pid_t pid = setup_listener(path);
	int64_t end = clock_mono_ms() + STOP_SECONDS * 1000;

	if (pid == 0)
		return true;
	if (pid == -1 || !is_ours(pid)) {
		*why = xasprintf("%s: whoever listens there is no daemon of Holdfast", path);
		return false;
	}
	if (kill(pid, SIGTERM) == -1 && errno != ESRCH) {
		*why = xasprintf("process %ld: %s", (long)pid, strerror(errno));
		return false;
	}
	while (is_ours(pid) && clock_mono_ms() < end)
		nap();
	if (setup_listener(path) == 0)
		return true;
	*why = xasprintf("process %ld, which listens on %s, does not end", (long)pid, path);
	return false;
}

bool
setup_daemon_wait(const char *path, char **why)
{
	int64_t end = clock_mono_ms() + WAIT_SECONDS * 1000;

	while (setup_listener(path) == 0) {
		if (clock_mono_ms() >= end) {
			*why = xasprintf(
			    "nobody listens on %s after %d s; the log says why (journalctl -t "
			    "holdfast/queued -t holdfast/milter)",
			    path, WAIT_SECONDS);
			return false;
		}
		nap();
	}
	return true;
}

pid_t
setup_pid_of(const char *pid_file)
{
	char *real = realpath(pid_file, NULL), *why = NULL;	/* /var/run is a link */
	struct buf b = BUF_INIT;
	long pid = 0;

	if (real != NULL && file_read(real, &b, NULL, &why) == FILE_THERE)
		pid = strtol(buf_str(&b), NULL, 10);
	free(real);
	free(why);
	buf_free(&b);
	return pid > 1 && kill((pid_t)pid, 0) == 0 ? (pid_t)pid : 0;
}

bool
setup_daemon_hangup(const char *pid_file, char **why)
{
	pid_t pid = setup_pid_of(pid_file);

	if (pid == 0)
		return true;	/* it reads the new one when it starts */
	if (kill(pid, SIGHUP) == 0)
		return true;
	*why = xasprintf("process %ld of %s: %s", (long)pid, pid_file, strerror(errno));
	return false;
}

/* --- planning ------------------------------------------------------------ */

static bool
systemctl(const char *verb, const char *unit)
{
	const char *argv[] = { "systemctl", verb, "--quiet", unit, NULL };
	struct proc p = { .argv = argv, .seconds = 10 };
	bool ok = proc_run(&p);

	proc_clear(&p);
	return ok;
}

static void
plan_wait(struct plan *plan, const char *path, const char *what)
{
	const char *argv[] = { "@wait", path, NULL };

	if (path != NULL)
		(void)plan_run(plan, argv, what);
}

static void
units(const struct conf *conf, bool changed, bool start, struct plan *plan)
{
	const char *enable[] = { "systemctl", "enable", QUEUED_UNIT, MILTER_UNIT, NULL };
	const char *disable[] = { "systemctl", "disable", QUEUED_UNIT, MILTER_UNIT, NULL };
	const char *begin[] = { "systemctl", "start", QUEUED_UNIT, MILTER_UNIT, NULL };
	const char *again[] = { "systemctl", "restart", QUEUED_UNIT, MILTER_UNIT, NULL };
	const char *stop[] = { "systemctl", "stop", MILTER_UNIT, QUEUED_UNIT, NULL };
	bool running = systemctl("is-active", QUEUED_UNIT) && systemctl("is-active", MILTER_UNIT);
	bool enabled = systemctl("is-enabled", QUEUED_UNIT) && systemctl("is-enabled", MILTER_UNIT);

	if (!start) {
		if (!running || !enabled || changed)
			plan_note(plan, "to start: systemctl enable " QUEUED_UNIT " " MILTER_UNIT
			    " && systemctl restart " QUEUED_UNIT " " MILTER_UNIT);
		return;
	}
	if (!enabled)
		plan_undo(plan_run(plan, enable, "the daemons start with the machine"), disable);
	if (!running)
		plan_undo(plan_run(plan, begin, "the daemons start"), stop);
	else if (changed)
		(void)plan_run(plan, again, "the daemons read their configuration");
	if (!running || changed) {
		plan_wait(plan, conf->lmtp_listen.v[0].path, "wait for holdfast-queued");
		plan_wait(plan, conf->milter_listen.path, "wait for holdfast-milter");
	}
}

/* was: the socket that one which runs may listen on. */
static void
direct_one(const char *program, const char *conf_path, const char *was, const char *path,
    bool changed, struct plan *plan)
{
	char *found = proc_find_own(program), *what = xasprintf("%s starts", program);
	const char *start[] = { found, "-c", conf_path, NULL }, *stop[] = { "@stop", path, NULL };
	const char *stop_old[] = { "@stop", was, NULL };
	bool running = setup_listener(was) != 0;

	if (found == NULL)
		plan_problem(plan, "%s is not installed", program);
	else if (!running || changed) {
		if (running)
			(void)plan_run(plan, stop_old, "the daemon that runs stops");
		plan_undo(plan_run(plan, start, what), stop);
		plan_wait(plan, path, "wait for it");
	}
	free(found);
	free(what);
}

static void
direct(const struct conf *old, const struct conf *conf, const char *conf_path, bool changed,
    bool start, struct plan *plan)
{
	plan_note(plan, "systemd is not in charge here: nothing starts the daemons after a boot, unless "
	    "your init system runs holdfast-queued -c %s && holdfast-milter -c %s", conf_path, conf_path);
	if (!start) {
		plan_note(plan, "to start: holdfast-queued -c %s && holdfast-milter -c %s",
		    conf_path, conf_path);
		return;
	}
	direct_one("holdfast-queued", conf_path, old->control_socket, conf->control_socket, changed,
	    plan);
	if (conf->milter_listen.path != NULL)
		direct_one("holdfast-milter", conf_path, old->milter_listen.path != NULL
		    ? old->milter_listen.path : conf->milter_listen.path, conf->milter_listen.path,
		    changed, plan);
	else
		plan_note(plan, "milter_listen is a TCP port: start holdfast-milter yourself");
}

void
setup_daemons_plan(const struct conf *old, const struct conf *conf, const char *conf_path,
    bool changed, bool start, struct plan *plan)
{
	if (setup_has_systemd())
		units(conf, changed, start, plan);
	else
		direct(old != NULL ? old : conf, conf, conf_path, changed, start, plan);
}

void
setup_daemons_marker(struct plan *plan)
{
	const char *none[] = { NULL }, *reload[] = { "systemctl", "daemon-reload", NULL };

	if (setup_has_systemd())
		plan_undo(plan_run(plan, none, "systemd reads its units again"), reload);
}
