/*
 * t_store_settle.c -- the ways out of the queue and back into it; what a job knows of the
 * attempts before; mail that has come of age; mail of our own.
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

/* Settles the only recipient of a lease's only job. */
static void
settle_one(struct lab *l, struct leased *v, struct settle how)
{
	assert_int_equal(v->n, 1);
	assert_int_equal(v->jobs->nrcpt, 1);
	assert_int_equal(lab_settle_as(l, &v->jobs, &how), STORE_OK);
}

static struct leased
lease_one(struct lab *l, const char *domain)
{
	struct leased v;

	lab_lease(l, domain, clock_wall(), 9, &v);
	assert_int_equal(v.n, 1);
	return v;
}

/* --- leaving ------------------------------------------------------------- */
static void
test_leave(void **state)
{
	static const struct {
		enum settle_what what;
		const char	*name;
		const char	*who;
	} ways[] = {
		{ SETTLE_DELIVERED, "delivered", "IS NULL" },
		{ SETTLE_BOUNCED, "bounced", "IS NULL" },
		{ SETTLE_EXPIRED, "expired", "= 'rule'" },
	};
	struct lab *l = *state;
	char *sql;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct leased v;

		assert_int_equal(lab_put(l, "a@x.test", "m", NULL), STORE_OK);
		v = lease_one(l, "x.test");
		settle_one(l, &v, (struct settle) { .what = ways[i].what, .code = 550,
		    .dsn = "5.1.1", .reply = "nobody", .relay = "p[192.0.2.1]:25" });
		assert_int_equal(lab_totals(l).messages, 0);
		assert_int_equal(lab_totals(l).recipients, 0);
		assert_int_equal(lab_totals(l).bytes, 0);
	}
	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM message"), 0);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM chunk"), 0);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM ledger"), 3);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		sql = xasprintf("SELECT count(*) FROM ledger WHERE disposition = '%s' AND who %s"
		    " AND recipient = 'a@x.test' AND reply = '550 5.1.1 nobody' AND duplicate = 0"
		    " AND arrival BETWEEN ended - 99 AND ended", ways[i].name, ways[i].who);
		assert_int_equal(lab_sql(l, sql), 1);
		free(sql);
	}
}

/* S2: the others' message stays. */
static void
test_leave_one_of_two(void **state)
{
	struct settle v[2] = { { .what = SETTLE_BOUNCED }, { .what = SETTLE_WARNED } };
	struct lab *l = *state;
	struct leased job;

	assert_int_equal(lab_put(l, "a@x.test b@x.test", "m", NULL), STORE_OK);
	lab_lease(l, "x.test", clock_wall(), 1, &job);
	assert_int_equal(lab_settle_as(l, &job.jobs, v), STORE_OK);
	job = lease_one(l, "x.test");
	assert_string_equal(job.jobs->rcpt[0].rcpt.address, "b@x.test");
	assert_true(job.jobs->rcpt[0].warned);
	lab_free_jobs(l, &job);
}

/* --- what is known of the attempts before --------------------------------- */
static void
expect(struct lab *l, unsigned attempts, bool refused, bool unsure, bool warned)
{
	struct leased v = lease_one(l, "x.test");

	assert_int_equal(v.jobs->rcpt[0].attempts, attempts);
	assert_int_equal(v.jobs->rcpt[0].refused, refused);
	assert_int_equal(v.jobs->rcpt[0].unsure, unsure);
	assert_int_equal(v.jobs->rcpt[0].warned, warned);
	lab_free_jobs(l, &v);
}

static void
settle_next(struct lab *l, struct settle how)
{
	struct leased v = lease_one(l, "x.test");

	how.next_attempt = clock_wall();
	settle_one(l, &v, how);
}

