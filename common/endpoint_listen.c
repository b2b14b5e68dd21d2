/*
 * endpoint_listen.c -- listening sockets that say what is wrong with them.
 *
 * A unix socket of a process that died is in the way of bind(2): it is
 * removed, but only if it is a socket (not through a link) and connect(2) says
 * that nobody listens. Anything else at the path stays and is an error.
 *
 * The file gets its mode before listen(2), so nobody connects under another.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/endpoint.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/buf.h"

static int
new_socket(int family)
{
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Is somebody listening there? errno tells if not. */
static int
try_connect(const struct sockaddr_un *sun)
{
	int fd = new_socket(AF_UNIX), rc, saved;

	if (fd == -1)
		return -1;
	rc = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	saved = rc == -1 ? errno : 0;
	close(fd);
	errno = saved;
	return rc == 0 || saved == EAGAIN ? 0 : -1;
}

static int
remove_stale(const struct sockaddr_un *sun, char **why)
{
	const char *path = sun->sun_path;
	struct stat st;

	if (lstat(path, &st) == -1) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;	/* bind() will say what is missing */
		*why = xasprintf("%s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISSOCK(st.st_mode)) {
		*why = xasprintf("%s exists and is not a socket: move it away", path);
		return -1;
	}
	if (try_connect(sun) == 0) {
		*why = xasprintf("%s is in use by another process: stop that one first", path);
		return -1;
	}
	if (errno == ENOENT)
		return 0;
	if (errno != ECONNREFUSED) {
		*why = xasprintf("%s: cannot tell whether it is in use: %s", path, strerror(errno));
		return -1;
	}
	if (unlink(path) == -1 && errno != ENOENT) {
		*why = xasprintf("%s: cannot remove the stale socket: %s", path, strerror(errno));
		return -1;
	}
	return 0;
}

static char *
explain_bind(const char *path, int error)
{
	char *dir = xstrdup(path), *slash = strrchr(dir, '/'), *text;

	slash[slash == dir] = '\0';
	if (error == ENOENT || error == ENOTDIR)
		text = xasprintf("%s: its directory does not exist: create it with `install -d -m 0755 "
				 "%s', owned by the user of this service",
		    path, dir);
	else if (error == EACCES)
		text = xasprintf("%s: no permission to create it: the directory %s must belong to the "
				 "user of this service",
		    path, dir);
	else
		text = xasprintf("%s: %s", path, strerror(error));
	free(dir);
	return text;
}

static int
listen_unix(const char *path, unsigned mode, char **why)
{
	struct sockaddr_un sun;
	int fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun.sun_path)) {
		*why = xasprintf("%s: a socket's path has at most %zu bytes, this one has %zu", path,
		    sizeof(sun.sun_path) - 1, strlen(path));
		return -1;
	}
	memcpy(sun.sun_path, path, strlen(path));
	if (remove_stale(&sun, why) == -1)
		return -1;
	if ((fd = new_socket(AF_UNIX)) == -1) {
		*why = xasprintf("%s: %s", path, strerror(errno));
		return -1;
	}
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1) {
		*why = explain_bind(path, errno);
		close(fd);
		return -1;
	}
	if (chmod(path, (mode_t)mode) == -1 || listen(fd, SOMAXCONN) == -1) {
		*why = xasprintf("%s: %s", path, strerror(errno));
		close(fd);
		(void)unlink(path);
		return -1;
	}
	return fd;
}

/* 0 and the address to bind; -1 for a name. */
static int
numeric_address(const struct endpoint *e, struct sockaddr_storage *ss, socklen_t *len)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;
	const char *host = strcasecmp(e->host, "localhost") == 0 ? "127.0.0.1" : e->host;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, host, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(e->port);
		*len = sizeof(*sin);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &sin6->sin6_addr) == 1) {
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(e->port);
		*len = sizeof(*sin6);
		return 0;
	}
	return -1;
}

static char *
explain_inet(const char *text, int error)
{
	switch (error) {
	case EADDRINUSE:
		return xasprintf("%s is in use by another process: `ss -ltnp' shows which", text);
	case EADDRNOTAVAIL:
		return xasprintf("%s: this machine does not have that address", text);
	case EACCES:
		return xasprintf("%s: no permission: a port below 1024 needs root at start", text);
	default:
		return xasprintf("%s: %s", text, strerror(error));
	}
}

static int
listen_inet(const struct endpoint *e, char **why)
{
	struct sockaddr_storage ss;
	socklen_t len;
	char *text = endpoint_format(e);
	int fd = -1, on = 1;

	if (numeric_address(e, &ss, &len) == -1) {
		*why = xasprintf("%s: to listen give an address, or localhost", text);
		goto out;
	}
	/* V6ONLY: [::] and 0.0.0.0 can then be listed side by side, whatever the system's default. */
	if ((fd = new_socket(ss.ss_family)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    (ss.ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == -1) ||
	    bind(fd, (const struct sockaddr *)&ss, len) == -1 || listen(fd, SOMAXCONN) == -1) {
		*why = explain_inet(text, errno);
		if (fd != -1)
			close(fd);
		fd = -1;
	}
out:
	free(text);
	return fd;
}

int
endpoint_listen(const struct endpoint *e, unsigned mode, char **why)
{
	return e->path != NULL ? listen_unix(e->path, mode, why) : listen_inet(e, why);
}
