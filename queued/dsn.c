/*
 * dsn.c -- the bytes of a delivery status notification.
 *
 * A multipart/report (RFC 6522) of three parts: a text for people, a
 * message/delivery-status for machines (RFC 3464), the header of the message it is about. With
 * addresses in UTF-8 the parts are those of RFC 6533.
 *
 * The message itself is never given back, not even for RET=FULL (RFC 3461
 * 4.3 lets an MTA do less): a report that is larger than what caused it makes
 * an amplifier of us, and carries a stranger's content to a third address.
 *
 * All that strangers chose passes through dsn_text.c. The boundary is one that
 * occurs in no part, so nobody can end a part early.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/dsn.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/envelope.h"
#include "common/utf8.h"
#include "common/wire.h"
#include "queued/dsn_text.h"

#define BOUNDARY_SIZE	80

const char *
dsn_action_name(enum dsn_action a)
{
	static const char *const names[] = {
		[DSN_NONE] = "none",
		[DSN_RELAYED] = "relayed",
		[DSN_DELAYED] = "delayed",
		[DSN_FAILED] = "failed",
	};

	return names[a];
}

/* The gravest of them names the report. */
static enum dsn_action
gravest(const struct dsn *d)
{
	enum dsn_action a = DSN_NONE;

	for (size_t i = 0; i < d->nrcpt; i++)
		if (d->rcpt[i].action > a)
			a = d->rcpt[i].action;
	assert(a != DSN_NONE);
	return a;
}

static bool
is_utf8_text(const char *s)
{
	return s != NULL && dsn_has_8bit(s, strlen(s));
}

bool
dsn_is_global(const struct dsn *d)
{
	bool global = is_utf8_text(d->env->sender);

	for (size_t i = 0; i < d->nrcpt && !global; i++)
		global = d->rcpt[i].action != DSN_NONE &&
		    (is_utf8_text(d->rcpt[i].rcpt->address) || is_utf8_text(d->rcpt[i].rcpt->orcpt));
	return global;
}

/* --- for people ---------------------------------------------------------- */

static void
put_recipients(struct buf *out, const struct dsn *d, enum dsn_action a, bool utf8)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < d->nrcpt; i++) {
		const struct dsn_rcpt *r = &d->rcpt[i];

		if (r->action != a)
			continue;
		buf_clear(&b);
		buf_printf(&b, "<%s>: %s", r->rcpt->address, r->reason != NULL ? r->reason : "");
		dsn_put_paragraph(out, "    ", buf_str(&b), utf8);
	}
	buf_free(&b);
}

static int64_t
retry_until(const struct dsn *d)
{
	int64_t until = 0;

	for (size_t i = 0; i < d->nrcpt; i++)
		if (d->rcpt[i].action == DSN_DELAYED &&
		    (until == 0 || d->rcpt[i].retry_until < until))
			until = d->rcpt[i].retry_until;
	return until;
}

static bool
has(const struct dsn *d, enum dsn_action a)
{
	for (size_t i = 0; i < d->nrcpt; i++)
		if (d->rcpt[i].action == a)
			return true;
	return false;
}

static void
put_people(struct buf *out, const struct dsn *d, bool utf8)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "This is the mail system at host %s, a backup mail server: it keeps mail while "
	    "the mail server of the recipients is away, and hands it on.", d->hostname);
	dsn_put_paragraph(out, "", buf_str(&b), utf8);
	buf_clear(&b);
	if (has(d, DSN_FAILED)) {
		buf_puts(&b, "Your message that came in on ");
		received_date(&b, (time_t)d->arrival);
		buf_puts(&b, " could not be delivered to:");
		dsn_put_paragraph(out, "", buf_str(&b), utf8);
		put_recipients(out, d, DSN_FAILED, utf8);
		dsn_put_paragraph(out, "", "It will not be tried again. If it still matters, please "
		    "reach the recipient in another way, or send it anew later.", utf8);
	}
	buf_clear(&b);
	if (has(d, DSN_DELAYED)) {
		buf_puts(&b, "Your message that came in on ");
		received_date(&b, (time_t)d->arrival);
		buf_puts(&b, " has not been delivered yet to:");
		dsn_put_paragraph(out, "", buf_str(&b), utf8);
		put_recipients(out, d, DSN_DELAYED, utf8);
		buf_clear(&b);
		buf_puts(&b, "This is only a warning. You need not send it again: it is kept here, and "
		    "delivery goes on being tried until ");
		received_date(&b, (time_t)retry_until(d));
		buf_putc(&b, '.');
		dsn_put_paragraph(out, "", buf_str(&b), utf8);
	}
	if (has(d, DSN_RELAYED)) {
		dsn_put_paragraph(out, "", "You asked to be told of the delivery of your message. It was "
		    "handed on, to a server that does not say what becomes of it, for:", utf8);
		put_recipients(out, d, DSN_RELAYED, utf8);
	}
	dsn_put_paragraph(out, "", "The header of your message is attached; the message itself is "
	    "not.", utf8);
	buf_free(&b);
}

