/*
 * tls.c -- TLS for the sending side, by OpenSSL.
 *
 * Opportunistic (RFC 7435): the certificate is not judged here, since a
 * plaintext connection would be the alternative. SIGPIPE must be ignored.
 * Failures are results with words, never aborts; OpenSSL's error queue is
 * emptied each time, as it is shared by all connections of the thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

struct tls_client {
	SSL_CTX	*ctx;
};

struct tls_session {
	SSL_SESSION	*s;
};

struct tls_conn {
	SSL		 *ssl;
	struct tls_session **cache;
	char		  why[160];
};

static void
ssl_error(char *dst, size_t size, const char *fallback)
{
	unsigned long e = ERR_get_error();
	const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

	if (reason == NULL)
		reason = fallback;
	(void)snprintf(dst, size, "%s", reason);
	ERR_clear_error();
}

/* OpenSSL has a session that may be resumed (a ticket, with TLS 1.3 after the handshake). */
static int
on_session(SSL *ssl, SSL_SESSION *s)
{
	struct tls_conn *t = SSL_get_app_data(ssl);

	if (t->cache == NULL)
		return 0;
	if (*t->cache == NULL)
		*t->cache = xcalloc(1, sizeof(**t->cache));
	else
		SSL_SESSION_free((*t->cache)->s);
	(*t->cache)->s = s;
	return 1;	/* the reference is ours now */
}

struct tls_client *
tls_client_new(char **why)
{
	struct tls_client *tc = xcalloc(1, sizeof(*tc));
	char text[160];

	tc->ctx = SSL_CTX_new(TLS_client_method());
	if (tc->ctx == NULL || SSL_CTX_set_min_proto_version(tc->ctx, TLS1_2_VERSION) != 1) {
		ssl_error(text, sizeof(text), "unknown error");
		*why = xasprintf("cannot set up TLS: %s", text);
		tls_client_free(&tc);
		return NULL;
	}
	(void)SSL_CTX_set_mode(tc->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(tc->ctx, SSL_VERIFY_NONE, NULL);
	(void)SSL_CTX_set_session_cache_mode(tc->ctx,
	    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(tc->ctx, on_session);
	return tc;
}

void
tls_client_free(struct tls_client **tcp)
{
	if (*tcp == NULL)
		return;
	SSL_CTX_free((*tcp)->ctx);
	free(*tcp);
	*tcp = NULL;
}

void
tls_session_free(struct tls_session **sp)
{
	if (*sp == NULL)
		return;
	SSL_SESSION_free((*sp)->s);
	free(*sp);
	*sp = NULL;
}

static bool
is_address(const char *name)
{
	unsigned char a[16];

	return inet_pton(AF_INET, name, a) == 1 || inet_pton(AF_INET6, name, a) == 1;
}

struct tls_conn *
tls_conn_new(struct tls_client *tc, int fd, const struct tls_policy *policy,
    struct tls_session **cache, char **why)
{
	const char *name = policy->name;
	struct tls_conn *t = xcalloc(1, sizeof(*t));

	t->cache = cache;
	t->ssl = SSL_new(tc->ctx);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1) {
		*why = xstrdup("cannot set up a TLS connection: out of memory");
		tls_conn_free(&t);
		return NULL;
	}
	SSL_set_app_data(t->ssl, t);
	SSL_set_connect_state(t->ssl);
	if (!is_address(name)) {
		char *sni = xstrdup(name);	/* the macro casts const away */

		(void)SSL_set_tlsext_host_name(t->ssl, sni);
		free(sni);
	}
	if (cache != NULL && *cache != NULL)
		(void)SSL_set_session(t->ssl, (*cache)->s);
	return t;
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
	free(t);
	*tp = NULL;
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
		ssl_error(t->why, sizeof(t->why),
		    saved != 0 ? strerror(saved) : "connection closed");
		return TLS_FAILED;
	default:
		ssl_error(t->why, sizeof(t->why), "protocol error");
		return TLS_FAILED;
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
	return t->why;
}

void
tls_describe(const struct tls_conn *t, struct buf *out)
{
	buf_printf(out, "%s with cipher %s", SSL_get_version(t->ssl), SSL_get_cipher_name(t->ssl));
}
