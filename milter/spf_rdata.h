/*
 * spf_rdata.h -- what SPF reads out of DNS answers, pure.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SPF_RDATA_H
#define HOLDFAST_SPF_RDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/dns.h"

#define SPF_POINTER_SIZE	80	/* "f.e.d.c. … .ip6.arpa" */

/*
 * The name in RDATA at data[at], lower case. dns_name() takes host names only; here a name is
 * good for nothing but another question, and may be as odd as the DNS allows. False: malformed,
 * or not even text, or the root.
 */
bool	spf_rdata_name(const struct dns_rr *, size_t at, char name[DNS_NAME_MAX]);
/* The name under which the PTR records of an address are. */
void	spf_rdata_pointer(const uint8_t client[16], bool ipv6, char out[SPF_POINTER_SIZE]);
/* How many of these TXT records are policies (RFC 7208 4.5); the last one's text. */
size_t	spf_rdata_policy(const struct dns_answer *, struct buf *policy);

#endif
