/*
 * t_rules_route.c -- routes, pins, source addresses and networks, as text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/rules_network.h"
#include "common/rules_route.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX_COLONS "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:" \
	"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"
#define TEN "h,h,h,h,h,h,h,h,h,h"

/* What is written, and the destination that it names; or the reason of the refusal. */
static void
test_primaries(void **state)
{
	static const struct {
		const char	*text;
		const char	*destination;	/* NULL: refused */
		const char	*why;
	} row[] = {
		{ "192.0.2.1", "192.0.2.1:25", NULL },
		{ " Mail.Test : ", NULL, "the port must be" },
		{ " Mail.Test ", "mail.test:25", NULL },
		{ "a:2525,[2001:DB8::1],192.0.2.1", "a:2525,[2001:db8::1]:25,192.0.2.1:25", NULL },
		{ "a+b", "a:25+b:25", NULL },
		{ "b + A , c", "a:25+b:25,c:25", NULL },
		{ "c+b:26+b:25,a+d", "b:25+b:26+c:25,a:25+d:25", NULL },
		{ "mx", "mx:d.test:25", NULL },
		{ " MX\t", "mx:d.test:25", NULL },
		{ "mx:2525", "mx:d.test:2525", NULL },
		{ "mx:Other.Test", "mx:other.test:25", NULL },
		{ "mx:other.test:587", "mx:other.test:587", NULL },
		{ "mx.test", "mx.test:25", NULL },
		{ "mxa:25", "mxa:25", NULL },
		{ "turn", "turn:d.test", NULL },
		{ "Turn", "turn:d.test", NULL },
		{ "turn.test", "turn.test:25", NULL },
		{ TEN "," TEN "," TEN "+" TEN "," TEN "," TEN "+h+h+h+h", TEN, NULL },
		{ "", NULL, "no host is given" },
		{ " \t ", NULL, "no host is given" },
		{ "h:99999", NULL, "the port must be" },
		{ "h,,i", NULL, "an empty entry" },
		{ "h,", NULL, "an empty entry" },
		{ "h+", NULL, "an empty entry" },
		{ "+h", NULL, "an empty entry" },
		{ "h, +,i", NULL, "an empty entry" },
		{ "::1", NULL, "needs [brackets]" },
		{ "mx,h", NULL, "stand alone" },
		{ "h+MX:25", NULL, "stand alone" },
		{ "turn:25", NULL, "stand alone" },
		{ "turn,turn", NULL, "stand alone" },
		{ "mx:", NULL, "the port must be" },
		{ "mx:0", NULL, "the port must be" },
		{ "mx:70000", NULL, "the port must be" },
		{ "mx:192.0.2.1", NULL, "an address has no MX" },
		{ "mx:[2001:db8::1]", NULL, "an address has no MX" },
		{ "mx:a b", NULL, "not a host name" },
		{ "mx:a:b", NULL, "the port must be" },
		{ TEN "," TEN "," TEN "+" TEN "," TEN "," TEN "+h+h+h+h,h", NULL, "more than 64" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct rules_route r;
		const char *why = NULL;
		int rc;

		rules_route_init(&r);
		rc = rules_route_parse(row[i].text, &r, &why);
		if ((rc == 0) != (row[i].destination != NULL))
			fail_msg("`%s': %s", row[i].text, rc == 0 ? "accepted" : why);
		if (rc == -1) {
			if (strstr(why, row[i].why) == NULL)
				fail_msg("`%s': %s", row[i].text, why);
		} else if (strcmp(row[i].destination, TEN) != 0) {
			char *got = rules_destination(&r, "d.test");

			assert_string_equal(got, row[i].destination);
			free(got);
		} else
			assert_int_equal(r.primary.n, 64);
		rules_route_clear(&r);
	}
}

static void
test_preferences(void **state)
{
	static const unsigned want[] = { 0, 0, 1, 2, 2 };
	struct rules_route r;
	const char *why;

	(void)state;
	rules_route_init(&r);
	assert_int_equal(rules_route_parse("b+a,z,d+c", &r, &why), 0);
	assert_int_equal(r.kind, ROUTE_HOSTS);
	assert_int_equal(r.primary.n, COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++)
		assert_int_equal(r.preference[i], want[i]);
	assert_string_equal(r.primary.v[0].host, "a");
	assert_string_equal(r.primary.v[4].host, "d");
	rules_route_clear(&r);

	rules_route_init(&r);
	assert_int_equal(rules_route_parse("mx:Other.test:26", &r, &why), 0);
	assert_int_equal(r.kind, ROUTE_MX);
	assert_string_equal(r.mx, "other.test");
	assert_int_equal(r.mx_port, 26);
	assert_int_equal(r.primary.n, 0);
	rules_route_clear(&r);

	rules_route_init(&r);
	assert_int_equal(rules_route_parse("mx", &r, &why), 0);
	assert_string_equal(r.mx, "");	/* the domain's own */
	assert_int_equal(r.mx_port, 25);
	rules_route_clear(&r);
}

static char *
pin(const char *text)
{
	const char *why;
	char *s = rules_pin_canonical(text, &why);

	assert_non_null(s);
	return s;
}

/* All that tells two routes apart is in the text, and nothing else. */
static void
test_destination(void **state)
{
	static const struct {
		enum rules_tls		 tls;
		const char		*name, *ca, *pin, *source;
		enum rules_client	 client;
		const char		*want;	/* after "h:25" */
	} row[] = {
		{ TLS_MAY, "", "", "", "", CLIENT_XFORWARD, "" },
		{ TLS_OFF, "", "", "", "", CLIENT_XFORWARD, ";tls=off" },
		{ TLS_OFF, "n.test", "/ca", HEX, "", CLIENT_XFORWARD, ";tls=off" },
		{ TLS_MAY, "n.test", "/ca", HEX, "", CLIENT_XFORWARD, ";tls_name=n.test" },
		{ TLS_VERIFY, "", "", "", "", CLIENT_XFORWARD, ";tls=verify" },
		{ TLS_VERIFY, "n.test", "/ca.pem", HEX, "", CLIENT_XFORWARD,
		  ";tls=verify;tls_name=n.test;tls_ca=/ca.pem" },
		{ TLS_PINNED, "", "/ca.pem", HEX " " HEX, "", CLIENT_XFORWARD,
		  ";tls=pinned;tls_pin=" HEX "," HEX },
		{ TLS_DANE, "", "/ca.pem", "", "", CLIENT_XFORWARD, ";tls=dane" },
		{ TLS_MAY, "", "", "", "2001:DB8:0::1, 192.0.2.9", CLIENT_XCLIENT,
		  ";source=192.0.2.9,2001:db8::1;client=xclient" },
		{ TLS_MAY, "", "", "", "::1", CLIENT_NONE, ";source=::1;client=none" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct rules_route r;
		const char *why;
		char *got, *want = xasprintf("h:25%s", row[i].want);

		rules_route_init(&r);
		assert_int_equal(rules_route_parse("h", &r, &why), 0);
		assert_int_equal(rules_route_source(row[i].source, &r, &why), 0);
		free(r.tls_name);
		free(r.tls_ca);
		free(r.tls_pin);
		r.tls_name = xstrdup(row[i].name);
		r.tls_ca = xstrdup(row[i].ca);
		r.tls_pin = pin(row[i].pin);
		r.tls = row[i].tls;
		r.client = row[i].client;
		got = rules_destination(&r, "d.test");
		assert_string_equal(got, want);
		free(got);
		free(want);
		rules_route_clear(&r);
	}
}

static void
test_source(void **state)
{
	static const struct {
		const char	*text, *v4, *v6;	/* v4 NULL: refused */
	} row[] = {
		{ "", "", "" }, { "  ", "", "" },
		{ "192.0.2.1", "192.0.2.1", "" }, { " 2001:DB8::0001 ", "", "2001:db8::1" },
		{ "192.0.2.1,::1", "192.0.2.1", "::1" }, { "::1 , 192.0.2.1", "192.0.2.1", "::1" },
		{ "192.0.2.1,192.0.2.2", NULL, NULL }, { "::1,::2", NULL, NULL },
		{ "192.0.2.1,", NULL, NULL }, { ",", NULL, NULL }, { "192.0.2.1 ::1", NULL, NULL },
		{ "192.0.2", NULL, NULL }, { "host.test", NULL, NULL }, { "[::1]", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct rules_route r;
		const char *why = NULL;
		int rc;

		rules_route_init(&r);
		rc = rules_route_source(row[i].text, &r, &why);
		if ((rc == 0) != (row[i].v4 != NULL))
			fail_msg("`%s': %s", row[i].text, rc == 0 ? "accepted" : why);
		if (rc == 0) {
			assert_string_equal(r.source4, row[i].v4);
			assert_string_equal(r.source6, row[i].v6);
		} else
			assert_non_null(why);
		rules_route_clear(&r);
	}
}

static void
test_pins(void **state)
{
	static const struct {
		const char	*text, *want;	/* NULL: refused */
	} row[] = {
		{ "", "" }, { " , ", "" },
		{ HEX, HEX }, { "sha256:" HEX, HEX }, { "SHA256:" HEX_COLONS, HEX },
		{ HEX_COLONS, HEX }, { " " HEX "," HEX_COLONS "\tsha256:" HEX, HEX " " HEX " " HEX },
		{ HEX "0", NULL }, { "0" HEX, NULL }, { "abc", NULL }, { ":" HEX, NULL },
		{ HEX ":", NULL }, { "sha1:" HEX, NULL }, { "sha256:", NULL },
		{ "0:0" "112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", NULL },
		{ "00::112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", NULL },
		{ "g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", NULL },
		{ HEX ";" HEX, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		const char *why = NULL;
		char *got = rules_pin_canonical(row[i].text, &why);

		if ((got == NULL) != (row[i].want == NULL))
			fail_msg("`%s': %s", row[i].text, got != NULL ? got : why);
		if (got != NULL)
			assert_string_equal(got, row[i].want);
		else
			assert_non_null(strstr(why, "64 hexadecimal digits"));
		free(got);
	}
}

static void
test_network_text(void **state)
{
	static const struct {
		const char	*text, *want, *why;	/* want NULL: refused */
	} row[] = {
		{ "192.0.2.0/24", "192.0.2.0/24", NULL }, { "192.0.2.1", "192.0.2.1", NULL },
		{ "192.0.2.1/32", "192.0.2.1", NULL }, { "0.0.0.0/0", "0.0.0.0/0", NULL },
		{ "10.128.0.0/9", "10.128.0.0/9", NULL }, { "2001:DB8::/32", "2001:db8::/32", NULL },
		{ "::/0", "::/0", NULL }, { "::1", "::1", NULL }, { "::1/128", "::1", NULL },
		{ "2001:db8::8000:0:0:0/65", "2001:db8:0:0:8000::/65", NULL },
		{ "192.0.2.1/24", NULL, "the network is 192.0.2.0/24" },
		{ "10.128.0.0/8", NULL, "the network is 10.0.0.0/8" },
		{ "192.0.2.1/0", NULL, "the network is 0.0.0.0/0" },
		{ "2001:db8::1/64", NULL, "the network is 2001:db8::/64" },
		{ "192.0.2.1/33", NULL, "from 0 to 32" }, { "::1/129", NULL, "from 0 to 128" },
		{ "192.0.2.0/", NULL, "from 0 to 32" }, { "192.0.2.0/x", NULL, "from 0 to 32" },
		{ "192.0.2.0/024", "192.0.2.0/24", NULL },
		{ "192.0.2.0/0024", NULL, "from 0 to 32" }, { "192.0.2.0/-1", NULL, "from 0" },
		{ "192.0.2", NULL, "not a network" }, { "", NULL, "not a network" },
		{ "/24", NULL, "not a network" }, { "a.test", NULL, "not a network" },
		{ "[::1]", NULL, "not a network" }, { " ::1", NULL, "not a network" },
		{ "::ffff:192.0.2.0/120", NULL, "network of IPv4" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct rules_network n;
		char *why = NULL;
		int rc = rules_network_parse(row[i].text, &n, &why);

		if ((rc == 0) != (row[i].want != NULL))
			fail_msg("`%s': %s", row[i].text, rc == 0 ? n.text : why);
		if (rc == 0)
			assert_string_equal(n.text, row[i].want);
		else if (strstr(why, row[i].why) == NULL)
			fail_msg("`%s': %s", row[i].text, why);
		if (rc == 0)
			free(n.text);
		free(why);
	}
}

static void
add(struct rules_networks *l, const char *text)
{
	struct rules_network n;
	char *why = NULL;

	if (rules_network_parse(text, &n, &why) == -1)
		fail_msg("%s", why);
	rules_networks_add(l, &n);
}

static bool
match(const struct rules_networks *l, const char *address)
{
	int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
	unsigned char a[16];

	assert_int_equal(inet_pton(family, address, a), 1);
	return rules_networks_match(l, family, a);
}

static void
test_network_match(void **state)
{
	static const char *const networks[] = { "192.0.2.128/25", "10.0.0.0/8", "10.1.0.0/16",
		"10.1.2.3", "203.0.113.7", "0.0.0.0/32", "255.255.255.255", "2001:db8::/32",
		"2001:db8:1::/48", "fe80::/10", "10.0.0.0/8" };
	static const struct {
		const char	*address;
		bool		 want;
	} row[] = {
		{ "192.0.2.127", false }, { "192.0.2.128", true }, { "192.0.2.255", true },
		{ "192.0.3.0", false }, { "9.255.255.255", false }, { "10.0.0.0", true },
		/* behind a smaller network that lies in a larger one */
		{ "10.1.2.4", true }, { "10.2.0.0", true }, { "10.255.255.255", true },
		{ "11.0.0.0", false }, { "203.0.113.6", false }, { "203.0.113.7", true },
		{ "203.0.113.8", false }, { "0.0.0.0", true }, { "0.0.0.1", false },
		{ "255.255.255.255", true }, { "255.255.255.254", false },
		{ "2001:db7:ffff::", false }, { "2001:db8::", true }, { "2001:db8:2::1", true },
		{ "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true }, { "2001:db9::", false },
		{ "fe80::1", true }, { "febf::1", true }, { "fec0::", false }, { "::", false },
		{ "::ffff:10.9.9.9", true }, { "::ffff:11.0.0.0", false }, { "::10.9.9.9", false },
	};
	struct rules_networks l = { NULL, 0, NULL, 0 };

	(void)state;
	assert_false(match(&l, "10.0.0.1"));	/* an empty list */
	rules_networks_sort(&l);
	assert_false(match(&l, "::1"));
	for (size_t i = 0; i < COUNT(networks); i++)
		add(&l, networks[i]);
	rules_networks_sort(&l);
	assert_int_equal(l.nouter, 7);
	for (size_t i = 0; i < COUNT(row); i++)
		if (match(&l, row[i].address) != row[i].want)
			fail_msg("%s: %s", row[i].address, row[i].want ? "not found" : "found");
	assert_false(rules_networks_match(&l, AF_UNIX, ""));
	rules_networks_clear(&l);
}

/* Against the plain way: each of many networks asked one after the other. */
static void
test_network_many(void **state)
{
	struct rules_networks l = { NULL, 0, NULL, 0 };
	uint32_t x = 7;
	size_t hits = 0;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		char text[64];
		uint32_t bits, net;

		x = x * 1664525u + 1013904223u;
		bits = 8 + (x >> 8) % 25;
		net = bits == 32 ? x : x & ~(UINT32_MAX >> bits);
		(void)snprintf(text, sizeof(text), "%u.%u.%u.%u/%u", net >> 24, net >> 16 & 255,
		    net >> 8 & 255, net & 255, bits);
		if (bits > 16)
			add(&l, text);
	}
	rules_networks_sort(&l);
	for (int i = 0; i < 20000; i++) {
		uint32_t addr = htonl(x = x * 1664525u + 1013904223u);
		bool plain = false;

		if (i % 2 == 0)		/* near one that is there */
			memcpy(&addr, l.v[(size_t)i % l.n].addr, sizeof(addr));
		for (size_t k = 0; k < l.n && !plain; k++) {
			uint32_t net;

			memcpy(&net, l.v[k].addr, sizeof(net));
			plain = ((ntohl(net) ^ ntohl(addr)) >> (32 - l.v[k].bits)) == 0;
		}
		assert_int_equal(rules_networks_match(&l, AF_INET, &addr), plain);
		hits += plain;
	}
	assert_true(hits >= 10000 && hits < 20000);
	rules_networks_clear(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_primaries), cmocka_unit_test(test_preferences),
		cmocka_unit_test(test_destination), cmocka_unit_test(test_source),
		cmocka_unit_test(test_pins), cmocka_unit_test(test_network_text),
		cmocka_unit_test(test_network_match), cmocka_unit_test(test_network_many),
	};

	return cmocka_run_group_tests_name("rules_route", tests, NULL, NULL);
}
