/*
 * t_session.c -- the milter's work from MAIL to the answer, without an MTA.
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
#include <unistd.h>

#include "common/conf.h"
#include "common/rules.h"
#include "lmtp_sink.h"
#include "milter/service.h"
#include "milter/session.h"
#include "rulesdb.h"

#define RULES \
	"INSERT INTO domain (name, primaries, list_max_age, list_time) VALUES" \
	" ('example.test', 'p.test', '', 1);" \
	"INSERT INTO recipient (domain, local_part) VALUES ('example.test', 'alice')," \
	" ('example.test', 'bob');" \
	"INSERT INTO domain (name, primaries, recipients, size_limit)" \
	" VALUES ('small.test', 'p.test', 'any', 1000)"

struct fixture {
	void		*db;		/* struct rulesdb */
	struct endpoint	 at;
	struct sink	*sink;
	struct rules	*rules;
	struct service	*service;
	struct session	*s;
	struct session_answer a;
};

static const struct rulesdb *
db(const struct fixture *f)
{
	return f->db;
}

static struct conf *
make_conf(const struct fixture *f, const char *more)
{
	char path[128], *why = NULL;
	struct conf *conf;
	FILE *fp;

	(void)snprintf(path, sizeof(path), "%s/holdfast.conf", db(f)->dir);
	fp = fopen(path, "w");
	assert_non_null(fp);
	(void)fprintf(fp, "hostname = mx2.test\nlmtp_listen = unix:%s\n%s", f->at.path, more);
	(void)fclose(fp);
	if ((conf = conf_load(path, &why)) == NULL)
		fail_msg("%s", why);
	return conf;
}

static void
say_connect(struct session *s)
{
	struct sockaddr_in in;

	memset(&in, 0, sizeof(in));
	in.sin_family = AF_INET;
	in.sin_port = htons(4321);
	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &in.sin_addr), 1);
	session_connect(s, "client.test", (const struct sockaddr *)&in);
	session_helo(s, "helo.test", NULL, NULL);
}

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char *why = NULL;

	if (rulesdb_setup(&f->db) != 0)
		return -1;
	rulesdb_sql(db(f), RULES);
	sink_endpoint(&f->at);
	f->sink = sink_start(&f->at, NULL);
	if ((f->rules = rules_open(db(f)->path, &why)) == NULL)
		return -1;
	f->service = service_new(make_conf(f, ""), f->rules, &why);
	f->s = session_new(f->service);
	say_connect(f->s);
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
mail(struct fixture *f, const char *sender, const char *param)
{
	char a[256], b[64], *argv[3] = { a, param != NULL ? b : NULL, NULL };

	(void)snprintf(a, sizeof(a), "%s", sender);
	(void)snprintf(b, sizeof(b), "%s", param != NULL ? param : "");
	session_mail(f->s, argv, NULL);
}

/* The code of the answer, 0 for CONTINUE. */
static int
rcpt(struct fixture *f, const char *address)
{
	char a[256], *argv[2] = { a, NULL };

	(void)snprintf(a, sizeof(a), "%s", address);
	session_rcpt(f->s, argv, &f->a);
	return f->a.what == SESSION_CONTINUE ? 0 : f->a.code;
}

static enum session_what
data(struct fixture *f)
{
	session_mta_id(f->s, "4ABC");
	session_data(f->s, &f->a);
	return f->a.what;
}

static enum session_what
end(struct fixture *f)
{
	session_end(f->s, &f->a);
	return f->a.what;
}

static enum session_what
content(struct fixture *f, size_t bytes)
{
	char line[101];

	memset(line, 'x', sizeof(line));
	memcpy(line + 98, "\r\n", 3);
	session_header(f->s, "Subject", " test");
	session_end_of_headers(f->s);
	for (; bytes >= 100; bytes -= 100)
		session_body(f->s, line, 100);
	return end(f);
}

static enum session_what
whole(struct fixture *f, const char *to)
{
	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, to), 0);
	assert_int_equal(data(f), SESSION_CONTINUE);
	return content(f, 100);
}

/* --- tests ----------------------------------------------------------------- */

