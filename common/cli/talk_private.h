/*
 * talk_private.h -- what the files of talk.h share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_TALK_PRIVATE_H
#define HOLDFAST_CLI_TALK_PRIVATE_H

#include <stdint.h>

#include "common/buf.h"
#include "common/cli/talk.h"

struct ssl_st;
struct ssl_ctx_st;

struct talk {
	int			 fd;
	int64_t			 deadline;
	struct buf		 in;
	size_t			 scanned;
	struct ssl_st		*ssl;	/* NULL: in the clear */
	struct ssl_ctx_st	*ctx;
};

/* Waits for events of the socket. -1: *why, the deadline has come. */
int	talk_wait(struct talk *, short events, char **why);
/* As read(2) and write(2), through TLS; they wait. -1: *why. */
long	talk_tls_read(struct talk *, void *, size_t, char **why);
long	talk_tls_write(struct talk *, const void *, size_t, char **why);
void	talk_tls_end(struct talk *);

#endif
