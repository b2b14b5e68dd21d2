/*
 * t_spf_record.c -- SPF records and their macros, by tables.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "milter/spf_record.h"

/* RFC 7208 7.4 */
static const struct spf_macro_env rfc = {
	.local = "strong-bad", .sender_domain = "email.example.com", .domain = "email.example.com",
	.helo = "mx.example.org", .client = "192.0.2.3", .client_name = "mx.example.org",
};
static const struct spf_macro_env rfc6 = {
	.local = "strong-bad", .sender_domain = "email.example.com", .domain = "email.example.com",
	.helo = "mx.example.org", .ipv6 = true, .client_name = "unknown",
	.client = "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1",
};

static void
test_expand(void **state)
{
	static const struct {
		const char			*macro, *expanded;	/* NULL: malformed */
		const struct spf_macro_env	*env;
	} table[] = {
		{ "%{s}", "strong-bad@email.example.com", &rfc },
		{ "%{o}", "email.example.com", &rfc },
		{ "%{d}", "email.example.com", &rfc },
		{ "%{d4}", "email.example.com", &rfc },
		{ "%{d3}", "email.example.com", &rfc },
		{ "%{d2}", "example.com", &rfc },
		{ "%{d1}", "com", &rfc },
		{ "%{dr}", "com.example.email", &rfc },
		{ "%{d2r}", "example.email", &rfc },
		{ "%{l}", "strong-bad", &rfc },
		{ "%{l-}", "strong.bad", &rfc },
		{ "%{lr}", "strong-bad", &rfc },
		{ "%{lr-}", "bad.strong", &rfc },
		{ "%{l1r-}", "strong", &rfc },
		{ "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com", &rfc },
		{ "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com", &rfc },
		{ "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com", &rfc },
		{ "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com", &rfc },
		{ "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net", &rfc },
		{ "%{ir}.%{v}._spf.%{d2}", "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6"
					   "._spf.example.com", &rfc6 },
		/* the rest of the grammar */
		{ "%%%_%-", "% %20", &rfc },
		{ "%{D}", "email.example.com", &rfc },
		{ "%{S}", "strong-bad%40email.example.com", &rfc },
		{ "%{p}.%{h}", "mx.example.org.mx.example.org", &rfc },
		{ "%{d127}", "email.example.com", &rfc },
		{ "%{d999r}", "com.example.email", &rfc },
		{ "%{dR}", "com.example.email", &rfc },
		{ "%{d1r.}", "email", &rfc },
		{ "%{o.,-/+_=}", "email.example.com", &rfc },
		{ "%{l=}", "strong-bad", &rfc },
		{ "no macro", "no macro", &rfc },
		{ "", "", &rfc },
		/* the attacks: what libspf2 gets wrong, or into trouble with */
		{ "%{d2147483648}", NULL, &rfc },
		{ "%{d4294967297}", NULL, &rfc },
		{ "%{d0}", NULL, &rfc },
		{ "%{d000}", NULL, &rfc },
		{ "%{d1000}", NULL, &rfc },
		{ "%{d|}", NULL, &rfc },
		{ "%{d", NULL, &rfc },
		{ "%{", NULL, &rfc },
		{ "%", NULL, &rfc },
		{ "%d", NULL, &rfc },
		{ "%(d)", NULL, &rfc },
		{ "%{a}", NULL, &rfc },
		{ "%{d2x}", NULL, &rfc },
		{ "%{rd}", NULL, &rfc },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct buf b = BUF_INIT;
		int rc = spf_macro_expand(&b, table[i].macro, strlen(table[i].macro), table[i].env);

		if ((rc == 0) != (table[i].expanded != NULL) ||
		    (rc == 0 && strcmp(buf_str(&b), table[i].expanded) != 0))
			fail_msg("%s: %d \"%s\"", table[i].macro, rc, buf_str(&b));
		buf_free(&b);
	}
}

/* %{d2} of a name that has just two labels: libspf2 1.2.10 says "xample.com". */
static void
test_expand_short(void **state)
{
	struct spf_macro_env env = rfc;
	struct buf b = BUF_INIT;

	(void)state;
	env.domain = "example.com";
	assert_int_equal(0, spf_macro_expand(&b, "%{d2}|%{d3}|%{d1}|%{d2r}", 24, &env));
	assert_string_equal("example.com|example.com|com|com.example", buf_str(&b));
	buf_free(&b);
}

