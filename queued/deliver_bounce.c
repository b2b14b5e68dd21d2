/*
 * deliver_bounce.c -- telling the sender: the report is durable first, then the message is settled.
 *
 * A report is a message of our own in the store, from <> to the sender, and
 * goes to bounce_relay by the same machinery as all other mail. One settlement of a
 * message gives one report, whatever the number of its recipients.
 *
 *     header at hand --format, store_intake_commit()--> durable --store_settle()--> over
 *         \-- of a large message: store_body() first
 *
 * A crash between the two commits sends the report twice: better than never.
 * A report that cannot be stored is no reason to lose the message (P2): its recipients are
 * deferred instead, and the next refusal tries again.
 *
 * Promise P5: who asks for a report has asked deliver_may_notify().
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "queued/bounce_rate.h"
#include "queued/deliver_private.h"

#define RETRY_STORE	600	/* s until a refusal is heard again whose report could not be stored */

struct told {			/* one recipient: copies that b->v and the report lend */
	enum dsn_action	 action;
	char		*reply, *relay, *said;
};

struct deliver_bounce {
	struct deliver	*d;
	struct job	*job;
	size_t		 n;		/* of its recipients */
	size_t		 size;		/* of the report */
	struct settle	*v;
	struct told	*told;
	TAILQ_ENTRY(deliver_bounce) link;
};

/* --- may we -------------------------------------------------------------- */

bool
deliver_may_notify(const struct deliver *d, const struct job *job, const struct rcpt *rcpt,
    unsigned what)
{
	const struct rules_domain *rule = ruleset_domain(d->rules, job->domain);

	return outcome_may_notify(&job->env, rcpt, what,
	    rule != NULL && rule->bounce == BOUNCE_SPF_PASS, d->conf->hostname);
}

static bool
admit(struct deliver *d, const struct job *job)
{
	unsigned limit = ruleset_settings(d->rules)->bounce_rate;
	const char *domain = addr_domain(job->env.sender);
	struct log_q q;

	switch (bounce_rate_take(d->bounce_rate, domain, limit, clock_mono_ms())) {
	case BOUNCE_RATE_GO:
		return true;
	case BOUNCE_RATE_OVER_FIRST:
		log_warn("%s: sender_domain=%s reports=%u the rest of this hour's are quarantined "
		    "(bounce_rate)", job->queue_id, log_quote(&q, domain), limit);
		return false;
	case BOUNCE_RATE_OVER:
		break;
	}
	return false;
}

bool
deliver_tellable(struct deliver *d, const struct job *job, size_t i, unsigned what,
    struct deliver_leave *leave)
{
	if (!deliver_may_notify(d, job, &job->rcpt[i].rcpt, what))
		return false;
	if (!leave->asked)
		leave->admitted = admit(d, job);
	leave->asked = true;
	return leave->admitted;
}

enum settle_what
deliver_end(struct deliver *d, const struct job *job, size_t i, enum schedule_end end,
    struct deliver_leave *leave)
{
	const struct envelope *env = &job->env;

	/* Nobody is behind a report of ours. One that says "not delivered" is its message's last trace. */
	if (env->route != NULL)
		return env->trace != NULL && strcmp(env->trace, DELIVER_TRACE_BOUNCE) == 0 ?
		    SETTLE_QUARANTINE : SETTLE_EXPIRED;
	switch (end) {
	case SCHEDULE_HOLD:
		return SETTLE_HOLD;
	case SCHEDULE_BOUNCE:
		if (deliver_tellable(d, job, i, NOTIFY_FAILURE, leave))
			return SETTLE_BOUNCED;
		break;
	case SCHEDULE_QUARANTINE:
		break;
	}
	return SETTLE_QUARANTINE;
}

/* --- life ---------------------------------------------------------------- */

static struct deliver_bounce *
bounce_new(struct deliver *d, struct job **job, const struct settle *v,
    const struct deliver_notice *notice)
{
	struct deliver_bounce *b = xcalloc(1, sizeof(*b));

	b->d = d;
	b->job = *job;
	*job = NULL;
	b->n = b->job->nrcpt;
	b->v = xcalloc(b->n, sizeof(*b->v));
	b->told = xcalloc(b->n, sizeof(*b->told));
	for (size_t i = 0; i < b->n; i++) {
		struct told *t = &b->told[i];

		*t = (struct told){ notice[i].action, xstrdup(v[i].reply), xstrdup(v[i].relay),
		    xstrdup(notice[i].said) };
		b->v[i] = v[i];
		b->v[i].reply = t->reply;
		b->v[i].relay = t->relay;
	}
	TAILQ_INSERT_TAIL(&d->bounces, b, link);
	return b;
}

static void
bounce_free(struct deliver_bounce *b)
{
	TAILQ_REMOVE(&b->d->bounces, b, link);
	store_forget(b->d->store, b);
	for (size_t i = 0; i < b->n; i++) {
		free(b->told[i].reply);
		free(b->told[i].relay);
		free(b->told[i].said);
	}
	job_free(&b->job);
	free(b->told);
	free(b->v);
	free(b);
}

/* The job goes back to the store with what has become of it. */
static void
settle(struct deliver_bounce *b)
{
	struct deliver *d = b->d;

	assert(d->unsettled > 0);
	d->unsettled--;
	deliver_give_back(d, &b->job, b->v);
	bounce_free(b);
}

