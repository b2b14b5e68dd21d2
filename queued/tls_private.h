/*
 * tls_private.h -- what the tls*.c files share; nobody else includes it.
 *
 *	tls.c		bytes and handshakes, either side
 *	tls_client.c	the sending side: policies, sessions to resume
 *	tls_verify.c	which CAs count; why a certificate was refused, in words
 *	tls_dane.c	TLSA records and pins
 *	tls_server.c	the accepting side
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TLS_PRIVATE_H
#define HOLDFAST_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "queued/tls.h"

struct tls_conn {
	SSL		*ssl;
	char		*why;		/* "" until it failed */
	bool		 accepting;

	/* The sending side. */
	enum rules_tls	 level;
	bool		 judged;	/* the certificate must be right */
	char		*host;		/* whose certificate it should be */
	struct tls_session **cache;
	char		*policy;	/* what a session of this connection was verified under */
};

/* tls.c */
char	*tls_library_error(const char *fallback);	/* what OpenSSL's queue says; it is empty then */
void	 tls_ctx_common(SSL_CTX *);

/* tls_verify.c */
/* The certificates of a file ("": the system's), read anew when it changed. *stamp is another then. */
struct tls_store;
X509_STORE *tls_store_get(struct tls_store **, const char *file, char **stamp, char **why);
void	 tls_store_free(struct tls_store **);
int	 tls_verify_peer(int ok, X509_STORE_CTX *);	/* OpenSSL's call-back: notes the reason */

/* tls_dane.c */
/* Usable records into the connection, named in *key; how many, or -1 with *why. */
int	 tls_dane_records(struct tls_conn *, const struct tls_policy *, struct buf *key, char **why);
int	 tls_dane_pins(struct tls_conn *, const struct tls_policy *, char **why);

#endif
