/*
 * store_request.c -- making, finishing and freeing requests.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/store_request.h"

#include <stdlib.h>

#include "common/buf.h"
#include "queued/store_intake.h"

/* A string of ours in a struct whose strings are lent elsewhere. */
static void
free_lent(const char *s)
{
	free((void *)(uintptr_t)s);
}

static void
filter_clear(struct store_filter *f)
{
	free_lent(f->queue_id);
	free_lent(f->domain);
	free_lent(f->sender);
	free_lent(f->recipient);
}

static void
free_jobs(struct job *list)
{
	while (list != NULL) {
		struct job *job = list;

		list = job->next;
		job_free(&job);
	}
}

static void
free_destination(struct store_destination *d)
{
	free(d->destination);
	free(d->reason);
}

static void
free_outage(struct store_outage *o)
{
	free(o->destination);
	free(o->reason);
}

static void
free_settle(struct request *r)
{
	size_t n = r->u.settle.job->nrcpt;

	for (size_t i = 0; i < n; i++) {
		free_lent(r->u.settle.v[i].reply);
		free_lent(r->u.settle.v[i].relay);
	}
	free(r->u.settle.v);
	job_free(&r->u.settle.job);
}

struct request *
request_new(enum request_kind kind, void *arg)
{
	struct request *r = xcalloc(1, sizeof(*r));

	r->kind = kind;
	r->arg = arg;
	return r;
}

struct request *
request_settle_all(struct job **jp, enum settle_what what, const char *reply)
{
	struct request *r = request_new(REQ_SETTLE, NULL);
	struct job *job = *jp;

	*jp = NULL;
	r->u.settle.job = job;
	r->u.settle.v = xcalloc(job->nrcpt, sizeof(*r->u.settle.v));
	for (size_t i = 0; i < job->nrcpt; i++) {
		r->u.settle.v[i].what = what;
		r->u.settle.v[i].reply = xstrdup(reply);
	}
	return r;
}

void
request_free(struct request **rp)
{
	struct request *r = *rp;

	if (r == NULL)
		return;
	switch (r->kind) {
	case REQ_CHUNK:
		free(r->u.chunk.data);
		break;
	case REQ_MESSAGE:
		free(r->u.message.record);
		free(r->u.message.body);
		break;
	case REQ_CHANGE:
		filter_clear(&r->u.change.c.filter);
		free_lent(r->u.change.c.who);
		break;
	case REQ_SETTLE:
		free_settle(r);
		break;
	case REQ_LEASE:
		free_lent(r->u.lease.l.domain);
		free_jobs(r->u.lease.l.jobs);
		break;
	case REQ_BODY:
		free(r->u.body.data);
		break;
	case REQ_DOMAINS:
		for (size_t i = 0; i < r->u.domains.n; i++)
			free(r->u.domains.v[i].domain);
		free(r->u.domains.v);
		break;
	case REQ_LIST:
		filter_clear(&r->u.list.l.filter);
		for (size_t i = 0; i < r->u.list.l.n; i++)
			store_message_clear(&r->u.list.l.v[i]);
		free(r->u.list.l.v);
		break;
	case REQ_CLAMP:
		free(r->u.clamp.after);
		free(r->u.clamp.last);
		break;
	case REQ_PUT_DESTINATION:
		free_destination(&r->u.put_destination);
		break;
	case REQ_PUT_OUTAGE:
		free_outage(&r->u.put_outage);
		break;
	case REQ_PUT_NOTE:
	case REQ_NOTE:
		free(r->u.note.name);
		free(r->u.note.value);
		break;
	case REQ_QUARANTINE:
		for (size_t i = 0; i < r->u.quarantine.n; i++)
			store_quarantine_clear(&r->u.quarantine.v[i]);
		free(r->u.quarantine.v);
		break;
	case REQ_DESTINATIONS:
		for (size_t i = 0; i < r->u.destinations.n; i++)
			free_destination(&r->u.destinations.v[i]);
		free(r->u.destinations.v);
		break;
	case REQ_OUTAGES:
		for (size_t i = 0; i < r->u.outages.n; i++)
			free_outage(&r->u.outages.v[i]);
		free(r->u.outages.v);
		free(r->u.outages.destination);
		break;
	case REQ_LEDGER:
		for (size_t i = 0; i < r->u.ledger.n; i++)
			store_ledger_clear(&r->u.ledger.v[i]);
		free(r->u.ledger.v);
		break;
	case REQ_DROP:
	case REQ_SHIFT:
	case REQ_TOTALS:
		break;
	}
	free(r->why);
	free(r);
	*rp = NULL;
}

