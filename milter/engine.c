/*
 * engine.c -- runs the checks of a stage and merges their verdicts.
 *
 * Checks run in order of cost and stop at the first reject: nothing that a
 * dearer one could say would change it. A deferral does not stop them, since a
 * later check may know that the client need not come back at all; unless it is final.
 *
 * Two sums are kept: what holds, and what would hold if the checks in shadow mode were
 * enforced. Points of the first alone are shown to the checks that follow, so that nothing in shadow
 * mode changes what happens. When all have run, thresholds turn the points into an action.
 *
 * Invariants: merging is a pure function of two verdicts; a check that fails, or
 * whose verdict could not be said to a client, counts as its on_fault and never
 * as a reject (P3).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/engine.h"

#include <assert.h>
#include <string.h>
#include <time.h>

static bool
text_is_clean(const char *text)
{
	const unsigned char *p;

	/* Bytes >= 0x80: an SMTPUTF8 address may be quoted in a reply (RFC 6531 3.7.4). */
	for (p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			return false;
	return text[0] != '\0';
}

static bool
terminated(const struct verdict *v)
{
	return memchr(v->dsn, '\0', sizeof(v->dsn)) != NULL &&
	    memchr(v->text, '\0', sizeof(v->text)) != NULL &&
	    memchr(v->reason, '\0', sizeof(v->reason)) != NULL &&
	    memchr(v->rule, '\0', sizeof(v->rule)) != NULL;
}

bool
engine_valid(const struct verdict *v)
{
	int class;

	if (!terminated(v))
		return false;
	switch (v->action) {
	case VERDICT_PASS:
	case VERDICT_GREYLIST:
	case VERDICT_TAG:
	case VERDICT_QUARANTINE:
		return true;
	case VERDICT_DEFER:
		class = 4;
		break;
	case VERDICT_REJECT:
		class = 5;
		break;
	default:		/* an out-of-tree check may return any number */
		return false;
	}
	return v->code / 100 == class && v->dsn[0] == '0' + class && v->dsn[1] == '.' &&
	    text_is_clean(v->text);
}

void
engine_merge(struct verdict *into, const struct verdict *with)
{
	int score = into->score + with->score;

	if (with->action > into->action)
		*into = *with;
	into->score = score;
}

void
engine_fault(const struct check *check, struct verdict *out)
{
	memset(out, 0, sizeof(*out));
	if (check->on_fault != VERDICT_PASS)
		check_defer(out, 451, "4.3.0", "Temporary lookup failure", "check failed");
	out->check = check->name;
}

bool
engine_is_hit(const struct verdict *v)
{
	return v->action != VERDICT_PASS || v->score != 0;
}

/* --- thresholds ------------------------------------------------------------ */

void
engine_threshold(const struct rules_policy *p, enum check_stage stage, int score, struct verdict *out)
{
	char points[RULES_SCORE_SIZE];

	memset(out, 0, sizeof(*out));
	out->check = "threshold";
	if (stage == STAGE_RCPT) {
		if (score >= p->threshold_reject)
			check_reject(out, 550, "5.7.1", "Refused by local policy", "");
		else if (score >= p->threshold_defer)
			check_defer(out, 450, "4.7.1", "Put off by local policy, try again later", "");
	} else if (score >= p->threshold_spam_reject) {
		check_reject(out, 550, "5.7.1", "Message looks like spam", "");
	} else if (score >= p->threshold_spam_defer) {
		check_defer(out, 451, "4.7.1", "Message looks like spam, try again later", "");
	} else if (score >= p->threshold_quarantine) {
		out->action = VERDICT_QUARANTINE;
	} else if (score >= p->threshold_tag) {
		out->action = VERDICT_TAG;
	}
	if (out->action != VERDICT_PASS)
		(void)snprintf(out->reason, sizeof(out->reason), "score %s",
		    rules_score_text(score, points));
}

/* --- a run -------------------------------------------------------------------- */

static check_hook *
hook(const struct check *check, enum check_stage stage)
{
	switch (stage) {
	case STAGE_RCPT:
		return check->at_rcpt;
	case STAGE_EOM:
		return check->at_eom;
	}
	return NULL;
}

