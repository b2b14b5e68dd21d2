/*
 * t_check_content.c -- the checks that look inside a message, by tables.
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
#include "milter/checks.h"
#include "milter/message.h"
#include "test/unit/check_lab.h"
#include "test/unit/scan_peer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define S(s)	.reply = s, .len = sizeof(s) - 1

static const char *rcpt[1];

/* The message is for this recipient. */
static void
to(struct check_lab *l, const char *address)
{
	rcpt[0] = address;
	l->view.rcpt = NULL;
	l->view.rcpts = rcpt;
	l->view.nrcpts = 1;
}

/* The check's own words: the engine drops those of one that only has points. */
static void
ask(struct check_lab *l, const struct check *check, struct message *m, struct verdict *v)
{
	memset(v, 0, sizeof(*v));
	l->view.message = m != NULL ? message_view(m) : NULL;
	l->host.policy = ruleset_policy(l->set, l->view.rcpts[0]);
	assert_int_equal(0, check->at_eom(&l->view, v));
	assert_true(engine_valid(v));
	l->view.message = NULL;
}

/* --- headers ----------------------------------------------------------------------- */

static void
test_header(void **state)
{
	static const struct {
		const char	*rcpt, *name, *value;
		enum verdict_action action;
		int		 score;
		const char	*dsn, *text, *rule;
	} table[] = {
		{ "joe@example.test", "Subject", " Buy VIAGRA now", VERDICT_REJECT, 0, "5.7.1",
		    "Message rejected: header subject", "header subject viagra" },
		{ "joe@example.test", "SUBJECT", " via\r\n gra: via\r\n\tgra", VERDICT_PASS, 0, "", "", "" },
		{ "joe@example.test", "subject", "vi\r\nagra", VERDICT_REJECT, 0, "5.7.1",
		    "Message rejected: header subject", "header subject viagra" },
		{ "joe@example.test", "X-Subject", " viagra", VERDICT_PASS, 0, "", "", "" },
		{ "joe@example.test", "Subject", "", VERDICT_PASS, 0, "", "", "" },
		{ "joe@example.test", "X-Points", " yes", VERDICT_PASS, 250, "", "", "header x-points ^yes$" },
		{ "joe@example.test", "X-Points", " yes, really", VERDICT_PASS, 0, "", "", "" },
		{ "joe@example.test", "X-Later", " 1", VERDICT_DEFER, 0, "4.7.1",
		    "Message put off: header x-later, try again later", "header x-later 1" },
		{ "joe@example.test", "X-Apart", " 1", VERDICT_QUARANTINE, 0, "", "", "header x-apart 1" },
		{ "joe@example.test", "X-Mark", " 1", VERDICT_TAG, 0, "", "", "header x-mark 1" },
		{ "joe@example.test", "X-Watch", " 1", VERDICT_PASS, 0, "", "", "" },
		/* scopes: a domain's, an address's, that of what an alias stands for */
		{ "joe@example.test", "X-Scope", " a", VERDICT_PASS, 0, "", "", "" },
		{ "joe@scoped.test", "X-Scope", " a", VERDICT_PASS, 100, "", "", "" },
		{ "joe@SCOPED.test", "X-Scope", " a", VERDICT_PASS, 100, "", "", "" },
		{ "joe@alias.test", "X-Scope", " a", VERDICT_PASS, 100, "", "", "" },
		{ "ann@scoped.test", "X-Scope", " a", VERDICT_PASS, 300, "", "", "" },
		{ "ann@example.test", "X-Scope", " a", VERDICT_PASS, 0, "", "", "" },
	};
	struct check_lab *l = check_lab_new(
	    "INSERT INTO domain (name, primaries, recipients) VALUES ('scoped.test', 'p.test', 'any');"
	    "INSERT INTO alias_domain (name, domain) VALUES ('alias.test', 'scoped.test');"
	    "INSERT INTO header (name, pattern, verdict) VALUES"
	    " ('subject', 'viagra', 'reject'), ('x-points', '^yes$', '2.5'), ('x-later', '1', 'defer'),"
	    " ('x-apart', '1', 'quarantine'), ('x-mark', '1', 'tag');"
	    "INSERT INTO header (name, pattern, verdict, mode) VALUES ('x-watch', '1', 'reject', 'shadow');"
	    "INSERT INTO header (name, pattern, scope, verdict) VALUES"
	    " ('x-scope', 'a', 'scoped.test', '1'), ('x-scope', 'a', 'ann@scoped.test', '2')");
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct message *m = message_new(10, 1000, "");

		message_header(m, "X-Other", " viagra");
		message_header(m, table[i].name, table[i].value);
		to(l, table[i].rcpt);
		ask(l, &check_header, m, &v);
		if (v.action != table[i].action || v.score != table[i].score)
			fail_msg("row %zu: %d %d %s", i, (int)v.action, v.score, v.text);
		assert_string_equal(table[i].dsn, v.dsn);
		assert_string_equal(table[i].text, v.text);
		if (table[i].rule[0] != '\0')
			assert_string_equal(table[i].rule, v.rule);
		message_free(&m);
	}
	assert_string_equal("header x-watch 1=header x-watch ", buf_str(&l->would));
	/* Nothing was kept of it: rules that came while the message did. */
	ask(l, &check_header, NULL, &v);
	assert_int_equal(VERDICT_PASS, v.action);
	check_lab_free(&l, &check_header);
}

