/*
 * argv.h -- what the MTA hands a milter at MAIL and RCPT, as an envelope.
 *
 * argv[0] is the address in brackets, the others are the ESMTP parameters as the client wrote them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_ARGV_H
#define HOLDFAST_ARGV_H

#include "common/envelope.h"

/*
 * Sets sender and parameters (the rest of env must be empty), or appends one recipient.
 * The MTA has accepted the command already, so parameters that we do not know are left
 * out in silence. -1, env unchanged: the address is not one that queued would take.
 */
int	argv_mail(char *const *argv, struct envelope *env);
int	argv_rcpt(char *const *argv, struct envelope *env);

/* The address without its brackets (caller frees). */
char	*argv_address(const char *arg);

#endif
