/*
 * explain.c -- holdfast explain: what would the milter do with this message, and why?
 *
 * The answer is milter/explain.c's; here it is asked for and printed. Root becomes the milter's
 * user first: what that one may not read or reach, the milter would not either, and a check from
 * outside is not run as root. SPF is evaluated in a process of its own, as the milter does it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/conf.h"
#include "common/daemon.h"
#include "common/log.h"
#include "milter/checks.h"
#include "milter/explain.h"
#include "milter/plugin.h"
#include "milter/service.h"
#include "milter/spf.h"

static const char *
end_name(const struct explain *e)
{
	switch (e->end) {
	case EXPLAIN_NOT_OURS:
		return "not-screened";
	case EXPLAIN_ACCEPTED:
		return e->fate == VERDICT_PASS ? "accept" : engine_action_name(e->fate);
	case EXPLAIN_PUT_OFF:
		return "defer";
	case EXPLAIN_REFUSED:
		return "reject";
	}
	return "?";
}

static int
end_status(const struct explain *e)
{
	switch (e->end) {
	case EXPLAIN_NOT_OURS:
	case EXPLAIN_ACCEPTED:
		return EX_OK;
	case EXPLAIN_PUT_OFF:
		return EX_TEMPFAIL;
	case EXPLAIN_REFUSED:
		return EX_DATAERR;
	}
	return EX_SOFTWARE;
}

static const char *
state_name(enum explain_state state)
{
	switch (state) {
	case EXPLAIN_ASKED:
		return "asked";
	case EXPLAIN_OFF:
		return "off";
	case EXPLAIN_EXEMPT:
		return "exempt";
	case EXPLAIN_RULE:
		return "rule";
	case EXPLAIN_THRESHOLD:
		return "threshold";
	}
	return "?";
}

/* Would something in shadow mode have been worse than what came of it? */
static bool
shadows(const struct explain *e)
{
	enum verdict_action real = e->end == EXPLAIN_REFUSED ? VERDICT_REJECT :
	    e->end == EXPLAIN_PUT_OFF ? VERDICT_DEFER : e->fate;

	return e->end != EXPLAIN_NOT_OURS && e->would.action > real && e->would.action > VERDICT_GREYLIST;
}

/* --- for programs ------------------------------------------------------------------------- */

static json_t *
points(int score)
{
	return json_real((double)score / RULES_POINT);
}

static json_t *
answer_json(const struct spf_answer *a)
{
	return json_pack("{s:s,s:s,s:s}", "result", spf_result_name(a->result), "domain",
	    out_safe(a->domain), "why", out_safe(a->why));
}

static json_t *
spf_json(const struct spf_facts *f)
{
	json_t *j;

	if (f == NULL)
		return json_null();
	j = json_pack("{s:s,s:o}", "result", spf_result_name(check_spf_result(f)), "helo",
	    answer_json(&f->helo));
	if (f->has_sender)
		(void)json_object_set_new(j, "sender", answer_json(&f->sender));
	return j;
}

static json_t *
row_json(const struct explain_row *r)
{
	const struct verdict *v = &r->verdict;
	json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:s}", "type", r->of != NULL ? "check" :
	    state_name(r->state), "stage", engine_stage_name(r->stage), "check", r->check, "mode",
	    rules_mode_name(r->mode), "state", state_name(r->state));

	if (r->of != NULL)
		(void)json_object_set_new(j, "cost", json_string(engine_cost_name(r->of->cost)));
	if (r->state == EXPLAIN_OFF)
		return j;
	if (r->state == EXPLAIN_EXEMPT) {
		(void)json_object_set_new(j, "exception", json_string(out_safe(r->exception)));
		return j;
	}
	(void)json_object_update_new(j, json_pack("{s:s,s:o,s:s,s:s,s:b}", "action",
	    engine_action_name(v->action), "score", points(v->score), "reason", out_safe(v->reason),
	    "rule", out_safe(v->rule), "late", r->late));
	if (v->code != 0)
		(void)json_object_update_new(j, json_pack("{s:i,s:s,s:s}", "code", v->code, "dsn", v->dsn,
		    "text", out_safe(v->text)));
	if (r->state == EXPLAIN_ASKED)
		(void)json_object_set_new(j, "us", json_integer((json_int_t)r->us));
	if (r->of == &check_spf)
		(void)json_object_set_new(j, "spf", spf_json(r->spf));
	return j;
}

