/*
 * t_cli.c -- the command: its table against the man page, what it prints, its
 * exit statuses when holdfast-queued answers this or that.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <sysexits.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/cli/cli.h"
#include "common/cli/conf_text.h"
#include "common/cli/out.h"
#include "common/conf.h"
#include "common/conf_keys.h"
#include "player.h"
#include "test/unit/cli_run.h"

/* Is it there, and not just the start of a longer word? */
static bool
has_word(const char *text, const char *word)
{
	for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
		if (strchr(" \n,", p[strlen(word)]) != NULL)
			return true;
	return false;
}

static void
test_man_page(void **state)
{
	char *man = source_text("packaging/man/holdfast.1");
	const char *examples = strstr(man, ".Sh EXAMPLES");

	(void)state;
	assert_non_null(examples);
	for (size_t i = 0; cli_commands[i] != NULL; i++) {
		const struct command *k = cli_commands[i];
		char *item = xasprintf("\n.It Ic %s", k->name);
		char *example = xasprintf("holdfast %s", k->name);

		if (!has_word(man, item))
			fail_msg("holdfast(1) does not describe `%s'", k->name);
		if (!has_word(examples, example))
			fail_msg("holdfast(1) has no example of `%s'", k->name);
		if (strstr(k->examples, example) == NULL && strstr(k->examples, k->name) == NULL)
			fail_msg("the examples of `%s' do not show it", k->name);
		for (const struct cli_option *o = k->options; o != NULL && o->name != NULL; o++) {
			char *flag = xasprintf("Fl -%s", o->name);

			assert_true(o - k->options < CLI_OPTIONS_MAX);
			if (!has_word(man, flag))
				fail_msg("holdfast(1) does not describe --%s", o->name);
			free(flag);
		}
		free(item);
		free(example);
	}
	free(man);
}

/* What `init' writes may be used as it is, and with every default written out. */
static void
test_conf_text(void **state)
{
	char path[] = "/tmp/hf-conf.XXXXXX", *why = NULL;
	int fd = mkstemp(path);

	(void)state;
	for (int pass = 0; pass < 2; pass++) {
		struct buf text = BUF_INIT;
		struct conf *conf;

		cli_conf_text(&text);
		for (char *p = text.data; pass == 1 && (p = strstr(p, "\n#")) != NULL; p++)
			if (p[2] >= 'a' && p[2] <= 'z')		/* "#key = value" */
				p[1] = ' ';
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, text.data, text.len, 0), text.len);
		conf = conf_load(path, &why);
		if (conf == NULL)
			fail_msg("%s", why);
		assert_int_equal(conf->smtp_final_timeout, 600);
		conf_free(&conf);
		buf_free(&text);
	}
	(void)close(fd);
	(void)unlink(path);
}

/* Every key of holdfast.conf is in the file that `init' writes, and no other. */
static void
test_conf_template(void **state)
{
	char *text = source_text("common/cli/holdfast.conf");
	size_t keys = 0;

	(void)state;
	for (size_t i = 0; i < conf_nkeys; i++) {
		/* One is not the default: packages put state.db elsewhere. */
		bool set = strcmp(conf_keys[i].name, "state_db") == 0;
		char *line = xasprintf("\n%s%s =\n", set ? "" : "#", conf_keys[i].name);

		if (strstr(text, line) == NULL)
			fail_msg("%s is missing", conf_keys[i].name);
		free(line);
	}
	for (const char *p = text; (p = strstr(p, " =\n")) != NULL; p++)
		keys++;
	assert_int_equal(keys, conf_nkeys);
	free(text);
}

static void
expect_json(const char *text, const char *want)
{
	json_t *j = out_string(text);

	assert_string_equal(json_string_value(j), want);
	json_decref(j);
}

