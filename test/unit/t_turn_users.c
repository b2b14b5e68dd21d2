/*
 * t_turn_users.c -- the file of those who may fetch mail.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "queued/turn_users.h"

/* Loads a file of this text and mode; *why lacks the path. */
static struct turn_users *
load(const char *text, size_t len, mode_t mode, char **why)
{
	const char *dir = getenv("TMPDIR");
	char *path = xasprintf("%s/turn-users.XXXXXX", dir != NULL ? dir : "/tmp");
	int fd = mkstemp(path);
	struct turn_users *u;

	assert_true(fd != -1);
	assert_int_equal(len, write(fd, text, len));
	assert_int_equal(0, fchmod(fd, mode));
	(void)close(fd);
	*why = NULL;
	u = turn_users_load(path, why);
	assert_true((u == NULL) == (*why != NULL));
	if (*why != NULL) {
		assert_memory_equal(path, *why, strlen(path));
		memmove(*why, *why + strlen(path), strlen(*why + strlen(path)) + 1);
	}
	(void)unlink(path);
	free(path);
	return u;
}

static void
test_reads(void **state)
{
	static const char text[] = "# a comment, then a blank line\n\n"
	    "  ann\tA.test,b.TEST  se#cret \n"
	    "bob c.test x\r\n"
	    "zoe d.test last-line-without-its-end";
	char *why;
	struct turn_users *u = load(text, sizeof(text) - 1, 0640, &why), *kept;
	const struct turn_user *ann;

	(void)state;
	assert_non_null(u);
	assert_int_equal(3, turn_users_count(u));
	ann = turn_users_find(u, "ann");
	assert_non_null(ann);
	assert_string_equal("se#cret", ann->secret);
	assert_true(turn_user_owns(ann, "a.test"));
	assert_true(turn_user_owns(ann, "b.test"));
	assert_false(turn_user_owns(ann, "c.test"));
	assert_false(turn_user_owns(ann, "x.a.test"));
	assert_string_equal("last-line-without-its-end", turn_users_find(u, "zoe")->secret);
	assert_string_equal("x", turn_users_find(u, "bob")->secret);
	assert_null(turn_users_find(u, "Ann"));
	assert_null(turn_users_find(u, ""));
	kept = turn_users_ref(u);
	turn_users_unref(&u);
	assert_null(u);
	assert_string_equal("ann", ann->name);
	turn_users_unref(&kept);
}

static void
test_empty(void **state)
{
	char *why;
	struct turn_users *u = load("", 0, 0600, &why);

	(void)state;
	assert_non_null(u);
	assert_null(turn_users_find(u, "ann"));
	turn_users_unref(&u);
}

static void
test_refuses(void **state)
{
	static const struct {
		const char	*text, *why;
	} table[] = {
		{ "ann a.test\n", ":1: not of the form \"user domain[,domain...] secret\"" },
		{ "\nann\n", ":2: not of the form \"user domain[,domain...] secret\"" },
		{ "ann a.test se cret\n", ":1: not of the form \"user domain[,domain...] secret\"" },
		{ "ann a..test x\n", ":1: \"a..test\" is not a domain" },
		{ "ann a.test, x\n", ":1: \"\" is not a domain" },
		{ "ann [127.0.0.1] x\n", ":1: \"[127.0.0.1]\" is not a domain" },
		{ "ann a.test,A.TEST x\n", ":1: domain \"A.TEST\" is named twice" },
		{ "ann a.test x\nbob b.test y\nann c.test z\n",
		    ":3: user \"ann\" is named in line 1 already" },
		{ "ann a.test gr\xc3\xbc\xc3\x9f\n",
		    ":1: the secret is not ASCII, which no client need spell as this file does" },
		{ "\xc3\xa4nn a.test x\n",
		    ":1: the user's name is not ASCII, which no client need spell as this file does" },
		{ "ann a.test x\x01y\n", ":1: the secret is not free of control characters" },
	};
	char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_null(load(table[i].text, strlen(table[i].text), 0600, &why));
		assert_string_equal(table[i].why, why);
		free(why);
	}
	assert_null(load("ann a.test x\0y\n", 15, 0600, &why));
	assert_string_equal(":1: contains a NUL byte", why);
	free(why);
}

static void
test_refuses_what_others_read(void **state)
{
	static const mode_t bad[] = { 0644, 0604, 0602, 0601, 0660, 0620 };
	char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(load("ann a.test x\n", 13, bad[i], &why));
		assert_non_null(strstr(why, ": it holds secrets and others may read or change it"));
		free(why);
	}
	assert_null(turn_users_load("/nonexistent/users", &why));
	assert_string_equal("/nonexistent/users: No such file or directory", why);
	free(why);
	assert_null(turn_users_load("/dev/null", &why));
	assert_string_equal("/dev/null: not a regular file", why);
	free(why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_refuses_what_others_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
