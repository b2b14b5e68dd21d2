/*
 * doctor_tlsa.c -- TLSA records of this host (RFC 7672), if its zone is signed.
 *
 * Senders that do DANE believe a signed TLSA record alone: one that does not match the
 * certificate keeps them away.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "common/cli/doctor.h"
#include "common/cli/doctor_cert.h"
#include "common/cli/doctor_dns.h"
#include "common/cli/talk.h"
#include "common/conf.h"

static void
compare(struct doctor *d, const struct dns_answer *a, const char *name)
{
	static const struct hosts_addr loopback = { AF_INET, { 127, 0, 0, 1 } };
	struct wire_reply r = { .code = 0 };
	struct talk_offers o;
	char *why = NULL;
	struct talk *t = talk_connect(&loopback, 25, doctor_soon(d), &why);
	bool match = false, usable, any = false;

	if (t == NULL || talk_reply(t, &r, &why) != 220 ||
	    talk_hello(t, "EHLO", d->conf->hostname, &o, &why) == -1)
		doctor_say(d, DOCTOR_WARN, NULL, "%s is there, but the MTA does not answer: %s",
		    name, why != NULL ? why : "");
	else if ((o.ext & WIRE_EXT_STARTTLS) == 0)
		doctor_say(d, DOCTOR_FAIL, "switch STARTTLS on in the MTA, or remove the record",
		    "%s is there, but the "
		    "MTA does not offer STARTTLS: senders that do DANE stay away",
		    name);
	else if (talk_starttls(t, d->conf->hostname, &why) == -1)
		doctor_say(d, DOCTOR_FAIL, "look into the MTA's log",
		    "%s is there, but STARTTLS fails: %s", name, why);
	else {
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
	talk_quit(&t);
	wire_reply_free(&r);
	free(why);
}

void
check_tlsa(struct doctor *d)
{
	struct dns_answer a;
	char *name = xasprintf("_25._tcp.%s", d->conf->hostname);

	doctor_lookup(d, name, DNS_TLSA, &a);
	if (a.status == DNS_FAILED || a.status == DNS_BOGUS)
		doctor_say(d, a.status == DNS_BOGUS ? DOCTOR_FAIL : DOCTOR_WARN, NULL, "%s: %s%s",
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
	free(name);
}
