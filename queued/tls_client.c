/*
 * tls_client.c -- the sending side of TLS: policies, and sessions to resume.
 *
 * `may' is opportunistic (RFC 7435): the certificate is not judged, since
 * plaintext would be the alternative. Every other level is mandatory and ends in a handshake that fails,
 * with words, before a byte of mail went out.
 *
 * A session is resumed only under the very policy that it was verified under: the
 * policy is kept with it as text and compared. So a level that was
 * raised, a CA file that changed or another TLSA record means a full handshake.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "queued/tls_private.h"

#define SESSION_AGE_MAX	3600000	/* ms: a certificate is looked at again so often */

struct tls_client {
	SSL_CTX		 *ctx;
	struct tls_store *stores;
};

struct tls_session {
	SSL_SESSION	*s;
	char		*policy;
	int64_t		 made;		/* mono ms */
};

/* --- sessions ------------------------------------------------------------ */

void
tls_session_free(struct tls_session **sp)
{
	if (*sp == NULL)
		return;
	SSL_SESSION_free((*sp)->s);
	free((*sp)->policy);
	free(*sp);
	*sp = NULL;
}

/* OpenSSL has a session that may be resumed (a ticket, with TLS 1.3 after the handshake). */
static int
on_session(SSL *ssl, SSL_SESSION *s)
{
	struct tls_conn *t = SSL_get_app_data(ssl);
	struct tls_session *kept;

	if (t->cache == NULL)
		return 0;
	tls_session_free(t->cache);
	kept = *t->cache = xcalloc(1, sizeof(*kept));
	kept->s = s;
	kept->policy = xstrdup(t->policy);
	kept->made = clock_mono_ms();
	return 1;	/* the reference is ours now */
}

static void
offer_session(struct tls_conn *t)
{
	const struct tls_session *kept = t->cache != NULL ? *t->cache : NULL;

	if (kept == NULL)
		return;
	if (strcmp(kept->policy, t->policy) != 0 ||
	    clock_mono_ms() - kept->made > SESSION_AGE_MAX)
		tls_session_free(t->cache);
	else
		(void)SSL_set_session(t->ssl, kept->s);
}

/* --- what all connections share ------------------------------------------ */

struct tls_client *
tls_client_new(char **why)
{
	struct tls_client *tc = xcalloc(1, sizeof(*tc));

	tc->ctx = SSL_CTX_new(TLS_client_method());
	if (tc->ctx == NULL || SSL_CTX_set_min_proto_version(tc->ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_dane_enable(tc->ctx) != 1) {
		char *reason = tls_library_error("unknown error");

		*why = xasprintf("cannot set up TLS: %s", reason);
		free(reason);
		tls_client_free(&tc);
		return NULL;
	}
	tls_ctx_common(tc->ctx);
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
	tls_store_free(&(*tcp)->stores);
	free(*tcp);
	*tcp = NULL;
}

/* --- policies ------------------------------------------------------------ */

static bool
is_address(const char *name)
{
	unsigned char a[16];

	return inet_pton(AF_INET, name, a) == 1 || inet_pton(AF_INET6, name, a) == 1;
}

/* RFC 6066 3: names only. After SSL_dane_enable(), which sets one of its own. */
static void
set_sni(struct tls_conn *t, const char *name)
{
	char *sni = is_address(name) ? NULL : xstrdup(name);	/* the macro casts const away */

	(void)SSL_set_tlsext_host_name(t->ssl, sni);
	free(sni);
}

/* A chain to one of the CAs, and the name in the certificate. */
static int
set_verify(struct tls_client *tc, struct tls_conn *t, const struct tls_policy *policy,
    struct buf *key, char **why)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
	char *stamp = NULL;
	X509_STORE *store = tls_store_get(&tc->stores, policy->ca, &stamp, why);

	if (store == NULL)
		return -1;
	buf_printf(key, " ca=%s(%s)", policy->ca, stamp);
	free(stamp);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (SSL_set1_verify_cert_store(t->ssl, store) == 1 && (is_address(policy->name) ?
	    X509_VERIFY_PARAM_set1_ip_asc(param, policy->name) :
	    X509_VERIFY_PARAM_set1_host(param, policy->name, 0)) == 1)
		return 0;
	*why = xasprintf("`%s' cannot be looked for in a certificate", policy->name);
	return -1;
}

static int
set_policy(struct tls_client *tc, struct tls_conn *t, const struct tls_policy *policy,
    struct buf *key, char **why)
{
	int n;

	assert(policy->level != TLS_OFF);
	switch (policy->level) {
	case TLS_OFF:
		break;
	case TLS_MAY:
		/* Weak ciphers and keys are better than none. */
		SSL_set_security_level(t->ssl, 0);
		return 0;
	case TLS_VERIFY:
		t->judged = true;
		return set_verify(tc, t, policy, key, why);
	case TLS_PINNED:
		t->judged = true;
		buf_printf(key, " pin=%s", policy->pin);
		return tls_dane_pins(t, policy, why);
	case TLS_DANE:
		n = tls_dane_records(t, policy, key, why);
		t->judged = n > 0;	/* RFC 7672 2.2: none usable: TLS, but from whomever */
		return n == -1 ? -1 : 0;
	}
	return -1;
}

struct tls_conn *
tls_conn_new(struct tls_client *tc, int fd, const struct tls_policy *policy,
    struct tls_session **cache, char **why)
{
	struct tls_conn *t = xcalloc(1, sizeof(*t));
	struct buf key = BUF_INIT;

	t->cache = cache;
	t->level = policy->level;
	t->host = xstrdup(policy->name);
	t->ssl = SSL_new(tc->ctx);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1) {
		*why = xstrdup("cannot set up a TLS connection: out of memory");
		goto fail;
	}
	SSL_set_app_data(t->ssl, t);
	SSL_set_connect_state(t->ssl);
	buf_printf(&key, "level=%d name=%s", (int)policy->level, policy->name);
	if (set_policy(tc, t, policy, &key, why) == -1)
		goto fail;
	SSL_set_verify(t->ssl, t->judged ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, tls_verify_peer);
	/* RFC 7672 8.1: the TLSA base domain. */
	set_sni(t, policy->level == TLS_DANE ? policy->tlsa_base : policy->name);
	t->policy = buf_take(&key);
	offer_session(t);
	return t;
fail:
	ERR_clear_error();
	buf_free(&key);
	tls_conn_free(&t);
	return NULL;
}

/* --- words --------------------------------------------------------------- */

static const char *
how_verified(const struct tls_conn *t)
{
	switch (t->level) {
	case TLS_OFF:
		break;
	case TLS_MAY:
		return "certificate not judged";
	case TLS_VERIFY:
		return "verified by CA";
	case TLS_PINNED:
		return "verified by its pin";
	case TLS_DANE:
		return t->judged ? "verified by TLSA" :
		    "certificate not judged: no usable TLSA record";
	}
	return "";
}

void
tls_describe(const struct tls_conn *t, struct buf *out)
{
	buf_printf(out, "%s with cipher %s", SSL_get_version(t->ssl), SSL_get_cipher_name(t->ssl));
	if (!t->accepting)
		buf_printf(out, ", %s", how_verified(t));
	if (SSL_session_reused(t->ssl))
		buf_puts(out, ", resumed");
}
