/*
 * spf_dns.h -- the DNS as libspf2 sees it: with a budget, and records that it understands.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SPF_DNS_H
#define HOLDFAST_SPF_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dns.h"
#include "milter/spf.h"
#include "milter/spf_macro.h"

struct spf_dns;
struct SPF_dns_server_struct;	/* libspf2's */

/* Answers a question within ms, as dns_resolve_within() does. */
typedef void	 spf_resolve(void *arg, const char *name, enum dns_type, int64_t ms, struct dns_answer *);

/* Of one thread: one evaluation at a time. */
struct spf_dns	*spf_dns_new(spf_resolve *, void *arg);
void		 spf_dns_free(struct spf_dns **);
struct SPF_dns_server_struct *spf_dns_layer(struct spf_dns *);

/* An evaluation begins. env: who it is about, lent until the next; its domain and client_name are set here. */
void		 spf_dns_begin(struct spf_dns *, struct spf_macro_env *, const uint8_t client[16],
		    int64_t deadline);
/* … and is over. True: what libspf2 says does not count, but this (and *a says why). Figures are filled in anyway. */
bool		 spf_dns_verdict(const struct spf_dns *, struct spf_answer *);

#endif
