/*
 * idn.h -- domain names as the DNS has them (IDNA 2008).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_IDN_H
#define HOLDFAST_IDN_H

#include "common/dns.h"

/*
 * In ASCII (labels of other scripts as xn--...), lower case, without a dot at the end. -1: it is
 * none that the DNS could have: too long, empty, a script mixed up, an address literal.
 */
int	idn_to_dns(const char *domain, char name[DNS_NAME_MAX]);

#endif
