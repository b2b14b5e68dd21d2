/*
 * dns_wait.c -- look-ups by threads: ask, go on, and wait for the answer when it is needed.
 *
 * Of the threads that wait one leads: it reads libunbound's pipe and hands out the answers, also
 * those of queries that nobody waits for yet. The others sleep, each on a condition of its own, so that
 * an answer wakes whom it is for and nobody else.
 *
 * Invariant: as long as somebody waits, somebody leads or has been woken to do so. Hence whoever
 * stops waiting while nobody leads wakes the next one. Only the leader reads the pipe: were its
 * answer read by another thread, it would sleep on.
 *
 * Nothing here waits longer than it was told to, or than a TURN.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/dns.h"

#include <poll.h>
#include <string.h>
#include <time.h>
#include <unbound.h>

#include "common/clock.h"
#include "common/dns_private.h"

/*
 * ms that it may take until all answers that there are have been handed out: another thread may be reading
 * them, and the pipe holds some hundred at a time. Who wants no more than what is there waits so long.
 */
#define TURN	10

static void
lead(struct dns *dns, int64_t ms)	/* called and left with the lock held */
{
	struct pollfd p = { .fd = ub_fd(dns->ctx), .events = POLLIN };

	dns->led = true;
	(void)pthread_mutex_unlock(&dns->lock);
	if (poll(&p, 1, (int)ms) > 0)
		dns_process(dns);
	(void)pthread_mutex_lock(&dns->lock);
	dns->led = false;
}

static void
follow(struct dns *dns, struct dns_waiter *w, int64_t deadline)
{
	struct timespec until = { (time_t)(deadline / 1000), (long)(deadline % 1000) * 1000000 };

	TAILQ_INSERT_TAIL(&dns->waiters, w, link);
	(void)pthread_cond_timedwait(&w->ready, &dns->lock, &until);
	TAILQ_REMOVE(&dns->waiters, w, link);
}

/* Called with the lock held by whoever stops waiting. */
static void
hand_on(struct dns *dns)
{
	if (!dns->led && !TAILQ_EMPTY(&dns->waiters))
		(void)pthread_cond_signal(&TAILQ_FIRST(&dns->waiters)->ready);
}

static void
waiter_init(struct dns_waiter *w)
{
	pthread_condattr_t monotonic;

	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);	/* clock_mono_ms()'s */
	(void)pthread_cond_init(&w->ready, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

/* Under the lock. */
static void
wait_for(struct dns_query *q, int64_t ms)
{
	struct dns *dns = q->dns;
	int64_t left, deadline = clock_mono_ms() + (ms < TURN ? TURN : ms);
	struct dns_waiter w;

	waiter_init(&w);
	q->waiter = &w.ready;
	while (!q->answered && (left = deadline - clock_mono_ms()) > 0) {
		if (dns->led)
			follow(dns, &w, deadline);
		else
			lead(dns, left);
	}
	q->waiter = NULL;
	hand_on(dns);
	(void)pthread_cond_destroy(&w.ready);
}

struct dns_query *
dns_begin(struct dns *dns, const char *name, enum dns_type type)
{
	struct dns_query *q = dns_query_new(dns, type);

	if (!dns_ask(q, name)) {
		(void)pthread_mutex_lock(&dns->lock);
		if (!dns->led)
			lead(dns, 0);	/* answers that nobody waited for: they would pile up */
		hand_on(dns);
		(void)pthread_mutex_unlock(&dns->lock);
	}
	return q;
}

bool
dns_finish(struct dns_query **qp, int64_t ms, struct dns_answer *a)
{
	struct dns_query *q = *qp;
	bool answered;

	(void)pthread_mutex_lock(&q->dns->lock);
	if (!q->answered)
		wait_for(q, ms);
	if ((answered = q->answered)) {
		*a = q->answer;
		memset(&q->answer, 0, sizeof(q->answer));
	}
	(void)pthread_mutex_unlock(&q->dns->lock);
	if (answered)
		dns_drop(qp);
	return answered;
}

void
dns_drop(struct dns_query **qp)
{
	if (*qp != NULL)
		dns_query_leave(*qp);
	*qp = NULL;
}

void
dns_resolve_within(struct dns *dns, const char *name, enum dns_type type, int64_t ms,
    struct dns_answer *a)
{
	struct dns_query *q = dns_begin(dns, name, type);

	if (!dns_finish(&q, ms, a)) {
		dns_fail(a, "the name servers do not answer");
		dns_drop(&q);
	}
}

void
dns_resolve(struct dns *dns, const char *name, enum dns_type type, struct dns_answer *a)
{
	dns_resolve_within(dns, name, type, DNS_TIMEOUT, a);
}
