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

/* What each member of a filter lets through: numbers of the messages below. */
static void
test_filters(void **state)
{
	struct lab *l = *state;
	int64_t now = clock_wall();
	char ids[4][QUEUE_ID_SIZE];
	uint64_t n;
	const struct {
		struct store_filter f;
		size_t messages, rcpts;
		uint64_t held;		/* queued ones of these that a HOLD takes */
	} rows[] = {
		{ { .recipient = "A@X.test", .state = -1 }, 2, 2, 2 },
		{ { .recipient = "a@x.test", .domain = "y.test", .state = -1 }, 0, 0, 0 },
		{ { .recipient = "nobody@x.test", .state = -1 }, 0, 0, 0 },
		{ { .older = now - 2500, .state = -1 }, 1, 2, 2 },
		{ { .older = now - 3001, .state = -1 }, 0, 0, 0 },
		{ { .newer = now - 1000, .state = -1 }, 2, 3, 2 },
		{ { .newer = now - 2999, .older = now - 500, .state = -1 }, 2, 3, 2 },
		{ { .domain = "x.test", .older = now - 1500, .state = -1 }, 2, 2, 1 },
		{ { .domain = "x.test", .state = RCPT_QUARANTINED }, 2, 2, 0 },
		{ { .domain = "x.test", .state = RCPT_QUEUED }, 2, 2, 2 },
		{ { .state = RCPT_QUARANTINED }, 2, 2, 0 },
		{ { .queue_id = ids[0], .state = -1 }, 1, 2, 2 },
		{ { .queue_id = ids[0], .domain = "x.test", .state = -1 }, 1, 1, 1 },
		{ { .queue_id = ids[0], .recipient = "b@x.test", .state = -1 }, 0, 0, 0 },
		{ { .queue_id = ids[3], .older = now - 1000, .state = -1 }, 0, 0, 0 },
	};

	assert_int_equal(lab_put(l, "a@x.test b@y.test", "m", ids[0]), STORE_OK);
	assert_int_equal(lab_put(l, "c@x.test", "m", ids[1]), STORE_OK);
	assert_int_equal(lab_put(l, "a@x.test d@y.test", "m", ids[2]), STORE_OK);
	assert_int_equal(lab_put(l, "c@x.test", "m", ids[3]), STORE_OK);
	lab_close(l);
	(void)lab_sql(l, "UPDATE message SET arrival = arrival - 1000 * (3 -"
	    " (SELECT count(*) FROM message AS m WHERE m.id < message.id));"
	    "UPDATE message SET arrival = arrival - 1 WHERE id = (SELECT min(id) FROM message);"
	    "UPDATE rcpt SET state = 2 WHERE address LIKE 'c@%';"
	    "UPDATE totals SET quarantined = 2");
	lab_open(l);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct listed v = list(l, rows[i].f, 0, 9);

		if (v.n != rows[i].messages || v.rcpts != rows[i].rcpts)
			fail_msg("row %zu: %zu messages, %zu recipients: %s", i, v.n, v.rcpts, v.text);
		assert_int_equal(lab_change(l, CHANGE_HOLD, &rows[i].f, &n), STORE_OK);
		if (n != rows[i].held)
			fail_msg("row %zu: %d recipients held", i, (int)n);
		(void)lab_change(l, CHANGE_RELEASE, &(struct store_filter) { .state = RCPT_HELD },
		    &n);
		assert_int_equal(n, rows[i].held);
	}
}

/* Of many, a page at a time, in any of the ways to go through them; in several steps. */
static void
test_list_pages(void **state)
{
	static const struct {
		struct store_filter f;
		size_t of;		/* each so many-th message */
	} ways[] = {
		{ { .state = -1 }, 1 },
		{ { .state = RCPT_HELD }, 3000 },
		{ { .domain = "x.test", .state = -1 }, 2 },
		{ { .domain = "x.test", .state = RCPT_HELD }, 3000 },
		{ { .recipient = "r6000@x.test", .state = -1 }, 12000 },
	};
	const size_t all = 12000;
	struct lab *l = *state;

	lab_close(l);
	(void)lab_sql(l,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)"
	    " INSERT INTO message (id, arrival, size, sender, body, ret, smtputf8)"
	    " SELECT i, 1, 0, 'sender@example.org', 0, 0, 0 FROM n;"
	    "INSERT INTO rcpt (id, domain, state, next_attempt, address)"
	    " SELECT id << 10, CASE WHEN id % 2 = 0 THEN 'x.test' ELSE 'y.test' END, id % 3000 = 0,"
	    " 1, 'r' || id || '@x.test' FROM message;"
	    "UPDATE totals SET messages = 12000, recipients = 12000, held = 4");
	lab_open(l);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct listed v = { .n = 700 };
		size_t seen = 0;

		while (v.n == 700) {
			v = list(l, ways[i].f, v.last, 700);
			seen += v.n;
		}
		if (seen != all / ways[i].of)
			fail_msg("way %zu: %zu messages", i, seen);
	}
}

