/*
 * t_explain.c -- what the milter would do, found out without doing it.
 *
 * What the checks say themselves is their own tests' affair: the rows of two that are always
 * there, and those of the check "good" (plugin_object.c), are looked at here.
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
#include "milter/explain.h"
#include "milter/message.h"
#include "milter/plugin.h"
#include "milter/service.h"
#include "milter/session_private.h"
#include "test/unit/capture.h"
#include "test/unit/plugin_lab.h"
#include "test/unit/rulesdb.h"
#include "test/unit/spf_fake.h"

#define MESSAGE	"Subject: test\n\nHello.\n"
#define LINE	"0123456789012345678901234567890123456789012345678901234567890123456789\n"
#define BIG	MESSAGE LINE LINE LINE LINE LINE LINE LINE LINE LINE LINE LINE LINE LINE LINE LINE

struct fixture {
	void		*db;		/* struct rulesdb */
	struct rules	*rules;
	struct service	*service;
	struct explain	 e;
};

static const struct rulesdb *
db(const struct fixture *f)
{
	return f->db;
}

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char path[128], *why = NULL;
	struct plugin_set *plugins;
	struct conf *conf;
	FILE *fp;

	if (rulesdb_setup(&f->db) != 0)
		return -1;
	rulesdb_sql(db(f), "INSERT INTO domain (name, primaries, list_max_age, list_time) VALUES"
	    " ('example.test', 'p.test', '', 1);"
	    "INSERT INTO recipient (domain, local_part) VALUES ('example.test', 'joe');"
	    "INSERT INTO domain (name, primaries, recipients) VALUES ('other.test', 'p.test', 'any')");
	(void)snprintf(path, sizeof(path), "%s/holdfast.conf", db(f)->dir);
	fp = fopen(path, "w");
	assert_non_null(fp);
	/* Nobody is there; and who asked would be seen to wait. */
	(void)fprintf(fp, "hostname = mx2.test\nlmtp_listen = unix:%s/none.sock\nresolver = 127.0.0.1:1\n"
			  "on_queued_down = tempfail\nmessage_size_limit = 1K\n", db(f)->dir);
	(void)fclose(fp);
	if ((conf = conf_load(path, &why)) == NULL)
		fail_msg("%s", why);
	plugin_lab_copy("BODY", db(f)->dir, "check.so", 0644);
	plugins = plugin_set_load(db(f)->dir, 20000);
	if ((f->rules = rules_open(db(f)->path, &why)) == NULL)
		return -1;
	f->service = explain_service(conf, f->rules, plugins, NULL, &why);
	*state = f;
	return f->service == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	explain_clear(&f->e);
	service_free(&f->service);
	rules_close(&f->rules);
	(void)rulesdb_teardown(&f->db);
	free(f);
	return 0;
}

/* Checks that these tests are not about would be heard, too, and ask the DNS. */
#define QUIET	"INSERT INTO setting (scope, name, value) VALUES ('', 'helo.mode', 'off')," \
		" ('', 'sender_domain.mode', 'off'), ('', 'spf.mode', 'off')"

/* New settings; the ones before are gone. */
static void
settings(struct fixture *f, const char *values)
{
	char *why = NULL, *sql;

	rulesdb_sql(db(f), "DELETE FROM setting;" QUIET);
	if (values[0] != '\0') {
		sql = xasprintf("INSERT OR REPLACE INTO setting (scope, name, value) VALUES %s", values);
		rulesdb_sql(db(f), sql);
		free(sql);
	}
	if (rules_poll(f->rules, &why) == -1)
		fail_msg("%s", why);
}

static const struct explain *
ask(struct fixture *f, const char *helo, const char *to, const char *message)
{
	struct explain_question q = { .client = "192.0.2.1", .name = "client.test", .helo = helo,
		.sender = "ann@example.org", .recipient = to };
	char *why = NULL;

	explain_clear(&f->e);
	if (message != NULL) {
		q.message = fmemopen((char *)(uintptr_t)message, strlen(message), "r");
		assert_non_null(q.message);
	}
	if (explain_run(f->service, &q, &f->e, &why) == -1)
		fail_msg("%s", why);
	if (q.message != NULL)
		(void)fclose(q.message);
	return &f->e;
}

static const struct explain_row *
row(const struct explain *e, enum check_stage stage, const char *check)
{
	for (size_t i = 0; i < e->nrows; i++)
		if (e->row[i].stage == stage && strcmp(e->row[i].check, check) == 0)
			return &e->row[i];
	fail_msg("there is no row for %s at %s", check, engine_stage_name(stage));
	return NULL;
}

