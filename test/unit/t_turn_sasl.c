/*
 * t_turn_sasl.c -- CRAM-MD5 and SCRAM-SHA-256 by the RFCs' own examples, and what is refused.
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
#include <unistd.h>

#include "queued/turn_sasl.h"
#include "test/unit/turn_dialogue.h"

static struct turn_users *
users(const char *text)
{
	char path[] = "/tmp/turn-sasl.XXXXXX", *why = NULL;
	int fd = mkstemp(path);
	struct turn_users *u;

	assert_int_equal(strlen(text), write(fd, text, strlen(text)));
	(void)close(fd);
	u = turn_users_load(path, &why);
	(void)unlink(path);
	assert_non_null(u);
	return u;
}

static enum turn_sasl_result
give(struct turn_sasl *s, const char *msg, struct buf *out)
{
	buf_clear(out);
	return turn_sasl_input(s, msg, msg != NULL ? strlen(msg) : 0, out);
}

/* --- CRAM-MD5 (RFC 2195 2) ------------------------------------------------ */

static const struct turn_sasl_seed cram_seed = { .nonce = "1896.697170952" };
#define CRAM_HOST "postoffice.reston.mci.net"

static void
test_cram_rfc2195(void **state)
{
	struct turn_users *u = users("tim a.test tanstaaftanstaaf\n");
	struct turn_sasl *s = turn_sasl_new(MECH_CRAM_MD5, CRAM_HOST, u, &cram_seed);
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(SASL_CHALLENGE, give(s, NULL, &out));
	assert_string_equal("<1896.697170952@postoffice.reston.mci.net>", buf_str(&out));
	assert_int_equal(SASL_OK, give(s, "tim b913a602c7eda7a495b4e6e7334d3890", &out));
	assert_string_equal("tim", turn_sasl_user(s)->name);
	assert_int_equal(SASL_MALFORMED, give(s, "tim b913a602c7eda7a495b4e6e7334d3890", &out));
	turn_sasl_free(&s);
	turn_users_unref(&u);
	buf_free(&out);
}

static void
test_cram_refuses(void **state)
{
	static const struct {
		const char		*answer, *why;
		enum turn_sasl_result	 result;
	} table[] = {
		{ "tim b913a602c7eda7a495b4e6e7334d3891", "wrong secret", SASL_FAILED },
		{ "tom b913a602c7eda7a495b4e6e7334d3890", "no such user", SASL_FAILED },
		{ "tim B913A602C7EDA7A495B4E6E7334D3890", "the digest is none", SASL_MALFORMED },
		{ "tim b913a602", "the digest is none", SASL_MALFORMED },
		{ "tim", "no user and digest", SASL_MALFORMED },
		{ "", "no user and digest", SASL_MALFORMED },
		{ " b913a602c7eda7a495b4e6e7334d3890", "no user and digest", SASL_MALFORMED },
	};
	struct turn_users *u = users("tim a.test tanstaaftanstaaf\n");
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct turn_sasl *s = turn_sasl_new(MECH_CRAM_MD5, CRAM_HOST, u, &cram_seed);

		assert_int_equal(SASL_CHALLENGE, give(s, NULL, &out));
		assert_int_equal(table[i].result, give(s, table[i].answer, &out));
		assert_string_equal(table[i].why, turn_sasl_why(s));
		assert_null(turn_sasl_user(s));
		turn_sasl_free(&s);
	}
	turn_users_unref(&u);
	buf_free(&out);
}

/* --- SCRAM-SHA-256 (RFC 7677 3) ------------------------------------------- */

static const uint8_t rfc_salt[TURN_SALT_SIZE] = {
	0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81,
};
static const struct turn_sasl_seed scram_seed = {
	.nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", .salt = rfc_salt,
};
#define FIRST	"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define NONCE	"rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define PROOF	"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="

