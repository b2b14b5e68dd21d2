/*
 * deliver_quarantine.c -- the quarantine over time: the daily digest, and the end of what is old in it.
 *
 * Once a minute there is a look at the clock. When the hour of the digest has come the store
 * sums the quarantine up, and the digest is stored like any other mail of our own; only when
 * it is durable the day is noted, so a crash between the two sends it twice rather than never. Expiry
 * (off unless quarantine_lifetime is set) asks, domain by domain, for what entered the quarantine
 * that long ago. Both wait while the clock is in doubt: nothing is deleted since a clock jumped.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "queued/deliver_private.h"
#include "queued/digest.h"
#include "queued/dsn_text.h"

#define TICK		60		/* s */
#define EXPIRE_EVERY	3600000		/* ms */
#define RETRY		600000		/* ms until a digest is tried again that could not be stored */
#define NOTE		"digest"

struct deliver_quarantine {
	struct deliver	*d;
	struct event	*timer;
	bool		 asking;		/* the store was asked something */
	bool		 known;			/* the note was read: */
	char		 last[DIGEST_DAY_SIZE];	/* day of the last digest; "" none */
	char		 today[DIGEST_DAY_SIZE];
	bool		 digest;		/* what the summary is asked for: */
	int64_t		 expired_at;		/* mono ms of the last look for old ones; 0 none */
	int64_t		 before;		/* wall s: what entered earlier ends; 0 nothing does */
	int64_t		 not_before;		/* mono ms: of the next digest */
	size_t		 size;			/* of the digest on its way */
};

/* --- the digest ---------------------------------------------------------- */

static void
noted(struct deliver_quarantine *q)
{
	memcpy(q->last, q->today, sizeof(q->last));
	store_put_note(q->d->store, NOTE, q->last);
}

static void
stored(void *arg, enum store_result result, const char *queue_id, const char *why)
{
	struct deliver_quarantine *q = arg;
	struct deliver *d = q->d;

	q->asking = false;
	if (result != STORE_OK) {
		log_error("the digest of the quarantine could not be stored: %s",
		    why != NULL ? why : store_state(d->store));
		q->not_before = clock_mono_ms() + RETRY;
		return;
	}
	log_info("%s: from=<>, size=%zu, nrcpt=1 (queue active), digest of the quarantine",
	    queue_id, q->size);
	noted(q);
	deliver_kick(d, ENVELOPE_RELAY);
}

static char *
operator_of(const struct deliver *d)
{
	const char *name = ruleset_settings(d->rules)->operator;

	return strchr(name, '@') != NULL ? xstrdup(name) : xasprintf("%s@%s", name, d->conf->hostname);
}

static void
submit(struct deliver_quarantine *q, const struct store_quarantine *v, size_t n)
{
	struct deliver *d = q->d;
	struct store_intake *in = store_intake_begin(d->store);
	char *to = operator_of(d);
	struct digest digest = { d->conf->hostname, store_intake_queue_id(in), to, clock_wall(),
	    ruleset_settings(d->rules)->quarantine_lifetime, v, n };
	struct envelope env = { .sender = xstrdup(""), .route = xstrdup(ENVELOPE_RELAY),
	    .smtputf8 = dsn_has_8bit(to, strlen(to)), .trace = xstrdup("digest") };
	struct rcpt *rcpt = envelope_add_rcpt(&env);
	struct buf text = BUF_INIT;

	rcpt->address = to;
	rcpt->notify = NOTIFY_NEVER;
	if (digest_format(&text, &digest))
		env.body = BODY_8BITMIME;
	q->size = text.len;
	q->asking = true;
	(void)store_intake_write(in, text.data, text.len, NULL, NULL);
	store_intake_commit(&in, &env, stored, q);
	buf_free(&text);
	envelope_clear(&env);
}

/* --- the end of what is old ----------------------------------------------- */

static void
ended(void *arg, enum store_result result, uint64_t n, const char *why)
{
	(void)arg;
	if (result != STORE_OK && result != STORE_NOT_FOUND)
		log_error("quarantined mail that is old could not be removed: %s",
		    why != NULL ? why : "");
	else if (n > 0)
		log_info("quarantine: expired=%" PRIu64 " (quarantine_lifetime)", n);
}

static void
expire(struct deliver_quarantine *q, const struct store_quarantine *v, size_t n)
{
	/* It cannot have entered before it arrived. */
	for (size_t i = 0; i < n; i++)
		if (v[i].oldest < q->before)
			store_expire(q->d->store, v[i].domain, q->before, "quarantine_lifetime", ended,
			    q);
}

/* --- the look ------------------------------------------------------------- */

static void
summed_up(void *arg, enum store_result result, const struct store_quarantine *v, size_t n)
{
	struct deliver_quarantine *q = arg;

	q->asking = false;
	if (result != STORE_OK || q->d->draining || deliver_clock_unsure(q->d))
		return;			/* the next look asks again */
	if (q->before != 0) {
		q->expired_at = clock_mono_ms();
		expire(q, v, n);
	}
	if (q->digest && n > 0)
		submit(q, v, n);
	else if (q->digest)
		noted(q);
}

static void
look(struct deliver_quarantine *q)
{
	const struct rules_settings *s = ruleset_settings(q->d->rules);
	int64_t now = clock_mono_ms(), wall = clock_wall();

	q->digest = digest_due(wall, s->digest_hour, q->last, q->today) && now >= q->not_before;
	q->before = s->quarantine_lifetime > 0 &&
	    (q->expired_at == 0 || now - q->expired_at >= EXPIRE_EVERY) ?
	    wall - (int64_t)s->quarantine_lifetime : 0;
	if (!q->digest && q->before == 0)
		return;
	q->asking = true;
	store_quarantine_summary(q->d->store, summed_up, q);
}

static void
got_note(void *arg, enum store_result result, const char *value)
{
	struct deliver_quarantine *q = arg;

	q->asking = false;
	if (result != STORE_OK)
		return;
	q->known = true;
	if (value != NULL && strlen(value) < sizeof(q->last))
		memcpy(q->last, value, strlen(value) + 1);
	if (!q->d->draining && !deliver_clock_unsure(q->d))
		look(q);
}

void
deliver_quarantine_look(struct deliver *d)
{
	struct deliver_quarantine *q = d->quarantine;

	if (d->draining || q->asking || deliver_clock_unsure(d))
		return;
	if (q->known) {
		look(q);
		return;
	}
	q->asking = true;
	store_note(d->store, NOTE, got_note, q);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct deliver_quarantine *q = arg;

	(void)fd;
	(void)what;
	deliver_quarantine_look(q->d);
}

/* --- interface ----------------------------------------------------------- */

void
deliver_quarantine_new(struct deliver *d)
{
	static const struct timeval every = { TICK, 0 };
	struct deliver_quarantine *q = xcalloc(1, sizeof(*q));

	q->d = d;
	q->timer = event_new(d->base, -1, EV_PERSIST, on_timer, q);
	if (q->timer == NULL || event_add(q->timer, &every) == -1)
		log_fatal("out of memory");
	d->quarantine = q;
}

void
deliver_quarantine_free(struct deliver *d)
{
	struct deliver_quarantine *q = d->quarantine;

	if (q == NULL)
		return;
	store_forget(d->store, q);
	event_free(q->timer);
	free(q);
	d->quarantine = NULL;
}
