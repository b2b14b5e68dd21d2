/*
 * dns_loop.c -- look-ups that answer on an event loop.
 *
 * The loop leads for good: it reads libunbound's pipe, so all call-backs come on
 * its thread. Each query has a deadline of its own; a question that could not even
 * be asked is answered by that timer too, so that no call-back comes before dns_start() returned.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>

#include "common/buf.h"
#include "common/dns_private.h"
#include "common/log.h"

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dns_process(arg);
}

/* The loop's part of a query ends; the rest waits for libunbound if it must. */
static void
query_end(struct dns_query *q)
{
	event_free(q->timer);
	q->timer = NULL;
	*q->handle = NULL;
	dns_query_leave(q);
}

static void
finish(struct dns_query *q)
{
	struct dns_answer answer = q->answer;
	dns_cb *cb = q->cb;
	void *arg = q->arg;

	memset(&q->answer, 0, sizeof(q->answer));
	query_end(q);
	cb(arg, &answer);
	dns_answer_clear(&answer);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dns_query *q = arg;
	struct dns_answer answer;
	dns_cb *cb = q->cb;
	void *cb_arg = q->arg;

	(void)fd;
	(void)what;
	if (q->answered) {
		finish(q);
		return;
	}
	query_end(q);
	dns_fail(&answer, "the name servers do not answer");
	cb(cb_arg, &answer);
	dns_answer_clear(&answer);
}

static void
detach(struct dns *dns)
{
	struct dns_query *q;

	TAILQ_FOREACH(q, &dns->queries, link) {
		if (q->timer == NULL)
			continue;
		event_free(q->timer);
		*q->handle = NULL;
	}
	event_free(dns->readable);
}

void
dns_attach(struct dns *dns, struct event_base *base)
{
	dns->led = true;
	dns->base = base;
	dns->detach = detach;
	dns->readable = event_new(base, ub_fd(dns->ctx), EV_READ | EV_PERSIST, on_readable, dns);
	if (dns->readable == NULL || event_add(dns->readable, NULL) == -1)
		log_fatal("out of memory");
}

void
dns_start(struct dns *dns, const char *name, enum dns_type type, dns_cb *cb, void *arg,
    struct dns_query **query)
{
	const struct timeval tv = { DNS_TIMEOUT / 1000, DNS_TIMEOUT % 1000 * 1000 };
	struct dns_query *q = dns_query_new(dns, type);

	q->cb = cb;
	q->arg = arg;
	q->handle = query;
	q->finish = finish;
	q->timer = evtimer_new(dns->base, on_timer, q);
	if (q->timer == NULL || event_add(q->timer, &tv) == -1)
		log_fatal("out of memory");
	*query = q;
	if (dns_ask(q, name))
		event_active(q->timer, EV_TIMEOUT, 0);
}

void
dns_cancel(struct dns_query **query)
{
	if (*query != NULL)
		query_end(*query);
}
