/*
 * t_session_content.c -- a message that is looked at before it is handed over: kept, marked, put apart.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/rules.h"
#include "lmtp_sink.h"
#include "milter/message.h"
#include "milter/service.h"
#include "milter/session.h"
#include "rulesdb.h"
#include "scan_peer.h"

/* Points come from the header X-Points, and verdicts from X-Do. */
#define RULES \
	"INSERT INTO domain (name, primaries, recipients) VALUES ('example.test', 'p.test', 'any')," \
	" ('other.test', 'p.test', 'any'), ('strict.test', 'p.test', 'any');" \
	"INSERT INTO setting (name, value) VALUES ('threshold.tag', '2'), ('threshold.quarantine', '5')," \
	" ('threshold.spam_defer', '8'), ('threshold.spam_reject', '10');" \
	"INSERT INTO setting (scope, name, value) VALUES ('strict.test', 'threshold.spam_reject', '1');" \
	"INSERT INTO header (name, pattern, verdict) VALUES ('x-points', '^1', '1'), ('x-points', '^2', '2')," \
	" ('x-points', '^5', '5'), ('x-points', '^8', '8'), ('x-points', '^10', '9')," \
	" ('x-do', 'tag', 'tag'), ('x-do', 'quarantine', 'quarantine'), ('x-do', 'defer', 'defer')," \
	" ('x-do', 'reject', 'reject');"

struct fixture {
	void		*db;		/* struct rulesdb */
	struct endpoint	 at;
	struct sink	*sink;
	struct rules	*rules;
	struct service	*service;
	struct session	*s;
	struct session_answer a;
};

static struct conf *
make_conf(const struct fixture *f, const char *more)
{
	const struct rulesdb *db = f->db;
	char path[128], *why = NULL;
	struct conf *conf;
	FILE *fp;

	(void)snprintf(path, sizeof(path), "%s/holdfast.conf", db->dir);
	fp = fopen(path, "w");
	assert_non_null(fp);
	(void)fprintf(fp, "hostname = mx2.test\nlmtp_listen = unix:%s\n%s", f->at.path, more);
	(void)fclose(fp);
	if ((conf = conf_load(path, &why)) == NULL)
		fail_msg("%s", why);
	return conf;
}

static void
sql(struct fixture *f, const char *text)
{
	char *why = NULL;

	rulesdb_sql(f->db, text);
	if (rules_poll(f->rules, &why) != 1)
		fail_msg("%s: %s", text, why);
}

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	const struct rulesdb *db;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(4321) };
	char *why = NULL;

	if (rulesdb_setup(&f->db) != 0)
		return -1;
	db = f->db;
	rulesdb_sql(db, RULES);
	sink_endpoint(&f->at);
	f->sink = sink_start(&f->at, NULL);
	if ((f->rules = rules_open(db->path, &why)) == NULL)
		fail_msg("%s", why);
	f->service = service_new(make_conf(f, ""), f->rules, &why);
	f->s = session_new(f->service);
	(void)inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
	session_connect(f->s, "client.test", (const struct sockaddr *)&in);
	session_helo(f->s, "helo.test", NULL, NULL);
	*state = f;
	return 0;
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
	free(f);
	return 0;
}

/* --- the MTA's side -------------------------------------------------------- */

static void
mail(struct fixture *f)
{
	char a[] = "<ann@client.test>", *argv[2] = { a, NULL };

	session_mail(f->s, argv, NULL);
}

static int
rcpt(struct fixture *f, const char *address)
{
	char a[256], *argv[2] = { a, NULL };

	(void)snprintf(a, sizeof(a), "%s", address);
	session_rcpt(f->s, argv, &f->a);
	return f->a.what == SESSION_CONTINUE ? 0 : f->a.code;
}

/* From MAIL to the last byte; header: "Name: value", or NULL. */
static void
begin(struct fixture *f, const char *to, const char *header, size_t bytes)
{
	char name[64], line[101];

	mail(f);
	assert_int_equal(rcpt(f, to), 0);
	session_mta_id(f->s, "4ABC");
	session_data(f->s, &f->a);
	assert_int_equal(SESSION_CONTINUE, f->a.what);
	session_header(f->s, "Subject", " folded\n\tonce");
	if (header != NULL) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(header, ":"), header);
		session_header(f->s, name, strchr(header, ':') + 1);
	}
	session_end_of_headers(f->s);
	memset(line, 'x', sizeof(line));
	memcpy(line + 98, "\r\n", 3);
	for (; bytes >= 100; bytes -= 100)
		session_body(f->s, line, 100);
}

static enum session_what
end(struct fixture *f)
{
	session_end(f->s, &f->a);
	return f->a.what;
}

