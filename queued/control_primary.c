/*
 * control_primary.c -- the commands about destinations: list, history, release.
 *
 * A destination is named as it is listed, or by a domain whose mail goes there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/clock.h"
#include "queued/control_request.h"
#include "queued/deliver.h"

#define HISTORY_MAX	1000	/* outages of one answer, the newest */

static const char *
name_of(const struct request *r)
{
	return json_string_value(json_object_get(r->args, "destination"));
}

/* --- list ---------------------------------------------------------------- */

struct listing {
	struct request			*request;
	const struct store_domain	*waiting;
	size_t				 n;
	const char			*only;		/* NULL: all */
	bool				 found;
};

static int
by_domain(const void *name, const void *row)
{
	return strcmp(name, ((const struct store_domain *)row)->domain);
}

static bool
is_meant(const struct destination_info *d, const char *name)
{
	if (strcmp(d->name, name) == 0)
		return true;
	for (size_t i = 0; i < d->ndomains; i++)
		if (strcmp(d->domains[i], name) == 0)
			return true;
	return false;
}

static void
list_line(void *arg, const struct destination_info *d)
{
	struct listing *l = arg;
	json_t *domains, *line;
	uint64_t messages = 0;
	const struct store_domain *row;

	if (l->only != NULL && !is_meant(d, l->only))
		return;
	l->found = true;
	domains = json_array();
	for (size_t i = 0; i < d->ndomains; i++) {
		json_array_append_new(domains, request_text(d->domains[i]));
		row = l->n == 0 ? NULL : bsearch(d->domains[i], l->waiting, l->n,
		    sizeof(*l->waiting), by_domain);
		if (row != NULL)
			messages += row->messages;
	}
	line = json_pack("{s:s,s:s,s:I,s:I,s:I,s:i,s:i,s:b}",
	    "destination", d->name, "state", destination_state_name(d->state),
	    "since", (json_int_t)d->since, "messages", (json_int_t)messages,
	    "next_probe", (json_int_t)d->next_probe, "concurrency", (int)d->concurrency,
	    "window", (int)d->window, "canary", d->canary);
	json_object_set_new(line, "reason", request_text(d->reason));
	json_object_set_new(line, "domains", domains);
	request_line(l->request, line);
}

static void
got_waiting(void *arg, enum store_result result, const struct store_domain *v, size_t n)
{
	struct request *r = arg;
	struct listing l = { r, v, n, name_of(r), false };

	if (result != STORE_OK) {
		request_store_fault(r, result, NULL);
		return;
	}
	deliver_each(r->view->deliver, list_line, &l);
	if (l.only != NULL && !l.found)
		request_fail(r, EX_DATAERR, "no such destination or domain");
	else
		request_done(r, NULL);
}

void
control_primary_list(struct request *r)
{
	store_domains(r->view->store, got_waiting, r);
}

/* --- history ------------------------------------------------------------- */

static void
got_outages(void *arg, enum store_result result, const struct store_outage *v, size_t n)
{
	struct request *r = arg;
	int64_t now = clock_wall();

	if (result != STORE_OK) {
		request_store_fault(r, result, NULL);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		int64_t end = v[i].until != 0 ? v[i].until : now;
		json_t *line = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b}",
		    "from", (json_int_t)v[i].from, "until", (json_int_t)v[i].until,
		    "length", (json_int_t)(end > v[i].from ? end - v[i].from : 0),
		    "messages", (json_int_t)v[i].messages,
		    "first_delivery", (json_int_t)v[i].first_delivery,
		    "drained", (json_int_t)v[i].drained,
		    "delivered", (json_int_t)v[i].delivered, "held", v[i].held);

		json_object_set_new(line, "destination", request_text(v[i].destination));
		json_object_set_new(line, "reason", request_text(v[i].reason));
		request_line(r, line);
	}
	request_done(r, NULL);
}

void
control_primary_history(struct request *r)
{
	const char *name = name_of(r), *dest = NULL;

	/* One that is no more may still have a history. */
	if (name != NULL && (dest = deliver_destination(r->view->deliver, name)) == NULL)
		dest = name;
	store_outages(r->view->store, dest, HISTORY_MAX, got_outages, r);
}

/* --- release ------------------------------------------------------------- */

void
control_primary_release(struct request *r)
{
	const char *name = name_of(r);

	if (name == NULL)
		request_fail(r, EX_USAGE, "destination is missing");
	else if (deliver_destination(r->view->deliver, name) == NULL)
		request_fail(r, EX_DATAERR, "no such destination or domain");
	else if (!deliver_release(r->view->deliver, name))
		request_fail(r, EX_DATAERR, "that destination is not held");
	else
		request_done(r, NULL);
}
