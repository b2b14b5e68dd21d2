/*
 * t_store_operator.c -- what an operator sees and does; jumps of the clock;
 * housekeeping.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "store_lab.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "store_vfs.h"

#define ALL	{ .state = -1 }

/* --- listings ------------------------------------------------------------ */
struct listed {
	int		 done;
	size_t		 n, rcpts;
	int64_t		 last;
	char		 text[2000];	/* of the recipients: address=state/attempts/active:reply */
};

static void
on_list(void *arg, enum store_result result, const struct store_message *m, size_t n)
{
	struct listed *v = arg;

	assert_int_equal(result, STORE_OK);
	v->n = n;
	for (size_t i = 0; i < n; i++) {
		char id[QUEUE_ID_SIZE];

		queue_id_format(id, m[i].message_id);
		assert_string_equal(m[i].queue_id, id);
		assert_string_equal(m[i].env.sender, "sender@example.org");
		assert_true(m[i].message_id > v->last);
		v->last = m[i].message_id;
		for (size_t j = 0; j < m[i].nrcpt; j++) {
			const struct store_rcpt *r = &m[i].rcpt[j];
			size_t at = strlen(v->text);

			(void)snprintf(v->text + at, sizeof(v->text) - at, "%s=%d/%u/%d:%s ",
			    r->address, (int)r->state, r->attempts, r->active, r->reply);
			v->rcpts++;
		}
	}
	v->done++;
}

static struct listed
list(struct lab *l, struct store_filter f, int64_t after, size_t max)
{
	struct listed v;

	memset(&v, 0, sizeof(v));
	store_list(l->store, &f, after, max, on_list, &v);
	lab_wait(l, &v.done);
	return v;
}

static void
test_list(void **state)
{
	struct lab *l = *state;
	char a[QUEUE_ID_SIZE], b[QUEUE_ID_SIZE];
	struct leased job;
	struct listed v;

	assert_int_equal(lab_put(l, "a@x.test b@y.test", "m", a), STORE_OK);
	assert_int_equal(lab_put(l, "c@x.test", "m", b), STORE_OK);
	lab_lease(l, "x.test", clock_wall(), 1, &job);
	assert_int_equal(lab_settle(l, &job.jobs, SETTLE_DEFER, clock_wall() + 60), STORE_OK);
	lab_lease(l, "x.test", clock_wall(), 1, &job);

	v = list(l, (struct store_filter) ALL, 0, 10);
	assert_string_equal(v.text, "a@x.test=0/1/0:p[192.0.2.1]:25 said: 450 4.2.0 later "
	    "b@y.test=0/0/0: c@x.test=0/0/1: ");
	assert_int_equal(list(l, (struct store_filter) ALL, 0, 1).n, 1);
	v = list(l, (struct store_filter) ALL, queue_id_parse(a), 10);
	assert_string_equal(v.text, "c@x.test=0/0/1: ");
	v = list(l, (struct store_filter) { .queue_id = b, .state = -1 }, 0, 10);
	assert_string_equal(v.text, "c@x.test=0/0/1: ");
	v = list(l, (struct store_filter) { .domain = "y.test", .state = -1 }, 0, 10);
	assert_string_equal(v.text, "b@y.test=0/0/0: ");
	assert_int_equal(list(l, (struct store_filter) { .state = RCPT_HELD }, 0, 9).n, 0);
	assert_int_equal(list(l, (struct store_filter) { .state = RCPT_QUEUED }, 0, 9).n, 2);
	assert_int_equal(list(l, (struct store_filter) { .sender = "Sender@Example.org",
	    .state = -1 }, 0, 9).n, 2);
	assert_int_equal(list(l, (struct store_filter) { .sender = "'; DROP TABLE rcpt; --",
	    .state = -1 }, 0, 9).n, 0);
	assert_int_equal(list(l, (struct store_filter) { .queue_id = "00000000001",
	    .state = -1 }, 0, 9).n, 0);
	assert_int_equal(list(l, (struct store_filter) { .queue_id = "no id", .state = -1 }, 0,
	    9).n, 0);
	lab_free_jobs(l, &job);
}

struct domains {
	int	done;
	char	text[1000];
	int64_t	oldest;
};

static void
on_domains(void *arg, enum store_result result, const struct store_domain *d, size_t n)
{
	struct domains *v = arg;

	assert_int_equal(result, STORE_OK);
	for (size_t i = 0; i < n; i++) {
		size_t at = strlen(v->text);

		(void)snprintf(v->text + at, sizeof(v->text) - at, "%s=%d+%d+%d in %d due %d ",
		    d[i].domain, (int)d[i].queued, (int)d[i].held, (int)d[i].quarantined,
		    (int)d[i].messages, d[i].next_due != 0);
		if (i == 0)
			v->oldest = d[i].oldest;
	}
	v->done++;
}

