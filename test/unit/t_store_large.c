/*
 * t_store_large.c -- messages that go ahead of themselves in chunks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "store_lab.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "store_vfs.h"

#define LARGE	(3 * 1024 * 1024 + 77)

static char *
noise(size_t n)
{
	char *p = xcalloc(n, 1);
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (char)(x >> 24);
	}
	return p;
}

static void
on_resume(void *arg)
{
	++*(int *)arg;
}

/* Writes as a session does: pauses when told to. The number of pauses. */
static int
write_all(struct lab *l, struct store_intake *in, const char *data, size_t len)
{
	int resumed = 0, pauses = 0;

	for (size_t at = 0; at < len;) {
		size_t n = len - at < 60000 ? len - at : 60000;

		resumed = 0;
		if (!store_intake_write(in, data + at, n, on_resume, &resumed)) {
			pauses++;
			lab_wait(l, &resumed);
		}
		at += n;
	}
	return pauses;
}

static void
on_commit(void *arg, enum store_result result, const char *queue_id, const char *why)
{
	struct put *p = arg;

	(void)why;
	p->result = result;
	memcpy(p->queue_id, queue_id, strlen(queue_id) + 1);
	p->done++;
}

static enum store_result
put_large(struct lab *l, const char *data, size_t len, char *queue_id)
{
	struct store_intake *in = store_intake_begin(l->store);
	struct envelope env;
	struct put p = { 0, STORE_OK, "" };

	memcpy(queue_id, store_intake_queue_id(in), QUEUE_ID_SIZE);
	(void)write_all(l, in, data, len);
	lab_envelope(&env, "joe@x.test");
	store_intake_commit(&in, &env, on_commit, &p);
	envelope_clear(&env);
	lab_wait(l, &p.done);
	assert_string_equal(p.queue_id, queue_id);
	return p.result;
}

static void
expect_chunks(struct lab *l, int64_t chunks, int64_t intakes)
{
	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM chunk"), chunks);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM intake"), intakes);
	lab_open(l);
}

static void
test_round_trip(void **state)
{
	static const size_t sizes[] = { STORE_PREFETCH, STORE_PREFETCH + 1, STORE_CHUNK - 1,
		STORE_CHUNK, STORE_CHUNK + 1, 2 * STORE_CHUNK, LARGE };
	struct lab *l = *state;
	char *data = noise(LARGE), id[QUEUE_ID_SIZE];
	enum store_result r;
	struct leased v;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t len;
		char *back;

		assert_int_equal(put_large(l, data, sizes[i], id), STORE_OK);
		back = lab_body(l, queue_id_parse(id), &len, &r);
		assert_int_equal(r, STORE_OK);
		assert_int_equal(len, sizes[i]);
		assert_memory_equal(back, data, len);
		free(back);
		lab_lease(l, "x.test", clock_wall(), 1, &v);
		assert_int_equal(v.n, 1);
		assert_int_equal(v.jobs->size, sizes[i]);
		assert_true((v.jobs->body != NULL) == (sizes[i] <= STORE_PREFETCH));
		assert_int_equal(lab_settle(l, &v.jobs, SETTLE_DELIVERED, 0), STORE_OK);
		assert_null(lab_body(l, queue_id_parse(id), &len, &r));
		assert_int_equal(r, STORE_NOT_FOUND);
	}
	expect_chunks(l, 0, 0);
	free(data);
}

static void
test_pauses(void **state)
{
	struct lab *l = *state;
	struct store_intake *in = store_intake_begin(l->store);
	char *data = noise(LARGE);
	int resumed = 0;

	vfs_gate_close();
	assert_true(store_intake_write(in, data, STORE_CHUNK, on_resume, &resumed));
	assert_true(store_intake_write(in, data, STORE_CHUNK, on_resume, &resumed));
	assert_true(store_intake_write(in, data, STORE_CHUNK, on_resume, &resumed));
	assert_false(store_intake_write(in, data, 1, on_resume, &resumed));
	vfs_gate_wait();
	lab_poll(l);
	assert_int_equal(resumed, 0);
	vfs_gate_open();
	lab_wait(l, &resumed);
	assert_int_equal(resumed, 1);
	store_intake_abort(&in);
	assert_null(in);
	free(data);
	expect_chunks(l, 0, 0);
}

static void
test_abort(void **state)
{
	struct lab *l = *state;
	struct store_intake *in = store_intake_begin(l->store);
	char *data = noise(LARGE);

	(void)write_all(l, in, data, LARGE);
	store_intake_abort(&in);
	expect_chunks(l, 0, 0);
	in = store_intake_begin(l->store);	/* with all of it in flight */
	(void)store_intake_write(in, data, LARGE, on_resume, &(int) { 0 });
	store_intake_abort(&in);
	expect_chunks(l, 0, 0);
	free(data);
}

/* The process died during a large intake: the next start cleans up, and only that. */
static void
test_orphans(void **state)
{
	struct lab *l = *state;
	char *data = noise(LARGE), id[QUEUE_ID_SIZE];
	int64_t until = clock_mono_ms() + LAB_PATIENCE * 1000;

	assert_int_equal(put_large(l, data, LARGE, id), STORE_OK);
	lab_close(l);
	(void)lab_sql(l, "INSERT INTO intake VALUES (77);"
	    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99)"
	    " INSERT INTO chunk SELECT 77 << 12 | i, zeroblob(1000) FROM n");
	for (;;) {
		int64_t left;

		lab_open(l);
		for (int64_t pause = clock_mono_ms() + 4000; clock_mono_ms() < pause;)
			lab_poll(l);
		lab_close(l);
		left = lab_sql(l, "SELECT count(*) FROM chunk WHERE id >> 12 = 77");
		if (left == 0)
			break;
		assert_true(clock_mono_ms() < until);
	}
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM chunk"), 13);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM intake"), 0);
	lab_open(l);
	free(data);
}

/* A chunk finds no room: the commit says so, and nothing stays behind. */
static void
test_chunk_fails(void **state)
{
	struct lab *l = *state;
	struct store_intake *in = store_intake_begin(l->store);
	struct put p = { 0, STORE_OK, "" };
	char *data = noise(LARGE);
	struct envelope env;

	(void)write_all(l, in, data, LARGE / 2);
	vfs_fail_write(VFS_WAL, -1, SQLITE_FULL);
	(void)write_all(l, in, data, LARGE / 2);
	lab_envelope(&env, "joe@x.test");
	store_intake_commit(&in, &env, on_commit, &p);
	envelope_clear(&env);
	lab_wait(l, &p.done);
	assert_int_equal(p.result, STORE_FULL);
	vfs_fail_write(VFS_WAL, 0, 0);
	expect_chunks(l, 0, 0);
	assert_int_equal(lab_totals(l).messages, 0);
	free(data);
}

static void
test_forget_while_waiting(void **state)
{
	struct lab *l = *state;
	struct store_intake *in = store_intake_begin(l->store);
	struct put p = { 0, STORE_OK, "" };
	char *data = noise(LARGE);
	struct envelope env;

	(void)store_intake_write(in, data, LARGE, on_resume, &(int) { 0 });
	lab_envelope(&env, "joe@x.test");
	store_intake_commit(&in, &env, on_commit, &p);
	envelope_clear(&env);
	store_forget(l->store, &p);
	expect_chunks(l, 13, 0);
	assert_int_equal(p.done, 0);
	assert_int_equal(lab_totals(l).messages, 1);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_pauses, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_abort, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_orphans, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_chunk_fails, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_forget_while_waiting, lab_setup, lab_teardown),
	};

	vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
