/*
 * check_header.c -- rules about headers: a pattern on a named header (kind `header' in the rules).
 *
 * Each rule whose scope holds for the message's recipients is asked of each header of its name until it finds
 * one; it counts once a message. All recipients have the same rules here, since they are of one class.
 * The pattern sees a header unfolded and cut at header.max_size, and the first header.max_count of them.
 *
 * A pattern that takes too many steps finds nothing, and that is told in the log: a message must not
 * be refused because a rule is slow (P3), nor may a stranger keep us busy with it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/checks.h"
#include "milter/host.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/pattern.h"

#define TRIES_MAX	5	/* headers of a message at which a pattern may take too long */

static bool
matches(const struct check_view *v, const struct rules_header *rule)
{
	const struct check_message *m = v->message;
	unsigned tries = TRIES_MAX;

	for (size_t i = 0; i < m->nheaders && tries > 0; i++) {
		const struct check_header *h = &m->headers[i];

		if (strcasecmp(h->name, rule->header) != 0)
			continue;
		switch (pattern_match(rule->pattern, h->value, strlen(h->value))) {
		case PATTERN_YES:
			return true;
		case PATTERN_NO:
			break;
		case PATTERN_LIMIT:
			host_complain(v, rule->name, "the pattern takes too many steps, so it found nothing");
			tries--;
			break;
		}
	}
	return false;
}

static void
found(const struct rules_header *rule, struct verdict *out)
{
	bool later = rule->act.verdict == RULES_DEFER;
	char text[CHECK_TEXT_SIZE], reason[CHECK_REASON_SIZE];

	(void)snprintf(text, sizeof(text), later ? "Message put off: header %.64s, try again later" :
	    "Message rejected: header %.64s", rule->header);
	(void)snprintf(reason, sizeof(reason), "header %.64s", rule->header);
	host_act(&rule->act, "5.7.1", text, reason, out);
}

static int
at_eom(const struct check_view *v, struct verdict *out)
{
	size_t n = ruleset_nheaders(v->host->rules);
	const char *rcpt = v->nrcpts > 0 ? v->rcpts[0] : "";

	if (v->message == NULL)		/* rules that came after its first byte */
		return 0;
	for (size_t i = 0; i < n; i++) {
		const struct rules_header *rule = ruleset_header_at(v->host->rules, i);
		struct verdict one = { .action = VERDICT_PASS };

		if (!ruleset_scope_holds(v->host->rules, rule->scope, rcpt))
			continue;
		if (matches(v, rule))
			found(rule, &one);
		host_rule(v, rule->mode, rule->name, &one, out);
	}
	return 0;
}

const struct check check_header = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "header",
	.cost = COST_MEMORY,
	.on_fault = VERDICT_DEFER,
	.at_eom = at_eom,
};
