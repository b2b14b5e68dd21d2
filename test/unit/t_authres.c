/*
 * t_authres.c -- Authentication-Results: ours, and those that only claim to be.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "milter/authres.h"

static void
test_claims(void **state)
{
	static const char *const ours[] = {
		" mx2.test; spf=pass", "mx2.test; spf=pass", "mx2.test", " mx2.test;none", " MX2.Test; spf=pass",
		" mx2.test 1; spf=pass", "\n\tmx2.test; spf=pass", "\r\n mx2.test\r\n ; spf=pass",
		" (a comment) mx2.test; spf=pass", " (a (nested) comment)(another)\n mx2.test; spf=pass",
		" (a \\) comment) mx2.test", " mx2.test(comment); spf=pass", " \"mx2.test\"; spf=pass",
		" \"m\\x2.test\"", " \" mx2.test \"", " mx2.test.; spf=pass",
		" \"mx2.test", "\tmx2.test\t;",
	};
	static const char *const others[] = {
		"", " ", " ;", " mx.test; spf=pass", " mx2.test.example; spf=pass", " mx2.tes; spf=pass",
		" xmx2.test; spf=pass", " a.mx2.test; spf=pass", " mx2.test-x; spf=pass", " (mx2.test; spf=pass",
		" (mx2.test) other.test; spf=pass", " \"other.test\"; mx2.test", " other.test; x=mx2.test",
		" mx2test;", " \"\"", "(", "((", "(\\",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ours); i++)
		if (!authres_claims(ours[i], "mx2.test"))
			fail_msg("not recognized: %s", ours[i]);
	for (size_t i = 0; i < COUNT(others); i++)
		if (authres_claims(others[i], "mx2.test"))
			fail_msg("taken for ours: %s", others[i]);
}

static void
test_spf(void **state)
{
	static const struct {
		enum spf_result	 result;
		const char	*property, *address, *text;
	} table[] = {
		{ SPF_PASS, "mailfrom", "ann@example.org", "spf=pass smtp.mailfrom=ann@example.org" },
		{ SPF_FAIL, "helo", "mx.example.org", "spf=fail smtp.helo=mx.example.org" },
		{ SPF_SOFTFAIL, "mailfrom", "a=b+c/d@example.org", "spf=softfail smtp.mailfrom=a=b+c/d@example.org" },
		{ SPF_NEUTRAL, "mailfrom", "\"a b\"@example.org", "spf=neutral smtp.mailfrom=@example.org" },
		{ SPF_NONE, "mailfrom", "\"x; spf=pass\"@example.org", "spf=none smtp.mailfrom=@example.org" },
		{ SPF_TEMPERROR, "mailfrom", "a(b)@example.org", "spf=temperror smtp.mailfrom=@example.org" },
		{ SPF_PERMERROR, "mailfrom", "j\xc3\xb6rg@example.org", "spf=permerror smtp.mailfrom=@example.org" },
		{ SPF_NONE, "mailfrom", "a@[192.0.2.1]", "spf=none" },
		{ SPF_NONE, "mailfrom", "a@b\xc3\xbc" "cher.test", "spf=none" },
		{ SPF_NONE, "mailfrom", "a@b\r\nX: y", "spf=none" },
		{ SPF_NONE, "helo", "", "spf=none" },
		{ SPF_NONE, "helo", "x y", "spf=none" },
		{ SPF_NONE, "mailfrom", "root", "spf=none smtp.mailfrom=root" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct buf b = BUF_INIT;
		char *expected = xasprintf("mx2.test;\r\n\t%s", table[i].text);

		authres_begin(&b, "mx2.test");
		authres_spf(&b, table[i].result, table[i].property, table[i].address);
		assert_string_equal(expected, buf_str(&b));
		/* What we write we recognize. */
		assert_true(authres_claims(buf_str(&b), "mx2.test"));
		buf_free(&b);
		free(expected);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_spf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