/* A rule counts once a message, different ones add up, and a reject outweighs them. */
static void
test_headers(void **state)
{
	struct check_lab *l = check_lab_new(
	    "INSERT INTO header (name, pattern, verdict) VALUES ('x', 'a', '1'), ('x', 'b', '0.5'),"
	    " ('y', 'c', 'reject')");
	struct message *m = message_new(4, 10, "");
	struct verdict v;

	(void)state;
	to(l, "joe@example.test");
	message_header(m, "X", " a");
	message_header(m, "X", " ab");
	message_header(m, "X", " .........b");	/* cut before it: ten bytes are looked at */
	ask(l, &check_header, m, &v);
	assert_int_equal(150, v.score);
	message_header(m, "Z", " c");
	message_header(m, "Y", " c");		/* beyond what is looked at */
	ask(l, &check_header, m, &v);
	assert_int_equal(VERDICT_PASS, v.action);
	message_free(&m);
	m = message_new(4, 10, "");
	message_header(m, "X", " a");
	message_header(m, "Y", " c");
	ask(l, &check_header, m, &v);
	assert_int_equal(VERDICT_REJECT, v.action);
	assert_int_equal(100, v.score);
	message_free(&m);
	check_lab_free(&l, &check_header);
}

/* A pattern that would take for ever is a rule that finds nothing, soon; whatever is sent for it. */
static void
test_slow_pattern(void **state)
{
	struct check_lab *l = check_lab_new(
	    "INSERT INTO header (name, pattern, verdict) VALUES ('x', '^(a+)+$', 'reject')");
	struct message *m = message_new(1000, 1000, "");
	int64_t begun = clock_mono_ms();
	struct verdict v;
	char value[40];

	(void)state;
	to(l, "joe@example.test");
	memset(value, 'a', sizeof(value));
	value[sizeof(value) - 2] = 'b';
	value[sizeof(value) - 1] = '\0';
	for (int i = 0; i < 1000; i++)
		message_header(m, "X", value);
	ask(l, &check_header, m, &v);
	assert_int_equal(VERDICT_PASS, v.action);
	assert_true(clock_mono_ms() - begun < 2000);
	message_free(&m);
	check_lab_free(&l, &check_header);
}

/* --- scanners --------------------------------------------------------------------------- */

static struct check_lab *
lab_with(const char *settings, const char *clamd, const char *spamd, const char *rspamd)
{
	struct buf sql = BUF_INIT;
	struct check_lab *l;

	buf_puts(&sql, "INSERT INTO domain (name, primaries, recipients) VALUES ('soft.test', 'p.test', 'any');"
	    "INSERT INTO setting (name, value) VALUES ('virus.timeout', '1s'), ('spam.timeout', '1s')");
	if (clamd != NULL)
		buf_printf(&sql, ", ('virus.clamd', '%s')", clamd);
	if (spamd != NULL)
		buf_printf(&sql, ", ('spam.spamd', '%s')", spamd);
	if (rspamd != NULL)
		buf_printf(&sql, ", ('spam.rspamd', '%s')", rspamd);
	buf_printf(&sql, ";%s", settings);
	l = check_lab_new(buf_str(&sql));
	buf_free(&sql);
	l->view.trace = "trace1";
	to(l, "joe@example.test");
	return l;
}

static struct message *
small(void)
{
	struct message *m = message_new(20, 1000, "");

	message_put(m, "Subject: x\r\n\r\nbody\r\n", 20);
	return m;
}

#define SCOPED	"INSERT INTO setting (scope, name, value) VALUES ('soft.test', "

