/*
 * schedule.h -- a schedule in words.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_SCHEDULE_H
#define HOLDFAST_CLI_SCHEDULE_H

struct schedule;

/* "1m 5m 15m 30m 1h*"; the caller frees it. */
char	*schedule_text(const struct schedule *);

#endif
