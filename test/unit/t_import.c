/*
 * t_import.c -- recipient lists: formats, and the lines that are refused.
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

#include "common/buf.h"
#include "common/import.h"

static const struct {
	const char	*text;
	enum import_format format;
	const char	*locals;	/* joined by blanks */
	const char	*errors;	/* "line:part-of-reason" joined by `|' */
	size_t		 duplicates;
	bool		 catch_all;
} row[] = {
	/* one address a line */
	{ "bob@example.test\nalice@example.test\n", IMPORT_LINES, "alice bob", "", 0, false },
	{ "bob@example.test", IMPORT_LINES, "bob", "", 0, false },
	{ "bob\nalice\n", IMPORT_LINES, "alice bob", "", 0, false },
	{ "bob@example.test\r\nalice@EXAMPLE.Test\r\n", IMPORT_LINES, "alice bob", "", 0, false },
	{ "# people\n\n  \nbob@example.test   \n\t# more\n  alice@example.test\n", IMPORT_LINES,
	  "alice bob", "", 0, false },
	{ "Bob@example.test\nbob\nBOB@EXAMPLE.TEST\n", IMPORT_LINES, "bob", "", 2, false },
	{ "\xef\xbb\xbf" "bob@example.test\n", IMPORT_LINES, "bob", "", 0, false },
	{ "bob@example.test\n@example.test\n", IMPORT_LINES, "bob", "", 0, true },
	{ "\"al ice\"@example.test\nbob\n", IMPORT_LINES, "al~ice bob", "", 0, false },
	{ "o'brien@example.test\nbob+x\nj\xc3\xbcrgen@example.test\n", IMPORT_LINES,
	  "bob+x j\xc3\xbcrgen o'brien", "", 0, false },
	{ "email\nbob@example.test\n", IMPORT_CSV, "bob", "", 0, false },
	{ "mail\npostmaster\n", IMPORT_LINES, "mail postmaster", "", 0, false },
	{ "joe@example.test\nmary@example.test OK\nbob@example.test,Bob,1\n", IMPORT_LINES,
	  "bob joe mary", "", 0, false },
	{ "", IMPORT_LINES, "", "", 0, false },
	{ "# nothing\n\n", IMPORT_LINES, "", "", 0, false },
	/* a list that says how long it is */
	{ "# holdfast-export 0.1 serial=1 count=2 domains=example.test\na@example.test\nb@example.test\n"
	  "# end 2\n", IMPORT_LINES, "a b", "", 0, false },
	{ "a\nb\n# end 2\n\n", IMPORT_LINES, "a b", "", 0, false },
	{ "a\n# end 9\nb\n", IMPORT_LINES, "a b", "", 0, false },	/* a comment like others */
	{ "a\n# end of the first group\nb\n# endless\n", IMPORT_LINES, "a b", "", 0, false },
	{ "# my holdfast-export list count=9\na\n", IMPORT_LINES, "a", "", 0, false },
	{ "# holdfast-export 0.1 serial=1 count=2 domains=example.test\na@example.test\nb@exam",
	  IMPORT_LINES, "a", "3:another domain|3:cut off: it announces 2", 0, false },
	{ "# holdfast-export 0.1 serial=1 count=2\na\nb", IMPORT_LINES, "a b", "3:without its last line", 0,
	  false },
	{ "# holdfast-export 0.1 serial=1 count=2\na\n", IMPORT_LINES, "a", "2:and 1 are there", 0, false },
	{ "# holdfast-export 0.1 serial=1 count=2 domains=example.test", IMPORT_LINES, "",
	  "1:and 0 are there", 0, false },
	{ "# holdfast-export 0.1 serial=1 count=3\na\nb\n# end 2\n", IMPORT_LINES, "a b",
	  "4:announces 3", 0, false },
	{ "a\nb\n# end 3\n", IMPORT_LINES, "a b", "3:counts 3", 0, false },
	{ "a\n# end 99999999999999999999999999\n", IMPORT_LINES, "a", "2:is not whole", 0, false },
	/* … and what is wrong with it */
	{ "bob@example.test\nbob@other.test\n\neve@@example.test\nx y@example.test\n",
	  IMPORT_LINES, "bob", "2:another domain than example.test|4:not an address|5:not an address",
	  0, false },
	{ "joe@example.test\nbob@example.test, alice@example.test\n", IMPORT_LINES, "joe",
	  "2:more than one address", 0, false },
	{ "bob@\n@other.test\n@\n", IMPORT_LINES, "", "1:not an address|2:another domain|3:", 0, false },
	{ "bob@sub.example.test\nbob@xample.test\n", IMPORT_LINES, "",
	  "1:another domain|2:another domain", 0, false },
	{ "b\xe9@example.test\n", IMPORT_LINES, "", "1:not an address", 0, false },
	{ "\xff\xfe" "b", IMPORT_LINES, "", "1:UTF-16", 0, false },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.test\n",
	  IMPORT_LINES, "", "1:not an address", 0, false },
	{ "bob@example.test\n<alice@example.test>\n", IMPORT_LINES, "bob", "2:not an address", 0,
	  false },
	/* the source of a Postfix map */
	{ "bob@example.test OK\nalice@example.test\tx y z\n", IMPORT_MAP, "alice bob", "", 0,
	  false },
	{ "bob@example.test  a@b.test, c@d.test\n@example.test x\n", IMPORT_MAP, "bob", "", 0,
	  true },
	{ "# virtual\nexample.test  anything\nbob@example.test  a@b.test,\n   c@d.test\n"
	  "alice@example.test  OK\n", IMPORT_MAP, "alice bob", "", 0, false },
	{ "bob  OK\nalice  OK\r\n", IMPORT_MAP, "alice bob", "", 0, false },
	{ "\"al ice\"@example.test  OK\nbob@example.test\n", IMPORT_MAP, "al~ice bob", "", 0,
	  false },
	{ "bob@example.test OK\n/^a.*@example/ OK\nbob@other.test OK\n", IMPORT_MAP, "bob",
	  "2:|3:another domain", 0, false },
	/* CSV */
	{ "Name,Email\nBob,bob@example.test\nAlice,alice@example.test\n", IMPORT_CSV, "alice bob",
	  "", 0, false },
	{ "First Name,Last Name,E-Mail Address\r\nBob,B,bob@example.test\r\n", IMPORT_CSV, "bob", "",
	  0, false },
	{ "bob@example.test,Bob\nalice@example.test,Alice\n", IMPORT_CSV, "alice bob", "", 0, false },
	{ "Bob,bob@example.test,1\nAlice,alice@example.test,2\n", IMPORT_CSV, "alice bob", "", 0,
	  false },
	{ "id;mail\n1;bob@example.test\n", IMPORT_CSV, "bob", "", 0, false },
	{ "id,konto\n1,bob@example.test\n", IMPORT_CSV, "bob", "", 0, false },
	{ "Name\tmail\nBob\tbob@example.test\n", IMPORT_CSV, "bob", "", 0, false },
	{ "\"Name\",\"PrimarySmtpAddress\"\r\n\"B, Bob\",\"bob@example.test\"\r\n"
	  "\"Al \"\"Ice\"\"\r\nof two lines\",alice@example.test\r\n", IMPORT_CSV, "alice bob", "", 0,
	  false },
	{ "\"bob@example.test\"\n\"alice@example.test\"\n", IMPORT_CSV, "alice bob", "", 0, false },
	{ "Email,Name\nbob , Bob\n", IMPORT_CSV, "bob", "", 0, false },
	{ "# list\nEmail,Name\n\n# more\nbob@example.test,Bob", IMPORT_CSV, "bob", "", 0, false },
	{ "Name,Email\nBob,bob@example.test\nEve,\nMallory,m@other.test\n\"x\ny\",z@z.test\nq\n",
	  IMPORT_CSV, "bob",
	  "3:no address in column 2|4:another domain|5:another domain|7:no address in column 2", 0,
	  false },
	{ "bob@example.test, alice@example.test\neve@example.test,x\n", IMPORT_CSV, "eve",
	  "1:addresses in columns 1 and 2", 0, false },
	{ "bob@example.test,bob@gmail.test\n", IMPORT_CSV, "bob", "", 0, false },
	{ "manager,email\nboss@example.test,bob@example.test\n", IMPORT_CSV, "bob", "", 0, false },
	{ "a,b\nc,d\n", IMPORT_CSV, "", "2:no column", 0, false },
	{ "Name,Email\n\"Bob,bob@example.test\nAlice,alice@example.test\n", IMPORT_CSV, "alice",
	  "2:a quote is not closed", 0, false },
	{ "Name,Email\n\"Bob\"x,bob@example.test\nAlice,alice@example.test\n", IMPORT_CSV, "alice",
	  "2:text after a closing quote", 0, false },
};

