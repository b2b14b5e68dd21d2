/*
 * spf_child.c -- the processes that evaluate SPF: a supervisor, and one worker at a time.
 *
 *	milter ── socketpair ── supervisor (no threads, nothing in memory) ── fork ── worker (threads, libspf2)
 *
 * The supervisor is forked while the milter is small and has no thread, so that it can fork at
 * any time itself. The worker's end of the socket is the supervisor's: it outlives a worker, and
 * what waits in it the next one answers. When a worker dies, the supervisor tells the milter,
 * which gives up what was being evaluated (temperror).
 *
 * The worker's threads all read from the socket; each question is a datagram, so one of them
 * gets it whole. A thread that does not come to an end is noticed by the main one, which then
 * ends them all.
 *
 * Nothing here outlives the milter: the supervisor dies with it and the worker with the
 * supervisor (PR_SET_PDEATHSIG), and a closed socket ends the worker, too. Signals for the
 * milter's process group and its control group are not for these two: while it finishes its
 * transactions it needs them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/dns.h"
#include "milter/spf_eval.h"
#include "milter/spf_private.h"
#include "milter/spf_proto.h"

#define THREADS		32		/* evaluations at the same time */
#define STACK		(512 * 1024)
#define MEMORY		(1024ul * 1024 * 1024)	/* of addresses; libunbound's caches are bounded to a few MiB */
#define FILES		512
#define OVERDUE		10000		/* ms after its deadline at which an evaluation hangs */
#define WATCH		2000		/* ms between two looks for one */
#define BACKOFF_MAX	2000		/* ms between two workers … */
#define BACKOFF_MIN	20
#define LIVED		10000		/* … unless the last one lived as long as this */

static void
pause_ms(int64_t ms)
{
	struct timespec ts = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&ts, NULL);
}

/* --- the worker ---------------------------------------------------------------------- */

struct worker {
	int			 fd;
	struct dns		*dns;
	_Atomic int64_t		 deadline[THREADS];	/* of what each is at; 0 nothing */
};

struct seat {
	struct worker	*worker;
	unsigned	 number;
};

static void
resolve(void *arg, const char *name, enum dns_type type, int64_t ms, struct dns_answer *a)
{
	dns_resolve_within(arg, name, type, ms, a);
}

static void
send_answer(int fd, const struct spf_message *m)
{
	uint8_t packet[SPF_PROTO_MAX];
	size_t len = spf_proto_write(m, packet);

	while (send(fd, packet, len, MSG_NOSIGNAL) == -1 && errno == EINTR)
		continue;
}

/* Until the milter is gone. */
static void
serve(struct seat *seat, struct spf_eval *eval)
{
	struct worker *w = seat->worker;
	struct spf_message query, answer;
	uint8_t packet[SPF_PROTO_MAX];
	ssize_t n;

	while ((n = recv(w->fd, packet, sizeof(packet), 0)) > 0 || (n == -1 && errno == EINTR)) {
		if (n == -1 || spf_proto_read(packet, (size_t)n, &query) == -1 ||
		    query.type != SPF_MESSAGE_QUERY)
			continue;
		/* Nobody waits for it any more: it came while there was no worker. */
		if (query.deadline <= clock_mono_ms())
			continue;
		atomic_store(&w->deadline[seat->number], query.deadline);
		memset(&answer, 0, sizeof(answer));
		answer.type = SPF_MESSAGE_ANSWER;
		answer.id = query.id;
		spf_eval_run(eval, &query, &answer.answer);
		atomic_store(&w->deadline[seat->number], 0);
		send_answer(w->fd, &answer);
	}
}

static void *
run_seat(void *arg)
{
	struct seat *seat = arg;
	struct spf_eval *eval = spf_eval_new(resolve, seat->worker->dns);

	serve(seat, eval);
	spf_eval_free(&eval);
	_exit(EX_OK);
}

