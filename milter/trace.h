/*
 * trace.h -- the id that ties a reply, our log lines and the queue together.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TRACE_H
#define HOLDFAST_TRACE_H

#define TRACE_SIZE	13	/* NUL included */

/* Unique on this host, also over restarts: seconds, a counter, and noise drawn at the first call. */
void	trace_new(char [TRACE_SIZE]);

#endif
