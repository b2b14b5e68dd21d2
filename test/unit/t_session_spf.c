/*
 * t_session_spf.c -- what SPF said goes with the message, and what only claims so does not.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/rules.h"
#include "milter/service.h"
#include "milter/session.h"
#include "test/unit/lmtp_sink.h"
#include "test/unit/rulesdb.h"
#include "test/unit/spf_fake.h"

#define RULES	"INSERT INTO domain (name, primaries, recipients) VALUES ('example.test', 'p.test', 'any')," \
	" ('off.test', 'p.test', 'any');"
#define ON	"INSERT INTO setting (scope, name, value) VALUES ('', 'spf.mode', 'enforce')," \
	" ('off.test', 'spf.mode', 'off');"
#define RESULTS	"Authentication-Results: mx2.test;\r\n\tspf=pass smtp.mailfrom=ann@client.test;\r\n" \
	"\tspf=neutral smtp.helo=helo.test\r\n"

struct world {
	void		*db;		/* struct rulesdb */
	struct endpoint	 at;
	struct sink	*sink;
	struct rules	*rules;
	struct service	*service;
	struct session	*s;
	struct spf_fake	*fake;
	struct spf	*spf;
	struct session_answer a;
};

static struct world *
begin(const char *sql, const char *conf_text)
{
	struct world *w = xcalloc(1, sizeof(*w));
	const struct rulesdb *db;
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct conf *conf;
	char *path, *why = NULL;
	FILE *f;

	assert_int_equal(0, rulesdb_setup(&w->db));
	db = w->db;
	rulesdb_sql(db, RULES);
	rulesdb_sql(db, sql);
	sink_endpoint(&w->at);
	w->sink = sink_start(&w->at, NULL);
	path = xasprintf("%s/holdfast.conf", db->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(f, "hostname = mx2.test\nlmtp_listen = unix:%s\n%s", w->at.path, conf_text);
	(void)fclose(f);
	if ((conf = conf_load(path, &why)) == NULL || (w->rules = rules_open(db->path, &why)) == NULL ||
	    (w->service = service_new(conf, w->rules, &why)) == NULL)
		fail_msg("%s", why);
	free(path);
	w->fake = spf_fake_new(&w->spf);
	spf_fake_helo(w->fake, SPF_NEUTRAL, "");
	service_use_spf(w->service, w->spf);
	w->s = session_new(w->service);
	assert_int_equal(1, inet_pton(AF_INET, "192.0.2.1", &in.sin_addr));
	session_connect(w->s, "client.test", (const struct sockaddr *)&in);
	session_helo(w->s, "helo.test", NULL, NULL);
	return w;
}

static void
finish(struct world *w)
{
	session_free(&w->s);
	service_free(&w->service);
	spf_fake_free(&w->fake, &w->spf);
	rules_close(&w->rules);
	sink_stop(&w->sink);
	sink_endpoint_clear(&w->at);
	(void)rulesdb_teardown(&w->db);
	free(w);
}

/* … up to the headers; true: RCPT was accepted. */
static bool
open_message(struct world *w, const char *sender, const char *to)
{
	char from[128], rcpt[128], *argv[2] = { from, NULL };

	(void)snprintf(from, sizeof(from), "<%s>", sender);
	(void)snprintf(rcpt, sizeof(rcpt), "<%s>", to);
	session_mail(w->s, argv, NULL);
	argv[0] = rcpt;
	session_rcpt(w->s, argv, &w->a);
	if (w->a.what != SESSION_CONTINUE)
		return false;
	session_mta_id(w->s, "4ABC");
	session_data(w->s, &w->a);
	return w->a.what == SESSION_CONTINUE;
}

static enum session_what
close_message(struct world *w)
{
	session_header(w->s, "Subject", " test");
	session_end_of_headers(w->s);
	session_body(w->s, "text\r\n", 6);
	session_end(w->s, &w->a);
	return w->a.what;
}

/* What of the message that queued got is behind our Received line. */
static char *
arrived(struct world *w)
{
	struct buf got = sink_data(w->sink);
	const char *p = got.data;
	char *rest;

	assert_int_equal(0, strncmp(p, "Received: ", 10));
	do {
		p = strchr(p, '\n') + 1;
	} while (*p == '\t' || *p == ' ');
	rest = xstrdup(p);
	buf_free(&got);
	return rest;
}

static void
expect_arrival(struct world *w, const char *text)
{
	char *got = arrived(w);

	assert_string_equal(text, got);
	free(got);
}

static void
expect_envelope(struct world *w, const char *spf)
{
	char *commands = sink_commands(w->sink);
	const char *last = NULL;

	for (const char *p = commands; (p = strstr(p, "MAIL FROM:")) != NULL; p++)
		last = p;
	assert_non_null(last);
	assert_true(spf != NULL ? strstr(last, spf) != NULL : strstr(last, "XSPF") == NULL);
	free(commands);
}

static void
test_recorded(void **state)
{
	struct world *w = begin(ON, "");

	(void)state;
	assert_true(open_message(w, "ann@client.test", "joe@example.test"));
	assert_int_equal(SESSION_DISCARD, close_message(w));
	expect_arrival(w, RESULTS "Subject: test\r\n\r\ntext\r\n");
	expect_envelope(w, " XSPF=pass\n");

	spf_fake_sender(w->fake, SPF_SOFTFAIL, "");
	assert_true(open_message(w, "ann@client.test", "joe@example.test"));
	assert_int_equal(SESSION_DISCARD, close_message(w));
	expect_envelope(w, " XSPF=softfail\n");

	/* The null sender: HELO's result is the message's. */
	spf_fake_helo(w->fake, SPF_PASS, "");
	assert_true(open_message(w, "", "joe@example.test"));
	assert_int_equal(SESSION_DISCARD, close_message(w));
	expect_arrival(w, "Authentication-Results: mx2.test;\r\n\tspf=pass smtp.helo=helo.test\r\n"
			  "Subject: test\r\n\r\ntext\r\n");
	expect_envelope(w, " XSPF=pass\n");

	spf_fake_sender(w->fake, SPF_FAIL, "");
	assert_false(open_message(w, "ann@client.test", "joe@example.test"));
	assert_int_equal(550, w->a.code);
	finish(w);
}

static void
put_results(struct world *w)
{
	session_header(w->s, "Authentication-Results", " other.test; spf=pass");
	session_header(w->s, "authentication-results", " MX2.test; spf=pass");
	session_header(w->s, "Authentication-Results", "\n (x)\n \"mx2.test\" 1;\n dkim=pass");
	session_header(w->s, "X-Authentication-Results", " mx2.test; spf=pass");
	session_header(w->s, "Authentication-Results", " mx2.test.evil; spf=pass");
	session_header(w->s, "Authentication-Results", " mx2.test;");
}

#define OTHERS	"Authentication-Results: other.test; spf=pass\r\nX-Authentication-Results: mx2.test; spf=pass\r\n" \
	"Authentication-Results: mx2.test.evil; spf=pass\r\n"

/* Off, and nothing is added or recorded; what is forged goes all the same. */
static void
test_off(void **state)
{
	struct world *w = begin(ON, "");

	(void)state;
	assert_true(open_message(w, "ann@client.test", "joe@off.test"));
	put_results(w);
	assert_int_equal(SESSION_DISCARD, close_message(w));
	expect_arrival(w, OTHERS "Subject: test\r\n\r\ntext\r\n");
	expect_envelope(w, NULL);
	assert_int_equal(0, spf_fake_asked(w->fake));
	finish(w);
}

static void
test_no_header(void **state)
{
	struct world *w = begin(ON "INSERT INTO setting (name, value) VALUES ('spf.header', 'no')", "");

	(void)state;
	assert_true(open_message(w, "ann@client.test", "joe@example.test"));
	put_results(w);
	assert_int_equal(SESSION_DISCARD, close_message(w));
	expect_arrival(w, OTHERS "Subject: test\r\n\r\ntext\r\n");
	expect_envelope(w, " XSPF=pass\n");
	finish(w);
}

static void
test_forged(void **state)
{
	struct world *w = begin(ON, "");

	(void)state;
	assert_true(open_message(w, "ann@client.test", "joe@example.test"));
	put_results(w);
	assert_int_equal(SESSION_DISCARD, close_message(w));
	expect_arrival(w, RESULTS OTHERS "Subject: test\r\n\r\ntext\r\n");
	finish(w);
}

/* They go even when SPF was not asked: whoever believes our name believes them. */
static void
test_forged_unasked(void **state)
{
	struct world *w = begin(ON, "");

	(void)state;
	session_connect(w->s, NULL, NULL);
	session_helo(w->s, "helo.test", NULL, NULL);
	assert_true(open_message(w, "ann@client.test", "joe@example.test"));
	put_results(w);
	assert_int_equal(SESSION_DISCARD, close_message(w));
	expect_arrival(w, OTHERS "Subject: test\r\n\r\ntext\r\n");
	expect_envelope(w, NULL);
	finish(w);
}

/* The message stays with the MTA: it is told what to change. */
static void
test_kept(void **state)
{
	struct world *w = begin(ON, "handover = lmtp\n");
	const char *value;

	(void)state;
	assert_true(open_message(w, "ann@client.test", "joe@example.test"));
	put_results(w);
	assert_int_equal(SESSION_ACCEPT, close_message(w));
	assert_int_equal(0, sink_messages(w->sink));
	assert_string_equal("Authentication-Results", session_added(w->s, 0, &value));
	assert_string_equal("mx2.test;\r\n\tspf=pass smtp.mailfrom=ann@client.test;\r\n"
			    "\tspf=neutral smtp.helo=helo.test", value);
	assert_null(session_added(w->s, 1, &value));
	/* By their number among those of the name, the last first. */
	assert_int_equal(5, session_forged(w->s, 0));
	assert_int_equal(3, session_forged(w->s, 1));
	assert_int_equal(2, session_forged(w->s, 2));
	assert_int_equal(0, session_forged(w->s, 3));

	/* SPF is off for him. */
	assert_true(open_message(w, "ann@client.test", "joe@off.test"));
	put_results(w);
	assert_int_equal(SESSION_ACCEPT, close_message(w));
	assert_null(session_added(w->s, 0, &value));
	assert_int_equal(5, session_forged(w->s, 0));
	assert_int_equal(0, session_forged(w->s, 3));
	finish(w);
}

/* A message of which nothing is for us. */
static void
test_foreign(void **state)
{
	struct world *w = begin(ON, "");

	(void)state;
	(void)open_message(w, "ann@client.test", "joe@example.test");
	session_reset(w->s);
	for (int i = 0; i < 3; i++)
		session_header(w->s, "Authentication-Results", " mx2.test; spf=pass");
	assert_int_equal(0, session_forged(w->s, 0));
	finish(w);
}

/* More than can be told to an MTA. */
static void
test_many_forged(void **state)
{
	struct world *w = begin(ON, "");

	(void)state;
	for (int n = 32; n <= 33; n++) {
		assert_true(open_message(w, "ann@client.test", "joe@example.test"));
		for (int i = 0; i < n; i++)
			session_header(w->s, "Authentication-Results", " mx2.test; spf=pass");
		assert_int_equal(n == 32 ? SESSION_DISCARD : SESSION_REJECT, close_message(w));
	}
	assert_int_equal(554, w->a.code);
	assert_int_equal(1, sink_messages(w->sink));
	finish(w);
}

/* A message that is looked at before it goes: the same. */
static void
test_spooled(void **state)
{
	struct world *w = begin(ON "INSERT INTO setting (name, value) VALUES ('spf.softfail', '5'),"
				   " ('threshold.tag', '4')", "");

	(void)state;
	spf_fake_sender(w->fake, SPF_SOFTFAIL, "");
	assert_true(open_message(w, "ann@client.test", "joe@example.test"));
	put_results(w);
	assert_int_equal(SESSION_DISCARD, close_message(w));
	expect_arrival(w, "Authentication-Results: mx2.test;\r\n\tspf=softfail smtp.mailfrom=ann@client.test;\r\n"
			  "\tspf=neutral smtp.helo=helo.test\r\nX-Spam-Flag: YES\r\nX-Spam-Score: 5\r\n"
			  OTHERS "Subject: test\r\n\r\ntext\r\n");
	expect_envelope(w, " XSPF=softfail\n");
	finish(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_no_header),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_forged_unasked),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_many_forged),
		cmocka_unit_test(test_spooled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