static void
test_expand_bounds(void **state)
{
	struct spf_macro_env env = rfc;
	struct buf b = BUF_INIT, macro = BUF_INIT;
	char local[201];

	(void)state;
	memset(local, '.', sizeof(local) - 1);
	local[sizeof(local) - 1] = '\0';
	env.local = local;
	for (int i = 0; i < 500; i++)
		buf_puts(&macro, "%{lr}");
	assert_int_equal(-1, spf_macro_expand(&b, macro.data, macro.len, &env));
	assert_true(b.len < SPF_EXPANDED_MAX + 1000);
	buf_free(&b);
	buf_free(&macro);
}

static void
test_cut(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "example.com.");
	spf_macro_cut(&b);
	assert_string_equal("example.com", buf_str(&b));
	buf_clear(&b);
	for (int i = 0; i < 100; i++)
		buf_printf(&b, "l%02d.", i);
	buf_puts(&b, "com");
	spf_macro_cut(&b);
	assert_int_equal(3 + 62 * 4, b.len);	/* 63 would be 255 */
	assert_int_equal(0, strncmp("l38.", b.data, 4));
	buf_clear(&b);
	for (int i = 0; i < 300; i++)
		buf_putc(&b, 'x');
	spf_macro_cut(&b);
	assert_int_equal(0, b.len);
	for (int i = 0; i < 253; i++)
		buf_putc(&b, 'x');
	spf_macro_cut(&b);
	assert_int_equal(253, b.len);
	buf_free(&b);
}

static void
test_is(void **state)
{
	static const char *const yes[] = { "v=spf1", "v=spf1 ", "V=SPF1 -all", "v=spf1  a" };
	static const char *const no[] = { "v=spf10", "v=spf1-all", "v=spf", "", " v=spf1", "v=spf1\t-all",
	    "v=spf2 -all" };

	(void)state;
	for (size_t i = 0; i < COUNT(yes); i++)
		assert_true(spf_record_is(yes[i], strlen(yes[i])));
	for (size_t i = 0; i < COUNT(no); i++)
		assert_false(spf_record_is(no[i], strlen(no[i])));
	assert_false(spf_record_is("v=spf1\0 -all", 12));
}

static void
test_fault(void **state)
{
	static const char *const good[] = {
		"", "-all", "+all ~all ?all", "ALL", "a", "a/24", "a//64", "a/24//64", "a:x.test", "a:x.test/24",
		"a:x.test//64", "a:x.test/24//64", "A:X.TEST/0//0", "mx", "mx:x.test/32//128", "ptr", "ptr:x.test",
		"ip4:192.0.2.1", "ip4:192.0.2.0/24", "ip4:0.0.0.0/0", "ip6:2001:db8::1", "ip6:::/0",
		"ip6:::ffff:192.0.2.1/96", "exists:%{i}.x.test", "include:x.test", "include:x.test.",
		"redirect=x.test", "redirect=%{d}.x.test", "exp=x.test", "exp=%{i}.%{d}", "unknown=%{c}%{r}%{t}",
		"a.b-c_d=", "include:%{d2}", "include:%%", "a:foo:bar.test", "a:foo/24.x.test", "exists:a-b.c-d",
		"   -all   ", "a:x.1a", "a:x.a1", "redirect=x.test exp=x.test", "a:_x.x.test",
		"include=", "a=b",
	};
	static const char *const bad[] = {
		"all:x.test", "all/24", "alles", "a:", "a/", "a:/24", "a/33", "a/024", "a//129", "a//", "a/24/64",
		"a/24//", "a:x.test/", "a:x.test/33", "a:test", "a:x.1", "a:x.-a", "a:x.a-", "a:x..", "a:x.test//0128",
		"a=x.test%", "mx:", "ptr:", "ptr/24", "ip4", "ip4:", "ip4:192.0.2", "ip4:192.0.2.1/33",
		"ip4:192.0.2.1/", "ip4:192.0.2.01", "ip4:2001:db8::1", "ip4:192.0.2.1//32", "ip4/32", "ip6:192.0.2.1",
		"ip6:2001:db8::1/129", "ip6:2001:db8::1/", "ip6:2001:db8:::1", "exists", "exists:", "exists:x.test/24",
		"include", "include:", "include:x", "redirect=", "redirect=x", "redirect:x.test",
		"redirect=a.test redirect=a.test", "exp=a.test exp=b.test", "exp=", "exp=x", "+redirect=x.test",
		"1x=y", "=y", "x", "-", "+", "!all", "-+all", "a:%{c}.x.test", "exists:%{r}", "exists:%{t}",
		"exp=%{c}.x.test", "unknown=%", "unknown=%{d0}", "a:%{d2147483648}", "a:%{d2147483648}.x.test",
		"a:%{d}x", "a:%{x}", "ip4:192.0.2.1\t-all", "-all\x01", "-all\x7f", "-all\xc3\xa4", "a:x.test\n",
		"a:exa%mple.test",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good) + COUNT(bad); i++) {
		bool is_good = i < COUNT(good);
		char *text = xasprintf("v=spf1 %s", is_good ? good[i] : bad[i - COUNT(good)]);

		if ((spf_record_fault(text, strlen(text)) == NULL) != is_good)
			fail_msg("%s: %s", text, spf_record_fault(text, strlen(text)));
		free(text);
	}
	assert_string_equal("octets in the record that are not text", spf_record_fault("v=spf1 \0-all", 12));
}

