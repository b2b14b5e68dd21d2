/*
 * t_check_spf.c -- what SPF results amount to, by each recipient's policy.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/conf.h"
#include "common/log.h"
#include "common/rules.h"
#include "milter/check_spf.h"
#include "milter/checks.h"
#include "milter/service.h"
#include "test/unit/check_lab.h"
#include "test/unit/spf_fake.h"

#define ALL_REJECT	"INSERT INTO setting (scope, name, value) VALUES ('', 'spf.fail', 'reject')," \
	" ('', 'spf.softfail', 'reject'), ('', 'spf.neutral', 'reject'), ('', 'spf.none', 'reject')," \
	" ('', 'spf.permerror', 'reject'), ('', 'spf.temperror', 'reject'), ('', 'spf.helo_fail', 'reject')"
#define ALL_DEFER	"INSERT INTO setting (scope, name, value) VALUES ('', 'spf.fail', 'defer')," \
	" ('', 'spf.softfail', 'defer'), ('', 'spf.neutral', 'defer'), ('', 'spf.none', 'defer')," \
	" ('', 'spf.permerror', 'defer'), ('', 'spf.temperror', 'defer'), ('', 'spf.helo_fail', 'defer')"

struct world {
	struct check_lab	*lab;
	struct service		*service;
	struct spf_fake		*fake;
	struct spf		*spf;
	struct verdict		 v;
};

static struct conf *
make_conf(const struct check_lab *l)
{
	const struct rulesdb *db = l->db;
	char *path = xasprintf("%s/holdfast.conf", db->dir), *why = NULL;
	FILE *f = fopen(path, "w");
	struct conf *conf;

	assert_non_null(f);
	(void)fprintf(f, "hostname = mx2.test\nlmtp_listen = unix:%s/none\nresolver = 127.0.0.1:1\n", db->dir);
	(void)fclose(f);
	if ((conf = conf_load(path, &why)) == NULL)
		fail_msg("%s", why);
	free(path);
	return conf;
}

static struct world *
begin(const char *sql)
{
	struct world *w = xcalloc(1, sizeof(*w));
	char *why = NULL;

	w->lab = check_lab_new(sql);
	w->fake = spf_fake_new(&w->spf);
	if ((w->service = service_new(make_conf(w->lab), w->lab->rules, &why)) == NULL)
		fail_msg("%s", why);
	service_use_spf(w->service, w->spf);
	w->lab->host.service = w->service;
	return w;
}

static void
finish(struct world *w)
{
	check_lab_end_conn(w->lab, &check_spf);
	service_free(&w->service);
	check_lab_free(&w->lab, &check_spf);
	spf_fake_free(&w->fake, &w->spf);
	free(w);
}

static void
ask(struct world *w)
{
	check_lab_ask(w->lab, &check_spf, STAGE_RCPT, &w->v);
}

/* A new message. */
static void
ask_anew(struct world *w)
{
	check_lab_end_txn(w->lab, &check_spf);
	ask(w);
}

static const char *const reasons[SPF_NRESULTS] = {
	[SPF_PERMERROR] = "syntax error in the record", [SPF_TEMPERROR] = "the name servers do not answer",
};

static void
test_defaults(void **state)
{
	static const struct {
		enum spf_result	 sender, helo;
		int		 code, score;
		const char	*reason;
	} table[] = {
		{ SPF_PASS, SPF_PASS, 0, 0, "" },
		{ SPF_NONE, SPF_NONE, 0, 0, "" },
		{ SPF_NEUTRAL, SPF_SOFTFAIL, 0, 0, "" },
		{ SPF_SOFTFAIL, SPF_PASS, 0, 200, "SPF softfail" },
		{ SPF_PERMERROR, SPF_PERMERROR, 0, 100, "SPF permerror: syntax error in the record" },
		{ SPF_TEMPERROR, SPF_TEMPERROR, 0, 0, "" },
		{ SPF_FAIL, SPF_PASS, 550, 0, "SPF fail" },
		{ SPF_PASS, SPF_FAIL, 550, 0, "SPF HELO fail" },
		{ SPF_FAIL, SPF_FAIL, 550, 0, "SPF HELO fail" },
		{ SPF_SOFTFAIL, SPF_FAIL, 550, 200, "SPF HELO fail" },
	};
	struct world *w = begin("");

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		spf_fake_sender(w->fake, table[i].sender, reasons[table[i].sender] != NULL ?
		    reasons[table[i].sender] : "");
		spf_fake_helo(w->fake, table[i].helo, "");
		ask_anew(w);
		/* The engine keeps the reason of what decides, points are in the log by themselves. */
		if (w->v.code != table[i].code || w->v.score != table[i].score ||
		    (w->v.code != 0 && strcmp(w->v.reason, table[i].reason) != 0))
			fail_msg("%zu: %d %d %s", i, w->v.code, w->v.score, w->v.reason);
	}
	finish(w);
}

