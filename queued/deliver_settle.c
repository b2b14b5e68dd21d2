/*
 * deliver_settle.c -- from verdicts to settlements and log lines.
 *
 * The one place where a message's fate is told to the store. A recipient that was
 * deferred waits by its domain's schedule as the rules have it now; when
 * the lifetime is over after a failed attempt (never without one) it is
 * quarantined as expired.
 *
 * The delivery lines have the form that log summarisers read:
 *	ID: to=<a@b>, relay=h[ip]:port, delay=…, delays=a/b/c/d, dsn=2.0.0, status=sent (250 …)
 * with a: until leased, b: waiting for a session, c: connecting, d: the transaction.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "queued/deliver_private.h"

/* The order of "how well does it work". */
static enum outcome_dest
better(enum outcome_dest a, enum outcome_dest b)
{
	return a < b ? a : b;
}

static void
settled(void *arg, enum store_result result, const char *why)
{
	struct deliver *d = arg;

	if (result != STORE_OK)
		log_error("the store could not record an attempt: %s", why != NULL ? why : "");
	assert(d->unsettled > 0 && d->leased > 0);
	d->unsettled--;
	d->leased--;
	deliver_released(d);
	deliver_drain_check(d);
}

static void
give_back(struct deliver *d, struct job **job, const struct settle *v)
{
	if ((*job)->body != NULL) {
		assert(d->bytes >= (*job)->size);
		d->bytes -= (size_t)(*job)->size;
		free((*job)->body);
		(*job)->body = NULL;
	}
	d->unsettled++;
	store_settle(d->store, job, v, settled, d);
	*job = NULL;
}

void
deliver_untried(struct deliver *d, struct job **job)
{
	size_t n = (*job)->nrcpt;
	struct settle *v = xcalloc(n, sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i].what = SETTLE_UNTRIED;
	give_back(d, job, v);
	free(v);
}

/* --- log lines ----------------------------------------------------------- */

/* 0.06, 1.2, 130: two significant digits below ten, as log readers expect. */
static void
put_delay(struct buf *b, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (ms < 10)
		buf_puts(b, ms > 0 ? "0.01" : "0");
	else if (ms < 10000)
		buf_printf(b, "%.2g", (double)ms / 1000);
	else
		buf_printf(b, "%" PRId64, ms / 1000);
}

static void
put_delays(struct buf *b, const struct deliver_session *s, int64_t wall, int64_t now)
{
	int64_t total = wall - s->job->arrival * 1000, sending = now - s->started, opening = 0;

	if (s->sent == 0)
		opening = s->started - s->opened;
	if (total < sending)
		total = sending;		/* arrival is in whole seconds */
	if (opening > total - sending)
		opening = total - sending;
	buf_puts(b, "delay=");
	put_delay(b, total);
	buf_puts(b, ", delays=");
	put_delay(b, total - sending - opening);
	buf_puts(b, "/0/");
	put_delay(b, opening);
	buf_putc(b, '/');
	put_delay(b, sending);
}

/* What the recipient's listing shows, and the log between brackets. */
static void
put_reason(struct buf *b, const struct deliver_session *s, const struct smtp_verdict *v)
{
	size_t from = b->len;

	if (v->event != SMTP_EV_REPLY) {
		buf_printf(b, "%s: %s %s", s->relay, v->text, smtp_state_words(v->phase));
	} else {
		if (v->code / 100 != 2)
			buf_printf(b, "host %s said: ", s->relay);
		buf_printf(b, "%d %s%s%s", v->code, v->dsn, v->dsn[0] != '\0' ? " " : "", v->text);
		if (v->code / 100 != 2)
			buf_printf(b, " (%s)", smtp_state_words(v->phase));
	}
	for (; from < b->len; from++)
		if (b->data[from] == '\n')
			b->data[from] = ' ';
}

