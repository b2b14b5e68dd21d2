/*
 * t_spf_dns.c -- SPF evaluations by libspf2 on a DNS in memory: results, and how much was asked.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "common/clock.h"
#include "milter/spf_budget.h"
#include "milter/spf_eval.h"
#include "test/unit/spf_zone.h"

static void
ask_at(const char *const *lines, const char *client, const char *sender, int64_t deadline,
    struct spf_answer *a, char **asked)
{
	struct spf_zone z = { .lines = lines };
	struct spf_eval *e = spf_eval_new(spf_zone_resolve, &z);
	struct spf_query q = { client, "client.example.org", sender };
	struct spf_message m;

	assert_int_equal(0, spf_proto_query(&m, 1, deadline, &q));
	spf_eval_run(e, &m, a);
	assert_int_equal(a->queries, z.n);
	if (asked != NULL)
		*asked = xstrdup(buf_str(&z.asked));
	buf_free(&z.asked);
	spf_eval_free(&e);
}

static void
ask(const char *const *lines, const char *client, const char *sender, struct spf_answer *a, char **asked)
{
	ask_at(lines, client, sender, clock_mono_ms() + 60000, a, asked);
}

/* The policy of d.test, asked for bob@d.test from 192.0.2.1, or 2001:db8::1. */
static void
test_results(void **state)
{
	static const char *const extra[] = {
		"one.test A 192.0.2.1", "six.test AAAA 2001:db8::1", "two.test A 192.0.2.2", "fail.test A TIMEOUT",
		"fail.test TXT TIMEOUT", "fail.test MX TIMEOUT", "there.test TXT hello", "mx.test MX two.test",
		"mx.test MX one.test", "badmx.test MX fail.test", "nullmx.test MX .", "pass.test TXT v=spf1 +all",
		"no.test TXT v=spf1 -all", "soft.test TXT v=spf1 ~all", "bad.test TXT v=spf1 %",
		"twice.test TXT v=spf1 a", "twice.test TXT v=spf1 mx", "bob.d.test A 127.0.0.2",
		"1.2.0.192.in-addr.arpa PTR one.test", "1.2.0.192.in-addr.arpa PTR sub.one.test",
		"sub.one.test A 192.0.2.1", "one.test.ok.test A 127.0.0.1",
	};
	static const struct {
		const char	*record;
		enum spf_result	 result;
		unsigned	 terms, queries;
		const char	*client;	/* NULL: 192.0.2.1 */
	} table[] = {
		{ NULL, SPF_NONE, 0, 1, NULL },
		{ "hello", SPF_NONE, 0, 1, NULL },
		{ "TIMEOUT", SPF_TEMPERROR, 0, 1, NULL },
		{ "v=spf1", SPF_NEUTRAL, 0, 1, NULL },
		{ "v=spf1 -all", SPF_FAIL, 0, 1, NULL },
		{ "v=spf1 ~all", SPF_SOFTFAIL, 0, 1, NULL },
		{ "v=spf1 ?all", SPF_NEUTRAL, 0, 1, NULL },
		{ "v=spf1 all", SPF_PASS, 0, 1, NULL },
		{ "v=spf1 -all =", SPF_PERMERROR, 0, 1, NULL },
		{ "v=spf1 -ip4:192.0.2.0/24 +all", SPF_FAIL, 0, 1, NULL },
		{ "v=spf1 ip4:192.0.2.128/25 -all", SPF_FAIL, 0, 1, NULL },
		{ "v=spf1 ip4:203.0.113.0/0 -all", SPF_PASS, 0, 1, NULL },
		{ "v=spf1 ip6:2001:db8::/32 -all", SPF_PASS, 0, 1, "2001:db8::1" },
		{ "v=spf1 ip6:::/0 -all", SPF_PASS, 0, 1, "2001:db8::1" },
		{ "v=spf1 ip4:0.0.0.0/0 -all", SPF_FAIL, 0, 1, "2001:db8::1" },
		/* RFC 7208 5: a mapped address is an IPv4 one. */
		{ "v=spf1 ip4:192.0.2.1 -all", SPF_PASS, 0, 1, "::ffff:192.0.2.1" },
		{ "v=spf1 ip6:::ffff:192.0.2.1 -all", SPF_FAIL, 0, 1, "::ffff:192.0.2.1" },
		{ "v=spf1 a:one.test -all", SPF_PASS, 1, 2, NULL },
		{ "v=spf1 a:two.test -all", SPF_FAIL, 1, 2, NULL },
		{ "v=spf1 a:two.test/24 -all", SPF_PASS, 1, 2, NULL },
		{ "v=spf1 a:two.test/0 -all", SPF_PASS, 1, 2, NULL },
		{ "v=spf1 a:there.test/0 -all", SPF_FAIL, 1, 2, NULL },
		{ "v=spf1 a:six.test -all", SPF_PASS, 1, 2, "2001:db8::1" },
		{ "v=spf1 a:six.test//0 -all", SPF_PASS, 1, 2, "2001:db8::2" },
		{ "v=spf1 a:fail.test -all", SPF_TEMPERROR, 1, 2, NULL },
		{ "v=spf1 a:one.test a:fail.test -all", SPF_PASS, 1, 2, NULL },
		{ "v=spf1 mx:mx.test -all", SPF_PASS, 1, 4, NULL },
		{ "v=spf1 mx:mx.test/0 -all", SPF_PASS, 1, 3, NULL },
		{ "v=spf1 mx:badmx.test -all", SPF_TEMPERROR, 1, 3, NULL },
		{ "v=spf1 mx:nullmx.test -all", SPF_FAIL, 1, 2, NULL },
		{ "v=spf1 exists:%{l}.%{d} -all", SPF_PASS, 1, 2, NULL },
		{ "v=spf1 exists:%{l}.%{d2} -all", SPF_PASS, 1, 2, NULL },
		{ "v=spf1 exists:%{l}.%{d999} -all", SPF_PASS, 1, 2, NULL },
		{ "v=spf1 exists:x..y.test -all", SPF_FAIL, 1, 1, NULL },
		{ "v=spf1 ptr:one.test -all", SPF_PASS, 1, 3, NULL },
		{ "v=spf1 ptr:sub.one.test -all", SPF_PASS, 1, 4, NULL },
		{ "v=spf1 ptr:ne.test -all", SPF_FAIL, 1, 4, NULL },
		{ "v=spf1 ptr:one.test -all", SPF_FAIL, 1, 2, "192.0.2.9" },
		{ "v=spf1 exists:%{p}.ok.test -all", SPF_PASS, 1, 5, NULL },
		{ "v=spf1 include:pass.test -all", SPF_PASS, 1, 2, NULL },
		{ "v=spf1 -include:pass.test +all", SPF_FAIL, 1, 2, NULL },
		{ "v=spf1 include:no.test ?all", SPF_NEUTRAL, 1, 2, NULL },
		{ "v=spf1 include:there.test +all", SPF_PERMERROR, 1, 2, NULL },
		{ "v=spf1 include:bad.test +all", SPF_PERMERROR, 1, 2, NULL },
		{ "v=spf1 include:twice.test +all", SPF_PERMERROR, 1, 2, NULL },
		{ "v=spf1 include:fail.test +all", SPF_TEMPERROR, 1, 2, NULL },
		{ "v=spf1 include:d.test +all", SPF_PERMERROR, 0, 1, NULL },
		{ "v=spf1 redirect=soft.test", SPF_SOFTFAIL, 1, 2, NULL },
		{ "v=spf1 redirect=soft.test a:one.test", SPF_PASS, 1, 2, NULL },
		{ "v=spf1 redirect=soft.test -all", SPF_FAIL, 0, 1, NULL },
		{ "v=spf1 redirect=there.test", SPF_PERMERROR, 1, 2, NULL },
		/* An explanation is never fetched, not even looked at. */
		{ "v=spf1 -all exp=fail.test", SPF_FAIL, 0, 1, NULL },
		{ "v=spf1 ~all exp=%{p}.test", SPF_SOFTFAIL, 0, 1, NULL },
	};
	const char *lines[COUNT(extra) + 2];

	(void)state;
	memcpy(lines + 1, extra, sizeof(extra));
	lines[COUNT(extra) + 1] = NULL;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *record = xasprintf("d.test TXT %s", table[i].record);
		struct spf_answer a;

		lines[0] = record;
		ask(table[i].record != NULL ? lines : lines + 1,
		    table[i].client != NULL ? table[i].client : "192.0.2.1", "bob@d.test", &a, NULL);
		if (a.result != table[i].result || a.terms != table[i].terms || a.queries != table[i].queries)
			fail_msg("%s: %s terms=%u queries=%u why=%s", record, spf_result_name(a.result),
			    a.terms, a.queries, a.why);
		assert_string_equal("d.test", a.domain);
		free(record);
	}
}

