/*
 * t_dsn.c -- the bytes of delivery reports.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/envelope.h"
#include "queued/bounce_rate.h"
#include "queued/dsn.h"
#include "queued/dsn_text.h"

static char sender[] = "alice@client.test", envid[] = "QQ+2B314159", orcpt[] = "rfc822;Bob+40Example.org";
static char bob[] = "bob@example.org", carol[] = "carol@example.org", utf8[] = "j\xc3\xb6@example.org";

static const char header[] = "Received: from x\r\n\tby y\r\nSubject: hello\r\n\r\nthe secret body\r\n";

/* A report of one recipient, changed by the test before it is written. */
struct report {
	struct envelope	 env;
	struct rcpt	 to[3];
	struct dsn_rcpt	 rcpt[3];
	struct dsn	 dsn;
	struct buf	 text;
	bool		 eight;
};

static int
setup(void **state)
{
	struct report *r = xcalloc(1, sizeof(*r));

	(void)setenv("TZ", "UTC", 1);
	r->env.sender = sender;
	r->to[0] = (struct rcpt){ .address = bob };
	r->to[1] = (struct rcpt){ .address = carol };
	r->rcpt[0] = (struct dsn_rcpt){ .action = DSN_FAILED, .rcpt = &r->to[0], .status = "5.1.1",
	    .remote = "mx.example.org[192.0.2.1]:25", .reply = "550 5.1.1 no such user",
	    .reason = "host mx.example.org[192.0.2.1]:25 said: 550 5.1.1 no such user",
	    .last_attempt = 1700000000 };
	r->dsn = (struct dsn){ "mx2.test", "REPORT", "ORIG", 1700000000, 1690000000, &r->env, header,
	    sizeof(header) - 1, r->rcpt, 1 };
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct report *r = *state;

	buf_free(&r->text);
	free(r);
	return 0;
}

static const char *
written(struct report *r)
{
	buf_clear(&r->text);
	r->eight = dsn_format(&r->text, &r->dsn);
	return r->text.data;
}

static void
has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static void
has_not(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("\"%s\" in:\n%s", part, text);
}

static void
test_failed(void **state)
{
	struct report *r = *state;
	const char *text;

	r->env.envid = envid;
	r->to[0].orcpt = orcpt;
	text = written(r);
	has(text, "\r\nFrom: Mail Delivery System <MAILER-DAEMON@mx2.test>\r\n");
	has(text, "\r\nTo: <alice@client.test>\r\n");
	has(text, "\r\nAuto-Submitted: auto-replied\r\n");
	has(text, "\r\nMessage-ID: <REPORT@mx2.test>\r\n");
	has(text, "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n");
	has(text, "Content-Type: multipart/report; report-type=delivery-status;");
	has(text, "\r\nReporting-MTA: dns; mx2.test\r\n");
	has(text, "\r\nX-Holdfast-Queue-ID: ORIG\r\n");
	has(text, "\r\nOriginal-Envelope-Id: QQ+314159\r\n");
	has(text, "\r\nArrival-Date: Sat, 22 Jul 2023 04:26:40 +0000\r\n\r\n");
	has(text, "\r\nOriginal-Recipient: rfc822; Bob@Example.org\r\n"
	    "Final-Recipient: rfc822; bob@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"
	    "Remote-MTA: dns; mx.example.org\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
	    "Last-Attempt-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n");
	has_not(text, "Will-Retry-Until");
	has_not(text, "Content-Transfer-Encoding");
	assert_false(r->eight);
	has(text, "It will not be tried again.");
}

/* The header alone, even for RET=FULL. */
static void
test_header_only(void **state)
{
	struct report *r = *state;
	const char *text;

	r->env.ret = RET_FULL;
	text = written(r);
	has(text, "Content-Type: text/rfc822-headers\r\n\r\nReceived: from x\r\n\tby y\r\nSubject: hello\r\n\r\n--");
	has_not(text, "secret");
}