static void
test_taken(void **state)
{
	static const char received[] =
	    "Received: from helo.test (client.test [192.0.2.1])\r\n";
	static const char header[] =
	    "Subject: folded\r\n\tonce\r\n  and twice\r\nX-None:value\r\nX-Two:  two\r\nX-Empty:\r\n"
	    "X-Trail: blank \r\nX-Cr: a\rb\r\nX-Crlf: a\r\n b\r\nx-8BIT: \xe4\r\n\r\n";
	struct fixture *f = *state;
	struct buf got;
	char *commands, *start;

	mail(f, "<a@client.test>", "BODY=8BITMIME");
	assert_int_equal(rcpt(f, "<Alice@Example.test>"), 0);
	assert_int_equal(data(f), SESSION_CONTINUE);
	session_header(f->s, "Subject", " folded\n\tonce\n  and twice");
	session_header(f->s, "X-None", "value");
	session_header(f->s, "X-Two", "  two");
	session_header(f->s, "X-Empty", "");
	session_header(f->s, "X-Trail", " blank ");
	session_header(f->s, "X-Cr", " a\rb");
	session_header(f->s, "X-Crlf", " a\r\n b");
	session_header(f->s, "x-8BIT", " \xe4");
	session_end_of_headers(f->s);
	session_body(f->s, "line\r\n.\r\nno", 11);
	session_body(f->s, "\0end\xff\r\n", 7);
	assert_int_equal(sink_messages(f->sink), 0);
	assert_int_equal(end(f), SESSION_DISCARD);
	assert_null(session_forget(f->s, 0));

	got = sink_data(f->sink);
	assert_memory_equal(got.data, received, sizeof(received) - 1);
	assert_non_null(strstr(got.data, "\r\n\tby mx2.test (Holdfast) with ESMTP id 4ABC\r\n"
	    "\tfor <Alice@Example.test>; "));
	start = strstr(got.data, "Subject:");
	assert_non_null(start);
	assert_int_equal(got.len - (size_t)(start - got.data), sizeof(header) - 1 + 18);
	assert_memory_equal(start, header, sizeof(header) - 1);
	assert_memory_equal(start + sizeof(header) - 1, "line\r\n.\r\nno\0end\xff\r\n", 18);
	buf_free(&got);

	commands = sink_commands(f->sink);
	assert_non_null(strstr(commands, "\nXFORWARD NAME=client.test ADDR=192.0.2.1 PORT=4321 "
	    "PROTO=ESMTP HELO=helo.test IDENT=4ABC SOURCE=REMOTE\n"));
	assert_non_null(strstr(commands, " BODY=8BITMIME XTRACE="));
	free(commands);
}

/* An MTA that cuts the blank after the colon. */
static void
test_no_leading_space(void **state)
{
	struct fixture *f = *state;
	struct buf got;

	session_leading_space(f->s, false);
	mail(f, "<>", NULL);
	assert_int_equal(rcpt(f, "<bob@example.test>"), 0);
	assert_int_equal(data(f), SESSION_CONTINUE);
	session_header(f->s, "Subject", "one\n two");
	assert_int_equal(end(f), SESSION_DISCARD);	/* without a body, the empty line is there */
	got = sink_data(f->sink);
	assert_non_null(strstr(got.data, "\r\nSubject: one\r\n two\r\n\r\n"));
	assert_string_equal(got.data + got.len - 5, "o\r\n\r\n");
	buf_free(&got);
}