static enum session_what
whole(struct fixture *f, const char *to, const char *header)
{
	begin(f, to, header, 100);
	return end(f);
}

static bool
said(const struct fixture *f, const char *words)
{
	char *commands = sink_commands(f->sink);
	bool found = strstr(commands, words) != NULL;

	free(commands);
	return found;
}

/* --- tests ----------------------------------------------------------------- */

static void
test_fates(void **state)
{
	static const struct {
		const char	*to, *header;
		enum session_what what;
		int		 code;
		const char	*dsn, *text;
		const char	*added;		/* above the message */
		const char	*apart;		/* XQUARANTINE= */
	} table[] = {
		{ "<a@example.test>", NULL, SESSION_DISCARD, 0, "", "", NULL, NULL },
		{ "<a@example.test>", "X-Points: 1", SESSION_DISCARD, 0, "", "", NULL, NULL },
		{ "<a@example.test>", "X-Points: 2", SESSION_DISCARD, 0, "", "",
		    "\r\nX-Spam-Flag: YES\r\nX-Spam-Score: 2\r\nSubject:", NULL },
		{ "<a@example.test>", "X-Do: tag", SESSION_DISCARD, 0, "", "",
		    "\r\nX-Spam-Flag: YES\r\nX-Spam-Score: 0\r\nSubject:", NULL },
		{ "<a@example.test>", "X-Points: 5", SESSION_DISCARD, 0, "", "", NULL,
		    " XQUARANTINE=score+205:+20header+20x-points+20^5+3D5\n" },
		{ "<a@example.test>", "X-Do: quarantine", SESSION_DISCARD, 0, "", "", NULL,
		    " XQUARANTINE=header+20x-do\n" },
		{ "<a@example.test>", "X-Points: 8", SESSION_TEMPFAIL, 451, "4.7.1",
		    "Message looks like spam, try again later [trace=", NULL, NULL },
		{ "<a@example.test>", "X-Points: 10", SESSION_REJECT, 550, "5.7.1",
		    "Message looks like spam [trace=", NULL, NULL },
		{ "<a@example.test>", "X-Do: defer", SESSION_TEMPFAIL, 450, "4.7.1",
		    "Message put off: header x-do, try again later [trace=", NULL, NULL },
		{ "<a@example.test>", "X-Do: reject", SESSION_REJECT, 550, "5.7.1",
		    "Message rejected: header x-do [trace=", NULL, NULL },
		/* a domain's own threshold */
		{ "<a@strict.test>", "X-Points: 1", SESSION_REJECT, 550, "5.7.1", "Message looks like spam [trace=",
		    NULL, NULL },
		{ "<a@other.test>", "X-Points: 1", SESSION_DISCARD, 0, "", "", NULL, NULL },
	};
	struct fixture *f = *state;
	unsigned taken = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct buf got;

		if (whole(f, table[i].to, table[i].header) != table[i].what || f->a.code != table[i].code)
			fail_msg("row %zu: %d %d %s", i, (int)f->a.what, f->a.code, f->a.text);
		assert_string_equal(table[i].dsn, f->a.dsn);
		assert_memory_equal(table[i].text, f->a.text, strlen(table[i].text));
		taken += f->a.what == SESSION_DISCARD;
		assert_int_equal(taken, sink_messages(f->sink));
		session_reset(f->s);
		if (f->a.what != SESSION_DISCARD)
			continue;
		got = sink_data(f->sink);
		assert_int_equal(table[i].added != NULL, strstr(got.data, "X-Spam") != NULL);
		if (table[i].added != NULL)
			assert_non_null(strstr(got.data, table[i].added));
		buf_free(&got);
		if (table[i].apart != NULL && !said(f, table[i].apart))
			fail_msg("row %zu: %s", i, sink_commands(f->sink));
		if (table[i].apart == NULL && i < 4)
			assert_false(said(f, "XQUARANTINE"));
	}
}

