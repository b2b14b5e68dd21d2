/*
 * log.c -- one line a decision, to syslog or to standard error.
 *
 * A line on standard error has syslog's traditional form, so that pflogsumm
 * and fail2ban read a captured one like a mail.log:
 *
 *	Nov 22 08:33:01 host holdfast/queued[123]: text
 *
 * If standard error is a stream of the systemd journal, which adds those
 * itself, the line is `<priority>text' (sd-daemon(3)).
 *
 * Each line leaves in one write(2), and the text passes log_escape() whole:
 * lines of several threads never mix, and no peer's text starts a line. What
 * does not fit into LOG_TEXT_MAX bytes is cut, and ends in "...".
 *
 * Threads may log at any time; log_open() belongs to the start of the program.
 * On failure to write there is nobody left to tell: the line is lost.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/utf8.h"

#define LOG_TEXT_MAX	8000	/* octets of one line; rsyslog cuts at 8 KB */
#define LOG_HEAD_MAX	400	/* time, host, ident */

static struct {
	char		ident[64];
	char		host[256];
	enum log_dest	dest;
	bool		journal;	/* standard error is the journal's */
	bool		verbose, quiet;
} log_conf = { .ident = "holdfast", .host = "localhost", .dest = LOG_TO_STDERR };

/* $JOURNAL_STREAM is "DEVICE:INODE" of the stream that the journal gave us (systemd.exec(5)). */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char mine[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) == -1)
		return false;
	(void)snprintf(mine, sizeof(mine), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, mine) == 0;
}

void
log_open(const char *ident, enum log_dest dest)
{
	char *dot;

	(void)snprintf(log_conf.ident, sizeof(log_conf.ident), "%s", ident);
	if (gethostname(log_conf.host, sizeof(log_conf.host) - 1) == -1)
		(void)snprintf(log_conf.host, sizeof(log_conf.host), "localhost");
	if ((dot = strchr(log_conf.host, '.')) != NULL)
		*dot = '\0';
	log_conf.dest = dest;
	log_conf.journal = dest == LOG_TO_STDERR && stderr_is_journal();
	if (dest == LOG_TO_SYSLOG)
		openlog(log_conf.ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
log_set_verbose(bool on)
{
	log_conf.verbose = on;
}

void
log_set_quiet(bool on)
{
	log_conf.quiet = on;
}

/* How many bytes at s may pass as they are: a printable character of ASCII or UTF-8, else 0. */
static size_t
printable(const char *s, size_t len)
{
	size_t n = utf8_char(s, len);
	unsigned char c = n > 0 ? (unsigned char)s[0] : 0;

	if (n == 1 && (c < 0x20 || c == 0x7f))
		return 0;
	if (n == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0)
		return 0;	/* C1: terminals obey those too */
	return n;
}

/* Never cuts inside a character or an escape. */
size_t
log_escape(char *dst, size_t dstsize, const char *src, size_t srclen)
{
	static const char hex[] = "0123456789abcdef";
	size_t i = 0, o = 0, n;
	unsigned char c;

	if (dstsize == 0)
		return 0;
	while (i < srclen) {
		if ((n = printable(src + i, srclen - i)) > 0) {
			if (o + n >= dstsize)
				break;
			memcpy(dst + o, src + i, n);
			o += n;
			i += n;
			continue;
		}
		if (o + 4 >= dstsize)
			break;
		c = (unsigned char)src[i++];
		dst[o++] = '\\';
		dst[o++] = 'x';
		dst[o++] = hex[c >> 4];
		dst[o++] = hex[c & 15];
	}
	dst[o] = '\0';
	return o;
}

const char *
log_quote(struct log_q *q, const char *value)
{
	size_t len, i = 0, n, o = 0;
	bool cut;

	if (value == NULL)
		value = "";
	len = strnlen(value, LOG_QUOTE_MAX + 4);
	q->text[o++] = '"';
	while (i < len) {
		n = utf8_char(value + i, len - i);
		if (n == 0)
			n = 1;	/* log_escape() deals with it */
		if (i + n > LOG_QUOTE_MAX)
			break;
		if (value[i] == '"' || value[i] == '\\')
			q->text[o++] = '\\';
		memcpy(q->text + o, value + i, n);
		o += n;
		i += n;
	}
	cut = i < len;
	(void)snprintf(q->text + o, sizeof(q->text) - o, "%s\"", cut ? "..." : "");
	return q->text;
}

/* "Nov  2 08:33:01 host ident[pid]: " or "<6>". The month's name must not follow a locale. */
static size_t
head(char *dst, size_t size, int priority)
{
	static const char month[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
		"Oct", "Nov", "Dec" };
	time_t now = time(NULL);
	struct tm tm;
	int n;

	memset(&tm, 0, sizeof(tm));
	if (log_conf.journal) {
		n = snprintf(dst, size, "<%d>", priority);
	} else {
		(void)localtime_r(&now, &tm);
		n = snprintf(dst, size, "%s %2d %02d:%02d:%02d %s %s[%ld]: ", month[tm.tm_mon % 12],
		    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, log_conf.host, log_conf.ident,
		    (long)getpid());
	}
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static void emit(int, const char *, const char *, va_list) __attribute__((format(printf, 3, 0)));

static void
emit(int priority, const char *label, const char *fmt, va_list ap)
{
	char raw[LOG_TEXT_MAX + 1], line[LOG_HEAD_MAX + LOG_TEXT_MAX + 8];
	int saved = errno, n;
	size_t off, len, rawlen;
	ssize_t w;

	off = (size_t)snprintf(raw, sizeof(raw), "%s", label);
	n = vsnprintf(raw + off, sizeof(raw) - off, fmt, ap);
	rawlen = n < 0 ? off : strlen(raw);
	len = log_conf.dest == LOG_TO_SYSLOG ? 0 : head(line, LOG_HEAD_MAX, priority);
	len += log_escape(line + len, LOG_TEXT_MAX, raw, rawlen);
	if (n > 0 && (off + (size_t)n > rawlen || len >= LOG_HEAD_MAX + LOG_TEXT_MAX - 4)) {
		memcpy(line + len, "...", 4);
		len += 3;
	}
	if (log_conf.dest == LOG_TO_SYSLOG) {
		syslog(priority, "%s", line);
	} else {
		line[len++] = '\n';
		do
			w = write(STDERR_FILENO, line, len);
		while (w == -1 && errno == EINTR);
	}
	errno = saved;
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!log_conf.verbose)
		return;
	va_start(ap, fmt);
	emit(LOG_DEBUG, "", fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	if (log_conf.quiet)
		return;
	va_start(ap, fmt);
	emit(LOG_INFO, "", fmt, ap);
	va_end(ap);
}

/* The labels are those that Postfix uses: pflogsumm counts them. */
void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_WARNING, "warning: ", fmt, ap);
	va_end(ap);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_ERR, "error: ", fmt, ap);
	va_end(ap);
}

/* _exit: a thread that ran out of memory must not run the others' exit handlers. */
void
log_fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_CRIT, "fatal: ", fmt, ap);
	va_end(ap);
	_exit(EX_SOFTWARE);
}
