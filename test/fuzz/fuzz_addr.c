/*
 * fuzz_addr.c -- addresses. The first byte is the flags.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/utf8.h"

/* What was accepted must be harmless on a command line, in a header and in a log. */
static void
check_accepted(const char *address, size_t len, unsigned flags)
{
	char *copy = xstrndup(address, len), *lower;
	const char *domain, *why;
	size_t i;

	CHECK(strlen(copy) == len && len <= ADDR_PATH_MAX - 2 && utf8_valid(copy, len));
	for (i = 0; i < len; i++) {
		CHECK((unsigned char)copy[i] >= 0x20 && copy[i] != 0x7f);
		CHECK((flags & ADDR_UTF8) != 0 || (unsigned char)copy[i] < 0x80);
	}
	CHECK(addr_parse_mailbox(copy, flags, &why) == ADDR_OK);
	domain = addr_domain(copy);
	if (*domain != '\0')
		CHECK(addr_domain_valid(domain, true) && domain[-1] == '@');
	CHECK(addr_local_len(copy) <= ADDR_LOCAL_MAX);
	lower = addr_lower_domain_dup(copy);
	CHECK(addr_domain_equal(addr_domain(lower), domain));
	CHECK(memcmp(lower, copy, addr_local_len(copy)) == 0);
	free(lower);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data, *address, *why = NULL;
	unsigned flags = size > 0 ? data[0] & 7u : 0;
	size_t len, used;
	char *copy;

	if (size == 0)
		return 0;
	if (addr_parse_path(s + 1, size - 1, flags, &address, &len, &used, &why) == ADDR_OK) {
		CHECK(used <= size - 1 && used == len + 2 && address == s + 2);
		CHECK(s[1] == '<' && s[used] == '>');
		check_accepted(address, len, flags);
	} else {
		CHECK(why != NULL);
	}
	copy = xstrndup(s + 1, size - 1);
	(void)addr_parse_mailbox(copy, flags, &why);
	(void)addr_domain_valid(addr_domain(copy), (flags & ADDR_UTF8) != 0);
	(void)addr_local_len(copy);
	free(copy);
	return 0;
}
