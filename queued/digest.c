/*
 * digest.c -- the daily message to the operator about what is in quarantine.
 *
 * Quarantined mail is mail that nobody was told of, so somebody must look at it. The
 * digest says how much there is for each domain, shows the newest with the reason, and the
 * commands that look, release and delete. Without quarantined mail there is none.
 *
 * What strangers chose (senders, replies) passes through dsn_text.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/digest.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/envelope.h"
#include "queued/dsn_text.h"
#include "queued/store.h"

static void
local(int64_t wall, struct tm *tm)
{
	time_t t = (time_t)wall;

	if (localtime_r(&t, tm) == NULL)
		memset(tm, 0, sizeof(*tm));
}

bool
digest_due(int64_t now, unsigned hour, const char *last, char day[DIGEST_DAY_SIZE])
{
	struct tm tm;

	local(now, &tm);
	if (strftime(day, DIGEST_DAY_SIZE, "%Y-%m-%d", &tm) == 0)
		day[0] = '\0';
	return hour < DIGEST_NEVER && tm.tm_hour >= (int)hour && day[0] != '\0' &&
	    (last == NULL || strcmp(last, day) != 0);
}

/* --- text ---------------------------------------------------------------- */

static void
put_time(struct buf *b, int64_t wall)
{
	char text[sizeof("2026-11-22 06:00")];
	struct tm tm;

	local(wall, &tm);
	if (strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm) > 0)
		buf_puts(b, text);
}

static void
put_size(struct buf *b, uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KB", "MB", "GB" };
	double size = (double)bytes;
	size_t i = 0;

	while (size >= 1000 && i < 3) {
		size /= 1000;
		i++;
	}
	buf_printf(b, size < 10 && i > 0 ? "%.1f %s" : "%.0f %s", size, units[i]);
}

static void
put_count(struct buf *b, uint64_t n, const char *what)
{
	buf_printf(b, "%" PRIu64 " %s%s", n, what, n == 1 ? "" : "s");
}

static void
put_domain(struct buf *out, const struct store_quarantine *q)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s: ", q->domain);
	put_count(&b, q->messages, "message");
	buf_puts(&b, " for ");
	put_count(&b, q->recipients, "recipient");
	buf_puts(&b, ", ");
	put_size(&b, q->bytes);
	buf_puts(&b, ", the oldest came in on ");
	put_time(&b, q->oldest);
	dsn_put_paragraph(out, "", buf_str(&b), true);
	for (size_t i = 0; i < q->nnewest; i++) {
		const struct store_quarantined *m = &q->newest[i];

		buf_clear(&b);
		buf_printf(&b, "%s  ", m->queue_id);
		put_time(&b, m->arrival);
		buf_printf(&b, "  from=<%s> to=<%s>: %s", m->sender, m->recipient, m->reply);
		dsn_put_paragraph(out, "    ", buf_str(&b), true);
	}
	if (q->recipients > q->nnewest) {
		buf_clear(&b);
		buf_printf(&b, "… and %" PRIu64 " more", q->recipients - q->nnewest);
		dsn_put_paragraph(out, "    ", buf_str(&b), true);
	}
	buf_free(&b);
}

static void
put_advice(struct buf *out, const struct digest *d)
{
	struct buf b = BUF_INIT;

	buf_puts(out, "To see all, read one, let it go on to its recipient, or remove it:\r\n\r\n"
	    "    holdfast queue list --state quarantined\r\n"
	    "    holdfast queue cat ID\r\n"
	    "    holdfast queue release ID\r\n"
	    "    holdfast queue delete ID\r\n\r\n");
	if (d->lifetime > 0)
		buf_printf(&b, "What is in quarantine for %u days is deleted "
		    "(quarantine_lifetime).", d->lifetime / 86400);
	else
		buf_puts(&b, "Nothing leaves the quarantine by itself (quarantine_lifetime is not "
		    "set).");
	buf_puts(&b, " This message comes once a day while there is any; digest_hour and operator "
	    "of `holdfast rule list global' say when and to whom.");
	dsn_put_paragraph(out, "", buf_str(&b), true);
	buf_free(&b);
}

static void
put_text(struct buf *out, const struct digest *d, uint64_t messages)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "The backup mail server %s keeps ", d->hostname);
	put_count(&b, messages, "message");
	buf_puts(&b, " in quarantine: the primary refused it, its time was over, or a rule put it "
	    "there. Nobody else was told.");
	dsn_put_paragraph(out, "", buf_str(&b), true);
	buf_free(&b);
	for (size_t i = 0; i < d->n; i++)
		put_domain(out, &d->v[i]);
	put_advice(out, d);
}

static void
put_header(struct buf *out, const struct digest *d, uint64_t messages)
{
	struct buf b = BUF_INIT;

	received_date(&b, (time_t)d->now);
	dsn_put_field(out, "Date", buf_str(&b), false);
	buf_clear(&b);
	buf_printf(&b, "Mail Delivery System <MAILER-DAEMON@%s>", d->hostname);
	dsn_put_field(out, "From", buf_str(&b), false);
	buf_clear(&b);
	buf_printf(&b, "<%s>", d->to);
	dsn_put_field(out, "To", buf_str(&b), true);
	buf_clear(&b);
	put_count(&b, messages, "message");
	buf_printf(&b, " in quarantine at %s", d->hostname);
	dsn_put_field(out, "Subject", buf_str(&b), false);
	buf_clear(&b);
	buf_printf(&b, "<%s@%s>", d->queue_id, d->hostname);
	dsn_put_field(out, "Message-ID", buf_str(&b), false);
	dsn_put_field(out, "Auto-Submitted", "auto-generated", false);
	dsn_put_field(out, "MIME-Version", "1.0", false);
	dsn_put_field(out, "Content-Type", "text/plain; charset=utf-8", false);
	buf_free(&b);
}

bool
digest_format(struct buf *out, const struct digest *d)
{
	struct buf text = BUF_INIT;
	uint64_t messages = 0;
	bool eight;

	assert(d->n > 0);
	for (size_t i = 0; i < d->n; i++)
		messages += d->v[i].messages;
	put_text(&text, d, messages);
	eight = dsn_has_8bit(text.data, text.len);
	put_header(out, d, messages);
	if (eight)
		dsn_put_field(out, "Content-Transfer-Encoding", "8bit", false);
	buf_puts(out, "\r\n");
	buf_put(out, text.data, text.len);
	buf_free(&text);
	return eight;
}
