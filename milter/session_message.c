/*
 * session_message.c -- the content of a message, from DATA to the answer.
 *
 * From DATA on the bytes go to the handover as they come (handover.c bounds
 * what waits); the end of the message asks the checks and then finishes it.
 *
 * P1: DISCARD only when every recipient is durable in queued. P9: the
 * header is put together again byte for byte, under one Received line of ours.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/rules.h"
#include "common/rules_screen.h"
#include "milter/authres.h"
#include "milter/check_spf.h"
#include "milter/checks.h"
#include "milter/message.h"
#include "milter/service.h"
#include "milter/session_private.h"

/*
 * MTAs cut long headers when they show them to a milter (Postfix at 60,000 bytes or a line
 * before), and do not say so. What may have been cut is not ours to pass on (P9).
 */
#define HEADER_WHOLE_MAX	50000

/* RFC 5321 4.4, RFC 3848, RFC 6531: what goes after `with'. */
static const char *
protocol(const struct session *s)
{
	static const char *const esmtp[] = { "ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA" };
	static const char *const utf8[] = { "UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA" };
	unsigned i = (s->tls != NULL ? 2u : 0u) + (s->auth != NULL ? 1u : 0u);

	if (s->txn.env.smtputf8)
		return utf8[i];
	return s->esmtp || i != 0 ? esmtp[i] : "SMTP";
}

static void
fill_client(const struct session *s, struct client_info *c)
{
	client_info_clear(c);
	c->name = xstrdup(s->name);
	if (s->addr[0] != '\0')
		c->addr = xasprintf("%s%s", s->ipv6 ? "IPv6:" : "", s->addr);
	if (s->port != 0)
		c->port = xasprintf("%u", (unsigned)s->port);
	c->proto = xstrdup(s->esmtp || s->auth != NULL ? "ESMTP" : "SMTP");
	c->helo = xstrdup(s->helo);
	c->ident = xstrdup(s->txn.mta_id);
	c->source = xstrdup(s->addr[0] != '\0' ? "REMOTE" : "LOCAL");
}

/* --- content ------------------------------------------------------------- */

static bool
takes_over(const struct session *s)
{
	const struct txn *t = &s->txn;

	return s->watch == NULL && t->setup->conf->handover == HANDOVER_MILTER &&
	    t->setup->pool != NULL && t->mta_keeps == NULL && t->env.nrcpt > 0;
}

void
session_add_header(struct session *s, const char *name, char *value)
{
	struct txn *t = &s->txn;

	assert(t->nadded < TXN_ADDED_MAX);
	t->added[t->nadded++] = (struct txn_header){ xstrdup(name), value };
}

/* A transaction with queued, begun by our own lines: the Received line, and what we add to the header. */
static void
open_handover(struct session *s)
{
	struct txn *t = &s->txn;
	struct buf line = BUF_INIT;

	fill_client(s, &t->env.client);
	t->handover = handover_begin(t->setup->pool, &t->env, HANDOVER_BUDGET);
	received_format(&line, &t->env.client, t->setup->conf->hostname, protocol(s), s->tls,
	    t->mta_id != NULL ? t->mta_id : t->trace,
	    t->env.nrcpt + t->nforeign == 1 ? t->env.rcpt[0].address : NULL, clock_wall());
	for (size_t i = 0; i < t->nadded; i++)
		buf_printf(&line, "%s: %s\r\n", t->added[i].name, t->added[i].value);
	(void)handover_write(t->handover, line.data, line.len);
	buf_free(&line);
}

static void
keep_content(struct session *s, const struct ruleset *rules)
{
	const struct rules_policy *p = ruleset_policy(rules, "");

	s->txn.message = message_new(p->header_count, (size_t)p->header_size, p->spam_header);
}

/* Unless the size check is in force for all of them, a message over the limit may yet be accepted. */
static uint64_t
cut_at(const struct txn *t, const struct ruleset *rules)
{
	if (ruleset_settings(rules)->mode == MODE_SHADOW)
		return 0;
	for (size_t i = 0; i < t->env.nrcpt; i++)
		if (ruleset_policy(rules, t->address[i])->mode[CHECK_SIZE] != MODE_ENFORCE)
			return 0;
	return t->limit;
}

