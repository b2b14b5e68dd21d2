/*
 * t_log.c -- the log: its escaper, its line's form, one write a line.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <string.h>
#include <sysexits.h>

#include "common/log.h"

static void
escaper(void **state)
{
	static const struct {
		const char	*in, *out;
	} rows[] = {
		{ "plain text", "plain text" },
		{ "a\nb", "a\\x0ab" },
		{ "a\r\tb\x1b[31m", "a\\x0d\\x09b\\x1b[31m" },
		{ "\x7f", "\\x7f" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xa7", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xa7" },
		{ "\xc2\x85 \xc2\x9b \xc2\xa0", "\\xc2\\x85 \\xc2\\x9b \xc2\xa0" },	/* C1 */
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc0\xaf", "\\xc0\\xaf" },
		{ "x\xe2\x82", "x\\xe2\\x82" },
		{ "back\\slash", "back\\slash" },
		{ "%s%n", "%s%n" },
	};
	char out[128];
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		n = log_escape(out, sizeof(out), rows[i].in, strlen(rows[i].in));
		assert_string_equal(out, rows[i].out);
		assert_int_equal(n, strlen(out));
	}
	assert_int_equal(log_escape(out, sizeof(out), "a\0b", 3), 6);
	assert_string_equal(out, "a\\x00b");
}

/* Whatever the room, the result ends, fits, and no escape or character is cut. */
static void
escaper_cut(void **state)
{
	static const char in[] = "a\n\xe2\x82\xac\xff" "b";
	static const char out[] = "a\\x0a\xe2\x82\xac\\xff" "b";
	static const size_t whole[] = { 0, 1, 5, 8, 12, 13 };
	char dst[32];
	size_t size, n, i;

	(void)state;
	assert_int_equal(log_escape(dst, 0, in, strlen(in)), 0);
	for (size = 1; size < sizeof(dst); size++) {
		memset(dst, 'X', sizeof(dst));
		n = log_escape(dst, size, in, strlen(in));
		assert_true(n < size && dst[n] == '\0' && dst[size] == 'X');
		assert_memory_equal(dst, out, n);
		for (i = 0; i < COUNT(whole) && whole[i] != n; i++)
			;
		assert_true(i < COUNT(whole));
	}
}

static void
quotes(void **state)
{
	struct log_q q;
	char *big = malloc(LOG_QUOTE_MAX * 2), *end;

	(void)state;
	assert_string_equal(log_quote(&q, "plain"), "\"plain\"");
	assert_string_equal(log_quote(&q, "a \"b\" c\\d"), "\"a \\\"b\\\" c\\\\d\"");
	assert_string_equal(log_quote(&q, ""), "\"\"");
	assert_string_equal(log_quote(&q, NULL), "\"\"");
	memset(big, '"', LOG_QUOTE_MAX * 2);
	big[LOG_QUOTE_MAX * 2 - 1] = '\0';
	log_quote(&q, big);
	assert_int_equal(strlen(q.text), LOG_QUOTE_MAX * 2 + 5);
	assert_string_equal(q.text + LOG_QUOTE_MAX * 2 + 1, "...\"");
	/* the cut must not fall into a character */
	memset(big, 'x', LOG_QUOTE_MAX - 1);
	memcpy(big + LOG_QUOTE_MAX - 1, "\xe2\x82\xac", 4);
	log_quote(&q, big);
	end = q.text + strlen(q.text);
	assert_string_equal(end - 5, "x...\"");
	big[LOG_QUOTE_MAX - 3] = '\0';
	strncat(big, "\xe2\x82\xac", 3);
	log_quote(&q, big);
	assert_string_equal(q.text + strlen(q.text) - 4, "\xe2\x82\xac\"");
	free(big);
}

static char		captured[65536];
static const char	*scratch;

