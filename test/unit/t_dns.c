/*
 * t_dns.c -- names out of RDATA; look-ups by threads and on a loop, against a small server.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/dns.h"
#include "common/log.h"
#include "test/unit/dns_server.h"

/* --- RDATA ----------------------------------------------------------------- */

static void
names(void **state)
{
	static const struct {
		const char	*wire;
		size_t		 len;
		const char	*name;	/* NULL: malformed */
		int		 took;
	} rows[] = {
		{ "\0", 1, "", 1 },
		{ "\002MX\004Test\0", 9, "mx.test", 9 },
		{ "\002mx\0trailing", 12, "mx", 4 },
		{ "\005_25-x\0", 7, "_25-x", 7 },
		{ "", 0, NULL, 0 },
		{ "\002mx", 3, NULL, 0 },		/* no end */
		{ "\003mx\0", 4, NULL, 0 },		/* longer than there is */
		{ "\002m.\0", 4, NULL, 0 },		/* a dot in a label */
		{ "\002m \0", 4, NULL, 0 },
		{ "\002m\n\0", 4, NULL, 0 },
		{ "\002m\0\0", 4, NULL, 0 },
		{ "\002m\377\0", 4, NULL, 0 },
		{ "\002m/\0", 4, NULL, 0 },
		{ "\300\014", 2, NULL, 0 },		/* compressed */
	};
	char name[DNS_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct dns_rr rr = { (const uint8_t *)rows[i].wire, rows[i].len };

		assert_int_equal(dns_name(&rr, 0, name), rows[i].name != NULL ? rows[i].took : -1);
		if (rows[i].name != NULL)
			assert_string_equal(name, rows[i].name);
	}
}

static void
long_names(void **state)
{
	uint8_t wire[300];
	struct dns_rr rr = { wire, 0 };
	char name[DNS_NAME_MAX];

	(void)state;
	/* 127 labels of one octet are 253 characters, the most there can be; one more does not fit in a name. */
	for (size_t i = 0; i < sizeof(wire); i += 2) {
		wire[i] = 1;
		wire[i + 1] = 'a';
	}
	wire[254] = 0;
	rr.len = 255;
	assert_int_equal(dns_name(&rr, 0, name), 255);
	assert_int_equal(strlen(name), 253);
	wire[254] = 1;
	wire[260] = 0;
	rr.len = 261;
	assert_int_equal(dns_name(&rr, 0, name), -1);
}

static void
mx_records(void **state)
{
	static const struct dns_rr
	    good = { (const uint8_t *)"\001\002\002mx\0", 6 },
	    null_mx = { (const uint8_t *)"\0\0\0", 3 },
	    trailing = { (const uint8_t *)"\0\012\002mx\0x", 7 },
	    cut = { (const uint8_t *)"\0\012", 2 };
	char host[DNS_NAME_MAX];
	unsigned preference;

	(void)state;
	assert_int_equal(dns_mx(&good, &preference, host), 0);
	assert_int_equal(preference, 258);
	assert_string_equal(host, "mx");
	assert_int_equal(dns_mx(&null_mx, &preference, host), 0);
	assert_int_equal(preference, 0);
	assert_string_equal(host, "");
	assert_int_equal(dns_mx(&trailing, &preference, host), -1);
	assert_int_equal(dns_mx(&cut, &preference, host), -1);
}

/* --- look-ups -------------------------------------------------------------- */

static const struct row {
	const char	*name;
	enum dns_type	 type;
	enum dns_status	 status;
	size_t		 n;
	const char	*canonical, *why;
} rows[] = {
	{ "one.example.test", DNS_A, DNS_OK, 2, NULL, NULL },
	{ "One.Example.test.", DNS_AAAA, DNS_OK, 2, NULL, NULL },
	{ "example.test", DNS_MX, DNS_OK, 2, NULL, NULL },
	{ "cname.example.test", DNS_A, DNS_OK, 2, "one.example.test", NULL },
	{ "none.example.test", DNS_MX, DNS_NODATA, 0, NULL, "the name has no MX record" },
	{ "nx.example.test", DNS_A, DNS_NXDOMAIN, 0, NULL, "no such name" },
	{ "fail.example.test", DNS_A, DNS_FAILED, 0, NULL,
	    "the name servers cannot answer (SERVFAIL)" },
	{ "..", DNS_A, DNS_FAILED, 0, NULL, "not a domain name" },
};