static void
test_scram_rfc7677(void **state)
{
	struct turn_users *u = users("user a.test pencil\n");
	struct turn_sasl *s = turn_sasl_new(MECH_SCRAM_SHA_256, "mx2.test", u, &scram_seed);
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(SASL_CHALLENGE, give(s, FIRST, &out));
	assert_string_equal("r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", buf_str(&out));
	assert_int_equal(SASL_CHALLENGE, give(s, "c=biws,r=" NONCE ",p=" PROOF, &out));
	assert_string_equal("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", buf_str(&out));
	assert_int_equal(SASL_OK, give(s, "", &out));
	assert_string_equal("user", turn_sasl_user(s)->name);
	turn_sasl_free(&s);
	turn_users_unref(&u);
	buf_free(&out);
}

static void
test_scram_first_refuses(void **state)
{
	static const struct {
		const char		*first, *why;
		enum turn_sasl_result	 result;
	} table[] = {
		{ "", "no GS2 header", SASL_MALFORMED },
		{ "n", "no GS2 header", SASL_MALFORMED },
		{ "x,,n=user,r=abc", "no GS2 header", SASL_MALFORMED },
		{ "n,b=c,n=user,r=abc", "no GS2 header", SASL_MALFORMED },
		{ "n,a=user", "no GS2 header", SASL_MALFORMED },
		{ "p=tls-unique,,n=user,r=abc", "no GS2 header", SASL_MALFORMED },
		{ "n,,r=abc,n=user", "no user and nonce", SASL_MALFORMED },
		{ "n,,n=user", "no user and nonce", SASL_MALFORMED },
		{ "n,,n=,r=abc", "no user and nonce", SASL_MALFORMED },
		{ "n,,n=user,r=", "no user and nonce", SASL_MALFORMED },
		{ "n,,n=us=er,r=abc", "no user and nonce", SASL_MALFORMED },
		{ "n,,n=user,r=a\x01", "no user and nonce", SASL_MALFORMED },
		{ "n,,m=x,n=user,r=abc", "no user and nonce", SASL_MALFORMED },
		{ "n,a=root,n=user,r=abc", "wants to act for another user", SASL_FAILED },
		{ "n,a=user,n=user,r=abc", "", SASL_CHALLENGE },
		{ "y,,n=user,r=abc,x=more", "", SASL_CHALLENGE },
		{ "n,,n=u=2Ce=3Dr,r=abc", "", SASL_CHALLENGE },
		{ "n,,n=nobody,r=abc", "", SASL_CHALLENGE },	/* not told yet */
	};
	struct turn_users *u = users("user a.test pencil\n");
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct turn_sasl *s = turn_sasl_new(MECH_SCRAM_SHA_256, "h", u, &scram_seed);

		assert_int_equal(table[i].result, give(s, table[i].first, &out));
		assert_string_equal(table[i].why, turn_sasl_why(s));
		turn_sasl_free(&s);
	}
	turn_users_unref(&u);
	buf_free(&out);
}

static void
test_scram_final_refuses(void **state)
{
	static const struct {
		const char		*final, *why;
		enum turn_sasl_result	 result;
	} table[] = {
		{ "c=biws,r=" NONCE ",p=" PROOF, "", SASL_CHALLENGE },
		{ "c=biws,r=" NONCE ",p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "wrong secret",
		    SASL_FAILED },
		{ "c=eSws,r=" NONCE ",p=" PROOF, "the binding or the nonce is another one", SASL_FAILED },
		{ "c=biws,r=" NONCE "x,p=" PROOF, "the binding or the nonce is another one", SASL_FAILED },
		{ "c=biws,r=rOprNGfwEbeRWgbNEkqO,p=" PROOF, "the binding or the nonce is another one",
		    SASL_FAILED },
		{ "c=biws,r=" NONCE, "no proof", SASL_MALFORMED },
		{ "c=biws,r=" NONCE ",p=", "no proof", SASL_MALFORMED },
		{ "c=biws,r=" NONCE ",p=AAAA", "no proof", SASL_MALFORMED },
		{ "c=biws,r=" NONCE ",p=!" PROOF, "no proof", SASL_MALFORMED },
		{ "r=" NONCE ",c=biws,p=" PROOF, "no proof", SASL_MALFORMED },
		{ "", "no proof", SASL_MALFORMED },
	};
	struct turn_users *u = users("user a.test pencil\n");
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct turn_sasl *s = turn_sasl_new(MECH_SCRAM_SHA_256, "h", u, &scram_seed);

		assert_int_equal(SASL_CHALLENGE, give(s, FIRST, &out));
		assert_int_equal(table[i].result, give(s, table[i].final, &out));
		assert_string_equal(table[i].why, turn_sasl_why(s));
		turn_sasl_free(&s);
	}
	turn_users_unref(&u);
	buf_free(&out);
}

