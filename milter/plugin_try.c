/*
 * plugin_try.c -- can this file be loaded, and is there a check in it?
 *
 * Loading runs the file's code, and what it exports may be any bytes. So it is done by a child
 * first, which may crash, hang, exit or read where nothing is: whatever becomes of it is the
 * answer. Only what a child has loaded, judged and unloaded well is loaded by the milter itself.
 *
 * The child says "+" and the check's name for yes, or "-" and the reason, through a pipe; its exit
 * status must agree. It leads a process group, so that what the file's code may have started ends
 * with it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define SYMBOL	"holdfast_check"

static int
refuse(char why[PLUGIN_WHY], const char *reason)
{
	(void)snprintf(why, PLUGIN_WHY, "%s", reason);
	return -1;
}

/* --- what is exported ------------------------------------------------------------- */

static bool
is_name(const char *name)
{
	size_t len = strnlen(name, PLUGIN_NAME_MAX + 1);

	return len >= 1 && len <= PLUGIN_NAME_MAX &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

/* A hook must be somewhere in what is loaded. */
static bool
is_code(uintptr_t address)
{
	Dl_info info;

	return address == 0 || dladdr((const void *)address, &info) != 0;
}

int
plugin_judge(const struct check *c, char why[PLUGIN_WHY])
{
	if (c->abi != HOLDFAST_CHECK_ABI) {
		(void)snprintf(why, PLUGIN_WHY, "built for ABI %u, this milter has %u", c->abi,
		    HOLDFAST_CHECK_ABI);
		return -1;
	}
	if (c->name == NULL)
		return refuse(why, "it has no name");
	if (!is_name(c->name))
		return refuse(why, "its name is not 1 to 32 of a-z 0-9 _ -");
	if ((unsigned)c->cost > COST_NETWORK)
		return refuse(why, "its cost is none of enum check_cost");
	if (c->on_fault != VERDICT_PASS && c->on_fault != VERDICT_DEFER)
		return refuse(why, "on_fault is neither VERDICT_PASS nor VERDICT_DEFER");
	if (c->at_rcpt == NULL && c->at_eom == NULL)
		return refuse(why, "it has neither at_rcpt nor at_eom");
	if (!is_code((uintptr_t)c->at_rcpt) || !is_code((uintptr_t)c->at_eom) ||
	    !is_code((uintptr_t)c->at_connect) || !is_code((uintptr_t)c->end_txn) ||
	    !is_code((uintptr_t)c->end_conn))
		return refuse(why, "a hook points to where no code is");
	return 0;
}

/* --- loading ------------------------------------------------------------------------ */

/* dlerror() names the file, which whoever reads this knows. */
static int
refuse_dl(const char *path, char why[PLUGIN_WHY])
{
	const char *text = dlerror();
	size_t len = strlen(path);

	if (text == NULL)
		return refuse(why, "it cannot be loaded");
	if (strncmp(text, path, len) == 0 && strncmp(text + len, ": ", 2) == 0)
		text += len + 2;
	return refuse(why, text);
}

static int
load(const char *path, void **handle, const struct check **check, char why[PLUGIN_WHY])
{
	*check = NULL;
	if ((*handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)) == NULL)
		return refuse_dl(path, why);
	(void)dlerror();
	*check = dlsym(*handle, SYMBOL);
	if (*check == NULL)
		return refuse(why, "has no symbol " SYMBOL);
	return plugin_judge(*check, why);
}

const struct check *
plugin_open(const char *path, char why[PLUGIN_WHY])
{
	const struct check *check;
	void *handle;

	/* One that showed the child another face and is refused now stays: who knows what it has begun. */
	return load(path, &handle, &check, why) == 0 ? check : NULL;
}

/* --- the child ------------------------------------------------------------------------ */

static void
say(int fd, const char *text)
{
	ssize_t n;

	do
		n = write(fd, text, strlen(text));
	while (n == -1 && errno == EINTR);
}

