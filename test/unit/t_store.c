/*
 * t_store.c -- a message's life in the store: intake, lease, settle.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "store_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "store_vfs.h"

static void
expect_totals(struct lab *l, uint64_t messages, uint64_t recipients, uint64_t bytes)
{
	struct store_totals t = lab_totals(l);

	assert_int_equal(t.messages, messages);
	assert_int_equal(t.recipients, recipients);
	assert_int_equal(t.bytes, bytes);
}

static void
test_life(void **state)
{
	struct lab *l = *state;
	struct leased v;
	char id[QUEUE_ID_SIZE];
	struct job *job;

	assert_int_equal(lab_put(l, "Joe@Example.TEST", "Subject: x\r\n\r\nbody\r\n", id),
	    STORE_OK);
	expect_totals(l, 1, 1, 20);
	lab_reopen(l);
	expect_totals(l, 1, 1, 20);

	lab_lease(l, "other.test", clock_wall(), 10, &v);
	assert_int_equal(v.n, 0);
	assert_int_equal(v.next_due, 0);
	lab_lease(l, "example.test", clock_wall(), 10, &v);
	assert_int_equal(v.result, STORE_OK);
	assert_int_equal(v.n, 1);
	job = v.jobs;
	assert_string_equal(job->queue_id, id);
	assert_int_equal(job->size, 20);
	assert_memory_equal(job->body, "Subject: x\r\n\r\nbody\r\n", 20);
	assert_string_equal(job->env.sender, "sender@example.org");
	assert_string_equal(job->env.client.addr, "192.0.2.7");
	assert_string_equal(job->domain, "example.test");
	assert_int_equal(job->nrcpt, 1);
	assert_string_equal(job->rcpt[0].rcpt.address, "Joe@Example.TEST");	/* P9: as it was */
	assert_int_equal(job->rcpt[0].attempts, 0);
	assert_int_equal(lab_settle(l, &job, SETTLE_DELIVERED, 0), STORE_OK);
	expect_totals(l, 0, 0, 0);

	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM message"), 0);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM rcpt"), 0);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM chunk"), 0);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM ledger WHERE disposition = 'delivered'"
	    " AND recipient = 'Joe@Example.TEST' AND sender = 'sender@example.org'"
	    " AND relay = 'p[192.0.2.1]:25' AND reply = '450 4.2.0 later' AND who IS NULL"), 1);
}

/* S4; and what is in somebody's hands comes back after a restart. */
static void
test_lease_once(void **state)
{
	struct lab *l = *state;
	struct leased a, b;

	for (int i = 0; i < 5; i++)
		assert_int_equal(lab_put(l, "joe@x.test", "m", NULL), STORE_OK);
	lab_lease(l, "x.test", clock_wall(), 3, &a);
	assert_int_equal(a.n, 3);
	assert_true(a.next_due != 0 && a.next_due <= clock_wall());
	assert_true(a.jobs->message_id < a.jobs->next->message_id);	/* oldest first */
	lab_lease(l, "x.test", clock_wall(), 10, &b);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.next_due, 0);
	assert_true(b.jobs->message_id > a.jobs->next->next->message_id);
	lab_free_jobs(l, &a);
	lab_lease(l, "x.test", clock_wall(), 10, &a);
	assert_int_equal(a.n, 3);	/* untried: at once again, no attempt counted */
	assert_int_equal(a.jobs->rcpt[0].attempts, 0);
	lab_free_jobs(l, &b);
	lab_free_jobs(l, &a);
}

static void
test_defer(void **state)
{
	struct lab *l = *state;
	int64_t now = clock_wall();
	struct leased v;

	assert_int_equal(lab_put(l, "joe@x.test ann@x.test", "m", NULL), STORE_OK);
	lab_lease(l, "x.test", now, 1, &v);
	assert_int_equal(v.jobs->nrcpt, 2);
	assert_int_equal(lab_settle(l, &v.jobs, SETTLE_DEFER, now + 60), STORE_OK);
	lab_lease(l, "x.test", now + 59, 1, &v);
	assert_int_equal(v.n, 0);
	assert_int_equal(v.next_due, now + 60);
	lab_reopen(l);
	lab_lease(l, "x.test", now + 60, 1, &v);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.jobs->rcpt[0].attempts, 1);
	lab_free_jobs(l, &v);
}

