/*
 * log.h -- one line a decision, to syslog or to standard error.
 *
 * Every line passes one escaper: control bytes, DEL and bytes that are not
 * valid UTF-8 leave as \xNN, so that no peer can write a line of its own.
 * Values that may hold blanks or quotes are wrapped by log_quote().
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_LOG_H
#define HOLDFAST_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_dest { LOG_TO_STDERR, LOG_TO_SYSLOG };

/* Ident is e.g. "holdfast/queued" (the form that pflogsumm and fail2ban expect). */
void	log_open(const char *ident, enum log_dest);
void	log_set_verbose(bool);			/* let log_debug through */
void	log_set_quiet(bool);			/* keep log_info back, too */

void	log_debug(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_info(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_warn(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_error(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_fatal(const char *, ...) __attribute__((format(printf, 1, 2), noreturn));

/*
 * log_quote(q, value): the value in double quotes, inner quotes and
 * backslashes escaped, cut at LOG_QUOTE_MAX bytes. Lends q's memory.
 * Use: log_info("%s: reason=%s", id, log_quote(&q, text)).
 */
#define LOG_QUOTE_MAX 512
struct log_q {
	char	text[LOG_QUOTE_MAX * 2 + 8];
};
const char *log_quote(struct log_q *, const char *value);

/* The escaper itself: returns the length of what it wrote, NUL-terminated. */
size_t	log_escape(char *dst, size_t dstsize, const char *src, size_t srclen);

#endif
