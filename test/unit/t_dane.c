/*
 * t_dane.c -- from the answers of the DNS to the records that hold.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/dns.h"
#include "queued/dane.h"

static char name[] = "target.test";

/* status x secure x alias, for each question */
static const struct {
	enum dane_step	 step;
	enum dns_status	 status;
	bool		 secure, alias;
	enum dane_next	 next;
} row[] = {
	{ DANE_ADDRESS, DNS_OK, true, false, DANE_ASK_HOST },
	{ DANE_ADDRESS, DNS_OK, true, true, DANE_ASK_CANONICAL },
	{ DANE_ADDRESS, DNS_OK, false, false, DANE_UNSIGNED },
	{ DANE_ADDRESS, DNS_OK, false, true, DANE_ASK_ALIAS },
	/* IPv6 only: the proof that there is no A says as much. */
	{ DANE_ADDRESS, DNS_NODATA, true, false, DANE_ASK_HOST },
	{ DANE_ADDRESS, DNS_NODATA, true, true, DANE_ASK_CANONICAL },
	{ DANE_ADDRESS, DNS_NODATA, false, false, DANE_UNSIGNED },
	{ DANE_ADDRESS, DNS_NODATA, false, true, DANE_ASK_ALIAS },
	{ DANE_ADDRESS, DNS_NXDOMAIN, false, false, DANE_UNSIGNED },
	{ DANE_ALIAS, DNS_OK, true, false, DANE_ASK_HOST },
	{ DANE_ALIAS, DNS_OK, false, false, DANE_UNSIGNED },
	{ DANE_ALIAS, DNS_NODATA, true, false, DANE_ASK_HOST },
	{ DANE_TLSA_CANONICAL, DNS_OK, true, false, DANE_FOUND },
	{ DANE_TLSA_CANONICAL, DNS_OK, false, false, DANE_ASK_HOST },
	{ DANE_TLSA_CANONICAL, DNS_NODATA, true, false, DANE_ASK_HOST },
	{ DANE_TLSA_CANONICAL, DNS_NXDOMAIN, true, false, DANE_ASK_HOST },
	{ DANE_TLSA_HOST, DNS_OK, true, false, DANE_FOUND },
	/* Records in an unsigned part of the DNS are anybody's. */
	{ DANE_TLSA_HOST, DNS_OK, false, false, DANE_NONE },
	{ DANE_TLSA_HOST, DNS_NODATA, true, false, DANE_NONE },
	{ DANE_TLSA_HOST, DNS_NXDOMAIN, true, false, DANE_NONE },
	{ DANE_TLSA_HOST, DNS_NXDOMAIN, false, false, DANE_NONE },
};

static enum dane_next
next(enum dane_step step, enum dns_status status, bool secure, bool alias)
{
	struct dns_answer a = { .status = status, .secure = secure, .canonical = alias ? name : NULL };

	return dane_next(step, &a);
}

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (next(row[i].step, row[i].status, row[i].secure, row[i].alias) != row[i].next)
			fail_msg("row %zu", i);
}

/* No failure of the DNS, at no step, lets mail out on a weaker level. */
static void
test_no_downgrade(void **state)
{
	(void)state;
	for (int step = DANE_ADDRESS; step <= DANE_TLSA_HOST; step++)
		for (int bits = 0; bits < 4; bits++) {
			assert_int_equal(DANE_UNUSABLE, next((enum dane_step)step, DNS_FAILED, bits & 1,
			    bits & 2));
			assert_int_equal(DANE_UNUSABLE, next((enum dane_step)step, DNS_BOGUS, bits & 1,
			    bits & 2));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_no_downgrade),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
