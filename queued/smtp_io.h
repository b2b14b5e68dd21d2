/*
 * smtp_io.h -- one outgoing connection: bytes in and out, replies cut from them.
 *
 * Knows sockets, TLS, deadlines and bounds, but not SMTP's order. Handlers run
 * on the loop's thread; smtp_io_free() may be called from within any of them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SMTP_IO_H
#define HOLDFAST_SMTP_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"
#include "queued/resolve.h"
#include "queued/smtp_client.h"
#include "queued/tls.h"

struct event_base;
struct smtp_io;

struct smtp_io_handlers {
	void	(*connected)(void *);
	void	(*reply)(void *, const struct wire_reply *);
	/* All that came so far was handed over: now is the time to write. */
	void	(*pause)(void *);
	void	(*handshake)(void *, bool ok, const char *why);	/* not ok: nothing comes after it */
	/* smtp_io_flush() said false, and now everything is with the kernel. */
	void	(*drained)(void *);
	/* CONNECT, LOST or BROKEN: nothing comes after it; free it. TIMEOUT: set a new deadline or free it. */
	void	(*failed)(void *, enum smtp_event, const char *why);
};

/* Starts to connect. seconds: the limit for that. Failure is reported from the loop, never from here. */
struct smtp_io	*smtp_io_new(struct event_base *, const struct resolve_addr *, unsigned seconds,
		    const struct smtp_io_handlers *, void *arg);
/* … from that address of ours; NULL: any. */
struct smtp_io	*smtp_io_new_from(struct event_base *, const struct resolve_addr *,
		    const struct resolve_addr *source, unsigned seconds,
		    const struct smtp_io_handlers *, void *arg);
void		 smtp_io_free(struct smtp_io **);
/*
 * One that is connected already (a client of ours that turned the roles around, RFC 2645): fd
 * and tls (or NULL) become its own. It begins in the state after `connected', handlers as above.
 */
struct smtp_io	*smtp_io_adopt(struct event_base *, int fd, struct tls_conn *,
		    const struct smtp_io_handlers *, void *arg);
void		 smtp_io_handlers(struct smtp_io *, const struct smtp_io_handlers *, void *arg);

struct buf	*smtp_io_out(struct smtp_io *);		/* append here, then flush */
/* True: all is with the kernel. False: drained or failed follows. */
bool		 smtp_io_flush(struct smtp_io *);
/* Seconds from now until failed(TIMEOUT). Trickled input does not extend it. */
void		 smtp_io_deadline(struct smtp_io *, unsigned seconds);
/*
 * Starts the handshake. False: the peer sent plaintext after its 220, which an attacker in the
 * path could have put there (RFC 3207 6): the connection must not be used.
 */
bool		 smtp_io_starttls(struct smtp_io *, struct tls_client *, const struct tls_policy *,
		    struct tls_session **cache);
void		 smtp_io_describe_tls(const struct smtp_io *, struct buf *);

#endif