/* The bytes that were kept are those that came (P9), under one Received line. */
static void
test_same_bytes(void **state)
{
	static const size_t sizes[] = { 0, 100, MESSAGE_MEMORY - 300, MESSAGE_MEMORY, 5 * MESSAGE_MEMORY };
	static const char head[] =
	    "Subject: folded\r\n\tonce\r\nX-None:value\r\nX-Two:  two \r\nX-Cr: a\rb\r\nx-8BIT: \xe4\r\n\r\n";
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *body = xcalloc(sizes[i] + 1, 1);
		struct buf got;
		char *start;

		for (size_t k = 0; k < sizes[i]; k++)
			body[k] = (char)(k * 31 + k / 97);
		mail(f);
		assert_int_equal(rcpt(f, "<a@example.test>"), 0);
		session_data(f->s, &f->a);
		session_header(f->s, "Subject", " folded\n\tonce");
		session_header(f->s, "X-None", "value");
		session_header(f->s, "X-Two", "  two ");
		session_header(f->s, "X-Cr", " a\rb");
		session_header(f->s, "x-8BIT", " \xe4");
		session_end_of_headers(f->s);
		for (size_t k = 0, n; k < sizes[i]; k += n) {
			n = sizes[i] - k < 8191 ? sizes[i] - k : 8191;
			session_body(f->s, body + k, n);
		}
		assert_int_equal(SESSION_DISCARD, end(f));
		session_reset(f->s);
		got = sink_data(f->sink);
		assert_memory_equal("Received: from helo.test (client.test [192.0.2.1])\r\n", got.data, 52);
		start = strstr(got.data, "Subject:");
		assert_non_null(start);
		assert_int_equal(sizeof(head) - 1 + sizes[i], got.len - (size_t)(start - got.data));
		assert_memory_equal(head, start, sizeof(head) - 1);
		assert_memory_equal(body, start + sizeof(head) - 1, sizes[i]);
		buf_free(&got);
		free(body);
	}
}

/* Until the verdict is there, queued has not a byte of it. */
static void
test_kept_back(void **state)
{
	struct fixture *f = *state;

	begin(f, "<a@example.test>", "X-Points: 10", 10 * MESSAGE_MEMORY);
	assert_int_equal(0, sink_connections(f->sink));
	assert_int_equal(SESSION_REJECT, end(f));
	assert_int_equal(0, sink_connections(f->sink));
	/* A session that ends in the middle leaves nothing. */
	begin(f, "<a@example.test>", NULL, 10 * MESSAGE_MEMORY);
	session_reset(f->s);
	assert_int_equal(SESSION_DISCARD, whole(f, "<a@example.test>", NULL));
}

/* One message, one policy for its content. */
static void
test_classes(void **state)
{
	struct fixture *f = *state;

	mail(f);
	assert_int_equal(rcpt(f, "<a@example.test>"), 0);
	assert_int_equal(rcpt(f, "<b@other.test>"), 0);		/* nothing of its own: the same class */
	assert_int_equal(rcpt(f, "<c@strict.test>"), 452);
	assert_string_equal("4.5.3", f->a.dsn);
	assert_memory_equal("Recipient has another content policy, send it separately [trace=", f->a.text, 64);
	assert_int_equal(rcpt(f, "<d@example.test>"), 0);
	session_data(f->s, &f->a);
	session_header(f->s, "X-Points", " 1");
	assert_int_equal(SESSION_DISCARD, end(f));
	session_reset(f->s);
	assert_true(said(f, "RCPT TO:<a@example.test>\nRCPT TO:<b@other.test>\nRCPT TO:<d@example.test>\nBDAT"));
	/* The other way round the strict one is first. */
	mail(f);
	assert_int_equal(rcpt(f, "<c@strict.test>"), 0);
	assert_int_equal(rcpt(f, "<a@example.test>"), 452);
	/* A first recipient that is refused sets no class. */
	sql(f, "INSERT INTO domain (name, primaries, list_max_age, list_time) VALUES ('list.test', 'p.test', '', 1);"
	    "INSERT INTO setting (scope, name, value) VALUES ('list.test', 'threshold.spam_reject', '1.5')");
	mail(f);
	assert_int_equal(rcpt(f, "<nobody@list.test>"), 550);
	assert_int_equal(rcpt(f, "<a@example.test>"), 0);
}

/* The temporary file cannot be written: our own fault (P3). */
static void
test_no_room(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, setenv("TMPDIR", "/nonexistent", 1));
	begin(f, "<a@example.test>", NULL, 2 * MESSAGE_MEMORY);
	assert_int_equal(SESSION_TEMPFAIL, end(f));
	assert_int_equal(452, f->a.code);
	assert_string_equal("4.3.1", f->a.dsn);
	assert_memory_equal("Insufficient system storage [trace=", f->a.text, 35);
	assert_int_equal(0, sink_connections(f->sink));
	/* A refusal is a refusal all the same, and what fits into memory needs no file. */
	begin(f, "<a@example.test>", "X-Do: reject", 2 * MESSAGE_MEMORY);
	assert_int_equal(SESSION_REJECT, end(f));
	assert_int_equal(SESSION_DISCARD, whole(f, "<a@example.test>", NULL));
	assert_int_equal(0, unsetenv("TMPDIR"));
}

