/*
 * doctor_tlsa.c -- TLSA records of this host (RFC 7672), if its zone is signed.
 *
 * Senders that do DANE believe a signed TLSA record alone: one that does not match the
 * certificate keeps them away.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include "common/cli/doctor.h"
#include "common/cli/doctor_cert.h"
#include "common/cli/doctor_dns.h"
#include "common/cli/doctor_own.h"
#include "common/cli/talk.h"
#include "common/conf.h"

static void
compare_keys(struct doctor *d, const struct dns_answer *a, const char *name, const struct talk *t)
{
	bool match = false, usable, any = false;

	for (size_t i = 0; i < a->n; i++) {
		match = cert_matches(t, &a->rr[i], &usable) || match;
		any = any || usable;
	}
	if (match || !any)
		doctor_say(d, DOCTOR_OK, NULL, match ? "%s matches the MTA's certificate"
		    : "%s has no record that counts for SMTP", name);
	else
		doctor_say(d, DOCTOR_FAIL, "renew the TLSA record, or the certificate",
		    "%s does not match the "
		    "MTA's certificate: senders that do DANE stay away",
		    name);
}

static void
compare(struct doctor *d, const struct dns_answer *a, const char *name)
{
	struct doctor_own own;

	doctor_own_open(d, &own);
	switch (own.state) {
	case OWN_SILENT:
		doctor_say(d, DOCTOR_WARN, "holdfast doctor port25",
		    "%s is there, but the MTA does not answer: %s",
		    name, own.why != NULL ? own.why : "");
		break;
	case OWN_PLAIN:
		doctor_say(d, DOCTOR_FAIL, "switch STARTTLS on in the MTA, or remove the record",
		    "%s is there, but the "
		    "MTA does not offer STARTTLS: senders that do DANE stay away",
		    name);
		break;
	case OWN_BROKEN:
		doctor_say(d, DOCTOR_FAIL, "look into the MTA's log",
		    "%s is there, but STARTTLS fails: %s", name, own.why);
		break;
	case OWN_TLS:
		compare_keys(d, a, name, own.talk);
		break;
	}
	doctor_own_close(&own);
}

void
check_tlsa(struct doctor *d)
{
	struct dns_answer a;
	char *name = xasprintf("_25._tcp.%s", d->conf->hostname), *fix;

	doctor_lookup(d, name, DNS_TLSA, &a);
	fix = a.status == DNS_BOGUS ? xasprintf("delv -t TLSA %s  (sign the zone anew; if delv is "
	    "content, the trust anchor is old: unbound-anchor -a %s)", name,
	    d->conf->dnssec_anchor) : doctor_dns_fix(d);
	if (a.status == DNS_FAILED || a.status == DNS_BOGUS)
		doctor_say(d, a.status == DNS_BOGUS ? DOCTOR_FAIL : DOCTOR_WARN, fix, "%s: %s%s",
		    name, a.why,
		    a.status == DNS_BOGUS
			? " (its signatures are broken: nobody who validates will come)"
			: "");
	else if (!a.secure)
		doctor_say(d, DOCTOR_SKIP, NULL,
		    "the zone of %s is not signed, or no trust anchor is known here",
		    d->conf->hostname);
	else if (a.status != DNS_OK)
		doctor_say(d, DOCTOR_OK, NULL, "%s is not there, and need not be", name);
	else
		compare(d, &a, name);
	dns_answer_clear(&a);
	free(fix);
	free(name);
}
