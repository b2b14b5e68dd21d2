/*
 * dane.c -- which TLSA records speak for a host.
 *
 * RFC 7672 2.2.2: the host's address is looked up first. Only if that is secure can TLSA records
 * be, and the name after its CNAMEs is the first candidate for the base domain, the host the second. When
 * the CNAMEs leave the signed world, the alias itself may still be in it.
 *
 * A look-up that fails must not read as "no TLSA", or whoever drops packets would
 * switch the protection off (2.1.2).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/dane.h"

#include <stdlib.h>

#include "common/dns.h"

enum dane_next
dane_next(enum dane_step step, const struct dns_answer *a)
{
	if (a->status == DNS_FAILED || a->status == DNS_BOGUS)
		return DANE_UNUSABLE;
	switch (step) {
	case DANE_ADDRESS:
		if (a->canonical == NULL)
			return a->secure ? DANE_ASK_HOST : DANE_UNSIGNED;
		return a->secure ? DANE_ASK_CANONICAL : DANE_ASK_ALIAS;
	case DANE_ALIAS:
		return a->secure ? DANE_ASK_HOST : DANE_UNSIGNED;
	case DANE_TLSA_CANONICAL:
		return a->status == DNS_OK && a->secure ? DANE_FOUND : DANE_ASK_HOST;
	case DANE_TLSA_HOST:
		return a->status == DNS_OK && a->secure ? DANE_FOUND : DANE_NONE;
	}
	abort();
}
