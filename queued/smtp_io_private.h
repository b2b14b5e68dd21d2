/*
 * smtp_io_private.h -- what the smtp_io*.c files share; nobody else includes it.
 *
 *	smtp_io.c		life, deadlines, connecting, handshakes
 *	smtp_io_bytes.c		bytes in, cut to replies; bytes out
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SMTP_IO_PRIVATE_H
#define HOLDFAST_SMTP_IO_PRIVATE_H

#include <event2/event.h>

#include "common/buf.h"
#include "queued/smtp_io.h"

enum io_phase { IO_CONNECTING, IO_PLAIN, IO_HANDSHAKE, IO_TLS, IO_DEAD };

struct smtp_io {
	struct event_base	*base;
	const struct smtp_io_handlers *h;
	void			*arg;
	int			 fd;
	enum io_phase		 phase;
	struct event		*readable, *writable, *timer;
	struct tls_conn		*tls;
	char			*tls_why;	/* there is none, since … */

	struct buf		 in, out;
	size_t			 sent;		/* of out, with the kernel */
	size_t			 scanned;	/* of in, without a CRLF */
	struct wire_reply	 reply;
	bool			 blocked;	/* drained() is owed */
	char			*write_error;	/* not yet reported */

	int64_t			 deadline;	/* mono ms */
	int64_t			 armed;		/* when the timer fires; 0 not armed */
	unsigned		 limit;		/* seconds of the last deadline */
	size_t			 since_deadline;	/* bytes written since */

	int			 error;		/* of connect(), reported from the loop */
	unsigned		 depth;		/* handlers running */
	bool			 freed;		/* by a handler */
};

void	smtp_io_enter(struct smtp_io *);	/* handlers may run until … */
void	smtp_io_leave(struct smtp_io *);	/* … here; io may be gone then */
/* After this nothing is called any more. */
void	smtp_io_fail(struct smtp_io *, enum smtp_event, const char *why);
bool	smtp_io_over(const struct smtp_io *);

/* smtp_io_bytes.c */
void	smtp_io_read(struct smtp_io *);		/* takes what is there, hands replies over */

#endif
