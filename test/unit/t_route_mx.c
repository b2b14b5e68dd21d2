/*
 * t_route_mx.c -- MX records to hosts, ourselves dropped, the order of attempts; the hosts file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "common/buf.h"
#include "common/hosts.h"
#include "queued/route_mx.h"

/* "10 a.test, 20 ." to an answer; a name that starts with "!" makes a malformed record. */
static void
records(const char *text, struct dns_answer *a)
{
	char *copy = xstrdup(text), *save = NULL, *word;

	memset(a, 0, sizeof(*a));
	a->rr = xcalloc(40, sizeof(*a->rr));
	for (word = strtok_r(copy, ", ", &save); word != NULL; word = strtok_r(NULL, ", ", &save)) {
		unsigned preference = (unsigned)atoi(word);
		char *name = strtok_r(NULL, ", ", &save), *label, *inner = NULL;
		struct buf b = BUF_INIT;

		buf_putc(&b, (char)(preference >> 8));
		buf_putc(&b, (char)preference);
		for (label = strtok_r(name, ".", &inner); label != NULL;
		    label = strtok_r(NULL, ".", &inner)) {
			buf_putc(&b, (char)(strlen(label) + (*label == '!')));
			buf_puts(&b, label);
		}
		buf_putc(&b, '\0');
		a->rr[a->n].len = b.len;
		a->rr[a->n++].data = (uint8_t *)buf_take(&b);
	}
	a->status = DNS_OK;
	free(copy);
}

static char *
listed(const struct route_mx *mx)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < mx->n; i++)
		buf_printf(&b, "%s%u %s", i > 0 ? ", " : "", mx->v[i].preference, mx->v[i].name);
	return buf_take(&b);
}

static void
read_records(void **state)
{
	static const struct {
		const char		*records, *hosts;
		enum route_mx_result	 result;
	} rows[] = {
		{ "20 b.test, 10 a.test", "10 a.test, 20 b.test", ROUTE_MX_HOSTS },
		{ "10 a.test, 10 b.test", "10 a.test, 10 b.test", ROUTE_MX_HOSTS },
		{ "10 a.test, 20 a.test", "10 a.test", ROUTE_MX_HOSTS },	/* at its best */
		{ "20 a.test, 15 b.test, 10 a.test", "10 a.test, 15 b.test", ROUTE_MX_HOSTS },
		{ "65535 a.test, 0 b.test", "0 b.test, 65535 a.test", ROUTE_MX_HOSTS },
		{ "0 .", "", ROUTE_MX_NULL },
		{ "0 ., 10 a.test", "10 a.test", ROUTE_MX_HOSTS },	/* RFC 7505 3: not a null MX */
		{ "10 !x.test", "", ROUTE_MX_MALFORMED },
		{ "10 192.0.2.1", "", ROUTE_MX_MALFORMED },
		{ "10 192.0.2.1, 20 a.test", "20 a.test", ROUTE_MX_HOSTS },
		{ "10 1.a2", "10 1.a2", ROUTE_MX_HOSTS },
		{ "10 !x.test, 20 a.test", "20 a.test", ROUTE_MX_HOSTS },
	};
	struct dns_answer a;
	struct route_mx mx;
	char *text;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		records(rows[i].records, &a);
		assert_int_equal(route_mx_read(&a, "dom.test", &mx), rows[i].result);
		text = listed(&mx);
		assert_string_equal(text, rows[i].hosts);
		free(text);
		dns_answer_clear(&a);
	}
}

static void
read_failures(void **state)
{
	static const struct {
		enum dns_status		status;
		enum route_mx_result	result;
		const char		*hosts;
	} rows[] = {
		{ DNS_NODATA, ROUTE_MX_ITSELF, "0 dom.test" },
		{ DNS_NXDOMAIN, ROUTE_MX_NO_DOMAIN, "" },
		{ DNS_FAILED, ROUTE_MX_UNKNOWN, "" },
		{ DNS_BOGUS, ROUTE_MX_UNKNOWN, "" },
	};
	struct route_mx mx;
	char *text;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct dns_answer a = { .status = rows[i].status };

		assert_int_equal(route_mx_read(&a, "dom.test", &mx), rows[i].result);
		text = listed(&mx);
		assert_string_equal(text, rows[i].hosts);
		free(text);
	}
}