static void
threshold_json(json_t *j, const char *name, int score)
{
	(void)json_object_set_new(j, name, score == RULES_NEVER ? json_null() : points(score));
}

static json_t *
thresholds_json(const struct rules_policy *p)
{
	json_t *j = json_object();

	threshold_json(j, "defer", p->threshold_defer);
	threshold_json(j, "reject", p->threshold_reject);
	threshold_json(j, "tag", p->threshold_tag);
	threshold_json(j, "quarantine", p->threshold_quarantine);
	threshold_json(j, "spam_defer", p->threshold_spam_defer);
	threshold_json(j, "spam_reject", p->threshold_spam_reject);
	return j;
}

static void
print_json(const struct explain_question *q, const struct explain *e)
{
	json_t *j;

	for (size_t i = 0; i < e->nrows; i++)
		out_json(row_json(&e->row[i]));
	j = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:b}", "type", "verdict", "client", q->client,
	    "name", out_safe(e->name), "name_how", out_safe(e->name_how), "helo", out_safe(q->helo),
	    "sender", out_safe(q->sender), "recipient", out_safe(q->recipient), "action", end_name(e),
	    "content", e->content);
	if (e->end != EXPLAIN_NOT_OURS)
		(void)json_object_update_new(j, json_pack("{s:s,s:s,s:i,s:o,s:o,s:i,s:s,s:s,s:s,s:s}",
		    "domain", out_safe(e->domain), "policy", out_safe(e->scope), "class", (int)e->class,
		    "thresholds", thresholds_json(e->policy), "score", points(e->score), "code", e->code,
		    "dsn", e->dsn, "text", out_safe(e->text), "by", out_safe(e->by), "reason",
		    out_safe(e->reason)));
	if (shadows(e))
		(void)json_object_update_new(j, json_pack("{s:s,s:s}", "would",
		    engine_action_name(e->would.action), "would_by",
		    e->would.check != NULL ? e->would.check : ""));
	out_json(j);
}

/* --- for people ------------------------------------------------------------------------------ */

static const char *
mode_text(const struct explain_row *r)
{
	return r->state == EXPLAIN_EXEMPT ? "exempt" : rules_mode_name(r->mode);
}

/* "sender softfail (example.org)", "HELO none" */
static void
put_answer(struct buf *b, const char *who, const struct spf_answer *a)
{
	buf_printf(b, "%s %s", who, spf_result_name(a->result));
	if (a->domain[0] != '\0' || a->why[0] != '\0')
		buf_printf(b, " (%s%s%s)", a->domain, a->domain[0] != '\0' && a->why[0] != '\0' ? ": " : "", a->why);
}

/* What SPF says of both, whatever a rule makes of it. */
static void
put_spf(struct buf *b, const struct spf_facts *f)
{
	if (f == NULL) {
		buf_puts(b, "not asked: mail from this host");
		return;
	}
	if (f->has_sender) {
		put_answer(b, "sender", &f->sender);
		buf_puts(b, ", ");
	}
	put_answer(b, "HELO", &f->helo);
}

/* "unknown recipient", "list deny client 192.0.2.1: on a list" */
static void
put_why(struct buf *b, const struct explain_row *r)
{
	const struct verdict *v = &r->verdict;

	buf_clear(b);
	if (r->state == EXPLAIN_EXEMPT)
		buf_puts(b, r->exception);
	else if (r->of == &check_spf && r->state == EXPLAIN_ASKED)
		put_spf(b, r->spf);
	else if (v->rule[0] != '\0')
		buf_printf(b, "%s%s%s", v->rule, v->reason[0] != '\0' ? ": " : "", v->reason);
	else
		buf_puts(b, v->reason);
}

static void
table_row(struct out_table *t, const struct explain_row *r, struct buf *b)
{
	bool spoke = r->state != EXPLAIN_OFF && r->state != EXPLAIN_EXEMPT;
	char text[RULES_SCORE_SIZE + 8];

	out_cell(t, engine_stage_name(r->stage));
	out_cell(t, r->check);
	out_cell(t, mode_text(r));
	(void)snprintf(text, sizeof(text), r->late ? "(%s)" : "%s",
	    engine_action_name(r->verdict.action));
	out_cell(t, spoke ? text : "-");
	out_cell(t, spoke ? rules_score_text(r->verdict.score, text) : "-");
	out_cell(t, r->of != NULL ? engine_cost_name(r->of->cost) : "-");
	(void)snprintf(text, sizeof(text), r->us < 1000 ? "%.0f us" : "%.1f ms",
	    r->us < 1000 ? (double)r->us : (double)r->us / 1000);
	out_cell(t, r->state == EXPLAIN_ASKED ? text : "-");
	put_why(b, r);
	out_cell(t, buf_str(b));
}

