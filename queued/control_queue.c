/*
 * control_queue.c -- the commands that look at and change the queue.
 *
 * Listings go page by page: the next page is asked for when the peer has read
 * most of the last one, so a listing of a million messages needs the memory of
 * one page. A page starts after the last message id of the one before; mail
 * that comes or goes meanwhile neither repeats nor hides another message.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/log.h"
#include "queued/control_request.h"
#include "queued/deliver.h"

#define PAGE	200		/* messages a page */

static void	list_page(struct request *);
static void	cat_piece(struct request *);

static const char *const state_names[] = {
	[RCPT_QUEUED] = "queued",
	[RCPT_HELD] = "held",
	[RCPT_QUARANTINED] = "quarantined",
};

/* Postfix's names for where a message is. */
static const char *
queue_name(const struct store_message *m)
{
	bool queued = false, held = false;
	size_t i;

	for (i = 0; i < m->nrcpt; i++) {
		if (m->rcpt[i].active)
			return "active";
		queued = queued || m->rcpt[i].state == RCPT_QUEUED;
		held = held || m->rcpt[i].state == RCPT_HELD;
	}
	return queued ? "deferred" : held ? "hold" : "quarantine";
}

static json_t *
rcpt_json(const struct store_rcpt *r)
{
	json_t *o = json_pack("{s:s,s:i,s:I,s:b}", "state", state_names[r->state], "attempts",
	    (int)r->attempts, "next_attempt",
	    (json_int_t)(r->state == RCPT_QUEUED ? r->next_attempt : 0), "active", r->active);

	json_object_set_new(o, "address", request_text(r->address));
	json_object_set_new(o, "reason", request_text(r->reply));
	json_object_set_new(o, "last_attempt", json_integer(r->last_attempt));
	json_object_set_new(o, "code", json_integer(r->code));
	if (r->unsure)
		json_object_set_new(o, "unsure", json_true());
	return o;
}

/* What a recipient is queued under; the caller's. */
static char *
domain_of(const struct store_message *m, size_t i)
{
	char *domain = xstrdup(m->env.route != NULL ? m->env.route : addr_domain(m->rcpt[i].address));

	addr_lower(domain);
	return domain;
}

static json_t *
message_json(const struct store_message *m)
{
	json_t *o, *rcpts = json_array();
	char *domain = NULL;
	int64_t next = 0;
	enum rcpt_state state = RCPT_QUARANTINED;
	size_t i;

	for (i = 0; i < m->nrcpt; i++) {
		const struct store_rcpt *r = &m->rcpt[i];

		json_array_append_new(rcpts, rcpt_json(r));
		if (r->state < state)
			state = r->state;
		if (r->state == RCPT_QUEUED && (next == 0 || r->next_attempt < next))
			next = r->next_attempt;
	}
	if (m->nrcpt > 0)
		domain = domain_of(m, 0);
	o = json_pack("{s:s,s:s,s:I,s:I,s:s,s:I}", "queue_id", m->queue_id, "queue_name",
	    queue_name(m), "arrival_time", (json_int_t)m->arrival, "message_size",
	    (json_int_t)m->size, "state", state_names[state], "next_attempt", (json_int_t)next);
	json_object_set_new(o, "sender", request_text(m->env.sender));
	json_object_set_new(o, "domain", request_text(domain));
	json_object_set_new(o, "trace", request_text(m->env.trace));
	json_object_set_new(o, "spf", request_text(m->env.spf));
	json_object_set_new(o, "recipients", rcpts);
	free(domain);
	return o;
}

/* --- count, list, show --------------------------------------------------- */

static void
count_done(void *arg, enum store_result result, const struct store_totals *t)
{
	struct request *r = arg;

	if (result != STORE_OK) {
		request_store_fault(r, result, NULL);
		return;
	}
	request_line(r, json_pack("{s:I,s:I,s:I}", "messages", (json_int_t)t->messages,
	    "recipients", (json_int_t)t->recipients, "bytes", (json_int_t)t->bytes));
	request_done(r, NULL);
}

void
control_queue_count(struct request *r)
{
	store_totals(r->view->store, count_done, r);
}

static void
list_got(void *arg, enum store_result result, const struct store_message *m, size_t n)
{
	struct request *r = arg;
	size_t i;

	if (result != STORE_OK) {
		request_store_fault(r, result, NULL);
		return;
	}
	for (i = 0; i < n; i++)
		request_line(r, message_json(&m[i]));
	if (n < PAGE) {
		request_done(r, NULL);
		return;
	}
	r->after = m[n - 1].message_id;
	request_when_writable(r, list_page);
}

static void
list_page(struct request *r)
{
	store_list(r->view->store, &r->filter, r->after, PAGE, list_got, r);
}

void
control_queue_list(struct request *r)
{
	if (request_filter(r) == 0)
		list_page(r);
}

