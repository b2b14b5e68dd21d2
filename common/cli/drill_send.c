/*
 * drill_send.c -- the drill's test message, sent to this host's own MTA as anybody would.
 *
 * From <>, so that no bounce can go anywhere; the token travels as ENVID (RFC 3461 4.4),
 * which the MTA hands on. An MTA without DSN gets it in the sender's address.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include "common/cli/drill.h"
#include "common/cli/out.h"
#include "common/cli/setup_daemons.h"
#include "common/cli/talk.h"
#include "common/clock.h"
#include "common/envelope.h"

#define SMTP_SECONDS	60	/* a greeting may be delayed on purpose */

void
drill_message(struct buf *b, const char *hostname, const char *to, const char *token, int64_t now)
{
	buf_puts(b, "Date: ");
	received_date(b, (time_t)now);
	buf_printf(b,
	    "\r\nFrom: Holdfast drill <postmaster@%s>\r\nTo: <%s>\r\n"
	    "Subject: Test of the backup MX %s (holdfast drill), please ignore\r\n"
	    "Message-ID: <drill.%s@%s>\r\n"
	    "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\nPrecedence: "
	    "bulk\r\n"
	    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
	    "This message was sent by `holdfast drill' on %s.\r\n\r\n"
	    "It has shown that this host, a backup MX, takes mail, keeps it, and hands it to\r\n"
	    "the primary. It was held for some seconds on purpose. Nothing need be done about\r\n"
	    "it; delete it.\r\n",
	    hostname, to, hostname, token, hostname, hostname);
}

static void
refused(const struct drill *d, const char *stage, const struct wire_reply *r)
{
	const char *fix = "holdfast doctor; the log of the MTA says more";

	if (r->code / 100 == 4 && strcmp(stage, "RCPT") != 0)
		fix = setup_has_systemd() ? "systemctl status " MILTER_UNIT
					    "; holdfast doctor milter-socket"
					  : "holdfast doctor milter-socket";
	else if (strstr(buf_str(&r->text), "elay") != NULL)
		fix = "holdfast doctor relay-domains";
	else if (r->code / 100 == 4)
		fix = "holdfast doctor daemons milter-socket recipients";
	drill_tell(d, "smtp", false, -1, fix, "the MTA answers %s with %d %s%s%s", stage, r->code,
	    r->dsn, r->dsn[0] != '\0' ? " " : "", buf_str(&r->text));
}

/* The transaction up to its 250; false: told. */
static bool
transaction(struct drill *d, struct talk *t, const struct talk_offers *o)
{
	struct wire_reply r = { .code = 0 };
	struct buf message = BUF_INIT;
	const char *stage = "MAIL";
	char *why = NULL;
	bool dsn = (o->ext & WIRE_EXT_DSN) != 0;
	int code = dsn ? talk_command(t, &r, &why, "MAIL FROM:<> ENVID=holdfast-drill-%s", d->token)
	    : talk_command(t, &r, &why, "MAIL FROM:<drill+%s@%s>", d->token, d->hostname);

	if (code == 250) {
		stage = "RCPT";
		code =
		    talk_command(t, &r, &why, "RCPT TO:<%s>%s", d->to, dsn ? " NOTIFY=NEVER" : "");
	}
	if (code / 100 == 2) {
		stage = "DATA";
		code = talk_command(t, &r, &why, "DATA");
	}
	if (code == 354) {
		stage = "the message";
		drill_message(&message, d->hostname, d->to, d->token, clock_wall());
		code = talk_data(t, message.data, message.len, &r, &why);
	}
	if (code == -1)
		drill_tell(
		    d, "smtp", false, -1, "the log of the MTA says more", "at %s: %s", stage, why);
	else if (code != 250)
		refused(d, stage, &r);
	else {
		d->accepted = clock_wall_ms();
		d->mta_said = xasprintf(
		    "%d %s%s%s", code, r.dsn, r.dsn[0] != '\0' ? " " : "", buf_str(&r.text));
		d->mta_said[strcspn(d->mta_said, "\n")] = '\0';
	}
	buf_free(&message);
	wire_reply_free(&r);
	free(why);
	return d->accepted != 0;
}

static bool
converse(struct drill *d, struct talk *t)
{
	struct wire_reply r = { .code = 0 };
	struct talk_offers o;
	char *why = NULL;
	int code = talk_reply(t, &r, &why);
	bool good = false;

	if (code != -1 && code != 220)
		refused(d, "the connection", &r);
	else if (code == -1 || talk_hello(t, "EHLO", d->hostname, &o, &why) == -1)
		drill_tell(d, "smtp", false, -1, "holdfast doctor port25", "the MTA: %s", why);
	else
		good = transaction(d, t, &o);
	wire_reply_free(&r);
	free(why);
	return good;
}

bool
drill_send(struct drill *d)
{
	int64_t deadline = clock_mono_ms() + SMTP_SECONDS * 1000;
	struct hosts_addr a[TALK_ADDRESSES_MAX];
	size_t n = talk_addresses(NULL, d->smtp.host, deadline, a);
	char *where = endpoint_format(&d->smtp), *why = NULL;
	struct talk *t = NULL;
	bool good = false;

	d->begun = clock_wall_ms();
	if (n == 0)
		why = xstrdup("no such address");
	for (size_t i = 0; i < n && t == NULL; i++) {
		free(why);
		why = NULL;
		t = talk_connect(&a[i], d->smtp.port, deadline, &why);
	}
	if (t == NULL)
		drill_tell(d, "smtp", false, -1, "holdfast doctor port25",
		    "nobody takes mail at %s: %s", where, why);
	else
		good = converse(d, t);
	if (good)
		drill_tell(d, "smtp", true, (double)(d->accepted - d->begun) / 1000, NULL,
		    "%s took it: %s", where, d->mta_said);
	talk_quit(&t);
	free(why);
	free(where);
	return good;
}