static void
check_replies(const char *sql, bool reject, const char *sender, const char *const text[SPF_NRESULTS],
    const char *const dsn[SPF_NRESULTS])
{
	struct world *w = begin(sql);

	w->lab->view.sender = sender;
	spf_fake_helo(w->fake, SPF_NONE, "");
	for (int r = 0; r < SPF_NRESULTS; r++) {
		bool soft = !reject || r == SPF_TEMPERROR;	/* P3 */
		const char *why = reasons[r] != NULL ? reasons[r] : "";

		spf_fake_sender(w->fake, (enum spf_result)r, why);
		if (sender[0] == '\0')
			spf_fake_helo(w->fake, (enum spf_result)r, why);
		ask_anew(w);
		if (r == SPF_PASS) {
			assert_int_equal(VERDICT_PASS, w->v.action);
			continue;
		}
		assert_int_equal(soft ? VERDICT_DEFER : VERDICT_REJECT, w->v.action);
		assert_int_equal(r == SPF_TEMPERROR ? 451 : soft ? 450 : 550, w->v.code);
		assert_string_equal(text[r], w->v.text);
		assert_int_equal(soft ? '4' : '5', w->v.dsn[0]);
		assert_string_equal(dsn[r], w->v.dsn + 1);
	}
	finish(w);
}

static const char *const dsns[SPF_NRESULTS] = {
	[SPF_NONE] = ".7.1", [SPF_NEUTRAL] = ".7.1", [SPF_FAIL] = ".7.23", [SPF_SOFTFAIL] = ".7.23",
	[SPF_TEMPERROR] = ".4.3", [SPF_PERMERROR] = ".7.24",
};

static void
test_replies(void **state)
{
#define SENDER "<ann@example.org>: Sender address rejected: SPF "
	static const char *const text[SPF_NRESULTS] = {
		[SPF_NONE] = SENDER "none: example.org has no policy",
		[SPF_NEUTRAL] = SENDER "neutral: example.org does not say whether client [192.0.2.1] may send",
		[SPF_FAIL] = SENDER "fail: client [192.0.2.1] may not send for example.org",
		[SPF_SOFTFAIL] = SENDER "softfail: client [192.0.2.1] should not send for example.org",
		[SPF_TEMPERROR] = SENDER "temperror: example.org: the name servers do not answer",
		[SPF_PERMERROR] = SENDER "permerror: example.org: syntax error in the record",
	};

	(void)state;
	check_replies(ALL_REJECT, true, "ann@example.org", text, dsns);
	check_replies(ALL_DEFER, false, "ann@example.org", text, dsns);
}

/* RFC 7208 2.4: the null sender is the host that HELO names. */
static void
test_null_sender(void **state)
{
#define HELO "<client.example.org>: Helo command rejected: SPF "
	static const char *const text[SPF_NRESULTS] = {
		[SPF_NONE] = HELO "none: client.example.org has no policy",
		[SPF_NEUTRAL] = HELO "neutral: client.example.org does not say whether client [192.0.2.1] may send",
		[SPF_FAIL] = HELO "fail: client [192.0.2.1] may not be client.example.org",
		[SPF_SOFTFAIL] = HELO "softfail: client [192.0.2.1] should not be client.example.org",
		[SPF_TEMPERROR] = HELO "temperror: client.example.org: the name servers do not answer",
		[SPF_PERMERROR] = HELO "permerror: client.example.org: syntax error in the record",
	};
	struct world *w;

	(void)state;
	check_replies(ALL_REJECT, true, "", text, dsns);
	/* One question is enough. */
	w = begin("");
	w->lab->view.sender = "";
	spf_fake_helo(w->fake, SPF_PASS, "");
	ask(w);
	assert_int_equal(1, spf_fake_asked(w->fake));
	assert_int_equal(SPF_PASS, check_spf_result(check_spf_facts(w->lab->slot.txn)));
	finish(w);
}

/* Once a message, whatever the recipients' policies make of it. */
static void
test_policies(void **state)
{
	struct world *w = begin("INSERT INTO setting (scope, name, value) VALUES"
				" ('lax@example.test', 'spf.fail', '1.5'), ('off@example.test', 'spf.fail', 'off'),"
				" ('grey@example.test', 'spf.fail', 'greylist'), ('off@example.test', 'spf.helo_fail', 'off')");

	(void)state;
	spf_fake_sender(w->fake, SPF_FAIL, "");
	ask(w);
	assert_int_equal(550, w->v.code);
	w->lab->view.rcpt = "lax@example.test";
	ask(w);
	assert_int_equal(VERDICT_PASS, w->v.action);
	assert_int_equal(150, w->v.score);
	w->lab->view.rcpt = "off@example.test";
	ask(w);
	assert_false(engine_is_hit(&w->v));
	w->lab->view.rcpt = "joe@example.test";
	ask(w);
	assert_int_equal(550, w->v.code);
	assert_int_equal(2, spf_fake_asked(w->fake));
	ask_anew(w);
	assert_int_equal(4, spf_fake_asked(w->fake));
	finish(w);
}