/* Which domain is asked about, if any. */
static void
test_identities(void **state)
{
	static const char *const zone[] = {
		"d.test TXT v=spf1 -all", "client.example.org TXT v=spf1 +all", "xn--bcher-kva.test TXT v=spf1 -all",
		NULL
	};
	static const struct {
		const char	*client, *sender, *domain;
		enum spf_result	 result;
	} table[] = {
		{ "192.0.2.1", "bob@d.test", "d.test", SPF_FAIL },
		{ "192.0.2.1", "bob@D.TEST", "D.TEST", SPF_FAIL },
		{ "192.0.2.1", "bob@d.test.", "d.test", SPF_FAIL },
		{ "192.0.2.1", "@d.test", "d.test", SPF_FAIL },
		{ "192.0.2.1", "\"b@c\"@d.test", "d.test", SPF_FAIL },
		{ "192.0.2.1", "b\xc3\xb6@b\xc3\xbc" "cher.test", "xn--bcher-kva.test", SPF_FAIL },
		{ "192.0.2.1", "", "client.example.org", SPF_PASS },
		{ "192.0.2.1", NULL, "client.example.org", SPF_PASS },
		{ "192.0.2.1", "bob", "", SPF_NONE },
		{ "192.0.2.1", "bob@", "", SPF_NONE },
		{ "192.0.2.1", "bob@test", "", SPF_NONE },
		{ "192.0.2.1", "bob@[192.0.2.1]", "", SPF_NONE },
		{ "192.0.2.1", "bob@192.0.2.1", "", SPF_NONE },
		{ "192.0.2.1", "bob@d..test", "", SPF_NONE },
		{ "192.0.2.1", "bob@\xff.test", "", SPF_NONE },
		{ "192.0.2.1", "bob@d.te\x01st", "", SPF_NONE },
		{ "127.0.0.1", "bob@d.test", "", SPF_NONE },
		{ "::1", "bob@d.test", "", SPF_NONE },
		{ "::ffff:127.0.0.1", "bob@d.test", "", SPF_NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct spf_answer a;

		ask(zone, table[i].client, table[i].sender, &a, NULL);
		if (a.result != table[i].result || strcmp(a.domain, table[i].domain) != 0)
			fail_msg("%s %s: %s of %s", table[i].client, table[i].sender, spf_result_name(a.result),
			    a.domain);
	}
}

/* --- the attacks ------------------------------------------------------------------------ */

/* A tree of includes, nine at each node, five levels: 7,381 look-ups without a budget. */
static void
bomb_resolve(void *arg, const char *name, enum dns_type type, int64_t ms, struct dns_answer *a)
{
	unsigned *n = arg;
	struct buf b = BUF_INIT;
	size_t depth = 0;

	(void)ms;
	memset(a, 0, sizeof(*a));
	(*n)++;
	assert_int_equal(DNS_TXT, type);
	for (const char *p = name; *p != '\0'; p++)
		depth += *p == '.';
	buf_puts(&b, "v=spf1");
	for (int i = 0; i < 9 && depth < 5; i++)
		buf_printf(&b, " include:%d.%s", i, name);
	buf_puts(&b, " ?all");
	a->rr = xcalloc(1, sizeof(*a->rr));
	a->rr[0].len = b.len + 1;
	assert_true(b.len < 256);
	{
		char *data = xcalloc(1, b.len + 1);

		data[0] = (char)b.len;
		memcpy(data + 1, b.data, b.len);
		a->rr[0].data = (const uint8_t *)data;
	}
	a->n = 1;
	a->status = DNS_OK;
	buf_free(&b);
}

static void
test_bomb(void **state)
{
	unsigned n = 0;
	struct spf_eval *e = spf_eval_new(bomb_resolve, &n);
	struct spf_query q = { "192.0.2.1", "h.test", "bob@d.test" };
	struct spf_message m;
	struct spf_answer a;

	(void)state;
	assert_int_equal(0, spf_proto_query(&m, 1, clock_mono_ms() + 60000, &q));
	spf_eval_run(e, &m, &a);
	assert_int_equal(SPF_PERMERROR, a.result);
	assert_string_equal("too many DNS look-ups", a.why);
	assert_int_equal(1 + SPF_TERMS_MAX, n);	/* the policy itself, and ten */
	/* It leaves nothing behind: the next starts from nothing. */
	spf_eval_run(e, &m, &a);
	assert_int_equal(2 * (1 + SPF_TERMS_MAX), n);
	spf_eval_free(&e);
}

static void
check_one(const char *record, enum spf_result result, const char *why)
{
	char *line = xasprintf("d.test TXT %s", record);
	const char *zone[] = { line, "a.test A 192.0.2.9", "b.test TXT v=spf1 a:v1.test a:v2.test -all",
	    "c.test TXT v=spf1 a:a.test a:a.test a:a.test a:a.test a:a.test -all", NULL };
	struct spf_answer a;

	ask(zone, "192.0.2.1", "bob@d.test", &a, NULL);
	if (a.result != result || strcmp(a.why, why) != 0)
		fail_msg("%.100s: %s (%s)", record, spf_result_name(a.result), a.why);
	free(line);
}

static void
test_budget(void **state)
{
	(void)state;
	check_one("v=spf1 a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test"
		  " -all", SPF_FAIL, "");
	check_one("v=spf1 a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test"
		  " a:a.test -all", SPF_PERMERROR, "too many DNS look-ups");
	check_one("v=spf1 a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test"
		  " redirect=b.test", SPF_PERMERROR, "too many DNS look-ups");
	/* over an include: 1 + 5, 1 + 5 */
	check_one("v=spf1 include:c.test a:a.test a:a.test a:a.test a:a.test -all", SPF_FAIL, "");
	check_one("v=spf1 include:c.test a:a.test include:c.test -all", SPF_PERMERROR, "too many DNS look-ups");
	/* names that cannot be count as terms */
	check_one("v=spf1 a:x..y a:x..y a:x..y a:x..y a:x..y a:x..y a:x..y a:x..y a:x..y a:x..y a:x..y -all",
	    SPF_PERMERROR, "too many DNS look-ups");
	/* void look-ups: two, over all records */
	check_one("v=spf1 a:v1.test a:v2.test -all", SPF_FAIL, "");
	check_one("v=spf1 a:v1.test a:v2.test a:v3.test -all", SPF_PERMERROR,
	    "too many DNS look-ups without an answer");
	check_one("v=spf1 include:b.test a:v3.test -all", SPF_PERMERROR,
	    "too many DNS look-ups without an answer");
	check_one("v=spf1 exists:v1.test mx:v2.test ptr -all", SPF_PERMERROR,
	    "too many DNS look-ups without an answer");
	check_one("v=spf1 include:v1.test -all", SPF_PERMERROR, "include or redirect that leads nowhere");
}

static void
test_macros(void **state)
{
	(void)state;
	check_one("v=spf1 exists:%{d2147483648}.x.test -all", SPF_PERMERROR, "syntax error in the record");
	check_one("v=spf1 exists:%{d4294967298} -all", SPF_PERMERROR, "syntax error in the record");
	check_one("v=spf1 -all x=%{d99999999999999999999}", SPF_PERMERROR, "syntax error in the record");
	check_one("v=spf1 include:%{z} -all", SPF_PERMERROR, "syntax error in the record");
}

/* Longer than a record may be; as long as it may be, with whatever libspf2 had trouble with. */
static void
test_lengths(void **state)
{
	static const char *const terms[] = {
		" a:%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}", " a:%%%%%%%%%%%%%%%%%%%%.test", " ip4:192.0.2.77",
		" a", " mx:%{d}%{d}%{d}%{d}.test/24//64", " x=%{S}%{C}%{R}%{T}%{L}%{O}", " ptr:%{p}", " exists:%{ir}.%{v}.x.test",
		" include:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.%{l1r+-}.test",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(terms); i++) {
		struct buf b = BUF_INIT;
		char *line;
		struct spf_answer a;
		const char *zone[] = { NULL, NULL };

		buf_puts(&b, "d.test TXT v=spf1");
		while (b.len + strlen(terms[i]) + 5 <= SPF_RECORD_MAX + strlen("d.test TXT "))
			buf_puts(&b, terms[i]);
		buf_puts(&b, " -all");
		line = buf_take(&b);
		zone[0] = line;
		ask(zone, "192.0.2.1", "a.very-long+local=part.that-is.still-allowed+to.be-64.octets@d.test", &a,
		    NULL);
		assert_true(a.result == SPF_FAIL || a.result == SPF_PERMERROR);
		if (i == 2 || i == 5)	/* nothing that asks the DNS: all of it is evaluated, to the end */
			assert_int_equal(SPF_FAIL, a.result);
		buf_puts(&b, line);
		while (b.len <= SPF_RECORD_MAX + strlen("d.test TXT "))
			buf_putc(&b, ' ');
		zone[0] = buf_str(&b);
		ask(zone, "192.0.2.1", "bob@d.test", &a, NULL);
		assert_int_equal(SPF_PERMERROR, a.result);
		assert_string_equal("the record is too long", a.why);
		free(line);
		buf_free(&b);
	}
}

/* The last of hundreds of terms: libspf2 drops it, and counts them in an octet. */
static void
test_many_terms(void **state)
{
	struct buf b = BUF_INIT;
	struct spf_answer a;
	const char *zone[] = { NULL, NULL };

	(void)state;
	buf_puts(&b, "d.test TXT v=spf1");
	for (int i = 0; i < 290; i++)
		buf_puts(&b, " ip4:9.9.9.9");
	buf_puts(&b, " -ip4:192.0.2.1 +all");
	zone[0] = buf_str(&b);
	ask(zone, "192.0.2.1", "bob@d.test", &a, NULL);
	assert_int_equal(SPF_FAIL, a.result);
	ask(zone, "192.0.2.2", "bob@d.test", &a, NULL);
	assert_int_equal(SPF_PASS, a.result);
	buf_free(&b);
}

/* As many pieces as a record can have, and as libspf2 goes deep. */
static void
test_many_pieces(void **state)
{
	struct buf b = BUF_INIT;
	struct spf_answer a;
	const char *zone[] = { NULL, NULL };

	(void)state;
	buf_puts(&b, "d.test TXT v=spf1");
	for (int i = 0; i < 450; i++)
		buf_puts(&b, " ip6:::9");
	buf_puts(&b, " -all");
	zone[0] = buf_str(&b);
	ask(zone, "2001:db8::1", "bob@d.test", &a, NULL);
	assert_int_equal(SPF_FAIL, a.result);
	buf_clear(&b);
	buf_puts(&b, "d.test TXT v=spf1");
	for (int i = 0; i < 508; i++)
		buf_puts(&b, " ip6:::9");
	buf_puts(&b, " -all");
	zone[0] = buf_str(&b);
	ask(zone, "2001:db8::1", "bob@d.test", &a, NULL);
	assert_int_equal(SPF_PERMERROR, a.result);
	buf_free(&b);
}

/* 4.6.4: eleven MX are a permerror, of eleven PTR the first ten count. */
static void
test_many_names(void **state)
{
	const char *zone[32];
	char lines[24][48];
	struct spf_answer a;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 11; i++) {
		(void)snprintf(lines[i], sizeof(lines[i]), "m.test MX h%d.test", i);
		(void)snprintf(lines[i + 11], sizeof(lines[i]), "1.2.0.192.in-addr.arpa PTR h%d.test", i);
		zone[n++] = lines[i];
		zone[n++] = lines[i + 11];
	}
	zone[n++] = "h10.test A 192.0.2.1";
	zone[n++] = "h0.test A 192.0.2.1";
	zone[n++] = "d.test TXT v=spf1 mx:m.test ?all";
	zone[n++] = "e.test TXT v=spf1 ptr:h10.test ?all";
	zone[n++] = "f.test TXT v=spf1 ptr:h0.test -all";
	zone[n] = NULL;
	ask(zone, "192.0.2.1", "bob@d.test", &a, NULL);
	assert_int_equal(SPF_PERMERROR, a.result);
	assert_int_equal(2, a.queries);
	ask(zone, "192.0.2.1", "bob@e.test", &a, NULL);
	assert_int_equal(SPF_NEUTRAL, a.result);
	assert_int_equal(12, a.queries);
	ask(zone, "192.0.2.1", "bob@f.test", &a, NULL);
	assert_int_equal(SPF_PASS, a.result);
}

