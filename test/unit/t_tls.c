/*
 * t_tls.c -- who is believed under which policy, in what words others are refused, what is resumed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/tls_lab.h"

#define HOST	"mx.example.test"

static struct tls_client *client;
static struct lab_cert ca, other_ca, good, expired, early, wrong, self, other, wild, address, old_ca, orphan;
static char *ca_file, *self_file, *pin, *other_pin, *two_pins;

static void
make(struct lab_cert *c, const char *name, const struct lab_order *o)
{
	*c = lab_issue(o);
	(void)lab_write(name, c, o->issuer);
}

static char *
spki(const struct lab_cert *c)
{
	char hex[65];

	lab_spki(c, hex);
	return xstrdup(hex);
}

static int
setup(void **state)
{
	char *why = NULL;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	lab_dir();
	client = tls_client_new(&why);
	assert_non_null(client);
	make(&ca, "ca", &(struct lab_order){ .name = "Test CA", .ca = true });
	make(&other_ca, "other_ca", &(struct lab_order){ .name = "Other \"CA\"\n\x1b", .ca = true });
	make(&old_ca, "old_ca", &(struct lab_order){ .name = "Old CA", .ca = true,
	    .from = "20200101000000Z", .until = "20200630000000Z" });
	make(&good, "good", &(struct lab_order){ .name = HOST, .alt = "DNS:" HOST, .issuer = &ca });
	make(&expired, "expired", &(struct lab_order){ .name = HOST, .alt = "DNS:" HOST, .issuer = &ca,
	    .from = "20250101000000Z", .until = "20260103120000Z" });
	make(&early, "early", &(struct lab_order){ .name = HOST, .alt = "DNS:" HOST, .issuer = &ca,
	    .from = "20700105000000Z", .until = "20710101000000Z" });
	make(&wrong, "wrong", &(struct lab_order){ .name = "cn.test", .issuer = &ca,
	    .alt = "DNS:a.test,DNS:b.test,IP:192.0.2.1,DNS:c.test,DNS:d.test,DNS:e.test" });
	make(&self, "self", &(struct lab_order){ .name = HOST, .alt = "DNS:" HOST });
	make(&other, "other", &(struct lab_order){ .name = HOST, .alt = "DNS:" HOST, .issuer = &other_ca });
	make(&wild, "wild", &(struct lab_order){ .name = "w", .alt = "DNS:*.example.test", .issuer = &ca });
	make(&address, "address", &(struct lab_order){ .name = "a", .alt = "IP:192.0.2.1", .issuer = &ca });
	make(&orphan, "orphan", &(struct lab_order){ .name = HOST, .alt = "DNS:" HOST, .issuer = &old_ca });
	ca_file = xstrdup(lab_write("ca", &ca, &old_ca));
	self_file = xstrdup(lab_write("self", &self, NULL));
	pin = spki(&good);
	other_pin = spki(&other);
	two_pins = xasprintf("%s %s", other_pin, pin);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tls_client_free(&client);
	lab_dir_gone();
	return 0;
}

/* --- policies ------------------------------------------------------------ */

static const char *
reason_of(const struct lab_pair *p)
{
	return p->client != NULL ? tls_why(p->client) : lab_why;
}

/* reason NULL: the handshake succeeds; else a part of why not. */
static void
try(const char *cert, int max, const struct tls_policy *policy, const char *reason)
{
	struct lab_pair p;
	bool up = lab_shake(&p, client, cert, max, policy, NULL);

	if (reason == NULL && !up)
		fail_msg("%s at level %d: %s", cert, (int)policy->level, reason_of(&p));
	if (reason != NULL && up)
		fail_msg("%s at level %d was accepted: %s", cert, (int)policy->level, reason);
	if (reason != NULL && strstr(reason_of(&p), reason) == NULL)
		fail_msg("%s at level %d: expected `%s', got `%s'", cert, (int)policy->level,
		    reason, reason_of(&p));
	lab_part(&p);
}

static void
test_may(void **state)
{
	static const char *const certs[] = { "good", "expired", "early", "wrong", "self", "other" };
	const struct tls_policy may = { .level = TLS_MAY, .name = HOST };

	(void)state;
	for (size_t i = 0; i < sizeof(certs) / sizeof(certs[0]); i++)
		try(certs[i], 0, &may, NULL);
	try("good", TLS1_2_VERSION, &may, NULL);
	try("good", TLS1_1_VERSION, &may, "1.2");
}

