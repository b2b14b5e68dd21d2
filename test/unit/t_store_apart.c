/*
 * t_store_apart.c -- messages that come in to be kept apart (XQUARANTINE=).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "store_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"

static void
put_apart(struct lab *l, const char *rcpts, const char *why, char *queue_id)
{
	struct store_intake *in = store_intake_begin(l->store);
	struct put p = { 0, STORE_OK, "" };
	struct envelope env;

	lab_envelope(&env, rcpts);
	env.start = START_QUARANTINED;
	env.start_reason = xstrdup(why);
	(void)store_intake_write(in, "four", 4, NULL, NULL);
	store_intake_commit(&in, &env, lab_on_put, &p);
	envelope_clear(&env);
	lab_wait(l, &p.done);
	assert_int_equal(p.result, STORE_OK);
	memcpy(queue_id, p.queue_id, QUEUE_ID_SIZE);
}

struct seen {
	int	 done;
	char	 text[500];		/* of each recipient: address=state/attempts:reply */
};

static void
on_list(void *arg, enum store_result result, const struct store_message *m, size_t n)
{
	struct seen *s = arg;

	assert_int_equal(result, STORE_OK);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < m[i].nrcpt; k++) {
			size_t at = strlen(s->text);

			(void)snprintf(s->text + at, sizeof(s->text) - at, "%s=%d/%u:%s ",
			    m[i].rcpt[k].address, (int)m[i].rcpt[k].state, m[i].rcpt[k].attempts,
			    m[i].rcpt[k].reply);
		}
	s->done = 1;
}

static void
expect_list(struct lab *l, int state, const char *text)
{
	struct store_filter f = { .state = state };
	struct seen s = { 0, "" };

	store_list(l->store, &f, 0, 100, on_list, &s);
	lab_wait(l, &s.done);
	assert_string_equal(text, s.text);
}

static size_t
leasable(struct lab *l, const char *domain)
{
	struct leased v;
	size_t n;

	lab_lease(l, domain, clock_wall(), 9, &v);
	n = v.n;
	lab_free_jobs(l, &v);
	return n;
}

static void
test_apart(void **state)
{
	struct lab *l = *state;
	struct store_filter all = { .state = -1 }, one = { .state = -1 };
	struct leased v;
	char id[QUEUE_ID_SIZE], other[QUEUE_ID_SIZE];
	struct job *job;
	uint64_t n;

	put_apart(l, "a@x.test b@y.test", "score 12: spam spamd=12", id);
	assert_int_equal(lab_put(l, "c@x.test", "m", NULL), STORE_OK);
	put_apart(l, "d@x.test", "virus Eicar", other);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lab_totals(l).messages, 3);
		assert_int_equal(lab_totals(l).recipients, 4);
		assert_int_equal(lab_totals(l).quarantined, 3);
		assert_int_equal(lab_totals(l).bytes, 9);
		expect_list(l, RCPT_QUARANTINED, "a@x.test=2/0:score 12: spam spamd=12 "
		    "b@y.test=2/0:score 12: spam spamd=12 d@x.test=2/0:virus Eicar ");
		expect_list(l, RCPT_QUEUED, "c@x.test=0/0: ");
		/* Nobody delivers it, however long it has been there. */
		assert_int_equal(leasable(l, "x.test"), 1);
		assert_int_equal(leasable(l, "y.test"), 0);
		v = (struct leased){ 0, STORE_OK, NULL, 0, 0 };
		store_lease_aged(l->store, "x.test", clock_wall() + 1, false, 9, lab_on_lease, &v);
		lab_wait(l, &v.done);
		assert_int_equal(v.n, 1);
		lab_free_jobs(l, &v);
		/* Nor is it held by a command for all. */
		assert_int_equal(lab_change(l, CHANGE_HOLD, &all, &n), STORE_OK);
		assert_int_equal(n, 1);
		one.queue_id = NULL;
		one.state = RCPT_HELD;
		assert_int_equal(lab_change(l, CHANGE_RELEASE, &one, &n), STORE_OK);
		assert_int_equal(n, 1);
		lab_reopen(l);
	}

	one.state = -1;
	one.queue_id = id;
	assert_int_equal(lab_change(l, CHANGE_RELEASE, &one, &n), STORE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(lab_totals(l).quarantined, 1);
	assert_int_equal(leasable(l, "x.test"), 2);
	lab_lease(l, "y.test", clock_wall(), 9, &v);
	assert_int_equal(v.n, 1);
	job = v.jobs;
	assert_int_equal(lab_settle(l, &job, SETTLE_DELIVERED, 0), STORE_OK);
	one.queue_id = other;
	assert_int_equal(lab_change(l, CHANGE_DELETE, &one, &n), STORE_OK);
	assert_int_equal(n, 1);
	assert_int_equal(lab_totals(l).quarantined, 0);
	assert_int_equal(lab_totals(l).messages, 2);
}

/* It entered the quarantine when it arrived. */
static void
test_expire(void **state)
{
	struct lab *l = *state;
	struct changed c = { 0, STORE_OK, 0 };
	char id[QUEUE_ID_SIZE];

	for (int i = 0; i < 4; i++)
		put_apart(l, "a@x.test", "x", id);
	lab_close(l);
	(void)lab_sql(l, "UPDATE message SET arrival = 100 +"
	    " (SELECT count(*) FROM message AS m WHERE m.id < message.id)");
	lab_open(l);
	store_expire(l->store, NULL, 102, "quarantine_lifetime", lab_on_change, &c);
	lab_wait(l, &c.done);
	assert_int_equal(c.n, 2);
	assert_int_equal(lab_totals(l).quarantined, 2);
	assert_int_equal(lab_totals(l).messages, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_apart, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_expire, lab_setup, lab_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
