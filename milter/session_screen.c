/*
 * session_screen.c -- puts the checks' questions for a session: who, in which mode, under which rules.
 *
 * The engine knows no session and no rules; here both come together. Each check runs in the mode
 * of its recipient's policy, an exception (check_lists.c) leaves some out, and `global.mode =
 * shadow' makes all of them harmless. What is found is counted, and remembered for the message's
 * line in the log; or, if somebody watches (session.h), told to him alone.
 *
 * A check from outside has no name of ours and is a CHECK_PLUGIN. It sees nothing of our insides.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "milter/check_limits.h"
#include "milter/check_lists.h"
#include "milter/check_spf.h"
#include "milter/checks.h"
#include "milter/counters.h"
#include "milter/host.h"
#include "milter/message.h"
#include "milter/plugin.h"
#include "milter/service.h"
#include "milter/session_private.h"

/*
 * ms that all checks together have at the end of a message. MTAs wait 300 s for our answer, and the
 * hand-over (HANDOVER_BUDGET) comes after it.
 */
#define EOM_BUDGET	220000

/* One run of the engine. */
struct screening {
	struct session		*s;
	enum check_stage	 stage;
	const char		*to;
	const struct rules_policy *policy;
	uint32_t		 skip;
	struct check_host	 host;
	struct check_view	 view;
	const struct check_message *message;	/* NULL: there is none */
	struct check_message	 headers;	/* the same, for who does not want its body */
};

/* --- the engine's questions --------------------------------------------------------- */

static enum rules_check
id_of(const struct check *check)
{
	enum rules_check id;

	return rules_check_parse(check->name, &id) == 0 ? id : CHECK_PLUGIN;
}

static bool
all_shadow(const struct screening *sc)
{
	return ruleset_settings(sc->host.rules)->mode == MODE_SHADOW;
}

/* The check is asked next, if it is: it gets to see what is meant for it. */
static void
prepare(struct screening *sc, const struct check *check, enum rules_check id)
{
	bool stranger = id == CHECK_PLUGIN;

	sc->view.host = stranger ? NULL : &sc->host;
	sc->view.message = stranger && !check->wants_body && sc->message != NULL ? &sc->headers :
	    sc->message;
}

static enum rules_mode
mode_of(void *arg, const struct check *check)
{
	struct screening *sc = arg;
	enum rules_check id = id_of(check);
	enum rules_mode mode = sc->skip >> id & 1 ? MODE_OFF : sc->policy->mode[id];

	prepare(sc, check, id);
	sc->host.mode = mode == MODE_ENFORCE && all_shadow(sc) ? MODE_SHADOW : mode;
	return mode;
}

static void
count(const struct screening *sc, const char *name, enum counter which)
{
	char text[CHECK_RULE_SIZE];

	(void)snprintf(text, sizeof(text), "check %.*s", (int)sizeof(text) - 8, name);
	counters_add(service_counters(sc->s->service), text, which);
}

/* "spf=2 dnsbl=reject", each once. */
static void
note(struct txn *t, const struct verdict *v)
{
	char score[RULES_SCORE_SIZE], text[CHECK_RULE_SIZE + RULES_SCORE_SIZE];

	(void)snprintf(text, sizeof(text), "%s=%s", v->rule[0] != '\0' ? v->rule : v->check,
	    v->action == VERDICT_PASS ? rules_score_text(v->score, score) :
	    engine_action_name(v->action));
	if (t->hits.len > 1000 || strstr(buf_str(&t->hits), text) != NULL)
		return;
	buf_printf(&t->hits, "%s%s", t->hits.len > 0 ? ", " : "", text);
}

/* Its authors may not know how long it takes with us. */
static void
note_slow(const struct session *s, const struct check *check, const char *hook, int64_t ms)
{
	if (id_of(check) == CHECK_PLUGIN && ms >= PLUGIN_SLOW)
		log_warn("trace=%s client=[%s] check=%s slow=%s ms=%lld reason=\"others wait meanwhile\"",
		    s->txn.trace[0] != '\0' ? s->txn.trace : "-", s->addr, check->name, hook,
		    (long long)ms);
}

