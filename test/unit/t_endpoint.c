/*
 * t_endpoint.c -- both notations, and listening sockets.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "common/buf.h"
#include "common/endpoint.h"

struct row {
	const char	*text;
	const char	*formatted;	/* NULL: refused */
};

static void
check(const struct row *r, int rc, struct endpoint *e, const char *why)
{
	char *text;

	if (r->formatted == NULL) {
		if (rc != -1 || why == NULL || e->path != NULL || e->host != NULL)
			fail_msg("\"%s\" was not refused", r->text);
		return;
	}
	if (rc != 0)
		fail_msg("\"%s\": %s", r->text, why);
	text = endpoint_format(e);
	assert_string_equal(text, r->formatted);
	free(text);
	endpoint_clear(e);
	assert_null(e->path);
	assert_null(e->host);
}

static void
milter_notation(void **state)
{
	static const struct row rows[] = {
		{ "unix:/run/x.sock", "/run/x.sock" },
		{ "local:/run/x.sock", "/run/x.sock" },
		{ "unix:/a:b@c", "/a:b@c" },
		{ "inet:8891@127.0.0.1", "127.0.0.1:8891" },
		{ "inet:0@localhost", "localhost:0" },
		{ "inet:65535@[::1]", "[::1]:65535" },
		{ "inet6:25@::1", "[::1]:25" },
		{ "inet:25@mx-1.example.test", "mx-1.example.test:25" },
		{ "", NULL },
		{ "unix:", NULL },
		{ "unix:relative", NULL },
		{ "/run/x.sock", NULL },
		{ "inet:25", NULL },
		{ "inet:@127.0.0.1", NULL },
		{ "inet:65536@127.0.0.1", NULL },
		{ "inet:-1@127.0.0.1", NULL },
		{ "inet:+1@127.0.0.1", NULL },
		{ "inet:25x@127.0.0.1", NULL },
		{ "inet:25@", NULL },
		{ "inet:25@127.0.0.300", NULL },
		{ "inet:25@[127.0.0.1]", NULL },
		{ "inet:25@a b", NULL },
		{ "inet:25@a..b", NULL },
	};
	struct endpoint e;
	const char *why;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		why = NULL;
		rc = endpoint_parse_milter(rows[i].text, &e, &why);
		check(&rows[i], rc, &e, why);
	}
}

static void
hostport_notation(void **state)
{
	static const struct row rows[] = {
		{ "192.0.2.1", "192.0.2.1:25" },
		{ "192.0.2.1:2525", "192.0.2.1:2525" },
		{ "mx.example.test", "mx.example.test:25" },
		{ "mx_1.example.test:587", "mx_1.example.test:587" },
		{ "localhost:1", "localhost:1" },
		{ "[2001:db8::1]", "[2001:db8::1]:25" },
		{ "[2001:db8::1]:26", "[2001:db8::1]:26" },
		{ "", NULL },
		{ ":25", NULL },
		{ "host:", NULL },
		{ "host:0", NULL },
		{ "host:65536", NULL },
		{ "host:000025", NULL },
		{ "host:25:25", NULL },
		{ "2001:db8::1", NULL },
		{ "[2001:db8::1", NULL },
		{ "[2001:db8::1]26", NULL },
		{ "[192.0.2.1]", NULL },
		{ "[]", NULL },
		{ "192.0.2", NULL },
		{ "192.0.2.256", NULL },
		{ "host.", NULL },
		{ ".host", NULL },
		{ "h\xc3\xb6st", NULL },
		{ "a/b", NULL },
		{ "host name", NULL },
	};
	struct endpoint e;
	const char *why;
	char name[300];
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		why = NULL;
		rc = endpoint_parse_hostport(rows[i].text, 25, &e, &why);
		check(&rows[i], rc, &e, why);
	}
	assert_int_equal(endpoint_parse_hostport("host", 0, &e, &why), -1);
	assert_string_equal(why, "the port is missing");
	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	assert_int_equal(endpoint_parse_hostport(name, 25, &e, &why), -1);
	name[63] = '\0';
	assert_int_equal(endpoint_parse_hostport(name, 25, &e, &why), 0);
	endpoint_clear(&e);
	for (i = 0; i < 256; i += 2)
		memcpy(name + i, "a.", 3);
	name[255] = '\0';
	assert_int_equal(endpoint_parse_hostport(name, 25, &e, &why), 0);
	endpoint_clear(&e);
	memcpy(name + 255, ".a", 3);
	assert_int_equal(endpoint_parse_hostport(name, 25, &e, &why), -1);
}

