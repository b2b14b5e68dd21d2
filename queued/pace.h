/*
 * pace.h -- how fast a destination takes mail, and how fast it may. Pure: time is an argument.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_PACE_H
#define HOLDFAST_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* What was done in this second and the one before. Zeroed: nothing yet. */
struct pace {
	int64_t		 second;	/* of the monotonic clock */
	unsigned	 now, before;
};
void	 pace_note(struct pace *, int64_t now);		/* one more; ms */
unsigned pace_recent(const struct pace *, int64_t now);	/* … of the last second or two */

/*
 * A token bucket: `rate' messages a second (0: as many as one likes), a tenth of a second's
 * worth at once and at least one. Zeroed: full.
 */
struct bucket {
	int64_t		 debt;		/* thousandths of a message, at `at' */
	int64_t		 at;		/* ms */
};
/* ms until the next message may go; 0: now. */
int64_t	 bucket_wait(const struct bucket *, unsigned rate, int64_t now);
void	 bucket_take(struct bucket *, unsigned rate, int64_t now);	/* bucket_wait() is 0 */
void	 bucket_give(struct bucket *);		/* the one just taken did not go */

#endif
