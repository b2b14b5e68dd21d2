/*
 * doctor_own.c -- the certificate that this host shows to senders.
 *
 * Most senders take any certificate. Those that follow an MTA-STS policy take none that has
 * ended, bears another name or comes from nobody they know: what that means for a domain is
 * doctor_sts.c's. Here it is told before it ends.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/doctor_own.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "common/cli/doctor.h"
#include "common/cli/doctor_cert.h"
#include "common/cli/doctor_dns.h"
#include "common/cli/talk.h"
#include "common/conf.h"

#define DAY		86400
#define CERT_SOON	(14 * DAY)

/* The loopback, or else our address by the DNS: the MTA need not listen on both. */
static struct talk *
connect_own(struct doctor *d, char **why)
{
	static const struct hosts_addr loopback = { AF_INET, { 127, 0, 0, 1 } };
	struct hosts_addr v[TALK_ADDRESSES_MAX];
	struct talk *t = talk_connect(&loopback, 25, doctor_soon(d), why);
	char *unknown = NULL, *other = NULL;
	size_t n = t == NULL && doctor_dns(d) != NULL
	    ? doctor_dns_addresses(d, d->conf->hostname, v, &unknown) : 0;

	for (size_t i = 0; i < n && t == NULL; i++)
		if (hosts_own(v[i].family, v[i].addr)) {
			t = talk_connect(&v[i], 25, doctor_soon(d), &other);
			free(other);
			other = NULL;
		}
	if (t != NULL) {
		free(*why);
		*why = NULL;
	}
	free(unknown);
	return t;
}

void
doctor_own_open(struct doctor *d, struct doctor_own *own)
{
	struct wire_reply r = { .code = 0 };
	struct talk_offers o;
	struct talk *t;

	memset(own, 0, sizeof(*own));
	t = own->talk = connect_own(d, &own->why);
	if (t == NULL || talk_reply(t, &r, &own->why) != 220 ||
	    talk_hello(t, "EHLO", d->conf->hostname, &o, &own->why) == -1)
		own->state = OWN_SILENT;
	else if ((o.ext & WIRE_EXT_STARTTLS) == 0)
		own->state = OWN_PLAIN;
	else if (talk_starttls(t, d->conf->hostname, &own->why) == -1)
		own->state = OWN_BROKEN;
	else
		own->state = OWN_TLS;
	wire_reply_free(&r);
}

void
doctor_own_close(struct doctor_own *own)
{
	talk_quit(&own->talk);
	free(own->why);
	own->why = NULL;
}

char *
doctor_own_flaw(const struct doctor *d, const struct doctor_own *own)
{
	const char *why;
	int64_t left;

	switch (own->state) {
	case OWN_SILENT:
		return NULL;	/* check `port25' says so */
	case OWN_PLAIN:
		return xstrdup("the MTA does not offer STARTTLS");
	case OWN_BROKEN:
		return xasprintf("STARTTLS fails: %s", own->why);
	case OWN_TLS:
		break;
	}
	if ((left = cert_left(own->talk)) < 0)
		return xasprintf("its certificate ended %lld days ago", (long long)(-left / DAY));
	if (!cert_has_name(own->talk, d->conf->hostname))
		return xasprintf("its certificate is not for %s", d->conf->hostname);
	if ((why = cert_untrusted(own->talk, "")) != NULL)
		return xasprintf("its certificate is not believed: %s", why);
	return NULL;
}

char *
doctor_own_fix(const struct doctor *d)
{
	if (d->mta == DOCTOR_SENDMAIL)
		return xasprintf("grep ServerCertFile %s/sendmail.cf  (there: one for %s, and restart "
		    "sendmail)", d->mta_dir, d->conf->hostname);
	return xasprintf("postconf smtpd_tls_chain_files smtpd_tls_cert_file  (there: one for %s, and "
	    "postfix reload)", d->conf->hostname);
}

static void
judge(struct doctor *d, const struct doctor_own *own, const char *fix)
{
	int64_t left = cert_left(own->talk);
	bool named = cert_has_name(own->talk, d->conf->hostname);
	const char *why;

	if (left < 0)
		doctor_say(d, DOCTOR_WARN, fix,
		    "the MTA's certificate ended %lld days ago: senders that look at it stay away",
		    (long long)(-left / DAY));
	else if (left < CERT_SOON)
		doctor_say(d, DOCTOR_WARN, fix, "the MTA's certificate ends in %lld days",
		    (long long)(left / DAY));
	if (!named)
		doctor_say(d, DOCTOR_WARN, fix,
		    "the MTA's certificate is not for %s: senders that look at it stay away",
		    d->conf->hostname);
	if (left < CERT_SOON || !named)
		return;
	why = cert_untrusted(own->talk, "");
	doctor_say(d, DOCTOR_OK, NULL, "it is for %s and good for %lld days; %s%s",
	    d->conf->hostname, (long long)(left / DAY), why != NULL
	    ? "no known CA vouches for it, which only MTA-STS asks for: " : "its CA is known",
	    why != NULL ? why : "");
}

void
check_certificate(struct doctor *d)
{
	struct doctor_own own;
	char *fix = doctor_own_fix(d);

	doctor_own_open(d, &own);
	switch (own.state) {
	case OWN_SILENT:
		doctor_say(d, DOCTOR_SKIP, NULL, "the MTA does not answer: see check `port25'");
		break;
	case OWN_PLAIN:
		doctor_say(d, DOCTOR_SKIP, NULL,
		    "the MTA does not offer STARTTLS: all mail comes in the clear");
		break;
	case OWN_BROKEN:
		doctor_say(d, DOCTOR_WARN, fix, "the MTA offers STARTTLS, but %s", own.why);
		break;
	case OWN_TLS:
		judge(d, &own, fix);
		break;
	}
	doctor_own_close(&own);
	free(fix);
}