static void
log_attempt(const struct deliver_session *s, size_t i, const struct settle *v,
    enum outcome_rcpt what)
{
	static const char *const status[] = {
		[OUTCOME_DELIVERED] = "sent",
		[OUTCOME_RETRY] = "deferred",
		[OUTCOME_RETRY_NOW] = "deferred",
		[OUTCOME_HOLD] = "deferred",
		[OUTCOME_QUARANTINE] = "deferred",
		[OUTCOME_BOUNCE] = "bounced",
		[OUTCOME_UNTRIED] = "deferred",
		[OUTCOME_UNSURE] = "deferred",
	};
	const char *note = "";
	struct buf b = BUF_INIT;

	if (v->what == SETTLE_QUARANTINE)
		note = "quarantined; ";
	else if (what == OUTCOME_UNSURE)
		note = "duplicate possible: the whole message was sent, but not answered; ";
	put_delays(&b, s, clock_wall_ms(), clock_mono_ms());
	log_info("%s: to=<%s>, relay=%s, %s, dsn=%s, status=%s (%s%s)", s->job->queue_id,
	    s->job->rcpt[i].rcpt.address, s->relay, buf_str(&b), v->dsn, status[what], note,
	    v->reply);
	buf_free(&b);
}

/* --- settlements --------------------------------------------------------- */

static void
set_dsn(struct settle *v, const char *dsn, const char *fallback)
{
	(void)snprintf(v->dsn, sizeof(v->dsn), "%s", *dsn != '\0' ? dsn : fallback);
}

/* Deferred by the schedule, or expired. reason may grow. */
static void
defer(struct deliver_session *s, const struct job_rcpt *jr, struct settle *v,
    struct buf *reason)
{
	struct deliver *d = s->dest->d;
	struct deliver_domain *dom = deliver_route_domain(d, s->job->domain);
	int64_t now = clock_wall(), wait = -1;

	v->what = SETTLE_DEFER;
	if (dom->schedule.nsteps == 0)
		wait = 3600;		/* its rule went meanwhile: no schedule, no lifetime */
	else
		wait = schedule_next(&dom->schedule, now - s->job->arrival, jr->attempts + 1,
		    deliver_noise(d));
	if (wait < 0) {
		char *last = buf_take(reason);

		v->what = SETTLE_QUARANTINE;
		set_dsn(v, "4.4.7", "");
		buf_printf(reason, "expired; last: %s", last);
		free(last);
		return;
	}
	if (s->hurried)
		wait = 0;
	v->next_attempt = now + wait;
	deliver_due(dom, v->next_attempt);
}

/* Was the connection lost in the middle of this message? */
static bool
broke(const struct smtp_verdict *v)
{
	switch (v->phase) {
	case SMTP_XCLIENT: case SMTP_XEHLO: case SMTP_XFORWARD: case SMTP_MAIL: case SMTP_RCPT:
	case SMTP_DATA: case SMTP_BODY:
		return v->event == SMTP_EV_LOST || v->event == SMTP_EV_TIMEOUT ||
		    v->event == SMTP_EV_BROKEN;
	case SMTP_FINAL:
		return true;
	case SMTP_CONNECT: case SMTP_GREETING: case SMTP_EHLO: case SMTP_HELO:
	case SMTP_STARTTLS: case SMTP_TLS: case SMTP_READY: case SMTP_RSET:
	case SMTP_QUIT: case SMTP_CLOSED:
		break;
	}
	return false;
}

static void
settle_one(struct deliver_session *s, size_t i, enum outcome_rcpt what, struct settle *v,
    struct buf *reason)
{
	const struct smtp_verdict *got = smtp_client_verdict(s->client, i);

