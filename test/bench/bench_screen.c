/*
 * bench_screen.c -- the milter's verdicts without an MTA: how long an RCPT takes, and whether threads agree.
 *
 *	bench_screen [-n RECIPIENTS] [-t THREADS] [-r RATE] [-s SECONDS] [-e] DIRECTORY
 *
 * Fills DIRECTORY with a rules.db of so many recipients (1,000,000) and a hundredth of that in rows of
 * lists, and drives sessions from so many threads (8) for so many seconds (10): a connection, messages to
 * five recipients, every fourth of which does not exist, now and then with their content. All checks that need no
 * DNS are on, each limit is counted, one of two domains is greylisted for everybody, and state.db is written
 * meanwhile.
 *
 * -r RATE: so many RCPT a second, by chance; without it, as many as the machine gives, and then the highest
 * figures show how the threads wait for a processor.
 * -e edits the rules and reloads the configuration all the while: test/tsan runs that under ThreadSanitizer.
 *
 * One figure is the time from the call to the answer of session_rcpt(), as callbacks.c waits for it. Log
 * lines are made and go to /dev/null.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "common/rules.h"
#include "common/rules_edit.h"
#include "milter/service.h"
#include "milter/session.h"
#include "milter/state.h"

#define RCPTS		5		/* of a message */
#define SAMPLES_MAX	4000000		/* of a thread */
#define EDIT_MS		50
#define POLL_MS		20		/* with -e; else as main.c */

struct bench {
	const char	*dir;
	char		*rules_path, *conf_path;
	unsigned	 recipients, threads, seconds, rate;
	bool		 edits;
	struct rules	*rules;
	struct service	*service;
	atomic_bool	 over;
	unsigned	 nedits, nrules;
};

/* One thread's part. */
struct worker {
	struct bench	*b;
	pthread_t	 thread;
	unsigned	 seed;
	uint32_t	*us10;		/* tenths of a microsecond */
	size_t		 n;
	size_t		 accepted, deferred, refused;
};

static FILE *out;			/* standard error goes to /dev/null */

static void __attribute__((noreturn))
fail(const char *what, const char *why)
{
	(void)fprintf(out, "bench_screen: %s: %s\n", what, why != NULL ? why : "failed");
	(void)fflush(out);
	_exit(1);		/* others are running: nothing may be torn down under them */
}

/* --- rules -------------------------------------------------------------------------------- */

static sqlite3 *
connect_rules(const struct bench *b)
{
	sqlite3 *db = NULL;

	if (sqlite3_open(b->rules_path, &db) != SQLITE_OK)
		fail(b->rules_path, sqlite3_errmsg(db));
	(void)sqlite3_busy_timeout(db, 60000);
	return db;
}

static void
sql(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail(text, sqlite3_errmsg(db));
}

/* Every check that costs no DNS, whether this build has it or not; and no limit that ends the test. */
static const char settings[] =
    "INSERT INTO domain (name, primaries, list_max_age, list_time) VALUES ('example.test', 'p.test', '', 1);"
    "INSERT INTO domain (name, primaries, recipients) VALUES ('open.test', 'p.test', 'any');"
    "INSERT INTO setting (scope, name, value) VALUES ('open.test', 'greylist.mode', 'off');"
    "INSERT INTO setting (name, value) VALUES ('greylist.mode', 'enforce'), ('greylist.score', '0'),"
    " ('greylist.delay', '1s'), ('helo.mode', 'enforce'), ('helo.rdns', '1'), ('sender.mode', 'enforce'),"
    " ('spoof.mode', 'enforce'), ('dnsbl.mode', 'off');"
    "UPDATE limits SET rate = '1000000/1s', burst = '';"
    "INSERT INTO limits (what, per, rate) VALUES ('messages', 'network', '1000000/1s'),"
    " ('messages', 'sender', '1000000/1s'), ('messages', 'sender_domain', '1000000/1s'),"
    " ('recipients', 'recipient', '1000000/1s'), ('recipients', 'recipient_domain', '1000000/1s'),"
    " ('recipients', 'helo', '1000000/1s'), ('recipients', 'all', '1000000/1s'), ('bytes', 'client', '1G/1s')";

