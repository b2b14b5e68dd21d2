/*
 * spf_zone.h -- a DNS in memory for the tests of SPF.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_SPF_ZONE_H
#define HOLDFAST_TEST_SPF_ZONE_H

#include "common/buf.h"
#include "common/dns.h"

/* "name TYPE value", in order; a value of TIMEOUT makes the question fail. The last has no name. */
struct spf_zone {
	const char	*const *lines;
	struct buf	 asked;		/* "name/TYPE " of each question */
	unsigned	 n;		/* of them */
};

/* A spf_resolve; arg is a struct spf_zone. */
void	spf_zone_resolve(void *zone, const char *name, enum dns_type, int64_t ms, struct dns_answer *);

#endif
