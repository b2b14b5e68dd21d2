/*
 * t_counters.c -- how often each check and rule was asked: counted, loaded, told, bounded, from
 * many threads.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <pthread.h>
#include <string.h>

#include "common/buf.h"
#include "milter/counters.h"

static void
put(void *arg, const char *name, const uint64_t n[NCOUNTERS])
{
	buf_printf(arg, "%s=%llu/%llu/%llu ", name, (unsigned long long)n[COUNT_SEEN],
	    (unsigned long long)n[COUNT_HIT], (unsigned long long)n[COUNT_WOULD]);
}

static void
assert_told(struct counters *c, void (*which)(struct counters *, counters_fn *, void *),
    const char *expected)
{
	struct buf b = BUF_INIT;

	which(c, put, &b);
	assert_string_equal(buf_str(&b), expected);
	buf_free(&b);
}

static void
counting(void **state)
{
	static const uint64_t last_run[NCOUNTERS] = { 100, 10, 1 };
	struct counters *c = counters_new();
	char name[16] = "check spf";

	(void)state;
	assert_told(c, counters_each, "");
	counters_add(c, name, COUNT_SEEN);
	memset(name, 'x', sizeof(name) - 1);		/* the name was copied */
	counters_add(c, "check spf", COUNT_SEEN);
	counters_add(c, "check spf", COUNT_HIT);
	counters_add(c, "list deny client 192.0.2.1", COUNT_WOULD);
	assert_told(c, counters_each, "check spf=2/1/0 list deny client 192.0.2.1=0/0/1 ");
	/* What the last run had is added to what has come meanwhile. */
	counters_load(c, "check spf", last_run);
	counters_load(c, "check old", last_run);
	assert_told(c, counters_each,
	    "check spf=102/11/1 list deny client 192.0.2.1=0/0/1 check old=100/10/1 ");
	counters_free(&c);
	assert_null(c);
	counters_free(&c);
}

/* Each change is told once; what was loaded is none. */
static void
changes(void **state)
{
	static const uint64_t last_run[NCOUNTERS] = { 5, 0, 0 };
	struct counters *c = counters_new();

	(void)state;
	counters_load(c, "a", last_run);
	assert_told(c, counters_changed, "");
	counters_add(c, "a", COUNT_SEEN);
	counters_add(c, "b", COUNT_HIT);
	assert_told(c, counters_changed, "a=6/0/0 b=0/1/0 ");
	assert_told(c, counters_changed, "");
	counters_add(c, "b", COUNT_HIT);
	assert_told(c, counters_each, "a=6/0/0 b=0/2/0 ");	/* does not count as told */
	assert_told(c, counters_changed, "b=0/2/0 ");
	assert_told(c, counters_changed, "");
	counters_free(&c);
}

static void
count_names(void *arg, const char *name, const uint64_t n[NCOUNTERS])
{
	size_t *total = arg;

	(void)name;
	(void)n;
	(*total)++;
}

/* Names beyond the bound are not counted; those that are there go on. */
static void
bound(void **state)
{
	static const uint64_t last_run[NCOUNTERS] = { 5, 0, 0 };
	struct counters *c = counters_new();
	struct buf b = BUF_INIT;
	char name[32];
	size_t total = 0;

	(void)state;
	for (unsigned i = 0; i < COUNTERS_MAX + 10; i++) {
		(void)snprintf(name, sizeof(name), "rule %u", i);
		counters_add(c, name, COUNT_SEEN);
	}
	counters_load(c, "from the last run", last_run);
	counters_each(c, count_names, &total);
	assert_int_equal(total, COUNTERS_MAX);
	counters_changed(c, count_names, &total);
	counters_add(c, "rule 0", COUNT_SEEN);
	counters_add(c, "rule 10009", COUNT_SEEN);
	counters_changed(c, put, &b);
	assert_string_equal(buf_str(&b), "rule 0=2/0/0 ");
	buf_free(&b);
	counters_free(&c);
}

#define ROUNDS	20000

static void *
work(void *arg)
{
	struct counters *c = arg;
	size_t total;

	for (unsigned i = 0; i < ROUNDS; i++) {
		counters_add(c, i % 2 ? "odd" : "even", (enum counter)(i % NCOUNTERS));
		if (i % 1000 == 0)
			counters_each(c, count_names, &total);
	}
	return NULL;
}

static void
threads(void **state)
{
	struct counters *c = counters_new();
	pthread_t thread[4];
	struct buf b = BUF_INIT;
	unsigned long long odd[3], even[3];

	(void)state;
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, c), 0);
	for (size_t i = 0; i < COUNT(thread); i++)
		(void)pthread_join(thread[i], NULL);
	counters_each(c, put, &b);
	assert_true(sscanf(buf_str(&b), "even=%llu/%llu/%llu odd=%llu/%llu/%llu", &even[0], &even[1],
	    &even[2], &odd[0], &odd[1], &odd[2]) == 6 || sscanf(buf_str(&b),
	    "odd=%llu/%llu/%llu even=%llu/%llu/%llu", &odd[0], &odd[1], &odd[2], &even[0], &even[1],
	    &even[2]) == 6);
	assert_int_equal(odd[0] + odd[1] + odd[2], ROUNDS / 2 * COUNT(thread));
	assert_int_equal(even[0] + even[1] + even[2], ROUNDS / 2 * COUNT(thread));
	buf_free(&b);
	counters_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counting),
		cmocka_unit_test(changes),
		cmocka_unit_test(bound),
		cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
