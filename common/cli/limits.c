/*
 * limits.c -- holdfast limits: who is locked out, and what the rate limits have counted.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/milter.h"
#include "common/cli/out.h"
#include "common/clock.h"
#include "common/rules_screen.h"

/* The number of a word; -1: there is none like it. */
static int
what_of(const char *word)
{
	for (int i = 0; i < RULES_NLIMITS; i++)
		if (strcmp(rules_limit_what_name((enum rules_limit_what)i), word) == 0)
			return i;
	return -1;
}

/* "client", or "client (shadow)" */
static int
per_of(const char *word, bool *shadow)
{
	size_t len = strcspn(word, " ");

	*shadow = word[len] != '\0';
	for (int i = 0; i < RULES_NPERS; i++) {
		const char *name = rules_limit_per_name((enum rules_limit_per)i);

		if (strlen(name) == len && strncmp(name, word, len) == 0)
			return i;
	}
	return -1;
}

/* The row that counts for this bucket now; NULL: none does. A network is found by its first address. */
static const struct rules_limit *
rule_of(const struct ruleset *set, const struct state_row *r)
{
	const struct rules_limit *rows[2], *found = NULL;
	bool shadow;
	int what = what_of(r->text[0]), per = per_of(r->text[1], &shadow);
	char value[512];
	size_t n;

	if (what == -1 || per == -1)
		return NULL;
	(void)snprintf(value, sizeof(value), "%s", r->text[2]);
	if (per == PER_NETWORK)
		value[strcspn(value, "/")] = '\0';
	n = ruleset_limit_rows(set, (enum rules_limit_what)what, (enum rules_limit_per)per, value, rows);
	for (size_t i = 0; i < n; i++)
		if ((rows[i]->mode == MODE_SHADOW) == shadow)
			found = rows[i];
	return found != NULL && !found->none ? found : NULL;
}

/* How many of its rule's burst are taken. */
static uint64_t
used(const struct rules_limit *l, int64_t until, int64_t now)
{
	double n = (double)(until - now) / (double)MILTER_SECOND / (double)l->interval * (double)l->amount;

	return until <= now ? 0 : n >= (double)l->burst ? l->burst : (uint64_t)(n + 0.999);
}

static void
print_bucket(const struct cli *c, struct out_table *t, const struct ruleset *set, const struct state_row *r,
    int64_t now)
{
	const struct rules_limit *l = rule_of(set, r);
	char of[64] = "-";

	if (c->json) {
		json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:I}", "kind", "bucket", "what", out_safe(r->text[0]),
		    "per", out_safe(r->text[1]), "value", out_safe(r->text[2]), "until",
		    (json_int_t)(r->n[0] / MILTER_SECOND));

		if (l != NULL) {
			(void)json_object_set_new(o, "used", json_integer((json_int_t)used(l, r->n[0], now)));
			(void)json_object_set_new(o, "burst", json_integer((json_int_t)l->burst));
		}
		out_json(o);
		return;
	}
	if (l != NULL)
		(void)snprintf(of, sizeof(of), "%llu of %llu", (unsigned long long)used(l, r->n[0], now),
		    (unsigned long long)l->burst);
	out_cell(t, milter_text(r->text[0]));
	out_cell(t, milter_text(r->text[1]));
	out_cell(t, milter_text(r->text[2]));
	out_cell(t, of);
	out_cell(t, out_when(r->n[0] / MILTER_SECOND, now / MILTER_SECOND));
}

static void
print_lockout(const struct cli *c, const struct state_row *r, int64_t now)
{
	const char *name = r->n[1] >= 0 && r->n[1] < RULES_NLIMITS ?
	    rules_limit_what_name((enum rules_limit_what)r->n[1]) : "?";

	if (c->json)
		out_json(json_pack("{s:s,s:s,s:s,s:I,s:I}", "kind", "lockout", "client", out_safe(r->text[0]),
		    "what", name, "since", (json_int_t)(r->n[0] / MILTER_SECOND), "until",
		    (json_int_t)(r->n[2] / MILTER_SECOND)));
	else
		(void)printf("%slocked out%s: %s, %s, for %s; ends %s\n", out_on(c, OUT_BAD), out_off(c),
		    out_safe(milter_text(r->text[0])),
		    out_when(r->n[0] / MILTER_SECOND, now / MILTER_SECOND), name,
		    out_when(r->n[2] / MILTER_SECOND, now / MILTER_SECOND));
}

static int
limits_list(struct cli *c)
{
	static const char *const headings[] = { "WHAT", "PER", "OF", "USED", "FULL AGAIN" };
	struct state_row *buckets = NULL, *lockouts = NULL;
	size_t nbuckets = 0, nlockouts = 0;
	struct out_table *t = NULL;
	struct ruleset *set = NULL;
	int64_t now = clock_wall_us();
	int status = cli_rules(c, &set);

	if (status != EX_OK)
		return status;
	if ((status = milter_rows(c, STATE_LOCKOUTS, &lockouts, &nlockouts)) == EX_OK)
		status = milter_rows(c, STATE_BUCKETS, &buckets, &nbuckets);
	for (size_t i = 0; status == EX_OK && i < nlockouts; i++)
		print_lockout(c, &lockouts[i], now);
	if (status == EX_OK && !c->json && nbuckets > 0)
		t = out_table_new(headings, 5, "lllrl");
	for (size_t i = 0; status == EX_OK && i < nbuckets; i++)
		print_bucket(c, t, set, &buckets[i], now);
	if (t != NULL)
		out_table_print(&t, c);
	if (status == EX_OK && !c->json && nbuckets + nlockouts == 0)
		(void)printf("nothing is counted now\n");
	ruleset_unref(&set);
	state_free(&lockouts, nlockouts);
	state_free(&buckets, nbuckets);
	return status;
}

const struct command command_limits_list = {
	.name = "limits list", .args = "",
	.help = "List who is locked out, and what the rate limits have counted.",
	.examples = "holdfast limits list\nholdfast limits list --json | jq 'select(.kind == \"lockout\")'",
	.min_args = 0, .max_args = 0, .run = limits_list,
};
