/*
 * deliver_guard.c -- the half-recovery guard: a primary that is back is not yet one that works.
 *
 * After an outage a primary may answer without its users, its domains or its file systems, and
 * a single hour of `550 5.1.1' would turn weeks of held mail into bounces. So its first
 * messages are a canary: while deliver_on_trial() says so, no 5xx is final. The message is put off for
 * canary_interval, uncounted. destination.c decides from what the messages brought; here that is
 * carried out, said loudly, and the mail that was put off is made due when the primary is believed.
 *
 * What is only told on the way to bounce_relay is our own mail: no guard there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/rules.h"
#include "queued/deliver_private.h"

bool
deliver_on_trial(const struct deliver_dest *dest)
{
	return dest->health.trial;
}

bool
deliver_known(const struct deliver *d, const char *address)
{
	const struct rules_domain *rule;
	const char *how;

	return ruleset_recipient(d->rules, address, clock_wall(), &rule, &how) == RULES_KNOWN &&
	    how != NULL && strcmp(how, "list") == 0;
}

int64_t
deliver_canary_interval(const struct deliver_dest *dest)
{
	return (int64_t)ruleset_settings(dest->d->rules)->canary_interval * 1000;
}

/* --- words --------------------------------------------------------------- */

/* The refusal that weighs most: of a recipient whom the list has, else of any. NULL: none. */
static const struct smtp_verdict *
refusal(const struct deliver_session *s)
{
	const struct smtp_verdict *any = NULL;

	for (size_t i = 0; i < s->job->nrcpt; i++) {
		const struct smtp_verdict *v = smtp_client_verdict(s->client, i);

		if (v->event != SMTP_EV_REPLY || v->code / 100 != 5)
			continue;
		if (deliver_known(s->dest->d, s->job->rcpt[i].rcpt.address))
			return v;
		if (any == NULL)
			any = v;
	}
	return any;
}

static char *
refusal_words(const struct deliver_session *s, bool known)
{
	const struct smtp_verdict *v = refusal(s);
	const char *who = known ? "refused a known recipient" : "refused the first messages";
	char *said, *words;

	if (v == NULL)
		return xstrdup(who);
	said = deliver_session_reason(s, v);
	words = xasprintf("%s: %s", who, said);
	free(said);
	return words;
}

static void
log_held(const struct deliver_dest *dest)
{
	struct log_q q;

	if (dest->turn != NULL) {
		log_error("destination=%s state=held reason=%s nothing bounces; its mail waits for "
		    "the next ATRN", dest->name, log_quote(&q, dest->reason));
		return;
	}
	log_error("destination=%s state=held reason=%s nothing bounces; one message is tried every "
	    "%" PRId64 " s; when it is mended: holdfast primary release %s", dest->name,
	    log_quote(&q, dest->reason), deliver_canary_interval(dest) / 1000, dest->name);
}

/* --- what follows -------------------------------------------------------- */

/* What was put off is due at once. */
static void
believe(struct deliver_dest *dest)
{
	if (dest->put_off)
		(void)deliver_wake(dest, "guard");
	dest->put_off = false;
}

/* dest->refusal says why. */
static void
failed(struct deliver_dest *dest)
{
	dest->since = clock_wall();
	deliver_health_reason(dest, dest->refusal != NULL ? dest->refusal : "");
	log_held(dest);
	deliver_outage_held(dest);
	deliver_stand_down(dest);
	deliver_probe_arm(dest);
}

static void
follow(struct deliver_dest *dest, enum destination_trial what)
{
	switch (what) {
	case TRIAL_NONE:
		break;
	case TRIAL_BEGUN:
		log_warn("destination=%s state=%s trial=yes it refuses recipients that the list has",
		    dest->name, destination_state_name(dest->health.state));
		break;
	case TRIAL_PASSED:
		log_info("destination=%s state=%s trial=passed", dest->name,
		    destination_state_name(dest->health.state));
		believe(dest);
		break;
	case TRIAL_FAILED:
		failed(dest);
		break;
	case TRIAL_AGAIN:
		dest->since = clock_wall();
		deliver_health_reason(dest, "");
		log_warn("destination=%s state=ramping trial=yes it took a message again",
		    dest->name);
		deliver_remember(dest);
		believe(dest);
		break;
	}
}

void
deliver_judge(struct deliver_session *s, const struct deliver_judgement *j)
{
	struct deliver_dest *dest = s->dest;
	enum destination_state before;
	enum destination_trial what;

	/* A closed session tells the destination why by itself. */
	if (smtp_client_state(s->client) != SMTP_CLOSED || j->best == OUTCOME_GOOD)
		deliver_outcome(dest, s, j->best, "");
	before = dest->health.state;
	if (before == DEST_DOWN || before == DEST_PROBING)
		return;
	if (j->refused > 0) {
		if (deliver_on_trial(dest))
			dest->put_off = deliver_route_domain(dest->d, s->job->domain)->put_off = true;
		free(dest->refusal);
		dest->refusal = refusal_words(s, j->refused_known);
	}
	what = destination_judge(&dest->health, j->delivered > 0, j->refused > 0,
	    j->refused_known, deliver_canary_interval(dest), clock_mono_ms());
	/* One canary is enough for the trial to have passed. */
	if (before == DEST_HELD && what == TRIAL_PASSED)
		follow(dest, TRIAL_AGAIN);
	follow(dest, what);
	if (before == DEST_HELD && what == TRIAL_NONE && j->refused > 0)
		log_held(dest);
}

void
deliver_judge_idle(struct deliver_dest *dest)
{
	follow(dest, destination_judge_idle(&dest->health, deliver_canary_interval(dest),
	    clock_mono_ms()));
}

/* HELD since before we started: some of its mail was put off. */
void
deliver_guard_restore(struct deliver_dest *dest)
{
	struct deliver_domain *dom;

	dest->put_off = true;
	TAILQ_FOREACH(dom, &dest->domains, of_dest)
		dom->put_off = true;
}

/* --- the operator -------------------------------------------------------- */

static void
released(struct deliver_dest *dest, const char *why)
{
	dest->since = clock_wall();
	deliver_health_reason(dest, "");
	log_warn("destination=%s state=ramping %s", dest->name, why);
	deliver_remember(dest);
	believe(dest);
	deliver_pump(dest);
}

bool
deliver_release(struct deliver *d, const char *name)
{
	struct deliver_dest *dest = deliver_route_find(d, name);

	if (dest == NULL || dest->health.state != DEST_HELD)
		return false;
	destination_release(&dest->health, clock_mono_ms());
	released(dest, "trial=yes released by the operator");
	return true;
}

void
deliver_guard_rules(struct deliver_dest *dest)
{
	unsigned canary = dest->relay ? 0 : ruleset_settings(dest->d->rules)->canary;

	if (destination_guard(&dest->health, canary, clock_mono_ms()))
		released(dest, "the guard was switched off");
}
