/*
 * spf_private.h -- what spf.c and spf_child.c share; nobody else includes it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SPF_PRIVATE_H
#define HOLDFAST_SPF_PRIVATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "milter/spf.h"

/* For tests, too: a client of whoever speaks spf_proto.h at the other end of this SOCK_SEQPACKET. pid: to be
 * waited for at the end; 0 nobody. Takes fd. */
struct spf	*spf_over(int fd, pid_t pid);

/* The process that starts the workers; does not return. fd: its end of the socket. milter: its parent. */
void		 spf_child_main(int fd, pid_t milter, const char *resolver, bool keep_stderr)
		    __attribute__((noreturn));

#endif
