/*
 * tls_dane.c -- TLSA records and pins: the peer's key is known beforehand.
 *
 * RFC 7672 3.1: of the four usages only DANE-TA(2) and DANE-EE(3) mean something for SMTP.
 * With DANE-EE neither names nor dates matter (3.1.1); with DANE-TA the name must be the
 * TLSA base domain, the host or the domain whose MX it is (3.2.2). OpenSSL chooses the strongest digest (RFC 7671 9).
 *
 * A pin is a DANE-EE(3) SPKI(1) SHA2-256(1) record that comes from rules.db
 * instead of the DNS.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "common/dns.h"
#include "queued/tls_private.h"

#define USAGE_TA	2
#define USAGE_EE	3
#define SELECTOR_SPKI	1
#define MATCH_SHA256	1
#define TLSA_HEADER	3	/* octets before the association data */
#define PIN_DIGITS	64

static int
enable(struct tls_conn *t, const char *base, char **why)
{
	if (SSL_dane_enable(t->ssl, base) <= 0) {
		char *reason = tls_library_error("unknown error");

		*why = xasprintf("cannot set up DANE for `%s': %s", base, reason);
		free(reason);
		return -1;
	}
	(void)SSL_dane_set_flags(t->ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	X509_VERIFY_PARAM_set_hostflags(SSL_get0_param(t->ssl), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return 0;
}

static bool
usage_counts(const struct dns_rr *rr)
{
	return rr->len > TLSA_HEADER && (rr->data[0] == USAGE_TA || rr->data[0] == USAGE_EE);
}

int
tls_dane_records(struct tls_conn *t, const struct tls_policy *policy, struct buf *key, char **why)
{
	const struct dns_answer *tlsa = policy->tlsa;
	int usable = 0;

	if (enable(t, policy->tlsa_base, why) == -1)
		return -1;
	if (strcmp(policy->tlsa_base, policy->name) != 0)
		(void)SSL_add1_host(t->ssl, policy->name);
	if (policy->domain != NULL)
		(void)SSL_add1_host(t->ssl, policy->domain);
	buf_printf(key, " base=%s domain=%s", policy->tlsa_base,
	    policy->domain != NULL ? policy->domain : "");
	for (size_t i = 0; i < tlsa->n; i++) {
		const struct dns_rr *rr = &tlsa->rr[i];

		if (!usage_counts(rr) || SSL_dane_tlsa_add(t->ssl, rr->data[0], rr->data[1],
		    rr->data[2], rr->data + TLSA_HEADER, rr->len - TLSA_HEADER) <= 0) {
			free(tls_library_error(""));	/* unusable (RFC 7672 2.2) */
			continue;
		}
		usable++;
		buf_puts(key, " tlsa=");
		for (size_t k = 0; k < rr->len; k++)
			buf_printf(key, "%02x", rr->data[k]);
	}
	return usable;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The first pin of s into 32 octets; the rest of s, or NULL if it is none. */
static const char *
pin_parse(const char *s, unsigned char out[PIN_DIGITS / 2])
{
	for (size_t i = 0; i < PIN_DIGITS; i += 2) {
		int high = digit(s[i]), low = high == -1 ? -1 : digit(s[i + 1]);

		if (low == -1)
			return NULL;
		out[i / 2] = (unsigned char)(high << 4 | low);
	}
	s += PIN_DIGITS;
	if (*s == '\0')
		return s;
	return *s == ' ' ? s + 1 : NULL;
}

int
tls_dane_pins(struct tls_conn *t, const struct tls_policy *policy, char **why)
{
	unsigned char pin[PIN_DIGITS / 2];
	const char *s = policy->pin;

	if (enable(t, policy->name, why) == -1)
		return -1;
	do {
		s = pin_parse(s, pin);
		if (s == NULL) {
			*why = xasprintf("tls_pin `%s' is not SHA-256 in hex digits", policy->pin);
			return -1;
		}
		if (SSL_dane_tlsa_add(t->ssl, USAGE_EE, SELECTOR_SPKI, MATCH_SHA256, pin,
		    sizeof(pin)) <= 0) {
			*why = tls_library_error("cannot use the pin");
			return -1;
		}
	} while (*s != '\0');
	return 0;
}