static void __attribute__((noreturn))
be_the_child(const char *path, int fd, int64_t patience)
{
	static const int deadly[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGTERM };
	const struct rlimit none = { 0, 0 };
	const struct check *check;
	char answer[PLUGIN_WHY + 1];
	void *handle;

	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		(void)signal(deadly[i], SIG_DFL);
	(void)setpgid(0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)alarm((unsigned)(patience / 1000) + 2);	/* should we be left alone */
	answer[0] = '-';
	if (load(path, &handle, &check, answer + 1) == -1) {
		say(fd, answer);
		_exit(1);
	}
	(void)snprintf(answer, sizeof(answer), "+%s", check->name);
	say(fd, answer);
	(void)dlclose(handle);
	_exit(0);
}

/* --- its parent ------------------------------------------------------------------------- */

/* Its end, or none before the deadline: then it is killed. True: it ended by itself. */
static bool
await(pid_t child, int64_t patience, int *status)
{
	int64_t deadline = clock_mono_ms() + patience;
	struct timespec pause = { 0, 1000000 };
	siginfo_t info = { 0 };
	int rc;

	do {
		info.si_pid = 0;
		rc = waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | WNOHANG);
		if (rc == -1 && errno != EINTR)
			break;
		if (info.si_pid == child || clock_mono_ms() >= deadline)
			break;
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec < 16000000)
			pause.tv_nsec *= 2;
	} while (true);
	(void)kill(-child, SIGKILL);
	(void)kill(child, SIGKILL);
	while ((rc = waitpid(child, status, 0)) == -1 && errno == EINTR)
		continue;
	return info.si_pid == child && rc == child;
}

/* What it said: "+name", "-reason", or "" for nothing. */
static void
hear(int fd, char *answer, size_t size)
{
	ssize_t n;

	do
		n = read(fd, answer, size - 1);
	while (n == -1 && errno == EINTR);
	answer[n > 0 ? n : 0] = '\0';
}

static int
conclude(const char *answer, int status, char name[PLUGIN_NAME_MAX + 1], char why[PLUGIN_WHY])
{
	if (answer[0] == '-')
		return refuse(why, answer + 1);
	if (WIFSIGNALED(status)) {
		(void)snprintf(why, PLUGIN_WHY, "it dies of signal %d (%s) when it is %s",
		    WTERMSIG(status), strsignal(WTERMSIG(status)),
		    answer[0] == '+' ? "unloaded" : "loaded");
		return -1;
	}
	if (answer[0] == '+' && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		(void)snprintf(name, PLUGIN_NAME_MAX + 1, "%.*s", PLUGIN_NAME_MAX, answer + 1);
		return 0;
	}
	(void)snprintf(why, PLUGIN_WHY, "it ends the process that loads it (exit status %d)",
	    WEXITSTATUS(status));
	return -1;
}

int
plugin_try(const char *path, int64_t patience, char name[PLUGIN_NAME_MAX + 1], char why[PLUGIN_WHY])
{
	char answer[PLUGIN_WHY + 1];
	int fd[2], status = 0;
	pid_t child;

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) == -1)
		return refuse(why, strerror(errno));
	if ((child = fork()) == -1) {
		(void)refuse(why, strerror(errno));
		(void)close(fd[0]);
		(void)close(fd[1]);
		return -1;
	}
	if (child == 0)
		be_the_child(path, fd[1], patience);
	(void)setpgid(child, child);
	(void)close(fd[1]);
	if (!await(child, patience, &status)) {
		(void)close(fd[0]);
		(void)snprintf(why, PLUGIN_WHY, "it is not loaded after %lld.%lld s",
		    (long long)(patience / 1000), (long long)(patience % 1000 / 100));
		return -1;
	}
	hear(fd[0], answer, sizeof(answer));
	(void)close(fd[0]);
	return conclude(answer, status, name, why);
}