/* --- what comes of it ---------------------------------------------------------------- */

static void
ends(void **state)
{
	static const struct {
		const char	*settings, *helo, *to, *message;
		enum explain_end end;
		int		 code;
		const char	*dsn, *by, *reason;
		enum verdict_action fate;
	} rows[] = {
		{ "", "good", "joe@example.test", NULL, EXPLAIN_ACCEPTED, 250, "2.1.5", "", "",
		    VERDICT_PASS },
		{ "", "good", "<Joe@Example.test>", MESSAGE, EXPLAIN_ACCEPTED, 250, "2.0.0", "", "",
		    VERDICT_PASS },
		{ "", "good", "jim@example.test", NULL, EXPLAIN_REFUSED, 550, "5.1.1", "recipient",
		    "unknown recipient", VERDICT_PASS },
		{ "", "reject", "joe@example.test", NULL, EXPLAIN_REFUSED, 550, "5.7.1", "body", "helo r",
		    VERDICT_PASS },
		{ "", "defer", "joe@example.test", NULL, EXPLAIN_PUT_OFF, 450, "4.7.1", "body", "helo d",
		    VERDICT_PASS },
		{ "", "fault", "joe@example.test", NULL, EXPLAIN_PUT_OFF, 451, "4.3.0", "body",
		    "check failed", VERDICT_PASS },
		{ "('', 'threshold.defer', '2')", "score", "joe@example.test", NULL, EXPLAIN_PUT_OFF, 450,
		    "4.7.1", "threshold", "score 2.5", VERDICT_PASS },
		/* What its content would come to does not save a recipient that is refused. */
		{ "", "quarantine", "jim@example.test", MESSAGE, EXPLAIN_REFUSED, 550, "5.1.1", "recipient",
		    "unknown recipient", VERDICT_PASS },
		{ "", "good", "jim@example.test", BIG, EXPLAIN_REFUSED, 550, "5.1.1", "recipient",
		    "unknown recipient", VERDICT_PASS },
		{ "", "good", "joe@example.test", BIG, EXPLAIN_REFUSED, 552, "5.3.4", "size", "too big",
		    VERDICT_PASS },
		{ "", "quarantine", "joe@example.test", MESSAGE, EXPLAIN_ACCEPTED, 250, "2.0.0", "", "",
		    VERDICT_QUARANTINE },
		{ "", "tag", "joe@example.test", MESSAGE, EXPLAIN_ACCEPTED, 250, "2.0.0", "", "",
		    VERDICT_TAG },
		{ "", "tag", "joe@example.test", NULL, EXPLAIN_ACCEPTED, 250, "2.1.5", "", "",
		    VERDICT_PASS },
		{ "('', 'plugin.mode', 'off')", "reject", "joe@example.test", NULL, EXPLAIN_ACCEPTED, 250,
		    "2.1.5", "", "", VERDICT_PASS },
		{ "('', 'global.mode', 'shadow')", "good", "jim@example.test", MESSAGE, EXPLAIN_ACCEPTED,
		    250, "2.0.0", "", "", VERDICT_PASS },
		{ "", "reject", "joe@elsewhere.test", MESSAGE, EXPLAIN_NOT_OURS, 0, "", "", "",
		    VERDICT_PASS },
		{ "", "reject", "postmaster", NULL, EXPLAIN_NOT_OURS, 0, "", "", "", VERDICT_PASS },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct explain *e;

		settings(f, rows[i].settings);
		e = ask(f, rows[i].helo, rows[i].to, rows[i].message);
		if (e->end != rows[i].end || e->code != rows[i].code || e->fate != rows[i].fate ||
		    e->content != (rows[i].message != NULL && e->end != EXPLAIN_NOT_OURS))
			fail_msg("row %zu: end %d code %d fate %d", i, (int)e->end, e->code, (int)e->fate);
		if (e->end == EXPLAIN_NOT_OURS)
			continue;
		assert_string_equal(e->dsn, rows[i].dsn);
		assert_string_equal(e->by, rows[i].by);
		assert_string_equal(e->reason, rows[i].reason);
	}
}

