/*
 * tls_lab.c -- certificates to order; see tls_lab.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/tls_lab.h"

#define DAY		86400
#define ROUNDS		50	/* turns of a handshake */

char *lab_why;
static char dir[] = "/tmp/hf-tls-XXXXXX", *path;
static unsigned serial;

void
lab_dir(void)
{
	assert_non_null(mkdtemp(dir));
}

void
lab_dir_gone(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	assert_int_equal(0, rmdir(dir));
	free(path);
	free(lab_why);
}

static const char *
file(const char *name, const char *suffix)
{
	free(path);
	path = xasprintf("%s/%s.%s", dir, name, suffix);
	return path;
}

/* --- certificates -------------------------------------------------------- */

static void
extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(1, X509_add_ext(cert, e, -1));
	X509_EXTENSION_free(e);
}

static void
set_time(ASN1_TIME *when, const char *text, long offset)
{
	if (text != NULL)
		assert_int_equal(1, ASN1_TIME_set_string(when, text));
	else
		assert_non_null(X509_gmtime_adj(when, offset));
}

static EVP_PKEY *
new_key(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(1, EVP_PKEY_keygen_init(ctx));
	assert_int_equal(1, EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1));
	assert_int_equal(1, EVP_PKEY_keygen(ctx, &key));
	EVP_PKEY_CTX_free(ctx);
	return key;
}

struct lab_cert
lab_issue(const struct lab_order *o)
{
	struct lab_cert c = { X509_new(), new_key() };
	const struct lab_cert *issuer = o->issuer != NULL ? o->issuer : &c;
	X509_NAME *name = X509_get_subject_name(c.cert);

	assert_int_equal(1, X509_set_version(c.cert, 2));
	ASN1_INTEGER_set(X509_get_serialNumber(c.cert), ++serial);
	set_time(X509_getm_notBefore(c.cert), o->from, -DAY);
	set_time(X509_getm_notAfter(c.cert), o->until, 30L * DAY);
	assert_int_equal(1, X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)o->name, -1, -1, 0));
	X509_set_issuer_name(c.cert, X509_get_subject_name(issuer->cert));
	X509_set_pubkey(c.cert, c.key);
	extension(c.cert, NID_basic_constraints, o->ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (o->alt != NULL)
		extension(c.cert, NID_subject_alt_name, o->alt);
	assert_true(X509_sign(c.cert, issuer->key, EVP_sha256()) > 0);
	return c;
}

void
lab_cert_free(struct lab_cert *c)
{
	X509_free(c->cert);
	EVP_PKEY_free(c->key);
	memset(c, 0, sizeof(*c));
}

const char *
lab_key(const char *name)
{
	return file(name, "key");
}

const char *
lab_write(const char *name, const struct lab_cert *c, const struct lab_cert *also)
{
	FILE *f = fopen(lab_key(name), "w");

	assert_non_null(f);
	assert_int_equal(1, PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL));
	(void)fclose(f);
	f = fopen(file(name, "pem"), "w");
	assert_non_null(f);
	assert_int_equal(1, PEM_write_X509(f, c->cert));
	if (also != NULL)
		assert_int_equal(1, PEM_write_X509(f, also->cert));
	(void)fclose(f);
	return path;
}

/* --- records ------------------------------------------------------------- */

static void
spki_digest(const struct lab_cert *c, unsigned char md[32])
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(c->key, &der);

	assert_int_equal(1, EVP_Digest(der, (size_t)len, md, NULL, EVP_sha256(), NULL));
	OPENSSL_free(der);
}

