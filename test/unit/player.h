/*
 * player.h -- a server on a unix socket that plays a script: for each request
 * line it reads, one answer.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_PLAYER_H
#define HOLDFAST_TEST_PLAYER_H

#include <pthread.h>
#include <stddef.h>

#include "common/buf.h"

struct player {
	char		 dir[64], path[96];
	int		 fd;
	pthread_t	 thread;
	const char	*const *answers;	/* NULL ends and closes */
	size_t		 piece;			/* bytes a write */
	struct buf	 got;			/* what came in; look after player_stop() */
};

void	player_start(struct player *, const char *const *answers, size_t piece);
void	player_stop(struct player *);		/* `got' stays: buf_free() it */

#endif