static void
test_partial(void **state)
{
	struct lab *l = *state;
	struct settle v[3] = {
		{ .what = SETTLE_DELIVERED, .code = 250 },
		{ .what = SETTLE_DEFER, .next_attempt = clock_wall() + 60, .code = 450 },
		{ .what = SETTLE_QUARANTINE, .code = 550 },
	};
	struct leased a, b;
	struct store_totals t;

	assert_int_equal(lab_put(l, "a@x.test b@x.test c@x.test d@y.test", "m", NULL), STORE_OK);
	lab_lease(l, "x.test", clock_wall(), 1, &a);
	lab_lease(l, "y.test", clock_wall(), 1, &b);
	assert_int_equal(a.jobs->nrcpt, 3);
	assert_int_equal(b.jobs->nrcpt, 1);	/* another domain: leased apart */
	store_settle(l->store, &a.jobs, v, NULL, NULL);
	assert_int_equal(lab_settle(l, &b.jobs, SETTLE_HOLD, 0), STORE_OK);
	t = lab_totals(l);
	assert_int_equal(t.messages, 1);
	assert_int_equal(t.recipients, 3);
	assert_int_equal(t.held, 1);
	assert_int_equal(t.quarantined, 1);
	lab_lease(l, "x.test", clock_wall() + 61, 9, &a);
	assert_int_equal(a.n, 1);
	assert_string_equal(a.jobs->rcpt[0].rcpt.address, "b@x.test");
	assert_int_equal(a.jobs->nrcpt, 1);
	lab_free_jobs(l, &a);
}

static void
test_thousand_recipients(void **state)
{
	struct lab *l = *state;
	char *rcpts = xcalloc(1000, 16), *p = rcpts;
	struct leased v;

	for (int i = 0; i < 1000; i++)
		p += snprintf(p, 16, "r%03d@d%d.test ", i, i % 2);
	assert_int_equal(lab_put(l, rcpts, "m", NULL), STORE_OK);
	expect_totals(l, 1, 1000, 1);
	for (int d = 0; d < 2; d++) {
		lab_lease(l, d == 0 ? "d0.test" : "d1.test", clock_wall(), 5, &v);
		assert_int_equal(v.n, 1);
		assert_int_equal(v.jobs->nrcpt, 500);
		assert_int_equal(lab_settle(l, &v.jobs, SETTLE_DELIVERED, 0), STORE_OK);
		expect_totals(l, d == 0, d == 0 ? 500 : 0, d == 0);
	}
	free(rcpts);
	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM ledger"), 1000);
}

/* What waits while a COMMIT is under way becomes one transaction with one sync. */
static void
test_group_commit(void **state)
{
	struct lab *l = *state;
	struct put p[50];
	unsigned before;

	assert_int_equal(lab_put(l, "joe@x.test", "warm up: the log gets its header", NULL),
	    STORE_OK);
	before = vfs_syncs(VFS_WAL);
	vfs_gate_close();
	lab_submit(l, "joe@x.test", "m", 1, &p[0]);
	vfs_gate_wait();
	for (size_t i = 1; i < 50; i++)
		lab_submit(l, "joe@x.test", "m", 1, &p[i]);
	lab_poll(l);
	for (size_t i = 0; i < 50; i++)
		assert_int_equal(p[i].done, 0);		/* S1: not before the sync */
	vfs_gate_open();
	for (size_t i = 0; i < 50; i++) {
		lab_wait(l, &p[i].done);
		assert_int_equal(p[i].result, STORE_OK);
	}
	assert_int_equal(vfs_syncs(VFS_WAL) - before, 2);
	expect_totals(l, 51, 51, 82);
}

