/*
 * t_digest.c -- the daily digest of the quarantine and the end of what is old in it.
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
#include <time.h>

#include "common/clock.h"
#include "queued/deliver_private.h"
#include "queued/digest.h"
#include "test/unit/deliver_intake.h"

#define SUNDAY	1795305600	/* 2026-11-22 00:00:00 UTC */
#define HOUR	3600
#define DAY	86400

/* --- when ------------------------------------------------------------------ */

static void
test_due(void **state)
{
	static const struct {
		int64_t		 now;
		unsigned	 hour;
		const char	*last;
		bool		 due;
		const char	*day;
	} row[] = {
		{ SUNDAY + 6 * HOUR - 1, 6, "2026-11-21", false, "2026-11-22" },
		{ SUNDAY + 6 * HOUR, 6, "2026-11-21", true, "2026-11-22" },
		{ SUNDAY + 6 * HOUR, 6, "2026-11-22", false, "2026-11-22" },
		/* It was down at six, or for days. */
		{ SUNDAY + 23 * HOUR, 6, "2026-11-21", true, "2026-11-22" },
		{ SUNDAY + 3 * DAY + 7 * HOUR, 6, "2026-11-22", true, "2026-11-25" },
		/* Never one before. */
		{ SUNDAY + 7 * HOUR, 6, NULL, true, "2026-11-22" },
		{ SUNDAY + 7 * HOUR, 6, "", true, "2026-11-22" },
		{ SUNDAY, 0, "2026-11-21", true, "2026-11-22" },
		{ SUNDAY + DAY - 1, 23, "2026-11-21", true, "2026-11-22" },
		{ SUNDAY + DAY - 1, DIGEST_NEVER, "2026-11-21", false, "2026-11-22" },
	};
	char day[DIGEST_DAY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		bool due = digest_due(row[i].now, row[i].hour, row[i].last, day);

		if (due != row[i].due)
			fail_msg("row %zu", i);
		assert_string_equal(row[i].day, day);
	}
}

/* The hour is the operator's, not Greenwich's. */
static void
test_local(void **state)
{
	char day[DIGEST_DAY_SIZE];

	(void)state;
	(void)setenv("TZ", "XST-9", 1);
	tzset();
	assert_false(digest_due(SUNDAY - 4 * HOUR, 6, "2026-11-21", day));	/* 05:00 */
	assert_true(digest_due(SUNDAY - 3 * HOUR, 6, "2026-11-21", day));
	assert_string_equal("2026-11-22", day);
	(void)setenv("TZ", "UTC", 1);
	tzset();
}

/* --- what ------------------------------------------------------------------ */

static char one[] = "one.test", two[] = "two.test", ann[] = "ann@client.test";
static char bob[] = "bob@one.test", utf8[] = "j\xc3\xb6@client.test";
static char said[] = "host mx said: 550 5.1.1 <b>\r\n.\r\nBcc: evil@x.test";
static struct store_quarantined newest[] = {
	{ "06AJPGQS000", SUNDAY, ann, bob, said },
	{ "06AJPGQS100", SUNDAY - DAY, utf8, bob, said },
};
static const struct store_quarantine sums[] = {
	{ one, 3, 12, 34567, SUNDAY - 5 * DAY, newest, 2 },
	{ two, 1, 1, 999, SUNDAY - DAY, newest, 1 },
};

static char *
format(const struct store_quarantine *v, size_t n, unsigned lifetime, bool *eight)
{
	const struct digest d = { "mx2.test", "06AJPGQSZ00", "postmaster@mx2.test", SUNDAY + 6 * HOUR,
	    lifetime, v, n };
	struct buf b = BUF_INIT;
	bool has = digest_format(&b, &d);

	if (eight != NULL)
		*eight = has;
	return buf_take(&b);
}

static void
has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("%s\nis not in\n%s", part, text);
}

static void
test_format(void **state)
{
	char *text = format(sums, 2, 0, NULL);

	(void)state;
	has(text, "Date: Sun, 22 Nov 2026 06:00:00 +0000\r\n"
	    "From: Mail Delivery System <MAILER-DAEMON@mx2.test>\r\n"
	    "To: <postmaster@mx2.test>\r\n"
	    "Subject: 4 messages in quarantine at mx2.test\r\n"
	    "Message-ID: <06AJPGQSZ00@mx2.test>\r\n"
	    "Auto-Submitted: auto-generated\r\n");
	has(text, "one.test: 3 messages for 12 recipients, 35 KB, the oldest came in on\r\n"
	    "2026-11-17 00:00\r\n");
	has(text, "    06AJPGQS000 2026-11-22 00:00 from=<ann@client.test>");
	has(text, "550 5.1.1 <b> . Bcc: evil@x.test\r\n");
	has(text, "    … and 10 more\r\n");
	has(text, "two.test: 1 message for 1 recipient, 999 bytes,");
	has(text, "    holdfast queue release ID\r\n");
	has(text, "Nothing leaves the quarantine by itself");
	free(text);
	text = format(sums, 1, 14 * DAY, NULL);
	has(text, "Subject: 3 messages in quarantine");
	has(text, "for 14 days is deleted");
	free(text);
}

