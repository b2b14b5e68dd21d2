/*
 * control_status.c -- the commands that look at the whole: status, primary list.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/rules.h"
#include "queued/control_request.h"
#include "queued/deliver.h"
#include "queued/lmtp_server.h"

struct primaries {
	struct request			*request;
	const struct store_domain	*waiting;
	size_t				 n;
	unsigned			 destinations, down;
};

static int
by_domain(const void *name, const void *row)
{
	return strcmp(name, ((const struct store_domain *)row)->domain);
}

static void
primary_line(void *arg, const struct destination_info *d)
{
	struct primaries *p = arg;
	json_t *domains = json_array();
	uint64_t messages = 0;
	const struct store_domain *row;
	json_t *line;
	size_t i;

	for (i = 0; i < d->ndomains; i++) {
		json_array_append_new(domains, request_text(d->domains[i]));
		row = p->n == 0 ? NULL : bsearch(d->domains[i], p->waiting, p->n,
		    sizeof(*p->waiting), by_domain);
		if (row != NULL)
			messages += row->messages;
	}
	line = json_pack("{s:s,s:s,s:I,s:I,s:I,s:i,s:i}",
	    "destination", d->name, "state", destination_state_name(d->state),
	    "since", (json_int_t)d->since, "messages", (json_int_t)messages,
	    "next_probe", (json_int_t)d->next_probe, "concurrency", (int)d->concurrency,
	    "window", (int)d->window);
	json_object_set_new(line, "reason", request_text(d->reason));
	json_object_set_new(line, "domains", domains);
	request_line(p->request, line);
}

static void
primary_got(void *arg, enum store_result result, const struct store_domain *v, size_t n)
{
	struct primaries p = { arg, v, n, 0, 0 };

	if (result != STORE_OK) {
		request_store_fault(p.request, result, NULL);
		return;
	}
	deliver_each(p.request->view->deliver, primary_line, &p);
	request_done(p.request, NULL);
}

void
control_primary_list(struct request *r)
{
	store_domains(r->view->store, primary_got, r);
}

static void
count_destination(void *arg, const struct destination_info *d)
{
	struct primaries *p = arg;

	p->destinations++;
	if (d->state != DEST_UP && d->state != DEST_RAMPING)
		p->down++;
}

static json_t *
status_json(const struct request *r)
{
	const struct control_view *v = r->view;
	struct primaries p = { NULL, NULL, 0, 0, 0 };
	struct lmtp_stats in;
	json_t *line;

	deliver_each(v->deliver, count_destination, &p);
	lmtp_server_stats(v->lmtp, &in);
	line = json_pack("{s:s,s:i,s:I,s:i,s:I,s:I,s:i,s:i}",
	    "version", PACKAGE_VERSION, "pid", (int)getpid(), "started", (json_int_t)v->started,
	    "sessions", (int)in.sessions, "accepted", (json_int_t)in.accepted,
	    "refused", (json_int_t)in.refused,
	    "destinations", (int)p.destinations, "destinations_down", (int)p.down);
	json_object_set_new(line, "hostname", request_text(v->conf->hostname));
	json_object_set_new(line, "rules", request_text(rules_state(v->rules)));
	json_object_set_new(line, "store", request_text(store_state(v->store)));
	return line;
}

/* A store that cannot count is still worth a status: its line says what ails it. */
static void
status_domains(void *arg, enum store_result result, const struct store_domain *v, size_t n)
{
	struct request *r = arg;
	int64_t oldest = 0;
	size_t i;

	for (i = 0; result == STORE_OK && i < n; i++)
		if (v[i].oldest != 0 && (oldest == 0 || v[i].oldest < oldest))
			oldest = v[i].oldest;
	json_object_set_new(r->line, "oldest", json_integer(oldest));
	request_line(r, r->line);
	r->line = NULL;
	request_done(r, NULL);
}

static void
status_totals(void *arg, enum store_result result, const struct store_totals *t)
{
	struct request *r = arg;
	const struct store_totals none = { 0, 0, 0, 0, 0 };

	if (result != STORE_OK)
		t = &none;
	r->line = status_json(r);
	json_object_set_new(r->line, "messages", json_integer((json_int_t)t->messages));
	json_object_set_new(r->line, "recipients", json_integer((json_int_t)t->recipients));
	json_object_set_new(r->line, "bytes", json_integer((json_int_t)t->bytes));
	json_object_set_new(r->line, "held", json_integer((json_int_t)t->held));
	json_object_set_new(r->line, "quarantined", json_integer((json_int_t)t->quarantined));
	store_domains(r->view->store, status_domains, r);
}

void
control_status(struct request *r)
{
	store_totals(r->view->store, status_totals, r);
}
