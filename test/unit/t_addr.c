/*
 * t_addr.c -- paths and mailboxes: what RFC 5321 and 6531 allow, and what not.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/addr.h"
#include "common/buf.h"

#define U	ADDR_UTF8

static void
paths(void **state)
{
	static const struct {
		const char	*text;
		unsigned	 flags;
		enum addr_result result;
		const char	*address;	/* of a good one */
	} rows[] = {
		{ "<a@b>", 0, ADDR_OK, "a@b" },
		{ "<a@b> SIZE=1", 0, ADDR_OK, "a@b" },
		{ "<First.Last+tag@Example.TEST>", 0, ADDR_OK, "First.Last+tag@Example.TEST" },
		{ "<!#$%&'*+-/=?^_`{|}~@d>", 0, ADDR_OK, "!#$%&'*+-/=?^_`{|}~@d" },
		{ "<a@b_c.d-e>", 0, ADDR_OK, "a@b_c.d-e" },
		{ "<a..b@d>", 0, ADDR_OK, "a..b@d" },
		{ "<a.@d>", 0, ADDR_OK, "a.@d" },
		/* accepted as they are, whatever they look like */
		{ "<\"'); DROP TABLE q;--\"@d>", 0, ADDR_OK, "\"'); DROP TABLE q;--\"@d" },
		{ "<%s%n@d>", 0, ADDR_OK, "%s%n@d" },
		{ "<../../etc/passwd@d>", 0, ADDR_OK, "../../etc/passwd@d" },
		{ "<-oQ/tmp@d>", 0, ADDR_OK, "-oQ/tmp@d" },
		{ "<\"a b\"@d>", 0, ADDR_OK, "\"a b\"@d" },
		{ "<\"a\\\"b\\\\\"@d>", 0, ADDR_OK, "\"a\\\"b\\\\\"@d" },
		{ "<\"a@b>c\"@d>", 0, ADDR_OK, "\"a@b>c\"@d" },
		{ "<\"\"@d>", 0, ADDR_OK, "\"\"@d" },
		{ "<a@[192.0.2.1]>", 0, ADDR_OK, "a@[192.0.2.1]" },
		{ "<a@[IPv6:2001:db8::1]>", 0, ADDR_OK, "a@[IPv6:2001:db8::1]" },
		{ "<a@[ipv6:::ffff:192.0.2.1]>", 0, ADDR_OK, "a@[ipv6:::ffff:192.0.2.1]" },
		{ "<>", ADDR_NULL, ADDR_OK, "" },
		{ "<>", 0, ADDR_BAD, NULL },
		{ "<postmaster>", ADDR_POSTMASTER, ADDR_OK, "postmaster" },
		{ "<PostMaster>", ADDR_POSTMASTER, ADDR_OK, "PostMaster" },
		{ "<postmaster>", 0, ADDR_BAD, NULL },
		{ "<abuse>", ADDR_POSTMASTER, ADDR_BAD, NULL },
		/* 501 5.1.3, 5.1.7 */
		{ "", 0, ADDR_BAD, NULL },
		{ "a@b", 0, ADDR_BAD, NULL },
		{ "<a@b", 0, ADDR_BAD, NULL },
		{ "a@b>", 0, ADDR_BAD, NULL },
		{ "<", 0, ADDR_BAD, NULL },
		{ "<@>", 0, ADDR_BAD, NULL },
		{ "<a@>", 0, ADDR_BAD, NULL },
		{ "<@d>", 0, ADDR_BAD, NULL },
		{ "<a>", 0, ADDR_BAD, NULL },
		{ "<;id;@>", 0, ADDR_BAD, NULL },
		{ "<;id;@d>", 0, ADDR_BAD, NULL },
		{ "<a b@d>", 0, ADDR_BAD, NULL },
		{ "< a@d>", 0, ADDR_BAD, NULL },
		{ "<a@d >", 0, ADDR_BAD, NULL },
		{ "<(c)a@d>", 0, ADDR_BAD, NULL },
		{ "<\"a@d>", 0, ADDR_BAD, NULL },
		{ "<\"a\\", 0, ADDR_BAD, NULL },
		{ "<\"a\\\"@d>", 0, ADDR_BAD, NULL },
		{ "<\"a\"b@d>", 0, ADDR_BAD, NULL },
		{ "<a\"b\"@d>", 0, ADDR_BAD, NULL },
		{ "<\"a\tb\"@d>", 0, ADDR_BAD, NULL },
		{ "<\"a\\\x01\"@d>", 0, ADDR_BAD, NULL },
		{ "<\"a\x7f\"@d>", 0, ADDR_BAD, NULL },
		{ "<a@b@c>", 0, ADDR_BAD, NULL },
		{ "<<a@b>>", 0, ADDR_BAD, NULL },
		{ "<a@d.>", 0, ADDR_BAD, NULL },
		{ "<a@.d>", 0, ADDR_BAD, NULL },
		{ "<a@b..d>", 0, ADDR_BAD, NULL },
		{ "<a@b!c>", 0, ADDR_BAD, NULL },
		{ "<a@d\n>", 0, ADDR_BAD, NULL },
		{ "<a\r@d>", 0, ADDR_BAD, NULL },
		{ "<a@[IPv6:zz]>", 0, ADDR_BAD, NULL },
		{ "<a@[2001:db8::1]>", 0, ADDR_BAD, NULL },
		{ "<a@[192.0.2.256]>", 0, ADDR_BAD, NULL },
		{ "<a@[192.0.2]>", 0, ADDR_BAD, NULL },
		{ "<a@[192.0.2.1>", 0, ADDR_BAD, NULL },
		{ "<a@[]>", 0, ADDR_BAD, NULL },
		{ "<a@[192.0.2.1]x>", 0, ADDR_BAD, NULL },
		{ "<a@[tag:content]>", 0, ADDR_BAD, NULL },
		{ "<@relay,@other:a@b>", 0, ADDR_BAD, NULL },
		{ "<@relay:a@b>", 0, ADDR_BAD, NULL },
		/* UTF-8 */
		{ "<j\xc3\xb6rg@d>", U, ADDR_OK, "j\xc3\xb6rg@d" },
		{ "<j\xc3\xb6rg@d>", 0, ADDR_NEEDS_UTF8, NULL },
		{ "<a@\xc3\xb6.test>", U, ADDR_OK, "a@\xc3\xb6.test" },
		{ "<a@\xc3\xb6.test>", 0, ADDR_NEEDS_UTF8, NULL },
		{ "<\"\xf0\x9f\x93\xa7 x\"@d>", U, ADDR_OK, "\"\xf0\x9f\x93\xa7 x\"@d" },
		{ "<\xc3\xb6@>", 0, ADDR_BAD, NULL },
		{ "<\xc0\xaf@d>", U, ADDR_BAD, NULL },
		{ "<\xe0\x80\xaf@d>", U, ADDR_BAD, NULL },
		{ "<\xed\xa0\x80@d>", U, ADDR_BAD, NULL },
		{ "<\xff@d>", U, ADDR_BAD, NULL },
		{ "<\xff@d>", 0, ADDR_BAD, NULL },
		{ "<\xc3@d>", U, ADDR_BAD, NULL },
		{ "<\xc2\x9b@d>", U, ADDR_BAD, NULL },		/* C1 */
		{ "<a@\xc2\x85>", U, ADDR_BAD, NULL },
	};
	const char *address, *why, *text;
	size_t i, len, used;
	enum addr_result got;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		text = rows[i].text;
		why = NULL;
		got = addr_parse_path(text, strlen(text), rows[i].flags, &address, &len, &used, &why);
		if (got != rows[i].result)
			fail_msg("%s: %d, %s", text, (int)got, why != NULL ? why : "");
		if (got != ADDR_OK) {
			assert_non_null(why);
			continue;
		}
		assert_int_equal(len, strlen(rows[i].address));
		assert_memory_equal(address, rows[i].address, len);
		assert_int_equal(used, len + 2);
		assert_int_equal(text[used - 1], '>');
	}
	assert_int_equal(addr_parse_path("<a\0b@d>", 7, U, &address, &len, &used, &why), ADDR_BAD);
	assert_int_equal(addr_parse_path("<a@b>", 4, U, &address, &len, &used, &why), ADDR_BAD);
	assert_int_equal(addr_parse_path("<@x:a@b>", 8, U, &address, &len, &used, &why), ADDR_BAD);
	assert_string_equal(why, "source routes are not accepted");
}

