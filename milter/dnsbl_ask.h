/*
 * dnsbl_ask.h -- questions to DNS lists about one client, or one message (RFC 5782).
 *
 * All are on their way at once; nobody waits until dnsbl_collect(). One thread at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DNSBL_ASK_H
#define HOLDFAST_DNSBL_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dns.h"
#include "common/rules_screen.h"

#define DNSBL_ANSWERS_MAX	16	/* addresses of one answer; more are left out */
#define DNSBL_TEXT_SIZE		256	/* of a list's words, NUL included */

struct dnsbl;
struct dnsbl_asked;
struct dnsbl_limits;

/* limits are kept. dry: no zone's health changes. */
struct dnsbl_asked *dnsbl_asked_new(struct dnsbl *, const struct dnsbl_limits *, bool dry);
void	dnsbl_asked_free(struct dnsbl_asked **);
/*
 * Asks for the subject (an address or a name) in the zone, unless that was done already, is senseless, or
 * the zone is off. The answer is waited for at most ms from now on.
 */
void	dnsbl_ask(struct dnsbl_asked *, const char *zone, enum rules_dnsbl_what, const char *subject,
	    int64_t ms);
/* Waits for what is on its way, for each until its time is over. */
void	dnsbl_collect(struct dnsbl_asked *);
/* Host byte order; 0 not listed. */
size_t	dnsbl_answers(const struct dnsbl_asked *, const char *zone, enum rules_dnsbl_what,
	    const uint32_t **addr);
/* The list's own words on it, if they come within the question's time; else "". Lends. */
const char *dnsbl_text(struct dnsbl_asked *, const char *zone, enum rules_dnsbl_what);

/* --- pure --------------------------------------------------------------------------- */
/*
 * The name to look up. -1: there is none, since the subject is no name with a dot in it, or a loopback, private
 * or link-local address, or because the name would be too long.
 */
int	dnsbl_name(const char *zone, enum rules_dnsbl_what, const char *subject, char name[DNS_NAME_MAX]);
/* The text of a TXT record as one printable line, cut to fit. */
void	dnsbl_read_text(const struct dns_rr *, char text[DNSBL_TEXT_SIZE]);

#endif