static void
test_header_cap(void **state)
{
	struct report *r = *state;
	size_t len = 200000;
	char *big = xcalloc(1, len + 1);

	for (size_t i = 0; i < len; i += 100) {
		memset(big + i, 'x', 100);
		memcpy(big + i + 98, "\r\n", 2);
	}
	r->dsn.header = big;
	r->dsn.header_len = len;
	(void)written(r);
	assert_in_range(r->text.len, DSN_HEADER_MAX, DSN_HEADER_MAX + 3000);
	has(r->text.data, "xxx\r\n\r\n--=_REPORT/0/holdfast--\r\n");	/* whole lines */
	free(big);
}

static void
test_delayed(void **state)
{
	struct report *r = *state;
	const char *text;

	r->rcpt[0].action = DSN_DELAYED;
	r->rcpt[0].status = "4.4.1";
	r->rcpt[0].reply = r->rcpt[0].remote = NULL;
	r->rcpt[0].reason = "mx.example.org: connection refused";
	r->rcpt[0].retry_until = 1700086400;
	text = written(r);
	has(text, "Action: delayed\r\nStatus: 4.4.1\r\n"
	    "Diagnostic-Code: X-Holdfast; mx.example.org: connection refused\r\n");
	has(text, "Will-Retry-Until: Wed, 15 Nov 2023 22:13:20 +0000\r\n");
	has(text, "Subject: Delayed");
	has(text, "only a warning");
	has_not(text, "It will not be tried again.");
}

/* Several recipients, one report; those that it is not about are not in it. */
static void
test_several(void **state)
{
	struct report *r = *state;
	const char *text;

	r->to[2] = (struct rcpt){ .address = sender };
	r->rcpt[1] = r->rcpt[2] = r->rcpt[0];
	r->rcpt[1].rcpt = &r->to[1];
	r->rcpt[1].action = DSN_RELAYED;
	r->rcpt[1].status = "2.1.5";
	r->rcpt[2].rcpt = &r->to[2];
	r->rcpt[2].action = DSN_NONE;
	r->dsn.nrcpt = 3;
	text = written(r);
	has(text, "Final-Recipient: rfc822; bob@example.org\r\nAction: failed");
	has(text, "Final-Recipient: rfc822; carol@example.org\r\nAction: relayed\r\nStatus: 2.1.5");
	has_not(text, "rfc822; alice");
	has(text, "Subject: Undelivered");
}

static void
test_status(void **state)
{
	static const struct {
		enum dsn_action	 action;
		const char	*status, *want;
	} rows[] = {
		{ DSN_FAILED, "5.7.1", "\r\nStatus: 5.7.1\r\n" },
		{ DSN_FAILED, "4.4.7", "\r\nStatus: 5.4.7\r\n" },	/* expired: final now */
		{ DSN_FAILED, "", "\r\nStatus: 5.0.0\r\n" },
		{ DSN_FAILED, NULL, "\r\nStatus: 5.0.0\r\n" },
		{ DSN_FAILED, "5.1", "\r\nStatus: 5.0.0\r\n" },
		{ DSN_FAILED, "5.1.1x", "\r\nStatus: 5.0.0\r\n" },
		{ DSN_DELAYED, "5.1.1", "\r\nStatus: 4.1.1\r\n" },
		{ DSN_RELAYED, "2.0.0", "\r\nStatus: 2.0.0\r\n" },
	};
	struct report *r = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		r->rcpt[0].action = rows[i].action;
		r->rcpt[0].status = rows[i].status;
		has(written(r), rows[i].want);
	}
}

/* RFC 6533 */
static void
test_utf8(void **state)
{
	struct report *r = *state;
	const char *text;

	r->to[0].address = utf8;
	r->dsn.header = "Subject: gr\xc3\xbc\xc3\x9f\x65\r\n\r\n";
	r->dsn.header_len = strlen(r->dsn.header);
	text = written(r);
	assert_true(r->eight && dsn_is_global(&r->dsn));
	has(text, "Content-Type: message/global-delivery-status\r\n");
	has(text, "Content-Type: message/global-headers\r\n");
	has(text, "Final-Recipient: utf-8; j\xc3\xb6@example.org\r\n");
	/* What is not UTF-8 is not called so. */
	r->dsn.header = "Subject: \xff\r\n\r\n";
	r->dsn.header_len = strlen(r->dsn.header);
	has(written(r), "Content-Type: text/rfc822-headers\r\n");
	/* Plain addresses: a plain report, whatever the header. */
	r->to[0].address = bob;
	text = written(r);
	assert_true(r->eight && !dsn_is_global(&r->dsn));
	has(text, "Content-Type: message/delivery-status\r\n");
	has(text, "Content-Transfer-Encoding: 8bit\r\n");
}