/* <local@domain> with parts of these lengths. */
static enum addr_result
parse_lengths(size_t local, size_t label, size_t labels)
{
	struct buf b = BUF_INIT;
	const char *address, *why;
	enum addr_result got;
	size_t i, len, used;

	buf_putc(&b, '<');
	for (i = 0; i < local; i++)
		buf_putc(&b, 'a');
	buf_putc(&b, '@');
	for (i = 0; i < label * labels + labels - 1; i++)
		buf_putc(&b, i % (label + 1) == label ? '.' : 'd');
	buf_putc(&b, '>');
	got = addr_parse_path(b.data, b.len, 0, &address, &len, &used, &why);
	buf_free(&b);
	return got;
}

static void
limits(void **state)
{
	struct buf b = BUF_INIT;
	const char *address, *why;
	size_t len, used, i;

	(void)state;
	assert_int_equal(parse_lengths(64, 10, 1), ADDR_OK);
	assert_int_equal(parse_lengths(65, 10, 1), ADDR_BAD);
	assert_int_equal(parse_lengths(1, 63, 1), ADDR_OK);
	assert_int_equal(parse_lengths(1, 64, 1), ADDR_BAD);
	assert_int_equal(parse_lengths(1, 63, 4), ADDR_OK);	/* 255 */
	assert_int_equal(parse_lengths(1, 1, 128), ADDR_OK);	/* 255 */
	assert_int_equal(parse_lengths(1, 31, 8), ADDR_OK);	/* 255 */
	assert_int_equal(parse_lengths(1, 63, 5), ADDR_BAD);
	assert_int_equal(parse_lengths(1, 1, 129), ADDR_BAD);	/* 257 */
	/* ten thousand dots, in either part */
	buf_putc(&b, '<');
	for (i = 0; i < 10000; i++)
		buf_putc(&b, '.');
	buf_puts(&b, "@d>");
	assert_int_equal(addr_parse_path(b.data, b.len, 0, &address, &len, &used, &why), ADDR_BAD);
	buf_clear(&b);
	buf_puts(&b, "<a@");
	for (i = 0; i < 10000; i++)
		buf_puts(&b, "d.");
	buf_puts(&b, "d>");
	assert_int_equal(addr_parse_path(b.data, b.len, 0, &address, &len, &used, &why), ADDR_BAD);
	buf_free(&b);
}

