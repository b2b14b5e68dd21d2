/*
 * pool.c -- keeps libmilter's pool of threads from forgetting a session while others wait.
 *
 * libmilter (as Debian and Fedora build it) gives a session whose next command has come to an idle thread
 * if it counts one, and else to a new one. An idle thread is counted until it has woken up, so
 * several sessions can be given to the same one; those that it does not take wait until some thread
 * is through with a callback. Callbacks that wait for the DNS, a scanner or queued make
 * that seconds: one session waits for another's list.
 *
 * There is no call to ask for more threads, but a new connection is served by a new thread when none is
 * idle, and that looks for a forgotten session when the connection is over. So: while a callback takes
 * longer than POOL_PATIENCE, connect and hang up from time to time. Where that was of use, because
 * another callback began and takes its time as well, there may be more: twice as many connections, and soon.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/pool.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/endpoint.h"

#define EAGER		10	/* ms to the next connections, when the last ones were of use */
#define NUDGES_MAX	32	/* at a time */

struct pool {
	pthread_mutex_t		 lock;
	pthread_cond_t		 changed;	/* somebody entered an idle pool, or stop */
	pthread_t		 thread;
	bool			 stop, idle;	/* idle: nobody was here when the thread last looked */
	TAILQ_HEAD(stays, pool_stay) stays;	/* the oldest first */
	size_t			 nstays;
	struct sockaddr_storage	 addr;
	socklen_t		 addrlen;
};

static int
resolve(struct pool *p, const struct endpoint *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	struct sockaddr_un sun;
	char port[8];

	if (e->path != NULL) {
		memset(&sun, 0, sizeof(sun));
		sun.sun_family = AF_UNIX;
		(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", e->path);
		memcpy(&p->addr, &sun, sizeof(sun));
		p->addrlen = sizeof(sun);
		return 0;
	}
	(void)snprintf(port, sizeof(port), "%u", e->port);
	if (getaddrinfo(e->host, port, &hints, &ai) != 0)
		return -1;
	memcpy(&p->addr, ai->ai_addr, ai->ai_addrlen);
	p->addrlen = ai->ai_addrlen;
	freeaddrinfo(ai);
	return 0;
}

/* It does not matter whether it succeeds: then there is a next time. */
static void
nudge(const struct pool *p)
{
	int fd = socket(p->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return;
	(void)!connect(fd, (const struct sockaddr *)(const void *)&p->addr, p->addrlen);
	(void)close(fd);
}

static void
sleep_until(struct pool *p, int64_t ms)
{
	struct timespec until = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	while (!p->stop && clock_mono_ms() < ms)
		(void)pthread_cond_timedwait(&p->changed, &p->lock, &until);
}

static void *
watch(void *arg)
{
	struct pool *p = arg;
	unsigned nudges = 1;
	size_t before = 0;
	int64_t due;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		p->idle = TAILQ_EMPTY(&p->stays);
		if (p->idle) {
			(void)pthread_cond_wait(&p->changed, &p->lock);
			continue;
		}
		due = TAILQ_FIRST(&p->stays)->since + POOL_PATIENCE;
		if (due <= clock_mono_ms()) {
			nudges = p->nstays <= before ? 1 : nudges < NUDGES_MAX ? 2 * nudges : nudges;
			before = p->nstays;
			(void)pthread_mutex_unlock(&p->lock);
			for (unsigned i = 0; i < nudges; i++)
				nudge(p);
			(void)pthread_mutex_lock(&p->lock);
			due = clock_mono_ms() + (nudges > 1 ? EAGER : POOL_PATIENCE);
		}
		sleep_until(p, due);
	}
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void
pool_free(struct pool *p)
{
	(void)pthread_cond_destroy(&p->changed);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

struct pool *
pool_start(const struct endpoint *where)
{
	struct pool *p = xcalloc(1, sizeof(*p));
	pthread_condattr_t monotonic;
	sigset_t all, old;
	int error;

	TAILQ_INIT(&p->stays);
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	if (resolve(p, where) == -1) {
		pool_free(p);
		return NULL;
	}
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&p->thread, NULL, watch, p);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error != 0) {
		pool_free(p);
		return NULL;
	}
	return p;
}

void
pool_stop(struct pool **pp)
{
	struct pool *p = *pp;

	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->stop = true;
	(void)pthread_cond_signal(&p->changed);
	(void)pthread_mutex_unlock(&p->lock);
	(void)pthread_join(p->thread, NULL);
	pool_free(p);
	*pp = NULL;
}

void
pool_enter(struct pool *p, struct pool_stay *s)
{
	if (p == NULL)
		return;
	s->since = clock_mono_ms();
	(void)pthread_mutex_lock(&p->lock);
	if (p->idle)
		(void)pthread_cond_signal(&p->changed);
	TAILQ_INSERT_TAIL(&p->stays, s, link);
	p->nstays++;
	(void)pthread_mutex_unlock(&p->lock);
}

void
pool_leave(struct pool *p, struct pool_stay *s)
{
	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&p->lock);
	TAILQ_REMOVE(&p->stays, s, link);
	p->nstays--;
	(void)pthread_mutex_unlock(&p->lock);
}
