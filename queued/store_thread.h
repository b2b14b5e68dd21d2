/*
 * store_thread.h -- the thread that owns the database.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STORE_THREAD_H
#define HOLDFAST_STORE_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "queued/store_request.h"

struct store_thread;

/*
 * Takes the engine. wake() is called on the thread, once for each batch of answers.
 * NULL: no thread could be had; the engine is closed.
 */
struct store_thread *store_thread_start(const struct engine_ops *, struct store_engine *,
		    void (*wake)(void *), void *arg);
void		 store_thread_submit(struct store_thread *, struct request *);
/* Moves what is answered to the list. */
void		 store_thread_collect(struct store_thread *, struct request_list *);
/* Blocks until everything submitted was answered; what cannot be written is a fault then. */
void		 store_thread_flush(struct store_thread *);
/* Stops the thread, closes the engine. */
void		 store_thread_stop(struct store_thread **);

/* What the thread says of itself; callable from any thread. */
struct store_health {
	char		why[320];	/* "ok", or why work is refused */
	bool		stuck;		/* something must be tried again: no leases before */
	int64_t		full_at;	/* monotonic ms of the last lack of room; 0 never */
	uint64_t	free_bytes;	/* inside of the database's files */
};
void		 store_thread_health(struct store_thread *, struct store_health *);

#endif
