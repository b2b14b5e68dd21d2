/*
 * helo.h -- what a client says of itself in HELO (RFC 5321 4.1.1.1, 4.1.3).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_HELO_H
#define HOLDFAST_HELO_H

#include <stdbool.h>

#include "common/dns.h"
#include "common/hosts.h"

enum helo_kind {
	HELO_NONE,		/* nothing was said */
	HELO_BAD,
	HELO_NAME,
	HELO_LITERAL		/* [192.0.2.1], [IPv6:2001:db8::1] */
};

struct helo {
	enum helo_kind	 kind;
	char		 name[DNS_NAME_MAX];	/* HELO_NAME: lower case, no dot at the end */
	bool		 fqdn;			/* … with a dot in it */
	struct hosts_addr addr;			/* HELO_LITERAL */
};

void	helo_parse(const char *, struct helo *);

#endif