static void __attribute__((noreturn))
watch(struct worker *w)
{
	for (;;) {
		int64_t now = clock_mono_ms();

		for (size_t i = 0; i < THREADS; i++) {
			int64_t deadline = atomic_load(&w->deadline[i]);

			if (deadline != 0 && now - deadline > OVERDUE)
				abort();
		}
		pause_ms(WATCH);
	}
}

#define LIMIT(resource, n)	(void)setrlimit((resource), &(const struct rlimit){ (n), (n) })

/* What an intruder would find here is little, and little he may have. */
static void
confine(void)
{
	LIMIT(RLIMIT_CORE, 0);
	LIMIT(RLIMIT_NOFILE, FILES);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	LIMIT(RLIMIT_AS, MEMORY);	/* the sanitizers reserve terabytes */
#endif
#ifdef M_ARENA_MAX
	(void)mallopt(M_ARENA_MAX, 2);	/* each reserves 64 MiB of addresses */
#endif
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void __attribute__((noreturn))
worker(int fd, const char *resolver)
{
	static struct worker w;
	static struct seat seat[THREADS];
	pthread_attr_t attr;
	pthread_t thread;
	char *why = NULL;

	(void)prctl(PR_SET_NAME, "holdfast-spf", 0, 0, 0);
	confine();
	w.fd = fd;
	if ((w.dns = dns_new(resolver, "", &why)) == NULL)
		_exit(EX_CONFIG);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK);
	for (unsigned i = 0; i < THREADS; i++) {
		seat[i] = (struct seat){ &w, i };
		if (pthread_create(&thread, &attr, run_seat, &seat[i]) != 0)
			_exit(EX_OSERR);
	}
	watch(&w);
}

/* --- the supervisor -------------------------------------------------------------------- */

/* Die when the parent does, even if it did so already. */
static void
tie_to(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 || getppid() != parent)
		_exit(EX_OSERR);
}

static void
ignore_signals(void)
{
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* Of what the milter had open nothing is needed but the socket, which becomes number 3. */
static int
keep_only(int fd, bool keep_stderr)
{
	int null = open("/dev/null", O_RDWR);

	if (null == -1 || dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1)
		_exit(EX_OSERR);
	if (!keep_stderr)
		(void)dup2(null, STDERR_FILENO);
	if (fd != 3 && dup2(fd, 3) == -1)
		_exit(EX_OSERR);
#ifdef HAVE_CLOSE_RANGE
	if (close_range(4, ~0u, 0) == 0)
		return 3;
#endif
	for (long i = 4, n = sysconf(_SC_OPEN_MAX); i < n && i < 65536; i++)
		(void)close((int)i);
	return 3;
}

/* False: nobody is there to hear it. */
static bool
report(int fd, int status)
{
	struct spf_message m = { .type = SPF_MESSAGE_DEATH, .status = status };
	uint8_t packet[SPF_PROTO_MAX];
	size_t len = spf_proto_write(&m, packet);
	ssize_t n;

	do
		n = send(fd, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	return n != -1 || errno == EAGAIN;
}

static int64_t
longer(int64_t backoff)
{
	if (backoff == 0)
		return BACKOFF_MIN;
	return backoff * 2 < BACKOFF_MAX ? backoff * 2 : BACKOFF_MAX;
}

void
spf_child_main(int fd, pid_t milter, const char *resolver, bool keep_stderr)
{
	int64_t begun, backoff = 0;
	pid_t me = getpid(), child;
	int status;

	tie_to(milter);
	ignore_signals();
	(void)prctl(PR_SET_NAME, "holdfast-spf-s", 0, 0, 0);
	fd = keep_only(fd, keep_stderr);
	for (;;) {
		begun = clock_mono_ms();
		if ((child = fork()) == 0) {
			tie_to(me);
			worker(fd, resolver);
		}
		status = EX_OSERR << 8;
		while (child != -1 && waitpid(child, &status, 0) == -1 && errno == EINTR)
			continue;
		if (!report(fd, status))
			_exit(EX_OK);
		backoff = clock_mono_ms() - begun >= LIVED ? 0 : longer(backoff);
		pause_ms(backoff);
	}
}
