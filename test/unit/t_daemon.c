/*
 * t_daemon.c -- start-up: options, background, user, notification.
 *
 * Each case runs in a child, since the functions exit or change the process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sysexits.h>

#include "common/daemon.h"

static char output[8192];	/* standard output and error of the last child */

/* Exit status of a child that runs fn(arg); waits until all who hold its output are gone or quiet. */
static int
in_child(void (*fn)(void *), void *arg)
{
	int fd[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		close(fd[0]);
		(void)dup2(fd[1], STDOUT_FILENO);
		(void)dup2(fd[1], STDERR_FILENO);
		close(fd[1]);
		fn(arg);
		exit(0);
	}
	close(fd[1]);
	while ((n = read(fd[0], output + len, sizeof(output) - 1 - len)) > 0)
		len += (size_t)n;
	output[len] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* --- options ------------------------------------------------------------- */

static void
parse_and_show(void *arg)
{
	char **argv = arg;
	struct daemon_options o;
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	daemon_options(argc, argv, "", &o);
	printf("%s %d %d %d", o.conf_path, o.foreground, o.check_only, o.verbose);
}

static void
options(void **state)
{
	static char name[] = "/usr/sbin/holdfast-queued", dash_c[] = "-c", file[] = "f.conf", ftv[] = "-ftv",
		    version[] = "-V", help[] = "-h", bad[] = "-x", dash_o[] = "-o", extra[] = "word";
	char *none[] = { name, NULL }, *all[] = { name, ftv, dash_c, file, NULL };
	char *v[] = { name, version, NULL }, *h[] = { name, help, NULL };
	char *x[] = { name, bad, NULL }, *e[] = { name, extra, NULL }, *c[] = { name, dash_c, NULL }, *o[] = { name, dash_o, NULL };

	(void)state;
	assert_int_equal(in_child(parse_and_show, none), 0);
	assert_string_equal(output, CONF_DEFAULT_PATH " 0 0 0");
	assert_int_equal(in_child(parse_and_show, all), 0);
	assert_string_equal(output, "f.conf 1 1 1");
	assert_int_equal(in_child(parse_and_show, v), 0);
	assert_memory_equal(output, "holdfast-queued ", 16);
	assert_true(output[16] >= '0' && output[16] <= '9');
	assert_int_equal(in_child(parse_and_show, h), 0);
	assert_memory_equal(output, "usage: holdfast-queued ", 23);
	assert_int_equal(in_child(parse_and_show, x), EX_USAGE);
	assert_non_null(strstr(output, "usage:"));
	assert_int_equal(in_child(parse_and_show, c), EX_USAGE);
	assert_int_equal(in_child(parse_and_show, o), EX_USAGE);	/* who has none */
	assert_int_equal(in_child(parse_and_show, e), EX_USAGE);
	assert_non_null(strstr(output, "unexpected argument \"word\""));
}

static void
load_conf(void *path)
{
	struct daemon_options o = { .conf_path = path };
	struct conf *c = daemon_conf(&o);

	printf("%s", c->store);
	conf_free(&c);
}

static void
configuration(void **state)
{
	char path[512], want[600];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/d.conf", (const char *)*state);
	assert_int_equal(in_child(load_conf, path), EX_CONFIG);
	(void)snprintf(want, sizeof(want), "%s: No such file or directory\n", path);
	assert_string_equal(output, want);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("hostname = a\nfoo = 1\n", f);
	fclose(f);
	assert_int_equal(in_child(load_conf, path), EX_CONFIG);
	(void)snprintf(want, sizeof(want), "%s:2: unknown key \"foo\"\n", path);
	assert_string_equal(output, want);
}

/* --- background ----------------------------------------------------------- */

static void
start_well(void *arg)
{
	struct daemon_options o = { .conf_path = "" };
	char byte;
	int *until = arg;

	daemon_detach(&o);
	printf("started\n");	/* the starter's terminal is still ours */
	fflush(stdout);
	daemon_ready();
	printf("lost");
	fflush(stdout);
	close(until[1]);
	exit(read(until[0], &byte, 1) == -1);	/* lives on until the test ends it */
}

static void
start_badly(void *arg)
{
	struct daemon_options o = { .conf_path = "" };

	daemon_detach(&o);
	fprintf(stderr, "cannot listen");
	exit(*(int *)arg);
}

static void
start_and_die(void *arg)
{
	struct daemon_options o = { .conf_path = "" };

	(void)arg;
	daemon_detach(&o);
	(void)raise(SIGKILL);
}

static void
stay(void *arg)
{
	struct daemon_options o = { .conf_path = "", .foreground = true };
	pid_t before = getpid();

	(void)arg;
	daemon_detach(&o);
	daemon_ready();
	printf("%d", getpid() == before);
}

static void
background(void **state)
{
	int until[2], code;

	(void)state;
	assert_int_equal(pipe(until), 0);
	assert_int_equal(in_child(start_well, until), 0);
	assert_string_equal(output, "started\n");
	close(until[0]);
	close(until[1]);
	code = EX_OSERR;
	assert_int_equal(in_child(start_badly, &code), EX_OSERR);
	assert_string_equal(output, "cannot listen");
	code = 0;	/* ended without saying ready: a failure whatever it says */
	assert_int_equal(in_child(start_badly, &code), EX_SOFTWARE);
	assert_int_equal(in_child(start_and_die, NULL), EX_SOFTWARE);
	assert_int_equal(in_child(stay, NULL), 0);
	assert_string_equal(output, "1");
}

/* --- user ------------------------------------------------------------------ */

static void
drop(void *user)
{
	char *why;

	if (daemon_drop(user, &why) == -1) {
		printf("%s", why);
		free(why);
	} else {
		printf("%d %d %d", (int)getuid(), (int)geteuid(), setuid(0) == 0);
	}
	fflush(NULL);
	_exit(0);	/* this user may not write the coverage's files, and their complaint is no output */
}

static void
drop_user(void **state)
{
	static char nobody[] = "nobody", root[] = "root", none[] = "no-such-user-here";
	struct passwd *pw = getpwnam(nobody);
	char want[64];

	(void)state;
	if (geteuid() != 0) {
		(void)in_child(drop, none);	/* nothing to drop, nothing to complain about */
		(void)snprintf(want, sizeof(want), "%d %d 0", (int)getuid(), (int)geteuid());
		assert_string_equal(output, want);
		return;
	}
	if (pw != NULL) {
		(void)in_child(drop, nobody);
		(void)snprintf(want, sizeof(want), "%d %d 0", (int)pw->pw_uid, (int)pw->pw_uid);
		assert_string_equal(output, want);
	}
	(void)in_child(drop, none);
	assert_non_null(strstr(output, "does not exist: create it with"));
	(void)in_child(drop, root);
	assert_non_null(strstr(output, "is root"));
}

/* --- notification ------------------------------------------------------------ */

static int
notify_socket(const char *path, bool abstract)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (abstract)
		sun.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (const struct sockaddr *)&sun,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))),
	    0);
	return fd;
}