	put_reason(reason, s, got);
	v->code = got->code;
	v->relay = s->relay;
	switch (what) {
	case OUTCOME_DELIVERED:
		v->what = SETTLE_DELIVERED;
		set_dsn(v, got->dsn, "2.0.0");
		break;
	case OUTCOME_HOLD:
		v->what = SETTLE_DEFER;
		v->uncounted = v->refused = true;
		v->next_attempt = clock_wall() + deliver_canary_interval(s->dest) / 1000;
		set_dsn(v, got->dsn, "5.0.0");
		deliver_due(deliver_route_domain(s->dest->d, s->job->domain), v->next_attempt);
		break;
	case OUTCOME_BOUNCE:
	case OUTCOME_QUARANTINE:
		v->what = SETTLE_QUARANTINE;
		set_dsn(v, got->dsn, "5.0.0");
		break;
	case OUTCOME_RETRY:
	case OUTCOME_UNSURE:
		set_dsn(v, got->dsn, got->event == SMTP_EV_REPLY ? "4.0.0" :
		    got->event == SMTP_EV_FAULT ? "4.3.0" : "4.4.2");
		defer(s, &s->job->rcpt[i], v, reason);
		break;
	case OUTCOME_RETRY_NOW:		/* the connection ended before its turn came */
	case OUTCOME_UNTRIED:
		v->what = SETTLE_UNTRIED;
		set_dsn(v, got->dsn, "4.4.2");
		break;
	}
	v->reply = buf_str(reason);
	if (v->what != SETTLE_UNTRIED)
		log_attempt(s, i, v, what);
	if (v->what == SETTLE_DELIVERED)
		v->reply = got->text;		/* the ledger puts code and dsn before it */
}

/* A following transaction can carry those that only wait for room. */
static bool
again(struct deliver_session *s, const enum outcome_rcpt *what)
{
	bool any = false;

	if (smtp_client_state(s->client) != SMTP_READY)
		return false;
	for (size_t i = 0; i < s->job->nrcpt; i++) {
		if (what[i] != OUTCOME_RETRY_NOW)
			continue;
		smtp_client_retry(s->client, i);
		any = true;
	}
	return any;
}

bool
deliver_settle(struct deliver_session *s)
{
	struct deliver *d = s->dest->d;
	size_t n = s->job->nrcpt;
	enum outcome_rcpt *what = xcalloc(n, sizeof(*what));
	struct settle *v;
	struct buf *reason;
	struct deliver_judgement judged = { .best = OUTCOME_DEAD };
	bool untried = false, broken = false;

	for (size_t i = 0; i < n; i++) {
		struct outcome o = outcome_of(smtp_client_verdict(s->client, i), NULL);

		what[i] = o.rcpt;
		judged.best = better(judged.best, o.dest);
		judged.delivered += o.rcpt == OUTCOME_DELIVERED;
		if (o.rcpt == OUTCOME_QUARANTINE) {
			judged.refused++;
			judged.refused_known |= deliver_known(d, s->job->rcpt[i].rcpt.address);
			if (deliver_on_trial(s->dest))
				what[i] = OUTCOME_HOLD;
		}
		if (o.rcpt == OUTCOME_UNTRIED) {
			untried = true;
			broken |= broke(smtp_client_verdict(s->client, i));
		}
	}
	if (again(s, what)) {
		free(what);
		return false;
	}
	if (broken)
		broken = deliver_suspect_broke(d, s->job->message_id);
	else
		deliver_suspect_clear(d, s->job->message_id);

	v = xcalloc(n, sizeof(*v));
	reason = xcalloc(n, sizeof(*reason));
	for (size_t i = 0; i < n; i++) {
		if (broken && what[i] == OUTCOME_UNTRIED)
			what[i] = OUTCOME_RETRY;
		settle_one(s, i, what[i], &v[i], &reason[i]);
		untried |= v[i].what == SETTLE_UNTRIED;
	}
	if (untried)
		deliver_hungry(deliver_route_domain(d, s->job->domain));
	deliver_judge(s, &judged);
	give_back(d, &s->job, v);
	for (size_t i = 0; i < n; i++)
		buf_free(&reason[i]);
	free(reason);
	free(v);
	free(what);
	return true;
}
