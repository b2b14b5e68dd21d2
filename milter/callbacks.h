/*
 * callbacks.h -- libmilter's side of the milter.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CALLBACKS_H
#define HOLDFAST_CALLBACKS_H

struct pool;
struct service;

/* Registers our callbacks with libmilter, before its socket is opened. 0 or -1. */
int	callbacks_register(void);
/* What every session will use; before smfi_main(). pool may be NULL. */
void	callbacks_serve(struct service *, struct pool *);

#endif
