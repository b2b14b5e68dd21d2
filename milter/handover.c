/*
 * handover.c -- gives one message to queued over LMTP (RFC 2033, 3030).
 *
 * Up to HANDOVER_CHUNK bytes wait here. A message that fits goes out whole at
 * its end: XFORWARD, MAIL, all RCPT and BDAT LAST in one write, the replies in
 * one read. A longer one starts when the first chunk is full and streams as
 * BDAT chunks, so it never takes more memory than that.
 *
 * Everything is pipelined: replies are matched by order (`expect'), looked at
 * when they happen to be there, and waited for only at the end.
 *
 * Invariants
 *  - a recipient is TAKEN only by its own 2xx after BDAT LAST (P1);
 *  - until the last byte of BDAT LAST is sent, queued cannot have the message,
 *    so a failure is BUSY; after that, without a reply, it is UNSURE (P4);
 *  - the sum of all waiting is bounded by the budget;
 *  - a connection goes back to the pool only when every reply was read.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/handover.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/wire.h"
#include "milter/lmtp_client.h"

/* Whose reply comes next. */
enum expect { EXPECT_XFORWARD, EXPECT_MAIL, EXPECT_RCPT, EXPECT_BDAT, EXPECT_LAST, EXPECT_NONE };

struct handover {
	struct lmtp_pool	*pool;
	const struct envelope	*env;
	struct lmtp_client	*client;	/* NULL: not begun, or broken, or given back */
	struct handover_result	*result;	/* one a recipient */
	bool			*open;		/* its RCPT was accepted and its end is not known */
	size_t			 nopen;
	struct buf		 chunk;		/* message bytes not sent yet */
	int64_t			 budget;	/* ms of waiting left */
	bool			 begun;		/* commands were sent */
	bool			 last_sent;	/* the last byte has left */
	bool			 failed;	/* no use in sending more */
	/* replies */
	struct wire_reply	 reply;
	enum expect		 expect;
	size_t			 xforward;	/* replies to come */
	size_t			 rcpt;		/* index of the recipient whose reply is next */
	size_t			 bdat;		/* replies to come for chunks before the last */
};

struct handover *
handover_begin(struct lmtp_pool *pool, const struct envelope *env, int64_t budget)
{
	struct handover *h = xcalloc(1, sizeof(*h));

	assert(env->nrcpt > 0);
	h->pool = pool;
	h->env = env;
	h->result = xcalloc(env->nrcpt, sizeof(*h->result));
	h->open = xcalloc(env->nrcpt, sizeof(*h->open));
	h->budget = budget;
	return h;
}

void
handover_free(struct handover **hp)
{
	struct handover *h = *hp;
	size_t i;

	if (h == NULL)
		return;
	/* Without a BDAT LAST the close is an abort to queued. */
	lmtp_client_close(&h->client);
	for (i = 0; i < h->env->nrcpt; i++)
		free(h->result[i].text);
	free(h->result);
	free(h->open);
	buf_free(&h->chunk);
	wire_reply_free(&h->reply);
	free(h);
	*hp = NULL;
}

/* --- results ------------------------------------------------------------- */

static void
settle(struct handover *h, size_t i, enum handover_state state, int code, const char *dsn,
    const char *text)
{
	struct handover_result *r = &h->result[i];

	free(r->text);
	r->state = state;
	r->code = code;
	(void)snprintf(r->dsn, sizeof(r->dsn), "%s", dsn);
	r->text = xstrdup(text);
	if (h->open[i]) {
		h->open[i] = false;
		h->nopen--;
	}
}

static enum handover_state
state_of(int code)
{
	if (code / 100 == 2)
		return HANDOVER_TAKEN;
	return code / 100 == 5 ? HANDOVER_REFUSED : HANDOVER_BUSY;
}

/* The same end for every recipient that has none yet. */
static void
settle_open(struct handover *h, enum handover_state state, int code, const char *dsn,
    const char *text)
{
	size_t i;

	for (i = 0; i < h->env->nrcpt; i++)
		if (h->open[i] || h->result[i].text == NULL)
			settle(h, i, state, code, dsn, text);
}