static void
test_protocol(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in6 in6;
	struct buf got;
	char *commands;

	memset(&in6, 0, sizeof(in6));
	in6.sin6_family = AF_INET6;
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr), 1);
	session_connect(f->s, NULL, (const struct sockaddr *)&in6);
	session_helo(f->s, "first.test", NULL, NULL);
	session_helo(f->s, "second.test", "TLSv1.3", "TLS_AES_256_GCM_SHA384");
	assert_int_equal(whole(f, "<alice@example.test>"), SESSION_DISCARD);
	got = sink_data(f->sink);
	assert_non_null(strstr(got.data, "from second.test (unknown [IPv6:2001:db8::1])\r\n"));
	assert_non_null(strstr(got.data, "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)\r\n"));
	assert_non_null(strstr(got.data, " with ESMTPS id "));
	buf_free(&got);
	commands = sink_commands(f->sink);
	assert_non_null(strstr(commands, " ADDR=IPv6:2001:db8::1 "));
	free(commands);

	/* IPv4 in IPv6's clothes is IPv4; nothing but HELO and MAIL is SMTP. */
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6.sin6_addr), 1);
	session_connect(f->s, NULL, (const struct sockaddr *)&in6);
	session_helo(f->s, "third.test", NULL, NULL);
	assert_int_equal(whole(f, "<alice@example.test>"), SESSION_DISCARD);
	got = sink_data(f->sink);
	assert_non_null(strstr(got.data, "from third.test (unknown [192.0.2.7])\r\n"));
	assert_non_null(strstr(got.data, " with SMTP id "));
	buf_free(&got);
}

static void
test_verdicts(void **state)
{
	struct fixture *f = *state;
	char *commands;

	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, "<mallory@example.test>"), 550);
	assert_int_equal(f->a.what, SESSION_REJECT);
	assert_string_equal(f->a.dsn, "5.1.1");
	assert_non_null(strstr(f->a.text,
	    "<mallory@example.test>: Recipient address rejected: User unknown [trace="));
	assert_int_equal(rcpt(f, "<a b@example.test>"), 501);
	/* The ones after it are judged by themselves. */
	assert_int_equal(rcpt(f, "<alice@example.test>"), 0);
	assert_int_equal(rcpt(f, "<bob@example.test>"), 0);
	assert_int_equal(rcpt(f, "<bob@example.test>"), 0);	/* said twice, sent once */
	assert_int_equal(data(f), SESSION_CONTINUE);
	assert_int_equal(content(f, 100), SESSION_DISCARD);
	commands = sink_commands(f->sink);
	assert_non_null(strstr(commands,
	    "\nRCPT TO:<alice@example.test>\nRCPT TO:<bob@example.test>\nBDAT LAST\n"));
	free(commands);
}

/* Nobody of ours: the MTA's alone, and queued is not even asked. */
static void
test_foreign(void **state)
{
	struct fixture *f = *state;

	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, "<x@elsewhere.test>"), 0);
	assert_int_equal(rcpt(f, "<postmaster>"), 0);
	assert_int_equal(data(f), SESSION_ACCEPT);
	assert_int_equal(sink_connections(f->sink), 0);
	/* All of ours refused: as if they had never been named. */
	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, "<mallory@example.test>"), 550);
	assert_int_equal(rcpt(f, "<x@elsewhere.test>"), 0);
	assert_int_equal(data(f), SESSION_ACCEPT);
	assert_int_equal(sink_connections(f->sink), 0);
	assert_int_equal(whole(f, "<alice@example.test>"), SESSION_DISCARD);
}

static void
test_mixed(void **state)
{
	struct fixture *f = *state;
	struct sink_script script;

	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, "<Alice@example.test>"), 0);
	assert_int_equal(rcpt(f, "<x@elsewhere.test>"), 0);
	assert_int_equal(rcpt(f, "<bob@EXAMPLE.test>"), 0);
	assert_int_equal(data(f), SESSION_CONTINUE);
	assert_int_equal(content(f, 100), SESSION_ACCEPT);
	assert_string_equal(session_forget(f->s, 0), "<Alice@example.test>");
	assert_string_equal(session_forget(f->s, 1), "<bob@EXAMPLE.test>");
	assert_null(session_forget(f->s, 2));

	/* Only what is durable may be forgotten. */
	memset(&script, 0, sizeof(script));
	script.final[0] = "452 4.3.1 full";
	sink_script(f->sink, &script);
	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, "<alice@example.test>"), 0);
	assert_int_equal(rcpt(f, "<bob@example.test>"), 0);
	assert_int_equal(data(f), SESSION_CONTINUE);
	assert_int_equal(content(f, 100), SESSION_ACCEPT);
	assert_string_equal(session_forget(f->s, 0), "<bob@example.test>");
	assert_null(session_forget(f->s, 1));
	session_reset(f->s);
	assert_null(session_forget(f->s, 0));
}

