/*
 * t_envelope.c -- envelopes, and the Received: line.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/envelope.h"

#define S(text)	xstrdup(text)

static void
envelopes(void **state)
{
	struct envelope e = { .sender = S("a@b"), .envid = S("x"), .trace = S("t") };
	struct client_info copy = { .name = S("old") };
	struct rcpt *r;
	int i;

	(void)state;
	for (i = 0; i < ENVELOPE_RCPT_MAX; i++) {
		r = envelope_add_rcpt(&e);
		assert_null(r->address);
		assert_null(r->orcpt);
		assert_int_equal(r->notify, 0);
		r->address = xasprintf("r%d@d", i);
		r->orcpt = S("rfc822;r@d");
	}
	assert_int_equal(e.nrcpt, ENVELOPE_RCPT_MAX);
	assert_string_equal(e.rcpt[999].address, "r999@d");
	e.client = (struct client_info){ S("n"), S("192.0.2.1"), S("1"), S("ESMTP"), S("h"), S("i"),
		S("LOCAL") };
	client_info_copy(&copy, &e.client);
	client_info_copy(&copy, &copy);
	envelope_clear(&e);
	assert_null(e.sender);
	assert_null(e.rcpt);
	assert_int_equal(e.nrcpt, 0);
	envelope_clear(&e);
	assert_string_equal(copy.name, "n");
	assert_string_equal(copy.addr, "192.0.2.1");
	assert_string_equal(copy.port, "1");
	assert_string_equal(copy.proto, "ESMTP");
	assert_string_equal(copy.helo, "h");
	assert_string_equal(copy.ident, "i");
	assert_string_equal(copy.source, "LOCAL");
	client_info_clear(&copy);
	assert_null(copy.name);
}

#define DATE	"Sun, 22 Nov 2026 08:33:01 +0000\r\n"
#define BY	"by mx2.example.test (Holdfast) with ESMTP id 3f"

static void
received(void **state)
{
	static const struct {
		const char	*helo, *name, *addr, *tls, *rcpt;
		const char	*line;
	} rows[] = {
		{ "mail.sender.test", "client.sender.test", "192.0.2.1", NULL, "r@d",
		    "Received: from mail.sender.test (client.sender.test [192.0.2.1])\r\n\t" BY
		    "\r\n\tfor <r@d>; " DATE },
		{ "[192.0.2.1]", NULL, "192.0.2.1", NULL, NULL,
		    "Received: from [192.0.2.1] (unknown [192.0.2.1])\r\n\t" BY "; " DATE },
		{ "h", "unknown", "IPv6:2001:db8::1", "TLSv1.3 with cipher X (256/256 bits)", "r@d",
		    "Received: from h (unknown [IPv6:2001:db8::1])\r\n"
		    "\t(using TLSv1.3 with cipher X \\(256/256 bits\\))\r\n\t" BY "\r\n\tfor <r@d>; " DATE },
		{ "h", "n", "2001:db8::1", NULL, NULL,
		    "Received: from h (n [IPv6:2001:db8::1])\r\n\t" BY "; " DATE },
		{ NULL, NULL, NULL, NULL, NULL, "Received: " BY "; " DATE },
		{ "", "", "", "", "", "Received: " BY "; " DATE },
		{ NULL, "n", NULL, NULL, NULL, "Received: from unknown (n)\r\n\t" BY "; " DATE },
		/* nothing of theirs ends a line, a comment or a word */
		{ "a b\r\nX: y(\xc3\xa9", "n)\r\nX\\y(\x01\xff", "1]\r\n", NULL, "a\r\nb\xff\xc3\xa9@d",
		    "Received: from a?b??X:?y??? (n\\)??X\\\\y\\(?? [1???])\r\n\t" BY
		    "\r\n\tfor <a??b?\xc3\xa9@d>; " DATE },
	};
	struct buf b = BUF_INIT;
	size_t i;

	(void)state;
	(void)setenv("TZ", "UTC0", 1);
	tzset();
	for (i = 0; i < COUNT(rows); i++) {
		struct client_info c = { .helo = xstrdup(rows[i].helo), .name = xstrdup(rows[i].name),
			.addr = xstrdup(rows[i].addr) };

		buf_clear(&b);
		received_format(&b, &c, "mx2.example.test", "ESMTP", rows[i].tls, "3f", rows[i].rcpt,
		    1795336381);
		assert_string_equal(b.data, rows[i].line);
		client_info_clear(&c);
	}
	buf_clear(&b);
	received_format(&b, NULL, "mx2.example.test", "ESMTP", NULL, "3f", NULL, 1795336381);
	assert_string_equal(b.data, "Received: " BY "; " DATE);
	buf_free(&b);
}

static void
received_zone(void **state)
{
	static const struct {
		const char	*zone, *date;
	} rows[] = {
		{ "XXX-5:30", "; Sun, 22 Nov 2026 14:03:01 +0530\r\n" },
		{ "XXX3:30", "; Sun, 22 Nov 2026 05:03:01 -0330\r\n" },
		{ "XXX-14", "; Sun, 22 Nov 2026 22:33:01 +1400\r\n" },
	};
	struct buf b = BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		(void)setenv("TZ", rows[i].zone, 1);
		tzset();
		buf_clear(&b);
		received_format(&b, NULL, "h", "LMTP", NULL, NULL, NULL, 1795336381);
		assert_string_equal(strchr(b.data, ';'), rows[i].date);
	}
	buf_free(&b);
}

/* RFC 5322 2.1.1: 998 octets, whatever the client said. */
static void
received_length(void **state)
{
	char *big = xcalloc(5001, 1), *line, *end;
	struct client_info c = { .helo = big, .name = big, .addr = big };
	struct buf b = BUF_INIT;

	(void)state;
	memset(big, '(', 5000);
	received_format(&b, &c, big, big, big, big, big, 0);
	for (line = b.data; *line != '\0'; line = end + 2) {
		end = strstr(line, "\r\n");
		assert_non_null(end);
		assert_true(end - line <= 998);
	}
	free(big);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(envelopes),
		cmocka_unit_test(received),
		cmocka_unit_test(received_zone),
		cmocka_unit_test(received_length),
	};

	return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
