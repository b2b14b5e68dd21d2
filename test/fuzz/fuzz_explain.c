/*
 * fuzz_explain.c -- a message file as a session is shown it. The session's side is here.
 *
 * Whatever the file has: headers come before the body, each has a name that is one and no blank line
 * inside; the body has only whole line ends; and nothing but line ends, a mailbox's first line and what
 * stands behind a NUL in a header is lost.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "common/buf.h"
#include "milter/explain.h"

static struct {
	bool		 in_body;
	size_t		 nheaders;
	struct buf	 body;
} seen;

void
session_header(struct session *s, const char *name, const char *value)
{
	(void)s;
	CHECK(!seen.in_body);
	CHECK(*name != '\0' && strpbrk(name, " \t\r\n:") == NULL);
	for (const char *p = value; (p = strchr(p, '\n')) != NULL; p++)
		CHECK(p[1] == ' ' || p[1] == '\t');
	seen.nheaders++;
}

void
session_end_of_headers(struct session *s)
{
	(void)s;
	CHECK(!seen.in_body);
	seen.in_body = true;
}

void
session_body(struct session *s, const void *data, size_t len)
{
	(void)s;
	CHECK(seen.in_body && len > 0);
	buf_put(&seen.body, data, len);
}

static size_t
count(const void *data, size_t len, char what)
{
	const char *p = data;
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += p[i] == what;
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *why = NULL;
	FILE *f;
	int rc;

	if (len == 0 || (f = fmemopen((void *)(uintptr_t)data, len, "r")) == NULL)
		return 0;
	memset(&seen, 0, sizeof(seen));
	rc = explain_message(NULL, f, &why);
	(void)fclose(f);
	CHECK((rc == 0) == (why == NULL));
	CHECK(rc == -1 || seen.in_body);
	for (size_t i = 0; i < seen.body.len; i++)
		CHECK(seen.body.data[i] != '\n' || (i > 0 && seen.body.data[i - 1] == '\r'));
	/* Each header had a line, the body no more of them than there were: one may be completed. */
	CHECK(seen.nheaders <= count(data, len, '\n') + 1);
	CHECK(count(seen.body.data, seen.body.len, '\n') <= count(data, len, '\n') + 1);
	free(why);
	buf_free(&seen.body);
	return 0;
}