static void
make_rules(struct bench *b)
{
	char *recipients = xasprintf("INSERT INTO recipient (domain, local_part) WITH RECURSIVE n (i) AS"
	    " (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < %u) SELECT 'example.test', 'user' || i FROM n",
	    b->recipients - 1);
	char *lists = xasprintf("INSERT INTO list (action, field, value, checks) WITH RECURSIVE n (i) AS"
	    " (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < %u) SELECT 'allow', 'sender_domain',"
	    " 'partner' || i || '.example', 'greylist' FROM n", b->recipients / 100);
	char *why = NULL;
	bool created;
	sqlite3 *db;

	(void)unlink(b->rules_path);
	if (rules_edit_create(b->rules_path, &created, &why) != EDIT_OK)
		fail(b->rules_path, why);
	db = connect_rules(b);
	sql(db, "BEGIN");
	sql(db, settings);
	sql(db, recipients);
	sql(db, lists);
	sql(db, "COMMIT");
	(void)sqlite3_close(db);
	free(recipients);
	free(lists);
}

static void *
editor(void *arg)
{
	static const char *const edits[] = {
		"INSERT OR REPLACE INTO list (action, field, value) VALUES ('deny', 'client', '198.51.100.1')",
		"UPDATE setting SET value = '2s' WHERE name = 'greylist.delay'",
		"INSERT OR REPLACE INTO recipient (domain, local_part) VALUES ('example.test', 'new')",
		"UPDATE limits SET rate = '999999/1s' WHERE what = 'messages'",
		"DELETE FROM list WHERE action = 'deny'",
		"UPDATE setting SET value = '1s' WHERE name = 'greylist.delay'",
		"DELETE FROM recipient WHERE local_part = 'new'",
		"UPDATE limits SET rate = '1000000/1s' WHERE what = 'messages'",
		"UPDATE domain SET size_limit = CASE size_limit WHEN 0 THEN 1000000 ELSE 0 END",
	};
	struct timespec pause = { .tv_nsec = EDIT_MS * 1000000L };
	struct bench *b = arg;
	sqlite3 *db = connect_rules(b);

	while (!atomic_load(&b->over)) {
		sql(db, edits[b->nedits++ % (sizeof(edits) / sizeof(edits[0]))]);
		(void)nanosleep(&pause, NULL);
	}
	(void)sqlite3_close(db);
	return NULL;
}

/* --- configuration -------------------------------------------------------------------------- */

static struct conf *
load_conf(const struct bench *b)
{
	struct conf *conf;
	char *why = NULL;

	if ((conf = conf_load(b->conf_path, &why)) == NULL)
		fail(b->conf_path, why);
	return conf;
}

/* The MTA keeps every message: what is measured is the screening. */
static void
make_conf(const struct bench *b)
{
	FILE *f = fopen(b->conf_path, "w");

	if (f == NULL)
		fail(b->conf_path, "cannot be written");
	(void)fprintf(f, "hostname = mx2.test\nhandover = lmtp\n");
	if (fclose(f) != 0)
		fail(b->conf_path, "cannot be written");
}

/* --- sessions ---------------------------------------------------------------------------------- */

static unsigned
roll(struct worker *w, unsigned n)
{
	return (unsigned)rand_r(&w->seed) % n;
}