static void
test_forget(void **state)
{
	struct lab *l = *state;
	struct put p;
	struct leased v = { 0, STORE_OK, NULL, 0, 0 };

	lab_submit(l, "joe@x.test", "m", 1, &p);
	store_forget(l->store, &p);
	assert_int_equal(lab_put(l, "joe@y.test", "m", NULL), STORE_OK);
	expect_totals(l, 2, 2, 2);	/* its work is done */
	assert_int_equal(p.done, 0);

	/* Jobs that nobody takes are not lost. */
	store_lease(l->store, "x.test", clock_wall(), 1, NULL, &v);
	store_forget(l->store, &v);
	(void)lab_totals(l);
	(void)lab_totals(l);
	lab_lease(l, "x.test", clock_wall(), 1, &v);
	assert_int_equal(v.n, 1);
	lab_free_jobs(l, &v);
}

static void
test_close_finishes(void **state)
{
	struct lab *l = *state;
	struct put p[20];

	for (size_t i = 0; i < 20; i++)
		lab_submit(l, "joe@x.test", "m", 1, &p[i]);
	lab_close(l);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(p[i].done, 1);
		assert_int_equal(p[i].result, STORE_OK);
	}
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM message"), 20);
}

static void
test_ids_survive_the_clock(void **state)
{
	struct lab *l = *state;
	char a[QUEUE_ID_SIZE], b[QUEUE_ID_SIZE];
	int64_t far;

	assert_int_equal(lab_put(l, "joe@x.test", "m", a), STORE_OK);
	far = queue_id_parse(a) + (INT64_C(86400000) << 10);	/* written tomorrow */
	lab_close(l);
	(void)lab_sql(l, "UPDATE rcpt SET id = id + (86400000 << 20);"
	    "UPDATE chunk SET id = id + (86400000 << 22);"
	    "UPDATE message SET id = id + (86400000 << 10)");
	lab_open(l);
	assert_int_equal(lab_put(l, "joe@x.test", "m", b), STORE_OK);
	assert_int_equal(queue_id_parse(b), far + 1);
	assert_true(strcmp(a, b) < 0);
}

static void
test_empty_body(void **state)
{
	struct lab *l = *state;
	struct leased v;

	assert_int_equal(lab_put(l, "joe@x.test", "", NULL), STORE_OK);
	lab_lease(l, "x.test", clock_wall(), 1, &v);
	assert_int_equal(v.n, 1);
	assert_non_null(v.jobs->body);
	assert_int_equal(v.jobs->size, 0);
	lab_free_jobs(l, &v);
}

/* Neither an empty delivery nor a loss: put aside, the others go on. */
static void
test_row_without_body(void **state)
{
	struct lab *l = *state;
	struct leased v;

	for (int i = 0; i < 3; i++)
		assert_int_equal(lab_put(l, "joe@x.test", "body", NULL), STORE_OK);
	lab_close(l);
	(void)lab_sql(l, "DELETE FROM chunk WHERE id = (SELECT min(id) FROM chunk);"
	    "UPDATE chunk SET data = 'bo' WHERE id = (SELECT max(id) FROM chunk)");
	lab_open(l);
	lab_lease(l, "x.test", clock_wall(), 9, &v);
	assert_int_equal(v.n, 1);
	assert_int_equal(lab_totals(l).quarantined, 2);
	assert_int_equal(lab_settle(l, &v.jobs, SETTLE_DELIVERED, 0), STORE_OK);
	lab_lease(l, "x.test", clock_wall(), 9, &v);
	assert_int_equal(v.n, 0);
	expect_totals(l, 2, 2, 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_lease_once, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_defer, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_partial, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_thousand_recipients, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_group_commit, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_forget, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_close_finishes, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_ids_survive_the_clock, lab_setup,
		    lab_teardown),
		cmocka_unit_test_setup_teardown(test_empty_body, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_row_without_body, lab_setup, lab_teardown),
	};

	vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
