/*
 * derived.c -- is a domain without a row in the rules ours, because its MX says so?
 *
 * Anybody can name us in his MX records. That alone would make us the backup, and the relay, of
 * strangers; so all addresses of the best MX hosts must lie in networks that the
 * operator lists. Table mx_domain overrides the DNS either way.
 *
 * Answers are kept as long as the DNS allows, within bounds, and in a table of fixed size; a new
 * ruleset empties it (P8). A look-up has a budget, since a client waits; what was not found out in
 * that time is unknown, and the client is told to come again (P3). Unknown is not kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/derived.h"

#include <sys/socket.h>

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/dns.h"
#include "common/hosts.h"
#include "common/rules.h"

#define DERIVED_BUDGET	3000	/* ms of all look-ups for one answer */
#define DERIVED_HOSTS	16	/* MX hosts of one domain that are looked at */
#define DERIVED_SLOTS	1024	/* answers kept; a newer one takes the place of another */
#define DERIVED_TTL_MIN	30	/* s */
#define DERIVED_TTL_MAX	3600

struct slot {
	char			*domain;
	enum derived_answer	 answer;
	char			 why[DERIVED_WHY];
	int64_t			 until;		/* mono ms */
};

struct derived {
	struct dns		*dns;
	pthread_mutex_t		 lock;
	struct ruleset		*rules;		/* that the slots hold for */
	struct slot		 slot[DERIVED_SLOTS];
};

/* One question on its way. */
struct inquiry {
	struct dns		*dns;
	const struct ruleset	*rules;
	int64_t			 deadline;	/* mono ms */
	unsigned		 ttl;
};

/* --- the decision ---------------------------------------------------------- */

enum derived_answer
derived_decide(const struct derived_host *v, size_t n, const char **why)
{
	bool named = false, failed = false, inside = false;
	unsigned us = 0, best = 0;

	for (size_t i = 0; i < n; i++) {
		failed = failed || v[i].failed;
		if (i == 0 || v[i].preference < best)
			best = v[i].preference;
		if (v[i].self && (!named || v[i].preference < us))
			us = v[i].preference;
		named = named || v[i].self;
	}
	if (!named) {
		*why = failed ? "an MX host cannot be resolved" : "no MX names this host";
		return failed ? DERIVED_UNKNOWN : DERIVED_FOREIGN;
	}
	if (best == us) {
		*why = "no MX is better than this host";
		return DERIVED_FOREIGN;
	}
	for (size_t i = 0; i < n; i++) {
		if (v[i].preference != best)
			continue;
		if (v[i].failed) {
			*why = "the best MX cannot be resolved";
			return DERIVED_UNKNOWN;
		}
		if (v[i].resolved && !v[i].inside) {
			*why = "the best MX is in no mx_network";
			return DERIVED_FOREIGN;
		}
		inside = inside || v[i].resolved;
	}
	*why = inside ? "its MX names this host" : "the best MX has no address";
	return inside ? DERIVED_OURS : DERIVED_FOREIGN;
}

/* --- look-ups -------------------------------------------------------------- */

static void
look_up(struct inquiry *q, const char *name, enum dns_type type, struct dns_answer *a)
{
	int64_t left = q->deadline - clock_mono_ms();

	dns_resolve_within(q->dns, name, type, left > 0 ? left : 0, a);
	if (a->ttl < q->ttl && a->status == DNS_OK)
		q->ttl = a->ttl;
}

static void
addresses(struct inquiry *q, const char *name, enum dns_type type, struct derived_host *h)
{
	int family = type == DNS_A ? AF_INET : AF_INET6;
	size_t len = type == DNS_A ? 4 : 16;
	struct dns_answer a;

	look_up(q, name, type, &a);
	if (a.status == DNS_FAILED || a.status == DNS_BOGUS)
		h->failed = true;
	for (size_t i = 0; i < a.n; i++) {
		if (a.rr[i].len != len)
			continue;
		h->resolved = true;
		if (hosts_own(family, a.rr[i].data))
			h->self = true;
		if (!ruleset_mx_network(q->rules, family, a.rr[i].data))
			h->inside = false;
	}
	dns_answer_clear(&a);
}

static enum derived_answer
by_mx(struct inquiry *q, const char *hostname, const struct dns_answer *mx, const char **why)
{
	struct derived_host v[DERIVED_HOSTS];
	char host[DNS_NAME_MAX];
	size_t n = 0;

	memset(v, 0, sizeof(v));
	for (size_t i = 0; i < mx->n && n < DERIVED_HOSTS; i++) {
		if (dns_mx(&mx->rr[i], &v[n].preference, host) == -1 || *host == '\0')
			continue;
		v[n].inside = true;
		v[n].self = strcasecmp(host, hostname) == 0;
		if (!v[n].self) {
			addresses(q, host, DNS_A, &v[n]);
			addresses(q, host, DNS_AAAA, &v[n]);
		}
		n++;
	}
	return derived_decide(v, n, why);
}

