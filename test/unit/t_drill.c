/*
 * t_drill.c -- announced test messages: which message is the one, once, and in time; and
 * what doctor and drill compute.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cli/doctor.h"
#include "common/cli/drill.h"
#include "common/envelope.h"
#include "queued/drill.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TOKEN	"0123456789abcdef0123456789abcdef"

static void
test_borne(void **state)
{
	static const struct {
		const char	*envid, *sender;
		bool		 borne;
	} row[] = {
		{ "holdfast-drill-" TOKEN, "", true },
		{ NULL, "drill+" TOKEN "@mx2.test", true },
		{ "holdfast-drill-" TOKEN "0", "", false },
		{ "x-holdfast-drill-" TOKEN, "", false },
		{ "holdfast-drill-", "", false },
		{ NULL, "drill+" TOKEN "0@mx2.test", false },
		{ NULL, "xdrill+" TOKEN "@mx2.test", false },
		{ NULL, "drill+@mx2.test", false },
		{ NULL, TOKEN "@mx2.test", false },
		{ NULL, "", false },
		{ NULL, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		char *envid = xstrdup(row[i].envid), *sender = xstrdup(row[i].sender);
		struct envelope env = { .envid = envid, .sender = sender };

		if (drill_borne(&env, TOKEN) != row[i].borne)
			fail_msg("row %zu", i);
		free(envid);
		free(sender);
	}
}

static void
on_over(void *arg, const char *queue_id)
{
	(void)snprintf(arg, 32, "%s", queue_id);
}

static void
test_life(void **state)
{
	struct event_base *base = event_base_new();
	char over[32] = "", envid[] = "holdfast-drill-" TOKEN;
	struct drills *all = drills_new(base, on_over, over);
	struct envelope env = { .envid = envid }, other = { .sender = NULL };
	struct drill_info info;
	const char *why;

	(void)state;
	assert_null(drills_claim(all, &env));
	assert_false(drills_announce(all, "short", 9, &why));
	assert_false(drills_announce(all, "0123456789ABCDEF", 9, &why));
	assert_false(drills_announce(all, TOKEN, 0, &why));
	assert_false(drills_announce(all, TOKEN, DRILL_SECONDS_MAX + 1, &why));
	assert_true(drills_announce(all, TOKEN, 9, &why));
	assert_false(drills_announce(all, TOKEN, 9, &why));	/* twice */
	assert_true(drills_info(all, TOKEN, &info));
	assert_int_equal(info.state, DRILL_ANNOUNCED);
	assert_null(drills_claim(all, &other));			/* nobody else's */
	assert_string_equal(drills_claim(all, &env), TOKEN);
	assert_string_equal(drills_claim(all, &env), TOKEN);	/* it was not stored: it may come again */
	drills_stored(all, TOKEN, "QID");
	assert_null(drills_claim(all, &env));			/* once */
	assert_true(drills_info(all, TOKEN, &info));
	assert_int_equal(info.state, DRILL_STORED);
	assert_string_equal(info.queue_id, "QID");
	assert_true(drills_end(all, TOKEN));
	assert_false(drills_end(all, TOKEN));
	assert_false(drills_info(all, TOKEN, &info));

	/* At the end of its time: only one that is stored has something to delete. */
	assert_true(drills_announce(all, TOKEN, 1, &why));
	(void)event_base_dispatch(base);
	assert_string_equal(over, "");
	assert_false(drills_info(all, TOKEN, &info));
	assert_true(drills_announce(all, TOKEN, 1, &why));
	drills_stored(all, TOKEN, "QID2");
	(void)event_base_dispatch(base);
	assert_string_equal(over, "QID2");
	assert_false(drills_info(all, TOKEN, &info));

	/* Not too many. */
	for (int i = 0; i < 8; i++) {
		char token[33];

		(void)snprintf(token, sizeof(token), "%032x", (unsigned)i);
		assert_true(drills_announce(all, token, 9, &why));
	}
	assert_false(drills_announce(all, TOKEN, 9, &why));
	drills_free(&all);
	event_base_free(base);
}