/* A lease sees what a change before it made due, though it is a read and that a write. */
static void
test_retry_then_lease(void **state)
{
	struct lab *l = *state;
	struct store_filter all = ALL;
	struct leased job;

	assert_int_equal(lab_put(l, "a@x.test", "m", NULL), STORE_OK);
	lab_lease(l, "x.test", clock_wall(), 9, &job);
	assert_int_equal(lab_settle(l, &job.jobs, SETTLE_DEFER, clock_wall() + 999), STORE_OK);
	vfs_gate_close();	/* so that the next two wait for each other */
	assert_int_equal(lab_totals(l).messages, 1);
	store_put_note(l->store, "n", "v");
	vfs_gate_wait();
	store_change(l->store, CHANGE_RETRY, &all, "operator", NULL, NULL);
	store_change(l->store, CHANGE_RETRY, &all, "operator", NULL, NULL);
	memset(&job, 0, sizeof(job));
	store_lease(l->store, "x.test", clock_wall(), 9, lab_on_lease, &job);
	vfs_gate_open();
	lab_wait(l, &job.done);
	assert_int_equal(job.n, 1);
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
on_domains_due(void *arg, enum store_result result, const struct store_domain *d, size_t n)
{
	struct domains *v = arg;

	assert_int_equal(result, STORE_OK);
	for (size_t i = 0; i < n; i++) {
		size_t at = strlen(v->text);

		(void)snprintf(v->text + at, sizeof(v->text) - at, "%s due in %d ", d[i].domain,
		    (int)((d[i].next_due - clock_wall() + 43200) / 86400));
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

/* --- kept from the start, and what the ledger says ------------------------- */
struct rows {
	int	done;
	char	text[600];
};

static void
on_ledger(void *arg, enum store_result result, const struct store_ledger *v, size_t n)
{
	struct rows *r = arg;
	struct buf b = BUF_INIT;

	assert_int_equal(result, STORE_OK);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s %s<%s %s %s %s. ", v[i].disposition, v[i].recipient, v[i].sender,
		    v[i].relay != NULL ? v[i].relay : "-", v[i].reply != NULL ? v[i].reply : "-",
		    v[i].who != NULL ? v[i].who : "-");
	(void)snprintf(r->text, sizeof(r->text), "%s", buf_str(&b));
	buf_free(&b);
	r->done++;
}

static void
expect_ledger(struct lab *l, const char *queue_id, const char *text)
{
	struct rows r = { 0, "" };

	store_ledger(l->store, queue_id_parse(queue_id), on_ledger, &r);
	lab_wait(l, &r.done);
	assert_string_equal(r.text, text);
}

static void
put_as(struct lab *l, enum envelope_start start, char *queue_id)
{
	struct store_intake *in = store_intake_begin(l->store);
	struct put p = { .done = 0 };
	struct envelope env;

	lab_envelope(&env, "a@x.test b@x.test");
	env.start = start;
	env.start_reason = xstrdup("why");
	(void)store_intake_write(in, "m", 1, NULL, NULL);
	store_intake_commit(&in, &env, lab_on_put, &p);
	envelope_clear(&env);
	lab_wait(l, &p.done);
	assert_int_equal(p.result, STORE_OK);
	memcpy(queue_id, p.queue_id, QUEUE_ID_SIZE);
}

static void
test_start(void **state)
{
	static const struct settle delivered = { .what = SETTLE_DELIVERED, .code = 250, .reply = "thanks",
		.relay = "p.test[192.0.2.1]:25" };
	struct settle both[2] = { delivered, delivered };
	struct lab *l = *state;
	char held[QUEUE_ID_SIZE], apart[QUEUE_ID_SIZE];
	struct store_filter one = { .queue_id = held, .state = -1 };
	struct leased job;
	uint64_t n;

	put_as(l, START_HELD, held);
	put_as(l, START_QUARANTINED, apart);
	assert_int_equal(lab_totals(l).held, 2);
	assert_int_equal(lab_totals(l).quarantined, 2);
	lab_lease(l, "x.test", clock_wall(), 9, &job);
	assert_int_equal(job.n, 0);		/* nothing of it is sent */
	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM rcpt WHERE state = 1 AND reply = 'why'"), 2);
	lab_open(l);
	expect_ledger(l, held, "");
	assert_int_equal(lab_change(l, CHANGE_RELEASE, &one, &n), STORE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(lab_totals(l).held, 0);
	lab_lease(l, "x.test", clock_wall(), 9, &job);
	assert_int_equal(job.n, 1);
	assert_int_equal(lab_settle_as(l, &job.jobs, both), STORE_OK);
	expect_ledger(l, held, "delivered a@x.test<sender@example.org p.test[192.0.2.1]:25 250 thanks -. "
	    "delivered b@x.test<sender@example.org p.test[192.0.2.1]:25 250 thanks -. ");
	one.queue_id = apart;
	assert_int_equal(lab_change(l, CHANGE_DELETE, &one, &n), STORE_OK);
	expect_ledger(l, apart, "deleted a@x.test<sender@example.org - - operator. "
	    "deleted b@x.test<sender@example.org - - operator. ");
	assert_int_equal(lab_totals(l).messages, 0);
}

/* --- the quarantine ------------------------------------------------------ */
struct summary {
	int	done;
	char	text[4000];
};

static void
on_summary(void *arg, enum store_result result, const struct store_quarantine *v, size_t n)
{
	struct summary *s = arg;
	struct buf b = BUF_INIT;

	assert_int_equal(result, STORE_OK);
	for (size_t i = 0; i < n; i++) {
		buf_printf(&b, "%s: %d in %d, %d bytes, oldest %d:", v[i].domain,
		    (int)v[i].recipients, (int)v[i].messages, (int)v[i].bytes, (int)v[i].oldest);
		for (size_t k = 0; k < v[i].nnewest; k++) {
			const struct store_quarantined *q = &v[i].newest[k];

			assert_int_equal(strlen(q->queue_id), 11);
			buf_printf(&b, " %s<%s@%d=%s", q->recipient, q->sender, (int)q->arrival,
			    q->reply);
		}
		buf_printf(&b, ". ");
	}
	(void)snprintf(s->text, sizeof(s->text), "%s", b.len > 0 ? b.data : "");
	buf_free(&b);
	s->done++;
}

static void
expect_summary(struct lab *l, const char *text)
{
	struct summary s = { 0, "" };

	store_quarantine_summary(l->store, on_summary, &s);
	lab_wait(l, &s.done);
	assert_string_equal(s.text, text);
}

static void
test_quarantine(void **state)
{
	struct lab *l = *state;
	struct leased job;

	expect_summary(l, "");
	for (int i = 0; i < 12; i++)
		assert_int_equal(lab_put(l, "a@y.test", "four", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "a@x.test b@x.test c@z.test", "m", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "d@x.test", "m", NULL), STORE_OK);
	expect_summary(l, "");
	lab_lease(l, "x.test", clock_wall(), 1, &job);
	assert_int_equal(lab_settle(l, &job.jobs, SETTLE_QUARANTINE, 0), STORE_OK);
	for (int i = 0; i < 12; i++) {
		lab_lease(l, "y.test", clock_wall(), 1, &job);
		assert_int_equal(lab_settle(l, &job.jobs, SETTLE_QUARANTINE, 0), STORE_OK);
	}
	lab_close(l);
	(void)lab_sql(l, "UPDATE message SET arrival = 100 +"
	    " (SELECT count(*) FROM message AS m WHERE m.id < message.id);"
	    "UPDATE rcpt SET code = 0, reply = 'r', relay = NULL");
	lab_open(l);
	expect_summary(l, "x.test: 2 in 1, 1 bytes, oldest 112: b@x.test<sender@example.org@112=r"
	    " a@x.test<sender@example.org@112=r. "
	    "y.test: 12 in 12, 48 bytes, oldest 100:"
	    " a@y.test<sender@example.org@111=r a@y.test<sender@example.org@110=r"
	    " a@y.test<sender@example.org@109=r a@y.test<sender@example.org@108=r"
	    " a@y.test<sender@example.org@107=r a@y.test<sender@example.org@106=r"
	    " a@y.test<sender@example.org@105=r a@y.test<sender@example.org@104=r"
	    " a@y.test<sender@example.org@103=r a@y.test<sender@example.org@102=r. ");
}

static void
test_expire(void **state)
{
	struct lab *l = *state;
	struct leased job;
	struct changed c = { 0, STORE_OK, 0 };

	for (int i = 0; i < 5; i++) {
		assert_int_equal(lab_put(l, "a@x.test b@y.test", "m", NULL), STORE_OK);
		lab_lease(l, "x.test", clock_wall(), 1, &job);
		assert_int_equal(lab_settle(l, &job.jobs, SETTLE_QUARANTINE, 0), STORE_OK);
	}
	lab_close(l);
	(void)lab_sql(l, "UPDATE message SET arrival = 100 +"
	    " (SELECT count(*) FROM message AS m WHERE m.id < message.id);"
	    /* The oldest has just come into the quarantine: it waited in the queue. */
	    "UPDATE rcpt SET last_attempt = CASE WHEN id >> 10 = (SELECT min(id) FROM message)"
	    " THEN 103 ELSE 102 END");
	lab_open(l);
	store_expire(l->store, NULL, 103, "quarantine_lifetime", lab_on_change, &c);
	lab_wait(l, &c.done);
	assert_int_equal(c.n, 2);
	assert_int_equal(lab_totals(l).quarantined, 3);
	assert_int_equal(lab_totals(l).recipients, 8);
	assert_int_equal(lab_totals(l).messages, 5);	/* b@y.test still waits */
	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM ledger WHERE disposition = 'expired'"
	    " AND who = 'quarantine_lifetime' AND recipient = 'a@x.test' AND arrival < 103"), 2);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM ledger"), 2);
}

/* --- the clock ----------------------------------------------------------- */
/* Written under a clock a year ahead: due at the next start, and so it says. In a week: left alone. */
static void
test_clamp(void **state)
{
	struct lab *l = *state;
	struct domains v = { 0, "", 0 };
	struct leased job;

	assert_int_equal(lab_put(l, "a@x.test b@x.test", "m", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "a@y.test", "m", NULL), STORE_OK);
	assert_int_equal(lab_put(l, "a@z.test", "m", NULL), STORE_OK);
	lab_close(l);
	(void)lab_sql(l, "UPDATE rcpt SET next_attempt = next_attempt + 31536000"
	    " WHERE domain <> 'y.test';"
	    "UPDATE rcpt SET next_attempt = next_attempt + 604800 WHERE domain = 'y.test'");
	lab_open(l);
	store_domains(l->store, on_domains_due, &v);
	lab_lease(l, "x.test", clock_wall(), 9, &job);
	assert_int_equal(job.n, 1);
	assert_int_equal(job.jobs->nrcpt, 2);
	lab_free_jobs(l, &job);
	lab_lease(l, "y.test", clock_wall(), 9, &job);
	assert_int_equal(job.n, 0);
	lab_lease(l, "z.test", clock_wall(), 9, &job);
	assert_int_equal(job.n, 1);
	lab_free_jobs(l, &job);
	lab_wait(l, &v.done);
	assert_string_equal(v.text, "x.test due in 0 y.test due in 7 z.test due in 0 ");
}

/* In the background all of it, also of domains that nobody asks for, and in steps. */
static void
test_clamp_many(void **state)
{
	struct lab *l = *state;

	lab_close(l);
	(void)lab_sql(l,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)"
	    " INSERT INTO message (id, arrival, size, sender, body, ret, smtputf8)"
	    " SELECT i, 1, 0, '', 0, 0, 0 FROM n;"
	    "INSERT INTO rcpt (id, domain, state, next_attempt, address)"
	    " SELECT id << 10, 'd' || id || '.test', id % 3, 9000000000, 'a@x.test' FROM message;"
	    "UPDATE totals SET messages = 450, recipients = 450, held = 150, quarantined = 150");
	lab_open(l);
	lab_close(l);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM rcpt WHERE next_attempt < 9000000000"
	    " AND state = 0"), 150);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM rcpt WHERE next_attempt = 9000000000"), 300);
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
		cmocka_unit_test_setup_teardown(test_filters, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_list_pages, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_retry_then_lease, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_start, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_quarantine, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_expire, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_domains, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_change, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_retry, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_change_in_steps, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_clamp, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_clamp_many, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_housekeeping, lab_setup, lab_teardown),
	};

	vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