static void
told(void *arg, const struct check *check, enum rules_mode mode, const struct verdict *v, int64_t us)
{
	struct screening *sc = arg;
	const struct session_watch *watch = sc->s->watch;
	bool hit = engine_is_hit(v);

	if (check != NULL)
		note_slow(sc->s, check, engine_stage_name(sc->stage), us / 1000);
	if (watch != NULL) {
		watch->found(watch->arg, &(struct session_finding){ sc->stage, check, mode, v, us,
		    sc->skip, check == &check_spf ? session_spf(sc->s) : NULL });
		return;
	}
	if (check != NULL)
		count(sc, check->name, COUNT_SEEN);
	if (!hit)
		return;
	if (mode == MODE_ENFORCE) {
		count(sc, v->check, COUNT_HIT);
		if (check != NULL)		/* the threshold is in `score' and `fate' */
			note(&sc->s->txn, v);
	} else {
		count(sc, v->check, COUNT_WOULD);
		session_log_shadow(sc->s, sc->to, sc->stage, v);
	}
}

/* A rule of a check is in shadow mode; the check itself is not. */
static void
would(void *arg, const struct verdict *v)
{
	const struct screening *sc = arg;
	const struct session_watch *watch = sc->s->watch;
	struct verdict named = *v;

	named.check = "rule";
	if (watch != NULL)
		watch->found(watch->arg, &(struct session_finding){ sc->stage, NULL, MODE_SHADOW, &named, 0,
		    sc->skip, NULL });
	else
		session_log_shadow(sc->s, sc->to, sc->stage, &named);
}

static void
exempt(void *arg, const char *rule, uint32_t skip)
{
	const struct screening *sc = arg;
	const struct session_watch *watch = sc->s->watch;

	if (watch != NULL)
		watch->exempt(watch->arg, rule, skip);
}

/* --- runs --------------------------------------------------------------------------- */

static void
screening_init(struct screening *sc, struct session *s, struct ruleset *rules, enum check_stage stage,
    const char *address)
{
	struct setup *setup = s->txn.setup;

	memset(sc, 0, sizeof(*sc));
	sc->s = s;
	sc->stage = stage;
	sc->to = address;
	sc->policy = ruleset_policy(rules, address);
	sc->host = (struct check_host){ .service = s->service, .rules = rules, .policy = sc->policy,
	    .hostname = setup != NULL ? setup->conf->hostname : "", .skip = &sc->skip, .would = would,
	    .exempt = exempt, .arg = sc };
	session_view(s, &sc->view);
}

static void
run(struct screening *sc, struct verdict *out, struct verdict *hypothetical)
{
	size_t n;
	struct engine_run r = { .table = service_checks(sc->s->service, &n), .slot = sc->s->slot,
	    .stage = sc->stage, .view = &sc->view, .policy = sc->policy, .mode = mode_of,
	    .shadow = all_shadow(sc), .all = sc->s->watch != NULL, .told = told, .arg = sc };
	const struct session_watch *watch = sc->s->watch;

	r.n = n;
	engine_run(&r, out, hypothetical);
	if (watch != NULL)
		watch->decided(watch->arg, sc->stage, out, hypothetical);
}

static bool
is_unknown(const struct verdict *v)
{
	return v->action == VERDICT_REJECT && v->check != NULL &&
	    strcmp(v->check, check_recipient.name) == 0;
}

/*
 * What its content made of it, be that a scanner's word, a header of an earlier milter's or a threshold; not its
 * size, and not a fault.
 */
static bool
is_spam(const struct verdict *v)
{
	if (v->check == NULL || strcmp(v->check, check_limits.name) == 0 || strcmp(v->check, check_size.name) == 0)
		return false;
	return v->action == VERDICT_TAG || v->action == VERDICT_QUARANTINE || v->action == VERDICT_REJECT;
}

/* Recipients that do not exist and spam are what the limits count, whoever has refused them. */
static void
tell_limits(struct screening *sc, enum rules_limit_what what)
{
	const struct session *s = sc->s;
	char rule[CHECK_RULE_SIZE];
	struct log_q q;

	if (mode_of(sc, &check_limits) == MODE_OFF || !check_limits_signal(&sc->view, what, rule))
		return;
	log_warn("trace=%s client=[%s] action=lockout seconds=%u rule=%s", s->txn.trace, s->addr,
	    sc->policy->lockout_time, log_quote(&q, rule));
}

void
session_screen_rcpt(struct session *s, struct ruleset *rules, const struct rules_domain *d,
    const char *address, uint64_t size_limit, struct verdict *out, uint32_t *skip)
{
	struct screening sc;
	struct verdict hypothetical;

	screening_init(&sc, s, rules, STAGE_RCPT, address);
	sc.host.domain = d;
	sc.view.rcpt = address;
	sc.view.size_limit = size_limit;
	run(&sc, out, &hypothetical);
	*skip = sc.skip;
	if (is_unknown(all_shadow(&sc) ? &hypothetical : out))
		tell_limits(&sc, LIMIT_UNKNOWN);
}