static void
assert_received(int fd, const char *want)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[128];
	ssize_t n;

	assert_int_equal(poll(&p, 1, 5000), 1);
	n = recv(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	assert_memory_equal(text, want, strlen(want));
}

static void
notification(void **state)
{
	char path[100];
	int fd;

	(void)unsetenv("NOTIFY_SOCKET");
	daemon_notify("READY=1");	/* nobody asked */
	(void)snprintf(path, sizeof(path), "%s/notify", (const char *)*state);
	fd = notify_socket(path, false);
	(void)setenv("NOTIFY_SOCKET", path, 1);
	daemon_ready();
	assert_received(fd, "READY=1");
	daemon_notify("RELOADING=1");
	assert_received(fd, "RELOADING=1\nMONOTONIC_USEC=");
	close(fd);
	daemon_notify("STOPPING=1");	/* nobody listens any more */

	(void)snprintf(path, sizeof(path), "@holdfast-test-%ld", (long)getpid());
	fd = notify_socket(path, true);
	(void)setenv("NOTIFY_SOCKET", path, 1);
	daemon_notify("STOPPING=1");
	assert_received(fd, "STOPPING=1");
	close(fd);
	(void)unsetenv("NOTIFY_SOCKET");
}

static void
assert_silence(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 0), 0);
}

