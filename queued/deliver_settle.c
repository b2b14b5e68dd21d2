/*
 * deliver_settle.c -- from verdicts to settlements and log lines.
 *
 * The one place where a message's fate is told to the store. A recipient that was
 * deferred waits by its domain's schedule as the rules have it now; when
 * the lifetime is over after a failed attempt (never without one) the schedule says what
 * becomes of it. Where the sender is to be told, deliver_bounce.c settles, once the report is durable.
 *
 * Our own reports (ENVELOPE_RELAY) have nobody behind them to be told. One that says "not
 * delivered" is the last trace of its message: refused or expired it is quarantined, where the operator sees it. Others
 * speak of mail that is still here or was handed on; those are disposed of, with a ledger row.
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

void
deliver_give_back(struct deliver *d, struct job **job, const struct settle *v)
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
	deliver_give_back(d, job, v);
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

/* One message's recipients on their way from verdict to settlement. */
struct fates {
	struct deliver_session	*s;
	struct outcome		*o;
	struct settle		*v;
	struct buf		*reason;	/* lent to v */
	struct buf		*said;		/* lent to notice */
	struct deliver_notice	*notice;
	struct deliver_leave	 leave;
};

static const char *
note_of(const struct fates *f, size_t i)
{
	const struct settle *v = &f->v[i];

	switch (v->what) {
	case SETTLE_QUARANTINE:
		return "quarantined; ";
	case SETTLE_HOLD:
		return "held for the operator; ";
	case SETTLE_EXPIRED:
		return "disposed of; ";
	case SETTLE_DELIVERED: case SETTLE_DEFER: case SETTLE_UNTRIED: case SETTLE_BOUNCED:
	case SETTLE_WARNED:
		break;
	}
	if (f->o[i].rcpt == OUTCOME_HOLD)
		return "not believed while the destination is on trial; ";
	if (v->refused)
		return "not believed yet, for the list has the recipient; ";
	if (v->unsure)
		return "duplicate possible: the whole message was sent, but not answered; ";
	return "";
}

static void
log_attempt(const struct fates *f, size_t i)
{
	const struct deliver_session *s = f->s;
	const struct settle *v = &f->v[i];
	struct buf b = BUF_INIT;

	put_delays(&b, s, clock_wall_ms(), clock_mono_ms());
	log_info("%s: to=<%s>, relay=%s, %s, dsn=%s, status=%s (%s%s)", s->job->queue_id,
	    s->job->rcpt[i].rcpt.address, s->relay, buf_str(&b), v->dsn,
	    v->what == SETTLE_DELIVERED ? "sent" : v->what == SETTLE_BOUNCED ? "bounced" : "deferred",
	    note_of(f, i), v->reply);
	buf_free(&b);
}

/* --- settlements --------------------------------------------------------- */

static void
set_dsn(struct settle *v, const char *dsn, const char *fallback)
{
	(void)snprintf(v->dsn, sizeof(v->dsn), "%s", *dsn != '\0' ? dsn : fallback);
}

static void
tell(struct fates *f, size_t i, enum dsn_action action)
{
	const struct smtp_verdict *got = smtp_client_verdict(f->s->client, i);

	f->notice[i].action = action;
	if (got->event != SMTP_EV_REPLY)
		return;
	buf_printf(&f->said[i], "%d %s%s%s", got->code, got->dsn, got->dsn[0] != '\0' ? " " : "",
	    got->text);
	f->notice[i].said = buf_str(&f->said[i]);
}

/* It will not be delivered: refused for good, or expired. */
static void
give_up(struct fates *f, size_t i, enum schedule_end end)
{
	struct settle *v = &f->v[i];

	v->refused = false;
	v->what = deliver_end(f->s->dest->d, f->s->job, i, end, &f->leave);
	if (v->what == SETTLE_BOUNCED)
		tell(f, i, DSN_FAILED);
}

static void
expire(struct fates *f, size_t i, enum schedule_end end)
{
	char *last = buf_take(&f->reason[i]);

	set_dsn(&f->v[i], "4.4.7", "");
	buf_printf(&f->reason[i], "expired; last: %s", last);
	free(last);
	give_up(f, i, end);
}

