/*
 * buf.h -- a growing byte buffer with a length.
 *
 * A buf may hold any bytes, NUL included; `data' is kept NUL-terminated one
 * byte past `len' so that text can be lent to functions that want a string.
 * Running out of memory is fatal (log_fatal): no reply that was not sent is
 * an acknowledgement, so the client still owns its message (P1).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_BUF_H
#define HOLDFAST_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char	*data;	/* NULL until the first byte */
	size_t	 len;	/* bytes in use */
	size_t	 cap;	/* bytes allocated */
};

#define BUF_INIT { NULL, 0, 0 }

void	buf_free(struct buf *);			/* leaves an empty, usable buf */
void	buf_clear(struct buf *);		/* length 0, memory kept */
void	buf_reserve(struct buf *, size_t more);
void	buf_put(struct buf *, const void *, size_t);
void	buf_puts(struct buf *, const char *);
void	buf_putc(struct buf *, char);
void	buf_printf(struct buf *, const char *, ...) __attribute__((format(printf, 2, 3)));
void	buf_vprintf(struct buf *, const char *, va_list) __attribute__((format(printf, 2, 0)));
void	buf_drop(struct buf *, size_t);		/* the first n bytes go */
const char *buf_str(const struct buf *);	/* lends; "" when empty */
char	*buf_take(struct buf *);		/* caller frees; buf is empty then */

/* Allocation that does not return NULL. */
void	*xcalloc(size_t n, size_t size);
void	*xrealloc(void *, size_t n, size_t size);
char	*xstrdup(const char *);			/* NULL stays NULL */
char	*xstrndup(const char *, size_t);
char	*xasprintf(const char *, ...) __attribute__((format(printf, 1, 2)));

int	 buf_write_fd(int fd, const void *, size_t);	/* all of it; -1 and errno */

#endif
