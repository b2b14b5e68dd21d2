/*
 * control.c -- the client's end of the control protocol.
 *
 * Blocking and one call at a time: the command has nothing else to do. The
 * server may be busy but never silent for long, so each wait for bytes ends
 * after CONTROL_TIMEOUT. After a failure the connection is out of step and good
 * for control_close() alone.
 *
 * What goes wrong here is nearly always "not running" or "not allowed", so those
 * two say what to do. errno tells them apart for the exit status: EACCES, else
 * not reachable.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/control.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/buf.h"

#define CONTROL_TIMEOUT		30			/* seconds without a byte */
#define CONTROL_ANSWER_MAX	(64u * 1024 * 1024)	/* octets of one answer line */

struct control {
	int		 fd;
	pid_t		 child;		/* a server of our own; 0: not */
	char		*path;
	struct buf	 in;
	size_t		 used;		/* bytes of `in' that are done with */
	size_t		 searched;	/* bytes of `in' known to hold no line end */
};

/* "root or a member of group X", X being whom the socket admits. */
static char *
who_may(const char *path)
{
	struct stat st;
	struct group *gr = NULL;

	if (stat(path, &st) == 0)
		gr = getgrgid(st.st_gid);
	if (gr == NULL)
		return xstrdup("run as root or as a member of the queue's group");
	return xasprintf("run as root or as a member of group %s", gr->gr_name);
}

static char *
connect_failed(const char *path, int err)
{
	char *who, *why;

	if (err == EACCES || err == EPERM) {
		who = who_may(path);
		why = xasprintf("no permission to use %s: %s", path, who);
		free(who);
		return why;
	}
	if (err == ENOENT || err == ECONNREFUSED)
		return xasprintf("cannot reach holdfast-queued at %s: is it running? "
				 "(its log has the syslog name holdfast/queued)", path);
	return xasprintf("cannot reach holdfast-queued at %s: %s", path, strerror(err));
}

struct control *
control_connect(const char *path, char **why)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval timeout = { CONTROL_TIMEOUT, 0 };
	struct control *c;
	int fd, err;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		*why = xasprintf("%s: a socket's path has at most %zu characters", path,
		    sizeof(sa.sun_path) - 1);
		errno = ENAMETOOLONG;
		return NULL;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1) {
		err = errno;
		if (fd != -1)
			(void)close(fd);
		*why = connect_failed(path, err);
		errno = err;
		return NULL;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	c = xcalloc(1, sizeof(*c));
	c->fd = fd;
	c->path = xstrdup(path);
	return c;
}

/* In the child: becomes the server. What it has to say of a failure goes the way of all answers. */
static void __attribute__((noreturn))
serve(int fd, const char *program, const char *conf_path)
{
	char text[256];
	int n;

	if (fd == CONTROL_OFFLINE_FD)
		(void)fcntl(fd, F_SETFD, 0);
	else if (dup2(fd, CONTROL_OFFLINE_FD) == -1)
		_exit(EX_OSERR);
	(void)execl(program, program, "-o", "-c", conf_path, (char *)NULL);
	n = snprintf(text, sizeof(text),
	    "{\"ok\":false,\"error\":\"holdfast-queued cannot be run: %s\",\"exit\":%d}\n",
	    strerror(errno), EX_UNAVAILABLE);
	(void)!write(CONTROL_OFFLINE_FD, text, n > 0 && (size_t)n < sizeof(text) ? (size_t)n : 0);
	_exit(EX_UNAVAILABLE);
}

struct control *
control_offline(const char *program, const char *conf_path, char **why)
{
	struct control *c;
	int fd[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == -1) {
		*why = xasprintf("cannot run %s: %s", program, strerror(errno));
		return NULL;
	}
	if ((child = fork()) == -1) {
		*why = xasprintf("cannot run %s: %s", program, strerror(errno));
		(void)close(fd[0]);
		(void)close(fd[1]);
		return NULL;
	}
	if (child == 0)
		serve(fd[1], program, conf_path);
	(void)close(fd[1]);
	c = xcalloc(1, sizeof(*c));
	c->fd = fd[0];		/* without a timeout: it may have much to replay at first */
	c->child = child;
	c->path = xstrdup(program);
	return c;
}

