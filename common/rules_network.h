/*
 * rules_network.h -- networks, written 192.0.2.0/24, and whether an address is in one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_NETWORK_H
#define HOLDFAST_RULES_NETWORK_H

#include <netinet/in.h>

#include "common/rules.h"

struct rules_networks {
	struct rules_network	*v;	/* by family, address and size once it is sorted */
	size_t			 n;
	size_t			*outer;	/* places in v of those that lie in no other */
	size_t			 nouter;
};

/* 0, or -1 with *why (the caller frees it). The note is left NULL. */
int	rules_network_parse(const char *, struct rules_network *, char **why);
void	rules_networks_add(struct rules_networks *, const struct rules_network *);	/* takes */
/* Must be called once after the last was added. */
void	rules_networks_sort(struct rules_networks *);
bool	rules_networks_match(const struct rules_networks *, int family, const void *addr);
/* An address in text: 0, or -1 if it is none. One of IPv6 that stands for one of IPv4 becomes that; the
 * rest of addr is 0. */
int	rules_network_address(const char *, int *family, uint8_t addr[16]);
/* Clears what is behind the first `bits' bits. */
void	rules_network_mask(uint8_t addr[16], unsigned bits);
/* "192.0.2.0/24", without the length for a single address. */
#define RULES_NETWORK_TEXT	(INET6_ADDRSTRLEN + 4)
const char *rules_network_text(int family, const uint8_t addr[16], unsigned bits,
	    char [RULES_NETWORK_TEXT]);
void	rules_networks_clear(struct rules_networks *);

#endif
