/*
 * t_wire_params.c -- MAIL and RCPT: reading, refusing, writing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <stdbool.h>
#include <string.h>

#include "common/wire.h"

#define LIMIT	UINT64_C(10240000)
#define ALL	0xffffu

#define X100	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

struct refusal {
	const char	*arg;
	int		 code;
	const char	*dsn;
};

static void
check_refused(const struct refusal *r, int rc, const struct wire_error *err)
{
	if (rc != -1)
		fail_msg("\"%s\" was accepted", r->arg);
	if (err->code != r->code || strcmp(err->dsn, r->dsn) != 0 || err->text == NULL)
		fail_msg("\"%s\": %d %s %s", r->arg, err->code, err->dsn, err->text);
}

/* What is accepted is written back as it was (in our order of the parameters). */
static void
mail_accepted(void **state)
{
	static const struct {
		const char	*arg, *out;
	} rows[] = {
		{ "FROM:<>", "FROM:<>" },
		{ "from:<a@b>", "FROM:<a@b>" },
		{ "FROM: \t<a@b>", "FROM:<a@b>" },
		{ "FROM:<A.b@EXAMPLE.test> SIZE=10240000", "FROM:<A.b@EXAMPLE.test> SIZE=10240000" },
		{ "FROM:<a@b> SIZE=0", "FROM:<a@b>" },
		{ "FROM:<a@b> size=00000012  body=8bitmime", "FROM:<a@b> SIZE=12 BODY=8BITMIME" },
		{ "FROM:<a@b> BODY=7BIT", "FROM:<a@b> BODY=7BIT" },
		{ "FROM:<a@b> AUTH=<>", "FROM:<a@b>" },
		{ "FROM:<a@b> AUTH=e+3Dmc2@example.com RET=HDRS ENVID=QQ+2B314159",
		    "FROM:<a@b> RET=HDRS ENVID=QQ+2B314159" },
		{ "FROM:<a@b> ENVID=" X100, "FROM:<a@b> ENVID=" X100 },
		{ "FROM:<a@b> RET=full\tXTRACE=01ab", "FROM:<a@b> RET=FULL XTRACE=01ab" },
		{ "FROM:<a@b> xspf=PASS XTRACE=1", "FROM:<a@b> XTRACE=1 XSPF=pass" },
		{ "FROM:<a@b> XSPF=softfail", "FROM:<a@b> XSPF=softfail" },
		{ "FROM:<a@b> xquarantine=virus+20a+2Bb", "FROM:<a@b> XQUARANTINE=virus+20a+2Bb" },
		{ "FROM:<a@b> XQUARANTINE=" X100 X100 X100 X100, "FROM:<a@b> XQUARANTINE=" X100 X100 X100 X100 },
		{ "FROM:<j\xc3\xb6@d> SMTPUTF8 BODY=8BITMIME", "FROM:<j\xc3\xb6@d> BODY=8BITMIME SMTPUTF8" },
		{ "FROM:<a@b> smtputf8", "FROM:<a@b> SMTPUTF8" },
		{ "FROM:<\"'); DROP TABLE q;--\"@d> SIZE=1", "FROM:<\"'); DROP TABLE q;--\"@d> SIZE=1" },
	};
	struct buf b = BUF_INIT;
	struct wire_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct envelope env = { .client = { .name = xstrdup("kept") } };

		if (wire_parse_mail(rows[i].arg, strlen(rows[i].arg), LIMIT, &env, &err) == -1)
			fail_msg("%s: %s", rows[i].arg, err.text);
		buf_clear(&b);
		wire_format_mail(&b, &env, ALL, env.size);
		assert_memory_equal(b.data, "MAIL ", 5);
		assert_string_equal(b.data + 5, rows[i].out);
		assert_string_equal(env.client.name, "kept");
		envelope_clear(&env);
	}
	buf_free(&b);
}