static void
test_queued_down(void **state)
{
	static const struct {
		struct sink_script	 script;
		const char		*conf;
		enum session_what	 what;
		int			 code;
		const char		*dsn;
	} table[] = {
		{ { .mail = "452 4.3.1 full" }, "", SESSION_ACCEPT, 0, "" },
		{ { .close = SINK_AT_LAST }, "", SESSION_ACCEPT, 0, "" },
		{ { .mail = "452 4.3.1 full" }, "on_queued_down = tempfail\n", SESSION_TEMPFAIL, 452,
		    "4.3.1" },
		{ { .close = SINK_AT_LAST }, "on_queued_down = tempfail\n", SESSION_TEMPFAIL, 451,
		    "4.3.0" },
		{ { .final = { "552 5.3.4 Too big" } }, "", SESSION_REJECT, 552, "5.3.4" },
		{ { .final = { "552 Too big" } }, "on_queued_down = tempfail\n", SESSION_REJECT, 552,
		    "5.0.0" },
		{ { .mail = "550-5.7.1 no\r\n550 5.7.1 way" }, "", SESSION_REJECT, 550, "5.7.1" },
		{ { .close = SINK_STAYS }, "on_queued_down = tempfail\n", SESSION_DISCARD, 0, "" },
		/* It only screens. */
		{ { .close = SINK_STAYS }, "handover = lmtp\n", SESSION_ACCEPT, 0, "" },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		sink_script(f->sink, &table[i].script);
		service_reload(f->service, make_conf(f, table[i].conf));
		if (whole(f, "<alice@example.test>") != table[i].what || f->a.code != table[i].code)
			fail_msg("row %zu: %d %d %s", i, (int)f->a.what, f->a.code, f->a.text);
		assert_string_equal(f->a.dsn, table[i].dsn);
		assert_null(session_forget(f->s, 0));
	}
	/* Not there at all. */
	sink_stop(&f->sink);
	service_reload(f->service, make_conf(f, "on_queued_down = tempfail\n"));
	assert_int_equal(whole(f, "<alice@example.test>"), SESSION_TEMPFAIL);
	assert_int_equal(f->a.code, 451);
	service_reload(f->service, make_conf(f, ""));
	assert_int_equal(whole(f, "<alice@example.test>"), SESSION_ACCEPT);
}

static void
test_size(void **state)
{
	struct fixture *f = *state;

	mail(f, "<a@client.test>", "SIZE=1001");
	assert_int_equal(rcpt(f, "<alice@example.test>"), 0);
	assert_int_equal(rcpt(f, "<x@small.test>"), 552);
	mail(f, "<a@client.test>", "SIZE=10");
	assert_int_equal(rcpt(f, "<alice@example.test>"), 0);
	assert_int_equal(rcpt(f, "<x@small.test>"), 0);
	assert_int_equal(data(f), SESSION_CONTINUE);
	assert_int_equal(content(f, 2000), SESSION_REJECT);
	assert_int_equal(f->a.code, 552);
	assert_int_equal(sink_messages(f->sink), 0);
	/* A large one that had begun to stream. */
	service_reload(f->service, make_conf(f, "message_size_limit = 200K\n"));
	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, "<alice@example.test>"), 0);
	assert_int_equal(data(f), SESSION_CONTINUE);
	assert_int_equal(content(f, 1000000), SESSION_REJECT);
	assert_int_equal(sink_messages(f->sink), 0);
	assert_int_equal(whole(f, "<x@small.test>"), SESSION_DISCARD);
	/* The three chunks below the limit came, the other twelve did not. */
	assert_in_range(sink_chunks(f->sink), 1 + 1, 1 + 3);
}