static void
check_errors(size_t i, const struct import *im)
{
	struct buf got = BUF_INIT;
	const char *p = row[i].errors;

	for (size_t k = 0; k < im->nerrors; k++)
		buf_printf(&got, "%zu:%s|", im->error[k].line, im->error[k].reason);
	for (size_t k = 0; *p != '\0'; k++) {
		size_t line = strtoul(p, NULL, 10);
		const char *part = strchr(p, ':') + 1;
		size_t len = strcspn(part, "|");
		char *want = xstrndup(part, len);

		if (k >= im->nerrors || im->error[k].line != line ||
		    strstr(im->error[k].reason, want) == NULL)
			fail_msg("row %zu: error %zu is not %zu:%s in %s", i, k, line, want,
			    buf_str(&got));
		free(want);
		p = part + len + (part[len] == '|');
		if (*p == '\0' && im->nerrors != k + 1)
			fail_msg("row %zu: more errors: %s", i, buf_str(&got));
	}
	if (row[i].errors[0] == '\0' && im->nerrors > 0)
		fail_msg("row %zu: %s", i, buf_str(&got));
	buf_free(&got);
}

static void
test_formats(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct import im;
		struct buf got = BUF_INIT;
		size_t len = strlen(row[i].text);
		char *text = len == 0 ? NULL : xstrndup(row[i].text, len);

		/* exactly its bytes, so that reading past them is seen */
		if (text != NULL)
			text = xrealloc(text, len, 1);
		import_parse(&im, text != NULL ? text : "", len, "example.test", false);
		for (size_t k = 0; k < im.n; k++)
			buf_printf(&got, "%s%s", k > 0 ? " " : "", im.locals[k]);
		for (char *p = got.data; p != NULL && (p = strstr(p, "al ice")) != NULL;)
			p[2] = '~';
		if (strcmp(buf_str(&got), row[i].locals) != 0)
			fail_msg("row %zu: `%s', not `%s'", i, buf_str(&got), row[i].locals);
		if (im.format != row[i].format)
			fail_msg("row %zu: read as %s", i, import_format_name(im.format));
		if (im.duplicates != row[i].duplicates || im.catch_all != row[i].catch_all)
			fail_msg("row %zu: %zu duplicates, catch-all %d", i, im.duplicates,
			    im.catch_all);
		check_errors(i, &im);
		buf_free(&got);
		import_clear(&im);
		free(text);
	}
}

static void
test_exact(void **state)
{
	static const char text[] = "Bob\nbob\nBob@Example.Test\n";
	struct import im;

	(void)state;
	import_parse(&im, text, sizeof(text) - 1, "example.test", true);
	assert_int_equal(im.n, 2);
	assert_string_equal(im.locals[0], "Bob");
	assert_string_equal(im.locals[1], "bob");
	assert_int_equal(im.duplicates, 1);
	import_clear(&im);
}

static void
test_nul_and_many_errors(void **state)
{
	static const char nul[] = "bob\nal\0ice\n";
	struct buf b = BUF_INIT;
	struct import im;

	(void)state;
	import_parse(&im, nul, sizeof(nul) - 1, "example.test", false);
	assert_int_equal(im.nerrors, 1);
	assert_int_equal(im.error[0].line, 2);
	import_clear(&im);

	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "x@other.test\n");
	import_parse(&im, b.data, b.len, "example.test", false);
	assert_int_equal(im.nerrors, 1000);
	assert_int_equal(im.error[IMPORT_ERRORS_MAX - 1].line, IMPORT_ERRORS_MAX);
	import_clear(&im);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_nul_and_many_errors),
	};

	return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
