/*
 * check_limits.c -- rate limits: what comes too fast comes again later.
 *
 *	connections	counted when they come; told at RCPT, where the client reads it: 421, the end of it
 *	messages	once each, at the first recipient that gets this far
 *	recipients	at each RCPT, whether it is accepted later or not
 *	bytes		at the end of the message: 452
 *	unknown		recipients that do not exist are counted when they have been refused
 *			(check_limits_signal()); action `lockout', the default, puts the client off for
 *			limits.lockout_time, and the others apply to the RCPT that follows
 *	spam		messages, counted and acted on in the same way once their content has been judged
 *
 * Of each `what' and `per' one row counts, that with the most special match; all that count must have
 * room, else nothing is counted. Rows in shadow mode are asked too, and told of, and refuse nobody.
 *
 * Deferrals are final: a client that is too fast is not worth a look-up in the DNS. What is
 * counted is kept by limits.c. Mail without a client address is this host's own and not limited.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/check_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "milter/checks.h"
#include "milter/host.h"
#include "milter/limits.h"
#include "milter/limits_rows.h"

#define LOCKOUT_RULE	"limits lockout"
#define CAP_RULE	"limits recipients message"

/* Of a connection: the row that it was too much for. Rows themselves do not outlive a change of the rules. */
struct conn {
	bool			 over, told;
	char			 rule[CHECK_RULE_SIZE];
	enum rules_mode		 mode;
	enum rules_limit_action	 action;
};

/* Of a transaction. */
struct txn {
	bool			 counted;	/* as a message */
};

/* --- what is said ----------------------------------------------------------------------------------- */

/* Postfix's words (anvil(8)), where it has them. */
static const char *
what_text(enum rules_limit_what what)
{
	switch (what) {
	case LIMIT_CONNECTIONS:
		return "too many connections";
	case LIMIT_MESSAGES:
	case LIMIT_BYTES:
		return "too much mail";
	case LIMIT_RECIPIENTS:
		return "too many recipients";
	case LIMIT_UNKNOWN:
		return "too many unknown recipients";
	case LIMIT_SPAM:
		return "too much spam";
	}
	return "too much";
}

static void
too_much(const struct check_view *v, enum rules_limit_what what, enum rules_limit_action action,
    struct verdict *out)
{
	char text[CHECK_TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "Error: %s from %s", what_text(what), v->client_addr);
	memset(out, 0, sizeof(*out));
	if (action == LIMIT_REJECT)
		check_reject(out, 550, "5.7.1", text, what_text(what));
	else if (what == LIMIT_CONNECTIONS)
		check_defer(out, 421, "4.7.0", text, what_text(what));
	else if (what == LIMIT_BYTES)
		check_defer(out, 452, "4.7.0", text, what_text(what));
	else
		check_defer(out, 450, "4.7.1", text, what_text(what));
	out->final = true;
}

/* Locks out the client, or its network: what the row counts. */
static bool
lock(const struct limits_rows *a, enum rules_limit_per per, enum rules_limit_what what)
{
	const struct rules_policy *p = a->v->host->policy;

	return limits_lock(a->limits, per == PER_NETWORK ? a->network : a->v->client_addr, what,
	    (int64_t)p->lockout_time * LIMITS_SECOND, p->limit_entries, clock_wall_us());
}

/* In shadow mode a delay has nothing to say, but is told of. */
static void
would_delay(const struct check_view *v, const char *rule, enum rules_limit_what what)
{
	struct verdict told = { .action = VERDICT_PASS };

	if (v->host->would == NULL)
		return;
	(void)snprintf(told.rule, sizeof(told.rule), "%s", rule);
	(void)snprintf(told.reason, sizeof(told.reason), "%s, a delay", what_text(what));
	v->host->would(v->host->arg, &told);
}

/* A finding of one row. True: a delay is due. */
static bool
finding(const struct check_view *v, const char *rule, enum rules_mode mode, enum rules_limit_what what,
    enum rules_limit_action action, bool over, struct verdict *out)
{
	struct verdict found = { .action = VERDICT_PASS };

