/*
 * checks.h -- the table of checks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CHECKS_H
#define HOLDFAST_CHECKS_H

#include <stddef.h>

#include "milter/holdfast/check.h"

extern const struct check check_dnsbl;
extern const struct check check_greylist;
extern const struct check check_header;
extern const struct check check_helo;
extern const struct check check_limits;
extern const struct check check_lists;
extern const struct check check_recipient;
extern const struct check check_sender;
extern const struct check check_sender_domain;
extern const struct check check_size;
extern const struct check check_spam;
extern const struct check check_spf;
extern const struct check check_spoof;
extern const struct check check_virus;

/* In order of cost; among equals in the order of the table. */
const struct check *const *checks_table(size_t *n);

#endif