static void
test_domains(void **state)
{
	struct lab *l = *state;
	struct domains v = { 0, "", 0 };
	struct leased job;
	uint64_t n;

	assert_int_equal(lab_put(l, "a@x.test b@y.test c@x.test d@y.test", "m", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "e@x.test", "m", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "f@z.test", "m", NULL), STORE_OK);
	/* Two recipients of one message that wait for different times: still one message. */
	lab_lease(l, "y.test", clock_wall(), 1, &job);
	store_settle(l->store, &job.jobs, (struct settle[2]) {
	    { .what = SETTLE_DEFER, .next_attempt = clock_wall() + 60 },
	    { .what = SETTLE_DEFER, .next_attempt = clock_wall() + 90 } }, NULL, NULL);
	assert_int_equal(lab_change(l, CHANGE_HOLD, &(struct store_filter) { .domain = "z.test",
	    .state = -1 }, &n), STORE_OK);
	store_domains(l->store, on_domains, &v);
	lab_wait(l, &v.done);
	assert_string_equal(v.text, "x.test=3+0+0 in 2 due 1 y.test=2+0+0 in 1 due 1 "
	    "z.test=0+1+0 in 0 due 0 ");
	assert_true(clock_wall() - v.oldest <= LAB_PATIENCE);
}

/* --- changes ------------------------------------------------------------- */
static void
test_change(void **state)
{
	struct lab *l = *state;
	struct store_filter all = ALL, x = { .domain = "x.test", .state = -1 };
	struct store_filter one = { .state = -1 };
	struct leased job;
	char id[QUEUE_ID_SIZE];
	uint64_t n;

	assert_int_equal(lab_put(l, "a@x.test b@y.test", "m", id), STORE_OK);
	assert_int_equal(lab_put(l, "c@x.test", "m", NULL), STORE_OK);
	one.queue_id = id;

	assert_int_equal(lab_change(l, CHANGE_HOLD, &x, &n), STORE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(lab_totals(l).held, 2);
	lab_lease(l, "x.test", clock_wall(), 9, &job);
	assert_int_equal(job.n, 0);
	assert_int_equal(lab_change(l, CHANGE_RELEASE, &one, &n), STORE_OK);
	assert_int_equal(n, 1);
	lab_lease(l, "x.test", clock_wall(), 9, &job);
	assert_int_equal(job.n, 1);

	/* Out of somebody's hands nothing is taken. */
	assert_int_equal(lab_change(l, CHANGE_DELETE, &one, &n), STORE_OK);
	assert_int_equal(n, 1);		/* b@y.test */
	assert_int_equal(lab_change(l, CHANGE_HOLD, &one, &n), STORE_OK);
	assert_int_equal(n, 0);
	assert_int_equal(lab_settle(l, &job.jobs, SETTLE_QUARANTINE, 0), STORE_OK);
	assert_int_equal(lab_totals(l).quarantined, 1);
	assert_int_equal(lab_change(l, CHANGE_RELEASE, &all, &n), STORE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(lab_totals(l).held, 0);
	assert_int_equal(lab_totals(l).quarantined, 0);

	assert_int_equal(lab_change(l, CHANGE_DELETE, &all, &n), STORE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(lab_totals(l).messages, 0);
	assert_int_equal(lab_totals(l).bytes, 0);
	assert_int_equal(lab_change(l, CHANGE_DELETE, &one, &n), STORE_NOT_FOUND);
	assert_int_equal(lab_change(l, CHANGE_DELETE, &(struct store_filter) { .queue_id = "?",
	    .state = -1 }, &n), STORE_NOT_FOUND);
	assert_int_equal(lab_change(l, CHANGE_DELETE, &all, &n), STORE_OK);
	assert_int_equal(n, 0);
	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM ledger WHERE disposition = 'deleted'"
	    " AND who = 'operator' AND sender = 'sender@example.org'"), 3);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM chunk"), 0);
}

static void
test_retry(void **state)
{
	struct lab *l = *state;
	struct store_filter all = ALL;
	struct leased job;
	uint64_t n;

	assert_int_equal(lab_put(l, "a@x.test", "m", NULL), STORE_OK);
	lab_lease(l, "x.test", clock_wall(), 9, &job);
	assert_int_equal(lab_settle(l, &job.jobs, SETTLE_DEFER, clock_wall() + 999), STORE_OK);
	assert_int_equal(lab_change(l, CHANGE_RETRY, &all, &n), STORE_OK);
	assert_int_equal(n, 1);
	assert_int_equal(lab_change(l, CHANGE_RETRY, &all, &n), STORE_OK);
	assert_int_equal(n, 0);		/* is due already */
	lab_lease(l, "x.test", clock_wall(), 9, &job);
	assert_int_equal(job.n, 1);
	assert_int_equal(job.jobs->rcpt[0].attempts, 1);
	lab_free_jobs(l, &job);
}

/* More than a step's worth, from several senders; the sum is right at every step. */
static void
test_change_in_steps(void **state)
{
	struct lab *l = *state;
	struct store_filter x = { .domain = "x.test", .sender = "sender@example.org", .state = -1 };
	char *rcpts = xcalloc(900, 24), *p = rcpts;
	uint64_t n;

	for (int i = 0; i < 900; i++)
		p += snprintf(p, 24, "r%03d@%c.test ", i, i % 9 == 0 ? 'y' : 'x');
	for (int i = 0; i < 4; i++)
		assert_int_equal(lab_put(l, rcpts, "m", NULL), STORE_OK);
	assert_int_equal(lab_change(l, CHANGE_HOLD, &x, &n), STORE_OK);
	assert_int_equal(n, 3200);
	assert_int_equal(lab_totals(l).held, 3200);
	assert_int_equal(lab_change(l, CHANGE_DELETE, &x, &n), STORE_OK);
	assert_int_equal(n, 3200);
	assert_int_equal(lab_totals(l).recipients, 400);
	assert_int_equal(lab_totals(l).held, 0);
	assert_int_equal(lab_totals(l).messages, 4);
	free(rcpts);
}

/* --- the clock ----------------------------------------------------------- */
static void
test_shift_clock(void **state)
{
	struct lab *l = *state;
	int64_t now = clock_wall();
	struct leased job;

	assert_int_equal(lab_put(l, "a@x.test", "m", NULL), STORE_OK);
	store_shift_clock(l->store, 1000);
	assert_int_equal(lab_put(l, "a@y.test", "m", NULL), STORE_OK);	/* later: not moved */
	lab_lease(l, "x.test", now + 900, 9, &job);
	assert_int_equal(job.n, 0);
	assert_true(job.next_due >= now + 1000);
	lab_lease(l, "x.test", now + 1100, 9, &job);
	assert_int_equal(job.n, 1);
	assert_true(job.jobs->arrival >= now + 1000);
	lab_free_jobs(l, &job);
	lab_lease(l, "y.test", now + 100, 9, &job);
	assert_int_equal(job.n, 1);
	lab_free_jobs(l, &job);
}

/* Written under a clock a year ahead: due at the next start. In a week: left alone. */
static void
test_clamp(void **state)
{
	struct lab *l = *state;
	struct leased job;

	assert_int_equal(lab_put(l, "a@x.test", "m", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "a@y.test", "m", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "a@z.test", "m", NULL), STORE_OK);
	lab_close(l);
	(void)lab_sql(l, "UPDATE rcpt SET next_attempt = next_attempt + 31536000"
	    " WHERE domain <> 'y.test';"
	    "UPDATE rcpt SET next_attempt = next_attempt + 604800 WHERE domain = 'y.test'");
	lab_open(l);
	lab_lease(l, "x.test", clock_wall(), 9, &job);
	assert_int_equal(job.n, 1);
	lab_free_jobs(l, &job);
	lab_lease(l, "y.test", clock_wall(), 9, &job);
	assert_int_equal(job.n, 0);
	lab_lease(l, "z.test", clock_wall(), 9, &job);
	assert_int_equal(job.n, 1);
	lab_free_jobs(l, &job);
}

/* --- housekeeping -------------------------------------------------------- */
static void
test_housekeeping(void **state)
{
	struct lab *l = *state;
	int64_t until = clock_mono_ms() + LAB_PATIENCE * 1000, pages;

	lab_close(l);
	(void)lab_sql(l,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
	    " INSERT INTO chunk SELECT i, zeroblob(16000) FROM n;"
	    "DELETE FROM chunk;"
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
	    " INSERT INTO ledger"
	    " (message_id, queue_id, arrival, ended, disposition, sender, recipient)"
	    " SELECT 1, '', 0, CASE WHEN i <= 1990 THEN 0 ELSE 4e9 END, 'deleted', '', '' FROM n");
	pages = lab_sql(l, "PRAGMA page_count");
	assert_true(pages > 12000);
	while (lab_sql(l, "SELECT count(*) FROM ledger") > 10
	    || lab_sql(l, "PRAGMA freelist_count") > 4096) {
		assert_true(clock_mono_ms() < until);
		lab_open(l);
		for (int64_t pause = clock_mono_ms() + 3500; clock_mono_ms() < pause;)
			(void)event_base_loop(l->base, EVLOOP_NONBLOCK);
		lab_close(l);
	}
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM ledger"), 10);
	assert_true(lab_sql(l, "PRAGMA page_count") < pages);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_list, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_domains, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_change, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_retry, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_change_in_steps, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_shift_clock, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_clamp, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_housekeeping, lab_setup, lab_teardown),
	};

	vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
