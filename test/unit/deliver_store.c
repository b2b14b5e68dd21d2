/*
 * deliver_store.c -- the delivery half of store.h in memory; see deliver_world.h.
 *
 * Answers come from the loop, one tick later, as the real store's do.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "test/unit/deliver_world.h"

enum kind { A_LEASE, A_AGED, A_SETTLE, A_BODY, A_DOMAINS, A_DESTINATIONS, A_OUTAGES, A_CHANGE,
	A_NOTE, A_QUARANTINE };
struct answer {
	enum kind	 kind;
	void		*arg;		/* NULL: forgotten */
	void		(*cb)(void);
	char		*domain;
	int64_t		 now, id;
	size_t		 max;
	unsigned	 seq;
	struct answer	*next;
};
#define CHUNK 1000u		/* small, so that a test has several */

static void
ask(struct store *s, struct answer *a)
{
	struct answer *copy = xcalloc(1, sizeof(*copy));

	*copy = *a;
	*s->tail = copy;
	s->tail = &copy->next;
	s->waiting++;
	event_active(s->tick, EV_TIMEOUT, 0);
}

static struct job *
job_of(const struct held *h)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->message_id = h->id;
	(void)snprintf(job->queue_id, sizeof(job->queue_id), "Q%d", (int)h->id);
	job->arrival = h->arrival;
	job->size = h->size;
	job->env.sender = xstrdup("a@example.org");
	job->env.spf = xstrdup(h->spf);
	job->env.route = xstrdup(h->route);
	job->env.trace = xstrdup(h->trace);
	job->domain = xstrdup(h->domain);
	job->nrcpt = 0;
	job->rcpt = xcalloc(4, sizeof(*job->rcpt));
	for (size_t i = 0; i < h->nrcpt; i++) {
		if (h->last[i] == SETTLE_DELIVERED && h->settles > 0)
			continue;
		job->rcpt[job->nrcpt].id = (int64_t)i;
		job->rcpt[job->nrcpt].attempts = h->attempts;
		job->rcpt[job->nrcpt].refused = h->refused;
		job->rcpt[job->nrcpt].rcpt.notify = h->notify;
		job->rcpt[job->nrcpt++].rcpt.address = xstrdup(h->rcpt[i]);
	}
	if (h->size <= STORE_PREFETCH)
		job->body = memcpy(xcalloc(1, h->size + 1), h->body, h->size);
	return job;
}

/* As the real one: by the time of the next attempt, then by age. */
static struct held *
earliest(struct store *s, const char *domain)
{
	struct held *best = NULL;

	for (size_t i = 0; i < s->nheld; i++) {
		struct held *h = &s->held[i];

		if (!h->gone && !h->leased && strcmp(h->domain, domain) == 0 &&
		    (best == NULL || h->due < best->due))
			best = h;
	}
	return best;
}

static void
answer_lease(struct store *s, struct answer *a)
{
	struct job *first = NULL, **tail = &first;
	struct held *left;
	int64_t next = 0;
	size_t n = 0;

	while (!s->fail_lease && n < a->max && a->arg != NULL) {
		struct held *h = earliest(s, a->domain);

		if (h == NULL || h->due > a->now)
			break;
		h->leased = true;
		*tail = job_of(h);
		tail = &(*tail)->next;
		n++;
	}
	if (!s->fail_lease && (left = earliest(s, a->domain)) != NULL)
		next = left->due;
	if (a->arg != NULL)
		((store_lease_cb *)a->cb)(a->arg, s->fail_lease ? STORE_FAULT : STORE_OK, first, n,
		    next);
}