/* <root> becomes an address in the MTA: it keeps the message, but it is screened. */
static void
test_sender_without_domain(void **state)
{
	struct fixture *f = *state;

	mail(f, "<root>", NULL);
	assert_int_equal(rcpt(f, "<mallory@example.test>"), 550);
	assert_int_equal(rcpt(f, "<alice@example.test>"), 0);
	assert_int_equal(data(f), SESSION_CONTINUE);
	assert_int_equal(content(f, 100), SESSION_ACCEPT);
	assert_null(session_forget(f->s, 0));
	assert_int_equal(sink_connections(f->sink), 0);
}

/* P9: an MTA shows a milter only so much of a header. */
static void
test_long_header(void **state)
{
	struct fixture *f = *state;
	char value[50001];

	memset(value, 'x', sizeof(value));
	value[49990] = '\0';
	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, "<alice@example.test>"), 0);
	assert_int_equal(data(f), SESSION_CONTINUE);
	session_header(f->s, "X-Long", value);
	assert_int_equal(content(f, 100000), SESSION_DISCARD);
	value[49990] = 'x';
	value[50000] = '\0';
	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, "<alice@example.test>"), 0);
	assert_int_equal(data(f), SESSION_CONTINUE);
	session_header(f->s, "X-Before", " short");
	session_header(f->s, "X-Long", value);
	assert_int_equal(content(f, 100000), SESSION_ACCEPT);
	assert_null(session_forget(f->s, 0));
	assert_int_equal(sink_messages(f->sink), 1);
	/* The first header of all. */
	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, "<alice@example.test>"), 0);
	assert_int_equal(data(f), SESSION_CONTINUE);
	session_header(f->s, "X-Long", value);
	assert_int_equal(content(f, 0), SESSION_ACCEPT);
	assert_int_equal(sink_messages(f->sink), 1);
	assert_int_equal(whole(f, "<alice@example.test>"), SESSION_DISCARD);
}

/* A transaction that ends anywhere leaves nothing to the next. */
static void
test_reset(void **state)
{
	struct fixture *f = *state;
	struct buf got;
	int stage;

	for (stage = 0; stage < 6; stage++) {
		if (stage > 0)
			mail(f, "<b@client.test>", "SIZE=500");
		if (stage > 1)
			assert_int_equal(rcpt(f, "<bob@example.test>"), 0);
		if (stage > 2)
			assert_int_equal(data(f), SESSION_CONTINUE);
		if (stage > 3)
			session_header(f->s, "X-Lost", " yes");
		if (stage > 4)
			session_body(f->s, "lost", 4);
		session_reset(f->s);
		session_reset(f->s);
	}
	assert_int_equal(whole(f, "<alice@example.test>"), SESSION_DISCARD);
	got = sink_data(f->sink);
	assert_null(strstr(got.data, "bob"));
	assert_null(strstr(got.data, "ost"));
	buf_free(&got);
	assert_int_equal(sink_messages(f->sink), 1);
	/* MAIL without an end of the one before: as after a verdict of ours. */
	mail(f, "<b@client.test>", NULL);
	assert_int_equal(rcpt(f, "<bob@example.test>"), 0);
	assert_int_equal(whole(f, "<alice@example.test>"), SESSION_DISCARD);
}

/* P8: the next command, also in the same transaction. */
static void
test_new_rules(void **state)
{
	struct fixture *f = *state;
	char *why = NULL;

	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, "<carol@example.test>"), 550);
	rulesdb_sql(db(f), "INSERT INTO recipient (domain, local_part) VALUES ('example.test', 'carol')");
	assert_int_equal(rules_poll(f->rules, &why), 1);
	assert_int_equal(rcpt(f, "<carol@example.test>"), 0);
	rulesdb_sql(db(f), "DELETE FROM domain");
	assert_int_equal(rules_poll(f->rules, &why), 1);
	assert_int_equal(data(f), SESSION_CONTINUE);
	assert_int_equal(content(f, 100), SESSION_DISCARD);
}

