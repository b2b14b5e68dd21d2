/*
 * t_dns_cache.c -- which answers are kept, for how long, how many.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/dns_private.h"

static int
setup(void **state)
{
	*state = dns_cache_new();
	return 0;
}

static int
teardown(void **state)
{
	struct dns_cache *c = *state;

	dns_cache_free(&c);
	assert_null(c);
	return 0;
}

static void
put(struct dns_cache *c, const char *name, enum dns_status status, unsigned ttl, int64_t now)
{
	static const uint8_t addr[] = { 127, 0, 0, 2 };
	struct dns_rr rr = { addr, sizeof(addr) };
	struct dns_answer a = { .status = status, .ttl = ttl };

	if (status == DNS_OK) {
		a.rr = &rr;
		a.n = 1;
	} else {
		a.why = (char *)(uintptr_t)"no such name";
	}
	dns_cache_put(c, name, DNS_A, now, &a);
}

/* Its time to live; -1: it is not there. */
static int
ttl(struct dns_cache *c, const char *name, enum dns_type type, int64_t now)
{
	struct dns_answer a;
	int left;

	if (!dns_cache_get(c, name, type, now, &a))
		return -1;
	left = (int)a.ttl;
	dns_answer_clear(&a);
	return left;
}

static void
test_answer(void **state)
{
	struct dns_cache *c = *state;
	struct dns_answer a;

	put(c, "a.example", DNS_OK, 10, 0);
	assert_true(dns_cache_get(c, "A.Example", DNS_A, 2000, &a));
	assert_int_equal(a.status, DNS_OK);
	assert_int_equal(a.ttl, 8);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.rr[0].len, 4);
	assert_memory_equal(a.rr[0].data, "\x7f\0\0\2", 4);
	assert_null(a.why);
	dns_answer_clear(&a);
	put(c, "b.example", DNS_NXDOMAIN, 10, 0);
	assert_true(dns_cache_get(c, "b.example", DNS_A, 0, &a));
	assert_int_equal(a.status, DNS_NXDOMAIN);
	assert_string_equal(a.why, "no such name");
	dns_answer_clear(&a);
	assert_int_equal(ttl(c, "b.example", DNS_AAAA, 0), -1);
	assert_int_equal(ttl(c, "c.example", DNS_A, 0), -1);
}

static void
test_time(void **state)
{
	static const struct {
		enum dns_status	 status;
		unsigned	 ttl;
		int64_t		 last;	/* ms; -1: not kept at all */
	} v[] = {
		{ DNS_OK, 10, 9999 }, { DNS_NODATA, 10, 9999 }, { DNS_NXDOMAIN, 1, 999 },
		{ DNS_OK, DNS_CACHE_TTL + 1, DNS_CACHE_TTL * 1000 - 1 }, { DNS_OK, UINT32_MAX, DNS_CACHE_TTL * 1000 - 1 },
		{ DNS_OK, 0, -1 }, { DNS_NXDOMAIN, 0, -1 }, { DNS_FAILED, 10, -1 }, { DNS_BOGUS, 10, -1 },
	};
	struct dns_cache *c = *state;
	char name[16];

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		(void)snprintf(name, sizeof(name), "n%zu", i);
		put(c, name, v[i].status, v[i].ttl, 0);
		if (v[i].last >= 0)
			assert_true(ttl(c, name, DNS_A, v[i].last) >= 0);
		assert_int_equal(ttl(c, name, DNS_A, v[i].last + 1), -1);
	}
}

static void
test_newest_counts(void **state)
{
	struct dns_cache *c = *state;
	struct dns_answer a;

	put(c, "a.example", DNS_OK, 10, 0);
	put(c, "a.example", DNS_NXDOMAIN, 20, 5000);
	assert_true(dns_cache_get(c, "a.example", DNS_A, 12000, &a));
	assert_int_equal(a.status, DNS_NXDOMAIN);
	dns_answer_clear(&a);
}

static void
test_bounds(void **state)
{
	static uint8_t large[DNS_CACHE_OCTETS + 1];
	struct dns_rr rr[2] = { { large, DNS_CACHE_OCTETS }, { large, 1 } };
	struct dns_answer a = { .status = DNS_OK, .ttl = 10, .rr = rr, .n = 1 };
	struct dns_cache *c = *state;
	char name[16];

	dns_cache_put(c, "large", DNS_TXT, 0, &a);
	assert_int_equal(ttl(c, "large", DNS_TXT, 0), 10);
	a.n = 2;
	dns_cache_put(c, "larger", DNS_TXT, 0, &a);
	assert_int_equal(ttl(c, "larger", DNS_TXT, 0), -1);
	for (unsigned i = 0; i < DNS_CACHE_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		put(c, name, DNS_OK, 10, 0);
	}
	assert_int_equal(ttl(c, "large", DNS_TXT, 0), -1);	/* the oldest went */
	assert_int_equal(ttl(c, "n0", DNS_A, 0), 10);
	put(c, "one more", DNS_OK, 10, 0);
	assert_int_equal(ttl(c, "n0", DNS_A, 0), -1);
	assert_int_equal(ttl(c, "n1", DNS_A, 0), 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newest_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
