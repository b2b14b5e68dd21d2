/*
 * t_screen.c -- checks as a session runs them: modes by scope, shadow mode, what is counted and
 * logged, classes, and checks from outside.
 *
 * The check "good" (plugin_object.c) does what the first letter of HELO tells it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "common/conf.h"
#include "common/rules.h"
#include "milter/counters.h"
#include "milter/plugin.h"
#include "milter/service.h"
#include "milter/session_private.h"
#include "test/unit/capture.h"
#include "test/unit/lmtp_sink.h"
#include "test/unit/plugin_lab.h"
#include "test/unit/rulesdb.h"

struct fixture {
	void		*db;		/* struct rulesdb */
	struct endpoint	 at;
	struct sink	*sink;
	struct rules	*rules;
	struct service	*service;
	struct session	*s;
	struct session_answer a;
	char		*log;		/* of the last run */
	uint64_t	 before[NCOUNTERS];	/* counted when it was last asked for */
};

static const struct rulesdb *
db(const struct fixture *f)
{
	return f->db;
}

static struct conf *
make_conf(const struct fixture *f)
{
	char path[128], *why = NULL;
	struct conf *conf;
	FILE *fp;

	(void)snprintf(path, sizeof(path), "%s/holdfast.conf", db(f)->dir);
	fp = fopen(path, "w");
	assert_non_null(fp);
	(void)fprintf(fp, "hostname = mx2.test\nlmtp_listen = unix:%s\n", f->at.path);
	(void)fclose(fp);
	if ((conf = conf_load(path, &why)) == NULL)
		fail_msg("%s", why);
	return conf;
}

static void
hello(struct session *s, const char *helo)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &in.sin_addr), 1);
	session_connect(s, "client.test", (const struct sockaddr *)&in);
	session_helo(s, helo, NULL, NULL);
}

static int
setup_with(void **state, const char *kind)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct plugin_set *plugins;
	char *why = NULL;

	if (rulesdb_setup(&f->db) != 0)
		return -1;
	rulesdb_sql(db(f), "INSERT INTO domain (name, primaries, recipients) VALUES"
	    " ('example.test', 'p.test', 'any'), ('other.test', 'p.test', 'any');"
	    "INSERT INTO domain (name, primaries, list_max_age, list_time) VALUES"
	    " ('listed.test', 'p.test', '', 1)");
	plugin_lab_copy(kind, db(f)->dir, "check.so", 0644);
	plugins = plugin_set_load(db(f)->dir, 20000);
	sink_endpoint(&f->at);
	f->sink = sink_start(&f->at, NULL);
	if ((f->rules = rules_open(db(f)->path, &why)) == NULL)
		return -1;
	f->service = service_new(make_conf(f), f->rules, &why);
	service_plugins(f->service, plugins);
	f->s = session_new(f->service);
	*state = f;
	return 0;
}

static int
setup(void **state)
{
	return setup_with(state, "GOOD");
}

static int
setup_body(void **state)
{
	return setup_with(state, "BODY");
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	session_free(&f->s);
	service_free(&f->service);
	rules_close(&f->rules);
	sink_stop(&f->sink);
	sink_endpoint_clear(&f->at);
	(void)rulesdb_teardown(&f->db);
	free(f->log);
	free(f);
	return 0;
}

/* --- what is done ------------------------------------------------------------------- */

/* New settings; the ones before are gone. */
static void
settings(struct fixture *f, const char *values)
{
	char *why = NULL, *sql;

	rulesdb_sql(db(f), "DELETE FROM setting");
	if (values[0] != '\0') {
		sql = xasprintf("INSERT INTO setting (scope, name, value) VALUES %s", values);
		rulesdb_sql(db(f), sql);
		free(sql);
	}
	if (rules_poll(f->rules, &why) == -1)
		fail_msg("%s", why);
}

/* Up to RCPT; the code, 0 for CONTINUE. */
static int
rcpt(struct fixture *f, const char *address)
{
	char a[256], *argv[2] = { a, NULL };

	(void)snprintf(a, sizeof(a), "<%s>", address);
	session_rcpt(f->s, argv, &f->a);
	return f->a.what == SESSION_CONTINUE ? 0 : f->a.code;
}

