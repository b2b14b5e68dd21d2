/*
 * t_conf.c -- holdfast.conf: defaults, values, and every way to be refused.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/conf_keys.h"

static char path[512];

static void
write_conf(const char *text, size_t len)
{
	int fd;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static struct conf *
load(const char *text)
{
	struct conf *c;
	char *why;

	write_conf(text, strlen(text));
	c = conf_load(path, &why);
	if (c == NULL)
		fail_msg("\"%s\": %s", text, why);
	assert_null(why);
	return c;
}

/* `reason' is what must stand behind the path: ":3: unknown key" */
static void
assert_refused(const char *text, size_t len, const char *reason)
{
	char *why = NULL;

	write_conf(text, len);
	assert_null(conf_load(path, &why));
	assert_non_null(why);
	assert_memory_equal(why, path, strlen(path));
	if (strncmp(why + strlen(path), reason, strlen(reason)) != 0)
		fail_msg("\"%s\": \"%s\" is not \"%s\"", text, why, reason);
	free(why);
}

static void
defaults(void **state)
{
	struct conf *c;

	(void)snprintf(path, sizeof(path), "%s/holdfast.conf", (const char *)*state);
	c = load("");
	assert_non_null(c->hostname);
	assert_string_equal(c->queue_user, "holdfast");
	assert_string_equal(c->milter_user, "holdfast-milter");
	assert_string_equal(c->rules_db, LOCALSTATEDIR "/lib/holdfast/rules.db");
	assert_string_equal(c->state_db, LOCALSTATEDIR "/lib/holdfast/state.db");
	assert_string_equal(c->queue_db, LOCALSTATEDIR "/lib/holdfast/queue.db");
	assert_string_equal(c->checks_dir, "");
	assert_string_equal(c->store, "sqlite");
	assert_string_equal(c->milter_listen.path, "/var/spool/postfix/holdfast/milter.sock");
	assert_int_equal(c->lmtp_listen.n, 1);
	assert_string_equal(c->lmtp_listen.v[0].path, "/var/spool/postfix/holdfast/queued.sock");
	assert_string_equal(c->control_socket, RUNSTATEDIR "/holdfast/control.sock");
	assert_string_equal(c->http_listen, "");
	assert_string_equal(c->turn_listen, "");
	assert_string_equal(c->resolver, "");
	assert_string_equal(c->bounce_relay, "127.0.0.1:25");
	assert_int_equal(c->handover, HANDOVER_MILTER);
	assert_int_equal(c->on_queued_down, QUEUED_DOWN_PASS);
	assert_int_equal(c->message_size_limit, 100 << 20);
	assert_int_equal(c->queue_reserve, 64 << 20);
	assert_int_equal(c->lmtp_sessions, 512);
	assert_int_equal(c->lmtp_timeout, 300);
	assert_int_equal(c->lmtp_session_time, 3600);
	assert_int_equal(c->smtp_connect_timeout, 30);
	assert_int_equal(c->smtp_greeting_timeout, 300);
	assert_int_equal(c->smtp_tls_timeout, 60);
	assert_int_equal(c->smtp_mail_timeout, 300);
	assert_int_equal(c->smtp_rcpt_timeout, 300);
	assert_int_equal(c->smtp_data_timeout, 120);
	assert_int_equal(c->smtp_block_timeout, 180);
	assert_int_equal(c->smtp_final_timeout, 600);
	assert_int_equal(c->smtp_quit_timeout, 5);
	assert_int_equal(c->shutdown_timeout, 30);
	assert_int_equal(c->ledger_retention, 30 * 86400);
	conf_free(&c);
	assert_null(c);
	conf_free(&c);
}

