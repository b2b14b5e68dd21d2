/*
 * t_control.c -- the client's end of the control protocol, against a small
 * server that plays a script.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/control.h"
#include "player.h"

static struct control *
start(struct player *s, const char *const *answers, size_t piece)
{
	struct control *c;
	char *why = NULL;

	player_start(s, answers, piece);
	c = control_connect(s->path, &why);
	assert_non_null(c);
	return c;
}

struct seen {
	struct buf	lines, data;
};

static void
on_line(void *arg, json_t *j)
{
	struct seen *seen = arg;
	char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);

	buf_printf(&seen->lines, "%s|", text);
	free(text);
}

static void
on_data(void *arg, const char *p, size_t n)
{
	struct seen *seen = arg;

	buf_put(&seen->data, p, n);
}

static void
test_calls(void **state)
{
	static const char *const answers[] = {
		"{\"a\":1}\n{\"b\":\"x\"}\n{\"ok\":true,\"changed\":2}\n",
		"{\"data\":12}\nline\n{\"ok\":}{\"data\":0}\n{\"data\":3}\n\n\n\n{\"ok\":true}\n",
		"{\"ok\":false,\"error\":\"no such id\",\"exit\":65}\n",
		NULL
	};
	static const size_t pieces[] = { 1, 7, 4096 };
	static const char first[] = "{\"cmd\":\"queue.list\",\"domain\":\"ü\"}\n";

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct seen seen = { BUF_INIT, BUF_INIT };
		struct player s;
		struct control *c = start(&s, answers, pieces[i]);
		char *why = NULL;
		json_t *last;

		last = control_call(c, json_pack("{s:s,s:s}", "cmd", "queue.list", "domain", "ü"),
		    on_line, on_data, &seen, &why);
		assert_non_null(last);
		assert_int_equal(json_integer_value(json_object_get(last, "changed")), 2);
		json_decref(last);
		assert_string_equal(buf_str(&seen.lines), "{\"a\":1}|{\"b\":\"x\"}|");

		last = control_call(c, json_pack("{s:s}", "cmd", "queue.cat"), on_line, on_data,
		    &seen, &why);
		assert_non_null(last);
		json_decref(last);
		assert_int_equal(seen.data.len, 15);
		assert_memory_equal(seen.data.data, "line\n{\"ok\":}\n\n\n", 15);

		last = control_call(c, json_pack("{s:s}", "cmd", "x"), NULL, NULL, NULL, &why);
		assert_non_null(last);
		assert_true(json_is_false(json_object_get(last, "ok")));
		json_decref(last);

		/* the server is gone by now */
		assert_null(control_call(c, json_pack("{s:s}", "cmd", "x"), NULL, NULL, NULL,
		    &why));
		assert_non_null(strstr(why, "closed the connection"));
		free(why);
		control_close(&c);
		player_stop(&s);
		assert_memory_equal(buf_str(&s.got), first, strlen(first));
		buf_free(&s.got);
		buf_free(&seen.lines);
		buf_free(&seen.data);
	}
}

static void
test_broken_answers(void **state)
{
	static const struct {
		const char	*answer;
		const char	*why;
	} row[] = {
		{ "", "closed the connection" },
		{ "{\"ok\":true}", "closed the connection" },	/* no line end */
		{ "{\"data\":10}\nabc", "closed the connection" },
		{ "hello\n", "not a JSON object" },
		{ "[1]\n", "not a JSON object" },
		{ "\n", "not a JSON object" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *const answers[] = { row[i].answer, NULL };
		struct player s;
		struct control *c = start(&s, answers, 4096);
		char *why = NULL;

		assert_null(control_call(c, json_pack("{s:s}", "cmd", "x"), NULL, NULL, NULL,
		    &why));
		if (strstr(why, row[i].why) == NULL)
			fail_msg("`%s': %s", row[i].answer, why);
		free(why);
		control_close(&c);
		control_close(&c);
		player_stop(&s);
		buf_free(&s.got);
	}
}

static void
test_connect(void **state)
{
	char dir[] = "/tmp/hf-control.XXXXXX", path[64], longpath[200];
	char *why = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/sock", dir);
	assert_null(control_connect(path, &why));
	assert_int_equal(errno, ENOENT);
	assert_non_null(strstr(why, "is it running? (its log"));
	assert_non_null(strstr(why, path));
	free(why);
	memset(longpath, 'x', sizeof(longpath));
	longpath[0] = '/';
	longpath[sizeof(longpath) - 1] = '\0';
	assert_null(control_connect(longpath, &why));
	assert_non_null(strstr(why, "at most 107 characters"));
	free(why);

	/* a folder that we may not look into: as somebody else, if we are root */
	uid_t self = geteuid();
	assert_int_equal(chmod(dir, 0), 0);
	assert_int_equal(seteuid(self == 0 ? 65534 : self), 0);
	struct control *c = control_connect(path, &why);
	int err = errno;
	assert_int_equal(seteuid(self), 0);
	assert_int_equal(chmod(dir, 0700), 0);
	assert_null(c);
	assert_int_equal(err, EACCES);
	assert_non_null(strstr(why, "run as root or as a member of"));
	free(why);
	(void)rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_broken_answers),
		cmocka_unit_test(test_connect),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
