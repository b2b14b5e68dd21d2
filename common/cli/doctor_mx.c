/*
 * doctor_mx.c -- does the world know this host as the domain's backup, and do the rules
 * and the DNS name the same primary?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cli/doctor.h"
#include "common/cli/doctor_dns.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/rules.h"

static bool
shares_address(const struct hosts_addr *a, size_t na, const struct hosts_addr *b, size_t nb)
{
	for (size_t i = 0; i < na; i++)
		for (size_t k = 0; k < nb; k++)
			if (memcmp(&a[i], &b[k], sizeof(a[i])) == 0)
				return true;
	return false;
}

/* Not to be found in public: then the MX cannot name it. */
static bool
is_private(const struct hosts_addr *a)
{
	const uint8_t *p = a->addr;

	if (a->family == AF_INET6)
		return (p[0] & 0xfe) == 0xfc || (p[0] == 0xfe && (p[1] & 0xc0) == 0x80) ||
		    hosts_own(AF_INET6, p);
	return p[0] == 10 || p[0] == 127 || (p[0] == 172 && (p[1] & 0xf0) == 16) ||
	    (p[0] == 192 && p[1] == 168) || (p[0] == 100 && (p[1] & 0xc0) == 64);
}

/* Is one of the rule's hosts one of the MX hosts that are better than us? */
static bool
rules_agree(struct doctor *d, const struct doctor_mx *mx, int better)
{
	const struct rules_route *r = &d->domain->route;
	struct hosts_addr ours[TALK_ADDRESSES_MAX], theirs[TALK_ADDRESSES_MAX];
	char *why = NULL;
	bool agree = false;

	for (size_t i = 0; i < r->primary.n && !agree; i++) {
		size_t n = talk_addresses(d->dns, r->primary.v[i].host, doctor_soon(d), ours);

		agree = n > 0 && is_private(&ours[0]);
		for (int k = 0; k < better && !agree; k++)
			agree = strcasecmp(mx[k].host, r->primary.v[i].host) == 0 ||
				shares_address(ours, n, theirs,
				    doctor_dns_addresses(d, mx[k].host, theirs, &why));
	}
	free(why);
	return agree;
}

static void
judge(struct doctor *d, const struct doctor_mx *mx, int n, int us)
{
	const char *domain = d->domain->name;
	char *fix = NULL;
	int better = 0;

	while (better < n && mx[better].preference < mx[us].preference)
		better++;
	if (better == 0) {
		fix = xasprintf("set in the DNS: %s. MX %u %s.  (more than the primary's number)",
		    domain, mx[n - 1].preference + 10, mx[us].host);
		doctor_say(d, DOCTOR_FAIL, fix,
		    "no MX is better than this host (%u %s): all mail comes here first",
		    mx[us].preference, mx[us].host);
	} else if (d->domain->route.kind == ROUTE_HOSTS && !rules_agree(d, mx, better)) {
		fix = xasprintf("holdfast domain set %s --primary %s", domain, mx[0].host);
		doctor_say(d, DOCTOR_WARN, fix,
		    "the DNS says that the primary is %s, the rules say %s", mx[0].host,
		    d->domain->route.primary.v[0].host);
	} else
		doctor_say(d, DOCTOR_OK, NULL, "MX %u %s, then this host with %u", mx[0].preference,
		    mx[0].host, mx[us].preference);
	free(fix);
}

void
check_mx(struct doctor *d)
{
	struct doctor_mx mx[DOCTOR_MX_MAX];
	char *why = NULL, *fix;
	int n, us = 0;

	if (doctor_dns(d) == NULL)
		return;
	n = doctor_mx(d, d->domain->name, mx, &why);
	while (us < n && !mx[us].us)
		us++;
	fix = xasprintf("set in the DNS: %s. MX %u %s.", d->domain->name,
	    n > 0 ? mx[n - 1].preference + 10 : 20, d->conf->hostname);
	if (n == -1)
		doctor_say(d, DOCTOR_WARN, NULL, "its MX cannot be looked up: %s", why);
	else if (n == 0)
		doctor_say(d, DOCTOR_FAIL, fix, "it has no MX records");
	else if (us == n)
		doctor_say(d, DOCTOR_FAIL, fix,
		    "its MX records do not name this host, %s: nobody will send here",
		    d->conf->hostname);
	else
		judge(d, mx, n, us);
	free(fix);
	free(why);
}
