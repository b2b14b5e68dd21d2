/*
 * check_lists.h -- what the lists say of a transaction.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CHECK_LISTS_H
#define HOLDFAST_CHECK_LISTS_H

#include <stdint.h>

#include "milter/holdfast/check.h"

/* What exceptions skip for this recipient: bits 1 << enum rules_check. Counts nothing, refuses nobody. */
uint32_t check_lists_skip(const struct check_view *);

#endif