/* Our own fault (P3): nobody was told, so nothing has happened. */
static void
untold(struct deliver_bounce *b, const char *why)
{
	int64_t next = clock_wall() + RETRY_STORE;

	log_error("%s: the report to its sender could not be stored: %s", b->job->queue_id, why);
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].what == SETTLE_WARNED) {
			b->v[i].what = SETTLE_UNTRIED;
		} else if (b->v[i].what == SETTLE_BOUNCED) {
			b->v[i].what = SETTLE_DEFER;
			b->v[i].refused = true;
			b->v[i].next_attempt = next;
		}
	}
	deliver_due(deliver_route_domain(b->d, b->job->domain), next);
	settle(b);
}

/* --- the report ---------------------------------------------------------- */

static enum dsn_action
gravest(const struct deliver_bounce *b)
{
	enum dsn_action a = DSN_NONE;

	for (size_t i = 0; i < b->n; i++)
		if (b->told[i].action > a)
			a = b->told[i].action;
	return a;
}

static void
stored(void *arg, enum store_result result, const char *queue_id, const char *why)
{
	static const char *const names[] = {
		[DSN_NONE] = "",
		[DSN_RELAYED] = "delivery status",
		[DSN_DELAYED] = "delay",
		[DSN_FAILED] = "non-delivery",
	};
	struct deliver_bounce *b = arg;
	struct deliver *d = b->d;

	if (result != STORE_OK) {
		untold(b, why != NULL ? why : store_state(d->store));
		return;
	}
	log_info("%s: sender %s notification: %s", b->job->queue_id, names[gravest(b)], queue_id);
	log_info("%s: from=<>, size=%zu, nrcpt=1 (queue active)", queue_id, b->size);
	settle(b);
	deliver_kick(d, ENVELOPE_RELAY);
}

static struct dsn_rcpt *
report_rcpts(const struct deliver_bounce *b, int64_t now)
{
	struct dsn_rcpt *r = xcalloc(b->n, sizeof(*r));
	const struct deliver_domain *dom = deliver_route_domain(b->d, b->job->domain);

	for (size_t i = 0; i < b->n; i++)
		r[i] = (struct dsn_rcpt){
			.action = b->told[i].action,
			.rcpt = &b->job->rcpt[i].rcpt,
			.status = b->v[i].dsn,
			.remote = b->told[i].said != NULL ? b->told[i].relay : NULL,
			.reply = b->told[i].said,
			.reason = b->told[i].reply,
			.last_attempt = now,
			.retry_until = b->job->arrival + dom->schedule.lifetime,
		};
	return r;
}

/* Which report it is, for `queue show' and for what is done with it should it fail. */
static const char *
trace_of(enum dsn_action a)
{
	return a == DSN_FAILED ? DELIVER_TRACE_BOUNCE : "report";
}

static void
submit(struct deliver_bounce *b, const char *header, size_t len)
{
	struct deliver *d = b->d;
	struct store_intake *in = store_intake_begin(d->store);
	int64_t now = clock_wall();
	struct dsn_rcpt *rcpts = report_rcpts(b, now);
	struct dsn dsn = { d->conf->hostname, store_intake_queue_id(in), b->job->queue_id, now,
	    b->job->arrival, &b->job->env, header, len, rcpts, b->n };
	struct envelope env = { .sender = xstrdup(""), .smtputf8 = dsn_is_global(&dsn),
	    .route = xstrdup(ENVELOPE_RELAY), .trace = xstrdup(trace_of(gravest(b))) };
	struct rcpt *to = envelope_add_rcpt(&env);
	struct buf text = BUF_INIT;

	to->address = xstrdup(b->job->env.sender);
	to->notify = NOTIFY_NEVER;
	if (dsn_format(&text, &dsn))
		env.body = BODY_8BITMIME;
	b->size = text.len;
	(void)store_intake_write(in, text.data, text.len, NULL, NULL);
	store_intake_commit(&in, &env, stored, b);
	buf_free(&text);
	envelope_clear(&env);
	free(rcpts);
}

static void
got_header(void *arg, enum store_result result, const char *data, size_t len, bool last)
{
	struct deliver_bounce *b = arg;

	(void)last;
	/* A report without the header is still a report. */
	submit(b, data, result == STORE_OK ? len : 0);
}

/* --- interface ----------------------------------------------------------- */

void
deliver_bounce(struct deliver *d, struct job **job, const struct settle *v,
    const struct deliver_notice *notice)
{
	struct deliver_bounce *b = bounce_new(d, job, v, notice);

	d->unsettled++;
	if (b->job->body != NULL)
		submit(b, b->job->body, (size_t)b->job->size);
	else
		store_body(d->store, b->job->message_id, 0, got_header, b);
}

void
deliver_bounce_new(struct deliver *d)
{
	TAILQ_INIT(&d->bounces);
	d->bounce_rate = bounce_rate_new(deliver_noise(d));
}

void
deliver_bounce_free(struct deliver *d)
{
	struct deliver_bounce *b;

	while ((b = TAILQ_FIRST(&d->bounces)) != NULL)
		bounce_free(b);
	bounce_rate_free(&d->bounce_rate);
}