static void
test_verify(void **state)
{
	struct tls_policy p = { .level = TLS_VERIFY, .name = HOST, .ca = ca_file };

	(void)state;
	try("good", 0, &p, NULL);
	try("good", TLS1_2_VERSION, &p, NULL);
	try("good", TLS1_VERSION, &p, "1.2");
	try("wild", 0, &p, NULL);
	try("expired", 0, &p, "the certificate expired on 2026-01-03: renew it on the primary");
	try("early", 0, &p, "the certificate is valid only from 2070-01-05 on: ");
	try("wrong", 0, &p, "the certificate is for a.test, b.test, 192.0.2.1, c.test and 2 more, "
	    "not for " HOST ": --tls-name NAME if one of these is right");
	try("self", 0, &p, "the certificate is self-signed: pin it");
	/* What a stranger's certificate says must not reach the log as it is. */
	try("other", 0, &p, "the certificate's issuer Other ?CA??? is not known here: --tls-ca FILE");
	try("orphan", 0, &p, "the certificate of its issuer Old CA expired on 2020-06-30");

	p.name = "b.test";
	try("wrong", 0, &p, NULL);
	try("wild", 0, &p, "not for b.test");
	p.name = "192.0.2.1";
	try("address", 0, &p, NULL);
	try("wrong", 0, &p, NULL);
	p.name = "192.0.2.2";
	try("address", 0, &p, "the certificate is for 192.0.2.1, not for 192.0.2.2");
	/* RFC 6125 6.4.4: the common name does not count beside alternative names. */
	p.name = "cn.test";
	try("wrong", 0, &p, "not for cn.test");
	p.name = HOST;
	p.ca = self_file;
	try("self", 0, &p, NULL);
}

static void
test_ca_file(void **state)
{
	struct tls_policy p = { .level = TLS_VERIFY, .name = HOST, .ca = "/nonexistent/ca.pem" };
	char *file;
	FILE *f;

	(void)state;
	try("good", 0, &p, "cannot use the CA file /nonexistent/ca.pem: No such file");
	file = xstrdup(lab_write("changing", &other_ca, NULL));
	p.ca = file;
	try("good", 0, &p, "issuer Test CA is not known here");
	/* A renewed file counts at once. */
	(void)lab_write("changing", &ca, &other_ca);
	try("good", 0, &p, NULL);
	f = fopen(file, "w");
	assert_non_null(f);
	(void)fputs("no certificate\n", f);
	(void)fclose(f);
	try("good", 0, &p, "cannot use the CA file");
	/* The system's: our CA is not among them. */
	p.ca = "";
	try("good", 0, &p, "Test CA");
	free(file);
}

static void
test_pinned(void **state)
{
	struct tls_policy p = { .level = TLS_PINNED, .name = HOST, .pin = pin };
	char *copy = xasprintf("--tls-pin %s ", other_pin), *own;

	(void)state;
	try("good", 0, &p, NULL);
	try("good", TLS1_2_VERSION, &p, NULL);
	try("other", 0, &p, "the certificate's key is not the pinned one: ");
	try("other", 0, &p, copy);
	p.pin = two_pins;
	try("good", 0, &p, NULL);
	try("other", 0, &p, NULL);
	try("self", 0, &p, "not the pinned one");
	/* Neither chain nor name nor dates matter. */
	own = spki(&expired);
	p.pin = own;
	p.name = "192.0.2.7";
	try("expired", 0, &p, NULL);
	p.pin = "abc";
	try("good", 0, &p, "tls_pin `abc' is not SHA-256 in hex digits");
	free(own);
	free(copy);
}

static void
dane(const char *cert, struct dns_answer *a, const char *base, const char *name, const char *reason)
{
	struct tls_policy p = { .level = TLS_DANE, .name = name, .tlsa = a, .tlsa_base = base };

	try(cert, 0, &p, reason);
}

