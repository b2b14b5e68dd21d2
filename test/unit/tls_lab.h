/*
 * tls_lab.h -- certificates to order, and two ends of a handshake in one process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_TLS_LAB_H
#define HOLDFAST_TEST_TLS_LAB_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "common/dns.h"
#include "queued/tls.h"

struct lab_cert {
	X509		*cert;
	EVP_PKEY	*key;
};
struct lab_order {
	const char		*name;		/* common name */
	const char		*alt;		/* "DNS:a,IP:127.0.0.1"; NULL none */
	const char		*from, *until;	/* "20200101000000Z"; NULL: around now */
	const struct lab_cert	*issuer;	/* NULL: self-signed */
	bool			 ca;
};

void	lab_dir(void);				/* a temporary folder … */
void	lab_dir_gone(void);			/* … and its end */
struct lab_cert lab_issue(const struct lab_order *);
void	lab_cert_free(struct lab_cert *);
/* Into files of the folder: "NAME.pem" with cert and then also (or NULL), "NAME.key". Lends the path. */
const char *lab_write(const char *name, const struct lab_cert *, const struct lab_cert *also);
const char *lab_key(const char *name);
void	lab_spki(const struct lab_cert *, char hex[65]);
/* One TLSA record: usage, 1, 1 or (full) usage, 0, 0. Free by lab_tlsa_free(). */
struct dns_answer lab_tlsa(unsigned usage, const struct lab_cert *, bool full);
void	lab_tlsa_add(struct dns_answer *, unsigned usage, const struct lab_cert *);
void	lab_tlsa_free(struct dns_answer *);

/* Both ends over a socketpair; max: newest protocol that the server speaks, 0 any. */
struct lab_pair {
	int		 fd[2];
	struct tls_conn	*client;
	SSL_CTX		*ctx;
	SSL		*server;
	char		 sni[64];		/* what the client asked for; "" nothing */
	bool		 up;
};
/* Shakes hands to the end. False: the client refused; see tls_why(pair->client) or *why. */
bool	lab_shake(struct lab_pair *, struct tls_client *, const char *cert_name, int max,
	    const struct tls_policy *, struct tls_session **cache);
void	lab_part(struct lab_pair *);		/* reads tickets first */
extern char *lab_why;				/* of tls_conn_new() */

#endif