static void
answer_aged(struct store *s, struct answer *a)
{
	struct job *first = NULL, **tail = &first;
	int64_t oldest = 0;
	size_t n = 0;

	for (size_t i = 0; i < s->nheld; i++) {
		struct held *h = &s->held[i];

		if (h->gone || h->leased || strcmp(h->domain, a->domain) != 0 ||
		    (a->seq && h->warned))
			continue;
		if (h->arrival <= a->now && n < a->max && a->arg != NULL) {
			h->leased = true;
			*tail = job_of(h);
			tail = &(*tail)->next;
			n++;
		} else if (oldest == 0 || h->arrival < oldest) {
			oldest = h->arrival;
		}
	}
	if (a->arg != NULL)
		((store_lease_cb *)a->cb)(a->arg, STORE_OK, first, n, oldest);
}

static void
answer_body(struct store *s, struct answer *a)
{
	struct held *h = &s->held[a->id - 1];
	size_t from = (size_t)a->seq * CHUNK, len = h->size - from;
	bool last = len <= CHUNK;

	if (a->arg == NULL)
		return;
	if (s->fail_body && a->seq > 0)
		((store_body_cb *)a->cb)(a->arg, STORE_FAULT, NULL, 0, false);
	else
		((store_body_cb *)a->cb)(a->arg, STORE_OK, h->body + from, last ? len : CHUNK, last);
}

static void
answer_domains(struct store *s, struct answer *a)
{
	struct store_domain v[8];
	size_t n = 0, k;

	memset(v, 0, sizeof(v));
	for (size_t i = 0; i < s->nheld; i++) {
		struct held *h = &s->held[i];

		if (h->gone)
			continue;
		for (k = 0; k < n && strcmp(v[k].domain, h->domain) != 0; k++)
			;
		if (k == n) {
			assert_true(n < 8);
			v[n++].domain = h->domain;
		}
		v[k].queued++;
		v[k].messages++;
		if (v[k].oldest == 0 || h->arrival < v[k].oldest)
			v[k].oldest = h->arrival;
		if (v[k].next_due == 0 || h->due < v[k].next_due)
			v[k].next_due = h->due;
	}
	if (a->arg != NULL)
		((store_domains_cb *)a->cb)(a->arg, STORE_OK, v, n);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct store *s = arg;
	struct answer *a, *list = s->first;

	(void)fd;
	(void)what;
	s->first = NULL;
	s->tail = &s->first;
	while ((a = list) != NULL) {
		list = a->next;
		a->next = NULL;
		if ((a->kind == A_SETTLE && s->hold_settles) ||
		    (a->kind == A_LEASE && s->hold_leases) || (a->kind == A_DOMAINS && s->hold_counts)) {
			*s->tail = a;
			s->tail = &a->next;
			continue;
		}
		s->waiting--;
		switch (a->kind) {
		case A_LEASE:
			answer_lease(s, a);
			break;
		case A_AGED:
			answer_aged(s, a);
			break;
		case A_SETTLE:
			if (a->arg != NULL)
				((store_done_cb *)a->cb)(a->arg, STORE_OK, NULL);
			break;
		case A_BODY:
			answer_body(s, a);
			break;
		case A_DOMAINS:
			answer_domains(s, a);
			break;
		case A_DESTINATIONS:
			if (a->arg != NULL)
				((store_destinations_cb *)a->cb)(a->arg, STORE_OK, s->dest, s->ndest);
			break;
		case A_OUTAGES:
			if (a->arg != NULL)
				((store_outages_cb *)a->cb)(a->arg, STORE_OK, s->outage,
				    s->noutage);
			break;
		case A_CHANGE:
			if (a->arg != NULL)
				((store_change_cb *)a->cb)(a->arg, STORE_OK, 0, NULL);
			break;
		case A_NOTE:
			if (a->arg != NULL)
				((store_note_cb *)a->cb)(a->arg, STORE_OK,
				    s->note[0] != '\0' ? s->note : NULL);
			break;
		case A_QUARANTINE:
			if (a->arg != NULL)
				((store_quarantine_cb *)a->cb)(a->arg, STORE_OK, s->quarantine,
				    s->nquarantine);
			break;
		}
		free(a->domain);
		free(a);
	}
}

