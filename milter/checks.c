/*
 * checks.c -- the table of checks: a check is listed here, once.
 *
 * The order is that of enum rules_check: cheap before dear, recipients before anything that
 * costs more than memory, the greylist after all that tells whether it is needed, and scanners last.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/checks.h"

#include <assert.h>

static const struct check *const table[] = {
	&check_lists,
	&check_limits,
	&check_helo,
	&check_sender,
	&check_spoof,
	&check_recipient,
	&check_size,
	&check_sender_domain,
	&check_spf,
	&check_dnsbl,
	&check_greylist,
	&check_header,
	&check_virus,
	&check_spam,
};

const struct check *const *
checks_table(size_t *n)
{
	bool known = false;

	*n = sizeof(table) / sizeof(table[0]);
	for (size_t i = 0; i < *n; i++) {
		assert(table[i]->abi == HOLDFAST_CHECK_ABI);
		assert(table[i]->on_fault != VERDICT_REJECT);	/* P3 */
		/* Until the recipient is known nothing is asked that costs more than memory. */
		assert(known || table[i]->cost == COST_MEMORY);
		known = known || table[i] == &check_recipient;
	}
	return table;
}
