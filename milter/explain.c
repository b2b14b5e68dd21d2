/*
 * explain.c -- what would the milter do with this message, and why?
 *
 * The same session that serves an MTA answers, so the answer is the milter's by construction; it
 * is only told that it is watched (session.h). What it says comes as findings in the order of the
 * checks. Between two of them the table knows which checks said nothing: they are off, or an
 * exception leaves them out.
 *
 * Checks after the one that decided are asked as well, and marked `late': in a real session nobody
 * gets that far, but whoever mends the first finding wants to know what the next will be.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/explain.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/rules_screen.h"
#include "common/utf8.h"
#include "milter/host.h"
#include "milter/plugin.h"
#include "milter/service.h"
#include "milter/session.h"
#include "milter/state.h"

/* --- rows ----------------------------------------------------------------------------- */

static struct explain_row *
add_row(struct explain_row **rows, size_t *n)
{
	struct explain_row *r;

	*rows = xrealloc(*rows, *n + 1, sizeof(**rows));
	r = &(*rows)[(*n)++];
	memset(r, 0, sizeof(*r));
	return r;
}

static bool
asks(const struct check *c, enum check_stage stage)
{
	return (stage == STAGE_RCPT ? c->at_rcpt : c->at_eom) != NULL;
}

static enum rules_check
id_of(const struct check *c)
{
	enum rules_check id;

	return rules_check_parse(c->name, &id) == 0 ? id : CHECK_PLUGIN;
}

/* Rows for the checks before table[until] that said nothing. */
static void
fill(struct explain *e, enum check_stage stage, size_t until)
{
	size_t n;
	const struct check *const *table = service_checks(e->service, &n);

	for (; e->next < until && e->next < n; e->next++) {
		const struct check *c = table[e->next];
		enum rules_check id = id_of(c);
		struct explain_row *r;

		if (!asks(c, stage))
			continue;
		r = add_row(&e->row, &e->nrows);
		r->of = c;
		r->check = c->name;
		r->stage = stage;
		r->mode = e->policy->mode[id];
		r->state = r->mode == MODE_OFF ? EXPLAIN_OFF : EXPLAIN_EXEMPT;
		memcpy(r->exception, e->exception[id], sizeof(r->exception));
	}
}

static size_t
place_of(const struct explain *e, const struct check *check)
{
	size_t n, i = 0;
	const struct check *const *table = service_checks(e->service, &n);

	while (i < n && table[i] != check)
		i++;
	assert(i < n);
	return i;
}

static void
flush_pending(struct explain *e)
{
	for (size_t i = 0; i < e->npending; i++)
		*add_row(&e->row, &e->nrows) = e->pending[i];
	free(e->pending);
	e->pending = NULL;
	e->npending = 0;
}

static bool
is_over(const struct explain *e)
{
	return e->out.action == VERDICT_REJECT || e->out.final;
}

/* Who does not say by which rule it is, is named himself. */
static void
note_exceptions(struct explain *e, uint32_t skip, const char *rule)
{
	for (size_t id = 0; id < RULES_NCHECKS; id++)
		if (skip >> id & 1 && e->exception[id][0] == '\0')
			(void)snprintf(e->exception[id], CHECK_RULE_SIZE, "%s", rule);
}

/* --- what the session tells ----------------------------------------------------------- */

static void
whose(void *arg, const struct rules_domain *d)
{
	struct explain *e = arg;

	/* The rule for domains that their MX makes ours has no name. */
	if (d != NULL)
		e->domain = d->name[0] != '\0' ? d->name : "by its MX";
	else
		e->end = EXPLAIN_NOT_OURS;
}

static void
exempt(void *arg, const char *rule, uint32_t skip)
{
	note_exceptions(arg, skip, rule);
}

static void
found(void *arg, const struct session_finding *f)
{
	struct explain *e = arg;
	const struct verdict *v = f->verdict;
	struct explain_row *r;

	if (f->check != NULL)
		fill(e, f->stage, place_of(e, f->check));
	else if (f->mode == MODE_SHADOW && strcmp(v->check, "rule") == 0) {
		r = add_row(&e->pending, &e->npending);
		*r = (struct explain_row){ .state = EXPLAIN_RULE, .stage = f->stage, .check = "rule",
		    .mode = f->mode, .late = is_over(e), .verdict = *v };
		return;
	} else
		fill(e, f->stage, SIZE_MAX);
	if (f->spf != NULL)
		e->spf = *f->spf;	/* its owner goes with the session */
	r = add_row(&e->row, &e->nrows);
	*r = (struct explain_row){ .state = f->check != NULL ? EXPLAIN_ASKED : EXPLAIN_THRESHOLD,
	    .stage = f->stage, .check = v->check, .of = f->check, .mode = f->mode, .late = is_over(e),
	    .verdict = *v, .us = f->us, .spf = f->spf != NULL ? &e->spf : NULL };
	if (f->check == NULL)
		return;
	e->next = place_of(e, f->check) + 1;
	flush_pending(e);
	note_exceptions(e, f->skip & ~e->skip, v->rule[0] != '\0' ? v->rule : v->check);
	e->skip = f->skip;
	if (f->mode == MODE_ENFORCE)
		engine_merge(&e->out, v);
}

static void
decided(void *arg, enum check_stage stage, const struct verdict *out, const struct verdict *would)
{
	struct explain *e = arg;

	fill(e, stage, SIZE_MAX);
	e->next = 0;
	e->score = out->score;
	if (would->action > e->would.action)
		e->would = *would;
	e->fate = out->action;
	/* Nobody sends a message to a recipient that was refused; else a new sum begins. */
	if (out->action == VERDICT_DEFER || out->action == VERDICT_REJECT)
		e->out.final = true;
	else
		memset(&e->out, 0, sizeof(e->out));
}