static void
say_rcpt(struct worker *w, struct session *s)
{
	char address[64], *argv[] = { address, NULL };
	struct session_answer a;
	struct timespec begin, end;
	int64_t ns;

	(void)snprintf(address, sizeof(address), "<%s%u@%s.test>", roll(w, 4) == 0 ? "nobody" : "user",
	    roll(w, w->b->recipients), roll(w, 2) == 0 ? "open" : "example");
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	session_rcpt(s, argv, &a);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	ns = (end.tv_sec - begin.tv_sec) * INT64_C(1000000000) + end.tv_nsec - begin.tv_nsec;
	if (w->n < SAMPLES_MAX)
		w->us10[w->n++] = (uint32_t)(ns / 100);
	w->accepted += a.what == SESSION_CONTINUE;
	w->deferred += a.what == SESSION_TEMPFAIL;
	w->refused += a.what == SESSION_REJECT;
}

static void
say_content(struct session *s)
{
	static const char line[] = "This is a line of a message.\r\n";
	struct session_answer a;

	session_data(s, &a);
	if (a.what != SESSION_CONTINUE)
		return;
	session_header(s, "Subject", " bench");
	session_body(s, line, sizeof(line) - 1);
	session_end(s, &a);
}

static void
one_message(struct worker *w, struct session *s)
{
	char sender[64], *argv[] = { sender, NULL };

	(void)snprintf(sender, sizeof(sender), "<sender%u@domain%u.example>", roll(w, 1000), roll(w, 1000));
	session_mail(s, argv, NULL);
	for (unsigned i = 0; i < RCPTS; i++)
		say_rcpt(w, s);
	if (roll(w, 4) == 0)
		say_content(s);
	session_reset(s);
}

/* Until the next message, half to one and a half times what the rate says. */
static void
wait_turn(struct worker *w)
{
	struct timespec pause = { 0, 0 };
	double s;

	if (w->b->rate == 0)
		return;
	s = (double)(w->b->threads * RCPTS) / w->b->rate * (500 + roll(w, 1000)) / 1000;
	pause.tv_sec = (time_t)s;
	pause.tv_nsec = (long)((s - (double)pause.tv_sec) * 1e9);
	(void)nanosleep(&pause, NULL);
}

static void *
client(void *arg)
{
	struct worker *w = arg;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(4321) };

	while (!atomic_load(&w->b->over)) {
		struct session *s = session_new(w->b->service);

		in.sin_addr.s_addr = htonl(0x0a000000u | roll(w, 1u << 16));
		session_connect(s, "client.example", (const struct sockaddr *)&in);
		session_helo(s, "client.example", NULL, NULL);
		for (unsigned n = 1 + roll(w, 3); n > 0 && !atomic_load(&w->b->over); n--) {
			wait_turn(w);
			one_message(w, s);
		}
		session_free(&s);
	}
	return NULL;
}

/* --- figures -------------------------------------------------------------------------------------- */

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double
us_at(const uint32_t *v, size_t n, double part)
{
	size_t i = (size_t)((double)n * part);

	return (double)v[i < n ? i : n - 1] / 10;
}

static void
report(const struct bench *b, struct worker *w, int64_t ms)
{
	size_t n = 0, at = 0, accepted = 0, deferred = 0, refused = 0;
	uint32_t *all;

	for (unsigned i = 0; i < b->threads; i++) {
		n += w[i].n;
		accepted += w[i].accepted;
		deferred += w[i].deferred;
		refused += w[i].refused;
	}
	if (n == 0)
		fail("nothing", "was asked");
	all = xcalloc(n, sizeof(*all));
	for (unsigned i = 0; i < b->threads; i++) {
		memcpy(all + at, w[i].us10, w[i].n * sizeof(*all));
		at += w[i].n;
	}
	qsort(all, n, sizeof(*all), by_size);
	(void)fprintf(out, "%zu RCPT, %.0f/s: %zu accepted, %zu put off, %zu refused\n"
	    "p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n", n, (double)n * 1000 / (double)ms, accepted,
	    deferred, refused, us_at(all, n, 0.5), us_at(all, n, 0.99), us_at(all, n, 0.999),
	    (double)all[n - 1] / 10);
	if (b->edits)
		(void)fprintf(out, "%u edits, %u times new rules\n", b->nedits, b->nrules);
	free(all);
}

/* --- the run ---------------------------------------------------------------------------------------- */