static void
check(const struct row *r, const struct dns_answer *a)
{
	if (a->status != r->status || a->n != r->n)
		fail_msg("%s: status %d (%s), %zu records", r->name, a->status,
		    a->why != NULL ? a->why : "", a->n);
	assert_false(a->secure);
	if (r->canonical != NULL)
		assert_string_equal(a->canonical, r->canonical);
	else
		assert_null(a->canonical);
	if (r->why != NULL)
		assert_string_equal(a->why, r->why);
	else
		assert_null(a->why);
	if (r->status == DNS_OK)
		assert_int_equal(a->ttl, 300);
}

static struct dns *
dns_open(const struct dns_server *server)
{
	char *why = NULL;
	struct dns *dns = dns_new(dns_server_address(server), "", &why);

	if (dns == NULL)
		fail_msg("%s", why);
	return dns;
}

static void
blocking(void **state)
{
	struct dns_server *server = dns_server_start();
	struct dns *dns = dns_open(server);
	struct dns_answer a;
	char host[DNS_NAME_MAX];
	unsigned preference;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		dns_resolve(dns, rows[i].name, rows[i].type, &a);
		check(&rows[i], &a);
		if (rows[i].type == DNS_MX && a.n == 2) {
			/* libunbound has undone the compression. */
			assert_int_equal(dns_mx(&a.rr[1], &preference, host), 0);
			assert_true(strcmp(host, "m1.test") == 0 || strcmp(host, "m2.test") == 0);
		}
		dns_answer_clear(&a);
	}
	/* Nobody answers: the time is up, and the late answer finds nobody. */
	dns_resolve_within(dns, "mute.example.test", DNS_A, 50, &a);
	assert_int_equal(a.status, DNS_FAILED);
	assert_string_equal(a.why, "the name servers do not answer");
	dns_answer_clear(&a);
	dns_free(&dns);
	assert_null(dns);
	dns_server_stop(&server);
}

struct crowd {
	struct dns	*dns;
	bool		 ok;
};

static void *
one_of_many(void *arg)
{
	struct crowd *c = arg;
	struct dns_answer a;
	char name[64];

	c->ok = true;
	for (unsigned i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "h%u-%p.example.test", i, arg);
		dns_resolve(c->dns, name, DNS_A, &a);
		if (a.status != DNS_OK || a.n != 2)
			c->ok = false;
		dns_answer_clear(&a);
	}
	return NULL;
}

static void
crowded(void *(*run)(void *))
{
	struct dns_server *server = dns_server_start();
	struct dns *dns = dns_open(server);
	struct crowd crowd[16];
	pthread_t thread[COUNT(crowd)];

	for (size_t i = 0; i < COUNT(crowd); i++) {
		crowd[i].dns = dns;
		assert_int_equal(pthread_create(&thread[i], NULL, run, &crowd[i]), 0);
	}
	for (size_t i = 0; i < COUNT(crowd); i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		assert_true(crowd[i].ok);
	}
	dns_free(&dns);
	dns_server_stop(&server);
}

static void
many_threads(void **state)
{
	(void)state;
	crowded(one_of_many);
}

/* --- begun now, finished later ------------------------------------------------ */

static void
ask_and_go_on(void **state)
{
	struct dns_server *server = dns_server_start();
	struct dns *dns = dns_open(server);
	struct dns_query *q[COUNT(rows)], *mute, *dropped;
	struct dns_answer a;
	int64_t begun;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		q[i] = dns_begin(dns, rows[i].name, rows[i].type);
	mute = dns_begin(dns, "mute.example.test", DNS_A);
	dropped = dns_begin(dns, "dropped.example.test", DNS_A);
	dns_drop(&dropped);
	assert_null(dropped);
	dns_drop(&dropped);
	for (size_t i = COUNT(rows); i-- > 0;) {
		assert_true(dns_finish(&q[i], 5000, &a));
		assert_null(q[i]);
		check(&rows[i], &a);
		dns_answer_clear(&a);
	}
	/* Not in time: it can be asked for again, or dropped. */
	begun = clock_mono_ms();
	assert_false(dns_finish(&mute, 30, &a));
	assert_non_null(mute);
	assert_false(dns_finish(&mute, 0, &a));
	assert_true(clock_mono_ms() - begun >= 30 && clock_mono_ms() - begun < 500);
	dns_drop(&mute);
	assert_null(mute);
	dns_free(&dns);
	dns_server_stop(&server);
}

