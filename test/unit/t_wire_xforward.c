/*
 * t_wire_xforward.c -- XFORWARD both ways.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/wire.h"

static int
parse(const char *arg, struct client_info *c, struct wire_error *err)
{
	return wire_parse_xforward(arg, strlen(arg), c, err);
}

static void
merge(void **state)
{
	struct client_info c = { .name = NULL };
	struct wire_error err;

	(void)state;
	assert_int_equal(parse("NAME=spike.example.test ADDR=192.0.2.1 PORT=4711", &c, &err), 0);
	assert_int_equal(parse("proto=ESMTP helo=spike IDENT=4ABC SOURCE=REMOTE", &c, &err), 0);
	assert_string_equal(c.name, "spike.example.test");
	assert_string_equal(c.addr, "192.0.2.1");
	assert_string_equal(c.port, "4711");
	assert_string_equal(c.proto, "ESMTP");
	assert_string_equal(c.helo, "spike");
	assert_string_equal(c.ident, "4ABC");
	assert_string_equal(c.source, "REMOTE");
	assert_int_equal(parse("NAME=[UNAVAILABLE]  HELO=[tempunavail] ADDR=IPv6:2001:db8::1", &c, &err), 0);
	assert_null(c.name);
	assert_null(c.helo);
	assert_string_equal(c.addr, "IPv6:2001:db8::1");
	assert_string_equal(c.proto, "ESMTP");
	assert_int_equal(parse("HELO=a+20b+3Dc ADDR=IPV6:::1", &c, &err), 0);
	assert_string_equal(c.helo, "a b=c");
	/* no UTF-8: the rest must not be lost over it */
	assert_int_equal(parse("HELO=x+FFy+C3+B6 PROTO=SMTP", &c, &err), 0);
	assert_string_equal(c.helo, "x?y\xc3\xb6");
	assert_string_equal(c.proto, "SMTP");
	client_info_clear(&c);
}

static void
refused(void **state)
{
	static const char *const rows[] = {
		"", " ", "NAME", "NAME=", "=x", "FOO=x", "NAMES=x", "NAME=x FOO=y", "NAME=x ADDR",
		"NAME=a+0Ab", "HELO=a+00b", "HELO=+7F", "NAME=+", "NAME=+zz", "NAME=\xc3\xb6",
		"ADDR=192.0.2.256", "ADDR=2001:db8::1", "ADDR=IPv6:zz", "ADDR=spike", "ADDR=IPv6:192.0.2.1",
		"PORT=x", "PORT=123456", "PORT=-1", "SOURCE=ELSEWHERE",
	};
	struct client_info c = { .name = xstrdup("kept") };
	struct wire_error err;
	char big[300];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		if (parse(rows[i], &c, &err) != -1)
			fail_msg("%s", rows[i]);
		assert_int_equal(err.code, 501);
		assert_string_equal(err.dsn, "5.5.4");
		assert_string_equal(c.name, "kept");
		assert_null(c.addr);
	}
	memset(big, 'x', sizeof(big));
	memcpy(big, "HELO=", 5);
	big[5 + 255] = '\0';
	assert_int_equal(parse(big, &c, &err), 0);
	big[5 + 255] = 'x';
	big[5 + 256] = '\0';
	assert_int_equal(parse(big, &c, &err), -1);
	client_info_clear(&c);
}

/* Splits into commands, checks each, merges them. */
static size_t
read_back(const char *text, struct client_info *c)
{
	struct wire_error err;
	const char *end;
	size_t n = 0;

	for (; *text != '\0'; text = end + 2, n++) {
		end = strstr(text, "\r\n");
		assert_non_null(end);
		assert_true(end + 2 - text <= 512);
		assert_memory_equal(text, "XFORWARD ", 9);
		if (wire_parse_xforward(text + 9, (size_t)(end - text - 9), c, &err) == -1)
			fail_msg("%s", text);
	}
	return n;
}

static void
format(void **state)
{
	struct client_info c = { .name = NULL }, again = { .name = NULL };
	struct buf b = BUF_INIT;
	char *big;

	(void)state;
	wire_format_xforward(&b, &c, WIRE_CLIENT_ALL);
	assert_string_equal(b.data, "XFORWARD NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PROTO=[UNAVAILABLE] "
				    "HELO=[UNAVAILABLE]\r\n");
	c = (struct client_info){ xstrdup("spike"), xstrdup("IPv6:::1"), xstrdup("25"), xstrdup("ESMTP"),
		xstrdup("a b=+\r\n"), xstrdup("id"), xstrdup("LOCAL") };
	buf_clear(&b);
	wire_format_xforward(&b, &c, WIRE_CLIENT_ALL);
	assert_string_equal(b.data, "XFORWARD NAME=spike ADDR=IPv6:::1 PORT=25 PROTO=ESMTP "
				    "HELO=a+20b+3D+2B+0D+0A IDENT=id SOURCE=LOCAL\r\n");

	/* long values: several lines, the longest shortened to what Postfix takes */
	big = xcalloc(1001, 1);
	memset(big, 'n', 1000);
	free(c.ident);
	c.ident = xstrdup(big);
	memset(big, '=', 1000);
	free(c.helo);
	c.helo = big;
	buf_clear(&b);
	wire_format_xforward(&b, &c, WIRE_CLIENT_ALL);
	assert_true(read_back(b.data, &again) >= 2);
	assert_int_equal(strlen(again.ident), 255);
	assert_int_equal(strlen(again.helo), 85);
	assert_string_equal(again.addr, "IPv6:::1");
	assert_string_equal(again.source, "LOCAL");
	client_info_clear(&c);
	client_info_clear(&again);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merge),
		cmocka_unit_test(refused),
		cmocka_unit_test(format),
	};

	return cmocka_run_group_tests_name("wire_xforward", tests, NULL, NULL);
}