static void
test_fault_long(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "v=spf1");
	while (b.len < SPF_RECORD_MAX)
		buf_putc(&b, ' ');
	assert_null(spf_record_fault(b.data, b.len));
	buf_putc(&b, ' ');
	assert_string_equal("the record is too long", spf_record_fault(b.data, b.len));
	buf_free(&b);
}

static char *
written(const char *text, const struct spf_macro_env *env)
{
	struct spf_chunks c = { NULL, 0 };
	struct buf b = BUF_INIT;

	assert_null(spf_record_fault(text, strlen(text)));
	assert_int_equal(0, spf_record_write(text, strlen(text), env, 7, &c));
	for (size_t i = 0; i < c.n; i++)
		buf_printf(&b, "%s%s", i > 0 ? "|" : "", c.v[i]);
	spf_chunks_clear(&c);
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i] == SPF_MARK)
			b.data[i] = '!';
	return buf_take(&b);
}

static void
test_write(void **state)
{
	static const struct {
		const char	*record, *four, *six;	/* six NULL: the same */
	} table[] = {
		{ "v=spf1 -all", "v=spf1 -all", NULL },
		{ "V=SPF1", "v=spf1", NULL },
		{ "v=spf1 MX  A ~ALL", "v=spf1 +mx:email.example.com/32//128 +a:email.example.com/32//128 ~all", NULL },
		{ "v=spf1 a/24//64 ?all", "v=spf1 +a:email.example.com/24//64 ?all", NULL },
		{ "v=spf1 a:x.test/0 all", "v=spf1 +a:!zx.test/32//128 +all", "v=spf1 +a:x.test/32//128 +all" },
		{ "v=spf1 mx//0", "v=spf1 +mx:email.example.com/32//128", "v=spf1 +mx:!zemail.example.com/32//128" },
		{ "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all", "v=spf1 +ip4:192.0.2.0/24 -all",
		    "v=spf1 +ip6:2001:db8::/32 -all" },
		{ "v=spf1 -ip4:192.0.2.0/0 a", "v=spf1 -all", "v=spf1 +a:email.example.com/32//128" },
		{ "v=spf1 redirect=x.test a", "v=spf1 +a:email.example.com/32//128 redirect=x.test", NULL },
		{ "v=spf1 redirect=x.test -all", "v=spf1 -all", NULL },
		{ "v=spf1 all -a -mx", "v=spf1 +all", NULL },
		{ "v=spf1 exp=e.test u=%{d} -all", "v=spf1 -all", NULL },
		{ "v=spf1 include:%{d2} ptr ?ptr:%{h}", "v=spf1 +include:example.com +ptr:email.example.com"
		    " ?ptr:mx.example.org", NULL },
		{ "v=spf1 a:%%%_%-.x.test.", "v=spf1 +a:%%%_%%20.x.test/32//128", NULL },
		{ "v=spf1 exists:a..b.test -all", "v=spf1 +exists:!x -all", NULL },
		{ "v=spf1 include:a..b.test", "v=spf1 +include:!x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *four = written(table[i].record, &rfc), *six = written(table[i].record, &rfc6);

		assert_string_equal(table[i].four, four);
		assert_string_equal(table[i].six != NULL ? table[i].six : table[i].four, six);
		free(four);
		free(six);
	}
}

/* A local part that looks like a prefix length, or like nothing that the DNS could have. */
static void
test_write_local(void **state)
{
	struct spf_macro_env env = rfc;
	char *s;

	(void)state;
	env.local = "x/24";
	s = written("v=spf1 a:%{l} exists:%{l}.x.test", &env);
	assert_string_equal("v=spf1 +a:x/24/32//128 +exists:x/24.x.test", s);
	free(s);
	env.local = "j\xc3\xb6rg";
	s = written("v=spf1 exists:%{l}.x.test -all", &env);
	assert_string_equal("v=spf1 +exists:!x -all", s);
	free(s);
	env.local = "a b -all";
	s = written("v=spf1 exists:%{l}.x.test", &env);
	assert_string_equal("v=spf1 +exists:a%_b%_-all.x.test", s);
	free(s);
}

/* libspf2 drops what is beyond 511 octets, compiled: pieces are smaller, and lead on. */
static void
test_write_chunks(void **state)
{
	struct buf record = BUF_INIT;
	unsigned pieces = 1, terms = 0;
	char *s;

	(void)state;
	buf_puts(&record, "v=spf1");
	for (int i = 0; i < 200; i++)
		buf_printf(&record, " ip4:192.0.2.%d", i);
	buf_puts(&record, " -all");
	s = written(buf_str(&record), &rfc);
	assert_int_equal(0, strncmp(s, "v=spf1 +ip4:192.0.2.0/32 ", 25));
	for (const char *p = s; (p = strchr(p, '|')) != NULL; p++)
		pieces++;
	for (const char *p = s; (p = strstr(p, "ip4:")) != NULL; p++)
		terms++;
	assert_int_equal(200, terms);
	assert_int_equal(4, pieces);	/* 60 networks in each */
	assert_non_null(strstr(s, " redirect=!c7|v=spf1 "));
	assert_non_null(strstr(s, " redirect=!c8|v=spf1 "));
	assert_string_equal(" -all", s + strlen(s) - 5);
	free(s);
	buf_free(&record);
}

/* Only eleven terms that ask the DNS can ever be reached, and the eleventh is one too many. */
static void
test_write_asking(void **state)
{
	unsigned n = 0;
	char *s;

	(void)state;
	s = written("v=spf1 a a a a a a a a a a a a a a a ip4:192.0.2.3 -all", &rfc);
	for (const char *p = s; (p = strstr(p, " +a:")) != NULL; p++)
		n++;
	assert_int_equal(SPF_TERMS_MAX + 1, n);
	assert_null(strstr(s, "-all"));
	free(s);
}

static void
test_name(void **state)
{
	char label[65], name[300];

	(void)state;
	memset(label, 'a', sizeof(label));
	label[63] = '\0';
	assert_true(spf_name_valid(label));
	label[63] = 'a';
	label[64] = '\0';
	assert_false(spf_name_valid(label));
	assert_true(spf_name_valid("a.b"));
	assert_false(spf_name_valid(""));
	assert_false(spf_name_valid("a..b"));
	assert_false(spf_name_valid(".a"));
	assert_false(spf_name_valid("a."));
	for (size_t i = 0; i < sizeof(name) - 1; i++)
		name[i] = i % 2 == 0 ? 'a' : '.';
	name[253] = '\0';
	assert_true(spf_name_valid(name));
	name[253] = '.';
	name[254] = 'a';
	name[255] = '\0';
	assert_false(spf_name_valid(name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_expand_short),
		cmocka_unit_test(test_expand_bounds),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_is),
		cmocka_unit_test(test_fault),
		cmocka_unit_test(test_fault_long),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_local),
		cmocka_unit_test(test_write_chunks),
		cmocka_unit_test(test_write_asking),
		cmocka_unit_test(test_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
