/*
 * store_fake.c -- the intake half of store.h in memory, for tests.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/store_fake.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

struct store_intake {
	struct store	*store;
	char		 id[QUEUE_ID_SIZE];
	struct buf	 body;
	bool		 paused;
};

static void
answer(evutil_socket_t fd, short what, void *arg)
{
	struct store *s = arg;
	struct fake_commit *c;

	(void)fd;
	(void)what;
	while (!s->hold && (c = s->first) != NULL) {
		s->first = c->next;
		if (s->first == NULL)
			s->tail = &s->first;
		if (c->cb != NULL)
			c->cb(c->arg, s->result, s->result == STORE_OK ? c->intake->id : NULL, "fake");
		buf_free(&c->intake->body);
		free(c->intake);
		free(c);
	}
}

struct store *
fake_open(struct event_base *base)
{
	struct store *s = xcalloc(1, sizeof(*s));

	s->base = base;
	s->answer = event_new(base, -1, 0, answer, s);
	s->tail = &s->first;
	return s;
}

void
fake_close(struct store **sp)
{
	struct store *s = *sp;

	s->hold = false;
	for (struct fake_commit *c = s->first; c != NULL; c = c->next)
		c->cb = NULL;
	answer(-1, 0, s);
	event_free(s->answer);
	buf_free(&s->last);
	free(s);
	*sp = NULL;
}

void
fake_release(struct store *s)
{
	void (*resume)(void *) = s->resume;

	s->hold = false;
	s->resume = NULL;
	event_active(s->answer, EV_TIMEOUT, 0);
	if (resume != NULL)
		resume(s->resume_arg);
}

struct store_intake *
store_intake_begin(struct store *s)
{
	struct store_intake *i = xcalloc(1, sizeof(*i));

	i->store = s;
	queue_id_format(i->id, (int64_t)s->committed + s->aborted + s->open + 1000);
	s->open++;
	return i;
}

const char *
store_intake_queue_id(const struct store_intake *i)
{
	return i->id;
}

bool
store_intake_write(struct store_intake *i, const void *data, size_t len, void (*resume)(void *),
    void *arg)
{
	struct store *s = i->store;

	assert(s->resume == NULL || s->resume_arg != arg);
	buf_put(&i->body, data, len);
	s->bytes += len;
	if (s->pause_at == 0 || i->body.len < s->pause_at || i->paused)
		return true;
	i->paused = true;
	s->resume = resume;
	s->resume_arg = arg;
	return false;
}

void
store_intake_commit(struct store_intake **ip, const struct envelope *env, store_intake_cb *cb,
    void *arg)
{
	struct store *s = (*ip)->store;
	struct fake_commit *c = xcalloc(1, sizeof(*c));

	c->intake = *ip;
	c->cb = cb;
	c->arg = arg;
	*s->tail = c;
	s->tail = &c->next;
	s->open--;
	s->committed++;
	s->last_nrcpt = env->nrcpt;
	buf_clear(&s->last);
	buf_put(&s->last, c->intake->body.data, c->intake->body.len);
	*ip = NULL;
	if (!s->hold)
		event_active(s->answer, EV_TIMEOUT, 0);
}

void
store_intake_abort(struct store_intake **ip)
{
	struct store_intake *i = *ip;

	i->store->open--;
	i->store->aborted++;
	buf_free(&i->body);
	free(i);
	*ip = NULL;
}

void
store_forget(struct store *s, void *arg)
{
	for (struct fake_commit *c = s->first; c != NULL; c = c->next)
		if (c->arg == arg && c->cb != NULL) {
			c->cb = NULL;
			s->forgotten++;
		}
	if (s->resume_arg == arg)
		s->resume = NULL;
}

bool
store_has_room(struct store *s, uint64_t bytes)
{
	(void)bytes;
	return !s->full;
}
