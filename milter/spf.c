/*
 * spf.c -- may this client send for that domain? The milter's side of the SPF process.
 *
 * A check writes a datagram and waits; one thread of ours reads what comes back and wakes it.
 *
 * Invariants
 *  - spf_check() returns in time with a result for each question. No answer, a broken one, a dead
 *    process, a full socket: temperror, with the reason;
 *  - when a worker dies, whatever waits is given up at once, also what it had not begun: that costs a temperror
 *    now and then, and nobody waits for an answer that cannot come.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/spf.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "milter/spf_private.h"
#include "milter/spf_proto.h"

#define MARGIN	250	/* ms that the child has less than we: its answer must get here */

/* A thread with questions: woken once, by the last answer. */
struct asker {
	pthread_cond_t	 settled;
	size_t		 open;		/* questions without an answer */
};

/* A question without an answer yet. */
struct pending {
	TAILQ_ENTRY(pending) link;
	uint64_t	 id;
	bool		 settled;	/* and not in the list any more */
	struct spf_answer *answer;
	struct asker	*asker;
};

struct spf {
	int		 fd;
	pid_t		 pid;		/* of the supervisor; 0 none */
	pthread_mutex_t	 lock;
	TAILQ_HEAD(, pending) pending;
	uint64_t	 next_id;
	bool		 listening, gone, nonsense;
	pthread_t	 thread;
};

const char *
spf_result_name(enum spf_result r)
{
	switch (r) {
	case SPF_NONE:
		return "none";
	case SPF_NEUTRAL:
		return "neutral";
	case SPF_PASS:
		return "pass";
	case SPF_FAIL:
		return "fail";
	case SPF_SOFTFAIL:
		return "softfail";
	case SPF_TEMPERROR:
		return "temperror";
	case SPF_PERMERROR:
		return "permerror";
	}
	return "permerror";
}

static void
fail(struct spf_answer *a, const char *why)
{
	memset(a, 0, sizeof(*a));
	a->result = SPF_TEMPERROR;
	(void)snprintf(a->why, sizeof(a->why), "%s", why);
}

/* --- the reader ---------------------------------------------------------------------- */

static void
settle(struct spf *s, struct pending *p)	/* under the lock */
{
	TAILQ_REMOVE(&s->pending, p, link);
	p->settled = true;
	if (--p->asker->open == 0)
		(void)pthread_cond_signal(&p->asker->settled);
}

static void
on_answer(struct spf *s, const struct spf_message *m)	/* under the lock */
{
	struct pending *p;

	TAILQ_FOREACH(p, &s->pending, link) {
		if (p->id != m->id)
			continue;
		*p->answer = m->answer;
		settle(s, p);
		return;
	}
}

/* How many had to be. */
static unsigned
give_up(struct spf *s, const char *why)	/* under the lock */
{
	struct pending *p;
	unsigned n;

	for (n = 0; (p = TAILQ_FIRST(&s->pending)) != NULL; n++) {
		fail(p->answer, why);
		settle(s, p);
	}
	return n;
}

static void
on_death(struct spf *s, int status)	/* under the lock */
{
	unsigned n = give_up(s, "the SPF process died");

	if (WIFSIGNALED(status))
		log_warn("spf: the process that evaluates died of signal %d (%s), checks given up: %u; "
			 "another is started", WTERMSIG(status), strsignal(WTERMSIG(status)), n);
	else
		log_warn("spf: the process that evaluates ended with status %d, checks given up: %u; "
			 "another is started", WEXITSTATUS(status), n);
}

/* Said once: whoever has taken the child over could fill the log. */
static void
on_nonsense(struct spf *s)
{
	if (!s->nonsense)
		log_error("spf: an answer of the process that evaluates makes no sense");
	s->nonsense = true;
}