/* --- for machines -------------------------------------------------------- */

static void
put_date_field(struct buf *out, const char *name, int64_t when)
{
	struct buf b = BUF_INIT;

	received_date(&b, (time_t)when);
	dsn_put_field(out, name, buf_str(&b), false);
	buf_free(&b);
}

/* RFC 3461 4.2: "type;xtext", decoded. Of type utf-8 (RFC 6533 3) there is nothing to decode. */
static void
put_original_recipient(struct buf *out, const char *orcpt, bool utf8)
{
	const char *semi = strchr(orcpt, ';');
	struct buf b = BUF_INIT;
	size_t type;

	if (semi == NULL)
		return;
	type = (size_t)(semi - orcpt);
	buf_put(&b, orcpt, type);
	buf_puts(&b, "; ");
	if ((type == 5 && strncasecmp(orcpt, "utf-8", 5) == 0) ||
	    wire_xtext_decode(semi + 1, strlen(semi + 1), &b) == -1) {
		b.len = type + 2;
		b.data[b.len] = '\0';
		buf_puts(&b, semi + 1);
	}
	dsn_put_field(out, "Original-Recipient", buf_str(&b), utf8);
	buf_free(&b);
}

static void
put_address(struct buf *out, const char *name, const char *address, bool utf8)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s; %s", is_utf8_text(address) ? "utf-8" : "rfc822", address);
	dsn_put_field(out, name, buf_str(&b), utf8);
	buf_free(&b);
}

/* RFC 3464 2.3.4: class 5 for what failed for good, 4 for a delay, 2 for what was handed on. */
static void
put_status(struct buf *out, enum dsn_action action, const char *status)
{
	char text[sizeof("5.4294967295.4294967295")] = "5.0.0";
	unsigned class, subject, detail;
	int end = 0;

	if (status != NULL && strlen(status) < 12 &&
	    sscanf(status, "%1u.%3u.%3u%n", &class, &subject, &detail, &end) == 3 &&
	    status[end] == '\0')
		(void)snprintf(text, sizeof(text), "5.%u.%u", subject, detail);
	text[0] = action == DSN_FAILED ? '5' : action == DSN_DELAYED ? '4' : '2';
	dsn_put_field(out, "Status", text, false);
}

static void
put_remote(struct buf *out, const char *remote)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "dns; ");
	buf_put(&b, remote, strcspn(remote, "[: "));
	dsn_put_field(out, "Remote-MTA", buf_str(&b), false);
	buf_free(&b);
}

static void
put_recipient(struct buf *out, const struct dsn_rcpt *r, bool utf8)
{
	struct buf b = BUF_INIT;

	buf_puts(out, "\r\n");
	if (r->rcpt->orcpt != NULL)
		put_original_recipient(out, r->rcpt->orcpt, utf8);
	put_address(out, "Final-Recipient", r->rcpt->address, utf8);
	dsn_put_field(out, "Action", dsn_action_name(r->action), false);
	put_status(out, r->action, r->status);
	if (r->remote != NULL && r->remote[0] != '\0' && r->remote[0] != '[')
		put_remote(out, r->remote);
	if (r->reply != NULL)
		buf_printf(&b, "smtp; %s", r->reply);
	else if (r->reason != NULL && r->reason[0] != '\0')
		buf_printf(&b, "X-Holdfast; %s", r->reason);
	if (b.len > 0)
		dsn_put_field(out, "Diagnostic-Code", buf_str(&b), utf8);
	buf_free(&b);
	if (r->last_attempt != 0)
		put_date_field(out, "Last-Attempt-Date", r->last_attempt);
	if (r->action == DSN_DELAYED && r->retry_until != 0)
		put_date_field(out, "Will-Retry-Until", r->retry_until);
}

