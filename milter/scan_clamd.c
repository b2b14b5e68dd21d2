/*
 * scan_clamd.c -- asks ClamAV's clamd (clamd(8), INSTREAM).
 *
 *	zINSTREAM\0, then pieces: four octets of length, most significant first, and so many
 *	bytes; a length of 0 ends it. The answer ends with a NUL:
 *
 *	stream: OK
 *	stream: NAME FOUND
 *	INSTREAM size limit exceeded. ERROR	(and the connection is closed at once)
 *
 * Only an answer that is whole and one of the first two says anything of the message.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/scan_io.h"

#include <string.h>

static void
length(struct buf *out, size_t len)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_putc(out, (char)(unsigned char)(len >> shift & 0xff));
}

static bool
ends(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(s + len - n, end, n) == 0;
}

int
scan_clamd_parse(const char *s, size_t len, struct scan_result *r)
{
	static const char head[] = "stream: ", found[] = " FOUND";
	size_t before = sizeof(head) - 1, after = sizeof(found) - 1;
	char text[SCAN_TEXT_SIZE];

	if (len == 0 || memchr(s, '\0', len) != s + len - 1)
		return scan_fault(r, "answer cut short");
	len--;
	scan_text(text, s, len);
	if (len < before || memcmp(s, head, before) != 0)
		return scan_fault(r, "answered \"%.100s\"", text);
	if (len == before + 2 && ends(s, len, "OK"))
		return 0;
	if (len <= before + after || !ends(s, len, found))
		return scan_fault(r, "answered \"%.100s\"", text);
	r->found = true;
	scan_text(r->text, s + before, len - before - after);
	return 0;
}

int
scan_clamd(const char *server, const struct scan_mail *mail, int64_t deadline, struct scan_result *r)
{
	static const char command[] = "zINSTREAM", end[4];
	struct buf answer = BUF_INIT;
	struct scan_io io;
	int rc;

	memset(r, 0, sizeof(*r));
	if (scan_io_open(&io, server, deadline, r) == -1)
		return -1;
	rc = scan_io_send(&io, command, sizeof(command));	/* its NUL, too */
	if (rc == 0)
		rc = scan_io_send_message(&io, mail->message, length);
	if (rc == 0)
		rc = scan_io_send(&io, end, sizeof(end));
	if (rc != -1 && (rc = scan_io_receive(&io, &answer, true)) == 0)
		rc = scan_clamd_parse(answer.data, answer.len, r);
	buf_free(&answer);
	scan_io_close(&io);
	return rc;
}