/* What came while nobody waited is found without waiting. */
static void
found_ready(void **state)
{
	struct dns_server *server = dns_server_start();
	struct dns *dns = dns_open(server);
	struct dns_query *q[20];
	struct dns_answer a;
	char name[64];

	(void)state;
	for (size_t i = 0; i < COUNT(q); i++) {
		(void)snprintf(name, sizeof(name), "h%zu.ready.test", i);
		q[i] = dns_begin(dns, name, DNS_A);
	}
	/* Each answer is in the pipe soon after the server has been asked. */
	for (unsigned i = 0; i < 500 && dns_server_asked(server, ".ready.test") < COUNT(q); i++)
		(void)usleep(10000);
	(void)usleep(200000);
	for (size_t i = 0; i < COUNT(q); i++) {
		assert_true(dns_finish(&q[i], 0, &a));
		assert_int_equal(a.status, DNS_OK);
		dns_answer_clear(&a);
	}
	dns_free(&dns);
	dns_server_stop(&server);
}

/* Whoever reads the answers goes when he has his own: another one must go on reading. */
static void *
leave_first(void *arg)
{
	struct dns_query *q = arg;
	struct dns_answer a;

	if (!dns_finish(&q, 5000, &a))
		return NULL;
	dns_answer_clear(&a);
	return arg;
}

static void
next_leader(void **state)
{
	struct dns_server *server = dns_server_start();
	struct dns *dns = dns_open(server);
	/* The server takes 200 ms for each of them. */
	struct dns_query *first = dns_begin(dns, "late.first.test", DNS_A), *second;
	int64_t begun = clock_mono_ms();
	struct dns_answer a;
	pthread_t thread;
	void *left;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, leave_first, first), 0);
	(void)usleep(50000);
	second = dns_begin(dns, "late.second.test", DNS_A);
	assert_true(dns_finish(&second, 5000, &a));
	dns_answer_clear(&a);
	assert_true(clock_mono_ms() - begun < 3000);
	assert_int_equal(pthread_join(thread, &left), 0);
	assert_non_null(left);
	dns_free(&dns);
	dns_server_stop(&server);
}

/* Many threads with many questions each; some drop theirs, some come back for them. */
static void *
one_of_many_begun(void *arg)
{
	struct crowd *c = arg;
	struct dns_query *q[40];
	struct dns_answer a;
	char name[64];

	c->ok = true;
	for (unsigned i = 0; i < COUNT(q); i++) {
		(void)snprintf(name, sizeof(name), "%s.h%u-%p.example.test", i % 8 == 7 ? "mute" : "b", i, arg);
		q[i] = dns_begin(c->dns, name, DNS_A);
	}
	for (unsigned i = 0; i < COUNT(q); i++) {
		if (i % 8 == 7) {
			c->ok = c->ok && !dns_finish(&q[i], 5, &a);
			dns_drop(&q[i]);
		} else if (i % 8 == 3) {
			dns_drop(&q[i]);
		} else if (dns_finish(&q[i], 5000, &a)) {
			c->ok = c->ok && a.status == DNS_OK && a.n == 2;
			dns_answer_clear(&a);
		} else {
			c->ok = false;
			dns_drop(&q[i]);
		}
	}
	return NULL;
}

static void
many_begun(void **state)
{
	crowded(one_of_many_begun);
	(void)state;
}

/* Names whose servers are dead must not hold up those of others. */
static void
dead_and_alive(void **state)
{
	struct dns_server *server = dns_server_start();
	struct dns *dns = dns_open(server);
	struct dns_query *dead[300];
	struct dns_answer a;
	char name[64];
	int64_t begun;

	(void)state;
	for (unsigned i = 0; i < COUNT(dead); i++) {
		(void)snprintf(name, sizeof(name), "mute.h%u.dead.test", i);
		dead[i] = dns_begin(dns, name, DNS_A);
	}
	for (unsigned i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "h%u.alive.test", i);
		begun = clock_mono_ms();
		dns_resolve(dns, name, DNS_A, &a);
		assert_int_equal(a.status, DNS_OK);
		dns_answer_clear(&a);
		if (clock_mono_ms() - begun > 1000)
			fail_msg("%s took %lld ms", name, (long long)(clock_mono_ms() - begun));
	}
	for (unsigned i = 0; i < COUNT(dead); i++)
		dns_drop(&dead[i]);
	dns_free(&dns);
	dns_server_stop(&server);
}

