/*
 * doctor_cert.h -- what a server's certificate is worth.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_DOCTOR_CERT_H
#define HOLDFAST_CLI_DOCTOR_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct talk;
struct dns_rr;

/* Seconds until it ends; negative: it has. */
int64_t	 cert_left(const struct talk *);
bool	 cert_has_name(const struct talk *, const char *host);	/* or address */
/* Its chain, by a file of CAs ("" the system's). NULL, or why not (static). */
const char *cert_untrusted(const struct talk *, const char *ca_file);
/* SHA-256 of the public key in hex, as `pinned' has it. Caller frees. */
char	*cert_pin(const struct talk *);
/* Does a TLSA record (RFC 6698) match it or, with usage 2, something in its chain? *usable: may it
 * be used for SMTP at all (RFC 7672 3.1.3)? */
bool	 cert_matches(const struct talk *, const struct dns_rr *, bool *usable);

#endif
