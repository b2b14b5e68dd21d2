/*
 * check_limits.h -- what the rate limits are told beside their turn among the checks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CHECK_LIMITS_H
#define HOLDFAST_CHECK_LIMITS_H

#include <stdbool.h>

#include "milter/holdfast/check.h"

/*
 * view->rcpt does not exist: whoever refused it. True: its client is locked out from now on, and why
 * names the row.
 */
bool	check_limits_unknown(const struct check_view *, char why[CHECK_RULE_SIZE]);

#endif
