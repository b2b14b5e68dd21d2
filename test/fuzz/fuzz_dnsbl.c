/*
 * fuzz_dnsbl.c -- a DNS list's TXT record, which is quoted to the client.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "milter/dnsbl_ask.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_rr rr = { data, size };
	char text[DNSBL_TEXT_SIZE];

	memset(text, 0x7f, sizeof(text));
	dnsbl_read_text(&rr, text);
	CHECK(memchr(text, '\0', sizeof(text)) != NULL && strlen(text) <= size);
	for (const char *p = text; *p != '\0'; p++)
		CHECK(*p >= 0x20 && *p < 0x7f);
	return 0;
}
