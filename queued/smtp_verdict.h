/*
 * smtp_verdict.h -- filling in what a peer said; for smtp_client.c alone.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SMTP_VERDICT_H
#define HOLDFAST_SMTP_VERDICT_H

#include "queued/smtp_client.h"

void	smtp_verdict_clear(struct smtp_verdict *);
void	smtp_verdict_set(struct smtp_verdict *, enum smtp_event, enum smtp_state phase, int code,
	    const char *dsn, const char *text);
void	smtp_verdict_reply(struct smtp_verdict *, enum smtp_state phase, const struct wire_reply *);

#endif
