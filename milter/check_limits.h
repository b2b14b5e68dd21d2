/*
 * check_limits.h -- what the rate limits are told beside their turn among the checks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CHECK_LIMITS_H
#define HOLDFAST_CHECK_LIMITS_H

#include <stdbool.h>

#include "common/rules_screen.h"
#include "milter/holdfast/check.h"

/*
 * LIMIT_UNKNOWN: view->rcpt does not exist, whoever refused it. LIMIT_SPAM: the message is spam, whoever found it.
 * True: the client is locked out from now on, and why names the row.
 */
bool	check_limits_signal(const struct check_view *, enum rules_limit_what, char why[CHECK_RULE_SIZE]);

#endif
