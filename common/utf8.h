/*
 * utf8.h -- is this byte sequence UTF-8 (RFC 3629)?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_UTF8_H
#define HOLDFAST_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Length (1..4) of the well-formed character that s[0..len) starts with; 0 if it starts with none
 * (overlong forms, surrogates, values above U+10FFFF, a cut sequence, len 0).
 */
size_t	utf8_char(const char *s, size_t len);
bool	utf8_valid(const char *s, size_t len);
bool	utf8_is_ascii(const char *s);	/* no byte over 0x7f */

#endif