/* Deferred by the schedule, or expired. */
static void
defer(struct fates *f, size_t i)
{
	struct deliver_session *s = f->s;
	struct deliver *d = s->dest->d;
	struct deliver_domain *dom = deliver_route_domain(d, s->job->domain);
	int64_t now = clock_wall(), age = now - s->job->arrival, wait = -1;
	struct settle *v = &f->v[i];

	v->what = SETTLE_DEFER;
	if (dom->schedule.nsteps == 0)
		wait = 3600;		/* its rule went meanwhile: no schedule, no lifetime */
	else
		wait = schedule_next(&dom->schedule, deliver_clock_unsure(d) ? 0 : age,
		    s->job->rcpt[i].attempts + 1, deliver_noise(d));
	if (wait < 0) {
		expire(f, i, dom->schedule.end);
		return;
	}
	if (s->hurried)
		wait = 0;
	v->next_attempt = now + wait;
	deliver_due(dom, v->next_attempt);
}

/* Not believed: the next canary asks again, and the message's schedule knows nothing of it. */
static void
put_off(struct fates *f, size_t i)
{
	struct deliver_session *s = f->s;
	struct settle *v = &f->v[i];

	v->what = SETTLE_DEFER;
	v->uncounted = v->refused = true;
	s->dest->failed_at = clock_wall();
	v->next_attempt = s->dest->failed_at + deliver_canary_interval(s->dest) / 1000;
	deliver_due(deliver_route_domain(s->dest->d, s->job->domain), v->next_attempt);
}

/* RFC 3461 5.2.2: the next server will not say, so we do. */
static void
delivered(struct fates *f, size_t i)
{
	f->v[i].what = SETTLE_DELIVERED;
	if (!smtp_client_offers(f->s->client, WIRE_EXT_DSN) &&
	    deliver_tellable(f->s->dest->d, f->s->job, i, NOTIFY_SUCCESS, &f->leave))
		tell(f, i, DSN_RELAYED);
}

