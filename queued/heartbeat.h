/*
 * heartbeat.h -- tells the service manager that holdfast-queued works, and what it is doing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_HEARTBEAT_H
#define HOLDFAST_HEARTBEAT_H

#include <stddef.h>
#include <stdint.h>

#include "queued/deliver.h"
#include "queued/store.h"

struct event_base;
struct heartbeat;

/* count(arg, …): the primaries now. NULL: nobody wants to hear it; every function takes that. */
struct heartbeat *heartbeat_new(struct event_base *, struct store *,
		    void (*count)(void *, struct deliver_counts *), void *arg);
/* From now on the line says so; the beat goes on. */
void	heartbeat_stopping(struct heartbeat *);
void	heartbeat_free(struct heartbeat **);

/* The line: "3 messages held, 1 of 2 primaries down". */
void	heartbeat_line(char *line, size_t size, const struct store_totals *,
	    const struct deliver_counts *, const char *store_state);

#endif