/* Jobs that nobody takes any more go back. */
static void
return_jobs(struct store *s, struct request *r)
{
	struct job *job;

	while ((job = r->u.lease.l.jobs) != NULL) {
		r->u.lease.l.jobs = job->next;
		job->next = NULL;
		store_submit(s, request_settle_all(&job, SETTLE_UNTRIED, NULL));
	}
}

static void
finish_lease(struct store *s, struct request *r)
{
	struct job *jobs = r->u.lease.l.jobs;

	if (r->forgotten) {
		return_jobs(s, r);
		return;
	}
	r->u.lease.l.jobs = NULL;	/* the callee's */
	for (struct job *job = jobs; job != NULL; job = job->next)
		job->arrival += r->u.lease.lag;
	if (r->u.lease.l.next_due != 0)
		r->u.lease.l.next_due += r->u.lease.lag;
	r->u.lease.cb(r->arg, r->result, jobs, r->u.lease.l.njobs, r->u.lease.l.next_due);
}

static void
finish_domains(struct request *r)
{
	for (size_t i = 0; i < r->u.domains.n; i++) {
		struct store_domain *d = &r->u.domains.v[i];

		d->next_due += d->next_due != 0 ? r->u.domains.lag : 0;
		d->oldest += d->oldest != 0 ? r->u.domains.lag : 0;
	}
	r->u.domains.cb(r->arg, r->result, r->u.domains.v,
	    r->result == STORE_OK ? r->u.domains.n : 0);
}

/* Those whose answer is data: without a callback there is nothing to do. */
static void
finish_read(struct request *r)
{
	bool ok = r->result == STORE_OK;

	if (r->forgotten)
		return;
	if (r->kind == REQ_BODY)
		r->u.body.cb(r->arg, r->result, r->u.body.data, r->u.body.len, r->u.body.last);
	else if (r->kind == REQ_DOMAINS)
		finish_domains(r);
	else if (r->kind == REQ_TOTALS)
		r->u.totals.cb(r->arg, r->result, ok ? &r->u.totals.t : NULL);
	else if (r->kind == REQ_LIST)
		r->u.list.cb(r->arg, r->result, r->u.list.l.v, ok ? r->u.list.l.n : 0);
	else if (r->kind == REQ_QUARANTINE)
		r->u.quarantine.cb(r->arg, r->result, r->u.quarantine.v,
		    ok ? r->u.quarantine.n : 0);
	else if (r->kind == REQ_DESTINATIONS)
		r->u.destinations.cb(r->arg, r->result, r->u.destinations.v,
		    ok ? r->u.destinations.n : 0);
	else if (r->kind == REQ_OUTAGES)
		r->u.outages.cb(r->arg, r->result, r->u.outages.v, ok ? r->u.outages.n : 0);
	else if (r->kind == REQ_LEDGER)
		r->u.ledger.cb(r->arg, r->result, r->u.ledger.v, ok ? r->u.ledger.n : 0);
	else
		r->u.note.cb(r->arg, r->result, ok ? r->u.note.value : NULL);
}

void
request_finish(struct store *s, struct request *r)
{
	switch (r->kind) {
	case REQ_CHUNK:
		store_intake_chunk_done(r->u.chunk.intake, r->result, r->why);
		break;
	case REQ_MESSAGE:
		store_intake_message_done(s, r);
		break;
	case REQ_CHANGE:
		if (!r->forgotten && r->u.change.cb != NULL)
			r->u.change.cb(r->arg, r->result, r->u.change.changed, r->why);
		break;
	case REQ_SETTLE:
		if (!r->forgotten && r->u.settle.cb != NULL)
			r->u.settle.cb(r->arg, r->result, r->why);
		break;
	case REQ_LEASE:
		finish_lease(s, r);
		break;
	case REQ_BODY:
	case REQ_DOMAINS:
	case REQ_TOTALS:
	case REQ_LIST:
	case REQ_QUARANTINE:
	case REQ_DESTINATIONS:
	case REQ_OUTAGES:
	case REQ_NOTE:
	case REQ_LEDGER:
		finish_read(r);
		break;
	case REQ_DROP:
	case REQ_SHIFT:
	case REQ_CLAMP:
	case REQ_PUT_DESTINATION:
	case REQ_PUT_OUTAGE:
	case REQ_PUT_NOTE:
		break;
	}
}
