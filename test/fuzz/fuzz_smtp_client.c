/*
 * fuzz_smtp_client.c -- any octets, as a primary's side of a session.
 *
 * The first octets say what the route is like, how many messages and recipients there are, and how
 * the rest is cut into reads. A peer of ours keeps the account: which commands it was sent, which of
 * them are answered, whose message it has whole. At the end the machine's verdicts must be those
 * of the account (C1-C4 in smtp_client.c), the bytes those of the message, and the client that
 * the peer takes us for that message's own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "common/buf.h"
#include "common/wire.h"
#include "queued/outcome.h"
#include "queued/smtp_client.h"
#include "queued/store.h"

#define NRCPT	4
#define OWED	64
#define NCLIENTS 3

enum owed { OWED_GREETING, OWED_MAIL, OWED_RCPT, OWED_DATA, OWED_END, OWED_XCLIENT, OWED_OTHER };

struct play {
	/* the route */
	enum rules_client	 mode;
	enum rules_tls		 tls;
	bool			 mark, large, slow, handshakes;
	unsigned		 njobs;

	struct smtp_client	*c;
	struct buf		 out;
	struct job		 job;
	struct job_rcpt		 rcpt[NRCPT];
	unsigned		 sent;		/* jobs begun */
	size_t			 off;		/* of a large body */
	bool			 busy;		/* the job has no final verdicts yet */
	bool			 unread;	/* octets behind the reply in hand */

	/* the peer's account */
	struct { enum owed what; size_t rcpt; } owed[OWED];
	size_t			 nowed;
	bool			 accepted[NRCPT], delivered[NRCPT], unsure[NRCPT];
	bool			 in_data;
	uint64_t		 bdat;		/* octets still to come */
	bool			 in_bdat, whole;	/* the message is here; its end is owed when drained */
	struct wire_undot	 undot;
	struct buf		 body;
	char			 client[600];	/* XCLIENT's words as taken; "" us */
	char			 asked[600];
};

static char addresses[NRCPT][8] = { "r0@x", "r1@x", "r2@x", "r3@x" };
static char names[NCLIENTS][8] = { "a.test", "b.test", "" };
static char addrs[NCLIENTS][12] = { "192.0.2.1", "192.0.2.2", "" };
static char sender[] = "s@x", content[] = "Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n";
static char mark_line[] = "Holdfast-Delivery: Q1@mx2.test\r\n";

/* --- the peer ------------------------------------------------------------ */

static void
owe(struct play *p, enum owed what, size_t rcpt)
{
	CHECK(p->nowed < OWED);
	p->owed[p->nowed].what = what;
	p->owed[p->nowed++].rcpt = rcpt;
}