void
session_screen_refused(struct session *s, struct ruleset *rules, const struct rules_domain *d,
    const char *address)
{
	struct screening sc;

	screening_init(&sc, s, rules, STAGE_RCPT, address);
	sc.host.domain = d;
	sc.view.rcpt = address;
	(void)mode_of(&sc, &check_lists);
	sc.skip = check_lists_skip(&sc.view);
	tell_limits(&sc, LIMIT_UNKNOWN);
}

void
session_screen_eom(struct session *s, struct ruleset *rules, struct verdict *out)
{
	struct txn *t = &s->txn;
	struct screening sc;
	struct verdict hypothetical;

	screening_init(&sc, s, rules, STAGE_EOM, t->address[0]);
	sc.to = t->env.nrcpt == 1 ? t->address[0] : "*";
	sc.skip = t->skip;
	sc.view.score = t->score;
	sc.host.deadline = clock_mono_ms() + EOM_BUDGET;
	if (t->message != NULL) {
		sc.message = message_view(t->message);
		sc.headers = *sc.message;
		sc.headers.read = NULL;
	}
	run(&sc, out, &hypothetical);
	if (is_spam(all_shadow(&sc) ? &hypothetical : out))
		tell_limits(&sc, LIMIT_SPAM);
}

void
session_screen_connect(struct session *s)
{
	struct ruleset *rules = rules_current(service_rules(s->service));
	struct screening sc;
	const struct check *const *table;
	size_t n;

	screening_init(&sc, s, rules, STAGE_RCPT, "");
	table = service_checks(s->service, &n);
	for (size_t i = 0; i < n; i++) {
		if (table[i]->at_connect == NULL || mode_of(&sc, table[i]) == MODE_OFF)
			continue;
		int64_t begun = clock_mono_ms();

		sc.view.conn = &s->slot[i].conn;
		sc.view.txn = &s->slot[i].txn;
		table[i]->at_connect(&sc.view);
		note_slow(s, table[i], "connect", clock_mono_ms() - begun);
	}
	ruleset_unref(&rules);
}

/* Can what was found at RCPT alone become a mark or the quarantine at the end? */
static bool
score_reaches(const struct rules_policy *p, int score)
{
	return score > 0 && (score >= p->threshold_tag || score >= p->threshold_quarantine ||
	    score >= p->threshold_spam_defer || score >= p->threshold_spam_reject);
}

bool
session_looks_inside(const struct session *s, const struct ruleset *rules)
{
	const struct txn *t = &s->txn;
	const struct check *const *table;
	size_t n;

	if (ruleset_looks_inside(rules, t->address[0]) ||
	    score_reaches(ruleset_policy(rules, t->address[0]), t->score))
		return true;
	/* A check from outside may judge the content, too. */
	if (ruleset_policy(rules, t->address[0])->mode[CHECK_PLUGIN] == MODE_OFF)
		return false;
	table = service_checks(s->service, &n);
	for (size_t i = 0; i < n; i++)
		if (id_of(table[i]) == CHECK_PLUGIN && table[i]->at_eom != NULL)
			return true;
	return false;
}

/* --- the checks' own memory ------------------------------------------------------------ */

const struct spf_facts *
session_spf(const struct session *s)
{
	const struct check *const *table;
	size_t n;

	table = service_checks(s->service, &n);
	for (size_t i = 0; i < n; i++)
		if (table[i] == &check_spf)
			return check_spf_facts(s->slot[i].txn);
	return NULL;
}

void
session_screen_end_txn(struct session *s)
{
	const struct check *const *table;
	size_t n;

	table = service_checks(s->service, &n);
	for (size_t i = 0; i < n; i++) {
		if (s->slot[i].txn != NULL && table[i]->end_txn != NULL)
			table[i]->end_txn(s->slot[i].txn);
		s->slot[i].txn = NULL;
	}
}

void
session_screen_end_conn(struct session *s)
{
	const struct check *const *table;
	size_t n;

	session_screen_end_txn(s);
	table = service_checks(s->service, &n);
	for (size_t i = 0; i < n; i++) {
		if (s->slot[i].conn != NULL && table[i]->end_conn != NULL)
			table[i]->end_conn(s->slot[i].conn);
		s->slot[i].conn = NULL;
	}
}