static void
settle_one(struct fates *f, size_t i)
{
	const struct smtp_verdict *got = smtp_client_verdict(f->s->client, i);
	struct settle *v = &f->v[i];

	put_reason(&f->reason[i], f->s, got);
	v->code = got->code;
	v->relay = f->s->relay;
	switch (f->o[i].rcpt) {
	case OUTCOME_DELIVERED:
		set_dsn(v, got->dsn, "2.0.0");
		delivered(f, i);
		break;
	case OUTCOME_HOLD:
		set_dsn(v, got->dsn, "5.0.0");
		put_off(f, i);
		break;
	case OUTCOME_BOUNCE:
	case OUTCOME_QUARANTINE:
		set_dsn(v, got->dsn, "5.0.0");
		give_up(f, i, f->o[i].rcpt == OUTCOME_BOUNCE ? SCHEDULE_BOUNCE : SCHEDULE_QUARANTINE);
		break;
	case OUTCOME_RETRY:
	case OUTCOME_UNSURE:
		set_dsn(v, got->dsn, got->event == SMTP_EV_REPLY ? "4.0.0" :
		    got->event == SMTP_EV_FAULT ? "4.3.0" : "4.4.2");
		v->refused = f->o[i].refusal;
		v->unsure = f->o[i].rcpt == OUTCOME_UNSURE;
		defer(f, i);
		break;
	case OUTCOME_RETRY_NOW:		/* the connection ended before its turn came */
	case OUTCOME_UNTRIED:
		v->what = SETTLE_UNTRIED;
		set_dsn(v, got->dsn, "4.4.2");
		break;
	}
	v->reply = buf_str(&f->reason[i]);
	if (v->what != SETTLE_UNTRIED)
		log_attempt(f, i);
	if (v->what == SETTLE_DELIVERED && f->notice[i].action == DSN_NONE)
		v->reply = got->text;		/* the ledger puts code and dsn before it */
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

/* --- judging ------------------------------------------------------------- */

/* A following transaction can carry those that only wait for room. */
static bool
again(const struct fates *f)
{
	struct deliver_session *s = f->s;
	bool any = false;

	if (smtp_client_state(s->client) != SMTP_READY)
		return false;
	for (size_t i = 0; i < s->job->nrcpt; i++) {
		if (f->o[i].rcpt != OUTCOME_RETRY_NOW)
			continue;
		smtp_client_retry(s->client, i);
		any = true;
	}
	return any;
}

/* Only a refusal asks for them. */
static struct outcome_facts
facts_of(const struct deliver_session *s, const struct job_rcpt *jr, const struct smtp_verdict *v)
{
	const struct deliver *d = s->dest->d;

	if (v->event != SMTP_EV_LOCAL && v->code / 100 != 5)
		return (struct outcome_facts){ .trial = false };
	return (struct outcome_facts){
		.trial = deliver_on_trial(s->dest),
		.known = deliver_known(d, jr->rcpt.address),
		.refused = jr->refused,
		.may_bounce = deliver_may_notify(d, s->job, &jr->rcpt, NOTIFY_FAILURE),
	};
}

/* Each recipient's outcome, and what all say of the destination. True: the connection broke in it. */
static bool
judge(struct fates *f, struct deliver_judgement *all)
{
	struct deliver_session *s = f->s;
	bool broken = false;

	*all = (struct deliver_judgement){ .best = OUTCOME_DEAD };
	for (size_t i = 0; i < s->job->nrcpt; i++) {
		const struct smtp_verdict *v = smtp_client_verdict(s->client, i);
		struct outcome_facts facts = facts_of(s, &s->job->rcpt[i], v);
		struct outcome o = outcome_of(v, &facts);

		f->o[i] = o;
		all->best = better(all->best, o.dest);
		all->delivered += o.rcpt == OUTCOME_DELIVERED;
		all->refused += o.refusal;
		all->refused_known |= o.refusal && facts.known && v->phase == SMTP_RCPT;
		broken |= o.rcpt == OUTCOME_UNTRIED && broke(v);
	}
	return broken;
}

/* --- the whole message ---------------------------------------------------- */

static void
fates_init(struct fates *f, struct deliver_session *s)
{
	size_t n = s->job->nrcpt;

	memset(f, 0, sizeof(*f));
	f->s = s;
	f->o = xcalloc(n, sizeof(*f->o));
	f->v = xcalloc(n, sizeof(*f->v));
	f->reason = xcalloc(n, sizeof(*f->reason));
	f->said = xcalloc(n, sizeof(*f->said));
	f->notice = xcalloc(n, sizeof(*f->notice));
}

static void
fates_clear(struct fates *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_free(&f->reason[i]);
		buf_free(&f->said[i]);
	}
	free(f->o);
	free(f->v);
	free(f->reason);
	free(f->said);
	free(f->notice);
}

static void
settle_all(struct fates *f, bool suspect)
{
	struct deliver_session *s = f->s;
	struct deliver *d = s->dest->d;
	bool untried = false, told = false;

	for (size_t i = 0; i < s->job->nrcpt; i++) {
		if (suspect && f->o[i].rcpt == OUTCOME_UNTRIED)
			f->o[i].rcpt = OUTCOME_RETRY;
		settle_one(f, i);
		untried |= f->v[i].what == SETTLE_UNTRIED;
		told |= f->notice[i].action != DSN_NONE;
	}
	if (untried)
		deliver_hungry(deliver_route_domain(d, s->job->domain));
	if (told)
		deliver_bounce(d, &s->job, f->v, f->notice);
	else
		deliver_give_back(d, &s->job, f->v);
}

bool
deliver_settle(struct deliver_session *s)
{
	struct deliver *d = s->dest->d;
	size_t n = s->job->nrcpt;
	struct deliver_judgement all;
	struct fates f;
	bool broken, over;

	fates_init(&f, s);
	broken = judge(&f, &all);
	over = !again(&f);
	if (over) {
		if (broken)
			broken = deliver_suspect_broke(d, s->job->message_id);
		else
			deliver_suspect_clear(d, s->job->message_id);
		deliver_judge(s, &all);
		settle_all(&f, broken);
	}
	fates_clear(&f, n);
	return over;
}
