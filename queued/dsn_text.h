/*
 * dsn_text.h -- strangers' text in our own messages, made harmless.
 *
 * Whatever the input, the output has no bare CR or LF, no NUL, no line above
 * DSN_LINE_MAX octets, and a field that does not end early.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DSN_TEXT_H
#define HOLDFAST_DSN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

#define DSN_LINE_MAX	998u	/* RFC 5322 2.1.1, CRLF excluded */

/* On one line: control bytes become blanks, bytes above 127 (unless utf8 and well-formed) `?'. */
void	dsn_put_text(struct buf *, const char *, bool utf8);
/* "Name: value" CRLF, folded at blanks. */
void	dsn_put_field(struct buf *, const char *name, const char *value, bool utf8);
/* A paragraph, each line behind `indent', and an empty line. */
void	dsn_put_paragraph(struct buf *, const char *indent, const char *text, bool utf8);
/* The header that data starts with, at most max octets of it, in whole lines. */
void	dsn_put_header(struct buf *, const char *data, size_t len, size_t max);
bool	dsn_has_8bit(const char *, size_t);

#endif
