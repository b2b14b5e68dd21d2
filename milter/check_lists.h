/*
 * check_lists.h -- what the lists say of a transaction.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CHECK_LISTS_H
#define HOLDFAST_CHECK_LISTS_H

#include <stdint.h>

#include "common/rules_screen.h"
#include "milter/holdfast/check.h"

/*
 * Of one field's rows, as ruleset_entries() gives them: those that count for this recipient at this time.
 * Returns how many of them; they are in out, those in shadow mode that come before the ones that count first.
 */
size_t	check_lists_rows(const struct rules_entry *const *rows, size_t n, const char *rcpt, int64_t now,
	    const struct rules_entry *out[RULES_MATCH_MAX]);
/* What exceptions skip for this recipient: bits 1 << enum rules_check. Counts nothing, refuses nobody. */
uint32_t check_lists_skip(const struct check_view *);

#endif
