/*
 * fuzz_reply.c -- a peer's replies, and its EHLO lines.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "common/wire.h"

static void
check_whole(const struct wire_reply *r)
{
	CHECK(r->code >= 200 && r->code <= 599 && r->lines <= WIRE_REPLY_LINES_MAX);
	CHECK(strlen(r->dsn) < sizeof(r->dsn));
	CHECK(r->dsn[0] == '\0' || r->dsn[0] - '0' == r->code / 100);
	CHECK(r->text.len <= (size_t)r->lines * WIRE_REPLY_LINE_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_reply r = { .code = 0 };
	enum wire_reply_result got = WIRE_REPLY_MORE;
	const char *p = (const char *)data, *why = NULL;
	size_t scanned = 0, linelen, used;
	uint64_t limit;
	char *line;

	while (got != WIRE_REPLY_BAD &&
	       wire_line(p, size, WIRE_REPLY_LINE_MAX, &scanned, &linelen, &used) == WIRE_LINE) {
		got = wire_reply_line(&r, p, linelen, &why);
		if (got == WIRE_REPLY_DONE)
			check_whole(&r);
		else
			CHECK(r.code == 0);
		line = xstrndup(p, linelen);
		(void)wire_extension(line, &limit);
		free(line);
		p += used;
		size -= used;
	}
	CHECK(got != WIRE_REPLY_BAD || why != NULL);
	wire_reply_free(&r);
	return 0;
}