/* Over the limit nothing is kept; but where the size check refuses nobody, all of it. */
static void
test_size(void **state)
{
	struct fixture *f = *state;
	struct buf got;

	service_reload(f->service, make_conf(f, "message_size_limit = 100K\n"));
	begin(f, "<a@example.test>", NULL, 200000);
	assert_int_equal(SESSION_REJECT, end(f));
	assert_int_equal(552, f->a.code);
	sql(f, "INSERT INTO setting (name, value) VALUES ('size.mode', 'shadow')");
	begin(f, "<a@example.test>", NULL, 200000);
	assert_int_equal(SESSION_DISCARD, end(f));
	got = sink_data(f->sink);
	assert_true(got.len > 200000);
	buf_free(&got);
	session_reset(f->s);
	sql(f, "DELETE FROM setting WHERE name = 'size.mode';"
	    "INSERT INTO setting (name, value) VALUES ('global.mode', 'shadow')");
	begin(f, "<a@example.test>", "X-Do: reject", 200000);
	assert_int_equal(SESSION_DISCARD, end(f));
	session_reset(f->s);
	/* The check is switched off while the message comes: what was cut is not all of it. */
	sql(f, "DELETE FROM setting WHERE name = 'global.mode'");
	begin(f, "<a@example.test>", NULL, 200000);
	sql(f, "INSERT INTO setting (name, value) VALUES ('size.mode', 'off')");
	assert_int_equal(SESSION_TEMPFAIL, end(f));
	assert_int_equal(451, f->a.code);
	assert_int_equal(2, sink_messages(f->sink));
}

/* Rules that come while the message does: those that it began under are in force for what was not kept. */
static void
test_new_rules(void **state)
{
	struct fixture *f = *state;

	sql(f, "DELETE FROM header");
	begin(f, "<a@example.test>", "X-Do: reject", 100);
	sql(f, "INSERT INTO header (name, pattern, verdict) VALUES ('x-do', 'reject', 'reject')");
	assert_int_equal(SESSION_DISCARD, end(f));
	session_reset(f->s);
	assert_int_equal(SESSION_REJECT, whole(f, "<a@example.test>", "X-Do: reject"));
}

/* A message that stays with the MTA is the MTA's to mark and to put apart. */
static void
test_mta_keeps(void **state)
{
	struct fixture *f = *state;
	const char *value;

	service_reload(f->service, make_conf(f, "handover = lmtp\n"));
	assert_int_equal(SESSION_ACCEPT, whole(f, "<a@example.test>", "X-Points: 2"));
	assert_string_equal("X-Spam-Flag", session_added(f->s, 0, &value));
	assert_string_equal("YES", value);
	assert_string_equal("X-Spam-Score", session_added(f->s, 1, &value));
	assert_string_equal("2", value);
	assert_null(session_added(f->s, 2, &value));
	assert_null(session_quarantine(f->s));
	session_reset(f->s);
	assert_int_equal(SESSION_ACCEPT, whole(f, "<a@example.test>", "X-Points: 5"));
	assert_null(session_added(f->s, 0, &value));
	assert_string_equal("score 5: header x-points ^5=5", session_quarantine(f->s));
	session_reset(f->s);
	assert_null(session_quarantine(f->s));
	assert_int_equal(0, sink_connections(f->sink));
	/* The same when queued is away. */
	service_reload(f->service, make_conf(f, ""));
	sink_stop(&f->sink);
	assert_int_equal(SESSION_ACCEPT, whole(f, "<a@example.test>", "X-Points: 5"));
	assert_non_null(session_quarantine(f->s));
}

/* A scanner's words end up in queued's command line and in the MTA's log: in printable ASCII, and cut. */
static void
test_odd_reason(void **state)
{
	struct fixture *f = *state;
	struct scan_script script = { .reply = NULL };
	struct buf reply = BUF_INIT, rule = BUF_INIT;
	struct scan_peer *p;

	buf_puts(&reply, "stream: +=\xff\x01 ");
	for (int i = 0; i < 200; i++)
		buf_putc(&reply, '=');
	buf_puts(&reply, " FOUND");
	buf_putc(&reply, '\0');
	script.reply = reply.data;
	script.len = reply.len;
	p = scan_peer_start(&script);
	buf_printf(&rule, "INSERT INTO setting (name, value) VALUES ('virus.clamd', '%s'),"
	    " ('virus.found', 'quarantine')", scan_peer_unix(p));
	sql(f, buf_str(&rule));
	assert_int_equal(SESSION_DISCARD, whole(f, "<a@example.test>", NULL));
	session_reset(f->s);
	assert_true(said(f, " XQUARANTINE=virus+20+2B+3D??+20+3D"));
	scan_peer_stop(&p);
	buf_free(&reply);
	buf_free(&rule);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_fates),
		T(test_same_bytes),
		T(test_kept_back),
		T(test_classes),
		T(test_no_room),
		T(test_size),
		T(test_new_rules),
		T(test_mta_keeps),
		T(test_odd_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