static void
test_words(void **state)
{
	static const struct {
		uint64_t	 bytes;
		const char	*want;
	} size[] = { { 0, "0 B" }, { 817, "817 B" }, { 1023, "1023 B" }, { 1024, "1.0 KB" },
		{ 10445, "10.2 KB" }, { 1048575, "1.0 MB" }, { 1048576, "1.0 MB" },
		{ UINT64_C(5) << 30, "5.0 GB" }, { UINT64_MAX, "16.0 EB" } };
	static const struct {
		int64_t		 t, now;
		const char	*want;
	} when[] = { { 0, 100, "-" }, { 100, 100, "now" }, { 142, 100, "in 42 s" },
		{ 100, 280, "3 m ago" }, { 100, 219, "119 s ago" }, { 100, 220, "2 m ago" },
		{ 100 + 7199, 100, "in 119 m" }, { 100 + 7200, 100, "in 2 h" },
		{ 1, 1000000, "11 d ago" } };
	static const struct {
		unsigned	 s;
		const char	*want;
	} interval[] = { { 0, "0s" }, { 90, "90s" }, { 300, "5m" }, { 3600, "1h" },
		{ 28 * 86400, "28d" }, { 86401, "86401s" } };
	char lengthy[5000];

	(void)state;
	for (size_t i = 0; i < COUNT(size); i++)
		assert_string_equal(out_size(size[i].bytes), size[i].want);
	for (size_t i = 0; i < COUNT(when); i++)
		assert_string_equal(out_when(when[i].t, when[i].now), when[i].want);
	for (size_t i = 0; i < COUNT(interval); i++)
		assert_string_equal(out_interval(interval[i].s), interval[i].want);
	assert_string_equal(out_safe("a\033[2Jb\n\xff\xc2\x9b"), "a\\x1b[2Jb\\x0a\\xff\\xc2\\x9b");
	assert_string_equal(out_safe("j\xc3\xbcrgen"), "j\xc3\xbcrgen");
	expect_json("j\xc3\xbcrgen\n\"\033", "j\xc3\xbcrgen\n\"\033");
	expect_json("a\xff\n", "a\\xff\\x0a");
	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	expect_json(lengthy, lengthy);		/* whole: a program can bear it */
	assert_true(strlen(out_safe(lengthy)) < 2000);
	assert_int_equal(out_columns("ADDRESS \xe2\x80\xa6"), 9);
	assert_string_equal(out_count(1, "message", "messages"), "1 message");
	assert_string_equal(out_count(0, "message", "messages"), "0 messages");
}

static void
test_nearest(void **state)
{
	static const char *const words[] = { "domain", "recipient", "queue", "primary", "flush",
		"status", "init", "list", "delete" };
	static const struct {
		const char	*word, *want;
	} row[] = { { "domian", "domain" }, { "reciepient", "recipient" }, { "que", "queue" },
		{ "satus", "status" }, { "lsit", "list" }, { "delte", "delete" }, { "x", NULL },
		{ "frobnicate", NULL }, { "", NULL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL } };

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		const char *got = cli_nearest(row[i].word, words, COUNT(words));

		if ((got == NULL) != (row[i].want == NULL) ||
		    (got != NULL && strcmp(got, row[i].want) != 0))
			fail_msg("%s: %s", row[i].word, got != NULL ? got : "nothing");
	}
}

/* --- against a server that plays a script ------------------------------------ */

struct ran {
	int		status;
	struct buf	out, err, asked;
};

/* Runs the command; its words are apart by blanks. */
static void
run(struct ran *r, const char *words, const char *const *answers)
{
	struct player s;
	char conf[128], *copy = xstrdup(words), *save = NULL;
	const char *word[CLI_RUN_ARGS] = { NULL };
	struct cli_ran ran;
	size_t n = 0;
	FILE *f;

	player_start(&s, answers, 4096);
	(void)snprintf(conf, sizeof(conf), "%s/conf", s.dir);
	assert_non_null(f = fopen(conf, "w"));
	(void)fchmod(fileno(f), 0644);
	(void)fprintf(f, "hostname = mx.test\ncontrol_socket = %s\n", s.path);
	assert_int_equal(fclose(f), 0);
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		word[n++] = w;
	cli_run(&ran, conf, word);
	(void)unlink(conf);
	player_stop(&s);
	*r = (struct ran){ ran.status, ran.out, ran.err, s.got };
	free(copy);
}

static void
ran_free(struct ran *r)
{
	buf_free(&r->out);
	buf_free(&r->err);
	buf_free(&r->asked);
}

static void
contains(const struct buf *b, const char *part)
{
	if (strstr(buf_str(b), part) == NULL)
		fail_msg("`%s' is not in:\n%s", part, buf_str(b));
}

