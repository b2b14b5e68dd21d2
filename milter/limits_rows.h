/*
 * limits_rows.h -- which rows of the rate limits count for what a client does, and what they say: for
 * check_limits.c alone.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_LIMITS_ROWS_H
#define HOLDFAST_LIMITS_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "milter/host.h"
#include "milter/limits.h"

struct limits_rows {
	const struct check_view	*v;
	struct limits		*limits;
	struct limits_ask	*ask;		/* n of them, with the answers */
	size_t			 n;
	char			 network[HOST_NETWORK_SIZE];	/* the client's */
	char			**made;		/* values that were put together, nmade of them */
	size_t			 nmade;
};

/* False: nobody is limited here. Clear it in any case. */
bool	limits_rows_init(struct limits_rows *, const struct check_view *);
void	limits_rows_clear(struct limits_rows *);

/* Adds the rows for what comes now. */
void	limits_rows_connection(struct limits_rows *);
/* counted: as a message it has been, only what is of this recipient is new. */
void	limits_rows_messages(struct limits_rows *, bool counted);
void	limits_rows_recipients(struct limits_rows *);
/* LIMIT_UNKNOWN, LIMIT_SPAM. before: is there room for one more? Else one has come. */
void	limits_rows_signal(struct limits_rows *, enum rules_limit_what, bool before);
void	limits_rows_bytes(struct limits_rows *);
/* Asks, and counts. */
void	limits_rows_ask(struct limits_rows *);

#endif
