/*
 * scan_io.h -- a connection to a scanner: bytes out, one answer in, a deadline for all of it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SCAN_IO_H
#define HOLDFAST_SCAN_IO_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "milter/scan.h"

#define SCAN_PIECE	(64u * 1024)	/* of a message at a time */

struct scan_io {
	int		 fd;		/* -1: closed */
	int64_t		 deadline;	/* clock_mono_ms() */
	struct scan_result *result;	/* of a failure: why */
};

/* server: HOST:PORT or unix:PATH. 0, or -1. */
int	scan_io_open(struct scan_io *, const char *server, int64_t deadline, struct scan_result *);
void	scan_io_close(struct scan_io *);
/* 0: all of it was sent. 1: it answers already, or has closed; its answer is worth a look. -1. */
int	scan_io_send(struct scan_io *, const void *, size_t);
/* Bytes of the message. As scan_io_send(); before each piece `head' is called, if there is one. */
typedef void scan_io_head(struct buf *, size_t len);
int	scan_io_send_message(struct scan_io *, const struct check_message *, scan_io_head *head);
void	scan_io_sent(struct scan_io *);			/* nothing more will come from us */
/* Until it closes, or has sent a NUL where that ends an answer. 0, or -1: too late, too long. */
int	scan_io_receive(struct scan_io *, struct buf *, bool nul_ends);

#endif
