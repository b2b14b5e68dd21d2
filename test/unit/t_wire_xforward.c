/*
 * t_wire_xforward.c -- XFORWARD both ways, XCLIENT out.
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

/* Only what the peer lists; never a NAME for which Postfix would refuse the whole command. */
static void
offered(void **state)
{
	static const char *const no_names[] = { "unknown", "[192.0.2.1]", "a b", "-x.test", "x-.test", "x.-y", "x-", "x..test",
		"192.0.2.1", "" };
	struct client_info c = { .name = NULL };
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(wire_client_attributes("XFORWARD NAME addr\tPROTO HELO LOGIN"),
	    WIRE_CLIENT_NAME | WIRE_CLIENT_ADDR | WIRE_CLIENT_PROTO | WIRE_CLIENT_HELO);
	assert_int_equal(wire_client_attributes("XCLIENT"), 0);
	assert_int_equal(wire_client_attributes("XCLIENT  NAMES "), 0);
	c.name = xstrdup("spike_1.test");
	c.source = xstrdup("LOCAL");
	wire_format_xforward(&b, &c, WIRE_CLIENT_NAME | WIRE_CLIENT_PORT | WIRE_CLIENT_SOURCE);
	assert_string_equal(b.data, "XFORWARD NAME=spike_1.test SOURCE=LOCAL\r\n");
	buf_clear(&b);
	wire_format_xforward(&b, &c, WIRE_CLIENT_PORT | WIRE_CLIENT_IDENT);
	assert_int_equal(b.len, 0);
	for (size_t i = 0; i < COUNT(no_names); i++) {
		free(c.name);
		c.name = xstrdup(no_names[i]);
		buf_clear(&b);
		wire_format_xforward(&b, &c, WIRE_CLIENT_NAME);
		assert_string_equal(b.data, "XFORWARD NAME=[UNAVAILABLE]\r\n");
		buf_clear(&b);
		wire_format_xclient(&b, &c, WIRE_CLIENT_NAME);
		assert_string_equal(b.data, "XCLIENT NAME=[UNAVAILABLE]\r\n");
	}
	client_info_clear(&c);
	buf_free(&b);
}

static void
xclient(void **state)
{
	static const struct {
		const char	*proto, *said;
	} protos[] = {
		{ "SMTP", " PROTO=SMTP" }, { "ESMTP", " PROTO=ESMTP" }, { "esmtps", " PROTO=ESMTP" },
		{ "UTF8SMTPS", " PROTO=ESMTP" }, { "LMTP", "" }, { NULL, "" },
	};
	struct client_info c = { .name = NULL };
	struct buf b = BUF_INIT, want = BUF_INIT;
	char big[256];

	(void)state;
	wire_format_xclient(&b, &c, WIRE_CLIENT_ALL);
	assert_string_equal(b.data, "XCLIENT NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE] "
				    "HELO=[UNAVAILABLE]\r\n");
	c.addr = xstrdup("IPv6:2001:db8::1");
	c.helo = xstrdup("a=b\r\nQUIT");
	c.ident = xstrdup("never said");
	for (size_t i = 0; i < COUNT(protos); i++) {
		free(c.proto);
		c.proto = protos[i].proto != NULL ? xstrdup(protos[i].proto) : NULL;
		buf_clear(&b);
		buf_clear(&want);
		wire_format_xclient(&b, &c, WIRE_CLIENT_ADDR | WIRE_CLIENT_PROTO | WIRE_CLIENT_HELO |
		    WIRE_CLIENT_IDENT);
		buf_printf(&want, "XCLIENT ADDR=IPv6:2001:db8::1%s HELO=a+3Db+0D+0AQUIT\r\n", protos[i].said);
		assert_string_equal(b.data, want.data);
	}
	/* one line of 512 octets, values of 255: a HELO that does not fit is left to EHLO */
	memset(big, '=', 255);
	big[255] = '\0';
	free(c.helo);
	c.helo = xstrdup(big);
	buf_clear(&b);
	wire_format_xclient(&b, &c, WIRE_CLIENT_ADDR | WIRE_CLIENT_HELO);
	assert_string_equal(b.data, "XCLIENT ADDR=IPv6:2001:db8::1\r\n");
	memset(big, 'h', 255);
	free(c.helo);
	c.helo = xstrdup(big);
	buf_clear(&b);
	wire_format_xclient(&b, &c, WIRE_CLIENT_ADDR | WIRE_CLIENT_HELO);
	assert_int_equal(b.len, strlen("XCLIENT ADDR=IPv6:2001:db8::1 HELO=\r\n") + 255);
	memset(big, 'n', 255);
	for (size_t i = 50; i < 255; i += 50)
		big[i] = '.';
	c.name = xstrdup(big);
	buf_clear(&b);
	wire_format_xclient(&b, &c, WIRE_CLIENT_ALL);
	assert_true(b.len <= 512);
	assert_null(strstr(b.data, "HELO="));
	assert_non_null(strstr(b.data, "ADDR="));
	client_info_clear(&c);
	buf_free(&b);
	buf_free(&want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merge),
		cmocka_unit_test(refused),
		cmocka_unit_test(format),
		cmocka_unit_test(offered),
		cmocka_unit_test(xclient),
	};

	return cmocka_run_group_tests_name("wire_xforward", tests, NULL, NULL);
}
