/*
 * tls.h -- TLS for the sending side, by OpenSSL over a non-blocking socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TLS_H
#define HOLDFAST_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/buf.h"

struct tls_client;		/* what all connections share */
struct tls_conn;		/* one connection */
struct tls_session;		/* what a later handshake with the same host may resume */

enum tls_result { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_EOF, TLS_FAILED };

/* TLS 1.2 or newer. NULL: the library refused; *why is malloc'd. */
struct tls_client *tls_client_new(char **why);
void		 tls_client_free(struct tls_client **);

/*
 * A connection on fd (not owned). name goes out as SNI unless it is an address. *cache (may hold
 * NULL) is offered for resumption and replaced by newer tickets; it must outlive the connection.
 */
struct tls_conn	*tls_conn_new(struct tls_client *, int fd, const char *name,
		    struct tls_session **cache);
void		 tls_conn_free(struct tls_conn **);	/* says close_notify if it can at once */
void		 tls_session_free(struct tls_session **);

enum tls_result	 tls_handshake(struct tls_conn *);
/* DONE: *n > 0 bytes moved. */
enum tls_result	 tls_read(struct tls_conn *, void *, size_t, size_t *n);
enum tls_result	 tls_write(struct tls_conn *, const void *, size_t, size_t *n);
/* Why it failed, in words. Lends. */
const char	*tls_why(const struct tls_conn *);
/* "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384". Appends. */
void		 tls_describe(const struct tls_conn *, struct buf *);

#endif
