/*
 * fuzz_spf_proto.c -- what the SPF process may say to the milter, and the other way round.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "milter/spf_proto.h"
#include "test/fuzz/fuzz.h"

static bool
printable(const char *s, size_t size)
{
	CHECK(memchr(s, '\0', size) != NULL);
	for (; *s != '\0'; s++)
		if (*s < 0x20 || *s > 0x7e)
			return false;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct spf_message m, back;
	uint8_t packet[SPF_PROTO_MAX];
	size_t n;

	if (spf_proto_read(data, len, &m) == -1)
		return 0;
	CHECK((int)m.type >= SPF_MESSAGE_QUERY && m.type <= SPF_MESSAGE_DEATH);
	CHECK((int)m.answer.result >= 0 && (int)m.answer.result < SPF_NRESULTS);
	CHECK(printable(m.answer.domain, sizeof(m.answer.domain)));
	CHECK(printable(m.answer.why, sizeof(m.answer.why)));
	CHECK(memchr(m.helo, '\0', sizeof(m.helo)) != NULL);
	CHECK(memchr(m.sender, '\0', sizeof(m.sender)) != NULL);
	/* There is one way to write a message. */
	n = spf_proto_write(&m, packet);
	CHECK(n == len && memcmp(packet, data, len) == 0);
	CHECK(spf_proto_read(packet, n, &back) == 0);
	return 0;
}
