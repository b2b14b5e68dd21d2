/*
 * fuzz_dsn.c -- strangers' words in our reports: no header, part or line of their own.
 *
 * The input is strings separated by NUL: sender, recipient, ORCPT, ENVID,
 * status, remote, reply, reason; what is left is the original message.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/envelope.h"
#include "queued/dsn.h"
#include "queued/dsn_text.h"

enum { SENDER, RCPT, ORCPT, ENVID, STATUS, REMOTE, REPLY, REASON, NSTRINGS };

static const char *const header_names[] = { "Date: ", "From: ", "To: ", "Subject: ", "Message-ID: ",
	"Auto-Submitted: ", "MIME-Version: ", "Content-Type: ", "Content-Transfer-Encoding: ", NULL };
static const char *const part_names[] = { "Content-Description: ", "Content-Type: ",
	"Content-Transfer-Encoding: ", NULL };
static const char *const status_names[] = { "Reporting-MTA: ", "X-Holdfast-Queue-ID: ",
	"Original-Envelope-Id: ", "Arrival-Date: ", "Original-Recipient: ", "Final-Recipient: ", "Action: ",
	"Status: ", "Remote-MTA: ", "Diagnostic-Code: ", "Last-Attempt-Date: ", "Will-Retry-Until: ",
	NULL };

struct line {
	const char	*s;
	size_t		 len;
};

/* False: there is none left. */
static bool
next_line(const char **p, const char *end, struct line *l)
{
	const char *crlf;

	if (*p == end)
		return false;
	crlf = memmem(*p, (size_t)(end - *p), "\r\n", 2);
	CHECK(crlf != NULL);
	*l = (struct line){ *p, (size_t)(crlf - *p) };
	CHECK(l->len <= DSN_LINE_MAX);
	CHECK(memchr(l->s, '\0', l->len) == NULL && memchr(l->s, '\r', l->len) == NULL &&
	    memchr(l->s, '\n', l->len) == NULL);
	*p = crlf + 2;
	return true;
}

/* A block of fields up to an empty line: each is one of ours, each once. Returns the number. */
static unsigned
check_fields(const char **p, const char *end, const char *const *names)
{
	struct line l;
	unsigned seen = 0, n = 0;

	while (next_line(p, end, &l) && l.len > 0) {
		size_t i = 0;

		if (l.s[0] == ' ') {
			CHECK(n > 0 && strspn(l.s, " ") < l.len);
			continue;
		}
		while (names[i] != NULL && strncmp(l.s, names[i], strlen(names[i])) != 0)
			i++;
		CHECK(names[i] != NULL);
		CHECK((seen & 1u << i) == 0);
		seen |= 1u << i;
		n++;
	}
	return n;
}

static void
check_message(const struct buf *b)
{
	const char *p = b->data, *end = b->data + b->len, *quote;
	char boundary[100];
	struct line l;
	unsigned parts = 0;

	CHECK(check_fields(&p, end, header_names) >= 8);
	quote = strstr(b->data, "boundary=\"") + strlen("boundary=\"");
	CHECK(quote < p);
	(void)snprintf(boundary, sizeof(boundary), "--%.*s", (int)strcspn(quote, "\""), quote);
	while (next_line(&p, end, &l)) {
		if (l.len < strlen(boundary) || memcmp(l.s, boundary, strlen(boundary)) != 0)
			continue;
		parts++;
		if (parts == 4) {
			CHECK(l.len == strlen(boundary) + 2 && p == end);
			return;
		}
		CHECK(l.len == strlen(boundary));
		CHECK(check_fields(&p, end, part_names) >= 2);
		if (parts == 2) {
			CHECK(check_fields(&p, end, status_names) >= 3);
			CHECK(check_fields(&p, end, status_names) >= 3);
		}
	}
	CHECK(false);	/* the closing boundary was not there */
}

static const char *
or_null(const char *s)
{
	return s[0] != '\0' ? s : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	char *s[NSTRINGS];
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < NSTRINGS; i++) {
		const char *nul = memchr(p, '\0', (size_t)(end - p));

		s[i] = xstrndup(p, (size_t)((nul != NULL ? nul : end) - p));
		p = nul != NULL ? nul + 1 : end;
	}
	for (int action = DSN_RELAYED; action <= DSN_FAILED; action++) {
		struct envelope env = { .sender = s[SENDER], .envid = (char *)(uintptr_t)or_null(s[ENVID]) };
		struct rcpt rcpt = { .address = s[RCPT], .orcpt = (char *)(uintptr_t)or_null(s[ORCPT]) };
		struct dsn_rcpt r = { (enum dsn_action)action, &rcpt, or_null(s[STATUS]),
			or_null(s[REMOTE]), or_null(s[REPLY]), s[REASON], 1000, 2000 };
		struct dsn d = { "mx2.test", "REPORT", "ORIGINAL", 1000, 500, &env, p,
			(size_t)(end - p), &r, 1 };

		buf_clear(&out);
		CHECK(dsn_format(&out, &d) == dsn_has_8bit(out.data, out.len));
		CHECK(out.len < DSN_HEADER_MAX * 2 + size * 8 + 8192);
		check_message(&out);
	}
	buf_free(&out);
	for (size_t i = 0; i < NSTRINGS; i++)
		free(s[i]);
	return 0;
}