/* A stranger's reply adds no header, no line of its own, and ends nothing. */
static void
test_harmless(void **state)
{
	bool eight;
	char *text = format(sums, 2, 0, &eight);

	(void)state;
	assert_true(eight);
	has(text, "Content-Transfer-Encoding: 8bit\r\n");
	assert_null(strstr(text, "\r\nBcc:"));
	assert_null(strstr(text, "\r\n.\r\n"));
	for (const char *p = text, *end; (end = strstr(p, "\r\n")) != NULL; p = end + 2)
		assert_true((size_t)(end - p) <= 998 && memchr(p, '\n', (size_t)(end - p)) == NULL);
	free(text);
}

/* --- in the daemon ---------------------------------------------------------- */

static int
setup(void **state)
{
	(void)setenv("TZ", "UTC", 1);
	tzset();
	return world_setup(state);
}

static int
teardown(void **state)
{
	intake_clear();
	return world_teardown(state);
}

static bool
quiet(struct world *w)
{
	return w->store.waiting == 0;
}

static void
begin(struct world *w, unsigned hour, unsigned lifetime, size_t n)
{
	struct rules_settings *s = world_settings(w);

	s->digest_hour = hour;
	s->quarantine_lifetime = lifetime;
	memcpy(w->store.quarantine, sums, sizeof(sums));
	w->store.nquarantine = n;
	world_start(w);
	world_run(w, quiet);
}

static void
look(struct world *w)
{
	deliver_quarantine_look(w->d);
	world_run(w, quiet);
}

static void
today(char day[DIGEST_DAY_SIZE])
{
	(void)digest_due(clock_wall(), 0, NULL, day);
}

static void
test_once_a_day(void **state)
{
	struct world *w = *state;
	char day[DIGEST_DAY_SIZE];

	begin(w, 0, 0, 2);
	look(w);
	assert_int_equal(1, intake_ntaken);
	assert_string_equal("", intake_taken[0].sender);
	assert_string_equal(ENVELOPE_RELAY, intake_taken[0].route);
	assert_string_equal("digest", intake_taken[0].trace);
	assert_string_equal("postmaster@mx2.test", intake_taken[0].rcpt);
	has(intake_taken[0].body, "Subject: 4 messages in quarantine");
	today(day);
	assert_string_equal(day, w->store.note);
	look(w);
	assert_int_equal(1, intake_ntaken);
	assert_int_equal(1, w->store.summaries);
}

/* Not again after a restart; but the day after. */
static void
test_noted(void **state)
{
	struct world *w = *state;

	today(w->store.note);
	begin(w, 0, 0, 2);
	look(w);
	assert_int_equal(0, intake_ntaken);
	deliver_free(&w->d);
	memcpy(w->store.note, "2026-11-21", sizeof("2026-11-21"));
	world_start(w);
	world_run(w, quiet);
	look(w);
	assert_int_equal(1, intake_ntaken);
}

static void
test_nothing_there(void **state)
{
	struct world *w = *state;
	char day[DIGEST_DAY_SIZE];

	begin(w, 0, 0, 0);
	look(w);
	assert_int_equal(0, intake_ntaken);
	today(day);
	assert_string_equal(day, w->store.note);
}

static void
test_off(void **state)
{
	struct world *w = *state;

	begin(w, DIGEST_NEVER, 0, 2);
	look(w);
	assert_int_equal(0, intake_ntaken);
	assert_int_equal(0, w->store.summaries);
	assert_string_equal("", w->store.note);
}

/* What could not be stored was not sent. */
static void
test_no_room(void **state)
{
	struct world *w = *state;

	intake_full = true;
	begin(w, 0, 0, 2);
	look(w);
	look(w);
	assert_string_equal("", w->store.note);
	assert_int_equal(1, w->store.summaries);	/* not each minute */
}

static void
test_expiry(void **state)
{
	struct world *w = *state;
	int64_t now = clock_wall();

	begin(w, DIGEST_NEVER, 10 * DAY, 2);
	w->store.quarantine[0].oldest = now - 11 * DAY;
	w->store.quarantine[1].oldest = now - 9 * DAY;
	look(w);
	assert_int_equal(1, w->store.expires);
	assert_true(w->store.expired[0] >= now - 10 * DAY && w->store.expired[0] <= now - 10 * DAY + 5);
	look(w);
	assert_int_equal(1, w->store.expires);	/* the next look is in an hour */
}

/* A clock that was set lately makes nothing old. */
static void
test_clock(void **state)
{
	struct world *w = *state;

	begin(w, 0, 10 * DAY, 2);
	w->store.quarantine[0].oldest = 1;
	w->d->clock_set = clock_mono_ms();
	look(w);
	assert_int_equal(0, w->store.expires);
	assert_int_equal(0, intake_ntaken);
	w->d->clock_set = 0;
	look(w);
	assert_int_equal(1, w->store.expires);
	assert_int_equal(1, intake_ntaken);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_harmless),
		T(test_once_a_day),
		T(test_noted),
		T(test_nothing_there),
		T(test_off),
		T(test_no_room),
		T(test_expiry),
		T(test_clock),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
