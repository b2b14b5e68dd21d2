/*
 * state_read.h -- state.db: its schema, and how others than the milter look into it.
 *
 * Readers never write, and hold the file no longer than it takes to copy what they want: the milter
 * cannot write while they do.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STATE_READ_H
#define HOLDFAST_STATE_READ_H

#include <stddef.h>
#include <stdint.h>

#define STATE_APPLICATION_ID	0x48465354	/* "HFST"; state.sql says the same */
#define STATE_SCHEMA_VERSION	1

extern const char state_schema[];	/* state.sql */

#define STATE_TEXTS	3
#define STATE_NUMBERS	4

struct state_row {
	char	*text[STATE_TEXTS];	/* "" where there is none */
	int64_t	 n[STATE_NUMBERS];
};

/* What can be read. Texts and numbers in this order: */
enum state_table {
	STATE_STATUS,		/* name, value */
	STATE_COUNTERS,		/* name; seen, hit, would, updated. By name */
	STATE_BUCKETS,		/* what, per, value; until. What is longest taken first */
	STATE_LOCKOUTS,		/* client; since, what, until. The latest first */
	STATE_GREYLIST,		/* network, sender, recipient; since, last, passes, until. The latest first */
	STATE_NETWORKS		/* network; since, last, passes, until. The latest first */
};

enum state_result {
	STATE_OK,
	STATE_ABSENT,		/* there is no such file */
	STATE_DENIED,		/* no permission */
	STATE_BUSY,		/* the milter is writing just now: try again */
	STATE_BAD		/* none of ours, of a later version, damaged */
};

/*
 * All rows of the table that are not over at `now' (us). The array is the caller's: state_free().
 * *why (malloc'd) unless STATE_OK.
 */
enum state_result state_read(const char *path, enum state_table, int64_t now, struct state_row **rows,
		    size_t *n, char **why);
void		 state_free(struct state_row **, size_t n);
/* The value of a row of STATE_STATUS; "" if there is none. Lends. */
const char	*state_status(const struct state_row *, size_t n, const char *name);

#endif