/* The reply is what the client would read, the trace id apart: nobody shall look for it in the log. */
static void
reply(void **state)
{
	const struct explain *e = ask(*state, "good", "jim@example.test", NULL);

	assert_string_equal(e->text,
	    "<jim@example.test>: Recipient address rejected: User unknown [trace=explain]");
}

static void
would(void **state)
{
	struct fixture *f = *state;
	const struct explain *e;

	settings(f, "('', 'global.mode', 'shadow')");
	e = ask(f, "good", "jim@example.test", NULL);
	assert_int_equal(e->would.action, VERDICT_REJECT);
	assert_string_equal(e->would.check, "recipient");
	settings(f, "('', 'plugin.mode', 'shadow')");
	e = ask(f, "quarantine", "joe@example.test", MESSAGE);
	assert_int_equal(e->would.action, VERDICT_QUARANTINE);
	assert_int_equal(e->fate, VERDICT_PASS);
	e = ask(f, "good", "joe@example.test", MESSAGE);
	assert_int_equal(e->would.action, VERDICT_PASS);
}

/* --- what was found ------------------------------------------------------------------------ */

static void
modes(void **state)
{
	struct fixture *f = *state;
	const struct explain *e = ask(f, "reject", "joe@example.test", MESSAGE);
	const struct explain_row *r = row(e, STAGE_RCPT, "body");

	assert_int_equal(r->state, EXPLAIN_ASKED);
	assert_int_equal(r->mode, MODE_ENFORCE);
	assert_int_equal(r->verdict.action, VERDICT_REJECT);
	assert_string_equal(r->verdict.reason, "helo r");
	assert_int_equal(r->of->cost, COST_NETWORK);
	assert_false(r->late);
	assert_true(r->us >= 0);
	assert_false(row(e, STAGE_RCPT, "recipient")->late);
	/* Nobody would have sent it. */
	assert_true(row(e, STAGE_EOM, "body")->late);
	assert_true(row(e, STAGE_EOM, "size")->late);
	settings(f, "('', 'plugin.mode', 'shadow')");
	e = ask(f, "reject", "joe@example.test", MESSAGE);
	r = row(e, STAGE_RCPT, "body");
	assert_int_equal(r->state, EXPLAIN_ASKED);
	assert_int_equal(r->mode, MODE_SHADOW);
	assert_int_equal(r->verdict.action, VERDICT_REJECT);
	assert_false(row(e, STAGE_EOM, "size")->late);
	settings(f, "('example.test', 'plugin.mode', 'off')");
	e = ask(f, "reject", "joe@example.test", MESSAGE);
	assert_int_equal(row(e, STAGE_RCPT, "body")->state, EXPLAIN_OFF);
	assert_int_equal(row(e, STAGE_RCPT, "body")->mode, MODE_OFF);
	assert_int_equal(row(e, STAGE_EOM, "body")->state, EXPLAIN_OFF);
	e = ask(f, "reject", "ann@other.test", NULL);
	assert_int_equal(row(e, STAGE_RCPT, "body")->state, EXPLAIN_ASKED);
}

/* What comes after the decision is asked nevertheless, and shown to be late. */
static void
late(void **state)
{
	const struct explain *e = ask(*state, "reject", "jim@example.test", NULL);
	const struct explain_row *r = row(e, STAGE_RCPT, "body");

	assert_true(r->late);
	assert_int_equal(r->verdict.action, VERDICT_REJECT);
	assert_string_equal(e->by, "recipient");
	e = ask(*state, "defer", "joe@example.test", MESSAGE);	/* is final */
	assert_true(row(e, STAGE_EOM, "size")->late);
	e = ask(*state, "fault", "joe@example.test", MESSAGE);	/* is not: the next may say more */
	assert_int_equal(e->end, EXPLAIN_PUT_OFF);
	assert_true(row(e, STAGE_EOM, "size")->late);
	e = ask(*state, "score", "joe@example.test", MESSAGE);
	assert_false(row(e, STAGE_EOM, "size")->late);
}

