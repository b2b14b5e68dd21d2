/*
 * t_memory.c -- the bounded table of records: found, over, let go, taken for the file.
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

#include "milter/memory.h"

static struct memory *m;

static int
setup(void **state)
{
	(void)state;
	m = memory_new();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	memory_free(&m);
	assert_null(m);
	return 0;
}

/* Makes the record of a text, with its number as n[0]; over at `until'. */
static void
make(const char *text, int64_t number, int64_t until, size_t max)
{
	struct memory_key key;
	struct memory_record *r;

	memory_key(text, &key);
	memory_lock(m);
	r = memory_make(m, &key, text, max, 0);
	r->n[0] = number;
	r->until = until;
	memory_changed(m, r);
	memory_unlock(m);
}

/* n[0] of a text's record at a time, -1 if there is none. */
static int64_t
number_of(const char *text, int64_t now)
{
	struct memory_key key;
	const struct memory_record *r;
	int64_t n;

	memory_key(text, &key);
	memory_lock(m);
	r = memory_find(m, &key, now);
	n = r != NULL ? r->n[0] : -1;
	memory_unlock(m);
	return n;
}

static void
test_find(void **state)
{
	(void)state;
	assert_int_equal(number_of("a", 0), -1);
	make("a", 1, 100, 10);
	make("b", 2, 200, 10);
	assert_int_equal(number_of("a", 50), 1);
	assert_int_equal(number_of("b", 50), 2);
	assert_int_equal(number_of("A", 50), -1);
	/* Over: as if it had never been, and made anew. */
	assert_int_equal(number_of("a", 99), 1);
	assert_int_equal(number_of("a", 100), -1);
	assert_int_equal(memory_count(m), 2);
	make("a", 3, 300, 10);
	assert_int_equal(number_of("a", 100), 3);
	assert_int_equal(memory_count(m), 2);
}

static void
test_make_keeps(void **state)
{
	struct memory_key key;
	struct memory_record *r;

	(void)state;
	make("a", 7, 100, 10);
	memory_key("a", &key);
	memory_lock(m);
	r = memory_make(m, &key, "a", 10, 50);
	assert_int_equal(r->n[0], 7);
	r = memory_make(m, &key, "a", 10, 100);		/* it is over */
	assert_int_equal(r->n[0], 0);
	memory_unlock(m);
}

/* The oldest go first, and whoever changed is young. */
static void
test_bound(void **state)
{
	char text[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		make(text, i, 1000, 100);
	}
	make("0", 1000, 1000, 100);
	make("new", 1, 1000, 100);
	assert_int_equal(memory_count(m), 100);
	assert_int_equal(memory_bound(m), 100);
	assert_int_equal(number_of("0", 0), 1000);
	assert_int_equal(number_of("1", 0), -1);
	assert_int_equal(number_of("2", 0), 2);
	assert_int_equal(number_of("new", 0), 1);
	/* A bound that is lowered is reached step by step. */
	for (int i = 0; i < 20; i++) {
		(void)snprintf(text, sizeof(text), "x%d", i);
		make(text, i, 1000, 10);
	}
	assert_int_equal(memory_count(m), 10);
	assert_int_equal(number_of("x19", 0), 19);
	assert_int_equal(number_of("x9", 0), -1);
}

static void
test_take(void **state)
{
	struct memory_record out[4];

	(void)state;
	assert_int_equal(memory_take(m, out, 4), 0);
	make("a", 1, 100, 10);
	make("b", 2, 100, 10);
	make("a", 3, 100, 10);
	assert_int_equal(memory_take(m, out, 4), 2);
	assert_string_equal(out[0].text, "a");
	assert_int_equal(out[0].n[0], 3);
	assert_string_equal(out[1].text, "b");
	free(out[0].text);
	free(out[1].text);
	assert_int_equal(memory_take(m, out, 4), 0);
	/* The text is told once. */
	make("b", 4, 100, 10);
	assert_int_equal(memory_take(m, out, 4), 1);
	assert_null(out[0].text);
	assert_int_equal(out[0].n[0], 4);
	memory_all_changed(m);
	assert_int_equal(memory_take(m, out, 1), 1);
	assert_int_equal(memory_take(m, out, 4), 1);
	assert_int_equal(memory_take(m, out, 4), 0);
	/* Let go before it was taken: it never was. */
	make("c", 5, 100, 2);
	make("d", 6, 100, 2);
	make("e", 7, 100, 2);
	assert_int_equal(memory_take(m, out, 4), 2);
	assert_int_equal(out[0].n[0], 6);
	free(out[0].text);
	free(out[1].text);
}

/* So many senders in one second: their texts do not all wait. */
static void
test_texts(void **state)
{
	static struct memory_record out[MEMORY_TEXTS_MAX + 10];
	char text[32];
	size_t texts = 0, n;

	(void)state;
	for (unsigned i = 0; i < MEMORY_TEXTS_MAX + 10; i++) {
		(void)snprintf(text, sizeof(text), "%u@example.test", i);
		make(text, 1, 1000, 1000000);
	}
	n = memory_take(m, out, MEMORY_TEXTS_MAX + 10);
	assert_int_equal(n, MEMORY_TEXTS_MAX + 10);
	for (size_t i = 0; i < n; i++) {
		texts += out[i].text != NULL;
		free(out[i].text);
	}
	assert_int_equal(texts, MEMORY_TEXTS_MAX);
	make("one more", 1, 1000, 1000000);
	assert_int_equal(memory_take(m, out, 1), 1);
	assert_non_null(out[0].text);
	free(out[0].text);
}

static void
test_load(void **state)
{
	struct memory_record r = { .until = 100, .n = { 5, 6, 7 } }, out[2];

	(void)state;
	memory_key("a", &r.key);
	memory_load(m, &r);
	assert_int_equal(number_of("a", 0), 5);
	assert_int_equal(memory_take(m, out, 2), 0);	/* it is in the file */
	make("b", 1, 100, 1);
	assert_int_equal(number_of("a", 0), -1);	/* the older one went */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
		cmocka_unit_test_setup_teardown(test_make_keeps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take, setup, teardown),
		cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