static void
status(void **state)
{
	char path[100];
	int fd;

	(void)unsetenv("NOTIFY_SOCKET");
	assert_false(daemon_is_supervised());
	daemon_status("lost");
	(void)snprintf(path, sizeof(path), "%s/status", (const char *)*state);
	fd = notify_socket(path, false);
	(void)setenv("NOTIFY_SOCKET", path, 1);
	assert_true(daemon_is_supervised());
	daemon_status("%d messages held", 3);
	assert_received(fd, "STATUS=3 messages held");
	daemon_status("%d messages held", 3);	/* news only */
	assert_silence(fd);
	daemon_status("two\nREADY=1");
	assert_received(fd, "STATUS=two READY=1");
	daemon_extend(90);
	assert_received(fd, "EXTEND_TIMEOUT_USEC=90000000");
	close(fd);
	(void)unsetenv("NOTIFY_SOCKET");
}

static void
watchdog(void **state)
{
	char pid[32];

	(void)state;
	(void)setenv("NOTIFY_SOCKET", "/nowhere", 1);
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	assert_int_equal(daemon_watchdog_ms(), 0);
	(void)setenv("WATCHDOG_USEC", "180000000", 1);
	assert_int_equal(daemon_watchdog_ms(), 180000);
	(void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	(void)setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(daemon_watchdog_ms(), 180000);
	(void)setenv("WATCHDOG_PID", "1", 1);	/* another's */
	assert_int_equal(daemon_watchdog_ms(), 0);
	(void)unsetenv("WATCHDOG_PID");
	for (size_t i = 0; i < 5; i++) {
		static const char *const bad[] = { "", "0", "-1", "10s",
			"99999999999999999999999" };

		(void)setenv("WATCHDOG_USEC", bad[i], 1);
		assert_int_equal(daemon_watchdog_ms(), 0);
	}
	(void)setenv("WATCHDOG_USEC", "1000000", 1);
	(void)unsetenv("NOTIFY_SOCKET");	/* nobody to tell */
	assert_int_equal(daemon_watchdog_ms(), 0);
	(void)unsetenv("WATCHDOG_USEC");
}

/* --- hygiene ------------------------------------------------------------------ */

static void
clean(void *arg)
{
	struct rlimit rl;
	struct sigaction sa;
	int fd;
	char byte;

	(void)arg;
	close(STDIN_FILENO);
	daemon_hygiene();
	fd = open("/dev/null", O_RDONLY);
	(void)getrlimit(RLIMIT_NOFILE, &rl);
	(void)sigaction(SIGPIPE, NULL, &sa);
	printf("%d %d %03o %d %d", fd > STDERR_FILENO, read(STDIN_FILENO, &byte, 1) == 0, umask(0),
	    sa.sa_handler == SIG_IGN, rl.rlim_cur == rl.rlim_max || rl.rlim_cur == 1048576);
}

static void
hygiene(void **state)
{
	(void)state;
	assert_int_equal(in_child(clean, NULL), 0);
	assert_string_equal(output, "1 1 077 1 1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(configuration),
		cmocka_unit_test(background),
		cmocka_unit_test(drop_user),
		cmocka_unit_test(notification),
		cmocka_unit_test(status),
		cmocka_unit_test(watchdog),
		cmocka_unit_test(hygiene),
	};

	return cmocka_run_group_tests_name("daemon", tests, scratch_setup, scratch_teardown);
}
