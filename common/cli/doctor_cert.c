/*
 * doctor_cert.c -- what a server's certificate is worth.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/doctor_cert.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cli/talk.h"
#include "common/dns.h"

int64_t
cert_left(const struct talk *t)
{
	const X509 *cert = talk_certificate(t);
	int days = 0, seconds = 0;

	if (cert == NULL || ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)) != 1)
		return 0;
	return (int64_t)days * 86400 + seconds;
}

bool
cert_has_name(const struct talk *t, const char *host)
{
	X509 *cert = talk_certificate(t);
	unsigned char addr[16];

	if (cert == NULL)
		return false;
	if (inet_pton(AF_INET, host, addr) == 1 || inet_pton(AF_INET6, host, addr) == 1)
		return X509_check_ip_asc(cert, host, 0) == 1;
	return X509_check_host(cert, host, 0, 0, NULL) == 1;
}

const char *
cert_untrusted(const struct talk *t, const char *ca_file)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	const char *why = "it cannot be verified";
	int ok = 0;

	if (store != NULL && ctx != NULL)
		ok = ca_file[0] == '\0' ? X509_STORE_set_default_paths(store)
					: X509_STORE_load_locations(store, ca_file, NULL);
	if (ok != 1)
		why = "the file of CAs cannot be read";
	else if (X509_STORE_CTX_init(ctx, store, talk_certificate(t),
	    SSL_get_peer_cert_chain(talk_ssl(t))) == 1) {
		if (X509_verify_cert(ctx) == 1)
			why = NULL;
		else
			why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return why;
}

/* --- keys ---------------------------------------------------------------- */

/* The certificate (selector 0) or its public key (1), in DER. Its length, 0 none. */
static size_t
part_of(X509 *cert, unsigned selector, unsigned char **der)
{
	int n;

	*der = NULL;
	n = selector == 0 ? i2d_X509(cert, der) : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), der);
	return n > 0 ? (size_t)n : 0;
}

char *
cert_pin(const struct talk *t)
{
	unsigned char *der, sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	size_t n = talk_certificate(t) != NULL ? part_of(talk_certificate(t), 1, &der) : 0;
	struct buf b = BUF_INIT;

	if (n == 0)
		return xstrdup("");
	(void)EVP_Digest(der, n, sum, &len, EVP_sha256(), NULL);
	OPENSSL_free(der);
	for (unsigned i = 0; i < len; i++)
		buf_printf(&b, "%02x", sum[i]);
	return buf_take(&b);
}

static bool
matches(X509 *cert, unsigned selector, unsigned type, const uint8_t *data, size_t len)
{
	unsigned char *der, sum[EVP_MAX_MD_SIZE];
	size_t n = part_of(cert, selector, &der);
	unsigned size = 0;
	bool same = false;

	if (n == 0)
		return false;
	if (type == 0)
		same = n == len && memcmp(der, data, len) == 0;
	else if (EVP_Digest(der, n, sum, &size, type == 1 ? EVP_sha256() : EVP_sha512(), NULL) == 1)
		same = size == len && memcmp(sum, data, len) == 0;
	OPENSSL_free(der);
	return same;
}

bool
cert_matches(const struct talk *t, const struct dns_rr *rr, bool *usable)
{
	STACK_OF(X509) *chain = talk_ssl(t) != NULL ? SSL_get_peer_cert_chain(talk_ssl(t)) : NULL;
	unsigned usage, selector, type;
	bool found = false;

	*usable = false;
	if (rr->len < 4 || chain == NULL)
		return false;
	usage = rr->data[0];
	selector = rr->data[1];
	type = rr->data[2];
	*usable = (usage == 2 || usage == 3) && selector <= 1 && type <= 2;
	for (int i = 0; *usable && !found && i < sk_X509_num(chain); i++) {
		found = matches(sk_X509_value(chain, i), selector, type, rr->data + 3, rr->len - 3);
		if (usage == 3)
			break;	/* its own certificate alone */
	}
	return found;
}