/* For lists: what is not answered is sent twice, and spoils nothing else. */
static void
for_lists(void **state)
{
	struct dns_server *server = dns_server_start();
	struct dns_query *dead[4];
	struct dns_answer a;
	char name[64], *why = NULL;
	struct dns *dns = dns_new_for_lists(dns_server_address(server), &why);

	(void)state;
	assert_non_null(dns);
	for (unsigned i = 0; i < 24; i++) {
		if (i < COUNT(dead)) {
			(void)snprintf(name, sizeof(name), "mute.h%u.dead.test", i);
			dead[i] = dns_begin(dns, name, DNS_A);
		}
		(void)snprintf(name, sizeof(name), "h%u.alive.test", i);
		dns_resolve(dns, name, DNS_A, &a);
		if (a.status != DNS_OK)
			fail_msg("%s: %s", name, a.why);
		dns_answer_clear(&a);
		(void)usleep(250000);
	}
	for (unsigned i = 0; i < COUNT(dead); i++) {
		(void)snprintf(name, sizeof(name), "mute.h%u.dead.test", i);
		assert_in_range(dns_server_asked(server, name), 1, 2);
		assert_true(dns_finish(&dead[i], 0, &a));
		assert_int_equal(a.status, DNS_FAILED);
		dns_answer_clear(&a);
	}
	dns_free(&dns);
	dns_server_stop(&server);
}

/* --- on a loop --------------------------------------------------------------- */

struct asked {
	const struct row	*row;
	struct dns_query	*query;
	unsigned		*left;
	struct event_base	*base;
};

static void
on_answer(void *arg, const struct dns_answer *a)
{
	struct asked *q = arg;

	assert_null(q->query);
	check(q->row, a);
	q->row = NULL;		/* once */
	if (--*q->left == 0)
		assert_int_equal(event_base_loopbreak(q->base), 0);
}

static void
never(void *arg, const struct dns_answer *a)
{
	(void)arg;
	(void)a;
	fail_msg("a cancelled query called back");
}

static void
on_loop(void **state)
{
	struct dns_server *server = dns_server_start();
	struct dns *dns = dns_open(server);
	struct event_base *base = event_base_new();
	struct asked asked[COUNT(rows)];
	struct dns_query *cancelled = NULL, *open = NULL;
	unsigned left = COUNT(rows);

	(void)state;
	assert_non_null(base);
	dns_attach(dns, base);
	dns_start(dns, "two.example.test", DNS_A, never, NULL, &cancelled);
	for (size_t i = 0; i < COUNT(rows); i++) {
		asked[i] = (struct asked){ &rows[i], NULL, &left, base };
		dns_start(dns, rows[i].name, rows[i].type, on_answer, &asked[i], &asked[i].query);
		assert_non_null(asked[i].query);
	}
	dns_cancel(&cancelled);
	assert_null(cancelled);
	dns_cancel(&cancelled);
	assert_int_not_equal(event_base_dispatch(base), -1);
	assert_int_equal(left, 0);
	/* One is still under way when all ends. */
	dns_start(dns, "mute.example.test", DNS_A, never, NULL, &open);
	dns_free(&dns);
	assert_null(open);
	event_base_free(base);
	dns_server_stop(&server);
}

/* --- what cannot work -------------------------------------------------------- */

static void
refused(void **state)
{
	const char *dir = *state;
	static const char key[] = "\". 86400 IN DNSKEY what\n";
	char *why = NULL, *path = xasprintf("%s/anchor", dir);
	FILE *f;

	assert_null(dns_new("ns.example.test", "", &why));
	assert_string_equal(why, "resolver \"ns.example.test\": must be a numeric address");
	free(why);
	assert_null(dns_new("a:b:c", "", &why));
	assert_non_null(strstr(why, "resolver \"a:b:c\": "));
	free(why);
	assert_null(dns_new("127.0.0.1", path, &why));
	assert_non_null(strstr(why, "/anchor: No such file"));
	free(why);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(key, f) >= 0 && fclose(f) == 0);
	assert_null(dns_new("127.0.0.1", path, &why));
	assert_non_null(strstr(why, "no trust anchor can be read"));
	free(why);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(long_names),
		cmocka_unit_test(mx_records),
		cmocka_unit_test(blocking),
		cmocka_unit_test(many_threads),
		cmocka_unit_test(ask_and_go_on),
		cmocka_unit_test(found_ready),
		cmocka_unit_test(next_leader),
		cmocka_unit_test(many_begun),
		cmocka_unit_test(dead_and_alive),
		cmocka_unit_test(for_lists),
		cmocka_unit_test(on_loop),
		cmocka_unit_test(refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	log_open("t_dns", LOG_TO_STDERR);
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
