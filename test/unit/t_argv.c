/*
 * t_argv.c -- MAIL and RCPT as the MTA hands them to a milter.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "milter/argv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ALL (WIRE_EXT_SIZE | WIRE_EXT_8BITMIME | WIRE_EXT_SMTPUTF8 | WIRE_EXT_DSN)
#define WORDS 8

/* libmilter's argv is not const; nothing in it is written to. */
static void
argv_of(const char *const *words, char **argv)
{
	size_t i;

	for (i = 0; i < WORDS - 1 && words[i] != NULL; i++)
		argv[i] = strdup(words[i]);
	argv[i] = NULL;
}

static void
argv_free(char **argv)
{
	for (; *argv != NULL; argv++)
		free(*argv);
}

static void
test_mail(void **state)
{
	static const struct {
		const char	*argv[WORDS];
		const char	*command;	/* what goes on to queued; NULL: refused */
	} table[] = {
		{ { "<a@b.test>", NULL }, "MAIL FROM:<a@b.test>" },
		{ { "<>", NULL }, "MAIL FROM:<>" },
		{ { "<a@b.test>", "SIZE=100", "BODY=8BITMIME", "RET=HDRS", "ENVID=x+2By", NULL },
		    "MAIL FROM:<a@b.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=x+2By" },
		{ { "<a@b.test>", "AUTH=<>", "size=100", "XFOO", NULL },
		    "MAIL FROM:<a@b.test> SIZE=100" },
		{ { "<a@b.test>", "SIZE=x", "RET=HDRS", NULL }, "MAIL FROM:<a@b.test> RET=HDRS" },
		{ { "<\xc3\xa4@b.test>", "SIZE=5", "SMTPUTF8", NULL },
		    "MAIL FROM:<\xc3\xa4@b.test> SIZE=5 SMTPUTF8" },
		{ { "<\xc3\xa4@b.test>", "XFOO", "SMTPUTF8", NULL },
		    "MAIL FROM:<\xc3\xa4@b.test> SMTPUTF8" },
		{ { "<\xc3\xa4@b.test>", NULL }, NULL },
		{ { "<root>", NULL }, NULL },
		{ { "a@b.test", NULL }, NULL },
		{ { "<a@b.test", NULL }, NULL },
	};
	struct envelope env;
	struct buf out = BUF_INIT;
	char *argv[WORDS];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		memset(&env, 0, sizeof(env));
		argv_of(table[i].argv, argv);
		if ((argv_mail(argv, &env) == 0) != (table[i].command != NULL))
			fail_msg("row %zu", i);
		if (table[i].command != NULL) {
			wire_format_mail(&out, &env, ALL, env.size);
			assert_string_equal(buf_str(&out), table[i].command);
		}
		buf_free(&out);
		envelope_clear(&env);
		argv_free(argv);
	}
}

static void
test_rcpt(void **state)
{
	static const struct {
		const char	*argv[WORDS];
		bool		 utf8;
		const char	*command;
	} table[] = {
		{ { "<a@b.test>", NULL }, false, "RCPT TO:<a@b.test>" },
		{ { "<\"a b\"@b.test>", NULL }, false, "RCPT TO:<\"a b\"@b.test>" },
		{ { "<a@b.test>", "NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;x+2By@z", NULL }, false,
		    "RCPT TO:<a@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2By@z" },
		{ { "<a@b.test>", "XBAR=1", "NOTIFY=NEVER", NULL }, false,
		    "RCPT TO:<a@b.test> NOTIFY=NEVER" },
		{ { "<\xc3\xa4@b.test>", NULL }, true, "RCPT TO:<\xc3\xa4@b.test>" },
		{ { "<\xc3\xa4@b.test>", NULL }, false, NULL },
		{ { "<@r.test:a@b.test>", NULL }, false, NULL },
		{ { "<>", NULL }, false, NULL },
	};
	struct envelope env;
	struct buf out = BUF_INIT;
	char *argv[WORDS];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		memset(&env, 0, sizeof(env));
		env.smtputf8 = table[i].utf8;
		argv_of(table[i].argv, argv);
		if ((argv_rcpt(argv, &env) == 0) != (table[i].command != NULL))
			fail_msg("row %zu", i);
		assert_int_equal(env.nrcpt, table[i].command != NULL);
		if (table[i].command != NULL) {
			wire_format_rcpt(&out, &env.rcpt[0], ALL);
			assert_string_equal(buf_str(&out), table[i].command);
		}
		buf_free(&out);
		envelope_clear(&env);
		argv_free(argv);
	}
}

static void
test_address(void **state)
{
	static const char *const table[][2] = {
		{ "<a@b>", "a@b" }, { "<>", "" }, { "a@b", "a@b" }, { "<a@b", "<a@b" },
		{ "a@b>", "a@b>" }, { "", "" }, { "<", "<" }, { "<<a>>", "<a>" },
	};
	char *address;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		address = argv_address(table[i][0]);
		assert_string_equal(address, table[i][1]);
		free(address);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_rcpt),
		cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
