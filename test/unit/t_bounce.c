/*
 * t_bounce.c -- who is told, and what becomes of mail that is given up, by a real machine and loop.
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

#include "common/clock.h"
#include "common/rules_edit.h"
#include "queued/deliver_private.h"
#include "test/unit/deliver_intake.h"

#define DAY	86400
#define BODY	"Subject: hello\r\n\r\nthe body\r\n"

static void
reread(struct world *w)
{
	struct ruleset *rs;
	char *why = NULL;

	assert_int_not_equal(-1, rules_poll(w->rules, &why));
	if (w->d == NULL)
		return;
	rs = rules_current(w->rules);
	deliver_rules(w->d, rs);
	ruleset_unref(&rs);
}

static void
setting(struct world *w, const char *name, const char *value)
{
	struct rules_edit *edit;
	char *why = NULL;

	assert_int_equal(EDIT_OK, rules_edit_open(w->db->path, &edit, &why));
	assert_int_equal(EDIT_OK, rules_edit_setting_set(edit, name, "", value, &why));
	rules_edit_close(&edit);
	reread(w);
}

static void
schedule(struct world *w, const char *at_end, const char *warn_after)
{
	const struct rules_edit_schedule s = { .at_end = at_end, .warn_after = warn_after };
	struct rules_edit *edit;
	char *why = NULL;

	assert_int_equal(EDIT_OK, rules_edit_open(w->db->path, &edit, &why));
	assert_int_equal(EDIT_OK, rules_edit_schedule_set(edit, "default", &s, &why));
	rules_edit_close(&edit);
	reread(w);
}

static int
setup(void **state)
{
	int rc = world_setup(state);

	if (rc == 0)
		setting(*state, "global.canary", "0");		/* t_guard has the trial */
	return rc;
}

static int
teardown(void **state)
{
	intake_clear();
	return world_teardown(state);
}

static struct held *
mail(struct world *w, const char *spf)
{
	struct held *h = world_mail(w, "x.test", "bob", BODY);

	h->spf = spf;
	return h;
}

static bool
settled_once(struct world *w)
{
	return w->store.held[0].settles > 0 && w->store.waiting == 0;
}

/* One message, refused at RCPT; what became of it. */
static enum settle_what
refused(struct world *w, struct held *h)
{
	w->primary.say[ON_RCPT] = "550 5.1.1 no such user\r\n";
	primary_up(&w->primary);
	assert_ptr_equal(h, &w->store.held[0]);
	world_start(w);
	world_run(w, settled_once);
	return w->store.held[0].last[0];
}

static void
test_bounced(void **state)
{
	struct world *w = *state;

	assert_int_equal(SETTLE_BOUNCED, refused(w, mail(w, "pass")));
	assert_int_equal(1, intake_ntaken);
	assert_string_equal("", intake_taken[0].sender);
	assert_string_equal(ENVELOPE_RELAY, intake_taken[0].route);
	assert_string_equal("a@example.org", intake_taken[0].rcpt);
	assert_non_null(strstr(intake_taken[0].body, "Final-Recipient: rfc822; bob@x.test\r\n"
	    "Action: failed\r\nStatus: 5.1.1\r\n"));
	assert_non_null(strstr(intake_taken[0].body, "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"));
	assert_non_null(strstr(intake_taken[0].body, "Subject: hello\r\n"));
	assert_null(strstr(intake_taken[0].body, "the body"));
}

/* P5: everybody else's mail is kept, and nobody hears of it. */
static void
not_bounced(struct world *w, struct held *h)
{
	assert_int_equal(SETTLE_QUARANTINE, refused(w, h));
	assert_int_equal(0, intake_ntaken);
}

static void
test_spf_fail(void **state)
{
	not_bounced(*state, mail(*state, "fail"));
}

static void
test_spf_unknown(void **state)
{
	not_bounced(*state, mail(*state, NULL));
}

static void
test_never(void **state)
{
	struct held *h = mail(*state, "pass");

	h->notify = NOTIFY_NEVER;
	not_bounced(*state, h);
}

static void
test_domain_says_never(void **state)
{
	struct world *w = *state;
	struct rules_edit_domain def = RULES_EDIT_DOMAIN_INIT;
	struct rules_edit *edit;
	char *why = NULL;

	def.bounce = "never";
	assert_int_equal(EDIT_OK, rules_edit_open(w->db->path, &edit, &why));
	assert_int_equal(EDIT_OK, rules_edit_domain_set(edit, "x.test", &def, &why));
	rules_edit_close(&edit);
	reread(w);
	not_bounced(w, mail(w, "pass"));
}

