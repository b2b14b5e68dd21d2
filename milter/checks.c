/*
 * checks.c -- the table of checks: a check is listed here, once.
 *
 * The order of cost is asserted, not sorted: who adds a check puts it where it
 * belongs, and recipients come before anything that costs more than memory.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/checks.h"

#include <assert.h>

static const struct check *const table[] = {
	&check_recipient,
	&check_size,
};

const struct check *const *
checks_table(size_t *n)
{
	size_t i;

	*n = sizeof(table) / sizeof(table[0]);
	for (i = 0; i < *n; i++) {
		assert(table[i]->abi == HOLDFAST_CHECK_ABI);
		assert(table[i]->on_fault != VERDICT_REJECT);	/* P3 */
		assert(i == 0 || table[i - 1]->cost <= table[i]->cost);
	}
	return table;
}