void
control_close(struct control **cp)
{
	struct control *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	(void)close(c->fd);
	while (c->child != 0 && waitpid(c->child, NULL, 0) == -1 && errno == EINTR)
		continue;
	buf_free(&c->in);
	free(c->path);
	free(c);
}

static int
send_request(struct control *c, json_t *request, char **why)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t len, off = 0;

	if (text == NULL) {
		*why = xstrdup("an argument is not valid UTF-8");
		return -1;
	}
	len = strlen(text);
	text[len++] = '\n';	/* in place of the NUL */
	while (off < len) {
		ssize_t n = send(c->fd, text + off, len - off, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)	/* why it hung up may be there to read */
			break;
		off += (size_t)n;
	}
	free(text);
	return 0;
}

/* At least one more byte into c->in. */
static int
fill(struct control *c, char **why)
{
	char piece[32768];
	ssize_t n;

	buf_drop(&c->in, c->used);
	c->searched -= c->used;
	c->used = 0;
	do {
		n = recv(c->fd, piece, sizeof(piece), 0);
	} while (n == -1 && errno == EINTR);
	if (n > 0) {
		buf_put(&c->in, piece, (size_t)n);
		return 0;
	}
	if (n == 0 || errno == ECONNRESET)
		*why = xasprintf("holdfast-queued at %s closed the connection", c->path);
	else if (errno == EAGAIN || errno == EWOULDBLOCK)
		*why = xasprintf("holdfast-queued at %s does not answer (waited %d s)", c->path,
		    CONTROL_TIMEOUT);
	else
		*why = xasprintf("holdfast-queued at %s: %s", c->path, strerror(errno));
	return -1;
}

/* The next line as JSON; the caller's reference. */
static json_t *
read_line(struct control *c, char **why)
{
	json_error_t error;
	const char *line, *end;
	json_t *j;

	while (c->in.len == c->searched ||
	    (end = memchr(c->in.data + c->searched, '\n', c->in.len - c->searched)) == NULL) {
		c->searched = c->in.len;
		if (c->in.len - c->used > CONTROL_ANSWER_MAX) {
			*why = xasprintf("an answer of over %u octets", CONTROL_ANSWER_MAX);
			return NULL;
		}
		if (fill(c, why) == -1)
			return NULL;
	}
	line = c->in.data + c->used;
	j = json_loadb(line, (size_t)(end - line), 0, &error);
	c->used = c->searched = (size_t)(end - c->in.data) + 1;
	if (j == NULL || !json_is_object(j)) {
		json_decref(j);
		*why = xasprintf("holdfast-queued at %s sent a line that is not a JSON object",
		    c->path);
		return NULL;
	}
	return j;
}

static int
read_data(struct control *c, json_int_t left, void (*data)(void *, const char *, size_t),
    void *arg, char **why)
{
	while (left > 0) {
		size_t have = c->in.len - c->used;

		if (have == 0) {
			c->searched = c->in.len;
			if (fill(c, why) == -1)
				return -1;
			continue;
		}
		if ((json_int_t)have > left)
			have = (size_t)left;
		if (data != NULL)
			data(arg, c->in.data + c->used, have);
		c->used += have;
		left -= (json_int_t)have;
	}
	c->searched = c->used;
	return 0;
}

json_t *
control_call(struct control *c, json_t *request, void (*line)(void *, json_t *),
    void (*data)(void *, const char *, size_t), void *arg, char **why)
{
	int rc = send_request(c, request, why);
	json_t *j, *size;

	json_decref(request);
	if (rc == -1)
		return NULL;
	while ((j = read_line(c, why)) != NULL && json_object_get(j, "ok") == NULL) {
		size = json_object_get(j, "data");
		if (!json_is_integer(size)) {
			if (line != NULL)
				line(arg, j);
		} else if (read_data(c, json_integer_value(size), data, arg, why) == -1) {
			json_decref(j);
			return NULL;
		}
		json_decref(j);
	}
	return j;
}
