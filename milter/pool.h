/*
 * pool.h -- keeps libmilter's pool of threads from forgetting a session while others wait.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_POOL_H
#define HOLDFAST_POOL_H

#include <sys/queue.h>

#include <stdint.h>

#define POOL_PATIENCE	50	/* ms that a callback may take before libmilter is nudged */

struct endpoint;
struct pool;

/* A callback that is running: on its stack. */
struct pool_stay {
	int64_t			since;		/* mono ms */
	TAILQ_ENTRY(pool_stay)	link;
};

/* where libmilter listens. NULL: no memory or thread. */
struct pool	*pool_start(const struct endpoint *where);
void		 pool_stop(struct pool **);
/* Around whatever may take long. A pool of NULL does nothing. */
void		 pool_enter(struct pool *, struct pool_stay *);
void		 pool_leave(struct pool *, struct pool_stay *);

#endif
