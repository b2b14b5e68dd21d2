/*
 * digest.h -- what the operator is told once a day of the quarantine.
 *
 * Pure functions from values to a day and to the bytes of a message.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DIGEST_H
#define HOLDFAST_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct store_quarantine;

#define DIGEST_DAY_SIZE	11	/* "2026-11-22", NUL included */
#define DIGEST_NEVER	24	/* the hour that does not come */

struct digest {
	const char	*hostname;	/* ours */
	const char	*queue_id;	/* the digest's */
	const char	*to;		/* address */
	int64_t		 now;		/* wall seconds */
	unsigned	 lifetime;	/* of what is quarantined, seconds; 0 for ever */
	const struct store_quarantine *v;	/* of each domain that has any; n > 0 */
	size_t		 n;
};

/*
 * Is there a digest to be sent at `now' (wall seconds, judged by local time), the last one having been that of
 * the day `last' (NULL: none yet)? day: today.
 */
bool	digest_due(int64_t now, unsigned hour, const char *last, char day[DIGEST_DAY_SIZE]);
/* The whole message, CRLF text. True: it has bytes above 127, so 8BITMIME is needed. */
bool	digest_format(struct buf *, const struct digest *);

#endif