static void
test_virus(void **state)
{
	static const struct {
		struct scan_script script;
		const char	*rcpt;
		enum verdict_action action;
		int		 code;
		const char	*text, *reason;
	} table[] = {
		{ { S("stream: OK\0") }, "joe@example.test", VERDICT_PASS, 0, "", "" },
		{ { S("stream: Eicar FOUND\0") }, "joe@example.test", VERDICT_REJECT, 550,
		    "Message contains a virus (Eicar)", "virus Eicar" },
		{ { S("stream: 100%s FOUND\0") }, "joe@example.test", VERDICT_REJECT, 550,
		    "Message contains a virus (100%s)", "virus 100%s" },
		{ { S("stream: Eicar FOUND\0") }, "joe@soft.test", VERDICT_QUARANTINE, 0, "", "virus Eicar" },
		{ { S("stream: Eic") }, "joe@example.test", VERDICT_DEFER, 451,
		    "Content scanner not available, try again later", "clamd: answer cut short" },
		{ { S("stream: Eic") }, "joe@soft.test", VERDICT_PASS, 0, "", "" },
		{ { .stays = true }, "joe@example.test", VERDICT_DEFER, 451,
		    "Content scanner not available, try again later",
		    "clamd: timed out waiting for the answer" },
	};
	struct scan_peer *p = scan_peer_start(&table[0].script);
	struct check_lab *l = lab_with(SCOPED "'virus.found', 'quarantine');"
	    SCOPED "'virus.on_fault', 'off')", scan_peer_unix(p), NULL, NULL);
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct message *m = small();

		scan_peer_script(p, &table[i].script);
		to(l, table[i].rcpt);
		ask(l, &check_virus, m, &v);
		if (v.action != table[i].action || v.code != table[i].code)
			fail_msg("row %zu: %d %d %s", i, (int)v.action, v.code, v.reason);
		assert_string_equal(table[i].text, v.text);
		assert_string_equal(table[i].reason, v.reason);
		message_free(&m);
	}
	/* Nothing was kept to be scanned. */
	ask(l, &check_virus, NULL, &v);
	assert_int_equal(VERDICT_PASS, v.action);
	check_lab_free(&l, &check_virus);
	scan_peer_stop(&p);
}

static struct message *
large(size_t bytes)
{
	struct message *m = message_new(20, 1000, "");
	char *x = xcalloc(bytes, 1);

	memset(x, 'x', bytes);
	message_header(m, "X-Spam-Score", " 4");
	message_put(m, x, bytes);
	free(x);
	return m;
}

/* What is too large is not scanned, and passes; where no scanner is, nothing is asked. */
static void
test_limits(void **state)
{
	static const struct scan_script virus = { S("stream: Eicar FOUND\0") };
	static const struct scan_script spam = { .reply = "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 9.0 / 5.0\r\n\r\n" };
	struct scan_peer *c = scan_peer_start(&virus), *s = scan_peer_start(&spam);
	struct check_lab *l = lab_with("INSERT INTO setting (name, value) VALUES ('virus.max_size', '10K'),"
	    " ('spam.max_size', '10K'), ('spam.header', 'x-spam-score')", scan_peer_unix(c),
	    scan_peer_unix(s), NULL);
	struct message *m = large(10 * 1024), *larger = large(10 * 1024 + 1);
	struct verdict v;

	(void)state;
	ask(l, &check_virus, m, &v);
	assert_int_equal(VERDICT_REJECT, v.action);
	ask(l, &check_virus, larger, &v);
	assert_int_equal(VERDICT_PASS, v.action);
	ask(l, &check_spam, m, &v);
	assert_int_equal(900, v.score);
	/* A header is there to be read at any size. */
	ask(l, &check_spam, larger, &v);
	assert_int_equal(400, v.score);
	check_lab_free(&l, &check_spam);

	l = lab_with("", NULL, NULL, NULL);
	ask(l, &check_virus, m, &v);
	assert_int_equal(VERDICT_PASS, v.action);
	ask(l, &check_spam, m, &v);
	assert_int_equal(0, v.score);
	check_lab_free(&l, &check_spam);
	message_free(&m);
	message_free(&larger);
	scan_peer_stop(&c);
	scan_peer_stop(&s);
}

#define SPAMD(points)	"SPAMD/1.1 0 EX_OK\r\nSpam: x ; " points " / 5.0\r\n\r\nA,B"
#define RSPAMD(json)	"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" json

