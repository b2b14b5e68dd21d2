/*
 * lmtp_dialogue.c -- plays a dialogue with an LMTP session that has no socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/lmtp_dialogue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct player {
	struct dialogue		*d;
	struct lmtp_session	*session;
	struct buf		 message;	/* under way */
	bool			 open, pending, paused;
};

static bool
has_room(void *arg, uint64_t bytes)
{
	struct player *p = arg;

	(void)bytes;
	return !p->d->full;
}

static const char *
begin(void *arg)
{
	struct player *p = arg;

	assert(!p->open && !p->pending);
	p->open = true;
	p->d->begun++;
	return "QID";
}

static bool
put(void *arg, const char *data, size_t len)
{
	struct player *p = arg;

	assert(p->open && !p->paused);
	buf_put(&p->message, data, len);
	p->d->writes++;
	p->paused = p->d->pause_every != 0 && p->d->writes % p->d->pause_every == 0;
	return !p->paused;
}

static void
put_name(struct buf *out, const char *name, const char *value)
{
	if (value != NULL)
		buf_printf(out, " %s=%s", name, value);
}

static void
commit(void *arg, const struct envelope *env)
{
	struct player *p = arg;
	struct buf *e = &p->d->envelopes;

	assert(p->open && !p->pending);
	p->open = false;
	p->paused = false;
	p->pending = true;
	p->d->committed++;
	buf_put(&p->d->stored, p->message.data, p->message.len);
	buf_clear(&p->message);
	buf_printf(e, "from=<%s>", env->sender);
	for (size_t i = 0; i < env->nrcpt && env->nrcpt <= 10; i++)
		buf_printf(e, " to=<%s>", env->rcpt[i].address);
	buf_printf(e, " n=%zu", env->nrcpt);
	put_name(e, "trace", env->trace);
	put_name(e, "quarantine", env->start == START_QUARANTINED ? env->start_reason : NULL);
	put_name(e, "name", env->client.name);
	put_name(e, "addr", env->client.addr);
	put_name(e, "helo", env->client.helo);
	put_name(e, "proto", env->client.proto);
	put_name(e, "ident", env->client.ident);
	buf_putc(e, '\n');
}

static void
drop(void *arg)
{
	struct player *p = arg;

	assert(p->open);
	p->open = false;
	p->paused = false;
	p->d->aborted++;
	buf_clear(&p->message);
}

static void
accepted(void *arg, const struct envelope *env, const char *queue_id, uint64_t size)
{
	struct player *p = arg;

	(void)queue_id;
	(void)size;
	p->d->accepted += (unsigned)env->nrcpt;
}

static void
refused(void *arg, const struct envelope *env, const char *argument, const char *reply)
{
	struct player *p = arg;

	assert(reply[0] == '4' || reply[0] == '5');
	p->d->refused += argument != NULL ? 1 : (unsigned)env->nrcpt;
}

static const struct lmtp_ops ops = {
	.has_room = has_room,
	.begin = begin,
	.write = put,
	.commit = commit,
	.abort = drop,
	.accepted = accepted,
	.refused = refused,
};

/* What the loop does between two reads: the store answers, output is sent. */
static void
between(struct player *p)
{
	struct buf *out = lmtp_session_output(p->session);

	if (out->len > p->d->most)
		p->d->most = out->len;
	buf_put(&p->d->out, out->data, out->len);
	buf_clear(out);
	if (p->pending) {
		assert(lmtp_session_wants(p->session) == LMTP_WANTS_STORE);
		p->pending = false;
		lmtp_session_committed(p->session, p->d->verdict, "QID");
	} else if (p->paused) {
		assert(lmtp_session_wants(p->session) == LMTP_WANTS_STORE);
		p->paused = false;
		lmtp_session_resume(p->session);
	}
}

/* Works off what can be used of in[0..len). */
static size_t
feed(struct player *p, const char *in, size_t len)
{
	size_t done = 0, used;
	bool busy;

	do {
		used = lmtp_session_input(p->session, in + done, len - done, DIALOGUE_NOW);
		done += used;
		busy = p->pending || p->paused || lmtp_session_output(p->session)->len > 0;
		between(p);
	} while (busy || used > 0);
	return done;
}

void
dialogue_play(struct dialogue *d, const char *in, size_t len, unsigned step, unsigned seed)
{
	struct lmtp_config conf = { .hostname = xstrdup(DIALOGUE_HOST),
		.size_limit = d->size_limit != 0 ? d->size_limit : DIALOGUE_SIZE };
	struct player p = { .d = d };
	size_t used = 0, have = 0, n;

	p.session = lmtp_session_new(&conf, &ops, &p, d->peer);
	between(&p);
	while (have < len) {
		seed = seed * 1103515245u + 12345u;
		n = step == 0 ? len : step == 1 ? 1 : 1 + (seed >> 8) % step;
		have = len - have < n ? len : have + n;
		used += feed(&p, in + used, have - used);
	}
	between(&p);
	d->wants = lmtp_session_wants(p.session);
	lmtp_session_free(&p.session);
	assert(!p.open);
	buf_free(&p.message);
	buf_free(&conf.scratch);
	free(conf.hostname);
}

void
dialogue_clear(struct dialogue *d)
{
	buf_free(&d->out);
	buf_free(&d->stored);
	buf_free(&d->envelopes);
	memset(d, 0, sizeof(*d));
}