static void
test_dane(void **state)
{
	struct dns_answer a;
	struct tls_policy with_domain = { .level = TLS_DANE, .name = "mx.test", .tlsa_base = "mx.test",
	    .domain = HOST };

	(void)state;
	a = lab_tlsa(3, &good, false);
	dane("good", &a, HOST, HOST, NULL);
	dane("other", &a, HOST, HOST, "the certificate does not match the TLSA record: TLSA 3 1 1 ");
	lab_tlsa_add(&a, 3, &other);
	dane("other", &a, HOST, HOST, NULL);
	lab_tlsa_free(&a);
	/* RFC 7672 3.1.1: no names and no dates with DANE-EE. */
	a = lab_tlsa(3, &expired, true);
	dane("expired", &a, "else.test", "else.test", NULL);
	lab_tlsa_free(&a);

	/* RFC 7672 3.2: with DANE-TA names and dates count. */
	a = lab_tlsa(2, &ca, false);
	dane("good", &a, HOST, HOST, NULL);
	dane("good", &a, "cname.test", HOST, NULL);
	dane("good", &a, HOST, "alias.test", NULL);
	dane("good", &a, "cname.test", "alias.test", "not for alias.test: renew it");
	with_domain.tlsa = &a;
	try("good", 0, &with_domain, NULL);
	with_domain.domain = "else.test";
	try("good", 0, &with_domain, "not for mx.test");
	dane("expired", &a, HOST, HOST, "expired on 2026-01-03");
	dane("other", &a, HOST, HOST, "does not match the TLSA record");
	dane("self", &a, HOST, HOST, "does not match the TLSA record");
	lab_tlsa_free(&a);

	/* RFC 7672 3.1.3: PKIX-TA and PKIX-EE say nothing here; 2.2: then TLS with whomever. */
	a = lab_tlsa(1, &good, false);
	lab_tlsa_add(&a, 0, &ca);
	dane("other", &a, HOST, HOST, NULL);
	lab_tlsa_add(&a, 3, &good);
	dane("other", &a, HOST, HOST, "does not match");
	lab_tlsa_free(&a);
}

static void
test_dane_unusable(void **state)
{
	static const uint8_t odd[][4] = { { 3, 1, 9, 1 }, { 3, 9, 1, 1 }, { 3, 1, 1, 1 }, { 9, 1, 1, 1 }, { 3, 1, 1 } };
	struct dns_rr rr[] = { { odd[0], 4 }, { odd[1], 4 }, { odd[2], 4 }, { odd[3], 4 }, { odd[4], 3 },
	    { odd[4], 0 } };
	struct dns_answer a = { .status = DNS_OK, .secure = true, .rr = rr, .n = 6 };
	struct tls_policy p = { .level = TLS_DANE, .name = HOST, .tlsa = &a, .tlsa_base = HOST };
	struct lab_pair pair;
	struct buf b = BUF_INIT;

	(void)state;
	assert_true(lab_shake(&pair, client, "other", 0, &p, NULL));
	tls_describe(pair.client, &b);
	assert_non_null(strstr(buf_str(&b), "certificate not judged: no usable TLSA record"));
	buf_free(&b);
	lab_part(&pair);
}

static void
test_sni(void **state)
{
	struct dns_answer a = lab_tlsa(3, &good, false);
	struct tls_policy p = { .level = TLS_MAY, .name = HOST };
	struct lab_pair pair;

	(void)state;
	assert_true(lab_shake(&pair, client, "good", 0, &p, NULL));
	assert_string_equal(pair.sni, HOST);
	lab_part(&pair);
	p.name = "192.0.2.1";
	assert_true(lab_shake(&pair, client, "good", 0, &p, NULL));
	assert_string_equal(pair.sni, "");
	lab_part(&pair);
	p = (struct tls_policy){ .level = TLS_PINNED, .name = "2001:db8::1", .pin = pin };
	assert_true(lab_shake(&pair, client, "good", 0, &p, NULL));
	assert_string_equal(pair.sni, "");
	lab_part(&pair);
	p = (struct tls_policy){ .level = TLS_DANE, .name = "alias.test", .tlsa = &a, .tlsa_base = HOST };
	assert_true(lab_shake(&pair, client, "good", 0, &p, NULL));
	assert_string_equal(pair.sni, HOST);
	lab_part(&pair);
	lab_tlsa_free(&a);
}

/* --- resumption ---------------------------------------------------------- */