static void
test_flags(void **state)
{
	struct lab *l = *state;
	struct store_filter all = { .state = -1 };
	uint64_t n;

	assert_int_equal(lab_put(l, "a@x.test", "m", NULL), STORE_OK);
	expect(l, 0, false, false, false);
	settle_next(l, (struct settle) { .what = SETTLE_WARNED });
	expect(l, 0, false, false, true);
	settle_next(l, (struct settle) { .what = SETTLE_DEFER, .refused = true, .uncounted = true,
	    .code = 550 });
	expect(l, 0, true, false, true);
	settle_next(l, (struct settle) { .what = SETTLE_DEFER, .refused = true });
	expect(l, 1, true, false, true);
	settle_next(l, (struct settle) { .what = SETTLE_DEFER, .unsure = true });
	expect(l, 2, false, true, true);
	settle_next(l, (struct settle) { .what = SETTLE_DEFER, .refused = true });
	expect(l, 3, true, true, true);		/* once unsure, always unsure */
	lab_reopen(l);
	expect(l, 3, true, true, true);
	settle_next(l, (struct settle) { .what = SETTLE_UNTRIED });
	expect(l, 3, true, true, true);
	settle_next(l, (struct settle) { .what = SETTLE_QUARANTINE });
	assert_int_equal(lab_change(l, CHANGE_RELEASE, &all, &n), STORE_OK);
	assert_int_equal(n, 1);
	expect(l, 4, false, false, true);
	/* A hold is no release. */
	settle_next(l, (struct settle) { .what = SETTLE_DEFER, .refused = true, .unsure = true });
	assert_int_equal(lab_change(l, CHANGE_RETRY, &all, &n), STORE_OK);
	expect(l, 5, true, true, true);
}

/* P4: a delivery after an unsure one is noted as one that may be the second. */
static void
test_duplicate(void **state)
{
	struct lab *l = *state;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(lab_put(l, i == 0 ? "sure@x.test" : "unsure@x.test", "m", NULL),
		    STORE_OK);
		settle_next(l, (struct settle) { .what = SETTLE_DEFER, .unsure = i == 1 });
		settle_next(l, (struct settle) { .what = SETTLE_DELIVERED, .code = 250 });
	}
	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM ledger WHERE duplicate = 1"
	    " AND recipient = 'unsure@x.test'"), 1);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM ledger WHERE duplicate = 0"
	    " AND recipient = 'sure@x.test'"), 1);
}

/* --- of age -------------------------------------------------------------- */
static void
on_aged(void *arg, enum store_result result, struct job *jobs, size_t n, int64_t next)
{
	struct leased *v = arg;

	assert_int_equal(result, STORE_OK);
	*v = (struct leased) { .done = 1, .jobs = jobs, .n = n, .next_due = next };
}

static struct leased
aged(struct lab *l, int64_t before, bool unwarned, size_t max)
{
	struct leased v = { 0, STORE_OK, NULL, 0, 0 };

	store_lease_aged(l->store, "x.test", before, unwarned, max, on_aged, &v);
	lab_wait(l, &v.done);
	return v;
}

/* Three messages of 1000, 2000 and 3000 s ago in x.test, one of 4000 s ago elsewhere. */
static int64_t
aged_setup(struct lab *l)
{
	int64_t now = clock_wall();
	char *sql;

	assert_int_equal(lab_put(l, "a@y.test", "m", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "a@x.test b@x.test c@y.test", "3", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "a@x.test", "2", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "a@x.test", "1", NULL), STORE_OK);
	lab_close(l);
	sql = xasprintf("UPDATE message SET arrival = %lld - 1000 * (4 - (SELECT count(*)"
	    " FROM message AS m WHERE m.id < message.id));"
	    "UPDATE rcpt SET next_attempt = %lld + 500", (long long)now, (long long)now);
	(void)lab_sql(l, sql);		/* none is due */
	free(sql);
	lab_open(l);
	return now;
}

static void
test_aged(void **state)
{
	struct lab *l = *state;
	int64_t now = aged_setup(l);
	struct store_filter all = { .domain = "x.test", .state = -1 };
	struct leased v, w;
	uint64_t n;

	v = aged(l, now - 3001, false, 9);
	assert_int_equal(v.n, 0);
	assert_int_equal(v.next_due, now - 3000);	/* when it arrived: to be asked again then */
	v = aged(l, now - 3000, false, 9);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.jobs->nrcpt, 2);		/* due or not; but not those of y.test */
	assert_int_equal(v.jobs->arrival, now - 3000);
	assert_string_equal(v.jobs->body, "3");
	assert_int_equal(v.next_due, now - 2000);
	/* S4: leased is leased. */
	w = aged(l, now, false, 1);
	assert_int_equal(w.n, 1);
	assert_string_equal(w.jobs->body, "2");
	assert_int_equal(w.next_due, now - 1000);
	lab_free_jobs(l, &w);
	lab_free_jobs(l, &v);
	v = aged(l, now, false, 9);
	assert_int_equal(v.n, 3);
	assert_int_equal(v.next_due, 0);
	assert_true(v.jobs->message_id < v.jobs->next->message_id);	/* oldest first */
	lab_free_jobs(l, &v);
	/* Held mail does not age. */
	assert_int_equal(lab_change(l, CHANGE_HOLD, &all, &n), STORE_OK);
	v = aged(l, now, false, 9);
	assert_int_equal(v.n, 0);
	assert_int_equal(v.next_due, 0);
}