static void
mail_refused(void **state)
{
	static const struct refusal rows[] = {
		{ "", 501, "5.5.4" },
		{ "<a@b>", 501, "5.5.4" },
		{ "FROM", 501, "5.5.4" },
		{ "TO:<a@b>", 501, "5.5.4" },
		{ "FROM :<a@b>", 501, "5.5.4" },
		{ "FROM:", 501, "5.1.7" },
		{ "FROM:a@b", 501, "5.1.7" },
		{ "FROM:<a@b", 501, "5.1.7" },
		{ "FROM:<@>", 501, "5.1.7" },
		{ "FROM:<a@>", 501, "5.1.7" },
		{ "FROM:<;id;@>", 501, "5.1.7" },
		{ "FROM:<\"a@d>", 501, "5.1.7" },
		{ "FROM:<\"a\\", 501, "5.1.7" },
		{ "FROM:<a@b@c>", 501, "5.1.7" },
		{ "FROM:<a@[IPv6:zz]>", 501, "5.1.7" },
		{ "FROM:<@r,@s:a@b>", 501, "5.1.7" },
		{ "FROM:<\xc0\xaf@d> SMTPUTF8", 501, "5.1.7" },
		{ "FROM:<postmaster>", 501, "5.1.7" },
		{ "FROM:<a@b>SIZE=1", 501, "5.1.7" },
		{ "FROM:<a@b>c", 501, "5.1.7" },
		{ "FROM:<" X100 "@d>", 501, "5.1.7" },
		{ "FROM:<j\xc3\xb6@d>", 553, "5.6.7" },
		{ "FROM:<j\xc3\xb6@d> SIZE=1", 553, "5.6.7" },
		{ "FROM:<a@b> SIZE=-1", 501, "5.5.4" },
		{ "FROM:<a@b> SIZE=", 501, "5.5.4" },
		{ "FROM:<a@b> SIZE", 501, "5.5.4" },
		{ "FROM:<a@b> SIZE=1k", 501, "5.5.4" },
		{ "FROM:<a@b> SIZE=99999999999999999999", 501, "5.5.4" },
		{ "FROM:<a@b> SIZE=10000000000000000000", 501, "5.5.4" },
		{ "FROM:<a@b> SIZE=9999999999999999999", 552, "5.3.4" },
		{ "FROM:<a@b> SIZE=10240001", 552, "5.3.4" },
		{ "FROM:<a@b> SIZE=1 SIZE=1", 501, "5.5.4" },
		{ "FROM:<a@b> SIZE=1 size=2", 501, "5.5.4" },
		{ "FROM:<a@b> BODY=7BIT BODY=8BITMIME", 501, "5.5.4" },
		{ "FROM:<a@b> BODY=BINARYMIME", 501, "5.5.4" },
		{ "FROM:<a@b> BODY", 501, "5.5.4" },
		{ "FROM:<a@b> SMTPUTF8=yes", 501, "5.5.4" },
		{ "FROM:<a@b> SMTPUTF8=", 501, "5.5.4" },
		{ "FROM:<a@b> RET=SOME", 501, "5.5.4" },
		{ "FROM:<a@b> RET", 501, "5.5.4" },
		{ "FROM:<a@b> ENVID=", 501, "5.5.4" },
		{ "FROM:<a@b> ENVID=" X100 "x", 501, "5.5.4" },
		{ "FROM:<a@b> ENVID=a+0Ab", 501, "5.5.4" },
		{ "FROM:<a@b> ENVID=a+", 501, "5.5.4" },
		{ "FROM:<a@b> AUTH=", 501, "5.5.4" },
		{ "FROM:<a@b> AUTH=a+0D+0Ab@c", 501, "5.5.4" },
		{ "FROM:<a@b> AUTH=a\nb", 501, "5.5.4" },
		{ "FROM:<a@b> AUTH=a+4", 501, "5.5.4" },
		{ "FROM:<a@b> XTRACE=", 501, "5.5.4" },
		{ "FROM:<a@b> XTRACE=" X100, 501, "5.5.4" },
		{ "FROM:<a@b> XTRACE=+00", 501, "5.5.4" },
		{ "FROM:<a@b> XSPF", 501, "5.5.4" },
		{ "FROM:<a@b> XSPF=", 501, "5.5.4" },
		{ "FROM:<a@b> XSPF=passed", 501, "5.5.4" },
		{ "FROM:<a@b> XSPF=pas", 501, "5.5.4" },
		{ "FROM:<a@b> XSPF=pass XSPF=fail", 501, "5.5.4" },
		{ "FROM:<a@b> XQUARANTINE", 501, "5.5.4" },
		{ "FROM:<a@b> XQUARANTINE=", 501, "5.5.4" },
		{ "FROM:<a@b> XQUARANTINE=a+0Ab", 501, "5.5.4" },
		{ "FROM:<a@b> XQUARANTINE=a+2", 501, "5.5.4" },
		{ "FROM:<a@b> XQUARANTINE=a XQUARANTINE=b", 501, "5.5.4" },
		{ "FROM:<a@b> XQUARANTINE=" X100 X100 X100 X100 "x", 501, "5.5.4" },
		{ "FROM:<a@b> NOTIFY=NEVER", 555, "5.5.4" },
		{ "FROM:<a@b> FOO=1", 555, "5.5.4" },
		{ "FROM:<a@b> FOO", 555, "5.5.4" },
		{ "FROM:<a@b> =1", 555, "5.5.4" },
		{ "FROM:<a@b> <c@d>", 555, "5.5.4" },
		{ "FROM:<a@b> SIZ=1", 555, "5.5.4" },
		{ "FROM:<a@b> BODY=\xff", 501, "5.5.4" },
	};
	struct envelope env = { .sender = xstrdup("before"), .size = 7 };
	struct wire_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		int rc = wire_parse_mail(rows[i].arg, strlen(rows[i].arg), LIMIT, &env, &err);

		check_refused(&rows[i], rc, &err);
		assert_string_equal(env.sender, "before");
		assert_true(env.size == 7 && env.envid == NULL && env.trace == NULL && !env.smtputf8);
	}
	assert_int_equal(wire_parse_mail("FROM:<a@b> AUTH=a\0b", 19, LIMIT, &env, &err), -1);
	assert_int_equal(wire_parse_mail("FROM:<a@b> SIZE=10240001", 24, 0, &env, &err), 0);
	envelope_clear(&env);
}

