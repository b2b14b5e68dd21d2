/*
 * service.c -- what all sessions share.
 *
 * A reload swaps the setup; transactions that run keep the one they began with,
 * and its pool of connections closes with the last of them. One mutex guards
 * references and the count: both change a few times a message.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/service.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/dns.h"
#include "milter/checks.h"
#include "milter/complaints.h"
#include "milter/counters.h"
#include "milter/derived.h"
#include "milter/dnsbl.h"
#include "milter/greylist.h"
#include "milter/limits.h"
#include "milter/lmtp_client.h"
#include "milter/plugin.h"

/*
 * A transaction ends here before libmilter has written its answer. Were the program to
 * end in between, the client of a message that is durable would come again.
 */
#define SETTLE_MS	300

struct setup_ref {
	struct setup	 setup;		/* first: a setup is its setup_ref */
	struct conf	*conf;
	unsigned	 refs;
};

struct service {
	pthread_mutex_t	 lock;
	pthread_cond_t	 idle;		/* the last transaction ended */
	struct setup_ref *current;
	struct rules	*rules;
	struct dns	*dns;
	/*
	 * DNS lists have a resolver of their own: libunbound counts a zone that is dead against the
	 * forwarder that it asked, and that must not spoil other look-ups.
	 */
	struct dns	*list_dns;
	struct dnsbl	*dnsbl;
	struct derived	*derived;
	struct counters	*counters;
	struct limits	*limits;
	struct greylist	*greylist;
	struct complaints *complaints;
	struct spf	*spf;		/* lent */
	struct plugin_set *plugins;	/* NULL: none */
	const struct check **table;	/* with theirs; NULL: the one of checks.c */
	size_t		 nchecks;
	unsigned	 running;
	int64_t		 last_end;	/* clock_mono_ms() of the last transaction's end; 0 none */
	bool		 draining;
};

static struct setup_ref *
setup_new(struct conf *conf)
{
	struct setup_ref *r = xcalloc(1, sizeof(*r));

	r->conf = conf;
	r->refs = 1;
	r->setup.conf = conf;
	if (conf->lmtp_listen.n > 0)
		r->setup.pool = lmtp_pool_new(&conf->lmtp_listen.v[0], conf->hostname);
	return r;
}

static void
setup_free(struct setup_ref *r)
{
	lmtp_pool_free(&r->setup.pool);
	conf_free(&r->conf);
	free(r);
}

struct service *
service_new(struct conf *conf, struct rules *rules, char **why)
{
	struct dns *dns = dns_new(conf->resolver, "", why);
	struct dns *list_dns = dns != NULL ? dns_new_for_lists(conf->resolver, why) : NULL;
	struct service *s;
	pthread_condattr_t attr;

	if (list_dns == NULL) {
		dns_free(&dns);
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	s->dns = dns;
	s->list_dns = list_dns;
	s->dnsbl = dnsbl_new(list_dns);
	s->derived = derived_new(dns);
	s->counters = counters_new();
	s->limits = limits_new();
	s->greylist = greylist_new();
	s->complaints = complaints_new();

	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->idle, &attr);
	(void)pthread_condattr_destroy(&attr);
	s->current = setup_new(conf);
	s->rules = rules;
	return s;
}

void
service_free(struct service **sp)
{
	struct service *s = *sp;
	struct setup *setup;

	if (s == NULL)
		return;
	assert(s->running == 0);
	setup = &s->current->setup;
	service_unref(s, &setup);
	derived_free(&s->derived);
	greylist_free(&s->greylist);
	limits_free(&s->limits);
	counters_free(&s->counters);
	complaints_free(&s->complaints);
	plugin_set_free(&s->plugins);
	free(s->table);
	dnsbl_free(&s->dnsbl);
	dns_free(&s->list_dns);
	dns_free(&s->dns);
	(void)pthread_cond_destroy(&s->idle);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
	*sp = NULL;
}