static bool
print_rows(const struct cli *c, const struct explain *e)
{
	static const char *const headings[] = { "STAGE", "CHECK", "MODE", "RESULT", "POINTS", "COST",
		"TIME", "WHY" };
	struct out_table *t = out_table_new(headings, 8, "llllrlrl");
	struct buf b = BUF_INIT;
	bool late = false;

	for (size_t i = 0; i < e->nrows; i++) {
		table_row(t, &e->row[i], &b);
		late = late || e->row[i].late;
	}
	out_table_print(&t, c);
	buf_free(&b);
	return late;
}

static void
print_thresholds(const struct explain *e)
{
	const struct rules_policy *p = e->policy;
	char score[RULES_SCORE_SIZE], a[RULES_SCORE_SIZE], b[RULES_SCORE_SIZE], d[RULES_SCORE_SIZE],
	    f[RULES_SCORE_SIZE];

	(void)printf("score      %s; ", rules_score_text(e->score, score));
	if (e->content)
		(void)printf("tag at %s, quarantine at %s, defer at %s, reject at %s\n",
		    rules_score_text(p->threshold_tag, a), rules_score_text(p->threshold_quarantine, b),
		    rules_score_text(p->threshold_spam_defer, d),
		    rules_score_text(p->threshold_spam_reject, f));
	else
		(void)printf("defer at %s, reject at %s\n", rules_score_text(p->threshold_defer, a),
		    rules_score_text(p->threshold_reject, b));
}

static void
print_verdict(const struct cli *c, const struct explain *e)
{
	enum out_color color = e->end == EXPLAIN_REFUSED ? OUT_BAD : e->end == EXPLAIN_PUT_OFF ||
	    e->fate != VERDICT_PASS ? OUT_WARN : OUT_GOOD;

	if (e->by[0] != '\0')
		(void)printf("by         %s%s%s\n", out_safe(e->by), e->reason[0] != '\0' ? ": " : "",
		    out_safe(e->reason));
	if (shadows(e))
		(void)printf("shadow     would be %s, by %s\n", engine_action_name(e->would.action),
		    e->would.check != NULL ? e->would.check : "?");
	if (e->end == EXPLAIN_ACCEPTED && e->fate != VERDICT_PASS)
		(void)printf("message    %s\n", e->fate == VERDICT_TAG ? "tagged as spam" : "quarantined");
	if (e->end == EXPLAIN_NOT_OURS)
		(void)printf("verdict: not screened here, the domain is not served by this host\n");
	else
		(void)printf("%sverdict: %d %s %s%s\n", out_on(c, color), e->code, e->dsn,
		    out_safe(e->text), out_off(c));
}

static void
print_text(const struct cli *c, const struct explain_question *q, const struct explain *e)
{
	(void)printf("client     %s, %s%s%s%s\n", q->client, out_safe(e->name),
	    e->name[0] != '\0' ? " (" : "", e->name[0] != '\0' || q->name == NULL ?
	    out_safe(e->name_how) : "no name", e->name[0] != '\0' ? ")" : "");
	(void)printf("helo       %s\n", q->helo[0] != '\0' ? out_safe(q->helo) : "none");
	(void)printf("sender     %s\n", out_safe(q->sender[0] != '\0' ? q->sender : "<>"));
	(void)printf("recipient  %s\n", out_safe(q->recipient));
	if (e->end != EXPLAIN_NOT_OURS) {
		(void)printf("domain     %s\n", e->domain[0] != '\0' ? out_safe(e->domain) :
		    "not known");
		(void)printf("policy     of %s, class %u\n\n", e->scope[0] != '\0' ? out_safe(e->scope) :
		    "everybody", e->class);
		if (e->nrows > 0 && print_rows(c, e))
			(void)printf("(in brackets: not asked in a real session, it is decided before)\n");
		(void)printf("\n");
		print_thresholds(e);
	}
	print_verdict(c, e);
}

/* --- the command ------------------------------------------------------------------------------- */