static void
refused(void *arg, enum check_stage stage, const struct verdict *v)
{
	struct explain *e = arg;

	if (e->by[0] != '\0')
		return;		/* the recipient was: the client would not send the message */
	e->stage = stage;
	(void)snprintf(e->by, sizeof(e->by), "%s", v->check != NULL ? v->check : "");
	(void)snprintf(e->reason, sizeof(e->reason), "%s", v->reason);
}

/* --- the session ------------------------------------------------------------------------- */

static char *
in_brackets(const char *address)
{
	size_t len = strlen(address);

	if (len >= 2 && address[0] == '<' && address[len - 1] == '>')
		return xstrdup(address);
	return xasprintf("<%s>", address);
}

/* The answer that counts: the first that refuses. */
static void
conclude(struct explain *e, const struct session_answer *a)
{
	if (e->end != EXPLAIN_ACCEPTED)
		return;
	if (a->what == SESSION_REJECT || a->what == SESSION_TEMPFAIL) {
		e->end = a->what == SESSION_REJECT ? EXPLAIN_REFUSED : EXPLAIN_PUT_OFF;
		e->code = a->code;
		(void)snprintf(e->dsn, sizeof(e->dsn), "%s", a->dsn);
		(void)snprintf(e->text, sizeof(e->text), "%s", a->text);
	}
}

static int
play_message(struct session *s, FILE *message, struct explain *e, char **why)
{
	struct session_answer a;

	session_data(s, &a);
	if (a.what == SESSION_ACCEPT)
		return 0;	/* nothing of it is for us */
	if (explain_message(s, message, why) == -1)
		return -1;
	e->content = true;
	session_end(s, &a);
	conclude(e, &a);
	return 0;
}

static int
play(struct session *s, const struct explain_question *q, const struct sockaddr_storage *ss,
    struct explain *e, char **why)
{
	char *sender = in_brackets(q->sender), *rcpt = in_brackets(q->recipient);
	char utf8[] = "SMTPUTF8";
	char *mail[] = { sender, utf8_is_ascii(sender) && utf8_is_ascii(rcpt) ? NULL : utf8, NULL };
	char *to[] = { rcpt, NULL };
	struct session_answer a;
	int rc = 0;

	session_connect(s, e->name[0] != '\0' ? e->name : NULL, (const struct sockaddr *)ss);
	if (q->helo[0] != '\0')
		session_helo(s, q->helo, NULL, NULL);
	session_mail(s, mail, NULL);
	session_rcpt(s, to, &a);
	conclude(e, &a);
	if (q->message != NULL && e->domain[0] != '\0')
		rc = play_message(s, q->message, e, why);
	free(sender);
	free(rcpt);
	return rc;
}

/* --- the whole --------------------------------------------------------------------------- */

struct service *
explain_service(struct conf *conf, struct rules *rules, struct plugin_set *plugins, struct spf *spf,
    char **why)
{
	struct service *s = service_new(conf, rules, why);

	if (s == NULL)
		return NULL;
	service_use_spf(s, spf);
	service_plugins(s, plugins);
	state_peek(conf->state_db, s);
	return s;
}

static void
find_policy(struct explain *e, const char *recipient)
{
	char *given = in_brackets(recipient), *address = xstrndup(given + 1, strlen(given) - 2);

	e->policy = ruleset_policy(e->rules, address);
	e->scope = ruleset_scope(e->rules, address);
	e->class = ruleset_class(e->rules, address);
	free(given);
	free(address);
}

static void
say_accepted(struct explain *e)
{
	if (e->end != EXPLAIN_ACCEPTED) {
		e->fate = VERDICT_PASS;
		return;
	}
	/* The MTA says it; these are Postfix's words. */
	e->code = 250;
	(void)snprintf(e->dsn, sizeof(e->dsn), e->content ? "2.0.0" : "2.1.5");
	(void)snprintf(e->text, sizeof(e->text), "Ok");
	if (!e->content)
		e->fate = VERDICT_PASS;
}

int
explain_run(struct service *service, const struct explain_question *q, struct explain *e, char **why)
{
	const struct session_watch watch = { whose, found, exempt, decided, refused, e };
	struct sockaddr_storage ss;
	struct session *s;
	int rc;

	memset(e, 0, sizeof(*e));
	*why = NULL;
	if (explain_address(q->client, &ss) == -1) {
		*why = xasprintf("`%s' is not an address", q->client);
		return -1;
	}
	e->service = service;
	e->end = EXPLAIN_ACCEPTED;
	e->domain = "";
	e->rules = rules_current(service_rules(service));
	find_policy(e, q->recipient);
	if (q->name == NULL)
		explain_client_name(service_dns(service), &ss, e->name, e->name_how, sizeof(e->name_how));
	else
		(void)snprintf(e->name, sizeof(e->name), "%s", q->name);
	if (q->name != NULL)
		(void)snprintf(e->name_how, sizeof(e->name_how), "%s", "as given");
	s = session_new(service);
	session_watch(s, &watch);
	rc = play(s, q, &ss, e, why);
	session_free(&s);
	say_accepted(e);
	return rc;
}

void
explain_clear(struct explain *e)
{
	ruleset_unref(&e->rules);
	free(e->row);
	free(e->pending);
	e->row = NULL;
	e->pending = NULL;
	e->nrows = e->npending = 0;
}
