/*
 * tls_verify.c -- which CAs count, and why a certificate was refused.
 *
 * OpenSSL judges. This gives the reason in words that say what to do about it,
 * since it is the operator who reads them, weeks after the set-up. What a certificate says of itself is
 * a stranger's text: printable ASCII of it is shown, and not much.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queued/tls_private.h"

#define NAMES_MAX	4	/* names of a certificate that are told */
#define NAME_MAX_SHOWN	100	/* octets of each */

/* --- files of CAs -------------------------------------------------------- */

struct tls_store {
	char		 *file, *stamp;
	X509_STORE	 *store;
	struct tls_store *next;
};

static void
store_free(struct tls_store *s)
{
	X509_STORE_free(s->store);	/* connections hold references of their own */
	free(s->file);
	free(s->stamp);
	free(s);
}

void
tls_store_free(struct tls_store **list)
{
	struct tls_store *s;

	while ((s = *list) != NULL) {
		*list = s->next;
		store_free(s);
	}
}

/* Another text when the file is another. NULL: there is none. */
static char *
stamp_of(const char *file)
{
	struct stat st;

	if (*file == '\0')
		return xstrdup("system");
	if (stat(file, &st) == -1)
		return NULL;
	return xasprintf("%lld.%09ld/%lld/%llu", (long long)st.st_mtim.tv_sec,
	    st.st_mtim.tv_nsec, (long long)st.st_size, (unsigned long long)st.st_ino);
}

static X509_STORE *
store_load(const char *file, char **why)
{
	X509_STORE *store = X509_STORE_new();
	char *reason;
	int ok;

	if (*file == '\0')
		ok = X509_STORE_set_default_paths(store);
	else if (access(file, R_OK) == -1)
		ok = -1;
	else
		ok = X509_STORE_load_locations(store, file, NULL);
	if (ok == 1) {
		ERR_clear_error();
		return store;
	}
	reason = ok == -1 ? xstrdup(strerror(errno)) : tls_library_error("no certificate in it");
	*why = xasprintf("cannot use the CA file %s: %s", file, reason);
	free(reason);
	X509_STORE_free(store);
	return NULL;
}

X509_STORE *
tls_store_get(struct tls_store **list, const char *file, char **stamp, char **why)
{
	struct tls_store **at = list, *s;
	X509_STORE *store;

	*stamp = stamp_of(file);
	if (*stamp == NULL) {
		*why = xasprintf("cannot use the CA file %s: %s", file, strerror(errno));
		return NULL;
	}
	while (*at != NULL && strcmp((*at)->file, file) != 0)
		at = &(*at)->next;
	s = *at;
	if (s != NULL && strcmp(s->stamp, *stamp) == 0)
		return s->store;
	store = store_load(file, why);
	if (store == NULL) {
		free(*stamp);
		return NULL;
	}
	if (s != NULL) {
		*at = s->next;
		store_free(s);
	}
	s = xcalloc(1, sizeof(*s));
	s->file = xstrdup(file);
	s->stamp = xstrdup(*stamp);
	s->store = store;
	s->next = *list;
	*list = s;
	return store;
}

/* --- what a certificate says --------------------------------------------- */

static void
put_shown(struct buf *b, const unsigned char *s, int len)
{
	if (len > NAME_MAX_SHOWN)
		len = NAME_MAX_SHOWN;
	for (int i = 0; i < len; i++)
		buf_putc(b, s[i] > ' ' - 1 && s[i] < 127 && s[i] != '"' ? (char)s[i] : '?');
}

/* The common name, else the organization. */
static void
put_name(struct buf *b, const X509_NAME *name)
{
	static const int parts[] = { NID_commonName, NID_organizationName };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int at = X509_NAME_get_index_by_NID(name, parts[i], -1);
		const ASN1_STRING *s;

		if (at < 0)
			continue;
		s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
		put_shown(b, ASN1_STRING_get0_data(s), ASN1_STRING_length(s));
		return;
	}
	buf_puts(b, "(nameless)");
}

static bool
put_alt_name(struct buf *b, const GENERAL_NAME *g)
{
	char text[INET6_ADDRSTRLEN];
	int len;

	if (g->type == GEN_DNS) {
		put_shown(b, ASN1_STRING_get0_data(g->d.dNSName),
		    ASN1_STRING_length(g->d.dNSName));
		return true;
	}
	if (g->type != GEN_IPADD)
		return false;
	len = ASN1_STRING_length(g->d.iPAddress);
	if (len != 4 && len != 16)
		return false;
	if (inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(g->d.iPAddress), text,
	    sizeof(text)) == NULL)
		return false;
	buf_puts(b, text);
	return true;
}

