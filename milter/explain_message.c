/*
 * explain_message.c -- shows a session a message from a file, as an MTA would.
 *
 * The file may be what a mail program saves: line ends LF or CRLF, and a "From " line of a mailbox
 * on top, which is no part of the message. Headers end at the empty line, or at the first line that
 * is none; then, as in an MTA, the body begins there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "milter/explain.h"
#include "milter/session.h"

/* One header on its way: "name: value", with folds. */
struct header {
	struct buf	 text;
	size_t		 total;		/* bytes of all of them */
};

/* Is it `name:'? The length of the name, 0 if not. */
static size_t
name_len(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[n] > 0x20 && line[n] < 0x7f && line[n] != ':')
		n++;
	return n < len && line[n] == ':' ? n : 0;
}

static void
show_header(struct session *s, struct header *h)
{
	char *colon = h->text.len > 0 ? memchr(h->text.data, ':', h->text.len) : NULL;

	if (colon == NULL)
		return;
	*colon = '\0';
	session_header(s, h->text.data, colon + 1);
	buf_clear(&h->text);
}

/* Without its line end; the length. */
static size_t
chomp(char *line, size_t len)
{
	if (len > 0 && line[len - 1] == '\n')
		len--;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	return len;
}

/* What is not a header, from the first such line on. True: the headers go on. */
static bool
take_line(struct session *s, struct header *h, const char *line, size_t len)
{
	if (len > 0 && (line[0] == ' ' || line[0] == '\t') && h->text.len > 0) {
		buf_putc(&h->text, '\n');
	} else {
		show_header(s, h);
		if (name_len(line, len) == 0)
			return false;
	}
	buf_put(&h->text, line, len);
	buf_putc(&h->text, '\0');
	h->text.len--;
	return true;
}

static int
show_headers(struct session *s, FILE *f, char **line, size_t *cap, size_t *rest, char **why)
{
	struct header h = { BUF_INIT, 0 };
	bool first = true;
	ssize_t n;
	int rc = 0;

	*rest = 0;
	while ((n = getline(line, cap, f)) > 0) {
		size_t len = chomp(*line, (size_t)n);

		if ((h.total += (size_t)n) > EXPLAIN_HEADERS_MAX) {
			*why = xasprintf("more than %u bytes of headers", EXPLAIN_HEADERS_MAX);
			rc = -1;
			break;
		}
		if (first && strncmp(*line, "From ", 5) == 0) {
			first = false;
			continue;
		}
		first = false;
		if (!take_line(s, &h, *line, len)) {
			*rest = len;	/* 0: the empty line, which is none of the body */
			break;
		}
	}
	show_header(s, &h);
	buf_free(&h.text);
	return rc;
}

/* With CRLF, whatever the file has. */
static void
show_body(struct session *s, const char *data, size_t len, char *last)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n' && *last != '\r')
			buf_putc(&b, '\r');
		buf_putc(&b, data[i]);
		*last = data[i];
	}
	if (b.len > 0)
		session_body(s, b.data, b.len);
	buf_free(&b);
}

int
explain_message(struct session *s, FILE *f, char **why)
{
	char *line = NULL, piece[32768], last = '\0';
	size_t cap = 0, rest, n;

	if (show_headers(s, f, &line, &cap, &rest, why) == 0) {
		session_end_of_headers(s);
		if (rest > 0) {
			show_body(s, line, rest, &last);
			show_body(s, "\n", 1, &last);
		}
		while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
			show_body(s, piece, n, &last);
		if (ferror(f))
			*why = xstrdup(strerror(errno));
	}
	free(line);
	return *why == NULL ? 0 : -1;
}