void
service_reload(struct service *s, struct conf *conf)
{
	struct setup_ref *fresh = setup_new(conf);
	struct setup *old;

	(void)pthread_mutex_lock(&s->lock);
	old = &s->current->setup;
	s->current = fresh;
	(void)pthread_mutex_unlock(&s->lock);
	service_unref(s, &old);
}

struct setup *
service_setup(struct service *s)
{
	struct setup *setup;

	(void)pthread_mutex_lock(&s->lock);
	s->current->refs++;
	setup = &s->current->setup;
	(void)pthread_mutex_unlock(&s->lock);
	return setup;
}

void
service_unref(struct service *s, struct setup **setup)
{
	struct setup_ref *r = (struct setup_ref *)*setup;
	unsigned left;

	if (r == NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	left = --r->refs;
	(void)pthread_mutex_unlock(&s->lock);
	if (left == 0)
		setup_free(r);
	*setup = NULL;
}

struct rules *
service_rules(const struct service *s)
{
	return s->rules;
}

struct dns *
service_dns(const struct service *s)
{
	return s->dns;
}

struct derived *
service_derived(const struct service *s)
{
	return s->derived;
}

struct counters *
service_counters(const struct service *s)
{
	return s->counters;
}

struct limits *
service_limits(const struct service *s)
{
	return s->limits;
}

struct greylist *
service_greylist(const struct service *s)
{
	return s->greylist;
}

struct complaints *
service_complaints(const struct service *s)
{
	return s->complaints;
}

void
service_use_spf(struct service *s, struct spf *spf)
{
	s->spf = spf;
}

struct spf *
service_spf(const struct service *s)
{
	return s->spf;
}

void
service_plugins(struct service *s, struct plugin_set *plugins)
{
	const struct check *const *ours, *const *theirs;
	size_t nours, ntheirs;

	assert(s->plugins == NULL);
	s->plugins = plugins;
	ours = checks_table(&nours);
	theirs = plugin_set_checks(plugins, &ntheirs);
	s->table = plugin_table(ours, nours, theirs, ntheirs, &s->nchecks);
}

struct dnsbl *
service_dnsbl(const struct service *s)
{
	return s->dnsbl;
}

const struct check *const *
service_checks(const struct service *s, size_t *n)
{
	if (s->table == NULL)
		return checks_table(n);
	*n = s->nchecks;
	return s->table;
}

bool
service_enter(struct service *s)
{
	bool welcome;

	(void)pthread_mutex_lock(&s->lock);
	welcome = !s->draining;
	s->running += welcome;
	(void)pthread_mutex_unlock(&s->lock);
	return welcome;
}

void
service_leave(struct service *s)
{
	(void)pthread_mutex_lock(&s->lock);
	assert(s->running > 0);
	s->last_end = clock_mono_ms();
	if (--s->running == 0)
		(void)pthread_cond_signal(&s->idle);
	(void)pthread_mutex_unlock(&s->lock);
}

/* ms from now until the last answer has surely left; 0: it has. */
static int64_t
unsettled(const struct service *s)
{
	int64_t left = s->last_end + SETTLE_MS - clock_mono_ms();

	return s->last_end == 0 || left < 0 ? 0 : left;
}

bool
service_drain(struct service *s, int64_t timeout)
{
	int64_t deadline = clock_mono_ms() + timeout, until;
	struct timespec ts;
	bool idle;

	(void)pthread_mutex_lock(&s->lock);
	s->draining = true;
	while (!(idle = s->running == 0 && unsettled(s) == 0) && clock_mono_ms() < deadline) {
		until = deadline;
		if (s->running == 0 && clock_mono_ms() + unsettled(s) < deadline)
			until = clock_mono_ms() + unsettled(s);
		ts.tv_sec = (time_t)(until / 1000);
		ts.tv_nsec = (long)(until % 1000) * 1000000;
		(void)pthread_cond_timedwait(&s->idle, &s->lock, &ts);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return idle;
}
