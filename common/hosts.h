/*
 * hosts.h -- addresses from a hosts(5) file, and which addresses are our own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_HOSTS_H
#define HOLDFAST_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hosts_addr {
	int	family;		/* AF_INET, AF_INET6 */
	uint8_t	addr[16];	/* network byte order */
};

/* Up to max addresses of that name (any case); the file is read anew each time. No file: none. */
size_t	hosts_find(const char *path, const char *name, struct hosts_addr *, size_t max);

/*
 * Does an interface of this host have the address, or does it reach this host in any case
 * (0.0.0.0, ::)? An IPv4 address inside an IPv6 one counts as itself.
 */
bool	hosts_own(int family, const void *addr);

#endif
