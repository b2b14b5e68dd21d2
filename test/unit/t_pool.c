/*
 * t_pool.c -- the listener is nudged while a callback takes long, and only then.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/endpoint.h"
#include "milter/pool.h"

/* Connections that come within ms; each must be over at once. */
static unsigned
nudges(int fd, int64_t ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left, until = clock_mono_ms() + ms;
	unsigned n = 0;
	char byte;
	int peer;

	while ((left = until - clock_mono_ms()) > 0) {
		if (poll(&p, 1, (int)left) != 1)
			continue;
		peer = accept(fd, NULL, NULL);
		assert_int_not_equal(peer, -1);
		assert_int_equal(recv(peer, &byte, 1, 0), 0);
		(void)close(peer);
		n++;
	}
	return n;
}

static void
watched(const struct endpoint *e, int fd)
{
	struct pool *pool = pool_start(e);
	struct pool_stay a, b;

	assert_non_null(pool);
	assert_int_equal(nudges(fd, 200), 0);	/* nobody is in a callback */
	for (int i = 0; i < 200; i++) {		/* or for long */
		pool_enter(pool, &a);
		pool_enter(pool, &b);
		pool_leave(pool, &a);
		pool_leave(pool, &b);
	}
	pool_enter(pool, &a);
	assert_in_range(nudges(fd, 500), 2, 20);
	pool_enter(pool, &b);
	pool_leave(pool, &a);
	assert_in_range(nudges(fd, 500), 2, 20);
	pool_leave(pool, &b);
	(void)nudges(fd, 100);
	assert_int_equal(nudges(fd, 200), 0);
	pool_stop(&pool);
	assert_null(pool);
	pool_stop(&pool);
	pool_enter(NULL, &a);
	pool_leave(NULL, &a);
}

static void
by_path(void **state)
{
	char *path = xasprintf("%s/milter.sock", (const char *)*state);
	struct endpoint e = { .path = path };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 10), 0);
	watched(&e, fd);
	(void)close(fd);
	free(path);
}

static void
by_port(void **state)
{
	char host[] = "127.0.0.1";
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	struct endpoint e = { .host = host };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(listen(fd, 10), 0);
	e.port = ntohs(in.sin_port);
	watched(&e, fd);
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_path),
		cmocka_unit_test(by_port),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
