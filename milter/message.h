/*
 * message.h -- a message on its way through us, for those who look inside: its headers, its bytes.
 *
 * Up to MESSAGE_MEMORY bytes stay in memory, more go to a file without a name. A fault (no room)
 * is remembered and told at the end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_MESSAGE_H
#define HOLDFAST_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/holdfast/check.h"

#define MESSAGE_MEMORY	(64u * 1024)

struct message;

/*
 * max_headers, max_value: what of the headers is kept for the checks; bytes of a longer value are cut. Of the
 * header `trusted' ("" none) the last is kept in any case: who sends ever so many headers cannot hide
 * what a milter before us has added behind them.
 */
struct message	*message_new(size_t max_headers, size_t max_value, const char *trusted);
void		 message_free(struct message **);
/* value as the MTA gives it, with its folds. For the checks; the bytes come by message_put(). */
void		 message_header(struct message *, const char *name, const char *value);
void		 message_put(struct message *, const void *, size_t);
/* NULL, or why not all of it could be kept (static). */
const char	*message_fault(const struct message *);
/* For the checks; lends. */
const struct check_message *message_view(struct message *);
uint64_t	 message_bytes(const struct message *);
/* Bytes from an offset; 0 at the end, -1 a fault. */
ssize_t		 message_read(const struct message *, void *, size_t, uint64_t offset);

#endif