static void
test_spam(void **state)
{
	static const struct {
		const char	*spamd, *rspamd;	/* "": closes; NULL: is not asked */
		const char	*headers[4];
		enum verdict_action action;
		int		 score;
		const char	*reason, *rule;
	} table[] = {
		{ SPAMD("5.3"), NULL, { NULL }, VERDICT_PASS, 530, "spamd 5.3 (A,B)", "spam spamd" },
		{ SPAMD("-1.0"), NULL, { NULL }, VERDICT_PASS, -100, "spamd -1 (A,B)", "spam spamd" },
		{ SPAMD("0"), NULL, { NULL }, VERDICT_PASS, 0, NULL, "" },
		{ NULL, RSPAMD("{\"score\":7.25,\"action\":\"greylist\"}"), { NULL }, VERDICT_PASS, 725,
		    "rspamd 7.25 (greylist)", "spam rspamd" },
		/* the highest, not the sum */
		{ SPAMD("5.3"), RSPAMD("{\"score\":7}"), { NULL }, VERDICT_PASS, 700, "rspamd 7", "spam rspamd" },
		{ SPAMD("5.3"), RSPAMD("{\"score\":2}"), { NULL }, VERDICT_PASS, 530, "spamd 5.3 (A,B)",
		    "spam spamd" },
		{ SPAMD("5.3"), RSPAMD("{\"score\":2}"), { "6" }, VERDICT_PASS, 600, "header 6 (X-Score)",
		    "spam header" },
		/* of several headers the highest, and none below 0 */
		{ NULL, NULL, { "-100", "score=4.5", "1", "words" }, VERDICT_PASS, 450, "header 4.5 (X-Score)",
		    "spam header" },
		{ NULL, NULL, { "-100" }, VERDICT_PASS, 0, NULL, "" },
		{ SPAMD("-3"), NULL, { "-100" }, VERDICT_PASS, 0, NULL, "" },
		{ NULL, NULL, { "words" }, VERDICT_PASS, 0, NULL, "" },
		/* faults */
		{ "", NULL, { NULL }, VERDICT_DEFER, 0, "spamd: closed without an answer", "" },
		{ NULL, "", { NULL }, VERDICT_DEFER, 0, NULL, "" },
		{ "", RSPAMD("{\"score\":20}"), { NULL }, VERDICT_DEFER, 2000, "spamd: closed without an answer",
		    "" },
		{ SPAMD("20"), RSPAMD("{\"error\":\"no\"}"), { NULL }, VERDICT_DEFER, 2000, "rspamd: error: no",
		    "" },
	};
	const struct scan_script nothing = { .reply = NULL };
	struct scan_peer *s = scan_peer_start(&nothing), *r = scan_peer_start(&nothing);
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct check_lab *l = lab_with("INSERT INTO setting (name, value) VALUES"
		    " ('spam.header', 'X-Score');" SCOPED "'spam.on_fault', 'off')", NULL,
		    table[i].spamd != NULL ? scan_peer_inet(s) : NULL,
		    table[i].rspamd != NULL ? scan_peer_inet(r) : NULL);
		struct message *m = small();
		bool fault = table[i].action == VERDICT_DEFER;

		if (table[i].spamd != NULL)
			scan_peer_script(s, &(struct scan_script){ .reply = table[i].spamd });
		if (table[i].rspamd != NULL)
			scan_peer_script(r, &(struct scan_script){ .reply = table[i].rspamd, .reads = 1 });
		for (size_t k = 0; k < 4 && table[i].headers[k] != NULL; k++)
			message_header(m, "x-SCORE", table[i].headers[k]);
		message_header(m, "X-Scores", " 99");
		ask(l, &check_spam, m, &v);
		if (v.action != table[i].action || v.score != table[i].score)
			fail_msg("row %zu: %d %d %s", i, (int)v.action, v.score, v.reason);
		if (table[i].reason != NULL)
			assert_string_equal(table[i].reason, v.reason);
		assert_string_equal(table[i].rule, v.rule);
		if (fault) {
			assert_int_equal(451, v.code);
			assert_string_equal("4.3.0", v.dsn);
			/* Where mail may pass without a scanner the other's points still count. */
			to(l, "joe@soft.test");
			ask(l, &check_spam, m, &v);
			assert_int_equal(VERDICT_PASS, v.action);
			assert_int_equal(table[i].score, v.score);
		}
		message_free(&m);
		check_lab_free(&l, &check_spam);
	}
	scan_peer_stop(&s);
	scan_peer_stop(&r);
}

/* Both scanners together have spam.timeout, and all checks together what the session says. */
static void
test_deadline(void **state)
{
	const struct scan_script silent = { .stays = true };
	struct scan_peer *s = scan_peer_start(&silent), *r = scan_peer_start(&silent);
	struct check_lab *l = lab_with("", scan_peer_unix(s), scan_peer_inet(s), scan_peer_inet(r));
	struct message *m = small();
	int64_t begun = clock_mono_ms();
	struct verdict v;

	(void)state;
	ask(l, &check_spam, m, &v);
	assert_int_equal(VERDICT_DEFER, v.action);
	assert_in_range(clock_mono_ms() - begun, 900, 1900);
	begun = clock_mono_ms();
	l->host.deadline = begun + 200;
	ask(l, &check_virus, m, &v);
	ask(l, &check_spam, m, &v);
	assert_int_equal(VERDICT_DEFER, v.action);
	assert_in_range(clock_mono_ms() - begun, 150, 900);
	message_free(&m);
	check_lab_free(&l, &check_spam);
	scan_peer_stop(&s);
	scan_peer_stop(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_slow_pattern),
		cmocka_unit_test(test_virus),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_spam),
		cmocka_unit_test(test_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
