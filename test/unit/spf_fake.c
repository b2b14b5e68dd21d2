/*
 * spf_fake.c -- plays the SPF process, in a thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/spf_fake.h"

#include <sys/socket.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "milter/spf_private.h"
#include "milter/spf_proto.h"

struct spf_fake {
	int			 fd;
	pthread_t		 thread;
	pthread_mutex_t		 lock;
	enum spf_fake_mood	 mood;
	struct spf_answer	 helo, sender;
	unsigned		 asked;
};

static void
say(struct spf_fake *f, const struct spf_message *m)
{
	uint8_t packet[SPF_PROTO_MAX];
	size_t len = spf_proto_write(m, packet);

	if (send(f->fd, packet, len, MSG_NOSIGNAL) == -1)
		perror("send");
}

static void
answer(struct spf_fake *f, const struct spf_message *q)
{
	struct spf_message m = { .type = SPF_MESSAGE_ANSWER, .id = q->id };
	const char *at = strrchr(q->sender, '@');
	const char *domain = q->has_sender ? (at != NULL ? at + 1 : "") : q->helo;

	m.answer = q->has_sender ? f->sender : f->helo;
	/* A HELO that is no name has no policy. */
	(void)snprintf(m.answer.domain, sizeof(m.answer.domain), "%.255s",
	    strchr(domain, '.') != NULL && domain[0] != '[' ? domain : "");
	if (m.answer.domain[0] == '\0')
		m.answer.result = SPF_NONE;
	say(f, &m);
}

static void
act(struct spf_fake *f, const struct spf_message *q)	/* under the lock */
{
	struct spf_message death = { .type = SPF_MESSAGE_DEATH, .status = SIGSEGV }, other = *q;

	f->asked++;
	switch (f->mood) {
	case FAKE_ANSWERS:
		answer(f, q);
		break;
	case FAKE_IS_SILENT:
		break;
	case FAKE_DIES:
		say(f, &death);
		f->mood = FAKE_IS_SILENT;	/* the second question must not be a second death */
		break;
	case FAKE_TALKS_NONSENSE:
		(void)!send(f->fd, "nonsense", 8, MSG_NOSIGNAL);
		say(f, q);			/* a question is no answer */
		other.id += 1000;
		answer(f, &other);
		break;
	case FAKE_HANGS_UP:
		(void)shutdown(f->fd, SHUT_RDWR);
		break;
	}
}

static void *
run(void *arg)
{
	struct spf_fake *f = arg;
	uint8_t packet[SPF_PROTO_MAX];
	struct spf_message m;
	ssize_t n;

	while ((n = recv(f->fd, packet, sizeof(packet), 0)) > 0) {
		if (spf_proto_read(packet, (size_t)n, &m) == -1)
			abort();
		(void)pthread_mutex_lock(&f->lock);
		act(f, &m);
		(void)pthread_mutex_unlock(&f->lock);
	}
	return NULL;
}

struct spf_fake *
spf_fake_new(struct spf **spf)
{
	struct spf_fake *f = xcalloc(1, sizeof(*f));
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == -1)
		abort();
	f->fd = fd[1];
	f->helo.result = f->sender.result = SPF_PASS;
	(void)pthread_mutex_init(&f->lock, NULL);
	*spf = spf_over(fd[0], 0);
	if (spf_listen(*spf) == -1 || pthread_create(&f->thread, NULL, run, f) != 0)
		abort();
	return f;
}

void
spf_fake_free(struct spf_fake **fp, struct spf **spf)
{
	struct spf_fake *f = *fp;

	spf_free(spf);
	if (f == NULL)
		return;
	(void)pthread_join(f->thread, NULL);
	(void)close(f->fd);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
	*fp = NULL;
}

static void
set(struct spf_fake *f, struct spf_answer *a, enum spf_result result, const char *why)
{
	(void)pthread_mutex_lock(&f->lock);
	a->result = result;
	(void)snprintf(a->why, sizeof(a->why), "%s", why);
	(void)pthread_mutex_unlock(&f->lock);
}

void
spf_fake_helo(struct spf_fake *f, enum spf_result result, const char *why)
{
	set(f, &f->helo, result, why);
}

void
spf_fake_sender(struct spf_fake *f, enum spf_result result, const char *why)
{
	set(f, &f->sender, result, why);
}

void
spf_fake_mood(struct spf_fake *f, enum spf_fake_mood mood)
{
	(void)pthread_mutex_lock(&f->lock);
	f->mood = mood;
	(void)pthread_mutex_unlock(&f->lock);
}

unsigned
spf_fake_asked(struct spf_fake *f)
{
	unsigned n;

	(void)pthread_mutex_lock(&f->lock);
	n = f->asked;
	(void)pthread_mutex_unlock(&f->lock);
	return n;
}