static void
test_too_many(void **state)
{
	struct fixture *f = *state;
	char address[64], *why = NULL;
	int i;

	mail(f, "<a@client.test>", NULL);
	for (i = 0; i < 100; i++) {
		(void)snprintf(address, sizeof(address), "<u%d@small.test>", i);
		assert_int_equal(rcpt(f, address), 0);
	}
	assert_int_equal(rcpt(f, "<u100@small.test>"), 452);
	assert_string_equal(f->a.dsn, "4.5.3");

	/* What queued can take is the limit where no rule sets one. */
	rulesdb_sql(db(f), "INSERT INTO setting (name, value) VALUES ('limits.mode', 'off')");
	assert_int_equal(rules_poll(f->rules, &why), 1);
	for (; i < 1000; i++) {
		(void)snprintf(address, sizeof(address), "<u%d@small.test>", i);
		assert_int_equal(rcpt(f, address), 0);
	}
	assert_int_equal(rcpt(f, "<u1000@small.test>"), 452);
	assert_string_equal(f->a.dsn, "4.5.3");
}

/* Recipients that do not exist lock their client out, whoever has refused them; and nobody else's. */
static void
test_unknown(void **state)
{
	char own[] = "<x@example.test>", foreign[] = "<x@elsewhere.test>";
	char *ours[] = { own, NULL }, *theirs[] = { foreign, NULL };
	struct fixture *f = *state;

	mail(f, "<a@client.test>", NULL);
	for (int i = 0; i < 30; i++)
		session_rcpt_refused(f->s, theirs);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(rcpt(f, "<mallory@example.test>"), 550);
		session_rcpt_refused(f->s, ours);
	}
	assert_int_equal(rcpt(f, "<alice@example.test>"), 0);
	session_rcpt_refused(f->s, ours);
	assert_int_equal(rcpt(f, "<alice@example.test>"), 450);
	assert_string_equal(f->a.dsn, "4.7.0");
	assert_int_equal(rcpt(f, "<mallory@example.test>"), 450);
}

/* An exception from the limits is one from this, too. */
static void
test_unknown_exception(void **state)
{
	char own[] = "<x@example.test>", *ours[] = { own, NULL };
	struct fixture *f = *state;
	char *why = NULL;

	rulesdb_sql(db(f), "INSERT INTO list (action, field, value, checks)"
	    " VALUES ('allow', 'client', '192.0.2.1', 'limits')");
	assert_int_equal(rules_poll(f->rules, &why), 1);
	mail(f, "<a@client.test>", NULL);
	for (int i = 0; i < 30; i++) {
		assert_int_equal(rcpt(f, "<mallory@example.test>"), 550);
		session_rcpt_refused(f->s, ours);
	}
	assert_int_equal(rcpt(f, "<alice@example.test>"), 0);
	rulesdb_sql(db(f), "DELETE FROM list");
	assert_int_equal(rules_poll(f->rules, &why), 1);
	assert_int_equal(rcpt(f, "<bob@example.test>"), 0);
}

static void
test_drain(void **state)
{
	struct fixture *f = *state;
	struct session *other = session_new(f->service);

	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, "<alice@example.test>"), 0);
	assert_false(service_drain(f->service, 20));
	/* What runs may finish; what comes is sent away. */
	assert_int_equal(rcpt(f, "<bob@example.test>"), 0);
	assert_int_equal(data(f), SESSION_CONTINUE);
	assert_int_equal(content(f, 100), SESSION_DISCARD);
	session_reset(f->s);
	assert_false(service_drain(f->service, 0));	/* libmilter may not have said it yet */
	assert_true(service_drain(f->service, 5000));
	mail(f, "<a@client.test>", NULL);
	assert_int_equal(rcpt(f, "<alice@example.test>"), 421);
	assert_int_equal(f->a.what, SESSION_TEMPFAIL);
	assert_true(service_drain(f->service, 0));
	session_free(&other);		/* a connection that never said a word */
	session_free(&other);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_taken),
		T(test_no_leading_space),
		T(test_protocol),
		T(test_verdicts),
		T(test_foreign),
		T(test_mixed),
		T(test_queued_down),
		T(test_size),
		T(test_sender_without_domain),
		T(test_long_header),
		T(test_reset),
		T(test_new_rules),
		T(test_too_many),
		T(test_unknown),
		T(test_unknown_exception),
		T(test_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
