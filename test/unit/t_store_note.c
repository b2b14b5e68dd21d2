/*
 * t_store_note.c -- destinations, outages and notes survive a restart, and stay few.
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

struct text {
	int	done;
	char	text[1000];
};

/* --- destinations -------------------------------------------------------- */
static void
on_destinations(void *arg, enum store_result result, const struct store_destination *v, size_t n)
{
	struct text *t = arg;

	assert_int_equal(result, STORE_OK);
	for (size_t i = 0; i < n; i++) {
		size_t at = strlen(t->text);

		(void)snprintf(t->text + at, sizeof(t->text) - at, "%s=%d since %d: %s; ",
		    v[i].destination, v[i].held, (int)v[i].since, v[i].reason);
	}
	t->done++;
}

static struct text
destinations(struct lab *l)
{
	struct text t = { 0, "" };

	store_destinations(l->store, on_destinations, &t);
	lab_wait(l, &t.done);
	return t;
}

static void
put_destination(struct lab *l, const char *name, bool held, int64_t since, const char *reason)
{
	char *n = xstrdup(name), *r = xstrdup(reason);
	struct store_destination d = { .destination = n, .held = held, .since = since,
		.reason = r };

	store_put_destination(l->store, &d);
	free(n);	/* copied */
	free(r);
}

static void
test_destinations(void **state)
{
	struct lab *l = *state;

	assert_string_equal(destinations(l).text, "");
	put_destination(l, "b.test:25", false, 100, "refused");
	put_destination(l, "a.test:25", true, 200, "all recipients unknown");
	lab_reopen(l);
	assert_string_equal(destinations(l).text, "a.test:25=1 since 200: all recipients unknown; "
	    "b.test:25=0 since 100: refused; ");
	put_destination(l, "a.test:25", false, 300, "");
	put_destination(l, "b.test:25", false, 0, NULL);
	put_destination(l, "c.test:25", false, 0, NULL);
	lab_reopen(l);
	assert_string_equal(destinations(l).text, "a.test:25=0 since 300: ; ");
}

/* --- outages ------------------------------------------------------------- */
static void
on_outages(void *arg, enum store_result result, const struct store_outage *v, size_t n)
{
	struct text *t = arg;

	assert_int_equal(result, STORE_OK);
	for (size_t i = 0; i < n; i++) {
		size_t at = strlen(t->text);

		(void)snprintf(t->text + at, sizeof(t->text) - at,
		    "%s %lld-%lld %d held, first %lld, drained %lld, %d gone, %d, %s; ",
		    v[i].destination, (long long)v[i].from, (long long)v[i].until,
		    (int)v[i].messages, (long long)v[i].first_delivery, (long long)v[i].drained,
		    (int)v[i].delivered, v[i].held, v[i].reason);
	}
	t->done++;
}

static struct text
outages(struct lab *l, const char *destination, size_t max)
{
	struct text t = { 0, "" };

	store_outages(l->store, destination, max, on_outages, &t);
	lab_wait(l, &t.done);
	return t;
}

static void
test_outages(void **state)
{
	struct lab *l = *state;
	char a[] = "a.test:25", b[] = "b.test:25", why[] = "timed out";
	struct store_outage o = { .destination = a, .reason = why, .from = 4000001000 };

	store_put_outage(l->store, &o);
	o.until = 4000002000;
	o.messages = 7;
	o.held = true;
	store_put_outage(l->store, &o);		/* the same one */
	o.first_delivery = 4000002001;
	o.drained = 4000002010;
	o.delivered = 9;
	store_put_outage(l->store, &o);
	store_put_outage(l->store, &(struct store_outage) { .destination = b, .reason = why,
	    .from = 4000001500 });
	store_put_outage(l->store, &(struct store_outage) { .destination = a, .reason = why,
	    .from = 4000003000 });
	lab_reopen(l);
	assert_string_equal(outages(l, "b.test:25", 9).text,
	    "b.test:25 4000001500-0 0 held, first 0, drained 0, 0 gone, 0, timed out; ");
	assert_string_equal(outages(l, NULL, 9).text,
	    "a.test:25 4000003000-0 0 held, first 0, drained 0, 0 gone, 0, timed out; "
	    "b.test:25 4000001500-0 0 held, first 0, drained 0, 0 gone, 0, timed out; "
	    "a.test:25 4000001000-4000002000 7 held, first 4000002001, drained 4000002010, 9 gone, 1, timed out; ");
	assert_string_equal(outages(l, a, 1).text,
	    "a.test:25 4000003000-0 0 held, first 0, drained 0, 0 gone, 0, timed out; ");
	assert_string_equal(outages(l, "c.test:25", 9).text, "");
}

/* Too old ones go, and too many; one that lasts is kept however old it is. */
static void
test_outages_stay_few(void **state)
{
	struct lab *l = *state;
	int64_t until = clock_mono_ms() + LAB_PATIENCE * 1000;
	const char *count = "SELECT count(*) FROM outage";
	char *sql = xasprintf(
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10500)"
	    " INSERT INTO outage SELECT 'd' || i, %lld - i, %lld, 0, 0, 0, 0, 0, '' FROM n;"
	    "INSERT INTO outage VALUES ('old', 1, 2, 0, 0, 0, 0, 0, '');"
	    "INSERT INTO outage VALUES ('old, but drained now', 1, 2, 0, 0, %lld, 0, 0, '');"
	    "INSERT INTO outage VALUES ('lasts', 1, 0, 0, 0, 0, 0, 0, '')",
	    (long long)clock_wall(), (long long)clock_wall(), (long long)clock_wall());

	lab_close(l);
	(void)lab_sql(l, sql);
	free(sql);
	while (lab_sql(l, count) > 10000) {
		assert_true(clock_mono_ms() < until);
		lab_open(l);
		for (int64_t pause = clock_mono_ms() + 3500; clock_mono_ms() < pause;)
			(void)event_base_loop(l->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		lab_close(l);
	}
	assert_int_equal(lab_sql(l, count), 10000);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM outage WHERE destination = 'lasts'"), 1);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM outage WHERE destination = 'old'"), 0);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM outage WHERE destination = 'd1'"), 1);
	assert_int_equal(lab_sql(l, "SELECT count(*) FROM outage WHERE destination = 'd10500'"), 0);
}

/* --- notes --------------------------------------------------------------- */
static void
on_note(void *arg, enum store_result result, const char *value)
{
	struct text *t = arg;

	assert_int_equal(result, STORE_OK);
	(void)snprintf(t->text, sizeof(t->text), "%s", value != NULL ? value : "(none)");
	t->done++;
}

static struct text
note(struct lab *l, const char *name)
{
	struct text t = { 0, "" };

	store_note(l->store, name, on_note, &t);
	lab_wait(l, &t.done);
	return t;
}

static void
test_notes(void **state)
{
	struct lab *l = *state;

	assert_string_equal(note(l, "digest").text, "(none)");
	store_put_note(l->store, "digest", "2026-11-22");
	store_put_note(l->store, "other", "x");
	lab_reopen(l);
	assert_string_equal(note(l, "digest").text, "2026-11-22");
	store_put_note(l->store, "digest", "2026-11-23");
	store_put_note(l->store, "other", NULL);
	lab_reopen(l);
	assert_string_equal(note(l, "digest").text, "2026-11-23");
	assert_string_equal(note(l, "other").text, "(none)");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_destinations, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_outages, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_outages_stay_few, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_notes, lab_setup, lab_teardown),
	};

	vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