static void
test_not_asked(void **state)
{
	static const struct {
		const char	*client, *auth;
	} table[] = {
		{ "", "" }, { "127.0.0.1", "" }, { "127.9.9.9", "" }, { "::1", "" }, { "192.0.2.1", "joe" },
	};
	struct world *w = begin("");

	(void)state;
	spf_fake_sender(w->fake, SPF_FAIL, "");
	for (size_t i = 0; i < COUNT(table); i++) {
		w->lab->view.client_addr = table[i].client;
		w->lab->view.auth = table[i].auth;
		ask(w);
		assert_false(engine_is_hit(&w->v));
		assert_null(w->lab->slot.txn);	/* and nothing is recorded */
	}
	assert_int_equal(0, spf_fake_asked(w->fake));
	/* Nor without a service, as in tests of other things. */
	w->lab->view.client_addr = "192.0.2.1";
	w->lab->view.auth = "";
	w->lab->host.service = NULL;
	ask(w);
	assert_false(engine_is_hit(&w->v));
	finish(w);
}

/* It could not be started, and that is no pass. */
static void
test_no_process(void **state)
{
	struct world *w = begin("INSERT INTO setting (scope, name, value) VALUES ('', 'spf.temperror', 'defer')");

	(void)state;
	service_use_spf(w->service, NULL);
	ask(w);
	assert_int_equal(451, w->v.code);
	assert_string_equal("<ann@example.org>: Sender address rejected: SPF temperror: "
			    "the SPF process was not started", w->v.text);
	finish(w);
}

/* The process has died: a temperror, as the policy has it. */
static void
test_death(void **state)
{
	struct world *w = begin("INSERT INTO setting (scope, name, value) VALUES ('', 'spf.temperror', 'defer')");

	(void)state;
	spf_fake_mood(w->fake, FAKE_DIES);
	ask(w);
	assert_int_equal(451, w->v.code);
	assert_string_equal("4.4.3", w->v.dsn);
	assert_string_equal("<ann@example.org>: Sender address rejected: SPF temperror: the SPF process died",
	    w->v.text);
	spf_fake_mood(w->fake, FAKE_ANSWERS);
	ask_anew(w);
	assert_false(engine_is_hit(&w->v));
	finish(w);
}

/* What cannot be said in a reply is left out of it. */
static void
test_odd_senders(void **state)
{
	static const char *const odd[] = { "root", "a b@example.org", "a\x01@example.org", "a@[192.0.2.1]",
	    "\"x\"@example.org", "a@b@c.test" };
	struct world *w = begin(ALL_REJECT);

	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		w->lab->view.sender = odd[i];
		spf_fake_sender(w->fake, SPF_NONE, "");
		ask_anew(w);	/* asserts that it can be said */
		assert_int_equal(550, w->v.code);
	}
	finish(w);
}

static void
test_header(void **state)
{
	static const struct {
		struct spf_facts facts;
		const char	*sender, *header;
	} table[] = {
		{ { true, { SPF_PASS, "mx.example.org", "", 0, 0 }, { SPF_FAIL, "example.org", "", 0, 0 } },
		    "ann@example.org",
		    "mx2.test;\r\n\tspf=fail smtp.mailfrom=ann@example.org;\r\n\tspf=pass smtp.helo=mx.example.org" },
		{ { true, { SPF_NONE, "", "", 0, 0 }, { SPF_PASS, "xn--bcher-kva.test", "", 0, 0 } },
		    "ann@b\xc3\xbc" "cher.test", "mx2.test;\r\n\tspf=pass smtp.mailfrom=ann@xn--bcher-kva.test" },
		{ { false, { SPF_NEUTRAL, "mx.example.org", "", 0, 0 }, { SPF_NONE, "", "", 0, 0 } }, "",
		    "mx2.test;\r\n\tspf=neutral smtp.helo=mx.example.org" },
		{ { false, { SPF_NONE, "", "", 0, 0 }, { SPF_NONE, "", "", 0, 0 } }, "", "mx2.test;\r\n\tspf=none" },
		{ { true, { SPF_TEMPERROR, "", "died", 0, 0 }, { SPF_TEMPERROR, "", "died", 0, 0 } },
		    "ann@example.org", "mx2.test;\r\n\tspf=temperror smtp.mailfrom=ann@example.org" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *header = check_spf_header(&table[i].facts, "mx2.test", table[i].sender);

		assert_string_equal(table[i].header, header);
		free(header);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_null_sender),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_not_asked),
		cmocka_unit_test(test_no_process),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_odd_senders),
		cmocka_unit_test(test_header),
	};

	log_open("t_check_spf", LOG_TO_STDERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