/* More than are tried: the best ones stay, in whatever order they came. */
static void
many(void **state)
{
	struct buf up = BUF_INIT, down = BUF_INIT;
	struct dns_answer a;
	struct route_mx mx;

	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		buf_printf(&up, "%u h%u.test, ", i, i);
		buf_printf(&down, "%u h%u.test, ", 29 - i, 29 - i);
	}
	for (int k = 0; k < 2; k++) {
		records(buf_str(k == 0 ? &up : &down), &a);
		assert_int_equal(route_mx_read(&a, "dom.test", &mx), ROUTE_MX_HOSTS);
		assert_int_equal(mx.n, ROUTE_MX_MAX);
		for (unsigned i = 0; i < mx.n; i++)
			assert_int_equal(mx.v[i].preference, i);
		dns_answer_clear(&a);
	}
	buf_free(&up);
	buf_free(&down);
}

static void
prune(void **state)
{
	static const struct {
		const char	*records, *left;
		bool		 among;
	} rows[] = {
		{ "10 a.test, 20 b.test", "10 a.test, 20 b.test", false },
		{ "10 a.test, 20 mx2.test", "10 a.test", true },
		{ "10 a.test, 20 MX2.Test", "10 a.test", true },
		{ "10 a.test, 20 b.test, 20 mx2.test, 20 c.test, 30 d.test", "10 a.test", true },
		{ "10 mx2.test, 20 a.test", "", true },
		{ "10 a.test, 10 mx2.test", "", true },
		{ "0 mx2.test", "", true },
	};
	struct dns_answer a;
	struct route_mx mx;
	char *text;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		records(rows[i].records, &a);
		assert_int_equal(route_mx_read(&a, "dom.test", &mx), ROUTE_MX_HOSTS);
		route_mx_name(&mx, "Mx2.test");
		assert_int_equal(route_mx_prune(&mx), rows[i].among);
		text = listed(&mx);
		assert_string_equal(text, rows[i].left);
		free(text);
		dns_answer_clear(&a);
	}
}

static void
order(void **state)
{
	unsigned first[3] = { 0, 0, 0 };
	uint32_t noise = 1;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct route_try v[] = {
			{ 0, 20, false }, { 1, 10, false }, { 2, 10, false }, { 3, 10, false },
			{ 4, 5, true }, { 5, 1, true },
		};

		noise ^= noise << 13;
		noise ^= noise >> 17;
		noise ^= noise << 5;
		route_order(v, COUNT(v), noise);
		assert_in_range(v[0].index, 1, 3);	/* the three that are equal and best */
		assert_in_range(v[1].index, 1, 3);
		assert_in_range(v[2].index, 1, 3);
		assert_int_equal(v[3].index, 0);
		assert_int_equal(v[4].index, 5);	/* what failed lately: last, by preference */
		assert_int_equal(v[5].index, 4);
		first[v[0].index - 1]++;
	}
	for (size_t i = 0; i < COUNT(first); i++)
		assert_in_range(first[i], 850, 1150);
	route_order(NULL, 0, 7);
}

/* --- the hosts file, our own addresses --------------------------------------- */

static void
hosts_file(void **state)
{
	const char *dir = *state;
	static const char text[] =
	    "# comment\n192.0.2.1 one.test One\n\n2001:db8::1\tone.test # v6\nnonsense one.test\n"
	    "192.0.2.3 three.test\n192.0.2.4 one.test.example\n";
	char *path = xasprintf("%s/hosts", dir);
	struct hosts_addr a[4];
	const uint8_t v4[4] = { 192, 0, 2, 1 };
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
	assert_int_equal(hosts_find(path, "ONE.test", a, 4), 2);
	assert_int_equal(a[0].family, AF_INET);
	assert_memory_equal(a[0].addr, v4, 4);
	assert_int_equal(a[1].family, AF_INET6);
	assert_int_equal(hosts_find(path, "one.test", a, 1), 1);
	assert_int_equal(hosts_find(path, "two.test", a, 4), 0);
	assert_int_equal(hosts_find("/nonexistent/hosts", "one.test", a, 4), 0);
	free(path);
}

static void
own_addresses(void **state)
{
	static const struct {
		const char	*text;
		bool		 own;
	} rows[] = {
		{ "127.0.0.1", true }, { "0.0.0.0", true }, { "::", true },
		{ "::ffff:127.0.0.1", true }, { "::ffff:0.0.0.0", true },
		{ "203.0.113.77", false }, { "2001:db8::77", false }, { "::ffff:203.0.113.77", false },
	};
	uint8_t addr[16];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int family = strchr(rows[i].text, ':') != NULL ? AF_INET6 : AF_INET;

		assert_int_equal(inet_pton(family, rows[i].text, addr), 1);
		if (hosts_own(family, addr) != rows[i].own)
			fail_msg("%s", rows[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_records),
		cmocka_unit_test(read_failures),
		cmocka_unit_test(many),
		cmocka_unit_test(prune),
		cmocka_unit_test(order),
		cmocka_unit_test(hosts_file),
		cmocka_unit_test(own_addresses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
