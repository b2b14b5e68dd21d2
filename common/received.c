/*
 * received.c -- the one Received: line that Holdfast adds (RFC 5321 4.4).
 *
 *	Received: from HELO (name [addr])
 *		(using TLS)
 *		by HOST (Holdfast) with PROTO id ID
 *		for <rcpt>; Sun, 22 Nov 2026 08:33:01 +0000
 *
 * HELO, name and recipient were chosen by strangers: a byte that could end
 * the line, the comment or the word becomes `?' (in a comment a parenthesis or
 * backslash is quoted instead), and each value is cut at a named length, so
 * that no line reaches RFC 5322's 998 octets. Without anything known of the
 * client the from clause is left out.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "common/envelope.h"
#include "common/utf8.h"

#define RECEIVED_NAME_MAX	255	/* HELO, names, hosts */
#define RECEIVED_ADDR_MAX	63
#define RECEIVED_WORD_MAX	64	/* protocol, id */
#define RECEIVED_TLS_MAX	120

#define DIGITS	"0123456789"
#define LETTERS	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static const char host_bytes[] = DIGITS LETTERS "-._[]:";
static const char addr_bytes[] = DIGITS "ABCDEFabcdef.:";
static const char word_bytes[] = DIGITS LETTERS "-._+/";

static bool
given(const char *s)
{
	return s != NULL && s[0] != '\0';
}

/* A word made of the bytes in `ok'. */
static void
put_word(struct buf *out, const char *s, size_t max, const char *ok)
{
	for (; *s != '\0' && max > 0; s++, max--)
		buf_putc(out, strchr(ok, *s) != NULL ? *s : '?');
}

/* Inside a comment (RFC 5322 ctext and quoted-pair). */
static void
put_comment(struct buf *out, const char *s, size_t max)
{
	for (; *s != '\0' && max > 0; s++, max--) {
		if (strchr("()\\", *s) != NULL)
			buf_putc(out, '\\');
		buf_putc(out, (unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f ? '?' : *s);
	}
}

/* A mailbox: UTF-8 is right in the header of an SMTPUTF8 message (RFC 6531 3.7.3). */
static void
put_mailbox(struct buf *out, const char *s)
{
	size_t len = strnlen(s, ADDR_PATH_MAX), i = 0, n;

	for (; i < len; i += n) {
		n = utf8_char(s + i, len - i);
		if (n == 0 || (n == 1 && ((unsigned char)s[i] < 0x20 || s[i] == 0x7f))) {
			n = 1;
			buf_putc(out, '?');
		} else {
			buf_put(out, s + i, n);
		}
	}
}

static void
put_from(struct buf *out, const struct client_info *c, const char *tls)
{
	const char *addr = c->addr;

	if (!given(c->helo) && !given(c->name) && !given(addr))
		return;
	buf_puts(out, "from ");
	put_word(out, given(c->helo) ? c->helo : "unknown", RECEIVED_NAME_MAX, host_bytes);
	buf_puts(out, " (");
	put_comment(out, given(c->name) ? c->name : "unknown", RECEIVED_NAME_MAX);
	if (given(addr)) {
		if (strncasecmp(addr, "IPv6:", 5) == 0)
			addr += 5;
		buf_puts(out, strchr(addr, ':') != NULL ? " [IPv6:" : " [");
		put_word(out, addr, RECEIVED_ADDR_MAX, addr_bytes);
		buf_putc(out, ']');
	}
	buf_puts(out, ")\r\n\t");
	if (given(tls)) {
		buf_puts(out, "(using ");
		put_comment(out, tls, RECEIVED_TLS_MAX);
		buf_puts(out, ")\r\n\t");
	}
}

/* RFC 5322 3.3, local time and its offset. Names by hand: strftime() follows the locale. */
void
received_date(struct buf *out, time_t when)
{
	static const char day[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char month[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
		"Oct", "Nov", "Dec" };
	struct tm tm;
	long minutes;

	memset(&tm, 0, sizeof(tm));
	(void)localtime_r(&when, &tm);
	minutes = labs(tm.tm_gmtoff) / 60;
	buf_printf(out, "%s, %d %s %04d %02d:%02d:%02d %c%02ld%02ld", day[tm.tm_wday % 7], tm.tm_mday,
	    month[tm.tm_mon % 12], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    tm.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

void
received_format(struct buf *out, const struct client_info *client, const char *by,
    const char *with, const char *tls, const char *id, const char *rcpt, time_t when)
{
	buf_puts(out, "Received: ");
	if (client != NULL)
		put_from(out, client, tls);
	buf_puts(out, "by ");
	put_word(out, by, RECEIVED_NAME_MAX, host_bytes);
	buf_puts(out, " (Holdfast) with ");
	put_word(out, given(with) ? with : "LMTP", RECEIVED_WORD_MAX, word_bytes);
	if (given(id)) {
		buf_puts(out, " id ");
		put_word(out, id, RECEIVED_WORD_MAX, word_bytes);
	}
	if (given(rcpt)) {
		buf_puts(out, "\r\n\tfor <");
		put_mailbox(out, rcpt);
		buf_putc(out, '>');
	}
	buf_puts(out, "; ");
	received_date(out, when);
	buf_puts(out, "\r\n");
}