static void
rcpt_accepted(void **state)
{
	static const struct {
		const char	*arg, *out;
		bool		 utf8;
	} rows[] = {
		{ "TO:<a@b>", "TO:<a@b>", false },
		{ "to:  <a@b>", "TO:<a@b>", false },
		{ "TO:<Postmaster>", "TO:<Postmaster>", false },
		{ "TO:<a@b> NOTIFY=NEVER", "TO:<a@b> NOTIFY=NEVER", false },
		{ "TO:<a@b> notify=delay,SUCCESS,failure", "TO:<a@b> NOTIFY=SUCCESS,FAILURE,DELAY", false },
		{ "TO:<a@b> ORCPT=rfc822;Bob+2Btag@x.test NOTIFY=FAILURE",
		    "TO:<a@b> NOTIFY=FAILURE ORCPT=rfc822;Bob+2Btag@x.test", false },
		{ "TO:<a@b> ORCPT=rfc822;prvs=1=bob@x.test", "TO:<a@b> ORCPT=rfc822;prvs=1=bob@x.test",
		    false },
		{ "TO:<\xc3\xb6@d> ORCPT=utf-8;\xc3\xb6@d", "TO:<\xc3\xb6@d> ORCPT=utf-8;\xc3\xb6@d", true },
		{ "TO:<-oQ/tmp@d>", "TO:<-oQ/tmp@d>", false },
	};
	struct buf b = BUF_INIT;
	struct wire_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct envelope env = { .smtputf8 = rows[i].utf8 };

		if (wire_parse_rcpt(rows[i].arg, strlen(rows[i].arg), &env, &err) == -1)
			fail_msg("%s: %s", rows[i].arg, err.text);
		assert_int_equal(env.nrcpt, 1);
		buf_clear(&b);
		wire_format_rcpt(&b, &env.rcpt[0], ALL);
		assert_memory_equal(b.data, "RCPT ", 5);
		assert_string_equal(b.data + 5, rows[i].out);
		envelope_clear(&env);
	}
	buf_free(&b);
}