/* Nobody adds a header, a field or a part. */
static void
test_injection(void **state)
{
	static char evil[] = "a\r\nBcc: v@x\r\n\r\n@d", bad_envid[] = "x+0D+0ABcc: y";
	struct report *r = *state;
	const char *text;

	r->env.sender = r->to[0].address = evil;
	r->env.envid = bad_envid;
	r->rcpt[0].reply = "550 no\r\n\r\n--=_REPORT/0/holdfast\r\nX: y";
	r->rcpt[0].reason = "no\nway\r--\r\n.\r\n";
	r->dsn.header = "A: b\r\n--=_REPORT/0/holdfast--\r\nC: d\0e\r\n";
	r->dsn.header_len = 39;
	text = written(r);
	assert_int_equal(strlen(text), r->text.len);	/* no NUL */
	has_not(text, "\nBcc:");
	has_not(text, "\n.\r");
	has(text, "boundary=\"=_REPORT/1/holdfast\"");
	has(text, "C: d?e\r\n");
	for (const char *p = text; (p = strpbrk(p, "\r\n")) != NULL; p += 2)
		assert_true(p[0] == '\r' && p[1] == '\n');
}

static void
test_long_lines(void **state)
{
	struct report *r = *state;
	size_t longest = 0, n;
	char *word = xcalloc(1, 20001);
	const char *text;

	memset(word, 'w', 20000);
	r->rcpt[0].reply = r->rcpt[0].reason = word;
	r->dsn.header = word;
	r->dsn.header_len = 20000;
	text = written(r);
	for (const char *p = text; *p != '\0'; p += n + 2) {
		n = strcspn(p, "\r");
		longest = n > longest ? n : longest;
	}
	assert_in_range(longest, 900, DSN_LINE_MAX);
	free(word);
}

static void
test_rate(void **state)
{
	struct bounce_rate *r = bounce_rate_new(7);
	char name[32];

	(void)state;
	assert_int_equal(BOUNCE_RATE_GO, bounce_rate_take(r, "a.test", 2, 1000));
	assert_int_equal(BOUNCE_RATE_GO, bounce_rate_take(r, "A.Test", 2, 1001));
	assert_int_equal(BOUNCE_RATE_OVER_FIRST, bounce_rate_take(r, "a.test", 2, 1002));
	assert_int_equal(BOUNCE_RATE_OVER, bounce_rate_take(r, "a.test", 2, 1003));
	assert_int_equal(BOUNCE_RATE_GO, bounce_rate_take(r, "b.test", 2, 1003));
	assert_int_equal(BOUNCE_RATE_OVER, bounce_rate_take(r, "a.test", 2, 1000 + BOUNCE_RATE_INTERVAL - 1));
	/* A hundred thousand others are no way to make it forget. */
	for (unsigned i = 0; i < 100000; i++) {
		(void)snprintf(name, sizeof(name), "d%u.test", i);
		(void)bounce_rate_take(r, name, 2, 2000);
	}
	assert_int_equal(BOUNCE_RATE_OVER, bounce_rate_take(r, "a.test", 2, 3000));
	assert_int_equal(BOUNCE_RATE_GO, bounce_rate_take(r, "a.test", 2, 1000 + BOUNCE_RATE_INTERVAL));
	assert_int_equal(BOUNCE_RATE_OVER_FIRST, bounce_rate_take(r, "c.test", 0, 1000));
	bounce_rate_free(&r);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_failed),
		T(test_header_only),
		T(test_header_cap),
		T(test_delayed),
		T(test_several),
		T(test_status),
		T(test_utf8),
		T(test_injection),
		T(test_long_lines),
		cmocka_unit_test(test_rate),
	};

	return cmocka_run_group_tests_name("dsn", tests, NULL, NULL);
}
