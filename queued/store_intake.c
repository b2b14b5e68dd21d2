/*
 * store_intake.c -- a message on its way in, on the loop's thread.
 *
 * Up to STORE_CHUNK bytes wait in memory and go with the message in one
 * request, one transaction. What is larger goes ahead in chunks, at most
 * IN_FLIGHT_MAX + 1 of them at a time; the message itself is submitted when all of them
 * are durable.
 *
 *     open --commit--> waiting (chunks in flight) --> submitted --> callback
 *        \--abort----> aborted (chunks in flight) --> chunks dropped
 *
 * On failure of a chunk the rest is swallowed, the commit answers with that
 * failure, and the chunks that were written are dropped.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/store_intake.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/clock.h"
#include "queued/store_request.h"

#define IN_FLIGHT_MAX	2	/* chunks; above it the writer pauses */
#define CHUNKS_MAX	4096	/* by their numbering (schema.sql): 1 GiB */

struct store_intake {
	struct store	*store;
	int64_t		 id;
	char		 queue_id[QUEUE_ID_SIZE];
	uint64_t	 size;
	struct buf	 buf;		/* the chunk that is filling */
	unsigned	 seq;		/* chunks handed over */
	unsigned	 in_flight;	/* of these, not yet durable */
	enum store_result failed;
	char		*why;
	void		(*resume)(void *);	/* set while the writer pauses */
	void		*resume_arg;
	struct request	*message;	/* waiting: what follows the chunks */
	bool		 aborted;
};

struct store_intake *
store_intake_begin(struct store *s)
{
	struct store_intake *in = xcalloc(1, sizeof(*in));

	in->store = s;
	in->id = store_new_id(s);
	queue_id_format(in->queue_id, in->id);
	return in;
}

const char *
store_intake_queue_id(const struct store_intake *in)
{
	return in->queue_id;
}

static void
fail(struct store_intake *in, enum store_result result, const char *why)
{
	if (in->failed != STORE_OK)
		return;
	in->failed = result;
	in->why = xstrdup(why);
	buf_free(&in->buf);
}

static void
intake_free(struct store_intake *in)
{
	buf_free(&in->buf);
	free(in->why);
	free(in);
}

static void
drop_chunks(struct store *s, int64_t id)
{
	struct request *r = request_new(REQ_DROP, NULL);

	r->u.drop.id = id;
	store_submit(s, r);
}

/* --- writing ------------------------------------------------------------- */
static void
flush_chunk(struct store_intake *in)
{
	struct request *r;

	if (in->seq == CHUNKS_MAX) {
		fail(in, STORE_FULL, "message is larger than the store can number");
		return;
	}
	if (!store_has_room(in->store, in->buf.len)) {
		fail(in, STORE_FULL, "the file system is full");
		return;
	}
	r = request_new(REQ_CHUNK, NULL);
	r->u.chunk.intake = in;
	r->u.chunk.id = in->id;
	r->u.chunk.seq = in->seq++;
	r->u.chunk.len = in->buf.len;
	r->u.chunk.data = buf_take(&in->buf);
	in->in_flight++;
	store_submit(in->store, r);
}

bool
store_intake_write(struct store_intake *in, const void *data, size_t len,
    void (*resume)(void *), void *arg)
{
	const char *p = data;

	assert(in->message == NULL && !in->aborted);
	in->size += len;
	while (len > 0 && in->failed == STORE_OK) {
		size_t room = STORE_CHUNK - in->buf.len;
		size_t n = len < room ? len : room;

		if (n == 0) {
			flush_chunk(in);
			continue;
		}
		buf_put(&in->buf, p, n);
		p += n;
		len -= n;
	}
	if (in->failed != STORE_OK || in->in_flight <= IN_FLIGHT_MAX)
		return true;
	in->resume = resume;
	in->resume_arg = arg;
	return false;
}

/* --- the end ------------------------------------------------------------- */
static size_t
text_size(const char *s)
{
	return s != NULL ? strlen(s) + 1 : 0;
}

/* Copies into the record's tail. */
static const char *
put_text(char **tail, const char *s)
{
	char *at = *tail;
	size_t n = text_size(s);

	if (s == NULL)
		return NULL;
	memcpy(at, s, n);
	*tail += n;
	return at;
}

/* What a recipient is queued under. */
static const char *
domain_of(const struct envelope *env, size_t i)
{
	return env->route != NULL ? env->route : addr_domain(env->rcpt[i].address);
}

static const char *
put_domain(char **tail, const char *domain)
{
	char *at = *tail;

	(void)put_text(tail, domain);
	addr_lower(at);
	return at;
}

static enum rcpt_state
state_of(enum envelope_start start)
{
	switch (start) {
	case START_QUEUED:
		return RCPT_QUEUED;
	case START_HELD:
		return RCPT_HELD;
	case START_QUARANTINED:
		return RCPT_QUARANTINED;
	}
	abort();	/* a start that is none */
}

