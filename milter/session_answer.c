/*
 * session_answer.c -- what a session says: to the client, and in the log.
 *
 * One line a decision. Both carry the trace id, so that what a stranger quotes
 * from his bounce is found in our log at once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "milter/session_private.h"

void
session_answer(struct session_answer *a, enum session_what what, int code, const char *dsn,
    const char *text)
{
	a->what = what;
	a->code = code;
	(void)snprintf(a->dsn, sizeof(a->dsn), "%s", dsn);
	(void)snprintf(a->text, sizeof(a->text), "%s", text);
}

void
session_proceed(struct session_answer *a, enum session_what what)
{
	memset(a, 0, sizeof(*a));
	a->what = what;
}

/* A verdict against the client; the trace id lets its operator and ours speak of the same event. */
void
session_say(const struct session *s, const struct verdict *v, struct session_answer *a)
{
	char text[SESSION_TEXT_MAX + 1];

	(void)snprintf(text, sizeof(text), "%s [trace=%s]", v->text, s->txn.trace);
	session_answer(a, v->action == VERDICT_REJECT ? SESSION_REJECT : SESSION_TEMPFAIL, v->code, v->dsn,
	    text);
}

/* Of a threshold: what gave the points. */
static const char *
rules_of(const struct session *s, const struct verdict *v)
{
	return strcmp(v->check, "threshold") == 0 ? buf_str(&s->txn.hits) : v->rule;
}

static void
log_verdict(const struct session *s, const char *to, enum check_stage stage, const char *how,
    const struct verdict *v)
{
	struct log_q name, from, rcpt, rule, reason;
	char score[RULES_SCORE_SIZE];

	log_info("trace=%s client=[%s] helo=%s from=%s to=%s stage=%s check=%s action=%s%s code=%d "
		 "reason=%s rule=%s score=%s ms=%" PRId64,
	    s->txn.trace, s->addr, log_quote(&name, session_text(s->helo)),
	    log_quote(&from, session_text(s->txn.env.sender)), log_quote(&rcpt, to),
	    engine_stage_name(stage), v->check, how, engine_action_name(v->action), v->code,
	    log_quote(&reason, v->reason), log_quote(&rule, rules_of(s, v)), rules_score_text(v->score, score),
	    clock_mono_ms() - s->txn.begun);
}

void
session_log_verdict(const struct session *s, const char *to, enum check_stage stage,
    const struct verdict *v)
{
	if (s->watch != NULL)
		s->watch->refused(s->watch->arg, stage, v);
	else
		log_verdict(s, to, stage, "", v);
}

void
session_log_shadow(const struct session *s, const char *to, enum check_stage stage,
    const struct verdict *v)
{
	log_verdict(s, to, stage, "shadow-", v);
}

/* --- the end of a message ---------------------------------------------------- */

/* "... queued as ID": queued's id for the log. */
static void
queue_id(const struct handover_result *r, char *id, size_t size)
{
	static const char phrase[] = "queued as ";
	const char *p = strstr(r->text, phrase);

	(void)snprintf(id, size, "%s", p != NULL ? p + sizeof(phrase) - 1 : "-");
	id[strcspn(id, " \t\n")] = '\0';
}

static const char *
end_name(enum handover_end end)
{
	switch (end) {
	case HANDOVER_END_DISCARD:
		return "taken";
	case HANDOVER_END_PART:
		return "part";
	case HANDOVER_END_PASS:
		return "passed";
	case HANDOVER_END_TEMPFAIL:
		return "defer";
	case HANDOVER_END_REJECT:
		return "reject";
	}
	return "?";
}

/* The result that explains the end: the first one that is not TAKEN, else the first. */
static const struct handover_result *
telling(const struct txn *t, const struct handover_result *r)
{
	size_t i;

	for (i = 0; i < t->env.nrcpt; i++)
		if (r[i].state != HANDOVER_TAKEN)
			return &r[i];
	return r;
}

/* What every line about the end of a message begins with. */
static void
put_end(const struct session *s, const char *queue_id, const char *action, struct buf *line)
{
	const struct txn *t = &s->txn;
	char score[RULES_SCORE_SIZE];
	struct log_q from, hits;

	buf_printf(line, "trace=%s mta_id=%s queue_id=%s from=%s nrcpt=%zu size=%" PRIu64
			 " action=%s", t->trace, t->mta_id != NULL ? t->mta_id : "-", queue_id,
	    log_quote(&from, session_text(t->env.sender)), t->env.nrcpt, t->bytes, action);
	if (t->fate != VERDICT_PASS)
		buf_printf(line, " fate=%s", engine_action_name(t->fate));
	if (t->hits.len > 0)
		buf_printf(line, " score=%s hits=%s", rules_score_text(t->score, score),
		    log_quote(&hits, buf_str(&t->hits)));
	buf_printf(line, " ms=%" PRId64, clock_mono_ms() - t->begun);
}

void
session_log_end(const struct session *s, const struct handover_result *r, enum handover_end end)
{
	const struct txn *t = &s->txn;
	const struct handover_result *why = telling(t, r);
	struct buf line = BUF_INIT;
	size_t i, taken = 0, unsure = 0;
	struct log_q reason;
	char id[64] = "-";

	for (i = 0; i < t->env.nrcpt; i++) {
		if (r[i].state == HANDOVER_TAKEN && taken++ == 0)
			queue_id(&r[i], id, sizeof(id));
		unsure += r[i].state == HANDOVER_UNSURE;
	}
	put_end(s, id, end_name(end), &line);
	if (end != HANDOVER_END_DISCARD)
		buf_printf(&line, " taken=%zu foreign=%zu", taken, t->nforeign);
	if (why->state == HANDOVER_TAKEN) {
		log_info("%s", buf_str(&line));
	} else {
		buf_printf(&line, " code=%d reason=%s", why->code, log_quote(&reason, why->text));
		log_warn("%s", buf_str(&line));
	}
	if (unsure > 0)
		log_warn("trace=%s duplicate=possible reason=\"no answer after the last byte: queued "
			 "may have it as well\"", t->trace);
	buf_free(&line);
}

void
session_log_kept(const struct session *s)
{
	struct buf line = BUF_INIT;

	put_end(s, "-", "passed", &line);
	log_info("%s reason=\"%s\"", buf_str(&line), s->txn.mta_keeps);
	buf_free(&line);
}

/* queued's own words for a refusal, ours for its absence. */
void
session_say_end(const struct session *s, const struct handover_result *r, enum handover_end end,
    struct session_answer *a)
{
	const struct handover_result *why = telling(&s->txn, r);
	struct verdict v;
	char text[CHECK_TEXT_SIZE];

	memset(&v, 0, sizeof(v));
	if (end == HANDOVER_END_REJECT) {
		(void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(why->text, "\n"), why->text);
		check_reject(&v, why->code, why->dsn[0] == '5' ? why->dsn : "5.0.0",
		    text[0] != '\0' ? text : "Refused", "");
		if (!engine_valid(&v))
			check_reject(&v, 554, "5.0.0", "Refused", "");
	} else if (why->code == 452) {
		check_defer(&v, 452, "4.3.1", "Insufficient system storage", "");
	} else {
		check_defer(&v, 451, "4.3.0", "Mail system temporarily unavailable", "");
	}
	session_say(s, &v, a);
}

void
session_forget_failed(const struct session *s, size_t i)
{
	const char *given = session_forget(s, i);
	struct log_q q;

	log_warn("trace=%s to=%s duplicate=possible reason=\"the MTA would not forget a recipient "
		 "that queued has\"", s->txn.trace, log_quote(&q, session_text(given)));
}