static void
test_queue_list(void **state)
{
	int64_t now = clock_wall();
	char *message = xasprintf("{\"queue_id\":\"4XyZ0001\",\"queue_name\":\"active\","
	    "\"arrival_time\":%lld,\"message_size\":10445,\"state\":\"queued\",\"next_attempt\":%lld,"
	    "\"sender\":\"\",\"domain\":\"a.test\",\"trace\":\"t\",\"recipients\":["
	    "{\"state\":\"queued\",\"attempts\":3,\"next_attempt\":%lld,\"active\":false,"
	    "\"address\":\"bob@a.test\",\"reason\":\"host said: 450 \\u001B[2Jno\"},"
	    "{\"state\":\"queued\",\"attempts\":0,\"next_attempt\":5,\"active\":false,"
	    "\"address\":\"joe@A.test\",\"reason\":\"\"},"
	    "{\"state\":\"quarantined\",\"attempts\":1,\"next_attempt\":0,\"active\":false,"
	    "\"address\":\"eve@a.test\",\"reason\":\"\"}]}\n"
	    "{\"queue_id\":\"4XyZ0002\",\"queue_name\":\"hold\",\"arrival_time\":%lld,"
	    "\"message_size\":1,\"state\":\"held\",\"next_attempt\":0,\"sender\":\"x@y.test\","
	    "\"domain\":\"a.test\",\"trace\":\"\",\"recipients\":[]}\n{\"ok\":true}\n",
	    (long long)now - 60, (long long)now + 600, (long long)now + 600, (long long)now);
	const char *const answers[] = { "{\"destination\":\"h:25\",\"state\":\"down\","
		"\"reason\":\"it \\u001B is off\",\"domains\":[\"x.test\",\"a.test\"]}\n{\"ok\":true}\n", message, NULL };
	static const char *const none[] = { "{\"ok\":true}\n", "{\"ok\":true}\n", NULL };
	struct ran r;

	(void)state;
	run(&r, "queue list a.test --state queued --sender x@y.test", answers);
	assert_int_equal(r.status, EX_OK);
	contains(&r.asked, "{\"cmd\":\"queue.list\",\"domain\":\"a.test\",\"state\":\"queued\","
			   "\"sender\":\"x@y.test\"}\n");
	contains(&r.out, "    joe@A.test  waits for h:25, which is down: it \\x1b is off\n");
	contains(&r.out, "4XyZ0001*");
	contains(&r.out, "  10.2 KB  ");
	contains(&r.out, "  <>\n    bob@a.test  next attempt in ");
	contains(&r.out, ", 3 attempts\n        (host said: 450 \\x1b[2Jno)\n");
	contains(&r.out, "    eve@a.test  quarantined, 1 attempt\n");
	contains(&r.out, "4XyZ0002!");
	contains(&r.out, "-- 2 messages, 3 recipients, 10.2 KB\n");
	assert_null(strchr(buf_str(&r.out), '\033'));
	ran_free(&r);

	/* JSON comes through as it was sent */
	run(&r, "--json queue list", answers + 1);
	assert_int_equal(r.status, EX_OK);
	assert_memory_equal(buf_str(&r.out), message, strlen(message) - strlen("{\"ok\":true}\n"));
	assert_int_equal(r.out.len, strlen(message) - strlen("{\"ok\":true}\n"));
	ran_free(&r);

	run(&r, "queue list", none);
	contains(&r.out, "the queue is empty\n");
	ran_free(&r);
	run(&r, "queue list --domain b.test", none);
	contains(&r.asked, "{\"cmd\":\"queue.list\",\"domain\":\"b.test\"}\n");
	contains(&r.out, "no message like that");
	ran_free(&r);
	free(message);
}

static void
test_queue_changes(void **state)
{
	static const char *const changed[] = { "{\"changed\":2,\"ok\":true}\n",
		"{\"ok\":false,\"error\":\"no message 4XyZ0002 in the queue\",\"exit\":65}\n",
		"{\"changed\":0,\"ok\":true}\n", NULL };
	static const char *const refused[] = { "{\"ok\":false,\"error\":\"no\",\"exit\":75}\n", NULL };
	static const char *const nothing[] = { NULL };
	struct ran r;

	(void)state;
	/* one that is not there does not keep the others from being done */
	run(&r, "queue delete 4XyZ0001 4XyZ0002 4XyZ0003", changed);
	assert_int_equal(r.status, EX_DATAERR);
	contains(&r.asked, "{\"cmd\":\"queue.delete\",\"id\":\"4XyZ0001\"}\n"
			   "{\"cmd\":\"queue.delete\",\"id\":\"4XyZ0002\"}\n"
			   "{\"cmd\":\"queue.delete\",\"id\":\"4XyZ0003\"}\n");
	assert_string_equal(buf_str(&r.out), "4XyZ0001: deleted 2 recipients\n"
	    "4XyZ0003: nothing changed (not there, or being delivered)\n");
	assert_string_equal(buf_str(&r.err), "holdfast: no message 4XyZ0002 in the queue\n");
	ran_free(&r);

	run(&r, "queue hold --domain a.test --json", changed);
	assert_int_equal(r.status, EX_OK);
	contains(&r.asked, "{\"cmd\":\"queue.hold\",\"domain\":\"a.test\"}\n");
	assert_string_equal(buf_str(&r.out), "{\"domain\":\"a.test\",\"changed\":2}\n");
	ran_free(&r);

	run(&r, "queue delete --all --yes", changed);
	assert_int_equal(r.status, EX_OK);
	contains(&r.asked, "{\"cmd\":\"queue.delete\",\"all\":true}\n");
	ran_free(&r);

	run(&r, "queue delete --all --state quarantined --sender a@b.test --recipient c@d.test --yes",
	    changed);
	assert_int_equal(r.status, EX_OK);
	contains(&r.asked, "{\"cmd\":\"queue.delete\",\"all\":true,\"state\":\"quarantined\","
	    "\"sender\":\"a@b.test\",\"recipient\":\"c@d.test\"}\n");
	ran_free(&r);
	run(&r, "queue release 4XyZ0001 --state held", nothing);
	assert_int_equal(r.status, EX_USAGE);
	ran_free(&r);

	run(&r, "queue release --all", refused);
	assert_int_equal(r.status, EX_TEMPFAIL);
	ran_free(&r);

	/* never without being told so */
	run(&r, "queue delete --all", nothing);
	assert_int_equal(r.status, EX_USAGE);
	assert_int_equal(r.asked.len, 0);
	ran_free(&r);
	run(&r, "queue delete --domain a.test", nothing);
	assert_int_equal(r.status, EX_USAGE);
	ran_free(&r);
	run(&r, "queue delete", nothing);
	assert_int_equal(r.status, EX_USAGE);
	ran_free(&r);
	run(&r, "queue retry 4XyZ0001 --all", nothing);
	assert_int_equal(r.status, EX_USAGE);
	ran_free(&r);
}