static int64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* One check's verdict, valid in any case. */
static void
ask(const struct engine_run *r, size_t i, check_hook *fn, struct verdict *v)
{
	static void *none[2];
	struct check_view *view = r->view;

	memset(v, 0, sizeof(*v));
	view->conn = r->slot != NULL ? &r->slot[i].conn : &none[0];
	view->txn = r->slot != NULL ? &r->slot[i].txn : &none[1];
	if (fn(view, v) == -1 || !engine_valid(v))
		engine_fault(r->table[i], v);
	v->check = r->table[i]->name;
}

/* Something that a client may be told but a stranger's verdict cannot mean at this stage. */
static void
fit(enum check_stage stage, struct verdict *v)
{
	if (stage == STAGE_RCPT && (v->action == VERDICT_TAG || v->action == VERDICT_QUARANTINE))
		v->action = VERDICT_PASS;
	if (stage == STAGE_EOM && v->action == VERDICT_GREYLIST)
		v->action = VERDICT_PASS;
}

static bool
over(const struct verdict *v)
{
	return v->action == VERDICT_REJECT || v->final;
}

static void
apply(const struct engine_run *r, struct verdict *out, struct verdict *would)
{
	struct verdict v;

	if (r->policy == NULL)
		return;
	engine_threshold(r->policy, r->stage, would->score, &v);
	engine_merge(would, &v);
	engine_threshold(r->policy, r->stage, out->score, &v);
	if (r->told != NULL && v.action != VERDICT_PASS)
		r->told(r->arg, NULL, r->shadow ? MODE_SHADOW : MODE_ENFORCE, &v, 0);
	if (!r->shadow)
		engine_merge(out, &v);
}

void
engine_run(const struct engine_run *r, struct verdict *out, struct verdict *would)
{
	int base = r->view->score;

	memset(out, 0, sizeof(*out));
	out->score = base;
	*would = *out;
	for (size_t i = 0; i < r->n && (r->all || !over(out)); i++) {
		const struct check *check = r->table[i];
		enum rules_mode mode = MODE_ENFORCE;
		check_hook *fn = hook(check, r->stage);
		struct verdict v;
		int64_t begun;

		if (fn == NULL || (r->mode != NULL && (mode = r->mode(r->arg, check)) == MODE_OFF))
			continue;
		if (r->shadow)
			mode = MODE_SHADOW;
		r->view->score = out->score;
		r->view->greylist = out->action == VERDICT_GREYLIST;
		begun = now_us();
		ask(r, i, fn, &v);
		fit(r->stage, &v);
		if (r->told != NULL)
			r->told(r->arg, check, mode, &v, now_us() - begun);
		if (over(out))
			continue;
		engine_merge(would, &v);
		if (mode == MODE_ENFORCE)
			engine_merge(out, &v);
	}
	if (!over(out))
		apply(r, out, would);
	/* Asked for, and the greylist had nothing to say. */
	if (out->action == VERDICT_GREYLIST)
		out->action = VERDICT_PASS;
	r->view->score = base;
}

/* --- names ----------------------------------------------------------------------- */

const char *
engine_action_name(enum verdict_action action)
{
	switch (action) {
	case VERDICT_PASS:
		return "pass";
	case VERDICT_GREYLIST:
		return "greylist";
	case VERDICT_TAG:
		return "tag";
	case VERDICT_QUARANTINE:
		return "quarantine";
	case VERDICT_DEFER:
		return "defer";
	case VERDICT_REJECT:
		return "reject";
	}
	return "?";
}

const char *
engine_stage_name(enum check_stage stage)
{
	switch (stage) {
	case STAGE_RCPT:
		return "rcpt";
	case STAGE_EOM:
		return "eom";
	}
	return "?";
}

const char *
engine_cost_name(enum check_cost cost)
{
	switch (cost) {
	case COST_MEMORY:
		return "memory";
	case COST_DB:
		return "db";
	case COST_DNS:
		return "dns";
	case COST_NETWORK:
		return "network";
	}
	return "?";
}
