/*
 * check_virus.c -- asks ClamAV whether there is a virus in the message.
 *
 * What it amounts to is virus.found's to say: reject (550 5.7.1), quarantine, or defer. No answer, or none that
 * makes sense, is virus.on_fault's. Messages over virus.max_size pass unscanned, which is counted.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/checks.h"

#include <stdio.h>

#include "milter/scan_check.h"

static int
at_eom(const struct check_view *v, struct verdict *out)
{
	const struct rules_policy *p = v->host->policy;
	char text[CHECK_TEXT_SIZE], reason[CHECK_REASON_SIZE];
	struct verdict found = { .action = VERDICT_PASS };
	struct scan_mail mail = scan_check_mail(v);
	struct scan_result r;

	if (p->clamd[0] == '\0' || v->message == NULL)
		return 0;
	if (v->message->bytes > p->virus_max_size) {
		scan_check_unscanned(v, "virus", "larger than virus.max_size");
		return 0;
	}
	if (scan_clamd(p->clamd, &mail, scan_check_deadline(v, p->virus_timeout), &r) == -1) {
		scan_check_fault(v, &p->virus_on_fault, "virus", "clamd", &r, out);
		return 0;
	}
	if (r.found) {
		(void)snprintf(text, sizeof(text), "Message contains a virus (%s)", r.text);
		(void)snprintf(reason, sizeof(reason), "virus %.100s", r.text);
		host_act(&p->virus_found, "5.7.1", text, reason, &found);
	}
	host_rule(v, MODE_ENFORCE, "virus clamd", &found, out);
	return 0;
}

const struct check check_virus = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "virus",
	.cost = COST_NETWORK,
	.on_fault = VERDICT_DEFER,
	.at_eom = at_eom,
	.wants_body = true,
};
