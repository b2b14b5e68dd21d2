/*
 * t_turn_rate.c -- how often each client may ask.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "queued/turn_rate.h"

static struct turn_peer
peer(const char *text)
{
	struct sockaddr_storage ss;
	struct turn_peer p;

	memset(&ss, 0, sizeof(ss));
	if (strchr(text, ':') != NULL) {
		ss.ss_family = AF_INET6;
		assert_int_equal(1, inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&ss)->sin6_addr));
	} else {
		ss.ss_family = AF_INET;
		assert_int_equal(1, inet_pton(AF_INET, text, &((struct sockaddr_in *)&ss)->sin_addr));
	}
	turn_peer_of(&p, &ss);
	return p;
}

static bool
same(const char *a, const char *b)
{
	struct turn_peer x = peer(a), y = peer(b);

	return memcmp(&x, &y, sizeof(x)) == 0;
}

static void
test_peers(void **state)
{
	(void)state;
	assert_true(same("192.0.2.1", "::ffff:192.0.2.1"));
	assert_false(same("192.0.2.1", "192.0.2.2"));
	assert_true(same("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"));
	assert_false(same("2001:db8:0:1::1", "2001:db8:0:2::1"));
	assert_false(same("::1", "::ffff:127.0.0.1"));
	assert_false(same("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
}

static void
test_bucket(void **state)
{
	struct turn_rate *r = xcalloc(1, sizeof(*r));
	struct turn_peer a = peer("192.0.2.1"), b = peer("192.0.2.2");
	int64_t t = 1000000;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_true(turn_rate_take(r, &a, 10, t));
	assert_false(turn_rate_allows(r, &a, 10, t));
	assert_false(turn_rate_take(r, &a, 10, t));
	assert_true(turn_rate_take(r, &b, 10, t));	/* others are not concerned */
	/* one each six seconds; what was refused did not count */
	assert_false(turn_rate_take(r, &a, 10, t + 5900));
	assert_true(turn_rate_take(r, &a, 10, t + 6000));
	assert_false(turn_rate_take(r, &a, 10, t + 6100));
	/* after a minute all is as at first */
	t += 70000;
	for (unsigned i = 0; i < 10; i++)
		assert_true(turn_rate_take(r, &a, 10, t));
	assert_false(turn_rate_take(r, &a, 10, t));
	/* a smaller limit holds at once */
	assert_false(turn_rate_allows(r, &a, 1, t + 30000));
	assert_false(turn_rate_take(r, &a, 0, t + 900000));
	free(r);
}

static void
test_bounded(void **state)
{
	struct turn_rate *r = xcalloc(1, sizeof(*r));
	struct turn_peer first = peer("10.0.0.0");

	(void)state;
	assert_true(turn_rate_take(r, &first, 1, 5));
	assert_false(turn_rate_take(r, &first, 1, 6));
	for (int i = 1; i <= TURN_RATE_PEERS; i++) {
		char text[32];
		struct turn_peer p;

		(void)snprintf(text, sizeof(text), "10.1.%d.%d", i / 256, i % 256);
		p = peer(text);
		assert_true(turn_rate_take(r, &p, 1, 10 + i));
		assert_false(turn_rate_allows(r, &p, 1, 10 + i));
	}
	assert_true(turn_rate_allows(r, &first, 1, 1000));	/* forgotten: the longest unseen */
	free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_bucket),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