static void
test_rate(void **state)
{
	struct world *w = *state;
	unsigned bounced = 0, kept = 0;

	setting(w, "global.bounce_rate", "3");
	for (unsigned i = 0; i < 10; i++)
		(void)mail(w, "pass");
	(void)refused(w, &w->store.held[0]);
	world_run(w, world_empty);
	for (unsigned i = 0; i < 10; i++) {
		bounced += w->store.held[i].last[0] == SETTLE_BOUNCED;
		kept += w->store.held[i].last[0] == SETTLE_QUARANTINE;
	}
	assert_int_equal(3, bounced);
	assert_int_equal(7, kept);
	assert_int_equal(3, intake_ntaken);
}

/* No room for the report: the message stays, and is refused anew later (P2, P3). */
static void
test_no_room(void **state)
{
	struct world *w = *state;

	intake_full = true;
	assert_int_equal(SETTLE_DEFER, refused(w, mail(w, "pass")));
	assert_true(w->store.held[0].refused && !w->store.held[0].gone);
}

/* Several recipients of one message: one report. */
static void
test_one_report(void **state)
{
	struct world *w = *state;
	struct held *h = mail(w, "pass");

	h->rcpt[1] = xstrdup("carol@x.test");
	h->nrcpt = 2;
	assert_int_equal(SETTLE_BOUNCED, refused(w, h));
	assert_int_equal(1, intake_ntaken);
	assert_non_null(strstr(intake_taken[0].body, "rfc822; bob@x.test"));
	assert_non_null(strstr(intake_taken[0].body, "rfc822; carol@x.test"));
}

/* RFC 3461 5.2.2: the primary does not offer DSN, and success was to be told. */
static void
test_relayed(void **state)
{
	struct world *w = *state;
	struct held *h = mail(w, "pass");

	h->notify = NOTIFY_SUCCESS | NOTIFY_FAILURE;
	primary_up(&w->primary);
	world_start(w);
	world_run(w, settled_once);
	assert_int_equal(SETTLE_DELIVERED, w->store.held[0].last[0]);
	assert_int_equal(1, intake_ntaken);
	assert_non_null(strstr(intake_taken[0].body, "Action: relayed\r\nStatus: 2.0.0\r\n"));
}

/* A large message is not in memory: its header is read from the store. */
static void
test_large(void **state)
{
	struct world *w = *state;
	size_t len = STORE_PREFETCH + 1000;
	char *body = xcalloc(1, len + 1);
	struct held *h;

	memset(body, 'x', len);
	memcpy(body, BODY, sizeof(BODY) - 1);
	for (size_t i = 100; i < len; i += 72)
		memcpy(body + i, "\r\n", 2);
	h = world_mail(w, "x.test", "bob", body);
	h->spf = "pass";
	assert_int_equal(SETTLE_BOUNCED, refused(w, h));
	assert_non_null(strstr(intake_taken[0].body, "Subject: hello\r\n"));
	free(body);
}

/* --- our own mail --------------------------------------------------------- */

static enum settle_what
own_refused(struct world *w, const char *trace)
{
	static char relay[32];
	struct held *h = world_mail(w, ENVELOPE_RELAY, "alice", BODY);

	h->route = ENVELOPE_RELAY;
	h->trace = trace;
	h->spf = "pass";
	(void)snprintf(relay, sizeof(relay), "127.0.0.1:%u", w->primary.port);
	w->conf.bounce_relay = relay;
	return refused(w, h);
}

static void
test_own_bounce(void **state)
{
	assert_int_equal(SETTLE_QUARANTINE, own_refused(*state, DELIVER_TRACE_BOUNCE));
	assert_int_equal(0, intake_ntaken);
}

static void
test_own_other(void **state)
{
	assert_int_equal(SETTLE_EXPIRED, own_refused(*state, "report"));
	assert_int_equal(0, intake_ntaken);
}

/* --- age ------------------------------------------------------------------ */

static void
note_state(void *arg, const struct destination_info *info)
{
	*(enum destination_state *)arg = info->state;
}

static bool
is_down(struct world *w)
{
	enum destination_state s = DEST_UP;

	deliver_each(w->d, note_state, &s);
	return s == DEST_DOWN && w->store.waiting == 0;
}

static bool
quiet(struct world *w)
{
	return w->store.waiting == 0;
}

/* One message of that age behind a dead primary, at the next look. */
static struct held *
grows_old(struct world *w, struct held *h, int64_t age)
{
	h->arrival -= age;
	world_start(w);
	world_run(w, is_down);
	deliver_aged_look(w->d);
	world_run(w, quiet);
	return &w->store.held[0];
}