static void
values(void **state)
{
	struct conf *c;

	(void)state;
	c = load("# a comment\n"
		 "\n"
		 "hostname=mx2.example.test\r\n"
		 " \tqueue_user \t=  hf # who\n"
		 "rules_db = /a/b#c d.db\n"
		 "http_listen =\n"
		 "turn_listen = # off\n"
		 "resolver = [::1]\n"
		 "bounce_relay = relay.example.test\n"
		 "milter_listen = inet:8891@127.0.0.1\n"
		 "lmtp_listen = unix:/q.sock, inet:2424@[::1]\n"
		 "checks_dir = /usr/lib/holdfast/checks\n"
		 "store = sqlite\n"
		 "handover = lmtp\n"
		 "on_queued_down = tempfail\n"
		 "message_size_limit = 1G\n"
		 "queue_reserve = 0\n"
		 "lmtp_sessions = 7\n"
		 "lmtp_timeout = 90\n"
		 "smtp_final_timeout = 1h\n"
		 "ledger_retention = 4w");
	assert_string_equal(c->hostname, "mx2.example.test");
	assert_string_equal(c->queue_user, "hf");
	assert_string_equal(c->rules_db, "/a/b#c d.db");
	assert_string_equal(c->http_listen, "");
	assert_string_equal(c->turn_listen, "");
	assert_string_equal(c->resolver, "[::1]");
	assert_string_equal(c->bounce_relay, "relay.example.test");
	assert_string_equal(c->milter_listen.host, "127.0.0.1");
	assert_int_equal(c->milter_listen.port, 8891);
	assert_null(c->milter_listen.path);
	assert_int_equal(c->lmtp_listen.n, 2);
	assert_string_equal(c->lmtp_listen.v[1].host, "::1");
	assert_string_equal(c->checks_dir, "/usr/lib/holdfast/checks");
	assert_int_equal(c->handover, HANDOVER_LMTP);
	assert_int_equal(c->on_queued_down, QUEUED_DOWN_TEMPFAIL);
	assert_int_equal(c->message_size_limit, 1 << 30);
	assert_int_equal(c->queue_reserve, 0);
	assert_int_equal(c->lmtp_sessions, 7);
	assert_int_equal(c->lmtp_timeout, 90);
	assert_int_equal(c->smtp_final_timeout, 3600);
	assert_int_equal(c->ledger_retention, 28 * 86400);
	conf_free(&c);
}

static void
refusals(void **state)
{
	static const struct {
		const char	*text, *reason;
	} rows[] = {
		{ "\n\nqueue_usr = x\n", ":3: unknown key \"queue_usr\"" },
		{ "Hostname = x\n", ":1: unknown key" },
		{ "= x\n", ":1: unknown key \"\"" },
		{ "handover = lmtp\nhandover = lmtp\n",
		    ":2: duplicate key \"handover\", set already in line 1" },
		{ "hostname\n", ":1: not of the form" },
		{ "\xef\xbb\xbfhostname = a\n", ":1: starts with a byte order mark" },
		{ "hostname = a\x01\n", ":1: contains a control character" },
		{ "hostname =\n", ":1: hostname: a value is missing" },
		{ "hostname = # x\n", ":1: hostname: a value is missing" },
		{ "hostname = a b\n", ":1: hostname: \"a b\" is not a host name" },
		{ "hostname = [192.0.2.1]\n", ":1: hostname: " },
		{ "hostname = mx2.\n", ":1: hostname: " },
		{ "queue_user = a b\n", ":1: queue_user: " },
		{ "milter_user =\n", ":1: milter_user: a value is missing" },
		{ "queue_db = queue.db\n", ":1: queue_db: a relative path" },
		{ "rules_db = ./rules.db\n", ":1: rules_db: a relative path" },
		{ "control_socket = run/x\n", ":1: control_socket: a relative path" },
		{ "store = postgresql://db/queue\n",
		    ":1: store: a postgresql:// store is not supported by this build" },
		{ "checks_dir = lib/checks\n", ":1: checks_dir: a relative path" },
		{ "store = files\n", ":1: store: \"files\" is not a store" },
		{ "milter_listen = 8891\n", ":1: milter_listen: \"8891\": must be unix:PATH" },
		{ "milter_listen = unix:x\n", ":1: milter_listen: " },
		{ "lmtp_listen =\n", ":1: lmtp_listen: a value is missing" },
		{ "lmtp_listen = unix:/a,,unix:/b\n", ":1: lmtp_listen: " },
		{ "http_listen = 127.0.0.1\n", ":1: http_listen: \"127.0.0.1\": the port is missing" },
		{ "resolver = a:b\n", ":1: resolver: " },
		{ "resolver = ns.example.test:53\n",
		    ":1: resolver: \"ns.example.test:53\": must be a numeric address" },
		{ "bounce_relay =\n", ":1: bounce_relay: a value is missing" },
		{ "handover = both\n", ":1: handover: \"both\": must be milter or lmtp" },
		{ "on_queued_down = fail\n", ":1: on_queued_down: \"fail\": must be pass" },
		{ "message_size_limit = 2G\n", ":1: message_size_limit: must be from 1024 to" },
		{ "message_size_limit = 0\n", ":1: message_size_limit: must be from" },
		{ "message_size_limit = ten\n", ":1: message_size_limit: \"ten\" is not a size" },
		{ "queue_reserve = -1\n", ":1: queue_reserve: \"-1\" is not a size" },
		{ "lmtp_sessions = 0\n", ":1: lmtp_sessions: must be from 1 to 65536" },
		{ "lmtp_sessions = 1K\n", ":1: lmtp_sessions: \"1K\" is not a number" },
		{ "lmtp_timeout = -5m\n", ":1: lmtp_timeout: \"-5m\" is not an interval" },
		{ "lmtp_timeout = 0\n", ":1: lmtp_timeout: must be from 1 to 86400 seconds" },
		{ "lmtp_timeout = 5 m\n", ":1: lmtp_timeout: " },
		{ "shutdown_timeout = 2h\n", ":1: shutdown_timeout: must be" },
	};
	struct buf big = BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		assert_refused(rows[i].text, strlen(rows[i].text), rows[i].reason);
	assert_refused("\nhostname = a\0b\n", 16, ":2: contains a NUL byte");
	assert_refused("# a\0b\n", 6, ":1: contains a NUL byte");

	buf_puts(&big, "#");
	for (i = 0; i < 4095; i++)
		buf_putc(&big, 'x');
	conf_free(&(struct conf *){ load(big.data) });
	buf_putc(&big, 'x');
	assert_refused(big.data, big.len, ":1: longer than 4096 bytes");
	buf_clear(&big);
	for (i = 0; i < (1 << 20) + 1; i++)
		buf_putc(&big, '\n');
	assert_refused(big.data, big.len, ": larger than 1048576 bytes");
	buf_free(&big);
}

