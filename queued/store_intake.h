/*
 * store_intake.h -- what store_intake.c and the rest of the store ask of each other.
 *
 * All on the loop's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STORE_INTAKE_H
#define HOLDFAST_STORE_INTAKE_H

#include "queued/store.h"

struct request;

/* --- store.c ------------------------------------------------------------- */
/* From here store_forget() knows the request ... */
void	store_expect(struct store *, struct request *);
/* ... and from here it is the thread's. */
void	store_hand_over(struct store *, struct request *);
/* Both. */
void	store_submit(struct store *, struct request *);
int64_t	store_new_id(struct store *);

/* --- store_intake.c: answers --------------------------------------------- */
void	store_intake_chunk_done(struct store_intake *, enum store_result, const char *why);
void	store_intake_message_done(struct store *, struct request *);

#endif