/* Do we write Authentication-Results? */
static bool
adds_results(const struct txn *t, const struct ruleset *rules)
{
	if (!ruleset_policy(rules, "")->spf_header)
		return false;
	for (size_t i = 0; i < t->env.nrcpt; i++)
		if (ruleset_policy(rules, t->address[i])->mode[CHECK_SPF] != MODE_OFF)
			return true;
	return false;
}

/* What SPF said goes with the message: bounces depend on it (P5), and whoever reads it may want to know. */
static void
record_spf(struct session *s, const struct ruleset *rules)
{
	const struct spf_facts *facts = session_spf(s);
	struct txn *t = &s->txn;

	if (facts == NULL)
		return;
	t->env.spf = xstrdup(spf_result_name(check_spf_result(facts)));
	if (adds_results(t, rules))
		session_add_header(s, AUTHRES_NAME,
		    check_spf_header(facts, t->setup->conf->hostname, session_text(t->env.sender)));
}

/* The first byte is about to come: where do they go? */
static void
start(struct session *s)
{
	struct txn *t = &s->txn;
	struct ruleset *rules;

	if (t->started)
		return;
	t->started = true;
	if (t->env.nrcpt == 0)
		return;
	rules = rules_current(service_rules(s->service));
	t->cut = cut_at(t, rules);
	record_spf(s, rules);
	if (s->watch != NULL || session_looks_inside(s, rules))
		keep_content(s, rules);
	else if (takes_over(s))
		open_handover(s);
	ruleset_unref(&rules);
}

void
session_data(struct session *s, struct session_answer *a)
{
	session_proceed(a, s->txn.env.nrcpt == 0 && !s->txn.turned_away ? SESSION_ACCEPT :
	    SESSION_CONTINUE);
	if (a->what == SESSION_ACCEPT)
		session_reset(s);
}

static void
put(struct session *s, const void *data, size_t len)
{
	struct txn *t = &s->txn;
	bool over;

	start(s);
	t->bytes += len;
	/* The size check refuses it at the end: neither queued nor the scanners need to see the rest. */
	over = t->cut != 0 && t->bytes > t->cut;
	if (t->message != NULL && !over)
		message_put(t->message, data, len);
	if (t->handover == NULL)
		return;
	if (over)
		handover_free(&t->handover);
	else
		(void)handover_write(t->handover, data, len);
}

/*
 * RFC 8601 5: results that claim to be ours and came with the message are a lie, and go, whether or not we write
 * such headers ourselves: whoever trusts our name does not know. Mail of which nothing is for us stays as it is.
 */
static bool
is_forged(struct session *s, const char *name, const char *value)
{
	struct txn *t = &s->txn;

	if (t->env.nrcpt == 0 || strcasecmp(name, AUTHRES_NAME) != 0)
		return false;
	t->nresults++;
	if (!authres_claims(value, t->setup->conf->hostname))
		return false;
	if (t->nforged < TXN_FORGED_MAX)
		t->forged[t->nforged] = t->nresults;
	t->nforged++;
	return true;
}

/* P9: what the MTA gives as name and value is the client's line again, folds and all. */
void
session_header(struct session *s, const char *name, const char *value)
{
	struct buf line = BUF_INIT;
	size_t n;

	start(s);
	if (is_forged(s, name, value))
		return;
	if (s->txn.message != NULL)
		message_header(s->txn.message, name, value);
	if (strlen(name) + strlen(value) > HEADER_WHOLE_MAX) {
		s->txn.mta_keeps = "a header too long to be seen whole";
		handover_free(&s->txn.handover);
	}
	buf_puts(&line, name);
	buf_putc(&line, ':');
	if (!s->leading_space)
		buf_putc(&line, ' ');	/* the MTA cut exactly one blank, if there was one */
	for (; *value != '\0'; value += n) {
		/* Folds come as LF from Postfix and as CRLF or LF from others. */
		n = strcspn(value, "\n");
		buf_put(&line, value, n);
		if (value[n] == '\n') {
			if (line.data[line.len - 1] != '\r')
				buf_putc(&line, '\r');
			buf_putc(&line, '\n');
			n++;
		}
	}
	buf_puts(&line, "\r\n");
	put(s, line.data, line.len);
	buf_free(&line);
}