static enum derived_answer
inquire(struct inquiry *q, const char *hostname, const char *domain, char why[DERIVED_WHY])
{
	enum derived_answer answer = DERIVED_FOREIGN;
	const char *reason = "it has no MX";
	struct dns_answer mx;

	look_up(q, domain, DNS_MX, &mx);
	switch (mx.status) {
	case DNS_OK:
		answer = by_mx(q, hostname, &mx, &reason);
		break;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		q->ttl = DERIVED_TTL_MIN;
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
		answer = DERIVED_UNKNOWN;
		reason = mx.why;
		break;
	}
	(void)snprintf(why, DERIVED_WHY, "%s", reason);
	dns_answer_clear(&mx);
	return answer;
}

/* --- answers that are kept ------------------------------------------------- */

static struct slot *
slot_of(struct derived *d, const char *domain)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */

	for (const char *p = domain; *p != '\0'; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	return &d->slot[hash % DERIVED_SLOTS];
}

static void
forget_all(struct derived *d)
{
	for (size_t i = 0; i < DERIVED_SLOTS; i++) {
		free(d->slot[i].domain);
		d->slot[i].domain = NULL;
	}
}

static bool
recall(struct derived *d, struct ruleset *rules, const char *domain, enum derived_answer *answer,
    char why[DERIVED_WHY])
{
	const struct slot *s = slot_of(d, domain);
	bool found;

	(void)pthread_mutex_lock(&d->lock);
	if (d->rules != rules) {
		forget_all(d);
		ruleset_unref(&d->rules);
		d->rules = ruleset_ref(rules);
	}
	found = s->domain != NULL && strcmp(s->domain, domain) == 0 && clock_mono_ms() < s->until;
	if (found) {
		*answer = s->answer;
		(void)snprintf(why, DERIVED_WHY, "%s", s->why);
	}
	(void)pthread_mutex_unlock(&d->lock);
	return found;
}

static void
keep(struct derived *d, const struct ruleset *rules, const char *domain, enum derived_answer answer,
    const char *why, unsigned ttl)
{
	struct slot *s = slot_of(d, domain);

	if (ttl < DERIVED_TTL_MIN)
		ttl = DERIVED_TTL_MIN;
	(void)pthread_mutex_lock(&d->lock);
	if (d->rules == rules) {	/* not an answer by rules that are gone */
		free(s->domain);
		s->domain = xstrdup(domain);
		s->answer = answer;
		(void)snprintf(s->why, sizeof(s->why), "%s", why);
		s->until = clock_mono_ms() + (int64_t)ttl * 1000;
	}
	(void)pthread_mutex_unlock(&d->lock);
}

/* --- asking ------------------------------------------------------------------ */

static void
lower(char to[DNS_NAME_MAX], const char *domain)
{
	size_t i = 0;

	for (; domain[i] != '\0' && i < DNS_NAME_MAX - 1; i++)
		to[i] = (char)tolower((unsigned char)domain[i]);
	to[i] = '\0';
}

enum derived_answer
derived_ask(struct derived *d, struct ruleset *rules, const char *hostname, const char *domain,
    char why[DERIVED_WHY])
{
	struct inquiry q = { d->dns, rules, clock_mono_ms() + DERIVED_BUDGET, DERIVED_TTL_MAX };
	enum derived_answer answer = DERIVED_FOREIGN;
	char name[DNS_NAME_MAX];

	*why = '\0';
	if (*domain == '\0' || *domain == '[' || strlen(domain) >= sizeof(name))
		return DERIVED_FOREIGN;
	lower(name, domain);
	switch (ruleset_derived(rules, name)) {
	case DERIVED_NEVER:
		return DERIVED_FOREIGN;
	case DERIVED_ALWAYS:
		(void)snprintf(why, DERIVED_WHY, "mx_domain says always");
		return DERIVED_OURS;
	case DERIVED_ASK:
		break;
	}
	if (ruleset_nmx_networks(rules) == 0 || recall(d, rules, name, &answer, why))
		return answer;
	answer = inquire(&q, hostname, name, why);
	if (answer != DERIVED_UNKNOWN)
		keep(d, rules, name, answer, why, q.ttl);
	return answer;
}

struct derived *
derived_new(struct dns *dns)
{
	struct derived *d = xcalloc(1, sizeof(*d));

	d->dns = dns;
	(void)pthread_mutex_init(&d->lock, NULL);
	return d;
}

void
derived_free(struct derived **dp)
{
	struct derived *d = *dp;

	if (d == NULL)
		return;
	forget_all(d);
	ruleset_unref(&d->rules);
	(void)pthread_mutex_destroy(&d->lock);
	free(d);
	*dp = NULL;
}