static int
ask(struct fixture *f, const char *helo, const char *address)
{
	char sender[] = "<a@client.test>", *argv[2] = { sender, NULL };
	struct capture c;
	int code;

	free(f->log);
	capture_begin(&c);
	hello(f->s, helo);
	session_mail(f->s, argv, NULL);
	code = rcpt(f, address);
	f->log = capture_end(&c);
	return code;
}

/* The message after it. */
static enum session_what
content(struct fixture *f)
{
	struct capture c;

	free(f->log);
	capture_begin(&c);
	session_data(f->s, &f->a);
	session_header(f->s, "Subject", " test");
	session_body(f->s, "Hello.\r\n", 8);
	session_end(f->s, &f->a);
	f->log = capture_end(&c);
	return f->a.what;
}

struct count {
	const char	*name;
	uint64_t	 n[NCOUNTERS];
};

static void
find_count(void *arg, const char *name, const uint64_t n[NCOUNTERS])
{
	struct count *c = arg;

	if (strcmp(name, c->name) == 0)
		memcpy(c->n, n, sizeof(c->n));
}

/* Since the last time it was asked for. */
static void
assert_counted(struct fixture *f, unsigned seen, unsigned hit, unsigned would)
{
	static const char name[] = "check good";
	struct counters *counters = service_counters(f->service);
	uint64_t *before = f->before;
	struct count c = { .name = name };

	counters_each(counters, find_count, &c);
	if (c.n[COUNT_SEEN] - before[0] != seen || c.n[COUNT_HIT] - before[1] != hit ||
	    c.n[COUNT_WOULD] - before[2] != would)
		fail_msg("counted %d %d %d", (int)(c.n[0] - before[0]), (int)(c.n[1] - before[1]),
		    (int)(c.n[2] - before[2]));
	memcpy(before, c.n, sizeof(f->before));
}

/* --- a check from outside ---------------------------------------------------------------- */