static void
test_aged_unwarned(void **state)
{
	struct settle how[2] = { { .what = SETTLE_WARNED }, { .what = SETTLE_UNTRIED } };
	struct lab *l = *state;
	int64_t now = aged_setup(l);
	struct leased v;

	v = aged(l, now - 3000, true, 9);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.jobs->nrcpt, 2);
	assert_int_equal(lab_settle_as(l, &v.jobs, how), STORE_OK);
	v = aged(l, now - 3000, true, 9);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.jobs->nrcpt, 1);
	assert_string_equal(v.jobs->rcpt[0].rcpt.address, "b@x.test");
	assert_int_equal(lab_settle_as(l, &v.jobs, how), STORE_OK);
	v = aged(l, now - 3000, true, 9);
	assert_int_equal(v.n, 0);
	assert_int_equal(v.next_due, now - 2000);
	v = aged(l, now - 3000, false, 9);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.jobs->nrcpt, 2);
	lab_free_jobs(l, &v);
}

/* --- envelopes ----------------------------------------------------------- */
static void
put_env(struct lab *l, const char *rcpts, const char *spf, const char *route)
{
	struct store_intake *in = store_intake_begin(l->store);
	struct put p = { 0, STORE_OK, "" };
	struct envelope env;

	lab_envelope(&env, rcpts);
	env.spf = xstrdup(spf);
	env.route = xstrdup(route);
	(void)store_intake_write(in, "m", 1, NULL, NULL);
	store_intake_commit(&in, &env, lab_on_put, &p);
	envelope_clear(&env);
	lab_wait(l, &p.done);
	assert_int_equal(p.result, STORE_OK);
}

static void
on_list(void *arg, enum store_result result, const struct store_message *m, size_t n)
{
	int *done = arg;

	assert_int_equal(result, STORE_OK);
	assert_int_equal(n, 1);
	assert_string_equal(m->env.spf, "pass");
	assert_string_equal(m->env.route, ENVELOPE_RELAY);
	assert_int_equal(m->nrcpt, 2);
	*done = 1;
}

/* Mail of our own is under its route, whatever its recipients' domains are. */
static void
test_spf_and_route(void **state)
{
	struct store_filter relay = { .domain = ENVELOPE_RELAY, .state = -1 };
	struct lab *l = *state;
	struct leased v;
	int done = 0;

	put_env(l, "joe@x.test", "softfail", NULL);
	put_env(l, "joe@x.test ann@y.test", "pass", ENVELOPE_RELAY);
	lab_reopen(l);
	v = lease_one(l, "x.test");
	assert_string_equal(v.jobs->env.spf, "softfail");
	assert_null(v.jobs->env.route);
	lab_free_jobs(l, &v);
	lab_lease(l, "y.test", clock_wall(), 9, &v);
	assert_int_equal(v.n, 0);
	v = lease_one(l, ENVELOPE_RELAY);
	assert_string_equal(v.jobs->env.spf, "pass");
	assert_string_equal(v.jobs->env.route, ENVELOPE_RELAY);
	assert_string_equal(v.jobs->domain, ENVELOPE_RELAY);
	assert_int_equal(v.jobs->nrcpt, 2);
	assert_string_equal(v.jobs->rcpt[1].rcpt.address, "ann@y.test");
	lab_free_jobs(l, &v);
	store_list(l->store, &relay, 0, 9, on_list, &done);
	lab_wait(l, &done);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_leave, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_leave_one_of_two, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_flags, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_duplicate, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_aged, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_aged_unwarned, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_spf_and_route, lab_setup, lab_teardown),
	};

	vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
