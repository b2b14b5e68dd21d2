/*
 * store_work.h -- what the store's thread does with the requests it took.
 *
 * Without the thread: no mutex, no waiting. store_thread.c calls this.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STORE_WORK_H
#define HOLDFAST_STORE_WORK_H

#include "queued/store_request.h"
#include "queued/store_thread.h"

enum condition { COND_OK, COND_FULL, COND_SICK };

struct store_work {
	const struct engine_ops	*ops;
	struct store_engine	*engine;
	struct leases		*leases;
	struct request_list	 todo;		/* writes that wait for their batch */
	struct request_list	 listings;	/* reads that go on in steps */
	struct request_list	 kept;		/* writes that could not be done yet */
	struct request_list	 answers;	/* done: the caller takes them */
	enum condition		 condition;
	int64_t			 retry_at;	/* monotonic ms: what failed is not tried before */
	unsigned		 failures;	/* since the last COMMIT */
	struct store_health	 health;
};

void	store_work_init(struct store_work *, const struct engine_ops *, struct store_engine *);
/* All requests must be answered. Closes the engine. */
void	store_work_clear(struct store_work *);
/* Something must be tried again before there can be new work. */
bool	store_work_trouble(const struct store_work *);
/* True: the engine can be used; if it was sick, it recovered. */
bool	store_work_well(struct store_work *);
/* Answers the reads among these, puts the writes into todo. */
void	store_work_sort(struct store_work *, struct request_list *);
/* One batch of todo and all that was kept. */
void	store_work_write(struct store_work *);
/* One step of a listing, if there is one. */
void	store_work_list(struct store_work *);
/* Between batches. */
void	store_work_tidy(struct store_work *);
/* A step of housekeeping; in how many seconds the next one is due, -1 none. */
int	store_work_idle(struct store_work *);
/* At a stop: one last try for what was kept, then it is given up, and said. */
void	store_work_give_up(struct store_work *);

/* --- between store_work.c and store_work_read.c -------------------------- */
void	store_work_answer(struct store_work *, struct request *, enum store_result,
	    const char *why);
void	store_work_set_condition(struct store_work *, enum condition);

#endif