/* Shakes hands and says whether it was by a resumed session. */
static bool
resumed(const char *cert, int max, const struct tls_policy *policy, struct tls_session **cache)
{
	struct lab_pair p;
	struct buf b = BUF_INIT;
	bool r;

	if (!lab_shake(&p, client, cert, max, policy, cache))
		fail_msg("%s", reason_of(&p));
	tls_describe(p.client, &b);
	r = strstr(buf_str(&b), ", resumed") != NULL;
	assert_int_equal(r, SSL_session_reused(p.server));
	buf_free(&b);
	lab_part(&p);
	return r;
}

static void
resume_both_ways(int max)
{
	struct tls_policy p = { .level = TLS_VERIFY, .name = HOST, .ca = ca_file };
	struct tls_session *cache = NULL;

	assert_false(resumed("good", max, &p, &cache));
	assert_non_null(cache);
	assert_true(resumed("good", max, &p, &cache));
	assert_true(resumed("good", max, &p, &cache));
	p = (struct tls_policy){ .level = TLS_PINNED, .name = HOST, .pin = pin };
	assert_false(resumed("good", max, &p, &cache));
	assert_true(resumed("good", max, &p, &cache));
	p.pin = two_pins;
	assert_false(resumed("good", max, &p, &cache));
	tls_session_free(&cache);
}

static void
test_resume(void **state)
{
	(void)state;
	resume_both_ways(TLS1_2_VERSION);
	resume_both_ways(0);
}

/* A session that nobody verified must not stand for a certificate that somebody should verify. */
static void
test_no_weaker(void **state)
{
	static const char *const certs[] = { "self", "expired", "wrong", "other" };
	static const int newest[] = { TLS1_2_VERSION, 0 };
	struct tls_session *cache = NULL;
	struct lab_pair pair;
	struct tls_policy may = { .level = TLS_MAY, .name = HOST },
	    verify = { .level = TLS_VERIFY, .name = HOST, .ca = ca_file },
	    other_name = { .level = TLS_VERIFY, .name = "b.test", .ca = ca_file };

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		const char *cert = certs[i / 2];
		int max = newest[i % 2];

		assert_false(resumed(cert, max, &may, &cache));
		assert_true(resumed(cert, max, &may, &cache));
		assert_false(lab_shake(&pair, client, cert, max, &verify, &cache));
		lab_part(&pair);
		tls_session_free(&cache);
	}
	/* Another name is another question. */
	assert_false(resumed("wrong", 0, &other_name, &cache));
	assert_true(resumed("wrong", 0, &other_name, &cache));
	assert_false(lab_shake(&pair, client, "wrong", 0, &verify, &cache));
	lab_part(&pair);
	tls_session_free(&cache);
}

static void
test_dane_resume(void **state)
{
	struct dns_answer right = lab_tlsa(3, &good, false), changed = lab_tlsa(3, &other, false);
	struct tls_policy p = { .level = TLS_DANE, .name = HOST, .tlsa = &right, .tlsa_base = HOST };
	struct tls_session *cache = NULL;
	struct lab_pair pair;

	(void)state;
	assert_false(resumed("good", 0, &p, &cache));
	assert_true(resumed("good", 0, &p, &cache));
	p.tlsa = &changed;
	assert_false(lab_shake(&pair, client, "good", 0, &p, &cache));
	lab_part(&pair);
	tls_session_free(&cache);
	lab_tlsa_free(&right);
	lab_tlsa_free(&changed);
}

/* A CA that was taken out of the file takes its sessions with it. */
static void
test_ca_resume(void **state)
{
	char *file = xstrdup(lab_write("leaving", &ca, &other_ca));
	struct tls_policy p = { .level = TLS_VERIFY, .name = HOST, .ca = file };
	struct tls_session *cache = NULL;
	struct lab_pair pair;

	(void)state;
	assert_false(resumed("good", 0, &p, &cache));
	assert_true(resumed("good", 0, &p, &cache));
	(void)lab_write("leaving", &other_ca, NULL);
	assert_false(lab_shake(&pair, client, "good", 0, &p, &cache));
	lab_part(&pair);
	tls_session_free(&cache);
	free(file);
}

/* --- the accepting side -------------------------------------------------- */

