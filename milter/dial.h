/*
 * dial.h -- a stream connection, made and waited for until a deadline (mono ms).
 *
 * All of it may be called from any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DIAL_H
#define HOLDFAST_DIAL_H

#include <sys/socket.h>

#include <stdint.h>

#include "common/endpoint.h"

/* What is ready, as poll(2) says it; an error shows in the next read or write. 0: the deadline has passed. */
short	dial_wait(int fd, short events, int64_t deadline);
/* A socket that does not block, or -1 and errno. */
int	dial(const struct sockaddr *, socklen_t, int64_t deadline);
/*
 * To a unix socket, or to the first address of that name that answers, as the system resolves names; one that
 * says nothing is given up after DIAL_ADDRESS_MS. -1 and *why (malloc'd).
 */
#define DIAL_ADDRESS_MS	5000
int	dial_endpoint(const struct endpoint *, int64_t deadline, char **why);

#endif