static void
test_names_fail(void **state)
{
	static const char *const zone[] = {
		"d.test TXT v=spf1 ptr:x.test ?all", "1.2.0.192.in-addr.arpa PTR TIMEOUT",
		"2.2.0.192.in-addr.arpa PTR broken.test", "2.2.0.192.in-addr.arpa PTR x.test",
		"broken.test A TIMEOUT", "x.test A 192.0.2.2", NULL
	};
	struct spf_answer a;

	(void)state;
	/* RFC 7208 5.5: then it does not match, then the name is passed over. */
	ask(zone, "192.0.2.1", "bob@d.test", &a, NULL);
	assert_int_equal(SPF_NEUTRAL, a.result);
	ask(zone, "192.0.2.2", "bob@d.test", &a, NULL);
	assert_int_equal(SPF_PASS, a.result);
}

static void
test_explanation(void **state)
{
	static const char *const zone[] = {
		"d.test TXT v=spf1 include:i.test exp=exp.test -all", "i.test TXT v=spf1 exp=other.test -all",
		"exp.test TXT secret", NULL
	};
	struct spf_answer a;
	char *asked;

	(void)state;
	ask(zone, "192.0.2.1", "bob@d.test", &a, &asked);
	assert_int_equal(SPF_FAIL, a.result);
	assert_string_equal("d.test/TXT i.test/TXT ", asked);
	free(asked);
}

