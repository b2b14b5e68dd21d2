/*
 * t_spf.c -- the milter's side of the SPF process: every check ends in time, with a result.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <pthread.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "milter/spf.h"
#include "test/unit/spf_fake.h"

#define LONG	20000	/* ms: more than a test takes */

struct world {
	struct spf_fake	*fake;
	struct spf	*spf;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -1;
	w->fake = spf_fake_new(&w->spf);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	spf_fake_free(&w->fake, &w->spf);
	free(w);
	return 0;
}

static const struct spf_query both[2] = {
	{ "192.0.2.1", "h.test", NULL }, { "192.0.2.1", "h.test", "a@d.test" },
};

static void
test_answers(void **state)
{
	struct world *w = *state;
	struct spf_answer a[2];

	spf_fake_helo(w->fake, SPF_NEUTRAL, "");
	spf_fake_sender(w->fake, SPF_PERMERROR, "so");
	spf_check(w->spf, both, 2, LONG, a);
	assert_int_equal(SPF_NEUTRAL, a[0].result);
	assert_string_equal("h.test", a[0].domain);
	assert_int_equal(SPF_PERMERROR, a[1].result);
	assert_string_equal("d.test", a[1].domain);
	assert_string_equal("so", a[1].why);
	spf_check(w->spf, both, 0, LONG, a);
}

static void
expect_temperror(struct world *w, int64_t ms, const char *why)
{
	struct spf_answer a[2];

	memset(a, 0xff, sizeof(a));
	spf_check(w->spf, both, 2, ms, a);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(SPF_TEMPERROR, a[i].result);
		assert_string_equal(why, a[i].why);
		assert_string_equal("", a[i].domain);
	}
}

static void
test_silence(void **state)
{
	struct world *w = *state;
	int64_t begun = clock_mono_ms();

	spf_fake_mood(w->fake, FAKE_IS_SILENT);
	expect_temperror(w, 300, "the SPF process does not answer");
	assert_in_range(clock_mono_ms() - begun, 300, LONG);
	spf_fake_mood(w->fake, FAKE_ANSWERS);
	test_answers(state);
}

/* At once, and the next check is answered. */
static void
test_death(void **state)
{
	struct world *w = *state;
	int64_t begun = clock_mono_ms();
	struct spf_answer a[2];

	spf_fake_mood(w->fake, FAKE_DIES);
	expect_temperror(w, LONG, "the SPF process died");
	assert_in_range(clock_mono_ms() - begun, 0, LONG / 2);
	assert_true(spf_alive(w->spf));
	spf_fake_mood(w->fake, FAKE_ANSWERS);
	spf_check(w->spf, both, 2, LONG, a);
	assert_int_equal(SPF_PASS, a[0].result);
	assert_int_equal(SPF_PASS, a[1].result);
}

static void
test_nonsense(void **state)
{
	struct world *w = *state;

	spf_fake_mood(w->fake, FAKE_TALKS_NONSENSE);
	expect_temperror(w, 300, "the SPF process does not answer");
	spf_fake_mood(w->fake, FAKE_ANSWERS);
	test_answers(state);
}

static void
test_gone(void **state)
{
	struct world *w = *state;
	int64_t begun = clock_mono_ms();

	spf_fake_mood(w->fake, FAKE_HANGS_UP);
	expect_temperror(w, LONG, "the SPF process is gone");
	assert_false(spf_alive(w->spf));
	expect_temperror(w, LONG, "the SPF process is gone");
	assert_in_range(clock_mono_ms() - begun, 0, LONG / 2);
}

static void
test_no_address(void **state)
{
	struct world *w = *state;
	struct spf_query q = { "unknown", "h.test", "a@d.test" };
	struct spf_answer a;

	spf_check(w->spf, &q, 1, LONG, &a);
	assert_int_equal(SPF_TEMPERROR, a.result);
	assert_int_equal(0, spf_fake_asked(w->fake));
}

/* More than the socket holds: what does not fit is told at once, nothing waits for room. */
static void
test_flood(void **state)
{
	enum { N = 5000 };
	struct world *w = *state;
	struct spf_query *q = calloc(N, sizeof(*q));
	struct spf_answer *a = calloc(N, sizeof(*a));
	size_t busy = 0;

	assert_non_null(q);
	assert_non_null(a);
	for (size_t i = 0; i < N; i++)
		q[i] = both[1];
	spf_fake_mood(w->fake, FAKE_IS_SILENT);
	spf_check(w->spf, q, N, 500, a);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(SPF_TEMPERROR, a[i].result);
		busy += strcmp(a[i].why, "the SPF process has too much to do") == 0;
	}
	assert_in_range(busy + spf_fake_asked(w->fake), N, N);
	free(q);
	free(a);
}

struct asker {
	struct spf	*spf;
	unsigned	 right;
};

static void *
run_asker(void *arg)
{
	struct asker *k = arg;

	for (unsigned i = 0; i < 200; i++) {
		char sender[32];
		struct spf_query q = { "192.0.2.1", "h.test", sender };
		struct spf_answer a;

		(void)snprintf(sender, sizeof(sender), "a@d%u-%p.test", i, (void *)k);
		spf_check(k->spf, &q, 1, LONG, &a);
		k->right += a.result == SPF_PASS && strcmp(a.domain, sender + 2) == 0;
	}
	return NULL;
}

/* Each gets his own answer. */
static void
test_threads(void **state)
{
	struct world *w = *state;
	pthread_t thread[8];
	struct asker asker[8];

	for (size_t i = 0; i < COUNT(thread); i++) {
		asker[i] = (struct asker){ w->spf, 0 };
		assert_int_equal(0, pthread_create(&thread[i], NULL, run_asker, &asker[i]));
	}
	for (size_t i = 0; i < COUNT(thread); i++) {
		(void)pthread_join(thread[i], NULL);
		assert_int_equal(200, asker[i].right);
	}
}

static void
test_names(void **state)
{
	static const char *const names[SPF_NRESULTS] = {
		[SPF_NONE] = "none", [SPF_NEUTRAL] = "neutral", [SPF_PASS] = "pass", [SPF_FAIL] = "fail",
		[SPF_SOFTFAIL] = "softfail", [SPF_TEMPERROR] = "temperror", [SPF_PERMERROR] = "permerror",
	};

	(void)state;
	for (int i = 0; i < SPF_NRESULTS; i++)
		assert_string_equal(names[i], spf_result_name((enum spf_result)i));
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_answers), T(test_silence), T(test_death), T(test_nonsense), T(test_gone), T(test_no_address),
		T(test_flood), T(test_threads), cmocka_unit_test(test_names),
	};

	log_open("t_spf", LOG_TO_STDERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