/* The connection is of no more use. */
static void
broken(struct handover *h, const char *why)
{
	settle_open(h, h->last_sent ? HANDOVER_UNSURE : HANDOVER_BUSY, 0, "", why);
	lmtp_client_close(&h->client);
	h->failed = true;
}

/* A reply that ends the transaction for all that are left. */
static void
refused(struct handover *h)
{
	settle_open(h, state_of(h->reply.code), h->reply.code, h->reply.dsn,
	    buf_str(&h->reply.text));
	lmtp_client_close(&h->client);
	h->failed = true;
}

/* --- replies ------------------------------------------------------------- */

/* The next recipient, from h->rcpt on, whose RCPT was accepted. */
static void
to_next_open(struct handover *h)
{
	while (h->rcpt < h->env->nrcpt && !h->open[h->rcpt])
		h->rcpt++;
}

static enum expect
after_rcpts(struct handover *h)
{
	h->rcpt = 0;
	to_next_open(h);
	return h->bdat > 0 ? EXPECT_BDAT : EXPECT_LAST;
}

static enum expect
on_rcpt(struct handover *h, const struct wire_reply *r)
{
	if (r->code / 100 == 2) {
		h->open[h->rcpt] = true;
		h->nopen++;
	} else {
		settle(h, h->rcpt, state_of(r->code), r->code, r->dsn, buf_str(&r->text));
	}
	if (++h->rcpt < h->env->nrcpt)
		return EXPECT_RCPT;
	return h->nopen > 0 ? after_rcpts(h) : EXPECT_NONE;
}

static enum expect
on_last(struct handover *h, const struct wire_reply *r)
{
	settle(h, h->rcpt, state_of(r->code), r->code, r->dsn, buf_str(&r->text));
	to_next_open(h);
	return h->nopen > 0 ? EXPECT_LAST : EXPECT_NONE;
}

/* One reply: what does it settle, and whose is the next? */
static void
on_reply(struct handover *h)
{
	const struct wire_reply *r = &h->reply;
	bool good = r->code / 100 == 2;

	/* 421 may come in place of any reply: queued shuts down and took nothing more. */
	if (r->code == 421) {
		refused(h);
		return;
	}
	switch (h->expect) {
	case EXPECT_XFORWARD:
		/* Refused: the primary learns less about the client; the mail still goes. */
		if (--h->xforward == 0)
			h->expect = EXPECT_MAIL;
		break;
	case EXPECT_MAIL:
		if (!good)
			refused(h);
		h->expect = EXPECT_RCPT;
		break;
	case EXPECT_RCPT:
		h->expect = on_rcpt(h, r);
		/* Nobody left to send it to; the chunks' replies are not worth reading. */
		if (h->expect == EXPECT_NONE) {
			lmtp_client_close(&h->client);
			h->failed = true;
		}
		break;
	case EXPECT_BDAT:
		if (!good)
			refused(h);
		else if (--h->bdat == 0)
			h->expect = EXPECT_LAST;
		break;
	case EXPECT_LAST:
		h->expect = on_last(h, r);
		break;
	case EXPECT_NONE:
		broken(h, "unexpected reply");
		break;
	}
}

/* Replies that are here already, or with deadline != 0 all that are still due. */
static void
read_replies(struct handover *h, int64_t deadline)
{
	const char *why = NULL;

	while (h->client != NULL && h->expect != EXPECT_NONE) {
		if (!h->last_sent && h->expect == EXPECT_LAST)
			return;		/* nothing is due */
		switch (lmtp_client_reply(h->client, &h->reply, deadline, &why)) {
		case LMTP_REPLY:
			on_reply(h);
			wire_reply_reset(&h->reply);
			break;
		case LMTP_NOTHING:
			if (deadline != 0)
				broken(h, "timed out");
			return;
		case LMTP_BROKEN:
			broken(h, why);
			break;
		}
	}
}

/* --- commands and data --------------------------------------------------- */

