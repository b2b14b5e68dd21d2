/*
 * setup_size.c -- how large a message the primary takes, if it can be asked now.
 *
 * A backup that takes more accepts mail which the primary will refuse; one that takes less refuses
 * mail which the primary would have taken.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include "common/cli/setup_rules.h"
#include "common/cli/talk.h"
#include "common/clock.h"
#include "common/dns.h"
#include "common/rules.h"

#define WAIT_MS	3000	/* it may be down: then doctor says it one day */

static bool
ask(const struct hosts_addr *a, uint16_t port, int64_t deadline, const char *hostname,
    uint64_t *size)
{
	struct wire_reply r = { .code = 0 };
	struct talk_offers o = { .has_size = false };
	char *why = NULL;
	struct talk *t = talk_connect(a, port, deadline, &why);
	bool said = t != NULL && talk_reply(t, &r, &why) == 220 &&
	    talk_hello(t, "EHLO", hostname, &o, &why) == 0 && o.has_size && o.size > 0;

	*size = o.size;
	talk_quit(&t);
	wire_reply_free(&r);
	free(why);
	return said;
}

uint64_t
setup_primary_size(const struct rules_route *route, const char *hostname, const char *resolver)
{
	int64_t deadline = clock_mono_ms() + WAIT_MS;
	struct hosts_addr a[TALK_ADDRESSES_MAX];
	uint64_t size = 0;
	struct dns *dns;
	char *why = NULL;
	bool said = false;
	size_t n;

	if (route->kind != ROUTE_HOSTS || (dns = dns_new(resolver, "", &why)) == NULL) {
		free(why);
		return 0;
	}
	n = talk_addresses(dns, route->primary.v[0].host, deadline, a);
	for (size_t i = 0; i < n && !said; i++)
		said = ask(&a[i], route->primary.v[0].port, deadline, hostname, &size);
	dns_free(&dns);
	return said ? size : 0;
}