void
lab_spki(const struct lab_cert *c, char hex[65])
{
	unsigned char md[32];

	spki_digest(c, md);
	for (size_t i = 0; i < sizeof(md); i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", md[i]);
}

static struct dns_rr
record(unsigned usage, const struct lab_cert *c, bool full)
{
	unsigned char md[32], *data, *der = NULL;
	int len = sizeof(md);

	spki_digest(c, md);
	if (full)
		len = i2d_X509(c->cert, &der);
	data = xcalloc(1, (size_t)len + 3);
	data[0] = (unsigned char)usage;
	data[1] = data[2] = !full;
	memcpy(data + 3, full ? der : md, (size_t)len);
	OPENSSL_free(der);
	return (struct dns_rr){ data, (size_t)len + 3 };
}

struct dns_answer
lab_tlsa(unsigned usage, const struct lab_cert *c, bool full)
{
	struct dns_answer a = { .status = DNS_OK, .secure = true, .n = 1 };

	a.rr = xcalloc(4, sizeof(*a.rr));
	a.rr[0] = record(usage, c, full);
	return a;
}

void
lab_tlsa_add(struct dns_answer *a, unsigned usage, const struct lab_cert *c)
{
	assert_true(a->n < 4);
	a->rr[a->n++] = record(usage, c, false);
}

void
lab_tlsa_free(struct dns_answer *a)
{
	for (size_t i = 0; i < a->n; i++)
		free((void *)(uintptr_t)a->rr[i].data);
	free(a->rr);
	memset(a, 0, sizeof(*a));
}

/* --- handshakes ---------------------------------------------------------- */

static SSL_CTX *
server_ctx(const char *cert_name, int max)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	SSL_CTX_set_security_level(ctx, 0);
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	(void)SSL_CTX_set_max_proto_version(ctx, max);
	assert_int_equal(1, SSL_CTX_use_certificate_chain_file(ctx, file(cert_name, "pem")));
	assert_int_equal(1, SSL_CTX_use_PrivateKey_file(ctx, file(cert_name, "key"),
	    SSL_FILETYPE_PEM));
	return ctx;
}

static void
nonblocking_pair(int fd[2])
{
	assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
}

/* One server for all handshakes with this certificate: it must know the tickets that it gave. */
static SSL_CTX *
cached_ctx(const char *cert_name, int max)
{
	static struct { char name[32]; int max; SSL_CTX *ctx; } known[24];
	size_t i;

	for (i = 0; i < 24 && known[i].ctx != NULL; i++)
		if (known[i].max == max && strcmp(known[i].name, cert_name) == 0)
			return known[i].ctx;
	assert_true(i < 24);
	(void)snprintf(known[i].name, sizeof(known[i].name), "%s", cert_name);
	known[i].max = max;
	return known[i].ctx = server_ctx(cert_name, max);
}

bool
lab_shake(struct lab_pair *p, struct tls_client *tc, const char *cert_name, int max,
    const struct tls_policy *policy, struct tls_session **cache)
{
	enum tls_result r = TLS_WANT_READ;
	const char *sni;

	memset(p, 0, sizeof(*p));
	nonblocking_pair(p->fd);
	free(lab_why);
	lab_why = NULL;
	p->client = tls_conn_new(tc, p->fd[0], policy, cache, &lab_why);
	if (p->client == NULL)
		return false;
	p->server = SSL_new(cached_ctx(cert_name, max));
	assert_int_equal(1, SSL_set_fd(p->server, p->fd[1]));
	SSL_set_accept_state(p->server);
	for (int i = 0; i < ROUNDS && (r == TLS_WANT_READ || r == TLS_WANT_WRITE); i++) {
		r = tls_handshake(p->client);
		assert_int_equal(0, ERR_peek_error());	/* all connections share the queue */
		(void)SSL_do_handshake(p->server);
		ERR_clear_error();
	}
	sni = SSL_get_servername(p->server, TLSEXT_NAMETYPE_host_name);
	(void)snprintf(p->sni, sizeof(p->sni), "%s", sni != NULL ? sni : "");
	p->up = r == TLS_DONE;
	return p->up;
}

void
lab_part(struct lab_pair *p)
{
	char c;
	size_t n;

	if (p->up && SSL_write(p->server, "x", 1) == 1)
		assert_int_equal(TLS_DONE, tls_read(p->client, &c, 1, &n));
	tls_conn_free(&p->client);
	if (p->server != NULL)
		(void)SSL_shutdown(p->server);
	SSL_free(p->server);
	(void)close(p->fd[0]);
	(void)close(p->fd[1]);
	memset(p, 0, sizeof(*p));
}