static void
files(void **state)
{
	char other[600], *why;

	(void)state;
	write_conf("", 0);
	assert_int_equal(chmod(path, 0602), 0);
	assert_null(conf_load(path, &why));
	assert_non_null(strstr(why, ": everybody may write it: chmod o-w "));
	free(why);
	assert_int_equal(chmod(path, 0644), 0);
	conf_free(&(struct conf *){ conf_load(path, &why) });
	assert_null(why);

	(void)snprintf(other, sizeof(other), "%s.missing", path);
	assert_null(conf_load(other, &why));
	assert_string_equal(why + strlen(other), ": No such file or directory");
	free(why);
	assert_null(conf_load("/", &why));
	assert_string_equal(why, "/: not a regular file");
	free(why);
	(void)snprintf(other, sizeof(other), "%s.fifo", path);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_null(conf_load(other, &why));	/* and does not wait for a writer */
	free(why);
}

static void
building_blocks(void **state)
{
	static const struct {
		const char	*text;
		int64_t		 seconds;	/* -1: refused */
	} intervals[] = {
		{ "0", 0 }, { "90", 90 }, { "30s", 30 }, { "5m", 300 }, { "1h", 3600 }, { "2d", 172800 },
		{ "4w", 2419200 }, { "4294967295", 4294967295 }, { "4294967296", -1 }, { "7102w", -1 },
		{ "99999999999999999999", -1 }, { "", -1 }, { "m", -1 }, { "-1", -1 }, { "+1", -1 },
		{ " 1", -1 }, { "1 ", -1 }, { "1M", -1 }, { "1mm", -1 }, { "1h30m", -1 }, { "1.5h", -1 },
	};
	static const struct {
		const char	*text;
		int64_t		 bytes;
	} sizes[] = {
		{ "0", 0 }, { "100", 100 }, { "64K", 65536 }, { "64k", 65536 }, { "10M", 10485760 },
		{ "1G", 1073741824 }, { "2T", INT64_C(2) << 40 }, { "", -1 }, { "K", -1 }, { "-1", -1 },
		{ "1KB", -1 }, { "1B", -1 }, { "99999999999999999999", -1 }, { "99999999T", -1 },
	};
	unsigned seconds;
	uint64_t bytes;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(intervals); i++) {
		int rc = conf_parse_interval(intervals[i].text, &seconds);

		if ((rc == 0 ? (int64_t)seconds : -1) != intervals[i].seconds)
			fail_msg("%s", intervals[i].text);
	}
	for (i = 0; i < COUNT(sizes); i++) {
		int rc = conf_parse_size(sizes[i].text, &bytes);

		if ((rc == 0 ? (int64_t)bytes : -1) != sizes[i].bytes)
			fail_msg("%s", sizes[i].text);
	}
}