static void
poll_rules(struct bench *b, struct state *state)
{
	char *why = NULL;

	switch (rules_poll(b->rules, &why)) {
	case 1:
		b->nrules++;
		break;
	case -1:
		fail("rules", why);
	}
	state_alive(state, rules_state(b->rules));
}

static void
run(struct bench *b, struct worker *w, struct state *state)
{
	int64_t begun = clock_mono_ms(), until = begun + (int64_t)b->seconds * 1000;
	struct timespec pause = { .tv_nsec = (b->edits ? POLL_MS : 500) * 1000000L };
	pthread_t edits;

	for (unsigned i = 0; i < b->threads; i++) {
		w[i] = (struct worker){ .b = b, .seed = i + 1, .us10 = xcalloc(SAMPLES_MAX, sizeof(uint32_t)) };
		if (pthread_create(&w[i].thread, NULL, client, &w[i]) != 0)
			fail("thread", NULL);
	}
	if (b->edits && pthread_create(&edits, NULL, editor, b) != 0)
		fail("thread", NULL);
	while (clock_mono_ms() < until) {
		poll_rules(b, state);
		if (b->edits)
			service_reload(b->service, load_conf(b));
		(void)nanosleep(&pause, NULL);
	}
	atomic_store(&b->over, true);
	for (unsigned i = 0; i < b->threads; i++)
		(void)pthread_join(w[i].thread, NULL);
	if (b->edits)
		(void)pthread_join(edits, NULL);
	report(b, w, clock_mono_ms() - begun);
}

static unsigned
count(const char *text)
{
	long n = strtol(text, NULL, 10);

	if (n < 1 || n > 100000000)
		fail(text, "not a number above 0");
	return (unsigned)n;
}

static void
options(struct bench *b, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:t:r:s:e")) != -1)
		switch (c) {
		case 'n':
			b->recipients = count(optarg);
			break;
		case 't':
			b->threads = count(optarg);
			break;
		case 'r':
			b->rate = count(optarg);
			break;
		case 's':
			b->seconds = count(optarg);
			break;
		case 'e':
			b->edits = true;
			break;
		default:
			exit(64);
		}
	if (optind != argc - 1)
		fail("usage", "bench_screen [-n RECIPIENTS] [-t THREADS] [-r RATE] [-s SECONDS] [-e] DIRECTORY");
	b->dir = argv[optind];
	b->rules_path = xasprintf("%s/rules.db", b->dir);
	b->conf_path = xasprintf("%s/holdfast.conf", b->dir);
}

int
main(int argc, char **argv)
{
	struct bench b = { .recipients = 1000000, .threads = 8, .seconds = 10 };
	char *why = NULL, *path;
	struct worker *w;
	struct state *state;
	int64_t begun;

	out = stdout;
	options(&b, argc, argv);
	if (freopen("/dev/null", "w", stderr) == NULL)
		fail("/dev/null", NULL);
	log_open("bench_screen", LOG_TO_STDERR);
	make_rules(&b);
	make_conf(&b);
	begun = clock_mono_ms();
	if ((b.rules = rules_open(b.rules_path, &why)) == NULL)
		fail("rules", why);
	(void)fprintf(out, "%u recipients read in %lld ms; %u threads, %u s%s\n", b.recipients,
	    (long long)(clock_mono_ms() - begun), b.threads, b.seconds, b.edits ? ", rules are edited" : "");
	if ((b.service = service_new(load_conf(&b), b.rules, &why)) == NULL)
		fail("service", why);
	path = xasprintf("%s/state.db", b.dir);
	state = state_open(path, b.service);
	w = xcalloc(b.threads, sizeof(*w));
	run(&b, w, state);
	state_close(&state);
	service_free(&b.service);
	rules_close(&b.rules);
	for (unsigned i = 0; i < b.threads; i++)
		free(w[i].us10);
	free(w);
	free(path);
	free(b.rules_path);
	free(b.conf_path);
	return 0;
}