	if (action != LIMIT_DELAY) {
		if (over)
			too_much(v, what, action, &found);
		host_rule(v, mode, rule, &found, out);
		return false;
	}
	host_count(v, mode, rule, over);
	if (over && mode != MODE_ENFORCE)
		would_delay(v, rule, what);
	return over && mode == MODE_ENFORCE;
}

/* Comes late, or, where too many wait already, not at all. */
static void
delay(const struct limits_rows *a, const char *rule, enum rules_limit_what what, struct verdict *out)
{
	const struct rules_policy *p = a->v->host->policy;
	struct verdict full;

	if (!host_is_live(a->v)) {
		if (!a->v->dry)
			would_delay(a->v, rule, what);
		return;
	}
	if (limits_sleep(a->limits, p->tarpit, p->tarpit_at_once))
		return;
	too_much(a->v, what, LIMIT_DEFER, &full);
	(void)snprintf(full.rule, sizeof(full.rule), "%s", rule);
	host_merge(out, &full);
}

/* The answers of all rows as one verdict. */
static void
conclude(const struct limits_rows *a, struct verdict *out)
{
	const struct rules_limit *late = NULL;

	for (size_t i = 0; i < a->n; i++) {
		const struct limits_ask *k = &a->ask[i];
		const struct rules_limit *r = k->rule;

		if (finding(a->v, r->name, r->mode, r->what, r->action, k->over, out))
			late = r;
		if (k->over && r->action == LIMIT_LOCKOUT && r->mode == MODE_ENFORCE && host_is_live(a->v))
			(void)lock(a, r->per, r->what);
	}
	if (late != NULL && out->action == VERDICT_PASS)
		delay(a, late->name, late->what, out);
}

/* --- connections ------------------------------------------------------------------------------------- */

static void
at_connect(const struct check_view *v)
{
	struct conn *c = xcalloc(1, sizeof(*c));
	struct limits_rows a;

	*v->conn = c;
	if (!limits_rows_init(&a, v))
		return;
	limits_rows_connection(&a);
	limits_rows_ask(&a);
	for (size_t i = 0; i < a.n; i++) {
		const struct rules_limit *r = a.ask[i].rule;

		if (!a.ask[i].over || (c->over && c->mode == MODE_ENFORCE))
			continue;
		c->over = true;
		c->mode = r->mode;
		c->action = r->action;
		(void)snprintf(c->rule, sizeof(c->rule), "%s", r->name);
		if (r->action == LIMIT_LOCKOUT && r->mode == MODE_ENFORCE && host_is_live(v))
			(void)lock(&a, r->per, r->what);
	}
	limits_rows_clear(&a);
}

/* One connection too many is refused whatever it wants; a delay or a shadow of a rule is said once. */
static void
connection(const struct limits_rows *a, struct verdict *out)
{
	struct conn *c = *a->v->conn;
	bool once;

	if (c == NULL || !c->over)
		return;
	once = c->mode != MODE_ENFORCE || c->action == LIMIT_DELAY;
	if (once && c->told)
		return;
	c->told = true;
	if (finding(a->v, c->rule, c->mode, LIMIT_CONNECTIONS, c->action, true, out))
		delay(a, c->rule, LIMIT_CONNECTIONS, out);
}

/* --- recipients --------------------------------------------------------------------------------------- */

/* Locked out: nothing is asked. */
static bool
locked(const struct limits_rows *a, struct verdict *out)
{
	int64_t now = clock_wall_us(), left = 0;
	int64_t longest = (int64_t)a->v->host->policy->lockout_time * LIMITS_SECOND;
	struct verdict found = { .action = VERDICT_PASS };
	char text[CHECK_TEXT_SIZE];

	if (!limits_locked(a->limits, a->v->client_addr, longest, now, &left) &&
	    !limits_locked(a->limits, a->network, longest, now, &left))
		return false;
	(void)snprintf(text, sizeof(text), "Error: too many errors from %s, try again in %lld seconds",
	    a->v->client_addr, (long long)((left + LIMITS_SECOND - 1) / LIMITS_SECOND));
	check_defer(&found, 450, "4.7.0", text, "locked out");
	found.final = true;
	host_rule(a->v, MODE_ENFORCE, LOCKOUT_RULE, &found, out);
	return true;
}