/* "a.example, b.example and 3 more" */
static void
put_names(struct buf *b, X509 *cert)
{
	GENERAL_NAMES *alt = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int n = alt != NULL ? sk_GENERAL_NAME_num(alt) : 0, shown = 0;

	for (int i = 0; i < n && shown < NAMES_MAX; i++) {
		size_t before = b->len;

		if (shown > 0)
			buf_puts(b, ", ");
		if (put_alt_name(b, sk_GENERAL_NAME_value(alt, i))) {
			shown++;
		} else {
			b->len = before;
			if (b->data != NULL)
				b->data[before] = '\0';
		}
	}
	if (shown == 0)
		put_name(b, X509_get_subject_name(cert));
	else if (n > shown && shown == NAMES_MAX)
		buf_printf(b, " and %d more", n - shown);
	GENERAL_NAMES_free(alt);
}

static void
put_date(struct buf *b, const ASN1_TIME *when)
{
	struct tm tm;

	if (when != NULL && ASN1_TIME_to_tm(when, &tm) == 1)
		buf_printf(b, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	else
		buf_puts(b, "an unreadable date");
}

/* 64 hex digits. */
static char *
spki_sha256(X509 *cert)
{
	unsigned char *der = NULL, md[EVP_MAX_MD_SIZE];
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	unsigned n = 0;
	struct buf b = BUF_INIT;

	if (len > 0 && EVP_Digest(der, (size_t)len, md, &n, EVP_sha256(), NULL) == 1)
		for (unsigned i = 0; i < n; i++)
			buf_printf(&b, "%02x", md[i]);
	OPENSSL_free(der);
	return buf_take(&b);
}

/* --- reasons ------------------------------------------------------------- */

static void
say_expired(struct buf *b, X509 *cert, int depth)
{
	if (depth == 0) {
		buf_puts(b, "the certificate expired on ");
	} else {
		buf_puts(b, "the certificate of its issuer ");
		put_name(b, X509_get_subject_name(cert));
		buf_puts(b, " expired on ");
	}
	put_date(b, X509_get0_notAfter(cert));
	buf_puts(b, ": renew it on the primary");
}

static void
say_early(struct buf *b, X509 *cert)
{
	buf_puts(b, "the certificate is valid only from ");
	put_date(b, X509_get0_notBefore(cert));
	buf_puts(b, " on: look at the clock here, and at the certificate on the primary");
}

static void
say_wrong_name(struct buf *b, X509 *cert, const struct tls_conn *t)
{
	buf_puts(b, "the certificate is for ");
	put_names(b, cert);
	buf_printf(b, ", not for %s: ", t->host);
	buf_puts(b, t->level == TLS_DANE ? "renew it on the primary with that name" :
	    "--tls-name NAME if one of these is right");
}

static void
say_unknown_issuer(struct buf *b, X509 *cert)
{
	buf_puts(b, "the certificate's issuer ");
	put_name(b, X509_get_issuer_name(cert));
	buf_puts(b, " is not known here: --tls-ca FILE if it is a private CA; "
	    "else the primary does not send its intermediate certificates");
}

static void
say_no_match(struct buf *b, X509 *leaf, const struct tls_conn *t)
{
	char *sha256 = spki_sha256(leaf);

	if (t->level == TLS_PINNED)
		buf_printf(b, "the certificate's key is not the pinned one: "
		    "--tls-pin %s if it was changed on purpose", sha256);
	else
		buf_printf(b, "the certificate does not match the TLSA record: "
		    "TLSA 3 1 1 %s would, if the key is the right one", sha256);
	free(sha256);
}

static void
say(struct buf *b, int error, X509_STORE_CTX *ctx, const struct tls_conn *t)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(ctx), *at = X509_STORE_CTX_get_current_cert(ctx);

	if (at == NULL)
		at = leaf;
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		say_expired(b, at, X509_STORE_CTX_get_error_depth(ctx));
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		say_early(b, at);
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		say_wrong_name(b, leaf, t);
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		buf_puts(b, "the certificate is self-signed: pin it (--tls pinned), "
		    "or --tls-ca FILE with the certificate itself");
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		say_unknown_issuer(b, at);
		break;
	case X509_V_ERR_DANE_NO_MATCH:
		say_no_match(b, leaf, t);
		break;
	default:
		buf_printf(b, "the certificate is not good: %s",
		    X509_verify_cert_error_string(error));
	}
}

int
tls_verify_peer(int ok, X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_conn *t = SSL_get_app_data(ssl);
	struct buf b = BUF_INIT;

	if (ok || !t->judged)
		return 1;
	if (t->why == NULL) {
		say(&b, X509_STORE_CTX_get_error(ctx), ctx, t);
		t->why = buf_take(&b);
	}
	return 0;
}
