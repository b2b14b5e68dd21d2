/*
 * t_scan.c -- what scanners answer, by tables; and scanners that answer badly.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "milter/message.h"
#include "milter/scan.h"
#include "scan_peer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PATIENCE 400		/* ms for an answer */

/* --- points -------------------------------------------------------------------- */

static void
test_score(void **state)
{
	static const struct {
		const char	*text;
		size_t		 used;		/* 0: no number */
		int		 score;
	} table[] = {
		{ "5", 1, 500 }, { "5.3", 3, 530 }, { "5.25 / 5.0", 4, 525 }, { "-1.9", 4, -190 },
		{ "+2", 2, 200 }, { "0", 1, 0 }, { "-0.0", 4, 0 }, { "1000.0", 6, 100000 },
		{ "1.005", 5, 101 }, { "1.004999", 8, 100 }, { "-1.006", 6, -101 }, { "5.", 1, 500 },
		{ "5,3", 1, 500 }, { "007", 3, 700 },
		{ "99999999999999999999999999", 26, SCAN_SCORE_MAX }, { "-99999999", 9, -SCAN_SCORE_MAX },
		{ "", 0, 0 }, { "-", 0, 0 }, { "+-1", 0, 0 }, { ".5", 0, 0 }, { " 5", 0, 0 }, { "x", 0, 0 },
		{ "inf", 0, 0 }, { "nan", 0, 0 }, { "-inf", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		int score = 0;
		size_t used = scan_score(table[i].text, strlen(table[i].text), &score);

		if (used != table[i].used || score != table[i].score)
			fail_msg("%s: %zu %d", table[i].text, used, score);
	}
}

static void
test_header_score(void **state)
{
	static const struct {
		const char	*value;
		bool		 good;
		int		 score;
	} table[] = {
		{ "5.3", true, 530 }, { "  5.3 (+++++)", true, 530 }, { "-2", true, -200 },
		{ "score=5.3", true, 530 }, { "Yes, score=5.3 required=5.0 tests=A,B", true, 530 },
		{ "No, score=-0.5 required=5.0", true, -50 }, { "score= 7", true, 700 },
		{ "Yes", false, 0 }, { "*****", false, 0 }, { "", false, 0 }, { "score=high", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		int score = 0;

		if (scan_header_score(table[i].value, &score) != table[i].good || score != table[i].score)
			fail_msg("%s: %d", table[i].value, score);
	}
}

/* --- answers -------------------------------------------------------------------- */

struct answer {
	const char	*bytes;
	size_t		 len;		/* 0: strlen() */
	int		 rc;
	bool		 found;
	int		 score;
	const char	*text;		/* in text, or after -1 in why; NULL: never mind */
};

typedef int parse_fn(const char *, size_t, struct scan_result *);

static void
parse_all(parse_fn *parse, const struct answer *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct scan_result r = { .found = false };
		size_t len = table[i].len != 0 ? table[i].len : strlen(table[i].bytes);
		char *copy = malloc(len > 0 ? len : 1);		/* so that a sanitizer sees each byte beyond */
		int rc;

		memcpy(copy, table[i].bytes, len);
		rc = parse(copy, len, &r);
		if (rc != table[i].rc)
			fail_msg("row %zu: %d %s", i, rc, r.why);
		if (rc == 0 && (r.found != table[i].found || r.score != table[i].score))
			fail_msg("row %zu: %d %d", i, r.found, r.score);
		if (table[i].text != NULL)
			assert_string_equal(table[i].text, rc == 0 ? r.text : r.why);
		free(copy);
	}
}

#define S(s)	s, sizeof(s) - 1

static void
test_clamd(void **state)
{
	static const struct answer table[] = {
		{ S("stream: OK\0"), 0, false, 0, "" },
		{ S("stream: Eicar-Test.UNOFFICIAL FOUND\0"), 0, true, 0, "Eicar-Test.UNOFFICIAL" },
		{ S("stream: a b FOUND\0"), 0, true, 0, "a b" },
		{ S("stream: a\r\nb\xff FOUND\0"), 0, true, 0, "a??b?" },
		{ S("stream: FOUND\0"), -1, false, 0, "answered \"stream: FOUND\"" },
		{ S("stream:  FOUND\0"), -1, false, 0, NULL },
		{ S("stream: OK"), -1, false, 0, "answer cut short" },
		{ S("stream: x FOUND"), -1, false, 0, "answer cut short" },
		{ S("stream: OK\0x"), -1, false, 0, NULL },
		{ S("stream: OK\0\0"), -1, false, 0, NULL },
		{ S("stream: O\0"), -1, false, 0, NULL },
		{ S("stream: x OK\0"), -1, false, 0, NULL },
		{ S("OK\0"), -1, false, 0, NULL },
		{ S("\0"), -1, false, 0, NULL },
		{ "", 0, -1, false, 0, NULL },
		{ S("INSTREAM size limit exceeded. ERROR\0"), -1, false, 0,
		    "answered \"INSTREAM size limit exceeded. ERROR\"" },
		{ S("UNKNOWN COMMAND\0"), -1, false, 0, NULL },
	};

	(void)state;
	parse_all(scan_clamd_parse, table, COUNT(table));
}

static void
test_spamd(void **state)
{
	static const struct answer table[] = {
		{ "SPAMD/1.1 0 EX_OK\r\nContent-length: 5\r\nSpam: True ; 1000.0 / 5.0\r\n\r\nGTUBE", 0, 0, false,
		    100000, "GTUBE" },
		{ "SPAMD/1.1 0 EX_OK\r\nSpam: False ; -1.5 / 5.0\r\n\r\n", 0, 0, false, -150, "" },
		{ "SPAMD/1.5 0 EX_OK\r\nspam:True;5/5\r\ncontent-LENGTH:3\r\nX: y\r\n\r\nA\r\n", 0, 0, false, 500,
		    "A" },
		{ "SPAMD/1.1 0 EX_OK\nSpam: Yes ; 5.0 / 5.0\n\n", 0, 0, false, 500, "" },
		/* cut short */
		{ "", 0, -1, false, 0, "answer cut short" },
		{ "SPAMD/1.1 0 EX_", 0, -1, false, 0, "answer cut short" },
		{ "SPAMD/1.1 0 EX_OK\r\n", 0, -1, false, 0, "answer cut short" },
		{ "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1000.0 / 5.0\r\n", 0, -1, false, 0, "answer cut short" },
		{ "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1", 0, -1, false, 0, "answer cut short" },
		/* lies about its length */
		{ "SPAMD/1.1 0 EX_OK\r\nContent-length: 6\r\nSpam: True ; 1.0 / 5.0\r\n\r\nGTUBE", 0, -1, false, 0,
		    "answer cut short" },
		{ "SPAMD/1.1 0 EX_OK\r\nContent-length: 4\r\nSpam: True ; 1.0 / 5.0\r\n\r\nGTUBE", 0, -1, false, 0,
		    "answer longer than it says" },
		{ "SPAMD/1.1 0 EX_OK\r\nContent-length: 99999999999999999999\r\nSpam: True ; 1.0 / 5.0\r\n\r\n", 0,
		    -1, false, 0, "its Content-length is not sensible" },
		{ "SPAMD/1.1 0 EX_OK\r\nContent-length: -1\r\nSpam: True ; 1.0 / 5.0\r\n\r\n", 0, -1, false, 0,
		    "its Content-length is not sensible" },
		{ "SPAMD/1.1 0 EX_OK\r\nContent-length:\r\nSpam: True ; 1.0 / 5.0\r\n\r\n", 0, -1, false, 0, NULL },
		/* errors */
		{ "SPAMD/1.0 76 Bad header line: x\r\n", 0, -1, false, 0,
		    "answered \"SPAMD/1.0 76 Bad header line: x\"" },
		{ "SPAMD/1.1 01 EX_OK\r\nSpam: True ; 1.0 / 5.0\r\n\r\n", 0, -1, false, 0, NULL },
		{ "SPAMD/1.1\r\nSpam: True ; 1.0 / 5.0\r\n\r\n", 0, -1, false, 0, NULL },
		{ "HTTP/1.1 200 OK\r\n\r\n", 0, -1, false, 0, NULL },
		/* no score, or something else in its place */
		{ "SPAMD/1.1 0 EX_OK\r\n\r\n", 0, -1, false, 0, "no score in its answer" },
		{ "SPAMD/1.1 0 EX_OK\r\nSpam: True\r\n\r\n", 0, -1, false, 0, "its score is not a number" },
		{ "SPAMD/1.1 0 EX_OK\r\nSpam: True ; nan / 5.0\r\n\r\n", 0, -1, false, 0, NULL },
		{ "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1.0\r\n\r\n", 0, -1, false, 0, NULL },
		{ "SPAMD/1.1 0 EX_OK\r\nSpam: True ;\r\n\r\n", 0, -1, false, 0, NULL },
		{ "SPAMD/1.1 0 EX_OK\r\nSpam: a ; 1.0 / 5\r\nSpam: b ; 2.0 / 5\r\n\r\n", 0, -1, false, 0,
		    "two scores in its answer" },
		{ S("SPAMD/1.1 0 EX_OK\r\nSpam: \0True ; 1.0 / 5.0\r\n\r\n\0\0"), 0, false, 100, "??" },
	};

	(void)state;
	parse_all(scan_spamd_parse, table, COUNT(table));
}

static void
test_rspamd(void **state)
{
	static const struct answer table[] = {
		{ "{\"score\": 15.0, \"action\": \"reject\", \"symbols\": {}}", 0, 0, false, 1500, "reject" },
		{ "{\"score\": -2.345}", 0, 0, false, -235, "" },
		{ "{\"score\": 7, \"action\": \"a\\nb\"}", 0, 0, false, 700, "a?b" },
		{ "{\"score\": 1e30, \"action\": 7}", 0, 0, false, SCAN_SCORE_MAX, "" },
		{ "{\"score\": -1e30}", 0, 0, false, -SCAN_SCORE_MAX, "" },
		{ "{\"error\": \"message is too large\"}", 0, -1, false, 0, "error: message is too large" },
		{ "{\"score\": \"15.0\"}", 0, -1, false, 0, "no score in its answer" },
		{ "{\"score\": NaN}", 0, -1, false, 0, NULL },
		{ "{\"score\": 1e999}", 0, -1, false, 0, NULL },
		{ "{}", 0, -1, false, 0, NULL },
		{ "[15.0]", 0, -1, false, 0, "its answer is not a JSON object" },
		{ "{\"score\": 15.0, \"act", 0, -1, false, 0, "its answer is not a JSON object" },
		{ "{\"score\": 15.0} x", 0, -1, false, 0, NULL },
		{ "", 0, -1, false, 0, NULL },
		{ S("{\"score\": 15.0}\0"), -1, false, 0, NULL },
	};

	(void)state;
	parse_all(scan_rspamd_parse, table, COUNT(table));
}

/* The milter's threads have small stacks (main.c): nested as deep as it may be, JSON must not exhaust one. */
static void *
parse_deep(void *arg)
{
	struct scan_result r = { .found = false };
	struct buf b = BUF_INIT;
	char used[128 * 1024];		/* by who called us */

	memset(used, 1, sizeof(used));
	for (int i = 0; i < 100000; i++)
		buf_puts(&b, arg);
	assert_int_equal(-used[99], scan_rspamd_parse(b.data, b.len, &r));
	buf_free(&b);
	return NULL;
}

static void
test_deep(void **state)
{
	static char array[] = "[", object[] = "{\"a\":", *const all[] = { array, object };
	pthread_attr_t attr;
	pthread_t thread;

	(void)state;
	assert_int_equal(0, pthread_attr_init(&attr));
	assert_int_equal(0, pthread_attr_setstacksize(&attr, 512 * 1024));
	for (size_t i = 0; i < COUNT(all); i++) {
		assert_int_equal(0, pthread_create(&thread, &attr, parse_deep, all[i]));
		assert_int_equal(0, pthread_join(thread, NULL));
	}
	(void)pthread_attr_destroy(&attr);
}

/* --- over a socket ---------------------------------------------------------------- */

struct world {
	struct message	*message;
	struct scan_mail mail;
};

/* A reply in a script, with its NULs. */
#define B(s)	.reply = s, .len = sizeof(s) - 1

static const char *const rcpts[] = { "joe@example.test", "mary@example.test" };

static struct world
world(size_t bytes)
{
	struct world w = { .message = message_new(10, 1000, "") };
	struct buf body = BUF_INIT;

	buf_puts(&body, "Subject: x\r\n\r\n");
	for (size_t i = 0; body.len < bytes; i++)
		buf_printf(&body, "%08zu\r\n", i);
	message_put(w.message, body.data, body.len);
	w.mail = (struct scan_mail){ .message = message_view(w.message), .client_addr = "2001:db8::1",
	    .client_name = "client.example.org", .helo = "helo.example.org", .user = "ann",
	    .sender = "a\r\nX: b@example.org", .id = "trace1", .hostname = "mx2.test", .rcpts = rcpts,
	    .nrcpts = 2 };
	buf_free(&body);
	return w;
}

typedef int scan_fn(const char *, const struct scan_mail *, int64_t, struct scan_result *);

/* Asks; whatever the peer does, the answer is there in time. */
static int
ask(scan_fn *scan, const char *server, const struct world *w, struct scan_result *r)
{
	int64_t begun = clock_mono_ms();
	int rc = scan(server, &w->mail, begun + PATIENCE, r);

	assert_true(clock_mono_ms() - begun < PATIENCE + 2000);
	assert_true(rc == 0 || r->why[0] != '\0');
	return rc;
}

#define HTTP(head, body)	"HTTP/1.1 200 OK\r\n" head "\r\n" body
#define SPAMD_GOOD	"SPAMD/1.1 0 EX_OK\r\nContent-length: 5\r\nSpam: True ; 7.5 / 5.0\r\n\r\nGTUBE"
#define RSPAMD_GOOD	HTTP("Content-Length: 14\r\n", "{\"score\": 7.5}")

static void
test_bad_peers(void **state)
{
	static const struct {
		const char	*name;
		scan_fn		*scan;
		struct scan_script script;
		size_t		 bytes;
		int		 rc;
		const char	*why;		/* NULL: never mind */
	} table[] = {
		{ "clamd good", scan_clamd, { B("stream: OK\0") }, 100, 0, NULL },
		{ "clamd good, stays", scan_clamd, { B("stream: OK\0"), .stays = true }, 100, 0, NULL },
		{ "clamd good, large", scan_clamd, { B("stream: OK\0") }, 3000000, 0, NULL },
		{ "clamd drips in time", scan_clamd, { B("stream: OK\0"), .drip = 5 }, 100, 0, NULL },
		{ "clamd too large, early", scan_clamd,
		    { B("INSTREAM size limit exceeded. ERROR\0"), .reads = 100000 }, 3000000, -1, NULL },
		{ "clamd says nothing", scan_clamd, { .reply = NULL, .stays = true }, 100, -1,
		    "timed out waiting for the answer" },
		{ "clamd closes", scan_clamd, { .reply = NULL }, 100, -1, "closed without an answer" },
		{ "clamd closes at once", scan_clamd, { .reply = NULL, .reads = 1 }, 3000000, -1, NULL },
		{ "clamd cuts", scan_clamd, { B("stream: O") }, 100, -1, "answer cut short" },
		{ "clamd hangs in it", scan_clamd, { B("stream: O"), .stays = true }, 100, -1,
		    "timed out waiting for the answer" },
		{ "clamd drips", scan_clamd, { B("stream: OK\0"), .drip = 100 }, 100, -1,
		    "timed out waiting for the answer" },
		{ "clamd is endless", scan_clamd, { B("xxxxxxxxxxxxxxxx"), .repeat = 1000000 }, 100, -1,
		    "answer too long" },
		{ "clamd is deaf", scan_clamd, { .deaf = true }, 3000000, -1, NULL },

		{ "spamd good", scan_spamd, { .reply = SPAMD_GOOD }, 100, 0, NULL },
		{ "spamd good, large", scan_spamd, { .reply = SPAMD_GOOD }, 3000000, 0, NULL },
		{ "spamd closes", scan_spamd, { .reply = NULL }, 100, -1, "closed without an answer" },
		{ "spamd closes at once", scan_spamd, { .reply = NULL, .reads = 1 }, 3000000, -1, NULL },
		{ "spamd cuts", scan_spamd, { .reply = "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 7" }, 100, -1,
		    "answer cut short" },
		{ "spamd drips", scan_spamd, { .reply = SPAMD_GOOD, .drip = 50 }, 100, -1,
		    "timed out waiting for the answer" },
		{ "spamd is endless", scan_spamd, { .reply = SPAMD_GOOD, .repeat = 100000 }, 100, -1,
		    "answer too long" },
		{ "spamd is deaf", scan_spamd, { .deaf = true }, 3000000, -1, NULL },

		{ "rspamd good", scan_rspamd, { .reply = RSPAMD_GOOD, .stays = true }, 100, 0, NULL },
		{ "rspamd good, large", scan_rspamd, { .reply = RSPAMD_GOOD, .stays = true }, 3000000, 0, NULL },
		{ "rspamd without a length", scan_rspamd, { .reply = HTTP("", "{\"score\": 7.5}") }, 100, 0, NULL },
		{ "rspamd in chunks", scan_rspamd,
		    { .reply = HTTP("Transfer-Encoding: chunked\r\n", "7\r\n{\"score\r\n7\r\n\": 7.5}\r\n0\r\n\r\n") }, 100, 0,
		    NULL },
		{ "rspamd chunk lies", scan_rspamd,
		    { .reply = HTTP("Transfer-Encoding: chunked\r\n", "fffffff\r\n{\"score\": 7.5}\r\n0\r\n\r\n") }, 100, -1,
		    NULL },
		{ "rspamd closes", scan_rspamd, { .reply = NULL }, 100, -1, NULL },
		{ "rspamd says nothing", scan_rspamd, { .reply = NULL, .stays = true }, 100, -1, NULL },
		{ "rspamd cuts", scan_rspamd, { .reply = HTTP("Content-Length: 140\r\n", "{\"score\": 7.5}") }, 100, -1, NULL },
		{ "rspamd is longer than it says", scan_rspamd,
		    { .reply = HTTP("Content-Length: 10\r\n", "{\"score\": 7.5}") }, 100, -1,
		    "its answer is not a JSON object" },
		{ "rspamd huge", scan_rspamd, { .reply = HTTP("Content-Length: 99999999999999\r\n", "{"),
		    .repeat = 100000 }, 100, -1, "answer too long" },
		{ "rspamd endless head", scan_rspamd, { .reply = "HTTP/1.1 200 OK\r\nX-A: b\r\nX-C: d\r\n",
		    .repeat = 100000 }, 100, -1, NULL },
		{ "rspamd drips", scan_rspamd, { .reply = RSPAMD_GOOD, .drip = 50 }, 100, -1, NULL },
		{ "rspamd is deaf", scan_rspamd, { .deaf = true }, 3000000, -1, NULL },
		{ "rspamd 500", scan_rspamd, { .reply = "HTTP/1.1 500 No\r\nContent-Length: 14\r\n\r\n{\"score\": 7.5}" }, 100,
		    -1, "answered HTTP status 500" },
		{ "rspamd sends us elsewhere", scan_rspamd,
		    { .reply = "HTTP/1.1 302 Go\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n" }, 100, -1,
		    "answered HTTP status 302" },
		{ "rspamd is no HTTP", scan_rspamd, { .reply = "220 smtp.test ESMTP\r\n" }, 100, -1, NULL },
	};
	struct scan_peer *p = scan_peer_start(&table[0].script);

	(void)state;
	/* No proxy of the environment comes in between. */
	(void)setenv("http_proxy", "http://127.0.0.1:9", 1);
	for (size_t i = 0; i < COUNT(table); i++) {
		struct world w = world(table[i].bytes);
		bool inet = table[i].scan == scan_rspamd || i % 2 == 0;
		struct scan_result r;
		int rc;

		scan_peer_script(p, &table[i].script);
		rc = ask(table[i].scan, inet ? scan_peer_inet(p) : scan_peer_unix(p), &w, &r);
		if (rc != table[i].rc)
			fail_msg("%s: %d %s", table[i].name, rc, r.why);
		if (rc == 0 && table[i].scan != scan_clamd)
			assert_int_equal(750, r.score);
		if (table[i].why != NULL)
			assert_string_equal(table[i].why, r.why);
		message_free(&w.message);
	}
	scan_peer_stop(&p);
}

/* Nobody is there. */
static void
test_away(void **state)
{
	static scan_fn *const all[] = { scan_clamd, scan_spamd, scan_rspamd };
	const struct scan_script silent = { .reply = NULL };
	struct scan_peer *p = scan_peer_start(&silent);
	struct world w = world(100);
	char inet[32], path[128], name[200];
	struct scan_result r;

	(void)state;
	(void)snprintf(inet, sizeof(inet), "%s", scan_peer_inet(p));
	(void)snprintf(path, sizeof(path), "%s", scan_peer_unix(p));
	scan_peer_stop(&p);
	for (size_t i = 0; i < COUNT(all); i++) {
		assert_int_equal(-1, ask(all[i], inet, &w, &r));
		assert_non_null(strstr(r.why, "127.0.0.1"));
	}
	assert_int_equal(-1, ask(scan_clamd, path, &w, &r));
	assert_int_equal(-1, ask(scan_clamd, "no port", &w, &r));
	assert_int_equal(-1, ask(scan_clamd, "name.invalid:1", &w, &r));
	(void)snprintf(name, sizeof(name), "unix:/%0150d", 1);
	assert_int_equal(-1, ask(scan_spamd, name, &w, &r));
	/* No time left. */
	assert_int_equal(-1, scan_rspamd(inet, &w.mail, clock_mono_ms(), &r));
	message_free(&w.message);
}

static void
contains(const struct buf *b, const char *what)
{
	if (strstr(b->data, what) == NULL)
		fail_msg("no \"%s\" in \"%s\"", what, b->data);
}

/* What each is told. */
static void
test_questions(void **state)
{
	struct scan_script script = { B("stream: OK\0") };
	struct scan_peer *p = scan_peer_start(&script);
	struct world w = world(40);
	struct scan_result r;
	struct buf q;
	const char *body;

	(void)state;
	assert_int_equal(0, ask(scan_clamd, scan_peer_unix(p), &w, &r));
	q = scan_peer_question(p);
	assert_int_equal(10 + 4 + 44 + 4, q.len);
	assert_memory_equal("zINSTREAM\0\0\0\0\x2cSubject: x\r\n\r\n00000000\r\n", q.data, 38);
	assert_memory_equal("\0\0\0\0", q.data + q.len - 4, 4);
	buf_free(&q);

	script = (struct scan_script){ .reply = SPAMD_GOOD };
	scan_peer_script(p, &script);
	assert_int_equal(0, ask(scan_spamd, scan_peer_inet(p), &w, &r));
	q = scan_peer_question(p);
	contains(&q, "SYMBOLS SPAMC/1.5\r\nContent-length: ");
	contains(&q, "\r\n\r\nReturn-Path: <a??X: b@example.org>\r\n"
	    "Received: from helo.example.org (client.example.org [IPv6:2001:db8::1])\r\n");
	contains(&q, "by mx2.test (Holdfast) with ESMTPA id trace1");
	body = strstr(q.data, "\r\n\r\nReturn-Path") + 4;
	assert_int_equal(strtoul(strstr(q.data, "length: ") + 8, NULL, 10), q.len - (size_t)(body - q.data));
	assert_string_equal("00000002\r\n", q.data + q.len - 10);
	buf_free(&q);

	script = (struct scan_script){ .reply = RSPAMD_GOOD, .stays = true };
	scan_peer_script(p, &script);
	assert_int_equal(0, ask(scan_rspamd, scan_peer_inet(p), &w, &r));
	q = scan_peer_question(p);
	contains(&q, "POST /checkv2 HTTP/1.1\r\n");
	contains(&q, "\r\nIp: 2001:db8::1\r\n");
	contains(&q, "\r\nHelo: helo.example.org\r\nHostname: client.example.org\r\nUser: ann\r\n"
	    "Queue-Id: trace1\r\n");
	contains(&q, "\r\nFrom: <a??X: b@example.org>\r\nRcpt: <joe@example.test>\r\n"
	    "Rcpt: <mary@example.test>\r\n");
	contains(&q, "\r\nContent-Length: 44\r\n");
	contains(&q, "\r\n\r\nSubject: x\r\n\r\n00000000\r\n");
	assert_null(strstr(q.data, "\r\nX: b"));
	assert_null(strstr(q.data, "Expect"));
	buf_free(&q);
	scan_peer_stop(&p);
	message_free(&w.message);
}

/* The temporary file gave out: not to be taken for the whole message. */
static ssize_t
broken_read(const struct check_message *m, void *to, size_t len, uint64_t offset)
{
	(void)m;
	memset(to, 'x', len);
	return offset == 0 ? 100 : -1;
}

static void
test_unreadable(void **state)
{
	static scan_fn *const all[] = { scan_clamd, scan_spamd, scan_rspamd };
	const struct scan_script script = { B("stream: OK\0") };
	struct scan_peer *p = scan_peer_start(&script);
	struct world w = world(10);
	struct check_message broken = { .bytes = 1000, .read = broken_read };
	struct scan_result r;

	(void)state;
	w.mail.message = &broken;
	for (size_t i = 0; i < COUNT(all); i++) {
		assert_int_equal(-1, ask(all[i], scan_peer_inet(p), &w, &r));
		assert_string_equal("the message cannot be read", r.why);
	}
	scan_peer_stop(&p);
	message_free(&w.message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_score),
		cmocka_unit_test(test_header_score),
		cmocka_unit_test(test_clamd),
		cmocka_unit_test(test_spamd),
		cmocka_unit_test(test_rspamd),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_bad_peers),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