static void
lists(void **state)
{
	struct endpoint_list l;
	struct buf big = BUF_INIT;
	const char *why;
	int i;

	(void)state;
	assert_int_equal(endpoint_list_parse_milter("", &l, &why), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(endpoint_list_parse_milter("unix:/a , inet:25@127.0.0.1", &l, &why), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.v[0].path, "/a");
	assert_string_equal(l.v[1].host, "127.0.0.1");
	endpoint_list_clear(&l);
	assert_int_equal(l.n, 0);
	assert_int_equal(endpoint_list_parse_hostport("a,[::1]:26,b:27", 25, &l, &why), 0);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.v[0].port, 25);
	assert_int_equal(l.v[2].port, 27);
	endpoint_list_clear(&l);
	assert_int_equal(endpoint_list_parse_hostport("a,,b", 25, &l, &why), -1);
	assert_int_equal(endpoint_list_parse_hostport("a,", 25, &l, &why), -1);
	assert_int_equal(endpoint_list_parse_hostport("a,b:x", 25, &l, &why), -1);
	assert_null(l.v);
	for (i = 0; i < 65; i++)
		buf_puts(&big, i > 0 ? ",h" : "h");
	assert_int_equal(endpoint_list_parse_hostport(big.data, 25, &l, &why), -1);
	assert_int_equal(endpoint_list_parse_hostport(big.data + 2, 25, &l, &why), 0);
	assert_int_equal(l.n, 64);
	endpoint_list_clear(&l);
	buf_free(&big);
}

static int
connect_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Refused, and the reason has this in it. */
static void
assert_refused(const struct endpoint *e, const char *part)
{
	char *why = NULL;

	assert_int_equal(endpoint_listen(e, 0600, &why), -1);
	assert_non_null(why);
	if (strstr(why, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why, part);
	free(why);
}

static void
listen_unix(void **state)
{
	char path[256], link_path[256], *why = NULL;
	struct endpoint e = { .path = path };
	struct stat st;
	int fd, client;

	(void)snprintf(path, sizeof(path), "%s/a.sock", (const char *)*state);
	fd = endpoint_listen(&e, 0660, &why);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	client = connect_unix(path);
	assert_true(client >= 0);
	close(client);

	assert_refused(&e, "in use by another process");
	assert_int_equal(lstat(path, &st), 0);
	close(fd);

	/* now it is stale */
	assert_int_equal(connect_unix(path), -1);
	fd = endpoint_listen(&e, 0600, &why);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	close(fd);

	/* a link to a stale socket is not a socket */
	(void)snprintf(link_path, sizeof(link_path), "%s/link", (const char *)*state);
	assert_int_equal(symlink(path, link_path), 0);
	e.path = link_path;
	assert_refused(&e, "not a socket");
	assert_int_equal(lstat(link_path, &st), 0);
	assert_int_equal(lstat(path, &st), 0);
}

static void
listen_unix_refused(void **state)
{
	char path[512];
	struct endpoint e = { .path = path };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	/* a socket of another kind that is in use: connect() does not say ECONNREFUSED */
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/dgram", (const char *)*state);
	(void)snprintf(path, sizeof(path), "%s", sun.sun_path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_refused(&e, "cannot tell whether it is in use");
	assert_int_equal(lstat(path, &st), 0);
	close(fd);

	(void)snprintf(path, sizeof(path), "%s/file", (const char *)*state);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	assert_refused(&e, "not a socket");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 1);

	(void)snprintf(path, sizeof(path), "%s/none/a.sock", (const char *)*state);
	assert_refused(&e, "create it with `install -d");
	(void)snprintf(path, sizeof(path), "%s/file/a.sock", (const char *)*state);
	assert_refused(&e, "does not exist");
	(void)snprintf(path, sizeof(path), "%s/%0120d", (const char *)*state, 1);
	assert_refused(&e, "at most 107 bytes");
}

static uint16_t
local_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	return ntohs(ss.ss_family == AF_INET ? ((struct sockaddr_in *)&ss)->sin_port
					     : ((struct sockaddr_in6 *)&ss)->sin6_port);
}

static void
listen_inet(void **state)
{
	char host[32] = "127.0.0.1", *why = NULL;
	struct endpoint e = { .host = host };
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd, fd6, on = 0;

	(void)state;
	fd = endpoint_listen(&e, 0, &why);
	assert_true(fd >= 0);
	e.port = local_port(fd);
	assert_true(e.port != 0);
	assert_refused(&e, "in use by another process");

	/* IPv6's wildcard takes the same port beside IPv4: V6ONLY */
	(void)snprintf(host, sizeof(host), "::1");
	e.port = 0;
	if ((fd6 = endpoint_listen(&e, 0, &why)) >= 0) {
		len = sizeof(on);
		assert_int_equal(getsockopt(fd6, IPPROTO_IPV6, IPV6_V6ONLY, &on, &len), 0);
		assert_int_equal(on, 1);
		close(fd6);
	} else {
		free(why);	/* no IPv6 here */
	}
	close(fd);

	(void)snprintf(host, sizeof(host), "localhost");
	fd = endpoint_listen(&e, 0, &why);
	assert_true(fd >= 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(ss.ss_family, AF_INET);
	close(fd);

	(void)snprintf(host, sizeof(host), "mx.example.test");
	assert_refused(&e, "give an address");
	(void)snprintf(host, sizeof(host), "192.0.2.1");
	assert_refused(&e, "does not have that address");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(milter_notation),
		cmocka_unit_test(hostport_notation),
		cmocka_unit_test(lists),
		cmocka_unit_test(listen_unix),
		cmocka_unit_test(listen_unix_refused),
		cmocka_unit_test(listen_inet),
	};

	return cmocka_run_group_tests_name("endpoint", tests, scratch_setup, scratch_teardown);
}