/* Says what it is, and no line is too long or bare. */
static void
test_message(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	drill_message(&b, "mx2.test", "postmaster@example.test", TOKEN, 1700000000);
	assert_non_null(strstr(buf_str(&b), "To: <postmaster@example.test>\r\n"));
	assert_non_null(strstr(buf_str(&b), "\r\nAuto-Submitted: auto-generated\r\n"));
	assert_non_null(strstr(buf_str(&b), "(holdfast drill)"));
	assert_non_null(strstr(buf_str(&b), "Date: Tue, 14 Nov 2023 22:13:20"));
	for (size_t i = 0, line = 0; i < b.len; i++, line++) {
		if (b.data[i] == '\n') {
			assert_true(i > 0 && b.data[i - 1] == '\r');
			line = 0;
		}
		assert_true(line < 200);
	}
	buf_free(&b);
}

/* --- doctor --------------------------------------------------------------- */

static void
test_sts(void **state)
{
#define HEAD "version: STSv1\nmode: enforce\n"
	static const struct {
		const char	*policy;
		enum sts_verdict verdict;
		bool		 enforced;
	} row[] = {
		{ HEAD "mx: mx2.example.test\nmax_age: 1\n", STS_LISTED, true },
		{ "version: STSv1\r\nmode: testing\r\nmx: a.test\r\nmx:MX2.example.test \r\n", STS_LISTED, false },
		{ HEAD "mx: *.example.test\n", STS_LISTED, true },
		{ HEAD "mx: *.test\n", STS_NOT_LISTED, true },		/* one label */
		{ HEAD "mx: *.mx2.example.test\n", STS_NOT_LISTED, true },
		{ HEAD "mx: mx2.example.test.evil\n", STS_NOT_LISTED, true },
		{ HEAD, STS_NOT_LISTED, true },
		{ "version: STSv1\nmode: none\n", STS_OFF, false },
		{ "mode: enforce\nmx: mx2.example.test\n", STS_BAD, true },
		{ "version: STSv1\nmx: mx2.example.test\n", STS_BAD, false },
		{ "<html>404</html>", STS_BAD, false },
		{ "", STS_BAD, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		bool enforced;

		if (doctor_sts_judge(row[i].policy, "mx2.example.test", &enforced) != row[i].verdict ||
		    enforced != row[i].enforced)
			fail_msg("row %zu", i);
	}
}

static void
test_networks(void **state)
{
	static const struct {
		const char	*networks, *address;
		bool		 in;
	} row[] = {
		{ "127.0.0.0/8 [::1]/128", "127.0.0.5", true },
		{ "127.0.0.0/8 [::1]/128", "128.0.0.5", false },
		{ "127.0.0.0/8, [::1]/128", "::1", true },
		{ "[2001:db8::]/33", "2001:db8:7fff::1", true },
		{ "[2001:db8::]/33", "2001:db8:8000::1", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "!192.0.2.7 192.0.2.0/24", "192.0.2.7", false },
		{ "!192.0.2.7 192.0.2.0/24", "192.0.2.8", true },
		{ "0.0.0.0/0", "198.51.100.1", true },
		{ "0.0.0.0/0", "::1", false },
		{ "hash:/etc/postfix/x nonsense 1.2.3/99", "1.2.3.4", false },
		{ "", "1.2.3.4", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct hosts_addr a = { .family = strchr(row[i].address, ':') != NULL ? AF_INET6 : AF_INET };

		assert_int_equal(inet_pton(a.family, row[i].address, a.addr), 1);
		if (doctor_in_networks(row[i].networks, &a) != row[i].in)
			fail_msg("row %zu", i);
	}
}

static void
test_days(void **state)
{
	(void)state;
	assert_true(doctor_days(1000, 100, 0) < 0);
	assert_true(doctor_days(1000, 100, 90) > 9.99 && doctor_days(1000, 100, 90) < 10.01);
	assert_true(doctor_days(100, 100, 90) < 0.01);
	assert_true(doctor_days(1, 100, 90) < 0.01);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_borne), cmocka_unit_test(test_life), cmocka_unit_test(test_message),
		cmocka_unit_test(test_sts), cmocka_unit_test(test_networks), cmocka_unit_test(test_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
