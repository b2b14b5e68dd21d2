/*
 * check_spam.c -- how much does the message look like spam? Scanners tell, thresholds judge.
 *
 * Asked are SpamAssassin's spamd, rspamd, and a header that a milter before us has added, whichever are
 * configured. Their opinions of one message are not independent, so the highest counts, not the sum. It is
 * added to what the other checks have found.
 *
 * Of the header all occurrences are read and the highest counts, never less than 0: a stranger who
 * brings one of his own cannot make his mail look better by it.
 *
 * A scanner that gives no answer is spam.on_fault's. The answers of the others count all the same: the threshold
 * for a reject may be reached without it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/checks.h"

#include <limits.h>
#include <stdio.h>
#include <strings.h>

#include "milter/scan_check.h"

#define NO_SCORE	INT_MIN

struct opinions {
	const struct check_view	*view;
	struct verdict		*out;
	int			 score;		/* the highest */
	const char		*rule;		/* whose */
	char			 text[SCAN_TEXT_SIZE];
	int64_t			 deadline;	/* of all scanners together */
};

typedef int scan_fn(const char *server, const struct scan_mail *, int64_t deadline, struct scan_result *);

static void
hear(struct opinions *o, const char *rule, int score, const char *text)
{
	const struct verdict none = { .action = VERDICT_PASS };

	/* Of the one that counts host_rule() hears at the end. */
	if (o->score != NO_SCORE)
		host_rule(o->view, MODE_ENFORCE, score > o->score ? o->rule : rule, &none, o->out);
	if (o->score != NO_SCORE && score <= o->score)
		return;
	o->score = score;
	o->rule = rule;
	(void)snprintf(o->text, sizeof(o->text), "%s", text);
}

static void
ask(struct opinions *o, const char *name, const char *rule, const char *server, scan_fn *scan)
{
	const struct rules_policy *p = o->view->host->policy;
	struct scan_mail mail = scan_check_mail(o->view);
	struct scan_result r;

	if (server[0] == '\0')
		return;
	if (scan(server, &mail, o->deadline, &r) == -1)
		scan_check_fault(o->view, &p->spam_on_fault, "spam", name, &r, o->out);
	else
		hear(o, rule, r.score, r.text);
}

static void
read_header(struct opinions *o, const char *name)
{
	const struct check_message *m = o->view->message;
	int score, highest = NO_SCORE;

	for (size_t i = 0; i < m->nheaders; i++)
		if (strcasecmp(m->headers[i].name, name) == 0 &&
		    scan_header_score(m->headers[i].value, &score) && score > highest)
			highest = score;
	if (highest != NO_SCORE)
		hear(o, "spam header", highest > 0 ? highest : 0, name);
}

/* "spamd 5.3 (BAYES_99,…)": the points, and why. */
static void
conclude(const struct opinions *o)
{
	struct verdict found = { .action = VERDICT_PASS };
	char reason[CHECK_REASON_SIZE], points[RULES_SCORE_SIZE];

	if (o->score == NO_SCORE)
		return;
	(void)snprintf(reason, sizeof(reason), "%s %s%s%.80s%s", o->rule + sizeof("spam ") - 1,
	    rules_score_text(o->score, points), o->text[0] != '\0' ? " (" : "", o->text,
	    o->text[0] != '\0' ? ")" : "");
	check_score(&found, o->score, reason);
	host_rule(o->view, MODE_ENFORCE, o->rule, &found, o->out);
}

static int
at_eom(const struct check_view *v, struct verdict *out)
{
	const struct rules_policy *p = v->host->policy;
	struct opinions o = { .view = v, .out = out, .score = NO_SCORE,
	    .deadline = scan_check_deadline(v, p->spam_timeout) };

	if (v->message == NULL)
		return 0;
	if (p->spam_header[0] != '\0')
		read_header(&o, p->spam_header);
	if ((p->spamd[0] != '\0' || p->rspamd[0] != '\0') && v->message->bytes > p->spam_max_size) {
		scan_check_unscanned(v, "spam", "larger than spam.max_size");
	} else {
		ask(&o, "spamd", "spam spamd", p->spamd, scan_spamd);
		ask(&o, "rspamd", "spam rspamd", p->rspamd, scan_rspamd);
	}
	conclude(&o);
	return 0;
}

const struct check check_spam = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "spam",
	.cost = COST_NETWORK,
	.on_fault = VERDICT_DEFER,
	.at_eom = at_eom,
	.wants_body = true,
};
