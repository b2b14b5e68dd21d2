/*
 * message.c -- a message on its way through us, for those who look inside.
 *
 * The file lies in TMPDIR or /tmp and has no name from the start, so nothing stays behind after a
 * crash. It is no store: what it holds is not acknowledged to anybody.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/buf.h"

struct message {
	struct check_message	 view;		/* first: message_view()'s read gets it back */
	struct check_header	*headers;
	size_t			 max_headers, max_value;
	char			*trusted;
	struct buf		 memory;	/* the bytes, while they are few */
	int			 fd;		/* -1: they are */
	const char		*fault;
};

static ssize_t
view_read(const struct check_message *view, void *to, size_t len, uint64_t offset)
{
	return message_read((const struct message *)view, to, len, offset);
}

struct message *
message_new(size_t max_headers, size_t max_value, const char *trusted)
{
	struct message *m = xcalloc(1, sizeof(*m));

	m->fd = -1;
	m->max_headers = max_headers;
	m->max_value = max_value;
	m->trusted = xstrdup(trusted);
	m->view.read = view_read;
	return m;
}

static void
forget(struct check_header *h)
{
	free((char *)(uintptr_t)h->name);
	free((char *)(uintptr_t)h->value);
}

void
message_free(struct message **mp)
{
	struct message *m = *mp;

	if (m == NULL)
		return;
	for (size_t i = 0; i < m->view.nheaders; i++)
		forget(&m->headers[i]);
	free(m->headers);
	free(m->trusted);
	buf_free(&m->memory);
	if (m->fd != -1)
		(void)close(m->fd);
	free(m);
	*mp = NULL;
}

/* Without line ends and without the blank that follows the colon; NUL cannot be in it. */
static char *
unfold(const char *value, size_t max)
{
	struct buf b = BUF_INIT;

	if (*value == ' ' || *value == '\t')
		value++;
	for (; *value != '\0' && b.len < max; value++)
		if (*value != '\r' && *value != '\n')
			buf_putc(&b, *value);
	return b.len > 0 ? buf_take(&b) : xstrdup("");
}

void
message_header(struct message *m, const char *name, const char *value)
{
	size_t n = m->view.nheaders;

	if (n >= m->max_headers && strcasecmp(name, m->trusted) != 0)
		return;
	if (n > m->max_headers)		/* the one beyond is a trusted one: only the last */
		forget(&m->headers[--n]);
	if ((n & (n + 1)) == 0)		/* 0, 1, 3, 7 … are full */
		m->headers = xrealloc(m->headers, n * 2 + 1, sizeof(*m->headers));
	m->headers[n].name = xstrdup(name);
	m->headers[n].value = unfold(value, m->max_value);
	m->view.nheaders = n + 1;
	m->view.headers = m->headers;
}

/* --- bytes ------------------------------------------------------------------- */

static int
unnamed_file(void)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir != NULL && *dir == '/' ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *path;

	if (fd != -1)
		return fd;
	/* Not every file system can. */
	path = xasprintf("%s/holdfast-XXXXXX", dir != NULL && *dir == '/' ? dir : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd != -1)
		(void)unlink(path);
	free(path);
	return fd;
}

/* From memory to a file. */
static int
spill(struct message *m)
{
	if (m->fd == -1 && (m->fd = unnamed_file()) == -1)
		return -1;
	if (buf_write_fd(m->fd, buf_str(&m->memory), m->memory.len) == -1)
		return -1;
	buf_free(&m->memory);
	return 0;
}

void
message_put(struct message *m, const void *data, size_t len)
{
	m->view.bytes += len;
	if (m->fault != NULL)
		return;
	if (m->fd == -1 && m->memory.len + len > MESSAGE_MEMORY && spill(m) == -1) {
		m->fault = "no room for a temporary file";
		return;
	}
	if (m->fd == -1)
		buf_put(&m->memory, data, len);
	else if (buf_write_fd(m->fd, data, len) == -1)
		m->fault = "no room in a temporary file";
}

const char *
message_fault(const struct message *m)
{
	return m->fault;
}

const struct check_message *
message_view(struct message *m)
{
	return &m->view;
}

uint64_t
message_bytes(const struct message *m)
{
	return m->view.bytes;
}

ssize_t
message_read(const struct message *m, void *to, size_t len, uint64_t offset)
{
	ssize_t n;

	if (m->fd == -1) {
		if (offset >= m->memory.len)
			return 0;
		if (len > m->memory.len - offset)
			len = m->memory.len - (size_t)offset;
		memcpy(to, m->memory.data + offset, len);
		return (ssize_t)len;
	}
	do
		n = pread(m->fd, to, len, (off_t)offset);
	while (n == -1 && errno == EINTR);
	return n;
}
