/*
 * complaints.h -- says once in a while what is amiss for every message.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_COMPLAINTS_H
#define HOLDFAST_COMPLAINTS_H

#include <stdbool.h>

#define COMPLAINTS_EVERY	600	/* s between two of the same */
#define COMPLAINTS_MAX		64	/* different ones; the oldest is forgotten */

struct complaints;

struct complaints *complaints_new(void);
void	complaints_free(struct complaints **);
/* Thread-safe. Is it time to say this (again)? Then the next time is COMPLAINTS_EVERY from now. */
bool	complaints_due(struct complaints *, const char *what);

#endif
