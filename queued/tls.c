/*
 * tls.c -- bytes and handshakes over a non-blocking socket, either side, by OpenSSL.
 *
 * SIGPIPE must be ignored. Failures are results with words, never aborts;
 * OpenSSL's error queue is emptied each time, as it is shared by all
 * connections of the thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/tls.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509err.h>
#include <stdlib.h>
#include <string.h>

#include "queued/tls_private.h"

/* OpenSSL's reasons whose own words would not help. */
static const struct {
	int		 lib, reason;
	const char	*words;
} plainer[] = {
	{ ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER, "what came is not TLS" },
	{ ERR_LIB_SSL, SSL_R_UNSUPPORTED_PROTOCOL,
	    "the peer's TLS is older than 1.2: update it, or allow a newer protocol there" },
	{ ERR_LIB_SSL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
	    "the peer refused TLS 1.2 and newer: update it, or allow a newer protocol there" },
	{ ERR_LIB_SSL, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
	    "the peer found no common cipher or protocol (alert: handshake failure)" },
	{ ERR_LIB_SSL, SSL_R_TLSV1_ALERT_INTERNAL_ERROR,
	    "the peer had trouble of its own (alert: internal error): see its log" },
	{ ERR_LIB_SSL, SSL_R_TLSV1_UNRECOGNIZED_NAME,
	    "the peer has no certificate for this name (alert: unrecognized name)" },
	{ ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH, "it does not belong to the certificate" },
	{ ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH, "it does not belong to the certificate" },
	{ ERR_LIB_SSL, SSL_R_DH_KEY_TOO_SMALL, "the peer's DH parameters are too small" },
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING		/* OpenSSL 3 */
	{ ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING, "lost connection" },
#endif
};

char *
tls_library_error(const char *fallback)
{
	unsigned long e = ERR_get_error();
	const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

	if (ERR_GET_LIB(e) == ERR_LIB_SYS)
		reason = strerror(ERR_GET_REASON(e));
	for (size_t i = 0; e != 0 && i < sizeof(plainer) / sizeof(plainer[0]); i++)
		if (ERR_GET_LIB(e) == plainer[i].lib && ERR_GET_REASON(e) == plainer[i].reason)
			reason = plainer[i].words;
	ERR_clear_error();
	return xstrdup(reason != NULL ? reason : fallback);
}

void
tls_ctx_common(SSL_CTX *ctx)
{
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

void
tls_conn_free(struct tls_conn **tp)
{
	struct tls_conn *t = *tp;

	if (t == NULL)
		return;
	if (t->ssl != NULL) {
		if (SSL_is_init_finished(t->ssl))
			(void)SSL_shutdown(t->ssl);
		SSL_free(t->ssl);
		ERR_clear_error();
	}
	free(t->host);
	free(t->policy);
	free(t->why);
	free(t);
	*tp = NULL;
}

/* The first reason stays: later ones follow from it. */
static enum tls_result
failed(struct tls_conn *t, const char *fallback)
{
	if (t->why == NULL)
		t->why = tls_library_error(fallback);
	ERR_clear_error();
	return TLS_FAILED;
}

/* What a return value <= 0 of OpenSSL means. */
static enum tls_result
classify(struct tls_conn *t, int rc)
{
	int saved = errno;

	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_EOF;
	case SSL_ERROR_SYSCALL:
		return failed(t, saved == 0 || saved == ECONNRESET || saved == EPIPE ?
		    "lost connection" : strerror(saved));
	default:
		return failed(t, "protocol error");
	}
}

enum tls_result
tls_handshake(struct tls_conn *t)
{
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(t->ssl);
	return rc == 1 ? TLS_DONE : classify(t, rc);
}

static int
clamp(size_t n)
{
	return n > INT_MAX ? INT_MAX : (int)n;
}

enum tls_result
tls_read(struct tls_conn *t, void *p, size_t size, size_t *n)
{
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_read(t->ssl, p, clamp(size));
	if (rc <= 0)
		return classify(t, rc);
	*n = (size_t)rc;
	return TLS_DONE;
}

enum tls_result
tls_write(struct tls_conn *t, const void *p, size_t size, size_t *n)
{
	int rc;

	assert(size > 0);
	ERR_clear_error();
	errno = 0;
	rc = SSL_write(t->ssl, p, clamp(size));
	if (rc <= 0)
		return classify(t, rc);
	*n = (size_t)rc;
	return TLS_DONE;
}

const char *
tls_why(const struct tls_conn *t)
{
	return t->why != NULL ? t->why : "";
}