static void
verdicts(void **state)
{
	static const struct {
		const char	*helo;
		int		 code;
		const char	*dsn, *text;
		unsigned	 hit;
		int		 score;
	} rows[] = {
		{ "good.test", 0, "", "", 0, 0 },
		{ "reject.test", 550, "5.7.1", "Not with this HELO", 1, 0 },
		{ "defer.test", 450, "4.7.1", "Later", 1, 0 },
		{ "score.test", 0, "", "", 1, 250 },
		/* It fails, or says what means nothing: on_fault decides, 4xx at worst (P3). */
		{ "fault.test", 451, "4.3.0", "Temporary lookup failure", 1, 0 },
		{ "xrubbish.test", 451, "4.3.0", "Temporary lookup failure", 1, 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (ask(f, rows[i].helo, "joe@example.test") != rows[i].code)
			fail_msg("%s: %d %s", rows[i].helo, f->a.code, f->a.text);
		assert_string_equal(f->a.dsn, rows[i].dsn);
		assert_memory_equal(f->a.text, rows[i].text, strlen(rows[i].text));
		assert_counted(f, 1, rows[i].hit, 0);
		assert_int_equal(f->s->txn.score, rows[i].score);
		if (rows[i].code != 0)
			assert_non_null(strstr(f->log, "stage=rcpt check=good action="));
		else
			assert_string_equal(f->log, "");
	}
}

/* The mode of plugin.mode in the closest scope; exceptions are the lists' affair. */
static void
modes(void **state)
{
	static const struct {
		const char	*settings, *rcpt;
		enum rules_mode	 mode;
	} rows[] = {
		{ "", "joe@example.test", MODE_ENFORCE },
		{ "('', 'plugin.mode', 'off')", "joe@example.test", MODE_OFF },
		{ "('', 'plugin.mode', 'shadow')", "joe@example.test", MODE_SHADOW },
		{ "('', 'plugin.mode', 'off'), ('example.test', 'plugin.mode', 'enforce')",
		    "joe@example.test", MODE_ENFORCE },
		{ "('', 'plugin.mode', 'off'), ('example.test', 'plugin.mode', 'enforce')",
		    "joe@other.test", MODE_OFF },
		{ "('example.test', 'plugin.mode', 'shadow'), ('joe@example.test', 'plugin.mode', 'off')",
		    "Joe@Example.test", MODE_OFF },
		{ "('example.test', 'plugin.mode', 'shadow'), ('joe@example.test', 'plugin.mode', 'off')",
		    "mary@example.test", MODE_SHADOW },
		/* Everything in shadow mode: off stays off. */
		{ "('', 'global.mode', 'shadow')", "joe@example.test", MODE_SHADOW },
		{ "('', 'global.mode', 'shadow'), ('', 'plugin.mode', 'off')", "joe@example.test", MODE_OFF },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		enum rules_mode mode = rows[i].mode;
		int code;

		settings(f, rows[i].settings);
		code = ask(f, "reject.test", rows[i].rcpt);
		if (code != (mode == MODE_ENFORCE ? 550 : 0))
			fail_msg("row %zu: %d", i, code);
		assert_counted(f, mode != MODE_OFF, mode == MODE_ENFORCE, mode == MODE_SHADOW);
		if ((strstr(f->log, "check=good action=shadow-reject code=550 reason=\"helo r\"") != NULL) !=
		    (mode == MODE_SHADOW))
			fail_msg("row %zu: %s", i, f->log);
		if ((strstr(f->log, "check=good action=reject code=550") != NULL) != (mode == MODE_ENFORCE))
			fail_msg("row %zu: %s", i, f->log);
	}
}

/* Points in shadow mode count for nobody; a deferral that is final in shadow mode stops nothing. */
static void
shadow_is_harmless(void **state)
{
	struct fixture *f = *state;

	settings(f, "('', 'plugin.mode', 'shadow'), ('', 'threshold.reject', '2')");
	assert_int_equal(ask(f, "score.test", "joe@example.test"), 0);
	assert_int_equal(f->s->txn.score, 0);
	assert_null(strstr(f->log, "check=threshold"));
	assert_non_null(strstr(f->log, "check=good action=shadow-pass code=0 reason=\"helo s\" rule=\"\" score=2.5"));
	assert_int_equal(content(f), SESSION_DISCARD);
	assert_null(strstr(f->log, "hits="));
	assert_int_equal(ask(f, "defer.test", "joe@example.test"), 0);
	settings(f, "('', 'threshold.reject', '2')");
	assert_int_equal(ask(f, "score.test", "joe@example.test"), 550);
	assert_non_null(strstr(f->log, "check=threshold action=reject code=550 reason=\"score 2.5\" "
	    "rule=\"good=2.5\""));
}

/* What would be refused by whatever check, threshold or content is said, and accepted. */
static void
everything_in_shadow(void **state)
{
	struct fixture *f = *state;
	char *commands;

	settings(f, "('', 'global.mode', 'shadow'), ('', 'threshold.reject', '2')");
	assert_int_equal(ask(f, "good.test", "mallory@listed.test"), 0);
	assert_non_null(strstr(f->log, "check=recipient action=shadow-reject code=550"));
	assert_int_equal(content(f), SESSION_DISCARD);
	assert_int_equal(ask(f, "score.test", "joe@example.test"), 0);
	assert_int_equal(ask(f, "quarantine.test", "joe@example.test"), 0);
	assert_int_equal(content(f), SESSION_DISCARD);
	assert_non_null(strstr(f->log, "stage=eom check=good action=shadow-quarantine"));
	assert_null(session_quarantine(f->s));
	commands = sink_commands(f->sink);
	assert_null(strstr(commands, "XQUARANTINE"));
	free(commands);
}

/* --- what is said of an accepted message --------------------------------------------------- */

static void
hits(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "good.test", "joe@example.test"), 0);
	assert_int_equal(content(f), SESSION_DISCARD);
	assert_non_null(strstr(f->log, "action=taken ms="));
	assert_int_equal(ask(f, "score.test", "joe@example.test"), 0);
	assert_int_equal(rcpt(f, "mary@example.test"), 0);	/* found for both, said once */
	assert_int_equal(content(f), SESSION_DISCARD);
	assert_non_null(strstr(f->log, " nrcpt=2 "));
	assert_non_null(strstr(f->log, " action=taken score=2.5 hits=\"good=2.5\" ms="));
	assert_int_equal(ask(f, "tag.test", "joe@example.test"), 0);
	assert_int_equal(content(f), SESSION_DISCARD);
	assert_non_null(strstr(f->log, " action=taken fate=tag score=0 hits=\"good=tag\" ms="));
}

