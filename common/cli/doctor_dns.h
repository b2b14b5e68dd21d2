/*
 * doctor_dns.h -- the DNS as the checks ask it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_DOCTOR_DNS_H
#define HOLDFAST_CLI_DOCTOR_DNS_H

#include "common/cli/doctor.h"
#include "common/cli/talk.h"
#include "common/dns.h"

/* A look-up that ends soon; without a resolver it fails. */
void	doctor_lookup(struct doctor *, const char *name, enum dns_type, struct dns_answer *);
/* A and AAAA from the DNS alone. *why (the caller frees): the servers do not say. */
size_t	doctor_dns_addresses(struct doctor *, const char *name,
	    struct hosts_addr [TALK_ADDRESSES_MAX], char **why);

/* The MX of a domain, best first. */
struct doctor_mx {
	unsigned	 preference;
	char		 host[DNS_NAME_MAX];
	bool		 us;		/* our name, or a name of our address */
};
#define DOCTOR_MX_MAX	32
/* -1: *why, the DNS does not say. */
int doctor_mx(struct doctor *, const char *domain, struct doctor_mx[DOCTOR_MX_MAX], char **why);

#endif