void
store_lease(struct store *s, const char *domain, int64_t now, size_t max, store_lease_cb *cb,
    void *arg)
{
	struct answer a = { .kind = A_LEASE, .arg = arg, .cb = (void (*)(void))cb,
	    .domain = xstrdup(domain), .now = now, .max = max };

	assert_true(max > 0);
	s->leases++;
	ask(s, &a);
}

/* Answered as a lease of what is due would be, at another time. */
void
store_lease_aged(struct store *s, const char *domain, int64_t before, bool unwarned, size_t max,
    store_lease_cb *cb, void *arg)
{
	struct answer a = { .kind = A_AGED, .arg = arg, .cb = (void (*)(void))cb,
	    .domain = xstrdup(domain), .now = before, .max = max, .seq = unwarned };

	ask(s, &a);
}

void
store_body(struct store *s, int64_t id, unsigned seq, store_body_cb *cb, void *arg)
{
	struct answer a = { .kind = A_BODY, .arg = arg, .cb = (void (*)(void))cb, .id = id,
	    .seq = seq };

	ask(s, &a);
}

void
store_domains(struct store *s, store_domains_cb *cb, void *arg)
{
	struct answer a = { .kind = A_DOMAINS, .arg = arg, .cb = (void (*)(void))cb };

	ask(s, &a);
}

void
store_settle(struct store *s, struct job **jobp, const struct settle *v, store_done_cb *cb,
    void *arg)
{
	struct answer a = { .kind = A_SETTLE, .arg = cb != NULL ? arg : NULL,
	    .cb = (void (*)(void))cb };
	struct job *job = *jobp;
	struct held *h = &s->held[job->message_id - 1];
	bool left = false, tried = false, counted = false;

	assert_true(h->leased);
	h->leased = false;
	for (size_t k = 0; k < job->nrcpt; k++) {
		size_t i = (size_t)job->rcpt[k].id;

		if (v[k].what == SETTLE_UNTRIED || v[k].what == SETTLE_WARNED) {
			h->warned |= v[k].what == SETTLE_WARNED;
			left = true;
			continue;
		}
		tried = true;
		counted |= !v[k].uncounted;
		h->last[i] = v[k].what;
		free(h->reply[i]);
		h->reply[i] = xstrdup(v[k].reply);
		h->next[i] = v[k].next_attempt;
		if (v[k].what == SETTLE_DEFER) {
			h->due = v[k].next_attempt;
			h->refused = v[k].refused;
			left = true;
		}
	}
	h->untried += !tried;
	h->settles += tried;
	h->attempts += counted;
	h->gone = !left;
	s->settles++;
	job_free(jobp);
	ask(s, &a);
}

void
store_change(struct store *s, enum store_change change, const struct store_filter *f,
    const char *who, store_change_cb *cb, void *arg)
{
	struct answer a = { .kind = A_CHANGE, .arg = arg, .cb = (void (*)(void))cb };

	(void)who;
	assert_int_equal(CHANGE_RETRY, change);
	s->changes++;
	for (size_t i = 0; i < s->nheld; i++)
		if (strcmp(s->held[i].domain, f->domain) == 0 && !s->held[i].leased)
			s->held[i].due = clock_wall();
	if (cb != NULL)
		ask(s, &a);
}

/* --- destinations -------------------------------------------------------- */

void
store_put_destination(struct store *s, const struct store_destination *row)
{
	size_t i = 0;

	s->puts++;
	while (i < s->ndest && strcmp(s->dest[i].destination, row->destination) != 0)
		i++;
	if (i < s->ndest) {
		free(s->dest[i].destination);
		free(s->dest[i].reason);
		s->dest[i] = s->dest[--s->ndest];
	}
	if (row->reason == NULL)
		return;
	assert_true(s->ndest < sizeof(s->dest) / sizeof(s->dest[0]));
	s->dest[s->ndest] = *row;
	s->dest[s->ndest].destination = xstrdup(row->destination);
	s->dest[s->ndest++].reason = xstrdup(row->reason);
}

