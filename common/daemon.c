/*
 * daemon.c -- what both daemons do at start: options, user, files, background.
 *
 * Order of use: daemon_options(), daemon_conf(), log_open(), daemon_hygiene(),
 * daemon_detach(), open what root must open, daemon_drop(), start threads,
 * daemon_ready(). Everything here belongs to the main thread of a starting
 * program; only daemon_notify() may be called later.
 *
 * Until daemon_ready() the starter waits and standard error is still his: a
 * failed start is seen where it was asked for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include "common/daemon.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/buf.h"

#define FILES_MAX	1048576		/* descriptors; some containers have no hard limit at all */

static int ready_fd = -1;		/* to the waiting parent; -1 in the foreground */

static const char *
program_name(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	return slash != NULL ? slash + 1 : argv0;
}

static void
usage(FILE *to, const char *name)
{
	fprintf(to,
	    "usage: %s [-c FILE] [-ftv]\n"
	    "       %s -h | -V\n"
	    "  -c FILE  configuration (default %s)\n"
	    "  -f       stay in the foreground, log to standard error\n"
	    "  -t       check the configuration and exit\n"
	    "  -v       log more\n"
	    "  -h       this text\n"
	    "  -V       name and version\n",
	    name, name, CONF_DEFAULT_PATH);
}

void
daemon_options(int argc, char **argv, const char *more, struct daemon_options *o)
{
	const char *name = program_name(argv[0]);
	char known[16];
	int c;

	*o = (struct daemon_options){ .conf_path = CONF_DEFAULT_PATH };
	(void)snprintf(known, sizeof(known), "c:ftvVh%s", more);
	while ((c = getopt(argc, argv, known)) != -1) {
		switch (c) {
		case 'c':
			o->conf_path = optarg;
			break;
		case 'f':
			o->foreground = true;
			break;
		case 't':
			o->check_only = true;
			break;
		case 'o':
			o->offline = o->foreground = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'V':
			printf("%s %s\n", name, PACKAGE_VERSION);
			exit(EX_OK);
		case 'h':
			usage(stdout, name);
			exit(EX_OK);
		default:
			usage(stderr, name);
			exit(EX_USAGE);
		}
	}
	if (optind != argc) {
		fprintf(stderr, "%s: unexpected argument \"%s\"\n", name, argv[optind]);
		usage(stderr, name);
		exit(EX_USAGE);
	}
}

struct conf *
daemon_conf(const struct daemon_options *o)
{
	char *why;
	struct conf *c = conf_load(o->conf_path, &why);

	if (c == NULL) {
		fprintf(stderr, "%s\n", why);
		exit(EX_CONFIG);
	}
	return c;
}

/* The parent's part: until the child says ready, or is gone. */
static void __attribute__((noreturn))
wait_for_child(int fd, pid_t child)
{
	int status;
	ssize_t n;
	char byte;

	do
		n = read(fd, &byte, 1);
	while (n == -1 && errno == EINTR);
	if (n == 1)
		_exit(EX_OK);
	if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) != 0)
		_exit(WEXITSTATUS(status));
	_exit(EX_SOFTWARE);
}

static void __attribute__((noreturn))
cannot_detach(const char *call)
{
	fprintf(stderr, "cannot go to the background: %s: %s\n", call, strerror(errno));
	exit(EX_OSERR);
}

/*
 * The working directory stays, so that a relative -c FILE is found again on SIGHUP: the services
 * that ship with Holdfast start in "/".
 */
void
daemon_detach(const struct daemon_options *o)
{
	int fd[2];
	pid_t child;

	if (o->foreground || o->check_only)
		return;
	if (pipe2(fd, O_CLOEXEC) == -1)
		cannot_detach("pipe");
	if ((child = fork()) == -1)
		cannot_detach("fork");
	if (child != 0) {
		close(fd[1]);
		wait_for_child(fd[0], child);
	}
	close(fd[0]);
	ready_fd = fd[1];
	if (setsid() == -1)
		cannot_detach("setsid");
}

static int
become(const struct passwd *pw, const char *user)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (initgroups(user, pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		return -1;
	/* Believed only when seen: no identity left that is not the user's, and no way back. */
	if (getresuid(&r, &e, &s) == -1 || getresgid(&rg, &eg, &sg) == -1)
		return -1;
	if (r != pw->pw_uid || e != r || s != r || rg != pw->pw_gid || eg != rg || sg != rg ||
	    setuid(0) == 0) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

int
daemon_drop(const char *user, char **why)
{
	struct passwd *pw;

	*why = NULL;
	if (geteuid() != 0)
		return 0;
	errno = 0;
	if ((pw = getpwnam(user)) == NULL)
		*why = errno != 0 && errno != ENOENT
			   ? xasprintf("cannot look up the user %s: %s", user, strerror(errno))
			   : xasprintf("the user %s does not exist: create it with `useradd --system "
				       "--user-group %s'",
				 user, user);
	else if (pw->pw_uid == 0)
		*why = xasprintf("the user %s is root: set queue_user and milter_user to others", user);
	else if (become(pw, user) == -1)
		*why = xasprintf("cannot become the user %s: %s", user, strerror(errno));
	return *why == NULL ? 0 : -1;
}

static int
open_null(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

void
daemon_ready(void)
{
	int null;
	ssize_t w;

	daemon_notify("READY=1");
	if (ready_fd == -1)
		return;
	do
		w = write(ready_fd, "r", 1);
	while (w == -1 && errno == EINTR);
	close(ready_fd);
	ready_fd = -1;
	if ((null = open_null()) != -1) {
		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
}

void
daemon_hygiene(void)
{
	struct rlimit rl;
	int fd;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max < FILES_MAX ? rl.rlim_max : FILES_MAX;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	/* 0, 1 and 2 must be taken, or a database would get one of them and a stray message inside. */
	do
		fd = open_null();
	while (fd != -1 && fd <= STDERR_FILENO);
	if (fd != -1) {
		(void)dup2(fd, STDIN_FILENO);
		close(fd);
	}
}