static void
test_deadline(void **state)
{
	static const char *const zone[] = { "d.test TXT v=spf1 -all", NULL };
	struct spf_answer a;

	(void)state;
	ask_at(zone, "192.0.2.1", "bob@d.test", clock_mono_ms() - 1, &a, NULL);
	assert_int_equal(SPF_TEMPERROR, a.result);
	assert_string_equal("the name servers take too long", a.why);
	assert_int_equal(0, a.queries);
}

/* A backslash is an octet like others in a name, and libunbound's escape. */
static void
test_backslash(void **state)
{
	static const char *const zone[] = { "d.test TXT v=spf1 exists:%{l}.x.test -all", "a\\\\b.x.test A 127.0.0.1",
	    NULL };
	struct spf_answer a;

	(void)state;
	ask(zone, "192.0.2.1", "a\\b@d.test", &a, NULL);
	assert_int_equal(SPF_PASS, a.result);
}

/* --- the budget alone -------------------------------------------------------------------- */

static void
test_classify(void **state)
{
	static const struct {
		const char	*asked;
		enum dns_type	 type;
		enum spf_ask	 what;
		const char	*name;
		char		 mark;
	} table[] = {
		{ "d.test", DNS_TXT, SPF_ASK_POLICY, "d.test", '\0' },
		{ "d.test", DNS_TXT, SPF_ASK_TERM, "d.test", '\0' },
		{ "\001c12", DNS_TXT, SPF_ASK_CHUNK, "12", 'c' },
		{ "d.test", DNS_A, SPF_ASK_TERM, "d.test", '\0' },
		{ "\001zd.test", DNS_AAAA, SPF_ASK_TERM, "d.test", 'z' },
		{ "\001hd.test", DNS_A, SPF_ASK_PART, "d.test", 'h' },
		{ "\001Hd.test", DNS_A, SPF_ASK_PART, "d.test", 'H' },
		{ "\001p.d.test", DNS_A, SPF_ASK_PART, "d.test", 'p' },
		{ "\001x", DNS_A, SPF_ASK_NOTHING, "", 'x' },
		{ "d.test", DNS_MX, SPF_ASK_TERM, "d.test", '\0' },
	};
	struct spf_budget b = { .begun = false };

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		const char *name;
		char mark;

		assert_int_equal(table[i].what,
		    spf_budget_classify(&b, table[i].asked, table[i].type, &name, &mark));
		assert_string_equal(table[i].name, name);
		assert_int_equal(table[i].mark, mark);
	}
}

static void
test_counting(void **state)
{
	struct spf_budget b = { .begun = false };

	(void)state;
	for (int i = 0; i < SPF_TERMS_MAX; i++)
		assert_true(spf_budget_term(&b));
	assert_false(spf_budget_term(&b));
	b = (struct spf_budget){ .begun = false };
	for (int i = 0; i < SPF_VOIDS_MAX; i++) {
		assert_true(spf_budget_term(&b));
		assert_true(spf_budget_void(&b));
		assert_true(spf_budget_void(&b));	/* another part of the same term */
	}
	assert_true(spf_budget_term(&b));
	assert_false(spf_budget_void(&b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_macros),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_many_terms),
		cmocka_unit_test(test_many_pieces),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_names_fail),
		cmocka_unit_test(test_explanation),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_backslash),
		cmocka_unit_test(test_classify),
		cmocka_unit_test(test_counting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