static bool
starts(const char *line, size_t len, const char *word)
{
	return len >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

static void
on_command(struct play *p, const char *line, size_t len)
{
	CHECK(len <= WIRE_COMMAND_MAX);
	if (starts(line, len, "MAIL FROM:<s@x>")) {
		memset(p->accepted, 0, sizeof(p->accepted));
		buf_clear(&p->body);
		owe(p, OWED_MAIL, 0);
	} else if (starts(line, len, "RCPT TO:<r")) {
		owe(p, OWED_RCPT, (size_t)(line[10] - '0'));
	} else if (starts(line, len, "DATA")) {
		owe(p, OWED_DATA, 0);
	} else if (starts(line, len, "BDAT ")) {
		p->bdat = strtoull(line + 5, NULL, 10);
		CHECK(p->bdat > 0 && len > 5 && memcmp(line + len - 5, " LAST", 5) == 0);
		p->in_bdat = true;
	} else if (starts(line, len, "XCLIENT ")) {
		CHECK(p->mode == CLIENT_XCLIENT && len < sizeof(p->asked));
		memcpy(p->asked, line, len);
		p->asked[len] = '\0';
		owe(p, OWED_XCLIENT, 0);
	} else {
		CHECK(starts(line, len, "EHLO ") || starts(line, len, "HELO mx2.test") ||
		    starts(line, len, "STARTTLS") || starts(line, len, "RSET") ||
		    starts(line, len, "QUIT") ||
		    (starts(line, len, "XFORWARD ") && p->mode != CLIENT_NONE));
		owe(p, OWED_OTHER, 0);
	}
}

static void
take_data(struct play *p)
{
	size_t used = 0;
	enum wire_undot_result r = wire_undot(&p->undot, p->out.data, p->out.len, &used, &p->body);

	CHECK(r == UNDOT_MORE || r == UNDOT_END);
	buf_drop(&p->out, used);
	if (r == UNDOT_END) {
		p->in_data = false;
		p->whole = true;
	}
}

/* What the machine wrote since the last call. */
static void
listen_to(struct play *p, enum smtp_state before)
{
	/* C4 */
	if (p->out.len > 0 && before != SMTP_BODY)
		CHECK(p->nowed == 0);
	while (p->out.len > 0) {
		if (p->in_data) {
			take_data(p);
		} else if (p->in_bdat) {
			size_t n = p->out.len < p->bdat ? p->out.len : (size_t)p->bdat;

			buf_put(&p->body, p->out.data, n);
			buf_drop(&p->out, n);
			p->bdat -= n;
			p->in_bdat = p->bdat > 0;
			p->whole = !p->in_bdat;
		} else {
			char *end = memmem(p->out.data, p->out.len, "\r\n", 2);

			CHECK(end != NULL);
			on_command(p, p->out.data, (size_t)(end - p->out.data));
			buf_drop(&p->out, (size_t)(end + 2 - p->out.data));
		}
	}
}

/* The whole message is with the kernel. */
static void
message_sent(struct play *p)
{
	const char *body = buf_str(&p->body);
	size_t marked = p->mark ? strlen(mark_line) : 0;

	p->whole = false;
	owe(p, OWED_END, 0);
	if (p->body.len == 0)
		return;			/* the empty one for a DATA that should not have been taken */
	/* P9 */
	CHECK(p->body.len == marked + strlen(content));
	CHECK(memcmp(body, mark_line, marked) == 0);
	CHECK(memcmp(body + marked, content, strlen(content)) == 0);
	/* Never in another client's name. */
	if (p->client[0] != '\0') {
		const char *addr = p->job.env.client.addr;

		CHECK(strstr(p->client, addr != NULL ? addr : "ADDR=[UNAVAILABLE]") != NULL);
	}
	memcpy(p->unsure, p->accepted, sizeof(p->unsure));
}

static void
answered(struct play *p, int code)
{
	enum owed what;
	size_t rcpt;

	if (p->nowed == 0)
		return;
	what = p->owed[0].what;
	rcpt = p->owed[0].rcpt;
	memmove(p->owed, p->owed + 1, --p->nowed * sizeof(p->owed[0]));
	if (what == OWED_RCPT && code / 100 == 2) {
		p->accepted[rcpt] = true;
	} else if (what == OWED_DATA && code == 354) {
		p->in_data = true;
		wire_undot_init(&p->undot);
	} else if (what == OWED_XCLIENT && code == 220) {
		strcpy(p->client, p->asked);
	} else if (what == OWED_END && code / 100 != 3) {
		for (size_t i = 0; i < NRCPT; i++) {
			if (code / 100 == 2 && p->unsure[i])
				p->delivered[i] = true;
			p->unsure[i] = false;
		}
	}
}

/* --- the holder ---------------------------------------------------------- */

static void
check_verdicts(struct play *p)
{
	CHECK(smtp_client_over(p->c));		/* C3 */
	for (size_t i = 0; i < p->job.nrcpt; i++) {
		struct outcome o = outcome_of(smtp_client_verdict(p->c, i), NULL);

		CHECK((o.rcpt == OUTCOME_DELIVERED) == p->delivered[i]);	/* C1 */
		CHECK((o.rcpt == OUTCOME_UNSURE) == p->unsure[i]);		/* C2 */
	}
}

static void
set_client(struct play *p)
{
	unsigned k = p->sent / 2 % NCLIENTS;

	memset(&p->job.env.client, 0, sizeof(p->job.env.client));
	if (names[k][0] == '\0')
		return;
	p->job.env.client.name = p->job.env.client.helo = names[k];
	p->job.env.client.addr = addrs[k];
}

/* Some recipients in a following transaction, or the next job, or QUIT. */
static void
on_ready(struct play *p)
{
	bool again = false;

	CHECK(p->nowed == 0);
	if (p->busy) {
		check_verdicts(p);
		for (size_t i = 0; i < p->job.nrcpt; i++) {
			if (outcome_of(smtp_client_verdict(p->c, i), NULL).rcpt != OUTCOME_RETRY_NOW)
				continue;
			smtp_client_retry(p->c, i);
			again = true;
		}
	}
	p->off = 0;
	if (again) {
		(void)smtp_client_again(p->c);
		return;
	}
	p->busy = false;
	set_client(p);
	if (p->sent == p->njobs || !smtp_client_suits(p->c, &p->job)) {
		(void)smtp_client_quit(p->c);
		return;
	}
	p->sent++;
	memset(p->delivered, 0, sizeof(p->delivered));
	p->busy = true;
	(void)smtp_client_send(p->c, &p->job, p->mark);
}

static void
next_chunk(struct play *p)
{
	size_t left = (size_t)p->job.size - p->off, n = left < 7 ? left : 7;

	(void)smtp_client_chunk(p->c, content + p->off, n, n == left);
	p->off += n;
}

/* As deliver_session.c does it between two reads. */
static void
step(struct play *p)
{
	enum smtp_state before, now;

	for (;;) {
		before = smtp_client_state(p->c);
		if (before == SMTP_CLOSED)
			return;
		if (before == SMTP_TLS && p->unread)
			(void)smtp_client_lost(p->c, SMTP_EV_BROKEN, "plaintext");
		else if (before == SMTP_TLS)
			(void)smtp_client_tls(p->c, p->handshakes, "no");
		else if (before == SMTP_READY)
			on_ready(p);
		else if (smtp_client_wants_chunk(p->c))
			next_chunk(p);
		listen_to(p, before);
		if (p->slow && smtp_client_state(p->c) == SMTP_BODY && p->whole)
			return;
		now = smtp_client_drained(p->c);
		CHECK((now == SMTP_FINAL) == (p->whole || (p->nowed == 1 && p->owed[0].what == OWED_END)));
		if (p->whole)
			message_sent(p);
		if (now == before && now != SMTP_READY && !smtp_client_wants_chunk(p->c))
			return;
	}
}

static void
reply(struct play *p, const struct wire_reply *r)
{
	enum smtp_state before = smtp_client_state(p->c);
	bool asked = p->nowed > 0;

	if (before == SMTP_CLOSED)
		return;
	if (before == SMTP_TLS) {
		(void)smtp_client_lost(p->c, SMTP_EV_BROKEN, "plaintext");
		return;
	}
	answered(p, r->code);
	(void)smtp_client_reply(p->c, r);
	if (!asked)
		CHECK(smtp_client_state(p->c) == SMTP_CLOSED);
	listen_to(p, before);
}

/* Replies out of one read; false: what came is no reply. */
static bool
read_replies(struct play *p, struct buf *in, size_t *scanned, struct wire_reply *r)
{
	const char *why = "";
	size_t len, used;

	for (;;) {
		switch (wire_line(in->data, in->len, WIRE_REPLY_LINE_MAX, scanned, &len, &used)) {
		case WIRE_MORE:
			return true;
		case WIRE_LINE:
			break;
		case WIRE_TOO_LONG: case WIRE_BARE_LF: case WIRE_BARE_CR: case WIRE_NUL:
			return false;
		}
		*scanned = 0;
		switch (wire_reply_line(r, in->data, len, &why)) {
		case WIRE_REPLY_BAD:
			return false;
		case WIRE_REPLY_MORE:
			break;
		case WIRE_REPLY_DONE:
			reply(p, r);
			wire_reply_reset(r);
			break;
		}
		buf_drop(in, used);
	}
}

static void
session(struct play *p, const char *data, size_t size, size_t piece)
{
	struct wire_reply r;
	struct buf in = BUF_INIT;
	size_t scanned = 0, n;
	bool good = true;

	memset(&r, 0, sizeof(r));
	for (; good && size > 0 && smtp_client_state(p->c) != SMTP_CLOSED; data += n, size -= n) {
		n = piece < size ? piece : size;
		buf_put(&in, data, n);
		good = read_replies(p, &in, &scanned, &r);
		p->unread = in.len > 0;
		if (good)
			step(p);
	}
	if (smtp_client_state(p->c) != SMTP_CLOSED)
		(void)smtp_client_lost(p->c, good ? SMTP_EV_LOST : SMTP_EV_BROKEN, "the end");
	wire_reply_free(&r);
	buf_free(&in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct play p;
	struct smtp_client_options o = { .hostname = "mx2.test" };

	if (size < 3)
		return 0;
	memset(&p, 0, sizeof(p));
	o.client = p.mode = (enum rules_client)(data[0] % 3);
	o.tls = p.tls = data[0] / 3 % 2 ? TLS_MAY : TLS_OFF;
	p.mark = data[0] / 6 % 2;
	p.large = data[0] / 12 % 2;
	p.slow = data[0] / 24 % 2;
	p.handshakes = data[0] / 48 % 2;
	p.njobs = data[1] / 4 % 8 + 1;
	strcpy(p.job.queue_id, "Q1");
	p.job.nrcpt = data[1] % NRCPT + 1u;
	p.job.rcpt = p.rcpt;
	for (size_t i = 0; i < NRCPT; i++)
		p.rcpt[i].rcpt.address = addresses[i];
	p.job.env.sender = sender;
	p.job.size = strlen(content);
	p.job.body = p.large ? NULL : content;

	p.c = smtp_client_new(&o, &p.out);
	(void)smtp_client_connected(p.c);
	owe(&p, OWED_GREETING, 0);
	session(&p, (const char *)data + 3, size - 3, data[2] == 0 ? size : data[2]);
	if (p.busy)
		check_verdicts(&p);
	smtp_client_free(&p.c);
	buf_free(&p.out);
	buf_free(&p.body);
	return 0;
}
