/*
 * talk_tls.c -- STARTTLS for talk.c, to see what a server shows.
 *
 * Any certificate is taken: what it is worth is judged afterwards, and nothing secret is
 * sent. Bytes that came in the clear behind the reply to STARTTLS are an error (RFC 3207).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdlib.h>

#include "common/cli/talk_private.h"

static char *
ssl_words(const char *what)
{
	unsigned long e = ERR_get_error();
	const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

	return xasprintf("%s: %s", what, reason != NULL ? reason : "the connection broke");
}

/* After a call that returned rc: 0 try again, -1 *why. */
static int
again(struct talk *t, int rc, const char *what, char **why)
{
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return talk_wait(t, POLLIN, why);
	case SSL_ERROR_WANT_WRITE:
		return talk_wait(t, POLLOUT, why);
	default:
		*why = ssl_words(what);
		return -1;
	}
}

int
talk_starttls(struct talk *t, const char *name, char **why)
{
	struct wire_reply r = { .code = 0 };
	int code = talk_command(t, &r, why, "STARTTLS"), rc;

	if (code != -1 && code != 220)
		*why = xasprintf("it answers STARTTLS with %d %s", code, buf_str(&r.text));
	wire_reply_free(&r);
	if (code != 220)
		return -1;
	if (t->in.len > 0) {
		*why = xstrdup("it sent more in the clear behind its answer to STARTTLS");
		return -1;
	}
	t->ctx = SSL_CTX_new(TLS_client_method());
	t->ssl = t->ctx != NULL ? SSL_new(t->ctx) : NULL;
	if (t->ssl == NULL || SSL_set_fd(t->ssl, t->fd) != 1) {
		*why = ssl_words("TLS");
		return -1;
	}
	(void)SSL_set_min_proto_version(t->ssl, TLS1_2_VERSION);
	(void)SSL_set_tlsext_host_name(t->ssl, name);
	ERR_clear_error();
	while ((rc = SSL_connect(t->ssl)) != 1)
		if (again(t, rc, "TLS handshake", why) == -1)
			return -1;
	return 0;
}

long
talk_tls_read(struct talk *t, void *data, size_t len, char **why)
{
	int rc;

	ERR_clear_error();
	while ((rc = SSL_read(t->ssl, data, (int)len)) <= 0)
		if (again(t, rc, "TLS", why) == -1)
			return -1;
	return rc;
}

long
talk_tls_write(struct talk *t, const void *data, size_t len, char **why)
{
	int rc;

	ERR_clear_error();
	while ((rc = SSL_write(t->ssl, data, (int)len)) <= 0)
		if (again(t, rc, "TLS", why) == -1)
			return -1;
	return rc;
}

void
talk_tls_end(struct talk *t)
{
	SSL_free(t->ssl);
	SSL_CTX_free(t->ctx);
	t->ssl = NULL;
	t->ctx = NULL;
}

struct x509_st *
talk_certificate(const struct talk *t)
{
	/* On the client's side the chain begins with it. */
	return t->ssl != NULL ? sk_X509_value(SSL_get_peer_cert_chain(t->ssl), 0) : NULL;
}

struct ssl_st *
talk_ssl(const struct talk *t)
{
	return t->ssl;
}
