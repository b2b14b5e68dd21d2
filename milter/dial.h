/*
 * dial.h -- a stream connection, made and waited for until a deadline (mono ms).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DIAL_H
#define HOLDFAST_DIAL_H

#include <sys/socket.h>

#include <stdint.h>

/* What is ready, as poll(2) says it; an error shows in the next read or write. 0: the deadline has passed. */
short	dial_wait(int fd, short events, int64_t deadline);
/* A socket that does not block, or -1 and errno. */
int	dial(const struct sockaddr *, socklen_t, int64_t deadline);

#endif
