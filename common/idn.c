/*
 * idn.c -- domain names as the DNS has them (IDNA 2008), by libidn2.
 *
 * ASCII names do not go through libidn2: it would refuse some that are in use, like those with a
 * hyphen in the third and fourth place.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/idn.h"

#include <idn2.h>
#include <string.h>

#include "common/addr.h"
#include "common/utf8.h"

/* Copies an ASCII name. */
static int
take(const char *s, char name[DNS_NAME_MAX])
{
	size_t len = strlen(s);

	if (len > 0 && s[len - 1] == '.')
		len--;
	if (len == 0 || len > DNS_NAME_MAX - 3)		/* 253: the wire form has 255 octets */
		return -1;
	memcpy(name, s, len);
	name[len] = '\0';
	addr_lower(name);
	return name[0] != '[' && addr_domain_valid(name, false) ? 0 : -1;
}

int
idn_to_dns(const char *domain, char name[DNS_NAME_MAX])
{
	char *ascii = NULL;
	int rc;

	if (utf8_is_ascii(domain))
		return take(domain, name);
	/* Its work grows with the length; no name that fits is longer than this. */
	if (strlen(domain) > 4 * DNS_NAME_MAX || idn2_lookup_u8((const uint8_t *)domain,
	    (uint8_t **)&ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return -1;
	rc = take(ascii, name);
	idn2_free(ascii);
	return rc;
}