/* --- one message, one policy for its content (RFC 5321 has one reply) ------------------------- */

static void
classes(void **state)
{
	struct fixture *f = *state;

	settings(f, "('other.test', 'threshold.tag', '5'), ('joe@example.test', 'spf.fail', 'defer')");
	assert_int_equal(ask(f, "good.test", "joe@example.test"), 0);
	assert_int_equal(rcpt(f, "mary@example.test"), 0);	/* differs at RCPT alone */
	assert_int_equal(rcpt(f, "mary@other.test"), 452);
	assert_int_equal(f->a.what, SESSION_TEMPFAIL);
	assert_string_equal(f->a.dsn, "4.5.3");
	assert_non_null(strstr(f->a.text, "Recipient has another content policy, send it separately [trace="));
	assert_int_equal(content(f), SESSION_DISCARD);
	/* It comes by itself, and then the others must. */
	assert_int_equal(ask(f, "good.test", "mary@other.test"), 0);
	assert_int_equal(rcpt(f, "joe@example.test"), 452);
	assert_int_equal(rcpt(f, "ann@other.test"), 0);
	/* A recipient that is refused anyway hears why, and does not decide the class. */
	assert_int_equal(ask(f, "good.test", "mallory@listed.test"), 550);
	assert_int_equal(rcpt(f, "mary@other.test"), 0);
	assert_int_equal(rcpt(f, "mallory@listed.test"), 550);
	assert_non_null(strstr(f->a.text, "User unknown"));
	/* Whether checks from outside are asked counts at the end as well. */
	settings(f, "('other.test', 'plugin.mode', 'off')");
	assert_int_equal(ask(f, "good.test", "joe@example.test"), 0);
	assert_int_equal(rcpt(f, "mary@other.test"), 452);
}

/* --- the content ------------------------------------------------------------------------------- */

/*
 * plugin_object.c aborts if it sees our insides, or a body that it did not ask for, or none
 * that it did.
 */
static void
looks_inside(void **state)
{
	struct fixture *f = *state;
	char *commands;

	assert_int_equal(ask(f, "quarantine.test", "joe@example.test"), 0);
	assert_int_equal(content(f), SESSION_DISCARD);
	commands = sink_commands(f->sink);
	assert_non_null(strstr(commands, " XQUARANTINE=helo+20q"));
	free(commands);
	assert_int_equal(f->s->txn.fate, VERDICT_QUARANTINE);
	assert_string_equal(session_quarantine(f->s), "helo q");
	/* Nobody asks it: the message is not kept, it goes on as it comes. */
	settings(f, "('', 'plugin.mode', 'off')");
	assert_int_equal(ask(f, "quarantine.test", "joe@example.test"), 0);
	session_data(f->s, &f->a);
	session_header(f->s, "Subject", " test");
	assert_null(f->s->txn.message);
	assert_non_null(f->s->txn.handover);
	session_end(f->s, &f->a);
	assert_int_equal(f->a.what, SESSION_DISCARD);
	settings(f, "('', 'plugin.mode', 'shadow')");
	assert_int_equal(ask(f, "quarantine.test", "joe@example.test"), 0);
	assert_int_equal(content(f), SESSION_DISCARD);
	assert_null(session_quarantine(f->s));
	assert_non_null(strstr(f->log, "action=shadow-quarantine"));
}

static void
slow(void **state)
{
	struct fixture *f = *state;

	(void)setenv("HF_TEST_NAP", "5", 1);
	assert_int_equal(ask(f, "good.test", "joe@example.test"), 0);
	(void)unsetenv("HF_TEST_NAP");
	assert_non_null(strstr(f->log, " client=[192.0.2.1] check=good slow=rcpt ms=5"));
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define B(fn) { #fn " with the body", fn, setup_body, teardown, NULL }
	const struct CMUnitTest tests[] = {
		T(verdicts),
		T(modes),
		T(shadow_is_harmless),
		T(everything_in_shadow),
		T(hits),
		T(classes),
		T(looks_inside),
		B(looks_inside),
		T(slow),
	};

	return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