static void
mailboxes(void **state)
{
	const char *why;

	(void)state;
	assert_int_equal(addr_parse_mailbox("a@b", 0, &why), ADDR_OK);
	assert_int_equal(addr_parse_mailbox("<a@b>", 0, &why), ADDR_BAD);
	assert_int_equal(addr_parse_mailbox("a@b>", 0, &why), ADDR_BAD);
	assert_int_equal(addr_parse_mailbox("a@b ", 0, &why), ADDR_BAD);
	assert_int_equal(addr_parse_mailbox("", 0, &why), ADDR_BAD);
	assert_int_equal(addr_parse_mailbox("", ADDR_NULL, &why), ADDR_OK);
	assert_int_equal(addr_parse_mailbox("a", 0, &why), ADDR_BAD);
	assert_int_equal(addr_parse_mailbox("postmaster", ADDR_POSTMASTER, &why), ADDR_OK);
	assert_int_equal(addr_parse_mailbox("\xc3\xb6@d", 0, &why), ADDR_NEEDS_UTF8);
}

static void
parts(void **state)
{
	static const struct {
		const char	*address, *domain;
		size_t		 local;
	} rows[] = {
		{ "a@b", "b", 1 },
		{ "", "", 0 },
		{ "postmaster", "", 10 },
		{ "\"a@b\"@c", "c", 5 },
		{ "\"a\\\"@b\"@c", "c", 7 },
		{ "a@[IPv6:::1]", "[IPv6:::1]", 1 },
		{ "\"a\\", "", 3 },
		{ "\"a@b\"", "", 5 },
		{ "\"a\\\"@b\"", "", 7 },
	};
	size_t i;
	char *s;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_string_equal(addr_domain(rows[i].address), rows[i].domain);
		assert_int_equal(addr_local_len(rows[i].address), rows[i].local);
	}
	s = addr_lower_domain_dup("\"A@B\"@EXAMPLE.Test");
	assert_string_equal(s, "\"A@B\"@example.test");
	addr_lower(s);
	assert_string_equal(s, "\"a@b\"@example.test");
	free(s);
}

static void
domains(void **state)
{
	(void)state;
	assert_true(addr_domain_valid("example.test", false));
	assert_true(addr_domain_valid("localhost", false));
	assert_true(addr_domain_valid("[192.0.2.1]", false));
	assert_true(addr_domain_valid("\xc3\xb6.test", true));
	assert_false(addr_domain_valid("\xc3\xb6.test", false));
	assert_false(addr_domain_valid("", false));
	assert_false(addr_domain_valid("a.", false));
	assert_false(addr_domain_valid("a b", false));
	assert_false(addr_domain_valid("a@b", false));
	assert_true(addr_domain_equal("Example.TEST", "eXAMPLE.test"));
	assert_false(addr_domain_equal("a", "ab"));
	assert_false(addr_domain_equal("ab", "a"));
	assert_false(addr_domain_equal("a[", "a{"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths), cmocka_unit_test(limits), cmocka_unit_test(mailboxes),
		cmocka_unit_test(parts), cmocka_unit_test(domains),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
