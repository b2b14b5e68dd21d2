/*
 * scan_check.h -- what the checks that ask scanners have in common.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SCAN_CHECK_H
#define HOLDFAST_SCAN_CHECK_H

#include "milter/host.h"
#include "milter/scan.h"

struct scan_mail scan_check_mail(const struct check_view *);
/* The end of all checks, or of so many seconds from now. */
int64_t	scan_check_deadline(const struct check_view *, unsigned seconds);
/* A scanner gave no verdict: what that amounts to by the rules. */
void	scan_check_fault(const struct check_view *, const struct rules_act *, const char *check,
	    const char *scanner, const struct scan_result *, struct verdict *);
/* The message is not scanned, and passes: counted as a rule `CHECK unscanned: WHY'. */
void	scan_check_unscanned(const struct check_view *, const char *check, const char *why);

#endif