static void
put_machines(struct buf *out, const struct dsn *d, bool utf8)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "dns; %s", d->hostname);
	dsn_put_field(out, "Reporting-MTA", buf_str(&b), false);
	dsn_put_field(out, "X-Holdfast-Queue-ID", d->original_id, false);
	buf_clear(&b);
	if (d->env->envid != NULL &&
	    wire_xtext_decode(d->env->envid, strlen(d->env->envid), &b) == 0)
		dsn_put_field(out, "Original-Envelope-Id", buf_str(&b), utf8);
	put_date_field(out, "Arrival-Date", d->arrival);
	for (size_t i = 0; i < d->nrcpt; i++)
		if (d->rcpt[i].action != DSN_NONE)
			put_recipient(out, &d->rcpt[i], utf8);
	buf_free(&b);
}

/* --- the whole ----------------------------------------------------------- */

static bool
occurs(const struct buf *part, const char *text)
{
	return part->len > 0 && memmem(part->data, part->len, text, strlen(text)) != NULL;
}

static void
choose_boundary(char boundary[BOUNDARY_SIZE], const struct dsn *d, const struct buf *part, size_t n)
{
	bool taken = true;

	for (unsigned i = 0; taken; i++) {
		(void)snprintf(boundary, BOUNDARY_SIZE, "=_%.40s/%u/holdfast", d->queue_id, i);
		taken = false;
		for (size_t k = 0; k < n; k++)
			taken |= occurs(&part[k], boundary);
	}
}

static void
put_message_header(struct buf *out, const struct dsn *d, const char *boundary, bool utf8, bool eight)
{
	static const char *const subject[] = {
		[DSN_NONE] = "",
		[DSN_RELAYED] = "Your message was handed on",
		[DSN_DELAYED] = "Delayed: your message is still being delivered",
		[DSN_FAILED] = "Undelivered: your message could not be delivered",
	};
	struct buf b = BUF_INIT;

	put_date_field(out, "Date", d->now);
	buf_printf(&b, "Mail Delivery System <MAILER-DAEMON@%s>", d->hostname);
	dsn_put_field(out, "From", buf_str(&b), false);
	buf_clear(&b);
	buf_printf(&b, "<%s>", d->env->sender);
	dsn_put_field(out, "To", buf_str(&b), utf8);
	dsn_put_field(out, "Subject", subject[gravest(d)], false);
	buf_clear(&b);
	buf_printf(&b, "<%s@%s>", d->queue_id, d->hostname);
	dsn_put_field(out, "Message-ID", buf_str(&b), false);
	dsn_put_field(out, "Auto-Submitted", "auto-replied", false);
	dsn_put_field(out, "MIME-Version", "1.0", false);
	buf_printf(out, "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "    boundary=\"%s\"\r\n", boundary);
	if (eight)
		buf_puts(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_puts(out, "\r\n");
	buf_free(&b);
}

static void
put_part(struct buf *out, const char *boundary, const char *type, const char *about,
    const struct buf *part)
{
	buf_printf(out, "--%s\r\nContent-Description: %s\r\nContent-Type: %s\r\n", boundary, about,
	    type);
	if (part->len > 0 && dsn_has_8bit(part->data, part->len))
		buf_puts(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_puts(out, "\r\n");
	if (part->len > 0)
		buf_put(out, part->data, part->len);
	buf_puts(out, "\r\n");
}

bool
dsn_format(struct buf *out, const struct dsn *d)
{
	struct buf part[3] = { BUF_INIT, BUF_INIT, BUF_INIT };
	bool global = dsn_is_global(d), eight = false, global_header;
	char boundary[BOUNDARY_SIZE];

	put_people(&part[0], d, global);
	put_machines(&part[1], d, global);
	dsn_put_header(&part[2], d->header, d->header_len, DSN_HEADER_MAX);
	choose_boundary(boundary, d, part, 3);
	for (size_t i = 0; i < 3; i++)
		eight |= part[i].len > 0 && dsn_has_8bit(part[i].data, part[i].len);
	/* RFC 6533 5: what claims to be UTF-8 must be. */
	global_header = global && utf8_valid(buf_str(&part[2]), part[2].len);

	put_message_header(out, d, boundary, global, eight);
	buf_puts(out, "This is a report in MIME format.\r\n\r\n");
	put_part(out, boundary, global ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii",
	    "Notification", &part[0]);
	put_part(out, boundary, global ? "message/global-delivery-status" : "message/delivery-status",
	    "Delivery report", &part[1]);
	put_part(out, boundary, global_header ? "message/global-headers" : "text/rfc822-headers",
	    "Header of the message", &part[2]);
	buf_printf(out, "--%s--\r\n", boundary);
	for (size_t i = 0; i < 3; i++)
		buf_free(&part[i]);
	return eight;
}
