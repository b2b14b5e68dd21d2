/*
 * state.h -- what the milter remembers, in a file: state.db (common/state.sql).
 *
 * Nobody waits for it. A thread of its own writes what has changed about once a second; a crash
 * loses the last of these seconds. Without a file that can be used everything works and is
 * forgotten at the end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STATE_H
#define HOLDFAST_STATE_H

struct service;
struct state;

/*
 * Reads the file into the service's memory (limits, greylist, counters) and writes it from then on.
 * Open before the first session, when the user is the one who stays. The service must outlive it.
 */
struct state	*state_open(const char *path, struct service *);
/* The main loop runs; rules: "ok", or why their change is refused. Call more often than once a second. */
void		 state_alive(struct state *, const char *rules);
/* Writes all that has changed, and that the milter has ended. */
void		 state_close(struct state **);

/* For those who only ask: what the file has of limits and greylist now, as far as it can be read. */
void		 state_peek(const char *path, struct service *);

#endif
