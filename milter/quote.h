/*
 * quote.h -- strangers' words in a reply.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_QUOTE_H
#define HOLDFAST_QUOTE_H

#include <stddef.h>

/* Copies up to size - 1 bytes; what is not printable ASCII becomes `?'. Lends `to'. */
const char *quote(char *to, size_t size, const void *from, size_t len);

#endif