static void
rcpt_refused(void **state)
{
	static const struct refusal rows[] = {
		{ "", 501, "5.5.4" },
		{ "FROM:<a@b>", 501, "5.5.4" },
		{ "TO:a@b", 501, "5.1.3" },
		{ "TO:<>", 501, "5.1.3" },
		{ "TO:<@>", 501, "5.1.3" },
		{ "TO:<a@>", 501, "5.1.3" },
		{ "TO:<a>", 501, "5.1.3" },
		{ "TO:<;id;@>", 501, "5.1.3" },
		{ "TO:<\"a@d>", 501, "5.1.3" },
		{ "TO:<\"a\\", 501, "5.1.3" },
		{ "TO:<a@b@c>", 501, "5.1.3" },
		{ "TO:<a@[IPv6:zz]>", 501, "5.1.3" },
		{ "TO:<@r:a@b>", 501, "5.1.3" },
		{ "TO:<\xe0\x80\xaf@d>", 501, "5.1.3" },
		{ "TO:<a@b>,<c@d>", 501, "5.1.3" },
		{ "TO:<j\xc3\xb6@d>", 553, "5.6.7" },
		{ "TO:<a@b> NOTIFY=NEVER,FAILURE", 501, "5.5.4" },
		{ "TO:<a@b> NOTIFY=FAILURE,FAILURE", 501, "5.5.4" },
		{ "TO:<a@b> NOTIFY=FAILURE,", 501, "5.5.4" },
		{ "TO:<a@b> NOTIFY=,FAILURE", 501, "5.5.4" },
		{ "TO:<a@b> NOTIFY=", 501, "5.5.4" },
		{ "TO:<a@b> NOTIFY", 501, "5.5.4" },
		{ "TO:<a@b> NOTIFY=SOMETIMES", 501, "5.5.4" },
		{ "TO:<a@b> NOTIFY=NEVER NOTIFY=NEVER", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=rfc822;a+0Ab@c", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=rfc822;a+7Fb", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=rfc822;a+ZZ", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=rfc822;a+4", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=rfc822;", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=;a@b", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=rfc 822;a", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=a@b", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=rfc822;\xc3\xb6", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=rfc822;" X100 X100 X100 X100 X100, 501, "5.5.4" },
		{ "TO:<a@b> SIZE=1", 555, "5.5.4" },
	};
	struct envelope env = { .sender = NULL };
	struct wire_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		int rc = wire_parse_rcpt(rows[i].arg, strlen(rows[i].arg), &env, &err);

		check_refused(&rows[i], rc, &err);
		assert_int_equal(env.nrcpt, 0);
	}
	for (i = 0; i < ENVELOPE_RCPT_MAX; i++)
		assert_int_equal(wire_parse_rcpt("TO:<a@b>", 8, &env, &err), 0);
	assert_int_equal(wire_parse_rcpt("TO:<a@b>", 8, &env, &err), -1);
	assert_int_equal(err.code, 452);
	assert_string_equal(err.dsn, "4.5.3");
	assert_int_equal(env.nrcpt, ENVELOPE_RCPT_MAX);
	envelope_clear(&env);
}

