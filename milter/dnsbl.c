/*
 * dnsbl.c -- the health of DNS lists.
 *
 *	on ──`failures' without an answer in a row, or one error──> off until `retry'
 *	off ──retry is over──> one probe; no other until it is heard of, or DNSBL_PROBE_TIME
 *	probe answered ──> on;  probe not answered ──> off until a pause later
 *
 * Silence may as well be our resolver's, when it is started again: then all zones are off after a few
 * sessions. So the pause is short at first, and doubled by each probe in vain. An error is the zone's own word.
 *
 * While a zone is off, what was asked before that changes nothing: a resolver's cache may well
 * answer for a zone that is dead. There is one state a zone, whatever is looked up in it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/dnsbl.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/log.h"

struct zone {
	char			*name;
	struct dnsbl_health	 health;
	int64_t			 next_test;	/* mono ms */
};

struct dnsbl {
	struct dns		*dns;
	pthread_mutex_t		 lock;
	struct zone		*zone;		/* as many as there have been in the rules: few */
	size_t			 n;
};

/* --- one zone, pure --------------------------------------------------------------- */

enum dnsbl_ticket
dnsbl_health_take(struct dnsbl_health *h, int64_t now)
{
	if (!h->off)
		return DNSBL_ASK;
	if (now < h->retry)
		return DNSBL_NO;
	h->retry = now + DNSBL_PROBE_TIME;
	return DNSBL_PROBE;
}

/* Off until the end of a pause: the whole one, or the first, or twice the last one. */
static void
rest(struct dnsbl_health *h, enum dnsbl_result result, int64_t whole, int64_t now)
{
	h->pause = result == DNSBL_ERROR ? whole : h->off ? 2 * h->pause : DNSBL_FIRST_PAUSE;
	if (h->pause > whole)
		h->pause = whole;
	h->off = true;
	h->retry = now + h->pause;
}

static enum dnsbl_change
probed(struct dnsbl_health *h, enum dnsbl_result result, int64_t pause, int64_t now)
{
	switch (result) {
	case DNSBL_NOTHING:
		h->retry = now;
		return DNSBL_SAME;
	case DNSBL_ANSWER:
		*h = (struct dnsbl_health){ .off = false };
		return DNSBL_CAME_BACK;
	case DNSBL_SILENCE:
	case DNSBL_ERROR:
		rest(h, result, pause, now);
		return DNSBL_SAME;
	}
	return DNSBL_SAME;
}

enum dnsbl_change
dnsbl_health_give(struct dnsbl_health *h, enum dnsbl_ticket ticket, enum dnsbl_result result,
    const struct dnsbl_limits *limits, int64_t now)
{
	if (h->off)
		return ticket == DNSBL_PROBE ? probed(h, result, limits->pause, now) : DNSBL_SAME;
	if (result == DNSBL_NOTHING)
		return DNSBL_SAME;
	h->failures = result == DNSBL_ANSWER ? 0 : h->failures + 1;
	if (result != DNSBL_ERROR && h->failures < limits->failures)
		return DNSBL_SAME;
	if (result == DNSBL_ANSWER)
		return DNSBL_SAME;
	rest(h, result, limits->pause, now);
	return DNSBL_WENT_OFF;
}

/* --- all of them --------------------------------------------------------------------- */

struct dnsbl *
dnsbl_new(struct dns *dns)
{
	struct dnsbl *d = xcalloc(1, sizeof(*d));

	d->dns = dns;
	(void)pthread_mutex_init(&d->lock, NULL);
	return d;
}

void
dnsbl_free(struct dnsbl **dp)
{
	struct dnsbl *d = *dp;

	if (d == NULL)
		return;
	for (size_t i = 0; i < d->n; i++)
		free(d->zone[i].name);
	free(d->zone);
	(void)pthread_mutex_destroy(&d->lock);
	free(d);
	*dp = NULL;
}

struct dns *
dnsbl_dns(const struct dnsbl *d)
{
	return d->dns;
}

/* Under the lock. */
static struct zone *
zone_of(struct dnsbl *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->zone[i].name, name) == 0)
			return &d->zone[i];
	d->zone = xrealloc(d->zone, d->n + 1, sizeof(*d->zone));
	d->zone[d->n] = (struct zone){ .name = xstrdup(name) };
	return &d->zone[d->n++];
}

enum dnsbl_ticket
dnsbl_take(struct dnsbl *d, const char *zone, int64_t now)
{
	enum dnsbl_ticket ticket;

	(void)pthread_mutex_lock(&d->lock);
	ticket = dnsbl_health_take(&zone_of(d, zone)->health, now);
	(void)pthread_mutex_unlock(&d->lock);
	return ticket;
}

bool
dnsbl_test_is_due(struct dnsbl *d, const char *name, int64_t interval, int64_t now)
{
	struct zone *zone;
	bool due;

	(void)pthread_mutex_lock(&d->lock);
	zone = zone_of(d, name);
	due = now >= zone->next_test;
	if (due)
		zone->next_test = now + interval;
	(void)pthread_mutex_unlock(&d->lock);
	return due;
}

bool
dnsbl_is_off(struct dnsbl *d, const char *zone)
{
	bool off;

	(void)pthread_mutex_lock(&d->lock);
	off = zone_of(d, zone)->health.off;
	(void)pthread_mutex_unlock(&d->lock);
	return off;
}

void
dnsbl_give(struct dnsbl *d, const char *zone, enum dnsbl_ticket ticket, enum dnsbl_result result,
    const char *detail, const struct dnsbl_limits *limits, int64_t now)
{
	struct dnsbl_health *h;
	enum dnsbl_change change;
	struct log_q q;
	int64_t pause;

	(void)pthread_mutex_lock(&d->lock);
	h = &zone_of(d, zone)->health;
	change = dnsbl_health_give(h, ticket, result, limits, now);
	pause = h->pause;
	(void)pthread_mutex_unlock(&d->lock);
	switch (change) {
	case DNSBL_SAME:
		break;
	case DNSBL_WENT_OFF:
		log_warn("dnsbl=%s state=off pause=%llds reason=%s", zone, (long long)(pause / 1000),
		    log_quote(&q, detail));
		break;
	case DNSBL_CAME_BACK:
		log_info("dnsbl=%s state=on", zone);
		break;
	}
}