/* Runs `what' in a child whose standard error is a file; returns its exit status. */
static int
capture(void (*what)(void), int open_flags)
{
	char path[512];
	int fd, status;
	ssize_t n;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/stderr", scratch);
	(void)unlink(path);
	fd = open(path, O_RDWR | O_CREAT | open_flags, 0600);
	assert_true(fd >= 0);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		(void)dup2(fd, STDERR_FILENO);
		what();
		exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	n = pread(fd, captured, sizeof(captured) - 1, 0);
	captured[n > 0 ? n : 0] = '\0';
	close(fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
assert_matches(const char *pattern)
{
	regex_t re;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&re, captured, 0, NULL, 0) != 0)
		fail_msg("\"%s\" does not match %s", captured, pattern);
	regfree(&re);
}

#define HEAD	"^(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 123][0-9] " \
		"[0-2][0-9]:[0-5][0-9]:[0-6][0-9] [^ .]+ holdfast/test\\[[0-9]+\\]: "

static void
say_info(void)
{
	log_open("holdfast/test", LOG_TO_STDERR);
	log_debug("not this");
	log_info("%s: from=<%s>", "id", "a\nb");
}

static void
say_debug(void)
{
	log_open("holdfast/test", LOG_TO_STDERR);
	log_set_verbose(true);
	log_debug("this too");
}

static void
say_warn(void)
{
	log_open("holdfast/test", LOG_TO_STDERR);
	log_warn("no room");
}

static void
say_fatal(void)
{
	log_open("holdfast/test", LOG_TO_STDERR);
	log_fatal("gone");
}

static void
say_much(void)
{
	char *big = malloc(20001);

	memset(big, 1, 20000);
	big[20000] = '\0';
	log_open("holdfast/test", LOG_TO_STDERR);
	log_info("%s", big);
	free(big);
}

static void
lines(void **state)
{
	scratch = *state;
	(void)unsetenv("JOURNAL_STREAM");
	assert_int_equal(capture(say_info, 0), 0);
	assert_matches(HEAD "id: from=<a\\\\x0ab>\n$");
	(void)capture(say_debug, 0);
	assert_matches(HEAD "this too\n$");
	(void)capture(say_warn, 0);
	assert_matches(HEAD "warning: no room\n$");
	assert_int_equal(capture(say_fatal, 0), EX_SOFTWARE);
	assert_matches(HEAD "fatal: gone\n$");
	(void)capture(say_much, 0);
	assert_matches(HEAD "(\\\\x01)+\\.\\.\\.\n$");
	assert_in_range(strlen(captured), 7900, 8500);
}

static void
say_to_journal(void)
{
	char stream[64];
	struct stat st;

	(void)fstat(STDERR_FILENO, &st);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	say_info();
	log_error("bad");
}

static void
say_beside_journal(void)
{
	(void)setenv("JOURNAL_STREAM", "1:1", 1);	/* inherited, but stderr went elsewhere */
	say_info();
}

static void
journal(void **state)
{
	scratch = *state;
	(void)capture(say_to_journal, 0);
	assert_string_equal(captured, "<6>id: from=<a\\x0ab>\n<3>error: bad\n");
	(void)capture(say_beside_journal, 0);
	assert_matches(HEAD "id:");
}

static void *
chatter(void *arg)
{
	int i;

	for (i = 0; i < 100; i++)
		log_info("%0100d", *(int *)arg);
	return NULL;
}

static void
say_in_threads(void)
{
	pthread_t t[4];
	int id[4], i;

	log_open("holdfast/test", LOG_TO_STDERR);
	for (i = 0; i < 4; i++) {
		id[i] = i;
		(void)pthread_create(&t[i], NULL, chatter, &id[i]);
	}
	for (i = 0; i < 4; i++)
		(void)pthread_join(t[i], NULL);
}

/* Lines of several threads are whole: each ends with its 100 digits. */
static void
threads(void **state)
{
	char *line, *save = NULL;
	int n = 0;

	scratch = *state;
	(void)capture(say_in_threads, O_APPEND);
	for (line = strtok_r(captured, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		n++;
		assert_true(strlen(line) > 102);
		assert_true(strncmp(line + strlen(line) - 102, ": 00", 4) == 0);
	}
	assert_int_equal(n, 400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escaper),
		cmocka_unit_test(escaper_cut),
		cmocka_unit_test(quotes),
		cmocka_unit_test(lines),
		cmocka_unit_test(journal),
		cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests_name("log", tests, scratch_setup, scratch_teardown);
}