static void
rows(void **state)
{
	struct fixture *f = *state;
	const struct explain *e;
	const struct explain_row *r;
	size_t n, seen = 0;
	const struct check *const *table = service_checks(f->service, &n);

	/* Each check with a hook for it, once, in the order of the table. */
	e = ask(f, "good", "joe@example.test", NULL);
	for (size_t i = 0; i < n; i++)
		if (table[i]->at_rcpt != NULL) {
			while (seen < e->nrows && e->row[seen].of == NULL)
				seen++;
			assert_true(seen < e->nrows);
			assert_ptr_equal(e->row[seen++].of, table[i]);
		}
	while (seen < e->nrows)
		assert_null(e->row[seen++].of);
	/* At the end those that look at the whole message, and no other. */
	e = ask(f, "good", "joe@example.test", MESSAGE);
	for (size_t i = 0; i < e->nrows; i++)
		if (e->row[i].stage == STAGE_EOM && e->row[i].of != NULL)
			assert_non_null(e->row[i].of->at_eom);
	/* The thresholds have one when they decide. */
	settings(f, "('', 'threshold.reject', '2.5')");
	e = ask(f, "score", "joe@example.test", NULL);
	r = &e->row[e->nrows - 1];
	assert_int_equal(r->state, EXPLAIN_THRESHOLD);
	assert_string_equal(r->check, "threshold");
	assert_int_equal(r->verdict.action, VERDICT_REJECT);
	assert_int_equal(e->score, 250);
}

static void
exceptions(void **state)
{
	struct fixture *f = *state;
	const struct explain *e;
	char *why = NULL;
	size_t n;
	const struct check *const *table = service_checks(f->service, &n);
	bool lists = false;

	for (size_t i = 0; i < n; i++)
		lists = lists || strcmp(table[i]->name, "lists") == 0;
	if (!lists)
		return;		/* nothing makes exceptions */
	rulesdb_sql(db(f), "INSERT INTO list (action, field, value, checks)"
	    " VALUES ('allow', 'client', '192.0.2.1', 'plugin')");
	assert_int_equal(rules_poll(f->rules, &why), 1);
	e = ask(f, "reject", "joe@example.test", MESSAGE);
	assert_int_equal(e->end, EXPLAIN_ACCEPTED);
	for (int stage = STAGE_RCPT; stage <= STAGE_EOM; stage++) {
		const struct explain_row *r = row(e, (enum check_stage)stage, "body");

		assert_int_equal(r->state, EXPLAIN_EXEMPT);
		assert_memory_equal(r->exception, "list", 4);
	}
}

static void
policy(void **state)
{
	static const struct {
		const char	*to, *scope;
		unsigned	 like_everybody;	/* of the same class */
	} rows[] = {
		{ "joe@example.test", "joe@example.test", 1 },
		{ "mary@example.test", "example.test", 0 },
		{ "mary@other.test", "", 1 },
	};
	struct fixture *f = *state;
	unsigned everybody;

	settings(f, "('example.test', 'threshold.tag', '5'), ('joe@example.test', 'threshold.tag', 'never')");
	everybody = ask(f, "good", "x@other.test", NULL)->class;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct explain *e = ask(f, "good", rows[i].to, NULL);

		assert_string_equal(e->scope, rows[i].scope);
		assert_int_equal(e->class == everybody, rows[i].like_everybody);
		assert_int_equal(e->policy->threshold_tag == RULES_NEVER, rows[i].like_everybody);
	}
	assert_string_equal(ask(f, "good", "joe@example.test", NULL)->domain, "example.test");
	assert_string_equal(ask(f, "good", "joe@elsewhere.test", NULL)->domain, "");
}

/* --- nothing happens by it --------------------------------------------------------------------- */

static void
count_names(void *arg, const char *name, const uint64_t n[NCOUNTERS])
{
	(void)name;
	(void)n;
	++*(size_t *)arg;
}

static void
harmless(void **state)
{
	struct fixture *f = *state;
	struct capture c;
	size_t counted = 0;
	char *log;

	capture_begin(&c);
	settings(f, "('', 'threshold.reject', '2')");
	(void)ask(f, "good", "joe@example.test", MESSAGE);
	assert_int_equal(f->e.end, EXPLAIN_ACCEPTED);	/* and not 451: queued was not even looked for */
	(void)ask(f, "score", "joe@example.test", MESSAGE);
	(void)ask(f, "reject", "jim@example.test", NULL);
	settings(f, "('', 'global.mode', 'shadow')");
	(void)ask(f, "reject", "jim@example.test", MESSAGE);
	log = capture_end(&c);
	assert_string_equal(log, "");
	free(log);
	counters_each(service_counters(f->service), count_names, &counted);
	assert_int_equal(counted, 0);
	assert_true(service_drain(f->service, 5000));	/* no transaction is left */
}

/* --- questions --------------------------------------------------------------------------------- */