static void *
reader(void *arg)
{
	struct spf *s = arg;
	uint8_t packet[SPF_PROTO_MAX];
	struct spf_message m;
	ssize_t n;

	while ((n = recv(s->fd, packet, sizeof(packet), 0)) > 0 || (n == -1 && errno == EINTR)) {
		if (n == -1)
			continue;
		(void)pthread_mutex_lock(&s->lock);
		if (spf_proto_read(packet, (size_t)n, &m) == -1 || m.type == SPF_MESSAGE_QUERY)
			on_nonsense(s);
		else if (m.type == SPF_MESSAGE_ANSWER)
			on_answer(s, &m);
		else
			on_death(s, m.status);
		(void)pthread_mutex_unlock(&s->lock);
	}
	(void)pthread_mutex_lock(&s->lock);
	s->gone = true;
	(void)give_up(s, "the SPF process is gone");
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* --- a check -------------------------------------------------------------------------- */

/* NULL, or why it is not sent. */
static const char *
send_query(struct spf *s, const struct spf_message *m)
{
	uint8_t packet[SPF_PROTO_MAX];
	size_t len = spf_proto_write(m, packet);
	ssize_t n;

	do
		n = send(s->fd, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	if (n == (ssize_t)len)
		return NULL;
	/* The reader may not have seen the end yet. */
	return n == -1 && (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) ?
	    "the SPF process is gone" : "the SPF process has too much to do";
}

/* Asks, or settles it as a failure. */
static void
ask(struct spf *s, struct pending *p, const struct spf_query *q, int64_t deadline)	/* under the lock */
{
	struct spf_message m;
	const char *why;

	p->id = s->next_id++;
	p->settled = false;
	TAILQ_INSERT_TAIL(&s->pending, p, link);
	p->asker->open++;
	if (spf_proto_query(&m, p->id, deadline - MARGIN, q) == -1)
		fail(p->answer, "the client's address is none");
	else if (s->gone)
		fail(p->answer, "the SPF process is gone");
	else if ((why = send_query(s, &m)) != NULL)
		fail(p->answer, why);
	else
		return;
	settle(s, p);
}

static void
wait_for(struct spf *s, struct asker *me, int64_t deadline)	/* under the lock */
{
	struct timespec ts = { (time_t)(deadline / 1000), (long)(deadline % 1000) * 1000000 };

	while (me->open > 0 && clock_mono_ms() < deadline)
		(void)pthread_cond_timedwait(&me->settled, &s->lock, &ts);
}

static void
asker_init(struct asker *me)
{
	pthread_condattr_t monotonic;

	me->open = 0;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&me->settled, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

void
spf_check(struct spf *s, const struct spf_query *q, size_t n, int64_t ms, struct spf_answer *a)
{
	struct pending *p = xcalloc(n, sizeof(*p));
	int64_t deadline = clock_mono_ms() + ms;
	struct asker me;

	asker_init(&me);
	(void)pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < n; i++) {
		p[i].answer = &a[i];
		p[i].asker = &me;
		ask(s, &p[i], &q[i], deadline);
	}
	wait_for(s, &me, deadline);
	for (size_t i = 0; i < n; i++) {
		if (p[i].settled)
			continue;
		fail(p[i].answer, "the SPF process does not answer");
		settle(s, &p[i]);
	}
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_cond_destroy(&me.settled);
	free(p);
}

/* --- its life -------------------------------------------------------------------------- */

struct spf *
spf_over(int fd, pid_t pid)
{
	struct spf *s = xcalloc(1, sizeof(*s));

	s->fd = fd;
	s->pid = pid;
	s->next_id = 1;
	TAILQ_INIT(&s->pending);
	(void)pthread_mutex_init(&s->lock, NULL);
	return s;
}

struct spf *
spf_start(const char *resolver, bool keep_stderr, char **why)
{
	pid_t me = getpid(), pid;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == -1) {
		*why = xasprintf("SPF process: socketpair: %s", strerror(errno));
		return NULL;
	}
	if ((pid = fork()) == -1) {
		*why = xasprintf("SPF process: fork: %s", strerror(errno));
		(void)close(fd[0]);
		(void)close(fd[1]);
		return NULL;
	}
	if (pid == 0)
		spf_child_main(fd[1], me, resolver, keep_stderr);
	(void)close(fd[1]);
	return spf_over(fd[0], pid);
}

/* Signals are the main thread's. */
int
spf_listen(struct spf *s)
{
	sigset_t all, old;
	int error;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&s->thread, NULL, reader, s);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->listening = error == 0;
	return error == 0 ? 0 : -1;
}

bool
spf_alive(struct spf *s)
{
	bool alive;

	(void)pthread_mutex_lock(&s->lock);
	alive = !s->gone;
	(void)pthread_mutex_unlock(&s->lock);
	return alive;
}

void
spf_free(struct spf **sp)
{
	struct spf *s = *sp;
	int status;

	if (s == NULL)
		return;
	(void)shutdown(s->fd, SHUT_RDWR);	/* ends the worker and wakes the reader */
	if (s->listening)
		(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
	while (s->pid != 0 && waitpid(s->pid, &status, 0) == -1 && errno == EINTR)
		continue;
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
	*sp = NULL;
}
