/*
 * deliver_intake.h -- what delivery put into the store as mail of its own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_DELIVER_INTAKE_H
#define HOLDFAST_TEST_DELIVER_INTAKE_H

#include "test/unit/deliver_world.h"

struct intake_taken {
	char	*sender, *route, *trace, *rcpt, *body;
};
extern struct intake_taken *intake_taken;
extern size_t intake_ntaken;
extern bool intake_full;	/* answer STORE_FULL */
void	intake_clear(void);

#endif