static struct store_record *
record_new(const struct envelope *env)
{
	const struct client_info *c = &env->client;
	size_t size = sizeof(struct store_record) + env->nrcpt * sizeof(struct store_record_rcpt)
	    + text_size(env->sender) + 1 + text_size(env->envid) + text_size(env->trace)
	    + text_size(env->spf) + text_size(env->route) + text_size(env->start_reason)
	    + text_size(c->name) + text_size(c->addr) + text_size(c->port) + text_size(c->proto)
	    + text_size(c->helo) + text_size(c->ident) + text_size(c->source);
	struct store_record *m;
	char *tail;

	for (size_t i = 0; i < env->nrcpt; i++)
		size += text_size(env->rcpt[i].address) + text_size(domain_of(env, i))
		    + text_size(env->rcpt[i].orcpt);
	m = xcalloc(1, size);
	tail = (char *)&m->rcpt[env->nrcpt];
	m->sender = put_text(&tail, env->sender != NULL ? env->sender : "");
	m->envid = put_text(&tail, env->envid);
	m->trace = put_text(&tail, env->trace);
	m->spf = put_text(&tail, env->spf);
	m->route = put_text(&tail, env->route);
	m->state = state_of(env->start);
	m->reason = put_text(&tail, env->start_reason);
	m->body = env->body;
	m->ret = env->ret;
	m->smtputf8 = env->smtputf8;
	m->client_name = put_text(&tail, c->name);
	m->client_addr = put_text(&tail, c->addr);
	m->client_port = put_text(&tail, c->port);
	m->client_proto = put_text(&tail, c->proto);
	m->client_helo = put_text(&tail, c->helo);
	m->client_ident = put_text(&tail, c->ident);
	m->client_source = put_text(&tail, c->source);
	m->nrcpt = env->nrcpt;
	for (size_t i = 0; i < env->nrcpt; i++) {
		m->rcpt[i].address = put_text(&tail, env->rcpt[i].address);
		m->rcpt[i].domain = put_domain(&tail, domain_of(env, i));
		m->rcpt[i].orcpt = put_text(&tail, env->rcpt[i].orcpt);
		m->rcpt[i].notify = env->rcpt[i].notify;
	}
	return m;
}

/* All chunks are answered: the message follows, or the failure. */
static void
conclude(struct store_intake *in)
{
	struct request *r = in->message;

	if (in->failed != STORE_OK) {
		r->answered = true;
		r->result = in->failed;
		r->why = xstrdup(in->why);
	}
	store_hand_over(in->store, r);
	intake_free(in);
}

void
store_intake_commit(struct store_intake **inp, const struct envelope *env, store_intake_cb *cb,
    void *arg)
{
	struct store_intake *in = *inp;
	struct request *r = request_new(REQ_MESSAGE, arg);

	assert(env->nrcpt > 0 && env->nrcpt <= ENVELOPE_RCPT_MAX);
	*inp = NULL;
	in->resume = NULL;
	if (in->failed == STORE_OK && in->seq > 0 && in->buf.len > 0)
		flush_chunk(in);
	else if (in->failed == STORE_OK && !store_has_room(in->store, in->buf.len))
		fail(in, STORE_FULL, "the file system is full");
	r->u.message.cb = cb;
	r->u.message.record = record_new(env);
	r->u.message.record->id = in->id;
	r->u.message.record->arrival = clock_wall() - store_lag(in->store);
	r->u.message.record->size = in->size;
	r->u.message.record->chunked = in->seq > 0;
	if (in->seq == 0 && in->failed == STORE_OK)
		r->u.message.body = buf_take(&in->buf);
	in->message = r;
	store_expect(in->store, r);
	if (in->in_flight == 0)
		conclude(in);
}

static void
end_aborted(struct store_intake *in)
{
	if (in->seq > 0)
		drop_chunks(in->store, in->id);
	intake_free(in);
}

void
store_intake_abort(struct store_intake **inp)
{
	struct store_intake *in = *inp;

	if (in == NULL)
		return;
	*inp = NULL;
	in->aborted = true;
	in->resume = NULL;
	if (in->in_flight == 0)
		end_aborted(in);
}

/* --- answers ------------------------------------------------------------- */
void
store_intake_chunk_done(struct store_intake *in, enum store_result result, const char *why)
{
	assert(in->in_flight > 0);
	in->in_flight--;
	if (result != STORE_OK)
		fail(in, result, why);
	if (in->in_flight == 0 && in->aborted) {
		end_aborted(in);
	} else if (in->in_flight == 0 && in->message != NULL) {
		conclude(in);
	} else if (in->resume != NULL && in->in_flight < IN_FLIGHT_MAX) {
		void (*resume)(void *) = in->resume;

		in->resume = NULL;
		resume(in->resume_arg);
	}
}

void
store_intake_message_done(struct store *s, struct request *r)
{
	const struct store_record *m = r->u.message.record;
	char queue_id[QUEUE_ID_SIZE];

	if (r->result != STORE_OK && m->chunked)
		drop_chunks(s, m->id);
	if (r->forgotten)
		return;
	queue_id_format(queue_id, m->id);
	r->u.message.cb(r->arg, r->result, queue_id, r->why);
}
