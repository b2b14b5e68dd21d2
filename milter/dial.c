/*
 * dial.c -- a stream connection, made and waited for until a deadline.
 *
 * The system's resolver has time limits of its own, of ten seconds and more. A look-up
 * that is not done by the deadline goes on behind our back, in the C library's thread, and what it
 * needs is freed by who comes later. While too many are on their way nobody begins another.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/dial.h"

#include <sys/un.h>

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"

#define LATE_MAX	16	/* look-ups that nobody waits for */

short
dial_wait(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left;
	int n;

	do {
		left = deadline - clock_mono_ms();
		if (left < 0)
			left = 0;
		n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
	} while (n == -1 && errno == EINTR);
	return n > 0 ? p.revents : 0;
}

int
dial(const struct sockaddr *sa, socklen_t salen, int64_t deadline)
{
	socklen_t len = sizeof(int);
	int fd, one = 1, error = 0;

	if ((fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	/* Nagle and delayed ACK would cost 40 ms a message. */
	if (sa->sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (connect(fd, sa, salen) == -1 && (error = errno) != EISCONN) {
		if (error == EINTR)
			continue;
		/* A unix listener whose backlog is full says EAGAIN and cannot be polled for. */
		if (error == EAGAIN && clock_mono_ms() < deadline) {
			(void)poll(NULL, 0, 10);
			continue;
		}
		if (error != EINPROGRESS && error != EALREADY)
			goto fail;
		if (dial_wait(fd, POLLOUT, deadline) == 0) {
			error = ETIMEDOUT;
			goto fail;
		}
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
			error = errno;
		if (error != 0)
			goto fail;
		break;
	}
	return fd;
fail:
	(void)close(fd);
	errno = error;
	return -1;
}

static int
dial_unix(const char *path, int64_t deadline, char **why)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		*why = xasprintf("%s: path too long for a socket", path);
		return -1;
	}
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if ((fd = dial((const struct sockaddr *)&sun, sizeof(sun), deadline)) == -1)
		*why = xasprintf("%s: %s", path, strerror(errno));
	return fd;
}

/* --- names ------------------------------------------------------------------ */

struct lookup {
	struct gaicb		 cb, *list[1];
	struct addrinfo		 hints;
	char			*host, port[8];
	struct lookup		*next;		/* among those that are late */
};

static pthread_mutex_t late_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lookup *late;
static unsigned nlate;

static struct lookup *
lookup_new(const char *host, uint16_t port)
{
	struct lookup *l = xcalloc(1, sizeof(*l));

	l->host = xstrdup(host);
	(void)snprintf(l->port, sizeof(l->port), "%u", (unsigned)port);
	l->hints.ai_socktype = SOCK_STREAM;
	l->hints.ai_flags = AI_NUMERICSERV;
	l->cb.ar_name = l->host;
	l->cb.ar_service = l->port;
	l->cb.ar_request = &l->hints;
	l->list[0] = &l->cb;
	return l;
}

static void
lookup_free(struct lookup *l)
{
	if (l->cb.ar_result != NULL)
		freeaddrinfo(l->cb.ar_result);
	free(l->host);
	free(l);
}

/* Frees what has ended meanwhile. False: too many have not. */
static bool
room(void)
{
	struct lookup **at = &late, *l;
	bool fits;

	(void)pthread_mutex_lock(&late_lock);
	while ((l = *at) != NULL) {
		if (gai_error(&l->cb) == EAI_INPROGRESS) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		nlate--;
		lookup_free(l);
	}
	fits = nlate < LATE_MAX;
	(void)pthread_mutex_unlock(&late_lock);
	return fits;
}

/* Its memory is the library's until it has ended. */
static void
abandon(struct lookup *l)
{
	if (gai_cancel(&l->cb) == EAI_CANCELED) {
		lookup_free(l);
		return;
	}
	(void)pthread_mutex_lock(&late_lock);
	l->next = late;
	late = l;
	nlate++;
	(void)pthread_mutex_unlock(&late_lock);
}

/* EAI_INPROGRESS: not by the deadline. */
static int
await(struct lookup *l, int64_t deadline)
{
	int64_t left;
	int error;

	while ((error = gai_error(&l->cb)) == EAI_INPROGRESS && (left = deadline - clock_mono_ms()) > 0) {
		struct timespec ts = { (time_t)(left / 1000), (long)(left % 1000) * 1000000 };

		(void)gai_suspend((const struct gaicb *const *)l->list, 1, &ts);
	}
	return error;
}

/* Addresses for freeaddrinfo(), or NULL and *why. */
static struct addrinfo *
addresses(const char *host, uint16_t port, int64_t deadline, char **why)
{
	struct lookup *l = lookup_new(host, port);
	struct addrinfo *found;
	bool silent = false;
	int error;

	/* Nobody need be asked, nor a thread started, for an address. */
	l->hints.ai_flags |= AI_NUMERICHOST;
	error = getaddrinfo(host, l->port, &l->hints, &l->cb.ar_result);
	l->hints.ai_flags &= ~AI_NUMERICHOST;
	if (error == EAI_NONAME && !(silent = !room())) {
		if ((error = getaddrinfo_a(GAI_NOWAIT, l->list, 1, NULL)) == 0)
			error = await(l, deadline);
		if (error == EAI_INPROGRESS) {
			abandon(l);
			l = NULL;
			silent = true;
		}
	}
	if (silent) {
		*why = xasprintf("%s: the resolver does not answer", host);
		if (l != NULL)
			lookup_free(l);
		return NULL;
	}
	found = l->cb.ar_result;
	l->cb.ar_result = NULL;
	lookup_free(l);
	if (error != 0)
		*why = xasprintf("%s: %s", host, gai_strerror(error));
	return error == 0 ? found : NULL;
}

static int
dial_host(const char *host, uint16_t port, int64_t deadline, char **why)
{
	struct addrinfo *list = addresses(host, port, deadline, why);
	int fd = -1;

	if (list == NULL)
		return -1;
	for (struct addrinfo *ai = list; ai != NULL && fd == -1; ai = ai->ai_next) {
		int64_t limit = clock_mono_ms() + DIAL_ADDRESS_MS;

		fd = dial(ai->ai_addr, ai->ai_addrlen, limit < deadline ? limit : deadline);
	}
	if (fd == -1)
		*why = xasprintf("%s:%u: %s", host, (unsigned)port, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

int
dial_endpoint(const struct endpoint *e, int64_t deadline, char **why)
{
	return e->path != NULL ? dial_unix(e->path, deadline, why) : dial_host(e->host, e->port, deadline, why);
}
