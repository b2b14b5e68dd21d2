/*
 * tls_server.c -- the accepting side of TLS: one certificate, any client.
 *
 * For the listener of ETRN and ATRN, where the client proves who it is by AUTH.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include "queued/tls_private.h"

struct tls_server {
	SSL_CTX	*ctx;
};

static int
load(SSL_CTX *ctx, const char *cert_file, const char *key_file, char **why)
{
	char *reason;

	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1) {
		reason = tls_library_error("no certificate in it");
		*why = xasprintf("cannot use the certificate %s: %s", cert_file, reason);
	} else if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		reason = tls_library_error("no private key in it");
		*why = xasprintf("cannot use the key %s: %s", key_file, reason);
	} else {
		return 0;
	}
	free(reason);
	return -1;
}

struct tls_server *
tls_server_new(const char *cert_file, const char *key_file, char **why)
{
	struct tls_server *ts = xcalloc(1, sizeof(*ts));

	ts->ctx = SSL_CTX_new(TLS_server_method());
	if (ts->ctx == NULL || SSL_CTX_set_min_proto_version(ts->ctx, TLS1_2_VERSION) != 1) {
		char *reason = tls_library_error("unknown error");

		*why = xasprintf("cannot set up TLS: %s", reason);
		free(reason);
		tls_server_free(&ts);
		return NULL;
	}
	tls_ctx_common(ts->ctx);
	(void)SSL_CTX_set_session_cache_mode(ts->ctx, SSL_SESS_CACHE_OFF);
	if (load(ts->ctx, cert_file, key_file, why) == -1)
		tls_server_free(&ts);
	return ts;
}

void
tls_server_free(struct tls_server **tsp)
{
	if (*tsp == NULL)
		return;
	SSL_CTX_free((*tsp)->ctx);
	free(*tsp);
	*tsp = NULL;
}

struct tls_conn *
tls_conn_accept(struct tls_server *ts, int fd)
{
	struct tls_conn *t = xcalloc(1, sizeof(*t));

	t->accepting = true;
	t->ssl = SSL_new(ts->ctx);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1) {
		free(tls_library_error(""));
		tls_conn_free(&t);
		return NULL;
	}
	SSL_set_accept_state(t->ssl);
	return t;
}
