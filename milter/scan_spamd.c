/*
 * scan_spamd.c -- asks SpamAssassin's spamd (its PROTOCOL file, version 1.5).
 *
 *	SYMBOLS SPAMC/1.5			SPAMD/1.1 0 EX_OK
 *	Content-length: 3142			Content-length: 21
 *						Spam: True ; 12.3 / 5.0
 *	the message
 *						BAYES_99,URIBL_BLACK
 *
 * The message is shown as it will be delivered: under our Received line, by which SpamAssassin knows the client,
 * and a Return-Path for the sender. Only the score counts; what is spam is the thresholds' to say.
 *
 * An answer is taken when its head is whole, and its body as long as the head says.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/scan_io.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/envelope.h"

struct line {
	const char	*s;
	size_t		 len;
};

/* The next line, without its end. False: there is no whole one. */
static bool
next_line(const char **s, size_t *len, struct line *l)
{
	const char *end = *len > 0 ? memchr(*s, '\n', *len) : NULL;

	if (end == NULL)
		return false;
	l->s = *s;
	l->len = (size_t)(end - *s);
	*len -= l->len + 1;
	*s = end + 1;
	if (l->len > 0 && l->s[l->len - 1] == '\r')
		l->len--;
	return true;
}

static void
skip(struct line *l, size_t n)
{
	l->s += n;
	l->len -= n;
}

static void
skip_blanks(struct line *l)
{
	while (l->len > 0 && (*l->s == ' ' || *l->s == '\t'))
		skip(l, 1);
}

/* `Name:' in any case, and goes behind it. */
static bool
is_field(struct line *l, const char *name)
{
	size_t n = strlen(name);

	if (l->len < n || strncasecmp(l->s, name, n) != 0)
		return false;
	skip(l, n);
	skip_blanks(l);
	return true;
}

/* "SPAMD/1.1 0 EX_OK": 0, or -1. */
static int
read_status(struct line *l, struct scan_result *r)
{
	static const char head[] = "SPAMD/";
	char text[SCAN_TEXT_SIZE];

	scan_text(text, l->s, l->len);
	if (l->len < sizeof(head) - 1 || memcmp(l->s, head, sizeof(head) - 1) != 0)
		return scan_fault(r, "answered \"%.100s\"", text);
	skip(l, sizeof(head) - 1);
	while (l->len > 0 && strchr("0123456789.", *l->s) != NULL && *l->s != '\0')
		skip(l, 1);
	skip_blanks(l);
	if (l->len < 1 || *l->s != '0' || (l->len > 1 && l->s[1] != ' '))
		return scan_fault(r, "answered \"%.100s\"", text);
	return 0;
}

/* "True ; 12.3 / 5.0": 0, or -1. */
static int
read_spam(struct line *l, struct scan_result *r)
{
	const char *semicolon = memchr(l->s, ';', l->len);
	size_t n;

	if (semicolon != NULL)
		skip(l, (size_t)(semicolon - l->s) + 1);
	skip_blanks(l);
	n = semicolon != NULL ? scan_score(l->s, l->len, &r->score) : 0;
	if (n == 0)
		return scan_fault(r, "its score is not a number");
	skip(l, n);
	skip_blanks(l);
	return l->len > 0 && *l->s == '/' ? 0 : scan_fault(r, "its score is not a number");
}

/* 0, or -1. */
static int
read_length(const struct line *l, uint64_t *length, struct scan_result *r)
{
	*length = 0;
	if (l->len == 0 || l->len > 9)
		return scan_fault(r, "its Content-length is not sensible");
	for (size_t i = 0; i < l->len; i++) {
		if (l->s[i] < '0' || l->s[i] > '9')
			return scan_fault(r, "its Content-length is not sensible");
		*length = *length * 10 + (uint64_t)(l->s[i] - '0');
	}
	return 0;
}

int
scan_spamd_parse(const char *s, size_t len, struct scan_result *r)
{
	bool have_spam = false, have_length = false;
	uint64_t length = 0;
	struct line l = { NULL, 0 };

	if (!next_line(&s, &len, &l))
		return scan_fault(r, "answer cut short");
	if (read_status(&l, r) == -1)
		return -1;
	for (;;) {
		if (!next_line(&s, &len, &l))
			return scan_fault(r, "answer cut short");
		if (l.len == 0)
			break;
		if (is_field(&l, "Spam:")) {
			if (have_spam)
				return scan_fault(r, "two scores in its answer");
			if (read_spam(&l, r) == -1)
				return -1;
			have_spam = true;
		} else if (is_field(&l, "Content-length:")) {
			if (read_length(&l, &length, r) == -1)
				return -1;
			have_length = true;
		}
	}
	if (!have_spam)
		return scan_fault(r, "no score in its answer");
	if (have_length && len != length)
		return scan_fault(r, len < length ? "answer cut short" : "answer longer than it says");
	while (len > 0 && (s[len - 1] == '\n' || s[len - 1] == '\r'))
		len--;
	scan_text(r->text, s, len);
	return 0;
}

/* --- asking ------------------------------------------------------------------------- */

/* What the MTA and we know of the message's way, above the message. */
static void
put_trace(struct buf *out, const struct scan_mail *mail)
{
	struct client_info c = { .name = NULL };

	buf_puts(out, "Return-Path: <");
	for (const char *p = mail->sender; *p != '\0'; p++)
		buf_putc(out, (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p);
	buf_puts(out, ">\r\n");
	if (mail->client_addr[0] != '\0')
		c.addr = xasprintf("%s%s", strchr(mail->client_addr, ':') != NULL ? "IPv6:" : "",
		    mail->client_addr);
	c.name = xstrdup(mail->client_name[0] != '\0' ? mail->client_name : NULL);
	c.helo = xstrdup(mail->helo[0] != '\0' ? mail->helo : NULL);
	/* RFC 3848: the letter A tells that the client has said who it is. */
	received_format(out, &c, mail->hostname, mail->user[0] != '\0' ? "ESMTPA" : "ESMTP", NULL,
	    mail->id, mail->nrcpts == 1 ? mail->rcpts[0] : NULL, clock_wall());
	client_info_clear(&c);
}

int
scan_spamd(const char *server, const struct scan_mail *mail, int64_t deadline, struct scan_result *r)
{
	struct buf head = BUF_INIT, trace = BUF_INIT, answer = BUF_INIT;
	struct scan_io io;
	int rc;

	memset(r, 0, sizeof(*r));
	if (scan_io_open(&io, server, deadline, r) == -1)
		return -1;
	put_trace(&trace, mail);
	buf_printf(&head, "SYMBOLS SPAMC/1.5\r\nContent-length: %" PRIu64 "\r\n\r\n",
	    trace.len + mail->message->bytes);
	buf_put(&head, trace.data, trace.len);
	rc = scan_io_send(&io, head.data, head.len);
	if (rc == 0)
		rc = scan_io_send_message(&io, mail->message, NULL);
	if (rc == 0)
		scan_io_sent(&io);
	if (rc != -1 && (rc = scan_io_receive(&io, &answer, false)) == 0)
		rc = scan_spamd_parse(answer.data, answer.len, r);
	buf_free(&head);
	buf_free(&trace);
	buf_free(&answer);
	scan_io_close(&io);
	return rc;
}