/* Nothing that the peer did not announce. */
static void
format_by_extension(void **state)
{
	static const struct {
		unsigned	 ext;
		const char	*mail, *rcpt;
	} rows[] = {
		{ 0, "MAIL FROM:<a@b>", "RCPT TO:<c@d>" },
		{ WIRE_EXT_SIZE, "MAIL FROM:<a@b> SIZE=7", "RCPT TO:<c@d>" },
		{ WIRE_EXT_8BITMIME, "MAIL FROM:<a@b> BODY=8BITMIME", "RCPT TO:<c@d>" },
		{ WIRE_EXT_SMTPUTF8, "MAIL FROM:<a@b> SMTPUTF8", "RCPT TO:<c@d>" },
		{ WIRE_EXT_DSN, "MAIL FROM:<a@b> RET=HDRS ENVID=e", "RCPT TO:<c@d> NOTIFY=DELAY ORCPT=rfc822;o" },
		{ WIRE_EXT_XHOLDFAST, "MAIL FROM:<a@b> XTRACE=t+2B XSPF=fail XQUARANTINE=a+20b", "RCPT TO:<c@d>" },
		{ WIRE_EXT_PIPELINING | WIRE_EXT_CHUNKING | WIRE_EXT_STARTTLS, "MAIL FROM:<a@b>",
		    "RCPT TO:<c@d>" },
	};
	struct envelope env = { .sender = xstrdup("a@b"), .body = BODY_8BITMIME, .ret = RET_HDRS,
		.smtputf8 = true, .envid = xstrdup("e"), .trace = xstrdup("t+"),
		.spf = xstrdup("fail"), .start = START_QUARANTINED,
		.start_reason = xstrdup("a b") };
	struct rcpt *r = envelope_add_rcpt(&env);
	struct buf b = BUF_INIT;
	size_t i;

	(void)state;
	*r = (struct rcpt){ xstrdup("c@d"), xstrdup("rfc822;o"), NOTIFY_DELAY };
	for (i = 0; i < COUNT(rows); i++) {
		buf_clear(&b);
		wire_format_mail(&b, &env, rows[i].ext, 7);
		assert_string_equal(b.data, rows[i].mail);
		buf_clear(&b);
		wire_format_rcpt(&b, r, rows[i].ext);
		assert_string_equal(b.data, rows[i].rcpt);
	}
	env.body = BODY_BINARYMIME;
	buf_clear(&b);
	wire_format_mail(&b, &env, WIRE_EXT_8BITMIME, 0);
	assert_string_equal(b.data, "MAIL FROM:<a@b> BODY=8BITMIME");
	buf_clear(&b);
	wire_format_mail(&b, &env, WIRE_EXT_8BITMIME | WIRE_EXT_BINARYMIME, 0);
	assert_string_equal(b.data, "MAIL FROM:<a@b> BODY=BINARYMIME");
	envelope_clear(&env);
	buf_free(&b);
}

static void
xtext(void **state)
{
	static const struct {
		const char	*coded, *plain;		/* NULL: malformed */
	} rows[] = {
		{ "", "" }, { "abc", "abc" }, { "a+2Bb", "a+b" }, { "+3D", "=" }, { "+0a+0D", "\n\r" },
		{ "+C3+B6", "\xc3\xb6" }, { "a=b", "a=b" }, { "+", NULL }, { "+2", NULL }, { "a+G0", NULL },
		{ "a+0G", NULL }, 		{ "+ 1", NULL }, { "a b", NULL }, { "\x7f", NULL }, { "\xc3\xb6", NULL }, { "a\tb", NULL },
	};
	struct buf b = BUF_INIT;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		buf_clear(&b);
		rc = wire_xtext_decode(rows[i].coded, strlen(rows[i].coded), &b);
		assert_int_equal(rc, rows[i].plain != NULL ? 0 : -1);
		if (rc == 0)
			assert_string_equal(buf_str(&b), rows[i].plain);
	}
	buf_clear(&b);
	wire_xtext_encode(&b, "a+b=c d\xc3\xb6\x7f\n~!");
	assert_string_equal(b.data, "a+2Bb+3Dc+20d+C3+B6+7F+0A~!");
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_accepted),
		cmocka_unit_test(mail_refused),
		cmocka_unit_test(rcpt_accepted),
		cmocka_unit_test(rcpt_refused),
		cmocka_unit_test(format_by_extension),
		cmocka_unit_test(xtext),
	};

	return cmocka_run_group_tests_name("wire_params", tests, NULL, NULL);
}