static bool
full(const struct check_view *v, struct verdict *out)
{
	unsigned most = v->host->policy->recipients;
	struct verdict found = { .action = VERDICT_PASS };

	if (most == 0 || v->nrcpts < most)
		return false;
	check_defer(&found, 452, "4.5.3", "Error: too many recipients", "too many recipients of a message");
	found.final = true;
	host_rule(v, MODE_ENFORCE, CAP_RULE, &found, out);
	return true;
}

static void
rates(struct limits_rows *a, struct verdict *out)
{
	const struct check_view *v = a->v;
	struct txn *t = *v->txn;

	limits_rows_messages(a, t != NULL && t->counted);
	limits_rows_recipients(a);
	limits_rows_signal(a, LIMIT_UNKNOWN, true);
	limits_rows_signal(a, LIMIT_SPAM, true);
	limits_rows_ask(a);
	conclude(a, out);
	if (out->action != VERDICT_PASS || v->dry)
		return;
	if (t == NULL)
		*v->txn = t = xcalloc(1, sizeof(*t));
	t->counted = true;
}

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	struct limits_rows a;

	if (!limits_rows_init(&a, v))
		return 0;
	if (!locked(&a, out) && !full(v, out)) {
		connection(&a, out);
		if (out->action == VERDICT_PASS)
			rates(&a, out);
	}
	limits_rows_clear(&a);
	return 0;
}

static int
at_eom(const struct check_view *v, struct verdict *out)
{
	struct limits_rows a;

	if (!limits_rows_init(&a, v))
		return 0;
	limits_rows_bytes(&a);
	limits_rows_ask(&a);
	conclude(&a, out);
	limits_rows_clear(&a);
	return 0;
}

/* --- recipients that do not exist, and spam --------------------------------------------------- */

/* One more for a row of clients that are locked out. True: this one is, from now on. */
static bool
attacks(const struct limits_rows *a, const struct limits_ask *k)
{
	const struct rules_limit *r = k->rule;
	const struct check_view *v = a->v;
	struct verdict found = { .action = VERDICT_PASS }, ignored = { .action = VERDICT_PASS };

	if (k->over)
		check_defer(&found, 450, "4.7.0", "Error: too many errors",
		    r->what == LIMIT_SPAM ? "a source of spam" : "a dictionary attack");
	host_rule(v, r->mode, r->name, &found, &ignored);
	if (!k->over || r->mode != MODE_ENFORCE)
		return false;
	if (host_is_live(v))
		return lock(a, r->per, r->what);
	if (v->host->would != NULL)
		v->host->would(v->host->arg, &ignored);
	return false;
}

bool
check_limits_signal(const struct check_view *v, enum rules_limit_what what, char why[CHECK_RULE_SIZE])
{
	struct limits_rows a;
	bool is_locked = false;

	if (v->dry || !limits_rows_init(&a, v))
		return false;
	limits_rows_signal(&a, what, false);
	limits_rows_ask(&a);
	/* Rows with another action have their say at the next RCPT. */
	for (size_t i = 0; i < a.n; i++)
		if (a.ask[i].rule->action == LIMIT_LOCKOUT && attacks(&a, &a.ask[i])) {
			(void)snprintf(why, CHECK_RULE_SIZE, "%s", a.ask[i].rule->name);
			is_locked = true;
		}
	limits_rows_clear(&a);
	return is_locked;
}

const struct check check_limits = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "limits",
	.cost = COST_MEMORY,
	.on_fault = VERDICT_PASS,
	.at_rcpt = at_rcpt,
	.at_eom = at_eom,
	.at_connect = at_connect,
	.end_txn = free,
	.end_conn = free,
};
