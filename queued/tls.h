/*
 * tls.h -- TLS by OpenSSL over non-blocking sockets: the sending side, and the
 * accepting one of ETRN/ATRN.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TLS_H
#define HOLDFAST_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/rules.h"

struct dns_answer;
struct tls_client;		/* what all connections share */
struct tls_conn;		/* one connection */
struct tls_session;		/* what a later handshake with the same host may resume */

enum tls_result { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_EOF, TLS_FAILED };

/* How the peer must prove who it is. All members are lent until tls_conn_new() returns. */
struct tls_policy {
	enum rules_tls	 level;		/* OFF never gets here. MAY: the certificate is not judged */
	const char	*name;		/* in the certificate (verify, dane); also SNI unless it is an address */
	const char	*ca;		/* verify: file of CAs, "" the system's */
	const char	*pin;		/* pinned: as rules_route.tls_pin */
	const struct dns_answer *tlsa;	/* dane: the secure answer with usable records */
	const char	*tlsa_base;	/* dane: the TLSA base domain (RFC 7672 2.2.3) */
	const char	*domain;	/* dane: whose MX led to the host; NULL: none did */
};

/* TLS 1.2 or newer. NULL: the library refused; *why is malloc'd. */
struct tls_client *tls_client_new(char **why);
void		 tls_client_free(struct tls_client **);

/*
 * A connection on fd (not owned). *cache (may hold NULL) is offered for resumption and replaced by newer
 * tickets; it must outlive the connection. A resumed session counts as verified only under the policy that
 * it was verified under: one cache, one policy. NULL: *why (malloc'd) names the file or value at fault.
 */
struct tls_conn	*tls_conn_new(struct tls_client *, int fd, const struct tls_policy *,
		    struct tls_session **cache, char **why);
void		 tls_conn_free(struct tls_conn **);	/* says close_notify if it can at once */
void		 tls_session_free(struct tls_session **);

/* --- the accepting side --------------------------------------------------- */
struct tls_server;
struct tls_server *tls_server_new(const char *cert_file, const char *key_file, char **why);
void		 tls_server_free(struct tls_server **);
struct tls_conn	*tls_conn_accept(struct tls_server *, int fd);	/* NULL: no memory */

/* --- both ----------------------------------------------------------------- */
enum tls_result	 tls_handshake(struct tls_conn *);	/* DONE: the peer is who the policy wants */
/* DONE: *n > 0 bytes moved. */
enum tls_result	 tls_read(struct tls_conn *, void *, size_t, size_t *n);
enum tls_result	 tls_write(struct tls_conn *, const void *, size_t, size_t *n);
/* Why it failed, in words that say what to do: "the certificate expired on 2026-01-03". Lends. */
const char	*tls_why(const struct tls_conn *);
/* "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384, verified by CA, resumed". Appends. */
void		 tls_describe(const struct tls_conn *, struct buf *);

#endif