static void
show_got(void *arg, enum store_result result, const struct store_message *m, size_t n)
{
	struct request *r = arg;
	const struct client_info *c;
	json_t *o, *client;

	if (result != STORE_OK || n == 0) {
		request_store_fault(r, result == STORE_OK ? STORE_NOT_FOUND : result, NULL);
		return;
	}
	c = &m->env.client;
	client = json_object();
	json_object_set_new(client, "name", request_text(c->name));
	json_object_set_new(client, "addr", request_text(c->addr));
	json_object_set_new(client, "helo", request_text(c->helo));
	json_object_set_new(client, "proto", request_text(c->proto));
	json_object_set_new(client, "ident", request_text(c->ident));
	o = message_json(m);
	json_object_set_new(o, "client", client);
	json_object_set_new(o, "envid", request_text(m->env.envid));
	json_object_set_new(o, "smtputf8", json_boolean(m->env.smtputf8));
	request_line(r, o);
	request_done(r, NULL);
}

/* Commands about one message need to be told which. */
static bool
needs_id(struct request *r)
{
	if (request_filter(r) == -1)
		return false;
	if (r->filter.queue_id == NULL) {
		request_fail(r, EX_USAGE, "which message? give \"id\"");
		return false;
	}
	return true;
}

void
control_queue_show(struct request *r)
{
	if (needs_id(r))
		store_list(r->view->store, &r->filter, 0, 1, show_got, r);
}

/* --- cat ----------------------------------------------------------------- */

static void
cat_got(void *arg, enum store_result result, const char *data, size_t len, bool last)
{
	struct request *r = arg;

	if (result != STORE_OK) {
		request_store_fault(r, result, NULL);
		return;
	}
	if (len > 0)
		request_data(r, data, len);
	r->seq++;
	if (last)
		request_done(r, NULL);
	else
		request_when_writable(r, cat_piece);
}

static void
cat_piece(struct request *r)
{
	store_body(r->view->store, queue_id_parse(r->filter.queue_id), r->seq, cat_got, r);
}

void
control_queue_cat(struct request *r)
{
	if (needs_id(r))
		cat_piece(r);
}

/* --- hold, release, retry, delete ---------------------------------------- */

/* Whose hand it was, and what it took. */
static void
log_change(const struct request *r, uint64_t n)
{
	const struct {
		const char *key, *value;
	} given[] = {
		{ "queue_id", r->filter.queue_id }, { "domain", r->filter.domain },
		{ "sender", r->filter.sender }, { "recipient", r->filter.recipient },
		{ "state", r->filter.state >= 0 ? state_names[r->filter.state] : NULL },
	};
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
		if (given[i].value != NULL)
			buf_printf(&b, " %s=%s", given[i].key, given[i].value);
	log_info("control: %s by %s changed=%ju%s",
	    json_string_value(json_object_get(r->args, "cmd")), r->who, (uintmax_t)n,
	    b.len > 0 ? b.data : "");
	buf_free(&b);
}

static void
change_done(void *arg, enum store_result result, uint64_t n, const char *why)
{
	struct request *r = arg;
	size_t i;

	if (result != STORE_OK) {
		request_store_fault(r, result, why);
		return;
	}
	log_change(r, n);
	if (r->change == CHANGE_RETRY || r->change == CHANGE_RELEASE) {
		for (i = 0; i < r->ndomains; i++)
			deliver_flush(r->view->deliver, r->domains[i]);
		if (r->ndomains == 0)
			deliver_flush(r->view->deliver, r->filter.domain);
	}
	request_done(r, json_pack("{s:I}", "changed", (json_int_t)n));
}

static void
change_now(struct request *r)
{
	store_change(r->view->store, r->change, &r->filter, r->who, change_done, r);
}

/* The message's domains, so that just their destinations are woken. */
static void
change_looked(void *arg, enum store_result result, const struct store_message *m, size_t n)
{
	struct request *r = arg;
	size_t i, k;

	if (result != STORE_OK || n == 0) {
		request_store_fault(r, result == STORE_OK ? STORE_NOT_FOUND : result, NULL);
		return;
	}
	for (i = 0; i < m->nrcpt; i++) {
		char *domain = domain_of(m, i);

		for (k = 0; k < r->ndomains; k++)
			if (strcmp(r->domains[k], domain) == 0)
				break;
		if (k < r->ndomains) {
			free(domain);
			continue;
		}
		r->domains = xrealloc(r->domains, r->ndomains + 1, sizeof(*r->domains));
		r->domains[r->ndomains++] = domain;
	}
	change_now(r);
}

static void
change_start(struct request *r, enum store_change change)
{
	if (request_filter(r) == -1)
		return;
	if (r->filter.queue_id == NULL && r->filter.domain == NULL &&
	    !json_is_true(json_object_get(r->args, "all"))) {
		request_fail(r, EX_USAGE, "which messages? give \"id\", \"domain\" or \"all\"");
		return;
	}
	r->change = change;
	if (r->filter.queue_id != NULL)
		store_list(r->view->store, &r->filter, 0, 1, change_looked, r);
	else
		change_now(r);
}

void
control_queue_hold(struct request *r)
{
	change_start(r, CHANGE_HOLD);
}

void
control_queue_release(struct request *r)
{
	change_start(r, CHANGE_RELEASE);
}

void
control_queue_retry(struct request *r)
{
	change_start(r, CHANGE_RETRY);
}

void
control_queue_delete(struct request *r)
{
	change_start(r, CHANGE_DELETE);
}

void
control_flush(struct request *r)
{
	if (request_filter(r) == -1)
		return;
	r->change = CHANGE_RETRY;
	change_now(r);
}