void
session_end_of_headers(struct session *s)
{
	if (!s->txn.in_body)
		put(s, "\r\n", 2);
	s->txn.in_body = true;
}

void
session_body(struct session *s, const void *data, size_t len)
{
	session_end_of_headers(s);
	put(s, data, len);
}

/* --- the end ------------------------------------------------------------- */

static void
take_over(struct session *s, struct session_answer *a)
{
	struct txn *t = &s->txn;
	const struct handover_result *r = handover_finish(t->handover);
	enum handover_end end;
	size_t i;

	end = handover_decide(r, t->env.nrcpt, t->nforeign, t->setup->conf->on_queued_down);
	session_log_end(s, r, end);
	switch (end) {
	case HANDOVER_END_DISCARD:
		session_proceed(a, SESSION_DISCARD);
		break;
	case HANDOVER_END_PART:
		t->forget = xcalloc(t->env.nrcpt, sizeof(*t->forget));
		for (i = 0; i < t->env.nrcpt; i++)
			t->forget[i] = r[i].state == HANDOVER_TAKEN;
		session_proceed(a, SESSION_ACCEPT);
		break;
	case HANDOVER_END_PASS:
		session_proceed(a, SESSION_ACCEPT);
		break;
	case HANDOVER_END_TEMPFAIL:
	case HANDOVER_END_REJECT:
		session_say_end(s, r, end, a);
		break;
	}
}

static void
refuse(struct session *s, const struct verdict *v, struct session_answer *a)
{
	session_say(s, v, a);
	session_log_verdict(s, s->txn.env.nrcpt == 1 ? s->txn.address[0] : "*", STAGE_EOM, v);
}

static bool
refuses(const struct verdict *v)
{
	return v->action == VERDICT_DEFER || v->action == VERDICT_REJECT;
}

/* Our own fault (P3). Whose verdict it was is of no account any more. */
static void
no_storage(const char *why, struct verdict *v)
{
	memset(v, 0, sizeof(*v));
	check_defer(v, 452, "4.3.1", "Insufficient system storage", why);
	v->check = "storage";
}

static void
new_rules(struct verdict *v)
{
	memset(v, 0, sizeof(*v));
	check_defer(v, 451, "4.3.0", "Rules have changed, try again later", "new rules");
	v->check = "rules";
}

/*
 * Rules may change while the message comes. What they say now may need what was not done then: the bytes are with
 * queued already, and are not to be marked; or what was over the limit was not kept.
 */
static bool
is_as_decided(const struct txn *t, const struct verdict *v)
{
	if (t->message == NULL)
		return v->action != VERDICT_TAG && v->action != VERDICT_QUARANTINE;
	return message_bytes(t->message) == t->bytes;
}

