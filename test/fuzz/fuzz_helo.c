/*
 * fuzz_helo.c -- what a client calls itself; and what is looked up for it in a DNS list.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/idn.h"
#include "milter/dnsbl_ask.h"
#include "milter/helo.h"

/* A name that goes into a question to the DNS. */
static void
check_name(const char *name)
{
	size_t len = strlen(name);

	CHECK(len > 0 && len <= DNS_NAME_MAX - 3 && name[len - 1] != '.');
	for (size_t i = 0; i < len; i++)
		CHECK(name[i] > 0x20 && name[i] < 0x7f && !(name[i] >= 'A' && name[i] <= 'Z'));
	CHECK(addr_domain_valid(name, false) && name[0] != '[');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size), name[DNS_NAME_MAX];
	struct helo h, again;

	helo_parse(text, &h);
	CHECK((h.kind == HELO_NONE) == (text[0] == '\0'));
	if (h.kind == HELO_NAME) {
		check_name(h.name);
		helo_parse(h.name, &again);
		CHECK(again.kind == HELO_NAME && strcmp(again.name, h.name) == 0);
	}
	if (h.kind == HELO_LITERAL)
		CHECK(addr_domain_valid(text, false));
	if (idn_to_dns(text, name) == 0)
		check_name(name);
	for (int what = DNSBL_CLIENT; what <= DNSBL_SENDER_DOMAIN; what++)
		if (dnsbl_name("list.test", (enum rules_dnsbl_what)what, text, name) == 0) {
			check_name(name);
			CHECK(strstr(name, ".list.test") != NULL);
		}
	free(text);
	return 0;
}
