/*
 * main.c -- holdfast-milter: start, reload, stop.
 *
 * Threads: libmilter's (its listener runs on a thread of ours), the one that nudges them (pool.c), the
 * one that writes state.db, and the main one, which takes the signals, looks at the rules twice a second
 * and ends the program. The process that evaluates SPF is started before all of them (spf.h).
 *
 * Signals. libmilter starts a thread that sits in sigwait(), takes SIGHUP,
 * SIGTERM and SIGINT for "stop now", and cannot be told not to. It would win now and then
 * against any handler of ours, so we give it a sigwait() that waits for nothing: the main thread
 * alone takes signals. Should libmilter's loop return all the same: exit 75, and
 * the supervisor starts us again.
 *
 * Socket. It is bound under a name of its own and renamed to the configured
 * one, which replaces a stale socket in one step; and libmilter, which at
 * its end removes the name that it bound, cannot take away our successor's.
 *
 * Stop. The name goes first, so no new session finds us; transactions that run
 * finish, at most shutdown_timeout seconds or until a second signal; RCPT in
 * new ones is answered 421.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libmilter/mfapi.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/rules.h"
#include "milter/callbacks.h"
#include "milter/plugin.h"
#include "milter/pool.h"
#include "milter/service.h"
#include "milter/spf.h"
#include "milter/state.h"

#define IDENT		"holdfast/milter"
#define RULES_POLL_MS	500	/* P8: new rules within a second */
#define DRAIN_STEP_MS	100	/* how soon a second signal is noticed */
#define STACK_SIZE	(512 * 1024)
#define BACKLOG		1024
#define SOCKET_MODE	0666	/* the directory decides who may connect */

static volatile sig_atomic_t got_hup, got_stop;
static int wake_fd[2];		/* a byte from a handler or from libmilter's thread ends the poll */

static void
wake(void)
{
	int saved = errno;

	if (write(wake_fd[1], "", 1) == -1)
		errno = saved;	/* full: awake already */
	errno = saved;
}

static void
on_hup(int sig)
{
	(void)sig;
	got_hup = 1;
	wake();
}

static void
on_stop(int sig)
{
	(void)sig;
	got_stop = 1;
	wake();
}

/* What libmilter calls instead of the C library's: nobody else here waits for signals. */
int
sigwait(const sigset_t *set, int *sig)
{
	(void)set;
	(void)sig;
	for (;;)
		(void)pause();	/* this thread blocks them all */
}

/* --- libmilter's listener ------------------------------------------------ */

static atomic_int listener_result = -2;		/* -2: still running */

static void *
listener(void *arg)
{
	(void)arg;
	atomic_store(&listener_result, smfi_main());
	wake();
	return NULL;
}

/*
 * libmilter makes and ends threads all the time. With the usual 8 MiB of stack each, glibc keeps
 * few of them for the next and gives the others back to the kernel, page by page.
 */
static void
small_stacks(void)
{
#ifdef __linux__
	pthread_attr_t attr;

	if (pthread_attr_init(&attr) != 0)
		return;
	if (pthread_attr_setstacksize(&attr, STACK_SIZE) == 0)
		(void)pthread_setattr_default_np(&attr);
	(void)pthread_attr_destroy(&attr);
#endif
}

/* Every thread but the main one blocks the signals: they inherit the mask. */
static int
start_listener(pthread_t *thread)
{
	sigset_t set, old;
	int error;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &set, &old);
	error = pthread_create(thread, NULL, listener, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

static int
catch_signals(void)
{
	struct sigaction sa;
	sigset_t set;

	if (pipe2(wake_fd, O_NONBLOCK | O_CLOEXEC) == -1)
		return -1;
	memset(&sa, 0, sizeof(sa));
	(void)sigemptyset(&sa.sa_mask);
	sa.sa_flags = SA_RESTART;
	sa.sa_handler = on_hup;
	if (sigaction(SIGHUP, &sa, NULL) == -1)
		return -1;
	sa.sa_handler = on_stop;
	if (sigaction(SIGTERM, &sa, NULL) == -1 || sigaction(SIGINT, &sa, NULL) == -1)
		return -1;
	(void)sigemptyset(&set);
	return pthread_sigmask(SIG_SETMASK, &set, NULL) == 0 ? 0 : -1;
}

/* --- the socket ---------------------------------------------------------- */

struct sock {
	char	*path;		/* NULL for inet */
	char	*temporary;	/* what libmilter binds */
	dev_t	 dev;		/* ours, once renamed */
	ino_t	 ino;
};

/* Does somebody serve this unix socket? */
static bool
is_served(const char *path)
{
	struct sockaddr_un sun;
	bool served;
	int fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) == -1)
		return false;
	served = connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0 || errno == EAGAIN;
	(void)close(fd);
	return served;
}