static void
addresses(void **state)
{
	static const struct {
		const char	*text, *is;	/* NULL: refused */
	} table[] = {
		{ "192.0.2.1", "192.0.2.1" }, { "2001:DB8::1", "2001:db8::1" }, { "::1", "::1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" }, { "", NULL }, { "192.0.2", NULL },
		{ "192.0.2.256", NULL }, { "192.0.2.1/24", NULL }, { "mail.example.org", NULL },
		{ "[192.0.2.1]", NULL }, { " 192.0.2.1", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char text[INET6_ADDRSTRLEN] = "";
		struct sockaddr_storage ss;
		int rc = explain_address(table[i].text, &ss);

		if ((rc == 0) != (table[i].is != NULL))
			fail_msg("\"%s\": %d", table[i].text, rc);
		if (rc == -1)
			continue;
		(void)inet_ntop(ss.ss_family, ss.ss_family == AF_INET ?
		    (const void *)&((const struct sockaddr_in *)&ss)->sin_addr :
		    (const void *)&((const struct sockaddr_in6 *)&ss)->sin6_addr, text, sizeof(text));
		assert_string_equal(text, table[i].is);
	}
}

static void
bad_questions(void **state)
{
	struct fixture *f = *state;
	struct explain_question q = { .client = "nobody", .helo = "good", .sender = "", .recipient = "" };
	char *why = NULL, *long_header = malloc(EXPLAIN_HEADERS_MAX + 20);

	assert_int_equal(explain_run(f->service, &q, &f->e, &why), -1);
	assert_string_equal(why, "`nobody' is not an address");
	free(why);
	explain_clear(&f->e);
	/* Empty and odd ones have an answer. */
	q.client = "192.0.2.1";
	q.name = "";
	assert_int_equal(explain_run(f->service, &q, &f->e, &why), 0);
	assert_int_equal(f->e.end, EXPLAIN_NOT_OURS);
	explain_clear(&f->e);
	q.recipient = "a b@example.test";
	assert_int_equal(explain_run(f->service, &q, &f->e, &why), 0);
	assert_int_equal(f->e.code, 501);
	explain_clear(&f->e);
	q.recipient = "jo\xc3\xab@other.test";
	assert_int_equal(explain_run(f->service, &q, &f->e, &why), 0);
	assert_int_equal(f->e.end, EXPLAIN_ACCEPTED);
	explain_clear(&f->e);
	/* A message that is none. */
	assert_non_null(long_header);
	memset(long_header, 'x', EXPLAIN_HEADERS_MAX + 20);
	memcpy(long_header, "X:", 2);
	q.message = fmemopen(long_header, EXPLAIN_HEADERS_MAX + 20, "r");
	assert_int_equal(explain_run(f->service, &q, &f->e, &why), -1);
	assert_non_null(strstr(why, "bytes of headers"));
	free(why);
	(void)fclose(q.message);
	free(long_header);
}

/* --- the message ------------------------------------------------------------------- */

static void
messages(void **state)
{
	static const struct {
		const char	*file, *bytes;
		size_t		 nheaders;
	} table[] = {
		{ "Subject: a\n\nbody\n", "Subject: a\r\n\r\nbody\r\n", 1 },
		{ "Subject: a\r\n\r\nbody\r\n", "Subject: a\r\n\r\nbody\r\n", 1 },
		{ "From ann@example.org Mon Nov  2 10:00:00 2026\nSubject: a\n\nFrom here\n",
		    "Subject: a\r\n\r\nFrom here\r\n", 1 },
		{ "Subject: a\n b\n\tc\nTo:x\n\n", "Subject: a\r\n b\r\n\tc\r\nTo:x\r\n\r\n", 2 },
		{ "Subject: a\n\nno end", "Subject: a\r\n\r\nno end", 1 },
		{ "Subject: a\n", "Subject: a\r\n\r\n", 1 },
		{ "Subject: a", "Subject: a\r\n\r\n", 1 },
		{ "\nbody\n", "\r\nbody\r\n", 0 },
		{ "not a header\nbody\n", "\r\nnot a header\r\nbody\r\n", 0 },
		{ "Subject: a\nnot: a header\n\n", "Subject: a\r\nnot: a header\r\n\r\n", 2 },
		{ "Subject: a\nnot a header: b\nbody\n", "Subject: a\r\n\r\nnot a header: b\r\nbody\r\n", 1 },
		{ " folded at once\nbody\n", "\r\n folded at once\r\nbody\r\n", 0 },
		{ ": no name\n\n", "\r\n: no name\r\n\r\n", 0 },
		{ "A: b\n\n\r\n\n\r\n\n", "A: b\r\n\r\n\r\n\r\n\r\n\r\n", 1 },
		{ "A: b\n\n.\n..\n", "A: b\r\n\r\n.\r\n..\r\n", 1 },
		{ "A: \xe4\n\n\xff\n", "A: \xe4\r\n\r\n\xff\r\n", 1 },
		{ "", "\r\n", 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(table); i++) {
		char sender[] = "<a@b.test>", rcpt[] = "<joe@example.test>", got[256], *why = NULL;
		char *mail_argv[] = { sender, NULL }, *rcpt_argv[] = { rcpt, NULL };
		struct session *s = session_new(f->service);
		struct session_answer a;
		FILE *file = tmpfile();
		ssize_t n;

		assert_non_null(file);
		(void)fputs(table[i].file, file);
		rewind(file);
		session_mail(s, mail_argv, NULL);
		session_rcpt(s, rcpt_argv, &a);
		session_data(s, &a);
		assert_int_equal(explain_message(s, file, &why), 0);
		assert_non_null(s->txn.message);
		n = message_read(s->txn.message, got, sizeof(got) - 1, 0);
		got[n > 0 ? n : 0] = '\0';
		if (strcmp(got, table[i].bytes) != 0)
			fail_msg("row %zu: \"%s\"", i, got);
		assert_int_equal(message_view(s->txn.message)->nheaders, table[i].nheaders);
		(void)fclose(file);
		session_free(&s);
	}
}

/* --- SPF ------------------------------------------------------------------------------- */

/* Asked as in the milter, and what it says is there, whether or not a rule does something about it. */
static void
spf_is_asked(void **state)
{
	struct fixture *f = *state;
	struct spf *spf;
	struct spf_fake *fake = spf_fake_new(&spf);
	const struct explain_row *r;

	spf_fake_helo(fake, SPF_NEUTRAL, "");
	service_use_spf(f->service, spf);
	settings(f, "('', 'spf.mode', 'enforce')");
	spf_fake_sender(fake, SPF_FAIL, "");
	assert_int_equal(ask(f, "helo.test", "joe@example.test", NULL)->code, 550);
	assert_string_equal(f->e.by, "spf");
	assert_int_equal(row(&f->e, STAGE_RCPT, "spf")->spf->sender.result, SPF_FAIL);
	spf_fake_sender(fake, SPF_NONE, "");
	assert_int_equal(ask(f, "helo.test", "joe@example.test", MESSAGE)->code, 250);
	r = row(&f->e, STAGE_RCPT, "spf");
	assert_int_equal(r->verdict.action, VERDICT_PASS);
	assert_int_equal(r->spf->sender.result, SPF_NONE);
	assert_string_equal(r->spf->sender.domain, "example.org");
	assert_int_equal(r->spf->helo.result, SPF_NEUTRAL);
	assert_string_equal(r->spf->helo.domain, "helo.test");
	assert_null(row(&f->e, STAGE_RCPT, "recipient")->spf);
	settings(f, "");
	assert_null(row(ask(f, "helo.test", "joe@example.test", NULL), STAGE_RCPT, "spf")->spf);
	service_use_spf(f->service, NULL);
	spf_fake_free(&fake, &spf);
}

/* It could not be started: not a pass. */
static void
spf_is_not_there(void **state)
{
	struct fixture *f = *state;

	settings(f, "('', 'spf.mode', 'enforce'), ('', 'spf.temperror', 'defer')");
	assert_int_equal(ask(f, "helo.test", "joe@example.test", NULL)->code, 451);
	assert_string_equal(f->e.by, "spf");
	settings(f, "('', 'spf.mode', 'enforce')");
	assert_int_equal(ask(f, "helo.test", "joe@example.test", NULL)->code, 250);
	assert_int_equal(row(&f->e, STAGE_RCPT, "spf")->spf->sender.result, SPF_TEMPERROR);
	assert_string_equal(row(&f->e, STAGE_RCPT, "spf")->spf->sender.why, "the SPF process was not started");
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ends),
		T(reply),
		T(would),
		T(modes),
		T(late),
		T(rows),
		T(exceptions),
		T(policy),
		T(harmless),
		T(spf_is_asked),
		T(spf_is_not_there),
		cmocka_unit_test(addresses),
		T(bad_questions),
		T(messages),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