/* In printable ASCII: it goes into a line of LMTP, and to the MTA. Points say which rules they came from. */
static void
set_fate_reason(struct txn *t, const struct verdict *v)
{
	struct buf reason = BUF_INIT;

	buf_puts(&reason, v->reason);
	if (v->check != NULL && strcmp(v->check, "threshold") == 0 && t->hits.len > 0)
		buf_printf(&reason, ": %s", buf_str(&t->hits));
	(void)snprintf(t->fate_reason, sizeof(t->fate_reason), "%.*s",
	    (int)sizeof(t->fate_reason) - 1, buf_str(&reason));
	buf_free(&reason);
	for (char *p = t->fate_reason; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
}

/* The verdict of the checks on the whole message. True: it is accepted, and txn.fate says as what. */
static bool
passes(struct session *s, struct session_answer *a)
{
	struct ruleset *rules = rules_current(service_rules(s->service));
	struct txn *t = &s->txn;
	struct verdict v;

	session_screen_eom(s, rules, &v);
	ruleset_unref(&rules);
	if (v.action != VERDICT_REJECT && t->message != NULL && message_fault(t->message) != NULL)
		no_storage(message_fault(t->message), &v);
	else if (!refuses(&v) && !is_as_decided(t, &v))
		new_rules(&v);
	if (t->nforged > TXN_FORGED_MAX) {
		check_reject(&v, 554, "5.6.0", "Too many results of authentication that bear our name",
		    "forged results");
		v.check = "results";	/* SPF may be off */
	}
	if (refuses(&v)) {
		refuse(s, &v, a);
		return false;
	}
	t->score = v.score;
	t->fate = v.action;
	set_fate_reason(t, &v);
	return true;
}

static void
mark(struct session *s)
{
	struct txn *t = &s->txn;
	char score[RULES_SCORE_SIZE];

	if (t->fate != VERDICT_TAG)
		return;
	session_add_header(s, "X-Spam-Flag", xstrdup("YES"));
	session_add_header(s, "X-Spam-Score", xstrdup(rules_score_text(t->score, score)));
}

/* What was kept to be looked at goes to queued now. False: it cannot be read. */
static bool
hand_over_content(struct session *s)
{
	struct txn *t = &s->txn;
	char piece[HANDOVER_CHUNK];
	uint64_t offset = 0;
	ssize_t n;

	if (t->fate == VERDICT_QUARANTINE) {
		t->env.start = START_QUARANTINED;
		t->env.start_reason = xstrdup(t->fate_reason);
	}
	open_handover(s);
	while ((n = message_read(t->message, piece, sizeof(piece), offset)) > 0) {
		(void)handover_write(t->handover, piece, (size_t)n);
		offset += (uint64_t)n;
	}
	/* Never half a message: then queued forgets it. */
	if (n == -1 || offset != message_bytes(t->message))
		handover_free(&t->handover);
	return t->handover != NULL;
}

static void
accept_message(struct session *s, struct session_answer *a)
{
	struct txn *t = &s->txn;
	struct verdict v;

	mark(s);
	if (t->message != NULL && takes_over(s) && !hand_over_content(s)) {
		no_storage("temporary file lost", &v);
		refuse(s, &v, a);
	} else if (t->handover != NULL) {
		take_over(s, a);
	} else if (t->mta_keeps != NULL && s->watch == NULL) {
		session_log_kept(s);
	}
}

void
session_end(struct session *s, struct session_answer *a)
{
	struct txn *t = &s->txn;

	session_proceed(a, SESSION_ACCEPT);
	if (t->setup == NULL || t->env.nrcpt == 0)
		return;
	session_end_of_headers(s);	/* there may be no body */
	if (passes(s, a))
		accept_message(s, a);
	handover_free(&t->handover);
	message_free(&t->message);
}

/* --- what the MTA does to a message that it keeps ----------------------------------- */

const char *
session_added(const struct session *s, size_t i, const char **value)
{
	const struct txn *t = &s->txn;

	if (i >= t->nadded)
		return NULL;
	*value = t->added[i].value;
	return t->added[i].name;
}

unsigned
session_forged(const struct session *s, size_t i)
{
	const struct txn *t = &s->txn;

	return i < t->nforged && i < TXN_FORGED_MAX ? t->forged[t->nforged - 1 - i] : 0;
}

const char *
session_quarantine(const struct session *s)
{
	return s->txn.fate == VERDICT_QUARANTINE ? s->txn.fate_reason : NULL;
}

const char *
session_forget(const struct session *s, size_t i)
{
	const struct txn *t = &s->txn;
	size_t k;

	if (t->forget == NULL)
		return NULL;
	for (k = 0; k < t->env.nrcpt; k++)
		if (t->forget[k] && i-- == 0)
			return t->given[k];
	return NULL;
}