static void
own_hostname(void **state)
{
	static const char hosts[] = "127.0.0.1 localhost.localdomain localhost mx2 # mx2.wrong.test\n"
				    "127.0.1.1\tmx2.example.test mx2\n"
				    "192.0.2.9 other.example.test\n"
				    "192.0.2.8 bad.exa!mple bad\n";
	char *name;

	(void)state;
	write_conf(hosts, strlen(hosts));
	name = conf_hosts_name(path, "mx2");
	assert_string_equal(name, "mx2.example.test");
	free(name);
	assert_null(conf_hosts_name(path, "mx"));
	assert_null(conf_hosts_name(path, "bad"));
	assert_null(conf_hosts_name("/nonexistent/hosts", "mx2"));
}

/* A default as the man page has it: the packages' paths, and words for what has no text. */
static void
put_documented(struct buf *out, const struct conf_key *k)
{
	const char *text = k->initial;

	if (text == NULL)
		buf_puts(out, "this machine's name");
	else if (text[0] == '\0')
		buf_puts(out, "empty");
	else if (strncmp(text, RUNSTATEDIR "/", sizeof(RUNSTATEDIR)) == 0)
		buf_printf(out, "/run%s", text + sizeof(RUNSTATEDIR) - 1);
	else if (strncmp(text, LOCALSTATEDIR "/", sizeof(LOCALSTATEDIR)) == 0)
		buf_printf(out, "/var%s", text + sizeof(LOCALSTATEDIR) - 1);
	else
		buf_puts(out, text);
}

/* holdfast.conf(5) has every key with its default, ".It Cm KEY Pq … default VALUE", and no other. */
static void
documented(void **state)
{
	const char *top = getenv("top_srcdir");
	bool *seen = xcalloc(conf_nkeys, sizeof(*seen));
	char page[512], line[1024], *name, *value;
	struct buf want = BUF_INIT;
	size_t k;
	FILE *f;

	(void)state;
	(void)snprintf(page, sizeof(page), "%s/packaging/man/holdfast.conf.5", top != NULL ? top : ".");
	if ((f = fopen(page, "r")) == NULL)
		fail_msg("%s: cannot be read", page);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, ".It Cm ", 7) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		name = line + 7;
		value = strstr(name, "default ");
		name[strcspn(name, " ")] = '\0';
		for (k = 0; k < conf_nkeys && strcmp(conf_keys[k].name, name) != 0;)
			k++;
		if (k == conf_nkeys)
			fail_msg("holdfast.conf(5) has \"%s\", conf.c does not", name);
		seen[k] = true;
		assert_non_null(value);
		buf_clear(&want);
		put_documented(&want, &conf_keys[k]);
		if (strcmp(value + 8, want.data) != 0)
			fail_msg("%s: \"%s\" in holdfast.conf(5), \"%s\" in conf.c", name, value + 8, want.data);
	}
	fclose(f);
	for (k = 0; k < conf_nkeys; k++)
		if (!seen[k])
			fail_msg("holdfast.conf(5) does not have \"%s\"", conf_keys[k].name);
	buf_free(&want);
	free(seen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(values),
		cmocka_unit_test(refusals),
		cmocka_unit_test(files),
		cmocka_unit_test(building_blocks),
		cmocka_unit_test(own_hostname),
		cmocka_unit_test(documented),
	};

	return cmocka_run_group_tests_name("conf", tests, scratch_setup, scratch_teardown);
}