/* XFORWARD, MAIL and RCPTs. The size: what is known of it, 0 for nothing. */
static void
put_envelope(struct handover *h, uint64_t size, struct buf *out)
{
	unsigned ext = lmtp_client_extensions(h->client);
	size_t i;

	if ((ext & WIRE_EXT_XFORWARD) != 0) {
		wire_format_xforward(out, &h->env->client, WIRE_CLIENT_ALL);
		for (i = 0; i < out->len; i++)
			if (out->data[i] == '\n')
				h->xforward++;
	}
	h->expect = h->xforward > 0 ? EXPECT_XFORWARD : EXPECT_MAIL;
	wire_format_mail(out, h->env, ext, size);
	buf_puts(out, "\r\n");
	for (i = 0; i < h->env->nrcpt; i++) {
		wire_format_rcpt(out, &h->env->rcpt[i], ext);
		buf_puts(out, "\r\n");
	}
}

static int
connect_queued(struct handover *h, int64_t deadline)
{
	char *why = NULL;

	h->begun = true;
	h->client = lmtp_pool_take(h->pool, deadline, &why);
	if (h->client == NULL)
		broken(h, why);
	free(why);
	return h->client != NULL ? 0 : -1;
}

/* Sends what waits in the chunk, after the commands if they were not sent yet. */
static void
send_chunk(struct handover *h, bool last)
{
	struct buf head = BUF_INIT;
	struct iovec iov[2];
	const char *why = NULL;
	int64_t start = clock_mono_ms();

	if (!h->begun) {
		if (connect_queued(h, start + h->budget) == -1)
			return;
		put_envelope(h, last ? h->chunk.len : h->env->size, &head);
	}
	buf_printf(&head, "BDAT %zu%s\r\n", h->chunk.len, last ? " LAST" : "");
	iov[0].iov_base = head.data;
	iov[0].iov_len = head.len;
	iov[1].iov_base = h->chunk.data;
	iov[1].iov_len = h->chunk.len;
	if (!last) {
		h->bdat++;
		if (h->expect == EXPECT_LAST)
			h->expect = EXPECT_BDAT;
	}
	if (lmtp_client_send(h->client, iov, 2, start + h->budget, &why) == -1) {
		broken(h, why);
	} else {
		h->last_sent = last;
		read_replies(h, last ? start + h->budget : 0);
	}
	h->budget -= clock_mono_ms() - start;
	buf_free(&head);
	buf_clear(&h->chunk);
}

bool
handover_write(struct handover *h, const void *data, size_t len)
{
	const char *p = data;
	size_t n;

	while (len > 0 && !h->failed) {
		n = HANDOVER_CHUNK - h->chunk.len;
		if (n > len)
			n = len;
		buf_put(&h->chunk, p, n);
		p += n;
		len -= n;
		/* A full chunk waits for the next byte: it may be the last one. */
		if (len > 0)
			send_chunk(h, false);
	}
	return !h->failed;
}

const struct handover_result *
handover_finish(struct handover *h)
{
	if (!h->failed)
		send_chunk(h, true);
	if (h->client != NULL)
		lmtp_pool_put(h->pool, &h->client);
	return h->result;
}

/* --- the end ------------------------------------------------------------- */

enum handover_end
handover_decide(const struct handover_result *r, size_t n, size_t nforeign,
    enum conf_queued_down down)
{
	size_t i, taken = 0, refusals = 0;

	for (i = 0; i < n; i++) {
		taken += r[i].state == HANDOVER_TAKEN;
		refusals += r[i].state == HANDOVER_REFUSED;
	}
	if (taken == n && nforeign == 0)
		return HANDOVER_END_DISCARD;
	/* What is durable must not come a second time, so nothing but acceptance is left for the rest. */
	if (taken > 0)
		return HANDOVER_END_PART;
	if (refusals == n)
		return nforeign == 0 ? HANDOVER_END_REJECT : HANDOVER_END_PASS;
	return down == QUEUED_DOWN_PASS ? HANDOVER_END_PASS : HANDOVER_END_TEMPFAIL;
}