static bool
is_socket(const char *path, struct stat *st)
{
	return lstat(path, st) == 0 && S_ISSOCK(st->st_mode);
}

static bool
may_create(const char *path)
{
	char *dir = xstrdup(path);
	bool may;

	*strrchr(dir, '/') = '\0';	/* the configuration takes absolute paths only */
	may = access(dir[0] != '\0' ? dir : "/", W_OK | X_OK) == 0;
	free(dir);
	return may;
}

/* From now on the MTA finds us; until we serve it waits in the backlog. */
static int
sock_show(struct sock *k, char **why)
{
	struct stat st;

	if (k->path == NULL)
		return 0;
	if (chmod(k->temporary, SOCKET_MODE) == -1 || !is_socket(k->temporary, &st) ||
	    rename(k->temporary, k->path) == -1) {
		*why = xasprintf("%s: %s", k->path, strerror(errno));
		(void)unlink(k->temporary);
		return -1;
	}
	k->dev = st.st_dev;
	k->ino = st.st_ino;
	return 0;
}

/* The socket that libmilter will listen on. */
static int
sock_open(struct sock *k, const struct endpoint *e, char **why)
{
	struct stat st;
	char *spec;
	int rc;

	memset(k, 0, sizeof(*k));
	if (e->path == NULL) {
		spec = strchr(e->host, ':') != NULL ? xasprintf("inet6:%u@[%s]", e->port, e->host) :
		    xasprintf("inet:%u@%s", e->port, e->host);
		/* libmilter wants numbers in brackets, and names without. */
		if (strspn(e->host, "0123456789.") == strlen(e->host)) {
			free(spec);
			spec = xasprintf("inet:%u@[%s]", e->port, e->host);
		}
	} else {
		if (is_served(e->path)) {
			*why = xasprintf("%s: another holdfast-milter listens there", e->path);
			return -1;
		}
		if (lstat(e->path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
			*why = xasprintf("%s: is in the way and not a socket", e->path);
			return -1;
		}
		if (!may_create(e->path)) {
			*why = xasprintf("%s: cannot create a socket there: %s; its directory must be "
					 "writable for this user", e->path, strerror(errno));
			return -1;
		}
		k->path = xstrdup(e->path);
		k->temporary = xasprintf("%s.%ld", e->path, (long)getpid());
		spec = xasprintf("unix:%s", k->temporary);
	}
	rc = smfi_setconn(spec) == MI_SUCCESS && smfi_setbacklog(BACKLOG) == MI_SUCCESS &&
	    smfi_opensocket(true) == MI_SUCCESS ? 0 : -1;
	if (rc == -1)
		*why = xasprintf("milter_listen: cannot listen on %s: %s", spec, strerror(errno));
	free(spec);
	return rc == 0 ? sock_show(k, why) : -1;
}

/* Nobody finds us any more; a successor's socket stays. */
static void
sock_hide(struct sock *k)
{
	struct stat st;

	if (k->path != NULL && is_socket(k->path, &st) && st.st_dev == k->dev && st.st_ino == k->ino)
		(void)unlink(k->path);
	free(k->path);
	free(k->temporary);
	memset(k, 0, sizeof(*k));
}

/* --- running ------------------------------------------------------------- */

static void
look_at_rules(struct rules *rules)
{
	char *why = NULL;

	switch (rules_poll(rules, &why)) {
	case 1:
		log_info("rules: new rules are in force");
		break;
	case -1:
		log_error("rules: the change is refused: %s", why);
		break;
	}
	free(why);
}

static void
reload(struct service *service, const char *path)
{
	struct conf *conf;
	char *why = NULL;

	daemon_notify("RELOADING=1");
	if ((conf = conf_load(path, &why)) == NULL) {
		log_error("reload refused, the old configuration stays: %s", why);
		free(why);
	} else {
		service_reload(service, conf);
		log_info("configuration reloaded from %s", path);
	}
	daemon_notify("READY=1");
}

/* Until SIGTERM, or libmilter's end: 0 or EX_TEMPFAIL. */
static int
run(struct service *service, struct rules *rules, struct state *state, const char *conf_path)
{
	struct pollfd p = { .fd = wake_fd[0], .events = POLLIN };
	int64_t next = clock_mono_ms(), now;
	char drop[64];

	while (!got_stop) {
		now = clock_mono_ms();
		if (now >= next) {
			look_at_rules(rules);
			state_alive(state, rules_state(rules));
			next = now + RULES_POLL_MS;
		}
		if (poll(&p, 1, (int)(next - now > 0 ? next - now : 0)) == 1)
			while (read(wake_fd[0], drop, sizeof(drop)) > 0)
				continue;
		if (got_hup) {
			got_hup = 0;
			reload(service, conf_path);
		}
		if (!got_stop && atomic_load(&listener_result) != -2) {
			log_error("libmilter stopped by itself (%d)", atomic_load(&listener_result));
			return EX_TEMPFAIL;
		}
		if (!got_stop && !spf_alive(service_spf(service))) {
			log_error("the process that starts the SPF processes has ended");
			return EX_TEMPFAIL;
		}
	}
	return 0;
}

static void
stop(struct service *service, struct sock *sock)
{
	struct setup *setup = service_setup(service);
	int64_t timeout = (int64_t)setup->conf->shutdown_timeout * 1000, until;
	bool idle;

	service_unref(service, &setup);
	daemon_notify("STOPPING=1");
	sock_hide(sock);
	log_info("stopping: running transactions finish (at most %lld s)", (long long)(timeout / 1000));
	got_stop = 0;
	until = clock_mono_ms() + timeout;
	do
		idle = service_drain(service, DRAIN_STEP_MS);
	while (!idle && !got_stop && clock_mono_ms() < until);
	if (!idle)
		log_warn("stopping: transactions are cut; the MTA tells their clients to come again");
}

static void __attribute__((noreturn))
die(int code, const char *why)
{
	log_error("%s", why);
	exit(code);
}

int
main(int argc, char **argv)
{
	struct daemon_options options;
	struct plugin_set *plugins;
	struct service *service;
	struct rules *rules;
	struct state *state;
	struct conf *conf;
	struct spf *spf = NULL;
	struct pool *pool;
	struct sock sock;
	pthread_t thread;
	char *why = NULL;
	int status;

	daemon_options(argc, argv, &options);
	log_open(IDENT, LOG_TO_STDERR);		/* until it is ready: the starter shall see why it failed */
	log_set_verbose(options.verbose);
	conf = daemon_conf(&options);
	daemon_hygiene();
	if (!options.check_only)
		daemon_detach(&options);
	if (geteuid() == 0 && daemon_drop(conf->milter_user, &why) == -1)
		die(EX_NOPERM, why);
	/* While there is little in memory, and no thread: it forks. */
	if (!options.check_only &&
	    (spf = spf_start(conf->resolver, options.foreground, &why)) == NULL)
		die(EX_OSERR, why);
	/* It forks, and a database must not be open then. */
	plugins = plugin_set_load(conf->checks_dir, PLUGIN_PATIENCE);
	if ((rules = rules_open(conf->rules_db, &why)) == NULL)
		die(EX_CONFIG, why);
	if (options.check_only) {
		log_info("configuration and rules are good");
		rules_close(&rules);
		plugin_set_free(&plugins);
		conf_free(&conf);
		return EX_OK;
	}
	if ((service = service_new(conf, rules, &why)) == NULL)
		die(EX_CONFIG, why);
	service_use_spf(service, spf);
	service_plugins(service, plugins);
	if (callbacks_register() == -1)
		die(EX_SOFTWARE, "libmilter refused to register the milter");
	if (catch_signals() == -1)	/* before anybody can see that we are here */
		die(EX_OSERR, "cannot catch signals");
	if (sock_open(&sock, &conf->milter_listen, &why) == -1)
		die(EX_UNAVAILABLE, why);
	state = state_open(conf->state_db, service);	/* the socket is ours: nobody else writes it */
	small_stacks();
	pool = pool_start(&conf->milter_listen);
	callbacks_serve(service, pool);
	if (pool == NULL || spf_listen(spf) == -1 || start_listener(&thread) != 0) {
		sock_hide(&sock);
		die(EX_OSERR, "cannot start a thread");
	}
	if (!options.foreground)
		log_open(IDENT, LOG_TO_SYSLOG);
	daemon_ready();
	log_info("holdfast-milter " PACKAGE_VERSION " is ready on %s",
	    sock.path != NULL ? sock.path : conf->milter_listen.host);

	if ((status = run(service, rules, state, options.conf_path)) == 0)
		stop(service, &sock);
	else
		sock_hide(&sock);
	state_close(&state);
	log_info("stopped");
	/*
	 * No smfi_stop(): it waits up to 5 s for the listener's mutex, and the end of the
	 * process does the same. Nothing is freed: a callback may still run.
	 */
	return status;
}