static void
test_ends(void **state)
{
	struct held *h = grows_old(*state, mail(*state, "pass"), 28 * DAY + 1);

	assert_true(h->gone);
	assert_int_equal(SETTLE_QUARANTINE, h->last[0]);
	assert_non_null(strstr(h->reply[0], "expired; last: "));
	assert_int_equal(0, intake_ntaken);
}

static void
test_not_yet(void **state)
{
	struct held *h = grows_old(*state, mail(*state, "pass"), 28 * DAY - 60);

	assert_false(h->gone);
	assert_int_equal(0, h->settles);
}

/* Without a try that failed after its end nothing ends: the daemon was off for a year, say. */
static void
test_not_untried(void **state)
{
	struct world *w = *state;
	struct held *h = mail(w, "pass");

	h->arrival -= 400 * DAY;
	world_start(w);
	deliver_aged_look(w->d);
	world_run(w, is_down);
	assert_int_equal(0, w->store.held[0].settles);
	primary_up(&w->primary);
	world_run(w, settled_once);
	assert_int_equal(SETTLE_DELIVERED, w->store.held[0].last[0]);
}

static void
test_end_bounces(void **state)
{
	struct held *h;

	schedule(*state, "bounce", NULL);
	h = grows_old(*state, mail(*state, "pass"), 28 * DAY + 1);
	assert_int_equal(SETTLE_BOUNCED, h->last[0]);
	assert_int_equal(1, intake_ntaken);
	assert_non_null(strstr(intake_taken[0].body, "Status: 5.4.7\r\n"));
}

static void
test_end_bounces_not(void **state)
{
	struct held *h;

	schedule(*state, "bounce", NULL);
	h = grows_old(*state, mail(*state, "softfail"), 28 * DAY + 1);
	assert_int_equal(SETTLE_QUARANTINE, h->last[0]);
	assert_int_equal(0, intake_ntaken);
}

static void
test_end_holds(void **state)
{
	schedule(*state, "hold", NULL);
	assert_int_equal(SETTLE_HOLD, grows_old(*state, mail(*state, "pass"), 28 * DAY + 1)->last[0]);
}

static void
test_warns_once(void **state)
{
	struct world *w = *state;
	struct held *h;

	schedule(w, NULL, "4h");
	h = grows_old(w, mail(w, "pass"), 4 * 3600 + 1);
	assert_true(h->warned && !h->gone);
	assert_int_equal(1, intake_ntaken);
	assert_non_null(strstr(intake_taken[0].body, "Action: delayed\r\n"));
	deliver_aged_look(w->d);
	world_run(w, quiet);
	assert_int_equal(1, intake_ntaken);
}

static void
test_warns_not(void **state)
{
	struct held *h;

	schedule(*state, NULL, "4h");
	h = mail(*state, "pass");
	h->notify = NOTIFY_FAILURE;
	h = grows_old(*state, h, 4 * 3600 + 1);
	assert_true(h->warned && !h->gone);	/* not asked about again */
	assert_int_equal(0, intake_ntaken);
}

/* New rules count for what is queued already. */
static void
test_new_schedule(void **state)
{
	struct world *w = *state;
	struct held *h = grows_old(w, mail(w, "pass"), 5 * 3600);

	assert_int_equal(0, intake_ntaken);
	schedule(w, NULL, "4h");
	deliver_aged_look(w->d);
	world_run(w, quiet);
	assert_true(h->warned);
	assert_int_equal(1, intake_ntaken);
}

/* More than one batch. */
static void
test_many(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 300; i++)
		mail(w, "fail")->arrival -= 30 * DAY;
	world_start(w);
	world_run(w, is_down);
	deliver_aged_look(w->d);
	world_run(w, world_empty);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(SETTLE_QUARANTINE, w->store.held[i].last[0]);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_bounced),
		T(test_spf_fail),
		T(test_spf_unknown),
		T(test_never),
		T(test_domain_says_never),
		T(test_rate),
		T(test_no_room),
		T(test_one_report),
		T(test_relayed),
		T(test_large),
		T(test_own_bounce),
		T(test_own_other),
		T(test_ends),
		T(test_not_yet),
		T(test_not_untried),
		T(test_end_bounces),
		T(test_end_bounces_not),
		T(test_end_holds),
		T(test_warns_once),
		T(test_warns_not),
		T(test_new_schedule),
		T(test_many),
	};

	return cmocka_run_group_tests_name("bounce", tests, NULL, NULL);
}
