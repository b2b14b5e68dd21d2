/*
 * counters.h -- how often each check and each rule was asked, and what came of it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_COUNTERS_H
#define HOLDFAST_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

#define COUNTERS_MAX	10000	/* names; more are not counted */

/* HIT: it was enforced; WOULD: it would have been, but for shadow mode. */
enum counter { COUNT_SEEN, COUNT_HIT, COUNT_WOULD };
#define NCOUNTERS	3

struct counters;

struct counters	*counters_new(void);
void		 counters_free(struct counters **);
/* Thread-safe. The name is copied at its first use. */
void		 counters_add(struct counters *, const char *name, enum counter);
/* From the last run: added to what is there. */
void		 counters_load(struct counters *, const char *name, const uint64_t n[NCOUNTERS]);
/* All that changed since the last call, in no order; fn runs under the lock. */
typedef void	 counters_fn(void *arg, const char *name, const uint64_t n[NCOUNTERS]);
void		 counters_changed(struct counters *, counters_fn *, void *arg);
void		 counters_all_changed(struct counters *);	/* for the next of these calls */
void		 counters_each(struct counters *, counters_fn *, void *arg);

#endif