static void
shake_both(struct tls_conn *c, struct tls_conn *s)
{
	enum tls_result rc = TLS_WANT_READ, rs = TLS_WANT_READ;

	for (int i = 0; i < 50 && (rc != TLS_DONE || rs != TLS_DONE); i++) {
		if (rc != TLS_DONE)
			rc = tls_handshake(c);
		if (rs != TLS_DONE)
			rs = tls_handshake(s);
		assert_int_not_equal(TLS_FAILED, rc);
		assert_int_not_equal(TLS_FAILED, rs);
	}
	assert_int_equal(TLS_DONE, rc);
	assert_int_equal(TLS_DONE, rs);
}

static void
test_server(void **state)
{
	struct tls_policy p = { .level = TLS_VERIFY, .name = HOST, .ca = ca_file };
	char *cert = xstrdup(lab_write("good", &good, NULL)), *why = NULL, text[16];
	struct tls_server *ts = tls_server_new(cert, lab_key("good"), &why);
	struct tls_conn *c, *s;
	struct buf b = BUF_INIT;
	int fd[2];
	size_t n;

	(void)state;
	assert_non_null(ts);
	assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
	c = tls_conn_new(client, fd[0], &p, NULL, &why);
	s = tls_conn_accept(ts, fd[1]);
	shake_both(c, s);
	assert_int_equal(TLS_DONE, tls_write(s, "220", 3, &n));
	assert_int_equal(TLS_DONE, tls_read(c, text, sizeof(text), &n));
	assert_memory_equal("220", text, 3);
	assert_int_equal(TLS_WANT_READ, tls_read(s, text, sizeof(text), &n));
	tls_describe(s, &b);
	assert_non_null(strstr(buf_str(&b), "TLSv1.3 with cipher"));
	assert_null(strstr(buf_str(&b), "certificate"));
	tls_conn_free(&c);
	assert_int_equal(TLS_EOF, tls_read(s, text, sizeof(text), &n));
	tls_conn_free(&s);
	(void)close(fd[0]);
	(void)close(fd[1]);
	tls_server_free(&ts);
	buf_free(&b);
	free(cert);
}

static void
test_server_files(void **state)
{
	char *cert = xstrdup(lab_write("good", &good, NULL)), *key = xstrdup(lab_key("good"));
	const struct { const char *cert, *key, *why; } row[] = {
		{ "/nonexistent/c", key, "cannot use the certificate /nonexistent/c: No such file" },
		{ key, key, "cannot use the certificate " },
		{ cert, "/nonexistent/k", "cannot use the key /nonexistent/k: No such file" },
		{ cert, cert, "cannot use the key " },
		{ cert, lab_key("other"), "other.key: it does not belong to the certificate" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *why = NULL;

		assert_null(tls_server_new(row[i].cert, row[i].key, &why));
		if (strstr(why, row[i].why) == NULL)
			fail_msg("row %zu: %s", i, why);
		free(why);
	}
	free(cert);
	free(key);
}

/* What is no TLS at all ends in words. */
static void
test_no_tls(void **state)
{
	static const struct { const char *sent, *why; } row[] = {
		{ "500 5.5.1 What is this?\r\n", "what came is not TLS" },
		{ "\x15\x03\x01\x00\x02\x02\x28", "no common cipher or protocol" },
		{ "\x15\x03\x01\x00\x02\x02\x46", "refused TLS 1.2" },
		{ "", "lost connection" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct tls_policy p = { .level = TLS_MAY, .name = HOST };
		struct tls_conn *c;
		char *why = NULL;
		size_t len = i == 1 || i == 2 ? 7 : strlen(row[i].sent);
		int fd[2];

		assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
		c = tls_conn_new(client, fd[0], &p, NULL, &why);
		assert_int_equal(TLS_WANT_READ, tls_handshake(c));
		assert_int_equal((ssize_t)len, write(fd[1], row[i].sent, len));
		(void)shutdown(fd[1], SHUT_WR);
		assert_int_equal(TLS_FAILED, tls_handshake(c));
		if (strstr(tls_why(c), row[i].why) == NULL)
			fail_msg("row %zu: %s", i, tls_why(c));
		tls_conn_free(&c);
		(void)close(fd[0]);
		(void)close(fd[1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_may),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_ca_file),
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_dane),
		cmocka_unit_test(test_dane_unusable),
		cmocka_unit_test(test_sni),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_no_weaker),
		cmocka_unit_test(test_dane_resume),
		cmocka_unit_test(test_ca_resume),
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_server_files),
		cmocka_unit_test(test_no_tls),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
