/*
 * idn.c -- internationalized domain names as the DNS knows them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/idn.h"

#include <idn2.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/buf.h"

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s > 0x7e)
			return false;
	return true;
}

char *
idn_ascii(const char *domain)
{
	char *out = NULL, *copy;

	if (is_ascii(domain))
		return xstrdup(domain);
	if (idn2_to_ascii_8z(domain, &out, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) != IDN2_OK)
		return NULL;
	copy = xstrdup(out);
	idn2_free(out);
	return copy;
}