void
store_destinations(struct store *s, store_destinations_cb *cb, void *arg)
{
	struct answer a = { .kind = A_DESTINATIONS, .arg = arg, .cb = (void (*)(void))cb };

	ask(s, &a);
}

void
store_put_outage(struct store *s, const struct store_outage *row)
{
	size_t i = 0;

	while (i < s->noutage && (strcmp(s->outage[i].destination, row->destination) != 0 ||
	    s->outage[i].from != row->from))
		i++;
	if (i == s->noutage) {
		assert_true(s->noutage < sizeof(s->outage) / sizeof(s->outage[0]));
		s->noutage++;
	} else {
		free(s->outage[i].destination);
		free(s->outage[i].reason);
	}
	s->outage[i] = *row;
	s->outage[i].destination = xstrdup(row->destination);
	s->outage[i].reason = xstrdup(row->reason);
}

void
store_outages(struct store *s, const char *destination, size_t max, store_outages_cb *cb,
    void *arg)
{
	struct answer a = { .kind = A_OUTAGES, .arg = arg, .cb = (void (*)(void))cb };

	assert_null(destination);
	assert_true(max > 0);
	ask(s, &a);
}

/* --- notes and the quarantine -------------------------------------------- */

void
store_put_note(struct store *s, const char *name, const char *value)
{
	assert_string_equal("digest", name);
	(void)snprintf(s->note, sizeof(s->note), "%s", value);
}

void
store_note(struct store *s, const char *name, store_note_cb *cb, void *arg)
{
	struct answer a = { .kind = A_NOTE, .arg = arg, .cb = (void (*)(void))cb };

	assert_string_equal("digest", name);
	ask(s, &a);
}

void
store_quarantine_summary(struct store *s, store_quarantine_cb *cb, void *arg)
{
	struct answer a = { .kind = A_QUARANTINE, .arg = arg, .cb = (void (*)(void))cb };

	s->summaries++;
	ask(s, &a);
}

void
store_expire(struct store *s, const char *domain, int64_t before, const char *who,
    store_change_cb *cb, void *arg)
{
	struct answer a = { .kind = A_CHANGE, .arg = arg, .cb = (void (*)(void))cb };

	assert_non_null(domain);
	assert_string_equal("quarantine_lifetime", who);
	assert_true(s->expires < 2);
	s->expired[s->expires++] = before;
	ask(s, &a);
}

int64_t
store_lag(struct store *s)
{
	return s->lag;
}

void
store_shift_clock(struct store *s, int64_t delta)
{
	s->shifted += delta;
	s->lag -= delta;
}

void
store_forget(struct store *s, void *arg)
{
	for (struct answer *a = s->first; a != NULL; a = a->next)
		if (a->arg == arg)
			a->arg = NULL;
}

/* --- for the world ------------------------------------------------------- */
void	deliver_store_open(struct store *, struct event_base *);
void	deliver_store_close(struct store *);

void
deliver_store_open(struct store *s, struct event_base *base)
{
	memset(s, 0, sizeof(*s));
	s->base = base;
	s->tail = &s->first;
	s->tick = evtimer_new(base, on_tick, s);
}

void
deliver_store_close(struct store *s)
{
	struct answer *a;

	while ((a = s->first) != NULL) {
		s->first = a->next;
		free(a->domain);
		free(a);
	}
	for (size_t i = 0; i < s->nheld; i++) {
		struct held *h = &s->held[i];

		free(h->domain);
		free(h->body);
		for (size_t k = 0; k < 4; k++) {
			free(h->rcpt[k]);
			free(h->reply[k]);
		}
	}
	for (size_t i = 0; i < s->ndest; i++) {
		free(s->dest[i].destination);
		free(s->dest[i].reason);
	}
	for (size_t i = 0; i < s->noutage; i++) {
		free(s->outage[i].destination);
		free(s->outage[i].reason);
	}
	free(s->held);
	event_free(s->tick);
}
