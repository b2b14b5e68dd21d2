/*
 * scan_check.c -- what the checks that ask scanners have in common.
 *
 * A scanner that is away is our own fault: 4xx, and the mail comes again (P3); unless the rules say that mail
 * may pass without it. Then it is counted, and the log says so once in a while.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/scan_check.h"

#include <stdio.h>

#include "common/clock.h"

struct scan_mail
scan_check_mail(const struct check_view *v)
{
	return (struct scan_mail){ .message = v->message, .client_addr = v->client_addr,
	    .client_name = v->client_name, .helo = v->helo, .user = v->auth, .sender = v->sender,
	    .id = v->trace, .hostname = v->host->hostname, .rcpts = v->rcpts, .nrcpts = v->nrcpts };
}

int64_t
scan_check_deadline(const struct check_view *v, unsigned seconds)
{
	int64_t own = clock_mono_ms() + (int64_t)seconds * 1000, all = v->host->deadline;

	return all != 0 && all < own ? all : own;
}

void
scan_check_unscanned(const struct check_view *v, const char *check, const char *why)
{
	const struct verdict nothing = { .action = VERDICT_PASS };
	struct verdict none = nothing;
	char rule[CHECK_RULE_SIZE];

	(void)snprintf(rule, sizeof(rule), "%s unscanned: %s", check, why);
	host_rule(v, MODE_ENFORCE, rule, &nothing, &none);
}

void
scan_check_fault(const struct check_view *v, const struct rules_act *act, const char *check,
    const char *scanner, const struct scan_result *r, struct verdict *out)
{
	char reason[CHECK_REASON_SIZE], what[64];

	(void)snprintf(reason, sizeof(reason), "%s: %.100s", scanner, r->why);
	if (act->verdict == RULES_DEFER) {
		check_defer(out, 451, "4.3.0", "Content scanner not available, try again later", reason);
		return;
	}
	(void)snprintf(what, sizeof(what), "%s: mail passes unscanned", check);
	host_complain(v, what, reason);
	scan_check_unscanned(v, check, "fault");
}