static void
test_others(void **state)
{
	static const char *const cat[] = { "{\"data\":5}\na\r\n\033b{\"data\":1}\n\xff{\"ok\":true}\n",
		NULL };
	static const char *const count[] = { "{\"messages\":3,\"recipients\":4,\"bytes\":2048}\n"
		"{\"ok\":true}\n", NULL };
	static const char *const primary[] = { "{\"destination\":\"h.test:25\",\"state\":\"down\","
		"\"since\":1000,\"messages\":7,\"next_probe\":0,\"concurrency\":0,\"window\":1,"
		"\"reason\":\"connection refused\\n\",\"domains\":[\"a.test\",\"b.test\"]}\n"
		"{\"ok\":true}\n", NULL };
	static const char *const status[] = { "{\"version\":\"0.1.0\",\"pid\":7,\"started\":1000,"
		"\"hostname\":\"mx.test\",\"rules\":\"domain x: bad\",\"store\":\"ok\",\"messages\":1,"
		"\"recipients\":1,\"bytes\":5,\"held\":0,\"quarantined\":0,\"sessions\":2,"
		"\"accepted\":9,\"destinations\":1,\"destinations_down\":1}\n{\"ok\":true}\n", NULL };
	static const char *const flushed[] = { "{\"changed\":1,\"ok\":true}\n", NULL };
	static const char *const cut[] = { "{\"messages\":3", NULL };
	struct ran r;

	(void)state;
	run(&r, "queue cat 4XyZ0001", cat);
	assert_int_equal(r.status, EX_OK);
	assert_int_equal(r.out.len, 6);
	assert_memory_equal(r.out.data, "a\r\n\033b\xff", 6);
	ran_free(&r);
	run(&r, "queue count", count);
	assert_string_equal(buf_str(&r.out), "3 messages, 4 recipients, 2.0 KB\n");
	ran_free(&r);
	run(&r, "queue count --json", count);
	assert_string_equal(buf_str(&r.out), "{\"messages\":3,\"recipients\":4,\"bytes\":2048}\n");
	ran_free(&r);
	run(&r, "primary list", primary);
	contains(&r.out, "h.test:25\n    down since ");
	contains(&r.out, "7 messages waiting, 0 of 1 connections\n    (connection refused\\x0a)\n"
			 "    for a.test, b.test\n");
	ran_free(&r);
	run(&r, "status", status);
	contains(&r.out, "rules         domain x: bad\n");
	contains(&r.out, "1 destination, 1 down\n");
	ran_free(&r);
	run(&r, "flush a.test", flushed);
	contains(&r.asked, "{\"cmd\":\"flush\",\"domain\":\"a.test\"}\n");
	contains(&r.out, "1 recipient is due now");
	ran_free(&r);
	run(&r, "queue count", cut);
	assert_int_equal(r.status, EX_UNAVAILABLE);
	contains(&r.err, "closed the connection");
	ran_free(&r);
	run(&r, "queue show \xff", flushed);
	assert_int_equal(r.status, EX_DATAERR);
	contains(&r.err, "not valid UTF-8");
	ran_free(&r);
	run(&r, "queue list --sender \xff", flushed);
	contains(&r.err, "not valid UTF-8");
	assert_int_equal(r.status, EX_DATAERR);
	ran_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_man_page),
		cmocka_unit_test(test_conf_template),
		cmocka_unit_test(test_conf_text),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_queue_list),
		cmocka_unit_test(test_queue_changes),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
