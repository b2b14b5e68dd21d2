/*
 * t_idn.c -- domains as the DNS has them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/idn.h"

#define LABEL60	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
names(void **state)
{
	static const struct {
		const char	*domain, *name;		/* NULL: none */
	} rows[] = {
		{ "example.test", "example.test" },
		{ "Example.TEST.", "example.test" },
		{ "localhost", "localhost" },
		{ "_dmarc.example.test", "_dmarc.example.test" },
		{ "ab--cd.test", "ab--cd.test" },	/* libidn2 would not have it */
		{ "b\xc3\xbc" "cher.test", "xn--bcher-kva.test" },
		{ "B\xc3\x9c" "CHER.test", "xn--bcher-kva.test" },
		{ "bu\xcc\x88" "cher.test", "xn--bcher-kva.test" },	/* u and a diaeresis: NFC */
		{ "fa\xc3\x9f.test", "xn--fa-hia.test" },		/* not "fass": IDNA 2008 */
		{ "\xe4\xbe\x8b\xe3\x80\x82test", "xn--fsq.test" },	/* an ideographic full stop */
		{ "", NULL },
		{ ".", NULL },
		{ "..", NULL },
		{ "a..test", NULL },
		{ "a b.test", NULL },
		{ "[192.0.2.1]", NULL },
		{ "\xff.test", NULL },
		{ "\xc3\xbc_\xe2\x98\x83\xef\xbf\xbf.test", NULL },
		{ LABEL60 "aaaa.test", NULL },
		/* 253 characters are a name, 254 are none */
		{ LABEL60 "." LABEL60 "." LABEL60 "." LABEL60 ".aaaaaaaa.",
		    LABEL60 "." LABEL60 "." LABEL60 "." LABEL60 ".aaaaaaaa" },
		{ LABEL60 "." LABEL60 "." LABEL60 "." LABEL60 ".aaaaaaaaaa", NULL },
		{ "\xc3\xbc" LABEL60 ".test", NULL },	/* too long as xn-- */
	};
	char name[DNS_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if ((idn_to_dns(rows[i].domain, name) == 0) != (rows[i].name != NULL))
			fail_msg("row %zu: %s", i, rows[i].domain);
		if (rows[i].name != NULL)
			assert_string_equal(name, rows[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
