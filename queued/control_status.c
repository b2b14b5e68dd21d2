/*
 * control_status.c -- the command that looks at the whole: status.
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

static json_t *
status_json(const struct request *r)
{
	const struct control_view *v = r->view;
	struct deliver_counts p;
	struct lmtp_stats in;
	json_t *line;

	deliver_count(v->deliver, &p);
	lmtp_server_stats(v->lmtp, &in);
	line = json_pack("{s:s,s:i,s:I,s:i,s:I,s:I,s:I,s:i,s:i,s:i}",
	    "version", PACKAGE_VERSION, "pid", (int)getpid(), "started", (json_int_t)v->started,
	    "sessions", (int)in.sessions, "accepted", (json_int_t)in.accepted,
	    "refused", (json_int_t)in.refused, "bytes_accepted", (json_int_t)in.bytes,
	    "destinations", (int)p.all, "destinations_down", (int)p.down,
	    "destinations_held", (int)p.held);
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