static int
open_message(const char *path, FILE **f)
{
	*f = NULL;
	if (path == NULL)
		return EX_OK;
	*f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (*f != NULL)
		return EX_OK;
	return cli_fail(errno == EACCES ? EX_NOPERM : EX_NOINPUT, "%s: %s", path, strerror(errno));
}

/* Forks: before there is a thread. */
static void
start_spf(const struct cli *c, struct spf **spf)
{
	char *why = NULL;

	if ((*spf = spf_start(c->conf->resolver, false, &why)) == NULL)
		cli_note("SPF cannot be evaluated: %s", why);
	free(why);
}

/* From here on there may be threads. */
static void
listen_to_spf(struct spf **spf)
{
	if (*spf == NULL || spf_listen(*spf) == 0)
		return;
	cli_note("SPF cannot be evaluated: no thread can be started");
	spf_free(spf);
}

/* The service, made in the order that a milter keeps to: user, SPF, checks from outside, rules. */
static int
make_service(struct cli *c, struct spf **spf, struct rules **rules, struct service **service)
{
	struct plugin_set *plugins;
	struct conf *conf;
	char *why = NULL;
	int status;

	if (cli_conf(c) == NULL)
		return EX_CONFIG;
	if (geteuid() == 0 && daemon_drop(c->conf->milter_user, &why) == -1) {
		(void)cli_fail(EX_CONFIG, "%s", why);
		free(why);
		return EX_CONFIG;
	}
	start_spf(c, spf);
	plugins = plugin_set_load(c->conf->checks_dir, PLUGIN_PATIENCE);
	if ((status = cli_rules_open(c, rules)) != EX_OK) {
		plugin_set_free(&plugins);
		return status;
	}
	listen_to_spf(spf);
	conf = c->conf;
	c->conf = NULL;		/* becomes the service's */
	if ((*service = explain_service(conf, *rules, plugins, *spf, &why)) != NULL)
		return EX_OK;
	(void)cli_fail(EX_CONFIG, "%s", why);
	free(why);
	plugin_set_free(&plugins);
	conf_free(&conf);
	return EX_CONFIG;
}

static int
explain(struct cli *c)
{
	struct explain_question q = { .client = cli_option(c, "client"), .name = cli_option(c, "name"),
		.helo = cli_option(c, "helo"), .sender = cli_option(c, "from"),
		.recipient = cli_option(c, "to") };
	struct sockaddr_storage ss;
	struct service *service = NULL;
	struct rules *rules = NULL;
	struct spf *spf = NULL;
	struct explain e;
	char *why = NULL;
	int status;

	if (q.client == NULL || q.helo == NULL || q.sender == NULL || q.recipient == NULL)
		return cli_usage(c, "--client, --helo, --from and --to are needed");
	if (explain_address(q.client, &ss) == -1)
		return cli_usage(c, "--client %s: not an address", q.client);
	log_set_quiet(true);
	if ((status = open_message(cli_option(c, "message"), &q.message)) == EX_OK &&
	    (status = make_service(c, &spf, &rules, &service)) == EX_OK) {
		if (explain_run(service, &q, &e, &why) == -1) {
			status = cli_fail(EX_DATAERR, "%s", why);
			free(why);
		} else {
			if (c->json)
				print_json(&q, &e);
			else
				print_text(c, &q, &e);
			status = end_status(&e);
		}
		explain_clear(&e);
	}
	service_free(&service);
	spf_free(&spf);
	rules_close(&rules);
	if (q.message != NULL && q.message != stdin)
		(void)fclose(q.message);
	return status;
}

static const struct cli_option options[] = {
	{ "client", "IP", "the client's address" },
	{ "name", "NAME", "its verified name, \"\" for none (default: asks the DNS)" },
	{ "helo", "NAME", "what it says in HELO, \"\" for no HELO" },
	{ "from", "ADDRESS", "the sender, \"\" for the null sender" },
	{ "to", "ADDRESS", "the recipient" },
	{ "message", "FILE|-", "a message, to ask the checks of its content too" },
	{ NULL, NULL, NULL }
};

const struct command command_explain = {
	.name = "explain", .args = "",
	.help = "Run every check on a message that is not sent, and show what it says.",
	.examples = "holdfast explain --client 192.0.2.1 --helo mail.example.org --from ann@example.org "
		    "--to joe@example.test\n"
		    "holdfast explain --client 192.0.2.1 --helo x --from '' --to joe@example.test "
		    "--message spam.eml --json",
	.min_args = 0, .max_args = 0, .options = options, .run = explain,
};