/* An unknown user's salt must not tell that he is one: the same each time, another for each name. */
static void
test_scram_unknown_user(void **state)
{
	struct turn_users *u = users("user a.test pencil\n");
	struct turn_sasl_seed seed = { .nonce = "n", .salt_key = { 1, 2, 3 } };
	struct buf out = BUF_INIT, final = BUF_INIT, unused = BUF_INIT;
	char *salt[3];
	static const char *const name[] = { "nobody", "nobody", "noman" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct turn_sasl *s = turn_sasl_new(MECH_SCRAM_SHA_256, "h", u, &seed);
		char *first = xasprintf("n,,n=%s,r=abc", name[i]);

		assert_int_equal(SASL_CHALLENGE, give(s, first, &out));
		salt[i] = xstrdup(strstr(buf_str(&out), ",s="));
		buf_clear(&final);
		scram_client(&final, "n,,", first + 3, buf_str(&out), "nobody has this one", &unused);
		assert_int_equal(SASL_FAILED, give(s, buf_str(&final), &out));
		assert_string_equal("no such user", turn_sasl_why(s));
		free(first);
		turn_sasl_free(&s);
	}
	assert_string_equal(salt[0], salt[1]);
	assert_string_not_equal(salt[0], salt[2]);
	for (size_t i = 0; i < 3; i++)
		free(salt[i]);
	turn_users_unref(&u);
	buf_free(&out);
	buf_free(&final);
	buf_free(&unused);
}

static void
test_nul(void **state)
{
	struct turn_users *u = users("user a.test pencil\n");
	struct turn_sasl *s = turn_sasl_new(MECH_SCRAM_SHA_256, "h", u, &scram_seed);
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(SASL_MALFORMED, turn_sasl_input(s, "n,,n=us\0er,r=abc", 16, &out));
	turn_sasl_free(&s);
	turn_users_unref(&u);
	buf_free(&out);
}

static void
test_base64(void **state)
{
	static const struct {
		const char	*text, *bytes;	/* NULL: malformed */
	} table[] = {
		{ "", "" }, { "Zg==", "f" }, { "Zm8=", "fo" }, { "Zm9v", "foo" }, { "Zm9vYmFy", "foobar" },
		{ "Zg=", NULL }, { "Zg", NULL }, { "Z", NULL }, { "=", NULL }, { "====", NULL },
		{ "Zm9v\n", NULL }, { " Zm9", NULL }, { "Zm=v", NULL }, { "Zm9-", NULL }, { "Z===", NULL },
	};
	struct buf out = BUF_INIT, back = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int rc = turn_base64_decode(&out, table[i].text, strlen(table[i].text));

		assert_int_equal(table[i].bytes != NULL ? 0 : -1, rc);
		if (rc == 0) {
			assert_string_equal(table[i].bytes, buf_str(&out));
			turn_base64_encode(&back, out.data, out.len);
			assert_string_equal(table[i].text, buf_str(&back));
		}
		buf_clear(&out);
		buf_clear(&back);
	}
	buf_free(&out);
	buf_free(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cram_rfc2195),
		cmocka_unit_test(test_cram_refuses),
		cmocka_unit_test(test_scram_rfc7677),
		cmocka_unit_test(test_scram_first_refuses),
		cmocka_unit_test(test_scram_final_refuses),
		cmocka_unit_test(test_scram_unknown_user),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
